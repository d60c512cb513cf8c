"""The trainer: compiles once for groups of one shape, and trains them stacked or one run after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, Literal, final

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.training._backend import compilation_cache
from lossmith.training._run import Cancelled, Outcome, Progress
from lossmith.training._sequential import Sequential
from lossmith.training._spec import GroupData, GroupResult, Hyper, Part, Procedure, Schedule
from lossmith.training._stacked import Stacked
from lossmith.training._streamed import Streamed
from lossmith.training.checkpoints import Checkpoints
from lossmith.training.execution import (
    Execution,
    check_memory,
    choose_execution,
    free_bytes,
    group_bytes,
    row_bytes,
)

__all__ = ["Cancelled", "Trainer"]

_EXECUTIONS: dict[Execution, type[Stacked] | type[Sequential] | type[Streamed]] = {
    "stacked": Stacked,
    "sequential": Sequential,
    "streamed": Streamed,
}

# share of the memory that rows may take: beyond it they are streamed
MOST_ROWS = 0.5


@final
class Trainer:
    """Trains groups of one shape with functions that are compiled once.

    Use it through `train_groups`, which spreads groups over the cores.

    Parameters
    ----------
    procedure : Procedure
    losses, learning_rates : sequences of length n_configurations
        Index of the loss and learning rate of each configuration of a group.
    schedule : Schedule
    quantities : tuple of str
        Names of what `procedure.step` and `procedure.evaluate` return, the loss first.
    shuffle : bool
        Whether every epoch draws a new order of the rows.
    execution : {"auto", "stacked", "sequential", "streamed"}
        All runs of a group in one program, one run after the other, or all runs with the rows coming from the host in blocks
        of batches; "auto" follows `choose_execution` and streams what does not fit. Numbers agree within rounding.
    room : callable
        Returns the bytes that a group may take, or None where nobody knows: rows of more than half of them are streamed.
    clock : callable
        Returns seconds; only the length of the chunks and `GroupResult.seconds` depend on it.

    Attributes
    ----------
    compilations : int
        Functions compiled so far.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses, models
    >>> from lossmith.training import GradientProcedure, GroupData, Part, Schedule
    >>> from lossmith.training.optimizers import make_optimizer
    >>> network = models.get("mlp:hidden=8").network((1,), 1)
    >>> procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("mse"), losses.get("mae")], [0, 0])
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)
    >>> rows = Part(x[None, :, None], (x[None] ** 2,))
    >>> trainer = Trainer(procedure, [0, 1], [0.01, 0.01], Schedule(epochs=3, batch_size=16))
    >>> result = trainer.train(GroupData(seeds=(0, 1, 2), train=rows, evaluate={"test": rows}))
    >>> result.curves["test_loss"].shape, result.raw["test"].shape
    ((3, 2, 3), (3, 2, 64, 1))
    """

    def __init__(
        self,
        procedure: Procedure,
        losses: Sequence[int],
        learning_rates: Sequence[float],
        schedule: Schedule,
        *,
        quantities: tuple[str, ...] = ("loss",),
        shuffle: bool = True,
        execution: Execution | Literal["auto"] = "auto",
        room: Callable[[], int | None] = free_bytes,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if len(losses) != len(learning_rates) or not len(losses):
            raise InvalidInputError(
                f"{len(losses)} losses and {len(learning_rates)} learning rates",
                expected="one of each for every configuration",
            )
        if execution not in ("auto", *_EXECUTIONS):
            raise InvalidInputError(f"execution={execution!r}", expected="auto, stacked, sequential or streamed")
        self.procedure = procedure
        self.schedule = schedule
        self.quantities = quantities
        self.shuffle = shuffle
        self._chosen: Execution | None = None if execution == "auto" else execution
        self._room = room
        self._clock = clock
        self._hyper = Hyper(np.asarray(losses, np.int32), np.asarray(learning_rates, np.float32))
        self._lock = threading.Lock()
        self._compiled: Stacked | Sequential | Streamed | None = None
        self._signature: Any = None
        self._states: dict[int, Any] = {}

    @property
    def compilations(self) -> int:
        """Functions compiled so far."""
        return 0 if self._compiled is None else self._compiled.compilations

    @property
    def execution(self) -> Execution:
        """How the runs of a group are trained; stacked ones are streamed where memory does not hold their rows."""
        if self._chosen is None:
            model = getattr(self.procedure, "model", None)
            return "stacked" if model is None else choose_execution(model)
        return self._chosen

    def _choose(self, data: GroupData) -> Execution:
        if self._chosen is None:
            chosen = self.execution
            if chosen == "stacked" and (room := self._room()) is not None:
                parts = [data.train, *data.evaluate.values()]
                rows = sum(row_bytes(part) * part.n_rows for part in parts)  # of one seed: stacks of fewer come first
                chosen = "streamed" if rows > MOST_ROWS * room else chosen
            self._chosen = chosen
        return self._chosen

    def _state(self, seed: int) -> Any:
        if seed not in self._states:
            with compilation_cache() if not self._states else nullcontext():
                self._states[seed] = self.procedure.init(seed)
        return self._states[seed]

    def needed(self, data: GroupData) -> int:
        """Return about how many bytes a group takes, before anything is compiled."""
        return group_bytes(self.procedure, self.schedule, data, len(self._hyper.loss), execution=self._choose(data))

    @property
    def footprint(self) -> int | None:
        """Bytes that the compiled program takes, as the compiler says; None where it does not, or before it is compiled."""
        return getattr(self._compiled, "footprint", None)

    def compile(self, data: GroupData) -> None:
        """Compile for groups shaped like `data`; later groups must have the same shape.

        Raises
        ------
        ShapeError
            A group of another shape came before.
        InvalidInputError
            The group does not fit into memory, or the schedule watches a part that is not there.
        """
        self._ready(data)

    def _ready(self, data: GroupData) -> Stacked | Sequential | Streamed:
        with self._lock:
            signature = _signature(data)
            if self._compiled is None:
                check_memory(self.needed(data), len(data.seeds) * len(self._hyper.loss))
                self._compiled = _EXECUTIONS[self._choose(data)](
                    self.procedure,
                    self.schedule,
                    data,
                    self.quantities,
                    self._hyper,
                    self._state,
                    shuffle=self.shuffle,
                )
                self._signature = signature
            elif signature != self._signature:
                raise ShapeError(
                    f"a group of shape {signature}",
                    expected=f"the shape {self._signature} the program was compiled for",
                    advice="make another Trainer for it",
                )
            return self._compiled

    def train(
        self,
        data: GroupData,
        *,
        progress: Progress | None = None,
        cancelled: threading.Event | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> GroupResult:
        """Train one group to the end.

        Parameters
        ----------
        data : GroupData
        progress : callable, optional
            Called as `progress(epochs done, epochs in all)` as training goes on; where runs are trained one after the
            other, the mean over the runs.
        cancelled : threading.Event, optional
            Looked at between chunks (stacked) or batches (sequential).
        checkpoints : Checkpoints, optional
            Keeps runs that are trained one after the other after every epoch, and lets them go on from there.

        Raises
        ------
        Cancelled
            `cancelled` was set.
        """
        compiled = self._ready(data)
        began = self._clock()
        kept = {"checkpoints": checkpoints} if isinstance(compiled, Sequential) else {}
        outcome = compiled.train(
            data, progress=progress, cancelled=cancelled or threading.Event(), clock=self._clock, **kept
        )
        return self._result(data, compiled.names, outcome, self._clock() - began)

    def _result(self, data: GroupData, names: tuple[str, ...], outcome: Outcome, seconds: float) -> GroupResult:
        # an update that overflows in the very last step shows in no loss
        broken = np.zeros(outcome.diverged.shape, bool)
        for value in outcome.weights:
            if np.issubdtype(value.dtype, np.floating):
                broken |= ~np.isfinite(value).reshape(*broken.shape, -1).all(axis=-1)
        return GroupResult(
            seeds=data.seeds,
            curves={
                name: np.ascontiguousarray(np.moveaxis(outcome.curves[..., place], 0, -1))
                for place, name in enumerate(names)
            },
            raw=outcome.raw,
            weights=outcome.weights,
            diverged=np.where(broken & (outcome.diverged == 0), outcome.last_epoch, outcome.diverged),
            best_epoch=outcome.best_epoch if self.schedule.restore_best else outcome.last_epoch,
            last_epoch=outcome.last_epoch,
            seconds=seconds,
        )


def _signature(data: GroupData) -> Any:
    def shape(part: Part) -> Any:
        return (part.inputs.shape, str(part.inputs.dtype), *((t.shape, str(t.dtype)) for t in part.targets))

    return (len(data.seeds), shape(data.train), tuple((name, shape(part)) for name, part in data.evaluate.items()))
