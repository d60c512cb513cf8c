"""Closed forms of the Kullback-Leibler divergence between laws that have a name.

Within a family the form is a sum of non-negative gaps (see `_special`), accurate for parameters of any size; across
families it is put together from expectations (see `_families`), and its rounding error is stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from lossmith.divergence._families import FAMILIES
from lossmith.divergence._law import Law
from lossmith.divergence._special import gap_kl, gap_lgamma, gap_lgamma_parts, gap_log
from lossmith.divergence._zeta import power_law_kl

__all__ = ["PAIRS", "closed_kl", "gap_exp"]

EPSILON = 2.0**-52


def gap_exp(x: float) -> float:
    """Return `e^x - 1 - x`.

    Examples
    --------
    >>> gap_exp(0.0), round(gap_exp(1.0), 12)
    (0.0, 0.718281828459)
    """
    if abs(x) < 0.25:
        return math.fsum(x**k / math.factorial(k) for k in range(2, 16))
    return math.inf if x > 700 else math.expm1(x) - x


def _normal(p: Law, q: Law) -> float:
    apart = (p.location - q.location) / q.scale
    # the gap in squares: u^2 - 1 - 2 log(u) = 2 (u - 1 - log(u)) + (u - 1)^2
    step = (p.scale - q.scale) / q.scale
    return gap_log(p.scale, q.scale) + step * step / 2 + apart * apart / 2


def _gamma(p: Law, q: Law) -> float | None:
    if p.location != q.location:
        return None
    return _gamma_kl(p.shape["a"], p.scale, q.shape["a"], q.scale)


def _gamma_kl(a: float, scale_p: float, b: float, scale_q: float) -> float:
    ratio = scale_p / scale_q
    if scale_p == scale_q:
        return gap_lgamma(a, b)
    # lgamma is split by Stirling: b log(b / (a ratio)) - b + a ratio holds what would cancel
    return gap_kl(b, a * ratio) + math.fsum(gap_lgamma_parts(a, b))


def _inverse_gamma(p: Law, q: Law) -> float | None:
    if p.location != q.location:
        return None
    return _gamma_kl(p.shape["a"], 1 / p.scale, q.shape["a"], 1 / q.scale)


def _log_gamma(p: Law, q: Law) -> float | None:
    if p.scale != q.scale:
        return None
    return _gamma_kl(p.shape["a"], math.exp((p.location - q.location) / p.scale), q.shape["a"], 1.0)


def _chi(p: Law, q: Law) -> float | None:
    if p.location != q.location:
        return None
    return _gamma_kl(p.shape["df"] / 2, p.scale**2, q.shape["df"] / 2, q.scale**2)


def _beta(p: Law, q: Law) -> float | None:
    if (p.location, p.scale) != (q.location, q.scale):
        return None
    return dirichlet_kl((p.shape["a"], p.shape["b"]), (q.shape["a"], q.shape["b"]))


def dirichlet_kl(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Return the divergence of Dirichlet(b) from Dirichlet(a)."""
    total_a, total_b = math.fsum(a), math.fsum(b)
    means = math.fsum(total_b * gap_kl(y / total_b, x / total_a) for x, y in zip(a, b, strict=True))
    parts = [gap_lgamma_parts(x, y) for x, y in zip(a, b, strict=True)]
    whole = gap_lgamma_parts(total_a, total_b)
    return max(0.0, means + math.fsum([*(x for part in parts for x in part), -whole[0], -whole[1]]))


def _laplace(p: Law, q: Law) -> float:
    apart = abs(p.location - q.location) / p.scale
    return gap_log(p.scale, q.scale) + p.scale / q.scale * gap_exp(-apart)


def _gumbel(p: Law, q: Law) -> float:
    ratio = p.scale / q.scale
    shift = math.lgamma(1 + ratio) - (p.location - q.location) / q.scale
    return gap_exp(shift) + gap_lgamma(1.0, ratio)


def _gumbel_left(p: Law, q: Law) -> float:
    ratio = p.scale / q.scale
    shift = math.lgamma(1 + ratio) + (p.location - q.location) / q.scale
    return gap_exp(shift) + gap_lgamma(1.0, ratio)


def _weibull(p: Law, q: Law) -> float | None:
    if p.location != q.location:
        return None
    # the logarithm of a Weibull law is a left Gumbel law
    ratio = q.shape["c"] / p.shape["c"]
    shift = math.lgamma(1 + ratio) + q.shape["c"] * math.log(p.scale / q.scale)
    return gap_exp(shift) + gap_lgamma(1.0, ratio)


def _inverse_weibull(p: Law, q: Law) -> float | None:
    if p.location != q.location:
        return None
    ratio = q.shape["c"] / p.shape["c"]
    shift = math.lgamma(1 + ratio) - q.shape["c"] * math.log(p.scale / q.scale)
    return gap_exp(shift) + gap_lgamma(1.0, ratio)


def _log_normal(p: Law, q: Law) -> float | None:
    if p.location != q.location:
        return None
    one, two = p.shape["s"], q.shape["s"]
    apart = math.log(p.scale / q.scale) / two
    step = (one - two) / two
    return gap_log(one, two) + step * step / 2 + apart * apart / 2


def _pareto(p: Law, q: Law) -> float | None:
    if p.location != q.location:
        return None
    one, two = p.shape["b"], q.shape["b"]
    return gap_log(two, one) + two * math.log(p.scale / q.scale)


def _uniform(p: Law, q: Law) -> float:
    return math.log(q.scale / p.scale)


def _cauchy(p: Law, q: Law) -> float:
    apart = (p.scale - q.scale) ** 2 + (p.location - q.location) ** 2
    return math.log1p(apart / (4 * p.scale * q.scale))


def _half_cauchy(p: Law, q: Law) -> float | None:
    return _cauchy(p, q) if p.location == q.location else None


def _von_mises(p: Law, q: Law) -> tuple[float, float] | None:
    from scipy.special import i0e, i1e

    if p.scale != 1 or q.scale != 1:
        return None
    one, two = p.shape["kappa"], q.shape["kappa"]
    pull = float(i1e(one) / i0e(one))
    turn = two * (1 - math.cos(p.location - q.location)) * pull
    logs = math.log(float(i0e(two))) - math.log(float(i0e(one))) + (two - one)
    value = turn + logs + pull * (one - two)
    return value, 8 * EPSILON * (1 + abs(one) + abs(two) + abs(logs))


def _bernoulli_kl(p: float, q: float) -> float:
    return gap_kl(p, q) + gap_kl(1 - p, 1 - q)


def _binomial(p: Law, q: Law) -> float | None:
    if p.location != q.location or p.shape["n"] != q.shape["n"]:
        return None
    return p.shape["n"] * _bernoulli_kl(p.shape["p"], q.shape["p"])


def _poisson(p: Law, q: Law) -> float | None:
    return gap_kl(p.shape["mu"], q.shape["mu"]) if p.location == q.location else None


def _negative_binomial(p: Law, q: Law) -> float | None:
    if p.location != q.location or p.shape["n"] != q.shape["n"]:
        return None
    return p.shape["n"] * _bernoulli_kl(p.shape["p"], q.shape["p"]) / p.shape["p"]


def _power_law(p: Law, q: Law) -> tuple[float, float] | None:
    return power_law_kl(p.shape["a"], q.shape["a"]) if p.location == q.location else None


PAIRS: Mapping[str, Callable[[Law, Law], Any]] = {
    "normal": _normal,
    "gamma": _gamma,
    "inverse_gamma": _inverse_gamma,
    "log_gamma": _log_gamma,
    "chi": _chi,
    "beta": _beta,
    "laplace": _laplace,
    "gumbel": _gumbel,
    "gumbel_left": _gumbel_left,
    "weibull": _weibull,
    "inverse_weibull": _inverse_weibull,
    "log_normal": _log_normal,
    "pareto": _pareto,
    "uniform": _uniform,
    "cauchy": _cauchy,
    "half_cauchy": _half_cauchy,
    "von_mises": _von_mises,
    "binomial": _binomial,
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "power_law": _power_law,
}


def closed_kl(p: Law, q: Law) -> tuple[float, float] | None:
    """Return the divergence of q from p in nats and a bound on its error by rounding, or None without a closed form.

    Both laws are on the line and p lies in the support of q.
    """
    if p.family == q.family and p.family in PAIRS:
        found = PAIRS[p.family](p, q)
        if isinstance(found, tuple):
            return found
        if found is not None:
            # a handful of roundings, each of a non-negative part
            return found, 64 * EPSILON * found
    return _composed(p, q)


def _composed(p: Law, q: Law) -> tuple[float, float] | None:
    """Return E log p - E log q, in the coordinates in which each is standard."""
    own, other = _expected_log(p, p), _expected_log(p, q)
    if own is None or other is None:
        return None
    value = own[0] - other[0]
    if math.isnan(value):
        return None
    return value, 32 * EPSILON * (own[1] + other[1]) if math.isfinite(value) else 0.0


def _expected_log(p: Law, q: Law) -> tuple[float, float] | None:
    """Return the expectation under p of q's log-density, and the sum of the sizes of its parts."""
    family, target = FAMILIES.get(p.family), FAMILIES.get(q.family)
    if family is None or target is None or target.terms is None:
        return None
    location, scale = ((p.location - q.location) / q.scale, p.scale / q.scale)
    parts = [-math.log(q.scale)]
    for coefficient, statistic, argument in target.terms(**q.shape):
        if coefficient == 0:
            continue
        expected = family.expectation(statistic, argument, location, scale, p.shape)
        if expected is None:
            return None
        parts.append(coefficient * expected)
    if any(math.isinf(part) for part in parts):
        # expectations of one sign: log-densities that tend to minus infinity
        return (-math.inf, math.inf) if math.inf not in parts else None
    return math.fsum(parts), math.fsum(abs(part) for part in parts)
