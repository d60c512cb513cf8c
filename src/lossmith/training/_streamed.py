"""Streamed execution: stacked runs whose rows stay with the host and come to the device in blocks of batches.

For rows that the device does not hold. While it works on one block, the host gathers the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import numpy as np

from lossmith.training._backend import compilation_cache, compile_program
from lossmith.training._initial import draw_seed
from lossmith.training._narrow import write_out
from lossmith.training._program import begin, end_epoch, one_batch, over_runs, stacked_step
from lossmith.training._run import (
    Cancelled,
    Outcome,
    Progress,
    batch_layout,
    block_sizes,
    curve_names,
    epoch_orders,
    evaluate_rows,
)
from lossmith.training._spec import Batch, GroupData, Hyper, Part, Procedure, Schedule
from lossmith.training.execution import STREAM_ROOM, measured_bytes, row_bytes

__all__ = ["Streamed"]

Arrays = tuple[np.ndarray, tuple[np.ndarray, ...]]


@final
class Streamed:
    """Compiled programs for blocks of rows of one shape, and the loop that feeds them."""

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
        arrange = getattr(procedure, "arranged", None)
        self._procedure = procedure if arrange is None else arrange(np.asarray(hyper.loss).tolist())
        self._schedule, self._hyper, self._states, self._shuffle = schedule, hyper, states, shuffle
        self.names, self._monitor = curve_names(schedule, data, quantities)
        self._watched = [*(["train"] if schedule.watch_training else []), *data.evaluate]
        self._layout = batch_layout(data.train.n_rows, schedule.batch_size, exact=procedure.exact_batches)
        self._n_quantities, self._shape = len(quantities), (len(data.seeds), len(hyper.loss))
        batch = self._shape[0] * self._layout.size * row_bytes(data.train)
        self._together = int(max(1, min(self._layout.steps, STREAM_ROOM // max(1, batch))))
        with compilation_cache():
            self._compile(data)
        self.compilations = len(self._programs)
        self.footprint = measured_bytes(*self._programs)

    def _compile(self, data: GroupData) -> None:
        import jax
        import jax.numpy as jnp

        procedure, schedule, hyper = self._procedure, self._schedule, self._hyper
        step = stacked_step(procedure, self._shape[0])
        self._programs: list[Any] = []

        def compiled(function: Any, *arguments: Any, donate: tuple[int, ...] = ()) -> Any:
            self._programs.append(compile_program(jax.jit(function, donate_argnums=donate).lower(*arguments)))
            return self._programs[-1]

        def block(inner: Any, hyper: Hyper, rows: Any, weight: Any, count: Any) -> Any:
            def one(place: Any, inner: Any) -> Any:
                inputs, targets = jax.tree.map(lambda a: a[:, place], rows)
                return one_batch(step, inner, hyper, (inputs, targets, weight[place]))

            return jax.lax.fori_loop(0, count, one, inner)

        def last(inner: Any, hyper: Hyper, rows: Any) -> Any:
            return one_batch(step, inner, hyper, (*rows, jnp.ones(self._layout.rest, jnp.float32)))

        def end(carry: Any, inner: Any, values: Any, number: Any) -> Any:
            state, active, total = inner
            means = total / data.train.n_rows
            return end_epoch(carry, state, active, means, values, number, schedule=schedule, monitor=self._monitor)

        def finish(carry: Any) -> Any:
            state = carry.best if schedule.restore_best else carry.state
            state = jax.vmap(jax.vmap(procedure.final))(state)
            return state, procedure.variables(state)

        carry = begin(self._states, data.seeds, self._shape[1], self._schedule)
        inner = (carry.state, carry.active, np.zeros((*self._shape, self._n_quantities), np.float32))
        order = np.zeros((self._shape[0], data.train.n_rows), np.int32)
        rows, weight, count = next(self._blocks(data.train, order))
        self._block = compiled(block, inner, hyper, rows, weight, np.int32(count), donate=(0,))
        if self._layout.rest and not self._layout.masked:
            self._last = compiled(last, inner, hyper, self._rest(data.train, order), donate=(0,))
        self._sums, self._predictions = {}, {}
        for name in self._watched:
            part = data.train if name == "train" else data.evaluate[name]
            sums = write_out(lambda state, hyper, rows: evaluate_rows(procedure, state, hyper, rows))
            axis = None if part.shared else 0
            stacked = over_runs(
                lambda state, hyper, inputs, targets, weight, sums=sums: sums(state, hyper, Batch(inputs, targets, weight)),
                self._shape[0], seed_axes=(0, None, axis, axis, None), run_axes=(0, 0, None, None, None),
            )  # fmt: skip
            inputs, targets, real = next(self._judged(part))
            self._sums[name] = compiled(stacked, carry.state, hyper, inputs, targets, real)
        values = [np.zeros((*self._shape, self._n_quantities), np.float32) for _ in self._watched]
        self._end = compiled(end, carry, inner, values, np.int32(1))
        self._finish = compiled(finish, carry)
        for name, part in data.evaluate.items():
            stacked = over_runs(
                procedure.predict, self._shape[0], seed_axes=(0, None if part.shared else 0), run_axes=(0, None)
            )
            self._predictions[name] = compiled(stacked, carry.state, next(self._judged(part))[0])

    def _blocks(self, part: Part, order: np.ndarray) -> Iterator[tuple[Any, np.ndarray, int]]:
        """Yield rows of shape (seed, batch, row, ...), their weights and the number of batches that count, block by block."""
        layout, together = self._layout, self._together
        indices = order[:, : layout.steps * layout.size]
        weight = np.ones(layout.steps * layout.size, np.float32)
        if layout.masked:
            # filled up with a row of this very batch: whatever overflows there overflows anyway
            filler = np.repeat(order[:, -1:], layout.size - layout.rest, axis=1)
            indices = np.concatenate([order, filler], axis=1)
            weight[order.shape[1] :] = 0
        for first in range(0, layout.steps, together):
            count = min(together, layout.steps - first)
            cut = slice(first * layout.size, (first + count) * layout.size)
            missing = (together - count) * layout.size  # of the last block: never looked at
            chosen = np.pad(indices[:, cut], ((0, 0), (0, missing)))
            rows = _gathered(part, chosen)
            shaped = tuple(a.reshape(len(a), together, layout.size, *a.shape[2:]) for a in (rows[0], *rows[1]))
            yield (
                (shaped[0], shaped[1:]),
                np.pad(weight[cut], (0, missing)).reshape(together, layout.size),
                count,
            )

    def _rest(self, part: Part, order: np.ndarray) -> Arrays:
        return _gathered(part, order[:, self._layout.steps * self._layout.size :])

    def _judged(self, part: Part) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, ...], np.ndarray]]:
        """Yield blocks of the rows that a part has, the last one filled with zeros of weight 0."""
        runs = self._shape[0] * self._shape[1]
        size = block_sizes(part.n_rows, self._procedure.width, runs)[1]
        size = min(size, max(1, STREAM_ROOM // (len(part.inputs) * row_bytes(part))))
        for first in range(0, part.n_rows, size):
            count = min(size, part.n_rows - first)

            def cut(array: np.ndarray, first: int = first, count: int = count) -> np.ndarray:
                rows = np.asarray(array[:, first : first + count])
                filled = np.pad(rows, ((0, 0), (0, size - count), *((0, 0),) * (rows.ndim - 2)))
                return filled[0] if part.shared else filled

            yield cut(part.inputs), tuple(map(cut, part.targets)), (np.arange(size) < count).astype(np.float32)

    def train(
        self,
        data: GroupData,
        *,
        progress: Progress | None,
        cancelled: threading.Event,
        clock: Callable[[], float],  # noqa: ARG002
    ) -> Outcome:
        """Train one group to the end."""
        import jax

        carry = jax.device_put(begin(self._states, data.seeds, self._shape[1], self._schedule))
        generators = [np.random.default_rng(draw_seed(seed, "batches")) for seed in data.seeds]
        epochs, n_rows = self._schedule.epochs, data.train.n_rows
        curves = np.full((epochs, *self._shape, len(self.names)), np.nan, np.float32)
        with ThreadPoolExecutor(1, thread_name_prefix="lossmith-rows") as ahead:
            for number in range(1, epochs + 1):
                order = np.stack([epoch_orders(rng, n_rows, 1, shuffle=self._shuffle)[0] for rng in generators])
                inner = self._epoch(carry, data.train, order, ahead, cancelled)
                values = [
                    self._evaluate(name, inner[0], data.train if name == "train" else data.evaluate[name], ahead)
                    for name in self._watched
                ]
                carry, row = self._end(carry, inner, values, np.int32(number))
                curves[number - 1] = np.asarray(row)
                if progress is not None:
                    progress(number, epochs)
                if not np.asarray(carry.active).any():
                    break
            state, variables = self._finish(carry)
            raw = {name: self._predict(name, state, part, ahead) for name, part in data.evaluate.items()}
        return Outcome(
            curves=curves,
            raw=raw,
            weights=tuple(np.asarray(value) for value in variables),
            diverged=np.array(carry.diverged),
            best_epoch=np.asarray(carry.best_epoch),
            last_epoch=np.asarray(carry.last_epoch),
        )

    def _epoch(
        self, carry: Any, part: Part, order: np.ndarray, ahead: ThreadPoolExecutor, cancelled: threading.Event
    ) -> Any:
        import jax
        import jax.numpy as jnp

        # each block is given its states for good, and the end of the epoch still takes those of the carry
        inner: Any = (
            jax.tree.map(jnp.copy, carry.state),
            jnp.copy(carry.active),
            jnp.zeros((*self._shape, self._n_quantities), jnp.float32),
        )
        for rows, weight, count in _prefetched(self._blocks(part, order), ahead):
            if cancelled.is_set():
                raise Cancelled
            inner = self._block(inner, self._hyper, rows, weight, np.int32(count))
        if self._layout.rest and not self._layout.masked:
            inner = self._last(inner, self._hyper, self._rest(part, order))
        return inner

    def _evaluate(self, name: str, state: Any, part: Part, ahead: ThreadPoolExecutor) -> np.ndarray:
        blocks = _prefetched(self._judged(part), ahead)
        sums = [np.asarray(self._sums[name](state, self._hyper, *rows)) for rows in blocks]
        return np.asarray(np.sum(sums, axis=0, dtype=np.float32) / np.float32(part.n_rows))

    def _predict(self, name: str, state: Any, part: Part, ahead: ThreadPoolExecutor) -> np.ndarray:
        blocks = _prefetched(self._judged(part), ahead)
        raw = [np.asarray(self._predictions[name](state, inputs)) for inputs, _, _ in blocks]
        return np.concatenate(raw, axis=2)[:, :, : part.n_rows]


def _gathered(part: Part, indices: np.ndarray) -> Arrays:
    """Return the rows of each seed by number, shape (seed, row, ...)."""

    def rows(array: np.ndarray) -> np.ndarray:
        if part.shared:
            return array[0][indices]
        return np.stack([own[chosen] for own, chosen in zip(array, indices, strict=True)])

    return rows(part.inputs), tuple(map(rows, part.targets))


def _prefetched(blocks: Iterator[Any], ahead: ThreadPoolExecutor) -> Iterator[Any]:
    """Yield blocks on the device; the next one is gathered and sent while the caller works on one."""
    import jax

    def fetch() -> Any:
        block = next(blocks, None)
        return None if block is None else jax.device_put(block)

    waiting = ahead.submit(fetch)
    while (block := waiting.result()) is not None:
        waiting = ahead.submit(fetch)
        yield block
