"""Fitted estimators of lossmith as one safetensors file each: their parameters, and the arrays that they learned."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from lossmith import _tensor_file as tensor_file
from lossmith._errors import InvalidInputError, LossmithError

__all__ = ["FORMAT", "Restorable", "labels_from", "labels_of", "load", "save"]

FORMAT = "lossmith estimator 1"
# what a file may name; anything else is refused before it is looked for
KINDS = {
    "RBFNetworkClassifier": "_rbf",
    "RBFNetworkRegressor": "_rbf",
    "SelfOrganizingMap": "_som",
}


class Restorable(Protocol):
    """What an estimator needs to be saved and loaded."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters."""

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what was learned: plain data, and arrays of numbers."""

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take in what `_state` returned; raise ValueError or KeyError for anything that does not fit."""


def save(estimator: Restorable, path: tensor_file.PathType) -> None:
    """Write a fitted estimator of lossmith to one file, whole or not at all; its folder is made.

    Raises
    ------
    InvalidInputError
        A parameter that a file cannot hold, such as a function.
    NotFittedError
        It has not been fitted.
    ModelFileError
        The path cannot be written.
    """
    tensor_file.write(to_bytes(estimator), path)


def to_bytes(estimator: Restorable) -> bytes:
    """Return the content of the file of a fitted estimator; equal estimators give equal bytes."""
    kind = type(estimator).__name__
    learned, arrays = estimator._state()
    given: dict[str, Any] = {}
    tensors = {f"learned/{name}": value for name, value in arrays.items()}
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, np.ndarray | list | tuple) and np.asarray(value).dtype.kind in "fiub":
            tensors[f"parameter/{name}"] = np.asarray(value, dtype=np.float64)
        elif name == "random_state" and not isinstance(value, int | None):
            given[name] = None  # a generator has moved on: the file keeps what was learned, not how to learn it again
        elif hasattr(value, "to_json"):
            given[name] = str(value)
        else:
            given[name] = value.item() if isinstance(value, np.generic) else value
    try:
        return tensor_file.pack({"kind": kind, "parameters": given, "learned": learned}, tensors, format=FORMAT)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{kind} with a parameter that a file cannot hold: {error}",
            expected="texts, numbers and arrays as parameters, finite numbers learned",
        ) from error


def load(path: tensor_file.PathType) -> Any:
    """Read an estimator that `save` wrote; nothing in the file is ever executed.

    Use it to have back what was fitted before; `path` is a file of `save`.

    Raises
    ------
    ModelFileError
        The file misses, is damaged, is no estimator of lossmith, or holds anything unexpected.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from lossmith.estimators import RBFNetworkRegressor, load
    >>> x = np.linspace(0, 6, 100)[:, None]
    >>> model = RBFNetworkRegressor(random_state=0).fit(x, np.sin(x[:, 0]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/sine.safetensors")
    ...     again = load(f"{folder}/sine.safetensors")
    >>> bool((again.predict(x) == model.predict(x)).all())
    True
    """
    configuration, tensors = tensor_file.read(path, format=FORMAT)
    return restored(configuration, tensors, name=repr(str(path)))


def restored(configuration: Mapping[str, Any], tensors: Mapping[str, np.ndarray], *, name: str) -> Any:
    """Return the estimator that a configuration and arrays describe."""
    if configuration.keys() != {"kind", "parameters", "learned"} or str(configuration["kind"]) not in KINDS:
        raise tensor_file.damaged(name, "it names no estimator of lossmith")
    home = importlib.import_module(f"lossmith.estimators.{KINDS[configuration['kind']]}")
    kind = getattr(home, configuration["kind"])
    parts: dict[str, dict[str, np.ndarray]] = {"learned": {}, "parameter": {}}
    for key, value in tensors.items():
        group, _, rest = key.partition("/")
        if (
            group not in parts
            or value.dtype.kind not in "fiub"
            or (value.dtype.kind == "f" and group == "parameter" and not np.isfinite(value).all())
        ):
            raise tensor_file.damaged(name, f"it holds an unexpected array {key[:40]!r}")
        parts[group][rest] = value
    try:
        made = kind(**configuration["parameters"], **parts["parameter"])
        made._restore(configuration["learned"], parts["learned"])
    except (LossmithError, KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise tensor_file.damaged(name, f"{type(error).__name__}: {error}") from error
    return made


def labels_of(classes: np.ndarray) -> list[Any]:
    """Return class labels as JSON holds them, with their type first."""
    return [classes.dtype.str if classes.dtype.kind in "iufb" else "text", *classes.tolist()]


def labels_from(value: list[Any]) -> np.ndarray:
    """Return the class labels that `labels_of` described."""
    kind, *labels = value
    if kind == "text":
        if not all(isinstance(label, str) for label in labels):
            raise ValueError("class labels that are neither texts nor numbers")
        return np.array(labels)
    dtype = np.dtype(str(kind))
    if dtype.kind not in "iufb":
        raise ValueError(f"class labels of type {dtype}")
    return np.array(labels, dtype=dtype)
