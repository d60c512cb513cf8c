"""What a trained generator and discriminator do: rows from noise, judgements of rows, Keras models, files."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.generative._generator_networks import Opponents
from lossmith.generative._parameters import check_whole
from lossmith.training import compilation_cache

__all__ = ["TrainedOpponents", "by_blocks", "compiled_call", "ordered_variables", "restored_values", "with_values"]

BLOCK = 500


class TrainedOpponents(BaseEstimator):
    """Base of the adversarial estimator; not for use by itself."""

    latent: int
    bits: int
    candidates: int
    conditional: bool
    shape_: tuple[int, ...]
    bounded_: bool
    classes_: np.ndarray
    shift_: np.ndarray
    scale_: np.ndarray
    spread_: float
    diverged_: int
    generator_: list[np.ndarray]
    discriminator_: list[np.ndarray]
    curves_: dict[str, np.ndarray]
    samples_: dict[int, np.ndarray]

    def _check_parameters(self) -> Any:
        raise NotImplementedError

    def _opponents(self) -> Opponents:
        raise NotImplementedError

    def _inside(self, rows: np.ndarray) -> np.ndarray:
        """Return rows as the networks see them."""
        numbers = rows / np.float32(255) if rows.dtype == np.uint8 else rows
        return ((numbers - self.shift_) / self.scale_).astype(np.float32)

    def _class_rows(self, classes: Any, n: int) -> np.ndarray | None:
        """Return one-hot classes for `n` rows: those asked for, or all in turn."""
        if not self.conditional:
            if classes is not None:
                raise InvalidInputError(
                    "classes for a generator without conditions", expected="none", advice="train with conditional=True"
                )
            return None
        if classes is None:
            ids = np.arange(n) % len(self.classes_)
        else:
            asked = np.broadcast_to(np.asarray(classes), (n,)) if np.ndim(classes) == 0 else np.asarray(classes)
            if asked.shape != (n,):
                raise ShapeError(f"classes of shape {asked.shape}", expected=f"({n},), one for each row")
            unknown = sorted(set(asked.tolist()) - set(self.classes_.tolist()))
            if unknown:
                raise InvalidInputError(
                    f"class {unknown[0]!r}", expected="one of " + ", ".join(map(str, self.classes_.tolist()))
                )
            ids = np.searchsorted(self.classes_, asked)
        return np.eye(len(self.classes_), dtype=np.float32)[ids]

    def _noise(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return noise for `n` rows, (n, latent): signs, then standard normal numbers."""
        z = rng.normal(size=(n, int(self.latent)))
        z[:, : int(self.bits)] = np.where(z[:, : int(self.bits)] < 0, -1.0, 1.0)
        return z.astype(np.float32)

    def _decoded(self, z: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
        model = self._opponents().generator
        rows = by_blocks(compiled_call(model), model, self.generator_, z, classes)
        return rows.astype(np.float64) * self.scale_ + self.shift_

    def sample(self, n: int = 1, *, classes: Any = None, random_state: Any = None) -> np.ndarray:
        """Return new rows, `(n, ...)`, in the units of the rows; pixels lie in [0, 1].

        Parameters
        ----------
        n : int
        classes : label or array of shape (n,), optional
            Of a conditional generator; all classes in turn where nothing is said.
        random_state : int, RandomState or None
        """
        check_is_fitted(self, "generator_")
        check_whole("n", n)
        rng = np.random.default_rng(int(check_random_state(random_state).randint(2**31 - 1)))
        known = self._class_rows(classes, int(n))
        z = self._noise(int(n), rng)
        if self.candidates == 1:
            return self._decoded(z, known)
        return self._chosen(int(n), known, rng)

    def _chosen(self, n: int, known: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
        """Return `n` of many generated rows: drawn without replacement, in proportion to what the discriminator makes of them.

        Source: Rubin, Using the SIR algorithm to simulate posterior distributions, 1988; Azadi and others, Discriminator
        rejection sampling, 2019.
        """
        count = int(self.candidates)
        z = self._noise(count * n, rng)
        every = None if known is None else np.repeat(known, count, axis=0)
        rows = self._decoded(z, every)
        model = self._opponents().discriminator
        raw = by_blocks(compiled_call(model), model, self.discriminator_, self._inside(rows), every).reshape(-1)
        # the largest of log-weights with Gumbel noise are a draw without replacement
        order = raw + rng.gumbel(size=raw.shape)
        if known is None:
            return rows[np.argpartition(-order, n - 1)[:n]]
        return rows[order.reshape(n, count).argmax(axis=1) + count * np.arange(n)]

    def inverse_transform(self, Z: Any, *, classes: Any = None) -> np.ndarray:
        """Return the rows that noise of shape `(n_samples, latent)` becomes."""
        check_is_fitted(self, "generator_")
        z = np.asarray(Z, dtype=np.float32)
        if z.ndim != 2 or z.shape[1] != int(self.latent) or not len(z) or not np.isfinite(z).all():
            raise ShapeError(f"noise of shape {z.shape}", expected=f"finite numbers, (n_samples, {int(self.latent)})")
        return self._decoded(z, self._class_rows(classes, len(z)))

    def interpolate(self, *, n: int = 8, classes: Any = None, random_state: Any = None) -> np.ndarray:
        """Return rows on the way between two draws of noise, `(n, ...)`, along the arc that keeps their length typical."""
        check_whole("n", n, least=2)
        rng = np.random.default_rng(int(check_random_state(random_state).randint(2**31 - 1)))
        one, other = self._noise(2, rng).astype(np.float64)
        angle = np.linspace(0, np.pi / 2, int(n))[:, None]
        return self.inverse_transform(np.cos(angle) * one + np.sin(angle) * other, classes=classes)

    def discriminate(self, X: Any, *, classes: Any = None) -> np.ndarray:
        """Return the discriminator's raw outputs, `(n_samples,)`: larger for rows that look real."""
        check_is_fitted(self, "discriminator_")
        X = np.asarray(X)
        if X.shape[1:] != tuple(self.shape_) or not len(X):
            raise ShapeError(f"rows of shape {X.shape}", expected=f"(n_samples, {', '.join(map(str, self.shape_))})")
        model = self._opponents().discriminator
        known = self._class_rows(classes, len(X))
        return by_blocks(compiled_call(model), model, self.discriminator_, self._inside(X), known).reshape(len(X))

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Return minus the squared maximum mean discrepancy between rows and as many generated ones: larger is better."""
        from lossmith.divergence import mmd_test

        X = np.asarray(X)
        rows = self._inside(X).reshape(len(X), -1)
        made = self._inside(self.sample(len(X), random_state=0)).reshape(len(X), -1)
        return -mmd_test(rows, made, permutations=1).statistic

    def save(self, path: Any) -> None:
        """Write the fitted networks to one safetensors file; see `lossmith.generative.load`."""
        from lossmith.generative._files import save

        save(self, path)

    def to_keras(self) -> tuple[Any, Any]:
        """Return generator and discriminator as Keras models; rows as the networks see them, pixels in [-1, 1]."""
        check_is_fitted(self, "generator_")
        generator, discriminator = self._opponents()
        return with_values(generator, self.generator_), with_values(discriminator, self.discriminator_)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        check_is_fitted(self, "generator_")
        arrays = {f"generator_{place:04d}": value for place, value in enumerate(self.generator_)}
        arrays |= {f"discriminator_{place:04d}": value for place, value in enumerate(self.discriminator_)}
        arrays |= {f"curve_{name}": np.asarray(values, np.float32) for name, values in self.curves_.items()}
        arrays |= {"shift": np.asarray(self.shift_), "scale": np.asarray(self.scale_)}
        learned = {
            "shape": list(self.shape_), "bounded": self.bounded_, "diverged": self.diverged_, "spread": self.spread_,
            "classes": self.classes_.tolist(),
        }  # fmt: skip
        return learned, arrays

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        if learned.keys() != {"shape", "bounded", "diverged", "spread", "classes"}:
            raise ValueError("unexpected entries")
        shape, classes = learned["shape"], learned["classes"]
        if not isinstance(shape, list) or not all(type(side) is int and 0 < side <= 10**6 for side in shape):
            raise ValueError("a shape of rows that is none")
        if not isinstance(classes, list) or not all(isinstance(label, str | int | float | bool) for label in classes):
            raise ValueError("classes that are no labels")
        self._check_parameters()
        self.shape_, self.bounded_, self.diverged_ = tuple(shape), bool(learned["bounded"]), int(learned["diverged"])
        self.spread_, self.n_features_in_ = float(learned["spread"]), shape[0]
        self.classes_ = np.array(classes)
        generator, discriminator = self._opponents()
        self.generator_ = restored_values(arrays, "generator_", generator)
        self.discriminator_ = restored_values(arrays, "discriminator_", discriminator)
        self.curves_ = {name[6:]: arrays[name] for name in arrays if name.startswith("curve_")}
        self.shift_, self.scale_ = np.asarray(arrays["shift"]), np.asarray(arrays["scale"])
        if np.broadcast_shapes(self.shift_.shape, self.scale_.shape, self.shape_) != self.shape_:
            raise ValueError("a scaling that does not fit the rows")
        self.samples_ = {}


def ordered_variables(model: Any) -> list[Any]:
    """Return the variables of a model in the order of fitted values: trained ones first."""
    return [*model.trainable_variables, *model.non_trainable_variables]


def with_values(model: Any, values: Sequence[np.ndarray]) -> Any:
    """Return a Keras model with fitted values, which stand in the order of `ordered_variables`."""
    from lossmith.training import to_keras

    by_id = {id(variable): value for variable, value in zip(ordered_variables(model), values, strict=True)}
    return to_keras(model, [by_id[id(variable)] for variable in model.variables])


def restored_values(arrays: Mapping[str, np.ndarray], prefix: str, model: Any) -> list[np.ndarray]:
    """Return the fitted values of a model from the arrays of a file whose names begin with `prefix`.

    Raises
    ------
    ValueError
        Shapes of another network, or numbers that are not finite.
    """
    found = [np.asarray(arrays[key]) for key in sorted(arrays) if key.startswith(prefix)]
    if [value.shape for value in found] != [tuple(variable.shape) for variable in ordered_variables(model)]:
        raise ValueError("weights of another network")
    if not all(np.isfinite(value).all() for value in found):
        raise ValueError("weights that are not finite")
    return found


@functools.lru_cache(maxsize=32)
def compiled_call(model: Any) -> Any:
    """Return `call(trained values, other values, inputs)` of a model, compiled."""
    import jax

    def call(trainable: Any, other: Any, inputs: Any) -> Any:
        return model.stateless_call(trainable, other, inputs, training=False)[0]

    return jax.jit(call)


def by_blocks(
    call: Any, model: Any, values: list[np.ndarray], rows: np.ndarray, classes: np.ndarray | None
) -> np.ndarray:
    """Return what a compiled call makes of rows (and one-hot classes), in blocks of one shape; `values` are ordered."""
    cut = len(model.trainable_variables)
    size = min(BLOCK, len(rows))
    found = []
    with compilation_cache():
        for start in range(0, len(rows), size):
            parts = [array[start : start + size] for array in (rows, *(() if classes is None else (classes,)))]
            kept = len(parts[0])
            if kept < size:  # one shape, one program
                parts = [np.concatenate([part, np.repeat(part[-1:], size - kept, axis=0)]) for part in parts]
            inputs = parts[0] if classes is None else parts
            found.append(np.asarray(call(values[:cut], values[cut:], inputs))[:kept])
    return np.concatenate(found)
