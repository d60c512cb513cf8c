"""Closed forms against integrals, 60-digit formulas and PyTorch's own registry."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
from scipy import stats

from lossmith import divergence as dv
from lossmith._errors import InvalidInputError
from lossmith.divergence._closed import closed_kl
from lossmith.divergence._laws_scipy import scipy_law
from lossmith.divergence._special import gap_lgamma, gap_lgamma_parts


def uniform(*seed: int):
    """Return a function that draws a number between two."""
    generator = np.random.default_rng(seed)
    return lambda low, high: float(generator.uniform(low, high))


REAL = {
    "norm": lambda u: stats.norm(u(-2, 2), u(0.3, 2)),
    "laplace": lambda u: stats.laplace(u(-2, 2), u(0.3, 2)),
    "gumbel_r": lambda u: stats.gumbel_r(u(-2, 2), u(0.9, 1.5)),
    "gumbel_l": lambda u: stats.gumbel_l(u(-2, 2), u(0.9, 1.5)),
    "loggamma": lambda u: stats.loggamma(u(0.8, 4), u(-1, 1), u(0.5, 1.5)),
    "moyal": lambda u: stats.moyal(u(-1, 1), u(0.4, 0.6)),
    "cauchy": lambda u: stats.cauchy(u(-2, 2), u(0.3, 2)),
}
POSITIVE = {
    "expon": lambda u: stats.expon(scale=u(0.3, 3)),
    "gamma": lambda u: stats.gamma(u(1.5, 6), scale=u(0.3, 3)),
    "chi2": lambda u: stats.chi2(u(3, 9)),
    "invgamma": lambda u: stats.invgamma(u(3, 6), scale=u(0.5, 3)),
    "weibull_min": lambda u: stats.weibull_min(u(1.2, 3), scale=u(0.5, 2)),
    "invweibull": lambda u: stats.invweibull(u(3, 6), scale=u(0.5, 2)),
    "lognorm": lambda u: stats.lognorm(u(0.2, 0.6), scale=u(0.5, 2)),
    "halfnorm": lambda u: stats.halfnorm(scale=u(0.5, 2)),
    "rayleigh": lambda u: stats.rayleigh(scale=u(0.5, 2)),
    "maxwell": lambda u: stats.maxwell(scale=u(0.5, 2)),
    "chi": lambda u: stats.chi(u(2, 5), scale=u(0.5, 2)),
    "pareto": lambda u: stats.pareto(u(4, 8), scale=u(0.5, 2)),
    "halfcauchy": lambda u: stats.halfcauchy(scale=u(0.5, 2)),
}
UNIT = {
    "beta": lambda u: stats.beta(u(1.5, 5), u(1.5, 5)),
    "powerlaw": lambda u: stats.powerlaw(u(1.2, 4)),
    "uniform": lambda u: stats.uniform(0.1, u(0.3, 0.8)),
}


def log_density(law):
    """Return SciPy's log-density, written out where SciPy's is the logarithm of something that underflows."""
    name, (shapes, location, scale) = law.dist.name, law.dist._parse_args(*law.args, **law.kwds)

    def written(x: np.ndarray) -> np.ndarray:
        z = (x - location) / scale
        if name == "moyal":
            return -0.5 * (z + np.exp(-z)) - 0.5 * math.log(2 * math.pi) - math.log(scale)
        if name == "laplace":
            return -np.abs(z) - math.log(2 * scale)
        if name == "chi2":
            return (shapes[0] / 2 - 1) * np.log(z) - z / 2 - shapes[0] / 2 * math.log(2) - math.lgamma(shapes[0] / 2)
        if name == "invweibull":
            return math.log(shapes[0] / scale) - (shapes[0] + 1) * np.log(z) - np.exp(-shapes[0] * np.log(z))
        return law.logpdf(x)

    return written


def integral(p, q) -> tuple[float, float]:
    """Return the divergence and the size of its error by SciPy's double exponential rule, in pieces between quantiles and where q bends."""
    shares = [1e-14, 1e-8, 1e-4, 0.02, 0.2, 0.5, 0.8, 0.98, 1 - 1e-4, 1 - 1e-8, 1 - 1e-14]
    low, high = p.support()
    marks = [*p.ppf(shares), *q.ppf([0.5]), *q.support()]
    edges = np.array(sorted({max(low, min(high, float(x))) for x in [low, *marks, high]}))
    log_p, log_q = log_density(p), log_density(q)

    def part(x: np.ndarray) -> np.ndarray:
        density = log_p(x)
        return np.where(density > -700, np.exp(density) * (density - log_q(x)), 0.0)

    with np.errstate(all="ignore"):
        found = scipy.integrate.tanhsinh(part, edges[:-1], edges[1:], atol=1e-13, rtol=1e-11)
        # what lies beyond the last place next to 0 where doubles reach, by its decay
        sizes = np.abs(part(1.5 ** -np.arange(750.0)) * 1.5 ** -np.arange(750.0))
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)] if low == 0 else np.zeros(0)
        lost = sizes[-1] / max(1e-3, math.log(sizes[-2] / sizes[-1]) / math.log(1.5)) if sizes.size > 9 else 0.0
    return math.fsum(found.integral), math.fsum(found.error) + 2 * float(lost)


def diverges(p, q) -> bool:
    """Return whether |x| p log(p / q) stops falling on the way to an end of the support, as far as doubles reach.

    Its rate of decay along a geometric row of places is constant for a power law, and grows with the places for an exponential one, however
    slow it begins: that of E exp(z / c) shortly below the c from which on it is infinite.
    """
    log_p, log_q, (low, high) = log_density(p), log_density(q), p.support()
    outwards = 1.5 ** np.arange(1.0, 750.0)
    ends = [1 / outwards] if low == 0 else []
    ends += [outwards] if math.isinf(high) else []
    ends += [-outwards] if math.isinf(low) else []
    for x in ends:
        with np.errstate(all="ignore"):
            one, two = log_p(x), log_q(x)
            known = np.isfinite(one) & np.isfinite(two) & (np.minimum(one, two) >= -1e290) & (two > -math.exp(699))
            count = int(np.argmin(known)) if not known.all() else known.size
            sizes = (one + np.log(np.maximum(np.abs(one - two), 1e-300)) + np.log(np.abs(x)))[:count]
        if count <= 9 or sizes[-1] <= -60:
            continue
        rates = -np.diff(sizes[-3:]) / math.log(1.5)
        exponential = rates[1] + 1 > 1.2 * (rates[0] + 1) > 1e-6
        if rates[1] <= 1e-3 and not exponential:
            return True
    return False


def within(names_p, names_q) -> list[tuple[str, str]]:
    return [(one, two) for one in names_p for two in names_q]


CASES = within(REAL, REAL) + within(POSITIVE, POSITIVE) + within(UNIT, UNIT)
CASES += within(UNIT, ["norm", "laplace", "gumbel_r", "expon", "gamma", "weibull_min", "lognorm"])
CASES += within(POSITIVE, ["norm", "gumbel_r"])
ALL = REAL | POSITIVE | UNIT


@pytest.mark.parametrize(
    ("one", "two"), [pytest.param(*case, marks=() if k % 5 == 0 else pytest.mark.slow) for k, case in enumerate(CASES)]
)
def test_every_composed_pair_is_its_integral(one: str, two: str) -> None:
    draw = uniform(20, CASES.index((one, two)))
    check_pair(ALL[one](draw), ALL[two](draw))


def check_pair(p, q) -> None:
    law_p, law_q = scipy_law(p), scipy_law(q)
    if law_p.low < law_q.low or law_p.high > law_q.high:
        assert float(dv.measure(p, q)) == math.inf
        return
    found = dv.measure(p, q)
    assert math.isinf(found.value) == diverges(p, q)
    if math.isinf(found.value):
        return
    assert found.error <= 1e-9 * found.value + 1e-12
    # next to a power of -1 at 0 the other rule knows its error, which is then the tolerance
    reference, size = integral(p, q)
    assert size <= 0.1 * reference
    assert found.value == pytest.approx(reference, rel=2e-7, abs=1e-9 + size)
    # the closed form and the quadrature of this package, as two ways to one number
    closed = closed_kl(law_p, law_q)
    if closed is not None and math.isfinite(closed[0]):
        from lossmith.divergence._numeric import by_quadrature
        from lossmith.divergence._terms import kl

        other = by_quadrature(law_p, law_q, kl)
        assert closed[0] == pytest.approx(other.value, rel=1e-10, abs=2 * (closed[1] + other.error))


@pytest.mark.parametrize("size", [0.1, 0.4, 0.49, 0.4999, 0.499999, 0.5, 0.5001, 0.6, 3.0])
def test_where_a_tail_becomes_infinite(size: float) -> None:
    # under the Moyal law E exp(size z) = gamma(1/2 - size) / 2^size / sqrt(pi), infinite from 1/2 on
    found = dv.measure(stats.moyal(0, size), stats.loggamma(1.5))
    if size >= 0.5:
        assert found.value == math.inf and found.explanation
        return
    with mp.workdps(40):
        s = mp.mpf(size)
        own = -(mp.euler + mp.log(2) + 1) / 2 - mp.log(2 * mp.pi) / 2 - mp.log(s)
        grown = mp.gamma(mp.mpf(1) / 2 - s) / 2**s / mp.sqrt(mp.pi)
        other = mp.mpf(3) / 2 * s * (mp.euler + mp.log(2)) - grown - mp.loggamma(mp.mpf(3) / 2)
        assert found.value == pytest.approx(float(own - other), rel=1e-11)


@pytest.mark.parametrize(
    ("a", "b", "c"), [(2.5, 3.0, 1.2), (0.01, 0.3, 4.0), (300.0, 0.5, 0.2), (1e5, 2.0, 7.0), (0.9, 1e4, 3.0)]
)
def test_power_law_against_beta(a: float, b: float, c: float) -> None:
    found = dv.measure(stats.powerlaw(a), stats.beta(b, c))
    with mp.workdps(40):
        x, y, z = mp.mpf(a), mp.mpf(b), mp.mpf(c)
        log_beta = mp.loggamma(y) + mp.loggamma(z) - mp.loggamma(y + z)
        expected = mp.log(x) - (x - 1) / x + log_beta + (y - 1) / x - (z - 1) * (mp.digamma(1) - mp.digamma(x + 1))
    assert found.value == pytest.approx(float(expected), rel=1e-10)


def reference_gamma(a, scale_p, b, scale_q) -> mp.mpf:
    a, b, r = mp.mpf(a), mp.mpf(b), mp.mpf(scale_p) / mp.mpf(scale_q)
    return mp.loggamma(b) - mp.loggamma(a) - mp.digamma(a) * (b - a) + a * (r - 1) - b * mp.log(r)


def reference_dirichlet(a, b) -> mp.mpf:
    a, b = [mp.mpf(x) for x in a], [mp.mpf(x) for x in b]
    start = mp.loggamma(mp.fsum(a)) - mp.loggamma(mp.fsum(b))
    return start + mp.fsum(
        mp.loggamma(y) - mp.loggamma(x) + (x - y) * (mp.digamma(x) - mp.digamma(mp.fsum(a)))
        for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("size", [1e-3, 0.5, 3.0, 1e2, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("factor", [1 + 1e-6, 1.01, 1.5, 40.0])
def test_large_shapes_do_not_cancel(size: float, factor: float) -> None:
    with mp.workdps(60):
        for other_scale in (1.0, 1 / factor, 2.5):
            expected = reference_gamma(size, 1.0, size * factor, other_scale)
            found = dv.measure(stats.gamma(size), stats.gamma(size * factor, scale=other_scale))
            assert found.value == pytest.approx(float(expected), rel=1e-10), other_scale
            inverse = dv.measure(stats.invgamma(size), stats.invgamma(size * factor, scale=1 / other_scale))
            assert inverse.value == pytest.approx(float(expected), rel=1e-10)
        for a, b in (((size, size), (size * factor, size)), ((size, 2 * size), (size * factor, 2 * size * factor))):
            found = dv.measure(stats.beta(*a), stats.beta(*b))
            assert found.value == pytest.approx(float(reference_dirichlet(a, b)), rel=1e-10)
        a, b = (size, 3 * size, 0.5 * size), (size * factor, 3.1 * size, 0.5 * size)
        found = dv.measure(stats.dirichlet(a), stats.dirichlet(b))
        assert found.value == pytest.approx(float(reference_dirichlet(a, b)), rel=1e-10)


def test_gaps_of_lgamma() -> None:
    rng = np.random.default_rng(1)
    with mp.workdps(60):
        for _ in range(300):
            a = 10 ** rng.uniform(-3, 9)
            b = (
                a * (1 + 10 ** rng.uniform(-9, -0.01) * rng.choice([-1, 1]))
                if rng.random() < 0.5
                else 10 ** rng.uniform(-3, 9)
            )
            x, y = mp.mpf(float(a)), mp.mpf(float(b))
            expected = mp.loggamma(y) - mp.loggamma(x) - mp.digamma(x) * (y - x)
            assert gap_lgamma(a, b) == pytest.approx(float(expected), rel=1e-12)
            assert min(gap_lgamma_parts(a, b)) >= 0


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        (stats.poisson(3), stats.poisson(4), 3 * math.log(3 / 4) + 1),
        (stats.binom(10, 0.3), stats.binom(10, 0.4), 10 * (0.3 * math.log(3 / 4) + 0.7 * math.log(7 / 6))),
        (stats.bernoulli(0.0), stats.bernoulli(0.5), math.log(2)),
        (stats.geom(0.5), stats.geom(0.25), 2 * (0.5 * math.log(2) + 0.5 * math.log(2 / 3))),
        (stats.nbinom(3, 0.5), stats.nbinom(3, 0.25), 6 * (0.5 * math.log(2) + 0.5 * math.log(2 / 3))),
        (stats.uniform(0, 1), stats.beta(1, 1), 0.0),
        (stats.cauchy(0, 1), stats.cauchy(1, 2), math.log(10 / 8)),
        (stats.halfcauchy(0, 1), stats.halfcauchy(0, 2), math.log(9 / 8)),
        (stats.uniform(0, 1), stats.uniform(-1, 4), math.log(4)),
        (stats.expon(), stats.expon(scale=2), math.log(2) - 0.5),
        (stats.pareto(2), stats.pareto(3), math.log(2 / 3) + 0.5),
        (stats.norm(0, 1), stats.norm(1, 2), math.log(2) + 2 / 8 - 0.5),
        (stats.lognorm(1, scale=1), stats.lognorm(2, scale=math.e), math.log(2) + 2 / 8 - 0.5),
        (stats.poisson(1e-300), stats.poisson(1), 1.0),
    ],
)
def test_by_hand(p, q, expected: float) -> None:
    found = dv.measure(p, q)
    assert found.value == pytest.approx(expected, rel=1e-13, abs=1e-15)
    assert found.exactness == "exact" and found.method == "closed form"


def test_von_mises_by_series() -> None:
    for kappa, other, turn in ((2.0, 3.0, 0.5), (0.5, 40.0, 3.0), (300.0, 310.0, -0.1)):
        found = dv.measure(stats.vonmises(kappa), stats.vonmises(other, turn))
        with mp.workdps(40):
            pull = mp.besseli(1, kappa) / mp.besseli(0, kappa)
            expected = (
                pull * (kappa - other * mp.cos(turn)) + mp.log(mp.besseli(0, other)) - mp.log(mp.besseli(0, kappa))
            )
        assert found.value == pytest.approx(float(expected), rel=1e-10)


def test_several_dimensions() -> None:
    rng = np.random.default_rng(2)
    for size in (1, 2, 5):
        mats = [
            np.cov(rng.standard_normal((size, 3 * size + 2))).reshape(size, size) + 0.1 * np.eye(size) for _ in range(2)
        ]
        means = rng.standard_normal((2, size))
        found = dv.measure(stats.multivariate_normal(means[0], mats[0]), stats.multivariate_normal(means[1], mats[1]))
        inverse, apart = np.linalg.inv(mats[1]), means[1] - means[0]
        expected = 0.5 * (
            np.trace(inverse @ mats[0])
            - size
            + apart @ inverse @ apart
            + np.log(np.linalg.det(mats[1]) / np.linalg.det(mats[0]))
        )
        assert found.value == pytest.approx(expected, rel=1e-10)
        for df_p, df_q in ((size + 2.5, size + 4.0), (1e6, 1.01e6)):
            log_gamma = [scipy.special.multigammaln(df / 2, size) for df in (df_p, df_q)]
            slope = sum(scipy.special.digamma((df_p - k) / 2) for k in range(size))
            product = inverse @ mats[0]
            wishart = (
                log_gamma[1] - log_gamma[0] + (df_p - df_q) / 2 * slope
                + df_p / 2 * (np.trace(product) - size) - df_q / 2 * np.log(np.linalg.det(product))
            )  # fmt: skip
            # df V^-1 is the mean, so that scales stand in for covariances
            found = dv.measure(stats.wishart(df_p, mats[0]), stats.wishart(df_q, mats[1]))
            assert found.value == pytest.approx(wishart, rel=1e-8 if df_p < 100 else 1e-6)
            flipped = dv.measure(
                stats.invwishart(df_p, np.linalg.inv(mats[0])), stats.invwishart(df_q, np.linalg.inv(mats[1]))
            )
            assert flipped.value == pytest.approx(found.value, rel=1e-8)
    flat = (
        stats.matrix_normal(np.zeros((2, 2)), np.eye(2), 2 * np.eye(2)),
        stats.matrix_normal(np.ones((2, 2)), np.eye(2), 2 * np.eye(2)),
    )
    assert float(dv.measure(*flat)) == pytest.approx(4 / 4, rel=1e-12)
    counts = stats.multinomial(5, [0.2, 0.8]), stats.multinomial(5, [0.5, 0.5])
    assert float(dv.measure(*counts)) == pytest.approx(5 * (0.2 * math.log(0.4) + 0.8 * math.log(1.6)), rel=1e-12)


def test_laws_on_the_sphere() -> None:
    for dimension, kappa in ((3, 2.0), (3, 80.0), (5, 1.5)):
        mu = np.eye(dimension)[0]
        p, q = stats.vonmises_fisher(mu, kappa), stats.uniform_direction(dimension)
        with mp.workdps(40):
            order = mp.mpf(dimension) / 2 - 1
            pull = mp.besseli(order + 1, kappa) / mp.besseli(order, kappa)
            log_c = order * mp.log(kappa) - mp.mpf(dimension) / 2 * mp.log(2 * mp.pi) - mp.log(mp.besseli(order, kappa))
            area = mp.log(2 * mp.pi ** (mp.mpf(dimension) / 2) / mp.gamma(mp.mpf(dimension) / 2))
            expected = float(kappa * pull + log_c + area)
        assert float(dv.measure(p, q)) == pytest.approx(expected, rel=1e-11)
        other = stats.vonmises_fisher(np.eye(dimension)[1], kappa)
        assert float(dv.measure(p, other)) == pytest.approx(float(kappa * pull), rel=1e-11)


def test_mixed_dimensions_are_refused() -> None:
    normal = stats.multivariate_normal([0, 0], np.eye(2))
    with pytest.raises(InvalidInputError, match="one space"):
        dv.measure(normal, stats.norm())
    with pytest.raises(InvalidInputError, match="one space"):
        dv.measure(stats.poisson(2), stats.norm())
    with pytest.raises(InvalidInputError, match="frozen"):
        dv.measure(stats.norm, stats.norm(0, 1))
    with pytest.raises(InvalidInputError, match="inside their domain"):
        dv.measure(stats.norm(0, -1), stats.norm(0, 1))
    with pytest.raises(InvalidInputError, match="one by one"):
        dv.measure(stats.norm([0, 1], 1), stats.norm(0, 1))
