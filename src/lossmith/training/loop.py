"""Train groups of runs: compile once, run in chunks of about half a second, one thread per core."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, final

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.training._backend import compilation_cache, worker_count
from lossmith.training._initial import draw_seed
from lossmith.training._program import Carry, Program, build_program, epoch_orders
from lossmith.training._spec import GroupData, GroupResult, Hyper, Part, Procedure, Schedule

__all__ = ["Cancelled", "Trainer", "train_groups"]

CHUNK_SECONDS = 0.5
# room for the row orders of one chunk, in numbers
ORDER_ROOM = 4_000_000

Progress = Callable[[int, int], None]


class Cancelled(Exception):
    """Training was asked to stop; groups that had finished are kept."""


@final
class Trainer:
    """Trains groups of one shape with one compiled program.

    Use it through `train_groups`, which spreads groups over the cores.

    Parameters
    ----------
    procedure : Procedure
    losses, learning_rates : sequences of length n_configurations
        Index of the loss and learning rate of each configuration of a group.
    schedule : Schedule
    quantities : tuple of str
        Names of what `procedure.evaluate` returns.
    shuffle : bool
        Whether every epoch draws a new order of the rows.
    clock : callable
        Returns seconds; only the length of the chunks and `GroupResult.seconds` depend on it.
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
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if len(losses) != len(learning_rates) or not losses:
            raise InvalidInputError(
                f"{len(losses)} losses and {len(learning_rates)} learning rates",
                expected="one of each for every configuration",
            )
        self.procedure = procedure
        self.schedule = schedule
        self.quantities = quantities
        self.shuffle = shuffle
        self.compilations = 0
        self._clock = clock
        self._hyper = Hyper(np.asarray(losses, np.int32), np.asarray(learning_rates, np.float32))
        self._lock = threading.Lock()
        self._compiled: tuple[Any, Any, Program, Any] | None = None
        self._states: dict[int, Any] = {}

    def _state(self, seed: int) -> Any:
        if seed not in self._states:
            self._states[seed] = self.procedure.init(seed)
        return self._states[seed]

    def compile(self, data: GroupData) -> None:
        """Compile for groups shaped like `data`; later groups must have the same shape.

        Raises
        ------
        ShapeError
            A group of another shape came before.
        """
        import jax

        with self._lock:
            signature = _signature(data)
            if self._compiled is not None:
                if signature != self._compiled[3]:
                    raise ShapeError(
                        f"a group of shape {signature}",
                        expected=f"the shape {self._compiled[3]} the program was compiled for",
                        advice="make another Trainer for it",
                    )
                return
            program = build_program(
                self.procedure, self.schedule, data, self.quantities, max_chunk=self._room(data)
            )
            carry, arguments = self._inputs(program, data)
            orders = np.zeros((len(data.seeds), self._room(data), data.train.n_rows), np.int32)
            with compilation_cache():
                chunk = jax.jit(program.chunk, donate_argnums=0)
                compiled = chunk.lower(carry, self._hyper, *arguments, orders, np.int32(0), np.int32(1)).compile()
                finish = jax.jit(program.finish).lower(carry, arguments[1]).compile()
            self.compilations += 1
            self._compiled = (compiled, finish, program, signature)

    def _room(self, data: GroupData) -> int:
        per_epoch = len(data.seeds) * data.train.n_rows
        return max(1, min(self.schedule.epochs, ORDER_ROOM // per_epoch))

    def _inputs(self, program: Program, data: GroupData) -> tuple[Carry, tuple[Any, Any]]:
        import jax

        states = [self._state(seed) for seed in data.seeds]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *states)
        carry = program.start(stacked, len(self._hyper.loss))
        evaluate = {name: (part.inputs, part.targets) for name, part in data.evaluate.items()}
        return carry, ((data.train.inputs, data.train.targets), evaluate)

    def train(
        self, data: GroupData, *, progress: Progress | None = None, cancelled: threading.Event | None = None
    ) -> GroupResult:
        """Train one group to the end.

        Parameters
        ----------
        data : GroupData
        progress : callable, optional
            Called as `progress(epochs done, epochs in all)` after every chunk.
        cancelled : threading.Event, optional
            Looked at between chunks.

        Raises
        ------
        Cancelled
            `cancelled` was set.
        """
        import jax

        self.compile(data)
        if self._compiled is None:
            raise InvalidInputError("a trainer without a program")
        chunk, finish, program, _ = self._compiled
        began = self._clock()
        carry, arguments = self._inputs(program, data)
        arguments = jax.device_put(arguments)
        carry = jax.device_put(carry)
        generators = [np.random.default_rng(draw_seed(seed, "batches")) for seed in data.seeds]
        room, epochs, done = self._room(data), self.schedule.epochs, 0
        curves, count = [], 1
        while done < epochs:
            if cancelled is not None and cancelled.is_set():
                raise Cancelled
            count = min(count, room, epochs - done)
            orders = np.zeros((len(generators), room, data.train.n_rows), np.int32)
            for place, rng in enumerate(generators):
                orders[place, :count] = epoch_orders(rng, data.train.n_rows, count, shuffle=self.shuffle)
            before = self._clock()
            carry, values = chunk(carry, self._hyper, *arguments, orders, np.int32(done), np.int32(count))
            curves.append(np.asarray(values)[:count])
            seconds = max(self._clock() - before, 1e-4)
            done += count
            count = max(1, int(CHUNK_SECONDS / (seconds / count)))
            if progress is not None:
                progress(done, epochs)
            if not np.asarray(carry.active).any():
                break
        variables, raw = finish(carry, arguments[1])
        return self._result(data, program, carry, np.concatenate(curves), variables, raw, self._clock() - began)

    def _result(
        self, data: GroupData, program: Program, carry: Carry, curves: np.ndarray, variables: Any, raw: Any, seconds: float
    ) -> GroupResult:
        filled = np.full((self.schedule.epochs, *curves.shape[1:]), np.nan, np.float32)
        filled[: len(curves)] = curves
        last = np.asarray(carry.last_epoch)
        return GroupResult(
            seeds=data.seeds,
            curves={
                name: np.ascontiguousarray(np.moveaxis(filled[..., place], 0, -1))
                for place, name in enumerate(program.quantities)
            },
            raw={name: np.asarray(values) for name, values in raw.items()},
            weights=tuple(np.asarray(value) for value in variables),
            diverged=np.asarray(carry.diverged),
            best_epoch=np.asarray(carry.best_epoch) if self.schedule.restore_best else last,
            last_epoch=last,
            seconds=seconds,
        )


def _signature(data: GroupData) -> Any:
    def shape(part: Part) -> Any:
        return (part.inputs.shape, str(part.inputs.dtype), *((t.shape, str(t.dtype)) for t in part.targets))

    return (len(data.seeds), shape(data.train), tuple((name, shape(part)) for name, part in data.evaluate.items()))


def train_groups(
    trainer: Trainer,
    groups: Iterable[tuple[str, Callable[[], GroupData]]],
    done: Callable[[str, GroupResult], None],
    *,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    cancelled: threading.Event | None = None,
) -> None:
    """Train groups on all cores; `done(key, result)` is called in this thread as each one ends.

    Parameters
    ----------
    trainer : Trainer
    groups : iterable of (key, callable)
        The callable makes the group's data when its turn comes, so that only running groups are in memory.
    done : callable
        Receives finished groups; what it stores is safe before the next group begins in its place.
    workers : int, optional
        Threads; by default one for each core (or GPU).
    progress : callable, optional
        `progress(key, epochs done, epochs in all)`, from worker threads.
    cancelled : threading.Event, optional
        Set it to stop all threads after their chunk.

    Raises
    ------
    KeyboardInterrupt
        After the running chunks have stopped; finished groups were handed to `done`.
    """
    stop = cancelled or threading.Event()
    pending: dict[Future[GroupResult], str] = {}
    source = iter(groups)

    def work(key: str, make: Callable[[], GroupData]) -> GroupResult:
        report = None if progress is None else lambda epochs, total: progress(key, epochs, total)
        return trainer.train(make(), progress=report, cancelled=stop)

    limit = workers or worker_count()
    with ThreadPoolExecutor(limit, thread_name_prefix="lossmith") as pool:
        try:
            exhausted = False
            while pending or not exhausted:
                while len(pending) < limit and not exhausted:
                    group = next(source, None)
                    if group is None:
                        exhausted = True
                    else:
                        pending[pool.submit(work, *group)] = group[0]
                if pending:
                    finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in finished:
                        key = pending.pop(future)
                        done(key, future.result())
        except BaseException:
            stop.set()
            raise
