"""Metrics of regressors, for many runs at once.

Shapes: predictions are `(n_runs, n_samples)`; the target is `(n_samples,)` where all runs share their rows, or
`(n_runs, n_samples)`; both in the original units. A run with one NaN prediction scores NaN; the others are untouched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lossmith._errors import DomainError, InvalidInputError, ShapeError

__all__ = [
    "absolute_rows",
    "mean_absolute_error",
    "mean_poisson_deviance",
    "mean_squared_error",
    "pinball",
    "pinball_rows",
    "poisson_deviance_rows",
    "r2",
    "r2_rows",
    "root_mean_squared_error",
    "root_mean_squared_rows",
    "squared_rows",
]

Floats = npt.NDArray[np.floating[Any]]


def squared_rows(value: Floats, target: Floats) -> Floats:
    """Return the squared error of each row; infinite where a run that has diverged predicts beyond the largest square."""
    value, target = _pair(value, target)
    with np.errstate(over="ignore"):
        return (value - target) ** 2


def mean_squared_error(value: Floats, target: Floats) -> Floats:
    r"""Return the mean squared error, in squared units of the target.

    Use it where the mean is wanted and large errors are costly. $\frac{1}{n} \sum_i (\hat{y}_i - y_i)^2$ over the n
    rows, $\hat{y}$ the prediction and $y$ the target.

    Raises
    ------
    ShapeError
        Shapes that do not fit exactly.

    Examples
    --------
    >>> mean_squared_error(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([1.0, 4.0]))
    array([2. , 8.5])
    """
    return squared_rows(value, target).mean(axis=1)


def root_mean_squared_error(value: Floats, target: Floats) -> Floats:
    r"""Return the root of the mean squared error, in units of the target.

    Use it as `mean_squared_error`, with a size that people can read. $\sqrt{\frac{1}{n} \sum_i (\hat{y}_i - y_i)^2}$.

    Examples
    --------
    >>> root_mean_squared_error(np.array([[1.0, 2.0]]), np.array([1.0, 4.0])).round(4)
    array([1.4142])
    """
    return np.sqrt(mean_squared_error(value, target))


def root_mean_squared_rows(value: Floats, target: Floats) -> Floats:
    """Return numbers, one a row, whose mean is the root mean squared error (first-order expansion)."""
    squared = squared_rows(value, target)
    mean = squared.mean(axis=1, keepdims=True)
    root = np.sqrt(mean)
    return root + np.divide(squared - mean, 2 * root, out=np.zeros_like(squared), where=root != 0)


def absolute_rows(value: Floats, target: Floats) -> Floats:
    """Return the absolute error of each row."""
    value, target = _pair(value, target)
    return np.abs(value - target)


def mean_absolute_error(value: Floats, target: Floats) -> Floats:
    r"""Return the mean absolute error, in units of the target.

    Use it where the median is wanted, or where outliers should not decide. $\frac{1}{n} \sum_i |\hat{y}_i - y_i|$.

    Examples
    --------
    >>> mean_absolute_error(np.array([[1.0, 2.0]]), np.array([1.0, 4.0]))
    array([1.])
    """
    return absolute_rows(value, target).mean(axis=1)


def r2(value: Floats, target: Floats) -> Floats:
    r"""Return the coefficient of determination: the share of the target's variance that is explained.

    Use it to compare targets of different scale; 1 is perfect, 0 as good as the mean of the test rows.
    $1 - \sum_i (\hat{y}_i - y_i)^2 / \sum_i (y_i - \bar{y})^2$. A constant target has no variance to explain: NaN for
    a perfect prediction, minus infinity otherwise (scikit-learn with `force_finite=False`).

    Examples
    --------
    >>> r2(np.array([[2.5, 0.0, 2.0, 8.0]]), np.array([3.0, -0.5, 2.0, 7.0])).round(3)
    array([0.949])
    """
    error = squared_rows(value, target).sum(axis=1)
    target = np.broadcast_to(target, value.shape).astype(np.float64)
    spread = ((target - target.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 - error / spread


def r2_rows(value: Floats, target: Floats) -> Floats:
    """Return numbers, one a row, whose mean is the coefficient of determination (first-order expansion)."""
    squared = squared_rows(value, target)
    target = np.broadcast_to(target, value.shape).astype(np.float64)
    spread = (target - target.mean(axis=1, keepdims=True)) ** 2
    error, variance = squared.mean(axis=1, keepdims=True), spread.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = error / variance
        return 1.0 - squared / variance + ratio * (spread / variance - 1.0)


def pinball_rows(value: Floats, target: Floats, *, quantile: float = 0.5) -> Floats:
    """Return the pinball loss of each row."""
    if not 0.0 < quantile < 1.0:
        raise DomainError(f"quantile {quantile:g}", expected="a number in (0, 1)", advice="0.5 is the median")
    value, target = _pair(value, target)
    error = target - value
    return np.maximum(quantile * error, (quantile - 1.0) * error)


def pinball(value: Floats, target: Floats, *, quantile: float = 0.5) -> Floats:
    r"""Return the mean pinball loss of a predicted quantile, in units of the target.

    Use it where a quantile is wanted: too low costs `quantile` a unit, too high `1 - quantile`.
    $\frac{1}{n} \sum_i \max(\tau (y_i - \hat{y}_i), (\tau - 1)(y_i - \hat{y}_i))$ with $\tau$ the quantile.

    Source: Koenker and Bassett, Regression quantiles, 1978.

    Examples
    --------
    >>> pinball(np.array([[1.0, 5.0]]), np.array([2.0, 4.0]), quantile=0.9)
    array([0.5])
    """
    return pinball_rows(value, target, quantile=quantile).mean(axis=1)


def poisson_deviance_rows(value: Floats, target: Floats) -> Floats:
    """Return the Poisson deviance of each row; infinite for a prediction below 0, or of 0 where the target is positive."""
    value, target = _pair(value, target)
    if (target < 0).any():
        raise DomainError(
            f"targets from {float(target.min()):g}",
            expected="counts of 0 or more",
            advice="use root_mean_squared_error for targets that may be negative",
        )
    positive = target > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.where(positive, target * np.log(np.where(positive, target, 1.0) / value), 0.0 * value)
        # no Poisson law has a negative mean: one such run must not take the others' numbers away
        return np.where(value < 0, np.inf, 2.0 * (logarithm - target + value))


def mean_poisson_deviance(value: Floats, target: Floats) -> Floats:
    r"""Return the mean Poisson deviance.

    Use it for counts. $\frac{2}{n} \sum_i (y_i \log (y_i / \hat{y}_i) - y_i + \hat{y}_i)$ with $0 \log 0 = 0$;
    infinite for a run that predicts below 0 anywhere, or 0 where the target is positive.

    Raises
    ------
    DomainError
        A target below 0.

    Source: McCullagh and Nelder, Generalized linear models, 1989.

    Examples
    --------
    >>> mean_poisson_deviance(np.array([[1.0, 2.0]]), np.array([0.0, 2.0]))
    array([1.])
    """
    return poisson_deviance_rows(value, target).mean(axis=1)


def _pair(value: Floats, target: Floats) -> tuple[Floats, Floats]:
    if value.ndim != 2 or 0 in value.shape:
        raise ShapeError(
            f"predictions of shape {value.shape}",
            expected="shape (n_runs, n_samples), both 1 or more",
            advice="give a single run a first axis of length 1",
        )
    if target.shape not in (value.shape, value.shape[1:]):
        raise ShapeError(
            f"a target of shape {target.shape} for predictions of shape {value.shape}",
            expected=f"shape {value.shape[1:]} or {value.shape}",
            advice="give one number for each row",
        )
    if not np.isfinite(target).all():
        raise InvalidInputError(
            "a target with NaN or infinite values", expected="finite numbers", advice="drop those rows"
        )
    return value.astype(np.float64), np.broadcast_to(target, value.shape).astype(np.float64)
