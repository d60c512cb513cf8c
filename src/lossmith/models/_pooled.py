"""Max pooling, alone and together with the convolution before it, without the windows that a CPU is slow at.

A convolution that is pooled is computed at the places of each phase of the pooling window: one matrix of patches for the
upper left places, one for the upper right ones, and so on. Their maximum is taken number by number, places that no window
reaches are never computed, and what follows (bias, activation) works on the pooled values: a maximum commutes with adding
a constant and with every activation that does not decrease.
"""

from __future__ import annotations

import functools
from typing import Any

from lossmith.models._patches import Geometry, patches

__all__ = ["convolve_pooled", "max_pool"]

Pair = tuple[int, int]


def max_pool(inputs: Any, window: Pair) -> Any:
    """Return the maximum of every window of (n_rows, height, width, channels); what fills no window is left out.

    Of equal values the first in the window gets the gradient, as in XLA's own pooling.
    """
    n_rows, height, width, channels = inputs.shape
    (high, wide), (tall, broad) = (height // window[0], width // window[1]), window
    whole = inputs[:, : high * tall, : wide * broad].reshape(n_rows, high, tall, wide, broad, channels)
    return _functions()[0](*[whole[:, :, i, :, j] for i in range(tall) for j in range(broad)])


def convolve_pooled(inputs: Any, kernel: Any, where: Geometry, window: Pair) -> Any:
    """Return max pooling of a convolution with strides of 1; shape (n_rows, *pooled, filters)."""
    return _functions()[1](where, window, inputs, kernel)


@functools.cache
def _functions() -> tuple[Any, Any]:
    import jax
    import jax.numpy as jnp

    def largest(values: Any) -> Any:
        return functools.reduce(jnp.maximum, values)

    def shares(values: Any, best: Any, gradient: Any) -> list[Any]:
        """Return the gradient for each of the values: that of the first one that is the maximum."""
        free: Any = True
        found = []
        for value in values:
            hit = (value == best) & free
            found.append(jnp.where(hit, gradient, 0))
            free = free & (value != best)
        return found

    @jax.custom_vjp
    def maximum(*values: Any) -> Any:
        return largest(values)

    def maximum_ahead(*values: Any) -> Any:
        best = largest(values)
        return best, (values, best)

    def maximum_back(kept: Any, gradient: Any) -> tuple[Any, ...]:
        values, best = kept
        return tuple(shares(values, best, gradient))

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
    def pooled(where: Geometry, window: Pair, inputs: Any, kernel: Any) -> Any:
        return ahead(where, window, inputs, kernel)[0]

    def cut(inputs: Any, where: Geometry, window: Pair) -> list[Any]:
        """Return the patches at each position of the pooling windows."""
        widened = jnp.pad(inputs, ((0, 0), *where.padding, (0, 0))) if any(map(any, where.padding)) else inputs
        pooled_places = (where.places[0] // window[0], where.places[1] // window[1])
        found = []
        for i in range(window[0]):
            for j in range(window[1]):
                moved = widened[:, i:, j:]
                size = (moved.shape[1], moved.shape[2])
                found.append(patches(moved, Geometry(where.kernel, window, ((0, 0), (0, 0)), size, pooled_places)))
        return found

    def ahead(where: Geometry, window: Pair, inputs: Any, kernel: Any) -> Any:
        matrix = kernel.reshape(-1, kernel.shape[-1])
        rows = cut(inputs, where, window)
        values = [one @ matrix for one in rows]
        best = largest(values)
        shape = (len(inputs), where.places[0] // window[0], where.places[1] // window[1], kernel.shape[-1])
        return best.reshape(shape), (rows, values, best, kernel, len(inputs))

    def back(where: Geometry, window: Pair, kept: Any, gradient: Any) -> tuple[Any, Any]:
        rows, values, best, kernel, n_rows = kept
        parts = shares(values, best, gradient.reshape(-1, gradient.shape[-1]))
        by_kernel = functools.reduce(jnp.add, [one.T @ part for one, part in zip(rows, parts, strict=True)])
        return by_input(where, window, parts, kernel, n_rows), by_kernel.reshape(kernel.shape)

    def by_input(where: Geometry, window: Pair, parts: list[Any], kernel: Any, n_rows: int) -> Any:
        (tall, broad), filters = window, kernel.shape[-1]
        high, wide = where.places[0] // tall, where.places[1] // broad
        images = [part.reshape(n_rows, high, wide, filters) for part in parts]
        lines = [jnp.stack(images[i * broad : (i + 1) * broad], axis=3) for i in range(tall)]
        whole = jnp.stack(lines, axis=2).reshape(n_rows, high * tall, wide * broad, filters)
        # the input's gradient is a plain convolution of the result's gradient with the turned kernel
        (top, below), (left, right) = where.padding
        (kh, kw), (height, width) = where.kernel, where.size
        full_height, full_width = height + top + below, width + left + right
        around = (
            (0, 0),
            (kh - 1, full_height - high * tall),
            (kw - 1, full_width - wide * broad),
            (0, 0),
        )
        turned = jnp.flip(kernel, (0, 1)).transpose(0, 1, 3, 2)
        found = jax.lax.conv_general_dilated(
            jnp.pad(whole, around), turned, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return found[:, top : top + height, left : left + width]

    maximum.defvjp(maximum_ahead, maximum_back)
    pooled.defvjp(ahead, back)
    return maximum, pooled
