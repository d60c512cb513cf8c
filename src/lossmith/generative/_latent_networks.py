"""Encoders and decoders by name: dense, or convolutional for images; configurations that a file can hold."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from lossmith._errors import InvalidInputError
from lossmith.generative._parameters import read_kind
from lossmith.models.mlp import read_activation, read_widths
from lossmith.training import compilation_cache, load_keras
from lossmith.training._backend import undisturbed_random
from lossmith.training._initial import build_together

__all__ = ["Pair", "latent_pair", "read_network"]

NETWORKS = {"dense": ("hidden", "activation"), "conv": ("filters", "hidden", "activation")}
DEFAULTS: dict[str, Any] = {"hidden": "400", "filters": "32x64", "activation": "relu"}


class Pair(NamedTuple):
    """Built Keras models: `encoder` from rows to `units`, `decoder` from the latent vector to raw outputs of the row's shape."""

    encoder: Any
    decoder: Any


def read_network(text: str) -> tuple[str, tuple[int, ...], tuple[int, ...], str]:
    """Return kind, hidden widths, filters and activation of `dense:hidden=400x200` or `conv:filters=32x64`.

    Raises
    ------
    UnknownNameError
        No such kind or parameter.
    InvalidInputError
        A value that cannot be read.

    Examples
    --------
    >>> read_network("dense:hidden=64x32,activation=tanh")
    ('dense', (64, 32), (), 'tanh')
    """
    kind, given = read_kind(text, NETWORKS)
    values = {**DEFAULTS, **given}
    try:
        hidden, filters = read_widths(values["hidden"]), read_widths(values["filters"])
        activation = read_activation(values["activation"])
    except ValueError as error:
        raise InvalidInputError(f"network {text!r}", expected=str(error)) from None
    return kind, hidden, filters if kind == "conv" else (), activation


@functools.lru_cache(maxsize=32)
def latent_pair(text: str, shape: tuple[int, ...], latent: int, encoder_units: int) -> Pair:
    """Return encoder and decoder for rows of `shape`; built once for a configuration, their weights are never used.

    Raises
    ------
    InvalidInputError
        Convolutions on rows that are no images, or are too small.
    """
    kind, hidden, filters, activation = read_network(text)
    keras = load_keras()
    if kind == "conv":
        _check_image(shape, filters)
        from lossmith.models.layers import Convolution2D, TransposedConvolution2D

        def encoder() -> Any:
            x = inputs = keras.Input(shape)
            for width in filters:
                x = Convolution2D(
                    width, 3, strides=2, padding="same", activation=activation, kernel_initializer=_initial(keras)
                )(x)
            return keras.Model(inputs, _dense(keras, keras.layers.Flatten()(x), hidden, activation, encoder_units))

        def decoder() -> Any:
            small = tuple(side // 2 ** len(filters) for side in shape[:2])
            x = inputs = keras.Input((latent,))
            for width in reversed(hidden):
                x = keras.layers.Dense(width, activation=activation, kernel_initializer=_initial(keras))(x)
            x = keras.layers.Dense(
                math.prod(small) * filters[-1], activation=activation, kernel_initializer=_initial(keras)
            )(x)
            x = keras.layers.Reshape((*small, filters[-1]))(x)
            for width in reversed(filters[:-1]):
                x = TransposedConvolution2D(
                    width, 4, strides=2, padding="same", activation=activation, kernel_initializer=_initial(keras)
                )(x)
            return keras.Model(inputs, TransposedConvolution2D(shape[2], 4, strides=2, padding="same")(x))

        with compilation_cache(), undisturbed_random():
            return Pair(encoder(), decoder())

    def dense_encoder() -> Any:
        x = inputs = keras.Input(shape)
        x = keras.layers.Flatten()(x) if len(shape) > 1 else x
        return keras.Model(inputs, _dense(keras, x, hidden, activation, encoder_units))

    def dense_decoder() -> Any:
        inputs = keras.Input((latent,))
        x = _dense(keras, inputs, tuple(reversed(hidden)), activation, math.prod(shape))
        return keras.Model(inputs, keras.layers.Reshape(shape)(x) if len(shape) > 1 else x)

    with compilation_cache(), undisturbed_random():
        return Pair(build_together(dense_encoder), build_together(dense_decoder))


def _initial(keras: Any) -> Any:
    """Return an initialiser with the deviation of PyTorch's layers: wider ones start with a bound that is far from the data."""
    return keras.initializers.VarianceScaling(1 / 3, mode="fan_in", distribution="uniform")


def _dense(keras: Any, x: Any, hidden: tuple[int, ...], activation: str, units: int) -> Any:
    for width in hidden:
        x = keras.layers.Dense(width, activation=activation, kernel_initializer=_initial(keras))(x)
    return keras.layers.Dense(units, kernel_initializer=_initial(keras))(x)


def _check_image(shape: tuple[int, ...], filters: tuple[int, ...]) -> None:
    step = 2 ** len(filters)
    if not filters:
        raise InvalidInputError("network conv without filters", expected="widths such as filters=32x64")
    if len(shape) != 3 or any(side % step or side < step for side in shape[:2]):
        raise InvalidInputError(
            f"network conv with {len(filters)} layers for rows of shape {shape}",
            expected=f"images (height, width, channels) with sides that {step} divides",
            advice="use dense, fewer filters, or other images",
        )
