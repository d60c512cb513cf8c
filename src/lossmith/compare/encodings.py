"""What raw outputs say under a loss: values in units of the target, probabilities, classes."""

from __future__ import annotations

import numpy as np

from lossmith.losses import Loss
from lossmith.losses.encoding import FittedEncoding

__all__ = ["classes", "predictions"]


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
        with np.errstate(invalid="ignore"):  # scores of a run that has diverged
            score = platt[..., :1] * score + platt[..., 1:]
    return (score > 0).astype(np.int64)
