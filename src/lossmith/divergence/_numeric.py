"""Divergences between two laws without a closed form: quadrature, sums over the integers, draws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._errors import DomainError
from lossmith.divergence import _terms
from lossmith.divergence._law import Law
from lossmith.divergence._pair import Pair
from lossmith.divergence._quadrature import integrate
from lossmith.divergence._series import Series, sum_outwards
from lossmith.divergence._terms import Terms

__all__ = ["Outcome", "by_draws", "by_quadrature", "by_sum", "distance_by_quadrature", "distance_by_sum", "points_of"]

_SHARES = np.array([1e-12, 1e-6, 1e-3, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999, 1 - 1e-6, 1 - 1e-12])
_MOST_OUTCOMES = 2**25
_MOST_NEEDED = 2**23
_AT_ONCE = 2**20
# masses below e^-690 lose digits
_LAST_DIGITS = -690.0
# a log-density that underflowed is at most this; what it truly is cannot be known
_UNDERFLOW = -745.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A value with what is known about its error.

    Attributes
    ----------
    value : float
    error : float
        Bound on the error (quadrature and sums) or standard error (draws); infinite if nothing can be said.
    evaluations : int
    note : str
        What limits it, if anything does.
    """

    value: float
    error: float
    evaluations: int
    note: str = ""


class _Watch:
    """What to do where a log-density is minus infinity inside its support, and how much mass of the other law lies there."""

    def __init__(self, p: Law, q: Law, terms: Terms) -> None:
        self.laws = (p, q)
        self.lost = 0.0
        # a density that is lost where the other has mass matters only if its absence costs infinity
        with np.errstate(all="ignore"):
            prices = terms(Pair(np, np.array([0.0, 1.0]), np.array([1.0, 0.0])))
        self.matters = tuple(bool(np.isinf(price)) for price in prices)

    def logs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return both log-densities at x; NaN where one is a true logarithm beyond the range of doubles."""
        p, q = self.laws
        log_p, log_q = _asked(p, x), _asked(q, x)
        return (
            self._repaired(p, x, log_p, log_q, self.matters[0]),
            self._repaired(q, x, log_q, log_p, self.matters[1]),
        )

    def _repaired(self, law: Law, x: np.ndarray, logs: np.ndarray, other: np.ndarray, matters: bool) -> np.ndarray:
        below = np.isneginf(logs) & (x > law.low) & (x < law.high) & ~np.isneginf(other)
        if not below.any() or not matters:
            return logs
        if not law.underflows:
            return np.where(below, np.nan, logs)
        self.lost = max(self.lost, float(np.exp(np.max(other[below]))))
        return np.where(below, np.minimum(_UNDERFLOW, other), logs)


def _asked(law: Law, x: np.ndarray) -> np.ndarray:
    logs = law.log_density(x)
    wrong = np.isnan(logs)
    if wrong.any():
        raise DomainError(f"{law.label} with a density that is NaN at {x[wrong][0]:.6g}", expected="a density")
    return logs


def by_quadrature(p: Law, q: Law, terms: Terms) -> Outcome:
    """Return the integral of the terms over the line, with a bound on its error."""
    watch = _Watch(p, q, terms)

    def pair_at(x: np.ndarray, log_slope: np.ndarray) -> Pair:
        log_p, log_q = (logs + log_slope for logs in watch.logs(x))
        return Pair(np, np.exp(log_p), np.exp(log_q), log_p, log_q)

    def plain(x: np.ndarray, log_slope: np.ndarray) -> np.ndarray:
        pair = pair_at(x, log_slope)
        outside = np.where(pair.p_positive & ~pair.q_positive, np.inf, 0.0)
        values = np.where(pair.both, pair.p * pair.log_ratio, outside)
        return _beyond_doubles(pair, values)

    def generalised(x: np.ndarray, log_slope: np.ndarray) -> np.ndarray:
        pair = pair_at(x, log_slope)
        return _beyond_doubles(pair, terms(pair))

    low, high, points = min(p.low, q.low), max(p.high, q.high), points_of(p, q)
    found = integrate(generalised, low, high, points)
    if terms is _terms.kl and not found.error <= 1e-12 * found.value:
        # the plain form does not need the mass of q where p has none, the generalised one loses nothing near equality
        other = integrate(plain, p.low, p.high, points)
        found = other if other.error < found.error or math.isnan(found.value) else found
    lacking = math.fsum(_lacking_mass(law) for law in (p, q)) if math.isfinite(found.value) else 0.0
    if watch.lost > 1e-16:
        return Outcome(found.value, math.inf, found.evaluations, "a density underflows inside its support")
    return Outcome(found.value, found.error + (lacking + _rounding(p, q)) * (1 + abs(found.value)), found.evaluations)


def _rounding(*laws: Law) -> float:
    """Return the relative error of densities by the rounding of x: it grows with the distance from 0 in units of the width."""
    far = [1.0]
    for law in laws:
        if law.quantile is not None:
            low, middle, high = (float(x) for x in law.quantile(np.array([0.25, 0.5, 0.75])))
            far.append(abs(middle) / (high - low) if high > low else 1.0)
    return 2.0**-52 * max(far)


def _beyond_doubles(pair: Pair, values: np.ndarray) -> np.ndarray:
    """Mark what is beyond the range of doubles: infinite where the side that is known has mass, otherwise NaN."""
    unknown = np.isnan(pair.p + pair.q)
    if not unknown.any():
        return values
    # at least 1e308 times the mass there
    heavy = np.fmax(pair.p, pair.q) > 1e-290
    return np.where(unknown, np.where(heavy, np.inf, np.nan), values)


def _lacking_mass(law: Law) -> float:
    """Return by how much a density that is not one of ours misses a mass of 1.

    Raises
    ------
    DomainError
        It is no density.
    """
    if law.family not in ("", "transformed") or law.dimension > 1:
        return 0.0
    found = integrate(lambda x, log_slope: np.exp(law.log_density(x) + log_slope), law.low, law.high, points_of(law))
    gap = abs(found.value - 1)
    if not gap <= 1e-6 + found.error:
        raise DomainError(
            f"{law.label} with a mass of {found.value:.6g}",
            expected="a density with a mass of 1",
            advice="subtract the logarithm of the mass; name a point in its bulk with `places` if the mass was not found",
        )
    return gap if gap > 1e-14 else 0.0


def distance_by_quadrature(p: Law, q: Law, *, energy: bool) -> Outcome:
    """Return the integral of |F_p - F_q|, or the root of twice that of its square."""
    first, second = p.distribution, q.distribution
    if first is None or second is None:
        return Outcome(math.nan, math.inf, 0, "no distribution function")

    above, over = p.survival, q.survival
    # beyond the middle the upper tails keep their digits, where distribution functions are 1
    both = above is not None and over is not None and p.quantile is not None
    middle = float(p.quantile(np.array([0.5]))[0]) if both and p.quantile is not None else math.inf

    def gap(x: np.ndarray, log_slope: np.ndarray) -> np.ndarray:
        one, two = first(x), second(x)
        if above is not None and over is not None:
            one, two = np.where(x > middle, above(x), one), np.where(x > middle, over(x), two)
        apart = np.abs(one - two)
        apart = np.where(apart < 4e-16 * np.maximum(one, two), 0.0, apart)
        return (apart * apart if energy else apart) * np.exp(log_slope)

    low, high = min(p.low, q.low), max(p.high, q.high)
    found = integrate(gap if math.isfinite(middle) else _noise_free(gap), low, high, points_of(p, q), tolerance=1e-11)
    error = found.error + 1e-15 * found.value
    if not energy:
        return Outcome(found.value, error, found.evaluations)
    value = math.sqrt(2 * found.value)
    return Outcome(value, math.sqrt(2 * (found.value + error)) - value, found.evaluations)


def _noise_free(function: Any) -> Any:
    """Return the function without what the upper tail of a distribution function holds: sixteen digits next to 1 and no more."""

    def evaluate(x: np.ndarray, log_slope: np.ndarray) -> np.ndarray:
        values = function(x, log_slope)
        return np.where(values < 4e-16 * np.exp(log_slope), 0.0, values)

    return evaluate


def points_of(*laws: Law) -> list[float]:
    """Return where the laws have their mass, bend or end."""
    points: list[float] = []
    for law in laws:
        points += [law.low, law.high, *law.places]
        if law.quantile is not None:
            points += [float(x) for x in law.quantile(_SHARES)]
    return [x for x in points if math.isfinite(x)]


def by_sum(p: Law, q: Law, terms: Terms) -> Outcome:
    """Return the sum of the terms over the integers, with a bound on what was left out."""
    low, high = min(p.low, q.low), max(p.high, q.high)
    if (p.location - q.location) % 1:
        # lattices that never meet: every outcome is on one side only
        return Outcome(float(terms(Pair(np, np.array([1.0, 0.0]), np.array([0.0, 1.0]))).sum()), 0.0, 2)
    watch = _Watch(p, q, terms)

    masses = [0.0, 0.0]

    def values_at(terms: Terms) -> Any:
        def values(k: np.ndarray) -> np.ndarray:
            log_p, log_q = watch.logs(k)
            with np.errstate(all="ignore"):
                pair = Pair(np, np.exp(log_p), np.exp(log_q), log_p, log_q)
                masses[0] += float(np.sum(pair.p))
                masses[1] += float(np.sum(pair.q))
                return np.asarray(terms(pair))

        return values

    def block(first: float, size: int) -> float:
        return float(np.sum(values_at(terms)(first + np.arange(size, dtype=np.float64))))

    def rounding(total: float) -> float:
        # log-masses of the size of lgamma carry its rounding: the masses show how much that is
        lacking = abs(masses[0] - 1) + abs(masses[1] - 1)
        return (lacking + 1e-15) * (1 + abs(total)) if math.isfinite(total) else 0.0

    if high - low < _MOST_OUTCOMES:
        count = int(high - low) + 1
        total = math.fsum(block(low + done, min(_AT_ONCE, count - done)) for done in range(0, count, _AT_ONCE))
        return Outcome(total, rounding(total), count, _lost(watch))
    found = _both_ways(values_at(terms), p, q, low, high)
    lacking = rounding(0.0)
    if not found.complete:
        # the masses of our own laws are 1
        sides = [side for law, side in ((p, lambda pair: pair.p), (q, lambda pair: pair.q)) if not law.family]
        lacking = sum(abs(_both_ways(values_at(side), p, q, low, high).value - 1) for side in sides) + 1e-15
    if terms is _terms.kl and not found.error <= 1e-12 * abs(found.value):
        # the plain form does not need the mass of q where p has none, the generalised one loses nothing near equality
        other = _both_ways(values_at(_plain), p, q, p.low, p.high, (p,))
        found = other if other.error < found.error else found
    error = found.error + lacking * (1 + abs(found.value)) if math.isfinite(found.value) else 0.0
    return Outcome(found.value, error, found.evaluations, _lost(watch) or found.note)


def _plain(pair: Pair) -> Any:
    return np.where(pair.both, pair.p * pair.log_ratio, np.where(pair.p_positive & ~pair.q_positive, np.inf, 0.0))


def _both_ways(at: Any, p: Law, q: Law, low: float, high: float, weights: tuple[Law, ...] = ()) -> Series:
    """Sum from the middle of the bulk outwards, or from the end of the support where the mass begins there."""
    least, most = _bulk(p, q)
    middle = float(np.floor((least + most) / 2))
    if math.isfinite(low) and (most - low < _MOST_NEEDED or not _heavier(middle, low, p, q)):
        # a power law doubles its places from the end of the support on
        middle = low
    places, weights = points_of(p, q), weights or (p, q)
    up = sum_outwards(at, middle, high, 1, most - middle, places, _horizon(weights, middle, 1))
    down = sum_outwards(at, middle - 1, low, -1, middle - least, places, _horizon(weights, middle - 1, -1))
    return Series(
        up.value + down.value,
        up.error + down.error,
        up.evaluations + down.evaluations,
        up.note or down.note,
        up.complete and down.complete,
    )


def _horizon(laws: tuple[Law, ...], start: float, step: int) -> float:
    """Return the distance within which one of the laws at least has masses with all their digits."""
    distance = 2.0 ** np.arange(997)
    logs = np.max([law.log_density(start + step * distance) for law in laws], axis=0)
    held = np.flatnonzero(logs > _LAST_DIGITS)
    return float(distance[held[-1]]) if len(held) else 1.0


def _heavier(middle: float, low: float, p: Law, q: Law) -> bool:
    """Return whether one of the laws has more mass in the middle than at its own end."""
    ends = [law.log_density(np.array([middle, max(law.low, low)])) for law in (p, q)]
    return any(bool(logs[0] > logs[1]) for logs in ends)


def distance_by_sum(p: Law, q: Law, *, energy: bool) -> Outcome:
    """Return the sum of |F_p - F_q| over the integers, or the root of twice that of its square."""
    first, second = p.distribution, q.distribution
    if first is None or second is None or (p.location - q.location) % 1:
        return Outcome(math.nan, math.inf, 0, "no distribution function on the same integers")
    least, most = _bulk(p, q)
    low, high = min(p.low, q.low), max(p.high, q.high)
    middle = math.floor((least + most) / 2)
    centre = low if math.isfinite(low) and most - low < _MOST_NEEDED else middle

    def values(k: np.ndarray) -> np.ndarray:
        one, two = first(k), second(k)
        if p.survival is not None and q.survival is not None:
            one, two = np.where(k > middle, p.survival(k), one), np.where(k > middle, q.survival(k), two)
        apart = np.abs(one - two)
        return np.asarray(apart * apart if energy else apart)

    up = sum_outwards(values, centre, high, 1, most - centre, points_of(p, q))
    down = sum_outwards(values, centre - 1, low, -1, centre - least, points_of(p, q))
    total, error = up.value + down.value, up.error + down.error + 1e-14 * (up.value + down.value)
    note = up.note or down.note
    if not energy:
        return Outcome(total, error, up.evaluations + down.evaluations, note)
    value = math.sqrt(2 * total)
    return Outcome(value, math.sqrt(2 * (total + error)) - value, up.evaluations + down.evaluations, note)


def _lost(watch: _Watch) -> str:
    return "a mass underflows inside its support" if watch.lost > 1e-16 else ""


def _bulk(p: Law, q: Law) -> tuple[float, float]:
    """Return the outcomes between which nearly all the mass of both laws lies."""
    ends = [float(x) for law in (p, q) if law.quantile is not None for x in law.quantile(np.array([1e-3, 0.999]))]
    ends = [x for x in ends if math.isfinite(x)] or [0.0]
    return min(ends), max(ends)


def by_draws(p: Law, q: Law, terms: Terms, *, seed: int, draws: int) -> Outcome:
    """Return the mean of the terms over draws, half from each law, weighted by their mixture; the error is a standard error."""
    if p.draw is None or q.draw is None:
        return Outcome(math.nan, math.inf, 0, "no way to draw from it")
    generator = np.random.default_rng(seed)
    half = draws // 2
    means, variance = 0.0, 0.0
    for law in (p, q):
        x = law.draw(generator, half)  # type: ignore[misc]
        log_p, log_q = p.log_density(x), q.log_density(x)
        log_m = np.logaddexp(log_p, log_q) - math.log(2)
        # both divided by the mixture: at most 2, whatever the laws
        log_p, log_q = log_p - log_m, log_q - log_m
        with np.errstate(all="ignore"):
            values = terms(Pair(np, np.exp(log_p), np.exp(log_q), log_p, log_q))
        means += float(np.mean(values)) / 2
        variance += float(np.var(values, ddof=1)) / half / 4 if np.isfinite(values).all() else 0.0
    return Outcome(means, math.sqrt(variance), 2 * half)
