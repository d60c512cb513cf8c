"""Two generators and two discriminators: rows of one kind become rows of another and come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from lossmith.generative._objective_spec import Objective
from lossmith.generative._players import Player, Standing, falling, guarded, pixels
from lossmith.training._initial import draw_seed

__all__ = ["QUANTITIES", "CycleGame", "CycleRules", "CycleState"]

QUANTITIES = (
    "discriminator_loss",
    "generator_loss",
    "cycle",
    "identity",
    "accuracy_real",
    "accuracy_generated",
)


@dataclass(frozen=True, slots=True)
class CycleRules:
    """The rules of the training.

    Attributes
    ----------
    objective : Objective
        Of each generator against its discriminator.
    cycle, identity : float
        Weights of the mean absolute differences of rows that went there and back, and of rows that should stay as they are.
    batch_size, steps : int
    schedule : {"constant", "linear"}
        Linear: the learning rates fall to 0 over the second half.
    """

    objective: Objective
    cycle: float
    identity: float
    batch_size: int
    steps: int
    schedule: str


class CycleState(NamedTuple):
    """Everything that changes from step to step; of each pair the first belongs to the way there, the second to the way back."""

    there: Standing
    back: Standing
    judge_there: Standing
    judge_back: Standing
    key: Any
    step: Any
    alive: Any


@final
class CycleGame:
    """A contest for `play`.

    Parameters
    ----------
    generators, judges : pair of Player
        There (from rows of the first kind to the second) and back; a judge judges what its generator makes.
    rules : CycleRules
    """

    def __init__(self, generators: tuple[Player, Player], judges: tuple[Player, Player], rules: CycleRules) -> None:
        self.players = (*generators, *judges)
        self.rules = rules

    @property
    def models(self) -> tuple[Any, ...]:
        """All four networks."""
        return tuple(player.model for player in self.players)

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of what a step reports."""
        return QUANTITIES

    @property
    def n_steps(self) -> int:
        """Steps of a training."""
        return self.rules.steps

    def init(self, seed: int) -> CycleState:
        """Return the state before the first step; equal seeds give equal states."""
        names = ("there", "back", "judge there", "judge back")
        standings = [player.init(draw_seed(seed, name)) for player, name in zip(self.players, names, strict=True)]
        key = np.array([draw_seed(seed, "noise"), 0], np.uint32)
        there, back, judge_there, judge_back = standings
        return CycleState(there, back, judge_there, judge_back, key, np.int32(0), np.bool_(True))

    def terms(self, there: list[Any], back: list[Any], state: CycleState, one: Any, other: Any) -> dict[str, Any]:
        """Return the terms of the generators' loss, and what they made of `one` and `other`, rows of the two kinds.

        Sum: adversarial + cycle weight * cycle + identity weight * identity.
        """
        import jax.numpy as jnp

        def turned(place: int, weights: list[Any], rows: Any) -> Any:
            standing = (state.there, state.back)[place]
            return self.players[place].call(weights, standing.other, rows)[0]

        made, unmade = turned(0, there, one), turned(1, back, other)
        objective = self.rules.objective
        fooled = [
            objective.generator(f, f, **objective.parameters)
            for f in (self._judged(2, state.judge_there, made), self._judged(3, state.judge_back, unmade))
        ]
        returned = jnp.abs(turned(1, back, made) - one).mean() + jnp.abs(turned(0, there, unmade) - other).mean()
        kept = jnp.zeros(())
        if self.rules.identity:
            kept = jnp.abs(turned(0, there, other) - other).mean() + jnp.abs(turned(1, back, one) - one).mean()
        return {"adversarial": sum(fooled), "cycle": returned, "identity": kept, "made": made, "unmade": unmade}

    def _judged(self, place: int, standing: Standing, rows: Any, weights: list[Any] | None = None) -> Any:
        raw, _ = self.players[place].call(standing.weights if weights is None else weights, standing.other, rows)
        return raw.reshape(-1)

    def step(self, state: CycleState, rows: Any, others: Any) -> tuple[CycleState, Any]:
        """Return the state after one step of both generators, then of both discriminators on what these had made.

        Parameters
        ----------
        rows, others : array of shape (n_samples, ...) and (n_others, ...)
            All rows of both kinds; every step draws its own.
        """
        import jax
        import jax.numpy as jnp

        rules = self.rules
        key, *drawn = jax.random.split(state.key, 3)
        one, other = (
            pixels(kind[jax.random.randint(which, (rules.batch_size,), 0, len(kind))])
            for which, kind in zip(drawn, (rows, others), strict=True)
        )

        def of_generators(weights: tuple[list[Any], list[Any]]) -> Any:
            terms = self.terms(*weights, state, one, other)
            loss = terms["adversarial"] + rules.cycle * terms["cycle"] + rules.identity * terms["identity"]
            return loss, terms

        (_, terms), gradients = jax.value_and_grad(of_generators, has_aux=True)(
            (state.there.weights, state.back.weights)
        )
        objective = rules.objective
        pairs = {2: (state.judge_there, other, terms["made"]), 3: (state.judge_back, one, terms["unmade"])}

        def of_judges(weights: tuple[list[Any], list[Any]]) -> Any:
            total, right = jnp.zeros(()), []
            for own, (place, (standing, real, fake)) in zip(weights, pairs.items(), strict=True):
                r = self._judged(place, standing, real, own)
                f = self._judged(place, standing, jax.lax.stop_gradient(fake), own)
                total = total + objective.discriminator(r, f, **objective.parameters)
                right.append(((r > 0).mean(), (f < 0).mean()))
            return total, right

        (judged, right), slopes = jax.value_and_grad(of_judges, has_aux=True)(
            (state.judge_there.weights, state.judge_back.weights)
        )
        factor = falling(state.step, rules.steps, rules.schedule)
        new = state._replace(
            there=self.players[0].updated(state.there, gradients[0], factor),
            back=self.players[1].updated(state.back, gradients[1], factor),
            judge_there=self.players[2].updated(state.judge_there, slopes[0], factor),
            judge_back=self.players[3].updated(state.judge_back, slopes[1], factor),
            key=key,
        )
        accuracies = [0.5 * (right[0][side] + right[1][side]) for side in (0, 1)]
        return guarded(
            state,
            new,
            jnp.stack([judged, terms["adversarial"], 0.5 * terms["cycle"], 0.5 * terms["identity"], *accuracies]),
        )

    def final(self, state: CycleState) -> tuple[list[Any], list[Any]]:
        """Return the variables of the generator there, and of the generator back."""
        return [*state.there.weights, *state.there.other], [*state.back.weights, *state.back.other]

    def judges(self, state: CycleState) -> tuple[list[Any], list[Any]]:
        """Return the variables of the two judges."""
        one, other = state.judge_there, state.judge_back
        return [*one.weights, *one.other], [*other.weights, *other.other]
