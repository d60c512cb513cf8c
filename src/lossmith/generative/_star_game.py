"""One generator for all classes, and one discriminator that also names the class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from lossmith.generative._objective_spec import Objective
from lossmith.generative._players import Player, Standing, falling, guarded, pixels
from lossmith.training._initial import draw_seed

__all__ = ["QUANTITIES", "StarGame", "StarRules", "StarState"]

QUANTITIES = (
    "discriminator_loss",
    "generator_loss",
    "cycle",
    "class_loss_real",
    "class_loss_generated",
    "accuracy_real",
    "accuracy_generated",
)


@dataclass(frozen=True, slots=True)
class StarRules:
    """The rules of the training.

    Attributes
    ----------
    objective : Objective
        Of the generator against the discriminator.
    cycle : float
        Weight of the mean absolute difference of rows that became another class and came back.
    naming : float
        Weight of the cross-entropy of the classes: of real rows for the discriminator, of generated ones for the generator.
    n_classes, batch_size, steps : int
    schedule : {"constant", "linear"}
        Linear: the learning rates fall to 0 over the second half.
    """

    objective: Objective
    cycle: float
    naming: float
    n_classes: int
    batch_size: int
    steps: int
    schedule: str


class StarState(NamedTuple):
    """Everything that changes from step to step."""

    generator: Standing
    judge: Standing
    key: Any
    step: Any
    alive: Any


@final
class StarGame:
    """A contest for `play`.

    Parameters
    ----------
    generator : Player
        Takes rows and one-hot classes.
    judge : Player
        Gives raw outputs for patches of a row, and for the classes.
    rules : StarRules
    """

    def __init__(self, generator: Player, judge: Player, rules: StarRules) -> None:
        self.generator, self.judge, self.rules = generator, judge, rules

    @property
    def models(self) -> tuple[Any, ...]:
        """Both networks."""
        return self.generator.model, self.judge.model

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of what a step reports."""
        return QUANTITIES

    @property
    def n_steps(self) -> int:
        """Steps of a training."""
        return self.rules.steps

    def init(self, seed: int) -> StarState:
        """Return the state before the first step; equal seeds give equal states."""
        key = np.array([draw_seed(seed, "noise"), 0], np.uint32)
        generator = self.generator.init(draw_seed(seed, "generator"))
        judge = self.judge.init(draw_seed(seed, "discriminator"))
        return StarState(generator, judge, key, np.int32(0), np.bool_(True))

    def _judged(self, weights: list[Any], other: list[Any], rows: Any) -> tuple[Any, Any]:
        (real, named), _ = self.judge.call(weights, other, rows)
        return real.reshape(-1), named

    def step(self, state: StarState, rows: Any, others: Any) -> tuple[StarState, Any]:
        """Return the state after one step of the generator, then of the discriminator on what it had made.

        Parameters
        ----------
        rows : array of shape (n_samples, ...)
            All of them; every step draws its own, and a class for each to become.
        others : array of int, shape (n_samples,)
            Classes of the rows.
        """
        import jax
        import jax.numpy as jnp

        rules, objective = self.rules, self.rules.objective
        key, which, wanted = jax.random.split(state.key, 3)
        chosen = jax.random.randint(which, (rules.batch_size,), 0, len(rows))
        real = pixels(rows[chosen])
        own = jax.nn.one_hot(others[chosen], rules.n_classes)
        goal = jax.nn.one_hot(jax.random.randint(wanted, (rules.batch_size,), 0, rules.n_classes), rules.n_classes)

        def named_wrong(raw: Any, classes: Any) -> Any:
            return -(classes * jax.nn.log_softmax(raw)).sum(axis=1).mean()

        def of_generator(weights: list[Any]) -> Any:
            made, _ = self.generator.call(weights, state.generator.other, [real, goal])
            returned, _ = self.generator.call(weights, state.generator.other, [made, own])
            f, named = self._judged(state.judge.weights, state.judge.other, made)
            adversarial = objective.generator(f, f, **objective.parameters)
            naming, cycle = named_wrong(named, goal), jnp.abs(returned - real).mean()
            return adversarial + rules.naming * naming + rules.cycle * cycle, (adversarial, naming, cycle, made)

        (_, (adversarial, naming, cycle, made)), gradients = jax.value_and_grad(of_generator, has_aux=True)(
            state.generator.weights
        )

        def of_judge(weights: list[Any]) -> Any:
            r, named = self._judged(weights, state.judge.other, real)
            f, _ = self._judged(weights, state.judge.other, jax.lax.stop_gradient(made))
            loss, known = objective.discriminator(r, f, **objective.parameters), named_wrong(named, own)
            return loss + rules.naming * known, (loss, known, (r > 0).mean(), (f < 0).mean())

        (_, (judged, known, *right)), slopes = jax.value_and_grad(of_judge, has_aux=True)(state.judge.weights)
        factor = falling(state.step, rules.steps, rules.schedule)
        new = state._replace(
            generator=self.generator.updated(state.generator, gradients, factor),
            judge=self.judge.updated(state.judge, slopes, factor),
            key=key,
        )
        return guarded(state, new, jnp.stack([judged, adversarial, cycle, known, naming, *right]))

    def final(self, state: StarState) -> tuple[list[Any], list[Any]]:
        """Return the variables of the generator."""
        return state.generator.weights, state.generator.other

    def judges(self, state: StarState) -> tuple[list[Any], list[Any]]:
        """Return the variables of the discriminator."""
        return state.judge.weights, state.judge.other
