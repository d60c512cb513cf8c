"""Evaluation: confusion by hand, curves against scikit-learn, judgements of fit, gaps between groups."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, make_regression
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from lossmith import estimators
from lossmith._errors import InvalidInputError, ShapeError
from lossmith.estimators._evaluation import fit_judgement

RNG = np.random.default_rng(0)


def test_the_matrix_of_192_rows():
    """118 true and 12 false of one class, 47 and 15 of the other: fractions by hand."""
    shown = estimators.Confusion(("no", "yes"), np.array([[118, 12], [47, 15]]))
    yes = shown.table().to_dicts()[1]
    assert_allclose(
        [shown.accuracy, yes["precision"], yes["recall"], yes["specificity"], yes["f1"], shown.majority_rate],
        [133 / 192, 15 / 27, 15 / 62, 118 / 130, 30 / 89, 130 / 192],
    )


@pytest.mark.parametrize("n_classes", [2, 4])
def test_precision_recall_and_f1_are_those_of_scikit_learn(n_classes):
    y, p = RNG.integers(0, n_classes, 200), RNG.integers(0, n_classes, 200)
    table = estimators.confusion(y, p).table()
    expected = metrics.precision_recall_fscore_support(y, p)
    for name, values in zip(("precision", "recall", "f1", "rows"), expected, strict=True):
        assert_allclose(table[name], values)


def test_a_class_that_is_never_predicted_has_no_precision():
    table = estimators.confusion(["a", "b", "a"], ["a", "a", "a"]).table()
    assert table["precision"].to_list() == [pytest.approx(2 / 3), None] and table["recall"].to_list() == [1.0, 0.0]
    with pytest.raises(ShapeError):
        estimators.confusion([1, 0], [1])
    with pytest.raises(InvalidInputError, match="class 'c'"):
        estimators.confusion(["a", "c"], ["a", "a"], labels=["a", "b"])


def test_areas_under_the_curves():
    y, s = RNG.integers(0, 2, 300), RNG.normal(size=300)
    s[y == 1] += 1
    roc = estimators.roc_curve(y, s)
    assert_allclose(np.trapezoid(roc["recall"], roc["false_positive_rate"]), metrics.roc_auc_score(y, s))
    pr = estimators.precision_recall_curve(y, s)
    assert_allclose(pr["precision"][0], y.mean())
    with pytest.raises(InvalidInputError, match="3 classes"):
        estimators.roc_curve([0, 1, 2], [0.0, 1.0, 2.0])


def test_depth_of_a_tree_goes_from_underfitting_to_overfitting():
    X, y = load_breast_cancer(return_X_y=True)
    y = np.where(np.random.default_rng(0).uniform(size=len(y)) < 0.25, 1 - y, y)
    curve = estimators.validation_curve(
        DecisionTreeClassifier(random_state=0), X, y, parameter="max_depth", values=[2, 25], folds=5
    )
    assert curve["judgement"].to_list() == ["fits", "overfits"] and curve["train"][1] > 0.99
    assert fit_judgement(np.full(5, 0.6), np.full(5, 0.6), best=np.full(5, 0.9)) == "underfits"


def test_more_rows_help():
    X, y = load_breast_cancer(return_X_y=True)
    curve = estimators.learning_curve(DecisionTreeClassifier(max_depth=3, random_state=0), X, y, sizes=(0.1, 1.0))
    assert curve["validation"][1] > curve["validation"][0] and curve["train"][0] >= curve["train"][1]


def test_importance_and_dependence_of_a_line():
    X, y = make_regression(300, 3, n_informative=1, coef=False, random_state=1)
    model = LinearRegression().fit(X, y)
    main = int(np.abs(model.coef_).argmax())
    table = estimators.importance(model, X, y, names=["a", "b", "c"])
    assert table["input"][0] == "abc"[main] and table["importance"][1] < 1e-6
    shown = estimators.partial_dependence(model, X, column=main)
    slope = np.polyfit(shown["value"], shown["prediction"], 1)[0]
    assert_allclose(slope, model.coef_[main])
    with pytest.raises(ShapeError):
        estimators.importance(model, X, y, names=["a"])


def test_adjusted_r2_may_be_negative():
    assert_allclose(estimators.adjusted_r2(0.05, n_samples=10, n_features=5), 1 - 0.95 * 9 / 4)
    with pytest.raises(InvalidInputError):
        estimators.adjusted_r2(0.5, n_samples=6, n_features=5)


def test_gaps_between_groups():
    pytest.importorskip("fairlearn", reason="an extra, installed with the test group")
    y = np.array([1, 1, 0, 0, 1, 1, 0, 0])
    p = np.array([1, 0, 1, 0, 1, 1, 0, 0])
    table = estimators.fairness(y, p, np.repeat(["a", "b"], 4))
    rows = {row["group"]: row for row in table.to_dicts()}
    assert rows["a"]["selection_rate"] == 0.5 and rows["b"]["recall"] == 1.0
    assert rows["difference"]["recall"] == 0.5 and rows["ratio"]["false_positive_rate"] == 0.0
    with pytest.raises(InvalidInputError, match="0 and 1"):
        estimators.fairness(y + 1, p, y)
