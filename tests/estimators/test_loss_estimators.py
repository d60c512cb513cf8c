"""LossClassifier, LossRegressor and LossSearchCV: scikit-learn's checks, searches, weights, arrays alone, errors."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_circles
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from lossmith._errors import DomainError, InvalidInputError, UnknownNameError
from lossmith.estimators import LossClassifier, LossRegressor, LossSearchCV, TemperatureScaling

WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data": "batches are drawn by row, so that a weight of 2 and a repeated row "
    "meet in different batches",
}


@pytest.mark.slow
@parametrize_with_checks(
    [LossClassifier(random_state=0), LossRegressor(random_state=0), LossClassifier(loss="hinge", random_state=0)],
    expected_failed_checks=lambda estimator: WEIGHTS,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_checks_of_scikit_learn(estimator, check) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def circles() -> tuple[np.ndarray, np.ndarray]:
    return make_circles(120, noise=0.05, factor=0.4, random_state=0)


QUICK = {"epochs": 12, "learning_rate": 0.03, "random_state": 0}


def test_losses_for_two_classes(circles) -> None:
    x, y = circles
    names = np.array(["no", "yes"])[y]
    for loss in ("auto", "hinge", "cumulative_link"):
        model = LossClassifier(loss=loss, **QUICK).fit(x, names)
        assert model.score(x, names) > 0.85, loss
        score = model.decision_function(x)
        assert score.shape == (len(x),)
        assert np.array_equal(model.predict(x), np.where(score > 0, "yes", "no"))
        if loss == "hinge":
            assert not hasattr(model, "predict_proba")
        else:
            p = model.predict_proba(x)
            np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-6)
            assert np.array_equal(p[:, 1] > 0.5, score > 0)


def test_three_classes_and_early_stopping() -> None:
    x, y = make_blobs(150, centers=3, random_state=3)
    model = LossClassifier(loss="categorical_hinge", patience=2, **QUICK | {"epochs": 40}).fit(x, y + 5)
    assert model.score(x, y + 5) > 0.9 and set(model.predict(x)) <= {5, 6, 7}
    assert model.decision_function(x).shape == (150, 3)
    assert model.n_iter_ == len(model.loss_curve_) == len(model.validation_curve_) <= 40
    assert model.best_epoch_ == 1 + int(np.argmin(model.validation_curve_))


def test_a_fitted_estimator_holds_arrays_and_plain_values(circles) -> None:
    x, y = circles
    model = LossClassifier(**QUICK).fit(x, y)
    kinds = (np.ndarray, int, float, str, type(None))
    for name, value in vars(model).items():
        entries = value if isinstance(value, list) else [value]
        assert all(isinstance(entry, kinds) for entry in entries), name
    assert not any(isinstance(value, keras.Model) for value in vars(model).values())
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(x), model.predict_proba(x))
    assert clone(model).get_params() == model.get_params()
    exported = model.to_keras().predict(x.astype(np.float32), verbose=0)
    np.testing.assert_allclose(exported[:, 0], model.predict_proba(x)[:, 1], rtol=1e-5, atol=1e-6)


def test_equal_seeds_give_equal_models(circles) -> None:
    x, y = circles
    first, second, other = (LossClassifier(**QUICK | {"random_state": seed}).fit(x, y) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first.weights_, second.weights_, strict=True))
    assert not np.array_equal(first.weights_[0], other.weights_[0])


def test_weights_of_whole_batches_are_repeated_rows() -> None:
    """One batch for each epoch: weights 0, 1, 2, 3 are rows that are left out, kept, doubled, tripled."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2)).astype(np.float32)
    y = x @ [1.0, -2.0] + rng.normal(size=40)
    weight = np.arange(40) % 4
    options = {
        "batch_size": 1000,
        "epochs": 30,
        "learning_rate": 0.05,
        "random_state": 0,
        "optimizer": "sgd",
        "model": "mlp:hidden=0",
    }
    weighted = LossRegressor(loss="huber", **options).fit(x, y, sample_weight=weight)
    repeated = LossRegressor(loss="huber", **options).fit(np.repeat(x, weight, 0), np.repeat(y, weight))
    plain = LossRegressor(loss="huber", **options).fit(x, y)
    assert weighted.target_center_ == pytest.approx(repeated.target_center_, rel=1e-6)
    np.testing.assert_allclose(weighted.predict(x), repeated.predict(x), rtol=1e-4, atol=1e-4)
    assert not np.allclose(weighted.predict(x), plain.predict(x), rtol=1e-2, atol=1e-2)


@pytest.mark.slow
def test_a_class_without_weight_is_never_predicted() -> None:
    x, y = make_blobs(120, centers=3, random_state=3)
    model = LossClassifier(**QUICK | {"epochs": 30}).fit(x, y, sample_weight=np.where(y == 0, 0.0, 1.0))
    assert set(model.predict(x)) == {1, 2}


@pytest.mark.slow
def test_regression_follows_what_the_loss_elicits() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    y = 100.0 + 30.0 * x[:, 0] + rng.exponential(20.0, size=400)
    options = {"epochs": 60, "learning_rate": 0.02, "random_state": 0, "model": "mlp:hidden=0"}
    line = LinearRegression().fit(x, y)
    np.testing.assert_allclose(LossRegressor(**options).fit(x, y).predict(x), line.predict(x), atol=2.0)
    for loss, share in (("mae", 0.5), ("quantile:quantile=0.9", 0.9), ("quantile:quantile=0.1", 0.1)):
        covered = np.mean(LossRegressor(loss=loss, **options).fit(x, y).predict(x) >= y)
        assert covered == pytest.approx(share, abs=0.05), loss


@pytest.mark.slow
def test_a_pipeline_takes_it(circles) -> None:
    x, y = circles
    model = make_pipeline(StandardScaler(), LossClassifier(**QUICK)).fit(1000 * x + 5, y)
    assert model.score(1000 * x + 5, y) > 0.85


GRID = {"loss": ["hinge", "categorical_crossentropy"], "learning_rate": [0.003, 0.03]}


@pytest.mark.slow
def test_a_stacked_search_equals_the_grid_search(circles) -> None:
    x, y = circles
    model = LossClassifier(epochs=6, random_state=0)
    stacked = LossSearchCV(model, GRID, cv=2, scoring="roc_auc").fit(x, y)
    single = GridSearchCV(model, GRID, cv=2, scoring="roc_auc").fit(x, y)
    assert stacked.cv_results_["params"] == single.cv_results_["params"]
    for key in ("mean_test_score", "std_test_score", "split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(stacked.cv_results_[key], single.cv_results_[key], atol=0.02)
    assert stacked.best_params_ == single.best_params_ and stacked.n_programs_ == 2  # one for each width of head
    assert stacked.score(x, y) == pytest.approx(single.score(x, y), abs=0.01)
    assert np.array_equal(stacked.predict(x), stacked.best_estimator_.predict(x))
    assert set(single.cv_results_) - set(stacked.cv_results_) == {
        "mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"
    }  # fmt: skip


@pytest.mark.slow
def test_a_stacked_search_over_regressors_with_groups_and_models() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    y = np.exp(x[:, 0])
    grid = [
        {"loss": ["mse", "gamma"], "model": ["mlp:hidden=4", "mlp:hidden=0"]},
        {"optimizer": ["sgd"], "loss": ["mae"]},
    ]
    search = LossSearchCV(LossRegressor(epochs=5, random_state=0), grid, cv=GroupKFold(2)).fit(
        x, y, groups=np.arange(80) % 8
    )
    assert len(search.cv_results_["params"]) == 5 and search.n_programs_ == 3
    assert (
        np.ma.is_masked(search.cv_results_["param_optimizer"][0]) and search.cv_results_["param_optimizer"][4] == "sgd"
    )
    assert search.cv_results_["rank_test_score"].min() == 1


@pytest.mark.parametrize(
    ("fit", "error", "words"),
    [
        (lambda x, y: LossClassifier(loss="mse").fit(x, y), InvalidInputError, "mean_squared_error for LossClassifier"),
        (lambda x, y: LossClassifier(loss="hinge").fit(x, np.arange(len(x)) % 3), InvalidInputError, "3 classes"),
        (lambda x, y: LossClassifier(loss="hing").fit(x, y), UnknownNameError, "hinge"),
        (lambda x, y: LossClassifier(loss=3).fit(x, y), InvalidInputError, "loss=3"),
        (lambda x, y: LossClassifier(epochs=0).fit(x, y), InvalidInputError, "epochs=0"),
        (lambda x, y: LossClassifier(batch_size=2.5).fit(x, y), InvalidInputError, "batch_size=2.5"),
        (lambda x, y: LossClassifier(learning_rate=-1).fit(x, y), InvalidInputError, "learning_rate=-1"),
        (lambda x, y: LossClassifier(patience=0).fit(x, y), InvalidInputError, "patience=0"),
        (
            lambda x, y: LossClassifier(patience=1, validation_fraction=1.0).fit(x, y),
            InvalidInputError,
            "validation_fraction",
        ),
        (lambda x, y: LossClassifier(optimizer="adm").fit(x, y), UnknownNameError, "adam"),
        (lambda x, y: LossClassifier(model="mpl").fit(x, y), UnknownNameError, "mlp"),
        (lambda x, y: LossClassifier().fit(x, np.ones(len(x))), InvalidInputError, "one class"),
        (lambda x, y: LossClassifier().fit(x, y, sample_weight=np.zeros(len(x))), InvalidInputError, "0 alone|zero"),
        (lambda x, y: LossRegressor(loss="gamma").fit(x, y - 1.0), DomainError, "gamma"),
        (lambda x, y: LossRegressor(learning_rate=1e30, optimizer="sgd").fit(x, 1.0 * y), InvalidInputError, "NaN"),
        (
            lambda x, y: LossSearchCV(LinearRegression(), {"loss": ["mse"]}).fit(x, y),
            InvalidInputError,
            "LinearRegression",
        ),
        (lambda x, y: LossSearchCV(LossClassifier(), {"los": ["mse"]}).fit(x, y), UnknownNameError, "loss"),
        (lambda x, y: LossSearchCV(LossClassifier(), {"loss": 3}).fit(x, y), InvalidInputError, "param_grid"),
        (lambda x, y: TemperatureScaling().fit(np.ones((len(x), 3)), y + 3), DomainError, "3 classes"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(circles, fit, error, words) -> None:
    with pytest.raises((error, ValueError), match=words) as caught:
        fit(*circles)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_temperature_minimises_the_cross_entropy(n_classes) -> None:
    rng = np.random.default_rng(n_classes)
    scores = rng.normal(size=(500, n_classes))
    # labels drawn from softmax(scores), outputs three times too sure
    target = np.array([rng.choice(n_classes, p=np.exp(row)) for row in log_softmax(scores, axis=1)])
    raw = 3.0 * scores

    def cost(exponent: float) -> float:
        return -np.mean(log_softmax(raw / np.exp(exponent), axis=1)[np.arange(500), target])

    expected = float(np.exp(minimize_scalar(cost, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9}).x))
    found = TemperatureScaling().fit(raw, target)
    assert found.temperature_ == pytest.approx(expected, rel=1e-4) and found.temperature_ == pytest.approx(3.0, rel=0.3)
    np.testing.assert_allclose(found.predict_proba(raw), np.exp(log_softmax(raw / found.temperature_, axis=1)))
    if n_classes == 2:
        column = TemperatureScaling().fit((raw[:, 1] - raw[:, 0])[:, None], target)
        assert column.temperature_ == pytest.approx(found.temperature_, rel=1e-9)


def test_scores_that_say_nothing_and_scores_that_say_everything() -> None:
    y = np.array([0, 1, 0, 1])
    assert TemperatureScaling().fit(np.zeros((4, 2)), y).temperature_ == 1e6
    assert TemperatureScaling().fit(np.array([[-1.0], [1.0], [-1.0], [1.0]]), y).temperature_ == 1e-6
