"""Families for images: sizes known from their sources, both orders of axes, and a twin made of Keras's own layers."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lossmith import models
from lossmith._errors import InvalidInputError, ShapeError

RNG = np.random.default_rng(0)


def outputs(network: object, inputs: np.ndarray) -> np.ndarray:
    """Return what a network gives, compiled as a whole."""
    trainable, other = ([v.value for v in vs] for vs in (network.trainable_variables, network.non_trainable_variables))
    function = jax.jit(lambda x: network.stateless_call(trainable, other, x, training=False)[0])
    return np.asarray(function(inputs))


def count(network: object) -> int:
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


@pytest.mark.parametrize(
    ("name", "shape", "units", "parameters"),
    [
        # 3*3*3*32 + 32, 3*3*32*64 + 64, 6*6*64*256 + 256, 256*10 + 10
        ("cnn", (32, 32, 3), 10, 896 + 18_496 + 590_080 + 2_570),
        ("lenet", (28, 28, 1), 10, 44_426),
        ("lenet", (28, 28), 10, 44_426),
        ("mlp:hidden=16x16,activation=sigmoid", (28, 28, 1), 10, 13_002),
        # two convolutions of 3 with 16 and 32 filters on grey images of 28 x 28 with padding, dense 128
        ("cnn:filters=16x32,padding=same,pool=1,hidden=128", (28, 28, 3), 10, 3_217_770),
        ("conv1d:filters=4,kernel=5,hidden=0", (20, 3), 2, 5 * 3 * 4 + 4 + 4 * 2 + 2),
        # stem 432 + 32, block 2 * 2304 + 64, head 16 * 2 + 2
        ("resnet:filters=16", (8, 8, 3), 2, 464 + 4_672 + 34),
    ],
)
def test_parameters(name: str, shape: tuple[int, ...], units: int, parameters: int) -> None:
    assert count(models.get(name).network(shape, units)) == parameters


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("cnn", (14, 12, 3)),
        ("cnn:activation=gelu,pool=3,padding=same,dropout=0", (17, 9, 2)),
        pytest.param("lenet:initializer=pytorch", (16, 16), marks=pytest.mark.slow),
        pytest.param("resnet:filters=4x8,blocks=2", (9, 10, 3), marks=pytest.mark.slow),
        ("conv1d:dilation=2,filters=3x4x5,dropout=0.2,hidden=6", (30, 2)),
    ],
)
def test_twin_of_keras_layers_has_the_same_variables_and_outputs(name: str, shape: tuple[int, ...]) -> None:
    family = models.get(name)
    mine, portable = family.network(shape, 3), family.network(shape, 3, portable=True)
    weights = [RNG.normal(size=variable.shape, scale=0.3) for variable in mine.variables]
    weights = [abs(w) if "variance" in v.path else w for w, v in zip(weights, mine.variables, strict=True)]
    for network in (mine, portable):
        for variable, value in zip(network.variables, weights, strict=True):
            if not variable.path.endswith("seed_generator_state"):
                variable.assign(value)
    inputs = RNG.normal(size=(4, *shape)).astype(np.float32)
    np.testing.assert_allclose(outputs(mine, inputs), outputs(portable, inputs), rtol=1e-3, atol=1e-4)
    assert all(type(layer).__module__.startswith("keras.") for layer in portable.layers)


@pytest.mark.parametrize(
    "name", ["cnn:filters=3x4,hidden=5", pytest.param("resnet:filters=4x4", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_both_orders_of_axes(name: str) -> None:
    last, first = (models.get(name).network(shape, 2) for shape in ((20, 18, 3), (3, 20, 18)))
    first.set_weights(last.get_weights())
    images = RNG.normal(size=(3, 20, 18, 3)).astype(np.float32)
    np.testing.assert_allclose(outputs(last, images), outputs(first, np.moveaxis(images, -1, 1)), rtol=1e-5, atol=1e-6)
    said = models.get(f"{name}{',' if ':' in name else ':'}data_format=channels_last")
    assert said.network((20, 18, 3), 2).output_shape == (None, 2)


def test_pytorch_initialiser_is_uniform_within_one_over_the_root_of_the_fan_in() -> None:
    network = models.get("lenet:initializer=pytorch").network((28, 28, 1), 10)
    for place, fan_in in enumerate((25, 150, 256, 120, 84)):
        kernel, bias = (
            np.asarray(variable.value) for variable in network.trainable_variables[2 * place : 2 * place + 2]
        )
        bound = 1 / np.sqrt(fan_in)
        assert 0.9 * bound < abs(kernel).max() <= bound and 0.2 * bound < abs(bias).max() <= bound
        assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.12)


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("cnn", (5, 5, 1), "convolution 2 sees 1 x 1"),
        ("cnn", (20,), "use the model mlp for tables"),
        ("resnet", (2, 2, 2, 2), "expected .height, width"),
        ("conv1d", (2,), "convolution 1 sees 2 values"),
        ("conv1d", (8, 8, 1), "use the model cnn"),
    ],
)
def test_samples_that_do_not_fit(name: str, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        models.get(name).network(shape, 2)


@pytest.mark.parametrize(
    "text",
    [
        "cnn:filters=0",
        "cnn:padding=full",
        "lenet:kernel=0",
        "cnn:pool=1.5",
        "cnn:initializer=best",
        "cnn:data_format=x",
    ],
)
def test_configurations_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InvalidInputError):
        models.get(text)
