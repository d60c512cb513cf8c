"""The one-parameter families: Renyi, Tsallis and alpha-divergences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lossmith._arrays import Array, Namespace, largest, peak_of
from lossmith._errors import DomainError
from lossmith.divergence import _terms
from lossmith.divergence._blocks import total
from lossmith.divergence._information import evaluate, in_unit, kl_divergence
from lossmith.divergence._inputs import Given, Side, Unit, sides
from lossmith.divergence._pair import Pair

__all__ = ["alpha_divergence", "renyi_divergence", "tsallis_divergence"]


def _order(alpha: Any, *, low: float = -math.inf, high_closed: bool = False) -> float:
    number = float(alpha) if isinstance(alpha, int | float | np.floating) else math.nan
    if not (number >= low and (number < math.inf or high_closed) and number > -math.inf):
        expected = f"a number of at least {low:g}" if low > -math.inf else "a finite number"
        raise DomainError(f"alpha={alpha!r}", expected=expected + (" (inf allowed)" if high_closed else ""))
    return number


def alpha_divergence(
    p: Any,
    q: Any,
    *,
    alpha: float = 0.5,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the alpha-divergence `(sum p^a q^(1-a) - 1) / (a (a - 1))`.

    Use it to move smoothly between the directions: a -> 1 gives `D(p || q)`, a -> 0 gives `D(q || p)`, a = 1/2 four times the
    squared Hellinger distance, a = 2 and -1 half the Pearson and Neyman chi-squared. Any real `alpha`; the limits are
    taken exactly. The other parameters and the errors are those of `kl_divergence`.

    Examples
    --------
    >>> round(float(alpha_divergence([0.5, 0.5], [0.25, 0.75], alpha=2)), 12)  # half of 1/4 + 1/12
    0.166666666667

    Source: Cichocki and Amari, Families of alpha-, beta- and gamma-divergences, 2010.
    """
    terms = _terms.alpha(_order(alpha))
    _, value = evaluate(p, q, terms, axis=axis, given=given, smoothing=smoothing, check=check)
    return value


def tsallis_divergence(
    p: Any,
    q: Any,
    *,
    alpha: float = 0.5,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the Tsallis relative entropy `(sum p^a q^(1-a) - 1) / (a - 1)`.

    Use it in non-extensive statistics. a = 1 gives `kl_divergence`; `alpha` must be positive. The other parameters
    and the errors are those of `kl_divergence`.

    Examples
    --------
    >>> round(float(tsallis_divergence([0.5, 0.5], [0.25, 0.75], alpha=2)), 12)  # 1/4 + 1/12
    0.333333333333

    Source: Tsallis, Generalized entropy-based criterion for consistent testing, 1998.
    """
    order = _order(alpha, low=0.0)
    if order == 0:
        raise DomainError("alpha=0", expected="a number above 0", advice="the divergence of order 0 is always 0")
    _, value = evaluate(p, q, _terms.alpha(order), axis=axis, given=given, smoothing=smoothing, check=check)
    return value * order


def renyi_divergence(
    p: Any,
    q: Any,
    *,
    alpha: float = 0.5,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the Renyi divergence `log(sum p^a q^(1-a)) / (a - 1)`.

    Its other parameters and errors are those of `kl_divergence`.

    Use it where products of distributions should add, with a knob for rare outcomes: it grows with `alpha` in [0, inf].
    a = 1 gives `kl_divergence`, a = 0 minus the logarithm of the mass that q has where p is positive, a = inf the logarithm
    of the largest ratio (the worst case, as in differential privacy). The other parameters and the errors are those of
    `kl_divergence`.

    Examples
    --------
    >>> float(renyi_divergence([0.5, 0.5], [0.25, 0.75], alpha=float("inf"), unit="bits"))
    1.0
    >>> float(renyi_divergence([1.0, 0.0], [0.5, 0.5], alpha=0, unit="bits"))
    1.0

    Source: Renyi, On measures of entropy and information, 1961; van Erven and Harremoes, 2014.
    """
    order = _order(alpha, low=0.0, high_closed=True)
    if order == 1:
        return kl_divergence(p, q, axis=axis, unit=unit, given=given, smoothing=smoothing, check=check)
    xp, one, two = sides(p, q, axis=axis, given=given, smoothing=smoothing, check=check)
    with np.errstate(all="ignore"):
        value = _renyi(xp, one, two, order, axis)
    return in_unit(value, unit)


def _renyi(xp: Namespace, one: Side, two: Side, order: float, axis: int) -> Array:
    pair = Pair(xp, one.values, two.values, one.logs, two.logs)
    if order == 0:
        covered = xp.sum(xp.where(pair.p_positive, pair.q, xp.zeros_like(pair.q)), axis=axis)
        missed = xp.sum(xp.where(pair.p_positive, xp.zeros_like(pair.q), pair.q), axis=axis)
        near = missed < 0.5
        # the complement is exact where nearly everything is covered
        close = -xp.log1p(-xp.where(near, missed, xp.zeros_like(missed)))
        return xp.where(near, close, _minus_log(xp, covered))
    if math.isinf(order):
        low = xp.full_like(pair.p, -math.inf)
        outside = xp.where(pair.p_positive, xp.full_like(pair.p, math.inf), low)
        highest = largest(xp, xp.where(pair.both, pair.log_ratio, outside), axis=axis)
        # masses that differ by rounding can leave every ratio below 1
        return xp.where(highest > 0, highest, xp.zeros_like(highest))
    powers = _terms.log_power(order)(pair)
    peak = peak_of(xp, powers, axis=axis)
    shift = xp.where(xp.isfinite(peak), peak, xp.zeros_like(peak))
    log_sum = -_minus_log(xp, xp.sum(xp.exp(powers - shift), axis=axis)) + xp.reshape(
        shift, _without(shift.shape, axis)
    )
    excess = order * (order - 1) * total(xp, one, two, _terms.alpha(order), axis=axis)
    # near equality the logarithm of the sum has no digits left, its excess over 1 has all of them
    near = xp.abs(log_sum) < 0.5
    close = xp.log1p(xp.where(near, excess, xp.zeros_like(excess)))
    return xp.where(near, close, log_sum) / (order - 1)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    kept = list(shape)
    del kept[axis]
    return tuple(kept)


def _minus_log(xp: Namespace, mass: Array) -> Array:
    positive = mass > 0
    logs = xp.log(xp.where(positive, mass, xp.ones_like(mass)))
    return xp.where(positive, -logs, xp.full_like(mass, math.inf))
