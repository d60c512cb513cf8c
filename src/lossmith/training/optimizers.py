"""Optimisers by Keras name."""

from __future__ import annotations

import inspect
from typing import Any

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith._names import Value, parse_name
from lossmith.training._backend import load_keras

__all__ = ["make_optimizer", "optimizer_names"]


def optimizer_names() -> tuple[str, ...]:
    """Return the names of Keras's optimisers that a name alone can make, in lower case.

    Examples
    --------
    >>> "adam" in optimizer_names()
    True
    """
    return tuple(sorted(_kinds()))


def _kinds() -> dict[str, type]:
    keras = load_keras()
    kinds = [getattr(keras.optimizers, name) for name in dir(keras.optimizers)]
    return {kind.__name__.lower(): kind for kind in kinds if isinstance(kind, type) and _stands_alone(kind, keras)}


def _stands_alone(kind: type, keras: Any) -> bool:
    base = keras.optimizers.Optimizer
    if not issubclass(kind, base) or kind is base:
        return False
    # wrappers need another optimiser to wrap
    parameters = inspect.signature(kind).parameters.values()
    return all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in parameters)


def make_optimizer(text: str, *, learning_rate: float | None = None) -> Any:
    """Return a fresh Keras optimiser for `name:key=value,...`.

    Raises
    ------
    UnknownNameError
        Keras has no optimiser of that name.
    InvalidInputError
        A parameter that the optimiser does not take, or a value it refuses.

    Examples
    --------
    >>> make_optimizer("sgd:momentum=0.9").momentum
    0.9
    """
    name, values = parse_name(text)
    kinds = _kinds()
    if name.lower() not in kinds:
        raise UnknownNameError(f"unknown optimizer {name!r}", advice=did_you_mean(name, sorted(kinds)))
    kind = kinds[name.lower()]
    config: dict[str, Value] = {**values}
    if learning_rate is not None:
        config["learning_rate"] = learning_rate
    try:
        return kind(**config)
    except (TypeError, ValueError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise InvalidInputError(
            f"optimizer {text!r}", expected=f"parameters of keras.optimizers.{kind.__name__}", advice=first_line
        ) from error
