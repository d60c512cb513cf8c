"""The multilayer perceptron: dense layers of any depth and width."""

from __future__ import annotations

from typing import Any

from lossmith._names import Value
from lossmith.models._spec import Field, Model
from lossmith.training import load_keras

__all__ = ["MLP", "read_activation", "read_flag", "read_initializer", "read_rate", "read_widths"]


def read_widths(value: Value) -> tuple[int, ...]:
    """Return layer widths typed as `64` or `64x32`; `0` means no hidden layer.

    Examples
    --------
    >>> read_widths("64x32"), read_widths(0)
    ((64, 32), ())
    """
    try:
        widths = tuple(int(part) for part in str(value).split("x"))
    except ValueError:
        raise ValueError("layer widths such as 64 or 64x32") from None
    if widths == (0,):
        return ()
    if any(width < 1 for width in widths):
        raise ValueError("layer widths of at least 1, such as 64x32, or 0 for none")
    return widths


def read_rate(value: Value) -> float:
    """Return a share of at least 0 and below 1."""
    if isinstance(value, str | bool) or not 0 <= value < 1:
        raise ValueError("a number in [0, 1)")
    return float(value)


def read_flag(value: Value) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def read_activation(value: Value) -> str:
    """Return the name of a Keras activation."""
    keras = load_keras()
    try:
        keras.activations.get(str(value))
    except ValueError:
        raise ValueError("the name of a Keras activation, such as relu, tanh, gelu or sigmoid") from None
    return str(value)


def read_initializer(value: Value) -> str:
    """Return the name of a Keras initialiser."""
    keras = load_keras()
    try:
        keras.initializers.get(str(value))
    except ValueError:
        raise ValueError("the name of a Keras initialiser, such as he_uniform or glorot_uniform") from None
    return str(value)


def _build(
    input_shape: tuple[int, ...],
    units: int,
    *,
    hidden: tuple[int, ...],
    activation: str,
    initializer: str,
    dropout: float,
    batch_norm: bool,
) -> Any:
    keras = load_keras()
    layers = [keras.Input(input_shape)]
    if len(input_shape) > 1:
        layers.append(keras.layers.Flatten())
    for width in hidden:
        # no bias before batch normalisation: its gradient is identically zero, so that an adaptive optimiser moves it
        # by rounding errors alone
        layers.append(keras.layers.Dense(width, kernel_initializer=initializer, use_bias=not batch_norm))
        if batch_norm:
            layers.append(keras.layers.BatchNormalization())
        layers.append(keras.layers.Activation(activation))
        if dropout:
            layers.append(keras.layers.Dropout(dropout))
    layers.append(keras.layers.Dense(units))
    return keras.Sequential(layers)


MLP = Model(
    name="mlp",
    description="multilayer perceptron: dense layers, an activation after each, a linear head",
    build=_build,
    plain=True,
    fields=(
        Field("hidden", (50,), read_widths, "widths of the hidden layers, such as 64x32; 0 for none"),
        Field("activation", "relu", read_activation, "a Keras activation"),
        Field("initializer", "he_uniform", read_initializer, "a Keras initialiser, for the hidden layers"),
        Field("dropout", 0.0, read_rate, "share of units dropped after each hidden layer"),
        Field("batch_norm", False, read_flag, "batch normalisation before each activation"),
    ),
    reference="Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, 1986",
)
