"""RBF networks: against closed forms, scikit-learn's ridge and direct solutions, on smooth and on linear data."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from sklearn.datasets import load_diabetes, load_iris, make_circles, make_friedman1
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import LeaveOneOut, cross_val_predict, train_test_split

from lossmith._errors import InvalidInputError, LossmithError, ShapeError, UnknownNameError
from lossmith.estimators import RBFNetworkClassifier, RBFNetworkRegressor
from lossmith.estimators import _gaussians as gaussians
from lossmith.estimators import _least_squares as least_squares
from lossmith.estimators._forward_selection import forward_selection

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("name", "value"), [("squared", np.exp(-4)), ("doubled", np.exp(-1)), ("normal", np.exp(-2))])
def test_the_three_conventions_at_distance_two(name, value):
    X, y = np.array([[0.0], [2.0], [5.0]]), np.array([1.0, 2.0, 4.0])
    model = RBFNetworkRegressor(centers=[[0.0]], width=1.0, convention=name, scale="none", ridge=1.0).fit(X, y)
    assert_allclose(model.activations([[2.0]]), [[value]], rtol=1e-12)


def test_a_width_under_an_unknown_convention():
    with pytest.raises(UnknownNameError, match="did you mean 'doubled'"):
        gaussians.gamma_of(1.0, "double")


def test_activations_are_gaussians_of_distances():
    x, c, gamma = RNG.normal(size=(7, 3)), RNG.normal(size=(4, 3)), np.array([0.1, 1.0, 2.0, 5.0])
    assert_allclose(gaussians.activations(x, c, gamma), np.exp(-gamma * cdist(x, c) ** 2), rtol=1e-10)


def test_width_from_the_largest_distance():
    X, y = RNG.normal(size=(30, 2)), RNG.normal(size=30)
    centers = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]])
    model = RBFNetworkRegressor(centers=centers, width="max_distance", scale="none").fit(X, y)
    sigma = 5.0 / np.sqrt(2 * 3)
    assert_allclose(model.network_.gamma, 1 / (2 * sigma**2))


def test_width_of_each_centre_from_its_neighbours():
    centers = np.array([[0.0], [1.0], [4.0], [4.0]])
    # the two nearest of each: 0 -> 1 and 4, 1 -> 0 and 4, 4 -> 4 (itself's twin) and 1
    assert_allclose(gaussians.nearest(centers, 2), [2.5, 2.0, 1.5, 1.5])


@pytest.mark.parametrize("rule", ["kmeans", "random"])
def test_centres_are_as_many_as_asked_and_never_more_than_different_rows(rule):
    rows = np.repeat(RNG.normal(size=(6, 2)), 5, axis=0)
    assert len(gaussians.draw_centers(rows, rule, 4, np.random.default_rng(0))) == 4
    assert len(gaussians.draw_centers(rows, rule, 10, np.random.default_rng(0))) == 6


def _parts(n=60, m=7, d=2, k=2):
    tail = np.hstack([np.ones((n, 1)), RNG.normal(size=(n, d))])
    return tail, RNG.uniform(size=(n, m)), RNG.normal(size=(n, k))


def _direct(tail, units, targets, ridge):
    columns = np.hstack([tail, units])
    penalty = np.diag([0.0] * tail.shape[1] + [ridge] * units.shape[1])
    hat = columns @ np.linalg.solve(columns.T @ columns + penalty, columns.T)
    return hat, hat @ targets


@pytest.mark.parametrize("ridge", [1e-3, 0.5, 20.0])
def test_moments_and_orthogonal_solver_agree_with_the_normal_equations(ridge):
    tail, units, targets = _parts()
    hat, fitted = _direct(tail, units, targets, ridge)
    found = least_squares.fit_moments(least_squares.Moments.of(tail, units, targets), ridge=ridge)
    assert_allclose(tail @ found.tail + units @ found.units, fitted, atol=1e-9)
    n = len(targets)
    assert_allclose(found.freedom, np.trace(hat), rtol=1e-9)
    assert_allclose(found.gcv, n * ((targets - fitted) ** 2).sum() / (n - np.trace(hat)) ** 2, rtol=1e-9)
    a, b = least_squares.solve(tail, units, targets, ridge)
    assert_allclose(tail @ a + units @ b, fitted, atol=1e-9)


def test_the_ridge_of_least_gcv_among_many():
    tail, units, targets = _parts()
    found = least_squares.fit_moments(least_squares.Moments.of(tail, units, targets))
    n, scores = len(targets), []
    for ridge in np.geomspace(found.ridge / 30, found.ridge * 30, 41):
        hat, fitted = _direct(tail, units, targets, ridge)
        scores.append(n * ((targets - fitted) ** 2).sum() / (n - np.trace(hat)) ** 2)
    assert found.gcv <= min(scores) * 1.01


def test_left_out_predictions_are_those_of_refitting():
    tail, units, targets = _parts(n=25, k=1)
    _, fitted = _direct(tail, units, targets, 0.3)
    found = least_squares.leave_one_out(tail, units, targets, 0.3, fitted)
    for row in range(25):
        kept = np.arange(25) != row
        a, b = least_squares.solve(tail[kept], units[kept], targets[kept], 0.3)
        assert_allclose(found[row], tail[row] @ a + units[row] @ b, rtol=1e-8)


def test_the_linear_fallback_is_ridge_regression():
    inputs, y = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 1))
    tail = np.hstack([np.ones((40, 1)), inputs])
    weights, left_out = least_squares.fit_tail_ridge(tail, y)
    alpha = least_squares.fit_moments(least_squares.Moments.of(tail[:, :1], inputs, y)).ridge
    peer = Ridge(alpha=alpha).fit(inputs, y[:, 0])
    assert_allclose(weights[:, 0], [peer.intercept_, *peer.coef_], rtol=1e-8)
    assert_allclose(left_out[:, 0], cross_val_predict(Ridge(alpha=alpha), inputs, y[:, 0], cv=LeaveOneOut()), rtol=1e-8)


def test_without_ridge_it_interpolates():
    X = np.linspace(0, 1, 9)[:, None]
    y = RNG.normal(size=9)
    model = RBFNetworkRegressor(centers=X, width=0.2, ridge=0.0, scale="none").fit(X, y)
    assert_allclose(model.predict(X), y, atol=1e-7)


def test_units_beside_an_exactly_linear_function():
    X = RNG.normal(size=(200, 4))
    model = RBFNetworkRegressor(random_state=0).fit(X, X @ [1.0, -2.0, 0.0, 3.0] + 5.0)
    assert_allclose(model.predict(X[:5]), X[:5] @ [1.0, -2.0, 0.0, 3.0] + 5.0, atol=1e-6)


def test_forward_selection_finds_the_units_that_made_the_data():
    x = np.linspace(-3, 3, 300)[:, None]
    units = gaussians.activations(x, np.linspace(-3, 3, 40)[:, None], 4.0)
    targets = 2 * units[:, [7]] - 3 * units[:, [30]] + 0.01 * RNG.normal(size=(300, 1))
    taken = forward_selection(np.ones((300, 1)), units, targets, most=20)
    assert {7, 30} <= set(taken.tolist()) and len(taken) <= 4


def test_forward_selection_takes_nothing_of_noise():
    taken = [
        len(forward_selection(np.ones((300, 1)), RNG.uniform(size=(300, 50)), RNG.normal(size=(300, 1)), most=50))
        for _ in range(10)
    ]
    assert np.mean(taken) <= 2


def test_friedman_and_what_counts_in_it():
    scores = []
    for seed in range(3):
        X, y = make_friedman1(2000, noise=1.0, random_state=seed)
        train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
        model = RBFNetworkRegressor(random_state=seed).fit(train, y_train)
        scores.append(model.score(test, y_test))
        # five of the ten inputs are noise: none of them counts as much as any of the others
        assert model.network_.relevance[:5].min() > 3 * model.network_.relevance[5:].max()
    assert np.mean(scores) > 0.94


def test_diabetes_is_never_below_ridge_on_average():
    X, y = load_diabetes(return_X_y=True)
    gaps = []
    for seed in range(8):
        train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
        ridge = RidgeCV(np.logspace(-4, 3, 20)).fit(train, y_train).score(test, y_test)
        gaps.append(RBFNetworkRegressor(random_state=seed).fit(train, y_train).score(test, y_test) - ridge)
    assert np.mean(gaps) > 0


def test_parts_make_the_fit_of_the_whole():
    X, y = make_friedman1(300, random_state=0)
    model = RBFNetworkRegressor(ridge=0.1, width=3.0, n_centers=20, random_state=0)
    for rows in (slice(0, 120), slice(120, 121), slice(121, 300)):
        model.partial_fit(X[rows], y[rows])
    network = model.network_
    tail, units = network.columns(X)
    a, b = least_squares.solve(tail, units, y[:, None], 0.1)
    assert_allclose(model.predict(X), (tail @ a + units @ b)[:, 0], rtol=1e-6)


def test_parts_of_classes_refuse_what_they_do_not_know():
    X, y = load_iris(return_X_y=True)
    model = RBFNetworkClassifier(random_state=0).partial_fit(X[::2], y[::2], classes=[0, 1, 2])
    model.partial_fit(X[1::2], y[1::2])
    assert model.score(X, y) > 0.95
    with pytest.raises(InvalidInputError, match="class 7"):
        model.partial_fit(X[:2], [0, 7])
    with pytest.raises(InvalidInputError, match="classes=None"):
        RBFNetworkClassifier().partial_fit(X, y)
    assert not hasattr(RBFNetworkClassifier(loss="hinge"), "partial_fit")


def test_probabilities_are_calibrated_and_classes_keep_their_names():
    X, y = make_circles(1200, noise=0.1, factor=0.8, random_state=1)
    names = np.array(["inner", "outer"])[1 - y]
    model = RBFNetworkClassifier(random_state=0).fit(X[:800], names[:800])
    probability = model.predict_proba(X[800:])
    assert_allclose(probability.sum(axis=1), 1)
    assert set(model.predict(X[800:])) == {"inner", "outer"}
    assert model.score(X[800:], names[800:]) > 0.8
    # the mean probability of a class is about its share
    assert abs(probability[:, 0].mean() - (names[800:] == "inner").mean()) < 0.05


def test_several_outputs_and_single_precision():
    X, y = make_friedman1(300, noise=0.1, random_state=0)
    both = np.column_stack([y, X[:, 0]])
    model = RBFNetworkRegressor(random_state=0).fit(X.astype(np.float32), both)
    assert model.predict(X).shape == (300, 2)
    assert_allclose(model.predict(X)[:, 1], X[:, 0], atol=0.02)


def test_prototypes_are_in_units_of_the_inputs():
    X, y = load_iris(return_X_y=True)
    model = RBFNetworkRegressor(n_centers=5, relevance="equal", width=1.0, random_state=0).fit(1000 + 50 * X, y)
    table = model.prototypes()
    assert len(table) == 5 and (table["influence"].diff().drop_nulls() <= 0).all()
    for place in range(4):
        column = table[f"x{place}"]
        assert column.min() >= 1000 + 50 * X[:, place].min() - 1e-9
        assert column.max() <= 1000 + 50 * X[:, place].max() + 1e-9


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_centers": 0}, "at least 1"),
        ({"n_centers": True}, "at least 1"),
        ({"width": -1.0}, "or a positive number"),
        ({"width": "nearst"}, "did you mean 'nearest'"),
        ({"centers": "kmean"}, "did you mean 'kmeans'"),
        ({"ridge": -1}, "at least 0"),
        ({"ridge": "auto"}, "at least 0"),
        ({"convention": "x"}, "one of"),
        ({"learning_rate": 0.0}, "a positive number"),
        ({"loss": "hinge"}, "is for binary"),
        ({"loss": "no_such"}, "unknown loss"),
    ],
)
def test_what_cannot_be_used_is_said(values, message):
    X, y = make_friedman1(30, random_state=0)
    with pytest.raises(LossmithError, match=message) as error:
        RBFNetworkRegressor(**values).fit(X, y)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("centers", [[[1.0, 2.0]], [], [[np.nan]], "abc"])
def test_given_centres_are_checked(centers):
    with pytest.raises(LossmithError):
        RBFNetworkRegressor(centers=centers).fit(np.arange(6.0)[:, None], np.arange(6.0))
    if not isinstance(centers, str):
        with pytest.raises(ShapeError):
            gaussians.given_centers(centers, 1)


def test_constant_inputs_and_targets():
    X = np.ones((12, 2))
    assert_allclose(RBFNetworkRegressor(random_state=0).fit(X, np.full(12, 3.0)).predict(X), 3.0)
    with pytest.raises(InvalidInputError, match="1 class"):
        RBFNetworkClassifier().fit(RNG.normal(size=(5, 1)), ["a"] * 5)


def test_under_a_loss_of_the_catalogue():
    """Absolute loss shrugs off outliers that squared loss follows; descent starts from least squares."""
    X = np.linspace(0, 6, 240)[:, None]
    y = np.sin(X[:, 0])
    spoiled = y.copy()
    spoiled[::12] += 8.0
    errors = {}
    for loss in (None, "mean_absolute_error"):
        model = RBFNetworkRegressor(n_centers=15, loss=loss, epochs=60, learning_rate=0.01, random_state=0)
        errors[loss] = np.abs(model.fit(X, spoiled).predict(X) - y).mean()
    assert errors["mean_absolute_error"] < 0.5 * errors[None]
