"""Every adversarial objective against the divergence that it is said to estimate, and its generator against its sign."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lossmith._errors import LossmithError, UnknownNameError
from lossmith.divergence import get
from lossmith.generative import OBJECTIVES, get_objective

LAWS = [
    (np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])),
    (np.array([0.7, 0.1, 0.1, 0.1]), np.array([0.25, 0.25, 0.25, 0.25])),
]
POINTWISE = [name for name, one in OBJECTIVES.items() if one.estimates and name != "wasserstein"]


GRID = np.linspace(-12, 12, 120_001)


def on_grid(objective):
    """Return the parts of the discriminator's loss by real and by generated rows at raw outputs on a grid, and the loss at 0."""
    with jax.enable_x64(True):
        neutral = jnp.zeros(1)
        real = jax.vmap(lambda v: objective.discriminator(v[None], neutral))(jnp.asarray(GRID))
        generated = jax.vmap(lambda v: objective.discriminator(neutral, v[None]))(jnp.asarray(GRID))
        base = float(objective.discriminator(neutral, neutral))
        return np.asarray(real) - base, np.asarray(generated) - base, base


@pytest.mark.parametrize("name", POINTWISE)
def test_the_best_discriminator_tells_the_divergence(name):
    objective = OBJECTIVES[name]
    real, generated, base = on_grid(objective)
    for p, q in LAWS:
        # the atoms do not touch each other: each has its own best raw output
        loss = base + sum((a * real + b * generated).min() for a, b in zip(p, q, strict=True))
        expected = float(get(objective.estimates.divergence)(p, q))
        assert float(objective.divergence_of(loss)) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_wasserstein_is_a_supremum_over_slopes_of_one():
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.normal(size=400)), np.sort(rng.normal(2.0, size=400))
    objective = OBJECTIVES["wasserstein"]
    # y lies above x throughout: the best function of slope 1 is minus the identity
    loss = objective.discriminator(jnp.asarray(-x), jnp.asarray(-y))
    assert float(objective.divergence_of(loss)) == pytest.approx(float(np.abs(x - y).mean()), rel=1e-5)


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_the_generator_raises_the_output_and_the_discriminator_parts_them(name):
    objective = OBJECTIVES[name]
    r, f = jnp.array([0.4, -0.2]), jnp.array([-0.3, 0.1])
    slope = jax.grad(lambda f: objective.generator(r, f))(f)
    assert (np.asarray(slope) < 0).all() or name == "least_squares"
    up, down = jax.grad(lambda r, f: objective.discriminator(r, f), argnums=(0, 1))(r, f)
    assert (np.asarray(up) < 0).all() and (np.asarray(down) > 0).all()


def test_least_squares_draws_generated_rows_to_the_middle():
    slope = jax.grad(lambda f: OBJECTIVES["least_squares"].generator(f, f))(jnp.array([-0.5, 0.5]))
    assert slope[0] < 0 < slope[1]


def test_saturating_and_non_saturating_part_where_generated_rows_are_seen_through():
    f = jnp.array([-10.0])
    slopes = {
        name: float(jax.grad(lambda f, n=name: OBJECTIVES[n].generator(f, f))(f)[0])
        for name in ("saturating", "non_saturating")
    }
    # -sigmoid(f) against -sigmoid(-f)
    assert slopes["saturating"] == pytest.approx(-1 / (1 + np.exp(10)), rel=1e-5)
    assert slopes["non_saturating"] == pytest.approx(-1 / (1 + np.exp(-10)), rel=1e-5)


def test_smoothing_mixes_the_targets():
    r, f = jnp.array([0.7]), jnp.array([-0.1])
    found = OBJECTIVES["non_saturating"].discriminator(r, f, smoothing=0.1)
    expected = 0.9 * np.log1p(np.exp(-0.7)) + 0.1 * np.log1p(np.exp(0.7)) + np.log1p(np.exp(-0.1))
    assert float(found) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_extreme_outputs_stay_finite_or_are_seen(name):
    r, f = jnp.array([30.0, -30.0]), jnp.array([-30.0, 30.0])
    assert np.isfinite(float(OBJECTIVES[name].discriminator(r, f)))
    assert np.isfinite(float(OBJECTIVES[name].generator(r, f)))


def test_names():
    assert get_objective("WGAN-GP").name == "wasserstein"
    assert get_objective("fgan:divergence=reverse_kl").name == "fgan_reverse_kl"
    with pytest.raises(UnknownNameError, match="did you mean 'hinge'"):
        get_objective("hing")
    with pytest.raises(UnknownNameError, match="no parameter 'gamma'"):
        get_objective("hinge:gamma=2")
    with pytest.raises(LossmithError):
        get_objective("fgan:divergence=renyi")


def test_every_record_is_complete():
    for objective in OBJECTIVES.values():
        assert objective.measures and objective.formula_discriminator and objective.formula_generator
        assert objective.reference and (objective.penalty == "none") == (objective.weight == 0)
