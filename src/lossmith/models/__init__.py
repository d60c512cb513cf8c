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

__all__ = ["MODELS", "Field", "Model", "from_function", "get"]

MODELS: Catalogue[Model] = Catalogue("model", [MLP, CNN, LENET, RESNET, CONV1D])


def get(model: str | Model | Callable[[tuple[int, ...]], Any]) -> Model:
    """Return the model family for a name with configuration, a record or a function.

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
        return from_function(model)
    name, values = parse_name(model)
    return MODELS[name].configured(**values)
