"""Stacked execution: all runs of a group in one compiled program, called in chunks of about half a second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import numpy as np

from lossmith.training._backend import compilation_cache, compile_program
from lossmith.training._initial import draw_seed
from lossmith.training._program import begin, build_program
from lossmith.training._run import Cancelled, Outcome, Progress, epoch_orders
from lossmith.training._spec import GroupData, Hyper, Procedure, Schedule
from lossmith.training.execution import measured_bytes

__all__ = ["Stacked"]

CHUNK_SECONDS = 0.5
# room for the row orders of one chunk, in numbers
ORDER_ROOM = 4_000_000


@final
class Stacked:
    """A compiled program for groups of one shape, and the loop that calls it."""

    def __init__(
        self,
        procedure: Procedure,
        schedule: Schedule,
        data: GroupData,
        quantities: tuple[str, ...],
        hyper: Hyper,
        states: Callable[[int], Any],
        *,
        shuffle: bool,
    ) -> None:
        import jax

        self._schedule, self._hyper, self._states, self._shuffle = schedule, hyper, states, shuffle
        self._room = max(1, min(schedule.epochs, ORDER_ROOM // (len(data.seeds) * data.train.n_rows)))
        # a procedure may do better when it knows the order of the stack; one that does not is stacked as it is
        arrange = getattr(procedure, "arranged", None)
        self._program = build_program(
            procedure if arrange is None else arrange(np.asarray(hyper.loss).tolist()),
            schedule,
            data,
            quantities,
            n_configurations=len(hyper.loss),
            max_chunk=self._room,
        )
        carry, (train, evaluate) = self._inputs(data)
        orders = np.zeros((len(data.seeds), self._room, data.train.n_rows), np.int32)
        chunk = jax.jit(self._program.chunk, donate_argnums=0)
        with compilation_cache():
            lowered = chunk.lower(carry, hyper, train, evaluate, orders, np.int32(0), np.int32(1))
            with ThreadPoolExecutor(1) as second:  # XLA compiles without holding Python
                compiled = second.submit(compile_program, lowered)
                finish = jax.jit(self._program.finish).lower(carry, evaluate)
                self._finish = compile_program(finish)
                self._chunk = compiled.result()
        self.compilations = 2
        self.footprint = measured_bytes(self._chunk, self._finish)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the curves."""
        return self._program.names

    def _inputs(self, data: GroupData) -> tuple[Any, tuple[Any, Any]]:
        carry = begin(self._states, data.seeds, len(self._hyper.loss), self._schedule)
        evaluate = {name: (part.inputs, part.targets) for name, part in data.evaluate.items()}
        return carry, ((data.train.inputs, data.train.targets), evaluate)

    def train(
        self,
        data: GroupData,
        *,
        progress: Progress | None,
        cancelled: threading.Event,
        clock: Callable[[], float],
    ) -> Outcome:
        """Train one group to the end."""
        import jax

        carry, arguments = self._inputs(data)
        train, evaluate = jax.device_put(arguments)
        carry = jax.device_put(carry)
        generators = [np.random.default_rng(draw_seed(seed, "batches")) for seed in data.seeds]
        epochs, done, count = self._schedule.epochs, 0, 1
        curves = np.full((epochs, *carry.active.shape, len(self.names)), np.nan, np.float32)
        while done < epochs:
            if cancelled.is_set():
                raise Cancelled
            count = min(count, self._room, epochs - done)
            orders = np.zeros((len(generators), self._room, data.train.n_rows), np.int32)
            for place, rng in enumerate(generators):
                orders[place, :count] = epoch_orders(rng, data.train.n_rows, count, shuffle=self._shuffle)
            before = clock()
            carry, values = self._chunk(carry, self._hyper, train, evaluate, orders, np.int32(done), np.int32(count))
            curves[done : done + count] = np.asarray(values)[:count]
            done += count
            count = max(1, int(CHUNK_SECONDS * count / max(clock() - before, 1e-4)))
            if progress is not None:
                progress(done, epochs)
            if not np.asarray(carry.active).any():
                break
        variables, raw = self._finish(carry, evaluate)
        return Outcome(
            curves=curves,
            raw={name: np.asarray(values) for name, values in raw.items()},
            weights=tuple(np.asarray(value) for value in variables),
            diverged=np.array(carry.diverged),
            best_epoch=np.asarray(carry.best_epoch),
            last_epoch=np.asarray(carry.last_epoch),
        )
