"""Initial weights from an explicit seed, without touching any global random state.

Drawn one by one, every shape of a weight is a little program to compile; here all draws of a model are one program.
"""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.training._backend import compile_program
from lossmith.training._layers import layers

__all__ = ["build_optimizer", "build_together", "draw_seed", "initial_values"]


class Draw(NamedTuple):
    """One random weight: class and configuration (JSON, without its seed) of its initialiser, shape and data type."""

    kind: Any
    config: str
    shape: tuple[int, ...]
    dtype: str


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


def _draw_of(variable: Any, initializer: Any) -> Draw | None:
    """Return the draw behind a variable, or None where it is not one of Keras's own random initialisers."""
    if initializer is None or not type(initializer).__module__.startswith("keras.") or variable.dtype != "float32":
        return None
    config = initializer.get_config()
    # a generator of seeds moves on with every draw
    if "seed" not in config or not isinstance(getattr(initializer, "seed", None), int):
        return None
    try:
        text = json.dumps({**config, "seed": 0}, sort_keys=True)
    except TypeError:
        return None
    return Draw(type(initializer), text, tuple(variable.shape), variable.dtype)


@functools.lru_cache(maxsize=64)
def _drawing(draws: tuple[Draw, ...]) -> Callable[[np.ndarray], list[Any]]:
    """Return a compiled function from keys, shape (n_draws, 2), to values; the key [seed, 0] is what Keras makes of a seed."""
    import jax

    def drawn(keys: Any) -> list[Any]:
        values = []
        for place, draw in enumerate(draws):
            initializer = draw.kind.from_config(json.loads(draw.config))
            initializer.seed = keys[place]
            values.append(initializer(draw.shape, dtype=draw.dtype))
        return values

    return compile_program(jax.jit(drawn).lower(np.zeros((len(draws), 2), np.uint32)), once=True)


def _drawn(draws: list[Draw], seeds: list[int]) -> list[np.ndarray]:
    if not draws:
        return []
    keys = np.array([[seed, 0] for seed in seeds], np.uint32)
    return [np.asarray(value) for value in _drawing(tuple(draws))(keys)]


def build_together(build: Callable[[], Any]) -> Any:
    """Return `build()`, a Keras model whose variables all come from initialisers, with as little compiling as can be.

    While it is built its variables stand for values to come. Random weights are drawn by the program that draws those
    of every seed later; the others are one program.
    """
    import jax

    built: list[Any] = []
    random: dict[int, tuple[Draw, int]] = {}

    def others() -> list[Any]:
        model = build()
        built.append(model)
        initializers = _initializers(model)
        for place, variable in enumerate(model.variables):
            initializer = initializers.get(id(variable))
            draw = _draw_of(variable, initializer)
            if draw is not None and initializer is not None:
                random[place] = (draw, initializer.seed)
        return [variable.value for place, variable in enumerate(model.variables) if place not in random]

    constants = iter(compile_program(jax.jit(others).lower(), once=True)())
    draws = iter(_drawn([draw for draw, _ in random.values()], [seed for _, seed in random.values()]))
    for place, variable in enumerate(built[0].variables):
        variable.assign(next(draws) if place in random else next(constants))
    return built[0]


def build_optimizer(optimizer: Any, weights: list[Any]) -> None:
    """Build the optimiser for these variables; its own start as one program where it is one of Keras's."""
    import jax

    if optimizer.built or not type(optimizer).__module__.startswith("keras."):
        optimizer.build(weights)
        return
    there = len(optimizer.variables)

    def start() -> list[Any]:
        optimizer.build(weights)
        return [variable.value for variable in optimizer.variables[there:]]

    values = compile_program(jax.jit(start).lower(), once=True)()
    for variable, value in zip(optimizer.variables[there:], values, strict=True):
        variable.assign(value)


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
    values: list[np.ndarray] = []
    drawn: dict[int, tuple[Draw, int]] = {}
    for place, variable in enumerate(model.variables):
        purpose = f"{place}:{variable.name}"
        if variable.path.endswith("seed_generator_state"):
            values.append(np.array([draw_seed(seed, purpose), 0], dtype=variable.dtype))
            continue
        initializer = initializers.get(id(variable))
        config = {} if initializer is None else initializer.get_config()
        draw = _draw_of(variable, initializer)
        if draw is not None and id(variable) in trainable:
            drawn[place] = (draw, draw_seed(seed, purpose))
            values.append(np.empty(0))  # filled below
            continue
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
    fresh_values = _drawn([draw for draw, _ in drawn.values()], [number for _, number in drawn.values()])
    for place, fresh_value in zip(drawn, fresh_values, strict=True):
        values[place] = fresh_value
    return values
