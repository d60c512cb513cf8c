"""Networks of generators and discriminators, by name: dense, the convolutional ones of DCGAN, with styles, and those of a handbook."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from lossmith._errors import InvalidInputError
from lossmith.generative._parameters import read_kind
from lossmith.models.mlp import read_widths
from lossmith.training import compilation_cache, load_keras
from lossmith.training._backend import undisturbed_random

__all__ = ["NETWORKS", "Opponents", "noise_inputs", "opponents", "read_opponents", "row_inputs"]

NETWORKS = {"dense": ("hidden", "waves", "fastest"), "dcgan": ("base",), "style": ("base", "mapping"), "handbook": ()}
SLOPE = 0.2


class Opponents(NamedTuple):
    """Built Keras models: `generator` from noise to rows, `discriminator` from rows to one raw output; both may take classes."""

    generator: Any
    discriminator: Any


class Widths(NamedTuple):
    """What a network's text says."""

    kind: str
    hidden: tuple[int, ...] = ()
    waves: int = 0
    fastest: int = 20
    base: int = 64
    mapping: int = 2


def read_opponents(text: str) -> Widths:
    """Return what `dense:hidden=128x128,waves=64,fastest=80`, `dcgan:base=64`, `style:base=16,mapping=2` or `handbook` say.

    Raises
    ------
    UnknownNameError
        No such kind or parameter.
    InvalidInputError
        A value that cannot be read.

    Examples
    --------
    >>> read_opponents("dcgan:base=32")
    Widths(kind='dcgan', hidden=(), waves=0, fastest=20, base=32, mapping=2)
    """
    kind, given = read_kind(text, NETWORKS)
    try:
        hidden = read_widths(given.get("hidden", "128x128")) if kind == "dense" else ()
        (base,) = read_widths(given.get("base", 16 if kind == "style" else 64))
        mapping = sum(read_widths(given.get("mapping", 2)))
        waves = sum(read_widths(given.get("waves", 0)))
        (fastest,) = read_widths(given.get("fastest", 20))
    except ValueError:
        raise InvalidInputError(f"network {text!r}", expected="widths such as 128x128, and one base width") from None
    return Widths(kind, hidden, waves, fastest, base, mapping)


@functools.lru_cache(maxsize=32)
def opponents(text: str, shape: tuple[int, ...], latent: int, n_classes: int, bounded: bool) -> Opponents:
    """Return generator and discriminator for rows of `shape`; built once for a configuration, their weights are never used.

    Parameters
    ----------
    text : str
        See `read_opponents`.
    n_classes : int
        0 without conditions.
    bounded : bool
        Whether rows lie in [-1, 1], so that the generator ends in tanh.

    Raises
    ------
    InvalidInputError
        Convolutions on rows that are no images, or of a size that they cannot make.
    """
    asked = read_opponents(text)
    keras = load_keras()
    with compilation_cache(), undisturbed_random():
        if asked.kind == "dense":
            return _dense(keras, shape, latent, n_classes, asked, bounded)
        if len(shape) != 3:
            raise InvalidInputError(
                f"network {asked.kind} for rows of shape {shape}",
                expected="images (height, width, channels)",
                advice="use dense",
            )
        if asked.kind == "handbook":
            return _handbook(keras, shape, latent, n_classes)
        if asked.kind == "style":
            from lossmith.generative._growing_networks import style_opponents

            return style_opponents(
                keras, shape, latent, n_classes, base=asked.base, mapping=asked.mapping, bounded=bounded
            )
        return _dcgan(keras, shape, latent, n_classes, asked.base)


def noise_inputs(keras: Any, latent: int, n_classes: int) -> tuple[Any, Any]:
    """Return the generator's inputs and one vector of them."""
    z = keras.Input((latent,), name="z")
    if not n_classes:
        return z, z
    classes = keras.Input((n_classes,), name="classes")
    return [z, classes], keras.layers.Concatenate()([z, classes])


def row_inputs(keras: Any, shape: tuple[int, ...], n_classes: int, *, flat: bool) -> tuple[Any, Any]:
    """Return the discriminator's inputs and one array of them: classes are further features, or further channels."""
    rows = keras.Input(shape, name="rows")
    x = keras.layers.Flatten()(rows) if flat and len(shape) > 1 else rows
    if not n_classes:
        return rows, x
    classes = keras.Input((n_classes,), name="classes")
    told = classes
    if not flat:
        told = keras.layers.Reshape((1, 1, n_classes))(classes)
        told = keras.layers.UpSampling2D(shape[:2])(told)
    return [rows, classes], keras.layers.Concatenate()([x, told])


def _dense(keras: Any, shape: tuple[int, ...], latent: int, n_classes: int, asked: Widths, bounded: bool) -> Opponents:
    def stack(x: Any, activation: str) -> Any:
        for width in asked.hidden:
            x = keras.layers.Dense(width, activation=activation, kernel_initializer="he_normal")(x)
        return x

    inputs, x = noise_inputs(keras, latent, n_classes)
    x = keras.layers.Dense(math.prod(shape), activation="tanh" if bounded else None)(stack(x, "relu"))
    generator = keras.Model(inputs, keras.layers.Reshape(shape)(x) if len(shape) > 1 else x)
    inputs, x = row_inputs(keras, shape, n_classes, flat=True)
    if asked.waves:
        from lossmith.generative._waves import Waves

        x = Waves(asked.waves, fastest=float(asked.fastest))(x)
    return Opponents(generator, keras.Model(inputs, keras.layers.Dense(1)(stack(x, "leaky_relu"))))


def _handbook(keras: Any, shape: tuple[int, ...], latent: int, n_classes: int) -> Opponents:
    """Return the networks of a handbook for 28 x 28 pixels: transposed convolutions against dense layers.

    Where its listing does not run it is mended: the discriminator flattens what the generator makes, and ends raw.
    """
    from lossmith.models.layers import TransposedConvolution2D

    if shape[0] % 4 or shape[1] % 4:
        raise InvalidInputError(
            f"network handbook for images of {shape[0]} x {shape[1]}",
            expected="sides that 4 divides",
            advice="use dense",
        )
    small = (shape[0] // 4, shape[1] // 4)
    layers = keras.layers
    inputs, x = noise_inputs(keras, latent, n_classes)
    x = layers.LeakyReLU(negative_slope=SLOPE)(layers.Dense(math.prod(small) * 128)(x))
    x = layers.Reshape((*small, 128))(x)
    for width, stride in ((128, 2), (64, 1)):
        x = TransposedConvolution2D(width, 3, strides=stride, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=SLOPE)(layers.BatchNormalization()(x))
    x = TransposedConvolution2D(shape[2], 3, strides=2, padding="same", activation="tanh")(x)
    generator = keras.Model(inputs, x)
    inputs, x = row_inputs(keras, shape, n_classes, flat=True)
    for width in (512, 256):
        x = layers.LeakyReLU(negative_slope=SLOPE)(layers.Dense(width)(x))
    return Opponents(generator, keras.Model(inputs, layers.Dense(1)(x)))


def doublings(side: int) -> tuple[int, int]:
    """Return the smallest side from 4 that doubles to `side`, and how often it does.

    Raises
    ------
    InvalidInputError
        None does.

    Examples
    --------
    >>> doublings(64), doublings(28), doublings(48)
    ((4, 4), (7, 2), (6, 3))
    """
    start, times = side, 0
    while start % 2 == 0 and start >= 8:
        start, times = start // 2, times + 1
    if not 4 <= start <= 7 or not times:
        raise InvalidInputError(
            f"images with a side of {side}",
            expected="4, 5, 6 or 7 times a power of 2, such as 28, 32, 48 or 64",
            advice="scale the images, or use dense",
        )
    return start, times


def _dcgan(keras: Any, shape: tuple[int, ...], latent: int, n_classes: int, base: int) -> Opponents:
    """Return the networks of DCGAN: no dense layers, no biases, batch normalisation, weights drawn from N(0, 0.02).

    For 64 x 64 x 3 from 100 numbers they have 3,576,704 and 2,765,696 weights that are trained.
    """
    from lossmith.models.layers import Convolution2D, TransposedConvolution2D

    if shape[0] != shape[1]:
        raise InvalidInputError(f"network dcgan for images of {shape[0]} x {shape[1]}", expected="square images")
    start, times = doublings(shape[0])
    layers = keras.layers

    def options(**more: Any) -> dict[str, Any]:
        initial = keras.initializers.RandomNormal(stddev=0.02)
        return {"use_bias": False, "kernel_initializer": initial, **more}

    inputs, x = noise_inputs(keras, latent, n_classes)
    x = layers.Reshape((1, 1, int(x.shape[-1])))(x)
    widths = [base * 2**place for place in reversed(range(times))]
    x = TransposedConvolution2D(widths[0], start, **options())(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for width in widths[1:]:
        x = TransposedConvolution2D(width, 4, strides=2, padding="same", **options())(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = TransposedConvolution2D(shape[2], 4, strides=2, padding="same", **options(activation="tanh"))(x)
    generator = keras.Model(inputs, x)
    inputs, x = row_inputs(keras, shape, n_classes, flat=False)
    for width in reversed(widths):
        x = Convolution2D(width, 4, strides=2, padding="same", **options())(x)
        x = layers.LeakyReLU(negative_slope=SLOPE)(layers.BatchNormalization()(x))
    x = Convolution2D(1, start, **options())(x)
    return Opponents(generator, keras.Model(inputs, layers.Flatten()(x)))
