"""Many runs as one program: the step of one run, stacked over seeds and configurations and scanned over batches.

The two axes are (seed, configuration): seeds bring their own rows, batches and initial weights, configurations their
loss and learning rate. Batches are gathered once for each seed and shared by its configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lossmith.training._spec import Batch, GroupData, Hyper, Part, Schedule

__all__ = ["Carry", "Program", "build_program", "epoch_orders"]

# evaluated rows per block: activations of a stack of runs then stay within the cache
BLOCK = 1024


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
    start : callable
        `start(state) -> Carry`.
    chunk : callable
        `chunk(carry, hyper, train, evaluate, orders, first, count) -> (carry, curves)`: trains `count` epochs.
    finish : callable
        `finish(carry, hyper, evaluate) -> (variables, raw outputs by part)`.
    quantities : tuple of str
        Names of the curves, in order.
    """

    start: Any
    chunk: Any
    finish: Any
    quantities: tuple[str, ...]


def epoch_orders(rng: np.random.Generator, n_rows: int, n_epochs: int, *, shuffle: bool = True) -> np.ndarray:
    """Return the order of the rows in each epoch, shape (n_epochs, n_rows); independent of how epochs are chunked."""
    if not shuffle:
        return np.broadcast_to(np.arange(n_rows, dtype=np.int32), (n_epochs, n_rows))
    return np.stack([rng.permutation(n_rows) for _ in range(n_epochs)]).astype(np.int32)


def build_program(
    procedure: Any, schedule: Schedule, data: GroupData, quantities: tuple[str, ...], *, max_chunk: int
) -> Program:
    """Return the functions that train a group shaped like `data`, ready for `jax.jit`.

    Parameters
    ----------
    procedure : Procedure
    schedule : Schedule
    data : GroupData
        Only its shapes and what is shared are looked at.
    quantities : tuple of str
        Names of what `procedure.evaluate` returns, the loss first.
    max_chunk : int
        Epochs for which `chunk` has room.
    """
    import jax
    import jax.numpy as jnp

    n_seeds = len(data.seeds)
    names = list(data.evaluate)
    watched = [*(["train"] if schedule.watch_training else []), *names]
    curve_names = ("loss", *(f"{part}_{quantity}" for part in watched for quantity in quantities))
    monitor = curve_names.index(f"{schedule.monitor}_loss") if f"{schedule.monitor}_loss" in curve_names else 0
    keep_best = schedule.restore_best or schedule.patience is not None

    def over_runs(function: Any, *, seed_axes: tuple[Any, ...], run_axes: tuple[Any, ...]) -> Any:
        inner = jax.vmap(function, in_axes=run_axes)
        return jax.vmap(inner, in_axes=seed_axes, axis_size=n_seeds)

    def axis_of(part: Part) -> int | None:
        return None if part.shared else 0

    def rows(part_arrays: Any, shared: bool) -> Any:
        return jax.tree.map(lambda array: array[0], part_arrays) if shared else part_arrays

    def one_step(state: Any, active: Any, hyper: Hyper, batch: Batch) -> tuple[Any, Any, Any]:
        new, loss = procedure.step(state, batch, hyper)
        healthy = jnp.isfinite(loss)
        keep = active & healthy
        state = jax.tree.map(lambda a, b: jnp.where(keep, a, b), new, state)
        return state, keep, loss

    def evaluate_run(state: Any, hyper: Hyper, inputs: Any, targets: tuple[Any, ...]) -> Any:
        n_rows = inputs.shape[0]

        def block_sum(block: Batch) -> Any:
            values = procedure.evaluate(state, block, hyper)
            return jnp.where(block.weight[:, None] > 0, values, 0).sum(0)

        if n_rows <= 2 * BLOCK:
            return block_sum(Batch(inputs, targets, jnp.ones(n_rows))) / n_rows
        blocks = _blocks(jnp, Batch(inputs, targets, jnp.ones(n_rows)), n_rows)
        return jax.lax.map(block_sum, blocks).sum(0) / n_rows

    def predict_run(state: Any, inputs: Any) -> Any:
        n_rows = inputs.shape[0]
        if n_rows <= 2 * BLOCK:
            return procedure.predict(state, inputs)
        blocks = _blocks(jnp, inputs, n_rows)
        return jax.lax.map(lambda block: procedure.predict(state, block), blocks).reshape(-1, procedure.units)[:n_rows]

    n_train = data.train.n_rows
    size = min(schedule.batch_size, n_train)
    full, rest = divmod(n_train, size)
    masked = rest > 0 and not procedure.exact_batches
    steps = full + 1 if masked else full

    def epoch(carry: Carry, order: Any, hyper: Hyper, train: Any) -> tuple[Carry, Any]:
        shared = data.train.shared
        inputs, targets = train

        def gather(indices: Any) -> tuple[Any, Any]:
            # (seed, rows) -> rows of each seed, gathered once for all its configurations
            def take(array: Any) -> Any:
                return array[0][indices] if shared else jax.vmap(lambda a, i: a[i])(array, indices)

            return take(inputs), jax.tree.map(take, targets)

        step = over_runs(one_step, seed_axes=(0, 0, None, 0), run_axes=(0, 0, 0, None))
        # run_axes: the batch belongs to the seed, hyper to the configuration

        def scan_step(inner: Any, batch: Any) -> tuple[Any, Any]:
            state, active, total, broken = inner
            weights = jnp.broadcast_to(batch[2], (n_seeds, *batch[2].shape))
            state, keep, loss = step(state, active, hyper, Batch(batch[0], batch[1], weights))
            broken = broken | (active & ~keep)
            total = total + jnp.where(keep, loss, 0) * batch[2].sum()
            return (state, keep, total, broken), None

        n_scan = steps * size
        indices = order[:, : full * size]
        weight = np.ones(n_scan, np.float32)
        if masked:
            indices = jnp.concatenate([order, jnp.zeros((n_seeds, n_scan - n_train), order.dtype)], axis=1)
            weight[n_train:] = 0
        gathered = jax.tree.map(
            lambda a: jnp.moveaxis(a.reshape(n_seeds, steps, size, *a.shape[2:]), 1, 0), gather(indices)
        )
        inner = (carry.state, carry.active, jnp.zeros_like(carry.best_value), jnp.zeros_like(carry.active))
        inner, _ = jax.lax.scan(scan_step, inner, (*gathered, weight.reshape(steps, size)))
        if rest and not masked:
            # layers that look across rows or draw random numbers see the last partial batch as it is
            inner, _ = scan_step(inner, (*gather(order[:, full * size :]), np.ones(rest, np.float32)))
        state, active, total, broken = inner
        return carry._replace(state=state, active=active), (total / n_train, broken)

    def chunk(carry: Carry, hyper: Hyper, train: Any, evaluate: Any, orders: Any, first: Any, count: Any) -> Any:
        shape = carry.best_value.shape
        n_curves = len(curve_names)

        def body(place: Any, loop: Any) -> Any:
            carry, curves = loop
            number = first + place + 1
            was_active = carry.active
            carry, (mean_loss, broken) = epoch(carry, orders[:, place], hyper, train)
            values = [jnp.where(broken, jnp.nan, mean_loss)[..., None]]
            for name in watched:
                part = data.train if name == "train" else data.evaluate[name]
                arrays = train if name == "train" else evaluate[name]
                function = over_runs(
                    evaluate_run,
                    seed_axes=(0, None, axis_of(part), axis_of(part)),
                    run_axes=(0, 0, None, None),
                )
                values.append(function(carry.state, hyper, *rows(arrays, part.shared)))
            row = jnp.where(was_active[..., None], jnp.concatenate(values, axis=-1), jnp.nan)
            carry = carry._replace(
                diverged=jnp.where(broken & (carry.diverged == 0), number, carry.diverged),
                last_epoch=jnp.where(was_active, number, carry.last_epoch),
            )
            carry = _track(carry, row[..., monitor], number) if keep_best else carry
            return carry, jax.lax.dynamic_update_index_in_dim(curves, row, place, 0)

        def _track(carry: Carry, value: Any, number: Any) -> Carry:
            better = carry.active & (value < carry.best_value)
            wide = lambda a: better.reshape(better.shape + (1,) * (a.ndim - better.ndim))  # noqa: E731
            best = jax.tree.map(lambda new, old: jnp.where(wide(new), new, old), carry.state, carry.best)
            best_epoch = jnp.where(better, number, carry.best_epoch)
            active = carry.active
            if schedule.patience is not None:
                active = active & (number - best_epoch < schedule.patience)
            return carry._replace(
                best=best, best_value=jnp.where(better, value, carry.best_value), best_epoch=best_epoch, active=active
            )

        curves = jnp.full((max_chunk, *shape, n_curves), jnp.nan)
        return jax.lax.fori_loop(0, count, body, (carry, curves))

    def start(state: Any, n_configurations: int) -> Carry:
        """Stack the seeds' states over the configurations: the same start for each (common random numbers)."""
        # NumPy, not JAX: a dozen eager operations would each be compiled on first use
        shape = (n_seeds, n_configurations)
        stacked = jax.tree.map(lambda a: np.broadcast_to(a[:, None], (*shape, *a.shape[1:])).copy(), state)
        return Carry(
            state=stacked,
            best=stacked if keep_best else (),
            best_value=np.full(shape, np.inf, np.float32),
            best_epoch=np.zeros(shape, np.int32),
            active=np.ones(shape, bool),
            diverged=np.zeros(shape, np.int32),
            last_epoch=np.zeros(shape, np.int32),
        )

    def finish(carry: Carry, evaluate: Any) -> tuple[Any, Mapping[str, Any]]:
        state = carry.best if schedule.restore_best else carry.state
        final = getattr(procedure, "final", None)
        if final is not None:
            state = jax.vmap(jax.vmap(final))(state)
        raw = {}
        for name in names:
            part = data.evaluate[name]
            function = over_runs(predict_run, seed_axes=(0, axis_of(part)), run_axes=(0, None))
            raw[name] = function(state, rows(evaluate[name], part.shared)[0])
        return procedure.variables(state), raw

    return Program(start, chunk, finish, curve_names)


def _blocks(xp: Any, tree: Any, n_rows: int) -> Any:
    """Cut the first axis into blocks, the last one filled with zeros (weight 0)."""
    import jax

    count = -(-n_rows // BLOCK)

    def cut(array: Any) -> Any:
        filled = xp.concatenate([array, xp.zeros((count * BLOCK - n_rows, *array.shape[1:]), array.dtype)])
        return filled.reshape(count, BLOCK, *array.shape[1:])

    return jax.tree.map(cut, tree)
