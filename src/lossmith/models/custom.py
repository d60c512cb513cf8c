"""A user's own function as a model family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossmith._errors import InvalidInputError
from lossmith._names import format_name
from lossmith.models._spec import Model
from lossmith.training import load_keras

__all__ = ["from_function"]


def from_function(function: Callable[[tuple[int, ...]], Any], *, name: str | None = None) -> Model:
    """Return a model family for a function that builds a Keras body.

    Use it when the catalogue lacks your architecture: the function gets the shape of one sample and returns a Keras
    model without its head; a linear layer with as many units as the loss needs is added.

    Parameters
    ----------
    function : callable
        `function(input_shape) -> keras.Model` with an output of shape `(n_samples, n_features)`.
    name : str, optional
        What to call it; by default the function's name.

    Raises
    ------
    InvalidInputError
        The function does not return a Keras model, or its output is not one vector for each sample.

    Examples
    --------
    >>> from lossmith.training import load_keras
    >>> keras = load_keras()
    >>> def narrow(input_shape):
    ...     return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(4, "tanh")])
    >>> from_function(narrow).network((2,), 3).output_shape
    (None, 3)
    """
    label = format_name(name or str(getattr(function, "__name__", "custom")), {})

    def build(input_shape: tuple[int, ...], units: int) -> Any:
        keras = load_keras()
        body = function(input_shape)
        if not isinstance(body, keras.Model):
            raise InvalidInputError(
                f"{label} returned {type(body).__name__}",
                expected="a keras.Model without a head",
                advice="return keras.Sequential([keras.Input(input_shape), ...])",
            )
        if len(body.output_shape) != 2 or body.output_shape[-1] is None:
            raise InvalidInputError(
                f"{label} has output of shape {body.output_shape}",
                expected="(None, n_features)",
                advice="end the body with a flattening or pooling layer",
            )
        inputs = keras.Input(input_shape)
        return keras.Model(inputs, keras.layers.Dense(units)(body(inputs)))

    return Model(name=label, description="a function of the user", build=build, fields=(), reference="", inputs="any")
