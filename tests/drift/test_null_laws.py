"""Values and their null laws, each against another library, a closed form or a simulation from its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from lossmith.drift import DETECTORS
from lossmith.drift._decide import adjusted, together
from lossmith.drift._null import chi_squared_p, order_p, permutation_p, permuted, weighted_chi_squared_tail

REFERENCE = np.array([120.0, 300.0, 260.0, 220.0, 100.0])
CURRENT = np.array([30.0, 50.0, 60.0, 40.0, 20.0])


def half(counts: np.ndarray) -> np.ndarray:
    return (counts + 0.5) / (counts.sum() + len(counts) / 2)


def test_values_are_those_of_scipy():
    p, q = half(CURRENT), half(REFERENCE)
    kl, back = special.rel_entr(p, q).sum(), special.rel_entr(q, p).sum()
    middle = (p + q) / 2
    js = (special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum()) / 2
    expected = {
        "kl": kl, "reverse_kl": back, "psi": kl + back, "js": js, "hellinger": math.sqrt(1 - np.sqrt(p * q).sum()),
        "tv": np.abs(p - q).sum() / 2, "chi2": stats.chi2_contingency([REFERENCE, CURRENT], correction=False).statistic,
        "binned_ks": np.abs(np.cumsum(CURRENT / 200 - REFERENCE / 1000)).max(),
    }  # fmt: skip
    for name, value in expected.items():
        assert math.isclose(float(DETECTORS[name].function(CURRENT, REFERENCE)), value, rel_tol=1e-12), name


def test_the_classical_p_value_is_that_of_scipy():
    detector = DETECTORS["chi2"]
    value = float(detector.function(CURRENT, REFERENCE))
    expected = stats.chi2_contingency([REFERENCE, CURRENT], correction=False).pvalue
    assert math.isclose(chi_squared_p(detector, value, CURRENT, REFERENCE), expected, rel_tol=1e-12)


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "psi", "js", "hellinger", "chi2"])
def test_large_samples_follow_the_stated_law(name):
    """The mean of PSI is (B - 1)(1/n + 1/m), of KL half of it; at 1 % and 0.1 % the tail is near its level."""
    rng = np.random.default_rng(0)
    n, m, cells, draws = 20_000, 5_000, 20, 4000
    shares = np.full(cells, 1 / cells)
    reference, current = (rng.multinomial(size, shares, draws).astype(float) for size in (n, m))
    detector = DETECTORS[name]
    values = detector.function(current, reference)
    scale = (cells - 1) * (1 / n + 1 / m)
    mean = {"kl": scale / 2, "reverse_kl": scale / 2, "psi": scale, "js": scale / 8, "chi2": cells - 1}.get(name)
    if mean is not None:
        assert math.isclose(float(values.mean()), mean, rel_tol=0.03)
    p = np.array([chi_squared_p(detector, v, c, r) for v, c, r in zip(values, current, reference, strict=True)])
    assert 0.03 < (p < 0.05).mean() < 0.062
    assert 0.005 < (p < 0.01).mean() < 0.016


@pytest.mark.parametrize("m", [2000, 100_000])
@pytest.mark.parametrize("name", ["js", "psi", "kl", "chi2"])
def test_cells_between_order_statistics_follow_the_law_too(name, m):
    """Edges that are order statistics of the reference: shares are Dirichlet (Wilks 1962), current counts multinomial given them."""
    rng = np.random.default_rng(8)
    cells, draws, n = 32, 4000, 10_000
    shares = rng.standard_gamma(np.full(cells, n / cells), (draws, cells))
    current = rng.multinomial(m, shares / shares.sum(axis=1, keepdims=True)).astype(float)
    reference = np.full((draws, cells), n / cells)
    detector = DETECTORS[name]
    values = detector.function(current, reference)
    p = np.array([chi_squared_p(detector, float(v), c, r) for v, c, r in zip(values, current, reference, strict=True)])
    for level in (0.05, 0.01):
        spread = math.sqrt(level * (1 - level) / draws)
        assert 0.5 * level - 3 * spread < (p < level).mean() < level + 3.5 * spread


def test_the_tail_of_weighted_sums():
    """Against the chi-squared law, and against Imhof's integral for unequal weights."""
    for degrees, value in ((1, 3.84), (4, 9.0), (31, 60.0), (31, 12.0), (10, 200.0)):
        exact = stats.chi2.sf(value, degrees)
        assert math.isclose(weighted_chi_squared_tail(value, np.ones(degrees)), exact, rel_tol=0.05), (degrees, value)
    weights = np.array([1.0, 0.6, 0.3, 0.1])
    for value in (0.5, 2.0, 2.0001, 8.0, 20.0):
        assert math.isclose(weighted_chi_squared_tail(value, weights), _imhof(value, weights), rel_tol=0.09), value
    assert weighted_chi_squared_tail(1.0, np.zeros(0)) == 1.0 and weighted_chi_squared_tail(0.0, weights) == 1.0


def _imhof(value: float, weights: np.ndarray) -> float:
    from scipy.integrate import quad

    def integrand(u: float) -> float:
        theta = 0.5 * np.sum(np.arctan(weights * u)) - 0.5 * value * u
        return math.sin(theta) / (u * np.prod((1 + weights**2 * u**2) ** 0.25))

    return 0.5 + quad(integrand, 0, 400, limit=2000, epsabs=1e-10)[0] / math.pi


def test_binned_anderson_darling_tends_to_the_unbinned_one():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=4000), rng.normal(0.1, 1, 1000)
    edges = np.quantile(np.concatenate([x, y]), np.arange(1, 500) / 500)
    counts = [np.bincount(np.searchsorted(edges, side), minlength=500).astype(float) for side in (y, x)]
    value = float(DETECTORS["binned_ad"].function(*counts))
    pooled = np.sort(np.concatenate([x, y]))
    inside = np.searchsorted(np.sort(x), pooled[:-1], side="right").astype(float)
    total, n, m = len(pooled), len(x), len(y)
    rank = np.arange(1, total)
    pettitt = np.sum((inside * total - rank * n) ** 2 / (rank * (total - rank))) / (n * m)  # Pettitt 1976
    assert math.isclose(value, pettitt, rel_tol=0.03)


def test_the_binned_order_law_holds_its_level():
    rng = np.random.default_rng(2)
    shares = np.full(33, 1 / 33)
    draws = 3000
    reference, current = (rng.multinomial(size, shares, draws).astype(float) for size in (10_000, 700))
    values = DETECTORS["binned_ad"].function(current, reference)
    p = np.array([order_p(v, c, r) for v, c, r in zip(values, current, reference, strict=True)])
    for level in (0.5, 0.05, 0.01):
        assert abs((p < level).mean() - level) < 4 * math.sqrt(level * (1 - level) / draws) + 0.05 * level


def test_permutation_is_fishers_exact_test_of_two_cells():
    reference, current = np.array([90.0, 10.0]), np.array([12.0, 8.0])
    draw = stats.hypergeom(120, 18, 20)
    gaps = np.array([abs(k / 20 - (18 - k) / 100) for k in range(19)])
    expected = float(draw.pmf(np.arange(19))[gaps >= gaps[8] - 1e-12].sum())

    def gap(c: np.ndarray, r: np.ndarray) -> np.ndarray:
        return np.abs(c[..., 1] / 20 - r[..., 1] / 100)

    found = permutation_p([gap], current, reference, resamples=200_000, generator=np.random.default_rng(3))[0]
    assert abs(found - expected) < 4 * math.sqrt(expected / 20_000) + 2e-4


def test_permuted_rows_are_hypergeometric():
    pooled = np.array([5.0, 10.0, 85.0])
    drawn = permuted(pooled, 20, 40_000, np.random.default_rng(4))
    assert (drawn.sum(axis=1) == 20).all() and (drawn <= pooled).all()
    np.testing.assert_allclose(drawn.mean(axis=0), pooled * 0.2, rtol=0.02)
    np.testing.assert_allclose(drawn.var(axis=0), stats.hypergeom(100, np.array([5, 10, 85]), 20).var(), rtol=0.04)
    huge = permuted(pooled * 1e8, 2 * 10**9, 20_000, np.random.default_rng(5))
    np.testing.assert_allclose(
        huge.var(axis=0), stats.hypergeom(10**10, np.array([5 * 10**8, 10**9, 85 * 10**8]), 2 * 10**9).var(), rtol=0.05
    )


def test_early_stopping_keeps_the_level():
    """With true p-values near the level, stopping after 500 draws must not make alarms more frequent."""
    rng = np.random.default_rng(6)
    shares = np.full(6, 1 / 6)
    js = DETECTORS["js"].function
    found = []
    for _ in range(400):
        reference, current = rng.multinomial(600, shares).astype(float), rng.multinomial(60, shares).astype(float)
        found.append(permutation_p([js], current, reference, resamples=1999, generator=rng)[0])
    p = np.array(found)
    for level in (0.05, 0.2, 0.5):
        assert abs((p <= level).mean() - level) < 3.5 * math.sqrt(level * (1 - level) / 400)


def test_corrections_are_those_of_scipy():
    p = np.random.default_rng(7).random(40) ** 3
    np.testing.assert_allclose(adjusted(p, "bh"), stats.false_discovery_control(p, method="bh"))
    np.testing.assert_allclose(adjusted(p, "by"), stats.false_discovery_control(p, method="by"))
    holm = adjusted([0.01, 0.04, 0.03, 0.005], "holm")
    np.testing.assert_allclose(holm, [0.03, 0.06, 0.06, 0.02])  # Holm 1979, by hand
    assert adjusted([0.2], "holm").tolist() == [0.2] and adjusted([0.2, 0.4], "none").tolist() == [0.2, 0.4]
    assert together([0.6, 0.9]) == 1.0
