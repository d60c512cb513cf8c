"""Optimisers by Keras name."""

from __future__ import annotations

from typing import Any

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith._names import Value, parse_name
from lossmith.training._backend import load_keras

__all__ = ["make_optimizer", "optimizer_names"]


def optimizer_names() -> tuple[str, ...]:
    """Return the names of Keras's optimisers, in lower case."""
    keras = load_keras()
    found = []
    for name in dir(keras.optimizers):
        kind = getattr(keras.optimizers, name)
        # wrappers around another optimiser cannot be made from a name alone
        if (
            isinstance(kind, type)
            and issubclass(kind, keras.optimizers.Optimizer)
            and name
            not in {
                "Optimizer",
                "LossScaleOptimizer",
            }
        ):
            found.append(name.lower())
    return tuple(sorted(found))


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
    keras = load_keras()
    name, values = parse_name(text)
    if name.lower() not in optimizer_names():
        raise UnknownNameError(f"unknown optimizer {name!r}", advice=did_you_mean(name, optimizer_names()))
    config: dict[str, Value] = {**values}
    if learning_rate is not None:
        config["learning_rate"] = learning_rate
    kind = next(
        getattr(keras.optimizers, candidate) for candidate in dir(keras.optimizers) if candidate.lower() == name.lower()
    )
    try:
        return kind(**config)
    except (TypeError, ValueError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise InvalidInputError(
            f"optimizer {text!r}", expected=f"parameters of keras.optimizers.{kind.__name__}", advice=first_line
        ) from error
