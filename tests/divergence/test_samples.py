"""Estimates from samples: known truths, honest intervals, and a flag where there is no honest number."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from lossmith import divergence as dv
from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.divergence import Pmf, Samples, measure


def gaussians(seed: int, n: int, dimension: int, shift: float, variance: float = 1.0) -> tuple[Samples, Samples]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, dimension))
    return Samples(x, "x"), Samples(shift + math.sqrt(variance) * rng.standard_normal((n, dimension)), "y")


def truth(dimension: int, shift: float, variance: float = 1.0) -> float:
    return dimension / 2 * (1 / variance - 1 + shift**2 / variance + math.log(variance))


def codes(found) -> list[str]:
    return [finding.code for finding in found.findings]


@pytest.mark.parametrize(("dimension", "shift", "variance"), [(1, 1.0, 1.0), (2, 0.5, 1.5), (3, 0.3, 0.7)])
def test_nearest_neighbours_find_the_truth(dimension, shift, variance) -> None:
    expected = truth(dimension, shift, variance)
    found = measure(*gaussians(0, 4000, dimension, shift, variance))
    assert found.method == "nearest neighbours" and found.evaluations == 8000
    assert abs(found.value - expected) < 4 * found.error
    backward = measure(*gaussians(0, 4000, dimension, shift, variance), "reverse_kl_divergence")
    assert abs(backward.value - truth(dimension, -shift / math.sqrt(variance), 1 / variance)) < 4 * backward.error
    both = measure(*gaussians(0, 4000, dimension, shift, variance), "jeffreys")
    assert both.value == pytest.approx(found.value + backward.value, rel=1e-9)


def test_units_and_seeds() -> None:
    pair = gaussians(1, 600, 1, 1.0)
    nats, bits = measure(*pair), measure(*pair, unit="bits")
    assert bits.value == pytest.approx(nats.value / math.log(2)) and bits.high == pytest.approx(nats.high / math.log(2))
    assert measure(*pair, seed=3).error == measure(*pair, seed=3).error != measure(*pair, seed=4).error
    narrow = measure(*pair, level=0.5)
    assert nats.low < narrow.low < narrow.high < nats.high


@pytest.mark.parametrize(("n", "dimension", "shift"), [(1000, 1, 3.0), (1000, 10, 1.0), (100, 1, 3.0)])
def test_the_regime_that_reads_low_is_flagged(n, dimension, shift) -> None:
    found = measure(*gaussians(2, n, dimension, shift))
    assert "LS603" in codes(found) and found.exactness == "estimate"
    # what a nearest-neighbour estimate with five neighbours reads: 20 to 40 % less than the truth
    assert found.value > 0.6 * truth(dimension, shift)


def coverage(n: int, dimension: int, shift: float, variance: float, repetitions: int) -> tuple[float, float]:
    expected, hits, flags = truth(dimension, shift, variance), 0, 0
    for repetition in range(repetitions):
        found = measure(*gaussians(1000 + repetition, n, dimension, shift, variance), seed=repetition)
        hits += found.low <= expected <= found.high
        flags += "LS603" in codes(found)
    return hits / repetitions, flags / repetitions


def test_coverage() -> None:
    share, flagged = coverage(2000, 1, 1.0, 1.0, 40)
    assert flagged < 0.5
    assert share >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 40)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "dimension", "shift", "variance"),
    [(100, 1, 1.0, 1.0), (1000, 1, 1.0, 1.0), (1000, 2, 0.5, 1.5), (10_000, 2, 0.5, 1.5)],
)
def test_coverage_on_rows_that_are_not_flagged(n, dimension, shift, variance) -> None:
    share, flagged = coverage(n, dimension, shift, variance, 150)
    assert flagged < 0.5
    assert abs(share - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / 150) + 1e-9 or share > 0.95


def test_invariance_under_affine_maps() -> None:
    x, y = gaussians(3, 800, 2, 0.5)
    turn = np.array([[3.0, 1.0], [0.0, 0.1]])
    moved = measure(Samples(x.values @ turn + 5), Samples(y.values @ turn + 5))
    assert moved.value == pytest.approx(measure(x, y).value, rel=1e-6)


def test_ties_give_sensible_values() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 20, 1000), rng.integers(0, 20, 1000)
    found = measure(Samples(x), Samples(y))
    assert found.method == "counts" and "LS604" in codes(found)
    assert 0 <= found.value < 0.05 and found.low <= 0.01
    p, q = np.full(5, 0.2), np.array([0.4, 0.3, 0.1, 0.1, 0.1])
    skewed = measure(Samples(rng.choice(5, 3000, p=p)), Samples(rng.choice(5, 3000, p=q)))
    assert skewed.low <= float(dv.kl_divergence(p, q)) <= skewed.high
    assert skewed.contributions is not None and len(skewed.contributions.outcomes) == 5
    rounded = tuple(Samples(np.round(side.values, 2)) for side in gaussians(5, 2500, 1, 1.0))
    found = measure(*rounded)
    assert "LS604" in codes(found) and abs(found.value - 0.5) < 4 * found.error


def test_the_same_rows_are_zero() -> None:
    x = np.random.default_rng(6).normal(size=(300, 2))
    found = measure(Samples(x), Samples(x[::-1].copy()))
    assert found.value == 0 and codes(found) == ["LS608"]


def test_two_draws_of_one_law_are_never_negative() -> None:
    for seed in range(10):
        found = measure(*gaussians(seed, 200, 1, 0.0))
        assert found.value >= 0 and found.low == 0


def test_counts_interval_covers() -> None:
    rng = np.random.default_rng(7)
    p, q = np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.4, 0.3, 0.2, 0.1])
    expected = float(dv.kl_divergence(p, q))
    hits = 0
    for seed in range(150):
        found = measure(Samples(rng.choice(4, 800, p=p)), Samples(rng.choice(4, 800, p=q)), seed=seed)
        hits += found.low <= expected <= found.high
    assert abs(hits / 150 - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / 150) + 0.02


@pytest.mark.parametrize(
    "method", ["histogram", "kernel_density", "classifier", "donsker_varadhan", "nguyen_wainwright_jordan"]
)
def test_other_estimators(method: str) -> None:
    found = measure(*gaussians(8, 1500, 1, 1.0), method=method)
    assert found.value == pytest.approx(0.5, abs=0.15), method
    assert found.method == method.replace("_", " ")
    assert found.exactness == "estimate"


def test_bounds_stay_below_the_truth_on_average() -> None:
    names = ("donsker_varadhan", "nguyen_wainwright_jordan")
    values = {name: [measure(*gaussians(seed, 300, 2, 0.8), method=name).value for seed in range(6)] for name in names}
    expected = truth(2, 0.8)
    for name, found in values.items():
        assert np.mean(found) <= expected + 3 * np.std(found, ddof=1) / math.sqrt(6), name
    assert all(weak <= strong + 1e-12 for strong, weak in zip(*values.values(), strict=True))


def test_many_features_with_the_classifier() -> None:
    found = measure(*gaussians(9, 4000, 10, 1.0), method="classifier")
    assert found.value == pytest.approx(5.0, rel=0.15)


def test_any_divergence_from_bins_and_distances_from_rows() -> None:
    x, y = gaussians(10, 3000, 1, 1.0)
    exact = measure(scipy.stats.norm(0, 1), scipy.stats.norm(1, 1), "jensen_shannon_divergence")
    assert measure(x, y, "jensen_shannon_divergence").value == pytest.approx(exact.value, rel=0.1)
    shift = measure(x, y, "wasserstein_distance")
    assert shift.low <= 1.0 <= shift.high and shift.exactness == "interval"
    assert shift.method == "empirical distributions"
    assert shift.value == pytest.approx(scipy.stats.wasserstein_distance(x.values[:, 0], y.values[:, 0]))


def test_a_sample_against_a_law() -> None:
    x, _ = gaussians(11, 4000, 1, 0.0)
    found = measure(x, scipy.stats.norm(1, 1))
    assert found.low <= 0.5 <= found.high
    plane, _ = gaussians(12, 4000, 2, 0.0)
    law = scipy.stats.multivariate_normal([0.5, 0.5], 1.5 * np.eye(2))
    assert abs(measure(plane, law).value - truth(2, 0.5, 1.5)) < 4 * measure(plane, law).error
    outside = measure(x, scipy.stats.uniform(0, 1))
    assert outside.value == math.inf and codes(outside) == ["LS601"]
    with pytest.raises(InvalidInputError, match="draw a sample from the law"):
        measure(scipy.stats.norm(), x)
    with pytest.raises(InvalidInputError, match="count the outcomes"):
        measure(Samples([1, 2, 3]), scipy.stats.poisson(2))


@pytest.mark.parametrize("name", ["wasserstein_distance", "energy_distance"])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_intervals_of_distances_cover(name: str, shift: float) -> None:
    laws = scipy.stats.norm(0, 1), scipy.stats.norm(shift, 1)
    expected = measure(*laws, name).value if shift else 0.0
    rng, hits = np.random.default_rng(17), 0
    for seed in range(50):
        x, y = Samples(rng.normal(size=120)), Samples(shift + rng.normal(size=120))
        found = measure(x, y, name, seed=seed)
        hits += found.low <= expected <= found.high
    assert hits >= 50 * 0.95 - 3 * math.sqrt(50 * 0.95 * 0.05)


def test_few_or_constant_rows_promise_nothing() -> None:
    for n in (2, 3, 9):
        found = measure(Samples(np.arange(n) + 0.1), Samples(np.arange(n) ** 1.1))
        assert found.exactness == "estimate" and "LS603" in codes(found)
    apart = measure(Samples(np.ones(100)), Samples(np.zeros(100)))
    assert apart.exactness == "estimate" and "LS603" in codes(apart)
    every = measure(Samples(np.arange(50) * 0.7), Samples(np.arange(50) * 0.9 + 0.05), method="counts")
    assert every.exactness == "estimate"
    for method in ("classifier", "donsker_varadhan", "kernel_density"):
        with pytest.raises(InvalidInputError, match="4 rows for"):
            measure(*gaussians(0, 4, 1, 0.0), method=method)
    with pytest.raises(InvalidInputError, match="rows that vary"):
        measure(Samples(np.ones(30)), scipy.stats.norm())
    with pytest.raises(InvalidInputError, match="at least 10 rows"):
        measure(Samples([1.0, 2.0]), scipy.stats.norm())


@pytest.mark.parametrize(("factor", "offset"), [(1e200, 0.0), (1e-200, 0.0), (1.0, 1e12), (1e-3, -1e9)])
def test_units_and_offsets_do_not_matter(factor: float, offset: float) -> None:
    x, y = gaussians(3, 600, 1, 1.0)
    plain = measure(x, y)
    moved = measure(Samples(x.values * factor + offset), Samples(y.values * factor + offset))
    assert moved.value == pytest.approx(plain.value, abs=1e-6 if offset == 0 else 0.5 * plain.error)


def test_many_features_take_a_share_of_the_places(monkeypatch) -> None:
    from lossmith.divergence import _estimate

    pair = gaussians(4, 3000, 6, 0.3)
    whole = measure(*pair)
    monkeypatch.setattr(_estimate, "_PLACES", 480)
    part = measure(*pair)
    assert part.error > 1.2 * whole.error and abs(part.value - whole.value) < 4 * part.error
    law = scipy.stats.multivariate_normal(np.full(6, 0.3), np.eye(6))
    against = measure(pair[0], law)
    assert abs(against.value - truth(6, 0.3)) < 4 * against.error + 0.1


def test_errors() -> None:
    good = Samples([1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="features"):
        measure(good, Samples(np.ones((3, 2))))
    with pytest.raises(ShapeError, match="n_samples"):
        measure(good, Samples([1.0]))
    with pytest.raises(DomainError, match="NaN"):
        measure(good, Samples([1.0, math.nan]))
    with pytest.raises(InvalidInputError, match="numbers"):
        measure(good, Samples(["a", "b"]))
    with pytest.raises(InvalidInputError, match="Samples"):
        measure(good, Pmf([0.5, 0.5]))
    with pytest.raises(InvalidInputError, match="method='histogram'"):
        measure(*gaussians(0, 50, 1, 0.0), "hellinger", method="nearest_neighbours")
    with pytest.raises(InvalidInputError, match="one feature"):
        measure(*gaussians(0, 50, 2, 0.0), method="histogram")


def test_mmd() -> None:
    rng = np.random.default_rng(13)
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(50, 2)) + 0.3
    found = dv.mmd_test(x, y, bandwidth=1.3, permutations=99, seed=0)

    def kernel(a, b):
        return np.exp(-np.sum((a[:, None] - b[None]) ** 2, axis=2) / (2 * 1.3**2))

    k_xx, k_yy = kernel(x, x), kernel(y, y)
    expected = (k_xx.sum() - 60) / (60 * 59) + (k_yy.sum() - 50) / (50 * 49) - 2 * kernel(x, y).mean()
    assert found.statistic == pytest.approx(expected, rel=1e-9)
    assert 0.01 <= found.p_value <= 1
    assert dv.mmd_test(x, y + 2, permutations=199).p_value == 1 / 200
    with pytest.raises(DomainError, match="bandwidth"):
        dv.mmd_test(x, y, bandwidth=0)
    with pytest.raises(ShapeError):
        dv.mmd_test(x, y[:, 0])
    same = dv.mmd_test(np.ones(5), np.ones(5), permutations=19)
    assert same.p_value == 1.0


def test_mmd_p_values_are_uniform_without_a_difference() -> None:
    values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        values.append(dv.mmd_test(rng.normal(size=25), rng.normal(size=20), permutations=99, seed=seed).p_value)
    assert scipy.stats.kstest(values, "uniform").pvalue > 1e-3
