"""Recurrent layers laid out for speed, with gradients written by hand.

All that does not depend on the state is one matrix product over every time step before the loop; so are the gradients
of the weights after it. Within the loop there is one product of the state with the weights of all gates together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["CELLS", "layer", "run_cell"]

# gates of each cell: how many widths its weights have
CELLS = {"lstm": 4, "gru": 3, "simple_rnn": 1}


def layer(kind: str) -> Callable[..., Any]:
    """Return `run(weights, inputs, state) -> (outputs, last state)` of a cell.

    `weights` are (kernel, recurrent, bias) of shapes (n_inputs, gates * width), (width, gates * width), (gates * width,),
    gates in Keras's order; `inputs` are (n_steps, n_rows, n_inputs); the state is (h,) or (h, c), each (n_rows, width).
    """
    return {"lstm": _lstm, "gru": _gru, "simple_rnn": _simple}[kind]()


def run_cell(kind: str, weights: tuple[Any, Any, Any], inputs: Any) -> np.ndarray:
    """Return the outputs of a cell from a state of zeros, shape (n_steps, n_rows, width).

    Use it to check a cell by hand, one step after the other.

    Parameters
    ----------
    kind : {"lstm", "gru", "simple_rnn"}
    weights : tuple of arrays
        Kernel, recurrent weights and bias; see `layer`.
    inputs : array of shape (n_steps, n_rows, n_inputs)

    Examples
    --------
    >>> ones = np.ones((1, 4), np.float32)
    >>> run_cell("lstm", (ones, ones, np.zeros(4, np.float32)), np.zeros((1, 1, 1), np.float32)).ravel().tolist()
    [0.0]
    """
    state = tuple(np.zeros((inputs.shape[1], len(weights[1])), np.float32) for _ in range(2 if kind == "lstm" else 1))
    return np.asarray(layer(kind)(weights, inputs, state)[0])


def _affine(inputs: Any, kernel: Any, bias: Any) -> Any:
    steps, rows, width = inputs.shape
    return (inputs.reshape(steps * rows, width) @ kernel + bias).reshape(steps, rows, -1)


def _gradients(inputs: Any, kernel: Any, before: Any, slopes: Any, own: Any = None) -> tuple[Any, Any, Any, Any]:
    """Return gradients of inputs, kernel, recurrent weights and bias from those of the gates' sums at every step.

    `own` are the slopes that reach the recurrent weights, where they differ.
    """
    steps, rows, width = inputs.shape
    flat = slopes.reshape(steps * rows, -1)
    recurrent = flat if own is None else own.reshape(steps * rows, -1)
    d_inputs = (flat @ kernel.T).reshape(steps, rows, width)
    d_kernel = inputs.reshape(steps * rows, width).T @ flat
    d_recurrent = before.reshape(steps * rows, -1).T @ recurrent
    return d_inputs, d_kernel, d_recurrent, flat.sum(0)


def _turned(recurrent: Any) -> Any:
    """Return the transposed weights as an array of their own, so that no step of the loop turns them again."""
    import jax

    return jax.lax.optimization_barrier(recurrent.T)


def _lstm() -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    def active(sums: Any) -> Any:
        # tanh(x) = 2 sigmoid(2 x) - 1: one function over all gates is one loop
        width = sums.shape[-1] // 4
        scale = np.repeat(np.array([1, 1, 2, 1], np.float32), width)
        return jax.nn.sigmoid(sums * scale) * scale - np.repeat(np.array([0, 0, 1, 0], np.float32), width)

    def forward(weights: Any, inputs: Any, state: Any) -> Any:
        kernel, recurrent, bias = weights

        def step(carry: Any, entering: Any) -> Any:
            h, c = carry
            gates = active(entering + h @ recurrent)
            i, f, g, o = jnp.split(gates, 4, axis=-1)
            fresh = f * c + i * g
            out = o * jnp.tanh(fresh)
            return (out, fresh), (out, fresh, gates)

        last, (outputs, cells, gates) = jax.lax.scan(step, state, _affine(inputs, kernel, bias))
        return (outputs, last), (weights, inputs, state, outputs, cells, gates)

    def backward(kept: Any, slopes: Any) -> Any:
        (kernel, recurrent, _), inputs, state, outputs, cells, gates = kept
        d_outputs, (d_h, d_c) = slopes
        before_c = jnp.concatenate([state[1][None], cells[:-1]])
        back = _turned(recurrent)

        def step(carry: Any, here: Any) -> Any:
            d_h, d_c = carry
            d_out, gates, cell, before = here
            i, f, g, o = jnp.split(gates, 4, axis=-1)
            squashed = jnp.tanh(cell)
            d_h = d_h + d_out
            d_c = d_c + d_h * o * (1 - squashed * squashed)
            d_sums = jnp.concatenate(
                [
                    d_c * g * i * (1 - i),
                    d_c * before * f * (1 - f),
                    d_c * i * (1 - g * g),
                    d_h * squashed * o * (1 - o),
                ],
                axis=-1,
            )
            return (d_sums @ back, d_c * f), d_sums

        first, d_sums = jax.lax.scan(step, (d_h, d_c), (d_outputs, gates, cells, before_c), reverse=True)
        before = jnp.concatenate([state[0][None], outputs[:-1]])
        d_inputs, d_kernel, d_recurrent, d_bias = _gradients(inputs, kernel, before, d_sums)
        return (d_kernel, d_recurrent, d_bias), d_inputs, first

    return _with_gradient(forward, backward)


def _with_gradient(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """Return the first result of `forward` as a function whose gradient is `backward`."""
    import jax

    @jax.custom_vjp
    def run(weights: Any, inputs: Any, state: Any) -> Any:
        return forward(weights, inputs, state)[0]

    run.defvjp(forward, backward)
    return run


def _gru() -> Callable[..., Any]:
    """Return the GRU whose reset gate acts after the product with the recurrent weights (Keras's `reset_after`, one bias)."""
    import jax
    import jax.numpy as jnp

    def forward(weights: Any, inputs: Any, state: Any) -> Any:
        kernel, recurrent, bias = weights
        width = recurrent.shape[0]

        def step(carry: Any, entering: Any) -> Any:
            (h,) = carry
            inner = h @ recurrent
            z = jax.nn.sigmoid(entering[:, :width] + inner[:, :width])
            r = jax.nn.sigmoid(entering[:, width : 2 * width] + inner[:, width : 2 * width])
            fresh = jnp.tanh(entering[:, 2 * width :] + r * inner[:, 2 * width :])
            out = z * h + (1 - z) * fresh
            return (out,), (out, z, r, fresh, inner[:, 2 * width :])

        last, (outputs, z, r, fresh, inner) = jax.lax.scan(step, state, _affine(inputs, kernel, bias))
        return (outputs, last), (weights, inputs, state, outputs, z, r, fresh, inner)

    def backward(kept: Any, slopes: Any) -> Any:
        (kernel, recurrent, _), inputs, state, outputs, z, r, fresh, inner = kept
        d_outputs, (d_h,) = slopes
        before = jnp.concatenate([state[0][None], outputs[:-1]])
        back = _turned(recurrent)

        def step(carry: Any, here: Any) -> Any:
            (d_h,) = carry
            d_out, z, r, fresh, inner, h = here
            d_h = d_h + d_out
            d_fresh = d_h * (1 - z) * (1 - fresh * fresh)
            d_z = d_h * (h - fresh) * z * (1 - z)
            d_r = d_fresh * inner * r * (1 - r)
            d_inner = jnp.concatenate([d_z, d_r, d_fresh * r], axis=-1)
            return (d_inner @ back + d_h * z,), (jnp.concatenate([d_z, d_r, d_fresh], axis=-1), d_inner)

        first, (d_sums, d_inner) = jax.lax.scan(step, (d_h,), (d_outputs, z, r, fresh, inner, before), reverse=True)
        d_inputs, d_kernel, d_recurrent, d_bias = _gradients(inputs, kernel, before, d_sums, d_inner)
        return (d_kernel, d_recurrent, d_bias), d_inputs, first

    return _with_gradient(forward, backward)


def _simple() -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    def forward(weights: Any, inputs: Any, state: Any) -> Any:
        kernel, recurrent, bias = weights

        def step(carry: Any, entering: Any) -> Any:
            out = jnp.tanh(entering + carry[0] @ recurrent)
            return (out,), out

        last, outputs = jax.lax.scan(step, state, _affine(inputs, kernel, bias))
        return (outputs, last), (weights, inputs, state, outputs)

    def backward(kept: Any, slopes: Any) -> Any:
        (kernel, recurrent, _), inputs, state, outputs = kept
        d_outputs, (d_h,) = slopes
        back = _turned(recurrent)

        def step(carry: Any, here: Any) -> Any:
            d_out, out = here
            d_sums = (carry[0] + d_out) * (1 - out * out)
            return (d_sums @ back,), d_sums

        first, d_sums = jax.lax.scan(step, (d_h,), (d_outputs, outputs), reverse=True)
        before = jnp.concatenate([state[0][None], outputs[:-1]])
        d_inputs, d_kernel, d_recurrent, d_bias = _gradients(inputs, kernel, before, d_sums)
        return (d_kernel, d_recurrent, d_bias), d_inputs, first

    return _with_gradient(forward, backward)
