"""The gaps between special functions and their tangents, without the cancellation of computing both.

A closed form of a Kullback-Leibler divergence is such a gap: the log-partition function at q minus its tangent at p.
Subtracting `lgamma` values loses every digit where the shapes are large and close; here each piece is non-negative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lossmith.divergence import _terms
from lossmith.divergence._pair import Pair

__all__ = ["gap_kl", "gap_lgamma", "gap_log", "gap_lgamma_parts", "gap_power"]

# from here Stirling's series of twelve terms reaches full precision
_LARGE = 10.0
# B_2k / (2k (2k - 1)): coefficients of x^(1 - 2k) in the remainder of Stirling's formula
_STIRLING = (
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
    1 / 156,
    -3617 / 122400,
    43867 / 244188,
)


def _value(terms: Callable[[Pair], Any], p: float, q: float) -> float:
    pair = Pair(np, np.asarray([float(p)]), np.asarray([float(q)]))
    with np.errstate(all="ignore"):
        return float(terms(pair)[0])


def gap_kl(p: float, q: float) -> float:
    """Return `p log(p / q) - p + q`.

    Examples
    --------
    >>> gap_kl(0.0, 3.0), gap_kl(2.0, 0.0)
    (3.0, inf)
    """
    return _value(_terms.kl, p, q)


def gap_log(x: float, y: float = 1.0) -> float:
    """Return `u - 1 - log(u)` of the quotient u = x / y, which is not formed: it would lose what is left of x - y.

    Examples
    --------
    >>> gap_log(1.0), round(gap_log(2.0), 12)  # 1 - log(2)
    (0.0, 0.30685281944)
    """
    return _value(_terms.kl, y, x) / y


def gap_power(x: float, y: float, exponent: float) -> float:
    """Return `u^a - 1 - a (u - 1)` of the quotient u = x / y.

    Examples
    --------
    >>> round(gap_power(3.0, 1.0, 2.0), 12)
    4.0
    """
    if exponent in (0, 1):
        return 0.0
    return exponent * (exponent - 1) * _value(_terms.alpha(exponent), x, y) / y


def gap_lgamma_parts(a: float, b: float) -> tuple[float, float]:
    """Return the gap of lgamma at b from its tangent at a, less `b log(b / a) - b + a`, in two non-negative parts.

    The first is half of `b / a - 1 - log(b / a)`, the second the gap of Stirling's remainder.
    """
    return gap_log(b, a) / 2, _gap_remainder(a, b)


def gap_lgamma(a: float, b: float) -> float:
    """Return `lgamma(b) - lgamma(a) - digamma(a) (b - a) >= 0`.

    Examples
    --------
    >>> round(gap_lgamma(1.0, 3.0), 12)  # log(2) + 2 * 0.5772156649
    1.847578510363
    """
    return gap_kl(b, a) + math.fsum(gap_lgamma_parts(a, b))


def _gap_remainder(a: float, b: float) -> float:
    if min(a, b) >= _LARGE:
        return math.fsum(
            coefficient * a ** (1 - 2 * k) * gap_power(b, a, 1 - 2 * k)
            for k, coefficient in enumerate(_STIRLING, start=1)
        )
    if abs(b - a) <= 0.25 * a:
        return _taylor_lgamma(a, b - a) - gap_kl(b, a) - gap_log(b, a) / 2
    return _remainder(b) - _remainder(a) - _remainder_slope(a) * (b - a)


def _taylor_lgamma(a: float, step: float) -> float:
    from scipy.special import zeta

    # the k-th derivative of lgamma is (-1)^k (k - 1)! zeta(k, a)
    k = np.arange(2, 40)
    return math.fsum((-step) ** k / k * zeta(k, a))


def _remainder(x: float) -> float:
    if x >= _LARGE:
        return math.fsum(coefficient * x ** (1 - 2 * k) for k, coefficient in enumerate(_STIRLING, start=1))
    return math.lgamma(x) - ((x - 0.5) * math.log(x) - x + 0.5 * math.log(2 * math.pi))


def _remainder_slope(x: float) -> float:
    from scipy.special import digamma

    if x >= _LARGE:
        return math.fsum((1 - 2 * k) * coefficient * x ** (-2 * k) for k, coefficient in enumerate(_STIRLING, start=1))
    return float(digamma(x)) - math.log(x) + 0.5 / x
