"""Sums over the integers that may have no end: term by term first, then by panels in which the terms are smooth.

Far out, terms change by little from one integer to the next. The sum over a panel of them is the integral of the polynomial
through sixteen, which is exact to rounding where panels double (power laws) or are halved until the polynomial fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["Series", "sum_outwards"]

_AT_ONCE = 2**17
_MOST_TAIL, _MOST_NEEDED = 2**20, 2**23
# doubles end at 1.8e308
_FAR = 1e300
_DEGREE = 15
_SHORT = 256.0
_MOST_PANELS = 20_000
# panels that double and shrink by less than this have no finite sum: 1 / k gives 1 to rounding
_NO_DECAY = 1 - 1e-9

Terms = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Series:
    """The value of a sum, a bound on its error, the number of terms asked for, what limits it, and whether all were added."""

    value: float
    error: float
    evaluations: int
    note: str = ""
    complete: bool = True


def sum_outwards(
    terms: Terms,
    start: float,
    end: float,
    step: int,
    needed: float,
    places: Sequence[float] = (),
    horizon: float = _FAR,
) -> Series:
    """Return the sum of `terms(k)` for k = start, start + step, ... up to `end`, which may be infinite.

    Parameters
    ----------
    terms : callable
        Takes an array of whole numbers.
    start, end : float
    step : int
        1 or -1.
    needed : float
        Distance from the start within which the terms are not yet a tail.
    places : sequence of float
        Where the terms bend: ends of panels, if the sum comes to panels.
    horizon : float
        Distance from which terms are too small for doubles to hold their digits; what lies behind is extrapolated.

    Examples
    --------
    >>> found = sum_outwards(lambda k: k**-1.5, 1.0, math.inf, 1, 0.0)
    >>> abs(found.value - 2.612375348685488) < 1e-12  # zeta(1.5)
    True
    """
    count = abs(end - start) + 1 if (end - start) * step >= 0 else 0.0
    at = lambda distance: terms(start + step * distance)  # noqa: E731
    # what cannot be added up one by one is not begun
    direct = max(_MOST_TAIL, needed + 1024) if needed < _MOST_NEEDED else _MOST_TAIL
    total, done, size, part = 0.0, 0, 1024, math.inf
    while done < min(count, direct):
        size = int(min(size, count - done))
        before, part = part, float(np.sum(at(done + np.arange(size, dtype=np.float64))))
        total, done = total + part, done + size
        if not math.isfinite(total):
            return Series(total, 0.0, done)
        if done > needed and math.isfinite(before) and abs(part) <= 1e-18 * abs(total):
            return Series(total, abs(part), done)
        size = min(2 * size, _AT_ONCE)
    if done >= count:
        return Series(total, 0.0, done)
    around = [abs(place - start) for place in places if (place - start) * step > 0]
    return _by_panels(at, total, done, count, around, max(4.0 * done, horizon), needed)


def _by_panels(
    at: Terms, total: float, done: int, count: float, places: Sequence[float], horizon: float, needed: float
) -> Series:
    """Add the terms at distances done, done + 1, ..., count - 1."""
    low, last = done - 0.5, min(count - 0.5, horizon)
    inner = sorted({float(np.floor(place)) + 0.5 for place in places if low < place < last - 1})
    error, evaluations, panels = 0.0, done, 0
    sums: list[float] = []
    while low < last:
        high = min(2 * low, last)
        ends = [low]
        # a place that splits a doubling, unless doubles or panels are too wide for it
        ends += [place for place in inner if low * (1 + 1e-6) < place < high * (1 - 1e-6)]
        ends = [ends[0], *(b for a, b in pairwise(ends) if b > a * (1 + 1e-6)), high]
        value, lost, asked = _panels_between(at, ends, 1e-15 * (abs(total) + 1e-300), _MOST_PANELS - panels)
        panels, evaluations = panels + asked, evaluations + asked * (_DEGREE + 1)
        if math.isnan(value):
            return Series(total, math.inf, evaluations, "terms beyond the range of doubles", complete=False)
        total, error = total + value, error + lost
        sums.append(value)
        if not math.isfinite(total):
            return Series(total, 0.0, evaluations, complete=False)
        if panels >= _MOST_PANELS:
            return Series(total, math.inf, evaluations, "more outcomes than can be summed", complete=False)
        if low > max(inner, default=0.0) and len(sums) > 1 and max(map(abs, sums[-2:])) <= 1e-18 * abs(total):
            return Series(total, error + abs(value), evaluations, complete=False)
        low = high
    if math.isfinite(count) and last == count - 0.5:
        return Series(total, error, evaluations, complete=False)
    # the last panel may be cut short; those before it are whole doublings
    before, after = (abs(sums[-3]), abs(sums[-2])) if len(sums) > 2 else (0.0, 0.0)
    ratio = after / before if before > 0 else 0.0
    # before its bulk a sum may grow for a while, by logarithms; what grows by powers has none
    if _NO_DECAY <= ratio < 1.5 and low < needed:
        return Series(total, math.inf, evaluations, "more outcomes than can be summed", complete=False)
    if ratio >= _NO_DECAY:
        return Series(math.copysign(math.inf, sums[-2]), 0.0, evaluations, complete=False)
    left = max(0.0, after * ratio / (1 - ratio) - abs(sums[-1]))
    note = "terms that decay too slowly to be summed" if left > 0.1 * abs(total) else ""
    return Series(total + math.copysign(left, sums[-1]), error + left, evaluations, note, complete=False)


def _panels_between(at: Terms, ends: Sequence[float], tolerance: float, most: int) -> tuple[float, float, int]:
    """Return the sum between the ends, a bound on its error and the number of panels; halves them until they fit."""
    low, high = np.array(ends[:-1]), np.array(ends[1:])
    value = error = 0.0
    asked = 0
    while low.size and asked < most:
        asked += low.size
        sums, misfit = _fitted(at, low, high)
        if np.isnan(sums).any():
            return math.nan, math.inf, asked
        # rounding of the terms themselves is no misfit
        good = (misfit <= np.maximum(tolerance, 1e-13 * np.abs(sums))) | np.isinf(sums)
        short = high - low <= _SHORT
        for left, right in zip(low[~good & short], high[~good & short], strict=True):
            value += float(np.sum(at(np.arange(left + 0.5, right))))
        value += float(sums[good].sum())
        error += float(misfit[good & np.isfinite(sums)].sum())
        if math.isinf(value):
            return value, 0.0, asked
        low, high = low[~good & ~short], high[~good & ~short]
        middle = np.floor((low + high) / 2) + 0.5
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    return value, error if not low.size else math.inf, asked


def _fitted(at: Terms, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for every panel the integral of the polynomial through its terms, and the size of what it may miss."""
    legendre = np.polynomial.legendre
    nodes, weights = legendre.leggauss(_DEGREE + 1)
    middle, half = ((low + high) / 2)[:, None], ((high - low) / 2)[:, None]
    distance = np.rint(middle + half * nodes)
    values = at(distance.ravel()).reshape(distance.shape)
    with np.errstate(all="ignore"):
        # terms are known at whole numbers: the polynomial goes through those, not through the nodes next to them
        basis = legendre.legvander((distance - middle) / half, _DEGREE)
        sums = half[:, 0] * (values @ weights)
        known = np.isfinite(values).all(axis=1) & (half[:, 0] > _SHORT / 4)
        missed = np.full(len(low), np.inf)
        if known.any():
            coefficients = np.linalg.solve(basis[known], values[known][..., None])[..., 0]
            sums[known] = 2 * half[known, 0] * coefficients[:, 0]
            missed[known] = 2 * half[known, 0] * np.abs(coefficients[:, -3:]).sum(axis=1)
    return sums, missed
