"""Baselines that every network must beat: a constant, a linear model and gradient boosting, all by scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from lossmith.compare import metrics
from lossmith.compare.plan import Plan
from lossmith.compare.trials import Seat

__all__ = ["BASELINES", "baseline_arrays"]

BASELINES = {
    "regression": ("mean", "linear", "gradient boosting"),
    "binary": ("majority", "logistic", "gradient boosting"),
    "multiclass": ("majority", "logistic", "gradient boosting"),
}


def baseline_arrays(plan: Plan, seat: Seat, *, seed: int) -> dict[str, np.ndarray]:
    """Return the test metrics of every baseline on one trial's rows, each of shape `(n_metrics,)`.

    The baselines train on the rows, inputs and (noisy) targets of the networks; nothing is tuned.
    """
    train, test = seat.split.train, seat.split.test
    found = {}
    for name, model in zip(BASELINES[plan.dataset.task], _models(plan.dataset.task, seed), strict=True):
        with warnings.catch_warnings():
            # a linear baseline that stops early is still a baseline; nobody tunes it
            warnings.simplefilter("ignore")
            model.fit(seat.inputs[train], seat.target[train])
            given = _predictions(plan, model, seat.inputs[test])
        target = plan.dataset.target[test]
        numbers = metrics.measure(target, task=plan.dataset.task, metrics=list(plan.metrics), **given)
        found[name] = np.array([float(numbers.get(str(metric), [np.nan])[0]) for metric in plan.metrics])
    return found


def _models(task: str, seed: int) -> list[Any]:
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    if task == "regression":
        return [DummyRegressor(), Ridge(), HistGradientBoostingRegressor(random_state=seed)]
    return [
        DummyClassifier(strategy="prior"),
        LogisticRegression(max_iter=500),
        HistGradientBoostingClassifier(random_state=seed),
    ]


def _predictions(plan: Plan, model: Any, inputs: np.ndarray) -> dict[str, np.ndarray]:
    if plan.dataset.task == "regression":
        return {"value": np.asarray(model.predict(inputs), dtype=np.float64)[None]}
    # a class that the training rows lack has probability 0
    probability = np.zeros((len(inputs), plan.dataset.n_classes))
    probability[:, model.classes_] = model.predict_proba(inputs)
    return {"probability": probability[None, :, 1] if plan.dataset.task == "binary" else probability[None]}
