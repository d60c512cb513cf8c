"""Two profiles side by side: the cells that both share, with small ones joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith.drift._records import BUCKETS, ColumnProfile

__all__ = ["Cells", "side_by_side"]

_LEAST = 1.0  # rows that the smaller sample is expected to hold in a cell of its own
_LEAST_OF_MANY = 50.0  # the same of ordered cells where samples are large: the chi-squared law then holds
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows of both samples in common cells.

    Attributes
    ----------
    names : tuple of (float, float) or str
        Of ordered cells their ends, the upper one not in it; of the others their level.
    reference, current : ndarray of shape (n_cells,)
        Float64 counts.
    n_ordered : int
        The first so many cells are ordered.
    groups : ndarray of shape (n_raw_cells,)
        For each cell of the profile, the cell here that holds it; -1 for empty ones. Of ordered columns only.
    """

    names: tuple[Ends | str, ...]
    reference: np.ndarray
    current: np.ndarray
    n_ordered: int
    groups: np.ndarray

    @property
    def expected(self) -> float:
        """The least number of rows that a cell is expected to hold in the smaller sample."""
        n, m = self.reference.sum(), self.current.sum()
        pooled = self.reference + self.current
        return float(pooled.min() * min(n, m) / (n + m)) if len(pooled) else 0.0


def side_by_side(reference: ColumnProfile, current: ColumnProfile) -> Cells:
    """Return both profiles in common cells.

    Cells that nobody is in vanish; cells in which the smaller sample expects less than one row are joined to their
    neighbour, or to one cell of rare levels. Which cells are joined depends on the pooled counts alone, so that
    relabelling the rows leaves them as they are and a permutation test stays exact.
    """
    share = min(reference.n, current.n) / max(1, reference.n + current.n)
    if reference.ordered:
        names, counts, groups = _ordered(reference, current, share)
    else:
        names, counts, groups = _levels(reference, current, share)
    n_ordered = len(names) if reference.ordered else 0
    for name, first, second in (
        ("missing", reference.missing, current.missing),
        ("not readable", reference.invalid, current.invalid),
    ):
        if first + second:
            names.append(name)
            counts.append((first, second))
    table = np.array(counts, dtype=np.float64).reshape(-1, 2)
    return Cells(tuple(names), table[:, 0], table[:, 1], n_ordered, groups)


Found = tuple[list[Ends | str], list[tuple[int, int]], np.ndarray]


def _ordered(reference: ColumnProfile, current: ColumnProfile, share: float) -> Found:
    ends = np.concatenate([[-np.inf], reference.edges, [np.inf]])
    least = _LEAST_OF_MANY if min(reference.n, current.n) >= 1.5 * _LEAST_OF_MANY * len(ends) else _LEAST
    names: list[Ends | str] = []
    counts: list[tuple[int, int]] = []
    groups = np.full(len(reference.cells), -1, np.int64)
    open_cell: list[int] = []
    for place in range(len(reference.cells)):
        if reference.cells[place] + current.cells[place] == 0:
            continue
        open_cell.append(place)
        first, second = int(reference.cells[open_cell].sum()), int(current.cells[open_cell].sum())
        if (first + second) * share >= least:
            groups[open_cell] = len(names)
            names.append((float(ends[open_cell[0]]), float(ends[open_cell[-1] + 1])))
            counts.append((first, second))
            open_cell = []
    if open_cell:
        first, second = int(reference.cells[open_cell].sum()), int(current.cells[open_cell].sum())
        high = float(ends[open_cell[-1] + 1])
        if names:
            low = names[-1][0]
            names[-1] = (float(low), high)
            counts[-1] = (counts[-1][0] + first, counts[-1][1] + second)
            groups[open_cell] = len(names) - 1
        else:
            groups[open_cell] = 0
            names.append((float(ends[open_cell[0]]), high))
            counts.append((first, second))
    return names, counts, groups


def _levels(reference: ColumnProfile, current: ColumnProfile, share: float) -> Found:
    if reference.bucketed or current.bucketed:
        first, second = reference.in_buckets().cells, current.in_buckets().cells
        both = {f"bucket {place}": (int(first[place]), int(second[place])) for place in range(BUCKETS)}
    else:
        known = sorted({*reference.levels, *current.levels})
        both = {level: (reference.levels.get(level, 0), current.levels.get(level, 0)) for level in known}
    names: list[Ends | str] = []
    counts: list[tuple[int, int]] = []
    rare: list[tuple[int, int]] = []
    for level, held in sorted(both.items(), key=lambda item: (-sum(item[1]), item[0])):
        if sum(held) * share >= _LEAST:
            names.append(level)
            counts.append(held)
        elif sum(held):
            rare.append(held)
    if rare:
        names.append(f"{len(rare)} rare levels")
        counts.append((sum(held[0] for held in rare), sum(held[1] for held in rare)))
    return names, counts, np.zeros(0, np.int64)
