"""Training of autoencoders, variational or not, as a procedure of the engine: seeds are stacked like any other runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from lossmith.generative._latent_model import LatentModel
from lossmith.losses import gaussian_kl_by_dimension
from lossmith.training import Batch, Hyper
from lossmith.training._initial import build_optimizer, draw_seed, initial_values
from lossmith.training._layers import widest
from lossmith.training._narrow import upright
from lossmith.training.gradient import as_numbers

__all__ = ["QUANTITIES", "LatentProcedure", "LatentState", "Terms", "beta_schedule", "rate_schedule", "steps_of"]

# loss = reconstruction + weighted_divergence; divergence is that without weight and free bits
QUANTITIES = ("loss", "reconstruction", "weighted_divergence", "divergence")


@dataclass(frozen=True, slots=True)
class Terms:
    """What is minimised, in nats for a row: reconstruction + beta(step) * sum over dimensions of max(free_bits, KL).

    Attributes
    ----------
    beta, rate : ndarray of shape (n_steps,)
        Weight of the divergence, and factor of the learning rate, at every step; the last holds for all later ones.
    free_bits : float
    binarize : bool
        Whether every step draws zeros and ones from the rows.
    noise : float
        Deviation of Gaussian noise that is laid on the inputs, not on what is to be reconstructed.
    """

    beta: np.ndarray
    rate: np.ndarray
    free_bits: float
    binarize: bool
    noise: float = 0.0


class LatentState(NamedTuple):
    """Weights of encoder, decoder and the logarithm of the scale; the optimiser's variables; a key and the step."""

    weights: list[Any]
    slots: list[Any]
    key: Any
    step: Any


@final
class LatentProcedure:
    """Gradient descent on the negative evidence lower bound, or on the reconstruction alone; a `Procedure` of the engine.

    Parameters
    ----------
    body : LatentModel
    optimizer : keras.optimizers.Optimizer
    terms : Terms
    """

    def __init__(self, body: LatentModel, optimizer: Any, terms: Terms) -> None:
        self.body, self.optimizer, self.terms = body, optimizer, terms
        pair = body.pair
        self.model = pair.encoder  # tells the engine whether there are convolutions
        self.units = body.latent
        self.width = max(widest(pair.encoder), widest(pair.decoder))
        # free bits look at the mean over the batch, which rows that fill it up would change
        self.exact_batches = terms.free_bits > 0
        self._n_encoder = len(pair.encoder.variables)
        self._scale = self._scale_variable()
        build_optimizer(optimizer, [*pair.encoder.trainable_variables, *pair.decoder.trainable_variables, *self._scale])
        self._rate = next(place for place, v in enumerate(optimizer.variables) if v.path.endswith("learning_rate"))
        self._slots = [np.asarray(variable.value) for variable in optimizer.variables]

    def _scale_variable(self) -> list[Any]:
        if not self.body.likelihood.scaled:
            return []
        from lossmith.training import load_keras

        return [load_keras().Variable(np.zeros((), np.float32), name="log_scale")]

    def init(self, seed: int) -> LatentState:
        """Return initial weights drawn from `seed`."""
        values = [
            *initial_values(self.body.pair.encoder, draw_seed(seed, "encoder")),
            *initial_values(self.body.pair.decoder, draw_seed(seed, "decoder")),
            *(np.zeros((), np.float32) for _ in self._scale),
        ]
        key = np.array([draw_seed(seed, "noise"), 0], np.uint32)
        return LatentState(values, list(self._slots), key, np.int32(0))

    def _parts(self, weights: list[Any], inputs: Any, key: Any) -> tuple[Any, Any]:
        """Return the reconstruction term of each row and the divergences by dimension, (n_rows, latent)."""
        import jax
        import jax.numpy as jnp

        rows = as_numbers(inputs)
        draw, noise, jitter = jax.random.split(key, 3)
        if self.terms.binarize:
            rows = (jax.random.uniform(draw, rows.shape) < rows).astype(jnp.float32)
        seen = rows + self.terms.noise * jax.random.normal(jitter, rows.shape) if self.terms.noise else rows
        mean, log_variance = self.body.encode(weights, seen)
        if not self.body.variational:
            return -self.body.log_likelihood(weights, mean, rows), jnp.zeros_like(mean)
        codes = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(noise, mean.shape)
        return -self.body.log_likelihood(weights, codes, rows), gaussian_kl_by_dimension(mean, log_variance)

    def step(self, state: LatentState, batch: Batch, hyper: Hyper) -> tuple[LatentState, Any]:
        """Return the state after one batch, and the batch means of the terms before it."""
        import jax
        import jax.numpy as jnp

        key, now = jax.random.split(state.key)
        beta, rate = (
            jnp.asarray(table, jnp.float32)[jnp.minimum(state.step, len(table) - 1)]
            for table in (self.terms.beta, self.terms.rate)
        )

        def objective(weights: list[Any]) -> Any:
            reconstruction, parts = self._parts(weights, batch.inputs, now)
            share = batch.weight / batch.weight.sum()
            by_dimension = (parts * share[:, None]).sum(axis=0)
            rebuilt = (reconstruction * share).sum()
            weighted = beta * jnp.maximum(by_dimension, self.terms.free_bits).sum()
            weighted = weighted if self.body.variational else jnp.zeros(())
            return rebuilt + weighted, (rebuilt, weighted, by_dimension.sum())

        (loss, terms), gradients = upright(jax.value_and_grad(objective, has_aux=True))(state.weights)
        slots = list(state.slots)
        slots[self._rate] = hyper.learning_rate * rate
        weights, slots = self.optimizer.stateless_apply(slots, gradients, state.weights)
        return LatentState(list(weights), list(slots), key, state.step + 1), jnp.stack([loss, *terms])

    def final(self, state: LatentState) -> LatentState:
        """Return the state that predictions use."""
        return state

    def predict(self, state: LatentState, inputs: Any) -> Any:
        """Return the means of the codes, (n_rows, latent)."""
        return self.body.encode(state.weights, as_numbers(inputs))[0]

    def evaluate(self, state: LatentState, batch: Batch, hyper: Hyper) -> Any:  # noqa: ARG002
        """Return the terms of each row at weight 1 and without free bits: the first is the negative evidence lower bound."""
        import jax.numpy as jnp

        reconstruction, parts = self._parts(state.weights, batch.inputs, state.key)
        divergence = parts.sum(axis=1)
        return jnp.stack([reconstruction + divergence, reconstruction, divergence, divergence], axis=-1)

    def variables(self, state: LatentState) -> list[Any]:
        """Return the weights."""
        return list(state.weights)


def beta_schedule(kind: str, beta: float, *, steps: int, warm_up_steps: int, cycles: int) -> np.ndarray:
    """Return the weight of the divergence at every step: constant, rising once, or in cycles.

    Examples
    --------
    >>> beta_schedule("linear", 2.0, steps=4, warm_up_steps=2, cycles=1).tolist()
    [0.0, 1.0, 2.0, 2.0]
    """
    from lossmith.losses import warm_up

    if kind == "constant":
        return np.full(1, beta, np.float32)
    rising = steps if kind == "cyclical" else max(1, min(warm_up_steps, steps))
    times = cycles if kind == "cyclical" else 1
    shape: Any = "cosine" if kind == "cosine" else "linear"
    values = [beta * warm_up(step, steps=rising, cycles=times, shape=shape) for step in range(steps)]
    if kind == "cyclical":
        values.append(beta)
    return np.asarray(values, np.float32)


def rate_schedule(decay: str, *, steps: int) -> np.ndarray:
    """Return the factor of the learning rate at every step: 1, or falling to 0 over the second half.

    Examples
    --------
    >>> rate_schedule("linear", steps=4).tolist()
    [1.0, 1.0, 1.0, 0.5]
    """
    if decay == "none":
        return np.ones(1, np.float32)
    return np.minimum(1.0, 2 * (1 - np.arange(steps) / steps)).astype(np.float32)


def steps_of(n_rows: int, batch_size: int, epochs: int) -> int:
    """Return the number of steps of a training."""
    return epochs * math.ceil(n_rows / min(batch_size, n_rows))
