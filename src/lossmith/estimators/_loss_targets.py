"""Targets as a loss reads them, with constants of the training rows, and predictions back in units of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith._errors import DomainError
from lossmith.losses import Encoding, Loss

__all__ = ["TargetEncoding", "fitted_encoding"]


@dataclass(frozen=True, slots=True)
class TargetEncoding:
    """An encoding of targets: a value y becomes (y - center) / scale; a class id what the loss reads.

    Attributes
    ----------
    name : str
        See `lossmith.losses.Encoding`.
    center, scale : float
    n_classes : int
        0 for regression.
    """

    name: Encoding
    center: float = 0.0
    scale: float = 1.0
    n_classes: int = 0

    def encode(self, target: np.ndarray) -> np.ndarray:
        """Return targets of shape `(n_samples,)`, ids or values, as the loss reads them, float32."""
        if self.name == "minus_one_one":
            return (2 * target - 1).astype(np.float32)
        if self.name == "distribution":
            return np.eye(self.n_classes, dtype=np.float32)[target]
        if self.n_classes:
            return target.astype(np.float32)
        return ((target - self.center) / self.scale).astype(np.float32)

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        """Return predicted values in units of the target, float64."""
        return prediction.astype(np.float64) * self.scale + self.center


def fitted_encoding(
    loss: Loss, target: np.ndarray, *, n_classes: int = 0, weight: np.ndarray | None = None
) -> TargetEncoding:
    """Return the encoding of `loss` with its constants taken from training targets, after checking their domain.

    Parameters
    ----------
    loss : Loss
    target : ndarray of shape (n_samples,)
        Class ids or values.
    n_classes : int
        0 for regression.
    weight : ndarray of shape (n_samples,) or None
        By which mean and deviation are weighted.

    Raises
    ------
    DomainError
        Targets outside the interval of the loss.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses
    >>> found = fitted_encoding(losses.get("mse"), np.array([1.0, 3.0]))
    >>> found.encode(np.array([5.0])), found.decode(np.array([3.0]))
    (array([3.], dtype=float32), array([5.]))
    """
    encoding = TargetEncoding(loss.encoding, n_classes=n_classes)
    if not n_classes and loss.encoding in ("standardized", "mean_scaled"):
        # in float64: weights come as float32, and their sum is to be that of the rows
        share = None if weight is None else weight.astype(np.float64)
        mean = float(np.average(target, weights=share))
        spread = float(np.sqrt(np.average((target - mean) ** 2, weights=share)))
        center, scale = (mean, spread) if loss.encoding == "standardized" else (0.0, mean)
        encoding = TargetEncoding(loss.encoding, center, scale or 1.0)
    outside = np.asarray(loss.outside(encoding.encode(target)))
    if outside.any():
        raise DomainError(
            f"{int(outside.sum())} of {len(target)} targets outside the domain of {loss}",
            expected=f"targets in {loss.interval}",
            advice=loss.when_not,
        )
    return encoding
