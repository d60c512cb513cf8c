"""The classical catalogue: every face makes an estimator of scikit-learn that trains, with each of its losses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from lossmith._errors import InvalidInputError, UnknownNameError
from lossmith.estimators import CLASSICAL, classical

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
TARGETS = {
    "regression": 1 + X[:, 0] ** 2,
    "binary": (X[:, 0] > 0).astype(int),
    "multiclass": np.digitize(X[:, 0], [-0.5, 0.5]),
    "clustering": None,
    "reduction": None,
    "density": None,
}
FACES = [
    (name, task, loss)
    for name, model in CLASSICAL.items()
    for task in TARGETS
    if model.fits(task)
    for loss in model.losses(task)
]


@pytest.fixture(autouse=True)
def one_thread():
    # threads of so small trainings wait for each other, on a busy machine for long
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize(("name", "task", "loss"), FACES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_face_trains_with_every_loss(name, task, loss):
    named = loss if " " not in loss and not loss.startswith("none") else None
    made = CLASSICAL[name].estimator(task, seed=1, loss=named)
    assert isinstance(made, BaseEstimator) and isinstance(clone(made), type(made))
    found = made.fit(X, TARGETS[task]) if TARGETS[task] is not None else made.fit(X)
    if task in ("regression", "binary", "multiclass"):
        assert len(found.predict(X)) == 60
        constant = np.var(TARGETS[task]) if task == "regression" else 1 - np.bincount(TARGETS[task]).max() / 60
        error = (
            np.mean((found.predict(X) - TARGETS[task]) ** 2)
            if task == "regression"
            else 1 - found.score(X, TARGETS[task])
        )
        assert error <= 1.35 * constant


def test_losses_change_the_estimator():
    for name in ("hist_gradient_boosting", "gradient_boosting", "sgd", "random_forest", "linear_svm"):
        for task in ("regression", "binary"):
            if CLASSICAL[name].fits(task):
                offered = CLASSICAL[name].losses(task)
                made = {str(CLASSICAL[name].estimator(task, loss=loss).get_params()) for loss in offered}
                assert len(made) == len(offered)


def test_seeds_and_values_reach_the_estimator():
    made = classical("random_forest:n_estimators=7,max_depth=2").estimator("regression", seed=5)
    assert (made.n_estimators, made.max_depth, made.random_state) == (7, 2, 5)
    assert classical("polynomial:degree=3").estimator("regression")[0].degree == 3
    assert classical("logistic_one_vs_rest").estimator("multiclass").fit(X, TARGETS["multiclass"]).n_classes_ == 3
    assert classical("rbf").estimator("regression", loss="huber:delta=2").loss == "huber:delta=2"


@pytest.mark.parametrize(
    ("name", "task", "options", "error", "message"),
    [
        ("lasso", "binary", {}, InvalidInputError, "task of regression"),
        ("knn:neighbors=3", "binary", {}, UnknownNameError, "did you mean"),
        ("randomforest", "binary", {}, UnknownNameError, "random_forest"),
        ("random_forest:n_estimators=0", "binary", {}, InvalidInputError, "n_estimators"),
        ("logistic", "binary", {"loss": "hinge"}, InvalidInputError, "one of binary_crossentropy"),
        ("knn:random_state=3", "binary", {}, UnknownNameError, "random_state"),
    ],
)
def test_what_there_is_not_is_said(name, task, options, error, message):
    with pytest.raises(error, match=message):
        classical(name).estimator(task, **options)


def test_the_warning_that_is_let_through_exists():
    assert issubclass(ConvergenceWarning, UserWarning)
