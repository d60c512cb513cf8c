"""Distances between two samples of features: Frechet, kernel, and the score of a classifier; intervals by bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError

__all__ = [
    "Interval",
    "bootstrapped",
    "classifier_score",
    "frechet_distance",
    "kernel_distance",
    "nearest_distances",
]


class Interval(NamedTuple):
    """A number and where it lies with 95 % over samples of this size."""

    value: float
    low: float
    high: float


def _pair(one: Any, other: Any, *, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < least:
        raise ShapeError(
            f"features of shapes {x.shape} and {y.shape}",
            expected=f"(n_samples, n_features), {least} rows or more each",
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidInputError("features with NaN or infinity", expected="finite numbers")
    return x, y


def frechet_distance(one: Any, other: Any) -> float:
    r"""Return the squared Frechet distance of two samples, each taken as normal: 0 for equal means and covariances.

    $$ |\mu_1 - \mu_2|^2 + \operatorname{tr}\left(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1^{1/2} \Sigma_2 \Sigma_1^{1/2})^{1/2}\right) $$

    It is biased upwards by small samples: compare it only between samples of one size, with the features of one network.

    Parameters
    ----------
    one, other : array of shape (n_samples, n_features)

    Raises
    ------
    ShapeError
        Other shapes, or fewer than two rows.
    InvalidInputError
        Numbers that are not finite.

    Source: Heusel and others, GANs trained by a two time-scale update rule, 2017; Dowson and Landau, 1982.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(frechet_distance(x, x + [3.0, 0.0, 0.0]), 9)
    9.0
    """
    x, y = _pair(one, other)
    first, second = (np.atleast_2d(np.cov(part, rowvar=False)) for part in (x, y))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # the product is symmetric, so that no complex root of a rounding error appears
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    apart = x.mean(axis=0) - y.mean(axis=0)
    return max(0.0, float(apart @ apart + np.trace(first) + np.trace(second) - 2 * cross))


def kernel_distance(one: Any, other: Any) -> float:
    r"""Return the squared maximum mean discrepancy under $k(a, b) = (a \cdot b / d + 1)^3$, unbiased: it may be slightly negative.

    Use it where there are too few rows for covariances, which `frechet_distance` needs.

    Parameters
    ----------
    one, other : array of shape (n_samples, n_features)

    Raises
    ------
    ShapeError, InvalidInputError
        See `frechet_distance`.

    Source: Binkowski and others, Demystifying MMD GANs, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_distance(np.array([[0.0], [0.0]]), np.array([[1.0], [1.0]]))
    7.0
    """
    x, y = _pair(one, other)
    d = x.shape[1]

    def within(part: np.ndarray) -> float:
        kernel = (part @ part.T / d + 1) ** 3
        n = len(part)
        return float((kernel.sum() - np.trace(kernel)) / (n * (n - 1)))

    return within(x) + within(y) - 2 * float(((x @ y.T / d + 1) ** 3).mean())


def classifier_score(probabilities: Any) -> float:
    r"""Return the exponential of the mean divergence of class probabilities from their mean: 1 to the number of classes.

    $\exp \mathbb{E} \operatorname{KL}(p(y \mid x) \,\|\, p(y))$: high where each row is of a clear class and all classes occur. It
    does not look at the data, so that it cannot see copies or missing kinds within a class.

    Parameters
    ----------
    probabilities : array of shape (n_samples, n_classes)

    Raises
    ------
    ShapeError
        Probabilities that are no table, or no rows.

    Source: Salimans and others, Improved techniques for training GANs, 2016 (with a classifier of one's own here).

    Examples
    --------
    >>> import numpy as np
    >>> round(classifier_score(np.eye(4)), 12), classifier_score(np.full((5, 4), 0.25))
    (4.0, 1.0)
    """
    from lossmith.divergence import kl_divergence

    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or not len(p):
        raise ShapeError(f"probabilities of shape {p.shape}", expected="(n_samples, n_classes)")
    p = p / p.sum(axis=1, keepdims=True)
    return float(np.exp(np.mean(kl_divergence(p, np.broadcast_to(p.mean(axis=0), p.shape)))))


def bootstrapped(
    statistic: Callable[..., float], *samples: np.ndarray, rng: np.random.Generator, resamples: int = 50
) -> Interval:
    """Return a statistic of samples with its basic bootstrap interval: rows are drawn with replacement, each sample by itself.

    The spread of resamples is laid around the value: a statistic that small samples bias upwards is biased twice in them, and
    their percentiles would lie above it.

    Source: Davison, Hinkley, Bootstrap methods and their application, 1997.
    """
    value = statistic(*samples)
    found = np.array(
        [statistic(*(part[rng.integers(len(part), size=len(part))] for part in samples)) for _ in range(resamples)]
    )
    half = 1.959963984540054 * float(found.std(ddof=1))
    return Interval(value, value - half, value + half)


def nearest_distances(rows: Any, others: Any, *, block: int = 500) -> np.ndarray:
    """Return the distance of each row to the nearest of other rows, `(n_samples,)`.

    Examples
    --------
    >>> import numpy as np
    >>> nearest_distances(np.array([[0.0], [5.0]]), np.array([[1.0], [3.0]])).tolist()
    [1.0, 2.0]
    """
    x, y = (np.asarray(part, dtype=np.float64).reshape(len(part), -1) for part in (rows, others))
    centre = y.mean(axis=0)  # far from 0 the squares would hide the differences
    x, y = x - centre, y - centre
    found = []
    lengths = (y**2).sum(axis=1)
    for start in range(0, len(x), block):
        part = x[start : start + block]
        squares = (part**2).sum(axis=1)[:, None] + lengths - 2 * part @ y.T
        nearest = squares.argmin(axis=1)
        found.append(np.linalg.norm(part - y[nearest], axis=1))  # exact where the product cancels
    return np.concatenate(found)
