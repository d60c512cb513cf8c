"""Optimisers by name: those of the catalogue, and every other one of Keras."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith._names import Value, format_name, parse_name
from lossmith.training._backend import load_keras
from lossmith.training._optimizer_records import OPTIMIZERS, OptimizerRecord, known_optimizer

__all__ = [
    "OPTIMIZERS",
    "Length",
    "Optimizer",
    "OptimizerRecord",
    "batches_of",
    "known_optimizer",
    "make_optimizer",
    "optimizer_names",
    "read_optimizer",
]


@dataclass(frozen=True, slots=True)
class Length:
    """How long a training is: what schedules and averages count by.

    Attributes
    ----------
    per_epoch : int
        Steps of an epoch.
    epochs : int
    """

    per_epoch: int = 1
    epochs: int = 1

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.per_epoch * self.epochs


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimiser as it was asked for.

    Attributes
    ----------
    record : OptimizerRecord
    values : mapping
        Parameters that were given, beside those of the record.
    batch_size : int or None
        Rows of a step: a number that was given, 0 for all training rows, None for those of the comparison.
    """

    record: OptimizerRecord
    values: dict[str, Value]
    batch_size: int | None

    def __str__(self) -> str:
        return format_name(self.record.name, self.values)


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


def read_optimizer(text: str) -> Optimizer:
    """Return what `name:key=value,...` asks for; `batch_size=N` (or `full`) is its own.

    Raises
    ------
    UnknownNameError
        Neither the catalogue nor Keras has an optimiser of that name.
    InvalidInputError
        A batch size that is none.

    Examples
    --------
    >>> read_optimizer("sgd:batch_size=1").batch_size, read_optimizer("gd").batch_size, str(read_optimizer("NAG"))
    (1, 0, 'nesterov')
    """
    name, values = parse_name(text)
    if name not in OPTIMIZERS:
        kinds = _kinds()
        if name.lower() not in kinds:
            raise UnknownNameError(
                f"unknown optimizer {name!r}", advice=did_you_mean(name, sorted({*kinds, *OPTIMIZERS}))
            )
    record = known_optimizer(name)
    size = values.get("batch_size", "full" if record.full_batch else None)
    if size == "full":
        batch_size: int | None = 0
    elif size is None:
        batch_size = None
    elif isinstance(size, int) and not isinstance(size, bool) and size >= 1 and not record.full_batch:
        batch_size = size
    else:
        wanted = "full" if record.full_batch else "a whole number of at least 1, or full"
        raise InvalidInputError(f"batch_size={size} of optimizer {record.name}", expected=wanted)
    return Optimizer(record, values, batch_size)


def make_optimizer(text: str, *, learning_rate: float | None = None, length: Length | None = None) -> Any:
    """Return a fresh optimiser for `name:key=value,...`, ready for `GradientProcedure`.

    Parameters
    ----------
    text : str
        A name of the catalogue or of Keras, with parameters.
    learning_rate : float, optional
    length : Length, optional
        Of the training; weight averages begin by it.

    Raises
    ------
    UnknownNameError
        No optimiser of that name.
    InvalidInputError
        A parameter that the optimiser does not take, or a value it refuses.

    Examples
    --------
    >>> make_optimizer("sgd:momentum=0.9").momentum, make_optimizer("nesterov").nesterov
    (0.9, True)
    """
    asked = read_optimizer(text)
    config: dict[str, Any] = {**dict(asked.record.values), **asked.values}
    config.pop("batch_size", None)
    if asked.record.searches:
        from lossmith.training._lbfgs import Lbfgs

        return Lbfgs(**_taken(text, config, Lbfgs.READ))
    start: Any = config.pop("start", None) if asked.record.averages else None
    if learning_rate is not None:
        config["learning_rate"] = learning_rate
    kind = _kinds()[asked.record.kind]
    try:
        made = kind(**config)
    except (TypeError, ValueError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise InvalidInputError(
            f"optimizer {text!r}", expected=f"parameters of keras.optimizers.{kind.__name__}", advice=first_line
        ) from error
    if not asked.record.averages:
        return made
    from lossmith.training._averaging import Averaging

    return Averaging(made, length=length or Length(), start=_share(text, start))


def batches_of(text: str, *, batch_size: int, n_rows: int, epochs: int) -> tuple[int, Length]:
    """Return the rows of a step of an optimiser and the length of a training.

    Examples
    --------
    >>> batches_of("adam", batch_size=32, n_rows=100, epochs=5)
    (32, Length(per_epoch=4, epochs=5))
    >>> batches_of("lbfgs", batch_size=32, n_rows=100, epochs=5)
    (100, Length(per_epoch=1, epochs=5))
    """
    own = read_optimizer(text).batch_size
    size = min((batch_size if own is None else own) or n_rows, n_rows)
    return size, Length(-(-n_rows // size), epochs)


def _taken(text: str, config: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    for name, value in config.items():
        if name not in known:
            raise InvalidInputError(
                f"{name}={value} in optimizer {text!r}",
                expected="a parameter that it takes",
                advice=did_you_mean(name, known),
            )
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInputError(f"{name}={value} in optimizer {text!r}", expected="a whole number of at least 1")
    return config


def _share(text: str, value: Any) -> float:
    if value is None:
        return 0.75
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise InvalidInputError(
            f"start={value} in optimizer {text!r}",
            expected="the share of the training after which it averages, in [0, 1)",
        )
    return float(value)
