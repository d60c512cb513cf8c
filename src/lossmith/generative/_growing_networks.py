"""Generators and discriminators that grow from small images to large ones, and generators with styles."""

from __future__ import annotations

import functools
from typing import Any

from lossmith._errors import InvalidInputError
from lossmith.generative._generator_networks import SLOPE, Opponents, doublings, noise_inputs, row_inputs
from lossmith.training import compilation_cache, load_keras
from lossmith.training._backend import undisturbed_random

__all__ = ["growing_opponents", "sides_of", "style_opponents"]


def sides_of(side: int, stages: int) -> tuple[int, ...]:
    """Return the sides of images stage by stage, each twice the one before; the last is `side`.

    Raises
    ------
    InvalidInputError
        The side cannot be halved that often, or the first would be below 4.

    Examples
    --------
    >>> sides_of(32, 3), sides_of(28, 2)
    ((8, 16, 32), (14, 28))
    """
    factor = 2 ** (stages - 1)
    if side % factor or side // factor < 4:
        raise InvalidInputError(
            f"{stages} stages for images with a side of {side}",
            expected=f"a side that {factor} divides, {4 * factor} or more",
            advice="take fewer stages, or scale the images",
        )
    return tuple(side // factor * 2**stage for stage in range(stages))


@functools.lru_cache(maxsize=32)
def growing_opponents(
    side: int, stages: int, stage: int, channels: int, latent: int, base: int, bounded: bool
) -> Opponents:
    """Return the networks of one stage; layers of one name are those of the stages before.

    While a stage is new, its images fade in: a share of them (variables of `Fade`), and the rest of what the stage before makes,
    enlarged. The discriminator sees everything through the same blend.

    Parameters
    ----------
    side, stages : int
        Of the last images.
    stage : int
        From 0.
    channels, latent : int
    base : int
        Channels of the widest images; half of those of the images before, and so on.
    bounded : bool
        Whether the generator ends in tanh.
    """
    from lossmith.generative._growing_layers import Fade, PixelNormalization
    from lossmith.models.layers import Convolution2D

    sides = sides_of(side, stages)
    widths = [base * 2 ** (stages - 1 - place) for place in range(stages)]
    keras = load_keras()
    layers = keras.layers

    def convolved(x: Any, width: int, name: str) -> Any:
        x = Convolution2D(width, 3, padding="same", kernel_initializer="he_normal", name=name)(x)
        return layers.LeakyReLU(negative_slope=SLOPE)(x)

    with compilation_cache(), undisturbed_random():
        inputs = keras.Input((latent,), name="z")
        start = sides[0]
        x = layers.Dense(start * start * widths[0], kernel_initializer="he_normal", name="start")(inputs)
        x = layers.LeakyReLU(negative_slope=SLOPE)(x)
        x = layers.Reshape((start, start, widths[0]))(PixelNormalization()(x))
        x = PixelNormalization()(convolved(x, widths[0], "made_0"))
        before = None
        for place in range(1, stage + 1):
            before = x
            x = PixelNormalization()(convolved(layers.UpSampling2D(2)(x), widths[place], f"made_{place}"))

        def image(x: Any, place: int) -> Any:
            return Convolution2D(channels, 1, name=f"image_{place}")(x)

        made = image(x, stage)
        if before is not None:
            made = Fade()([made, layers.UpSampling2D(2)(image(before, stage - 1))])
        generator = keras.Model(inputs, layers.Activation("tanh" if bounded else "linear")(made))

        rows = keras.Input((sides[stage], sides[stage], channels), name="rows")
        seen = rows
        if stage:
            seen = Fade()([rows, layers.UpSampling2D(2)(layers.AveragePooling2D(2)(rows))])

        def taken(x: Any, place: int) -> Any:
            return layers.LeakyReLU(negative_slope=SLOPE)(
                Convolution2D(widths[place], 1, kernel_initializer="he_normal", name=f"taken_{place}")(x)
            )

        x = taken(seen, stage)
        for place in range(stage, 0, -1):
            x = layers.AveragePooling2D(2)(convolved(x, widths[place - 1], f"judged_{place}"))
            if place == stage:
                x = Fade()([x, taken(layers.AveragePooling2D(2)(seen), stage - 1)])
        x = layers.Flatten()(convolved(x, widths[0], "judged_0"))
        return Opponents(generator, keras.Model(rows, layers.Dense(1, name="verdict")(x)))


def style_opponents(
    keras: Any, shape: tuple[int, ...], latent: int, n_classes: int, *, base: int, mapping: int, bounded: bool
) -> Opponents:
    """Return a generator whose images start from one constant and take their styles from noise, and its discriminator.

    The noise goes through dense layers; what comes out says mean and deviation of every channel after every convolution.

    Without the published noise of each place and without mixing.

    Source: Karras, Laine, Aila, A style-based generator architecture for generative adversarial networks, 2019.
    """
    from lossmith.generative._growing_layers import AdaptiveNormalization, LearnedConstant, PixelNormalization
    from lossmith.models.layers import Convolution2D

    if shape[0] != shape[1]:
        raise InvalidInputError(f"network style for images of {shape[0]} x {shape[1]}", expected="square images")
    start, times = doublings(shape[0])
    layers = keras.layers
    inputs, x = noise_inputs(keras, latent, n_classes)
    style = PixelNormalization()(x)
    for _ in range(mapping):
        style = layers.Dense(latent, kernel_initializer="he_normal")(style)
        style = layers.LeakyReLU(negative_slope=SLOPE)(style)
    widths = [base * 2**place for place in reversed(range(times))]

    def styled(x: Any, width: int) -> Any:
        return AdaptiveNormalization()([x, layers.Dense(2 * width)(style)])

    def convolved(x: Any, width: int) -> Any:
        x = Convolution2D(width, 3, padding="same", kernel_initializer="he_normal")(x)
        return styled(layers.LeakyReLU(negative_slope=SLOPE)(x), width)

    x = convolved(styled(LearnedConstant((start, start, widths[0]))(style), widths[0]), widths[0])
    for width in [*widths[1:], base]:
        x = convolved(layers.UpSampling2D(2)(x), width)
    x = Convolution2D(shape[2], 1, activation="tanh" if bounded else None)(x)
    generator = keras.Model(inputs, x)
    inputs, x = row_inputs(keras, shape, n_classes, flat=False)
    for width in reversed(widths):
        x = Convolution2D(width, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = layers.LeakyReLU(negative_slope=SLOPE)(x)
    return Opponents(generator, keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x))))
