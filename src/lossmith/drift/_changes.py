"""Where a stream changed: the split at which its cells differ most, and whether any split would look like that by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._errors import DomainError, InvalidInputError
from lossmith.drift._edges import fit_edges
from lossmith.drift._source import open_source

__all__ = ["ChangePoint", "change_points"]

_PLACES = 200  # splits that are tried
_CELLS = 8


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change in a stream.

    Attributes
    ----------
    row : int
        The first row after the change, from 0.
    low, high : int
        Rows between which it lies with probability of about 95 %, by the profile of the likelihood.
    statistic : float
        Likelihood ratio of two laws against one, at that row.
    p_value : float
        Share of streams with their blocks in random order that have a split as good.
    """

    row: int
    low: int
    high: int
    statistic: float
    p_value: float


def change_points(
    values: Any, *, level: float = 0.01, least: int = 50, block: int = 1, resamples: int = 999, seed: int = 0
) -> tuple[ChangePoint, ...]:
    """Return where a stream of numbers or levels changed, in order, by splitting it again and again.

    Use it on a column in the order of time, when the monitor has said that something changed and you ask when. The law
    on both sides of a split is that of 8 cells with equal shares, so that changes of any kind count.

    Parameters
    ----------
    values : array or Series of shape (n_samples,)
        Numbers, booleans or text.
    level : float
        Of each split.
    least : int
        Rows between two changes, at least.
    block : int
        Rows that follow each other and are kept together when order is made random; more than 1 for autocorrelated rows.
    resamples, seed : int

    Raises
    ------
    DomainError, InvalidInputError
        Fewer than two pieces of `least` rows; a level outside (0, 1).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> stream = np.concatenate([rng.normal(size=600), rng.normal(1.0, size=400)])
    >>> found = change_points(stream)
    >>> len(found), abs(found[0].row - 600) < 30
    (1, True)

    Source: binary segmentation, Scott and Knott, 1974; likelihood ratio of multinomials, Horvath and Serbinowska, 1995.
    """
    if not 0 < level < 1:
        raise DomainError(f"level={level!r}", expected="a number between 0 and 1")
    if least < 2 or block < 1 or resamples < 19:
        raise InvalidInputError(f"least={least}, block={block}, resamples={resamples}", expected="at least 2, 1 and 19")
    codes, cells = _codes(values)
    if len(codes) < 2 * least:
        raise InvalidInputError(f"{len(codes)} rows", expected=f"at least {2 * least}, twice least={least}")
    table = np.zeros((len(codes), cells))
    table[np.arange(len(codes)), codes] = 1.0
    generator = np.random.default_rng(seed)
    found: list[ChangePoint] = []
    pieces = [(0, len(codes))]
    while pieces:
        low, high = pieces.pop()
        if high - low < 2 * least:
            continue
        change = _split(table[low:high], least, block, resamples, level, generator)
        if change is not None:
            moved = ChangePoint(change.row + low, change.low + low, change.high + low, change.statistic, change.p_value)
            found.append(moved)
            pieces += [(low, moved.row), (moved.row, high)]
    return tuple(sorted(found, key=lambda change: change.row))


def _codes(values: Any) -> tuple[np.ndarray, int]:
    from lossmith.drift._kinds import as_levels, as_numbers, decide, family

    source = open_source({"stream": values})
    column = source.column("stream")
    kind, notation = decide(column)
    if family(kind) == "ordered":
        numbers, _ = as_numbers(column, kind, notation)
        finite = numbers[np.isfinite(numbers)]
        edges = fit_edges(finite, n_bins=_CELLS)[1:-1] if len(np.unique(finite)) > _CELLS else np.unique(finite)[1:]
        codes = np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers, side="right"))
        return codes.astype(np.int64), len(edges) + 2
    levels, _ = as_levels(column, kind)
    counts = levels.drop_nulls().value_counts(sort=True)
    known = {level: min(place, 31) for place, level in enumerate(counts["stream"].to_list())}
    return np.array([len(known) if level is None else known[level] for level in levels.to_list()]).clip(0, 32), 33


def _likelihood(before: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return twice the log likelihood ratio of two laws against one for every split, shape (..., n_splits)."""
    after = total - before

    def entropy(counts: np.ndarray) -> np.ndarray:
        sums = counts.sum(axis=-1, keepdims=True)
        share = np.divide(counts, sums, out=np.ones_like(counts), where=counts > 0)
        return np.sum(counts * np.log(share), axis=-1)

    return 2 * (entropy(before) + entropy(after) - entropy(np.broadcast_to(total, before.shape)))


def _split(
    table: np.ndarray, least: int, block: int, resamples: int, level: float, generator: np.random.Generator
) -> ChangePoint | None:
    n = len(table)
    places = np.unique(np.linspace(least, n - least, min(_PLACES, n - 2 * least + 1)).astype(np.int64))
    running = np.cumsum(table, axis=0)
    values = _likelihood(running[places - 1], running[-1])
    best = float(values.max())
    larger = drawn = 0
    starts = np.arange(0, n, block)
    while drawn < resamples:
        drawn += 1
        order = generator.permutation(len(starts))
        rows = (
            generator.permutation(n)
            if block == 1
            else np.concatenate([np.arange(s, min(n, s + block)) for s in starts[order]])
        )
        shuffled = np.cumsum(table[rows], axis=0)
        larger += float(_likelihood(shuffled[places - 1], shuffled[-1]).max()) >= best
        if larger >= 20:
            break
    p_value = (larger + 1) / (drawn + 1)
    if p_value > level:
        return None
    # the grid is coarse for long streams: look at every row near the best place
    step = max(1, int(places[1] - places[0])) if len(places) > 1 else 1
    near = int(places[int(np.argmax(values))])
    fine = np.arange(max(least, near - step), min(n - least, near + step) + 1)
    sharp = _likelihood(running[fine - 1], running[-1])
    row = int(fine[int(np.argmax(sharp))])
    every, all_values = np.concatenate([places, fine]), np.concatenate([values, sharp])
    likely = every[all_values > float(sharp.max()) - 7.4]  # a two-sided random walk stays so near for 95 % (Yao 1987)
    return ChangePoint(row, int(likely.min()), int(likely.max()), float(sharp.max()), p_value)
