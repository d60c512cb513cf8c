"""What the layers of a Keras model tell: whether rows stay apart, how wide they are, whether they convolve."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

__all__ = ["compute_in", "convolves", "keeps_rows_apart", "layers", "widest"]


def layers(model: Any) -> Iterator[Any]:
    """Yield the model and every layer within it."""
    yield model
    yield from model._flatten_layers(include_self=False, recursive=True)


def compute_in(model: Any, precision: str) -> None:
    """Let the layers of a model compute in half precision, but for the last: variables and raw outputs stay in single.

    Parameters
    ----------
    model : keras.Model
    precision : {"bfloat16", "float16"}
    """
    import keras

    policy = keras.dtype_policies.DTypePolicy(f"mixed_{precision}")
    last = {id(output._keras_history.operation) for output in model.outputs}
    for layer in layers(model):
        if id(layer) not in last and layer is not model:
            layer.dtype_policy = policy


def keeps_rows_apart(model: Any) -> bool:
    """Return whether the output and penalties of a row are certain not to depend on the other rows of its batch.

    Only what is certain counts: built-in layers without batch statistics, random numbers or penalties of activations.
    """
    if model.non_trainable_variables:
        return False
    for layer in layers(model):
        built_in = type(layer).__module__.startswith("keras.")
        if not built_in or type(layer).__name__ == "Lambda" or getattr(layer, "activity_regularizer", None) is not None:
            return False
        # free operations of a functional model, such as a mean over the batch
        if any(not hasattr(operation, "_flatten_layers") for operation in getattr(layer, "operations", ())):
            return False
    return True


def widest(model: Any) -> int:
    """Return the number of activations for each row in the widest layer.

    A layer that needs more room than its output says so by an attribute `room`.
    """
    found = 1
    for layer in layers(model):
        found = max(found, int(getattr(layer, "room", 0)))
        try:
            shapes = _shapes(layer.output)
        except AttributeError:
            # a layer that was never called, or called more than once, has no output of its own
            continue
        for shape in shapes:
            found = max(found, math.prod(size or 1 for size in shape[1:]))
    return found


def _shapes(output: Any) -> list[tuple[int | None, ...]]:
    if hasattr(output, "shape"):
        return [tuple(output.shape)]
    values = output.values() if isinstance(output, dict) else output
    return [shape for value in values for shape in _shapes(value)]


def convolves(model: Any) -> bool:
    """Return whether a layer of the model convolves."""
    return any("Conv" in kind.__name__ for layer in layers(model) for kind in type(layer).__mro__)
