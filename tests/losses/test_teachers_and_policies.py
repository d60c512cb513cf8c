"""Distillation, the divergence of latent variables, and estimators from samples: hand calculations and exact enumeration."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import log_softmax, rel_entr, softmax
from scipy.stats import norm

from lossmith import losses
from lossmith._errors import DomainError, InvalidInputError, ShapeError, UnknownNameError

S, T = np.random.default_rng(0).normal(size=(2, 6, 4)) * 3


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_distillation_is_the_divergence_of_the_teacher_first(temperature) -> None:
    teacher, student = softmax(T / temperature, axis=1), softmax(S / temperature, axis=1)
    found = losses.distillation(S, T, temperature=temperature)
    np.testing.assert_allclose(found, temperature**2 * rel_entr(teacher, student).sum(axis=1), rtol=1e-10)
    assert not np.allclose(found, temperature**2 * rel_entr(student, teacher).sum(axis=1), rtol=0.1)


def test_the_gradient_keeps_its_size_over_temperatures() -> None:
    with jax.enable_x64(True):
        for temperature in (1.0, 3.0, 1000.0):
            found = jax.grad(lambda s, t=temperature: losses.distillation(s, jnp.asarray(T), temperature=t).sum())(
                jnp.asarray(S)
            )
            expected = temperature * (softmax(S / temperature, axis=1) - softmax(T / temperature, axis=1))
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    # at high temperatures it is the difference of the centred outputs, divided by the number of classes
    centred = (S - S.mean(1, keepdims=True) - T + T.mean(1, keepdims=True)) / 4
    np.testing.assert_allclose(found, centred, atol=0.02)


def test_extreme_teachers_stay_finite() -> None:
    sure = np.array([[0.0, -np.inf, -np.inf]])
    assert losses.distillation(np.zeros((1, 3)), sure, temperature=2.0)[0] == pytest.approx(4 * np.log(3))
    assert np.isfinite(losses.distillation(np.array([[1e4, -1e4]]), np.array([[-1e4, 1e4]]))).all()


def test_distillation_in_keras_equals_its_parts_and_survives_saving() -> None:
    ids = np.array([0, 1, 2, 3, 0, 1])
    targets = losses.distillation_targets(ids, T)
    loss = losses.distillation_as_keras(temperature=3.0, alpha=0.7)
    hard = -log_softmax(S, axis=1)[np.arange(6), ids]
    soft = 9 * rel_entr(softmax(T / 3, axis=1), softmax(S / 3, axis=1)).sum(axis=1)
    assert float(loss(targets, S)) == pytest.approx(float(np.mean(0.7 * soft + 0.3 * hard)), rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (again.temperature, again.alpha) == (3.0, 0.7)
    np.testing.assert_array_equal(losses.distillation_targets(np.eye(4)[ids], T), targets)
    np.testing.assert_array_equal(losses.distillation_targets(ids[:, None], T), targets)
    with pytest.raises(ShapeError, match="distillation_targets"):
        loss(np.eye(4)[ids], S)


def test_a_student_learns_from_its_teacher() -> None:
    x = np.random.default_rng(1).normal(size=(96, 3)).astype(np.float32)
    raw = (x @ np.random.default_rng(2).normal(size=(3, 4)) * 2).astype(np.float32)
    student = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    student.compile(keras.optimizers.Adam(0.1), losses.distillation_as_keras(temperature=2.0, alpha=1.0))
    # the labels are wrong on purpose: with alpha = 1 they have no say
    student.fit(x, losses.distillation_targets(np.zeros(96, int), raw), epochs=60, verbose=0)
    np.testing.assert_allclose(softmax(student.predict(x, verbose=0), axis=1), softmax(raw, axis=1), atol=0.05)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: losses.distillation(S, T[:, :3]), ShapeError),
        (lambda: losses.distillation(S, T, temperature=0.0), DomainError),
        (lambda: losses.distillation_as_keras(alpha=1.5), DomainError),
        (lambda: losses.distillation_targets([4], [[0.0, 1.0]]), DomainError),
        (lambda: losses.distillation_targets([0.5], [[0.0, 1.0]]), DomainError),
        (lambda: losses.distillation_targets([0, 1], [[0.0, 1.0]]), ShapeError),
        (lambda: losses.gaussian_kl(np.zeros((2, 3)), np.zeros((2, 1))), ShapeError),
        (lambda: losses.gaussian_kl(np.zeros((2, 3)), np.zeros((2, 3)), beta=-1), DomainError),
        (lambda: losses.latent_use(np.zeros((1, 3)), np.zeros((1, 3))), ShapeError),
        (lambda: losses.warm_up(1, steps=0), InvalidInputError),
        (lambda: losses.sampled_kl(np.zeros(2), np.zeros(3)), ShapeError),
        (lambda: losses.sampled_kl(np.zeros(2), np.zeros(2), estimator="k4"), UnknownNameError),
    ],
)
def test_what_does_not_fit_is_refused(call, error) -> None:
    with pytest.raises(error):
        call()


@pytest.mark.parametrize(("mean", "log_variance"), [(0.0, 0.0), (1.3, -2.0), (-0.4, 1.1)])
def test_the_divergence_of_a_latent_dimension_is_its_integral(mean, log_variance) -> None:
    law, prior = norm(mean, np.exp(log_variance / 2)), norm(0, 1)
    expected, _ = quad(lambda z: law.pdf(z) * (law.logpdf(z) - prior.logpdf(z)), mean - 12, mean + 12)
    found = losses.gaussian_kl_by_dimension(np.array([[mean]]), np.array([[log_variance]]))
    assert found[0, 0] == pytest.approx(expected, abs=1e-9)


def test_dimensions_are_summed_and_small_ones_keep_their_digits() -> None:
    mean, log_variance = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1e-9, 0.0]])
    np.testing.assert_allclose(losses.gaussian_kl(mean, log_variance), [2.5, 2.5e-19], rtol=1e-6)
    np.testing.assert_allclose(losses.gaussian_kl(mean, log_variance, beta=0.5)[0], 1.25)


def test_free_bits_are_paid_and_give_no_gradient() -> None:
    with jax.enable_x64(True):
        mean, zero = jnp.asarray([[1.0, 0.01], [1.0, -0.01]]), jnp.zeros((2, 2))
        found = losses.gaussian_kl(mean, zero, free_bits=0.2)
        np.testing.assert_allclose(found, [0.7, 0.7])  # 1/2 of the first dimension, 0.2 for the second
        slope = jax.grad(lambda m: losses.gaussian_kl(m, zero, free_bits=0.2).sum())(mean)
    np.testing.assert_allclose(slope, [[1.0, 0.0], [1.0, 0.0]])


def test_collapse_is_alarmed() -> None:
    rng = np.random.default_rng(0)
    used = losses.latent_use(rng.normal(size=(200, 3)) * [1.0, 0.5, 0.001], np.full((200, 3), -1.0))
    assert used.active.tolist() == [True, True, False] and not used.collapsed and not used.findings
    dead = losses.latent_use(rng.normal(size=(200, 2)) * 0.01, np.zeros((200, 2)))
    assert dead.collapsed and dead.findings[0].code == "LS232" and dead.total < 0.01


def test_the_warm_up_rises_in_cycles() -> None:
    assert [losses.warm_up(s, steps=10) for s in (0, 5, 10, 99)] == [0.0, 0.5, 1.0, 1.0]
    assert losses.warm_up(25, steps=100, shape="cosine") == pytest.approx(0.5 - 0.5 * np.cos(np.pi / 4))
    cyclic = [losses.warm_up(s, steps=40, cycles=2) for s in range(41)]
    assert cyclic[20] == 0.0 and cyclic[10] == cyclic[15] == cyclic[30] == 1.0 and cyclic[5] == 0.5


POLICIES = np.random.default_rng(4).normal(size=(5, 2, 6))  # raw outputs of q and p over six actions


@pytest.mark.parametrize("record", losses.KL_ESTIMATORS.values(), ids=lambda record: record.name)
def test_the_card_of_an_estimator_says_what_enumeration_says(record) -> None:
    """Expectations over six actions are sums: value and gradient of the estimator against those of both divergences."""

    def expected(raw: jax.Array, fixed: jax.Array, log_p: jax.Array) -> jax.Array:
        log_q = jax.nn.log_softmax(raw)
        return (jnp.exp(fixed) * losses.sampled_kl(log_q, log_p, estimator=record.name)).sum()

    forward = lambda raw, log_p: (jax.nn.softmax(raw) * (jax.nn.log_softmax(raw) - log_p)).sum()  # noqa: E731
    backward = lambda raw, log_p: (jnp.exp(log_p) * (log_p - jax.nn.log_softmax(raw))).sum()  # noqa: E731
    value_right, slope_right, slope_other, lowest = [], [], [], []
    with jax.enable_x64(True):
        for raw, other in jnp.asarray(POLICIES):
            log_p, fixed = jax.nn.log_softmax(other), jax.nn.log_softmax(raw)
            value_right.append(np.isclose(expected(raw, fixed, log_p), forward(raw, log_p), rtol=1e-9))
            slope = jax.grad(expected)(raw, fixed, log_p)
            slope_right.append(np.allclose(slope, jax.grad(forward)(raw, log_p), rtol=1e-8, atol=1e-12))
            slope_other.append(np.allclose(slope, jax.grad(backward)(raw, log_p), rtol=1e-8, atol=1e-12))
            lowest.append(float(losses.sampled_kl(fixed, log_p, estimator=record.name).min()))
            if record.name == "k1":
                np.testing.assert_allclose(slope, 0.0, atol=1e-12)
    assert all(value_right) == record.unbiased_value and any(value_right) == record.unbiased_value
    assert all(slope_right) == record.unbiased_gradient and any(slope_right) == record.unbiased_gradient
    assert all(slope_other) == (record.name == "k3")
    assert (min(lowest) >= 0) == record.never_negative
