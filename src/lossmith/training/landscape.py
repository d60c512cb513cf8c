"""The loss around a trained network: along a line, over a plane, and the gradient layer by layer."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import InvalidInputError, ShapeError
from lossmith._views import view
from lossmith.losses import Loss
from lossmith.training._backend import compilation_cache, load_keras
from lossmith.training.gradient import as_numbers

__all__ = ["Landscape", "gradient_norms", "loss_line", "loss_surface"]

MOST_POINTS = 250_000
AT_A_TIME = 32  # points whose activations are in memory together


@dataclass(frozen=True, slots=True)
class Landscape:
    """The mean loss around a network.

    Attributes
    ----------
    loss : str
    first : ndarray of shape (n_first,)
        Steps along the first direction; 0 is the network itself.
    second : ndarray of shape (n_second,)
        Steps along the second one; empty for a line.
    values : ndarray of shape (n_first,) or (n_first, n_second)
        NaN where the loss is not finite.
    here : float
        The loss of the network itself.
    """

    loss: str
    first: np.ndarray
    second: np.ndarray
    values: np.ndarray
    here: float

    @property
    def sharpness(self) -> float:
        """The largest rise of the loss within half of the span."""
        inside = np.abs(self.first) <= np.abs(self.first).max() / 2
        part = self.values[inside]
        if self.second.size:
            part = part[:, np.abs(self.second) <= np.abs(self.second).max() / 2]
        return float(np.nanmax(part) - self.here)

    def table(self) -> pl.DataFrame:
        """Return a line for each point: steps along the directions, and the loss."""
        if not self.second.size:
            return pl.DataFrame({"first": self.first, "loss": self.values})
        first, second = np.meshgrid(self.first, self.second, indexing="ij")
        return pl.DataFrame({"first": first.ravel(), "second": second.ravel(), "loss": self.values.ravel()})

    def plot(self, **options: Any) -> Any:
        """Draw the line or the contours; return the Matplotlib axes."""
        return view(self, "plot", **options)

    def report(self, path: str | os.PathLike[str], **options: Any) -> Any:
        """Write one self-contained HTML page; return the path."""
        return view(self, "report", path=path, **options)

    def to_json(self) -> str:
        """Return everything as strict JSON; what is not finite is null."""

        def plain(values: Any) -> Any:
            if isinstance(values, list):
                return [plain(value) for value in values]
            return values if math.isfinite(values) else None

        found = {"first": self.first, "second": self.second, "values": self.values}
        described = {name: plain(array.tolist()) for name, array in found.items()}
        return json.dumps({"loss": self.loss, "here": plain(self.here), **described}, allow_nan=False)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))

    def __str__(self) -> str:
        return str(view(self, "text"))


def _direction(weights: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Return a random direction, every filter as long as the filter of the network; biases and scales stay."""
    found = []
    for weight in weights:
        drawn = rng.normal(size=weight.shape)
        if weight.ndim < 2:
            found.append(np.zeros(weight.shape, np.float32))
            continue
        axes = tuple(range(weight.ndim - 1))  # the last axis counts the filters
        size = np.sqrt((drawn**2).sum(axis=axes, keepdims=True))
        found.append((drawn / size * np.sqrt((weight**2).sum(axis=axes, keepdims=True))).astype(np.float32))
    return found


def _values(
    network: Any, loss: Loss, inputs: Any, targets: Any, directions: Sequence[Sequence[np.ndarray]], points: np.ndarray
) -> np.ndarray:
    import jax
    import jax.numpy as jnp

    weights = [jnp.asarray(variable.value) for variable in network.trainable_variables]
    other = [jnp.asarray(variable.value) for variable in network.non_trainable_variables]
    given, wanted = jnp.asarray(inputs), jnp.asarray(targets)

    def at(point: Any) -> Any:
        moved = [
            weight + sum(step * direction[place] for step, direction in zip(point, directions, strict=True))
            for place, weight in enumerate(weights)
        ]
        raw, _ = network.stateless_call(moved, other, as_numbers(given), training=False)
        return _mean(loss, raw, wanted, jnp)

    with compilation_cache():
        found = jax.jit(lambda every: jax.lax.map(at, every, batch_size=AT_A_TIME))(points.astype(np.float32))
    values = np.asarray(found, np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _mean(loss: Loss, raw: Any, targets: Any, xp: Any) -> Any:
    return loss.pointwise(raw[:, 0] if loss.head.units == 1 else raw, targets, xp=xp).mean()


def _checked(network: Any, loss: Loss, inputs: Any, targets: Any, n_points: int, span: float) -> None:
    load_keras()
    units = int(network.output_shape[-1])
    if loss.head.units not in ("n_classes", units):
        raise InvalidInputError(
            f"loss {loss} for a network of {units} outputs", expected=f"a network of {loss.head.units} outputs"
        )
    if len(inputs) != len(targets) or not len(inputs):
        raise ShapeError(f"{len(inputs)} rows and {len(targets)} targets", expected="as many of each, at least one")
    if n_points < 3 or not 0 < span < float("inf"):
        raise InvalidInputError(f"{n_points} points over a span of {span}", expected="at least 3 and a span above 0")


def loss_line(
    network: Any,
    loss: Loss,
    inputs: Any,
    targets: Any,
    *,
    to: Sequence[np.ndarray] | None = None,
    n_points: int = 51,
    span: float = 1.0,
    seed: int = 0,
) -> Landscape:
    r"""Return the mean loss along a line through a network, all points in one compiled call.

    Without `to` the line follows a random direction d that is normalised filter by filter,
    $d_{ij} \leftarrow d_{ij} \|w_{ij}\| / \|d_{ij}\|$, so that networks of different scale can be compared.

    Parameters
    ----------
    network : keras.Model
        Ends in raw scores.
    loss : Loss
    inputs : array of shape (n_samples, ...)
    targets : array of shape (n_samples,) or (n_samples, units)
        Rows to average over, targets in the encoding of the loss.
    to : sequence of ndarray, optional
        Trainable weights of another network of this architecture: 1 is there.
    n_points : int
    span : float
        How far the line goes on either side.
    seed : int

    Raises
    ------
    InvalidInputError
        A loss for another number of outputs, or weights of another architecture.

    Examples
    --------
    >>> from lossmith import losses, models
    >>> network = models.get("mlp:hidden=4").network((2,), 1)
    >>> found = loss_line(network, losses.get("mse"), np.ones((5, 2), "f"), np.zeros(5, "f"), n_points=11)
    >>> bool(abs(found.values[5] - found.here) < 1e-6)
    True

    Source: Li, Xu, Taylor, Studer, Goldstein, Visualizing the loss landscape of neural nets, 2018.
    """
    _checked(network, loss, inputs, targets, n_points, span)
    weights = [np.asarray(variable.value) for variable in network.trainable_variables]
    if to is None:
        direction = _direction(weights, np.random.default_rng(seed))
    else:
        if [np.shape(value) for value in to] != [weight.shape for weight in weights]:
            raise ShapeError("weights of another architecture", expected=f"shapes {[w.shape for w in weights]}")
        direction = [np.asarray(value) - weight for value, weight in zip(to, weights, strict=True)]
    steps = np.linspace(-span, span, n_points)
    points = np.concatenate([steps, [0.0]])[:, None]
    values = _values(network, loss, inputs, targets, [direction], points)
    return Landscape(str(loss), steps, np.empty(0), values[:-1], float(values[-1]))


def loss_surface(
    network: Any, loss: Loss, inputs: Any, targets: Any, *, n_points: int = 25, span: float = 1.0, seed: int = 0
) -> Landscape:
    """Return the mean loss over a plane through a network, along two random directions normalised filter by filter.

    Use it to see whether a minimum is flat or sharp.

    All `n_points` squared points are one compiled call.

    Parameters
    ----------
    network, loss, inputs, targets, span, seed
        As in `loss_line`.
    n_points : int
        Along each direction.

    Raises
    ------
    InvalidInputError
        As `loss_line`, or too many points.

    Examples
    --------
    >>> from lossmith import losses, models
    >>> network = models.get("mlp:hidden=4").network((2,), 1)
    >>> loss_surface(network, losses.get("mse"), np.ones((5, 2), "f"), np.zeros(5, "f"), n_points=3).values.shape
    (3, 3)

    Source: Li, Xu, Taylor, Studer, Goldstein, Visualizing the loss landscape of neural nets, 2018.
    """
    _checked(network, loss, inputs, targets, n_points, span)
    if n_points**2 > MOST_POINTS:
        raise InvalidInputError(f"{n_points} x {n_points} points", expected=f"at most {MOST_POINTS:,}")
    weights = [np.asarray(variable.value) for variable in network.trainable_variables]
    rng = np.random.default_rng(seed)
    directions = [_direction(weights, rng), _direction(weights, rng)]
    steps = np.linspace(-span, span, n_points)
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    values = _values(network, loss, inputs, targets, directions, np.concatenate([grid, [[0.0, 0.0]]]))
    return Landscape(str(loss), steps, steps.copy(), values[:-1].reshape(n_points, n_points), float(values[-1]))


def gradient_norms(network: Any, loss: Loss, inputs: Any, targets: Any) -> pl.DataFrame:
    """Return the gradient of the mean loss layer by layer: where it vanishes or explodes on its way back.

    Parameters
    ----------
    network, loss, inputs, targets
        As in `loss_line`.

    Returns
    -------
    polars.DataFrame
        A line for each trainable variable from the input on: its path, its size, the norm of its gradient, and that norm
        over the norm of the variable.

    Examples
    --------
    >>> from lossmith import losses, models
    >>> network = models.get("mlp:hidden=4x4").network((2,), 1)
    >>> gradient_norms(network, losses.get("mse"), np.ones((3, 2), "f"), np.zeros(3, "f")).height
    6
    """
    _checked(network, loss, inputs, targets, 3, 1.0)
    import jax
    import jax.numpy as jnp

    other = [jnp.asarray(variable.value) for variable in network.non_trainable_variables]

    def value(weights: list[Any]) -> Any:
        raw, _ = network.stateless_call(weights, other, as_numbers(jnp.asarray(inputs)), training=False)
        return _mean(loss, raw, jnp.asarray(targets), jnp)

    variables = network.trainable_variables
    slopes = jax.jit(jax.grad(value))([jnp.asarray(variable.value) for variable in variables])
    rows = []
    for variable, slope in zip(variables, slopes, strict=True):
        norm, size = float(jnp.linalg.norm(slope)), float(np.linalg.norm(np.asarray(variable.value)))
        rows.append(
            {
                "variable": variable.path,
                "n_weights": int(np.prod(variable.shape)),
                "gradient": norm,
                "relative": norm / size if size else float("nan"),
            }
        )
    return pl.DataFrame(rows)
