"""A run that is trained alone, between two epochs: what has to be kept to go on bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lossmith.training._run import Outcome
from lossmith.training.checkpoints import Checkpoints

__all__ = ["Begun", "Unfinished"]


class Begun(NamedTuple):
    """Where a run stands; `epoch` 0 is its start."""

    epoch: int
    state: Any
    best: Any
    best_value: Any
    best_epoch: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Keeps one run of a group after every epoch, and finds it again.

    Attributes
    ----------
    checkpoints : Checkpoints or None
        None keeps nothing.
    place : (int, int)
        Seed and configuration within the group.
    restore_best : bool
        Whether the weights of the best epoch belong to the state.
    """

    checkpoints: Checkpoints | None
    place: tuple[int, int]
    restore_best: bool

    @property
    def key(self) -> str:
        """Name of the run among those of its group."""
        return f"{self.place[0]}-{self.place[1]}"

    def load(self, state: Any, outcome: Outcome) -> Begun:
        """Return where the run stands, and write what is known of it into `outcome`; `state` is its start."""
        import jax

        fresh = Begun(0, state, state, np.float32(np.inf), 0, ended=False)
        kept = None if self.checkpoints is None else self.checkpoints.load(self.key)
        if kept is None:
            return fresh
        leaves, shape = jax.tree.flatten(state)
        states = [[kept.get(f"{name}/{n:04d}") for n in range(len(leaves))] for name in ("state", "best")]
        wanted = states if self.restore_best else states[:1]
        curves = kept.get("curves")
        fits = (
            curves is not None and curves.shape[1:] == outcome.curves.shape[3:] and len(curves) <= len(outcome.curves)
        )
        for found in wanted:
            fits = fits and all(
                one is not None and one.shape == leaf.shape and one.dtype == leaf.dtype
                for one, leaf in zip(found, leaves, strict=True)
            )
        if not fits or curves is None:
            return fresh  # of another version or another plan
        epoch = len(curves)
        outcome.curves[(slice(0, epoch), *self.place)] = curves
        outcome.last_epoch[self.place] = epoch
        outcome.diverged[self.place] = int(kept["diverged"])
        best = jax.tree.unflatten(shape, states[1]) if self.restore_best else None
        return Begun(
            epoch,
            jax.tree.unflatten(shape, states[0]),
            best,
            np.float32(kept["best_value"]),
            int(kept["best_epoch"]),
            ended=bool(kept["ended"]),
        )

    def save(
        self, epoch: int, state: Any, best: Any, record: tuple[Any, int], outcome: Outcome, *, ended: bool
    ) -> None:
        """Keep the run after an epoch; `record` is value and number of the best one."""
        if self.checkpoints is None:
            return
        import jax

        arrays = {f"state/{n:04d}": np.asarray(leaf) for n, leaf in enumerate(jax.tree.leaves(state))}
        if self.restore_best:
            arrays |= {f"best/{n:04d}": np.asarray(leaf) for n, leaf in enumerate(jax.tree.leaves(best))}
        arrays |= {
            "curves": outcome.curves[(slice(0, epoch), *self.place)],
            "diverged": np.asarray(outcome.diverged[self.place]),
            "best_value": np.asarray(record[0], np.float32),
            "best_epoch": np.asarray(record[1], np.int32),
            "ended": np.asarray(ended, np.uint8),
        }
        self.checkpoints.save(self.key, arrays)
