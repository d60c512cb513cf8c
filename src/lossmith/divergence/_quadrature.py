"""Integrals over the line to a stated error: Gauss-Legendre panels, halved where they disagree with their halves.

Ends and tails are integrated in the logarithm of the distance, so that singular ends (a beta density with a shape below 1)
and heavy tails (a Cauchy density) are smooth there, and an integral that grows without bound is seen to do so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Integral", "integrate"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_DEPTH = 60
_MOST = 400_000  # evaluations after which the answer is given with the error it has
_REACH = 340.0  # logarithm of the largest distance: its square is still a double
_DEEPEST = 740.0  # minus the logarithm of the smallest distance to an end of the line
_DEEP = 60.0  # the same for a point inside, where a density has no pole
# `function(x, log_slope)`: the integrand at x times e^log_slope; taken apart so that neither factor over- or underflows
Function = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Integral:
    """The value of an integral, a bound on its error and the number of evaluations.

    `error` is infinite where the integrand could not be resolved; a value of infinity is meant.
    """

    value: float
    error: float
    evaluations: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A piece of the line: x = start + width * e^s for s in [low, high].

    `open` says on which side of s the piece was cut off: "high" for a tail, "low" at an end of the line, "" inside.
    """

    start: float
    width: float
    low: float
    high: float
    open: str = ""

    def place(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and log(dx / ds)."""
        return self.start + self.width * np.exp(s), math.log(abs(self.width)) + s


def _stretches(points: list[float], low: float, high: float) -> list[_Stretch]:
    """Cover (low, high): every gap from both of its ends, and the tails."""
    inner = sorted({float(x) for x in points if low < x < high and math.isfinite(x)})
    if not inner:
        ends = [end for end in (low, high) if math.isfinite(end)]
        inner = [math.fsum(ends) / 2] if len(ends) == 2 else [end + (1 if end == low else -1) for end in ends] or [0.0]
    pieces: list[_Stretch] = []
    for left, right in itertools.pairwise([low, *inner, high]):
        if math.isfinite(left) and math.isfinite(right):
            half = (right - left) / 2
            pieces += [_towards(left, half, left == low), _towards(right, -half, right == high)]
    first, last = inner[0], inner[-1]
    spread = last - first if last > first else max(abs(first), 1.0)
    reach = _REACH - max(math.log(spread), 0.0)
    for end, start, width in ((high, last, spread), (low, first, -spread)):
        if not math.isfinite(end):
            # dense at the last point too: it may be the only hint of where a narrow law has its mass
            pieces += [_towards(start, width, False), _Stretch(start, width, 0.0, reach, "high")]
    return pieces


def _towards(end: float, width: float, outermost: bool) -> _Stretch:
    """Cover the points from `end` to `end + width`, densely at `end`."""
    floor = 5e-324 if end == 0 else abs(end) * 2.0**-53
    deepest = max(math.log(floor) - math.log(abs(width)), -_DEEPEST if outermost else -_DEEP)
    return _Stretch(end, width, min(deepest, -1.0), 0.0, "low" if outermost else "")


def integrate(
    function: Function, low: float, high: float, points: list[float], *, tolerance: float = 1e-13
) -> Integral:
    """Return the integral of a function over [low, high], a bound on its error and the number of evaluations.

    `function(x, log_slope)` is the integrand times `e^log_slope`, NaN where it is beyond the range of doubles. `points` are where it may bend, jump or have its
    mass; `tolerance` is relative to the integral of its size.

    Examples
    --------
    >>> import math
    >>> found = integrate(lambda x, log_slope: np.exp(log_slope - x * x), -math.inf, math.inf, [0.0, 1.0])
    >>> abs(found.value - math.sqrt(math.pi)) <= found.error < 1e-12
    True
    >>> integrate(lambda x, log_slope: np.exp(log_slope) / (1 + np.abs(x)), -math.inf, math.inf, [0.0]).value
    inf
    """
    pieces = _stretches(points, low, high)
    with np.errstate(all="ignore"):
        beyond, beyond_error = _beyond(function, [piece for piece in pieces if piece.open])
        if math.isinf(beyond):
            return Integral(beyond, 0.0, 64 * len(pieces))
        found = _adapt(function, pieces, tolerance)
    if math.isinf(found.value):
        return found
    return Integral(float(found.value + beyond), float(found.error + beyond_error), found.evaluations)


def _beyond(function: Function, cut: list[_Stretch]) -> tuple[float, float]:
    """Return what lies beyond the cuts, infinite where the integrand does not decay towards one, and its error."""
    total, error = 0.0, 0.0
    for piece in cut:
        # towards an end that is not 0 the last digits of x are noise
        margin = 0.0 if piece.open == "high" or piece.start == 0 else 6.0
        edge, inward = (piece.high, -1.0) if piece.open == "high" else (piece.low + margin, 1.0)
        length = max(piece.high - piece.low - margin, 1.0)
        s = edge + inward * np.linspace(0.0, length, 64 + int(2 * length))
        size = np.abs(function(*piece.place(s)))
        known = np.flatnonzero(~np.isnan(size))
        if not known.size:
            return total, math.inf
        # the decay at the outermost place where the integrand is known
        first = int(known[0])
        step = int(np.searchsorted(inward * s, inward * s[first] + min(20.0, length / 2)))
        last, before = float(size[first]), float(size[min(step, size.size - 1)])
        run = float(abs(s[min(step, size.size - 1)] - s[first]))
        if last < 1e-40 or (math.isfinite(last) and last < 1e-20 * before):
            continue
        rate = math.log(before / last) / run if math.isfinite(last) and before > 0 and run > 0 else -1.0
        if rate < 1e-3:
            return math.inf, 0.0
        left = float(last / rate * math.exp(-rate * margin))
        total += left
        error += left
    return total, error


def _panels(pieces: list[_Stretch]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the piece, the low and the high end of the first panels."""
    owner, low, high = [], [], []
    for number, piece in enumerate(pieces):
        count = max(1, math.ceil((piece.high - piece.low) / 2.5))
        ends = np.linspace(piece.low, piece.high, count + 1)
        owner.append(np.full(count, number))
        low.append(ends[:-1])
        high.append(ends[1:])
    return np.concatenate(owner), np.concatenate(low), np.concatenate(high)


def _evaluate(
    function: Function, pieces: list[_Stretch], owner: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the integral over each panel and that of the absolute value."""
    half = (high - low) / 2
    s = (low + half)[:, None] + half[:, None] * _NODES
    x, log_slope = np.empty_like(s), np.empty_like(s)
    for number in np.unique(owner):
        mine = owner == number
        x[mine], log_slope[mine] = pieces[number].place(s[mine])
    values = np.asarray(function(x.ravel(), log_slope.ravel()), dtype=np.float64).reshape(s.shape)
    # what is beyond the range of doubles has been weighed in `_beyond`
    values = np.where(np.isnan(values), 0.0, values)
    return (values @ _WEIGHTS) * half, (np.abs(values) @ _WEIGHTS) * half


def _adapt(function: Function, pieces: list[_Stretch], tolerance: float) -> Integral:
    owner, low, high = _panels(pieces)
    whole, _ = _evaluate(function, pieces, owner, low, high)
    total, spread, error, evaluations = 0.0, 0.0, 0.0, low.size * _NODES.size
    for depth in range(_DEPTH):
        middle = (low + high) / 2
        left = _evaluate(function, pieces, owner, low, middle)
        right = _evaluate(function, pieces, owner, middle, high)
        evaluations += 2 * low.size * _NODES.size
        refined, size = left[0] + right[0], left[1] + right[1]
        if np.isinf(refined).any():
            return Integral(math.inf, 0.0, evaluations)
        gap = np.abs(refined - whole)
        # every panel may take a share of the tolerance; below rounding there is nothing left to gain
        done = (gap <= tolerance * (spread + float(np.sum(size))) / 64) | (gap <= 4e-16 * size)
        if depth == _DEPTH - 1 or evaluations > _MOST:
            done[:] = True
        total += float(np.sum(refined[done]))
        spread += float(np.sum(size[done]))
        error += float(np.sum(gap[done]))
        keep = ~done
        if not keep.any():
            break
        owner = np.concatenate([owner[keep], owner[keep]])
        low, high = np.concatenate([low[keep], middle[keep]]), np.concatenate([middle[keep], high[keep]])
        whole = np.concatenate([left[0][keep], right[0][keep]])
    return Integral(total, error + 4e-15 * spread, evaluations)
