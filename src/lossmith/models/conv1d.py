"""Convolutions along one axis: signals and sequences of numbers (a time-delay network)."""

from __future__ import annotations

from typing import Any

from lossmith._errors import ShapeError
from lossmith.models import _images as images
from lossmith.models._spec import Field, Model
from lossmith.models.mlp import read_widths
from lossmith.training import load_keras

__all__ = ["CONV1D"]


def _build(
    input_shape: tuple[int, ...],
    units: int,
    *,
    filters: tuple[int, ...],
    kernel: int,
    dilation: int,
    hidden: tuple[int, ...],
    activation: str,
    dropout: float,
    portable: bool = False,
) -> Any:
    from lossmith.models import layers as own

    keras = load_keras()
    if len(input_shape) > 2:
        raise ShapeError(
            f"model conv1d for samples of shape {input_shape}",
            expected="(length,) or (length, channels)",
            advice="use the model cnn for images",
        )
    layers: list[Any] = [keras.Input(input_shape)]
    if len(input_shape) == 1:
        layers.append(keras.layers.Reshape((*input_shape, 1)))
    convolution = keras.layers.Conv1D if portable else own.Convolution1D
    left, rate = input_shape[0], 1
    for place, width in enumerate(filters, start=1):
        reach = (kernel - 1) * rate + 1
        images.check_size("conv1d", (left,), kernel=reach, pool=1, what=f"convolution {place}")
        layers.append(
            convolution(width, kernel, dilation_rate=rate, activation=activation, data_format="channels_last")
        )
        if dropout:
            layers.append((keras.layers.Dropout if portable else own.ThriftyDropout)(dropout))
        left, rate = left - reach + 1, rate * dilation
    layers.append(keras.layers.GlobalAveragePooling1D(data_format="channels_last"))
    layers += [keras.layers.Dense(width, activation=activation) for width in hidden]
    return keras.Sequential([*layers, keras.layers.Dense(units)])


CONV1D = Model(
    name="conv1d",
    description="convolutions along one axis, averaged over it, then dense layers: for signals and series",
    build=_build,
    fields=(
        Field("filters", (32, 32), images.read_sizes, "filters of each convolution, such as 32x64"),
        Field("kernel", 3, images.read_size, "length of the kernels"),
        Field("dilation", 1, images.read_size, "gaps between kernel places grow by this factor from layer to layer"),
        Field("hidden", (), read_widths, "widths of the dense layers before the head; 0 for none"),
        images.ACTIVATION,
        images.DROPOUT,
    ),
    execution="sequential",
    inputs="any",
    aliases=("tdnn",),
    reference="Waibel et al., Phoneme recognition using time-delay neural networks, 1989",
)
