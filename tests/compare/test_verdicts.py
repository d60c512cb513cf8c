"""Verdicts: the rule, its error rates by simulation, failures, ranks and the sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lossmith._errors import InvalidInputError, ShapeError, UnknownNameError
from lossmith.compare import statistics
from lossmith.compare.recommend import decimals, sentence
from lossmith.compare.verdicts import judge, verdict


def _judge(scores, **options):
    given = {"direction": "higher", "margin": 0.01, "failure": 0.5, "rng": np.random.default_rng(0), **options}
    return judge({loss: np.asarray(values, dtype=float) for loss, values in scores.items()}, **given)


def _noisy(mean, deviation, n, seed):
    """Values with exactly this mean and standard deviation."""
    values = np.random.default_rng(seed).normal(size=n)
    return mean + deviation * (values - values.mean()) / values.std(ddof=1)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-0.005, 0.004, "equivalent"),
        (-0.01, 0.01, "equivalent"),
        (-0.005, -0.001, "equivalent"),  # a difference, but too small to matter
        (-0.02, -0.011, "worse"),
        (0.011, 0.5, "better"),
        (-0.02, -0.005, "undecided"),  # not zero, perhaps small enough
        (-0.02, 0.02, "undecided"),
        (-math.inf, math.inf, "undecided"),
        (-math.inf, -math.inf, "worse"),
        (0.0, 0.0, "equivalent"),
    ],
)
def test_rule(low, high, word):
    assert verdict(low, high, 0.01) == word


def test_two_losses_are_a_paired_t_interval():
    rng = np.random.default_rng(1)
    common = rng.normal(size=12)
    x, y = 0.8 + 0.02 * common + 0.01 * rng.normal(size=12), 0.7 + 0.02 * common + 0.01 * rng.normal(size=12)
    judged = _judge({"x": x, "y": y})
    found = judged.differences["y"]
    theirs = stats.ttest_rel(y, x)
    bounds = theirs.confidence_interval(0.95)
    assert (found.mean, found.low, found.high) == pytest.approx(((y - x).mean(), bounds.low, bounds.high))
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(y - x).pvalue)
    assert found.improvement == pytest.approx(stats.mannwhitneyu(y, x).statistic / 144)
    assert (judged.reference, found.verdict, found.reference, found.margin) == ("x", "worse", "x", 0.01)
    assert judged.differences["x"] is None and found.seeds_needed is None


def test_lower_is_better_turns_the_sign():
    judged = _judge({"bad": [3.0, 3.1, 3.0], "good": [1.0, 1.1, 1.2]}, direction="lower", failure=9.0)
    assert judged.reference == "good" and judged.differences["bad"].mean == pytest.approx(-(2.0 + 2.0 + 1.8) / 3)
    assert judged.differences["bad"].improvement == 0.0
    assert list(judged.differences) == ["good", "bad"]


def test_a_reference_of_ones_own_choice():
    judged = _judge({"a": [0.8, 0.81, 0.8], "b": [0.9, 0.91, 0.92]}, reference="a")
    assert judged.differences["a"] is None and judged.differences["b"].verdict == "better"
    assert judged.ranks == {"b": 1, "a": 2}


def test_identical_runs_are_equivalent_without_a_warning():
    values = [0.8, 0.9, 0.85]
    judged = _judge({"a": values, "b": values, "c": values}, margin=0.0)
    for loss in ("b", "c"):
        found = judged.differences[loss]
        assert (found.mean, found.low, found.high, found.verdict) == (0.0, 0.0, 0.0, "equivalent")
        assert found.p_value == found.wilcoxon_p == 1.0 and found.improvement == 0.5
    assert set(judged.ranks.values()) == {1}


def test_a_constant_difference_is_certain():
    values = np.array([0.5, 0.625, 0.75])
    judged = _judge({"a": values, "b": values - 0.25})
    found = judged.differences["b"]
    assert (found.low, found.high, found.verdict, found.p_value) == (-0.25, -0.25, "worse", 0.0)


def test_one_seed_decides_nothing():
    found = _judge({"a": [0.9], "b": [0.1]}).differences["b"]
    assert (found.verdict, found.low, found.high, found.seeds_needed) == ("undecided", -math.inf, math.inf, None)


def test_one_loss_is_the_best():
    judged = _judge({"a": [0.9, 0.8]})
    assert judged.reference == "a" and judged.differences == {"a": None} and judged.ranks == {"a": 1}


def test_step_down_by_hand():
    """Differences -.3, -.1 and -.02 with standard deviation .02 over 10 seeds, margin .01, three comparisons.

    Distances from the margin in standard errors (.02 / sqrt(10) = .00632): 45.9, 14.2 and 1.58, so the first two are
    decided at .05/3 and .05/2 and the third is not at .05/1.
    """
    base = np.full(10, 0.9)
    scores = {"a": base, "b": base - _noisy(0.3, 0.02, 10, 1), "c": base - _noisy(0.1, 0.02, 10, 2),
              "d": base - _noisy(0.02, 0.02, 10, 3)}  # fmt: skip
    judged = _judge(scores)
    error = 0.02 / math.sqrt(10)
    for loss, mean, share in (("b", -0.3, 3), ("c", -0.1, 2), ("d", -0.02, 1)):
        half = stats.t.ppf(1 - 0.05 / share / 2, 9) * error
        found = judged.differences[loss]
        assert (found.low, found.high) == pytest.approx((mean - half, mean + half))
    assert [judged.differences[loss].verdict for loss in "bcd"] == ["worse", "worse", "undecided"]
    assert judged.family == 3


def test_after_the_first_undecided_loss_nothing_more_is_freed():
    """Two losses at 1 and 1.2 standard errors from the margin: both intervals at .05/2."""
    error = 0.02 / math.sqrt(10)
    base = np.full(10, 0.9)
    scores = {"a": base, "b": base - _noisy(0.01 + 1.2 * error, 0.02, 10, 1),
              "c": base - _noisy(0.01 + error, 0.02, 10, 2)}  # fmt: skip
    judged = _judge(scores)
    for loss in "bc":
        found = judged.differences[loss]
        assert found.high - found.mean == pytest.approx(stats.t.ppf(1 - 0.025 / 2, 9) * error)


def test_looks_share_the_error():
    x, y = _noisy(0.8, 0.02, 10, 4), _noisy(0.79, 0.02, 10, 5)
    one, four = (_judge({"x": x, "y": y}, looks=looks).differences["y"] for looks in (1, 4))
    ratio = (four.high - four.low) / (one.high - one.low)
    assert ratio == pytest.approx(stats.t.ppf(1 - 0.0125 / 2, 9) / stats.t.ppf(0.975, 9))
    assert one.level == four.level == 0.95


def test_a_narrow_margin_counts_every_pair_that_could_have_been_the_reference():
    scores = {f"loss {i}": _noisy(0.5, 0.1, 10, i) for i in range(5)}
    assert _judge(scores, margin=0.001).family == 10
    assert _judge(scores, margin=0.1).family == 4
    assert _judge(scores, margin=0.001, reference="loss 2").family == 4


def test_the_price_of_undecided():
    x, y = _noisy(0.8, 0.02, 10, 6), _noisy(0.79, 0.02, 10, 7)
    found = _judge({"x": x, "y": y}, margin=0.02).differences["y"]
    deviation = np.std(y - x, ddof=1)
    assert found.verdict == "undecided" and found.seeds_needed > 10

    def half(n):
        return stats.t.ppf(0.975, n - 1) * deviation / math.sqrt(n)

    room = 0.02 - abs((y - x).mean())
    assert half(found.seeds_needed) <= room < half(found.seeds_needed - 1)


class TestFailures:
    def test_a_diverged_run_scores_as_the_constant_prediction(self):
        judged = _judge({"a": [0.9, 0.9, 0.9], "b": [0.9, np.nan, 0.9]}, failure=0.6)
        assert judged.failures == {"a": 0, "b": 1}
        assert judged.differences["b"].mean == pytest.approx(-0.1)
        assert judged.reference == "a"

    def test_each_seed_has_its_own_constant_prediction(self):
        judged = _judge({"a": [0.9, 0.9], "b": [np.nan, np.nan]}, failure=np.array([0.6, 0.5]))
        assert judged.differences["b"].mean == pytest.approx(-0.35)

    def test_failing_is_never_rewarded(self):
        """The seeds that b finishes are better than a's; leaving its failures out would make it the winner."""
        judged = _judge({"a": [0.8, 0.8, 0.8, 0.8], "b": [0.9, 0.9, np.nan, np.nan]}, failure=0.5)
        assert judged.reference == "a"

    def test_a_score_must_be_given_for_them(self):
        with pytest.raises(InvalidInputError, match="1 runs of b without a score"):
            _judge({"a": [0.9, 0.9], "b": [np.nan, 0.9]}, failure=math.nan)

    def test_infinite_losses_are_worse_only_if_all_are(self):
        judged = _judge({"a": [0.3, 0.31], "b": [np.inf, np.inf], "c": [0.3, np.inf]}, direction="lower", failure=0.7)
        assert judged.reference == "a"
        assert judged.differences["b"].verdict == "worse" and judged.differences["c"].verdict == "undecided"
        everywhere = _judge({"a": [np.inf, np.inf], "b": [np.inf, np.inf]}, direction="lower", failure=0.7)
        assert everywhere.differences["b"].verdict == "equivalent"


class TestRanks:
    def test_equivalent_losses_share_a_rank(self):
        scores = {"a": _noisy(0.9, 0.001, 10, 1), "b": _noisy(0.899, 0.001, 10, 2), "c": _noisy(0.8, 0.001, 10, 3),
                  "d": _noisy(0.799, 0.001, 10, 4), "e": _noisy(0.5, 0.001, 10, 5)}  # fmt: skip
        assert _judge(scores).ranks == {"a": 1, "b": 1, "c": 3, "d": 3, "e": 5}

    def test_a_chain_is_not_a_group(self):
        """b is equivalent to a, and c to b, but c is .014 from a."""
        scores = {"a": _noisy(0.9, 1e-4, 10, 1), "b": _noisy(0.893, 1e-4, 10, 2), "c": _noisy(0.886, 1e-4, 10, 3)}
        assert _judge(scores).ranks == {"a": 1, "b": 1, "c": 3}

    def test_undecided_losses_come_after_those_known_to_be_as_good(self):
        scores = {"a": _noisy(0.9, 1e-4, 10, 1), "b": _noisy(0.899, 0.1, 10, 2), "c": _noisy(0.895, 1e-4, 10, 3)}
        judged = _judge(scores)
        assert judged.ranks == {"a": 1, "c": 1, "b": 3} and list(judged.differences) == ["a", "c", "b"]


class TestRows:
    def test_a_shared_split_widens_the_interval(self):
        """Every seed agrees, yet 100 test rows cannot tell .02 from 0: standard error sqrt(.02 / 100)."""
        rng = np.random.default_rng(1)
        a, b = np.ones((10, 100)), np.ones((10, 100))
        b[:, :2] = 0.0
        b += 1e-9 * rng.normal(size=b.shape)
        seeds_only = _judge({"a": a.mean(1), "b": b.mean(1)}, margin=0.005).differences["b"]
        both = _judge({"a": a.mean(1), "b": b.mean(1)}, margin=0.005, rows={"a": a, "b": b}).differences["b"]
        assert seeds_only.verdict == "worse" and both.verdict == "undecided" and both.seeds_needed is None
        error = math.sqrt(0.02 * 0.98 / 99)
        assert both.high - both.mean == pytest.approx(stats.t.ppf(0.975, 99) * error, rel=1e-6)

    def test_a_diverged_run_is_filled_in_on_its_rows(self):
        a, b = np.full((4, 6), 0.9), np.full((4, 6), 0.8)
        b[2] = np.nan
        scores = {"a": a.mean(1), "b": b.mean(1)}
        found = _judge(scores, failure=0.5, rows={"a": a, "b": b}).differences["b"]
        assert found.mean == pytest.approx((-0.1 * 3 - 0.4) / 4)
        assert math.isfinite(found.low)
        turned = _judge(
            {"a": -a.mean(1), "b": -b.mean(1)}, failure=-0.5, rows={"a": -a, "b": -b}, direction="lower"
        ).differences["b"]
        assert (turned.low, turned.high) == pytest.approx((found.low, found.high))

    def test_oriented_like_the_scores(self):
        a, b = np.random.default_rng(2).random((2, 5, 40))
        scores = {"a": a.mean(1), "b": b.mean(1)}
        up = _judge(scores, rows={"a": a, "b": b}, reference="a").differences["b"]
        down = _judge(scores, rows={"a": a, "b": b}, reference="a", direction="lower").differences["b"]
        assert (down.low, down.high) == pytest.approx((-up.high, -up.low))


def test_wrong_arguments_are_named():
    with pytest.raises(InvalidInputError, match="no losses"):
        _judge({})
    with pytest.raises(InvalidInputError, match="margin"):
        _judge({"a": [1.0]}, margin=-0.1)
    with pytest.raises(InvalidInputError, match="direction"):
        _judge({"a": [1.0]}, direction="up")
    with pytest.raises(ShapeError, match="pair the runs"):
        _judge({"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(UnknownNameError, match="reference"):
        _judge({"a": [1.0]}, reference="b")


SIMULATIONS = 1500  # Monte-Carlo standard error at 5 %: 0.56 points


def _wrong(means, deviations, *, n, margin, seed, **options):
    """Return the share of simulated comparisons with at least one false verdict."""
    rng = np.random.default_rng(seed)
    names = [f"loss {i}" for i in range(len(means))]
    truth = dict(zip(names, means, strict=True))
    wrong = 0
    for _ in range(SIMULATIONS):
        common = rng.normal(size=n)
        scores = {
            name: mean + common + deviation * rng.normal(size=n)
            for name, mean, deviation in zip(names, means, deviations, strict=True)
        }
        judged = _fast(scores, margin, **options)
        for loss, found in judged.differences.items():
            if found is None:
                continue
            gap = truth[loss] - truth[judged.reference]
            false = {"equivalent": abs(gap) > margin, "worse": gap >= -margin, "better": gap <= margin}
            if false.get(found.verdict, False):
                wrong += 1
                break
    return wrong / SIMULATIONS


@pytest.fixture(autouse=True)
def _few_resamples(request, monkeypatch):
    """The tests that stand beside the verdict decide nothing: the simulations leave them out."""
    if "simulat" in request.node.name:
        monkeypatch.setattr(statistics, "bootstrap_interval", lambda *_, **__: (0.0, 0.0))
        monkeypatch.setattr(statistics, "wilcoxon", lambda *_: 1.0)
        monkeypatch.setattr(statistics, "probability_of_improvement", lambda *_: 0.5)
        monkeypatch.setattr(statistics, "seeds_needed", lambda *_, **__: None)


def _fast(scores, margin, **options):
    return judge(scores, direction="higher", margin=margin, failure=0.0, rng=np.random.default_rng(0), **options)


@pytest.mark.parametrize(
    ("means", "margin"),
    [
        ([0.0] * 10, 0.0),  # the best of ten equals is picked as reference: 13 % if only nine comparisons counted
        pytest.param([0.0] * 10, 0.25, marks=pytest.mark.slow),
        pytest.param([0.0] * 3, 0.0, marks=pytest.mark.slow),
        ([0.5] + [0.0] * 6, 0.5),  # every other loss exactly at the margin
        pytest.param([0.5] + [0.0] * 3 + [-5.0] * 3, 0.5, marks=pytest.mark.slow),
        pytest.param([0.0, 0.0, -0.3, -0.6, -1.0], 0.3, marks=pytest.mark.slow),
    ],
)
def test_simulated_false_verdicts_stay_below_the_level(means, margin):
    rate = _wrong(means, [1.0] * len(means), n=10, margin=margin, seed=1)
    assert rate <= 0.05 + 3 * 0.0056


def test_simulated_false_verdicts_with_one_loss_that_scatters():
    rate = _wrong([0.0] * 5, [0.1, 0.1, 0.1, 0.1, 3.0], n=10, margin=0.1, seed=2)
    assert rate <= 0.05 + 3 * 0.0056


def test_simulated_coverage_of_two_losses():
    """Paired t interval of a reference fixed beforehand: 95 %, Monte-Carlo error 0.56 points."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(SIMULATIONS):
        found = _fast({"a": rng.normal(size=8), "b": rng.normal(size=8) - 1.0}, 0.1, reference="a").differences["b"]
        covered += found.low <= -1.0 <= found.high
    assert covered / SIMULATIONS == pytest.approx(0.95, abs=0.017)


def test_simulated_looks_keep_the_level_where_single_looks_do_not():
    """Seeds are added until a verdict falls, at 10, 20, 30 and 50; no difference, no margin."""
    rng = np.random.default_rng(4)
    careless, careful = 0, 0
    for _ in range(SIMULATIONS):
        scores = {loss: rng.normal(size=50) for loss in "ab"}
        for looks, count in ((1, "careless"), (4, "careful")):
            words = [
                _fast({loss: values[:n] for loss, values in scores.items()}, 0.0, looks=looks, reference="a")
                .differences["b"]
                .verdict
                for n in statistics.LOOKS
            ]
            stopped = any(word != "undecided" for word in words)
            careless += stopped and count == "careless"
            careful += stopped and count == "careful"
    assert careful / SIMULATIONS <= 0.05 < 0.08 < careless / SIMULATIONS


def test_simulated_shared_split_is_covered_only_with_rows():
    """Interval for the next test set, 8 seeds on one split of 80 rows: 95 % with the rows, far below without."""
    rng = np.random.default_rng(5)
    with_rows, without = 0, 0
    for _ in range(SIMULATIONS // 3):
        gap = 0.02 * rng.normal(size=(8, 1)) + 0.5 * rng.normal(size=(1, 80)) + 0.5 * rng.normal(size=(8, 80))
        scores, rows = {"a": np.zeros(8), "b": gap.mean(1)}, {"a": np.zeros_like(gap), "b": gap}
        for given in (rows, None):
            found = _fast(scores, 0.01, reference="a", rows=given).differences["b"]
            inside = found.low <= 0.0 <= found.high
            with_rows += inside and given is not None
            without += inside and given is None
    assert with_rows / 500 == pytest.approx(0.95, abs=0.03)
    assert without / 500 < 0.8


class TestSentence:
    def test_better(self):
        scores = {"huber": _noisy(0.9, 0.001, 30, 1), "mse": _noisy(0.87, 0.001, 30, 2)}
        text = sentence(_judge(scores), metric="accuracy", estimate=statistics.estimate(scores["huber"]))
        assert text.startswith("Use huber: accuracy 0.9")
        assert "better than mse by 0.03" in text and text.endswith("; 30 seeds")

    def test_equivalent_and_worse(self):
        scores = {"a": _noisy(0.9, 1e-3, 9, 1), "b": _noisy(0.899, 1e-3, 9, 2), "c": _noisy(0.7, 1e-3, 9, 3),
                  "d": _noisy(0.6, 1e-3, 9, 4)}  # fmt: skip
        text = sentence(_judge(scores), metric="accuracy", estimate=statistics.estimate(scores["a"]))
        assert "better than 2 others, of which c comes nearest, by 0.2" in text
        assert "equivalent to b within 0.01" in text

    def test_undecided_names_its_price(self):
        scores = {"a": _noisy(0.9, 0.02, 10, 1), "b": _noisy(0.895, 0.02, 10, 2)}
        judged = _judge(scores)
        text = sentence(judged, metric="accuracy", estimate=statistics.estimate(scores["a"]))
        assert text.startswith("Leading: a")
        assert f"undecided against b (about {judged.differences['b'].seeds_needed} seeds would settle it)" in text

    def test_alone(self):
        values = np.array([0.8])
        text = sentence(_judge({"a": values}), metric="accuracy", estimate=statistics.estimate(values))
        assert text == "Use a: accuracy 0.8, the only loss that was compared; 1 seed"

    def test_a_baseline_that_wins_comes_first(self):
        values = np.array([0.8, 0.81, 0.79])
        text = sentence(
            _judge({"a": values}),
            metric="accuracy",
            estimate=statistics.estimate(values),
            unbeaten=("gradient boosting", statistics.estimate(values + 0.1)),
        )
        assert text.startswith("No loss beats gradient boosting (0.90 [0.88, 0.92]). Use a")

    @pytest.mark.parametrize(
        ("half", "digits"), [(0.0021, 3), (0.0019, 4), (0.2, 1), (7.0, 0), (1e-9, 6), (math.inf, 3)]
    )
    def test_digits(self, half, digits):
        assert decimals(half) == digits
