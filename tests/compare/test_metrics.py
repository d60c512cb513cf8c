"""Metrics against scikit-learn, hand calculations and definitions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from lossmith._errors import DomainError, InvalidInputError, ShapeError, UnknownNameError
from lossmith.compare import metrics
from lossmith.compare.metrics import METRICS, default_metric, measure

N_CLASSES = 4


def _binary(seed: int, rows: int = 60, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, rows)
    target[:2] = (0, 1)
    probability = rng.beta(0.7, 0.9, (5, rows))
    if levels:
        probability = np.round(probability * levels) / levels
    return probability, target


def _multiclass(seed: int, rows: int = 80, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, N_CLASSES, rows)
    target[:N_CLASSES] = np.arange(N_CLASSES)
    weights = rng.gamma(0.6, size=(5, rows, N_CLASSES)) + 1e-9
    if levels:
        weights = rng.integers(1, levels, weights.shape).astype(float)
    return weights / weights.sum(axis=-1, keepdims=True), target


BINARY_TWINS = {
    "accuracy": lambda y, p: sk.accuracy_score(y, p > 0.5),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p > 0.5),
    "roc_auc": sk.roc_auc_score,
    "log_loss": lambda y, p: sk.log_loss(y, p, labels=[0, 1]),
    "brier_score": sk.brier_score_loss,
}
MULTICLASS_TWINS = {
    "accuracy": lambda y, p: sk.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1)),
    "roc_auc": lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr", average="macro"),
    "log_loss": lambda y, p: sk.log_loss(y, p, labels=range(N_CLASSES)),
    "brier_score": lambda y, p: sk.brier_score_loss(y, p, labels=range(N_CLASSES)),
}
REGRESSION_TWINS = {
    "root_mean_squared_error": sk.root_mean_squared_error,
    "mean_squared_error": sk.mean_squared_error,
    "mean_absolute_error": sk.mean_absolute_error,
    "r2": sk.r2_score,
    "pinball:quantile=0.8": lambda y, p: sk.mean_pinball_loss(y, p, alpha=0.8),
    "mean_poisson_deviance": sk.mean_poisson_deviance,
}


@pytest.mark.parametrize("levels", [None, 4])
@pytest.mark.parametrize("name", BINARY_TWINS)
def test_binary_equals_scikit_learn(name, levels):
    probability, target = _binary(1, levels=levels)
    probability = np.clip(probability, 0.01, 0.99)
    ours = measure(target, task="binary", probability=probability)[name]
    assert ours == pytest.approx([BINARY_TWINS[name](target, p) for p in probability], abs=1e-12)


@pytest.mark.parametrize("levels", [None, 4])
@pytest.mark.parametrize("name", MULTICLASS_TWINS)
def test_multiclass_equals_scikit_learn(name, levels):
    probability, target = _multiclass(2, levels=levels)
    ours = measure(target, task="multiclass", probability=probability)[name]
    assert ours == pytest.approx([MULTICLASS_TWINS[name](target, p) for p in probability], abs=1e-12)


@pytest.mark.parametrize("name", REGRESSION_TWINS)
def test_regression_equals_scikit_learn(name):
    rng = np.random.default_rng(3)
    target, value = rng.gamma(2.0, size=40), rng.gamma(2.0, size=(5, 40))
    assert metrics.get(name)(value, target) == pytest.approx([REGRESSION_TWINS[name](target, v) for v in value])


@pytest.mark.parametrize("name", [*BINARY_TWINS, "expected_calibration_error"])
def test_a_target_of_its_own_for_every_run(name):
    probability, _ = _binary(4)
    target = np.random.default_rng(5).integers(0, 2, probability.shape)
    together = measure(target, task="binary", probability=probability)[name]
    alone = [measure(y, task="binary", probability=p[None])[name][0] for p, y in zip(probability, target, strict=True)]
    assert together == pytest.approx(alone, abs=1e-15)


def test_margin_scores_give_classes_by_sign_and_areas_by_order():
    rng = np.random.default_rng(6)
    score, target = rng.normal(size=(4, 50)), rng.integers(0, 2, 50)
    found = measure(target, task="binary", score=score)
    assert set(found) == {"accuracy", "balanced_accuracy", "roc_auc"}
    assert found["accuracy"] == pytest.approx([sk.accuracy_score(target, s > 0) for s in score])
    assert found["roc_auc"] == pytest.approx([sk.roc_auc_score(target, s) for s in score])
    # calibrated probabilities must not move the classes of the scores they come from
    both = measure(target, task="binary", score=score, probability=np.full_like(score, 0.9))
    assert both["accuracy"] == pytest.approx(found["accuracy"])


def _bins_by_hand(confidence, outcome, n_bins):
    total = 0.0
    for i in range(n_bins):
        inside = (confidence > i / n_bins) & (confidence <= (i + 1) / n_bins)
        if i == 0:
            inside |= confidence == 0
        if inside.any():
            total += inside.mean() * abs(outcome[inside].mean() - confidence[inside].mean())
    return total


@pytest.mark.parametrize("n_bins", [15, 4, 1])
def test_calibration_error_of_binary_probabilities(n_bins):
    probability, target = _binary(7, rows=200)
    probability[:, :3] = (0.0, 1.0, 0.5)
    ours = metrics.classification.expected_calibration_error(probability, target, n_bins=n_bins)
    assert ours == pytest.approx([_bins_by_hand(p, target, n_bins) for p in probability])


def test_calibration_error_agrees_with_the_bins_of_scikit_learn():
    probability, target = _binary(8, rows=500)
    ours = metrics.classification.expected_calibration_error(probability, target)
    for value, p in zip(ours, probability, strict=True):
        observed, predicted = calibration_curve(target, p, n_bins=15)
        counts = np.histogram(p, bins=np.linspace(0, 1, 16))[0]
        assert value == pytest.approx((counts[counts > 0] / 500 * np.abs(observed - predicted)).sum())


def test_calibration_error_of_several_classes_takes_the_top_label():
    probability, target = _multiclass(9)
    ours = metrics.classification.expected_calibration_error(probability, target)
    theirs = [_bins_by_hand(p.max(1), p.argmax(1) == target, 15) for p in probability]
    assert ours == pytest.approx(theirs)


def test_probability_zero_for_the_truth_is_infinite_and_only_for_that_run():
    probability = np.array([[0.5, 1.0], [0.5, 0.0]])
    assert metrics.get("log_loss")(probability, np.array([1, 1])).tolist() == [np.log(2) / 2, np.inf]
    several = np.array([[[0.0, 1.0, 0.0]], [[0.2, 0.3, 0.5]]])
    assert metrics.get("log_loss")(several, np.array([0])) == pytest.approx([np.inf, -np.log(0.2)])


def test_rounding_as_keras_2_printed_it():
    """A tanh output of .4 has the right sign and rounds to 0; NaN and shapes as everywhere."""
    output, target = np.array([[0.4, 0.9, -0.8, 0.6], [np.nan, 0.9, -0.8, 0.6]]), np.array([1.0, 1.0, -1.0, -1.0])
    assert METRICS["rounded_accuracy"](output, target) == pytest.approx([0.5, np.nan], nan_ok=True)


@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].needs != "output"])
def test_nan_stays_in_its_run(name):
    metric = METRICS[name]
    rng = np.random.default_rng(10)
    if "regression" in metric.tasks:
        target, given = rng.gamma(2.0, size=30), {"value": rng.gamma(2.0, size=(3, 30))}
        task = "regression"
    else:
        given, target = {}, rng.integers(0, 2, 30)
        given["probability"] = rng.random((3, 30))
        task = "binary"
    clean = measure(target, task=task, metrics=[metric], **given)[name]
    broken = {kind: array.copy() for kind, array in given.items()}
    for array in broken.values():
        array[1, 7] = np.nan
    dirty = measure(target, task=task, metrics=[metric], **broken)[name]
    assert np.isnan(dirty[1]) and (dirty[[0, 2]] == clean[[0, 2]]).all()
    if task == "binary":
        probability, labels = _multiclass(11)
        before = measure(labels, task="multiclass", metrics=[metric], probability=probability)[name]
        probability[2, 5, (labels[5] + 1) % N_CLASSES] = np.nan
        after = measure(labels, task="multiclass", metrics=[metric], probability=probability)[name]
        assert np.isnan(after[2]) and (np.delete(after, 2) == np.delete(before, 2)).all()


@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].rows])
def test_contributions_average_to_the_metric(name):
    metric = METRICS[name]
    rng = np.random.default_rng(12)
    if "regression" in metric.tasks:
        target, value = rng.gamma(2.0, size=30), rng.gamma(2.0, size=(3, 30))
        assert metric.contributions(value, target).mean(axis=1) == pytest.approx(metric(value, target))
        return
    for probability, labels, task in ((*_binary(13), "binary"), (*_multiclass(14), "multiclass")):
        given = metrics.predictions(task=task, probability=probability)[metric.needs]
        assert metric.contributions(given, labels).mean(axis=1) == pytest.approx(metric(given, labels))


@pytest.mark.parametrize("name", ["roc_auc", "root_mean_squared_error", "r2", "balanced_accuracy", "accuracy"])
def test_contributions_give_the_variance_over_test_rows(name):
    """The spread over rows predicts the variance that fresh test rows produce (4,000 draws: 2.2 % Monte-Carlo error)."""
    metric = METRICS[name]
    rng = np.random.default_rng(15)
    runs, rows = 4000, 150
    if "regression" in metric.tasks:
        target = rng.normal(size=(runs, rows))
        given = target + rng.normal(size=(runs, rows)) * 0.7
    else:
        target = (rng.random((runs, rows)) < 0.3).astype(int)
        given = target + rng.normal(size=(runs, rows))
        if metric.needs == "class":
            given = (given > 0.6).astype(int)
    predicted = (metric.contributions(given, target).var(axis=1, ddof=1) / rows).mean()
    assert predicted == pytest.approx(metric(given, target).var(), rel=0.1)


def test_one_class_has_no_area_but_an_accuracy():
    score = np.array([[0.2, 0.9]])
    found = measure(np.array([1, 1]), task="binary", probability=score)
    assert np.isnan(found["roc_auc"][0])
    assert found["accuracy"][0] == 0.5 and found["balanced_accuracy"][0] == 0.5


def test_a_class_missing_from_the_target_is_left_out_of_the_macro_average():
    probability, target = _multiclass(16)
    keep = target != 3
    ours = METRICS["roc_auc"](probability[:, keep], target[keep])
    mine = target[keep]
    theirs = [np.mean([sk.roc_auc_score(mine == k, p[keep][:, k]) for k in range(3)]) for p in probability]
    assert ours == pytest.approx(theirs)


def test_infinite_scores_are_ordered():
    score = np.array([[-np.inf, 0.0, 1.0, np.inf]])
    assert METRICS["roc_auc"](score, np.array([0, 1, 0, 1])) == pytest.approx([0.75])


def test_a_constant_target_has_no_variance_to_explain():
    target = np.full(3, 2.0)
    value = np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 2.0]])
    ours = METRICS["r2"](value, target)
    with np.errstate(all="ignore"):
        theirs = [sk.r2_score(target, v, force_finite=False) for v in value]
    assert np.isnan(ours[0]) and np.isnan(theirs[0]) and ours[1] == theirs[1] == -np.inf


def test_single_precision_is_summed_in_double_precision():
    rng = np.random.default_rng(17)
    probability, target = rng.random((2, 3000)).astype(np.float32), rng.integers(0, 2, 3000)
    for name, value in measure(target, task="binary", probability=probability).items():
        exact = measure(target, task="binary", probability=probability.astype(np.float64))[name]
        assert value.dtype == np.float64
        assert value == pytest.approx(exact, rel=1e-7)


def test_poisson_deviance_at_zero():
    assert METRICS["mean_poisson_deviance"](np.array([[0.0], [3.0]]), np.array([0.0])).tolist() == [0.0, 6.0]
    assert METRICS["mean_poisson_deviance"](np.array([[0.0]]), np.array([1.0])).tolist() == [np.inf]
    with pytest.raises(DomainError, match="0 or more"):
        METRICS["mean_poisson_deviance"](np.array([[1.0]]), np.array([-1.0]))


def test_a_run_that_predicts_below_zero_leaves_the_others_their_deviance():
    predicted = np.array([[-0.1, 2.0], [1.0, 2.0], [np.nan, 2.0]])
    found = METRICS["mean_poisson_deviance"](predicted, np.array([1.0, 1.0]))
    assert found[0] == np.inf and np.isnan(found[2])
    assert found[1] == pytest.approx(sk.mean_poisson_deviance([1.0, 1.0], predicted[1]))


def test_one_row():
    found = measure(np.array([1]), task="binary", probability=np.array([[0.75]]))
    assert found["log_loss"] == pytest.approx([-np.log(0.75)])
    assert found["brier_score"] == pytest.approx([0.0625])


@pytest.mark.parametrize("name", METRICS)
def test_nothing_is_broadcast(name):
    metric = METRICS[name]
    kind = np.int64 if metric.needs == "class" else np.float64
    target = np.ones(3) if metric.needs == "value" else np.array([0, 1, 1])
    for shape in [(3,), (3, 1), (1, 2), (0, 3), ()]:
        with pytest.raises(ShapeError):
            metric(np.ones(shape, kind), target)
    with pytest.raises(ShapeError):
        metric(np.ones((2, 3), kind), target[:, None])


def test_wrong_kinds_are_named():
    with pytest.raises(DomainError, match=r"\[0, 1\]"):
        METRICS["log_loss"](np.array([[1.5]]), np.array([1]))
    with pytest.raises(DomainError, match="0 to 1"):
        METRICS["brier_score"](np.array([[0.5]]), np.array([2]))
    with pytest.raises(InvalidInputError, match="integer class ids"):
        METRICS["accuracy"](np.array([[0.5]]), np.array([1]))
    with pytest.raises(InvalidInputError, match="integer class ids"):
        METRICS["roc_auc"](np.array([[0.5]]), np.array([1.0]))
    with pytest.raises(InvalidInputError, match="finite"):
        METRICS["r2"](np.array([[0.5]]), np.array([np.nan]))
    with pytest.raises(DomainError, match="quantile"):
        metrics.get("pinball:quantile=1")(np.array([[0.5]]), np.array([1.0]))
    with pytest.raises(InvalidInputError, match="bins"):
        metrics.classification.expected_calibration_error(np.array([[0.5]]), np.array([1]), n_bins=0)
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(UnknownNameError, match="no parameter"):
        metrics.get("accuracy:quantile=0.5")
    with pytest.raises(InvalidInputError, match="name=number"):
        metrics.get("pinball:quantile=high")
    with pytest.raises(InvalidInputError, match="by rows"):
        METRICS["ece"].contributions(np.array([[0.5]]), np.array([1]))


@pytest.mark.parametrize("name", METRICS)
def test_direction_is_right(name):
    """Better predictions move the metric the way it says."""
    metric = METRICS[name]
    rng = np.random.default_rng(18)
    if "regression" in metric.tasks:
        target = rng.gamma(3.0, size=200)
        good, bad = target * 1.05, target * 2.0
    else:
        target = rng.integers(0, 2, 200)
        good, bad = np.where(target == 1, 0.95, 0.05), rng.random(200)
        if metric.needs == "class":
            good, bad = (good > 0.5).astype(int), (bad > 0.5).astype(int)
    values = metric.oriented(metric(np.stack([good, bad]), target))
    assert values[0] > values[1]


def test_margins():
    assert METRICS["accuracy"].margin_at(0.5) == 0.01
    assert METRICS["rmse"].margin_at(50.0) == pytest.approx(1.0)
    assert METRICS["log_loss"].margin_at(0.5) == pytest.approx(0.01)


def test_scikit_learn_names_are_aliases():
    scorers = set(sk.get_scorer_names())
    wanted = {"accuracy", "balanced_accuracy", "roc_auc", "roc_auc_ovr", "neg_log_loss", "neg_brier_score", "r2",
              "neg_mean_squared_error", "neg_root_mean_squared_error", "neg_mean_absolute_error",
              "neg_mean_poisson_deviance"}  # fmt: skip
    assert wanted <= scorers
    assert all(name in METRICS for name in wanted)


@pytest.mark.parametrize(
    ("counts", "name"),
    [((50, 50), "accuracy"), ((74, 26), "accuracy"), ((75, 25), "roc_auc"), ((10, 80, 10), "roc_auc")],
)
def test_judged_metric_follows_the_largest_class(counts, name):
    assert default_metric("multiclass", counts).name == name


def test_judged_metric_needs_class_counts():
    with pytest.raises(InvalidInputError, match="class counts"):
        default_metric("binary")
