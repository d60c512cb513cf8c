"""The record of a model family, and a user's own function as one."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith import losses, models
from lossmith.models import MODELS, Model
from lossmith.training import GradientProcedure, load_keras
from lossmith.training.optimizers import make_optimizer, optimizer_names

keras = load_keras()
L = keras.layers


EMPTY = {"hidden": 0, "augment": "none"}
# families that take no short vectors
SAMPLES = {"cnn": (12, 12, 3), "lenet": (16, 16, 1), "resnet": (4, 4, 1), "conv1d": (5,)}


@pytest.mark.parametrize("name", MODELS)
def test_every_family_is_documented(name):
    family = MODELS[name]
    assert family.description and family.reference
    assert all(entry.meaning for entry in family.fields)
    assert str(family) == family.name
    assert family.network(SAMPLES.get(name, (3,)), 2).output_shape == (None, 2)
    for entry in family.fields:  # a default written out is read back as itself
        written = (
            ("x".join(map(str, entry.default)) or EMPTY[entry.name])
            if isinstance(entry.default, tuple)
            else entry.default
        )
        assert entry.read(written) == entry.default


def test_a_name_is_read_back():
    family = models.get("mlp:hidden=64x32,dropout=0.15,batch_norm=true")
    assert str(family) == "mlp:hidden=64x32,dropout=0.15,batch_norm=true"
    assert models.get(str(family)) == family
    assert family.configuration == {
        "hidden": (64, 32),
        "activation": "relu",
        "initializer": "he_uniform",
        "dropout": 0.15,
        "batch_norm": True,
    }
    assert family.configured(dropout=0.0).configuration["hidden"] == (64, 32)
    assert models.get(family) is family


def test_a_function_becomes_a_family_with_a_head_of_the_width_the_loss_needs():
    seen = []

    def body(input_shape):
        seen.append(input_shape)
        return keras.Sequential([keras.Input(input_shape), L.Conv2D(2, 3), L.Flatten()])

    family = models.get(body)
    assert isinstance(family, Model) and str(family) == "body"
    network = family.network((5, 5, 1), 3)
    assert seen == [(5, 5, 1)] and network.output_shape == (None, 3)
    assert network.layers[-1].get_config()["activation"] == "linear"
    assert [tuple(variable.shape) for variable in network.variables][-2:] == [(18, 3), (3,)]
    assert str(models.from_function(body, name="small")) == "small"


def test_a_body_that_was_frozen_keeps_its_weights():
    frozen = L.Dense(4)

    def pretrained(input_shape):
        return keras.Sequential([keras.Input(input_shape), frozen])

    models.get(pretrained).network((3,), 1)
    frozen.set_weights([np.full((3, 4), 2.0), np.ones(4)])
    frozen.trainable = False
    network = models.get(pretrained).network((3,), 1)
    state = GradientProcedure(network, make_optimizer("sgd"), [losses.get("mse")], [0]).init(5)
    np.testing.assert_array_equal(state.other[0], np.full((3, 4), 2.0))
    assert len(state.trainable) == 2


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda shape: 3, "returned int; expected a keras.Model without a head"),
        (lambda shape: L.Dense(3), "returned Dense"),
        (
            lambda shape: keras.Sequential([keras.Input(shape), L.Reshape((2, -1))]),
            "output of shape (None, 2, 2); expected (None, n_features); end the body with a flattening",
        ),
    ],
)
def test_a_function_that_builds_no_body_is_refused(function, message):
    with pytest.raises(ValueError) as caught:
        models.get(function).network((4,), 1)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_optimizers_by_name():
    assert {"sgd", "adam", "adamw", "rmsprop", "adagrad", "lion", "nadam"} <= set(optimizer_names())
    assert not {"optimizer", "lossscaleoptimizer", "multioptimizer"} & set(optimizer_names())
    sgd = make_optimizer("SGD:momentum=0.9,nesterov=true", learning_rate=0.02)
    assert isinstance(sgd, keras.optimizers.SGD)
    assert (sgd.momentum, sgd.nesterov, float(sgd.learning_rate)) == (0.9, True, pytest.approx(0.02))
    assert float(make_optimizer("adam:learning_rate=0.5").learning_rate) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adamm", "unknown optimizer 'adamm'; did you mean"),
        ("sgd:momentun=0.9", "expected parameters of keras.optimizers.SGD"),
        ("sgd:momentum=2", "momentum"),
        ("sgd:momentum", "expected key=value"),
    ],
)
def test_bad_optimizers_are_one_clear_line(text, message):
    with pytest.raises(ValueError) as caught:
        make_optimizer(text)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_optimizer_with_a_schedule_of_its_own_is_refused():
    network = models.get("mlp:hidden=2").network((2,), 1)
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))
    with pytest.raises(ValueError, match="schedule of learning rates; expected an optimizer with one learning rate"):
        GradientProcedure(network, optimizer, [losses.get("mse")], [0])
