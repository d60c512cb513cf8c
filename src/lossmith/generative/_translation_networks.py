"""Networks that turn rows of one kind into rows of another, and those that judge them: dense, or convolutional for images."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from lossmith._errors import InvalidInputError
from lossmith.generative._generator_networks import SLOPE
from lossmith.generative._parameters import read_kind
from lossmith.models.mlp import read_widths
from lossmith.training import compilation_cache, load_keras
from lossmith.training._backend import undisturbed_random

__all__ = ["NETWORKS", "Asked", "read_translators", "translator", "translation_judge"]

NETWORKS = {"dense": ("hidden",), "conv": ("base", "blocks")}


class Asked(NamedTuple):
    """What a network's text says."""

    kind: str
    hidden: tuple[int, ...]
    base: int
    blocks: int


def read_translators(text: str) -> Asked:
    """Return what `dense:hidden=64x64` or `conv:base=16,blocks=2` say.

    Raises
    ------
    UnknownNameError
        No such kind or parameter.
    InvalidInputError
        A value that cannot be read.

    Examples
    --------
    >>> read_translators("conv:base=8")
    Asked(kind='conv', hidden=(64, 64), base=8, blocks=2)
    """
    kind, given = read_kind(text, NETWORKS)
    try:
        hidden = read_widths(given.get("hidden", "64x64"))
        (base,) = read_widths(given.get("base", 16))
        blocks = sum(read_widths(given.get("blocks", 2)))
    except ValueError:
        raise InvalidInputError(
            f"network {text!r}", expected="widths such as hidden=64x64, or whole numbers base and blocks"
        ) from None
    return Asked(kind, hidden, base, blocks)


def _checked(asked: Asked, shape: tuple[int, ...]) -> None:
    if asked.kind == "conv" and (len(shape) != 3 or shape[0] % 4 or shape[1] % 4 or min(shape[:2]) < 8):
        raise InvalidInputError(
            f"network conv for rows of shape {shape}",
            expected="images (height, width, channels) with sides that 4 divides, 8 or more",
            advice="use dense, or scale the images",
        )


def _inputs(keras: Any, shape: tuple[int, ...], n_classes: int, *, flat: bool) -> tuple[Any, Any]:
    """Return inputs and one array of them: classes are further features, or further channels."""
    rows = keras.Input(shape, name="rows")
    x = keras.layers.Flatten()(rows) if flat and len(shape) > 1 else rows
    if not n_classes:
        return rows, x
    classes = keras.Input((n_classes,), name="classes")
    told = classes
    if not flat:
        told = keras.layers.UpSampling2D(shape[:2])(keras.layers.Reshape((1, 1, n_classes))(classes))
    return [rows, classes], keras.layers.Concatenate()([x, told])


@functools.lru_cache(maxsize=32)
def translator(text: str, shape: tuple[int, ...], bounded: bool, n_classes: int = 0) -> Any:
    """Return a network from rows to rows; built once for a configuration, its weights are never used.

    Parameters
    ----------
    text : str
        See `read_translators`.
    shape : tuple of int
    bounded : bool
        Whether rows lie in [-1, 1], so that it ends in tanh.
    n_classes : int
        Above 0 it takes the class to be made beside the rows.

    Raises
    ------
    InvalidInputError
        Convolutions on rows that are no images, or of a size that they cannot make.
    """
    asked = read_translators(text)
    _checked(asked, shape)
    keras = load_keras()
    layers = keras.layers
    last = "tanh" if bounded else None
    with compilation_cache(), undisturbed_random():
        inputs, x = _inputs(keras, shape, n_classes, flat=asked.kind == "dense")
        if asked.kind == "dense":
            for width in asked.hidden:
                x = layers.Dense(width, activation="relu", kernel_initializer="he_normal")(x)
            x = layers.Dense(math.prod(shape), activation=last)(x)
            return keras.Model(inputs, layers.Reshape(shape)(x) if len(shape) > 1 else x)
        from lossmith.models.layers import Convolution2D, TransposedConvolution2D

        def normed(x: Any) -> Any:
            return layers.GroupNormalization(groups=-1)(x)  # each image and channel by itself

        x = layers.ReLU()(normed(Convolution2D(asked.base, 3, padding="same")(x)))
        x = layers.ReLU()(normed(Convolution2D(2 * asked.base, 3, strides=2, padding="same")(x)))
        for _ in range(asked.blocks):
            y = layers.ReLU()(normed(Convolution2D(2 * asked.base, 3, padding="same")(x)))
            x = layers.Add()([x, normed(Convolution2D(2 * asked.base, 3, padding="same")(y))])
        x = layers.ReLU()(normed(TransposedConvolution2D(asked.base, 4, strides=2, padding="same")(x)))
        return keras.Model(inputs, Convolution2D(shape[2], 3, padding="same", activation=last)(x))


@functools.lru_cache(maxsize=32)
def translation_judge(text: str, shape: tuple[int, ...], n_classes: int = 0) -> Any:
    """Return a network from rows to raw outputs, `(n_rows, n_patches)`: large where a patch of the row looks real.

    With `n_classes` it gives two arrays, the second raw outputs for the classes, `(n_rows, n_classes)`. See `translator`.
    """
    asked = read_translators(text)
    _checked(asked, shape)
    keras = load_keras()
    layers = keras.layers
    with compilation_cache(), undisturbed_random():
        inputs, x = _inputs(keras, shape, 0, flat=asked.kind == "dense")
        if asked.kind == "dense":
            for width in asked.hidden:
                x = layers.LeakyReLU(negative_slope=SLOPE)(layers.Dense(width, kernel_initializer="he_normal")(x))
            real = layers.Dense(1)(x)
        else:
            from lossmith.models.layers import Convolution2D

            for width in (asked.base, 2 * asked.base):
                x = Convolution2D(width, 4, strides=2, padding="same")(x)
                x = layers.LeakyReLU(negative_slope=SLOPE)(x)
            real = layers.Flatten()(Convolution2D(1, 3, padding="same")(x))
        if not n_classes:
            return keras.Model(inputs, real)
        flat = layers.Flatten()(x) if asked.kind == "conv" else x
        return keras.Model(inputs, [real, layers.Dense(n_classes)(flat)])
