"""Functions over a finite set against numbers from elsewhere: the failures of the peers, each a test."""

from __future__ import annotations

import itertools
import math
import tracemalloc

import mpmath as mp
import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from divergence_oracles import DIGITS, kl, numbers, oracle
from lossmith import divergence as dv
from lossmith._errors import DomainError, InvalidInputError, ShapeError, UnknownNameError
from lossmith.divergence import _blocks

WORMS = np.array([2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7]) / 100


def binomial_pmf(n: int, p: float) -> np.ndarray:
    return np.array([float(mp.binomial(n, k) * mp.mpf(p) ** k * (1 - mp.mpf(p)) ** (n - k)) for k in range(n + 1)])


def test_worms_to_twelve_digits() -> None:
    uniform, binomial = np.full(11, 1 / 11), binomial_pmf(10, 0.544)
    for p, q, printed in (
        (WORMS, uniform, 0.13667971),
        (WORMS, binomial, 0.42734972),
        (uniform, WORMS, 0.16971),
        (binomial, WORMS, 0.25195),
    ):
        value = float(dv.kl_divergence(p, q))
        assert value == pytest.approx(float(oracle("kl_divergence", p, q)), rel=1e-12)
        assert value == pytest.approx(printed, abs=6e-6)


def test_minimum_of_the_binomial_sweep_is_the_mean() -> None:
    grid = np.round(np.arange(0.5, 0.6, 0.001), 3)
    values = [float(dv.kl_divergence(WORMS, binomial_pmf(10, p))) for p in grid]
    assert grid[int(np.argmin(values))] == 0.544


def test_cat_classifier_is_natural_not_decimal() -> None:
    assert float(dv.kl_divergence([1, 0], [0.8, 0.2])) == pytest.approx(-math.log(0.8), rel=1e-15)
    assert float(dv.kl_divergence([1, 0], [0.8, 0.2], unit="hartleys")) == pytest.approx(0.0969, abs=5e-5)


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-8, 1e-9])
def test_near_equality_where_the_plain_sum_is_negative(size: float) -> None:
    p = np.array([0.3, 0.7])
    q = p + np.array([size, -size])
    for name in ("kl_divergence", "jensen_shannon_divergence"):
        assert float(getattr(dv, name)(p, q)) == pytest.approx(float(oracle(name, p, q)), rel=1e-12)
    if size == 1e-9:
        assert float(scipy.special.rel_entr(p, q).sum()) < 0  # what is avoided here


def test_jensen_shannon_in_float32_is_never_nan() -> None:
    rng = np.random.default_rng(0)
    for scale in (1e-7, 1e-6, 1e-4):
        p = rng.dirichlet(np.ones(10), size=500).astype(np.float32)
        q = (p * (1 + scale * rng.standard_normal(p.shape))).astype(np.float32)
        q /= q.sum(axis=1, keepdims=True)
        for weight in (0.5, 0.01):
            value = dv.jensen_shannon_divergence(p, q, weight=weight)
            assert np.all(np.isfinite(value)) and np.all(value >= 0)
        distance = dv.jensen_shannon_distance(p, q)
        assert np.all(np.isfinite(distance)) and distance.dtype == np.float32


def test_jensen_shannon_near_one_half() -> None:
    x = np.linspace(0.5 - 1e-8, 0.5 + 1e-8, 101)
    p, q = np.stack([x, 1 - x], axis=1), np.stack([1 - x, x], axis=1)
    value = dv.jensen_shannon_distance(p, q)
    assert np.all(np.isfinite(value))
    expected = [float(oracle("jensen_shannon_distance", a, b)) for a, b in zip(p, q, strict=True)]
    np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_subnormal_support_is_finite_where_it_should_be(dtype) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    p, q = np.array([0, 1], dtype=dtype), np.array([tiny, 1], dtype=dtype)
    assert float(dv.jensen_shannon_divergence(p, q)) == pytest.approx(0, abs=1e-40)
    assert np.isfinite(dv.jensen_shannon_distance(q, p))
    half = np.array([0.5, 0.5], dtype=dtype)
    expected = math.log(0.5) - 0.5 * math.log(float(tiny))
    assert float(dv.kl_divergence(half, q)) == pytest.approx(expected, rel=1e-6)
    assert float(dv.kl_divergence(q, p)) == math.inf


def test_a_hundred_thousand_classes_in_float32() -> None:
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(100_000), size=2)
    p32, q32 = p.astype(np.float32), q.astype(np.float32)
    expected = float(
        np.sum(
            scipy.special.rel_entr(p32.astype(float) / p32.sum(dtype=float), q32.astype(float) / q32.sum(dtype=float))
        )
    )
    assert float(dv.kl_divergence(p32, q32)) == pytest.approx(expected, rel=1e-6)
    import jax.numpy as jnp

    assert float(dv.kl_divergence(jnp.asarray(p32), jnp.asarray(q32))) == pytest.approx(expected, rel=1e-5)
    column = dv.kl_divergence(p32[:, None], q32[:, None], axis=0)
    assert float(column[0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("alpha", [1e-9, 1e-4, 1 - 1e-9, 1 + 1e-9, 1.0001, 12.5, -3.0])
def test_orders_next_to_the_limits(alpha: float) -> None:
    p, q = np.array([0.1, 0.2, 0.7]), np.array([0.3, 0.3, 0.4])
    names = ("renyi_divergence", "tsallis_divergence", "alpha_divergence") if alpha > 0 else ("alpha_divergence",)
    for name in names:
        value = float(getattr(dv, name)(p, q, alpha=alpha))
        assert value == pytest.approx(float(oracle(name, p, q, alpha=alpha)), rel=1e-12), name


def test_extreme_ratios_do_not_overflow() -> None:
    p, q = np.array([0.5, 0.5]), np.array([1e-300, 1.0])
    for alpha in (0.5, 2.0, 10.0, 100.0):
        value = float(dv.renyi_divergence(p, q, alpha=alpha))
        assert value == pytest.approx(float(oracle("renyi_divergence", p, q, alpha=alpha)), rel=1e-12)
    assert float(dv.kl_divergence(p, q)) == pytest.approx(float(oracle("kl_divergence", p, q)), rel=1e-12)


def test_logarithms_carry_what_underflows() -> None:
    log_p, log_q = np.array([math.log(0.5), math.log(0.5)]), np.array([-1000.0, 0.0])
    value = float(dv.kl_divergence(log_p, log_q, given="log_probabilities"))
    assert value == pytest.approx(0.5 * (1000 - math.log(2)) - 0.5 * math.log(2), rel=1e-14)
    order_two = float(dv.renyi_divergence(log_p, log_q, alpha=2, given="log_probabilities"))
    assert order_two == pytest.approx(1000 - 2 * math.log(2), rel=1e-14)
    assert float(dv.cross_entropy(log_p, log_q, given="log_probabilities")) == 500.0


def test_logarithms_near_equality() -> None:
    p = np.array([0.2, 0.3, 0.5])
    shift = 1e-7 * np.array([1.0, -2.0, 0.8])
    log_p, log_q = np.log(p), np.log(p) + shift
    log_q -= math.log(np.sum(np.exp(log_q)))
    with mp.workdps(DIGITS):
        exact_p, exact_q = ([mp.exp(mp.mpf(float(x))) for x in side] for side in (log_p, log_q))
        total_p, total_q = mp.fsum(exact_p), mp.fsum(exact_q)
        expected = float(kl([x / total_p for x in exact_p], [x / total_q for x in exact_q]))
    assert float(dv.kl_divergence(log_p, log_q, given="log_probabilities")) == pytest.approx(expected, rel=1e-8)


vectors = st.integers(1, 8).flatmap(
    lambda k: st.tuples(*[st.lists(st.floats(0, 1, width=32), min_size=k, max_size=k).filter(lambda v: sum(v) > 0)] * 3)
)


@given(vectors)
def test_inequalities_between_divergences(drawn) -> None:
    p, q, r = (np.array(v) / math.fsum(v) for v in drawn)
    forward, tv = float(dv.kl_divergence(p, q)), float(dv.total_variation_distance(p, q))
    hellinger, js = float(dv.hellinger_distance(p, q)), float(dv.jensen_shannon_divergence(p, q))
    room = 1e-12
    assert 2 * tv**2 <= forward * (1 + room) + room  # Pinsker
    assert forward <= math.log1p(float(dv.pearson_chi_squared(p, q))) * (1 + room) + room
    assert hellinger**2 <= tv + room and tv <= hellinger * math.sqrt(2) * (1 + room) + room  # Le Cam
    assert js <= tv * math.log(2) + room  # Lin
    orders = [float(dv.renyi_divergence(p, q, alpha=a)) for a in (0.0, 0.25, 0.5, 1.0, 2.0, math.inf)]
    assert all(a <= b * (1 + 1e-9) + room for a, b in itertools.pairwise(orders))  # Renyi rises
    direct = float(dv.jensen_shannon_distance(p, q))
    detour = float(dv.jensen_shannon_distance(p, r)) + float(dv.jensen_shannon_distance(r, q))
    assert direct <= detour + 1e-9
    crossed = float(dv.cross_entropy(p, q))
    assert crossed == pytest.approx(float(dv.entropy(p)) + forward, rel=1e-9, abs=1e-9)


@given(vectors)
def test_against_scipy(drawn) -> None:
    p, q, _ = (np.array(v) / math.fsum(v) for v in drawn)
    assert float(dv.kl_divergence(p, q)) == pytest.approx(
        float(scipy.special.rel_entr(p, q).sum()), rel=1e-9, abs=1e-14
    )
    assert float(dv.entropy(p)) == pytest.approx(float(scipy.special.entr(p).sum()), rel=1e-12, abs=1e-300)
    places = np.sort(np.random.default_rng(len(p)).normal(size=len(p)))
    for ours, theirs in (
        (dv.wasserstein_distance, scipy.stats.wasserstein_distance),
        (dv.energy_distance, scipy.stats.energy_distance),
    ):
        assert float(ours(p, q, support=places)) == pytest.approx(
            float(theirs(places, places, p, q)), rel=1e-7, abs=1e-7
        )


def test_large_tables_equal_small_ones(monkeypatch) -> None:
    monkeypatch.setattr(_blocks, "BLOCK", 2**10)
    rng = np.random.default_rng(2)
    p, q = rng.dirichlet(np.full(7, 0.3), size=9000), rng.dirichlet(np.full(7, 0.3), size=9000)
    p[::5] = q[::5] * (1 + 1e-6 * rng.standard_normal(q[::5].shape))  # rows that need care
    p[::3, 2] = 0
    p /= p.sum(axis=1, keepdims=True)
    expected = np.array([float(dv.kl_divergence(a, b)) for a, b in zip(p[:200], q[:200], strict=True)])
    for array_p, array_q, axis in ((p, q, -1), (np.asfortranarray(p), q, 1), (p.T, q.T, 0)):
        np.testing.assert_allclose(dv.kl_divergence(array_p, array_q, axis=axis)[:200], expected, rtol=1e-13)
    long_p, long_q = rng.dirichlet(np.ones(70_001), size=3), rng.dirichlet(np.ones(70_001), size=3)
    long_p[1] = long_q[1] * (1 + 1e-7 * rng.standard_normal(70_001))
    long_p[1] /= long_p[1].sum()
    whole = dv.kl_divergence(long_p, long_q)
    monkeypatch.setattr(_blocks, "BLOCK", 10**9)
    np.testing.assert_allclose(whole, dv.kl_divergence(long_p, long_q), rtol=1e-12)
    with mp.workdps(40):
        exact = float(kl(numbers(long_p[1], normalised=True), numbers(long_q[1], normalised=True)))
    assert whole[1] == pytest.approx(exact, rel=1e-10)


def test_checks_reach_the_last_row_of_a_large_table() -> None:
    p = np.random.default_rng(3).dirichlet(np.ones(4), size=50_000)
    for wrong, words in ((np.nan, "NaN"), (-0.1, "-0.1"), (0.9, "1 of 50000 rows of q")):
        q = p.copy()
        q[-1, 0] = wrong
        with pytest.raises(DomainError, match=words):
            dv.kl_divergence(p, q)


def test_no_temporary_is_larger_than_a_few_blocks() -> None:
    p = np.random.default_rng(4).dirichlet(np.ones(10), size=200_000)
    q = np.roll(p, 1, axis=0).copy()
    dv.kl_divergence(p[:10], q[:10])
    for function in (dv.kl_divergence, dv.jensen_shannon_divergence):
        tracemalloc.start()
        function(p, q)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        answer, scratch = p.shape[0] * 8, 2 * 6 * 4 * _blocks.BLOCK * 8  # two threads, six arrays of one block each
        assert peak < 1.2 * answer + scratch, f"{peak / p.nbytes:.2f} of one table"


def test_information_of_joint_tables() -> None:
    rng = np.random.default_rng(5)
    table = rng.dirichlet(np.ones(12)).reshape(3, 4)
    first, second = table.sum(axis=1), table.sum(axis=0)
    entropies = [scipy.stats.entropy(v) for v in (first, second, table.ravel())]
    assert float(dv.mutual_information(table)) == pytest.approx(entropies[0] + entropies[1] - entropies[2], rel=1e-12)
    assert float(dv.mutual_information(table, unit="bits")) == pytest.approx(
        float(dv.mutual_information(table)) / math.log(2)
    )
    batch = rng.dirichlet(np.ones(12), size=5).reshape(5, 3, 4)
    each = [float(dv.mutual_information(t)) for t in batch]
    np.testing.assert_allclose(dv.mutual_information(batch), each, rtol=1e-12)
    np.testing.assert_allclose(dv.mutual_information(np.moveaxis(batch, 0, 1), axes=(0, 2)), each, rtol=1e-12)
    cube = rng.dirichlet(np.ones(24)).reshape(2, 3, 4)
    margins = [cube.sum(axis=tuple(set(range(3)) - {k})) for k in range(3)]
    expected = sum(scipy.stats.entropy(m) for m in margins) - scipy.stats.entropy(cube.ravel())
    assert float(dv.total_correlation(cube)) == pytest.approx(expected, rel=1e-12)
    counts = np.array([[10, 20], [30, 5]])
    g = scipy.stats.chi2_contingency(counts, correction=False, lambda_="log-likelihood").statistic
    assert float(dv.mutual_information(counts, given="counts")) == pytest.approx(g / (2 * 65), rel=1e-12)
    rare = np.array([[1e-200, 0.0], [0.0, 1.0]])
    assert float(dv.mutual_information(rare)) == pytest.approx(1e-200 * (math.log(1e200) + 1), rel=1e-12)
    for wrong in (np.array([0.5, 0.5]), np.full((2, 2), 0.3), np.array([[0.5, -0.5], [0.5, 0.5]])):
        with pytest.raises(InvalidInputError):
            dv.mutual_information(wrong)
    with pytest.raises(ShapeError, match="each axis once"):
        dv.total_correlation(table, axes=(0, -2))


def test_smoothings_by_hand() -> None:
    counts = [4, 1, 0, 0, 0]
    for name, expected in (
        ("none", [0.8, 0.2, 0, 0, 0]),
        ("add_half", np.array([4.5, 1.5, 0.5, 0.5, 0.5]) / 7.5),
        ("laplace", np.array([5, 2, 1, 1, 1]) / 10),
        ("perks", np.array([4.2, 1.2, 0.2, 0.2, 0.2]) / 6),
        ("jelinek_mercer", np.array([0.74, 0.2, 0.02, 0.02, 0.02])),
        ("jelinek-mercer:0.5", np.array([0.5, 0.2, 0.1, 0.1, 0.1])),
    ):
        np.testing.assert_allclose(dv.probabilities(counts, smoothing=name), expected, rtol=1e-14)
    tall = dv.probabilities(np.array([[1, 0], [3, 0]]), smoothing="laplace", axis=0)
    np.testing.assert_allclose(tall, [[2 / 6, 0.5], [4 / 6, 0.5]])
    with pytest.raises(DomainError, match="all zero"):
        dv.probabilities([0, 0])
    with pytest.raises(DomainError, match="count of -1"):
        dv.probabilities([-1, 2])
    with pytest.raises(DomainError, match="NaN"):
        dv.probabilities([math.nan, 2])
    with pytest.raises(UnknownNameError, match="did you mean 'laplace'"):
        dv.probabilities([1, 2], smoothing="laplac")
    with pytest.raises(InvalidInputError, match="weight in"):
        dv.probabilities([1, 2], smoothing="jelinek_mercer:2")
    with pytest.raises(InvalidInputError, match="counts"):
        dv.kl_divergence([0.5, 0.5], [0.5, 0.5], smoothing="laplace")


@pytest.mark.parametrize(
    ("p", "q", "words"),
    [
        ([0.5, 0.5], [0.3, 0.3], "q adds up to 0.6; expected a sum of 1; divide by the sum"),
        ([0.2, 0.3, 0.5], [1.0], "nothing is broadcast"),
        ([-0.5, 1.5], [0.5, 0.5], "p holds -0.5"),
        ([math.nan, 0.5], [0.5, 0.5], "p holds NaN"),
        ([0, 0], [0.5, 0.5], "p adds up to 0"),
        ([-0.7, -0.7], [0.5, 0.5], "given='log_probabilities'"),
        ([[0.5, 0.5], [1.0]], [0.5, 0.5], "ragged"),
    ],
)
def test_messages(p, q, words) -> None:
    with pytest.raises(InvalidInputError, match=words):
        dv.kl_divergence(p, q)


def test_own_generators_and_potentials() -> None:
    rng = np.random.default_rng(6)
    p, q = rng.dirichlet(np.ones(5), size=3), rng.dirichlet(np.ones(5), size=3)
    expected = np.sum(np.abs(np.sqrt(p) - np.sqrt(q)) ** 2 * (np.sqrt(p) + np.sqrt(q)) ** 2 / q, axis=1)
    own = dv.Generator(lambda _xp, u: (u - 1) ** 2, 1.0, math.inf)
    np.testing.assert_allclose(dv.f_divergence(p, q, own), expected, rtol=1e-12)
    assert float(dv.f_divergence([0.5, 0.5], [1.0, 0.0], own)) == math.inf
    with pytest.raises(DomainError, match=r"f\(1\)"):
        dv.f_divergence(p, q, dv.Generator(lambda _xp, u: u**2, 0.0, math.inf))
    potential = dv.bregman_divergence(p, q, lambda xp, x: x * xp.log(x), lambda xp, x: xp.log(x) + 1)
    np.testing.assert_allclose(potential, np.sum(scipy.special.kl_div(p, q), axis=1), rtol=1e-9)
    np.testing.assert_allclose(
        dv.generalized_kl_divergence(3 * p, q), np.sum(scipy.special.kl_div(3 * p, q), axis=1), rtol=1e-12
    )


@pytest.mark.parametrize("support", [[0.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
def test_supports_must_rise(support) -> None:
    with pytest.raises(DomainError, match="rising"):
        dv.wasserstein_distance([0.2, 0.3, 0.5], [0.2, 0.3, 0.5], support=support)
    with pytest.raises(ShapeError):
        dv.wasserstein_distance([0.2, 0.3, 0.5], [0.2, 0.3, 0.5], support=[0.0, 1.0])


def test_compiled_code_needs_no_check() -> None:
    import jax
    import jax.numpy as jnp

    p, q = jnp.asarray([[0.2, 0.8], [0.5, 0.5]]), jnp.asarray([[0.5, 0.5], [0.5, 0.5]])
    for function in (dv.kl_divergence, dv.jensen_shannon_divergence):
        compiled = jax.jit(jax.value_and_grad(lambda a, b, f=function: jnp.sum(f(a, b, check=False))))(p, q)
        assert float(compiled[0]) == pytest.approx(float(np.sum(function(np.asarray(p), np.asarray(q)))), rel=1e-6)
        assert bool(jnp.all(jnp.isfinite(compiled[1])))


def test_the_losses_use_the_same_divergences() -> None:
    from lossmith.divergence import _pointwise

    rng = np.random.default_rng(8)
    p, q = rng.dirichlet(np.ones(5), size=20), rng.dirichlet(np.ones(5), size=20)
    for name in ("kl_divergence", "reverse_kl_divergence", "jensen_shannon_divergence", "cross_entropy"):
        np.testing.assert_allclose(getattr(_pointwise, name)(np, p, np.log(q)), getattr(dv, name)(p, q), rtol=1e-11)
    np.testing.assert_allclose(_pointwise.entropy(np, p), dv.entropy(p), rtol=1e-12)


def test_the_page_of_checks_is_complete() -> None:
    from pathlib import Path

    from lossmith.divergence._findings import CHECKS

    page = (Path(__file__).parents[2] / "docs" / "divergence" / "index.md").read_text(encoding="utf-8")
    for check in CHECKS.values():
        assert f"| {check.code} | {check.name} |" in page


@pytest.mark.peers
def test_torch_tensors() -> None:
    import torch

    rng = np.random.default_rng(7)
    p, q = rng.dirichlet(np.ones(6), size=4), rng.dirichlet(np.ones(6), size=4)
    p[0] = [0, 0, 0.5, 0.25, 0.25, 0]
    for record in dv.DIVERGENCES.values():
        one, two = (torch.tensor(side, dtype=torch.float64, requires_grad=True) for side in (p, q))
        value = record(one, two)
        assert isinstance(value, torch.Tensor) and value.dtype == torch.float64
        np.testing.assert_allclose(value.detach().numpy(), record(p, q), rtol=1e-12)
        finite = value[torch.isfinite(value)]
        gradients = torch.autograd.grad(finite.sum(), (one, two))
        assert all(bool(torch.isfinite(part).all()) for part in gradients), record.name
    forward = torch.nn.functional.kl_div(torch.tensor(np.log(q)), torch.tensor(p), reduction="none").sum(dim=1)
    np.testing.assert_allclose(dv.kl_divergence(p, q), forward.numpy(), rtol=1e-12)
    # infinite rows leave the gradients of the others alone
    one = torch.tensor([[0.5, 0.5], [0.5, 0.5]], requires_grad=True)
    two = torch.tensor([[1.0, 0.0], [0.25, 0.75]], requires_grad=True)
    value = dv.kl_divergence(one, two)
    assert torch.isinf(value[0]) and torch.isfinite(value[1])
    assert all(bool(torch.isfinite(part).all()) for part in torch.autograd.grad(value.sum(), (one, two)))
