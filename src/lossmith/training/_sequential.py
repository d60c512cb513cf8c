"""Sequential execution: one run after the other, one compiled step for each batch, never inside a loop primitive.

On a CPU the gradient of a native convolution within `scan` or under `vmap` is 10 to 50 times slower than alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import numpy as np

from lossmith.training._backend import compilation_cache, worker_count
from lossmith.training._initial import draw_seed
from lossmith.training._run import (
    Cancelled,
    Outcome,
    Progress,
    batch_layout,
    block_sizes,
    curve_names,
    epoch_orders,
    evaluate_rows,
    frozen_step,
)
from lossmith.training._spec import Batch, GroupData, Hyper, Part, Procedure, Schedule
from lossmith.training._unfinished import Unfinished
from lossmith.training.checkpoints import Checkpoints

__all__ = ["Sequential"]


@final
class Sequential:
    """Compiled functions for single runs of one shape, and the loop that calls them for every run of a group."""

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
        self._procedure, self._schedule, self._hyper = procedure, schedule, hyper
        self._states, self._shuffle, self._n_quantities = states, shuffle, len(quantities)
        self.names, self._monitor = curve_names(schedule, data, quantities)
        self._watched = [*(["train"] if schedule.watch_training else []), *data.evaluate]
        self._layout = batch_layout(data.train.n_rows, schedule.batch_size, exact=procedure.exact_batches)
        # as many runs at a time as there are cores, however many groups are trained at once
        self._seats = threading.BoundedSemaphore(worker_count())
        self.compilations = 0
        with compilation_cache():
            self._compile(data)

    def _compile(self, data: GroupData) -> None:
        import jax
        import jax.numpy as jnp

        procedure, frozen = self._procedure, frozen_step(self._procedure)

        def step(run: Any, hyper: Hyper, rows: Any, indices: Any, weight: Any) -> Any:
            state, active, total = run
            inputs, targets = jax.tree.map(lambda a: a[indices], rows)
            state, active, values = frozen(state, active, hyper, Batch(inputs, targets, weight))
            return state, active, total + values * weight.sum()

        def evaluate(state: Any, hyper: Hyper, rows: Any, indices: Any, weight: Any) -> Any:
            inputs, targets = jax.tree.map(lambda a: a[indices], rows)
            return evaluate_rows(procedure, state, hyper, Batch(inputs, targets, weight))

        def predict(state: Any, inputs: Any, indices: Any) -> Any:
            return procedure.predict(state, inputs[indices])

        def compiled(function: Any, *arguments: Any, donate: tuple[int, ...] = ()) -> Any:
            self.compilations += 1
            return jax.jit(function, donate_argnums=donate).lower(*arguments).compile()

        state = self._states(data.seeds[0])
        hyper = Hyper(self._hyper.loss[0], self._hyper.learning_rate[0])
        run = (state, np.bool_(True), np.zeros(self._n_quantities, np.float32))
        layout = self._layout
        sizes = {layout.size} | ({layout.rest} if layout.rest and not layout.masked else set())
        self._steps = {
            size: compiled(step, run, hyper, _rows(data.train, 0), *_all(size), donate=(0,)) for size in sizes
        }
        self._evaluations, self._predictions = {}, {}
        for name in self._watched:
            rows = _rows(data.train if name == "train" else data.evaluate[name], 0)
            size = self._block(rows)[1]
            self._evaluations[name] = compiled(evaluate, state, hyper, rows, *_all(size))
        for name, part in data.evaluate.items():
            rows = _rows(part, 0)
            self._predictions[name] = compiled(predict, state, rows[0], _all(self._block(rows)[1])[0])
        self._copy = compiled(lambda tree: jax.tree.map(jnp.copy, tree), state)
        self._final = compiled(
            lambda state: (procedure.final(state), procedure.variables(procedure.final(state))), state
        )

    def _block(self, rows: Any) -> tuple[int, int]:
        return block_sizes(len(rows[0]), self._procedure.width, 1)

    def train(
        self,
        data: GroupData,
        *,
        progress: Progress | None,
        cancelled: threading.Event,
        clock: Callable[[], float],  # noqa: ARG002
        checkpoints: Checkpoints | None = None,
    ) -> Outcome:
        """Train one group to the end; with `checkpoints` runs go on after the last epoch that they kept."""
        import jax

        shape, epochs = (len(data.seeds), len(self._hyper.loss)), self._schedule.epochs
        outcome = Outcome(
            curves=np.full((epochs, *shape, len(self.names)), np.nan, np.float32),
            raw={
                name: np.empty((*shape, part.n_rows, self._procedure.units), np.float32)
                for name, part in data.evaluate.items()
            },
            weights=(),
            diverged=np.zeros(shape, np.int32),
            best_epoch=np.zeros(shape, np.int32),
            last_epoch=np.zeros(shape, np.int32),
        )
        parts = {"train": data.train, **data.evaluate}
        on_device = {name: [jax.device_put(_rows(part, seat)) for seat in _seats(part)] for name, part in parts.items()}
        epochs_done = [0] * (shape[0] * shape[1])
        weights: dict[tuple[int, int], list[np.ndarray]] = {}

        def one(place: int, configuration: int) -> None:
            rows = {name: seats[min(place, len(seats) - 1)] for name, seats in on_device.items()}
            number = place * shape[1] + configuration

            def report(done: int) -> None:
                epochs_done[number] = done
                if progress is not None:
                    progress(sum(epochs_done) // len(epochs_done), epochs)

            with self._seats:
                weights[place, configuration] = self._run(
                    data.seeds[place], (place, configuration), rows, outcome, report, cancelled, checkpoints
                )
            report(epochs)

        pairs = [(place, configuration) for place in range(shape[0]) for configuration in range(shape[1])]
        with ThreadPoolExecutor(min(worker_count(), len(pairs)), thread_name_prefix="lossmith-run") as pool:
            futures = [pool.submit(one, *pair) for pair in pairs]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                cancelled.set()
                raise
        leaves = [np.stack([weights[pair][leaf] for pair in pairs]) for leaf in range(len(weights[pairs[0]]))]
        return outcome._replace(weights=tuple(leaf.reshape(*shape, *leaf.shape[1:]) for leaf in leaves))

    def _run(
        self,
        seed: int,
        place: tuple[int, int],
        rows: dict[str, Any],
        outcome: Outcome,
        report: Callable[[int], None],
        cancelled: threading.Event,
        checkpoints: Checkpoints | None,
    ) -> list[np.ndarray]:
        import jax

        schedule = self._schedule
        hyper = Hyper(self._hyper.loss[place[1]], self._hyper.learning_rate[place[1]])
        rng = np.random.default_rng(draw_seed(seed, "batches"))
        n_rows = len(rows["train"][0])
        # donated from step to step, so that it must be this run's own copy
        state = self._copy(jax.device_put(self._states(seed)))
        unfinished = Unfinished(checkpoints, place, restore_best=schedule.restore_best)
        begun = unfinished.load(state, outcome)
        if begun.epoch:
            state = self._copy(jax.device_put(begun.state))
        best = self._copy(begun.best if begun.epoch else state) if schedule.restore_best else None
        best_value, best_epoch, alive = begun.best_value, begun.best_epoch, not begun.ended
        for _ in range(begun.epoch):
            epoch_orders(rng, n_rows, 1, shuffle=self._shuffle)
        if begun.epoch:
            report(begun.epoch)
        for number in range(begun.epoch + 1, (schedule.epochs if alive else begun.epoch) + 1):
            order = epoch_orders(rng, n_rows, 1, shuffle=self._shuffle)[0]
            run: Any = (state, np.bool_(True), np.zeros(self._n_quantities, np.float32))
            for indices, weight in self._batches(order):
                if cancelled.is_set():
                    raise Cancelled
                run = self._steps[len(indices)](run, hyper, rows["train"], indices, weight)
            state, total = run[0], np.asarray(run[2])
            alive = bool(run[1]) and bool(np.isfinite(total[0]))  # each batch may be finite where their sum is not
            row = [total / n_rows if alive else np.full_like(total, np.nan)]
            row += [self._evaluate(name, state, hyper, rows[name]) for name in self._watched]
            outcome.curves[number - 1][place] = values = np.concatenate(row)
            outcome.last_epoch[place] = number
            if not alive:
                outcome.diverged[place] = number
            elif values[self._monitor] < best_value:
                best_value, best_epoch = values[self._monitor], number
                best = self._copy(state) if schedule.restore_best else None
            ended = not alive or (schedule.patience is not None and number - best_epoch >= schedule.patience)
            unfinished.save(number, state, best, (best_value, best_epoch), outcome, ended=ended)
            report(number)
            if ended:
                break
        outcome.best_epoch[place] = best_epoch
        state, variables = self._final(best if schedule.restore_best else state)
        for name in outcome.raw:
            outcome.raw[name][place] = self._predict(name, state, rows[name][0])
        return [np.asarray(value) for value in variables]

    def _batches(self, order: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        layout = self._layout
        cuts = [order[first : first + layout.size] for first in range(0, len(order), layout.size)]
        weights = [np.ones(len(cut), np.float32) for cut in cuts]
        if layout.masked:
            filler = layout.size - layout.rest
            cuts[-1] = np.pad(cuts[-1], (0, filler), mode="edge")
            weights[-1] = np.pad(weights[-1], (0, filler))
        return list(zip(cuts, weights, strict=True))

    def _blocks(self, rows: Any) -> list[tuple[np.ndarray, np.ndarray, int]]:
        """Return row numbers, weights and number of real rows of each block of evaluated rows."""
        count, size = self._block(rows)
        every = np.arange(count * size, dtype=np.int32).reshape(count, size)
        real = every < len(rows[0])
        clipped = np.minimum(every, len(rows[0]) - 1)
        return [(clipped[k], real[k].astype(np.float32), int(real[k].sum())) for k in range(count)]

    def _evaluate(self, name: str, state: Any, hyper: Hyper, rows: Any) -> np.ndarray:
        sums = [self._evaluations[name](state, hyper, rows, at, weight) for at, weight, _ in self._blocks(rows)]
        return np.sum([np.asarray(total) for total in sums], axis=0) / np.float32(len(rows[0]))

    def _predict(self, name: str, state: Any, inputs: Any) -> np.ndarray:
        blocks = [np.asarray(self._predictions[name](state, inputs, at))[:n] for at, _, n in self._blocks((inputs,))]
        return np.concatenate(blocks)


def _all(size: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(size, np.int32), np.ones(size, np.float32)


def _seats(part: Part) -> range:
    return range(1 if part.shared else len(part.inputs))


def _rows(part: Part, seat: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    return part.inputs[seat], tuple(target[seat] for target in part.targets)
