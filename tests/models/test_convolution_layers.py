"""Convolutions by matrix products against Keras's own, with their gradients."""

from __future__ import annotations

import itertools

import jax
import keras
import numpy as np
import pytest

from lossmith.models import layers as own
from lossmith.models._patches import convolve, convolve_transposed, geometry, geometry_transposed
from lossmith.models._pooled import convolve_pooled, max_pool

RNG = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def assert_same(one: object, other: object, *arguments: np.ndarray) -> None:
    """Compare two functions by value and by the gradients of a random weighting of their values."""
    weight = numbers(*jax.eval_shape(other, *arguments).shape)

    @jax.jit
    def both(*given: np.ndarray) -> object:
        found = []
        for f in (one, other):
            value, back = jax.vjp(f, *given)
            found.append((value, *back(weight)))
        return found

    for mine, theirs in zip(*both(*arguments), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=2e-5 * abs(np.asarray(theirs)).max())


CASES = [
    ((7, 9), (3, 3), (1, 1)),
    ((8, 5), (2, 5), (2, 2)),
    ((7, 9), (1, 1), (3, 2)),
    pytest.param((6, 6), (4, 3), (2, 1), marks=pytest.mark.slow),
    pytest.param((4, 4), (2, 2), (3, 3), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "kernel", "strides"), CASES)
def test_convolution(size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int], padding: str) -> None:
    where = geometry(size, kernel, strides, padding)
    assert_same(
        lambda x, k: convolve(x, k, where),
        lambda x, k: keras.ops.conv(x, k, strides=strides, padding=padding, data_format="channels_last"),
        numbers(3, *size, 2),
        numbers(*kernel, 2, 4),
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "kernel", "strides"), CASES)
def test_transposed(size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int], padding: str) -> None:
    where = geometry_transposed(size, kernel, strides, padding)
    assert_same(
        lambda x, k: convolve_transposed(x, k, where),
        lambda x, k: keras.ops.conv_transpose(x, k, strides=strides, padding=padding, data_format="channels_last"),
        numbers(2, *size, 3),
        numbers(*kernel, 2, 3),
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("size", "kernel", "window"), [((7, 9), (3, 3), (2, 2)), ((8, 6), (2, 1), (3, 2)), ((5, 5), (1, 4), (2, 1))]
)
def test_pooled(size: tuple[int, int], kernel: tuple[int, int], window: tuple[int, int], padding: str) -> None:
    where = geometry(size, kernel, (1, 1), padding)

    def native(x: np.ndarray, k: np.ndarray) -> object:
        whole = keras.ops.conv(x, k, padding=padding, data_format="channels_last")
        return keras.ops.max_pool(whole, window, window, data_format="channels_last")

    assert_same(lambda x, k: convolve_pooled(x, k, where, window), native, numbers(3, *size, 2), numbers(*kernel, 2, 4))


@pytest.mark.parametrize("window", [(2, 2), (3, 2), (1, 4)])
def test_of_equal_values_the_first_gets_the_gradient(window: tuple[int, int]) -> None:
    ties = RNG.integers(0, 2, (3, 7, 9, 2)).astype(np.float32)
    assert_same(
        lambda x: max_pool(x, window),
        lambda x: keras.ops.max_pool(x, window, window, data_format="channels_last"),
        ties,
    )


def test_strict_convolution_of_a_worked_example() -> None:
    # 0..8 against 0..3: cross-correlation 19 25 37 43, with the kernel turned 5 11 23 29
    x, k = np.arange(9.0).reshape(1, 3, 3, 1), np.arange(4.0).reshape(2, 2, 1, 1)
    where = geometry((3, 3), (2, 2), (1, 1), "valid")
    assert np.asarray(convolve(x, k, where)).ravel().tolist() == [19, 25, 37, 43]
    assert np.asarray(convolve(x, k[::-1, ::-1], where)).ravel().tolist() == [5, 11, 23, 29]


LAYERS = [
    (own.Convolution2D, "Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, (7, 8, 3)),
    (own.Convolution2D, "Conv2D", {"filters": 4, "kernel_size": (1, 2), "use_bias": False, "activation": "tanh"}, (5, 6, 2)),
    (own.Convolution2D, "Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, (7, 8, 4)),
    (own.Convolution2D, "Conv2D", {"filters": 4, "kernel_size": 2, "dilation_rate": 2}, (7, 8, 3)),
    (own.Convolution1D, "Conv1D", {"filters": 4, "kernel_size": 3, "strides": 2, "activation": "relu"}, (9, 3)),
    (own.Convolution1D, "Conv1D", {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (9, 3)),
    (own.TransposedConvolution2D, "Conv2DTranspose", {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same"}, (5, 6, 4)),
    (own.TransposedConvolution2D, "Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 1}, (5, 6, 4)),
    (own.TransposedConvolution1D, "Conv1DTranspose", {"filters": 3, "kernel_size": 4, "strides": 3}, (5, 4)),
    (own.MaxPooling2D, "MaxPooling2D", {"pool_size": (2, 3)}, (7, 8, 3)),
    (own.MaxPooling2D, "MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, (7, 8, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "options", "shape"), LAYERS)
def test_layers_are_those_of_keras(kind: type, name: str, options: dict[str, object], shape: tuple[int, ...]) -> None:
    mine, theirs = kind(**options), getattr(keras.layers, name)(**options)
    inputs = numbers(3, *shape)
    mine(inputs), theirs(inputs)
    weights = [numbers(*variable.shape) for variable in mine.variables]  # biases away from 0
    mine.set_weights(weights)
    theirs.set_weights(weights)
    np.testing.assert_allclose(mine(inputs), theirs(inputs), rtol=1e-5, atol=1e-5)
    first = keras.layers.Permute((len(shape), *range(1, len(shape))))(inputs)
    if "causal" not in options.values() and "same" not in options.values() and options.get("groups", 1) == 1:
        turned = kind(**options, data_format="channels_first")
        turned(first)
        turned.set_weights(weights)
        back = keras.ops.moveaxis(turned(first), 1, -1)
        np.testing.assert_allclose(back, theirs(inputs), rtol=1e-5, atol=1e-5)
    assert kind.from_config(mine.get_config()).get_config() == mine.get_config()


@pytest.mark.parametrize("activation", ["relu", "tanh", None])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.slow
def test_pooled_layer_is_two_of_keras(activation: str | None, strides: int, tmp_path: object) -> None:
    shape = (9, 10, 3)
    options = {"padding": "same", "activation": activation, "strides": strides}
    mine = keras.Sequential([keras.Input(shape), own.PooledConvolution2D(4, 3, pool_size=(2, 3), **options)])
    theirs = keras.Sequential(
        [keras.Input(shape), keras.layers.Conv2D(4, 3, **options), keras.layers.MaxPooling2D((2, 3))]
    )
    theirs.set_weights([numbers(*variable.shape) for variable in theirs.variables])
    mine.set_weights(theirs.get_weights())
    inputs = numbers(2, *shape)
    np.testing.assert_allclose(mine(inputs), theirs(inputs), rtol=1e-5, atol=1e-5)
    assert mine.output_shape == theirs.output_shape
    mine.save(f"{tmp_path}/pooled.keras")
    again = keras.saving.load_model(f"{tmp_path}/pooled.keras")
    np.testing.assert_array_equal(again(inputs), mine(inputs))


@pytest.mark.parametrize("rate", [0.5, 0.25, 0.1, 0.001])
def test_dropout_keeps_its_rate_and_its_mean(rate: float) -> None:
    layer = own.ThriftyDropout(rate, seed=3)
    ones = np.ones((200, 1000), np.float32)
    dropped = np.asarray(layer(ones, training=True))
    share = (dropped == 0).mean()
    # four deviations of a share of 200,000 numbers
    assert abs(share - rate) < 4 * np.sqrt(rate * (1 - rate) / ones.size)
    kept = np.unique(dropped[dropped > 0])
    assert len(kept) == 1 and kept[0] == pytest.approx(1 / (1 - rate), rel=2e-5)
    assert not np.array_equal(dropped, layer(ones, training=True))
    assert np.array_equal(layer(ones, training=False), ones)
    columns = (dropped == 0).mean(axis=0)
    assert abs(columns - rate).max() < 6 * np.sqrt(rate * (1 - rate) / 200) + 1 / 200


def test_half_precision_stays_half() -> None:
    layer = own.PooledConvolution2D(2, 3, dtype="bfloat16")
    assert keras.backend.standardize_dtype(layer(np.ones((1, 6, 6, 1))).dtype) == "bfloat16"


def test_equal_under_stacking() -> None:
    where = geometry((6, 6), (3, 3), (1, 1), "valid")
    x, k = numbers(3, 2, 6, 6, 3), numbers(3, 3, 3, 3, 2)
    gradient = jax.grad(
        lambda a, b: (convolve_pooled(a, b, where, (2, 2)) * convolve(a, b, where)[:, :2, :2]).sum(), (0, 1)
    )
    together, alone = jax.jit(jax.vmap(gradient))(x, k), jax.jit(gradient)
    for place in range(3):
        for a, b in zip(alone(x[place], k[place]), together, strict=True):
            np.testing.assert_allclose(a, b[place], rtol=1e-4, atol=1e-4)


def test_no_shape_is_left_out_by_accident() -> None:
    for length, width, stride, padding in itertools.product((3, 4, 7), (1, 2, 3), (1, 2, 4), ("valid", "same")):
        where = geometry((length, length), (width, width), (stride, stride), padding)
        expected = keras.layers.Conv1D(1, width, strides=stride, padding=padding).compute_output_shape((1, length, 1))
        assert where.places[0] == expected[1]
        transposed = geometry_transposed((length, length), (width, width), (stride, stride), padding)
        expected = keras.layers.Conv1DTranspose(1, width, strides=stride, padding=padding).compute_output_shape(
            (1, length, 1)
        )
        assert transposed.size[0] == expected[1]
