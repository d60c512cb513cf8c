"""Likelihoods of decoders against SciPy's laws, sums and quadrature."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from lossmith.generative import LIKELIHOODS

RAW = np.array([-30.0, -3.0, -0.5, -1e-3, 0.0, 1e-3, 0.4, 2.0, 30.0])


def log_density(name, raw, x, log_scale=0.0):
    raw, x = np.broadcast_arrays(np.asarray(raw, float), np.asarray(x, float))
    found = LIKELIHOODS[name].log_density(jnp.asarray(raw, jnp.float32), jnp.asarray(x, jnp.float32), log_scale)
    return np.asarray(found, np.float64)


@pytest.mark.parametrize("log_scale", [-2.0, 0.0, 1.5])
def test_gaussian_is_the_normal_law(log_scale):
    x = np.linspace(-4, 4, 9)
    expected = stats.norm.logpdf(x, loc=0.7, scale=np.exp(log_scale))
    np.testing.assert_allclose(log_density("gaussian", 0.7, x, log_scale), expected, rtol=2e-5, atol=1e-5)


def test_bernoulli_is_the_bernoulli_law_and_stays_finite():
    for x in (0, 1):
        expected = stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-RAW[1:-1])))
        np.testing.assert_allclose(log_density("bernoulli", RAW[1:-1], x), expected, rtol=1e-5)
    assert log_density("bernoulli", -200.0, 1.0) == -200.0 and log_density("bernoulli", -200.0, 0.0) == 0.0


@pytest.mark.parametrize("raw", RAW)
def test_continuous_bernoulli_is_a_density_with_its_mean(raw):
    def density(x):
        return np.exp(log_density("continuous_bernoulli", raw, x))

    nodes, weights = np.polynomial.legendre.leggauss(400)
    x, w = (nodes + 1) / 2, weights / 2
    assert (density(x) * w).sum() == pytest.approx(1, abs=2e-5)
    assert (density(x) * x * w).sum() == pytest.approx(
        LIKELIHOODS["continuous_bernoulli"].mean(np.array([raw]))[0], abs=2e-5
    )


@pytest.mark.parametrize("raw,log_scale", [(0.0, -3.0), (4.0, -1.0), (-8.0, -5.0), (0.3, 2.0), (0.0, -7.0)])
def test_discretized_logistic_is_a_law_on_levels(raw, log_scale):
    levels = np.arange(256) / 255
    found = log_density("discretized_logistic", raw, levels, log_scale)
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-4)
    law = stats.logistic(loc=1 / (1 + np.exp(-raw)), scale=np.exp(log_scale))
    upper = np.append(law.cdf(levels[:-1] + 0.5 / 255), 1.0)
    lower = np.insert(law.cdf(levels[1:] - 0.5 / 255), 0, 0.0)
    visible = upper - lower > 1e-6
    np.testing.assert_allclose(np.exp(found)[visible], (upper - lower)[visible], rtol=2e-2)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_draws_have_the_mean_that_is_promised(name):
    law = LIKELIHOODS[name]
    rng = np.random.default_rng(0)
    for raw in (-1.5, 0.0, 0.8):
        # at this scale next to nothing of the logistic law lies beyond 0 and 1
        drawn = law.draw(rng, np.full(40_000, raw), -4.0)
        error = drawn.std() / 200 + (1 / 510 if name == "discretized_logistic" else 0)
        assert abs(drawn.mean() - law.mean(np.array([raw]))[0]) < 4 * error
        assert law.low <= drawn.min() and drawn.max() <= law.high


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_gradients_are_finite_at_extremes(name):
    import jax

    raw, x = jnp.array([-80.0, -1e-4, 0.0, 1e-4, 80.0]), jnp.array([0.0, 1.0, 0.5, 0.0, 1.0])
    slope = jax.grad(lambda r, s: LIKELIHOODS[name].log_density(r, x, s).sum(), argnums=(0, 1))
    for gradient in slope(raw, jnp.asarray(-3.0)):
        assert np.isfinite(np.asarray(gradient)).all()


def test_every_record_is_complete():
    for law in LIKELIHOODS.values():
        assert law.formula and law.when and law.reference
