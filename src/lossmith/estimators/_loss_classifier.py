"""A classifier: a network with a loss, trained by the engine."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from lossmith._errors import InvalidInputError
from lossmith.estimators._loss_base import LossEstimator, named_loss
from lossmith.losses import Loss, get

__all__ = ["LossClassifier"]


def _gives_probabilities(estimator: Any) -> bool:
    """Return whether the loss of an estimator, fitted or not, has a head of probabilities."""
    n_classes = len(estimator.classes_) if hasattr(estimator, "classes_") else 2
    loss = estimator.loss_ if hasattr(estimator, "loss_") else estimator.loss
    tasks = ("binary", "multiclass", "ordinal")
    automatic = "binary_crossentropy" if n_classes == 2 else "categorical_crossentropy"
    if named_loss(loss, automatic=automatic, tasks=tasks, name="LossClassifier").head.gives != "probability":
        raise AttributeError(f"{loss} gives scores, not probabilities; use CalibratedClassifierCV around the estimator")
    return True


class LossClassifier(ClassifierMixin, LossEstimator):
    """A network with a loss, as a classifier of scikit-learn.

    Use it where scikit-learn is spoken, in pipelines and searches: `loss` is a parameter like any other, so that
    `GridSearchCV` can vary it (`LossSearchCV` trains all candidates in one program).

    Parameters
    ----------
    loss : str or Loss
        A loss for two, several or ordered classes, as in "focal:gamma=2"; "auto" is the cross-entropy. Losses for several
        classes also serve two.
    model : str or callable
        A family with its configuration, as in "mlp:hidden=64x64", or a function that returns a Keras body.
    optimizer : str
        Keras's name with parameters, as in "sgd:momentum=0.9".
    learning_rate : float
    epochs, batch_size : int
    patience : int or None
        Stop after this many epochs without improvement on held-out rows, and keep the weights of the best epoch.
    validation_fraction : float
        Share of the rows that is held out where there is a patience.
    random_state : int, RandomState or None
        Draws initial weights, batches and held-out rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    weights_ : list of ndarray
        Values of the network's variables; no model of Keras is kept, `to_keras()` makes one.
    loss_ : str
    loss_curve_, validation_curve_ : ndarray of shape (n_iter_,)
        Means of the loss at each epoch; the second is None without a patience.
    best_epoch_, n_iter_ : int
    n_features_in_ : int

    Examples
    --------
    >>> from sklearn.datasets import make_circles
    >>> x, y = make_circles(200, noise=0.1, factor=0.4, random_state=0)
    >>> model = LossClassifier(loss="hinge", random_state=0).fit(x, y)
    >>> model.score(x, y) > 0.9
    True
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # a loss for two classes serves no more; a name that is wrong is said by fit
        with suppress(InvalidInputError):
            tags.classifier_tags.multi_class = self.loss == "auto" or get(str(self.loss)).task != "binary"
        return tags

    def _read(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        inputs, labels = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(labels)
        self.classes_, target = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InvalidInputError(
                f"one class, {self.classes_[0]!r}", expected="at least two classes", advice="check how y was made"
            )
        return inputs, target

    @property
    def _n_classes(self) -> int:
        return len(self.classes_)

    def _loss(self, loss: Any) -> Loss:
        several = ("multiclass", "ordinal")
        automatic = "binary_crossentropy" if self._n_classes == 2 else "categorical_crossentropy"
        tasks = ("binary", *several) if self._n_classes == 2 else several
        if self._n_classes > 2 and loss != "auto":
            found = named_loss(loss, automatic="", tasks=("binary", *several), name="LossClassifier")
            if found.task == "binary":
                raise InvalidInputError(
                    f"loss {found} for LossClassifier with {self._n_classes} classes: Only binary classification is supported.",
                    expected="a loss for several classes",
                    advice="`lossmith losses --task multiclass` lists them",
                )
        return named_loss(loss, automatic=automatic, tasks=tasks, name=f"LossClassifier with {self._n_classes} classes")

    def decision_function(self, X: Any) -> np.ndarray:
        """Return scores: of class 1, shape `(n_samples,)`, for two classes, else `(n_samples, n_classes)`.

        The class is the sign, or the largest.
        """
        raw, loss = self._raw(X), self._fitted_loss
        if loss.head.name == "cumulative":
            # ordered classes: raw outputs are thresholds, so that the scores are the logarithms of the probabilities
            raw = np.log(np.maximum(np.asarray(loss.predict(raw)), np.finfo(np.float64).tiny))
        if raw.shape[1] == 1:
            return raw[:, 0]
        return raw[:, 1] - raw[:, 0] if self._n_classes == 2 else raw

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each row, shape `(n_samples,)`."""
        check_is_fitted(self)
        score = self.decision_function(X)
        return np.asarray(self.classes_[(score > 0).astype(int) if score.ndim == 1 else score.argmax(axis=1)])

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, shape `(n_samples, n_classes)`, where the loss has such a head."""
        raw, loss = self._raw(X), self._fitted_loss
        found = np.asarray(loss.predict(raw[:, 0] if loss.head.units == 1 else raw))
        return found if found.ndim == 2 else np.stack([1.0 - found, found], axis=1)
