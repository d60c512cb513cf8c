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

__all__ = ["BLOCK", "Plain", "is_numpy", "plain_jensen_shannon", "plain_kl", "total"]

BLOCK = 2**14  # entries of one block: with its score of scratch arrays it fits a second-level cache
_PLAIN = 4  # times as many for the plain sum, which has one scratch array
# below this the plain sum of p log(p / q) has lost digits to cancellation, and the row is done again term by term
_SMALL = 1e-2
_SHORT = 64


def is_numpy(xp: Namespace) -> bool:
    """Return whether `xp` is NumPy's namespace."""
    return xp.__name__ in ("numpy", "array_api_compat.numpy")


Plain = Callable[[np.ndarray, np.ndarray], np.ndarray]


def total(
    xp: Namespace, p: Side, q: Side, terms: Terms, *, axis: int, quick: Plain | None = None, check: bool = False
) -> Array:
    """Return the sum of `terms` along `axis`; `quick(p, q)` is a plain sum that is used where it is accurate.

    With `check` the masses of both sides are checked in the same pass (NumPy probabilities only).
    """
    with np.errstate(all="ignore"):
        if not is_numpy(xp):
            return xp.sum(terms(Pair(xp, p.values, q.values, p.logs, q.logs)), axis=axis)
        columns = [_last(side, axis) for side in (p.values, q.values, p.logs, q.logs)]
        shape = columns[0].shape[:-1]
        flat = [c if c is None else c.reshape(-1, c.shape[-1]) for c in columns]
        value = _numpy_total(flat, terms, quick, check)
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


class _Masses:
    """Sums and least entries of both sides: of every row where rows are cut up, of the furthest from 1 in a block where not."""

    def __init__(self, n_tasks: int, n_parts: int, n_rows: int, types: tuple[Any, Any]) -> None:
        self.types = types
        self.cut = n_parts > 1
        self.rows = np.empty((2, n_parts, n_rows)) if self.cut else np.empty((2, 0, 0))
        self.lowest = np.zeros((2, n_tasks))
        self.worst = np.ones((2, n_tasks))
        self.wrong = np.zeros((2, n_tasks), dtype=np.int64)

    def see(self, number: int, task: _Task, side: int, values: np.ndarray) -> np.ndarray:
        mass = _row_sums(values)
        self.lowest[side, number] = values.min()
        if self.cut:
            self.rows[side, task.part, task.rows] = mass
            return mass
        off = np.abs(mass - 1)
        self.wrong[side, number] = np.count_nonzero(~(off <= float(np.finfo(self.types[side]).eps) ** 0.5))
        self.worst[side, number] = mass[int(np.argmax(off))]
        return mass

    def check(self, n_rows: int) -> None:
        """Raise unless both sides are distributions."""
        for side, name in enumerate("pq"):
            if self.cut:
                # the tolerance is that of the type the caller gave
                check_mass(
                    name, float(self.lowest[side].min()), self.rows[side].sum(axis=0).astype(self.types[side]), np
                )
                continue
            wrong = int(self.wrong[side].sum())
            worst = self.worst[side]
            worst = worst[np.isnan(worst)] if np.isnan(worst).any() else worst[[int(np.argmax(np.abs(worst - 1)))]]
            mass = np.full(min(n_rows, 2), worst[0] if wrong else 1.0)
            check_mass(name, float(self.lowest[side].min()), mass, np, rows=(wrong, n_rows))


def _numpy_total(columns: list[Any], terms: Terms, quick: Plain | None, check: bool) -> np.ndarray:
    p, q, log_p, log_q = columns
    tasks, n_parts = _tasks(p.shape[0], p.shape[1], BLOCK * _PLAIN if quick else BLOCK)
    partial = np.empty((n_parts, p.shape[0]))
    masses = _Masses(len(tasks), n_parts, p.shape[0], (p.dtype, q.dtype))

    def block(array: Any, task: _Task) -> Any:
        return None if array is None else np.ascontiguousarray(array[task.rows, task.columns], dtype=np.float64)

    def exact(one: Any, two: Any, three: Any = None, four: Any = None) -> Any:
        return _row_sums(terms(Pair(np, one, two, three, four)))

    def work(number: int) -> None:
        task = tasks[number]
        one, two = block(p, task), block(q, task)
        if check:
            masses.see(number, task, 0, one)
            masses.see(number, task, 1, two)
        if quick is None:
            partial[task.part, task.rows] = exact(one, two, block(log_p, task), block(log_q, task))
            return
        value = quick(one, two)
        if n_parts == 1:
            again = _uncertain(value)
            if again.any():
                value[again] = exact(one[again], two[again])
        partial[task.part, task.rows] = value

    _run(work, len(tasks))
    if check:
        masses.check(p.shape[0])
    if n_parts == 1:
        return partial[0]
    value = partial.sum(axis=0)
    if quick is not None:
        for row in np.flatnonzero(_uncertain(value)):
            view = slice(row, row + 1)
            value[view] = _numpy_total([p[view], q[view], None, None], terms, None, False)
    return value


def _uncertain(value: np.ndarray) -> np.ndarray:
    return ~((value >= _SMALL) & np.isfinite(value))


def plain_kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the row sums of p log(p / q) - p + q, not to be trusted where they are small or not finite."""
    return _weighted_logs(p, q) + (_row_sums(q) - _row_sums(p))


def plain_jensen_shannon(weight: float) -> Plain:
    """Return the function of p and q that sums w p log(p / m) + (1 - w) q log(q / m) over rows, m being the mixture."""

    def plain(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        mixture = (1 - weight) * q
        mixture += weight * p
        return weight * _weighted_logs(p, mixture) + (1 - weight) * _weighted_logs(q, mixture)

    return plain


def _weighted_logs(p: np.ndarray, q: np.ndarray) -> np.ndarray:
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
