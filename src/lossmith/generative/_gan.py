"""Generative adversarial networks as a scikit-learn style estimator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.generative._adversarial import Adversaries, Game
from lossmith.generative._adversarial_loop import GameResult, RunsOf, play
from lossmith.generative._generator_networks import Opponents, opponents
from lossmith.generative._objective_spec import PENALTIES, Objective
from lossmith.generative._objectives import get_objective
from lossmith.generative._parameters import check_number, check_one_of, check_whole
from lossmith.generative._trained_opponents import TrainedOpponents
from lossmith.training import Checkpoints, compilation_cache
from lossmith.training.optimizers import make_optimizer

__all__ = ["GenerativeAdversarialNetwork"]

Progress = Callable[[int, int], None]
WATCHED = 25  # rows of a sample grid
SCHEDULES = ("constant", "linear", "adaptive")


class GenerativeAdversarialNetwork(TrainedOpponents):
    r"""Generative adversarial network: a generator that learns to make rows which a discriminator cannot tell from real ones.

    Use it for sharp samples of images or tables, and watch it: `diagnose` says in coded findings whether a run is worth
    anything. For likelihoods, or where training must not fail, take `VariationalAutoencoder`.

    Parameters
    ----------
    objective : str
        See `OBJECTIVES`: what both minimise, and the divergence that it estimates.
    network : str
        `dense:hidden=128x128,waves=64,fastest=80` (waves show the discriminator rows at several scales), `dcgan:base=64` (images),
        or `handbook` (images).
    latent : int
        Size of the noise.
    bits : int
        Numbers of the noise that are -1 or 1, each half of the time, instead of normal; at most `latent`. A generator is continuous, so
        that connected noise becomes connected rows, with some between modes: give bits where data come in separate groups.
    steps : int
        Steps of the generator.
    batch_size : int
        Rows of a step, drawn with replacement.
    learning_rate : float
    discriminator_learning_rate : float or None
        The same where None.
    optimizer : str
        A Keras optimiser for each, with parameters after a colon.
    schedule : {"constant", "linear", "adaptive"}
        Linear lets the learning rates fall to 0 over the second half. Adaptive goes from coarse to fine as fast as the generator keeps
        up, for data with sharp modes: rates, penalty, noise and the blur of waves shrink while the discriminator wins less than 75 % of
        pairs.
    penalty : {"none", "gradient", "r1", "r1r2", "clip"} or None
        On the discriminator's slope or weights; that of the objective where None.
    penalty_weight : float or None
    critic_steps : int or None
        Steps of the discriminator for each of the generator; that of the objective where None.
    noise : float
        Deviation, in those of the data, of noise on all that the discriminator sees; it falls to a hundredth over the steps.
    smoothing : float
        One-sided smoothing of the targets of real rows, for objectives with targets.
    average : float
        Decay of the average of the generator's weights, which generates after training; 0 takes the last weights.
    candidates : int
        Rows that are generated for each that `sample` returns. Above 1 the discriminator chooses among them, by its ratio of
        densities: what lies between modes goes, and modes with too few rows get more. For objectives with logistic losses.
    conditional : bool
        Learn rows given their class `y`.
    random_state : int, RandomState or None

    Attributes
    ----------
    generator_, discriminator_ : list of ndarray
        Values of the variables, trained ones first.
    curves_ : mapping of str to ndarray of shape (n_steps,)
    samples_ : mapping of int to ndarray
        25 rows from the same noise at every watched step.
    diverged_ : int
        Step at which a number was not finite (weights are those before it), or 0.

    Source: Goodfellow and others, Generative adversarial nets, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith.generative import ring_of_gaussians
    >>> X = ring_of_gaussians().sample(1000, rng=np.random.default_rng(0))
    >>> gan = GenerativeAdversarialNetwork(objective="hinge", network="dense:hidden=8", steps=20, random_state=0).fit(X)
    >>> gan.sample(5, random_state=0).shape, gan.curves_["generator_loss"].shape
    ((5, 2), (20,))
    """

    def __init__(
        self,
        *,
        objective: str = "relativistic",
        network: str = "dense:hidden=128x128",
        latent: int = 16,
        bits: int = 0,
        steps: int = 3000,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        discriminator_learning_rate: float | None = None,
        optimizer: str = "adam:beta_1=0.0,beta_2=0.9",
        schedule: str = "linear",
        penalty: str | None = None,
        penalty_weight: float | None = None,
        critic_steps: int | None = None,
        noise: float = 0.0,
        smoothing: float = 0.0,
        average: float = 0.999,
        candidates: int = 1,
        conditional: bool = False,
        random_state: Any = None,
    ) -> None:
        self.objective = objective
        self.network = network
        self.latent = latent
        self.bits = bits
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.discriminator_learning_rate = discriminator_learning_rate
        self.optimizer = optimizer
        self.schedule = schedule
        self.penalty = penalty
        self.penalty_weight = penalty_weight
        self.critic_steps = critic_steps
        self.noise = noise
        self.smoothing = smoothing
        self.average = average
        self.candidates = candidates
        self.conditional = conditional
        self.random_state = random_state

    def _check_parameters(self) -> Objective:
        objective = get_objective(self.objective)
        for name in ("latent", "steps", "batch_size", "candidates"):
            check_whole(name, getattr(self, name))
        if self.critic_steps is not None:
            check_whole("critic_steps", self.critic_steps)
        if check_whole("bits", self.bits, least=0) > self.latent:
            raise InvalidInputError(f"bits={self.bits} of latent={self.latent} numbers", expected="at most all of them")
        check_number("learning_rate", self.learning_rate)
        for name in ("discriminator_learning_rate", "penalty_weight"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name))
        check_number("noise", self.noise, closed_low=True)
        for name in ("smoothing", "average"):
            check_number(name, getattr(self, name), high=1.0, closed_low=True)
        if self.penalty is not None:
            check_one_of("penalty", self.penalty, PENALTIES)
        check_one_of("schedule", self.schedule, SCHEDULES)
        if self.candidates > 1 and not objective.tells_ratios:
            raise InvalidInputError(
                f"candidates={self.candidates} under objective {objective.name}, whose outputs are no ratios of densities",
                expected="relativistic, non_saturating, saturating or fgan_js",
                advice="set candidates=1",
            )
        if self.smoothing and not objective.smoothing:
            raise InvalidInputError(
                f"smoothing under objective {objective.name}, which has no targets",
                expected="non_saturating, saturating or least_squares",
                advice="set smoothing=0",
            )
        return objective

    def _game(self, objective: Objective) -> Game:
        penalty = objective.penalty if self.penalty is None else self.penalty
        usual = {"none": 0.0, "gradient": 10.0, "r1": 0.1, "r1r2": 0.1, "clip": 0.01}
        weight = objective.weight if penalty == objective.penalty else usual[penalty]
        return Game(
            objective=objective,
            penalty=penalty,  # type: ignore[arg-type]
            penalty_weight=weight if self.penalty_weight is None else float(self.penalty_weight),
            critic_steps=objective.critic_steps if self.critic_steps is None else int(self.critic_steps),
            smoothing=float(self.smoothing),
            average=float(self.average),
            batch_size=int(self.batch_size),
            latent=int(self.latent),
            n_classes=len(self.classes_) if self.conditional else 0,
            schedule=self.schedule,
            steps=int(self.steps),
            noise=float(self.noise),
            bits=int(self.bits),
        )

    def _opponents(self) -> Opponents:
        return opponents(
            self.network,
            tuple(self.shape_),
            int(self.latent),
            len(self.classes_) if self.conditional else 0,
            self.bounded_,
        )

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        progress: Progress | None = None,
        sample_every: int = 0,
        checkpoints: Checkpoints | None = None,
    ) -> Self:
        """Train on rows of shape `(n_samples, ...)`: numbers, or pixels as bytes.

        Parameters
        ----------
        y : array of shape (n_samples,), optional
            Classes, with `conditional=True` alone.
        progress : callable, optional
            `progress(steps done, steps in all)`.
        sample_every : int
            Keep samples from one noise in `samples_` at step 0, every so many steps, and at the end.
        checkpoints : Checkpoints, optional
            Such as `lossmith.training.FolderCheckpoints`: a training of convolutions that was stopped goes on from its last 200
            steps, if everything but `sample_every` is as it was.
        """
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._fit_together([self], X, y, [seed], progress, sample_every, checkpoints)
        return self

    def fit_seeds(
        self, X: Any, y: Any = None, *, seeds: Sequence[int], progress: Progress | None = None, sample_every: int = 0
    ) -> list[Self]:
        """Return a fitted network for each seed, all trained in one compiled program where networks are dense."""
        if not len(seeds):
            raise InvalidInputError("no seeds", expected="one or more")
        made = [clone(self).set_params(random_state=int(seed)) for seed in seeds]
        drawn = [int(check_random_state(int(seed)).randint(2**31 - 1)) for seed in seeds]
        self._fit_together(made, X, y, drawn, progress, sample_every)
        return made

    def _fit_together(
        self,
        made: list[Self],
        X: Any,
        y: Any,
        seeds: list[int],
        progress: Progress | None,
        sample_every: int,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        objective = self._check_parameters()
        check_whole("sample_every", sample_every, least=0)
        for one in made:
            rows, labels = one._taken_in(X, y)
        first = made[0]
        inside = rows if rows.dtype == np.uint8 else first._inside(rows)
        networks = first._opponents()
        with compilation_cache():
            rate = float(self.learning_rate)
            other = rate if self.discriminator_learning_rate is None else float(self.discriminator_learning_rate)
            adversaries = Adversaries(
                networks.generator,
                networks.discriminator,
                make_optimizer(self.optimizer, learning_rate=rate),
                make_optimizer(self.optimizer, learning_rate=other),
                first._game(objective),
            )
        for one in made:
            one.samples_ = {}
        z = first._noise(WATCHED, np.random.default_rng(0))
        kept = None if checkpoints is None else RunsOf(checkpoints, first.get_params(), seeds, inside, labels)

        def watch(step: int, weights: list[Any]) -> None:
            for place, (one, pair) in enumerate(zip(made, weights, strict=True)):
                one.generator_ = [np.asarray(value) for part in pair for value in part]
                one.samples_[step] = one._decoded(z, one._class_rows(None, WATCHED))
                if kept is not None:
                    kept.save(f"samples-{place}-{step}", {"rows": one.samples_[step]})

        result = play(
            adversaries, inside, labels, seeds,
            watch=watch if sample_every else None, period=int(sample_every), checkpoints=kept, progress=progress,
        )  # fmt: skip
        for place, one in enumerate(made):
            one._learned(result, place)
            for step in range(0, int(self.steps), int(sample_every)) if kept is not None and sample_every else ():
                found = None if step in one.samples_ or kept is None else kept.load(f"samples-{place}-{step}")
                if found is not None:  # of the time before the run was stopped
                    one.samples_[step] = found["rows"]
            one.samples_ = dict(sorted(one.samples_.items()))

    def _taken_in(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        pixels = isinstance(X, np.ndarray) and X.dtype == np.uint8 and X.ndim > 2
        rows = np.asarray(validate_data(self, X, allow_nd=True, dtype=None if pixels else np.float64))
        self.shape_, self.bounded_ = tuple(rows.shape[1:]), pixels
        axes = 0 if rows.ndim == 2 else None  # columns of a table have units of their own, pixels share one
        numbers = rows.astype(np.float64) if not pixels else np.zeros(1)
        if pixels:
            # [0, 1] outside, [-1, 1] inside
            self.shift_, self.scale_ = np.asarray(0.5), np.asarray(0.5)
        else:
            self.shift_ = np.asarray(numbers.mean(axis=axes))
            deviation = np.asarray(numbers.std(axis=axes))
            self.scale_ = np.where(deviation > 0, deviation, 1.0)
        flat = rows.reshape(len(rows), -1)
        some = flat[np.linspace(0, len(flat) - 1, min(len(flat), 5000)).astype(int)]
        spread = some.astype(np.float64).std(axis=0) / (255 if pixels else 1)
        self.spread_ = float(np.sqrt(((spread.reshape(self.shape_) / self.scale_) ** 2).sum()))
        if not self.conditional:
            self.classes_ = np.empty(0)
            return rows, np.zeros(len(rows), np.int32)
        if y is None:
            raise InvalidInputError("conditional=True without classes", expected="fit(X, y)", advice="give y")
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        if labels.shape != (len(rows),):
            raise ShapeError(f"classes of shape {np.shape(y)}", expected=f"({len(rows)},), one for each row")
        return rows, labels.astype(np.int32)

    def _learned(self, result: GameResult, place: int) -> None:
        self.generator_ = [value for part in result.generators[place] for value in part]
        self.discriminator_ = [value for part in result.discriminators[place] for value in part]
        self.curves_ = {name: values[place] for name, values in result.curves.items()}
        self.diverged_ = int(result.diverged[place])
        if self.diverged_ == 1:
            raise InvalidInputError(
                "training diverged in its first step", expected="finite losses", advice="take a smaller learning_rate"
            )
