"""Divergences between a distribution `p` and one given by its logarithm `log_q`, unchecked.

The last axis runs over the outcomes and is summed away. Nothing is validated, clipped or normalised: losses call these
on softmax outputs (`log_q` finite), the public functions of this package after their checks (`log_q` may be minus
infinity). Values and gradients are right at `p = 0` and where `q` underflows to 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lossmith._arrays import Array, Namespace, entropy_term, logsumexp, xlogy

__all__ = [
    "alpha_divergence",
    "chi_squared_divergence",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "jeffreys_divergence",
    "jensen_shannon_divergence",
    "kl_divergence",
    "renyi_divergence",
    "reverse_kl_divergence",
    "skew_divergence",
    "squared_hellinger",
    "total_variation",
    "triangular_discrimination",
]


def entropy(xp: Namespace, p: Array) -> Array:
    """Return `-sum p log p`, in nats."""
    return -xp.sum(entropy_term(xp, p), axis=-1)


def cross_entropy(xp: Namespace, p: Array, log_q: Array) -> Array:
    """Return `-sum p log q`, with `0 log 0 = 0`."""
    # the argument is replaced before the product: 0 * -inf is NaN, in the value and in the gradient
    empty = p == 0
    return -xp.sum(p * xp.where(empty, xp.zeros_like(log_q), log_q), axis=-1)


def kl_divergence(xp: Namespace, p: Array, log_q: Array) -> Array:
    """Return `sum p log(p / q)`: 0 where p is 0, infinite where only q is."""
    return cross_entropy(xp, p, log_q) - entropy(xp, p)


def reverse_kl_divergence(xp: Namespace, p: Array, log_q: Array) -> Array:
    """Return `sum q log(q / p)`: infinite where q has mass and p has none."""
    q = xp.exp(log_q)
    empty = q == 0
    ratio = xp.where(empty, xp.zeros_like(log_q), log_q) - xp.log(xp.where(empty, xp.ones_like(p), p))
    return xp.sum(q * ratio, axis=-1)


def jensen_shannon_divergence(xp: Namespace, p: Array, log_q: Array) -> Array:
    """Return the mean divergence of p and q from their mixture, between 0 and log 2."""
    q = xp.exp(log_q)
    log_sum = xp.log(xp.where(p + q == 0, xp.ones_like(q), p + q))
    from_p = xlogy(xp, p, p) - p * log_sum
    from_q = q * (xp.where(q == 0, xp.zeros_like(log_q), log_q) - log_sum)
    return math.log(2) + 0.5 * xp.sum(from_p + from_q, axis=-1)


def jeffreys_divergence(xp: Namespace, p: Array, log_q: Array) -> Array:
    """Return the sum of both directions of the Kullback-Leibler divergence."""
    return kl_divergence(xp, p, log_q) + reverse_kl_divergence(xp, p, log_q)


def skew_divergence(xp: Namespace, p: Array, log_q: Array, *, skew: float) -> Array:
    """Return `KL(p || skew p + (1 - skew) q)`: at most `-log skew`, whatever q is."""
    mixture = skew * p + (1 - skew) * xp.exp(log_q)
    return xp.sum(xlogy(xp, p, p) - xlogy(xp, p, mixture), axis=-1)


def log_affinity(xp: Namespace, p: Array, log_q: Array, *, order: float) -> Array:
    """Return `log sum p^order q^(1 - order)`, over the outcomes that p allows; minus infinity if q allows none."""
    empty = p == 0
    if order < 1:
        empty = empty | (log_q == -math.inf)
    log_p = xp.log(xp.where(empty, xp.ones_like(p), p))
    safe_q = xp.where(empty, xp.zeros_like(log_q), log_q)
    terms = xp.where(empty, xp.full_like(log_q, -math.inf), order * log_p + (1 - order) * safe_q)
    return logsumexp(xp, terms)[..., 0]


def renyi_divergence(xp: Namespace, p: Array, log_q: Array, *, order: float) -> Array:
    """Return Renyi's divergence; its limit at order 1 is Kullback-Leibler."""
    if order == 1:
        return kl_divergence(xp, p, log_q)
    return log_affinity(xp, p, log_q, order=order) / (order - 1)


def alpha_divergence(xp: Namespace, p: Array, log_q: Array, *, alpha: float) -> Array:
    """Return Amari's `(sum p^alpha q^(1 - alpha) - 1) / (alpha (alpha - 1))`, alpha neither 0 nor 1."""
    return xp.expm1(log_affinity(xp, p, log_q, order=alpha)) / (alpha * (alpha - 1))


def squared_hellinger(xp: Namespace, p: Array, log_q: Array) -> Array:
    """Return `1 - sum sqrt(p q)`, between 0 and 1."""
    # half the squared distance of the roots: 1 - sum would cancel near p = q
    return 0.5 * xp.sum((xp.sqrt(p) - xp.exp(0.5 * log_q)) ** 2, axis=-1)


def total_variation(xp: Namespace, p: Array, log_q: Array) -> Array:
    """Return `sum |p - q| / 2`, between 0 and 1."""
    return 0.5 * xp.sum(xp.abs(p - xp.exp(log_q)), axis=-1)


def chi_squared_divergence(
    xp: Namespace, p: Array, log_q: Array, *, exp: Callable[[Array], Array] | None = None
) -> Array:
    """Return Pearson's `sum (p - q)^2 / q`, as `sum p^2 / q - 1`; `exp` may be an exponential that does not overflow."""
    empty = p == 0
    inverse = (exp or xp.exp)(xp.where(empty, xp.zeros_like(log_q), -log_q))
    return xp.sum(p * (p * inverse - 1), axis=-1)


def triangular_discrimination(xp: Namespace, p: Array, log_q: Array) -> Array:
    """Return `sum (p - q)^2 / (p + q)` (Vincze, Le Cam), between 0 and 2."""
    # (p - q) / (p + q) is the tanh of half the difference of the logarithms
    empty = p == 0
    q = xp.exp(log_q)
    log_p = xp.log(xp.where(empty, xp.ones_like(p), p))
    contrast = xp.tanh(0.5 * (log_p - xp.where(empty, xp.zeros_like(log_q), log_q)))
    return xp.sum(xp.where(empty, q, (p - q) * contrast), axis=-1)


def f_divergence(xp: Namespace, p: Array, log_q: Array, *, generator: Callable[[Namespace, Array], Array]) -> Array:
    """Return `sum q f(p / q)` for p and q positive everywhere."""
    return xp.sum(xp.exp(log_q) * generator(xp, p * xp.exp(-log_q)), axis=-1)
