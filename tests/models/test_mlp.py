"""The multilayer perceptron: values by hand, shapes, every field, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith import losses, models
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer, load_keras
from lossmith.training.optimizers import make_optimizer

keras = load_keras()


def test_a_network_of_two_and_two_by_hand():
    network = models.get("mlp:hidden=2").network((2,), 1)
    network.set_weights(
        [
            np.array([[1.0, -1.0], [2.0, 0.5]]),
            np.array([0.5, -0.25]),
            np.array([[3.0], [-2.0]]),
            np.array([0.125]),
        ]
    )
    x = np.array([[1.0, 1.0], [-1.0, 2.0], [0.0, -3.0]], np.float32)
    # hidden before relu: (1+2+.5, -1+.5-.25) = (3.5, -.75); (-1+4+.5, 1+1-.25) = (3.5, 1.75); (-5.5, -1.75)
    np.testing.assert_allclose(network.predict(x, verbose=0), [[10.625], [7.125], [0.125]])


@pytest.mark.parametrize(
    ("name", "shape", "units", "shapes"),
    [
        ("mlp", (2,), 1, [(2, 50), (50,), (50, 1), (1,)]),
        ("mlp:hidden=7x3", (5,), 4, [(5, 7), (7,), (7, 3), (3,), (3, 4), (4,)]),
        ("mlp:hidden=0", (5,), 2, [(5, 2), (2,)]),
        ("mlp:hidden=6", (4, 3), 2, [(12, 6), (6,), (6, 2), (2,)]),
        ("mlp:hidden=6,batch_norm=true", (4,), 1, [(4, 6), (6,), (6,), (6,), (6,), (6, 1), (1,)]),
    ],
)
def test_shapes_follow_from_the_configuration(name, shape, units, shapes):
    network = models.get(name).network(shape, units)
    assert [tuple(variable.shape) for variable in network.variables] == shapes
    assert network.output_shape == (None, units)
    assert network.predict(np.ones((3, *shape)), verbose=0).shape == (3, units)


def test_it_learns_eight_points_by_heart():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 2)).astype(np.float32), rng.normal(size=8).astype(np.float32)
    network = models.get("mlp:hidden=32x32").network((2,), 1)
    procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("mse")], [0])
    rows = Part(x[None], (y[None],))
    result = Trainer(procedure, [0], [0.01], Schedule(600, 8)).train(GroupData((1,), rows, {"train": rows}))
    assert y.var() > 0.3
    assert result.curves["loss"][0, 0, -1] < 1e-4


@pytest.mark.parametrize("name", ["mlp:hidden=8x8", "mlp:hidden=8,dropout=0.5", "mlp:hidden=8,activation=gelu"])
def test_without_batch_normalisation_a_row_stands_alone(name):
    network = models.get(name).network((3,), 2)
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    whole = network.predict(x, verbose=0)
    np.testing.assert_allclose(network.predict(x[7:8], verbose=0), whole[7:8], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network.predict(x[::-1], verbose=0), whole[::-1], rtol=1e-5, atol=1e-6)


def described(name):
    """Return what the configuration of a network says, without the names of its layers."""
    network = models.get(name).network((3,), 1)
    kept = ("units", "activation", "use_bias", "rate", "kernel_initializer")
    return [(type(layer).__name__, *[str(layer.get_config().get(key)) for key in kept]) for layer in network.layers]


@pytest.mark.parametrize(
    "change",
    ["hidden=51", "hidden=50x50", "activation=tanh", "initializer=glorot_normal", "dropout=0.25", "batch_norm=true"],
)
def test_every_field_changes_the_network(change):
    assert described(f"mlp:{change}") != described("mlp")


def test_every_field_is_tried():
    assert {entry.name for entry in models.MODELS["mlp"].fields} == {
        "hidden",
        "activation",
        "initializer",
        "dropout",
        "batch_norm",
    }


def test_the_parts_stand_where_they_should():
    kinds = [row[0] for row in described("mlp:hidden=4x4,dropout=0.1,batch_norm=true")]
    block = ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert kinds == [*block, *block, "Dense"]
    dense = [row for row in described("mlp:hidden=4,batch_norm=true") if row[0] == "Dense"]
    assert [row[3] for row in dense] == ["False", "True"]  # no bias before batch normalisation
    assert described("mlp:hidden=4,activation=tanh")[-1][2] == "linear"  # raw scores


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mpl", "unknown model 'mpl'; did you mean 'mlp'?"),
        ("mlp:width=3", "model mlp has no 'width'"),
        ("mlp:hiden=3", "did you mean 'hidden'?"),
        ("mlp:hidden=3x", "hidden=3x of model mlp; expected layer widths such as 64 or 64x32; widths of the hidden"),
        ("mlp:hidden=3x0", "layer widths of at least 1"),
        ("mlp:hidden=-1", "layer widths of at least 1"),
        ("mlp:dropout=1", "dropout=1 of model mlp; expected a number in [0, 1)"),
        ("mlp:dropout=-0.1", "a number in [0, 1)"),
        ("mlp:dropout=nan", "a number in [0, 1)"),
        ("mlp:dropout=true", "a number in [0, 1)"),
        ("mlp:batch_norm=1", "true or false"),
        ("mlp:activation=reluu", "the name of a Keras activation"),
        ("mlp:activation=get", "the name of a Keras activation"),
        ("mlp:activation=3", "the name of a Keras activation"),
        ("mlp:initializer=he", "the name of a Keras initialiser"),
        ("mlp:hidden", "expected key=value"),
    ],
)
def test_bad_configurations_are_one_clear_line(name, message):
    with pytest.raises(ValueError) as caught:
        models.get(name)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("shape", "units"), [((), 1), ((0,), 1), ((3,), 0), ((3, 0), 1)])
def test_impossible_shapes_are_refused(shape, units):
    with pytest.raises(ValueError, match="sizes of at least 1"):
        models.get("mlp").network(shape, units)
