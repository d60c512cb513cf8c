"""The exponential that losses with an exponential head use: exact where it matters, finite everywhere."""

from __future__ import annotations

import math

from lossmith._arrays import Array, Namespace

__all__ = ["TANGENT_FROM", "exponential"]

TANGENT_FROM = 40.0  # e^40 = 2.4e17; times 1e4 and a squared error of 1e8 it still fits into float32


def exponential(xp: Namespace, x: Array) -> Array:
    """Return `exp(x)` up to x = 40, and its tangent at 40 beyond.

    A prediction of `e^40` times the mean of the target is never right, yet raw outputs pass through such values when
    training diverges. Infinity there would turn the gradients of every other loss in the same program into NaN.
    """
    above = x > TANGENT_FROM
    top = xp.full_like(x, TANGENT_FROM)
    # the excess is 0 with gradient 0 below 40: `x - capped` would cancel in the gradient, 2e17 against 2e17
    excess = xp.where(above, x - top, xp.zeros_like(x))
    return xp.exp(xp.where(above, top, x)) + math.exp(TANGENT_FROM) * excess
