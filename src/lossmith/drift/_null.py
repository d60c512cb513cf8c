"""Null laws of detectors for the sizes at hand: chi-squared where it holds, saddle points, permutation otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from lossmith.drift._detectors import Detector

__all__ = [
    "EXPECTED",
    "EXPECTED_ORDER",
    "chi_squared_p",
    "order_p",
    "permutation_p",
    "permuted",
    "weighted_chi_squared_tail",
]

# Of 20,000 pairs of samples in 33 cells, n = 10,000: at 50 expected rows 0.75 to 0.95 of the nominal 0.001 are below it for
# every divergence; at 5 it is 0 (KL) to 4.5 (reverse KL) times the nominal share.
EXPECTED = 50.0
EXPECTED_ORDER = 5.0
_FIRST = 500  # resamples after which a p-value above about 0.05 is good enough
_ENOUGH = 25  # resamples at least as large as what was seen
_LARGEST = 9e8  # of NumPy's hypergeometric draws


def chi_squared_p(detector: Detector, value: float, current: np.ndarray, reference: np.ndarray) -> float:
    """Return the tail of the chi-squared law: `c n m / (n + m) value^power` has `n_cells - 1` degrees of freedom."""
    from scipy.special import chdtrc

    n, m = float(reference.sum()), float(current.sum())
    if detector.chi_squared < 0:
        statistic = value
    else:
        statistic = detector.chi_squared * n * m / (n + m) * value**detector.power
    return float(chdtrc(len(current) - 1, max(0.0, statistic)))


def order_p(value: float, current: np.ndarray, reference: np.ndarray) -> float:
    """Return the tail of the binned Anderson-Darling statistic: a Brownian bridge at the edges, squared and weighted."""
    pooled = (current + reference) / float(current.sum() + reference.sum())
    at = np.cumsum(pooled)[:-1]
    weight = (pooled[1:] + pooled[:-1]) / 2 / (at * (1 - at))
    bridge = np.minimum.outer(at, at) - np.outer(at, at)
    root = np.sqrt(weight)
    return weighted_chi_squared_tail(value, np.linalg.eigvalsh(bridge * np.outer(root, root)))


def weighted_chi_squared_tail(value: float, weights: np.ndarray) -> float:
    """Return P(sum of weights times squared normal variables > value), by the saddle point of its cumulant function.

    Examples
    --------
    >>> round(weighted_chi_squared_tail(6.635, np.array([1.0])), 3)  # the 99 % quantile of chi-squared with 1 degree
    0.01

    Source: Lugannani and Rice, 1980; Kuonen, Saddlepoint approximations for distributions of quadratic forms, 1999.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    weights = weights[weights > 1e-12 * weights.max(initial=0.0)]
    if not len(weights) or value <= 0:
        return 1.0
    mean, top = float(weights.sum()), float(weights.max())

    def slope(s: float) -> float:
        return float(np.sum(weights / (1 - 2 * s * weights))) - value

    if abs(value - mean) < 1e-4 * mean:  # the formula is 0 / 0 at the mean; the tail is smooth there
        near = [weighted_chi_squared_tail(mean * factor, weights) for factor in (1 - 2e-4, 1 + 2e-4)]
        return sum(near) / 2
    if value > mean:
        low, high = 0.0, (1 - 1e-12) / (2 * top)
        if slope(high) < 0:
            return 0.0
    else:
        high, low = 0.0, -1.0 / (2 * top)
        while slope(low) > 0:
            low *= 4
    s = brentq(slope, low, high, xtol=1e-14, rtol=1e-13)
    cumulant = -0.5 * float(np.sum(np.log1p(-2 * s * weights)))
    curvature = 2 * float(np.sum((weights / (1 - 2 * s * weights)) ** 2))
    w = math.copysign(math.sqrt(max(0.0, 2 * (s * value - cumulant))), s)
    v = s * math.sqrt(curvature)
    if w == 0 or v == 0:
        return 0.5
    return float(min(1.0, max(0.0, ndtr(-(w + math.log(v / w) / w)))))


def permuted(pooled: np.ndarray, m: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """Return counts of `m` rows drawn from the pooled ones without replacement, shape `(size, n_cells)`."""
    total = int(pooled.sum())
    if total < _LARGEST:
        whole = generator.multivariate_hypergeometric(pooled.astype(np.int64), m, size=size, method="marginals")
        return whole.astype(np.float64)
    # beyond that size the law of large counts: normal with the same mean and covariance
    share = pooled / total
    noise = generator.standard_normal((size, len(pooled))) * np.sqrt(share)
    noise -= share * noise.sum(axis=1, keepdims=True)
    drawn = m * share + noise * math.sqrt(m * (total - m) / total)
    return np.clip(drawn, 0, pooled)


Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


def permutation_p(
    statistics: Sequence[Statistic],
    current: np.ndarray,
    reference: np.ndarray,
    *,
    resamples: int,
    generator: np.random.Generator,
    draw: Callable[[int], np.ndarray] | None = None,
) -> list[float]:
    """Return the p-value of each statistic: the share of relabellings of the pooled rows that look at least as far apart.

    Exact for cells that do not depend on which rows are current. Drawing stops early where the first resamples already
    settle that there is nothing to see, or that what was seen is beyond all of them by far.

    Parameters
    ----------
    statistics : sequence of callable
        Of current and reference counts.
    current, reference : ndarray of shape (n_cells,)
    resamples : int
        At most. Without a resample as large, the p-value is 1 / (resamples + 1) or the bound of `_beyond`.
    generator : numpy.random.Generator
    draw : callable, optional
        `draw(size)` returns current counts under the null law, shape `(size, n_cells)`; relabelled rows if None.
    """
    pooled, m = current + reference, int(current.sum())
    observed = [float(statistic(current, reference)) for statistic in statistics]
    larger, drawn = np.zeros(len(statistics), np.int64), 0
    sums, squares, far = np.zeros(len(statistics)), np.zeros(len(statistics)), np.ones(len(statistics))
    while drawn < resamples:
        size = min(_FIRST if not drawn else 4 * _FIRST, resamples - drawn)
        sample = permuted(pooled, m, size, generator) if draw is None else draw(size)
        drawn += size
        for place, statistic in enumerate(statistics):
            values = statistic(sample, pooled - sample)
            # sums in another order may differ in the last digits: ties count as at least as large
            larger[place] += int(np.count_nonzero(values >= observed[place] - 1e-10 * abs(observed[place])))
            sums[place] += values.sum()
            squares[place] += np.square(values).sum()
            far[place] = (
                _beyond(observed[place], sums[place] / drawn, squares[place] / drawn) if not larger[place] else 1.0
            )
        if ((larger >= _ENOUGH) | (far < 1 / (resamples + 1))).all():
            break
    return [min(float(count + 1) / (drawn + 1), float(tail)) for count, tail in zip(larger, far, strict=True)]


def _beyond(value: float, mean: float, square: float) -> float:
    """Return the square root of the tail of the gamma law with these moments: far too large a p-value, and still small.

    Used where no resample comes near what was seen. A true p-value of 1e-6 would have to look like one of 1e-12.
    """
    from scipy.special import gammaincc

    variance = square - mean * mean
    if not (mean > 0 and variance > 1e-12 * mean * mean):
        return 1.0
    return math.sqrt(float(gammaincc(mean * mean / variance, max(0.0, value) * mean / variance)))
