"""What families for images share: the shape of a sample, the two orders of its axes, initialisers, fields."""

from __future__ import annotations

import math
from typing import Any, Literal

from lossmith._errors import ShapeError
from lossmith._names import Value
from lossmith.models._spec import Field
from lossmith.models.mlp import read_activation, read_initializer, read_rate, read_widths

__all__ = [
    "ACTIVATION",
    "AUGMENT",
    "DROPOUT",
    "FORMAT",
    "INITIALIZER",
    "MONOTONE",
    "augmented",
    "channels_last",
    "check_size",
    "initializers",
    "read_size",
    "read_sizes",
]

Order = Literal["auto", "channels_last", "channels_first"]
ORDERS = ("auto", "channels_last", "channels_first")
# activations that decrease nowhere, so that they may follow a maximum instead of being maximised
MONOTONE = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "softplus", "softsign", "tanh", "sigmoid", "hard_sigmoid",
    "hard_tanh", "linear", "exponential", "log_sigmoid", "sparse_plus", "squareplus",
)  # fmt: skip


def read_size(value: Value) -> int:
    """Return a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("a whole number of at least 1")
    return value


def read_sizes(value: Value) -> tuple[int, ...]:
    """Return numbers of filters typed as `32x64`, at least one."""
    widths = read_widths(value)
    if not widths:
        raise ValueError("numbers of filters such as 32x64, at least one")
    return widths


def _read_order(value: Value) -> Order:
    if value not in ORDERS:
        raise ValueError("auto, channels_last or channels_first")
    return value  # type: ignore[return-value]


def _read_augmentation(value: Value) -> tuple[str, ...]:
    from lossmith.models.augmentation import read_augmentation

    return read_augmentation(value)


def augmented(kinds: tuple[str, ...]) -> list[Any]:
    """Return the layers that change training images at random."""
    if not kinds:
        return []
    from lossmith.models.augmentation import augmentation

    return augmentation(kinds)


def _read_initializer(value: Value) -> str:
    return "pytorch" if value == "pytorch" else read_initializer(value)


FORMAT = Field(
    "data_format", "auto", _read_order,
    "order of the axes: channels_last, channels_first, or auto: first where only the first axis has 1 or 3 entries",
)  # fmt: skip
INITIALIZER = Field(
    "initializer", "glorot_uniform", _read_initializer,
    "a Keras initialiser, or pytorch: uniform within one over the root of the fan-in, biases too",
)  # fmt: skip
AUGMENT = Field(
    "augment", (), _read_augmentation,
    "random changes of training images, such as flip+shift: flip, shift, crop, rotate; none",
)  # fmt: skip
ACTIVATION = Field("activation", "relu", read_activation, "a Keras activation")
DROPOUT = Field("dropout", 0.0, read_rate, "share of numbers dropped after each block")


def channels_last(
    keras: Any, input_shape: tuple[int, ...], order: Order, *, name: str
) -> tuple[list[Any], tuple[int, int, int]]:
    """Return layers that bring a sample into (height, width, channels), and that shape.

    Raises
    ------
    ShapeError
        A sample that is no image.
    """
    if len(input_shape) == 2:
        shape = (*input_shape, 1)
        return [keras.Input(input_shape), keras.layers.Reshape(shape)], shape
    if len(input_shape) != 3:
        raise ShapeError(
            f"model {name} for samples of shape {input_shape}",
            expected="(height, width), (height, width, channels) or (channels, height, width)",
            advice="use the model mlp for tables, or reshape the samples",
        )
    first, _, last = input_shape
    if order == "channels_first" or (order == "auto" and first in (1, 3) and last not in (1, 3)):
        return [keras.Input(input_shape), keras.layers.Permute((2, 3, 1))], (*input_shape[1:], first)
    return [keras.Input(input_shape)], (input_shape[0], input_shape[1], last)


def check_size(name: str, size: tuple[int, ...], *, kernel: int, pool: int, what: str) -> None:
    """Raise unless a kernel and a pooling window fit into what is left of an image.

    Raises
    ------
    ShapeError
        The image is too small.
    """
    if min(size) < kernel or min(size) - kernel + 1 < pool:
        raise ShapeError(
            f"model {name}: {what} sees {' x '.join(map(str, size))} values",
            expected=f"at least {kernel + pool - 1} along each axis, for a kernel of {kernel} and windows of {pool}",
            advice="give larger images, fewer filters in the list, a smaller kernel, or padding=same",
        )


def initializers(keras: Any, name: str, fan_in: int) -> dict[str, Any]:
    """Return the options of a layer that set how kernel and bias start."""
    if name != "pytorch":
        return {"kernel_initializer": name}
    bound = 1 / math.sqrt(fan_in)
    # variance 1 / (3 fan_in), the same bound
    kernel = keras.initializers.VarianceScaling(1 / 3, mode="fan_in", distribution="uniform")
    return {"kernel_initializer": kernel, "bias_initializer": keras.initializers.RandomUniform(-bound, bound)}
