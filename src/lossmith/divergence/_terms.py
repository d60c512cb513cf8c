"""The terms of every divergence that is a sum over outcomes: `terms(pair)` is non-negative and zero where p equals q.

Each is written in the generalised form `q f(p / q)` with `f(1) = f'(1) = 0`. For probabilities the extra terms cancel
in the sum; they keep every term non-negative and the sum accurate when p and q nearly agree or do not add up to exactly
the same number.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lossmith._arrays import Array, Namespace
from lossmith.divergence._pair import Pair, kl_terms

__all__ = [
    "Terms",
    "alpha",
    "cross_entropy",
    "entropy",
    "hellinger",
    "itakura_saito",
    "jeffreys",
    "jensen_shannon",
    "kl",
    "log_power",
    "neyman",
    "overlap",
    "pearson",
    "reverse_kl",
    "skew",
    "squared",
    "total_variation",
    "triangular",
]

Terms = Callable[[Pair], Array]


def constant(xp: Namespace, like: Array, value: float) -> Array:
    """Return an array of one value."""
    return xp.full_like(like, value)


def kl(pair: Pair) -> Array:
    """p log(p / q) - p + q."""
    xp = pair.xp
    inside = kl_terms(xp, pair.safe_p, pair.difference, pair.relative, pair.log_ratio)
    only_p = xp.where(pair.p_positive, constant(xp, pair.p, math.inf), pair.q)
    return xp.where(pair.both, inside, xp.where(pair.q_positive, pair.q, only_p))


def reverse_kl(pair: Pair) -> Array:
    """q log(q / p) - q + p."""
    return kl(pair.swapped)


def jeffreys(pair: Pair) -> Array:
    """(p - q) log(p / q)."""
    xp = pair.xp
    neither = ~(pair.p_positive | pair.q_positive)
    outside = xp.where(neither, xp.zeros_like(pair.p), constant(xp, pair.p, math.inf))
    return xp.where(pair.both, pair.difference * pair.log_ratio, outside)


def _to_mixture(pair: Pair, weight: float) -> Array:
    """p log(p / m) - p + m with m = (1 - weight) p + weight q."""
    xp = pair.xp
    # exact powers of two keep m from underflowing where p or q is subnormal; the terms are homogeneous
    scale = 2.0**32
    p, q = pair.p * scale, pair.q * scale
    mixture = (1 - weight) * p + weight * q
    difference = weight * pair.difference * scale
    positive = (p > 0) & (mixture > 0)
    one = xp.ones_like(p)
    safe_p, safe_m = xp.where(positive, p, one), xp.where(positive, mixture, one)
    safe_d = xp.where(positive, difference, xp.zeros_like(p))
    relative = safe_d / (safe_p + safe_m)
    inside = kl_terms(xp, safe_p, safe_d, relative, xp.log(safe_p / safe_m))
    return xp.where(positive, inside, mixture) / scale


def jensen_shannon(weight: float) -> Terms:
    """Weight of p times kl(p, m) plus the rest times kl(q, m), m being the weighted mean."""

    def terms(pair: Pair) -> Array:
        return weight * _to_mixture(pair, 1 - weight) + (1 - weight) * _to_mixture(pair.swapped, weight)

    return terms


def skew(alpha: float) -> Terms:
    """kl(p, (1 - alpha) p + alpha q)."""
    return lambda pair: _to_mixture(pair, alpha)


def alpha(order: float) -> Terms:
    """(p^a q^(1-a) - a p + (a - 1) q) / (a (a - 1)), continued to a = 0 and 1."""
    if order < 0.5:
        # 1 - order would lose the digits of a small order; as the new delta it keeps them
        flipped = _alpha(1 - order, -order)
        return lambda pair: flipped(pair.swapped)
    return _alpha(order, order - 1)


def _alpha(order: float, delta: float) -> Terms:
    if delta == 0:
        return kl
    # sum of a^0 ... a^(k-2) over k!: the Taylor coefficients of q f(e^L) / q in L = log(p / q)
    series = tuple(math.fsum(order**j for j in range(k - 1)) / math.factorial(k) for k in range(2, 16))

    def terms(pair: Pair) -> Array:
        xp, log_ratio = pair.xp, pair.log_ratio
        near = xp.abs(log_ratio) * max(1.0, order) < 0.25
        small = xp.where(near, log_ratio, xp.zeros_like(log_ratio))
        total = xp.zeros_like(small) + series[-1]
        for coefficient in series[-2::-1]:
            total = total * small + coefficient
        close = pair.safe_q * small * small * total
        exponent = xp.where(near, xp.zeros_like(small), delta * log_ratio)
        large = exponent > 30
        grown = xp.exp(pair.log_safe_p + xp.where(large, exponent, xp.zeros_like(exponent)))
        power = xp.where(large, grown, pair.safe_p * xp.expm1(xp.where(large, xp.zeros_like(exponent), exponent)))
        apart = (power / delta - pair.difference) / order
        only_p = constant(xp, pair.p, math.inf) if delta > 0 else pair.p / -delta
        outside = xp.where(pair.p_positive, only_p, pair.q / order)
        return xp.where(pair.both, xp.where(near, close, apart), outside)

    return terms


def log_power(order: float) -> Terms:
    """log(p^a q^(1-a)), minus infinity where that is 0, infinity where it is."""

    def terms(pair: Pair) -> Array:
        xp = pair.xp
        inside = order * pair.log_safe_p + (1 - order) * pair.log_safe_q
        empty = constant(xp, inside, -math.inf)
        if order > 1:
            only_p = pair.p_positive & ~pair.q_positive
            empty = xp.where(only_p, constant(xp, inside, math.inf), empty)
        return xp.where(pair.both, inside, empty)

    return terms


def hellinger(pair: Pair) -> Array:
    """(sqrt p - sqrt q)^2 / 2."""
    xp = pair.xp
    total = xp.sqrt(pair.safe_p) + xp.sqrt(pair.safe_q)
    # where both underflow, so does their distance
    inside = pair.difference / xp.where(total > 0, total, xp.ones_like(total))
    return xp.where(pair.both, inside * inside, pair.p + pair.q) / 2


def overlap(pair: Pair) -> Array:
    """sqrt(p q)."""
    xp = pair.xp
    return xp.where(pair.both, xp.sqrt(pair.safe_p) * xp.sqrt(pair.safe_q), xp.zeros_like(pair.p))


def total_variation(pair: Pair) -> Array:
    """|p - q| / 2."""
    return pair.xp.abs(pair.difference) / 2


def pearson(pair: Pair) -> Array:
    """(p - q)^2 / q."""
    if pair.log_p is not None and pair.log_q is not None:
        # where q underflows the quotient need not
        return 2 * alpha(2.0)(pair)
    xp = pair.xp
    difference = pair.difference
    safe_q = xp.where(pair.q > 0, pair.q, xp.ones_like(pair.q))
    outside = xp.where(pair.p_positive, constant(xp, pair.p, math.inf), xp.zeros_like(pair.p))
    return xp.where(pair.q > 0, difference * (difference / safe_q), outside)


def neyman(pair: Pair) -> Array:
    """(p - q)^2 / p."""
    return pearson(pair.swapped)


def triangular(pair: Pair) -> Array:
    """(p - q)^2 / (p + q) / 2."""
    xp = pair.xp
    total = pair.p + pair.q
    positive = total > 0
    difference = pair.difference
    inside = difference * (difference / xp.where(positive, total, xp.ones_like(total)))
    return xp.where(positive, inside, xp.zeros_like(total)) / 2


def squared(pair: Pair) -> Array:
    """(p - q)^2."""
    return pair.difference * pair.difference


def itakura_saito(pair: Pair) -> Array:
    """p / q - log(p / q) - 1."""
    xp = pair.xp
    flipped = pair.swapped
    inside = kl_terms(xp, flipped.safe_p, flipped.difference, flipped.relative, flipped.log_ratio)
    # log(0 / 0) has no value that makes this a divergence; 0 against 0 is agreement
    neither = ~(pair.p_positive | pair.q_positive)
    outside = xp.where(neither, xp.zeros_like(pair.p), constant(xp, pair.p, math.inf))
    return xp.where(pair.both, inside / pair.safe_q, outside)


def entropy(pair: Pair) -> Array:
    """-p log p (of the first side only)."""
    xp = pair.xp
    positive = pair.p_positive
    safe = xp.where(positive, pair.p, xp.ones_like(pair.p))
    logs = xp.log(safe) if pair.log_p is None else xp.where(positive, pair.log_p, xp.zeros_like(safe))
    # a mass rounded to just above 1 has no surprise, not a negative one
    return -safe * xp.where(logs < 0, logs, xp.zeros_like(logs))


def cross_entropy(pair: Pair) -> Array:
    """-p log q."""
    xp = pair.xp
    only_p = pair.p_positive & ~pair.q_positive
    outside = xp.where(only_p, constant(xp, pair.p, math.inf), xp.zeros_like(pair.p))
    return xp.where(pair.both, -pair.safe_p * pair.log_safe_q, outside)
