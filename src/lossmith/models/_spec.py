"""The record of a model family: a configuration, a builder of a Keras body and the procedure that trains it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lossmith._errors import InvalidInputError, ShapeError, UnknownNameError, did_you_mean
from lossmith._names import Value, format_name
from lossmith.training._backend import compilation_cache, undisturbed_random
from lossmith.training._initial import build_together

__all__ = ["Field", "Model"]


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a model's configuration.

    Attributes
    ----------
    name : str
    default : object
        As `build` takes it.
    read : callable
        `read(value)` turns a typed value into what `build` takes, or raises ValueError with what it expected.
    meaning : str
        What it is and how to write it, in one line.
    """

    name: str
    default: Any
    read: Callable[[Value], Any]
    meaning: str


@dataclass(frozen=True, slots=True)
class Model:
    """A family of models with the values of its configuration.

    Attributes
    ----------
    name : str
    description : str
    build : callable
        `build(input_shape, units, **configuration) -> keras.Model`: built, ending in raw scores of width `units`.
    fields : tuple of Field
    reference : str
        Author, title, year; empty for a user's function.
    procedure : {"gradient"}
        How it is trained.
    execution : {"stacked", "sequential"}
        Which is usually faster on a CPU; the trainer looks at the network itself (`training.choose_execution`).
    inputs : {"vector", "any"}
        What shape of sample it takes: "vector" flattens whatever comes.
    aliases : tuple of str
        Other names in the catalogue.
    plain : bool
        Whether `build` only makes layers of Keras whose variables come from their initialisers: such a network is
        made with less to compile.
    values : mapping
        Values that differ from the defaults.

    Examples
    --------
    >>> from lossmith import models
    >>> str(models.get("mlp:hidden=64x64,dropout=0.2"))
    'mlp:hidden=64x64,dropout=0.2'
    """

    name: str
    description: str
    build: Callable[..., Any]
    fields: tuple[Field, ...]
    reference: str
    procedure: Literal["gradient"] = "gradient"
    execution: Literal["stacked", "sequential"] = "stacked"
    inputs: Literal["vector", "any"] = "vector"
    aliases: tuple[str, ...] = ()
    plain: bool = False
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def configuration(self) -> dict[str, Any]:
        """Every field with the value in force, as `build` takes it."""
        return {
            entry.name: entry.read(self.values[entry.name]) if entry.name in self.values else entry.default
            for entry in self.fields
        }

    def configured(self, **values: Value) -> Model:
        """Return this family with other values.

        Raises
        ------
        UnknownNameError
            No such field.
        InvalidInputError
            A value that cannot be read.
        """
        known = {entry.name: entry for entry in self.fields}
        for name, value in values.items():
            if name not in known:
                raise UnknownNameError(f"model {self.name} has no {name!r}", advice=did_you_mean(name, known))
            try:
                known[name].read(value)
            except ValueError as error:
                raise InvalidInputError(
                    f"{name}={value} of model {self.name}", expected=str(error), advice=known[name].meaning
                ) from error
        return replace(self, values={**self.values, **values})

    def network(
        self, input_shape: tuple[int, ...], units: int, *, initialized: bool = True, portable: bool = False
    ) -> Any:
        """Return a built `keras.Model` that ends in raw scores; global random states are left as they were.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one sample, without the batch axis.
        units : int
            Width of the raw output.
        initialized : bool
            Whether its variables get values; without, build it in a `keras.StatelessScope` of your own.
        portable : bool
            Of layers that Keras itself has, for files that are read without lossmith; the variables are the same.

        Raises
        ------
        ShapeError
            A shape without entries, or a size below 1.
        """
        if not input_shape or min(input_shape) < 1 or units < 1:
            raise ShapeError(
                f"a network for samples of shape {input_shape} with {units} outputs",
                expected="at least one axis, sizes of at least 1",
                advice="give the shape of one sample, such as (n_features,)",
            )
        # drawing the values of the variables compiles little functions
        with undisturbed_random(), compilation_cache():
            options = {"portable": True} if portable and self.execution == "sequential" else {}
            if self.plain and initialized:
                return build_together(lambda: self.build(input_shape, units, **self.configuration, **options))
            return self.build(input_shape, units, **self.configuration, **options)

    def __str__(self) -> str:
        return format_name(self.name, dict(self.values))
