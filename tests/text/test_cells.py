"""Recurrent cells written by hand against Keras's layers, PyTorch-free: values, and gradients against automatic ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lossmith.text._cells import CELLS, layer, run_cell
from lossmith.training import load_keras

keras = load_keras()
RNG = np.random.default_rng(0)


def drawn(kind, n_inputs=3, width=4):
    gates = CELLS[kind]
    shapes = ((n_inputs, gates * width), (width, gates * width), (gates * width,))
    return tuple(RNG.normal(0, 0.7, shape).astype(np.float32) for shape in shapes)


def states(kind, rows=2, width=4):
    return tuple(jnp.asarray(RNG.normal(size=(rows, width)), jnp.float32) for _ in range(2 if kind == "lstm" else 1))


def step(kind, weights, x, state):
    """Return the next state by the textbook."""
    kernel, recurrent, bias = weights
    width = recurrent.shape[0]
    h = state[0]
    if kind == "simple_rnn":
        return (jnp.tanh(x @ kernel + h @ recurrent + bias),)
    entering, inner = x @ kernel + bias, h @ recurrent
    if kind == "gru":
        z = jax.nn.sigmoid(entering[:, :width] + inner[:, :width])
        r = jax.nn.sigmoid(entering[:, width : 2 * width] + inner[:, width : 2 * width])
        fresh = jnp.tanh(entering[:, 2 * width :] + r * inner[:, 2 * width :])
        return (z * h + (1 - z) * fresh,)
    i, f, g, o = jnp.split(entering + inner, 4, axis=-1)
    cell = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(cell), cell


def plain(kind):
    def run(weights, inputs, state):
        outputs = []
        for x in inputs:
            state = step(kind, weights, x, state)
            outputs.append(state[0])
        return jnp.stack(outputs), state

    return run


@pytest.mark.parametrize("kind", CELLS)
def test_values_are_those_of_keras(kind):
    made = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple_rnn": keras.layers.SimpleRNN}[kind](
        4, return_sequences=True
    )
    x = RNG.normal(size=(2, 6, 3)).astype(np.float32)
    made(x)
    kernel, recurrent, bias = drawn(kind)
    made.set_weights([kernel, recurrent, np.stack([bias, np.zeros_like(bias)]) if kind == "gru" else bias])
    ours = run_cell(kind, (kernel, recurrent, bias), np.moveaxis(x, 1, 0))
    np.testing.assert_allclose(np.moveaxis(ours, 0, 1), made(x), atol=2e-6)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("kind", CELLS)
def test_gradients_are_those_of_automatic_differentiation(kind, steps):
    weights, state = drawn(kind), states(kind)
    inputs = jnp.asarray(RNG.normal(size=(steps, 2, 3)), jnp.float32)
    scale = jnp.asarray(RNG.normal(size=(steps, 2, 4)), jnp.float32)

    def total(run):
        def value(weights, inputs, state):
            outputs, last = run(weights, inputs, state)
            return (outputs * scale).sum() + sum((part**2).sum() for part in last)

        return jax.grad(value, argnums=(0, 1, 2))(weights, inputs, state)

    ours, theirs = jax.tree.leaves(total(layer(kind))), jax.tree.leaves(total(plain(kind)))
    assert len(ours) == len(theirs) == 3 + 1 + len(state)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=5e-6, rtol=1e-5)


@pytest.mark.slow
def test_extreme_inputs_stay_finite():
    for kind in CELLS:
        inputs = jnp.full((3, 2, 3), 1e4)
        slopes = jax.grad(lambda w, k=kind, x=inputs: layer(k)(w, x, states(k))[0].sum())(drawn(kind))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
