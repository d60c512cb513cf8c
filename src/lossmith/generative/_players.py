"""One network in a contest of several: its initial values, its calls and its updates as pure functions."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import numpy as np

from lossmith.training._initial import build_optimizer, initial_values

__all__ = ["Player", "Standing", "falling", "guarded", "parted", "pixels"]


class Standing(NamedTuple):
    """Where a network stands: trained weights, other variables, variables of its optimiser; lists in Keras's order."""

    weights: list[Any]
    other: list[Any]
    slots: list[Any]


def parted(model: Any, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return fresh values of the trained and of the other variables of a model."""
    values = initial_values(model, seed)
    by_id = {id(variable): value for variable, value in zip(model.variables, values, strict=True)}
    return [by_id[id(v)] for v in model.trainable_variables], [by_id[id(v)] for v in model.non_trainable_variables]


@final
class Player:
    """A network and its optimiser.

    Parameters
    ----------
    model : keras.Model
        Built.
    optimizer : keras.optimizers.Optimizer
        Of this network alone.
    """

    def __init__(self, model: Any, optimizer: Any) -> None:
        self.model, self.optimizer = model, optimizer
        build_optimizer(optimizer, model.trainable_variables)
        self._place = next(place for place, v in enumerate(optimizer.variables) if v.path.endswith("learning_rate"))
        self._rate = np.float32(np.asarray(optimizer.variables[self._place].value))
        self._slots = [np.asarray(variable.value) for variable in optimizer.variables]

    def init(self, seed: int) -> Standing:
        """Return the start; equal seeds give equal starts."""
        return Standing(*parted(self.model, seed), [np.array(slot) for slot in self._slots])

    def call(self, weights: list[Any], other: list[Any], inputs: Any, *, training: bool = True) -> tuple[Any, Any]:
        """Return outputs and other variables after the call."""
        return self.model.stateless_call(weights, other, inputs, training=training)

    def updated(self, standing: Standing, gradients: list[Any], factor: Any) -> Standing:
        """Return the standing after a step down the gradients, at the learning rate times `factor`."""
        slots = list(standing.slots)
        slots[self._place] = self._rate * factor
        weights, slots = self.optimizer.stateless_apply(slots, gradients, standing.weights)
        return Standing(list(weights), standing.other, list(slots))


def pixels(rows: Any) -> Any:
    """Return bytes of pixels as numbers in [-1, 1], and numbers as they are."""
    import jax.numpy as jnp

    return rows.astype(jnp.float32) / 127.5 - 1 if rows.dtype == jnp.uint8 else rows


def falling(step: Any, steps: int, schedule: str) -> Any:
    """Return the factor of learning rates at a step: 1, or under linear falling to 0 over the second half."""
    import jax.numpy as jnp

    return jnp.minimum(1.0, 2.0 * (1.0 - step / steps)) if schedule == "linear" else 1.0


def guarded(before: Any, after: Any, quantities: Any) -> tuple[Any, Any]:
    """Return the state after a step and its quantities; a run that breaks keeps the last state that was finite.

    States have fields `step` and `alive`.
    """
    import jax
    import jax.numpy as jnp

    alive = before.alive & jnp.isfinite(quantities).all()
    kept = jax.tree.map(lambda new, old: jnp.where(alive, new, old), after, before)
    return kept._replace(step=before.step + 1, alive=alive), jnp.where(alive, quantities, jnp.nan)
