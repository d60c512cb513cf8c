"""Translation between many classes by one generator, as a scikit-learn style estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.generative._adversarial_loop import play
from lossmith.generative._objectives import unpenalized_objective
from lossmith.generative._parameters import check_number, check_one_of, check_whole
from lossmith.generative._players import Player
from lossmith.generative._scaling import Scaling, learned_scaling, restored_scaling, taken_in
from lossmith.generative._star_game import StarGame, StarRules
from lossmith.generative._trained_opponents import by_blocks, compiled_call, restored_values, with_values
from lossmith.generative._translation_networks import translation_judge, translator
from lossmith.generative._translation_result import Translation, judged_translation
from lossmith.training import compilation_cache
from lossmith.training.optimizers import make_optimizer

__all__ = ["StarGAN"]

Progress = Callable[[int, int], None]
WATCHED = 8  # rows that are translated into every class as training goes on


class StarGAN(BaseEstimator):
    r"""One generator that turns rows of any class into rows of any other, learned without pairs.

    Use it in place of a `CycleGAN` for each pair of classes. The generator is told the class to make; the discriminator also names
    classes: of real rows to learn them, of generated ones so that the generator learns to make what it was told. Rows that became
    another class and come back must be what they were.

    Parameters
    ----------
    objective : {"least_squares", "non_saturating", "saturating", "hinge"}
    network : str
        `conv:base=16,blocks=2` (images) or `dense:hidden=64x64`.
    cycle, naming : float
        Weights of rows that come back, and of the cross-entropy of the classes.
    steps, batch_size : int
    learning_rate : float
    optimizer : str
        A Keras optimiser for each network, with parameters after a colon.
    schedule : {"linear", "constant"}
        Linear lets the learning rates fall to 0 over the second half.
    random_state : int, RandomState or None

    Attributes
    ----------
    generator_ : list of ndarray
        Values of the variables of the generator.
    classes_ : ndarray of shape (n_classes,)
    curves_ : mapping of str to ndarray of shape (n_steps,)
    samples_ : mapping of int to ndarray
        What eight rows had become, class by class, at every watched step.
    diverged_ : int
        Step at which a number was not finite (weights are those before it), or 0.

    Small, and under least squares in place of the published penalty on slopes.

    Source: Choi and others, StarGAN, 2018.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(200, 2)), np.array(["far", "near"])[np.arange(200) % 2]
    >>> model = StarGAN(network="dense:hidden=16", steps=20, random_state=0).fit(X, y)
    >>> model.translate(X[:5], "far").shape
    (5, 2)
    """

    def __init__(
        self,
        *,
        objective: str = "least_squares",
        network: str = "conv:base=16,blocks=2",
        cycle: float = 10.0,
        naming: float = 1.0,
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
        self.naming = naming
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.schedule = schedule
        self.random_state = random_state

    def _rules(self) -> StarRules:
        for name in ("steps", "batch_size"):
            check_whole(name, getattr(self, name))
        check_number("learning_rate", self.learning_rate)
        for name in ("cycle", "naming"):
            check_number(name, getattr(self, name), closed_low=True)
        check_one_of("schedule", self.schedule, ("linear", "constant"))
        return StarRules(
            unpenalized_objective(self.objective),
            float(self.cycle),
            float(self.naming),
            len(self.classes_),
            int(self.batch_size),
            int(self.steps),
            self.schedule,
        )

    def _network(self) -> Any:
        return translator(self.network, self._scaling.shape, self._scaling.bounded, len(self.classes_))

    def fit(self, X: Any, y: Any, *, progress: Progress | None = None, sample_every: int = 0) -> Self:
        """Train on rows of two classes or more: numbers, or pixels as bytes.

        Parameters
        ----------
        X : array of shape (n_samples, ...)
        y : array of shape (n_samples,)
            Classes.
        progress : callable, optional
            `progress(steps done, steps in all)`.
        sample_every : int
            Keep in `samples_` what some rows become, at step 0, every so many steps, and at the end.
        """
        check_whole("sample_every", sample_every, least=0)
        rows = taken_in(X, "rows")
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        if np.shape(y) != (len(rows),) or len(self.classes_) < 2:
            raise InvalidInputError(
                f"{len(self.classes_)} classes of shape {np.shape(y)} for {len(rows)} rows",
                expected=f"two classes or more, ({len(rows)},), one for each row",
            )
        rules = self._rules()
        self._scaling: Scaling = learned_scaling(rows)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with compilation_cache():
            judge = translation_judge(self.network, rows.shape[1:], len(self.classes_))
            players = [
                Player(model, make_optimizer(self.optimizer, learning_rate=float(self.learning_rate)))
                for model in (self._network(), judge)
            ]
        self.samples_: dict[int, np.ndarray] = {}

        def watch(step: int, weights: list[Any]) -> None:
            self.generator_ = [np.asarray(value) for part in weights[0] for value in part]
            self.samples_[step] = np.concatenate([self._turned(rows[:WATCHED], place) for place in range(len(self.classes_))])  # fmt: skip

        result = play(
            StarGame(players[0], players[1], rules), rows if self._scaling.bounded else self._scaling.inside(rows),
            labels.astype(np.int32), [seed], watch=watch if sample_every else None, period=int(sample_every), progress=progress,
        )  # fmt: skip
        self.generator_ = [value for part in result.generators[0] for value in part]
        self.curves_ = {name: values[0] for name, values in result.curves.items()}
        self.diverged_ = int(result.diverged[0])
        if self.diverged_ == 1:
            raise InvalidInputError(
                "training diverged in its first step", expected="finite losses", advice="take a smaller learning_rate"
            )
        return self

    def _turned(self, rows: np.ndarray, places: Any) -> np.ndarray:
        """Return rows as the classes of these places, in their units."""
        told = np.eye(len(self.classes_), dtype=np.float32)[np.broadcast_to(places, (len(rows),))]
        model = self._network()
        made = by_blocks(compiled_call(model), model, self.generator_, self._scaling.inside(rows), told)
        return self._scaling.outside(made)

    def _places(self, classes: Any, n: int) -> np.ndarray:
        asked = np.asarray(classes)
        if asked.shape not in ((), (n,)):
            raise ShapeError(f"classes of shape {asked.shape}", expected=f"one class, or ({n},), one for each row")
        unknown = sorted(set(np.atleast_1d(asked).tolist()) - set(self.classes_.tolist()), key=str)
        if unknown:
            raise InvalidInputError(
                f"class {unknown[0]!r}", expected="one of " + ", ".join(map(str, self.classes_.tolist()))
            )
        return np.broadcast_to(np.searchsorted(self.classes_, asked), (n,))

    def translate(self, X: Any, classes: Any) -> np.ndarray:
        """Return rows as rows of other classes, `(n_samples, ...)`; pixels lie in [0, 1].

        Parameters
        ----------
        X : array of shape (n_samples, ...)
        classes : label or array of shape (n_samples,)
        """
        check_is_fitted(self, "generator_")
        rows = taken_in(X, "rows", like=self._scaling.shape)
        return self._turned(rows, self._places(classes, len(rows)))

    def evaluate(self, X: Any, y: Any, *, seed: int = 0) -> Translation:
        """Return, for each class, whether rows of the others are taken for it and come back.

        Parameters
        ----------
        X : array of shape (n_samples, ...)
        y : array of shape (n_samples,)
            Their classes, two or more of those that were learned.
        seed : int
        """
        check_is_fitted(self, "generator_")
        rows = self._scaling.outside(self._scaling.inside(taken_in(X, "rows", like=self._scaling.shape)))
        if np.shape(y) != (len(rows),):
            raise ShapeError(f"classes of shape {np.shape(y)}", expected=f"({len(rows)},), one for each row")
        places = self._places(y, len(rows))
        if len(np.unique(places)) < 2:
            raise InvalidInputError("rows of one class", expected="rows of two classes or more")
        directions: dict[str, dict[str, np.ndarray]] = {}
        for place in np.unique(places):
            others, wanted = rows[places != place], rows[places == place]
            made = self._turned(others, place)
            directions[f"to {self.classes_[place]}"] = {
                "rows": others,
                "made": made,
                "returned": self._turned(made, places[places != place]),
                "wanted": wanted,
                "kept": self._turned(wanted, place),
                "unit": self._scaling.scale,
                "wanted_unit": self._scaling.scale,
            }
        return judged_translation(directions, curves=self.curves_, diverged=self.diverged_, seed=seed)

    def save(self, path: Any) -> None:
        """Write the fitted generator to one safetensors file; see `lossmith.generative.load`."""
        from lossmith.generative._files import save

        save(self, path)

    def to_keras(self) -> Any:
        """Return the generator as a Keras model of rows (pixels in [-1, 1]) and one-hot classes."""
        check_is_fitted(self, "generator_")
        return with_values(self._network(), self.generator_)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        check_is_fitted(self, "generator_")
        known = self._scaling
        arrays = {f"generator_{place:04d}": value for place, value in enumerate(self.generator_)}
        arrays |= {f"curve_{name}": np.asarray(values, np.float32) for name, values in self.curves_.items()}
        arrays |= {"shift": known.shift, "scale": known.scale}
        learned = {
            "shape": list(known.shape), "bounded": known.bounded, "diverged": self.diverged_, "classes": self.classes_.tolist(),
        }  # fmt: skip
        return learned, arrays

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        if learned.keys() != {"shape", "bounded", "diverged", "classes"}:
            raise ValueError("unexpected entries")
        classes = learned["classes"]
        if not isinstance(classes, list) or not all(isinstance(label, str | int | float | bool) for label in classes):
            raise ValueError("classes that are no labels")
        if len(classes) < 2 or sorted(set(classes)) != classes:
            raise ValueError("classes that are not in order")
        self.classes_ = np.array(classes)
        self._rules()
        self._scaling = restored_scaling(
            learned["shape"], learned["bounded"], np.asarray(arrays["shift"]), np.asarray(arrays["scale"])
        )
        self.generator_ = restored_values(arrays, "generator_", self._network())
        self.diverged_ = int(learned["diverged"])
        self.curves_ = {name[6:]: arrays[name] for name in arrays if name.startswith("curve_")}
        self.samples_ = {}
