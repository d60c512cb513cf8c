"""Calibration against scikit-learn, a general optimiser and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax
from sklearn.calibration import _SigmoidCalibration, calibration_curve
from sklearn.metrics import log_loss

from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.compare import calibration


@pytest.mark.parametrize("scale", [1.0, 1e-4, 300.0])
def test_platt_scaling_equals_scikit_learn(scale):
    rng = np.random.default_rng(1)
    target = (rng.random(120) < 0.3).astype(int)
    score = scale * (target - 0.5 + rng.normal(size=(6, 120)))
    fitted = calibration.fit(score, target)
    for run in range(6):
        theirs = _SigmoidCalibration().fit(score[run], target)
        assert calibration.apply(score, fitted)[run] == pytest.approx(theirs.predict(score[run]), abs=2e-5)


def _platt_by_hand(score, target):
    """Platt's objective, straight from the paper, by a general optimiser."""
    positive = target.sum()
    wanted = np.where(target == 1, (positive + 1) / (positive + 2), 1 / (len(target) - positive + 2))

    def objective(parameters):
        raw = parameters[0] * score + parameters[1]
        return np.sum(np.logaddexp(0, raw) - wanted * raw)

    return minimize(objective, [0.0, 0.0], method="BFGS", options={"gtol": 1e-9}).x


@pytest.mark.parametrize("kind", ["overlapping", "separable", "reversed", "skewed"])
def test_platt_scaling_minimises_its_objective(kind):
    rng = np.random.default_rng(2)
    target = (rng.random(60) < (0.05 if kind == "skewed" else 0.5)).astype(int)
    target[:2] = (0, 1)
    score = (2.0 * target - 1.0) * {"reversed": -1.0}.get(kind, 1.0) + rng.normal(size=60) * (
        0.1 if kind == "separable" else 1
    )
    assert calibration.fit(score[None], target)[0] == pytest.approx(_platt_by_hand(score, target), rel=1e-4, abs=1e-4)


def test_two_points_in_closed_form():
    """Scores of -1 and 1 that are always right, n rows each: sigmoid(a) = (n + 1) / (n + 2), so a = log(n + 1)."""
    for n in (1, 4, 1000):
        score = np.repeat([-1.0, 1.0], n)[None]
        assert calibration.fit(score, np.repeat([0, 1], n))[0] == pytest.approx([np.log(n + 1), 0.0], abs=1e-9)


def test_scores_that_say_nothing_give_the_corrected_base_rate():
    """Constant score, 3 of 10 positive: the mean corrected target is (3 * 4/5 + 7 * 1/9) / 10."""
    target = np.array([1] * 3 + [0] * 7)
    for constant in (0.0, 5.0):
        score = np.full((1, 10), constant)
        found = calibration.apply(score, calibration.fit(score, target))
        assert found[0] == pytest.approx(np.full(10, (3 * 4 / 5 + 7 / 9) / 10))


def test_one_class_only():
    """No positive row among 8: every target is 1 / 10."""
    score = np.random.default_rng(3).normal(size=(2, 8))
    assert calibration.apply(score, calibration.fit(score, np.zeros(8, int))) == pytest.approx(0.1, abs=1e-6)


def test_runs_do_not_touch_each_other():
    rng = np.random.default_rng(4)
    target = rng.integers(0, 2, (5, 40))
    score = rng.normal(size=(5, 40)) * np.array([[1e-3], [1.0], [50.0], [1.0], [1.0]]) + target
    score[3, 5] = np.nan
    together = calibration.fit(score, target)
    assert np.isnan(together[3]).all()
    for run in (0, 1, 2, 4):
        assert together[run] == pytest.approx(calibration.fit(score[run : run + 1], target[run])[0], rel=1e-9)
    assert np.isnan(calibration.apply(score, together)[3]).all()
    assert np.isnan(calibration.fit(np.full((2, 3), np.nan), np.array([0, 1, 1]))).all()


def _temperature_by_hand(score, target):
    counts = np.bincount(target, minlength=score.shape[1])
    wanted = np.empty_like(score)
    for row, label in enumerate(target):
        own = (counts[label] + 1) / (counts[label] + 2)
        wanted[row] = (1 - own) / (score.shape[1] - 1)
        wanted[row, label] = own
    found = minimize_scalar(
        lambda a: -(wanted * log_softmax(a * score, axis=1)).sum(), bracket=(0.0, 1.0), options={"xtol": 1e-12}
    )
    return found.x


@pytest.mark.parametrize("scale", [0.01, 1.0, 40.0])
def test_temperature_scaling_minimises_its_objective(scale):
    rng = np.random.default_rng(5)
    target = rng.integers(0, 4, 90)
    score = scale * (np.eye(4)[target] + 0.7 * rng.normal(size=(3, 90, 4)))
    fitted = calibration.fit(score, target)
    assert fitted[:, 1].tolist() == [0.0, 0.0, 0.0]
    assert fitted[:, 0] == pytest.approx([_temperature_by_hand(each, target) for each in score], rel=1e-5)
    assert calibration.apply(score, fitted).sum(axis=2) == pytest.approx(np.ones((3, 90)))


def test_temperature_finds_the_temperature_that_made_the_data():
    """20,000 rows drawn from softmax(0.25 s): the slope is 0.25 to about 1 %."""
    rng = np.random.default_rng(6)
    score = 4.0 * rng.normal(size=(20_000, 3))
    probability = np.exp(log_softmax(0.25 * score, axis=1))
    target = (probability.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    assert calibration.fit(score[None], target)[0, 0] == pytest.approx(0.25, rel=0.03)


def test_scores_that_point_the_wrong_way_say_nothing_by_temperature():
    """A negative temperature would turn the order of the classes round; the best that is allowed is uniform."""
    target = np.arange(30) % 3
    wrong = -2.0 * np.eye(3)[target]
    fitted = calibration.fit(wrong[None], target)
    np.testing.assert_array_equal(fitted, [[0.0, 0.0]])
    np.testing.assert_allclose(calibration.apply(wrong[None], fitted), 1 / 3)


def test_two_classes_by_temperature_are_platt_without_an_intercept():
    """softmax(a (0, s)) = sigmoid(a s); with equally many rows of either class and symmetric scores b = 0."""
    half = np.random.default_rng(7).normal(size=30) + 0.5
    score, target = np.concatenate([half, -half]), np.repeat([1, 0], 30)
    platt = calibration.fit(score[None], target)[0]
    temperature = calibration.fit(np.stack([np.zeros(60), score], axis=1)[None], target)[0]
    assert temperature == pytest.approx(platt, abs=1e-8)


def test_calibration_improves_margin_scores():
    rng = np.random.default_rng(8)
    target = rng.integers(0, 2, 4000)
    score = (2 * target - 1 + rng.normal(size=4000)) * 9
    fitted = calibration.fit(score[None, :2000], target[:2000])
    after = calibration.apply(score[None, 2000:], fitted)[0]
    assert log_loss(target[2000:], after) < 0.7 * log_loss(target[2000:], expit(score[2000:]))


def test_reliability_equals_scikit_learn():
    rng = np.random.default_rng(9)
    probability, target = rng.random((3, 200)), rng.integers(0, 2, 200)
    found = calibration.reliability("x", probability, target, n_bins=7)
    observed, predicted = calibration_curve(np.tile(target, 3), probability.ravel(), n_bins=7)
    assert found.observed == pytest.approx(observed) and found.predicted == pytest.approx(predicted)
    assert found.count.sum() == 600 and found.loss == "x"


def test_reliability_of_several_classes_and_of_failed_runs():
    probability = np.array([[[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]], [[np.nan] * 3, [0.2, 0.2, 0.6]]])
    found = calibration.reliability("x", probability, np.array([0, 1]), n_bins=5)
    # one run failed; 0.8 is right and closes its bin, 0.6 is wrong
    assert found.count.tolist() == [0, 0, 1, 1, 0]
    assert found.observed[2:4].tolist() == [0.0, 1.0] and found.predicted[2:4] == pytest.approx([0.6, 0.8])
    assert np.isnan(found.predicted[0])
    nothing = calibration.reliability("x", np.full((1, 2), np.nan), np.array([0, 1]))
    assert nothing.count.tolist() == [0] * 15


def test_wrong_arguments_are_named():
    score, target = np.zeros((2, 3)), np.array([0, 1, 1])
    for wrong in (score[0], score[:, :2], score[..., None, None]):
        with pytest.raises(ShapeError):
            calibration.fit(wrong, target)
    with pytest.raises(DomainError, match="0 to 1"):
        calibration.fit(score, target + 1)
    with pytest.raises(InvalidInputError, match="integer"):
        calibration.fit(score, target.astype(float))
    with pytest.raises(ShapeError, match="slope and intercept"):
        calibration.apply(score, np.zeros((3, 2)))
    with pytest.raises(InvalidInputError, match="bins"):
        calibration.reliability("x", np.zeros((1, 3)), target, n_bins=0)
