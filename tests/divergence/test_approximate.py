"""`approximate`: the right family first, ties called ties, the worms as printed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import optimize, stats

from lossmith import divergence as dv
from lossmith._errors import InvalidInputError, UnknownNameError
from lossmith.divergence import Pmf, Samples, approximate

WORMS = Pmf(np.array(dv.WORMS.values) / 100, name="worms")


def test_worms() -> None:
    for data in (WORMS, dv.WORMS):
        found = approximate(data, ["binom", "randint"])
        assert found.best.name == "randint"
        assert found["randint"].forward == pytest.approx(0.13667971, abs=5e-9)
        assert found["binom"].forward == pytest.approx(0.42734972, abs=5e-9)
        assert found["binom"].parameters == {"p": pytest.approx(0.544, rel=1e-12)}
    exact = approximate(WORMS, ["binom", "randint"])
    assert exact.n is None and math.isnan(exact.best.aic) and exact.best.low == exact.best.high
    assert exact["binom"].reverse == pytest.approx(0.25195, abs=6e-6)
    assert exact["randint"].reverse == pytest.approx(0.16971, abs=6e-6)
    counted = approximate(dv.WORMS, ["binom", "randint"])
    likelihood = stats.multinomial(100, np.full(11, 1 / 11))
    assert counted.n == 100
    assert counted["randint"].aic == pytest.approx(2 * 100 * math.log(11))
    assert likelihood.n == 100


def test_every_discrete_fit_is_the_forward_minimum() -> None:
    data = Pmf(np.array([0.1, 0.25, 0.3, 0.2, 0.1, 0.05]))
    found = approximate(data)
    places = np.arange(6)
    for one in found.candidates:

        def cross_entropy(values, one=one):
            family = dv.CANDIDATES[one.name]
            from lossmith.divergence._candidates import Points

            points = Points(places.astype(float), np.asarray(data.values), 0.0, 5.0)
            with np.errstate(all="ignore"):
                value = -float(np.asarray(data.values) @ family.freeze(stats, tuple(values), points).logpmf(places))
            return value if math.isfinite(value) else 1e9

        if not one.parameters or one.parameters.get("n", 0) > 1e4:
            continue
        start = np.array(list(one.parameters.values()))
        other = optimize.minimize(cross_entropy, start * 1.05, method="Powell", options={"xtol": 1e-10, "ftol": 1e-14})
        assert cross_entropy(start) <= other.fun + 1e-9, one.name


def test_continuous_fits_are_maximum_likelihood() -> None:
    rows = np.random.default_rng(0).gamma(2.5, 1.5, size=300)
    expected: tuple[tuple[str, dict], ...] = (
        ("gamma", {"floc": 0}),
        ("weibull_min", {"floc": 0}),
        ("lognorm", {"floc": 0}),
        ("logistic", {}),
        ("gumbel_r", {}),
        ("norm", {}),
    )
    found = approximate(Samples(rows), [name for name, _ in expected])
    for name, fixed in expected:
        theirs = getattr(stats, name).fit(rows, **fixed)
        best = float(np.sum(getattr(stats, name).logpdf(rows, *theirs)))
        ours = float(np.sum(found[name].distribution.logpdf(rows)))
        assert ours >= best - 1e-4 * abs(best) * 1e-2, name
        assert found[name].aic == pytest.approx(2 * len(found[name].parameters) - 2 * ours)
        assert found[name].ks == pytest.approx(stats.kstest(rows, found[name].distribution.cdf).statistic, rel=1e-9)


SLOW = pytest.mark.slow
LAWS = [
    pytest.param("gamma", lambda g, n: g.gamma(3, 2, n)),
    pytest.param("norm", lambda g, n: g.normal(5, 2, n), marks=SLOW),
    pytest.param("lognorm", lambda g, n: g.lognormal(0, 0.7, n), marks=SLOW),
    pytest.param("laplace", lambda g, n: g.laplace(0, 1, n), marks=SLOW),
    pytest.param("pareto", lambda g, n: 1 + g.pareto(2.5, n)),
    pytest.param("beta", lambda g, n: g.beta(2, 5, n), marks=SLOW),
    pytest.param("uniform", lambda g, n: g.uniform(2, 4, n), marks=SLOW),
    pytest.param("expon", lambda g, n: g.exponential(2, n), marks=SLOW),
    pytest.param("t", lambda g, n: g.standard_t(3, n)),
    pytest.param("poisson", lambda g, n: g.poisson(4, n)),
    pytest.param("geom", lambda g, n: g.geometric(0.3, n) - 1, marks=SLOW),
]


@pytest.mark.parametrize(("name", "draw"), LAWS)
def test_the_family_that_made_the_data_is_first_or_cannot_be_told_from_it(name, draw) -> None:
    data = Samples(draw(np.random.default_rng(1), 1000))
    kind = "discrete" if name in ("poisson", "geom") else "continuous"
    few = {
        "continuous": ["norm", "gamma", "lognorm", "laplace", "t", "pareto", "expon", "uniform", "beta"],
        "discrete": ["poisson", "geom", "nbinom", "randint"],
    }
    found = approximate(data, few[kind])
    assert found.best.name == name or found[name].indistinguishable, found.verdict
    assert found[name].low <= 0.01
    worst = [one for one in found.candidates if one.rank][-1]
    assert not worst.indistinguishable and worst.difference_low > 0


def test_candidates_that_are_nearly_equal_are_called_so() -> None:
    rows = Samples(np.random.default_rng(2).normal(size=400))
    found = approximate(rows, ["norm", "t", "logistic", "expon"])
    assert found["t"].indistinguishable or found["norm"].indistinguishable
    assert [finding.code for finding in found.findings] == ["LS606"] and "cannot be told" in found.verdict
    assert found["expon"].rank == 0 and "cannot describe" in found["expon"].note


def test_held_out_divergence_is_honest() -> None:
    # eleven parameters' worth of freedom would win in-sample; here the truth is known
    rng = np.random.default_rng(3)
    truth, model = stats.gamma(3, scale=2), "expon"
    hits = 0
    for seed in range(15):
        found = approximate(Samples(rng.gamma(3, 2, 300)), ["expon", "gamma"], seed=seed)
        mean = float(found[model].parameters["scale"])
        exact = dv.measure(truth, stats.expon(scale=mean)).value
        hits += found[model].low <= exact <= found[model].high
    assert hits >= 15 * 0.8


def test_divergence_of_counts_is_honest() -> None:
    rng = np.random.default_rng(8)
    truth = np.array([0.1, 0.3, 0.3, 0.2, 0.1])
    hits = {"binom": 0, "randint": 0}
    for seed in range(60):
        found = approximate(Pmf(rng.multinomial(200, truth), given="counts"), list(hits), seed=seed)
        for name in hits:
            exact = float(dv.kl_divergence(truth, found[name].distribution.pmf(np.arange(5))))
            hits[name] += found[name].low <= exact <= found[name].high
    assert all(count >= 60 * 0.95 - 3 * math.sqrt(60 * 0.95 * 0.05) for count in hits.values()), hits


def test_reverse_direction_has_intervals() -> None:
    found = approximate(dv.WORMS, ["binom", "randint"], direction="reverse")
    assert found.best.name == "randint" and found.best.low < found.best.divergence < found.best.high
    sharp = approximate(Pmf([50, 200, 300, 200, 50], given="counts"), ["binom", "randint"], direction="reverse")
    assert sharp.best.name == "binom" and sharp["randint"].difference_low > 0 and not sharp["randint"].indistinguishable
    # the spread of D(uniform || counts) over draws of a hundred worms: - sum log(counts + 1/2) / 11 and a constant
    logs = np.log(np.random.default_rng(1).multinomial(100, WORMS.values, size=20_000) + 0.5)
    reach = stats.t(99).ppf(0.975) * float(np.std(np.mean(logs, axis=1)))
    assert found.best.high - found.best.divergence == pytest.approx(reach, rel=0.15)
    close = approximate(Samples(np.random.default_rng(9).normal(size=300)), ["norm", "logistic"], direction="reverse")
    assert [one.indistinguishable for one in close.candidates] == [False, True]


def test_reverse_direction() -> None:
    forward, reverse = approximate(WORMS, ["binom"]), approximate(WORMS, ["binom"], direction="reverse")
    assert reverse.best.reverse < forward.best.reverse and reverse.best.forward > forward.best.forward
    grid = np.linspace(0.3, 0.7, 4001)
    values = [
        float(dv.kl_divergence(stats.binom(10, p).pmf(np.arange(11)), np.asarray(WORMS.values), check=False))
        for p in grid
    ]
    assert reverse.best.parameters["p"] == pytest.approx(grid[int(np.argmin(values))], abs=2e-4)
    assert approximate(WORMS, ["poisson", "binom"], direction="reverse")["poisson"].divergence == math.inf
    two = np.concatenate([np.random.default_rng(4).normal(-4, 0.5, 280), np.random.default_rng(5).normal(4, 1.0, 120)])
    covers, seeks = (approximate(Samples(two), ["norm"], direction=way).best for way in ("forward", "reverse"))
    assert covers.parameters["scale"] > 3 and seeks.parameters["scale"] < 1.5
    assert abs(abs(seeks.parameters["loc"]) - 4) < 0.5


def test_the_record() -> None:
    found = approximate(dv.WORMS)
    table = found.table()
    assert table["rank"].to_list() == list(range(1, table.height + 1))
    plain = json.loads(found.to_json())
    assert plain["candidates"][0]["name"] == found.best.name and plain["n"] == 100
    assert str(found) == found.verdict
    assert approximate(dv.WORMS, seed=1).best.divergence != found.best.divergence
    with pytest.raises(KeyError):
        found["norm"]


def test_large_samples_are_thinned() -> None:
    rows = np.random.default_rng(6).normal(size=60_000)
    found = approximate(Samples(rows), ["norm", "laplace"])
    assert found.n == 50_000 and found.best.name == "norm"


def test_large_counts_and_extreme_scales() -> None:
    million = approximate(Pmf([10**9, 2 * 10**9, 10**9], given="counts"), ["binom", "randint", "poisson"])
    assert million.n == 4 * 10**9 and million.best.name == "binom"
    assert million["randint"].forward == pytest.approx(math.log(3) - 1.5 * math.log(2), rel=1e-12)
    shifted = Samples(1e6 + np.random.default_rng(10).normal(size=200))
    found = approximate(shifted, ["norm", "gamma", "laplace"])
    # a gamma law of shape 1e12 would be as good; its density in double precision is noise that a search would fit
    assert found.best.name == "norm" and found["gamma"].parameters["a"] <= 1e6
    tiny = approximate(Samples(1e-12 * np.random.default_rng(11).gamma(2, 1, 200)), ["gamma", "norm"])
    assert tiny.best.name == "gamma" and tiny.best.parameters["a"] == pytest.approx(2, abs=0.6)
    assert approximate([1.0]).best.divergence == 0


def test_errors() -> None:
    with pytest.raises(UnknownNameError, match="norm"):
        approximate(Samples([1.0, 2.0, 4.0]), ["nrm"])
    with pytest.raises(InvalidInputError, match="discrete families"):
        approximate(WORMS, ["norm"])
    with pytest.raises(InvalidInputError, match="one feature"):
        approximate(Samples(np.random.default_rng(0).normal(size=(30, 2))))
    with pytest.raises(InvalidInputError, match="values that vary"):
        approximate(Samples([1.0, 1.0, 1.0]))
    with pytest.raises(InvalidInputError, match="forward"):
        approximate(WORMS, direction="backward")
    with pytest.raises(InvalidInputError, match="numbers"):
        approximate(Pmf([0.5, 0.5], outcomes=["a", "b"]))
    with pytest.raises(InvalidInputError, match="no candidate"):
        approximate(Samples([-1.0, 2.5, 4.0, 7.5, 8.25]), ["gamma"])
    with pytest.raises(InvalidInputError, match="probabilities, counts or a sample"):
        approximate(stats.norm())
    with pytest.raises(InvalidInputError, match="of 3 rows; expected at least 5"):
        approximate(Samples([1.0, 2.5, 4.0]))
    with pytest.raises(InvalidInputError, match="of 4 observations; expected at least 5"):
        approximate(Pmf([1, 3], given="counts"))
    with pytest.raises(InvalidInputError, match=r"at least one|no candidate"):
        approximate(WORMS, [])


def test_rounded_rows_are_spread_and_said_so() -> None:
    rows = np.round(np.random.default_rng(7).gamma(3, 2, size=400) * 2) / 2
    found = approximate(Samples(np.maximum(rows, 0.5)), ["gamma", "expon", "laplace"])
    assert found.best.name == "gamma" and [finding.code for finding in found.findings] == ["LS604"]
    exact = dv.measure(stats.gamma(3, scale=2), stats.expon(scale=found["expon"].parameters["scale"])).value
    assert found["expon"].low <= exact <= found["expon"].high
    nearly = approximate(Samples([1.5, 1.5, 1.5, 1.5, 5.0, 5.5]), ["norm", "gamma", "t", "cauchy"])
    assert all(one.rank == 0 or not math.isnan(one.divergence) for one in nearly.candidates)


def test_whole_numbers_that_were_not_seen_are_outcomes() -> None:
    rows = np.repeat([0, 1, 3, 7], [6, 5, 4, 5])
    found = approximate(Samples(rows), ["randint", "poisson"], direction="reverse")
    assert len(found.places) == 8 and math.isfinite(found["randint"].divergence)
