"""Many runs as one program: the step of one run, stacked over seeds and configurations and scanned over batches.

The two axes are (seed, configuration): seeds bring their own rows, batches and initial weights, configurations their
loss and learning rate. Batches are gathered once for each seed and shared by its configurations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lossmith.training._narrow import write_out
from lossmith.training._run import Layout, batch_layout, block_sizes, curve_names, evaluate_rows, frozen_step
from lossmith.training._spec import Batch, GroupData, Hyper, Part, Procedure, Schedule

__all__ = ["Carry", "Program", "begin", "build_program", "end_epoch", "one_batch", "over_runs", "stacked_step"]


class Carry(NamedTuple):
    """Everything that travels from epoch to epoch; leading axes (seed, configuration)."""

    state: Any
    best: Any
    best_value: Any
    best_epoch: Any
    active: Any
    diverged: Any
    last_epoch: Any


@dataclass(frozen=True, slots=True)
class Program:
    """Compiled once, called for every group of the same shape.

    Attributes
    ----------
    chunk : callable
        `chunk(carry, hyper, train, evaluate, orders, first, count) -> (carry, curves)`: trains `count` epochs.
    finish : callable
        `finish(carry, evaluate) -> (variables, raw outputs by part)`.
    names : tuple of str
        Names of the curves, in order.
    """

    chunk: Any
    finish: Any
    names: tuple[str, ...]


def _start(state: Any, n_configurations: int, schedule: Schedule) -> Carry:
    """Stack the seeds' states over the configurations: the same start for each (common random numbers)."""
    # NumPy, not JAX: a dozen eager operations would each be compiled on first use
    import jax

    shape = (len(jax.tree.leaves(state)[0]), n_configurations)
    stacked = jax.tree.map(lambda a: np.broadcast_to(a[:, None], (*shape, *a.shape[1:])).copy(), state)
    return Carry(
        state=stacked,
        # the carry is donated, so that nothing in it may be the same array twice
        best=jax.tree.map(np.copy, stacked) if schedule.keeps_best else (),
        best_value=np.full(shape, np.inf, np.float32),
        best_epoch=np.zeros(shape, np.int32),
        active=np.ones(shape, bool),
        diverged=np.zeros(shape, np.int32),
        last_epoch=np.zeros(shape, np.int32),
    )


def begin(states: Callable[[int], Any], seeds: Sequence[int], n_configurations: int, schedule: Schedule) -> Carry:
    """Return the carry in which the runs of a group begin; `states` returns the state of a seed."""
    import jax

    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *[states(seed) for seed in seeds])
    return _start(stacked, n_configurations, schedule)


def build_program(
    procedure: Procedure,
    schedule: Schedule,
    data: GroupData,
    quantities: tuple[str, ...],
    *,
    n_configurations: int,
    max_chunk: int,
) -> Program:
    """Return the functions that train a group shaped like `data`, ready for `jax.jit`.

    Parameters
    ----------
    procedure : Procedure
    schedule : Schedule
    data : GroupData
        Only its shapes and what is shared are looked at.
    quantities : tuple of str
        Names of what `procedure.step` and `procedure.evaluate` return, the loss first.
    n_configurations : int
    max_chunk : int
        Epochs for which `chunk` has room.
    """
    import jax
    import jax.numpy as jnp

    n_seeds = len(data.seeds)
    runs = n_seeds * n_configurations
    names, monitor = curve_names(schedule, data, quantities)
    watched = [*(["train"] if schedule.watch_training else []), *data.evaluate]
    step = stacked_step(procedure, n_seeds)
    evaluations = {
        name: _evaluation(procedure, data.train if name == "train" else data.evaluate[name], n_seeds, runs)
        for name in watched
    }
    epoch = _epoch(
        step, data.train, batch_layout(data.train.n_rows, schedule.batch_size, exact=procedure.exact_batches)
    )

    def chunk(carry: Carry, hyper: Hyper, train: Any, evaluate: Any, orders: Any, first: Any, count: Any) -> Any:
        def body(place: Any, loop: Any) -> Any:
            carry, curves = loop
            number = first + place + 1
            state, active, means = epoch(carry.state, carry.active, orders[:, place], hyper, train, len(quantities))
            values = [
                function(state, hyper, *(train if name == "train" else evaluate[name]))
                for name, function in evaluations.items()
            ]
            carry, row = end_epoch(carry, state, active, means, values, number, schedule=schedule, monitor=monitor)
            return carry, jax.lax.dynamic_update_index_in_dim(curves, row, place, 0)

        curves = jnp.full((max_chunk, n_seeds, n_configurations, len(names)), jnp.nan)
        return jax.lax.fori_loop(0, count, body, (carry, curves))

    def finish(carry: Carry, evaluate: Any) -> tuple[Any, Mapping[str, Any]]:
        state = carry.best if schedule.restore_best else carry.state
        state = jax.vmap(jax.vmap(procedure.final))(state)
        raw = {
            name: _prediction(procedure, part, n_seeds, runs)(state, evaluate[name][0])
            for name, part in data.evaluate.items()
        }
        return procedure.variables(state), raw

    return Program(chunk, finish, names)


def end_epoch(
    carry: Carry,
    state: Any,
    active: Any,
    means: Any,
    values: Sequence[Any],
    number: Any,
    *,
    schedule: Schedule,
    monitor: int,
) -> tuple[Carry, Any]:
    """Return the carry after epoch `number`, and its curves: what was seen in training, then the values of each part."""
    import jax
    import jax.numpy as jnp

    before = carry.active
    active = active & jnp.isfinite(means[..., 0])  # each batch may be finite where their sum is not
    broken = before & ~active
    row = jnp.concatenate([jnp.where(broken[..., None], jnp.nan, means), *values], axis=-1)
    row = jnp.where(before[..., None], row, jnp.nan)
    carry = carry._replace(
        state=state,
        active=active,
        diverged=jnp.where(broken, number, carry.diverged),
        last_epoch=jnp.where(before, number, carry.last_epoch),
    )
    if not schedule.keeps_best:
        return carry, row
    better = active & (row[..., monitor] < carry.best_value)
    wide = lambda a: better.reshape(better.shape + (1,) * (a.ndim - better.ndim))  # noqa: E731
    best_epoch = jnp.where(better, number, carry.best_epoch)
    if schedule.patience is not None:
        active = active & (number - best_epoch < schedule.patience)
    return carry._replace(
        best=jax.tree.map(lambda new, old: jnp.where(wide(new), new, old), state, carry.best),
        best_value=jnp.where(better, row[..., monitor], carry.best_value),
        best_epoch=best_epoch,
        active=active,
    ), row


def stacked_step(procedure: Procedure, n_seeds: int) -> Any:
    """Return `step(state, active, hyper, batch)` of all runs; a batch has rows of every seed."""
    return over_runs(write_out(frozen_step(procedure)), n_seeds, seed_axes=(0, 0, None, 0), run_axes=(0, 0, 0, None))


def one_batch(step: Any, inner: Any, hyper: Hyper, batch: Any) -> Any:
    """Return states, runs that go on and sums of quantities after a batch of `(inputs, targets, weight)`."""
    import jax.numpy as jnp

    state, active, total = inner
    inputs, targets, weight = batch
    weights = jnp.broadcast_to(weight, (len(inputs), *weight.shape))
    state, active, values = step(state, active, hyper, Batch(inputs, targets, weights))
    return state, active, total + values * weight.sum()


def over_runs(function: Any, n_seeds: int, *, seed_axes: tuple[Any, ...], run_axes: tuple[Any, ...]) -> Any:
    """Return `function` mapped over configurations within seeds; axes as of `jax.vmap`."""
    import jax

    return jax.vmap(jax.vmap(function, in_axes=run_axes), in_axes=seed_axes, axis_size=n_seeds)


def _epoch(step: Any, part: Part, layout: Layout) -> Any:
    """Return `epoch(state, active, order, hyper, rows, n_quantities) -> (state, active, running means)`."""
    import jax
    import jax.numpy as jnp

    size, steps, n_rows = layout.size, layout.steps, part.n_rows

    def gather(rows: Any, indices: Any) -> Any:
        # (seed, rows) -> rows of each seed, gathered once for all its configurations
        if part.shared:
            return jax.tree.map(lambda array: array[0][indices], rows)
        return jax.tree.map(lambda array: jax.vmap(lambda a, i: a[i])(array, indices), rows)

    def epoch(state: Any, active: Any, order: Any, hyper: Hyper, rows: Any, n_quantities: int) -> tuple[Any, Any, Any]:
        n_seeds = order.shape[0]

        def one(inner: Any, batch: Any) -> tuple[Any, None]:
            return one_batch(step, inner, hyper, batch), None

        weight = np.ones(steps * size, np.float32)
        indices = order[:, : steps * size]
        if layout.masked:
            # filled up with a row of this very batch: whatever overflows there overflows anyway
            filler = jnp.broadcast_to(order[:, -1:], (n_seeds, size - layout.rest))
            indices = jnp.concatenate([order, filler], axis=1)
            weight[n_rows:] = 0
        inputs, targets = jax.tree.map(
            lambda a: jnp.moveaxis(a.reshape(n_seeds, steps, size, *a.shape[2:]), 1, 0), gather(rows, indices)
        )
        inner = (state, active, jnp.zeros((*active.shape, n_quantities), jnp.float32))
        inner, _ = jax.lax.scan(one, inner, (inputs, targets, weight.reshape(steps, size)))
        if layout.rest and not layout.masked:
            # layers that look across rows or draw random numbers see the last batch at its own size
            inner, _ = one(inner, (*gather(rows, order[:, steps * size :]), np.ones(layout.rest, np.float32)))
        state, active, total = inner
        return state, active, total / n_rows

    return epoch


def _evaluation(procedure: Procedure, part: Part, n_seeds: int, runs: int) -> Any:
    """Return `evaluation(state, hyper, inputs, targets)`: means over the rows of a part, (seed, configuration, quantity)."""
    import jax
    import jax.numpy as jnp

    count, size = block_sizes(part.n_rows, procedure.width, runs)

    sums = write_out(lambda state, hyper, rows: evaluate_rows(procedure, state, hyper, rows))

    def one(state: Any, hyper: Hyper, inputs: Any, targets: Any) -> Any:
        rows = Batch(inputs, targets, jnp.ones(part.n_rows))
        if count == 1:
            return sums(state, hyper, rows) / part.n_rows
        total = jax.lax.map(lambda block: sums(state, hyper, block), _cut(rows, count, size))
        return total.sum(0) / part.n_rows

    axis = None if part.shared else 0
    stacked = over_runs(one, n_seeds, seed_axes=(0, None, axis, axis), run_axes=(0, 0, None, None))
    return lambda state, hyper, inputs, targets: stacked(state, hyper, *_rows((inputs, targets), part))


def _prediction(procedure: Procedure, part: Part, n_seeds: int, runs: int) -> Any:
    """Return `prediction(state, inputs)`: raw outputs of shape (seed, configuration, n_rows, units)."""
    import jax

    count, size = block_sizes(part.n_rows, procedure.width, runs)

    def one(state: Any, inputs: Any) -> Any:
        if count == 1:
            return procedure.predict(state, inputs)
        raw = jax.lax.map(lambda block: procedure.predict(state, block), _cut(inputs, count, size))
        return raw.reshape(-1, procedure.units)[: part.n_rows]

    stacked = over_runs(one, n_seeds, seed_axes=(0, None if part.shared else 0), run_axes=(0, None))
    return lambda state, inputs: stacked(state, _rows(inputs, part))


def _rows(arrays: Any, part: Part) -> Any:
    """Drop the seed axis of rows that all seeds share."""
    import jax

    return jax.tree.map(lambda array: array[0], arrays) if part.shared else arrays


def _cut(tree: Any, count: int, size: int) -> Any:
    """Cut the first axis into blocks, the last one filled with zeros (weight 0)."""
    import jax
    import jax.numpy as jnp

    def cut(array: Any) -> Any:
        filler = jnp.zeros((count * size - array.shape[0], *array.shape[1:]), array.dtype)
        return jnp.concatenate([array, filler]).reshape(count, size, *array.shape[1:])

    return jax.tree.map(cut, tree)
