"""Two profiles side by side: the cells that both share, with small ones joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith.drift._records import BUCKETS, ColumnProfile

__all__ = ["Cells", "side_by_side"]

_LEAST = 1.0  # rows that the smaller sample is expected to hold in a cell of its own
_LEAST_OF_MANY = 50.0  # the same of ordered cells where samples are large: the chi-squared law then holds
_KEPT = 0.75  # of the cells: beside one value that nearly all rows have, the others must not vanish in its cell
_SEEN = 3.0  # rows that the reference is expected to hold of a value that has a cell of its own: it lacks one in twenty of these
_LOOSE = 20.0  # rows that the smaller sample is expected to hold in a cell of rare values: one row more or less is a fifth of their error
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
    relabelling the rows leaves them as they are and a permutation test stays exact. Rare values of a column of few
    different values are joined with what lies between them: the reference has given a cell to those that it happens to
    hold, and to none that only the current data hold.
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
    held = reference.cells + current.cells
    groups = np.full(len(held), -1, np.int64)
    loose = _loose(reference, current)
    joined = _joined(held * share, loose, _LEAST)
    if min(reference.n, current.n) >= 1.5 * _LEAST_OF_MANY * len(ends):
        fewer = _joined(held * share, loose, _LEAST_OF_MANY)
        joined = fewer if len(fewer) >= _KEPT * len(joined) else joined
    names: list[Ends | str] = []
    counts: list[tuple[int, int]] = []
    for number, places in enumerate(joined):
        groups[places] = number
        names.append((float(ends[places[0]]), float(ends[places[-1] + 1])))
        counts.append((int(reference.cells[places].sum()), int(current.cells[places].sum())))
    return names, counts, groups


def _joined(expected: np.ndarray, loose: np.ndarray, least: float) -> list[list[int]]:
    """Return which neighbours make one cell: as few as hold enough, loose ones among themselves where they hold enough."""
    made: list[list[int]] = []
    open_cell: list[int] = []
    amounts, is_loose = expected.tolist(), loose.tolist()  # plain numbers: an array of a few takes longer to add up
    held, all_loose, last_loose = 0.0, True, False

    def close(*, alone: bool) -> None:
        nonlocal held, all_loose, last_loose
        # what is left of loose cells after one of them has closed belongs to it
        if made and not alone and (held < least or (all_loose and last_loose)):
            made[-1] += open_cell
            last_loose = last_loose and all_loose
        else:
            made.append(list(open_cell))
            last_loose = all_loose
        open_cell.clear()
        held, all_loose = 0.0, True

    for place in np.flatnonzero(expected).tolist():
        if open_cell and all_loose and not is_loose[place] and held >= least:
            close(alone=False)
        open_cell.append(place)
        held += amounts[place]
        all_loose = all_loose and is_loose[place]
        if held >= (max(least, _LOOSE) if all_loose else least):
            close(alone=all_loose)
    if open_cell:
        close(alone=False)
    return made


def _loose(reference: ColumnProfile, current: ColumnProfile) -> np.ndarray:
    """Return which cells of a column of few different values hold what the reference might as well have lacked or held."""
    edges = reference.edges
    if not len(edges) or len(edges) % 2 or (np.nextafter(edges[::2], np.inf) != edges[1::2]).any():
        return np.zeros(len(reference.cells), bool)
    expected = (reference.cells + current.cells) * (reference.n / max(1, reference.n + current.n))
    found = expected < _SEEN
    found[::2] = True  # between the values
    return found


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
