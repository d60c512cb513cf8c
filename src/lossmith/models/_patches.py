"""Convolutions written as matrix products, with gradients of their own: what a CPU does best.

XLA's convolution kernel for CPUs is good at the forward pass and poor at its gradients, and inside a compiled loop it is
another, slow one. Here a convolution cuts its input into patches, the rows of a matrix, and multiplies once. The backward
pass multiplies the patches that the forward pass kept (gradient of the kernel) and lays products of patches back onto
each other (gradient of the input). A transposed convolution is the second half alone.

Arrays are (n_rows, height, width, channels); one dimension is a height of 1.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

__all__ = ["Geometry", "convolve", "convolve_transposed", "geometry", "geometry_transposed", "lay_back", "patches"]

Pair = tuple[int, int]


class Geometry(NamedTuple):
    """Where the patches of a convolution lie; a static argument of everything below.

    `size` is that of the input without padding, `padding` (before, after) of each axis, `places` how many patches.
    """

    kernel: Pair
    strides: Pair
    padding: tuple[Pair, Pair]
    size: Pair
    places: Pair


def geometry(size: Pair, kernel: Pair, strides: Pair, padding: str) -> Geometry:
    """Return the patches of a convolution with padding "valid" or "same", as Keras and TensorFlow place them.

    Examples
    --------
    >>> geometry((5, 5), (3, 3), (2, 2), "same").places, geometry((5, 5), (3, 3), (1, 1), "valid").places
    ((3, 3), (3, 3))
    """
    around: list[Pair] = []
    places = []
    for length, width, stride in zip(size, kernel, strides, strict=True):
        if padding == "valid":
            around.append((0, 0))
            places.append((length - width) // stride + 1)
            continue
        count = -(-length // stride)
        total = max((count - 1) * stride + width - length, 0)
        around.append((total // 2, total - total // 2))
        places.append(count)
    return Geometry(kernel, strides, (around[0], around[1]), size, (places[0], places[1]))


def geometry_transposed(size: Pair, kernel: Pair, strides: Pair, padding: str) -> Geometry:
    """Return the geometry whose patches are the places of the input of a transposed convolution.

    Examples
    --------
    >>> geometry_transposed((7, 7), (4, 4), (2, 2), "same").size
    (14, 14)
    """
    around: list[Pair] = []
    result = []
    for length, width, stride in zip(size, kernel, strides, strict=True):
        overlap = max(width - stride, 0)
        if padding == "valid":
            around.append((0, 0))
            result.append(length * stride + overlap)
        else:
            around.append((overlap // 2, overlap - overlap // 2))
            result.append(length * stride)
    return Geometry(kernel, strides, (around[0], around[1]), (result[0], result[1]), size)


def patches(inputs: Any, where: Geometry) -> Any:
    """Return the patches of `inputs`, one row for each place, shape (n_rows * places, kernel * channels)."""
    import jax
    import jax.numpy as jnp

    n_rows, _, _, channels = inputs.shape
    padded = jnp.pad(inputs, ((0, 0), *where.padding, (0, 0))) if any(map(any, where.padding)) else inputs
    (down, across), (high, wide) = where.strides, where.places
    pieces = [
        jax.lax.slice(
            padded,
            (0, i, j, 0),
            (n_rows, i + (high - 1) * down + 1, j + (wide - 1) * across + 1, channels),
            (1, down, across, 1),
        )
        for i in range(where.kernel[0])
        for j in range(where.kernel[1])
    ]
    return jnp.concatenate(pieces, axis=-1).reshape(n_rows * high * wide, -1)


def lay_back(rows: Any, where: Geometry, *, n_rows: int) -> Any:
    """Return the sum of patches laid where they were cut: the adjoint of `patches`, shape (n_rows, *size, channels)."""
    import jax.numpy as jnp

    (tall, broad), (down, across), (high, wide) = where.kernel, where.strides, where.places
    pieces = rows.reshape(n_rows, high, wide, tall, broad, -1)
    full = [length + sum(around) for length, around in zip(where.size, where.padding, strict=True)]
    lines = [-(-length // stride) for length, stride in zip(full, where.strides, strict=True)]
    # a stride parts the result into interleaved images; each is a sum of a few shifted ones
    images: list[list[Any]] = [[None] * across for _ in range(down)]
    for i in range(tall):
        for j in range(broad):
            top, left = i // down, j // across
            shifted = jnp.pad(
                pieces[:, :, :, i, j],
                ((0, 0), (top, lines[0] - high - top), (left, lines[1] - wide - left), (0, 0)),
            )
            old = images[i % down][j % across]
            images[i % down][j % across] = shifted if old is None else old + shifted
    empty = jnp.zeros((n_rows, *lines, pieces.shape[-1]), rows.dtype)
    if (down, across) == (1, 1):
        whole = images[0][0]
    else:
        columns = [jnp.stack([empty if one is None else one for one in line], axis=3) for line in images]
        whole = jnp.stack(columns, axis=2).reshape(n_rows, lines[0] * down, lines[1] * across, -1)
    (top, _), (left, _) = where.padding
    return whole[:, top : top + where.size[0], left : left + where.size[1]]


def convolve(inputs: Any, kernel: Any, where: Geometry) -> Any:
    """Return the cross-correlation of `inputs` with `kernel` of shape (height, width, channels, filters)."""
    return _compiled()[0](where, inputs, kernel)


def convolve_transposed(inputs: Any, kernel: Any, where: Geometry) -> Any:
    """Return the transposed convolution with `kernel` of shape (height, width, filters, channels)."""
    return _compiled()[1](where, inputs, kernel)


@functools.cache
def _compiled() -> tuple[Any, Any]:
    """Return both functions with their gradients; made once, when JAX is first needed."""
    import jax

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def forward(where: Geometry, inputs: Any, kernel: Any) -> Any:
        return ahead(where, inputs, kernel)[0]

    def ahead(where: Geometry, inputs: Any, kernel: Any) -> Any:
        rows = patches(inputs, where)
        result = rows @ kernel.reshape(-1, kernel.shape[-1])
        return result.reshape(len(inputs), *where.places, -1), (rows, kernel, len(inputs))

    def back(where: Geometry, kept: Any, gradient: Any) -> tuple[Any, Any]:
        rows, kernel, n_rows = kept
        flat = gradient.reshape(-1, gradient.shape[-1])
        by_kernel = (rows.T @ flat).reshape(kernel.shape)
        return lay_back(flat @ kernel.reshape(-1, kernel.shape[-1]).T, where, n_rows=n_rows), by_kernel

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def forward_transposed(where: Geometry, inputs: Any, kernel: Any) -> Any:
        return ahead_transposed(where, inputs, kernel)[0]

    def ahead_transposed(where: Geometry, inputs: Any, kernel: Any) -> Any:
        flat = inputs.reshape(-1, inputs.shape[-1])
        rows = flat @ kernel.reshape(-1, kernel.shape[-1]).T
        return lay_back(rows, where, n_rows=len(inputs)), (inputs, kernel)

    def back_transposed(where: Geometry, kept: Any, gradient: Any) -> tuple[Any, Any]:
        inputs, kernel = kept
        rows = patches(gradient, where)
        by_inputs = (rows @ kernel.reshape(-1, kernel.shape[-1])).reshape(inputs.shape)
        return by_inputs, (rows.T @ inputs.reshape(-1, inputs.shape[-1])).reshape(kernel.shape)

    forward.defvjp(ahead, back)
    forward_transposed.defvjp(ahead_transposed, back_transposed)
    return forward, forward_transposed
