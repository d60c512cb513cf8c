"""Maps from scores to probabilities beside softmax: sparsemax, entmax and tempered softmax."""

from __future__ import annotations

from functools import cache

from lossmith._arrays import Array, Namespace, log_softmax, logsumexp, peak_of, relu
from lossmith.losses._domain import Head

__all__ = ["ENTMAX", "SPARSEMAX", "entmax_root", "log_tempered_softmax", "sparsemax", "tempered_softmax"]

NEWTON_STEPS = 16


def _support(xp: Namespace, descending: Array, threshold: Array) -> tuple[Array, Array]:
    """Return which sorted entries lie above their threshold, and how many."""
    inside = threshold < descending
    return inside, xp.sum(xp.astype(inside, descending.dtype), axis=-1, keepdims=True)


def sparsemax(xp: Namespace, raw: Array) -> Array:
    """Return the point of the simplex nearest to the scores (Martins and Astudillo, 2016)."""
    x = raw - peak_of(xp, raw)
    descending = -xp.sort(-x, axis=-1)
    rank = xp.arange(1, raw.shape[-1] + 1, dtype=x.dtype)
    inside, size = _support(xp, descending, (xp.cumulative_sum(descending, axis=-1) - 1) / rank)
    total = xp.sum(xp.where(inside, descending, xp.zeros_like(x)), axis=-1, keepdims=True)
    return relu(xp, x - (total - 1) / size)


def entmax_root(xp: Namespace, raw: Array) -> Array:
    """Return the square root of 1.5-entmax (Peters, Niculae and Martins, 2019)."""
    x = 0.5 * (raw - peak_of(xp, raw))
    # entries more than 1 below the largest never matter, and their squares would drown the others
    x = xp.where(x > -2, x, xp.full_like(x, -2.0))
    descending = -xp.sort(-x, axis=-1)
    rank = xp.arange(1, raw.shape[-1] + 1, dtype=x.dtype)
    mean = xp.cumulative_sum(descending, axis=-1) / rank
    spread = xp.cumulative_sum(descending**2, axis=-1) - mean**2 * rank  # tensors first: Keras draws graphs of them
    threshold = mean - xp.sqrt(relu(xp, (1 - spread) / rank) + 1e-30)
    inside, size = _support(xp, descending, threshold)
    centre = xp.sum(xp.where(inside, descending, xp.zeros_like(x)), axis=-1, keepdims=True) / size
    spread = xp.sum(xp.where(inside, (descending - centre) ** 2, xp.zeros_like(x)), axis=-1, keepdims=True)
    return relu(xp, x - centre + xp.sqrt((1 - spread) / size))


def log_tempered_softmax(xp: Namespace, raw: Array, t: float) -> Array:
    """Return the logarithm of the tempered softmax, t >= 1 (Amid et al., 2019).

    Probabilities are `(1 + (t - 1) (c - z))^(-1 / (t - 1))`, where c makes them sum to 1. The logarithm of the sum is
    convex and falls with c, so that Newton's steps from the left never overshoot.
    """
    if t == 1:
        return log_softmax(xp, raw)
    below = peak_of(xp, raw) - raw
    c = xp.zeros_like(below[..., :1])
    for _ in range(NEWTON_STEPS):
        log_p = -xp.log1p((t - 1) * (below + c)) / (t - 1)
        total = logsumexp(xp, log_p)
        slope = xp.sum(xp.exp(log_p - total) / (1 + (t - 1) * (below + c)), axis=-1, keepdims=True)
        c = c + total / slope
    return -xp.log1p((t - 1) * (below + c)) / (t - 1)


SPARSEMAX = Head(
    "sparsemax",
    "n_classes",
    "sparsemax",
    "probability",
    sparsemax,
    "One unit for each class; sparsemax turns the outputs into probabilities, many of them exactly 0.",
)
ENTMAX = Head(
    "entmax",
    "n_classes",
    "linear",
    "probability",
    lambda xp, raw: entmax_root(xp, raw) ** 2,
    "One unit for each class; 1.5-entmax turns the outputs into probabilities, some of them exactly 0.",
)


@cache
def tempered_softmax(t: float) -> Head:
    """Return the head that predicts by the tempered softmax with this temperature."""
    return Head(
        "tempered_softmax",
        "n_classes",
        "linear",
        "probability",
        lambda xp, raw: xp.exp(log_tempered_softmax(xp, raw, t)),
        "One unit for each class; the tempered softmax turns the outputs into probabilities with heavy tails.",
    )
