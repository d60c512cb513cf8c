"""Coded checks: each fires on its evidence and keeps quiet otherwise."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import polars as pl
import pytest

from lossmith._checks import Check
from lossmith.compare import _spec, examination, inspection, metrics
from lossmith.compare.checks import CHECKS
from lossmith.losses import LOSSES


def _estimate(mean, half=0.01):
    return _spec.Estimate(mean, mean - half, mean + half, 0.95, 10, 0.01)


def _difference(verdict, seeds_needed=None):
    nan = math.nan
    return _spec.Difference("a", -0.01, -0.02, 0.0, 0.95, 0.01, nan, verdict, seeds_needed, nan, nan, nan, nan)


def _code(finding):
    return finding and finding.code


def test_catalogue():
    codes = [check.code for check in CHECKS.values()]
    assert len(set(codes)) == len(codes) and all(code.startswith("LS1") and len(code) == 5 for code in codes)
    assert CHECKS["collapsed-seed"].code == "LS104" and CHECKS["indistinguishable"].code == "LS112"
    for check in CHECKS.values():
        assert isinstance(check, Check) and check.severity in ("info", "warning", "error")
        assert all(text.endswith(".") for text in (check.what, check.why, check.advice))


def test_outside_domain():
    found = inspection.outside_domain("msle", 0.51, interval="(-1, inf)")
    assert found.line() == "LS101 warning   msle: 51 % of the targets lie outside of (-1, inf)"
    assert inspection.outside_domain("msle", 0.0) is None and inspection.outside_domain("msle", None) is None


@pytest.mark.parametrize(
    ("loss", "metric", "fires"),
    [
        ("hinge", "log_loss", True),
        ("hinge", "accuracy", False),
        ("hinge", "roc_auc", False),
        ("binary_crossentropy", "log_loss", False),
        ("mean_absolute_error", "rmse", True),
        ("mean_absolute_error", "mae", False),
        ("mean_squared_error", "mae", True),
        ("mean_squared_error", "r2", False),
        ("huber", "mae", False),  # aims at something without a name: nothing to hold against it
        ("mean_absolute_error", "pinball:quantile=0.9", True),
        ("mean_absolute_error", "pinball", False),
    ],
)
def test_metric_unfit(loss, metric, fires):
    record = LOSSES[loss]
    found = inspection.metric_unfit(loss, metrics.get(metric), gives=record.head.gives, elicits=record.elicits)
    assert _code(found) == ("LS102" if fires else None)


def test_failed_seeds():
    statuses = ["finished", "collapsed", "diverged", "finished", "collapsed"]
    assert inspection.diverged("x", statuses).evidence == "1 of 5 seeds ended in NaN (seed 2)"
    assert inspection.collapsed("x", statuses, level=0.5, seeds=[10, 11, 12, 13, 14]).evidence == (
        "2 of 5 seeds never left 0.50 (seeds 11, 14)"
    )
    assert inspection.collapsed("x", ["collapsed"] * 7).evidence.endswith("(seeds 0, 1, 2, 3, 4, ...)")
    assert inspection.collapsed("x", ["finished"] * 3) is None and inspection.diverged("x", ["collapsed"]) is None


class TestNotConverged:
    def _curves(self, shape, noise=0.0, seeds=6):
        epochs = np.linspace(0, 1, 200)
        return shape(epochs) + noise * np.random.default_rng(1).normal(size=(seeds, 200))

    def test_a_line_is_not_at_its_end(self):
        """The last tenth of a straight line is a tenth of the way; tail against tail before it: about a tenth."""
        found = inspection.not_converged("x", self._curves(lambda t: 1 - t), epochs=200)
        assert found.code == "LS105" and "epoch 200: 1" in found.evidence and "--epochs 400" in found.command

    def test_an_exponential_that_has_ended(self):
        assert inspection.not_converged("x", self._curves(lambda t: np.exp(-10 * t)), epochs=200) is None

    def test_scatter_is_no_progress(self):
        assert inspection.not_converged("x", self._curves(lambda t: np.exp(-10 * t), noise=0.3), epochs=200) is None

    def test_progress_that_the_seeds_do_not_share(self):
        """Gains of .3, -.2, .3 and -.2 at the end of a way of about 1: .05 on average, with a standard error of .14."""
        curves = self._curves(lambda t: np.maximum(1 - 2 * t, 0), seeds=4)
        curves[:, -20:] -= np.array([[0.3], [-0.2], [0.3], [-0.2]])
        assert inspection.not_converged("x", curves, epochs=200) is None
        curves[:, -20:] -= 0.5
        assert _code(inspection.not_converged("x", curves, epochs=200)) == "LS105"

    def test_getting_worse_is_no_progress(self):
        assert inspection.not_converged("x", self._curves(lambda t: (t - 0.5) ** 2), epochs=200) is None

    def test_seeds_that_stopped_early_have_converged(self):
        curves = self._curves(lambda t: 1 - t)
        curves[:4, 150:] = np.nan
        assert inspection.not_converged("x", curves, epochs=200) is None

    def test_direction(self):
        rising = self._curves(lambda t: t)
        assert inspection.not_converged("x", rising, epochs=200) is None
        assert _code(inspection.not_converged("x", rising, epochs=200, lower=False)) == "LS105"

    def test_too_few_points(self):
        assert inspection.not_converged("x", np.array([[3.0, 2.0, 1.0]]), epochs=3) is None


def test_edge_of_grid():
    tried = (0.01, 0.03, 0.09)
    found = inspection.edge_of_grid("x", {0.03: 4, 0.09: 6}, tried)
    assert found.evidence == "6 of 10 seeds chose 0.09, the largest rate tried"
    assert found.command.endswith("--learning-rates 0.01,0.03,0.09,0.27")
    assert "smallest" in inspection.edge_of_grid("x", {0.01: 10}, tried).evidence
    assert inspection.edge_of_grid("x", {0.01: 5, 0.03: 5}, tried) is None
    assert inspection.edge_of_grid("x", {0.01: 10}, (0.01,)) is None


def test_baselines():
    beats = {"name": "majority", "baseline": 0.80, "direction": "higher"}
    assert inspection.constant_not_beaten("x", _estimate(0.82), **beats) is None
    found = inspection.constant_not_beaten("x", _estimate(0.805), **beats)
    assert found.line() == "LS107 error     x: 0.805 [0.795, 0.815] does not beat the majority baseline at 0.8"
    lower = {"name": "logistic", "baseline": 0.5, "direction": "lower"}
    assert inspection.model_not_beaten(_estimate(0.48), linear=True, **lower) is None
    assert _code(inspection.model_not_beaten(_estimate(0.495), linear=True, **lower)) == "LS108"
    assert _code(inspection.model_not_beaten(_estimate(0.52), linear=False, **lower)) == "LS109"
    assert (
        inspection.model_not_beaten(_estimate(0.5), linear=True, name="x", baseline=math.nan, direction="lower") is None
    )


def test_imbalance():
    assert inspection.imbalance((883, 117), ("no", "yes")).evidence == "class 'no' holds 88 % of the rows"
    assert inspection.imbalance((74, 26), ("no", "yes")) is None and inspection.imbalance((), ()) is None


def test_too_few_seeds():
    assert inspection.too_few_seeds(1).evidence == "1 seed for each loss"
    assert _code(inspection.too_few_seeds(4)) == "LS111" and inspection.too_few_seeds(5) is None


def test_sameness():
    found = inspection.indistinguishable(["b", "c"], reference="a", margin=0.01, metric="accuracy")
    assert found.evidence == "b, c and a cannot be told apart here: within 0.01 accuracy"
    assert inspection.indistinguishable([], reference="a", margin=0.01, metric="accuracy") is None
    assert _code(inspection.same_gradient("kl_divergence", "categorical_crossentropy")) == "LS113"
    assert inspection.same_gradient("x", None) is None
    assert inspection.calibrated_margin(["hinge"]).evidence == "probabilities of hinge were fitted on validation rows"
    assert inspection.calibrated_margin([]) is None


def test_metric_separates_little():
    assert _code(inspection.metric_separates_little(0.905, 0.883)) == "LS115"
    assert inspection.metric_separates_little(0.848, 0.5) is None
    assert inspection.metric_separates_little(math.nan, 0.5) is None


def test_protocol():
    assert "seeds and test rows" in inspection.shared_split(True, resampled=True).evidence
    assert "seeds alone" in inspection.shared_split(True, resampled=False).evidence
    assert inspection.shared_split(False, resampled=False) is None
    assert inspection.label_noise(0.4).evidence.startswith("40 %") and inspection.label_noise(0.0) is None
    assert (
        _code(inspection.published_protocol("published")) == "LS120" and inspection.published_protocol("fair") is None
    )
    assert _code(inspection.few_test_rows(30, margin=0.01)) == "LS122"
    assert inspection.few_test_rows(100, margin=0.01) is None


def test_duplicates():
    rng = np.random.default_rng(1)
    train, test = rng.normal(size=(100, 3)).astype(np.float32), rng.normal(size=(50, 3)).astype(np.float32)
    assert inspection.duplicate_rows(train, test) is None
    test[:7] = train[20:27]
    assert inspection.duplicate_rows(train, test).evidence == "7 of 50 test rows also occur among the training rows"
    assert inspection.duplicate_rows(train[:0], test) is None


def test_revealing_feature():
    rng = np.random.default_rng(2)
    target = np.repeat([0, 1], 50)
    inputs = rng.normal(size=(100, 3))
    assert inspection.revealing_feature(inputs, target, "abc") is None
    inputs[:, 1] = -target + 0.1 * rng.normal(size=100)
    found = inspection.revealing_feature(inputs, target, "abc")
    assert (found.code, found.subject) == ("LS119", "b") and "1.000" in found.evidence
    assert inspection.revealing_feature(inputs[:20], target[:20], "abc") is None
    assert inspection.revealing_feature(inputs, np.zeros(100, int), "abc") is None


def test_undecided():
    differences = {
        "a": None,
        "b": _difference("undecided", 40),
        "c": _difference("undecided"),
        "d": _difference("worse"),
    }
    found = inspection.undecided(differences, n_seeds=10)
    assert found.evidence == "b and c after 10 seeds; more seeds would not settle all of them"
    assert found.command == "lossmith compare ... --seeds 40"
    assert inspection.undecided({"a": None, "d": _difference("worse")}, n_seeds=10) is None
    alone = inspection.undecided({"c": _difference("undecided")}, n_seeds=10)
    assert alone.evidence.endswith("would not settle it") and not alone.command


def _comparison(**changes):
    standings = tuple(
        _spec.Standing(loss, rank, _estimate(mean), None, 0.09, {0.09: 10}, difference, {"accuracy": _estimate(mean)},
                       10, failed, calibrated, same_as)
        for loss, rank, mean, difference, failed, calibrated, same_as in (
            ("binary_crossentropy", 1, 0.9, None, 0, False, None),
            ("binary_focal_crossentropy", 1, 0.899, _difference("equivalent"), 0, False, None),
            ("hinge", 3, 0.7, _difference("undecided", 60), 2, True, None),
        )
    )  # fmt: skip
    trials = pl.DataFrame(
        {
            "loss": ["hinge"] * 4 + ["binary_crossentropy"] * 2,
            "seed": [3, 2, 1, 0, 0, 1],
            "chosen": [True, True, True, False, True, True],
            "status": ["collapsed", "finished", "collapsed", "diverged", "finished", "finished"],
            "accuracy": [0.5, 0.9, 0.5, None, 0.9, 0.9],
        }
    )
    falling = np.tile(np.linspace(1, 0, 100), (4, 1))
    given = {
        "data": _spec.DataSummary("d", "binary", 100, 2, 2, "y", ("a", "b"), (60, 40), 60, 20, 20, "", "", ()),
        "settings": _spec.Settings(("hinge",), "mlp", "sgd", 0.03, (0.01, 0.03, 0.09), 10, 100, 32, "accuracy", 0.01),
        "verdict": "",
        "standings": standings,
        "baselines": tuple(
            _spec.Baseline(name, {"accuracy": _estimate(value)})
            for name, value in (("majority", 0.6), ("logistic", 0.895), ("gradient boosting", 0.95))
        ),
        "not_applicable": (_spec.NotApplicable("kl_divergence", "hard labels", 1.0),),
        "findings": (),
        "trials": trials,
        "curves": (_spec.Curve("hinge", "validation_loss", np.arange(1, 101), falling),),
    }
    return _spec.Comparison(**{**given, **changes})


def _examine(comparison, **options):
    return examination.examine(comparison, losses=LOSSES, **options)


def test_a_whole_comparison():
    found = _examine(_comparison())
    assert [finding.code for finding in found] == sorted(finding.code for finding in found)
    lines = {(finding.code, finding.subject): finding for finding in found}
    assert {code for code, _ in lines} == {
        "LS101", "LS104", "LS105", "LS106", "LS108", "LS109", "LS112", "LS114", "LS121", "LS122",
    }  # fmt: skip
    assert lines["LS104", "hinge"].evidence == "2 of 3 seeds never left 0.50 (seeds 1, 3)"
    assert lines["LS112", ""].evidence.startswith("binary_focal_crossentropy and binary_crossentropy")
    assert {subject for code, subject in lines if code == "LS106"} == {each.loss for each in _comparison().standings}


def test_protocol_of_a_whole_comparison():
    clean = _comparison(curves=(), not_applicable=(), baselines=())
    settings = dataclasses.replace(clean.settings, protocol="published", noise=0.2, seeds=3, learning_rates=(0.09,))
    data = dataclasses.replace(clean.data, class_counts=(95, 5), n_test=200)
    found = _examine(dataclasses.replace(clean, settings=settings, data=data, standings=()), shared_split=True)
    assert [finding.code for finding in found] == ["LS110", "LS111", "LS116", "LS117", "LS120"]


def test_nothing_to_say():
    clean = _comparison()
    standing = dataclasses.replace(clean.standings[0], rates={0.03: 10})
    quiet = dataclasses.replace(
        clean, standings=(standing,), not_applicable=(), curves=(), baselines=clean.baselines[:1],
        data=dataclasses.replace(clean.data, n_test=200),
    )  # fmt: skip
    assert _examine(quiet) == ()
