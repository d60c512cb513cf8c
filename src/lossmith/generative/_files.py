"""Fitted generative models as one safetensors file each: parameters, and the arrays that they learned."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from lossmith import _tensor_file as tensor_file
from lossmith._errors import InvalidInputError, LossmithError

__all__ = ["FORMAT", "KINDS", "Restorable", "load", "save"]

FORMAT = "lossmith generative 1"
# what a file may name; anything else is refused before it is looked for
KINDS = {
    "autoencoder": ("_autoencoders", "Autoencoder"),
    "vae": ("_autoencoders", "VariationalAutoencoder"),
    "gan": ("_gan", "GenerativeAdversarialNetwork"),
    "cyclegan": ("_cycle_gan", "CycleGAN"),
    "stargan": ("_star_gan", "StarGAN"),
    "progressive": ("_progressive_gan", "ProgressiveGAN"),
}
MOST_ELEMENTS = 2**31


class Restorable(Protocol):
    """What a generative model needs to be saved and loaded."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters."""

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what was learned: plain data, and arrays of numbers."""

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take in what `_state` returned; raise ValueError or KeyError for anything that does not fit."""


def save(model: Restorable, path: tensor_file.PathType) -> None:
    """Write a fitted model to one file, whole or not at all; its folder is made.

    Raises
    ------
    InvalidInputError
        A parameter that a file cannot hold.
    ModelFileError
        The path cannot be written.
    """
    tensor_file.write(to_bytes(model), path)


def to_bytes(model: Restorable) -> bytes:
    """Return the content of the file of a fitted model; equal models give equal bytes."""
    kind = next(kind for kind, (_, name) in KINDS.items() if name == type(model).__name__)
    learned, arrays = model._state()
    given = {}
    for name, value in model.get_params(deep=False).items():
        if name == "random_state" and not isinstance(value, int | None):
            value = None  # a generator has moved on: the file keeps what was learned, not how to learn it again
        given[name] = value.item() if isinstance(value, np.generic) else value
    try:
        return tensor_file.pack({"kind": kind, "parameters": given, "learned": learned}, arrays, format=FORMAT)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"a {kind} with a parameter that a file cannot hold: {error}", expected="texts and finite numbers"
        ) from error


def load(path: tensor_file.PathType) -> Any:
    """Read a generative model that was saved; nothing in the file is ever executed.

    Use it to draw from a generator that was trained before; `path` is a file of its `save`.

    Raises
    ------
    ModelFileError
        The file misses, is damaged, is no generative model of lossmith, or holds anything unexpected.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from lossmith.generative import VariationalAutoencoder, load
    >>> model = VariationalAutoencoder(latent=2, network="dense:hidden=16", epochs=2, random_state=0).fit(load_iris().data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/iris.safetensors")
    ...     again = load(f"{folder}/iris.safetensors")
    >>> bool((again.sample(5, random_state=1) == model.sample(5, random_state=1)).all())
    True
    """
    name = repr(str(path))
    configuration, tensors = tensor_file.read(path, format=FORMAT)
    if configuration.keys() != {"kind", "parameters", "learned"} or str(configuration["kind"]) not in KINDS:
        raise tensor_file.damaged(name, "it names no generative model of lossmith")
    for key, value in tensors.items():
        if value.dtype.kind not in "fiub" or value.size > MOST_ELEMENTS:
            raise tensor_file.damaged(name, f"it holds an unexpected array {key[:40]!r}")
    home, attribute = KINDS[configuration["kind"]]
    kind = getattr(importlib.import_module(f"lossmith.generative.{home}"), attribute)
    try:
        made = kind(**configuration["parameters"])
        made._restore(configuration["learned"], tensors)
    except (LossmithError, KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise tensor_file.damaged(name, f"{type(error).__name__}: {error}") from error
    return made
