"""Estimates, intervals and tests against SciPy, published examples and hand calculations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.compare import statistics
from lossmith.compare.sampled_rows import row_variance, spread_rows
from lossmith.compare.statistics import Contrast, contrast, estimate, holm, interval, seeds_needed


@pytest.mark.parametrize("level", [0.95, 0.8])
@pytest.mark.parametrize("n", [2, 7, 30])
def test_estimate_equals_scipy(n, level):
    values = np.random.default_rng(n).normal(size=n)
    found = estimate(values, level=level)
    theirs = stats.ttest_1samp(values, 0.0).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert (found.mean, found.deviation, found.n) == pytest.approx((values.mean(), values.std(ddof=1), n))


def test_estimate_of_one_value_knows_no_error():
    found = estimate(np.array([0.8]))
    assert (found.mean, found.low, found.high, found.n) == (0.8, -math.inf, math.inf, 1)
    assert math.isnan(found.deviation)


def test_estimate_leaves_nan_out_and_says_so():
    found = estimate(np.array([1.0, np.nan, 3.0]))
    assert (found.mean, found.n) == (2.0, 2)
    nothing = estimate(np.array([np.nan, np.nan]))
    assert nothing.n == 0 and math.isnan(nothing.mean) and (nothing.low, nothing.high) == (-math.inf, math.inf)


def test_estimate_of_an_infinite_value_has_no_interval():
    found = estimate(np.array([1.0, np.inf, 3.0]))
    assert (found.mean, found.low, found.high) == (math.inf, -math.inf, math.inf)
    assert math.isnan(estimate(np.array([np.inf, -np.inf])).mean)


def test_equal_values_have_an_interval_of_no_width():
    # 0.1 summed three times is not 0.3: a careless mean would leave a spread of rounding
    found = estimate(np.array([0.1, 0.1, 0.1]))
    assert (found.mean, found.low, found.high, found.deviation) == (0.1, 0.1, 0.1, pytest.approx(0.0, abs=1e-16))


def test_paired_test_equals_scipy():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=12), rng.normal(size=12) + 0.3
    found = contrast(x - y)
    theirs = stats.ttest_rel(x, y)
    assert statistics.t_test(found) == pytest.approx(theirs.pvalue)
    bounds = theirs.confidence_interval(0.9)
    assert interval(found, 0.9) == pytest.approx((bounds.low, bounds.high))
    assert statistics.t_test(found, at=-0.2) == pytest.approx(stats.ttest_rel(x + 0.2, y).pvalue)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20))
def test_interval_and_test_agree(values):
    found = contrast(np.array(values))
    low, high = interval(found, 0.95)
    assert low <= found.mean <= high
    if found.error > 1e-12:
        assert (statistics.t_test(found) < 0.05) == (not low <= 0 <= high)


def test_sleep_data_of_student():
    """Student 1908, ten patients under two drugs: mean difference 1.58, t = 4.06, p = .0028."""
    extra_1 = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    extra_2 = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    found = contrast(extra_2 - extra_1)
    assert found.mean == pytest.approx(1.58)
    assert found.mean / found.error == pytest.approx(4.0621, abs=5e-5)
    assert statistics.t_test(found) == pytest.approx(0.002833, abs=5e-7)
    assert interval(found, 0.95) == pytest.approx((0.7001142, 2.4598858), abs=5e-7)


def test_holm_by_hand():
    """The usual textbook example: 4 x .005, 3 x .01, 2 x .03, then .04 raised to the .06 before it; two rejections."""
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert (adjusted <= 0.05).tolist() == [True, False, False, True]
    # 5 x .015, then 4 x .015 and 3 x .0172 raised to it, then 2 x .1, and .2 as it is
    assert holm([0.015, 0.015, 0.0172, 0.1, 0.2]) == pytest.approx([0.075, 0.075, 0.075, 0.2, 0.2])
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_holm_of_a_larger_family():
    """Two reported of six possible comparisons: 6 x .001 and 5 x .004."""
    assert holm([0.004, 0.001], family=6) == pytest.approx([0.02, 0.006])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_value_and_bonferroni(p_values):
    adjusted = holm(p_values)
    assert (adjusted >= np.array(p_values)).all()
    assert (adjusted <= np.minimum(np.array(p_values) * len(p_values), 1.0) + 1e-15).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


@pytest.mark.parametrize("tied", [False, True])
def test_wilcoxon_equals_scipy(tied):
    differences = np.random.default_rng(2).normal(size=15) + 0.4
    if tied:
        differences = np.round(differences, 0)
    assert statistics.wilcoxon(differences) == pytest.approx(stats.wilcoxon(differences).pvalue)
    assert statistics.wilcoxon(np.append(differences, np.nan)) == pytest.approx(stats.wilcoxon(differences).pvalue)


def test_wilcoxon_at_its_limits():
    """All signs equal: 2 / 2^n exactly; with Holm over 10 comparisons not below 5 % before n = 9."""
    for n in range(1, 12):
        assert statistics.wilcoxon(np.arange(1.0, n + 1)) == pytest.approx(2 / 2**n)
    assert statistics.wilcoxon(np.zeros(5)) == 1.0
    assert 10 * 2 / 2**8 > 0.05 > 10 * 2 / 2**9


def test_probability_of_improvement_is_the_scaled_mann_whitney_statistic():
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 6, 14).astype(float), rng.integers(0, 7, 11).astype(float)
    assert statistics.probability_of_improvement(x, y) == pytest.approx(stats.mannwhitneyu(x, y).statistic / (14 * 11))
    assert statistics.probability_of_improvement(x, x) == 0.5
    assert math.isnan(statistics.probability_of_improvement(x, np.array([np.nan])))


def test_bootstrap_interval_equals_scipy():
    """Same estimand, other random numbers: 10,000 resamples fix an end to about 1 % of the width."""
    values = np.random.default_rng(4).gamma(2.0, size=20)
    low, high = statistics.bootstrap_interval(values, level=0.9, rng=np.random.default_rng(5))
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", confidence_level=0.9, n_resamples=20_000, rng=np.random.default_rng(6)
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.04 * (theirs.high - theirs.low))


def test_bootstrap_repeats_with_its_generator_only():
    values = np.random.default_rng(7).normal(size=9)
    first, again, other = (
        statistics.bootstrap_interval(values, level=0.95, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert statistics.bootstrap_interval(values[:1], level=0.95, rng=np.random.default_rng(1)) == (-math.inf, math.inf)


def test_looks():
    assert statistics.level_per_look(0.95, 1) == pytest.approx(0.95)
    assert statistics.level_per_look(0.9, 4) == pytest.approx(0.975)
    looks = [0]
    while (look := statistics.next_look(looks[-1])) is not None:
        looks.append(look)
    assert looks == [0, 10, 20, 30, 50]


@pytest.mark.parametrize(("mean", "margin"), [(0.001, 0.01), (-0.02, 0.01), (0.0, 0.01), (0.011, 0.01)])
@pytest.mark.parametrize("level", [0.95, 0.995])
def test_seeds_needed_is_the_first_number_that_decides(mean, margin, level):
    deviation, n = 0.03, 10
    needed = seeds_needed(Contrast(mean, deviation / math.sqrt(n), n - 1, n), margin=margin, level=level)

    def half(seeds):
        return stats.t.ppf((1 + level) / 2, seeds - 1) * deviation / math.sqrt(seeds)

    room = abs(margin - abs(mean))
    if needed is None:
        assert half(10_000) > room
    else:
        assert half(needed) <= room < half(needed - 1)


def test_seeds_needed_knows_when_seeds_cannot_help():
    """With a row variance of .01 squared left over, the interval stays wider than the margin for ever."""
    hopeless = Contrast(0.0, 0.02, 9, 10, floor=0.01**2)
    assert seeds_needed(hopeless, margin=0.01, level=0.95) is None
    # .02 squared in all, of which .01 squared stays: 10 seeds' worth of .0003 is left to share out
    needed = seeds_needed(hopeless, margin=0.03, level=0.95)

    def half(n):
        return stats.t.ppf(0.975, n - 1) * math.sqrt(0.003 / n + 0.0001)

    assert half(needed) <= 0.03 < half(needed - 1)
    assert seeds_needed(Contrast(0.0, math.nan, 0, 1), margin=0.01, level=0.95) is None
    assert seeds_needed(Contrast(0.01, 0.02, 9, 10), margin=0.01, level=0.95) is None


def _analysis_of_variance(table):
    """Two-way table without repetition, by the textbook sums of squares."""
    seeds, rows = table.shape
    mean = table.mean()
    between_seeds = rows * ((table.mean(axis=1) - mean) ** 2).sum() / (seeds - 1)
    between_rows = seeds * ((table.mean(axis=0) - mean) ** 2).sum() / (rows - 1)
    residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + mean
    rest = (residual**2).sum() / ((seeds - 1) * (rows - 1))
    return between_seeds, between_rows, rest


def test_row_variance_of_a_full_table_is_the_analysis_of_variance():
    rng = np.random.default_rng(8)
    table = rng.normal(size=(6, 1)) + rng.normal(size=(1, 40)) + rng.normal(size=(6, 40))
    between_seeds, between_rows, rest = _analysis_of_variance(table)
    variance, floor, freedom = row_variance(table)
    assert variance == pytest.approx((between_seeds + between_rows - rest) / table.size)
    assert floor == pytest.approx((between_rows - rest) / table.size)
    assert freedom == pytest.approx(39)  # nothing is known to come from the seeds alone
    seen = between_seeds / table.size
    extra = variance - seen
    assert row_variance(table, at_least=seen)[2] == pytest.approx(variance**2 / (seen**2 / 5 + extra**2 / 39))


def test_row_variance_is_never_below_the_spread_over_seeds():
    table = np.random.default_rng(9).normal(size=(5, 30))
    assert row_variance(table, at_least=1.0)[0] == 1.0
    gaps = table.mean(axis=1)
    assert contrast(gaps, table).error >= contrast(gaps).error


def test_row_variance_without_a_shared_row_is_the_spread_over_seeds():
    table = np.full((4, 12), np.nan)
    for seed in range(4):
        table[seed, 3 * seed : 3 * seed + 3] = np.random.default_rng(seed).normal(size=3)
    assert row_variance(table, at_least=0.3) == (0.3, 0.0, 3.0)


@pytest.mark.parametrize("shared", [True, False])
def test_row_variance_is_unbiased(shared):
    """Variance of the grand mean over fresh seeds and rows, 3,000 draws: Monte-Carlo error 2.6 %."""
    rng = np.random.default_rng(10)
    seeds, pool, tested = 8, 60, 30
    means, variances = [], []
    for _ in range(3000):
        table = 0.5 * rng.normal(size=(seeds, 1)) + 1.5 * rng.normal(size=(1, pool)) + rng.normal(size=(seeds, pool))
        for seed in range(seeds):
            hidden = np.arange(tested, pool) if shared else rng.permutation(pool)[tested:]
            table[seed, hidden] = np.nan
        means.append(np.nanmean(table))
        variances.append(row_variance(table[:, :tested] if shared else table)[0])
    assert np.mean(variances) == pytest.approx(np.var(means), rel=0.08)


def test_redrawn_splits_do_not_make_rows_endless():
    """30 seeds test 200 of the same 1,000 rows; truth 0. Monte-Carlo error of 95 % over 300 draws: 1.3 points."""
    rng = np.random.default_rng(11)
    with_rows = without = 0
    for _ in range(300):
        pool = 0.2 * rng.normal(size=1000)
        tested = [rng.permutation(1000)[:200] for _ in range(30)]
        gaps = [0.002 * rng.normal() + pool[rows] + 0.2 * rng.normal(size=200) for rows in tested]
        table, means = spread_rows(gaps, tested, 1000), np.array([gap.mean() for gap in gaps])
        for rows in (table, None):
            low, high = interval(contrast(means, rows), 0.95)
            with_rows += low <= 0 <= high and rows is not None
            without += low <= 0 <= high and rows is None
    assert with_rows / 300 == pytest.approx(0.95, abs=0.04)
    assert without / 300 < 0.8


def test_spreading_rows_needs_one_number_for_each():
    with pytest.raises(ShapeError, match="one number for each"):
        spread_rows([np.zeros(2)], [np.arange(3)], 5)


def test_zero_everywhere_needs_no_warning():
    found = contrast(np.zeros(4), np.zeros((4, 7)))
    assert interval(found, 0.99) == (0.0, 0.0) and statistics.t_test(found) == 1.0


def test_infinite_differences_are_certain_only_if_all_are():
    assert interval(contrast(np.array([-np.inf, -np.inf])), 0.95) == (-math.inf, -math.inf)
    assert statistics.t_test(contrast(np.array([-np.inf, -np.inf]))) == 0.0
    assert interval(contrast(np.array([-np.inf, 0.1])), 0.95) == (-math.inf, math.inf)


def test_wrong_arguments_are_named():
    with pytest.raises(ShapeError, match="n_seeds"):
        contrast(np.zeros((2, 2)))
    with pytest.raises(ShapeError, match="n_rows"):
        contrast(np.zeros(3), np.zeros((2, 5)))
    with pytest.raises(InvalidInputError, match=r"\(0, 1\)"):
        interval(Contrast(0, 1, 1, 2), 95)
    with pytest.raises(InvalidInputError, match="looks"):
        statistics.level_per_look(0.95, 0)
