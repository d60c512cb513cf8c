"""A factory of whole Keras models is compared by its body: the head is replaced, everything else kept."""

from __future__ import annotations

import keras
import numpy as np
import polars as pl
import pytest

import lossmith
from lossmith import models
from lossmith._errors import InvalidInputError, ShapeError

D = keras.layers.Dense


def sigmoid_model():
    model = keras.Sequential([keras.Input((2,)), D(6, "tanh"), keras.layers.Dropout(0.1), D(1, "sigmoid", kernel_initializer="he_normal", use_bias=False)])  # fmt: skip
    model.compile(loss="binary_crossentropy")
    return model


def functional_model():
    inputs = keras.Input((2,))
    wide = keras.layers.Concatenate()([D(3, "relu")(inputs), inputs])
    return keras.Model(inputs, keras.layers.Softmax()(D(4)(wide)))


def test_the_head_is_replaced_and_keeps_its_initialiser() -> None:
    network = models.get(sigmoid_model).network((2,), 3)
    head = network.layers[-1]
    assert network.output_shape == (None, 3) and head.activation.__name__ == "linear"
    assert type(head.kernel_initializer).__name__ == "HeNormal" and not head.use_bias
    assert [layer.activation.__name__ for layer in network.layers[1].layers if isinstance(layer, D)] == ["tanh"]


def test_what_comes_before_is_kept() -> None:
    network = models.get(functional_model).network((2,), 1)
    assert network.layers[-1].input.shape == (None, 5) and network.count_params() == 3 * 3 + 6


def test_each_network_is_made_anew() -> None:
    family = models.get(sigmoid_model)
    assert family.network((2,), 1).layers[1] is not family.network((2,), 1).layers[1] and family.name == "sigmoid_model"


@pytest.mark.parametrize(
    ("factory", "error", "words"),
    [
        (lambda: 3, InvalidInputError, "returned int"),
        (lambda: keras.Sequential([keras.Input((3,)), D(1)]), ShapeError, r"\(3,\)"),
        (
            lambda: keras.Sequential([keras.Input((2,)), D(1), keras.layers.BatchNormalization()]),
            InvalidInputError,
            "BatchNorm",
        ),
        (lambda: keras.Sequential([D(1)]), InvalidInputError, "graph"),
        (lambda: keras.Model(a := keras.Input((2,)), [D(1)(a), D(1)(a)]), InvalidInputError, "several"),
    ],
)
def test_what_cannot_be_taken_apart_is_said(factory, error, words) -> None:
    with pytest.raises(error, match=words):
        models.get(factory).network((2,), 1)


@pytest.mark.slow
def test_losses_are_compared_on_a_factory_with_arrays_and_frames() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    options = {"losses": "bce,hinge", "seeds": 2, "epochs": 2, "learning_rates": "configured"}
    by_arrays = lossmith.compare((x, y), model=sigmoid_model, **options)
    assert {standing.loss for standing in by_arrays.standings} == {"binary_crossentropy", "hinge"}
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "label": y})
    for table in (frame, frame.to_pandas()):
        again = lossmith.compare(table, target="label", model=sigmoid_model, **options)
        assert [row.metric.mean for row in again.standings] == [row.metric.mean for row in by_arrays.standings]
    assert by_arrays._repr_html_().startswith("<iframe")
