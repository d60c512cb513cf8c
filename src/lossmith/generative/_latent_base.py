"""What autoencoders share as scikit-learn transformers: parameters, rows, training, codes and their inverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.generative._latent_model import LatentModel, latent_model
from lossmith.generative._likelihoods import LIKELIHOODS
from lossmith.generative._parameters import check_number, check_one_of, check_whole
from lossmith.generative._variational import QUANTITIES, LatentProcedure, Terms, beta_schedule, rate_schedule, steps_of
from lossmith.training import GroupData, GroupResult, Part, Schedule, Trainer, compilation_cache
from lossmith.training.optimizers import make_optimizer

__all__ = ["LatentEstimator"]

Progress = Callable[[int, int], None]


class LatentEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of the autoencoders; not for use by itself."""

    variational = False
    network: str
    latent: int
    likelihood: str
    epochs: int
    batch_size: int
    learning_rate: float
    decay: str
    optimizer: str
    validation_fraction: float
    patience: int | None
    random_state: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64"]
        tags.non_deterministic = False
        return tags

    def _extra(self) -> dict[str, Any]:
        """Return settings that only one kind has: beta, schedule, free bits, binarize, noise."""
        return {}

    def _check_parameters(self) -> None:
        for name in ("latent", "epochs", "batch_size"):
            check_whole(name, getattr(self, name))
        check_number("learning_rate", self.learning_rate)
        check_one_of("decay", self.decay, ("none", "linear"))
        check_number("validation_fraction", self.validation_fraction, high=1.0, closed_low=True)
        if self.patience is not None:
            check_whole("patience", self.patience)
            if not self.validation_fraction:
                raise InvalidInputError(
                    "patience without validation rows", expected="a validation_fraction above 0", advice="0.1 is usual"
                )
        LIKELIHOODS[self.likelihood]

    def _model(self) -> LatentModel:
        return latent_model(
            self.network, tuple(self.shape_), int(self.latent), LIKELIHOODS[self.likelihood].name, self.variational
        )

    def _checked(self, X: Any, *, reset: bool) -> np.ndarray:
        """Return rows as bytes of pixels or single precision, in the units that were given."""
        if not reset:
            check_is_fitted(self)
        pixels = isinstance(X, np.ndarray) and X.dtype == np.uint8 and X.ndim > 2
        X = validate_data(self, X, reset=reset, allow_nd=True, dtype=None if pixels else np.float64)
        if not reset and X.shape[1:] != tuple(self.shape_):
            raise ShapeError(f"rows of shape {X.shape[1:]}", expected=f"{tuple(self.shape_)}, as in fit")
        law = LIKELIHOODS[self.likelihood]
        if not pixels and (X.min() < law.low or X.max() > law.high):
            raise DomainError(
                f"rows from {X.min():g} to {X.max():g} under likelihood {law.name}",
                expected=f"numbers in [{law.low:g}, {law.high:g}]",
                advice="scale the rows, give pixels as bytes, or take likelihood='gaussian'",
            )
        return np.asarray(X)

    def _inside(self, X: np.ndarray) -> np.ndarray:
        """Return rows as the network sees them."""
        if X.dtype == np.uint8:
            X = X / np.float32(255)
        return ((X - self.shift_) / self.scale_).astype(np.float32)

    def _outside(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows, dtype=np.float64) * self.scale_ + self.shift_

    def _log_volume(self) -> float:
        """Return what the scaling of features adds to a density's logarithm, as a negative number."""
        if LIKELIHOODS[self.likelihood].discrete:
            return 0.0
        return -float(np.log(np.broadcast_to(self.scale_, self.shape_)).sum())

    def _learn_scaling(self, X: np.ndarray) -> None:
        self.shape_ = tuple(X.shape[1:])
        if LIKELIHOODS[self.likelihood].name != "gaussian":
            self.shift_, self.scale_ = np.zeros(()), np.ones(())
            return
        numbers = X / 255.0 if X.dtype == np.uint8 else X
        axes = 0 if X.ndim == 2 else None  # columns of a table have units of their own, pixels share one
        self.shift_ = np.asarray(numbers.mean(axis=axes))
        deviation = np.asarray(numbers.std(axis=axes))
        self.scale_ = np.where(deviation > 0, deviation, 1.0)

    def fit(self, X: Any, y: Any = None, *, progress: Progress | None = None) -> Self:  # noqa: ARG002
        """Fit to rows of shape `(n_samples, ...)`: numbers, or pixels as bytes, which are divided by 255.

        Parameters
        ----------
        progress : callable, optional
            `progress(epochs done, epochs in all)`.
        """
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._fit_together([self], X, [seed], progress)
        return self

    def fit_seeds(self, X: Any, seeds: Sequence[int], *, progress: Progress | None = None) -> list[Self]:
        """Return a fitted estimator for each seed, all trained in one compiled program where networks are dense."""
        if not len(seeds):
            raise InvalidInputError("no seeds", expected="one or more")
        made = [clone(self).set_params(random_state=int(seed)) for seed in seeds]
        drawn = [int(check_random_state(int(seed)).randint(2**31 - 1)) for seed in seeds]
        self._fit_together(made, X, drawn, progress)
        return made

    def _fit_together(self, made: list[Self], X: Any, seeds: list[int], progress: Progress | None) -> None:
        self._check_parameters()
        for one in made:
            rows = one._checked(X, reset=True)
            one._learn_scaling(rows)
        first = made[0]
        train, held_out = self._divided(rows, seeds[0])
        as_bytes = rows.dtype == np.uint8 and first.shift_.ndim == 0 and float(first.scale_) == 1.0
        parts = [part if as_bytes else first._inside(part) for part in (train, held_out)]
        with compilation_cache():
            procedure = LatentProcedure(
                first._model(),
                make_optimizer(self.optimizer, learning_rate=float(self.learning_rate)),
                self._terms(len(train)),
            )
        schedule = Schedule(
            epochs=int(self.epochs),
            batch_size=int(self.batch_size),
            patience=None if self.patience is None else int(self.patience),
            restore_best=self.patience is not None,
        )
        trainer = Trainer(procedure, [0], [float(self.learning_rate)], schedule, quantities=QUANTITIES)
        evaluate = {"validation": Part(parts[1][None], ())} if len(held_out) else {}
        result = trainer.train(GroupData(tuple(seeds), Part(parts[0][None], ()), evaluate), progress=progress)
        for place, one in enumerate(made):
            one._learned(result, place)

    def _terms(self, n_rows: int) -> Terms:
        extra = self._extra()
        steps = steps_of(n_rows, int(self.batch_size), int(self.epochs))
        beta = beta_schedule(
            extra.get("schedule", "constant"),
            float(extra.get("beta", 1.0)),
            steps=steps,
            warm_up_steps=steps_of(n_rows, int(self.batch_size), int(extra.get("warm_up_epochs", 1))),
            cycles=int(extra.get("cycles", 4)),
        )
        return Terms(
            beta=beta,
            rate=rate_schedule(self.decay, steps=steps),
            free_bits=float(extra.get("free_bits", 0.0)),
            binarize=bool(extra.get("binarize", False)),
            noise=float(extra.get("noise", 0.0)),
        )

    def _divided(self, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        if not self.validation_fraction:
            return rows, rows[:0]
        count = max(1, round(float(self.validation_fraction) * len(rows)))
        if count >= len(rows):
            raise InvalidInputError(
                f"{len(rows)} rows with validation_fraction={self.validation_fraction:g}",
                expected="at least one row left to train on",
            )
        order = np.random.default_rng(seed).permutation(len(rows))
        return rows[order[count:]], rows[order[:count]]

    def _learned(self, result: GroupResult, place: int) -> None:
        if result.diverged[place, 0]:
            raise InvalidInputError(
                f"training diverged in epoch {int(result.diverged[place, 0])}",
                expected="finite losses",
                advice="take a smaller learning_rate, or scale the rows",
            )
        self.weights_ = [np.asarray(weight[place, 0]) for weight in result.weights]
        self.curves_ = {name: values[place, 0] for name, values in result.curves.items()}
        self.n_epochs_ = int(result.last_epoch[place, 0])
        self._n_features_out = int(self.latent)

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes of rows (the means, where they are drawn), `(n_samples, latent)`."""
        rows = self._checked(X, reset=False)
        return np.asarray(self._encoded(rows)[0], dtype=np.float64)

    def _encoded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._model().by_blocks("encode", self.weights_, self._inside(rows))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the expected rows of codes of shape `(n_samples, latent)`, in the units of the rows; pixels lie in [0, 1]."""
        raw, _ = self._decoded(X)
        return self._outside(self._model().likelihood.mean(raw.astype(np.float64)))

    def _decoded(self, codes: Any) -> tuple[np.ndarray, float]:
        check_is_fitted(self)
        codes = np.asarray(codes, dtype=np.float32)
        if codes.ndim != 2 or codes.shape[1] != int(self.latent) or not len(codes):
            raise ShapeError(f"codes of shape {codes.shape}", expected=f"(n_samples, {int(self.latent)})")
        if not np.isfinite(codes).all():
            raise InvalidInputError("codes with NaN or infinity", expected="finite numbers")
        raw, log_scale = self._model().by_blocks("decode", self.weights_, codes)
        return raw, float(log_scale)

    def reconstruction_error(self, X: Any) -> np.ndarray:
        """Return the mean squared difference of each row and its reconstruction, in squared units: large where a row is unusual."""
        rows = self._checked(X, reset=False)
        numbers = rows / 255.0 if rows.dtype == np.uint8 else rows
        rebuilt = self.inverse_transform(self._encoded(rows)[0])
        return ((numbers - rebuilt) ** 2).reshape(len(rows), -1).mean(axis=1)

    def interpolate(self, start: Any, end: Any, *, n: int = 8) -> np.ndarray:
        """Return rows on the way from one row to another, `(n, ...)`: codes in equal steps, decoded.

        Parameters
        ----------
        start, end : array of the shape of one row
        """
        check_whole("n", n, least=2)
        codes = self.transform(np.stack([np.asarray(start), np.asarray(end)]))
        share = np.linspace(0, 1, n)[:, None]
        return self.inverse_transform((1 - share) * codes[0] + share * codes[1])

    def traverse(self, X: Any, *, dimension: int, values: Sequence[float] = (-3, -2, -1, 0, 1, 2, 3)) -> np.ndarray:
        """Return what one dimension of the code does, `(n_samples, n_values, ...)`: the others are those of the rows."""
        codes = self.transform(X)
        if not 0 <= dimension < codes.shape[1]:
            raise InvalidInputError(f"dimension={dimension}", expected=f"0 to {codes.shape[1] - 1}")
        moved = np.repeat(codes[:, None], len(values), axis=1)
        moved[:, :, dimension] = np.asarray(values)
        rows = self.inverse_transform(moved.reshape(-1, codes.shape[1]))
        return rows.reshape(len(codes), len(values), *self.shape_)

    def save(self, path: Any) -> None:
        """Write the fitted estimator to one safetensors file; see `lossmith.generative.load`."""
        from lossmith.generative._files import save

        save(self, path)

    def to_keras(self) -> tuple[Any, Any]:
        """Return encoder and decoder as Keras models; rows as the network sees them, raw outputs."""
        from lossmith.training import to_keras

        check_is_fitted(self)
        pair = self._model().pair
        cut = len(pair.encoder.variables)
        end = cut + len(pair.decoder.variables)
        return to_keras(pair.encoder, self.weights_[:cut]), to_keras(pair.decoder, self.weights_[cut:end])

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        check_is_fitted(self)
        arrays = {f"weight_{place:04d}": value for place, value in enumerate(self.weights_)}
        arrays |= {f"curve_{name}": np.asarray(values, np.float32) for name, values in self.curves_.items()}
        return {"shape": list(self.shape_), "n_epochs": self.n_epochs_}, {
            **arrays, "shift": np.asarray(self.shift_), "scale": np.asarray(self.scale_)
        }  # fmt: skip

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        if learned.keys() != {"shape", "n_epochs"}:
            raise ValueError("unexpected entries")
        shape = learned["shape"]
        if not isinstance(shape, list) or not all(type(side) is int and 0 < side <= 10**6 for side in shape):
            raise ValueError("a shape of rows that is none")
        self._check_parameters()
        self.shape_, self.n_epochs_ = tuple(shape), int(learned["n_epochs"])
        self.n_features_in_ = shape[0]
        names = sorted(name for name in arrays if name.startswith("weight_"))
        self.weights_ = [np.asarray(arrays[name], np.float32) for name in names]
        if [value.shape for value in self.weights_] != self._model().shapes:
            raise ValueError("weights of another network")
        self.curves_ = {name[6:]: arrays[name] for name in arrays if name.startswith("curve_")}
        self.shift_, self.scale_ = np.asarray(arrays["shift"]), np.asarray(arrays["scale"])
        if np.broadcast_shapes(self.shift_.shape, self.scale_.shape, self.shape_) != self.shape_:
            raise ValueError("a scaling that does not fit the rows")
        if not all(np.isfinite(value).all() for value in (*self.weights_, self.shift_, self.scale_)):
            raise ValueError("numbers that are not finite")
        self._n_features_out = int(self.latent)
