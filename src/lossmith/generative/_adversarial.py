"""One step of adversarial training: some steps of the discriminator, one of the generator, an average of its weights.

Pure functions of a state, so that many seeds are one program: `vmap` over states and a loop over steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from lossmith.generative._objective_spec import Objective, Penalty
from lossmith.generative._players import parted
from lossmith.training._initial import build_optimizer, draw_seed

__all__ = ["QUANTITIES", "Adversaries", "AdversarialState", "Game"]

# what a step reports
QUANTITIES = (
    "discriminator_loss",
    "generator_loss",
    "penalty",
    "accuracy_real",
    "accuracy_generated",
    "gradient",
    "spread",
)


FADED = 1e-2  # share of the noise that is left
FADING = 0.6  # share of the steps over which it falls
# the adaptive schedule: pairs that the discriminator may win, the fastest change of the scale's logarithm in a step, how the
# rates follow the scale, and the share of the steps after which they also fall to 0
WON, PACE, FOLLOW, ENDING = 0.75, 0.004, 0.7, 0.75


@dataclass(frozen=True, slots=True)
class Game:
    """The rules of one adversarial training.

    Attributes
    ----------
    objective : Objective
    penalty : {"none", "gradient", "r1", "r1r2", "clip"}
    penalty_weight : float
        Of the penalty's mean; the largest absolute weight for clip.
    critic_steps : int
    smoothing : float
        One-sided smoothing of the targets of real rows.
    average : float
        Decay of the generator's averaged weights; 0 keeps none.
    batch_size, latent, n_classes : int
        `n_classes` is 0 without conditions.
    schedule : {"constant", "linear", "adaptive"}
        Linear: the learning rates fall to 0 over the second half. Adaptive: a scale starts at 1 and shrinks as long as the discriminator
        wins less than 75 % of pairs of a real and a generated row, and grows while it wins more, so that the generator keeps up; the
        blur of waves, noise, rates (to the power 0.7) and slope penalties (squared: slopes go with the inverse of a length) follow it.
    steps : int
    noise : float
        Deviation of Gaussian noise on everything that the discriminator sees, at the first step; it falls geometrically
        to a hundredth over the first 60 % of the steps, and the weight of the penalty with it. From coarse to fine: where the laws do not overlap, sharp discriminators lead nowhere.
    bits : int
        Numbers of the generator's noise that are -1 or 1 instead of normal.
    """

    objective: Objective
    penalty: Penalty
    penalty_weight: float
    critic_steps: int
    smoothing: float
    average: float
    batch_size: int
    latent: int
    n_classes: int
    schedule: str
    steps: int
    noise: float = 0.0
    bits: int = 0


class AdversarialState(NamedTuple):
    """Everything that changes from step to step; lists of arrays in Keras's order."""

    generator: list[Any]
    generator_other: list[Any]
    generator_slots: list[Any]
    discriminator: list[Any]
    discriminator_other: list[Any]
    discriminator_slots: list[Any]
    averaged: list[Any]
    scale: Any
    key: Any
    step: Any
    alive: Any


@final
class Adversaries:
    """Generator and discriminator, and the pure functions that train them against each other.

    Parameters
    ----------
    generator, discriminator : keras.Model
        Built; inputs `z` (and one-hot classes) and rows (and one-hot classes); the discriminator ends in one raw output.
    generator_optimizer, discriminator_optimizer : keras.optimizers.Optimizer
    game : Game
    """

    def __init__(
        self, generator: Any, discriminator: Any, generator_optimizer: Any, discriminator_optimizer: Any, game: Game
    ) -> None:
        self.generator, self.discriminator, self.game = generator, discriminator, game
        self.optimizers = (generator_optimizer, discriminator_optimizer)
        self._rates: list[int] = []
        self._blurs = [
            place for place, v in enumerate(discriminator.non_trainable_variables) if v.path.endswith("waves_blur")
        ]
        for optimizer, model in zip(self.optimizers, (generator, discriminator), strict=True):
            build_optimizer(optimizer, model.trainable_variables)
            self._rates.append(
                next(place for place, v in enumerate(optimizer.variables) if v.path.endswith("learning_rate"))
            )

    @property
    def models(self) -> tuple[Any, ...]:
        """Both networks."""
        return self.generator, self.discriminator

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of what a step reports."""
        return QUANTITIES

    @property
    def n_steps(self) -> int:
        """Steps of a training."""
        return self.game.steps

    def init(self, seed: int) -> AdversarialState:
        """Return the state before the first step; equal seeds give equal states."""
        generator, generator_other = parted(self.generator, draw_seed(seed, "generator"))
        discriminator, discriminator_other = parted(self.discriminator, draw_seed(seed, "discriminator"))
        slots = [[np.asarray(v.value) for v in optimizer.variables] for optimizer in self.optimizers]
        return AdversarialState(
            generator,
            generator_other,
            slots[0],
            discriminator,
            discriminator_other,
            slots[1],
            [np.array(value) for value in generator] if self.game.average else [],
            np.float32(1),
            np.array([draw_seed(seed, "noise"), 0], np.uint32),
            np.int32(0),
            np.bool_(True),
        )

    def generated(self, weights: list[Any], other: list[Any], z: Any, classes: Any, *, training: bool) -> Any:
        """Return generated rows and the generator's other variables."""
        inputs = [z, classes] if self.game.n_classes else z
        return self.generator.stateless_call(weights, other, inputs, training=training)

    def judged(self, weights: list[Any], other: list[Any], rows: Any, classes: Any, *, training: bool = True) -> Any:
        """Return raw outputs of shape (n_rows,) and the discriminator's other variables."""
        inputs = [rows, classes] if self.game.n_classes else rows
        raw, other = self.discriminator.stateless_call(weights, other, inputs, training=training)
        return raw.reshape(len(raw)), other

    def noise(self, key: Any, n: int) -> Any:
        """Return noise for `n` rows, standard normal but for the signs that come first."""
        import jax
        import jax.numpy as jnp

        z = jax.random.normal(key, (n, self.game.latent))
        if not self.game.bits:
            return z
        return jnp.where(jnp.arange(self.game.latent) < self.game.bits, jnp.where(z < 0, -1.0, 1.0), z)

    def step(self, state: AdversarialState, rows: Any, labels: Any) -> tuple[AdversarialState, Any]:
        """Return the state after one step, and its quantities, shape (n_quantities,).

        Parameters
        ----------
        rows : array of shape (n_samples, ...)
            All of them; every step draws its own.
        labels : array of int, shape (n_samples,)
        """
        import jax
        import jax.numpy as jnp

        new, values = state, None
        for _ in range(self.game.critic_steps):
            new, values = self._discriminator_step(new, rows, labels)
        new, loss, gradient, spread = self._generator_step(new, rows, labels)
        if values is None:
            raise ValueError("no step of the discriminator")
        quantities = jnp.stack([values[0], loss, *values[1:], gradient, spread])
        alive = state.alive & jnp.isfinite(quantities).all()
        # a run that breaks keeps the last state that was finite
        kept = jax.tree.map(lambda after, before: jnp.where(alive, after, before), new, state)
        return kept._replace(step=state.step + 1, alive=alive), jnp.where(alive, quantities, jnp.nan)

    def _draw(self, key: Any, rows: Any, labels: Any) -> tuple[Any, Any, Any, Any]:
        import jax
        import jax.numpy as jnp

        key, which, z = jax.random.split(key, 3)
        chosen = jax.random.randint(which, (self.game.batch_size,), 0, len(rows))
        real = rows[chosen]
        if real.dtype == jnp.uint8:
            real = real.astype(jnp.float32) / 127.5 - 1
        classes = jax.nn.one_hot(labels[chosen], self.game.n_classes) if self.game.n_classes else None
        return key, real, classes, self.noise(z, self.game.batch_size)

    def _blurred(self, rows: Any, key: Any, left: Any) -> Any:
        """Return rows with the noise of which a share is left."""
        import jax

        if not self.game.noise:
            return rows
        return rows + self.game.noise * left * jax.random.normal(key, rows.shape)

    def _left(self, state: AdversarialState) -> Any:
        """Return the share of the noise that is left."""
        import jax.numpy as jnp

        if self.game.schedule == "adaptive":
            return state.scale
        return FADED ** jnp.minimum(state.step / (FADING * self.game.steps), 1.0) if self.game.noise else 1.0

    def _weight(self, left: Any) -> Any:
        """Return the factor of the penalty: slopes grow as details appear, and are meant to."""
        if self.game.schedule != "adaptive":
            return left
        return 1.0 if self.game.penalty == "gradient" else left**2

    def _factor(self, state: AdversarialState) -> Any:
        import jax.numpy as jnp

        if self.game.schedule == "constant":
            return 1.0
        rest = 1.0 - state.step / self.game.steps
        if self.game.schedule == "linear":
            return jnp.minimum(1.0, 2.0 * rest)
        return state.scale**FOLLOW * jnp.minimum(1.0, rest / (1.0 - ENDING))

    def _rescaled(self, scale: Any, won: Any) -> Any:
        """Return the scale after a step in which the discriminator won that share of pairs."""
        import jax.numpy as jnp

        if self.game.schedule != "adaptive":
            return scale
        return jnp.clip(scale * jnp.exp(-PACE * jnp.clip(8.0 * (WON - won), -1.0, 1.0)), FADED, 1.0)

    def _with_blur(self, other: list[Any], left: Any) -> list[Any]:
        """Return the discriminator's other variables with the blur of its waves."""
        if self.game.schedule != "adaptive":
            return other
        return [left if place in self._blurs else value for place, value in enumerate(other)]

    def _applied(self, place: int, state: AdversarialState, gradients: Any) -> Any:
        weights = (state.generator, state.discriminator)[place]
        slots = list((state.generator_slots, state.discriminator_slots)[place])
        base = float(np.asarray(self.optimizers[place].variables[self._rates[place]].value))
        slots[self._rates[place]] = np.float32(base) * self._factor(state)
        weights, slots = self.optimizers[place].stateless_apply(slots, gradients, weights)
        return list(weights), list(slots)

    def _discriminator_step(self, state: AdversarialState, rows: Any, labels: Any) -> tuple[AdversarialState, Any]:
        import jax
        import jax.numpy as jnp

        game = self.game
        key, real, classes, z = self._draw(state.key, rows, labels)
        key, between, one, other = jax.random.split(key, 4)
        fake, _ = self.generated(state.generator, state.generator_other, z, classes, training=True)
        left = self._left(state)
        real = self._blurred(real, one, left)
        fake = self._blurred(jax.lax.stop_gradient(fake), other, left)
        variables = self._with_blur(state.discriminator_other, left)

        def objective(weights: list[Any]) -> Any:
            r, other = self.judged(weights, variables, real, classes)
            f, other = self.judged(weights, other, fake, classes)
            options = {"smoothing": game.smoothing} if game.smoothing else {}
            loss = game.objective.discriminator(r, f, **game.objective.parameters, **options)
            penalty = self._penalty(weights, variables, real, fake, classes, between) * self._weight(left)
            return loss + penalty, (loss, penalty, r, f, other)

        (_, (loss, penalty, r, f, other)), gradients = jax.value_and_grad(objective, has_aux=True)(state.discriminator)
        weights, slots = self._applied(1, state, gradients)
        if game.penalty == "clip":
            weights = [jnp.clip(value, -game.penalty_weight, game.penalty_weight) for value in weights]
        won = (r > f).mean()
        right = ((r > 0).mean(), (f < 0).mean()) if game.objective.decides == "sign" else (won, won)
        state = state._replace(
            discriminator=weights,
            discriminator_other=list(other),
            discriminator_slots=slots,
            scale=self._rescaled(state.scale, won),
            key=key,
        )
        return state, (loss, penalty, *right)

    def _penalty(self, weights: list[Any], other: list[Any], real: Any, fake: Any, classes: Any, key: Any) -> Any:
        import jax
        import jax.numpy as jnp

        game = self.game
        if game.penalty in ("none", "clip"):
            return jnp.zeros(())

        def slopes(points: Any) -> Any:
            """Return the squared length of the discriminator's slope at each point."""
            gradient = jax.grad(lambda x: self.judged(weights, other, x, classes)[0].sum())(points)
            return (gradient.reshape(len(gradient), -1) ** 2).sum(axis=1)

        if game.penalty == "gradient":
            share = jax.random.uniform(key, (len(real), *(1,) * (real.ndim - 1)))
            lengths = jnp.sqrt(slopes(share * real + (1 - share) * fake) + 1e-12)
            return game.penalty_weight * ((lengths - 1) ** 2).mean()
        found = slopes(real).mean()
        if game.penalty == "r1r2":
            found = found + slopes(fake).mean()
        return 0.5 * game.penalty_weight * found

    def _generator_step(
        self, state: AdversarialState, rows: Any, labels: Any
    ) -> tuple[AdversarialState, Any, Any, Any]:
        import jax
        import jax.numpy as jnp

        game = self.game
        key, real, classes, z = self._draw(state.key, rows, labels)
        key, one, two = jax.random.split(key, 3)
        left = self._left(state)
        real = self._blurred(real, one, left)
        variables = self._with_blur(state.discriminator_other, left)

        def objective(weights: list[Any]) -> Any:
            fake, other = self.generated(weights, state.generator_other, z, classes, training=True)
            shown = self._blurred(fake, two, left)
            f, _ = self.judged(state.discriminator, variables, shown, classes)
            r = f
            if game.objective.decides == "pair" and game.objective.name == "relativistic":
                r, _ = self.judged(state.discriminator, variables, real, classes)
            return game.objective.generator(r, f), (other, fake)

        (loss, (other, fake)), gradients = jax.value_and_grad(objective, has_aux=True)(state.generator)
        length = jnp.sqrt(sum((g**2).sum() for g in gradients))
        weights, slots = self._applied(0, state, gradients)
        averaged = state.averaged
        if game.average:
            # the first steps are forgotten quickly
            decay = jnp.minimum(game.average, (1.0 + state.step) / (10.0 + state.step))
            averaged = [decay * old + (1 - decay) * new for old, new in zip(averaged, weights, strict=True)]
        flat = fake.reshape(len(fake), -1)
        spread = jnp.sqrt(flat.var(axis=0).sum())
        state = state._replace(
            generator=weights, generator_other=list(other), generator_slots=slots, averaged=averaged, key=key
        )
        return state, loss, length, spread

    def final(self, state: AdversarialState) -> tuple[list[Any], list[Any]]:
        """Return the weights and other variables that generate after training."""
        return (state.averaged if self.game.average else state.generator), state.generator_other

    def judges(self, state: AdversarialState) -> tuple[list[Any], list[Any]]:
        """Return the weights and other variables of the discriminator."""
        return state.discriminator, state.discriminator_other
