"""The catalogue of model families.

`get` reads a name with its configuration, as in `mlp:hidden=64x64,dropout=0.2`, or takes a function that builds a
Keras body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossmith._catalogue import Catalogue
from lossmith._names import parse_name
from lossmith.models._spec import Field, Model
from lossmith.models.conv1d import CONV1D
from lossmith.models.convolutional import CNN, LENET, RESNET
from lossmith.models.custom import from_function
from lossmith.models.mlp import MLP
from lossmith.models.recurrent import GRU, LSTM, SIMPLE_RNN
from lossmith.models.whole import from_factory, takes_nothing

__all__ = ["MODELS", "Field", "Model", "from_factory", "from_function", "get"]

FAMILIES = (
    MLP,
    CNN,
    LENET,
    RESNET,
    CONV1D,
    SIMPLE_RNN,
    GRU,
    LSTM,
)
MODELS: Catalogue[Model] = Catalogue("model", FAMILIES)


def get(model: str | Model | Callable[..., Any]) -> Model:
    """Return the model family for a name with configuration, a record or a function.

    A function of `input_shape` makes a body, to which each loss adds its head; a function without arguments makes a whole
    model, whose head is replaced.

    Raises
    ------
    UnknownNameError
        No such family or field.
    InvalidInputError
        A value that cannot be read.

    Examples
    --------
    >>> get("mlp:hidden=64x32").configuration["hidden"]
    (64, 32)
    """
    if isinstance(model, Model):
        return model
    if callable(model):
        return from_factory(model) if takes_nothing(model) else from_function(model)
    name, values = parse_name(model)
    return MODELS[name].configured(**values)
