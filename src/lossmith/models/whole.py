"""A user's own whole model as a family: its head is replaced by the one that each loss needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lossmith._errors import InvalidInputError, ShapeError
from lossmith._names import format_name
from lossmith.models._spec import Model
from lossmith.training import load_keras

__all__ = ["from_factory", "takes_nothing"]

_BEHIND = ("Activation", "Softmax", "ReLU", "Flatten", "Reshape", "Rescaling", "Dropout", "Identity")


def takes_nothing(function: Callable[..., Any]) -> bool:
    """Return whether a function can be called without arguments, and so makes a whole model.

    Examples
    --------
    >>> takes_nothing(lambda: None), takes_nothing(lambda shape: None)
    (True, False)
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    wanting = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    return not any(p.kind in wanting and p.default is p.empty for p in parameters)


def from_factory(factory: Callable[[], Any], *, name: str | None = None) -> Model:
    """Return a model family for a function that makes a whole Keras model, as it is trained today.

    Use it to compare losses on a model that you already have: its last dense layer, with whatever activation follows, is
    replaced by a dense layer of the width that each loss needs, with the same initialiser and penalties and no
    activation. Everything before is kept; the loss it was compiled with does not matter.

    Parameters
    ----------
    factory : callable
        `factory() -> keras.Model`: one input, one output of shape `(n_samples, units)`, ending in a dense layer.
    name : str, optional
        What to call it; by default the function's name.

    Raises
    ------
    InvalidInputError
        When built: no Keras model, or one that does not end in a dense layer.
    ShapeError
        When built: a model for samples of another shape than the data have.

    Examples
    --------
    >>> from lossmith.training import load_keras
    >>> keras = load_keras()
    >>> def mine():
    ...     return keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1, "sigmoid")])
    >>> network = from_factory(mine).network((2,), 3)
    >>> network.output_shape, network.layers[-1].activation.__name__
    ((None, 3), 'linear')
    """
    label = format_name(name or _label(factory), {})

    def build(input_shape: tuple[int, ...], units: int) -> Any:
        keras = load_keras()
        whole = factory()
        if not isinstance(whole, keras.Model):
            raise InvalidInputError(f"{label} returned {type(whole).__name__}", expected="a keras.Model")
        if len(getattr(whole, "inputs", None) or ()) != 1 or len(whole.outputs) != 1:
            raise InvalidInputError(
                f"{label} returned a model whose graph Keras does not know, or of several inputs or outputs",
                expected="a Sequential or functional model with one input and one output",
                advice="begin a Sequential model with keras.Input, or return a body from a function of input_shape",
            )
        if tuple(whole.inputs[0].shape[1:]) != tuple(input_shape):
            raise ShapeError(
                f"{label} takes samples of shape {tuple(whole.inputs[0].shape[1:])}",
                expected=f"{tuple(input_shape)}, the shape of the encoded data",
                advice="take the shape as an argument instead: a function of input_shape that returns the body",
            )
        head = _head(whole, label, keras)
        body = keras.Model(whole.inputs[0], head.input)
        inputs = keras.Input(input_shape, dtype=whole.inputs[0].dtype)
        config = {key: value for key, value in head.get_config().items() if key in _KEPT}
        last = keras.layers.Dense.from_config({**config, "units": units, "activation": "linear"})
        return keras.Model(inputs, last(body(inputs)))

    return Model(
        name=label, description="a whole model of the user", build=build, fields=(), reference="", inputs="any"
    )


_KEPT = (
    "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint",
)  # fmt: skip


def _label(factory: Callable[[], Any]) -> str:
    given = str(getattr(factory, "__name__", "custom"))
    return given if given.isidentifier() else "custom"


def _head(whole: Any, label: str, keras: Any) -> Any:
    """Return the last dense layer, with nothing but activations behind it."""
    tensor = whole.outputs[0]
    while True:
        layer, node, _ = tensor._keras_history
        if isinstance(layer, keras.layers.Dense):
            return layer
        before = layer._inbound_nodes[node].input_tensors if type(layer).__name__ in _BEHIND else []
        if len(before) != 1:
            raise InvalidInputError(
                f"{label} ends in {type(layer).__name__}",
                expected="a dense layer, perhaps with an activation behind it",
                advice="return the body alone from a function of input_shape",
            )
        tensor = before[0]
