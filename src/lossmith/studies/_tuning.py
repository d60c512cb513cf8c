"""Training from weights that are given: networks of several runs at once, some of their layers frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import lossmith

__all__ = ["Descent", "answers", "difference", "drawn_weights", "layer_slopes", "tuned", "with_interval"]


@dataclass(frozen=True, slots=True)
class Descent:
    """Stochastic gradient descent with momentum: rate, passes over the rows, rows in a batch."""

    rate: float
    epochs: int
    batch: int = 32
    momentum: float = 0.9


def tuned(
    network: Any,
    starts: Sequence[Sequence[np.ndarray]],
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    descent: Descent,
    seed: int,
    frozen: int = 0,
    loss: str = "categorical_crossentropy",
) -> list[np.ndarray]:
    """Return the weights of every run after training, each of shape `(n_runs, ...)`.

    Parameters
    ----------
    network : keras.Model
    starts : one list of weights for every run
    inputs : ndarray of shape (n_runs, n_samples, n_features)
    targets : ndarray of shape (n_runs, n_samples, ...)
    seed : int
        Run k draws its batches from `seed` and k.
    frozen : int
        How many weights, from the first, keep their values.
    """
    import jax
    import jax.numpy as jnp

    record = lossmith.losses.get(loss)
    n_runs, n_samples = inputs.shape[:2]
    size = min(descent.batch, n_samples)
    steps = n_samples // size
    order = np.stack([
        np.concatenate([np.random.default_rng([seed, run, epoch]).permutation(n_samples)[: steps * size] for epoch in range(descent.epochs)])
        for run in range(n_runs)
    ]).reshape(n_runs, descent.epochs * steps, size)  # fmt: skip

    def one(start: list[Any], x: Any, y: Any, batches: Any) -> list[Any]:
        fixed, moving = start[:frozen], start[frozen:]

        def cost(values: list[Any], rows: Any) -> Any:
            raw = network.stateless_call([*fixed, *values], [], x[rows])[0]
            return record.pointwise(raw, y[rows]).mean()

        def step(state: Any, rows: Any) -> tuple[Any, None]:
            values, velocity = state
            slopes = jax.grad(cost)(values, rows)
            velocity = [descent.momentum * v - descent.rate * g for v, g in zip(velocity, slopes, strict=True)]
            return ([w + v for w, v in zip(values, velocity, strict=True)], velocity), None

        end, _ = jax.lax.scan(step, (moving, [jnp.zeros_like(w) for w in moving]), batches)
        return [*fixed, *end[0]]

    stacked = [jnp.asarray(np.stack(parts), jnp.float32) for parts in zip(*starts, strict=True)]
    found = jax.jit(jax.vmap(one))(stacked, jnp.asarray(inputs, jnp.float32), jnp.asarray(targets, jnp.float32), order)
    return [np.asarray(weight) for weight in found]


def answers(network: Any, weights: Sequence[np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Return raw outputs of every run, shape `(n_runs, n_samples, n_units)`; `inputs` as in `tuned`."""
    import jax

    def one(values: list[Any], x: Any) -> Any:
        return network.stateless_call(values, [], x)[0]

    return np.asarray(jax.jit(jax.vmap(one))(list(weights), np.asarray(inputs, np.float32)))


def layer_slopes(network: Any, weights: Sequence[np.ndarray], inputs: np.ndarray, targets: np.ndarray) -> list[float]:
    """Return the norm of the gradient of every kernel, from the first layer to the last."""
    import jax
    import jax.numpy as jnp

    record = lossmith.losses.get("categorical_crossentropy")
    x, y = jnp.asarray(inputs, jnp.float32), jnp.asarray(targets, jnp.float32)

    def cost(values: list[Any]) -> Any:
        return record.pointwise(network.stateless_call(values, [], x)[0], y).mean()

    slopes = jax.jit(jax.grad(cost))([np.asarray(weight, np.float32) for weight in weights])
    return [float(np.linalg.norm(slope)) for slope in slopes if slope.ndim == 2]


def drawn_weights(network: Any, rng: np.random.Generator, *, deviation: float | None = None) -> list[np.ndarray]:
    """Return kernels of a normal law of this deviation, or of Glorot's uniform law where it is None; biases are 0."""
    found = []
    for variable in network.trainable_variables:
        shape = tuple(variable.shape)
        limit = np.sqrt(6 / sum(shape))
        if len(shape) == 1:
            found.append(np.zeros(shape))
        else:
            found.append(rng.uniform(-limit, limit, shape) if deviation is None else rng.normal(0, deviation, shape))
    return found


def with_interval(values: np.ndarray) -> tuple[str, float, float]:
    """Return the mean of several runs with its 95 % t interval: as text, and its ends.

    Examples
    --------
    >>> with_interval(np.array([0.0, 1.0, 2.0]))[0]
    '1.000 [-1.484, 3.484]'
    """
    mean, low, high = difference(np.asarray(values), np.zeros(len(values)))
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]", low, high


def difference(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of paired differences and its 95 % t interval.

    Examples
    --------
    >>> [round(value, 3) for value in difference(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 1.0]))]
    [1.333, -0.101, 2.768]
    """
    from scipy import stats

    gaps = np.asarray(one) - np.asarray(other)
    half = float(stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps)))
    return float(gaps.mean()), float(gaps.mean()) - half, float(gaps.mean()) + half
