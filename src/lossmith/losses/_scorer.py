"""Losses as scorers of scikit-learn: what a fitted estimator predicts, turned back into raw outputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lossmith._errors import DomainError, InvalidInputError
from lossmith.losses._spec import Loss

__all__ = ["as_scorer"]

SMALLEST = math.log(5e-324)  # probabilities of 0 count as the smallest number above it


def _values(loss: Loss, estimator: Any, x: Any) -> np.ndarray:
    prediction = np.asarray(estimator.predict(x), dtype=float)
    if loss.head.name == "linear":
        return prediction
    lowest = 0.0 if loss.head.name == "exponential" else -1.0
    if np.any(prediction <= lowest):
        raise DomainError(
            f"predictions down to {prediction.min():g} for {loss}",
            expected=f"predictions above {lowest:g}",
            advice="use an estimator whose predictions are positive, such as PoissonRegressor",
        )
    return np.log(prediction) if loss.head.name == "exponential" else np.log1p(prediction)


def _log_probabilities(estimator: Any, x: Any) -> np.ndarray:
    p = np.asarray(estimator.predict_proba(x), dtype=float)
    return np.log(p, out=np.full_like(p, SMALLEST), where=p > 0)


def _raw(loss: Loss, estimator: Any, x: Any) -> np.ndarray:
    head = loss.head.name
    if head in ("linear", "exponential", "expm1"):
        return _values(loss, estimator, x)
    if head == "sigmoid":
        logs = _log_probabilities(estimator, x)
        return np.asarray(logs[:, 1] - logs[:, 0])
    if head == "softmax":
        return _log_probabilities(estimator, x)
    if head in ("margin", "class_scores"):
        return np.asarray(estimator.decision_function(x), dtype=float)
    raise InvalidInputError(
        f"a scorer of {loss}",
        expected="a loss whose head is linear, exponential, expm1, sigmoid, softmax, margin or class_scores",
        advice="scikit-learn has no estimator with such outputs",
    )


def _target(loss: Loss, estimator: Any, y: Any) -> np.ndarray:
    if loss.task == "regression":
        return np.asarray(y, dtype=float)
    classes = np.asarray(estimator.classes_)
    ids = np.searchsorted(classes, y)
    if np.any(classes[np.minimum(ids, len(classes) - 1)] != y):
        raise DomainError(
            "classes that the estimator has not seen", expected=f"{classes}", advice="fit it on all classes"
        )
    return 2.0 * ids - 1 if loss.encoding == "minus_one_one" else ids


def as_scorer(loss: Loss) -> Callable[[Any, Any, Any], float]:
    """Return a scorer for `cross_val_score` and grid searches: minus the mean loss, so that greater is better.

    Values are compared as they are, in units of the target: parameters such as the delta of huber are in those units.

    Raises
    ------
    InvalidInputError
        When called: the loss needs outputs that estimators of scikit-learn do not have.
    DomainError
        When called: predictions or targets outside the domain.

    Examples
    --------
    >>> from lossmith import losses
    >>> from sklearn.dummy import DummyRegressor
    >>> estimator = DummyRegressor().fit([[0.0], [0.0]], [1.0, 3.0])
    >>> as_scorer(losses.get("mse"))(estimator, [[0.0], [0.0]], [1.0, 3.0])
    -1.0
    """

    def scorer(estimator: Any, x: Any, y: Any) -> float:
        return -float(np.mean(loss(_raw(loss, estimator, x), _target(loss, estimator, y))))

    scorer.__name__ = f"negative_{loss.name}"
    return scorer
