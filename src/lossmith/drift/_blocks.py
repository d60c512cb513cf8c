"""Rows that follow each other in time: blocks are relabelled, not rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lossmith._checks import Finding
from lossmith._errors import InvalidInputError
from lossmith.drift._checks import CHECKS
from lossmith.drift._kinds import as_levels, as_numbers
from lossmith.drift._records import ColumnProfile
from lossmith.drift._table import Cells

if TYPE_CHECKING:
    from lossmith.drift._columns import Plan

__all__ = ["autocorrelated", "block_length", "draws", "first_autocorrelation"]

_LOOKED_AT = 20_000
_NOTABLE = 0.2


def first_autocorrelation(values: np.ndarray) -> float:
    """Return the correlation of ranks with the ranks one row before; 0 where there are fewer than 20 numbers.

    Examples
    --------
    >>> round(first_autocorrelation(np.arange(100.0)), 2), round(first_autocorrelation(np.tile([0.0, 1.0], 50)), 2)
    (0.97, -0.99)
    """
    values = values[np.isfinite(values)][:_LOOKED_AT]
    if len(values) < 20 or values.min() == values.max():
        return 0.0
    from scipy.stats import rankdata

    ranks = rankdata(values)
    ranks -= ranks.mean()
    return float(ranks[1:] @ ranks[:-1] / (ranks @ ranks))


def block_length(autocorrelation: float, n: int) -> int:
    """Return a length of blocks for a first-order autoregression: `(sqrt(6) r / (1 - r^2))^(2/3) n^(1/3)`, rounded up.

    Examples
    --------
    >>> block_length(0.0, 1000), block_length(0.9, 1000)
    (1, 52)

    Source: Andrews, Heteroskedasticity and autocorrelation consistent covariance matrix estimation, 1991;
    Carlstein, The use of subseries values for estimating the variance of a general statistic, 1986.
    """
    r = min(0.99, abs(autocorrelation))
    return max(1, math.ceil((math.sqrt(6) * r / (1 - r * r)) ** (2 / 3) * n ** (1 / 3))) if r > 0.02 else 1


def autocorrelated(column: ColumnProfile, plan: Plan) -> Finding | None:
    """Return a finding where rows are alike to their neighbours and nobody asked for blocks."""
    if plan.reference_rows is None:
        return None
    numbers, _ = as_numbers(plan.reference_rows(column.name)[:_LOOKED_AT], column.kind, column.notation)
    found = first_autocorrelation(numbers)
    if found < max(_NOTABLE, 4 / math.sqrt(max(1, len(numbers)))):
        return None
    return CHECKS["LS706"].found(column.name, f"the correlation with the row before is {found:.2f}")


def _codes(column: ColumnProfile, cells: Cells, values: object) -> np.ndarray:
    """Return the cell of every row; -1 where it is in none."""
    where = {name: place for place, name in enumerate(cells.names)}
    if column.ordered:
        numbers, _ = as_numbers(values, column.kind, column.notation)  # type: ignore[arg-type]
        codes = cells.groups[
            np.searchsorted(column.edges, np.nan_to_num(numbers, nan=0.0, posinf=np.inf, neginf=-np.inf), side="right")
        ]
        return np.where(np.isnan(numbers), where.get("missing", where.get("not readable", -1)), codes)
    levels, _ = as_levels(values, column.kind)  # type: ignore[arg-type]
    rare = next((place for name, place in where.items() if isinstance(name, str) and name.endswith(" rare levels")), -1)
    known = {name: where.get(name, rare) for name in levels.drop_nulls().unique().to_list()}
    return np.array([where.get("missing", -1) if level is None else known[level] for level in levels.to_list()])


def draws(
    before: ColumnProfile, now: ColumnProfile, cells: Cells, plan: Plan, generator: np.random.Generator
) -> Callable[[int], np.ndarray]:
    """Return a function that draws counts of the current rows when blocks are relabelled.

    Raises
    ------
    InvalidInputError
        Only a profile of the reference, which has no order.
    """
    if plan.reference_rows is None:
        raise InvalidInputError(
            "blocks with a stored profile", expected="the rows of the reference, in their order", advice="compare with the data"
        )  # fmt: skip
    sides = [_codes(before, cells, rows(before.name)) for rows in (plan.reference_rows, plan.current_rows)]
    length = plan.blocks
    if not isinstance(length, int):
        strength = max(first_autocorrelation(side.astype(np.float64)) for side in sides)
        length = block_length(strength, min(before.n, now.n))
    counted = []
    for side in sides:
        # the last rows that fill no block stay with the block before
        block = np.minimum(np.arange(len(side)) // length, max(0, len(side) // length - 1))
        table = np.zeros((int(block[-1]) + 1, len(cells.names)))
        inside = side >= 0
        np.add.at(table, (block[inside], side[inside]), 1.0)
        counted.append(table)
    pooled, taken = np.concatenate(counted), len(counted[1])

    def draw(size: int) -> np.ndarray:
        chosen = np.argsort(generator.random((size, len(pooled))), axis=1)[:, :taken]
        members = np.zeros((size, len(pooled)))
        np.put_along_axis(members, chosen, 1.0, axis=1)
        return np.asarray(members @ pooled)

    return draw
