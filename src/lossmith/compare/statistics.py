"""Statistics of paired runs: estimates, intervals, corrections for many looks, and how many seeds a decision takes.

Everything works on plain arrays over seeds, so that it can be checked by hand. Differences are "this loss minus the
reference", oriented so that positive is better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.compare._spec import Estimate
from lossmith.compare.sampled_rows import row_variance

__all__ = [
    "LOOKS",
    "Contrast",
    "bootstrap_interval",
    "contrast",
    "estimate",
    "holm",
    "interval",
    "level_per_look",
    "next_look",
    "probability_of_improvement",
    "seeds_needed",
    "t_test",
    "wilcoxon",
]

Floats = npt.NDArray[np.floating[Any]]

LOOKS = (10, 20, 30, 50)  # numbers of seeds at which `auto` looks, and nowhere else
MOST_SEEDS = 10_000  # beyond it a decision is not worth its price


@dataclass(frozen=True, slots=True)
class Contrast:
    """A mean paired difference with its standard error.

    Attributes
    ----------
    mean : float
    error : float
        Standard error of the mean; NaN below two pairs.
    freedom : float
        Degrees of freedom of the error.
    n : int
        Pairs (seeds).
    floor : float
        The part of the error's square that more seeds cannot remove: the test rows.
    """

    mean: float
    error: float
    freedom: float
    n: int
    floor: float = 0.0


def estimate(values: Floats, *, level: float = 0.95) -> Estimate:
    r"""Return mean, t interval and standard deviation over seeds.

    $\bar{x} \pm t_{1-\alpha/2, n-1} \, s / \sqrt{n}$ with n seeds and standard deviation s. NaN values have no number
    to add: they are left out and `n` says how many remain. One value, or an infinite one, has an infinite interval.

    Parameters
    ----------
    values : ndarray of shape (n_seeds,)
    level : float
        Confidence level.

    Source: Student, The probable error of a mean, 1908.

    Examples
    --------
    >>> shown = estimate(np.array([1.0, 2.0, 3.0]))
    >>> shown.mean, shown.deviation, round(shown.low, 3), round(shown.high, 3)
    (2.0, 1.0, -0.484, 4.484)
    """
    found = contrast(values)
    low, high = interval(found, level)
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    deviation = float(np.std(kept, ddof=1)) if kept.size > 1 and np.isfinite(kept).all() else math.nan
    return Estimate(found.mean, low, high, level, found.n, deviation)


def contrast(differences: Floats, rows: Floats | None = None, *, overlap: float = 0.0) -> Contrast:
    """Return mean and standard error of paired differences.

    Parameters
    ----------
    differences : ndarray of shape (n_seeds,)
        NaN where a pair is missing.
    rows : ndarray of shape (n_seeds, n_rows), optional
        The same differences, test row by test row (see `Metric.contributions`), NaN for rows that a seed did not test.
        With them the error covers the choice of the test rows as well; see `sampled_rows.row_variance`.
    overlap : float
        Test rows over training rows, where the same rows train in several folds or draws: their differences are then
        correlated, and the variance of the mean is (1/n + overlap) s^2 instead of s^2 / n. More of them do not remove
        the second part. Source: Nadeau, Bengio, Inference for the generalization error, 2003.

    Raises
    ------
    ShapeError
        Not one row of `rows` for each seed.

    Examples
    --------
    >>> contrast(np.array([0.0, 0.0, 0.0]))
    Contrast(mean=0.0, error=0.0, freedom=2.0, n=3, floor=0.0)
    """
    differences = np.asarray(differences, dtype=np.float64)
    if differences.ndim != 1 or (rows is not None and (rows.ndim != 2 or len(rows) != len(differences))):
        raise ShapeError(
            f"differences of shape {differences.shape}" + ("" if rows is None else f" with rows of shape {rows.shape}"),
            expected="shape (n_seeds,), and (n_seeds, n_rows)",
            advice="give one number for each seed",
        )
    kept = ~np.isnan(differences)
    values = differences[kept]
    n = len(values)
    if n == 0:
        return Contrast(math.nan, math.nan, 0.0, 0)
    if not np.isfinite(values).all():
        same = bool((values == values[0]).all())
        signs = set(values[np.isinf(values)].tolist())
        mean = signs.pop() if len(signs) == 1 else math.nan
        return Contrast(mean, 0.0 if same and n > 1 else math.nan, float(n - 1), n)
    # a constant difference is exact: the mean of equal numbers may round, and its spread with it
    if (values == values[0]).all():
        found = Contrast(float(values[0]), 0.0 if n > 1 else math.nan, float(n - 1), n)
    else:
        error = float(np.std(values, ddof=1)) / math.sqrt(n)
        found = Contrast(float(values.mean()), error, float(n - 1), n)
    if overlap and n > 1 and found.error > 0:
        floor = overlap * n * found.error**2
        return Contrast(found.mean, math.sqrt(found.error**2 + floor), found.freedom, n, floor)
    if rows is None or n < 2:
        return found
    variance, floor, freedom = row_variance(np.asarray(rows, dtype=np.float64)[kept], at_least=found.error**2)
    return Contrast(found.mean, math.sqrt(variance), freedom, n, floor)


def interval(found: Contrast, level: float) -> tuple[float, float]:
    """Return the t interval of a contrast; infinite where there is no error to go by.

    Raises
    ------
    InvalidInputError
        A level outside (0, 1).

    Examples
    --------
    >>> interval(Contrast(0.5, 0.0, 9.0, 10), 0.95)
    (0.5, 0.5)
    """
    if not 0.0 < level < 1.0:
        raise InvalidInputError(f"confidence level {level:g}", expected="a number in (0, 1)", advice="0.95 is usual")
    if math.isnan(found.error):
        return -math.inf, math.inf
    if found.error == 0.0:
        return found.mean, found.mean
    half = t_quantile((1.0 + level) / 2.0, found.freedom) * found.error
    return found.mean - half, found.mean + half


def t_test(found: Contrast, *, at: float = 0.0) -> float:
    """Return the two-sided p-value of the t test that the mean difference is `at`.

    Examples
    --------
    >>> t_test(Contrast(0.0, 0.0, 9.0, 10)), t_test(Contrast(0.1, 0.0, 9.0, 10))
    (1.0, 0.0)
    """
    return _two_sided(abs(found.mean - at), found)


def t_quantile(probability: float, freedom: float) -> float:
    """Return the quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def _two_sided(distance: float, found: Contrast) -> float:
    from scipy.special import stdtr

    if math.isnan(found.error) or math.isnan(distance):
        return 1.0
    if found.error == 0.0:
        return 0.0 if distance > 0.0 else 1.0
    return float(2.0 * stdtr(found.freedom, -distance / found.error))


def holm(p_values: Sequence[float] | Floats, *, family: int | None = None) -> Floats:
    r"""Return p-values adjusted for being several, in the order given.

    The i-th smallest of m becomes $\max_{j \le i} \min(1, (m - j + 1) \, p_{(j)})$: together at most `alpha` false
    rejections, and never less powerful than Bonferroni.

    Parameters
    ----------
    p_values : ndarray of shape (m,)
    family : int, optional
        Count this many comparisons instead of m, where more could have been chosen than are reported.

    Source: Holm, A simple sequentially rejective multiple test procedure, 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005]).round(3).tolist()
    [0.03, 0.06, 0.06, 0.02]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = (len(values) if family is None else family) - np.arange(len(values))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted


def level_per_look(level: float, looks: int) -> float:
    r"""Return the confidence level of each of several looks, so that all together keep `level`.

    $1 - (1 - \text{level}) / \text{looks}$ (Bonferroni).

    Examples
    --------
    >>> level_per_look(0.95, 4)
    0.9875
    """
    if looks < 1:
        raise InvalidInputError(f"{looks} looks", expected="1 or more", advice="auto takes 4")
    return 1.0 - (1.0 - level) / looks


def next_look(n_seeds: int) -> int | None:
    """Return the number of seeds at which `auto` looks next, or None after the last.

    Examples
    --------
    >>> next_look(0), next_look(10), next_look(50)
    (10, 20, None)
    """
    return next((look for look in LOOKS if look > n_seeds), None)


def seeds_needed(found: Contrast, *, margin: float, level: float) -> int | None:
    """Return how many seeds in all would decide, if mean and spread stay as seen.

    Decided means: the interval at `level` lies inside the margin, or wholly outside it. Mean and spread will not stay
    exactly, so take it as a price, not a promise. None where no affordable number would do (10,000), or nothing is known.

    Examples
    --------
    >>> seeds_needed(Contrast(0.009, 0.004, 29.0, 30), margin=0.02, level=0.95)
    30
    """
    distance = abs(margin - abs(found.mean))
    if found.n < 2 or not math.isfinite(distance) or math.isnan(found.error):
        return None
    per_seed = max(found.error**2 - found.floor, 0.0) * found.n

    def decides(n: int) -> bool:
        half = t_quantile((1.0 + level) / 2.0, n - 1) * math.sqrt(per_seed / n + found.floor)
        return half <= distance if abs(found.mean) <= margin else half < distance

    low, high = found.n, MOST_SEEDS
    if decides(low):
        return low
    if not decides(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def bootstrap_interval(
    values: Floats, *, level: float, rng: np.random.Generator, resamples: int = 10_000
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean over seeds.

    It stands beside the t interval, which decides: at 5 seeds it covers 84 % instead of 95 %.

    Source: Efron, Bootstrap methods: another look at the jackknife, 1979.

    Examples
    --------
    >>> bootstrap_interval(np.array([0.5, 0.5, 0.5]), level=0.95, rng=np.random.default_rng(0))
    (0.5, 0.5)
    """
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    if kept.size < 2 or not np.isfinite(kept).all():
        return -math.inf, math.inf
    if (kept == kept[0]).all():
        return float(kept[0]), float(kept[0])
    means = kept[rng.integers(0, kept.size, (resamples, kept.size))].mean(axis=1)
    low, high = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def probability_of_improvement(values: Floats, reference: Floats) -> float:
    r"""Return the probability that a run of one loss beats an independent run of the other, ties counted half.

    $\frac{1}{n m} \sum_i \sum_j ([x_i > y_j] + \frac{1}{2} [x_i = y_j])$ over the n and m runs; larger must be better.

    Source: Agarwal and others, Deep reinforcement learning at the edge of the statistical precipice, 2021.

    Examples
    --------
    >>> probability_of_improvement(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    0.875
    """
    x, y = (np.asarray(each, dtype=np.float64) for each in (values, reference))
    x, y = x[~np.isnan(x)][:, None], y[~np.isnan(y)]
    if not x.size or not y.size:
        return math.nan
    return float(((x > y) + 0.5 * (x == y)).mean())


def wilcoxon(differences: Floats) -> float:
    """Return the two-sided p-value of the signed-rank test; 1 where nothing differs.

    It asks whether differences are symmetric about zero, whatever their law; it cannot reach .05 below 6 pairs.

    Source: Wilcoxon, Individual comparisons by ranking methods, 1945.

    Examples
    --------
    >>> wilcoxon(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    0.03125
    """
    from scipy import stats

    kept = np.asarray(differences, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    if not np.count_nonzero(kept):
        return 1.0
    return float(stats.wilcoxon(kept).pvalue)
