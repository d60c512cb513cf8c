"""The path that an optimiser takes on a function of a few numbers: to see what it does, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.training._backend import load_keras
from lossmith.training.optimizers import Length, make_optimizer

__all__ = ["optimizer_path"]


def optimizer_path(
    function: Callable[[Any], Any],
    start: Sequence[float] | np.ndarray,
    *,
    optimizer: str = "gradient_descent",
    learning_rate: float = 0.01,
    steps: int = 100,
    schedule: str = "constant",
) -> np.ndarray:
    """Return the points that an optimiser visits from `start`, shape (steps + 1, n_numbers).

    Use it on functions whose shape you know, to compare optimisers and rates; training goes the same way in more
    dimensions. The gradient is JAX's.

    Parameters
    ----------
    function : callable
        `function(point) -> number`, of JAX operations, `point` of shape (n_numbers,).
    start : sequence of float
    optimizer : str
        As in `lossmith.compare`: `momentum`, `adam:beta_1=0.8`, `lbfgs`.
    learning_rate : float
    steps : int
    schedule : str
        What the rate does over these steps.

    Raises
    ------
    InvalidInputError
        No step, or an optimiser or schedule that is unknown.
    ShapeError
        A start that is no vector of numbers.

    Examples
    --------
    >>> path = optimizer_path(lambda x: (x**2).sum(), [5.0], learning_rate=0.1, steps=2)
    >>> [round(float(x), 4) for x in path[:, 0]]
    [5.0, 4.0, 3.2]
    """
    load_keras()
    import jax
    import jax.numpy as jnp
    import keras

    from lossmith.training import schedules

    if steps < 1 or not learning_rate > 0:
        raise InvalidInputError(
            f"{steps} steps at rate {learning_rate}", expected="at least one step and a rate above 0"
        )
    begin = np.asarray(start, np.float32)
    if begin.ndim != 1 or not begin.size:
        raise ShapeError(f"a start of shape {begin.shape}", expected="(n_numbers,)", advice="give a list of numbers")
    length = Length(1, steps)
    made = make_optimizer(optimizer, learning_rate=learning_rate, length=length)
    weight = keras.Variable(begin)
    made.build([weight])
    factors = schedules.get(schedule).over(length)
    rate = next(k for k, variable in enumerate(made.variables) if variable.path.endswith("learning_rate"))
    slots = [jnp.asarray(variable.value) for variable in made.variables]

    def step(carry: Any, _: Any) -> Any:
        point, slots, state = carry
        value, slope = jax.value_and_grad(function)(point)
        slots = list(slots)
        slots[rate] = learning_rate * factors.factor(state)
        if getattr(made, "searches", False):
            (moved,), slots = made.search(slots, [slope], [point], value, lambda found: function(found[0]))
        else:
            (moved,), slots = made.stateless_apply(slots, [slope], [point])
        return (moved, list(slots), factors.after(state, value)), moved

    _, path = jax.lax.scan(step, (jnp.asarray(begin), slots, factors.init()), None, length=steps)
    return np.concatenate([begin[None], np.asarray(path)])
