"""What RBF networks for numbers and for classes share: parameters, fitting, prototypes, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from lossmith import losses
from lossmith._errors import InvalidInputError, did_you_mean
from lossmith.estimators import _files as files
from lossmith.estimators import _gaussians as gaussians
from lossmith.estimators import _least_squares as least_squares
from lossmith.estimators._encoded_targets import EncodedTargets
from lossmith.estimators._rbf_network import Network, Recipe, Search, moments_of, search
from lossmith.losses import Loss

__all__ = ["RBFNetworkBase"]

CHOICES = {
    "centers": ("kmeans", "random", "forward"),
    "width": ("gcv", "max_distance", "nearest"),
    "convention": tuple(gaussians.CONVENTIONS),
    "relevance": ("learned", "equal"),
    "scale": ("standard", "none"),
    "trained": ("all", "weights"),
}
NETWORK = ("shift", "scale", "relevance", "centers", "gamma", "tail", "units")
MOMENTS = ("gram", "cross", "squares")
WATCHED = 0.15
# where descent goes on from least squares, weights must not be large numbers that cancel: a step would tear them apart
LEAST_RIDGE = 1e-3


class RBFNetworkBase(BaseEstimator):
    """What both networks share: their parameters, the search by least squares and the refinement."""

    network_: Network
    moments_: least_squares.Moments
    loss_: str | None
    n_features_in_: int

    def __init__(
        self,
        *,
        n_centers: int | str = "auto",
        centers: Any = "kmeans",
        width: float | str = "gcv",
        convention: str = "normal",
        neighbours: int = 2,
        ridge: float | str = "gcv",
        relevance: str = "learned",
        scale: str = "standard",
        loss: Any = None,
        trained: str = "all",
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 0.003,
        optimizer: str = "adam",
        random_state: Any = None,
    ) -> None:
        self.n_centers = n_centers
        self.centers = centers
        self.width = width
        self.convention = convention
        self.neighbours = neighbours
        self.ridge = ridge
        self.relevance = relevance
        self.scale = scale
        self.loss = loss
        self.trained = trained
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.random_state = random_state

    def _check_parameters(self) -> Recipe:
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if name == "width" and _is_number(value) and value > 0 and np.isfinite(value):
                continue
            if name == "centers" and not isinstance(value, str):
                continue
            if value not in allowed:
                other = " or a positive number" if name == "width" else " or an array" if name == "centers" else ""
                raise InvalidInputError(
                    f"{name}={value!r}",
                    expected="one of " + ", ".join(map(repr, allowed)) + other,
                    advice=did_you_mean(str(value), allowed),
                )
        for name in ("n_centers", "neighbours", "epochs", "batch_size"):
            value = getattr(self, name)
            if name == "n_centers" and isinstance(value, str) and value == "auto":
                continue
            if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
                raise InvalidInputError(f"{name}={value!r}", expected="a whole number of at least 1")
        ridge: Any = self.ridge
        if not (ridge == "gcv" or (_is_number(ridge) and 0 <= ridge < np.inf)):
            raise InvalidInputError(f"ridge={self.ridge!r}", expected="'gcv' or a number of at least 0")
        if not (_is_number(self.learning_rate) and 0 < self.learning_rate < np.inf):
            raise InvalidInputError(f"learning_rate={self.learning_rate!r}", expected="a positive number")
        count = self.n_centers if self.n_centers == "auto" else int(self.n_centers)
        return Recipe(
            count,
            self.centers,
            self.width,
            self.convention,
            int(self.neighbours),
            self.ridge,
            self.relevance,
            self.scale,
            LEAST_RIDGE if self.loss is not None else 0.0,
        )

    def _fit_network(self, X: np.ndarray, targets: np.ndarray) -> tuple[Search, np.random.Generator]:
        recipe = self._check_parameters()
        # the interface of scikit-learn: None means another draw each time
        rng = np.random.default_rng(int(check_random_state(self.random_state).randint(2**31 - 1)))
        found = search(X, targets, recipe, rng)
        self.network_ = found.network
        self.ridge_ = found.ridge
        self.gcv_ = found.gcv
        self.linear_ = found.linear
        return found, rng

    def _refine(self, X: np.ndarray, encoded: EncodedTargets, rng: np.random.Generator) -> np.ndarray:
        """Train the network under the loss; return which rows were held out."""
        from lossmith.estimators._rbf_refinement import refined

        watched = np.zeros(len(X), dtype=bool)
        watched[rng.permutation(len(X))[: int(WATCHED * len(X))]] = True
        self.network_ = refined(
            self.network_,
            X,
            encoded.values,
            encoded.loss,
            units=encoded.units,
            watched=watched,
            trained=self.trained,
            epochs=int(self.epochs),
            batch_size=int(self.batch_size),
            learning_rate=float(self.learning_rate),
            optimizer=self.optimizer,
            seed=int(rng.integers(2**31)),
        )
        self.linear_ = False
        return watched

    def _add(self, X: np.ndarray, targets: np.ndarray) -> None:
        """Fit the weights to all rows seen so far, those of `X` included."""
        self.moments_ = self.moments_ + moments_of(self.network_, X, targets)
        ridge = None if self.ridge == "gcv" else float(self.ridge)
        fit = least_squares.fit_moments(self.moments_, ridge=ridge)
        self.network_ = replace(self.network_, tail=fit.tail, units=fit.units)
        self.ridge_, self.gcv_, self.linear_ = fit.ridge, fit.gcv, False

    def _takes_parts(self) -> bool:
        """Return whether rows may come in parts: only least squares has sums to keep."""
        if self.loss is not None:
            raise InvalidInputError(
                f"partial_fit under loss={self.loss!r}",
                expected="loss=None: least squares alone is exact when rows come in parts",
                advice="use fit",
            )
        return True

    def _fitted_loss(self) -> Loss | None:
        # kept by name: a record holds functions, which copies and files do not
        return None if self.loss_ is None else losses.get(self.loss_)

    def _inputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, reset=False, dtype=np.float64))

    def save(self, path: Any) -> None:
        """Write the fitted network to one safetensors file; `lossmith.estimators.load` reads it back."""
        check_is_fitted(self)
        files.save(self, path)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        check_is_fitted(self)
        learned: dict[str, Any] = {
            "n_features": int(self.n_features_in_),
            "names": [str(name) for name in getattr(self, "feature_names_in_", [])],
            "ridge": self.ridge_,
            "gcv": self.gcv_ if np.isfinite(self.gcv_) else None,
            "linear": self.linear_,
            "loss": self.loss_,
        }
        arrays = {name: getattr(self.network_, name) for name in NETWORK}
        if hasattr(self, "moments_"):
            learned["n_rows"] = self.moments_.n
            arrays |= {f"moments_{name}": getattr(self.moments_, name) for name in MOMENTS}
        return learned, arrays

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self._check_parameters()
        n = int(learned["n_features"])
        network = Network(*(np.asarray(arrays[name], dtype=np.float64) for name in NETWORK))
        m, k = network.centers.shape[0], network.tail.shape[1]
        shapes = {"shift": (n,), "scale": (n,), "relevance": (n,), "centers": (m, n), "gamma": (m,)}
        shapes |= {"tail": (1 + n, k), "units": (m, k)}
        for name, shape in shapes.items():
            value = getattr(network, name)
            if value.shape != shape or not np.isfinite(value).all():
                raise ValueError(f"{name} of shape {value.shape}, not finite numbers of shape {shape}")
        if not (network.scale > 0).all() or not (network.gamma > 0).all():
            raise ValueError("a scale or width that is not positive")
        self.network_, self.n_features_in_ = network, n
        if learned["names"]:
            self.feature_names_in_ = np.array(learned["names"], dtype=object)
        self.ridge_, self.linear_ = float(learned["ridge"]), bool(learned["linear"])
        self.gcv_ = np.inf if learned["gcv"] is None else float(learned["gcv"])
        self.loss_ = None if learned["loss"] is None else str(losses.get(str(learned["loss"])))
        if "n_rows" in learned:
            columns = 1 + n + m
            gram, cross, squares = (arrays[f"moments_{name}"] for name in MOMENTS)
            if gram.shape != (columns, columns) or cross.shape != (columns, k) or squares.shape != (k,):
                raise ValueError("sums of shapes that do not fit the network")
            self.moments_ = least_squares.Moments(int(learned["n_rows"]), gram, cross, squares, 1 + n)

    def activations(self, X: Any) -> np.ndarray:
        """Return what every unit answers, between 0 and 1, shape `(n_samples, n_centers)`."""
        X = self._inputs(X)
        return self.network_.columns(X)[1]

    def prototypes(self) -> pl.DataFrame:
        """Return the units, most influential first: centre in units of the inputs, width, and output weights.

        Use it to explain the network: a row near a centre is predicted as the weight of that centre says. Influence is
        the sum of the absolute weights.
        """
        check_is_fitted(self)
        names = list(getattr(self, "feature_names_in_", [f"x{place}" for place in range(self.n_features_in_)]))
        influence = np.abs(self.network_.units).sum(axis=1)
        order = np.argsort(-influence, kind="stable")
        centers = self.network_.prototypes()[order]
        columns = {str(name): centers[:, place] for place, name in enumerate(names)}
        columns["width"] = np.sqrt(1.0 / (gaussians.CONVENTIONS[self.convention] * self.network_.gamma[order]))
        weights = self.network_.units[order]
        columns |= {f"weight_{place}": weights[:, place] for place in range(weights.shape[1])}
        return pl.DataFrame({**columns, "influence": influence[order]})


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
