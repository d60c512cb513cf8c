"""Sums over outcomes: whole arrays of any library, and for NumPy blocks that fit the cache, on every core.

NumPy blocks are worked on in float64, so that float32 tables get a correctly rounded sum; no temporary is larger than one block.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._arrays import Array, Namespace
from lossmith.divergence._inputs import Side, check_mass
from lossmith.divergence._pair import Pair
from lossmith.divergence._terms import Terms

__all__ = ["BLOCK", "is_numpy", "total"]

BLOCK = 2**14  # entries of one block: with its score of scratch arrays it fits a second-level cache
_PLAIN = 4  # times as many for the plain sum, which has one scratch array
# below this the plain sum of p log(p / q) has lost digits to cancellation, and the row is done again term by term
_SMALL = 1e-2
_SHORT = 64


def is_numpy(xp: Namespace) -> bool:
    """Return whether `xp` is NumPy's namespace."""
    return xp.__name__ in ("numpy", "array_api_compat.numpy")


def total(
    xp: Namespace, p: Side, q: Side, terms: Terms, *, axis: int, quick: bool = False, check: bool = False
) -> Array:
    """Return the sum of `terms` along `axis`; `quick` allows the plain sum where it is accurate (KL only).

    With `check` the masses of both sides are checked in the same pass (NumPy probabilities only).
    """
    with np.errstate(all="ignore"):
        if not is_numpy(xp):
            return xp.sum(terms(Pair(xp, p.values, q.values, p.logs, q.logs)), axis=axis)
        columns = [_last(side, axis) for side in (p.values, q.values, p.logs, q.logs)]
        shape = columns[0].shape[:-1]
        value = _numpy_total(
            [c if c is None else c.reshape(-1, c.shape[-1]) for c in columns], terms, quick, check, (p, q)
        )
    return value.reshape(shape).astype(p.values.dtype, copy=False)[()]


def _last(array: Array | None, axis: int) -> Any:
    return None if array is None else np.moveaxis(np.asarray(array), axis, -1)


@dataclass(frozen=True, slots=True)
class _Task:
    rows: slice
    columns: slice
    part: int


def _tasks(n_rows: int, n_columns: int, size: int) -> tuple[list[_Task], int]:
    width = min(n_columns, size)
    height = max(1, size // width)
    n_parts = math.ceil(n_columns / width)
    return [
        _Task(slice(row, min(row + height, n_rows)), slice(part * width, min((part + 1) * width, n_columns)), part)
        for row in range(0, n_rows, height)
        for part in range(n_parts)
    ], n_parts


def _run(work: Callable[[int], None], n_tasks: int) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    n_threads = min(cores, n_tasks // 4)
    if n_threads < 2:
        for task in range(n_tasks):
            work(task)
        return

    def share(first: int) -> None:
        # NumPy's error state belongs to one thread
        with np.errstate(all="ignore"):
            for task in range(first, n_tasks, n_threads):
                work(task)

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(share, range(n_threads)))


def _numpy_total(columns: list[Any], terms: Terms, quick: bool, check: bool, ends: tuple[Side, Side]) -> np.ndarray:
    p, q, log_p, log_q = columns
    tasks, n_parts = _tasks(p.shape[0], p.shape[1], BLOCK * _PLAIN if quick else BLOCK)
    partial = np.empty((n_parts, p.shape[0]))
    weigh = check or quick
    masses = np.empty((2, n_parts, p.shape[0]) if weigh else (2, 0, 0))
    lowest = np.empty((2, len(tasks)))

    def block(array: Any, task: _Task) -> Any:
        return None if array is None else np.ascontiguousarray(array[task.rows, task.columns], dtype=np.float64)

    def exact(one: Any, two: Any, three: Any = None, four: Any = None) -> Any:
        return _row_sums(terms(Pair(np, one, two, three, four)))

    def work(number: int) -> None:
        task = tasks[number]
        one, two = block(p, task), block(q, task)
        if weigh:
            for side, values in enumerate((one, two)):
                masses[side, task.part, task.rows] = _row_sums(values)
                lowest[side, number] = values.min()
        if not quick:
            partial[task.part, task.rows] = exact(one, two, block(log_p, task), block(log_q, task))
            return
        value = _plain_kl(one, two)
        if n_parts == 1:
            value += masses[1, 0, task.rows] - masses[0, 0, task.rows]
            again = _uncertain(value)
            if again.any():
                value[again] = exact(one[again], two[again])
        partial[task.part, task.rows] = value

    _run(work, len(tasks))
    value = partial.sum(axis=0)
    if not weigh:
        return value
    mass = masses.sum(axis=1)
    if check:
        for side, name in enumerate("pq"):
            # the tolerance is that of the type the caller gave
            check_mass(name, float(lowest[side].min()), mass[side].astype(ends[side].values.dtype), np)
    if quick and n_parts > 1:
        value += mass[1] - mass[0]
        for row in np.flatnonzero(_uncertain(value)):
            view = slice(row, row + 1)
            value[view] = _numpy_total([p[view], q[view], None, None], terms, False, False, ends)
    return value


def _uncertain(value: np.ndarray) -> np.ndarray:
    return ~((value >= _SMALL) & np.isfinite(value))


def _plain_kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    ratio = p / q
    if not p.min() > 0:
        # fmax turns 0 / 0 and 0 into a positive number, whose logarithm times p = 0 is 0
        np.fmax(ratio, np.finfo(np.float64).tiny, out=ratio)
    np.log(ratio, out=ratio)
    ratio *= p
    return _row_sums(ratio)


def _row_sums(block: np.ndarray) -> np.ndarray:
    # NumPy reduces short rows one call at a time; a product with ones is several times faster there
    if block.shape[1] <= _SHORT:
        return block @ np.ones(block.shape[1])
    return block.sum(axis=1)
