"""The loss of a set-up: whatever `compile` takes, with what is known about it and the code that writes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lossmith._errors import InvalidInputError, did_you_mean
from lossmith.lint._forms import FORMS, LossForm, form_of
from lossmith.losses import Loss, as_keras

__all__ = ["GivenLoss", "resolve_loss"]

_DEFAULTS: Mapping[str, Any] = {
    "from_logits": False,
    "label_smoothing": 0.0,
    "axis": -1,
    "ignore_class": None,
    "apply_class_balancing": False,
    "reduction": "sum_over_batch_size",
}
_SHOWN = ("from_logits", "label_smoothing", "alpha", "beta", "gamma", "delta", "q", "ignore_class", "reduction")


@dataclass(frozen=True, slots=True)
class GivenLoss:
    """A loss of one output.

    Attributes
    ----------
    name : str
        For people.
    object : keras.losses.Loss
    form : LossForm or None
        What Keras's own losses read; None for a loss of lossmith or of the user.
    own : Loss or None
        The record, for a loss of lossmith.
    function : callable or None
        The function of a user's loss.
    settings : mapping
        Parameters in force, such as `from_logits`.
    """

    name: str
    object: Any
    form: LossForm | None = None
    own: Loss | None = None
    function: Callable[..., Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def from_logits(self) -> bool:
        """Whether the loss applies the activation itself."""
        return self.own is not None or bool(self.settings.get("from_logits", False))

    @property
    def outputs(self) -> str:
        """What it reads of the model: see `LossForm.outputs`; empty where nothing is known."""
        if self.own is not None:
            return "raw"
        return self.form.outputs if self.form else ""

    @property
    def by_class(self) -> bool:
        """Whether the last axis of the output runs over classes that exclude each other."""
        if self.own is not None:
            return self.own.head.units == "n_classes"
        return bool(self.form and self.form.by_class)

    def line(self, function: str = "", **changes: Any) -> str:
        """Return the code that makes this loss, with changes, as `loss=...` of `compile`."""
        form = FORMS[function] if function else self.form
        if form is None:
            return f"loss={self.name}"
        kept = {name: self.settings[name] for name in _SHOWN if name in self.settings} if form is self.form else {}
        values = {**kept, **changes}
        shown = [f"{name}={value!r}" for name, value in values.items() if value != _DEFAULTS.get(name, inspect._empty)]
        return f"loss=keras.losses.{form.cls}({', '.join(shown)})"


def resolve_loss(loss: Any, *, n_outputs: int, same_shape: bool) -> GivenLoss:
    """Return what is known about `loss`.

    Parameters
    ----------
    loss : str, keras.losses.Loss, callable or Loss
    n_outputs : int
        Width of the output, by which Keras chooses among the meanings of "crossentropy".
    same_shape : bool
        Whether targets have the shape of the output.

    Raises
    ------
    InvalidInputError
        Keras does not take it as a loss.
    """
    import keras

    if isinstance(loss, Loss):
        return GivenLoss(str(loss), as_keras(loss), own=loss, settings={"reduction": "sum_over_batch_size"})
    found = _by_name(loss, n_outputs=n_outputs, same_shape=same_shape) if isinstance(loss, str) else loss
    if isinstance(found, type):
        raise InvalidInputError(
            f"loss {found.__name__}, a class", expected="an object", advice=f"write {found.__name__}(), with brackets"
        )
    if isinstance(found, Mapping):
        found = _loaded(keras, found)
    if isinstance(found, keras.losses.Loss):
        return _from_object(found)
    if callable(found):
        return _from_function(found, _wrap(keras, found), {"reduction": "sum_over_batch_size"})
    raise InvalidInputError(
        f"loss {type(loss).__name__}",
        expected="the name of a Keras loss, a keras.losses.Loss, a function f(y_true, y_pred) or a lossmith loss",
        advice="pass what model.compile takes",
    )


def _by_name(name: str, *, n_outputs: int, same_shape: bool) -> Any:
    import keras

    if name.lower() in ("crossentropy", "ce"):
        name = "categorical_crossentropy" if same_shape else "sparse_categorical_crossentropy"
        name = "binary_crossentropy" if n_outputs == 1 else name
    try:
        return keras.losses.get(name)
    except (ValueError, TypeError):
        pass
    form = form_of(name)
    if form is not None and hasattr(keras.losses, form.cls):
        # exported, but not in the list of names that Keras reads
        return getattr(keras.losses, form.cls)()
    raise InvalidInputError(
        f"loss {name!r}",
        expected="the name of a Keras loss",
        advice=did_you_mean(name, [*FORMS, *(form.cls for form in FORMS.values())]),
    )


def _loaded(keras: Any, configuration: Mapping[str, Any]) -> Any:
    try:
        return keras.losses.deserialize(dict(configuration))
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInputError(
            "a configuration of a loss that Keras cannot read",
            expected="what keras.losses.serialize gives",
            advice=str(error).strip().splitlines()[0],
        ) from error


def _wrap(keras: Any, function: Callable[..., Any]) -> Any:
    # the wrapper is not exported: Keras's own losses are made from it
    return next(kind for kind in keras.losses.MeanSquaredError.__mro__ if kind.__name__ == "LossFunctionWrapper")(
        function
    )


def _from_object(loss: Any) -> GivenLoss:
    own = getattr(loss, "loss", None)
    reduction = {"reduction": getattr(loss, "reduction", "sum_over_batch_size")}
    if isinstance(own, Loss):
        return GivenLoss(str(own), loss, own=own, settings=reduction)
    settings = {**getattr(loss, "_fn_kwargs", {}), **reduction}
    function = getattr(loss, "fn", None)
    if function is not None:
        return _from_function(function, loss, settings)
    kind = type(loss)
    if kind.__module__.split(".")[0] == "keras":
        form = form_of(kind.__name__)
        settings = {**_attributes(loss), **settings}
        return GivenLoss(form.function if form else kind.__name__, loss, form=form, settings=settings)
    return GivenLoss(kind.__name__, loss, function=loss.call, settings=settings)


def _attributes(loss: Any) -> dict[str, Any]:
    try:
        return dict(loss.get_config())
    except NotImplementedError:
        return {}


def _from_function(function: Callable[..., Any], loss: Any, settings: Mapping[str, Any]) -> GivenLoss:
    name = getattr(function, "__name__", type(function).__name__)
    module = getattr(function, "__module__", "") or ""
    if module.split(".")[0] == "keras":
        form = form_of(name)
        return GivenLoss(name, loss, form=form, settings=settings)
    return GivenLoss("your function" if name == "<lambda>" else name, loss, function=function, settings=settings)
