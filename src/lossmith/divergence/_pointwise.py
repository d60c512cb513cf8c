"""Divergences between a distribution `p` and one given by its logarithm `log_q`, unchecked.

The last axis runs over the outcomes and is summed away. Nothing is validated, clipped or normalised: losses call these
on softmax outputs (`log_q` finite), the public functions of this package after their checks (`log_q` may be minus
infinity). Values and gradients are right at `p = 0` and where `q` underflows to 0.
"""

from __future__ import annotations

import math

from lossmith._arrays import Array, Namespace, entropy_term, xlogy

__all__ = [
    "cross_entropy",
    "entropy",
    "jensen_shannon_divergence",
    "kl_divergence",
    "reverse_kl_divergence",
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
