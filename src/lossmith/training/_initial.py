"""Initial weights from an explicit seed, without touching any global random state."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.training._layers import layers

__all__ = ["draw_seed", "initial_values"]


def draw_seed(seed: int, purpose: str) -> int:
    """Return a 31-bit seed for one purpose; different purposes give independent streams.

    Examples
    --------
    >>> draw_seed(0, "batches") == draw_seed(0, "batches"), draw_seed(0, "batches") == draw_seed(0, "dropout")
    (True, False)
    """
    sequence = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])
    return int(sequence.generate_state(1)[0] >> 1)


def _initializers(model: Any) -> dict[int, Any]:
    """Map each variable to the initialiser that its layer keeps for it."""
    found: dict[int, Any] = {}
    for layer in layers(model):
        for variable in (*layer._trainable_variables, *layer._non_trainable_variables):
            # Keras calls the initialiser of `recurrent_kernel` recurrent_initializer, that of a depthwise `kernel`
            # depthwise_initializer
            for stem in (variable.name, variable.name.removesuffix("_kernel"), "depthwise"):
                initializer = getattr(layer, f"{stem}_initializer", None)
                if hasattr(initializer, "get_config"):
                    found.setdefault(id(variable), initializer)
                    break
    return found


def initial_values(model: Any, seed: int) -> list[np.ndarray]:
    """Return a fresh value for each of `model.variables`, drawn by the layers' own initialisers.

    Every random initialiser of a trainable variable runs again, with a seed derived from `seed` and the variable's place
    in the model, so that models of one architecture start equal when their seeds are equal. Constant initial values
    (biases, scales) and variables that are not trained (moving statistics, frozen layers) keep the value they have.

    Raises
    ------
    InvalidInputError
        A trainable variable holds different numbers but its layer has no attribute `<name>_initializer`.
    """
    initializers = _initializers(model)
    trainable = {id(variable) for variable in model.trainable_variables}
    values = []
    for place, variable in enumerate(model.variables):
        purpose = f"{place}:{variable.name}"
        if variable.path.endswith("seed_generator_state"):
            values.append(np.array([draw_seed(seed, purpose), 0], dtype=variable.dtype))
            continue
        initializer = initializers.get(id(variable))
        config = {} if initializer is None else initializer.get_config()
        if initializer is not None and id(variable) in trainable and "seed" in config:
            fresh = type(initializer).from_config({**config, "seed": draw_seed(seed, purpose)})
            values.append(np.asarray(fresh(tuple(variable.shape), dtype=variable.dtype)))
            continue
        value = np.asarray(variable.value)
        if id(variable) in trainable and initializer is None and value.size and not np.all(value == value.flat[0]):
            raise InvalidInputError(
                f"variable {variable.path!r} starts with values that no initialiser of its layer explains",
                expected=f"an attribute {variable.name}_initializer on the layer",
                advice="keep the initialiser you pass to add_weight as that attribute, so that every seed can draw anew",
            )
        values.append(value)
    return values
