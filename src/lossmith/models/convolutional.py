"""Convolutional networks for images: the plain one of a published experiment, LeNet, and one with skip connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lossmith._names import Value
from lossmith.models import _images as images
from lossmith.models._spec import Field, Model
from lossmith.models.mlp import read_widths
from lossmith.training import load_keras

__all__ = ["CNN", "LENET", "RESNET"]


def _read_padding(value: Value) -> str:
    if value not in ("valid", "same"):
        raise ValueError("valid or same")
    return str(value)


def _blocks(
    keras: Any,
    size: tuple[int, int, int],
    name: str,
    *,
    filters: tuple[int, ...],
    kernel: int,
    pool: int,
    padding: str,
    activation: str,
    initializer: str,
    dropout: float,
    portable: bool,
) -> tuple[list[Any], int]:
    """Return blocks of convolution, activation, pooling and dropout, and how many numbers they leave."""
    from lossmith.models import layers as own

    found: list[Any] = []
    height, width, channels = size
    for place, width_of_layer in enumerate(filters, start=1):
        grown = kernel - 1 if padding == "same" else 0
        images.check_size(name, (height + grown, width + grown), kernel=kernel, pool=pool, what=f"convolution {place}")
        options = {
            "padding": padding,
            **images.initializers(keras, initializer, kernel * kernel * channels),
            "data_format": "channels_last",
        }
        if pool > 1 and activation in images.MONOTONE and not portable:
            found.append(
                own.PooledConvolution2D(width_of_layer, kernel, pool_size=pool, activation=activation, **options)
            )
        else:
            convolution = keras.layers.Conv2D if portable else own.Convolution2D
            pooling = keras.layers.MaxPooling2D if portable else own.MaxPooling2D
            found.append(convolution(width_of_layer, kernel, activation=activation, **options))
            if pool > 1:
                found.append(pooling(pool, data_format="channels_last"))
        if dropout:
            found.append((keras.layers.Dropout if portable else own.ThriftyDropout)(dropout))
        height, width = ((side + grown - kernel + 1) // pool for side in (height, width))
        channels = width_of_layer
    return found, height * width * channels


def _build_cnn(
    input_shape: tuple[int, ...],
    units: int,
    *,
    filters: tuple[int, ...],
    kernel: int,
    pool: int,
    padding: str,
    hidden: tuple[int, ...],
    activation: str,
    initializer: str,
    dropout: float,
    data_format: Any,
    augment: tuple[str, ...],
    portable: bool = False,
    name: str = "cnn",
) -> Any:
    keras = load_keras()
    first, size = images.channels_last(keras, input_shape, data_format, name=name)
    blocks, left = _blocks(
        keras, size, name, filters=filters, kernel=kernel, pool=pool, padding=padding, activation=activation,
        initializer=initializer, dropout=dropout, portable=portable,
    )  # fmt: skip
    head: list[Any] = [keras.layers.Flatten()]
    for width in hidden:
        head.append(keras.layers.Dense(width, activation=activation, **images.initializers(keras, initializer, left)))
        left = width
    head.append(keras.layers.Dense(units, **images.initializers(keras, initializer, left)))
    # augmentation does nothing to predictions: a file for others goes without
    changes = [] if portable else images.augmented(augment)
    return keras.Sequential([*first, *changes, *blocks, *head])


def _build_lenet(input_shape: tuple[int, ...], units: int, **configuration: Any) -> Any:
    return _build_cnn(input_shape, units, name="lenet", **configuration)


def _build_resnet(
    input_shape: tuple[int, ...],
    units: int,
    *,
    filters: tuple[int, ...],
    blocks: int,
    activation: str,
    data_format: Any,
    augment: tuple[str, ...],
    portable: bool = False,
) -> Any:
    from lossmith.models import layers as own

    keras = load_keras()
    first, _ = images.channels_last(keras, input_shape, data_format, name="resnet")
    kind = keras.layers.Conv2D if portable else own.Convolution2D

    def convolved(values: Any, width: int, kernel: int, stride: int) -> Any:
        # no bias before batch normalisation: its gradient is identically zero
        layer = kind(
            width, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal",
            data_format="channels_last",
        )  # fmt: skip
        return keras.layers.BatchNormalization()(layer(values))

    inputs = first[0]
    values = inputs
    for layer in (*first[1:], *([] if portable else images.augmented(augment))):
        values = layer(values)
    values = keras.layers.Activation(activation)(convolved(values, filters[0], 3, 1))
    for stage, width in enumerate(filters):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            branch = keras.layers.Activation(activation)(convolved(values, width, 3, stride))
            branch = convolved(branch, width, 3, 1)
            if stride > 1 or values.shape[-1] != width:
                values = convolved(values, width, 1, stride)
            values = keras.layers.Activation(activation)(keras.layers.Add()([branch, values]))
    pooled = keras.layers.GlobalAveragePooling2D(data_format="channels_last")(values)
    return keras.Model(inputs, keras.layers.Dense(units)(pooled))


_PLAIN = (
    Field("filters", (32, 64), images.read_sizes, "filters of each convolution, such as 32x64"),
    Field("kernel", 3, images.read_size, "side of the kernels"),
    Field("pool", 2, images.read_size, "side of the pooling windows; 1 for none"),
    Field("padding", "valid", _read_padding, "valid, or same: images keep their size until they are pooled"),
    Field("hidden", (256,), read_widths, "widths of the dense layers before the head, such as 120x84; 0 for none"),
    images.ACTIVATION,
    images.INITIALIZER,
    replace(images.DROPOUT, default=0.5),
    images.FORMAT,
    images.AUGMENT,
)

CNN = Model(
    name="cnn",
    description="convolutions, each with an activation, max pooling and dropout, then dense layers",
    build=_build_cnn,
    fields=_PLAIN,
    execution="sequential",
    inputs="any",
    reference="a project report on CIFAR-10 with KL divergence, 2024; Krizhevsky, Sutskever and Hinton, 2012",
)

_LENET = {"filters": (6, 16), "kernel": 5, "hidden": (120, 84), "dropout": 0.0}
LENET = Model(
    name="lenet",
    description="LeNet with rectifiers and max pooling: two convolutions and two dense layers, 44,426 parameters "
    "for grey images of 28 x 28 pixels and ten classes",
    build=_build_lenet,
    fields=tuple(replace(field, default=_LENET.get(field.name, field.default)) for field in _PLAIN),
    execution="sequential",
    inputs="any",
    reference="LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, 1998",
)

RESNET = Model(
    name="resnet",
    description="residual network: blocks of two convolutions with batch normalisation, each added to its input",
    build=_build_resnet,
    fields=(
        Field(
            "filters", (16, 32, 64), images.read_sizes, "filters of each stage; from the second on images are halved"
        ),
        Field("blocks", 1, images.read_size, "blocks of each stage"),
        images.ACTIVATION,
        images.FORMAT,
        images.AUGMENT,
    ),
    execution="sequential",
    inputs="any",
    reference="He, Zhang, Ren, Sun, Deep residual learning for image recognition, 2016",
)
