"""`measure`: what it takes, what it says about the number, and why a value is infinite."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from lossmith import divergence as dv
from lossmith._errors import DomainError, InvalidInputError, LossmithError, ShapeError, UnknownNameError
from lossmith.divergence import Density, Pmf, Samples, measure

WORMS = (2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7)


def codes(found) -> list[str]:
    return [finding.code for finding in found.findings]


def test_vectors_are_the_named_functions() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.25, 0.25])
    for record in dv.DIVERGENCES.values():
        found = measure(p, q, record.name)
        assert found.value == pytest.approx(float(record(p, q)), rel=1e-14)
        assert (found.method, found.exactness, found.symmetric) == ("sum", "exact", record.symmetric)
        assert found.unit == ("nats" if record.unit else "")
        if record.unit:
            assert measure(p, q, record, unit="bits").value == pytest.approx(
                float(record(p, q, unit="bits")), rel=1e-14
            )


def test_worms_in_every_form() -> None:
    exact = measure(np.array(WORMS) / 100, [1 / 11] * 11).value
    assert exact == pytest.approx(0.13667971, abs=5e-9)
    counts = Pmf(WORMS, given="counts", name="worms")
    assert measure(counts, [1 / 11] * 11).value == pytest.approx(exact, rel=1e-12)
    assert measure(counts, stats.randint(0, 11)).value == pytest.approx(exact, rel=1e-12)
    binomial = measure(counts, stats.binom(10, 0.544))
    assert binomial.value == pytest.approx(0.42734972, abs=5e-9)
    assert measure(stats.binom(10, 0.544), counts).value == pytest.approx(0.25195, abs=6e-6)
    assert measure(counts, stats.binom(10, 0.544), "reverse_kl").value == pytest.approx(0.25195, abs=6e-6)
    smoothed = measure(Pmf(WORMS, given="counts", smoothing="laplace"), [1 / 11] * 11).value
    assert smoothed == pytest.approx(float(dv.kl_divergence((np.array(WORMS) + 1) / 111, [1 / 11] * 11)), rel=1e-12)


def test_contributions_add_up_and_are_sorted() -> None:
    found = measure(Pmf(WORMS, given="counts", name="worms"), [1 / 11] * 11)
    parts = found.contributions
    assert math.fsum(parts.terms) == pytest.approx(found.value, rel=1e-12) and np.all(parts.terms >= 0)
    table = found.table()
    assert table["contribution"].to_list() == sorted(parts.terms, reverse=True)
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["outcome"][0] == "0"  # two of a hundred where nine are expected


def test_an_infinity_names_the_outcomes() -> None:
    p = Pmf([0.5, 0.3, 0.2, 0.0], outcomes=["red", "green", "blue", "grey"], name="seen")
    q = Pmf([0.5, 0.0, 0.0, 0.5], outcomes=["red", "green", "blue", "grey"], name="model")
    found = measure(p, q)
    assert found.value == math.inf and codes(found) == ["LS601"]
    assert found.explanation == "infinite: seen has mass at green, blue, where model has none"
    assert "grey" in measure(p, q, "reverse_kl").explanation
    both = measure(p, q, "jeffreys").explanation
    assert "green, blue" in both and "grey" in both
    assert measure([1.0, 0.0], [0.0, 1.0], "bhattacharyya").explanation == "infinite: no outcome has mass on both sides"
    many = measure(np.full(20, 0.05), np.eye(20)[0])
    assert many.explanation.endswith("1, 2, 3, 4, 5 and 14 more, where q has none")
    law = measure(stats.uniform(0, 2), stats.uniform(0, 1))
    assert law.explanation == "infinite: uniform(scale=2) has mass on [0, 2], uniform() only on [0, 1]"
    tail = measure(stats.cauchy(), stats.norm())
    assert tail.value == math.inf and "tail" in tail.explanation


def test_outcomes_are_matched_by_name() -> None:
    p = Pmf([0.5, 0.5], outcomes=["a", "b"])
    q = Pmf([0.25, 0.5, 0.25], outcomes=["b", "a", "c"])
    assert measure(p, q).value == pytest.approx(0.5 * math.log(2), rel=1e-12)
    assert measure(q, p).value == math.inf
    with pytest.raises(ShapeError, match="same outcomes"):
        measure(p, [0.2, 0.3, 0.5])
    with pytest.raises(ShapeError, match="2 different outcomes for 3"):
        measure(Pmf([0.2, 0.3, 0.5], outcomes=["a", "a", "b"]), [0.2, 0.3, 0.5])
    with pytest.raises(InvalidInputError, match="rising order"):
        measure(p, Pmf([0.5, 0.5], outcomes=["a", "b"]), "wasserstein")
    far = measure(Pmf([0.5, 0.5], outcomes=[0, 10]), Pmf([0.5, 0.5], outcomes=[0, 20]), "wasserstein")
    assert far.value == pytest.approx(5.0)


def test_a_vector_against_a_law_keeps_the_rest_of_its_mass() -> None:
    p = np.array(WORMS) / 100
    found = measure(p, stats.poisson(5.44))
    expected = sum(a * math.log(a / stats.poisson(5.44).pmf(k)) for k, a in enumerate(p))
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert measure(p, stats.poisson(5.44), "reverse_kl").value == math.inf
    assert "outside the outcomes listed" in measure(p, stats.poisson(5.44), "reverse_kl").explanation
    shifted = measure(Pmf([0.5, 0.5], outcomes=[3, 7]), stats.randint(3, 8))
    assert shifted.value == pytest.approx(0.5 * math.log(2.5) * 2, rel=1e-12)
    with pytest.raises(InvalidInputError, match="bin the law"):
        measure(p, stats.norm())
    with pytest.raises(InvalidInputError, match="numbers as outcomes"):
        measure(Pmf([0.5, 0.5], outcomes=["a", "b"]), stats.poisson(1))
    table = stats.rv_discrete(values=([1, 5], [0.4, 0.6]))
    assert measure(table, Pmf([0.5, 0.5], outcomes=[1, 5])).value == pytest.approx(
        0.4 * math.log(0.8) + 0.6 * math.log(1.2)
    )


NORMALS = stats.norm(0, 1), stats.norm(1, 1.5)


def normal_values() -> dict[str, float]:
    """Divergences of N(1, 1.5^2) from N(0, 1) that have a closed form."""
    variance = 1.5**2
    overlap = math.sqrt(2 * 1.5 / (1 + variance)) * math.exp(-1 / (4 * (1 + variance)))
    order = 0.3 * variance + 0.7  # of the Renyi divergence at .3
    renyi = 0.3 / (2 * order) + math.log(order / (1.5 ** (2 * 0.3))) / (2 * 0.7)
    return {
        "kl": math.log(1.5) + 2 / (2 * variance) - 0.5,
        "reverse_kl": -math.log(1.5) + (variance + 1) / 2 - 0.5,
        "hellinger": math.sqrt(1 - overlap),
        "bhattacharyya": -math.log(overlap),
        "renyi": -2 * math.log(overlap),
        "renyi:alpha=0.3": renyi,
        "tsallis": 2 * (1 - overlap),
        "alpha": 4 * (1 - overlap),
    }


def test_chi_squared_of_densities_by_their_logarithms() -> None:
    pair = stats.norm(0, 1), stats.norm(1, 1)
    assert measure(*pair, "pearson_chi_squared").value == pytest.approx(math.e - 1, rel=1e-10)
    assert measure(*pair, "neyman_chi_squared").value == pytest.approx(math.e - 1, rel=1e-10)
    assert measure(stats.norm(0, 2), stats.norm(0, 1), "pearson_chi_squared").value == math.inf
    # int p^2 / q = int e^(-2x + x/.6) / .6^-1
    assert measure(stats.expon(), stats.expon(scale=0.6), "pearson_chi_squared").value == pytest.approx(
        0.6 / (2 - 1 / 0.6) - 1
    )


def test_laws_that_hardly_overlap() -> None:
    far = stats.norm(0, 1), stats.norm(300, 1)
    assert measure(*far, "bhattacharyya").value == pytest.approx(300**2 / 8, rel=1e-12)
    assert measure(*far, "renyi:alpha=2").value == pytest.approx(300**2, rel=1e-12)
    assert measure(stats.norm(0, 2), stats.norm(0, 1), "renyi:alpha=2").value == math.inf
    plane = [stats.multivariate_normal([x, 0], np.eye(2)) for x in (0, 300)]
    assert measure(*plane, "bhattacharyya").value == pytest.approx(300**2 / 8, rel=1e-12)
    lost = measure(stats.laplace(0, 1), stats.laplace(300, 1), "bhattacharyya")
    assert codes(lost) == ["LS602"] and "overlap" in lost.explanation


def test_near_equality_falls_back_on_the_integral() -> None:
    near = stats.norm(0, 1), stats.norm(1e-5, 1)
    found = measure(*near, "bhattacharyya")
    assert found.value == pytest.approx(1e-10 / 8, rel=1e-6) and found.method == "quadrature"


def test_other_divergences_of_densities() -> None:
    for name, expected in normal_values().items():
        found = measure(*NORMALS, name)
        assert found.value == pytest.approx(expected, rel=1e-10), name
        assert abs(found.value - expected) <= found.error + 1e-14, name
    roots = np.roots([1 - 1 / 2.25, 2 / 2.25, -1 / 2.25 - 2 * math.log(1.5)])
    low, high = sorted(float(r) for r in roots)
    # the densities cross twice; total variation is the difference of masses between the crossings
    masses = [law.cdf(high) - law.cdf(low) for law in NORMALS]
    assert measure(*NORMALS, "tv").value == pytest.approx(masses[0] - masses[1], rel=1e-10)
    shifted = measure(stats.norm(0, 1), stats.norm(2, 1), "wasserstein")
    assert shifted.value == pytest.approx(2.0, rel=1e-9)
    energy = measure(stats.norm(0, 1), stats.norm(2, 1), "energy_distance").value
    gap = np.linspace(-12, 14, 200_001)
    expected = math.sqrt(2 * np.trapezoid((stats.norm(0, 1).cdf(gap) - stats.norm(2, 1).cdf(gap)) ** 2, gap))
    assert energy == pytest.approx(expected, rel=1e-8)
    assert measure(*NORMALS, "hellinger").value <= 1 and measure(*NORMALS, "js", unit="bits").value <= 1
    far = measure(stats.norm(0, 1), stats.norm(300, 1), "jensen_shannon", unit="bits")
    assert far.value == pytest.approx(1.0, rel=1e-10)
    with pytest.raises(InvalidInputError, match="f-divergence"):
        measure(*NORMALS, "squared_euclidean")


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (stats.binom(10, 0.3), stats.binom(20, 0.2)),
        (stats.poisson(3), stats.nbinom(3, 0.4)),
        (stats.geom(0.3), stats.zipf(2.0)),
        (stats.skellam(3, 4), stats.skellam(4, 3)),
        (stats.hypergeom(20, 7, 12), stats.binom(12, 0.35)),
    ],
)
def test_sums_over_the_integers(p, q) -> None:
    found = measure(p, q)
    k = np.arange(-200, 4000)
    with np.errstate(all="ignore"):
        mass, gap = p.pmf(k), p.logpmf(k) - q.logpmf(k)
        reference = math.fsum((mass * np.where(mass > 0, gap, 0)).tolist())
    assert found.method == "sum" and found.exactness == "bound"
    assert abs(found.value - reference) <= found.error + 1e-9 * reference


def test_sums_far_from_zero_and_without_end() -> None:
    far = measure(stats.poisson(1e6), stats.poisson(1.001e6), "hellinger")
    overlap = math.exp(-0.5 * (math.sqrt(1e6) - math.sqrt(1.001e6)) ** 2)
    assert far.value == pytest.approx(math.sqrt(1 - overlap), rel=1e-6)
    assert abs(far.value - math.sqrt(1 - overlap)) <= far.error
    assert measure(stats.zipf(2.0), stats.geom(0.5)).value == math.inf


def test_error_bounds_hold_where_the_form_is_known() -> None:
    rng = np.random.default_rng(0)
    from lossmith.divergence._laws_scipy import scipy_law
    from lossmith.divergence._numeric import by_quadrature
    from lossmith.divergence._terms import kl

    for _ in range(12):
        a, b, s = rng.uniform(0.2, 6, 3)
        for p, q in (
            (stats.gamma(a), stats.gamma(b, scale=s)),
            (stats.beta(a + 0.5, b + 0.5), stats.beta(s + 0.5, a + 0.5)),
            (stats.norm(a, b), stats.laplace(s, a)),
        ):
            exact = measure(p, q)
            assert exact.method == "closed form"
            found = by_quadrature(scipy_law(p), scipy_law(q), kl)
            assert abs(found.value - exact.value) <= found.error + exact.error + 1e-13 * exact.value, (p.args, q.args)


def test_own_densities() -> None:
    triangle = Density(lambda x: np.log(2 * x), low=0.0, high=1.0, name="triangle")
    flat = Density(np.zeros_like, low=0.0, high=1.0)
    assert measure(flat, triangle).value == pytest.approx(1 - math.log(2), rel=1e-10)
    assert measure(triangle, stats.uniform(0, 1)).value == pytest.approx(math.log(2) - 0.5, rel=1e-10)
    spike = Density(lambda x: stats.norm(1000, 1e-3).logpdf(x), places=(1000.0,))
    assert measure(spike, stats.norm(1000, 1)).value == pytest.approx(math.log(1e3) + 5e-7 - 0.5, rel=1e-9)
    with pytest.raises(DomainError, match="a mass of 1"):
        measure(Density(lambda x: -x * x), stats.norm())
    with pytest.raises(DomainError, match="NaN"):
        measure(Density(lambda x: np.full_like(x, np.nan)), stats.norm())


def test_a_density_that_underflows_is_not_called_infinite() -> None:
    coarse = Density(lambda x: np.log(np.exp(-0.5 * x * x)) - 0.5 * math.log(2 * math.pi))
    found = measure(stats.t(5), coarse)
    assert codes(found) == ["LS605"] and found.exactness == "estimate" and math.isfinite(found.value)
    assert found.value < measure(stats.t(5), stats.norm()).value + 1e-6


def test_slow_tails_say_how_little_they_know() -> None:
    found = measure(stats.t(2.01), stats.norm())
    assert codes(found) == ["LS602"]
    # the variance is 2.01 / .01
    truth = 0.5 * 201 + 0.5 * math.log(2 * math.pi) - stats.t(2.01).entropy()
    assert abs(found.value - truth) <= found.error


def test_several_dimensions_by_draws() -> None:
    one = stats.multivariate_t([0.0, 0.0], np.eye(2), df=6)
    found = measure(one, stats.multivariate_normal([0, 0], np.eye(2)), seed=1)
    assert found.method == "Monte Carlo" and found.low < found.value < found.high
    wide = measure(one, stats.multivariate_normal([0, 0], np.eye(2)), seed=1, level=0.999)
    assert wide.low < found.low and wide.high > found.high
    few = measure(one, stats.multivariate_normal([0, 0], np.eye(2)), draws=20)
    assert codes(few) == ["LS607"]
    product = stats.norm(0, 1), stats.norm(1, 2)
    pair = stats.multivariate_normal([0, 0], np.eye(2)), stats.multivariate_normal([1, 1], 4 * np.eye(2))
    assert measure(*pair).value == pytest.approx(2 * measure(*product).value, rel=1e-12)
    overlap = math.sqrt(4 / 5) * math.exp(-1 / 20)
    assert measure(*pair, "bhattacharyya").value == pytest.approx(-2 * math.log(overlap), rel=1e-12)
    drawn = measure(*pair, "le_cam", draws=400_000)
    assert drawn.method == "Monte Carlo" and drawn.low > 0


def test_the_record() -> None:
    found = measure(*NORMALS, unit="bits")
    assert float(found) == found.value and found.direction == "norm() || norm(loc=1, scale=1.5)"
    assert str(found).startswith("kl_divergence(norm() || norm(loc=1, scale=1.5)) = ") and "bits" in str(found)
    assert found.table().height == 1
    plain = json.loads(found.to_json())
    assert plain["value"] == found.value and plain["method"] == "closed form"
    infinite = json.loads(measure([0.5, 0.5], [1.0, 0.0]).to_json())
    assert infinite["value"] == "inf" and infinite["contributions"][1]["term"] == "inf"
    assert "interval" not in str(measure([0.5, 0.5], [0.4, 0.6]))
    assert "error at most" in str(measure(stats.t(5), stats.norm()))
    assert "infinite" in str(measure([0.5, 0.5], [1.0, 0.0]))


def test_errors() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'kl_divergence'"):
        measure([1.0], [1.0], "kl_divergense")
    with pytest.raises(UnknownNameError, match="bits"):
        measure([1.0], [1.0], unit="bit")
    with pytest.raises(InvalidInputError, match="level"):
        measure([1.0], [1.0], level=95)
    with pytest.raises(InvalidInputError, match="expected probabilities"):
        measure("worms", [1.0])
    with pytest.raises(ShapeError, match="take batches"):
        measure(np.ones((2, 1)), np.ones((2, 1)))
    with pytest.raises(DomainError, match="adds up to"):
        measure([0.5, 0.4], [0.5, 0.5])
    with pytest.raises(InvalidInputError, match="Gaussian mixtures"):
        measure(*NORMALS, "js", method="variational")
    assert measure(*NORMALS, method="variational").value == pytest.approx(normal_values()["kl"])
    with pytest.raises(ShapeError):
        measure(Samples([1.0, 2.0]), Samples([[1.0, 2.0], [1.0, 2.0]]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": 0},
        {"draws": 3},
        {"draws": 2.5},
        {"draws": "x"},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": None},
        {"level": "x"},
        {"level": None},
    ],
    ids=str,
)
def test_numbers_beside_the_distributions_are_checked(wrong) -> None:
    laws = stats.multivariate_t([0, 0], np.eye(2), df=6), stats.multivariate_normal([0, 0], np.eye(2))
    with pytest.raises(InvalidInputError, match=f"{next(iter(wrong))}="):
        measure(*laws, **wrong)
    if "draws" not in wrong:
        with pytest.raises(InvalidInputError, match=f"{next(iter(wrong))}="):
            dv.approximate([0.5, 0.5], **wrong)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: measure([1.0], [1.0], 1), "of type int"),
        (lambda: measure([1.0], [1.0], "kl:x=1"), "it has none"),
        (lambda: dv.kl_divergence([0.5, 0.5], [0.5, 0.5], given=("counts",) * 3), "a pair for p and q"),
        (lambda: dv.kl_divergence(np.ma.array([0.5, 0.5], mask=[0, 1]), [0.5, 0.5]), "masked array"),
        (lambda: measure([1e308, 1e308], [0.5, 0.5]), "adds up to inf"),
        (lambda: measure(Pmf([0.5, 0.5], outcomes=[[1], [2]]), [0.5, 0.5]), "outcomes that are lists"),
        (lambda: dv.GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.9], [0.1, 1.0]]]), "not symmetric"),
        (lambda: dv.mmd_test([1.0, 2.0], [1.0, 3.0], seed=-1), "seed="),
        (lambda: dv.mmd_test([1.0, 2.0], [1.0, 3.0], permutations=2.5), "permutations="),
    ],
)
def test_wrong_arguments_say_what_is_expected(call, words) -> None:
    with pytest.raises(LossmithError, match=words):
        call()


def test_loading_is_light() -> None:
    code = (
        "import sys; import lossmith.divergence as d; d.kl_divergence([.5, .5], [.4, .6]);"
        "assert not {'jax', 'keras', 'matplotlib', 'scipy.stats', 'polars', 'sklearn', 'torch'} & set(sys.modules), sorted(sys.modules);"
        "from scipy import stats; float(d.measure(stats.norm(), stats.t(5)));"
        "assert not {'jax', 'keras', 'matplotlib', 'sklearn', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
