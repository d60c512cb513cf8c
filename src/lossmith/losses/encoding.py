"""Targets as each loss wants them, fitted on training rows, and predictions back in units of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith.losses._spec import Encoding

__all__ = ["FittedEncoding", "fit_encoding"]


@dataclass(frozen=True, slots=True)
class FittedEncoding:
    """An encoding of targets with the constants of its training rows.

    Attributes
    ----------
    name : str
        See `lossmith.losses.Encoding`.
    center, scale : float
        A value y becomes (y - center) / scale; 0 and 1 where targets are not numbers.
    n_classes : int
        0 for regression.
    """

    name: Encoding
    center: float = 0.0
    scale: float = 1.0
    n_classes: int = 0

    def encode(self, target: np.ndarray, *, dtype: type[np.floating] = np.float32) -> np.ndarray:
        """Return targets of shape `(n_samples,)`, class ids or values, as the loss reads them."""
        if self.name in ("zero_one", "class_ids"):
            return target.astype(dtype)
        if self.name == "minus_one_one":
            return (2 * target - 1).astype(dtype)
        if self.name == "distribution":
            return np.eye(self.n_classes, dtype=dtype)[target]
        return ((target - self.center) / self.scale).astype(dtype)

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        """Return predicted values in units of the target, float64; probabilities and scores come back as they are."""
        if self.n_classes:
            return prediction.astype(np.float64)
        return prediction.astype(np.float64) * self.scale + self.center


def fit_encoding(
    name: Encoding, target: np.ndarray, *, n_classes: int, weight: np.ndarray | None = None
) -> FittedEncoding:
    """Return the encoding with its constants taken from training targets.

    A target that is constant on the training rows keeps scale 1.

    Parameters
    ----------
    name : str
        See `lossmith.losses.Encoding`.
    target : ndarray of shape (n_samples,)
        Class ids or values.
    n_classes : int
        0 for regression.
    weight : ndarray of shape (n_samples,) or None
        By which mean and deviation are weighted.

    Examples
    --------
    >>> import numpy as np
    >>> encoding = fit_encoding("standardized", np.array([1.0, 3.0]), n_classes=0)
    >>> encoding.encode(np.array([5.0])), encoding.decode(np.array([3.0]))
    (array([3.], dtype=float32), array([5.]))
    """
    if n_classes or name not in ("standardized", "mean_scaled"):
        return FittedEncoding(name, n_classes=n_classes)
    # in float64: weights come as float32, and their sum is to be that of the rows
    share = None if weight is None else weight.astype(np.float64)
    mean = float(np.average(target, weights=share))
    if name == "mean_scaled":
        return FittedEncoding(name, 0.0, mean or 1.0)
    return FittedEncoding(name, mean, float(np.sqrt(np.average((target - mean) ** 2, weights=share))) or 1.0)
