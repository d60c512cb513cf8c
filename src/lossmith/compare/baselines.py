"""Baselines that every network must beat: a constant, a linear model and gradient boosting, all by scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from lossmith.compare import metrics
from lossmith.compare.image_defaults import BASELINE_ROWS, table_of
from lossmith.compare.plan import Plan
from lossmith.compare.trials import Seat

__all__ = ["BASELINES", "TRIALS", "baseline_arrays"]

# trials on which every baseline is trained; from there on the constant alone, which failed runs are judged by
TRIALS = 10

BASELINES = {
    "regression": ("mean", "linear", "gradient boosting"),
    "binary": ("majority", "logistic", "gradient boosting"),
    "multiclass": ("majority", "logistic", "gradient boosting"),
}


def baseline_arrays(plan: Plan, seat: Seat, *, seed: int, all_models: bool = True) -> dict[str, np.ndarray]:
    """Return the test metrics of every baseline on one trial's rows, each of shape `(n_metrics,)`.

    The baselines train on the rows, inputs and (noisy) targets of the networks; nothing is tuned. Of images they see
    averages over a grid of at most 8 x 8 places, and train on at most 5,000 rows. With `all_models` off only the constant is trained and the others are NaN.
    """
    train, test = seat.split.train, seat.split.test
    inputs, rows = seat.inputs, train
    if inputs.ndim > 2:  # images as small tables
        rows = train[np.linspace(0, len(train) - 1, min(BASELINE_ROWS, len(train))).astype(int)]
    found = {}
    for place, (name, model) in enumerate(
        zip(BASELINES[plan.dataset.task], _models(plan.dataset.task, seed), strict=True)
    ):
        if place and not all_models:
            found[name] = np.full(len(plan.metrics), np.nan)
            continue
        # one OpenMP thread: trials run side by side, and on small tables more threads only wait for each other
        with warnings.catch_warnings(), threadpool_limits(1):
            # a linear baseline that stops early is still a baseline; nobody tunes it
            warnings.simplefilter("ignore")
            if inputs.ndim > 2 and not place:  # the constant looks at no input, but at all targets
                model.fit(np.zeros((len(train), 1)), seat.target[train])
                given = _predictions(plan, model, np.zeros((len(test), 1)))
            else:
                model.fit(_columns(inputs, rows), seat.target[rows])
                given = _predictions(plan, model, _columns(inputs, test))
        target = plan.dataset.target[test]
        numbers = metrics.measure(target, task=plan.dataset.task, metrics=list(plan.metrics), **given)
        found[name] = np.array([float(numbers.get(str(metric), [np.nan])[0]) for metric in plan.metrics])
    return found


def _columns(inputs: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return table_of(inputs[rows]) if inputs.ndim > 2 else inputs[rows]


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
