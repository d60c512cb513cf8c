"""What wrong labels and outliers do, against derivatives by hand, SciPy and the flags that the contract confirms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from lossmith import losses
from lossmith.losses import EVERY, behaviour


def test_pulls_of_outliers_by_hand() -> None:
    """Slopes at distance 10 in slopes at distance 1."""
    expected = {
        "mean_squared_error": (10.0, "grows"),
        "mean_absolute_error": (1.0, "stays"),
        "huber": (1.0, "stays"),
        "huber:delta=4": (4.0, "stays"),
        "log_cosh": (np.tanh(10) / np.tanh(1), "stays"),
        "pseudo_huber": ((10 / np.sqrt(101)) / (1 / np.sqrt(2)), "stays"),
        "cauchy": ((10 / 102) / (1 / 3), "fades"),
        "tukey_biweight": (0.0, "fades"),
        "poisson": (10.0, "grows"),  # exp(0) - y
        "mean_squared_logarithmic_error": (np.log(11) / np.log(2), "grows"),
        "gaussian_nll": (10.0, "grows"),  # in the mean, at variance 1
    }
    for name, (pull, trend) in expected.items():
        found = behaviour(losses.get(name))
        assert found.pull == pytest.approx(pull, rel=1e-5, abs=1e-9), name
        assert (found.trend, found.spread, found.noisy) == (trend, None, None), name


def test_pulls_of_wrong_labels_by_hand() -> None:
    def three(margin):
        return np.linalg.norm(softmax([margin, 0, 0]) - [0, 0, 1])

    found = behaviour(losses.get("categorical_crossentropy"))
    assert found.pull == pytest.approx(three(10) / three(1), rel=1e-6) and found.trend == "stays"
    found = behaviour(losses.get("binary_crossentropy"))
    assert found.pull == pytest.approx(expit(10) / expit(1), rel=1e-6)
    assert behaviour(losses.get("squared_hinge")).pull == pytest.approx(22 / 4, rel=1e-6)  # 2 (1 + m)
    assert behaviour(losses.get("squared_hinge")).trend == "grows"
    assert behaviour(losses.get("exponential")).trend == "grows"
    # 2 p (1 - p) p: dies with the probability of the label
    brier = behaviour(losses.get("brier"))
    p = expit(np.array([10.0, 1.0]))
    assert brier.pull == pytest.approx((p**2 * (1 - p))[0] / (p**2 * (1 - p))[1], rel=1e-6) and brier.trend == "fades"
    # the position of an ordered head far below its thresholds, against the last class
    assert behaviour(losses.get("cumulative_link")).trend == "stays"


@pytest.mark.parametrize("name", [loss.name for loss in EVERY.values() if loss.elicits == "probabilities"])
def test_a_proper_loss_predicts_the_share_of_right_labels(name) -> None:
    loss = EVERY[name]
    if loss.head.gives == "probability" and loss.task != "ordinal":  # ordered classes move one position alone here
        assert behaviour(loss).noisy == pytest.approx(0.6, abs=5e-3)


def test_a_symmetric_loss_predicts_as_if_labels_were_right() -> None:
    for name in ("categorical_mean_absolute_error", "nce_rce", "total_variation", "gce:q=1"):
        found = behaviour(losses.get(name))
        assert found.noisy > 0.99 and found.spread < 1e-9, name
    assert 0.6 < behaviour(losses.get("gce:q=0.5")).noisy < behaviour(losses.get("gce:q=0.9")).noisy


def test_the_spread_is_that_of_the_sum_over_labels() -> None:
    # hinge: max(0, 1 - z) + max(0, 1 + z) is 2 inside [-1, 1] and 1 + |z| outside: 6 - 2 at most
    assert behaviour(losses.get("hinge")).spread == pytest.approx(4.0, abs=0.05)


@pytest.mark.parametrize("loss", EVERY.values(), ids=str)
def test_behaviour_agrees_with_the_flags(loss) -> None:
    found = behaviour(loss)
    if found is None:
        assert loss.batchwise or loss.task in ("ranking", "embedding")
        return
    assert np.isfinite(found.pull)
    if loss.robust or loss.bounded:
        assert found.trend != "grows"
    assert (found.spread is not None and found.spread < 1e-6) == loss.symmetric_noise
    sentences = found.sentences()
    assert [label for label, _ in sentences] == (["outliers"] if found.spread is None else ["label noise", "outliers"])
    assert all(text.endswith(".") and "nan" not in text for _, text in sentences)
