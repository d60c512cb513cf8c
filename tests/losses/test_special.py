"""Special functions and maps to the simplex, against mpmath, SciPy and their defining equations."""

from __future__ import annotations

import array_api_compat.numpy as xnp
import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from lossmith.losses import _growth, _simplex, _special


def test_error_function() -> None:
    x = np.concatenate([np.linspace(-6, 6, 241), [0.0, -0.0, 1e-8, 30.0, -1e4]])
    np.testing.assert_allclose(_special.erf(xnp, x), scipy.special.erf(x), rtol=0, atol=3e-16)
    with jax.enable_x64(True):
        slope = jax.jit(jax.vmap(jax.grad(lambda v: _special.erf(jnp, v))))(jnp.asarray(x))
    np.testing.assert_allclose(slope, 2 / np.sqrt(np.pi) * np.exp(-(x**2)), atol=1e-13)


def test_log_gamma() -> None:
    x = np.concatenate([np.geomspace(1e-6, 1e6, 200), [1.0, 2.0, 0.5]])
    np.testing.assert_allclose(_special.log_gamma(xnp, x), scipy.special.gammaln(x), rtol=1e-13, atol=2e-14)
    with jax.enable_x64(True):
        slope = jax.jit(jax.vmap(jax.grad(lambda v: _special.log_gamma(jnp, v))))(jnp.asarray(x))
    np.testing.assert_allclose(slope, scipy.special.digamma(x), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("alpha", [0.001, 0.4, 1.0, 1.7, 1.999])
def test_log_partition_of_the_general_robust_family(alpha) -> None:
    b = 2 - mp.mpf(alpha)

    def density(t):
        x = mp.sinh(t)
        return mp.exp(-b / alpha * ((x**2 / b + 1) ** (mp.mpf(alpha) / 2) - 1)) * mp.cosh(t)

    exact = mp.log(2 * mp.quad(density, [0, 0.5, 1, 2, 4, 8, 16, 32, 64]))
    log_odds = np.array([np.log(alpha / (2 - alpha))])
    assert _special.log_partition(xnp, log_odds)[0] == pytest.approx(float(exact), abs=2e-10)


def test_power_at_zero() -> None:
    base = np.array([0.0, 0.25, 1.0])
    np.testing.assert_allclose(_special.power(xnp, base, 0.5), [0, 0.5, 1])
    np.testing.assert_allclose(_special.power(xnp, base, 0.0), [1, 1, 1])
    assert jax.grad(lambda x: _special.power(jnp, x, 0.5))(0.0) == 0


def test_guarded_exponential_is_exact_below_and_straight_above() -> None:
    x = np.array([-800.0, 0.0, 39.9, 40.0])
    np.testing.assert_array_equal(_growth.exponential(xnp, x), np.exp(x))
    assert _growth.exponential(xnp, np.array([42.0]))[0] == pytest.approx(3 * np.exp(40.0), rel=1e-15)
    slope = jax.grad(lambda v: _growth.exponential(jnp, v))
    assert slope(1e4) == pytest.approx(np.exp(40.0), rel=1e-6)
    assert slope(0.3) == pytest.approx(np.exp(0.3), rel=1e-6)


scores = st.lists(st.floats(-50, 50), min_size=1, max_size=7).map(lambda row: np.array([row]))


@given(scores)
def test_sparsemax_is_the_nearest_point_of_the_simplex(z) -> None:
    p = _simplex.sparsemax(xnp, z)
    assert np.sum(p) == pytest.approx(1, abs=1e-12)
    # Karush-Kuhn-Tucker: z - p is one constant where p > 0, and at most that elsewhere
    tau = np.max((z - p)[p > 0])
    assert np.ptp((z - p)[p > 0]) < 1e-9
    assert np.all(z[p == 0] <= tau + 1e-9)


@given(scores)
def test_entmax_satisfies_its_equation(z) -> None:
    root = _simplex.entmax_root(xnp, z)
    assert np.sum(root**2) == pytest.approx(1, abs=1e-9)
    tau = (z / 2 - root)[root > 0]
    assert np.ptp(tau) < 1e-9
    assert np.all(z[root == 0] / 2 <= np.max(tau) + 1e-9)


@given(scores, st.floats(1.0, 4.0))
def test_tempered_softmax_sums_to_one(z, t) -> None:
    log_p = _simplex.log_tempered_softmax(xnp, z, t)
    assert np.sum(np.exp(log_p)) == pytest.approx(1, abs=1e-9)
    if t > 1.01:
        # p = (1 + (t - 1)(c - z))^(-1/(t-1)) for one constant c
        c = (np.exp(-(t - 1) * log_p) - 1) / (t - 1) + z
        assert np.ptp(c) < 1e-6 * (1 + np.max(np.abs(c)))


def test_tempered_softmax_with_many_classes() -> None:
    z = np.zeros((1, 20_000))
    for t in (1.05, 1.2, 2.0, 4.0):
        assert np.sum(np.exp(_simplex.log_tempered_softmax(xnp, z, t))) == pytest.approx(1, abs=1e-9)
