"""Calibration curves: bins and intervals by hand, SciPy's Wilson interval, scikit-learn's curve, and the verbs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.estimators import TemperatureScaling, reliability

RNG = np.random.default_rng(0)
P = RNG.random(400)
Y = (RNG.random(400) < P**2).astype(int)


def test_bins_are_those_of_scikit_learn() -> None:
    observed, predicted = calibration_curve(Y, P, n_bins=10)
    found = reliability(Y, P, n_bins=10)
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.predicted, predicted)
    assert found.error == pytest.approx(np.sum(found.count * np.abs(observed - predicted)) / 400)
    for low, high, share, count in zip(found.low, found.high, found.observed, found.count, strict=True):
        ends = binomtest(round(share * count), int(count)).proportion_ci(0.95, "wilson")
        assert (low, high) == pytest.approx((ends.low, ends.high), abs=1e-9)


def test_two_columns_are_one_and_several_are_judged_by_the_largest() -> None:
    np.testing.assert_array_equal(reliability(Y, np.stack([1 - P, P], 1)).observed, reliability(Y, P).observed)
    rows = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
    found = reliability([0, 2, 2], rows, n_bins=2)
    assert found.predicted.tolist() == pytest.approx(
        [(0.7 + 0.6 + 0.6) / 3]
    ) and found.observed.tolist() == pytest.approx([2 / 3])


def test_scaling_makes_an_overconfident_model_calibrated() -> None:
    scores = RNG.normal(size=4000) * 2
    target = (RNG.random(4000) < 1 / (1 + np.exp(-scores))).astype(int)
    raw = 4.0 * scores[:, None]
    scaling = TemperatureScaling().fit(raw[:2000], target[:2000])
    before = reliability(target[2000:], 1 / (1 + np.exp(-raw[2000:, 0])))
    after = reliability(target[2000:], scaling.predict_proba(raw[2000:]))
    assert before.error > 0.1 > 0.04 > after.error


def test_the_verbs(tmp_path) -> None:
    found = reliability(Y, P, name="<b>mine</b>")
    assert found.table().columns == ["predicted", "observed", "low", "high", "count"]
    assert len(json.loads(found.to_json())["bins"]) == len(found.count)
    assert found.plot().get_xlabel() == "predicted probability"
    page = found.report(tmp_path / "curve.html").read_text(encoding="utf-8")
    assert "<b>mine" not in page and "expected calibration error" in page
    assert found._repr_html_().startswith("<iframe") and "calibration error" in str(found)


@pytest.mark.parametrize(
    ("y", "p", "options", "error"),
    [
        ([0, 1], [0.5], {}, ShapeError),
        ([0, 1], [0.5, 1.5], {}, DomainError),
        ([0, 1], [0.5, np.nan], {}, DomainError),
        ([0, 2], [0.5, 0.5], {}, DomainError),
        ([0.5, 1], [0.5, 0.5], {}, DomainError),
        ([], [], {}, ShapeError),
        ([0, 1], [0.5, 0.5], {"n_bins": 0}, InvalidInputError),
    ],
)
def test_what_is_no_probability_is_refused(y, p, options, error) -> None:
    with pytest.raises(error):
        reliability(np.array(y), np.array(p), **options)
