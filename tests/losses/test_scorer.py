"""Scorers against scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.metrics import get_scorer, hinge_loss, mean_squared_log_error
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from lossmith import losses
from lossmith._errors import DomainError, InvalidInputError
from lossmith.losses import as_scorer


@pytest.mark.parametrize("name, theirs", [("mse", "neg_mean_squared_error"), ("mae", "neg_mean_absolute_error")])
def test_regression(name, theirs) -> None:
    x, y = load_diabetes(return_X_y=True)
    own = cross_val_score(LinearRegression(), x, y, scoring=as_scorer(losses.get(name)))
    np.testing.assert_allclose(own, cross_val_score(LinearRegression(), x, y, scoring=theirs), rtol=1e-12)


def test_exponential_and_expm1_heads() -> None:
    x, y = load_diabetes(return_X_y=True)
    model = PoissonRegressor(alpha=0).fit(x, y)
    mean = model.predict(x)
    assert as_scorer(losses.get("poisson"))(model, x, y) == pytest.approx(-np.mean(mean - y * np.log(mean)), rel=1e-12)
    own = as_scorer(losses.get("msle"))(model, x, y)
    assert own == pytest.approx(-mean_squared_log_error(y, mean), rel=1e-12)
    with pytest.raises(DomainError, match="predictions down to"):
        as_scorer(losses.get("poisson"))(LinearRegression().fit(x, -y), x, y)


def test_two_classes() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    named = np.array(["benign", "malignant"])[y]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, named)
    own = as_scorer(losses.get("bce"))(model, x, named)
    assert own == pytest.approx(get_scorer("neg_log_loss")(model, x, named), rel=1e-9)
    machine = make_pipeline(StandardScaler(), LinearSVC(max_iter=20_000)).fit(x, y)
    expected = -hinge_loss(y, machine.decision_function(x))
    assert as_scorer(losses.get("hinge"))(machine, x, y) == pytest.approx(expected, rel=1e-12)


def test_several_classes() -> None:
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(x, y)
    own = as_scorer(losses.get("categorical_crossentropy"))(model, x, y)
    assert own == pytest.approx(get_scorer("neg_log_loss")(model, x, y), rel=1e-12)
    machine = LinearSVC(max_iter=20_000).fit(x, y)
    expected = -hinge_loss(y, machine.decision_function(x))
    assert as_scorer(losses.get("categorical_hinge"))(machine, x, y) == pytest.approx(expected, rel=1e-12)


def test_a_probability_of_zero_is_finite() -> None:
    model = DummyClassifier(strategy="most_frequent").fit(np.zeros((3, 1)), [0, 0, 1])
    assert as_scorer(losses.get("brier"))(model, np.zeros((3, 1)), [0, 0, 1]) == pytest.approx(-1 / 3)
    assert np.isfinite(as_scorer(losses.get("bce"))(model, np.zeros((3, 1)), [0, 0, 1]))


def test_what_cannot_be_scored() -> None:
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(x, y)
    with pytest.raises(InvalidInputError, match="scorer of sparsemax"):
        as_scorer(losses.get("sparsemax"))(model, x, y)
    with pytest.raises(DomainError, match="not seen"):
        as_scorer(losses.get("cce"))(model, x, y + 1)
