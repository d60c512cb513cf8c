"""Self-organizing maps as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from lossmith._errors import InvalidInputError, did_you_mean
from lossmith.estimators import _files as files
from lossmith.estimators import _som_quality as quality
from lossmith.estimators import _som_training as training
from lossmith.estimators._som_grid import DECAYS, NEIGHBOURHOODS, Grid, decayed, make_grid
from lossmith.estimators._som_views import MapViews

__all__ = ["SelfOrganizingMap"]

CHOICES = {
    "grid": ("rectangular", "hexagonal"),
    "border": ("planar", "toroidal"),
    "training": ("batch", "online"),
    "initial": ("pca", "random", "sample"),
    "neighbourhood": NEIGHBOURHOODS,
    "decay": DECAYS,
    "distance": ("euclidean", "cosine", "manhattan"),
}
CHUNK = 50_000


class SelfOrganizingMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, MapViews, BaseEstimator):
    r"""Self-organizing map: units on a grid that spread over the data, neighbours on the grid near in the data.

    Use it to see a table of numbers as a picture, to find rows that fit nowhere, and as a first step of clustering.
    Scale the columns first, unless they share a unit.

    Parameters
    ----------
    rows, columns : int
        Size of the grid.
    grid : {"rectangular", "hexagonal"}
    border : {"planar", "toroidal"}
        Whether opposite borders touch.
    training : {"batch", "online"}
        Batch: $w_u = \sum_i h(u, b_i) x_i / \sum_i h(u, b_i)$ once an epoch, fast and without a learning rate. Online: a
        step for every row, $w_u \mathrel{+}= \eta h(u, b)(x - w_u)$.
    epochs : int
        Passes over the rows.
    initial : {"pca", "random", "sample"}
    neighbourhood : {"gaussian", "bubble", "mexican_hat"}
        The last is for online training: in a batch its negative weights can add up to zero below the fraction. It pushes units
        around the winner away, as far as the borders of the data, so that few of them win; take a `final_radius` of about 2.
    decay : {"exponential", "asymptotic", "linear"}
        Of radius and learning rate.
    radius, final_radius : float
        In steps of the grid; None takes half of the longer side. See `suggest_radius`.
    learning_rate, final_learning_rate : float
        Online only.
    distance : {"euclidean", "cosine", "manhattan"}
        How the best unit is found; units are means of rows under each of them.
    random_state : int, RandomState or None

    Attributes
    ----------
    weights_ : ndarray of shape (n_units, n_features)
        Unit `row * columns + column`, in units of the inputs.
    labels_ : ndarray of shape (n_samples,)
        Best unit of every row.
    quantization_error_, topographic_error_ : float

    Notes
    -----
    Missing values (NaN) are left out of distances and of means. Batch training computes in single precision.

    References
    ----------
    Kohonen, Self-Organizing Maps, 2001.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from lossmith.estimators import SelfOrganizingMap
    >>> X = load_iris().data
    >>> som = SelfOrganizingMap(rows=6, columns=6, random_state=0).fit(X)
    >>> som.winners(X[:1]).shape, som.hit_map(X).sum().item()
    ((1, 2), 150)
    """

    def __init__(
        self,
        *,
        rows: int = 10,
        columns: int = 10,
        grid: str = "rectangular",
        border: str = "planar",
        training: str = "batch",
        epochs: int = 20,
        initial: str = "pca",
        neighbourhood: str = "gaussian",
        decay: str = "exponential",
        radius: float | None = None,
        final_radius: float = 0.5,
        learning_rate: float = 0.5,
        final_learning_rate: float = 0.01,
        distance: str = "euclidean",
        random_state: Any = None,
    ) -> None:
        self.rows = rows
        self.columns = columns
        self.grid = grid
        self.border = border
        self.training = training
        self.epochs = epochs
        self.initial = initial
        self.neighbourhood = neighbourhood
        self.decay = decay
        self.radius = radius
        self.final_radius = final_radius
        self.learning_rate = learning_rate
        self.final_learning_rate = final_learning_rate
        self.distance = distance
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64"]
        return tags

    def _check_parameters(self) -> Grid:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                value = getattr(self, name)
                raise InvalidInputError(
                    f"{name}={value!r}",
                    expected="one of " + ", ".join(map(repr, allowed)),
                    advice=did_you_mean(str(value), allowed),
                )
        for name in ("rows", "columns", "epochs"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
                raise InvalidInputError(f"{name}={value!r}", expected="a whole number of at least 1")
        for name in ("radius", "final_radius", "learning_rate", "final_learning_rate"):
            value = getattr(self, name)
            if name == "radius" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < np.inf:
                raise InvalidInputError(f"{name}={value!r}", expected="a positive number")
        if self.training == "batch" and self.neighbourhood == "mexican_hat":
            raise InvalidInputError(
                "neighbourhood='mexican_hat' in batch training",
                expected="gaussian or bubble: negative weights may add up to zero below the fraction",
                advice="use training='online'",
            )
        return make_grid(int(self.rows), int(self.columns), self.grid, self.border)

    def _checked(self, X: Any, *, reset: bool) -> np.ndarray:
        if not reset:
            check_is_fitted(self)
        X = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan")
        missing = np.isnan(X)
        if missing.all(axis=1).any() or (reset and missing.all(axis=0).any()):
            raise InvalidInputError(
                "a row or column without any value", expected="one number or more in each", advice="drop it"
            )
        if self.distance == "cosine" and (np.nan_to_num(X) == 0).all(axis=1).any():
            raise InvalidInputError("a row of zeros under the cosine distance", expected="rows with a direction")
        return np.asarray(X)

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Fit to rows of shape `(n_samples, n_features)`; NaN is a missing value."""
        grid = self._check_parameters()
        X = self._checked(X, reset=True)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._learned(X, grid, self._trained(X, grid, [seed])[0])
        return self

    def fit_seeds(self, X: Any, seeds: Sequence[int]) -> list[Self]:
        """Return a fitted map for each seed, all trained together: their units stand side by side in every product.

        Use it with `initial="sample"` or "random", or online, to see what chance does; a batch map that starts from
        principal components knows no chance.
        """
        grid = self._check_parameters()
        made = [clone(self).set_params(random_state=int(seed)) for seed in seeds]
        if not made:
            raise InvalidInputError("no seeds", expected="one or more")
        X = made[0]._checked(X, reset=True)
        drawn = [int(check_random_state(int(seed)).randint(2**31 - 1)) for seed in seeds]
        for one, units in zip(made, self._trained(X, grid, drawn), strict=True):
            one.n_features_in_ = X.shape[1]
            one._learned(X, grid, units)
        return made

    def _trained(self, X: np.ndarray, grid: Grid, seeds: Sequence[int]) -> np.ndarray:
        # centred and scaled as a whole, so that single precision is spent on what differs
        shift = np.zeros(X.shape[1]) if self.distance == "cosine" else np.nanmean(X, axis=0)
        size = float(np.nanstd(X - shift)) or 1.0
        rows = (X - shift) / size
        if self.distance == "cosine":
            rows = rows / np.sqrt(np.nansum(rows**2, axis=1, keepdims=True))
        rngs = [np.random.default_rng(seed) for seed in seeds]
        start = np.stack([training.start_units(rows, grid, self.initial, rng, distance=self.distance) for rng in rngs])
        first = float(self.radius) if self.radius is not None else max(max(grid.shape) / 2.0, 0.5)
        last = min(float(self.final_radius), first)
        epochs = int(self.epochs)
        if self.training == "batch":
            radii = decayed(self.decay, first, last, epochs)
            units = training.train_batch(
                training.Rows(rows, np.float32), start, grid, radii, kind=self.neighbourhood, distance=self.distance
            )
        else:
            steps = epochs * len(rows)
            rate, end = float(self.learning_rate), min(float(self.final_learning_rate), float(self.learning_rate))
            units = training.train_online(
                training.Rows(rows, np.float32),
                start,
                grid,
                np.stack([np.concatenate([rng.permutation(len(rows)) for _ in range(epochs)]) for rng in rngs]),
                decayed(self.decay, first, last, steps),
                decayed(self.decay, rate, end, steps),
                kind=self.neighbourhood,
                distance=self.distance,
            )
        return np.asarray(units, dtype=np.float64) * size + shift

    def _learned(self, X: np.ndarray, grid: Grid, units: np.ndarray) -> None:
        if not np.isfinite(units).all():
            raise InvalidInputError(
                "training diverged", expected="finite units", advice="take a smaller learning_rate or radius"
            )
        self.grid_, self.weights_ = grid, units
        self._n_features_out = grid.n_units
        labels, far, wrong = [], 0.0, 0.0
        for start in range(0, len(X), CHUNK):
            part = quality.distances_to_units(X[start : start + CHUNK], units, self.distance)
            labels.append(part.argmin(axis=1))
            far += quality.quantization_error(part) * len(part)
            wrong += quality.topographic_error(part, grid) * len(part)
        self.labels_ = np.concatenate(labels)
        self.quantization_error_, self.topographic_error_ = far / len(X), wrong / len(X)

    def transform(self, X: Any) -> np.ndarray:
        """Return distances to every unit, `(n_samples, n_units)`, scaled to all features where values miss."""
        X = self._checked(X, reset=False)
        return quality.distances_to_units(X, self.weights_, self.distance)

    def predict(self, X: Any) -> np.ndarray:
        """Return the best unit of each row, `row * columns + column`."""
        X = self._checked(X, reset=False)
        return np.concatenate(
            [
                quality.distances_to_units(X[start : start + CHUNK], self.weights_, self.distance).argmin(axis=1)
                for start in range(0, len(X), CHUNK)
            ]
        )

    def winners(self, X: Any) -> np.ndarray:
        """Return row and column of the best unit of each row, `(n_samples, 2)`."""
        units = self.predict(X)
        return np.column_stack(np.divmod(units, int(self.columns)))

    def win_map(self, X: Any) -> dict[tuple[int, int], np.ndarray]:
        """Return the numbers of the rows that every cell wins; cells that win nothing are left out."""
        units = self.predict(X)
        order = np.argsort(units, kind="stable")
        found, starts = np.unique(units[order], return_index=True)
        parts = np.split(order, starts[1:])
        return {(int(u) // int(self.columns), int(u) % int(self.columns)): p for u, p in zip(found, parts, strict=True)}

    def hit_map(self, X: Any) -> np.ndarray:
        """Return how many rows each cell wins, `(rows, columns)`."""
        units = self.predict(X)
        return np.bincount(units, minlength=self.grid_.n_units).reshape(self.grid_.shape)

    def quantization_error(self, X: Any) -> float:
        """Return the mean distance of rows to their best unit."""
        return quality.quantization_error(self.transform(X))

    def topographic_error(self, X: Any) -> float:
        """Return the share of rows whose two best units are no neighbours; see `_som_quality.topographic_error`."""
        distances = self.transform(X)
        return quality.topographic_error(distances, self.grid_)

    def save(self, path: Any) -> None:
        """Write the fitted map to one safetensors file; `lossmith.estimators.load` reads it back."""
        check_is_fitted(self)
        files.save(self, path)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        check_is_fitted(self)
        learned = {
            "n_features": int(self.n_features_in_),
            "names": [str(name) for name in getattr(self, "feature_names_in_", [])],
            "errors": [self.quantization_error_, self.topographic_error_],
        }
        return learned, {"weights": self.weights_, "labels": self.labels_}

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        # before a grid of that size is made
        if (
            type(self.rows) is not int
            or type(self.columns) is not int
            or self.rows * self.columns != len(arrays["weights"])
        ):
            raise ValueError("units that do not fit the grid")
        grid = self._check_parameters()
        n = int(learned["n_features"])
        weights, labels = np.asarray(arrays["weights"], dtype=np.float64), np.asarray(arrays["labels"])
        if weights.shape != (grid.n_units, n) or not np.isfinite(weights).all():
            raise ValueError(f"units of shape {weights.shape} that do not fit the grid")
        if labels.ndim != 1 or labels.dtype.kind != "i" or ((labels < 0) | (labels >= grid.n_units)).any():
            raise ValueError("labels that name no unit")
        self.grid_, self.weights_, self.labels_, self.n_features_in_ = grid, weights, labels, n
        self._n_features_out = grid.n_units
        if learned["names"]:
            self.feature_names_in_ = np.array(learned["names"], dtype=object)
        self.quantization_error_, self.topographic_error_ = (float(value) for value in learned["errors"])
