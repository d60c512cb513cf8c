"""scikit-learn's own checks on every estimator of the package, and their use in pipelines and searches."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_friedman1
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from lossmith.estimators import RBFNetworkClassifier, RBFNetworkRegressor, SelfOrganizingMap

CHECKED = [
    RBFNetworkClassifier(random_state=0),
    RBFNetworkRegressor(random_state=0),
    RBFNetworkRegressor(centers="forward", width="nearest", ridge=0.1, random_state=0),
    SelfOrganizingMap(rows=3, columns=4, epochs=5, random_state=0),
]
TRAINED = [
    SelfOrganizingMap(rows=2, columns=3, training="online", grid="hexagonal", epochs=2, random_state=0),
    RBFNetworkClassifier(loss="hinge", n_centers=4, epochs=2, random_state=0),
    RBFNetworkRegressor(loss="huber", n_centers=4, epochs=2, random_state=0),
]


@parametrize_with_checks(CHECKED)
def test_scikit_learn_finds_nothing(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(TRAINED)
def test_scikit_learn_finds_nothing_under_a_loss(estimator, check, monkeypatch):
    check(estimator)


def test_searched_in_a_pipeline():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), RBFNetworkClassifier(random_state=0))
    search = GridSearchCV(pipeline, {"rbfnetworkclassifier__n_centers": [3, 20]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.93
    assert clone(search.best_estimator_[-1]).get_params() == search.best_estimator_[-1].get_params()


def test_a_map_as_a_step_before_a_classifier():
    X, y = load_iris(return_X_y=True)
    steps = make_pipeline(StandardScaler(), SelfOrganizingMap(random_state=0), LogisticRegression(max_iter=500))
    search = GridSearchCV(steps, {"selforganizingmap__rows": [2, 6]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    table = SelfOrganizingMap(rows=2, columns=2, random_state=0).set_output(transform="polars").fit(X).transform(X)
    assert list(table.columns) == [f"selforganizingmap{place}" for place in range(4)]


def test_one_seed_one_network():
    X, y = make_friedman1(200, random_state=0)
    first, again, other = (RBFNetworkRegressor(random_state=seed).fit(X, y).predict(X) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
