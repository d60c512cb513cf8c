"""Where the same loss elsewhere is wrong, or is not the same: what it does, what it should do, and what ours does.

One test for each line of the table that users may trip over (`docs/wrong-elsewhere.md`, which is written from the docstrings
below); a test that fails here means that the peer was mended.
"""

from __future__ import annotations

import math
import warnings

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

from lossmith import losses
from lossmith._errors import DomainError, ShapeError


def _keras(name: str, target, prediction, **parameters) -> np.ndarray:
    return np.asarray(getattr(keras.losses, name)(jnp.asarray(target), jnp.asarray(prediction), **parameters))


def test_kl_divergence_of_keras_clips_and_goes_below_zero() -> None:
    """Keras 3.15 `kl_divergence`

    elsewhere: clips both arguments at 1e-7: one-hot against uniform over 1000 classes is off by 6e-4, half of 100,000 classes by 0.02, and the value falls below 0.
    here: raw outputs and exact zeros: log 1000 and log 2.
    """
    # q sums to 2 and nothing says so; clipping the zeros of p adds 2e-7 log(1e-7 / 0.5)
    assert _keras("kl_divergence", [[0.0, 0.0, 1.0]], [[0.5, 0.5, 1.0]])[0] < 0
    # one-hot against uniform over 1000 classes: log 1000 = 6.9078
    n = 1000
    target, uniform = np.eye(n, dtype=np.float32)[:1], np.full((1, n), 1 / n, dtype=np.float32)
    assert abs(_keras("kl_divergence", target, uniform)[0] - math.log(n)) > 5e-4
    ours = losses.get("kl_divergence")(np.zeros((1, n)), np.array([0]))
    assert ours[0] == pytest.approx(math.log(n), rel=1e-12)
    # twice the mass on half of 100,000 classes: log 2 = 0.6931, Keras gives 0.6701
    n = 100_000
    target = np.full((1, n), 1 / n)
    half = np.zeros((1, n))
    half[0, : n // 2] = 2 / n
    found = _keras("kl_divergence", half.astype(np.float32), target.astype(np.float32))[0]
    assert abs(found - math.log(2)) > 0.02
    assert losses.get("kl_divergence")(np.zeros((1, n)), half)[0] == pytest.approx(math.log(2), rel=1e-9)


def test_kl_divergence_of_keras_on_logits_has_no_gradient_and_no_warning() -> None:
    """Keras 3.15 `kl_divergence`

    elsewhere: given logits, clips them to [1e-7, 1] and returns a gradient of 0 without a warning.
    here: takes raw outputs alone.
    """

    def of_logits(z):
        return jnp.sum(keras.losses.kl_divergence(jnp.asarray([[0.0, 1.0, 0.0]]), z))

    np.testing.assert_array_equal(jax.grad(of_logits)(jnp.asarray([[3.0, -2.0, 5.0]])), 0.0)
    ours = losses.get("kl_divergence").as_optax()
    slope = jax.grad(lambda z: jnp.sum(ours(z, jnp.asarray([[0.0, 1.0, 0.0]]))))(jnp.asarray([[3.0, -2.0, 5.0]]))
    assert np.all(np.abs(slope) > 1e-4)


def test_binary_cross_entropy_of_keras_on_probabilities_stops_learning() -> None:
    """Keras 3.15 `binary_crossentropy`

    elsewhere: on probabilities, has gradient 0 at a confident mistake (sigmoid of -20).
    here: gradient -1 there.
    """

    def clipped(z):
        return jnp.sum(keras.losses.binary_crossentropy(jnp.asarray([[1.0]]), jax.nn.sigmoid(z)))

    assert jax.grad(clipped)(jnp.asarray([[-20.0]]))[0, 0] == 0
    ours = losses.get("binary_crossentropy").as_optax()
    assert jax.grad(lambda z: jnp.sum(ours(z, jnp.asarray([1.0]))))(jnp.asarray([-20.0]))[0] == pytest.approx(-1.0)


def test_sparse_cross_entropy_of_keras_takes_ids_out_of_range() -> None:
    """Keras 3.15 `sparse_categorical_crossentropy`

    elsewhere: gives a class id outside the range a loss of 0, silently.
    here: an error that names the range.
    """
    value = _keras("sparse_categorical_crossentropy", np.array([3]), np.zeros((1, 3)), from_logits=True)
    assert value[0] == 0  # silently no loss at all
    with pytest.raises(DomainError, match="ids from 0 to 2"):
        losses.get("categorical_crossentropy")(np.zeros((1, 3)), np.array([3]))


def test_huber_of_keras_loses_its_parameter() -> None:
    """Keras 3.15 `Huber`

    elsewhere: forgets `delta` when it is saved and loaded: it is 1 again.
    here: every parameter survives the round trip.
    """
    huber = keras.losses.Huber(delta=3.0)
    again = keras.losses.deserialize(keras.losses.serialize(huber))
    target, prediction = np.array([[0.0]]), np.array([[5.0]])
    assert float(huber(target, prediction)) == pytest.approx(10.5)  # 3 * 5 - 9 / 2
    assert float(again(target, prediction)) == pytest.approx(4.5)  # delta is 1 again
    ours = keras.losses.deserialize(keras.losses.serialize(losses.get("huber:delta=3").as_keras()))
    assert float(ours(target, prediction)) == pytest.approx(10.5)


def test_tversky_of_keras_swaps_its_weights() -> None:
    """Keras 3.15 `Tversky`

    elsewhere: weighs false positives by `beta` and false negatives by `alpha`, the reverse of its documentation.
    here: `tversky` weighs as it says.
    """
    target, false_positive, false_negative = [[1.0, 0.0]], [[1.0, 0.9]], [[0.1, 0.0]]
    # alpha is documented as the weight of false positives
    on_positive = float(_keras("tversky", target, false_positive, alpha=0.9, beta=0.1))
    on_negative = float(_keras("tversky", target, false_negative, alpha=0.9, beta=0.1))
    assert on_positive == pytest.approx(1 - 1 / (1 + 0.1 * 0.9), abs=1e-5)  # weighed by beta
    assert on_negative == pytest.approx(1 - 0.1 / (0.1 + 0.9 * 0.9), abs=1e-5)  # weighed by alpha


def test_accuracy_of_keras_is_wrong_under_hinge() -> None:
    """Keras 3.15 `metrics=["accuracy"]` under hinge

    elsewhere: compares a score with -1 and 1 after a threshold at 0.5: below 0.6 for a model that is always right.
    here: judged by the sign: 1.0.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1)).astype(np.float32)
    y = np.where(x[:, 0] > 0, 1.0, -1.0)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(loss="hinge", metrics=["accuracy"])
    reported = model.evaluate(x, y, verbose=0)[1]
    scores = np.asarray(model(x))[:, 0]
    assert np.mean(np.sign(scores) == y) == 1.0
    assert reported < 0.6


def test_categorical_hinge_of_keras_counts_the_own_class_as_zero() -> None:
    """Keras 3.15 `categorical_hinge`

    elsewhere: counts the true class's own score as 0 among the others: 2 for scores with a margin of 4.
    here: 0 there, as Crammer and Singer have it.
    """
    scores, target = np.array([[-1.0, -5.0]]), np.array([[1.0, 0.0]])
    # max(0, 1 + (-5) - (-1)) = 0: the margin is 4
    assert losses.get("categorical_hinge")(scores, target)[0] == 0
    assert _keras("categorical_hinge", target, scores)[0] == 2
    # equal where some other class scores above 0
    scores = np.array([[0.5, 0.2]])
    assert _keras("categorical_hinge", target, scores)[0] == pytest.approx(
        losses.get("categorical_hinge")(scores, target)[0]
    )


def test_generalized_cross_entropy_of_keras_has_no_gradient_at_probability_zero() -> None:
    """Keras 3.15 `categorical_generalized_cross_entropy`

    elsewhere: has an infinite gradient at probability 0.
    here: finite at scores of any size.
    """

    def on_probabilities(p):
        return jnp.sum(keras.losses.categorical_generalized_cross_entropy(jnp.asarray([0]), p, q=0.5))

    slope = jax.grad(on_probabilities)(jnp.asarray([[0.0, 1.0]]))
    assert not np.all(np.isfinite(slope))
    ours = losses.get("gce").as_optax()
    slope = jax.grad(lambda z: jnp.sum(ours(z, jnp.asarray([0]))))(jnp.asarray([[-800.0, 800.0]]))
    assert np.all(np.isfinite(slope))
    # equal elsewhere
    raw, ids = np.random.default_rng(1).normal(size=(9, 3)), np.arange(9) % 3
    softmax = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    theirs = _keras("categorical_generalized_cross_entropy", ids, softmax, q=0.3)
    np.testing.assert_allclose(theirs, losses.get("gce:q=0.3")(raw, ids), rtol=1e-5)


def test_squared_logarithmic_error_of_keras_replaces_negative_values() -> None:
    """Keras 3.15 `mean_squared_logarithmic_error`

    elsewhere: clips negative targets and predictions: loss 0 and gradient 0, so that a run is stuck for ever.
    here: targets outside the domain are an error.
    """
    assert _keras("mean_squared_logarithmic_error", [[-3.0]], [[-5.0]])[0] == 0
    slope = jax.grad(lambda z: jnp.sum(keras.losses.mean_squared_logarithmic_error(jnp.asarray([[3.0]]), z)))
    assert slope(jnp.asarray([[-3.0]]))[0, 0] == 0  # stuck for ever
    with pytest.raises(DomainError):
        losses.get("msle")(np.array([0.0]), np.array([-0.5]))


def test_poisson_of_keras_is_nan_at_negative_predictions() -> None:
    """Keras 3.15 `poisson`

    elsewhere: is NaN at a negative prediction.
    here: takes the logarithm of the rate: finite everywhere.
    """
    assert np.isnan(_keras("poisson", [[1.0]], [[-0.5]])[0])
    assert np.isfinite(losses.get("poisson")(np.array([-0.5]), np.array([1.0]))[0])


def test_losses_of_optax_broadcast() -> None:
    """Optax 0.2 `huber_loss`, `hinge_loss`

    elsewhere: broadcast a row against a column to a matrix.
    here: a shape error.
    """
    rows, column = jnp.zeros(3), jnp.zeros((3, 1))
    assert optax.losses.huber_loss(rows, column).shape == (3, 3)
    assert optax.losses.hinge_loss(rows, column).shape == (3, 3)
    for name in ("huber", "hinge"):
        with pytest.raises(ShapeError):
            losses.get(name)(np.zeros(3), np.ones((3, 1)))


def test_hinge_of_optax_takes_zero_as_a_label() -> None:
    """Optax 0.2 `hinge_loss`

    elsewhere: accepts the label 0, whose loss is 1 whatever the score: class 0 is never learnt.
    here: an error that asks for -1 or 1.
    """
    # max(0, 1 - 0 z) = 1 whatever the score: class 0 is never learnt
    np.testing.assert_array_equal(optax.losses.hinge_loss(jnp.asarray([-3.0, 3.0]), jnp.zeros(2)), 1.0)
    with pytest.raises(DomainError, match="-1 or 1"):
        losses.get("hinge")(np.array([-3.0, 3.0]), np.zeros(2))


def test_kl_divergence_of_optax_has_nan_gradients_and_negative_values() -> None:
    """Optax 0.2 `kl_divergence`

    elsewhere: has NaN gradients at a zero target, and is negative without a word where probabilities are given for logarithms.
    here: finite, and raw outputs only.
    """
    target = jnp.asarray([0.0, 1.0])
    slope = jax.grad(lambda t: optax.losses.kl_divergence(jnp.log(jnp.asarray([0.5, 0.5])), t))(target)
    assert np.any(np.isnan(slope))
    # probabilities where logarithms are expected: D(p, p) = -1.4 without a word
    p = jnp.asarray([0.2, 0.8])
    assert optax.losses.kl_divergence(p, p) < -1
    with jax.enable_x64(True):
        ours = losses.get("kl_divergence").pointwise
        by_target = jax.grad(lambda t: jnp.sum(ours(jnp.zeros((1, 2)), t, xp=jnp)))(jnp.asarray([[0.0, 1.0]]))
    assert np.all(np.isfinite(by_target))


@pytest.mark.peers
def test_kl_div_loss_of_torch_divides_by_classes() -> None:
    """PyTorch 2.13 `KLDivLoss`

    elsewhere: divides by the number of classes with its default reduction.
    here: the mean over samples.
    """
    import torch

    raw, target = torch.zeros(4, 10), torch.eye(10)[:4]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says so itself
        default = torch.nn.KLDivLoss()(torch.log_softmax(raw, -1), target)
    assert float(default) == pytest.approx(math.log(10) / 10, rel=1e-6)
    assert float(losses.get("kl_divergence").as_torch()(raw, target)) == pytest.approx(math.log(10), rel=1e-6)


@pytest.mark.peers
def test_mse_loss_of_torch_broadcasts() -> None:
    """PyTorch 2.13 `MSELoss`

    elsewhere: broadcasts a column against a row, with a warning.
    here: a shape error.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning, not an error
        value = torch.nn.MSELoss()(torch.arange(4.0)[:, None], torch.arange(4.0))
    assert float(value) == 2.5
    with pytest.raises(ShapeError):
        losses.get("mse").as_torch()(torch.arange(4.0)[:, None], torch.arange(4.0))
