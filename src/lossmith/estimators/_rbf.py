"""RBF networks as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import validate_data

from lossmith import losses
from lossmith._errors import InvalidInputError
from lossmith.estimators import _files as files
from lossmith.estimators._calibration import calibrated, fit_calibration
from lossmith.estimators._encoded_targets import EncodedTargets, chosen_loss
from lossmith.estimators._rbf_base import RBFNetworkBase
from lossmith.estimators._rbf_network import moments_of
from lossmith.losses import Loss

__all__ = ["RBFNetworkClassifier", "RBFNetworkRegressor"]


class RBFNetworkRegressor(RegressorMixin, MultiOutputMixin, RBFNetworkBase):
    r"""Radial basis function network for numbers: Gaussian units beside a bias and a linear tail.

    Use it for smooth functions of a few to some dozen inputs, where a fit of a tenth of a second and an explanation by
    prototypes matter. Widths, ridge and the relevance of every input are chosen by generalised cross-validation; where
    no unit helps by more than one standard error it is a ridge regression, and says so (`linear_`).

    $f(x) = b + v^T x + \sum_m w_m \exp(-\gamma_m |r \odot x - c_m|^2)$ with scaled inputs x and relevances r.

    Parameters
    ----------
    n_centers : int or "auto"
        At most this many units; "auto" takes one for every eight rows, at most 150.
    centers : {"kmeans", "random", "forward"} or ndarray of shape (n_centers, n_features)
        k-means, rows drawn at random, regularised forward selection among rows, or given in units of the inputs.
    width : {"gcv", "max_distance", "nearest"} or float
        Chosen by generalised cross-validation; $d / \sqrt{2M}$; the mean distance of each centre to its `neighbours`
        nearest ones; or a number in units of the scaled inputs.
    convention : {"normal", "squared", "doubled"}
        What a width means: $\exp(-r^2/2\sigma^2)$, $\exp(-r^2/\sigma^2)$ or $\exp(-r^2/(2\sigma)^2)$.
    neighbours : int
        For `width="nearest"`.
    ridge : "gcv" or float
        Penalty of the squared weights of the units; never of bias and tail. 0 gives the interpolating solution.
    relevance : {"learned", "equal"}
        Whether inputs get factors in distances (with `width="gcv"` only).
    scale : {"standard", "none"}
        Whether inputs are standardised first.
    loss : str or Loss, optional
        Train further by gradient descent under this loss of the catalogue, from where least squares left the network.
    trained : {"all", "weights"}
        With a loss: centres and widths too, or the output weights alone.
    epochs, batch_size, learning_rate, optimizer
        Of that training; the epoch that is best on 15 % of the rows is kept.
    random_state : int, RandomState or None

    Attributes
    ----------
    network_ : Network
        Centres, widths, relevances and weights as arrays.
    ridge_, gcv_ : float
    linear_ : bool

    References
    ----------
    Broomhead, Lowe, Multivariable functional interpolation and adaptive networks, 1988.
    Orr, Introduction to radial basis function networks, 1996.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith.estimators import RBFNetworkRegressor
    >>> x = np.linspace(0, 6, 200)[:, None]
    >>> model = RBFNetworkRegressor(random_state=0).fit(x, np.sin(x[:, 0]))
    >>> bool(abs(model.predict([[1.0]])[0] - np.sin(1.0)) < 1e-3), model.linear_
    (True, False)
    """

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        learned, arrays = super()._state()
        scale = list(getattr(self, "target_scale_", (0.0, 1.0)))
        return {**learned, "n_dimensions": self.n_dimensions_, "target_scale": scale}, arrays

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        super()._restore(learned, arrays)
        self.n_dimensions_ = int(learned["n_dimensions"])
        center, scale = learned["target_scale"]
        self.target_scale_ = (float(center), float(scale))
        loss = self._fitted_loss()
        if loss is not None and self.network_.tail.shape[1] != loss.units(None):
            raise ValueError("a network whose width does not fit its loss")

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to inputs of shape `(n_samples, n_features)` and targets `(n_samples,)` or `(n_samples, n_outputs)`."""
        X, targets = self._checked(X, y)
        found, rng = self._fit_network(X, targets)
        self.loss_ = None
        self.__dict__.pop("moments_", None)
        if self.loss is not None:
            loss = chosen_loss(self.loss, ("regression",))
            encoded = EncodedTargets.of(loss, targets[:, 0])
            self.network_ = encoded.rescaled(self.network_)
            self._refine(X, encoded, rng)
            self.loss_, self.target_scale_ = str(loss), (encoded.center, encoded.scale)
        else:
            self.moments_ = moments_of(found.network, X, targets)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # a loss trains one output
        tags.target_tags.multi_output = self.loss is None
        tags.target_tags.single_output = True
        return tags

    @available_if(lambda self: self._takes_parts())
    def partial_fit(self, X: Any, y: Any) -> Self:
        """Take in more rows; centres, widths and relevances are those of the first call.

        Afterwards the weights are those of a least-squares fit to all rows seen so far.
        """
        first = not hasattr(self, "moments_")
        X, targets = self._checked(X, y, reset=first)
        if first:
            self.loss_ = None
            found, _ = self._fit_network(X, targets)
            self.moments_ = moments_of(found.network, X, targets)
        else:
            if targets.shape[1] != self.network_.tail.shape[1]:
                raise InvalidInputError(
                    f"{targets.shape[1]} outputs", expected=f"{self.network_.tail.shape[1]}, as in the first part"
                )
            self._add(X, targets)
        return self

    def _checked(self, X: Any, y: Any, *, reset: bool = True) -> tuple[np.ndarray, np.ndarray]:
        shape: tuple[int, ...] = getattr(y, "shape", ())
        if self.loss is not None and len(shape) == 2 and shape[1] > 1:
            raise InvalidInputError(
                f"{shape[1]} outputs under loss={self.loss!r}",
                expected="one output, or loss=None",
                advice="fit one network for each output",
            )
        X, y = validate_data(self, X, y, reset=reset, dtype=np.float64, multi_output=self.loss is None, y_numeric=True)
        if reset and len(X) < 2:
            raise InvalidInputError("n_samples=1", expected="at least two rows")
        if reset:
            self.n_dimensions_ = np.ndim(y)
        return X, np.asarray(y, dtype=np.float64).reshape(len(X), -1)

    def predict(self, X: Any) -> np.ndarray:
        """Return predicted values, of the shape that the targets had."""
        X = self._inputs(X)
        raw = self.network_.outputs(X)
        loss = self._fitted_loss()
        if loss is not None:
            center, scale = self.target_scale_
            with np.errstate(over="ignore"):
                value = loss.predict(raw[:, 0] if loss.head.units == 1 else raw)
            return np.asarray(value) * scale + center
        return raw[:, 0] if self.n_dimensions_ == 1 else raw


class RBFNetworkClassifier(ClassifierMixin, RBFNetworkBase):
    r"""Radial basis function network for classes: least squares on class indicators, calibrated probabilities.

    Use it like `RBFNetworkRegressor`, whose parameters it has. Output weights are fitted to indicators of the classes;
    probabilities come from a logistic regression on leave-one-out outputs, which cost nothing more and know no row's own
    label. With a `loss` (binary or multiclass) the network is trained under it, and the head of the loss gives the
    probabilities; scores of margin losses are calibrated on held-out rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    network_ : Network
    linear_ : bool

    References
    ----------
    Broomhead, Lowe, Multivariable functional interpolation and adaptive networks, 1988.

    Examples
    --------
    >>> from sklearn.datasets import make_circles
    >>> from lossmith.estimators import RBFNetworkClassifier
    >>> X, y = make_circles(400, noise=0.1, factor=0.5, random_state=0)
    >>> model = RBFNetworkClassifier(random_state=0).fit(X[:300], y[:300])
    >>> float(model.score(X[300:], y[300:])) > 0.95
    True
    """

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        learned, arrays = super()._state()
        weights = self.calibration_
        # a class without rows has the constant -inf, which a file of finite numbers marks apart
        absent = np.isneginf(weights[0])
        arrays |= {"calibration": np.where(np.isneginf(weights), 0.0, weights), "absent": absent.astype(np.uint8)}
        return {**learned, "classes": files.labels_of(self.classes_)}, arrays

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        super()._restore(learned, arrays)
        self.classes_ = files.labels_from(learned["classes"])
        weights, absent = np.array(arrays["calibration"], dtype=np.float64), arrays["absent"].astype(bool)
        width, k = self.network_.tail.shape[1], len(self.classes_)
        if k < 2 or weights.shape != (1 + width, k) or absent.shape != (k,) or not np.isfinite(weights).all():
            raise ValueError("a calibration that does not fit the classes")
        weights[0, absent] = -np.inf
        self.calibration_ = weights

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to inputs of shape `(n_samples, n_features)` and class labels `(n_samples,)`."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self._begin(np.unique(y))
        self._fit_parts(X, y)
        if self.loss is not None:
            self._train(X, y)
            del self.moments_  # sums of units that training has moved
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.loss is not None:
            # a loss for two classes makes a classifier for two classes
            named = self.loss if isinstance(self.loss, Loss) else losses.get(str(self.loss))
            tags.classifier_tags.multi_class = named.task != "binary"
        return tags

    def _begin(self, classes: np.ndarray) -> None:
        if len(classes) < 2:
            raise InvalidInputError(
                f"1 class: {classes.tolist()!r}", expected="at least two classes", advice="this data has one class only"
            )
        self.classes_ = classes
        self.loss_ = None

    def _indicators(self, y: np.ndarray) -> np.ndarray:
        """Return class indicators: one column for two classes, one for each class otherwise."""
        if len(self.classes_) == 2:
            return (y == self.classes_[1]).astype(np.float64)[:, None]
        return (y[:, None] == self.classes_).astype(np.float64)

    def _fit_parts(self, X: np.ndarray, y: np.ndarray) -> None:
        targets = self._indicators(y)
        found, self._rng = self._fit_network(X, targets)
        ids = np.searchsorted(self.classes_, y)
        self.calibration_ = fit_calibration(found.held_out, ids[found.rows], n_classes=len(self.classes_))
        self.moments_ = moments_of(found.network, X, targets)

    def _train(self, X: np.ndarray, y: np.ndarray) -> None:
        task = "binary" if len(self.classes_) == 2 else "multiclass"
        loss = chosen_loss(self.loss, (task,))
        ids = np.searchsorted(self.classes_, y)
        encoded = EncodedTargets.of(loss, ids, n_classes=len(self.classes_))
        # indicators in [0, 1] become raw scores about -2 and 2, where every head is neither flat nor saturated
        n = self.network_
        center = 0.5 if task == "binary" else 1.0 / len(self.classes_)
        tail = 4.0 * n.tail
        tail[0] -= 4.0 * center
        self.network_ = replace(n, tail=tail, units=4.0 * n.units)
        watched = self._refine(X, encoded, self._rng)
        self.loss_ = str(loss)
        if loss.head.gives == "score":
            rows = watched if watched.any() else ~watched
            raw = self.network_.outputs(X[rows])
            self.calibration_ = fit_calibration(raw, ids[rows], n_classes=len(self.classes_))

    @available_if(lambda self: self._takes_parts())
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Take in more rows; units and calibration are those of the first call, which names all `classes`.

        Afterwards the weights are those of a least-squares fit to all rows seen so far.
        """
        first = not hasattr(self, "moments_")
        X, y = validate_data(self, X, y, reset=first, dtype=np.float64)
        check_classification_targets(y)
        if first:
            if classes is None:
                raise InvalidInputError("classes=None", expected="classes on the first call to partial_fit")
            self._begin(unique_labels(classes))
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise InvalidInputError(f"class {unknown.tolist()[0]!r}", expected=f"one of {self.classes_.tolist()}")
        if first:
            self._fit_parts(X, y)
        else:
            self._add(X, self._indicators(y))
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return log-odds of the second of two classes, `(n_samples,)`, or scores of all, `(n_samples, n_classes)`."""
        with np.errstate(divide="ignore"):
            logs = np.log(self.predict_proba(X))
            if len(self.classes_) > 2:
                return logs
            return logs[:, 1] - logs[:, 0]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return class probabilities, `(n_samples, n_classes)`."""
        X = self._inputs(X)
        raw = self.network_.outputs(X)
        loss = self._fitted_loss()
        if loss is None or loss.head.gives == "score":
            return calibrated(raw, self.calibration_)
        found = np.asarray(loss.predict(raw[:, 0] if loss.head.units == 1 else raw))
        return np.column_stack([1.0 - found, found]) if found.ndim == 1 else found / found.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        probability = self.predict_proba(X)
        return self.classes_[probability.argmax(axis=1)]
