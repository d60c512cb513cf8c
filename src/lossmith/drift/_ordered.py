"""Detectors on the numbers themselves: the difference of two distribution functions, measured in four ways."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ["anderson_darling", "energy", "kolmogorov_smirnov", "wasserstein"]

_GRID = 1000  # places at which the process of relabelled rows is drawn where rows are more
_SHORT = 500
_ENOUGH = 25

Judged = tuple[float, float, str]


@dataclass(frozen=True, slots=True, eq=False)
class _Pooled:
    """Both samples in one order: rows of each sample up to each different value, and the way to the next value."""

    current: np.ndarray
    reference: np.ndarray
    gaps: np.ndarray
    ties: bool

    @property
    def n(self) -> float:
        return float(self.reference.sum())

    @property
    def m(self) -> float:
        return float(self.current.sum())


def _pooled(reference: np.ndarray, current: np.ndarray) -> _Pooled:
    values, places = np.unique(np.concatenate([reference, current]), return_inverse=True)
    first = np.bincount(places[: len(reference)], minlength=len(values))
    second = np.bincount(places[len(reference) :], minlength=len(values))
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = np.diff(values)
    return _Pooled(
        second.astype(np.float64), first.astype(np.float64), gaps, len(values) < len(reference) + len(current)
    )


def _difference(current: np.ndarray, pooled: np.ndarray) -> np.ndarray:
    """Return F - G at every value but the last; the law of `current` rows against that of the others."""
    m = current.sum(axis=-1, keepdims=True)
    n = pooled.sum() - m
    return np.cumsum(current / m - (pooled - current) / n, axis=-1)[..., :-1]


def _blocks(pooled: _Pooled) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of both samples in at most 1,000 pieces of the order, and the way between their ends."""
    held = pooled.current + pooled.reference
    if len(held) <= _GRID:
        return held, pooled.current, pooled.gaps
    ends = np.unique(np.searchsorted(np.cumsum(held), np.linspace(0, held.sum(), _GRID + 1)[1:], side="left"))
    starts = np.concatenate([[0], ends[:-1] + 1])
    ways = np.concatenate([np.cumsum(pooled.gaps), [np.nan]])
    middle = (starts + ends) // 2  # the process between two ends counts for the way between the pieces' middles
    return (
        np.add.reduceat(held, starts),
        np.add.reduceat(pooled.current, starts),
        np.diff(np.concatenate([[0.0], ways])[middle]),
    )


@lru_cache(maxsize=24)
def _relabelled(held: bytes, m: int, size: int, batch: int) -> np.ndarray:
    """Return the difference of relabelled samples at each place, shape `(size, n_places - 1)`.

    Without ties it depends on nothing but both sizes, so that all columns of a table share one simulation.
    """
    from lossmith.drift._null import permuted

    pooled = np.frombuffer(held)
    generator = np.random.default_rng([len(pooled), m, size, batch])
    return _difference(permuted(pooled, m, size, generator), pooled)


def _permutation(pooled: _Pooled, kind: str, resamples: int) -> float:
    """Return the share of relabelled samples that are at least as far apart, at the values or on a grid of ranks."""
    held, current, ways = _blocks(pooled)
    observed = float(_measured(_difference(current, held), ways, held, kind))
    larger = drawn = 0
    while drawn < resamples:
        size = min(_SHORT, resamples - drawn)
        values = _measured(_relabelled(held.tobytes(), int(pooled.m), size, drawn), ways, held, kind)
        larger += int(np.count_nonzero(values >= observed - 1e-10 * abs(observed)))
        drawn += size
        if larger >= _ENOUGH:
            break
    return (larger + 1) / (drawn + 1)


def _measured(gap: np.ndarray, ways: np.ndarray, held: np.ndarray, kind: str) -> np.ndarray:
    if kind == "wasserstein":
        return np.abs(gap) @ ways
    if kind == "energy":
        return 2 * (gap * gap) @ ways
    if kind == "kolmogorov_smirnov":
        return np.max(np.abs(gap), axis=-1, initial=0.0)
    share = held / held.sum()
    at = np.cumsum(share)[:-1]
    return (gap * gap) @ (share[:-1] / (at * (1 - at)))


def kolmogorov_smirnov(reference: np.ndarray, current: np.ndarray, resamples: int) -> Judged:
    """Return the largest gap of both distribution functions, its p-value, and how that was found."""
    pooled = _pooled(reference, current)
    value = float(np.max(np.abs(_difference(pooled.current, pooled.current + pooled.reference)), initial=0.0))
    if pooled.ties:
        return value, _permutation(pooled, "kolmogorov_smirnov", resamples), "permutation"
    from scipy.stats import ks_2samp

    exact = max(len(reference), len(current)) <= 10_000
    return (
        value,
        float(ks_2samp(reference, current, method="exact" if exact else "asymp").pvalue),
        "exact law" if exact else "limit law",
    )


def anderson_darling(reference: np.ndarray, current: np.ndarray, resamples: int) -> Judged:
    """Return the Anderson-Darling statistic of two samples, its p-value (never capped), and how that was found."""
    pooled = _pooled(reference, current)
    held = pooled.current + pooled.reference
    scale = pooled.n * pooled.m / (pooled.n + pooled.m)
    value = scale * float(_measured(_difference(pooled.current, held), pooled.gaps, held, "anderson_darling"))
    if pooled.ties or min(pooled.n, pooled.m) < 20:
        return value, _permutation(pooled, "anderson_darling", resamples), "permutation"
    from lossmith.drift._null import weighted_chi_squared_tail

    # the limit law: weights 1 / (j (j + 1)), whose tail beyond 500 sums to 1/501 and is as good as constant
    weights = 1 / (np.arange(1, 501) * np.arange(2.0, 502))
    return value, weighted_chi_squared_tail(value - 1 / 501, weights), "limit law"


def wasserstein(reference: np.ndarray, current: np.ndarray, resamples: int) -> Judged:
    """Return the Wasserstein distance in units of the column, its p-value, and how that was found."""
    return _moved(reference, current, "wasserstein", resamples)


def energy(reference: np.ndarray, current: np.ndarray, resamples: int) -> Judged:
    """Return the energy distance in units of the column, its p-value, and how that was found."""
    return _moved(reference, current, "energy", resamples)


def _moved(reference: np.ndarray, current: np.ndarray, kind: str, resamples: int) -> Judged:
    largest = float(max(np.abs(reference).max(initial=0.0), np.abs(current).max(initial=0.0)))
    unit = 2.0 ** max(0, math.frexp(largest)[1] - 500)  # a power of two: differences of huge numbers do not overflow
    pooled = _pooled(reference / unit, current / unit)
    held = pooled.current + pooled.reference
    value = float(_measured(_difference(pooled.current, held), pooled.gaps, held, kind)) * unit
    return value, _permutation(pooled, kind, resamples), "permutation"
