"""Keras on whichever backend it runs, models from files and factories, and what a model was compiled with."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

from lossmith._errors import InvalidInputError, ModelFileError
from lossmith.lint._keras_file import check_keras_file

__all__ = ["any_keras", "compiled_loss", "compiled_metrics", "open_model"]


def any_keras() -> Any:
    """Import Keras on the backend that the user chose, on JAX where nothing was said."""
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    return keras


def open_model(model: Any, keras: Any) -> Any:
    """Return a model for a model, a file or a function that makes one.

    Raises
    ------
    ModelFileError
        The file is missing, damaged, or needs code that safe mode does not run.
    InvalidInputError
        The function returns something else.
    """
    if isinstance(model, keras.Model):
        return model
    if isinstance(model, str | os.PathLike):
        return _from_file(Path(model), keras)
    if callable(model):
        made = model()
        if isinstance(made, keras.Model):
            return made
        raise InvalidInputError(
            f"{getattr(model, '__name__', 'the function')} returned {type(made).__name__}", expected="a keras.Model"
        )
    raise InvalidInputError(
        f"a model of type {type(model).__name__}",
        expected="a keras.Model, a .keras file or a function that returns a model",
        advice="for another library, lint the same set-up in Keras",
    )


def _from_file(path: Path, keras: Any) -> Any:
    if not path.is_file():
        raise ModelFileError(f"no file {str(path)!r}", expected="a .keras file", advice="write it with model.save")
    if path.suffix != ".keras":
        raise ModelFileError(
            f"{str(path)!r}", expected="a .keras file", advice="other formats may run code when opened: save as .keras"
        )
    from lossmith import losses

    losses.get("mse").as_keras()  # registers the class by which losses of lossmith are found again
    check_keras_file(path, keras)
    try:
        with warnings.catch_warnings():
            # the optimiser of a model that was never trained has no state, which Keras warns about
            warnings.simplefilter("ignore")
            return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # a damaged file may raise anything
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelFileError(
            f"{str(path)!r} cannot be opened ({' '.join(first.split())[:200]})",
            expected="a model of Keras's own layers",
            advice="for layers or losses of your own, lint the model object or a factory",
        ) from error


def compiled_loss(model: Any) -> Any:
    """Return the loss that a model was compiled with.

    Raises
    ------
    InvalidInputError
        It was not compiled, or without a loss.
    """
    loss = getattr(model, "loss", None) if getattr(model, "compiled", False) else None
    if loss is None:
        raise InvalidInputError(
            f"model {model.name!r} without a loss", expected="a compiled model or loss=...", advice='pass loss="..."'
        )
    return loss


def compiled_metrics(model: Any) -> Any:
    """Return the metrics that a model was compiled with, as they were given; None where there are none."""
    if not getattr(model, "compiled", False):
        return None
    found = []
    for attribute in ("_user_metrics", "_user_weighted_metrics"):
        given = getattr(getattr(model, "_compile_metrics", None), attribute, None)
        if isinstance(given, dict):
            return given
        found += list(given) if isinstance(given, list | tuple) else [given] if given is not None else []
    return found or None
