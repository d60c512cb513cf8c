"""Checks of the loss object itself: what survives saving, what it does with its parameters, which argument it reads first."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from lossmith._checks import Finding
from lossmith.lint._forms import FORMS
from lossmith.lint._gradients import pointwise
from lossmith.lint._setup import Setup
from lossmith.lint.checks import CHECKS

__all__ = ["LIBRARY", "arguments_swapped", "lost_on_save", "not_as_documented"]

_PREDICTION_NAMES = {
    "logits", "log_predictions", "output", "outputs", "pred", "preds", "predicted", "prediction", "predictions", "scores", "y_hat", "y_pred", "yhat",
}  # fmt: skip
_TARGET_NAMES = {"label", "labels", "target", "targets", "true", "truth", "y", "y_true"}
_ASYMMETRIC = (
    "kl_divergence",
    "binary_crossentropy",
    "categorical_crossentropy",
    "poisson",
    "mean_absolute_percentage_error",
)


def arguments_swapped(setup: Setup) -> Finding | None:
    """LS207: a function of the user that takes the prediction first, by its names or by what it computes."""
    function, check = setup.loss.function, CHECKS["LS207"]
    if function is None:
        return None
    names = _argument_names(function)
    correct = f"def {_identifier(setup.loss.name)}(y_true, y_pred):"
    first, second = (*(name.lower() for name in names), "", "")[:2]
    if first in _PREDICTION_NAMES and second not in _PREDICTION_NAMES:
        wanted = f"loss=lambda y_true, y_pred: {_identifier(setup.loss.name)}(y_pred, y_true)"
        shown = f"{setup.loss.name}({', '.join(names[:2])})"
        seen = f"argument 1 of {shown} is the prediction; Keras passes the target there"
        return check.found(setup.name, seen, command=wanted if second in _TARGET_NAMES else correct)
    found = _swapped_twin(setup)
    if found is None:
        return None
    name, theirs, swapped = found
    seen = f"the values are those of {name} with target and output exchanged: {swapped:.4g}, and {theirs:.4g} the right way round"
    return check.found(setup.name, seen, command=f"return keras.losses.{name}(y_true, y_pred)")


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "loss"


def _argument_names(function: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in kinds]


def _swapped_twin(setup: Setup) -> tuple[str, float, float] | None:
    """Return a loss of Keras that equals this one only with its arguments exchanged, with both means."""
    import keras

    if setup.value is None or setup.target.shape != setup.output.shape or "reverse" in setup.loss.name.lower():
        return None
    mine = np.asarray(setup.value)
    for name in _ASYMMETRIC:
        twin = getattr(keras.losses, FORMS[name].cls)(reduction=None)
        theirs = _value(twin, setup.target, setup.output)
        swapped = _value(twin, setup.output.astype(np.float32), setup.target.astype(np.float32))
        if theirs is None or swapped is None:
            continue
        if theirs.shape != mine.shape and mine.ndim == 0:
            theirs, swapped = theirs.mean(), swapped.mean()
        if np.shape(swapped) != mine.shape or not np.isfinite(swapped).all():
            continue
        if np.allclose(mine, swapped, rtol=1e-4, atol=1e-6) and not np.allclose(mine, theirs, rtol=1e-3, atol=1e-5):
            return name, float(np.mean(theirs)), float(np.mean(swapped))
    return None


def _value(loss: Any, target: np.ndarray, output: np.ndarray) -> np.ndarray | None:
    """Return the values of a loss, None where it does not take such arrays."""
    try:
        return pointwise(loss, target, output)
    except Exception:  # Keras raises whatever its backend does
        return None


def lost_on_save(setup: Setup) -> Finding | None:
    """LS226: a loss that is another one after saving and loading."""
    import keras

    given = setup.loss
    if given.function is not None:
        return None  # a function of the user is loaded with custom_objects, which the user knows
    check = CHECKS["LS226"]
    before = dict(getattr(given.object, "_fn_kwargs", {}))
    try:
        again = keras.losses.deserialize(keras.losses.serialize(given.object))
    except Exception as error:  # whatever Keras says when it cannot
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        return check.found(
            setup.name, f"{given.name} cannot be loaded: {' '.join(first.split())[:150]}", command=_own(setup)
        )
    after = dict(getattr(again, "_fn_kwargs", {})) if hasattr(again, "_fn_kwargs") else before
    lost = {name: (value, after.get(name)) for name, value in before.items() if after.get(name) != value}
    if not lost:
        return None
    said = ", ".join(f"{name}={old!r} becomes {new!r}" for name, (old, new) in lost.items())
    seen = f"after saving and loading {said}"
    old, new = (_value(loss, setup.target, setup.output) for loss in (given.object, again))
    if old is not None and new is not None:
        seen += f"; the loss of the sampled rows goes from {old.mean():.4g} to {new.mean():.4g}"
    return check.found(setup.name, seen, command=_own(setup))


def _own(setup: Setup) -> str:
    form = setup.loss.form
    if form is not None and form.function == "huber":
        return f'loss=lossmith.losses.get("huber:delta={setup.loss.settings.get("delta", 1.0):g}").as_keras()'
    return f"model.compile(..., {setup.loss.line()})  # again after loading"


def not_as_documented(setup: Setup) -> Finding | None:
    """LS227: a Tversky loss whose alpha and beta do the opposite of what their documentation says."""
    form, settings = setup.loss.form, setup.loss.settings
    if form is None or form.function != "tversky":
        return None
    alpha, beta = float(settings.get("alpha", 0.5)), float(settings.get("beta", 0.5))
    if alpha == beta:
        return None
    half, full, one = np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]]), np.array([[1.0, 1.0]])
    false_positive = float(pointwise(setup.loss.object, half, full).mean())
    false_negative = float(pointwise(setup.loss.object, one, half).mean())
    if (false_positive > false_negative) == (alpha > beta):
        return None
    seen = f"alpha={alpha:g} should weigh false positives: one costs {false_positive:.3g}, a false negative (beta={beta:g}) {false_negative:.3g}"
    return CHECKS["LS227"].found(setup.name, seen, command=setup.loss.line(alpha=beta, beta=alpha))


LIBRARY = (arguments_swapped, lost_on_save, not_as_documented)
