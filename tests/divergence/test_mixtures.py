"""Gaussian mixtures: the integral to ten digits, the order of the bounds, the approximations' errors."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy import stats
from sklearn.mixture import GaussianMixture as SklearnMixture

from lossmith import divergence as dv
from lossmith._errors import DomainError, InvalidInputError, ShapeError, UnknownNameError

APPROXIMATIONS = ("variational", "unscented", "matched", "product", "gaussian")
UPPER = ("variational_upper_bound", "upper_bound", "convexity_bound")


def draw(rng: np.random.Generator, n_features: int = 1) -> dv.GaussianMixture:
    n = int(rng.integers(2, 6))
    roots = rng.normal(size=(n, n_features, n_features)) * 0.4
    covariances = roots @ np.swapaxes(roots, 1, 2) + np.eye(n_features) * rng.uniform(0.1, 1.5, n)[:, None, None] ** 2
    return dv.GaussianMixture(rng.dirichlet(np.ones(n)), rng.uniform(-4, 4, (n, n_features)), covariances)


def by_mpmath(p: dv.GaussianMixture, q: dv.GaussianMixture) -> float:
    def density(mixture, x):
        return mp.fsum(
            mp.mpf(float(w)) * mp.npdf(x, mp.mpf(float(m[0])), mp.sqrt(mp.mpf(float(c[0, 0]))))
            for w, m, c in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
        )

    spread = float(np.sqrt(p.covariances.max()))
    low, high = float(p.means.min()) - 10 * spread, float(p.means.max()) + 10 * spread
    with mp.workdps(20):
        edges = [mp.mpf(x) for x in np.linspace(low, high, 24)]
        return float(mp.quad(lambda x: density(p, x) * mp.log(density(p, x) / density(q, x)), edges))


def test_the_integral_is_right_to_ten_digits() -> None:
    rng = np.random.default_rng(0)
    for _ in range(1):
        p, q = draw(rng), draw(rng)
        found = dv.measure(p, q)
        assert found.method == "quadrature" and found.exactness == "bound"
        assert found.error <= 1e-10 * found.value
        assert found.value == pytest.approx(by_mpmath(p, q), rel=1e-10)


def check_pairs(n_pairs: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    errors = {name: np.empty(n_pairs) for name in APPROXIMATIONS}
    for number in range(n_pairs):
        p, q = draw(rng), draw(rng)
        found = dv.measure(p, q)
        assert found.error <= 1e-10 * found.value
        truth = found.value
        upper = {name: dv.mixture_divergence(p, q, name) for name in UPPER}
        room = 1 + 1e-9
        assert all(truth <= bound * room for bound in upper.values()), (truth, upper)
        assert upper["variational_upper_bound"] <= upper["convexity_bound"] * room
        assert dv.mixture_divergence(p, q, "lower_bound") <= truth * room
        for name in APPROXIMATIONS:
            errors[name][number] = abs(dv.mixture_divergence(p, q, name) - truth) / truth
    return errors


def test_bounds_bracket_the_truth() -> None:
    check_pairs(15)


@pytest.mark.slow
def test_three_hundred_pairs() -> None:
    errors = check_pairs(300)
    medians = {name: float(np.median(values)) for name, values in errors.items()}
    # the order that Hershey and Olsen report, and that the table in docs/divergence shows
    assert medians["unscented"] < medians["variational"] < medians["matched"] < medians["gaussian"]
    assert medians["unscented"] < 0.1 and medians["variational"] < 0.25


def test_equal_mixtures() -> None:
    rng = np.random.default_rng(2)
    p = draw(rng, 2)
    for name in (
        "variational",
        "matched",
        "product",
        "unscented",
        "gaussian",
        "variational_upper_bound",
        "lower_bound",
    ):
        assert dv.mixture_divergence(p, p, name) == pytest.approx(0, abs=1e-9), name
    assert dv.measure(draw(np.random.default_rng(3)), draw(np.random.default_rng(3))).value == 0


def test_one_component_is_a_normal_law() -> None:
    p, q = (
        dv.GaussianMixture([1.0], [[0.0, 1.0]], [np.eye(2)]),
        dv.GaussianMixture([1.0], [[1.0, 0.0]], [2 * np.eye(2)]),
    )
    expected = 0.5 * (1.0 - 2 + 1.0 + 2 * math.log(2))
    for name in ("variational", "matched", "gaussian", "variational_upper_bound", "convexity_bound"):
        assert dv.mixture_divergence(p, q, name) == pytest.approx(expected, rel=1e-12), name
    assert float(dv.measure(p, q)) == pytest.approx(expected, rel=1e-12)
    law = stats.multivariate_normal([0, 1], np.eye(2))
    assert float(dv.measure(law, q)) == pytest.approx(expected, rel=1e-12)
    line = dv.GaussianMixture([1.0], [0.5], [4.0])
    assert float(dv.measure(stats.norm(0.5, 2), line)) == pytest.approx(0, abs=1e-12)
    assert float(dv.measure(line, stats.norm(0, 1))) == pytest.approx(math.log(0.5) + (4 + 0.25) / 2 - 0.5, rel=1e-12)


def test_several_dimensions_are_drawn_and_bracketed() -> None:
    rng = np.random.default_rng(4)
    for n_features in (2, 4):
        p, q = draw(rng, n_features), draw(rng, n_features)
        found = dv.measure(p, q, seed=5)
        assert found.method == "Monte Carlo" and found.exactness == "interval" and found.level == 0.95
        assert found.low < found.value < found.high
        x = p.draw(np.random.default_rng(6), 100_000)
        gaps = p.log_density(x) - q.log_density(x)
        assert abs(found.value - gaps.mean()) < 4 * math.hypot(found.error, gaps.std() / math.sqrt(len(gaps)))
        assert dv.mixture_divergence(p, q, "lower_bound") <= found.high
        assert found.low <= dv.mixture_divergence(p, q)
        assert float(dv.measure(p, q, seed=5)) == found.value
        assert float(dv.measure(p, q, seed=6)) != found.value


def test_coverage_of_the_drawn_interval() -> None:
    rng = np.random.default_rng(7)
    p, q = draw(rng, 2), draw(rng, 2)
    truth = dv.measure(p, q, draws=1_000_000, seed=1).value
    hits = [dv.measure(p, q, draws=1_000, seed=seed) for seed in range(100)]
    share = np.mean([hit.low <= truth <= hit.high for hit in hits])
    assert 0.95 - 4 * math.sqrt(0.95 * 0.05 / 100) <= share <= 1.0


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_scikit_learn_mixtures(kind: str) -> None:
    x = np.random.default_rng(8).normal(size=(300, 2)) * [1.0, 2.0]
    fitted = SklearnMixture(3, covariance_type=kind, random_state=0).fit(x)
    ours = dv.GaussianMixture.from_sklearn(fitted)
    np.testing.assert_allclose(ours.log_density(x), fitted.score_samples(x), rtol=1e-8)
    assert dv.mixture_divergence(fitted, ours) == pytest.approx(0, abs=1e-9)
    found = dv.measure(fitted, ours, draws=2_000)
    assert found.value == pytest.approx(0, abs=1e-12)


def test_errors() -> None:
    good = dv.GaussianMixture([0.5, 0.5], [0.0, 1.0], [1.0, 1.0])
    with pytest.raises(DomainError, match="positive definite"):
        dv.GaussianMixture([1.0], [0.0], [-1.0])
    with pytest.raises(DomainError, match=r"add up to 0\.9"):
        dv.GaussianMixture([0.5, 0.4], [0.0, 1.0], [1.0, 1.0])
    with pytest.raises(DomainError, match="NaN"):
        dv.GaussianMixture([1.0], [math.nan], [1.0])
    with pytest.raises(ShapeError, match="one mean for each weight"):
        dv.GaussianMixture([1.0], [0.0, 1.0], [1.0])
    with pytest.raises(ShapeError, match="covariances"):
        dv.GaussianMixture([1.0], [[0.0, 1.0]], [1.0])
    with pytest.raises(ShapeError, match="dimensions"):
        dv.mixture_divergence(good, dv.GaussianMixture([1.0], [[0.0, 1.0]], [np.eye(2)]))
    with pytest.raises(UnknownNameError, match="variational"):
        dv.mixture_divergence(good, good, "variationl")
    with pytest.raises(InvalidInputError, match="GaussianMixture"):
        dv.mixture_divergence(good, stats.norm())
    with pytest.raises(InvalidInputError, match="not fitted"):
        dv.mixture_divergence(good, SklearnMixture(2))
