"""Losses against the same loss in other libraries, at the defaults and away from them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import sklearn.metrics

from loss_draws import draw_raw, draw_target, some_configurations, values
from lossmith import losses
from lossmith.losses import PUBLISHED
from lossmith.losses._configure import twin


def _with_code(library: str) -> list[losses.Loss]:
    return [loss for loss in some_configurations() if twin(loss, library)]


def _pair(loss, library: str) -> tuple[np.ndarray, np.ndarray]:
    """Return raw outputs and the targets on which the libraries agree what the loss is."""
    hard = (loss.name, library) in HARD_ONLY
    return draw_raw(loss, 40, 80), draw_target(loss, 40, 81, hard=hard)


HARD_ONLY = {  # why: their formula multiplies p_t of a soft target, which is not the mean over its two labels
    ("binary_focal_crossentropy", "keras"),
    ("binary_focal_crossentropy", "optax"),
}
ROUNDED = 2e-7  # keras.ops.mean returns float32 whatever it is given, and regression and binary losses end in it
CLIPPED = {  # why: Keras computes the focal loss from probabilities clipped at 1e-7 even when given logits
    "binary_focal_crossentropy": 1e-6,
}


@pytest.mark.parametrize("loss", _with_code("keras"), ids=str)
def test_keras_code(loss) -> None:
    raw, target = _pair(loss, "keras")
    if loss.head.units == 1:
        raw, target = raw[:, None], target[:, None]
    with jax.enable_x64(True):
        own = eval(twin(loss, "keras"), {"keras": keras})
        theirs = own.call(jnp.asarray(target), jnp.asarray(raw))
        expected = values(loss, raw, target)
        tolerance = CLIPPED.get(loss.name, ROUNDED if loss.task != "multiclass" else 1e-9)
        np.testing.assert_allclose(np.asarray(theirs).ravel(), expected.ravel(), rtol=tolerance, atol=1e-8)


@pytest.mark.parametrize("loss", _with_code("keras_class_ids"), ids=str)
def test_keras_code_with_class_ids(loss) -> None:
    raw = draw_raw(loss, 40, 82)
    ids = np.random.default_rng(83).integers(0, 4, 40)
    with jax.enable_x64(True):
        theirs = eval(twin(loss, "keras_class_ids"), {"keras": keras}).call(jnp.asarray(ids), jnp.asarray(raw))
        np.testing.assert_allclose(np.asarray(theirs), loss(raw, ids), rtol=1e-9)


@pytest.mark.parametrize("loss", _with_code("optax"), ids=str)
def test_optax_code(loss) -> None:
    raw, target = _pair(loss, "optax")
    with jax.enable_x64(True):
        names = {"optax": optax, "jax": jax, "raw": jnp.asarray(raw), "target": jnp.asarray(target)}
        theirs = eval(twin(loss, "optax"), names)
    np.testing.assert_allclose(np.asarray(theirs), values(loss, raw, target), rtol=1e-7, atol=1e-9)


def test_optax_multiclass_hinge_is_ours() -> None:
    loss = losses.get("categorical_hinge")
    raw, ids = draw_raw(loss, 40, 84), np.random.default_rng(85).integers(0, 4, 40)
    with jax.enable_x64(True):
        theirs = optax.losses.multiclass_hinge_loss(jnp.asarray(raw), jnp.asarray(ids))
        np.testing.assert_allclose(np.asarray(theirs), loss(raw, ids), rtol=1e-12)


def test_scikit_learn_metrics() -> None:
    rng = np.random.default_rng(86)
    y, z = rng.gamma(2.0, 1.0, 50), rng.normal(size=50)
    metrics = sklearn.metrics
    pairs = [
        (losses.get("mse")(z, y), metrics.mean_squared_error(y, z)),
        (losses.get("mae")(z, y), metrics.mean_absolute_error(y, z)),
        (losses.get("quantile:quantile=0.8")(z, y), metrics.mean_pinball_loss(y, z, alpha=0.8)),
        (losses.get("msle")(np.log1p(y[::-1]), y), metrics.mean_squared_log_error(y, y[::-1])),
    ]
    labels = rng.integers(0, 2, 50)
    probability = 1 / (1 + np.exp(-z))
    pairs += [
        (losses.get("bce")(z, labels), metrics.log_loss(labels, probability)),
        (losses.get("brier")(z, labels), metrics.brier_score_loss(labels, probability)),
        (losses.get("hinge")(z, 2 * labels - 1), metrics.hinge_loss(labels, z)),
    ]
    raw, ids = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    softmax = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    pairs += [
        (losses.get("categorical_crossentropy")(raw, ids), metrics.log_loss(ids, softmax)),
        (losses.get("categorical_hinge")(raw, ids), metrics.hinge_loss(ids, raw)),
        (losses.get("categorical_brier")(raw, ids), metrics.brier_score_loss(ids, softmax)),
    ]
    for own, theirs in pairs:
        assert np.mean(own) == pytest.approx(theirs, rel=1e-12)


def test_scikit_learn_poisson_deviance_has_our_differences() -> None:
    # the deviance is 2 (y log(y / mu) - y + mu): twice ours, up to terms of y alone
    y, z = np.array([0.5, 2.0, 3.0]), np.array([0.1, 0.9, 1.3])
    shift = np.array([0.3, -0.2, 0.5])
    poisson = losses.get("poisson")
    gap = np.mean(poisson(z + shift, y) - poisson(z, y))
    deviance = sklearn.metrics.mean_poisson_deviance
    assert 2 * gap == pytest.approx(deviance(y, np.exp(z + shift)) - deviance(y, np.exp(z)), rel=1e-12)


ACTIVATIONS = {
    "linear": lambda z: z,
    "sigmoid": jax.nn.sigmoid,
    "tanh_margin": jnp.tanh,
    "softmax": jax.nn.softmax,
}


@pytest.mark.parametrize("loss", PUBLISHED.values(), ids=str)
def test_published_losses_are_keras(loss) -> None:
    function = getattr(keras.losses, loss.twins["keras"])
    raw = np.concatenate([draw_raw(loss, 60, 87, scale=scale) for scale in (1.0, 8.0, 60.0)])
    target = np.concatenate([draw_target(loss, 60, 88, hard="sparse" in loss.name)] * 3)
    peer_target = np.argmax(target, axis=-1) if "sparse" in loss.name else target
    with jax.enable_x64(True):

        def theirs(z):
            prediction = ACTIVATIONS[loss.head.name](z)
            if loss.task != "multiclass":
                return function(jnp.asarray(peer_target)[:, None], prediction[:, None])
            return function(jnp.asarray(peer_target), prediction)

        def both(function):
            return jax.jit(lambda z: (function(z), jax.grad(lambda z: jnp.sum(function(z)))(z)))(jnp.asarray(raw))

        value, slope = both(theirs)
        _, own = both(lambda z: loss.pointwise(z, jnp.asarray(target), xp=jnp))
    tolerance = 1e-9 if loss.task == "multiclass" else ROUNDED
    np.testing.assert_allclose(values(loss, raw, target), value, rtol=tolerance, atol=1e-12)
    np.testing.assert_allclose(own, slope, rtol=2 * ROUNDED, atol=1e-12)


def test_published_clipping_constant_is_a_parameter() -> None:
    loss = losses.get("keras_binary_crossentropy:epsilon=0.001")
    # clipped at 0.001: -log 0.001
    np.testing.assert_allclose(loss(np.array([-30.0]), np.array([1.0])), [6.907755278982137])
