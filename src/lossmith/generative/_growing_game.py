"""A contest whose networks have just grown: new images fade in over a share of the steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from lossmith.generative._adversarial import AdversarialState, Adversaries

__all__ = ["GrowingGame", "named_values"]


def named_values(model: Any, trained: list[Any], other: list[Any]) -> dict[str, np.ndarray]:
    """Return the values of all variables by their path, `layer/variable`."""
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    return {v.path: np.asarray(value) for v, value in zip(variables, [*trained, *other], strict=True)}


@final
class GrowingGame:
    """A contest for `play`.

    Parameters
    ----------
    adversaries : Adversaries
        Whose networks may hold layers `Fade`.
    fade : float
        Share of the steps over which images fade in.
    carried : mapping of str to ndarray
        Values by path, of both networks of the stage before: trained weights of these paths start from them.
    """

    def __init__(self, adversaries: Adversaries, fade: float, carried: Mapping[str, np.ndarray]) -> None:
        from lossmith.generative._growing_layers import FADE

        self._inner, self._fade, self._carried = adversaries, fade, carried
        self._places = tuple(
            [place for place, v in enumerate(model.non_trainable_variables) if v.path.endswith(FADE)]
            for model in adversaries.models
        )

    @property
    def models(self) -> tuple[Any, ...]:
        """Both networks."""
        return self._inner.models

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of what a step reports."""
        return self._inner.quantities

    @property
    def n_steps(self) -> int:
        """Steps of this stage."""
        return self._inner.n_steps

    def init(self, seed: int) -> AdversarialState:
        """Return the start of a stage: what was carried over, and fresh values for what is new."""
        state = self._inner.init(seed)
        parts = []
        for model, weights in zip(self.models, (state.generator, state.discriminator), strict=True):
            parts.append(
                [
                    np.array(self._carried.get(v.path, value))
                    for v, value in zip(model.trainable_variables, weights, strict=True)
                ]
            )
        averaged = [np.array(value) for value in parts[0]] if state.averaged else []
        return state._replace(generator=parts[0], discriminator=parts[1], averaged=averaged)

    def share(self, step: Any) -> Any:
        """Return the share of the new images at a step: from 0, and 1 in the end."""
        import jax.numpy as jnp

        return jnp.minimum((step + 1) / max(self._fade * self.n_steps, 1.0), 1.0).astype(jnp.float32)

    def step(self, state: AdversarialState, rows: Any, others: Any) -> tuple[AdversarialState, Any]:
        """Return the state after one step at the share of this step, and its quantities."""
        share = self.share(state.step)
        others_of = [
            [share if place in places else value for place, value in enumerate(values)]
            for places, values in zip(self._places, (state.generator_other, state.discriminator_other), strict=True)
        ]
        blended = state._replace(generator_other=others_of[0], discriminator_other=others_of[1])
        return self._inner.step(blended, rows, others)

    def final(self, state: AdversarialState) -> tuple[list[Any], list[Any]]:
        """Return the weights and other variables that generate."""
        return self._inner.final(state)

    def judges(self, state: AdversarialState) -> tuple[list[Any], list[Any]]:
        """Return the weights and other variables of the discriminator."""
        return self._inner.judges(state)
