"""What one run does, whether it is stacked with others or trained alone: a step that can freeze, evaluation in blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.training._spec import Batch, GroupData, Hyper, Procedure, Schedule

__all__ = [
    "Cancelled",
    "Layout",
    "Outcome",
    "Progress",
    "batch_layout",
    "block_sizes",
    "curve_names",
    "epoch_orders",
    "evaluate_rows",
    "frozen_step",
]

# progress(epochs done, epochs in all)
Progress = Callable[[int, int], None]

# activations of the widest layer that evaluation keeps at a time, in numbers
EVALUATION_ROOM = 1 << 24


class Cancelled(Exception):
    """Training was asked to stop; groups that had finished are kept.

    Use it to leave a training from its `progress`.
    """


class Outcome(NamedTuple):
    """What an execution hands back; `curves` of shape (n_epochs, n_seeds, n_configurations, n_curves)."""

    curves: np.ndarray
    raw: Mapping[str, np.ndarray]
    weights: tuple[np.ndarray, ...]
    diverged: np.ndarray
    best_epoch: np.ndarray
    last_epoch: np.ndarray


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of an epoch fall into batches.

    Attributes
    ----------
    size : int
        Rows of a full batch.
    full : int
        Number of full batches.
    rest : int
        Rows of the last batch, 0 if they fill the others.
    masked : bool
        Whether the last batch is filled up with rows of weight 0, so that one step serves all batches.
    """

    size: int
    full: int
    rest: int
    masked: bool

    @property
    def steps(self) -> int:
        """Number of equal steps."""
        return self.full + 1 if self.masked else self.full


def batch_layout(n_rows: int, batch_size: int, *, exact: bool) -> Layout:
    """Return the batches of an epoch; `exact` keeps the last one at its own size.

    Examples
    --------
    >>> batch_layout(500, 32, exact=False).steps, batch_layout(500, 32, exact=True).rest
    (16, 20)
    """
    size = min(batch_size, n_rows)
    full, rest = divmod(n_rows, size)
    return Layout(size, full, rest, rest > 0 and not exact)


def epoch_orders(rng: np.random.Generator, n_rows: int, n_epochs: int, *, shuffle: bool = True) -> np.ndarray:
    """Return the order of the rows in each epoch, shape (n_epochs, n_rows); independent of how epochs are chunked."""
    if not shuffle:
        return np.broadcast_to(np.arange(n_rows, dtype=np.int32), (n_epochs, n_rows))
    return np.stack([rng.permutation(n_rows) for _ in range(n_epochs)]).astype(np.int32)


def curve_names(schedule: Schedule, data: GroupData, quantities: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """Return the names of the curves and the place of the watched one.

    Raises
    ------
    InvalidInputError
        The schedule watches a part that is not evaluated.
    """
    parts = [*(["train"] if schedule.watch_training else []), *data.evaluate]
    names = (*quantities, *(f"{part}_{quantity}" for part in parts for quantity in quantities))
    watched = f"{schedule.monitor}_{quantities[0]}"
    if watched in names:
        return names, names.index(watched)
    if schedule.keeps_best:
        raise InvalidInputError(
            f"monitor {schedule.monitor!r}",
            expected=f"a part that is evaluated: {', '.join(parts) or 'there is none'}",
            advice="add the part to GroupData.evaluate, or watch_training=True for the training rows",
        )
    return names, 0


def frozen_step(procedure: Procedure) -> Callable[[Any, Any, Hyper, Batch], tuple[Any, Any, Any]]:
    """Return `step(state, active, hyper, batch) -> (state, active, values)` that changes nothing once a run has stopped.

    A loss that is not finite stops the run before its update, for good.
    """
    import jax
    import jax.numpy as jnp

    def step(state: Any, active: Any, hyper: Hyper, batch: Batch) -> tuple[Any, Any, Any]:
        new, values = procedure.step(state, batch, hyper)
        keep = active & jnp.isfinite(values[0])
        state = jax.tree.map(lambda a, b: jnp.where(keep, a, b), new, state)
        return state, keep, jnp.where(keep, values, 0)

    return step


def block_sizes(n_rows: int, width: int, runs: int) -> tuple[int, int]:
    """Return the number of blocks and the rows of each, so that activations stay within a fixed room.

    Examples
    --------
    >>> block_sizes(500, width=50, runs=45), block_sizes(100_000, width=50, runs=45)
    ((1, 500), (14, 7143))
    """
    most = max(64, EVALUATION_ROOM // (width * runs))
    count = -(-n_rows // most)
    return count, -(-n_rows // count)


def evaluate_rows(procedure: Procedure, state: Any, hyper: Hyper, batch: Batch) -> Any:
    """Return the sums over rows of positive weight, shape (n_quantities,)."""
    import jax.numpy as jnp

    values = procedure.evaluate(state, batch, hyper)
    return jnp.where(batch.weight[:, None] > 0, values, 0).sum(0)
