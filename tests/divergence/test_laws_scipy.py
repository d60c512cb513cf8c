"""Laws as SciPy gives them: those that it gives up on in places, those without parameters, and heavy tails on the integers."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
from scipy import stats
from scipy.stats._distr_params import distcont

from lossmith import divergence as dv
from lossmith._errors import DomainError, InvalidInputError
from lossmith.divergence import measure
from lossmith.divergence._laws_scipy import scipy_law


def integral(p, q) -> tuple[float, float]:
    """Return the divergence of q from p by SciPy's double exponential rule between quantiles, and its error."""
    shares = [1e-12, 1e-8, 1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-4, 1 - 1e-8, 1 - 1e-12]
    low, high = p.support()
    marks = [low, *p.ppf(shares), *q.ppf([0.25, 0.5, 0.75]), high]
    edges = np.array(sorted({float(x) for x in marks if low <= x <= high}))

    def part(x: np.ndarray) -> np.ndarray:
        density = p.logpdf(x)
        return np.where(density > -700, np.exp(density) * (density - q.logpdf(x)), 0.0)

    with np.errstate(all="ignore"):
        found = scipy.integrate.tanhsinh(part, edges[:-1], edges[1:], atol=1e-12, rtol=1e-10)
    return float(np.sum(found.integral)), float(np.sum(found.error))


# slow to evaluate, or a case of their own below
LEFT_OUT = {
    "levy_stable",
    "studentized_range",
    "genhyperbolic",
    "vonmises",
    "ksone",
    "kstwo",
    "irwinhall",
    "norminvgauss",
}
FAMILIES = [(name, args) for name, args in distcont if name not in LEFT_OUT]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "args"), FAMILIES)
def test_every_family_against_heavier_and_lighter_tails(name: str, args: tuple[float, ...]) -> None:
    law = getattr(stats, name)(*args)
    middle, width = float(law.median()), float(law.ppf(0.75) - law.ppf(0.25))
    for other in (stats.t(2.5, middle, width), stats.norm(middle, width)):
        for p, q in ((law, other), (other, law)):
            found = measure(p, q)
            if math.isinf(found.value):
                assert found.explanation.startswith("infinite")
            elif math.isfinite(found.error):
                reference, error = integral(p, q)
                if math.isfinite(reference):
                    assert abs(found.value - reference) <= 1e-7 * reference + found.error + 5 * error + 1e-9, (p, q)
            else:
                assert [finding.code for finding in found.findings] == ["LS605"]


@pytest.mark.parametrize(
    "law",
    [stats.exponpow(2.7), stats.rdist(1.6), stats.ncf(27, 27, 0.4), stats.arcsine()],
    ids=lambda law: law.dist.name,
)
def test_what_scipy_loses_far_out_is_no_error(law) -> None:
    q = stats.t(2.5, 0.5, 0.5)
    found, (reference, _) = measure(law, q), integral(law, q)
    assert found.exactness == "bound" and found.value == pytest.approx(reference, rel=1e-6)


def test_quantiles_that_cannot_be_found() -> None:
    found = measure(stats.norminvgauss(1.25, 0.5), stats.norm(0.4, 1))
    x = np.linspace(-30, 40, 400_001)
    p, q = stats.norminvgauss(1.25, 0.5), stats.norm(0.4, 1)
    expected = np.trapezoid(p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), x)
    assert found.value == pytest.approx(float(expected), rel=1e-8)


def test_kernel_densities_are_mixtures() -> None:
    rows = np.random.default_rng(0).normal(size=12)
    kernels = stats.gaussian_kde(rows)
    width = math.sqrt(float(kernels.covariance[0, 0]))
    same = dv.GaussianMixture(np.full(12, 1 / 12), rows, np.full(12, width**2))
    q = stats.norm(0, 1.5)
    found = measure(kernels, q)
    assert found.method == "quadrature" and found.value == pytest.approx(measure(same, q).value, rel=1e-12)
    x = np.linspace(-8, 8, 20_001)
    expected = np.trapezoid(kernels(x) * (np.log(kernels(x)) - q.logpdf(x)), x)
    assert found.value == pytest.approx(float(expected), rel=1e-8)
    plane = stats.gaussian_kde(np.random.default_rng(1).normal(size=(2, 9)))
    drawn = measure(plane, stats.multivariate_normal([0, 0], 2 * np.eye(2)), draws=4000)
    assert drawn.method == "Monte Carlo" and drawn.low < drawn.value < drawn.high


def test_histograms() -> None:
    shares, edges = np.array([1, 3, 4, 2]) / 10, np.array([0.0, 1.0, 1.5, 2.0, 4.0])
    law = stats.rv_histogram((shares, edges), density=False)
    heights = shares / np.diff(edges)
    # the entropy of the steps, and E log q for q exponential
    middles = (edges[1:] + edges[:-1]) / 2
    expected = float(shares @ np.log(heights) + shares @ middles / 2 + math.log(2))
    assert measure(law, stats.expon(scale=2)).value == pytest.approx(expected, rel=1e-10)
    assert measure(stats.norm(), law).value == math.inf


def test_one_dimension_is_the_line() -> None:
    found = measure(stats.multivariate_normal(1.0, 2.0), stats.norm(0, 1))
    assert found.value == pytest.approx((2 + 1 - 1 - math.log(2)) / 2, rel=1e-12)
    with pytest.raises(DomainError, match="singular"):
        measure(
            stats.multivariate_normal([0, 0], [[1, 1], [1, 1]], allow_singular=True), stats.multivariate_normal([0, 0])
        )


def test_poisson_binomial() -> None:
    chances = [0.1, 0.6, 0.7]
    masses = np.array([0.9 * 0.4 * 0.3, 0, 0, 0.1 * 0.6 * 0.7])
    masses[1] = 0.1 * 0.4 * 0.3 + 0.9 * 0.6 * 0.3 + 0.9 * 0.4 * 0.7
    masses[2] = 1 - masses.sum()
    q = stats.binom(3, 0.4)
    expected = float(np.sum(masses * np.log(masses / q.pmf(np.arange(4)))))
    assert measure(stats.poisson_binom(chances), q).value == pytest.approx(expected, rel=1e-12)


def test_distances_between_laws_on_the_integers() -> None:
    p, q = stats.poisson(3), stats.nbinom(4, 0.5)
    k = np.arange(400)
    gaps = p.cdf(k) - q.cdf(k)
    found = measure(p, q, "wasserstein_distance")
    assert found.value == pytest.approx(float(np.abs(gaps).sum()), rel=1e-12) and found.exactness == "bound"
    energy = measure(p, q, "energy_distance").value
    assert energy == pytest.approx(math.sqrt(2 * float((gaps**2).sum())), rel=1e-12)
    shifted = measure(stats.binom(5, 0.5), stats.binom(5, 0.5, loc=7), "wasserstein_distance")
    assert shifted.value == pytest.approx(7, rel=1e-12)
    with pytest.raises(InvalidInputError, match="same integers"):
        measure(p, stats.poisson(3, loc=0.5), "wasserstein_distance")


def test_a_distance_to_a_law_without_a_mean_is_infinite() -> None:
    assert measure(stats.cauchy(), stats.norm(), "wasserstein_distance").value == math.inf
    # one is twice the other: the distance is the difference of the means, 3 and 1.5
    scaled = measure(stats.pareto(3), stats.pareto(3, scale=2), "wasserstein_distance")
    assert scaled.value == pytest.approx(1.5, rel=1e-8)


def test_order_zero_of_renyi_is_the_share_of_the_support() -> None:
    order_zero = "renyi_divergence:alpha=0"
    assert measure(stats.uniform(0, 1), stats.uniform(0, 2), order_zero).value == pytest.approx(math.log(2), rel=1e-14)
    assert measure(stats.halfnorm(), stats.norm(), order_zero).value == pytest.approx(math.log(2), rel=1e-14)
    assert measure(stats.norm(), stats.halfnorm(), order_zero).value == 0
    assert measure(stats.uniform(0, 1), stats.uniform(2, 1), order_zero).value == math.inf
    fives = measure(stats.binom(3, 0.5), stats.binom(5, 0.5), order_zero)
    assert fives.value == pytest.approx(-math.log(26 / 32), rel=1e-12)


@pytest.mark.parametrize(
    ("a", "b"), [(1.5, 2.5), (1.01, 1.5), (1.0001, 9.0), (3.0, 3.0 + 1e-9), (2.0, 1.9), (30.0, 1.2), (40.0, 41.0)]
)
def test_power_laws_on_the_integers(a: float, b: float) -> None:
    found = measure(stats.zipf(a), stats.zipf(b))
    with mp.workdps(60):
        first, second = mp.mpf(a), mp.mpf(b)
        mean_of_log = -mp.zeta(first, derivative=1) / mp.zeta(first)
        exact = mp.log(mp.zeta(second) / mp.zeta(first)) + (second - first) * mean_of_log
    assert found.value == pytest.approx(float(exact), rel=1e-11)
    assert abs(found.value - float(exact)) <= found.error + 1e-16 * found.value
    assert not found.findings


@pytest.mark.parametrize("a", [1.1, 3.0])
def test_a_heavy_tail_under_a_light_one(a: float) -> None:
    """The light law weights the logarithm of the heavy one; the rest of the heavy one's mass does not matter."""
    found = measure(stats.geom(0.2), stats.zipf(a))
    with mp.workdps(30):
        share, exponent = mp.mpf(0.2), mp.mpf(a)
        exact = mp.nsum(
            lambda k: (
                share
                * (1 - share) ** (k - 1)
                * (mp.log(share) + (k - 1) * mp.log(1 - share) + exponent * mp.log(k) + mp.log(mp.zeta(exponent)))
            ),
            [1, mp.inf],
        )
    assert found.value == pytest.approx(float(exact), rel=1e-12)
    assert abs(found.value - float(exact)) <= found.error < 1e-10


@pytest.mark.parametrize("a", [1.3, 2.0, 3.5])
def test_the_power_law_is_scipys(a: float) -> None:
    law, wanted = scipy_law(stats.zipf(a, loc=3)), stats.zipf(a, loc=3)
    k = np.array([2.0, 3.0, 4.0, 4.5, 5.0, 60.0])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(law.log_density(k), wanted.logpmf(k), rtol=1e-13)
    np.testing.assert_allclose(law.survival(k), wanted.sf(k), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(law.distribution(k), wanted.cdf(k), atol=1e-15)
    shares = np.array([1e-9, 0.3, 0.5, 0.7, 0.9])
    np.testing.assert_array_equal(law.quantile(shares), wanted.ppf(shares))


def test_power_laws_beside_others() -> None:
    assert measure(stats.zipf(2.0), stats.geom(0.5)).value == math.inf
    shifted = measure(stats.zipf(1.5), stats.zipf(2.5, loc=-1))
    with mp.workdps(30):
        first, second = mp.mpf(1.5), mp.mpf(2.5)
        mean_of_log = -mp.zeta(first, derivative=1) / mp.zeta(first)
        step = mp.nsum(lambda k: k**-first * mp.log1p(1 / k), [1, mp.inf], method="e") / mp.zeta(first)
        exact = mp.log(mp.zeta(second) / mp.zeta(first)) + second * (mean_of_log + step) - first * mean_of_log
    assert shifted.value == pytest.approx(float(exact), rel=1e-10)
    assert measure(stats.zipf(2.0), stats.zipf(2.0, loc=1)).value == math.inf


@pytest.mark.slow
def test_long_supports_are_summed_to_their_end() -> None:
    found = measure(stats.randint(0, 10**7), stats.randint(-5, 10**7))
    assert found.value == pytest.approx(math.log1p(5e-7), rel=1e-6)
