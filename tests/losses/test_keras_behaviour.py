"""What Keras documents about its losses holds for their twins: reductions, weights, masks, smoothing, axes, files.

Numbers are hand calculations from the formulas in Keras's documentation, not outputs of either library.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from loss_draws import other_value
from lossmith import losses
from lossmith._errors import ShapeError

Y, Z = np.array([1.0, 9.0, 2.0]), np.array([4.0, 8.0, 12.0])  # errors -3, 1, -10


def keras_loss(name: str, **options):
    return losses.get(name).as_keras(**options)


def logit(p: float) -> float:
    return math.log(p / (1 - p))


REGRESSION = {  # name -> value of each sample
    "mean_squared_error": [9.0, 1.0, 100.0],
    "mean_absolute_error": [3.0, 1.0, 10.0],
    "huber": [2.5, 0.5, 9.5],
    "huber:delta=3": [4.5, 0.5, 25.5],
    "log_cosh": [math.log(math.cosh(3.0)), math.log(math.cosh(1.0)), math.log(math.cosh(10.0))],
    "quantile:quantile=0.9": [0.1 * 3.0, 0.9 * 1.0, 0.1 * 10.0],
    "poisson": None,
}


@pytest.mark.parametrize("name", [name for name, value in REGRESSION.items() if value])
def test_values_reductions_and_weights(name) -> None:
    """`None` gives a value for each sample, `sum` their sum, the default and `mean` their mean over samples; weights multiply
    values, and the divisor stays the number of samples, but for `mean_with_sample_weight`."""
    expected, weight = np.array(REGRESSION[name]), np.array([1.2, 0.5, 3.0])
    for target, raw in ((Y, Z), (Y[:, None], Z[:, None]), (Y, Z[:, None]), (Y[:, None], Z)):
        np.testing.assert_allclose(np.ravel(keras_loss(name, reduction=None)(target, raw)), expected, rtol=1e-5)
        assert float(keras_loss(name, reduction="sum")(target, raw)) == pytest.approx(expected.sum(), rel=1e-5)
        assert float(keras_loss(name)(target, raw)) == pytest.approx(expected.mean(), rel=1e-5)
    assert float(keras_loss(name)(Y, Z, sample_weight=weight)) == pytest.approx((weight * expected).sum() / 3, rel=1e-5)
    assert float(keras_loss(name)(Y, Z, sample_weight=2.3)) == pytest.approx(2.3 * expected.mean(), rel=1e-5)
    assert float(keras_loss(name)(Y, Z, sample_weight=0.0)) == 0.0
    weighted = keras_loss(name, reduction="mean_with_sample_weight")(Y, Z, sample_weight=weight)
    assert float(weighted) == pytest.approx((weight * expected).sum() / weight.sum(), rel=1e-5)


def test_a_perfect_prediction_costs_nothing() -> None:
    for name in ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh"):
        assert float(keras_loss(name)(Y, Y)) == 0.0
    assert float(keras_loss("hinge")(np.array([1.0, -1.0]), np.array([2.0, -1.0]))) == 0.0
    sure = np.array([[80.0, -80.0]])
    for name in ("categorical_crossentropy", "kl_divergence", "categorical_hinge"):
        assert float(keras_loss(name)(np.array([[1.0, 0.0]]), sure)) == 0.0


def test_binary_crossentropy_is_that_of_keras_from_logits() -> None:
    """BinaryCrossentropy(from_logits=True) of its documentation: y = [0, 1, 0, 0] against [-18.6, 0.51, 2.94, -12.8]."""
    y, z = np.array([0.0, 1.0, 0.0, 0.0]), np.array([-18.6, 0.51, 2.94, -12.8])
    by_hand = [math.log1p(math.exp(s if t == 0 else -s)) for t, s in zip(y, z, strict=True)]
    assert float(keras_loss("binary_crossentropy")(y, z)) == pytest.approx(np.mean(by_hand), rel=1e-6)
    assert float(keras_loss("binary_crossentropy")(y, z)) == pytest.approx(0.865458, abs=1e-5)


@pytest.mark.parametrize("smoothing", [0.1, 0.4])
def test_label_smoothing_draws_labels_in(smoothing) -> None:
    """1 becomes 1 - s/2 and 0 becomes s/2 for two classes; 1 - s + s/K and s/K for K."""
    p = np.array([0.8, 0.3])
    soft = np.array([1 - smoothing / 2, smoothing / 2])
    expected = -np.mean(soft * np.log(p) + (1 - soft) * np.log(1 - p))
    raw = np.array([logit(value) for value in p])
    smoothed = losses.get("binary_crossentropy").configured(label_smoothing=smoothing).as_keras()
    assert float(smoothed(np.array([1.0, 0.0]), raw)) == pytest.approx(expected, rel=1e-5)
    rows, probabilities = np.eye(3)[[0, 2]], np.array([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]])
    soft_rows = rows * (1 - smoothing) + smoothing / 3
    expected = -np.mean((soft_rows * np.log(probabilities)).sum(axis=1))
    smoothed = losses.get("categorical_crossentropy").configured(label_smoothing=smoothing).as_keras()
    assert float(smoothed(rows, np.log(probabilities))) == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_of_rows_and_of_ids_are_one() -> None:
    """CategoricalCrossentropy and its sparse form, of the documentation: [0.05, 0.95, 0] and [0.1, 0.8, 0.1] cost 1.177."""
    p = np.array([[0.05, 0.95, 1e-30], [0.1, 0.8, 0.1]])
    expected = -(math.log(0.95) + math.log(0.1)) / 2
    assert expected == pytest.approx(1.177, abs=1e-3)
    own = keras_loss("categorical_crossentropy")
    for target in (np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), np.array([1, 2]), np.array([[1], [2]])):
        assert float(own(target, np.log(p))) == pytest.approx(expected, rel=1e-5)


def test_hinge_losses_by_hand() -> None:
    y, z = np.array([1.0, -1.0, 1.0]), np.array([0.4, 0.3, 3.0])
    np.testing.assert_allclose(np.ravel(keras_loss("hinge", reduction=None)(y, z)), [0.6, 1.3, 0.0], rtol=1e-6)
    np.testing.assert_allclose(
        np.ravel(keras_loss("squared_hinge", reduction=None)(y, z)), [0.36, 1.69, 0.0], rtol=1e-5
    )
    # max over the other classes of their score, less the own, plus 1
    rows, scores = np.eye(3)[[0, 1]], np.array([[0.6, 0.4, 0.1], [2.0, 0.5, 1.0]])
    found = keras_loss("categorical_hinge", reduction=None)(rows, scores)
    np.testing.assert_allclose(np.ravel(found), [0.8, 2.5], rtol=1e-6)


def test_where_keras_repairs_labels_the_twin_refuses() -> None:
    """Keras turns 0 and 1 into -1 and 1 where a whole batch holds nothing else; here they are NaN, and never one by accident."""
    y, z = np.array([0.0, 1.0]), np.array([-2.0, 2.0])
    assert float(keras.losses.Hinge()(y, z)) == 0.0
    assert np.isnan(np.ravel(keras_loss("hinge", reduction=None)(y, z))[0])


def test_divergence_is_exact_where_keras_clips() -> None:
    target, raw = np.array([[0.5, 0.5, 0.0]]), np.log(np.array([[0.25, 0.25, 0.5]]))
    assert float(keras_loss("kl_divergence")(target, raw)) == pytest.approx(math.log(2.0), rel=1e-6)
    wide = np.eye(1000)[:1]
    assert float(keras_loss("kl_divergence")(wide, np.zeros((1, 1000)))) == pytest.approx(math.log(1000.0), rel=1e-6)


def test_masks_leave_rows_out() -> None:
    """A mask from an embedding or a masking layer leaves steps out of the mean, as the documentation of Keras promises."""
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.Masking(), keras.layers.TimeDistributed(keras.layers.Dense(2, kernel_initializer="ones"))])  # fmt: skip
    x = np.array([[[1.0], [2.0], [0.0]]])  # the last step is masked
    y = np.array([[0, 1, 0]])
    model.compile(loss=keras_loss("categorical_crossentropy"))
    value = model.evaluate(x, y, verbose=0)
    # both outputs are equal at every step: log 2 for the two steps that count
    assert value == pytest.approx(math.log(2.0), rel=1e-5)


@pytest.mark.parametrize(
    "loss", [loss for loss in losses.EVERY.values() if loss.parameters], ids=lambda loss: loss.name
)
def test_every_parameter_survives_a_configuration(loss) -> None:
    for parameter in loss.parameters:
        other = other_value(parameter, parameter.default)
        given = loss.configured(**{parameter.name: other})
        again = keras.losses.deserialize(keras.losses.serialize(given.as_keras(reduction="sum")))
        assert again.loss.configuration == given.configuration and again.loss.configuration[parameter.name] == other
        assert again.reduction == "sum"


def test_huber_keeps_its_delta_where_keras_drops_it(tmp_path) -> None:
    """Of the table of pitfalls: 25.5 before and 9.5 after, in Keras 3.15.1; 25.5 twice with the twin."""
    y, z = np.array([[0.0]]), np.array([[10.0]])
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", loss=keras_loss("huber:delta=3"))
    assert model.evaluate(z, y, verbose=0) == pytest.approx(25.5)
    model.fit(z, y, verbose=0)
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    model.save(tmp_path / "huber.keras")
    loaded = keras.models.load_model(tmp_path / "huber.keras")
    assert loaded.evaluate(z, y, verbose=0) == pytest.approx(25.5)
    theirs = keras.losses.Huber(delta=3)
    again = keras.losses.deserialize(keras.losses.serialize(theirs))
    assert float(theirs(y, z)) == pytest.approx(25.5)
    if keras.__version__ == "3.15.1":
        assert float(again(y, z)) == pytest.approx(9.5)


def test_shapes_never_broadcast() -> None:
    with pytest.raises(ShapeError):
        keras_loss("mean_squared_error")(np.zeros((4, 1)), np.zeros((4, 3)))
    with pytest.raises(ShapeError):
        keras_loss("categorical_crossentropy")(np.full((4, 2), 0.5), np.zeros((4, 3)))
