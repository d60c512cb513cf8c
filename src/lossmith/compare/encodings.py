"""Targets as each loss wants them, fitted on training rows, and predictions back in units of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith.losses import Encoding, Loss

__all__ = ["FittedEncoding", "classes", "fit_encoding", "predictions"]


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

    def encode(self, target: np.ndarray) -> np.ndarray:
        """Return targets of shape `(n_samples,)` as the loss reads them, float32."""
        if self.name == "zero_one":
            return target.astype(np.float32)
        if self.name == "minus_one_one":
            return (2 * target - 1).astype(np.float32)
        if self.name == "distribution":
            return np.eye(self.n_classes, dtype=np.float32)[target]
        return ((target - self.center) / self.scale).astype(np.float32)

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        """Return predicted values in units of the target, float64; probabilities and scores come back as they are."""
        if self.n_classes:
            return prediction.astype(np.float64)
        return prediction.astype(np.float64) * self.scale + self.center


def fit_encoding(name: Encoding, target: np.ndarray, *, n_classes: int) -> FittedEncoding:
    """Return the encoding with its constants taken from training targets.

    A target that is constant on the training rows keeps scale 1.

    Examples
    --------
    >>> import numpy as np
    >>> encoding = fit_encoding("standardized", np.array([1.0, 3.0]), n_classes=0)
    >>> encoding.encode(np.array([5.0])), encoding.decode(np.array([3.0]))
    (array([3.], dtype=float32), array([5.]))
    """
    if name == "standardized":
        return FittedEncoding(name, float(target.mean()), float(target.std()) or 1.0)
    if name == "mean_scaled":
        return FittedEncoding(name, 0.0, float(target.mean()) or 1.0)
    return FittedEncoding(name, n_classes=n_classes)


def predictions(loss: Loss, encoding: FittedEncoding, raw: np.ndarray) -> np.ndarray:
    """Return what the head of `loss` predicts: values in units of the target, probabilities or scores.

    Parameters
    ----------
    raw : ndarray of shape (..., n_samples, units)

    Returns
    -------
    ndarray of shape (..., n_samples) or (..., n_samples, n_classes)
    """
    wide = raw.astype(np.float64)
    # raw outputs of a run that diverged overflow: its predictions are then inf or NaN, which the metrics report
    with np.errstate(over="ignore", invalid="ignore"):
        return encoding.decode(loss.predict(wide[..., 0] if loss.head.units == 1 else wide))


def classes(loss: Loss, raw: np.ndarray, *, platt: np.ndarray | None = None) -> np.ndarray:
    """Return the class ids that raw outputs stand for, by the rule of the head.

    Parameters
    ----------
    loss : Loss
        For classes.
    raw : ndarray of shape (..., n_samples, units)
    platt : ndarray of shape (..., 2) or None
        Slope and intercept of the calibration, for heads that decide by it.

    Returns
    -------
    ndarray of shape (..., n_samples)

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses
    >>> classes(losses.get("hinge"), np.array([[-1.0], [2.0]]))
    array([0, 1])
    """
    if raw.shape[-1] > 1:
        with np.errstate(over="ignore", invalid="ignore"):
            ordered = loss.predict(raw.astype(np.float64)) if loss.head.decides == "prediction" else raw
        return np.asarray(ordered.argmax(axis=-1))
    score = raw[..., 0]
    if loss.head.decides == "calibration" and platt is not None:
        score = platt[..., :1] * score + platt[..., 1:]
    return (score > 0).astype(np.int64)
