"""Counting values in frozen cells: one look-up and one comparison for each value, exact.

A uniform grid is laid over the edges, fine enough that no grid cell holds more than a few of them. The grid cell of a value
is a multiplication away; both steps are monotone in floating point, so a value in a lower grid cell than an edge lies below
that edge and only values in the edge's own grid cell are compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Counted", "Lookup", "lookup"]

_CHUNK = 65_536  # values at a time: smaller pieces stay in a nearer cache, but threads then wait for the lock of the interpreter
_GRIDS = (1024, 4096, 16_384)
_MOST = 2  # edges in one grid cell


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Edges and the grid over them; without a grid, values are searched for."""

    edges: np.ndarray
    low: float = 0.0
    scale: float = 0.0
    size: int = 0
    inside: tuple[np.ndarray, ...] = ()
    before: np.ndarray | None = None

    @property
    def n_cells(self) -> int:
        """Number of cells, the open ones included."""
        return len(self.edges) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What one array of numbers holds.

    Attributes
    ----------
    cells : ndarray of shape (n_cells,)
    n_missing : int
        NaN.
    n_infinite : int
        They are in the outermost cells too.
    n : int
        Finite values; the moments are of these.
    mean, squares : float
        Their mean and the sum of squared differences from it.
    low, high : float
        The smallest and the largest.
    """

    cells: np.ndarray
    n_missing: int
    n_infinite: int
    n: int
    mean: float
    squares: float
    low: float
    high: float


def lookup(edges: np.ndarray) -> Lookup:
    """Return the table for some edges."""
    if not len(edges):
        return Lookup(edges)
    # where the outermost edges lie far out, the grid spans the others and its first and last cell hold two edges
    for ends in (edges, edges[1:-1]):
        low, span = (float(ends[0]), float(ends[-1]) - float(ends[0])) if len(ends) > 1 else (float(edges[0]), 0.0)
        for size in _GRIDS:
            scale = (size - 1) / span if span > 0 else 0.0
            if not np.isfinite(scale) or not np.isfinite(span):
                break
            with np.errstate(over="ignore"):
                places = np.clip((edges - low) * scale, 0, size - 1).astype(np.int64)
            counts = np.bincount(places, minlength=size)
            most = int(counts.max())
            if most <= _MOST:
                return _table(edges, low, scale, places, counts)
    return Lookup(edges)


def _table(edges: np.ndarray, low: float, scale: float, places: np.ndarray, counts: np.ndarray) -> Lookup:
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.arange(len(edges)) - first[places]
    inside = []
    for level in range(int(counts.max())):
        table = np.full(len(counts), np.nan)  # no value is at least NaN
        table[places[rank == level]] = edges[rank == level]
        inside.append(table)
    return Lookup(edges, low, scale, len(counts), tuple(inside), first)


def count(values: np.ndarray, table: Lookup) -> Counted:
    """Return counts and moments of float64 values, NaN and infinities among them.

    Examples
    --------
    >>> counted = count(np.array([0.5, 1.0, 1.5, np.nan, np.inf]), lookup(np.array([1.0, 2.0])))
    >>> counted.cells.tolist(), counted.n_missing, counted.n_infinite, counted.mean
    ([1, 2, 1], 1, 1, 1.0)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _count(values, table)


def _count(values: np.ndarray, table: Lookup) -> Counted:
    cells = np.zeros(table.n_cells, np.int64)
    width = len(table.inside) + 1
    codes = np.zeros(width * table.size, np.int64)
    # the grid begins where moments are taken from, so that one subtraction serves both
    shift = table.low if table.size else float(table.edges[0]) if len(table.edges) else 0.0
    n = n_missing = n_infinite = 0
    total = squares = 0.0
    low, high = np.inf, -np.inf
    scratch = np.empty(_CHUNK), np.empty(_CHUNK), np.empty(_CHUNK, np.intp), np.empty(_CHUNK, bool)
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        moved = np.subtract(chunk, shift, out=scratch[0][: len(chunk)])
        added = float(moved.sum())
        if not np.isfinite(added):
            chunk = chunk[~np.isnan(chunk)]
            n_missing += len(moved) - len(chunk)
            finite = chunk[np.isfinite(chunk)]
            n_infinite += len(chunk) - len(finite)
            moved = finite - shift
            added = float(moved.sum())
        else:
            finite = chunk
        if len(finite):
            n += len(finite)
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            total += added
            squares += float(np.einsum("i,i", moved, moved))  # BLAS would start threads of its own
        if table.size:
            # an infinite value has been taken out of what was moved
            codes += _codes(chunk, moved if finite is chunk else chunk - shift, table, scratch)
        else:
            cells += np.bincount(np.searchsorted(table.edges, chunk, side="right"), minlength=table.n_cells)
    if table.before is not None:
        bins = table.before[:, None] + np.arange(width)[None, :]
        # a grid cell with fewer edges than others never counts beyond its own
        np.add.at(cells, np.minimum(bins, len(table.edges)).ravel(), codes)
    if not n:
        return Counted(cells, n_missing, n_infinite, 0, 0.0, 0.0, np.inf, -np.inf)
    mean = total / n
    return Counted(cells, n_missing, n_infinite, n, shift + mean, max(0.0, squares - n * mean * mean), low, high)


def _codes(chunk: np.ndarray, moved: np.ndarray, table: Lookup, scratch: tuple[np.ndarray, ...]) -> np.ndarray:
    place, edge, index, above = (array[: len(chunk)] for array in scratch)
    if table.scale:
        np.multiply(moved, table.scale, out=place)
        np.clip(place, 0.0, table.size - 1, out=place)
    else:
        place[:] = 0.0  # infinity times 0 would be NaN and belongs to the only grid cell
    np.copyto(index, place, casting="unsafe")
    width = len(table.inside) + 1
    found = []
    for level in table.inside:
        np.take(level, index, out=edge, mode="clip")
        np.greater_equal(chunk, edge, out=above)
        found.append(above if width == 2 else above.copy())
    np.multiply(index, width, out=index)
    for one in found:
        np.add(index, one, out=index)
    return np.bincount(index, minlength=width * table.size)
