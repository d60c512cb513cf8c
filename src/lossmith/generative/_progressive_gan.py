"""Adversarial networks that grow, from small images to large ones, as a scikit-learn style estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.generative._adversarial import Adversaries, Game
from lossmith.generative._adversarial_loop import GameResult, play
from lossmith.generative._generator_networks import Opponents
from lossmith.generative._growing_game import GrowingGame, named_values
from lossmith.generative._growing_networks import growing_opponents, sides_of
from lossmith.generative._objective_spec import PENALTIES, Objective
from lossmith.generative._objectives import get_objective
from lossmith.generative._parameters import check_number, check_one_of, check_whole
from lossmith.generative._scaling import learned_scaling, taken_in
from lossmith.generative._trained_opponents import TrainedOpponents, by_blocks, compiled_call
from lossmith.training import compilation_cache
from lossmith.training.optimizers import make_optimizer

__all__ = ["ProgressiveGAN"]

Progress = Callable[[int, int], None]
WATCHED = 25  # rows of a sample grid


class ProgressiveGAN(TrainedOpponents):
    r"""Progressive growing: both networks learn small images first, then images of twice the side, and so on.

    Use it for images in which coarse shapes have to be right before details. At each stage new layers are added, whose images fade
    in while those of the stage before, enlarged, fade out: $a \cdot \text{new} + (1 - a) \cdot \text{old}$ with a from 0 to 1.

    Parameters
    ----------
    objective : str
        See `OBJECTIVES`.
    stages : int
        3 makes images of 32 x 32 by 8, 16 and 32.
    base : int
        Channels of the last stage; each stage before has twice as many.
    latent : int
        Size of the noise.
    steps : int
        Of each stage.
    fade : float
        Share of the steps of a stage over which its images fade in.
    batch_size : int
    learning_rate : float
    optimizer : str
        A Keras optimiser for each network, with parameters after a colon; new at each stage.
    penalty : {"none", "gradient", "r1", "r1r2", "clip"} or None
    penalty_weight : float or None
        Those of the objective where None.
    average : float
        Decay of the average of the generator's weights, which generates after training; 0 takes the last weights.
    random_state : int, RandomState or None

    Attributes
    ----------
    generator_, discriminator_ : list of ndarray
        Values of the variables of the last stage, trained ones first.
    sides_ : tuple of int
        Of the images, stage by stage.
    curves_ : mapping of str to ndarray of shape (n_steps,)
        All stages, one after the other.
    samples_ : mapping of int to ndarray
        25 images from the same noise at every watched step, enlarged to the last side.
    diverged_ : int
        Step, over all stages, at which a number was not finite, or 0.

    Small, and without the published equalised learning rates and deviations of a batch.

    Source: Karras and others, Progressive growing of GANs, 2018.

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
    >>> gan = ProgressiveGAN(stages=2, base=2, latent=4, steps=2, batch_size=4, random_state=0).fit(images)
    >>> gan.sides_, gan.sample(3, random_state=0).shape
    ((4, 8), (3, 8, 8, 1))
    """

    bits = 0
    candidates = 1
    conditional = False

    def __init__(
        self,
        *,
        objective: str = "non_saturating",
        stages: int = 3,
        base: int = 16,
        latent: int = 32,
        steps: int = 300,
        fade: float = 0.5,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        optimizer: str = "adam:beta_1=0.0,beta_2=0.99",
        penalty: str | None = "r1",
        penalty_weight: float | None = 1.0,
        average: float = 0.99,
        random_state: Any = None,
    ) -> None:
        self.objective = objective
        self.stages = stages
        self.base = base
        self.latent = latent
        self.steps = steps
        self.fade = fade
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.penalty = penalty
        self.penalty_weight = penalty_weight
        self.average = average
        self.random_state = random_state

    @property
    def sides_(self) -> tuple[int, ...]:
        """Sides of the images, stage by stage."""
        return sides_of(self.shape_[0], int(self.stages))

    def _check_parameters(self) -> Objective:
        for name in ("stages", "base", "latent", "steps", "batch_size"):
            check_whole(name, getattr(self, name))
        check_number("learning_rate", self.learning_rate)
        check_number("average", self.average, high=1.0, closed_low=True)
        if check_number("fade", self.fade, closed_low=True) > 1:
            raise InvalidInputError(f"fade={self.fade!r}", expected="a share of the steps, at most 1")
        if self.penalty_weight is not None:
            check_number("penalty_weight", self.penalty_weight)
        if self.penalty is not None:
            check_one_of("penalty", self.penalty, PENALTIES)
        return get_objective(self.objective)

    def _game(self, objective: Objective) -> Game:
        penalty: Any = objective.penalty if self.penalty is None else self.penalty
        return Game(
            objective=objective,
            penalty=penalty,
            penalty_weight=objective.weight if self.penalty_weight is None else float(self.penalty_weight),
            critic_steps=objective.critic_steps,
            smoothing=0.0,
            average=float(self.average),
            batch_size=int(self.batch_size),
            latent=int(self.latent),
            n_classes=0,
            schedule="constant",
            steps=int(self.steps),
        )

    def _stage(self, stage: int) -> Opponents:
        side, _, channels = self.shape_
        return growing_opponents(
            side, int(self.stages), stage, channels, int(self.latent), int(self.base), self.bounded_
        )

    def _opponents(self) -> Opponents:
        return self._stage(int(self.stages) - 1)

    def fit(self, X: Any, y: Any = None, *, progress: Progress | None = None, sample_every: int = 0) -> Self:  # noqa: ARG002
        """Train on square images of shape `(n_samples, side, side, channels)`: bytes, or numbers.

        Parameters
        ----------
        progress : callable, optional
            `progress(steps done, steps in all)`.
        sample_every : int
            Keep images from one noise in `samples_` at the start and end of each stage and every so many of its steps.
        """
        objective = self._check_parameters()
        check_whole("sample_every", sample_every, least=0)
        rows = taken_in(X, "images")
        if rows.ndim != 4 or rows.shape[1] != rows.shape[2]:
            raise ShapeError(f"rows of shape {rows.shape[1:]}", expected="square images (side, side, channels)")
        sides_of(rows.shape[1], int(self.stages))
        scaling = learned_scaling(rows)
        self.shape_, self.bounded_ = scaling.shape, scaling.bounded
        self.shift_, self.scale_, self.classes_ = scaling.shift, scaling.scale, np.empty(0)
        self.n_features_in_ = rows.shape[1]
        inside = scaling.inside(rows)
        self.spread_ = float(np.sqrt(inside.reshape(len(inside), -1).var(axis=0).sum()))
        self.samples_ = {}
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        noise = self._noise(WATCHED, np.random.default_rng(0))
        carried: dict[str, np.ndarray] = {}
        results: list[GameResult] = []
        for stage, side in enumerate(self.sides_):
            networks, done = self._stage(stage), stage * int(self.steps)

            def watch(step: int, weights: list[Any], done: int = done, networks: Opponents = networks) -> None:
                values = [np.asarray(value) for part in weights[0] for value in part]
                made = by_blocks(compiled_call(networks.generator), networks.generator, values, noise, None)
                self.samples_[done + step] = scaling.outside(enlarged(made, rows.shape[1]))

            def report(steps: int, total: int, done: int = done) -> None:
                if progress is not None:
                    progress(done + steps, total * len(self.sides_))

            with compilation_cache():
                optimizers = [make_optimizer(self.optimizer, learning_rate=float(self.learning_rate)) for _ in range(2)]
                adversaries = Adversaries(
                    networks.generator, networks.discriminator, optimizers[0], optimizers[1], self._game(objective)
                )
            game = GrowingGame(adversaries, float(self.fade) if stage else 0.0, carried)
            found = play(
                game, reduced(inside, side), np.zeros(len(rows), np.int32), [seed + stage],
                watch=watch if sample_every else None, period=int(sample_every), progress=report,
            )  # fmt: skip
            results.append(found)
            if found.diverged[0]:
                break
            carried = named_values(networks.generator, *found.generators[0])
            carried |= named_values(networks.discriminator, *found.discriminators[0])
        self._learned(results)
        return self

    def _learned(self, results: list[GameResult]) -> None:
        last = results[-1]
        step = int(last.diverged[0])
        self.diverged_ = step and step + (len(results) - 1) * int(self.steps)
        if step and (step == 1 or len(results) < int(self.stages)):
            raise InvalidInputError(
                f"training diverged in step {self.diverged_}, before the last stage had begun to learn",
                expected="finite losses",
                advice="take a smaller learning_rate",
            )
        self.generator_ = [value for part in last.generators[0] for value in part]
        self.discriminator_ = [value for part in last.discriminators[0] for value in part]
        self.curves_ = {name: np.concatenate([result.curves[name][0] for result in results]) for name in last.curves}


def reduced(images: np.ndarray, side: int) -> np.ndarray:
    """Return images of a smaller side, by means of blocks.

    Examples
    --------
    >>> reduced(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0].tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """
    factor = images.shape[1] // side
    blocks = images.reshape(len(images), side, factor, side, factor, images.shape[3])
    return np.asarray(blocks.mean(axis=(2, 4)), dtype=images.dtype)


def enlarged(images: np.ndarray, side: int) -> np.ndarray:
    """Return images of a larger side, each place repeated."""
    factor = side // images.shape[1]
    return images.repeat(factor, axis=1).repeat(factor, axis=2)
