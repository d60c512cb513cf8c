"""Translation between two kinds of rows without pairs, as a scikit-learn style estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from lossmith._errors import InvalidInputError
from lossmith.generative._adversarial_loop import play
from lossmith.generative._cycle_game import CycleGame, CycleRules
from lossmith.generative._objectives import unpenalized_objective
from lossmith.generative._parameters import check_number, check_one_of, check_whole
from lossmith.generative._players import Player
from lossmith.generative._scaling import Scaling, learned_scaling, restored_scaling, taken_in
from lossmith.generative._trained_opponents import by_blocks, compiled_call, restored_values, with_values
from lossmith.generative._translation_networks import translation_judge, translator
from lossmith.generative._translation_result import Translation, judged_translation
from lossmith.training import compilation_cache
from lossmith.training.optimizers import make_optimizer

__all__ = ["CycleGAN"]

Progress = Callable[[int, int], None]
WATCHED = 8  # rows of each kind that are translated as training goes on
WAYS = ("there", "back")


class CycleGAN(BaseEstimator):
    r"""Cycle-consistent networks: rows of one kind become rows of another, learned from two heaps without pairs.

    Use it where there are examples of two kinds and no row is known in both, such as day and night. Two generators G and F are
    trained against a discriminator each, and

    $$ \lambda \left( \mathbb{E} |F(G(x)) - x| + \mathbb{E} |G(F(y)) - y| \right) + \mu \left( \mathbb{E} |G(y) - y| + \mathbb{E} |F(x) - x| \right) $$

    ties what is made to what it was made of. Which of several maps between two heaps is found is not decided by the data: look at it.

    Parameters
    ----------
    objective : {"least_squares", "non_saturating", "saturating", "hinge"}
    network : str
        `conv:base=16,blocks=2` (images) or `dense:hidden=64x64`.
    cycle, identity : float
        The weights $\lambda$ and $\mu$; rows have deviation 1, or are pixels in [-1, 1].
    steps, batch_size : int
    learning_rate : float
    optimizer : str
        A Keras optimiser for each network, with parameters after a colon.
    schedule : {"linear", "constant"}
        Linear lets the learning rates fall to 0 over the second half.
    random_state : int, RandomState or None

    Attributes
    ----------
    there_, back_ : list of ndarray
        Values of the variables of the two generators.
    curves_ : mapping of str to ndarray of shape (n_steps,)
    samples_ : mapping of int to ndarray
        What eight rows of the first kind had become at every watched step.
    diverged_ : int
        Step at which a number was not finite (weights are those before it), or 0.

    Small, and without the published memory of older images.

    Source: Zhu and others, Unpaired image-to-image translation using cycle-consistent adversarial networks, 2017.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(200, 2)), rng.normal(3.0, 2.0, size=(300, 2))
    >>> model = CycleGAN(network="dense:hidden=16", steps=20, random_state=0).fit(X, Y)
    >>> model.transform(X).shape, model.inverse_transform(Y).shape
    ((200, 2), (300, 2))
    """

    def __init__(
        self,
        *,
        objective: str = "least_squares",
        network: str = "conv:base=16,blocks=2",
        cycle: float = 10.0,
        identity: float = 5.0,
        steps: int = 1000,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        optimizer: str = "adam:beta_1=0.5",
        schedule: str = "linear",
        random_state: Any = None,
    ) -> None:
        self.objective = objective
        self.network = network
        self.cycle = cycle
        self.identity = identity
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.schedule = schedule
        self.random_state = random_state

    def _rules(self) -> CycleRules:
        for name in ("steps", "batch_size"):
            check_whole(name, getattr(self, name))
        check_number("learning_rate", self.learning_rate)
        for name in ("cycle", "identity"):
            check_number(name, getattr(self, name), closed_low=True)
        check_one_of("schedule", self.schedule, ("linear", "constant"))
        return CycleRules(
            unpenalized_objective(self.objective),
            float(self.cycle),
            float(self.identity),
            int(self.batch_size),
            int(self.steps),
            self.schedule,
        )

    def _generator(self, way: str) -> Any:
        return translator(self.network, self._scaling[way].shape, self._scaling[way].bounded)

    def fit(self, X: Any, y: Any, *, progress: Progress | None = None, sample_every: int = 0) -> Self:
        """Train on two heaps of rows of one shape: numbers, or pixels as bytes.

        Parameters
        ----------
        X, y : array of shape (n_samples, ...) and (n_others, ...)
            Rows of the first and of the second kind; no row belongs to another.
        progress : callable, optional
            `progress(steps done, steps in all)`.
        sample_every : int
            Keep in `samples_` what some rows become, at step 0, every so many steps, and at the end.
        """
        rules = self._rules()
        check_whole("sample_every", sample_every, least=0)
        one = taken_in(X, "rows of the first kind")
        other = taken_in(y, "rows of the second kind", like=one.shape[1:])
        if (one.dtype == np.uint8) != (other.dtype == np.uint8):
            raise InvalidInputError(
                "pixels as bytes on one side and numbers on the other", expected="one kind of numbers on both sides"
            )
        scalings = (learned_scaling(one), learned_scaling(other))
        self._scaling: dict[str, Scaling] = {"there": scalings[1], "back": scalings[0]}  # of what is made
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with compilation_cache():
            shape = one.shape[1:]
            players = [
                Player(model, make_optimizer(self.optimizer, learning_rate=float(self.learning_rate)))
                for model in (
                    self._generator("there"),
                    self._generator("back"),
                    translation_judge(self.network, shape),
                    translation_judge(self.network, shape),
                )
            ]
        game = CycleGame((players[0], players[1]), (players[2], players[3]), rules)
        self.samples_: dict[int, np.ndarray] = {}

        def watch(step: int, weights: list[Any]) -> None:
            self.there_ = [np.asarray(value) for value in weights[0][0]]
            self.samples_[step] = self._turned("there", one[:WATCHED])

        data = [
            kind if kind.dtype == np.uint8 else scaling.inside(kind)
            for kind, scaling in zip((one, other), scalings, strict=True)
        ]
        result = play(
            game, data[0], data[1], [seed], watch=watch if sample_every else None, period=int(sample_every),
            progress=progress,
        )  # fmt: skip
        self.there_, self.back_ = result.generators[0]
        self.judge_there_, self.judge_back_ = result.discriminators[0]
        self.curves_ = {name: values[0] for name, values in result.curves.items()}
        self.diverged_ = int(result.diverged[0])
        if self.diverged_ == 1:
            raise InvalidInputError(
                "training diverged in its first step", expected="finite losses", advice="take a smaller learning_rate"
            )
        return self

    def _turned(self, way: str, rows: np.ndarray) -> np.ndarray:
        """Return rows of the kind that a generator takes as rows of the kind that it makes, in their units."""
        source, target = self._scaling["back" if way == "there" else "there"], self._scaling[way]
        model = self._generator(way)
        weights = self.there_ if way == "there" else self.back_
        return target.outside(by_blocks(compiled_call(model), model, weights, source.inside(rows), None))

    def _called(self, way: str, X: Any) -> np.ndarray:
        check_is_fitted(self, "there_")
        return self._turned(way, taken_in(X, "rows", like=self._scaling[way].shape))

    def transform(self, X: Any) -> np.ndarray:
        """Return rows of the first kind as rows of the second, `(n_samples, ...)`; pixels lie in [0, 1]."""
        return self._called("there", X)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return rows of the second kind as rows of the first, `(n_samples, ...)`; pixels lie in [0, 1]."""
        return self._called("back", X)

    def evaluate(self, X: Any, y: Any, *, seed: int = 0) -> Translation:
        """Return whether cycles close and translated rows are taken for the other kind.

        Parameters
        ----------
        X, y : array of shape (n_samples, ...) and (n_others, ...)
            Rows of both kinds, best such as it was not trained on.
        seed : int
        """
        check_is_fitted(self, "there_")
        kinds = {
            "there": taken_in(X, "rows of the first kind", like=self._scaling["there"].shape),
            "back": taken_in(y, "rows of the second kind", like=self._scaling["there"].shape),
        }
        directions: dict[str, dict[str, np.ndarray]] = {}
        for way, reverse in (("there", "back"), ("back", "there")):
            source, target = self._scaling[reverse], self._scaling[way]
            made = self._turned(way, kinds[way])
            wanted = target.outside(target.inside(kinds[reverse]))
            directions[way] = {
                "rows": source.outside(source.inside(kinds[way])),
                "made": made,
                "returned": self._turned(reverse, made),
                "wanted": wanted,
                # a generator is shown rows of the kind that it makes, in the numbers of that kind
                "kept": self._turned(way, source.outside(target.inside(wanted))),
                "unit": source.scale,
                "wanted_unit": target.scale,
            }
        return judged_translation(directions, curves=self.curves_, diverged=self.diverged_, seed=seed)

    def score(self, X: Any, y: Any) -> float:
        """Return minus the mean of both cycle errors, as shares of what two rows of a kind differ by: larger is better."""
        measures = self.evaluate(X, y).measures
        return -float(np.mean([values["cycle"] for values in measures.values()]))

    def save(self, path: Any) -> None:
        """Write the fitted networks to one safetensors file; see `lossmith.generative.load`."""
        from lossmith.generative._files import save

        save(self, path)

    def to_keras(self) -> tuple[Any, Any]:
        """Return the two generators, there and back, as Keras models; rows as networks see them, pixels in [-1, 1]."""
        check_is_fitted(self, "there_")
        return with_values(self._generator("there"), self.there_), with_values(self._generator("back"), self.back_)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        check_is_fitted(self, "there_")
        arrays: dict[str, np.ndarray] = {}
        for way, values in (("there", self.there_), ("back", self.back_)):
            arrays |= {f"{way}_{place:04d}": value for place, value in enumerate(values)}
            arrays |= {f"shift_{way}": self._scaling[way].shift, f"scale_{way}": self._scaling[way].scale}
        arrays |= {f"curve_{name}": np.asarray(values, np.float32) for name, values in self.curves_.items()}
        known = self._scaling["there"]
        return {"shape": list(known.shape), "bounded": known.bounded, "diverged": self.diverged_}, arrays

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        if learned.keys() != {"shape", "bounded", "diverged"}:
            raise ValueError("unexpected entries")
        self._rules()
        self._scaling = {
            way: restored_scaling(
                learned["shape"],
                learned["bounded"],
                np.asarray(arrays[f"shift_{way}"]),
                np.asarray(arrays[f"scale_{way}"]),
            )
            for way in WAYS
        }
        self.diverged_ = int(learned["diverged"])
        self.there_, self.back_ = (restored_values(arrays, f"{way}_", self._generator(way)) for way in WAYS)
        self.curves_ = {name[6:]: arrays[name] for name in arrays if name.startswith("curve_")}
        self.samples_ = {}
