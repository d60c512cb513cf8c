"""The record of a classical model: which class of scikit-learn it is, for which task, and the losses it can train with."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith._names import Value, format_name

__all__ = ["Classical", "Face"]

Kind = Literal["regression", "classification", "clustering", "reduction", "density"]


@dataclass(frozen=True, slots=True)
class Face:
    """A model for one kind of task.

    Attributes
    ----------
    home : str
        Module and class, as in `sklearn.linear_model:Ridge`.
    defaults : mapping
        Arguments that differ from those of the class.
    losses : mapping of str to mapping
        Names of losses (those of lossmith's catalogue where it has them) with the arguments that choose them, the default first.
    wrap : callable or None
        `wrap(estimator, values) -> estimator`, for models that are small pipelines; `values` are those of `own`.
    own : mapping
        Arguments of the wrapper with their defaults.
    any_loss : bool
        Whether it trains under every loss of lossmith's catalogue for its task, named as `loss`.
    """

    home: str
    losses: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    wrap: Callable[[Any, Mapping[str, Any]], Any] | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    any_loss: bool = False

    def kind(self) -> type:
        """Return the class, imported when first asked for."""
        module, _, name = self.home.partition(":")
        found: type = getattr(importlib.import_module(module), name)
        return found


@dataclass(frozen=True, slots=True)
class Classical:
    """A classical model by name, with the values that differ from its defaults.

    Attributes
    ----------
    name, description, reference : str
    faces : mapping of str to Face
        By kind: regression, classification, clustering, reduction or density.
    aliases : tuple of str
    values : mapping

    Examples
    --------
    >>> from lossmith.estimators import classical
    >>> model = classical("random_forest:n_estimators=10,max_depth=3")
    >>> model.estimator("binary", seed=0)
    RandomForestClassifier(max_depth=3, n_estimators=10, random_state=0)
    >>> list(classical("hist_gradient_boosting").losses("regression"))
    ['mean_squared_error', 'mean_absolute_error', 'quantile', 'poisson', 'gamma']
    """

    name: str
    description: str
    faces: Mapping[str, Face]
    reference: str
    aliases: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Kinds of task it is made for."""
        return tuple(self.faces)

    def _face(self, task: str) -> Face:
        kind = "classification" if task in ("binary", "multiclass") else task
        if kind not in self.faces:
            raise InvalidInputError(
                f"model {self.name!r} for a {task} task",
                expected="a task of " + ", ".join(self.faces),
                advice="see lossmith.estimators.CLASSICAL",
            )
        return self.faces[kind]

    def fits(self, task: str) -> bool:
        """Return whether it is made for a task."""
        return ("classification" if task in ("binary", "multiclass") else task) in self.faces

    def losses(self, task: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the losses it can train with on a task, the default first."""
        found = self._face(task).losses
        if task == "multiclass":
            # what is one loss for two classes has another name for several
            names = {"binary_crossentropy": "categorical_crossentropy"}
            return {names.get(name, name): values for name, values in found.items() if name != "exponential"}
        return found

    def configured(self, **values: Value) -> Classical:
        """Return this model with other values of its arguments.

        Raises
        ------
        UnknownNameError
            No face of it has such an argument.
        """
        known: dict[str, Any] = {}
        for face in self.faces.values():
            known |= face.kind()().get_params(deep=False) | dict(face.own)
        for name in values:
            if name not in known or name == "random_state":
                raise UnknownNameError(f"model {self.name} has no {name!r}", advice=did_you_mean(name, known))
        return replace(self, values={**self.values, **values})

    def estimator(self, task: str, *, seed: int = 0, loss: str | None = None) -> Any:
        """Return a fresh scikit-learn estimator.

        Parameters
        ----------
        task : {"regression", "binary", "multiclass", "clustering", "reduction", "density"}
        seed : int
            For models that draw at random.
        loss : str, optional
            One of `losses(task)`, with parameters as in `quantile:quantile=0.9`.

        Raises
        ------
        InvalidInputError
            A loss that it does not offer, or a value that the class refuses.
        """
        face = self._face(task)
        chosen = dict(self._loss_arguments(task, loss)) if loss is not None else {}
        given = {**face.defaults, **chosen, **self.values}
        own = {name: given.pop(name, default) for name, default in face.own.items()}
        kind = face.kind()
        accepted = kind().get_params(deep=False)
        given = {name: value for name, value in given.items() if name in accepted}
        if "random_state" in accepted:
            given["random_state"] = seed
        try:
            made = kind(**given)
            if hasattr(made, "_parameter_constraints"):
                made._validate_params()
        except (TypeError, ValueError) as error:
            raise InvalidInputError(
                f"model {self}", expected=f"arguments of {kind.__name__}", advice=str(error).splitlines()[0]
            ) from error
        return made if face.wrap is None else face.wrap(made, own)

    def _loss_arguments(self, task: str, loss: str) -> Mapping[str, Any]:
        from lossmith._names import parse_name

        offered = self.losses(task)
        name, values = parse_name(loss)
        if name not in offered and self._face(task).any_loss:
            return {"loss": loss}
        if name not in offered:
            raise InvalidInputError(
                f"model {self.name!r} does not train with {name!r}", expected="one of " + ", ".join(offered)
            )
        return {**offered[name], **values}

    def __str__(self) -> str:
        return format_name(self.name, dict(self.values))
