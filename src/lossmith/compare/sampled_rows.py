"""Test rows as a sample: the part of the uncertainty that more seeds do not remove.

A mean over seeds converges to what holds on the rows at hand, not to what holds for the next ones. That is so where all
seeds share a split, and also where each draws its own from the same rows: from 1,000 rows, 30 seeds, the interval over
the seeds alone covers the truth in 67 % of cases instead of 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lossmith._errors import ShapeError

__all__ = ["row_variance", "spread_rows"]

Floats = npt.NDArray[np.floating[Any]]


def spread_rows(contributions: Sequence[Floats], tested: Sequence[npt.NDArray[np.integer[Any]]], n_rows: int) -> Floats:
    """Return a table seeds x rows from what each seed says about the rows it tested, NaN elsewhere.

    Parameters
    ----------
    contributions : sequence of ndarray of shape (n_tested,)
        Of each seed, see `Metric.contributions`.
    tested : sequence of ndarray of shape (n_tested,)
        Row numbers, as in `Split.test`.
    n_rows : int
        Rows that further seeds may test: all of the data set where splits are redrawn.

    Raises
    ------
    ShapeError
        Not one number for each tested row.

    Examples
    --------
    >>> spread_rows([np.array([1.0, 0.0]), np.array([1.0])], [np.array([2, 0]), np.array([1])], 3)
    array([[ 0., nan,  1.],
           [nan,  1., nan]])
    """
    table = np.full((len(contributions), n_rows), np.nan)
    for seed, (values, rows) in enumerate(zip(contributions, tested, strict=True)):
        if values.shape != rows.shape:
            raise ShapeError(
                f"contributions of shape {values.shape} for rows of shape {rows.shape}",
                expected="one number for each tested row",
                advice="pass contributions and row numbers of the same seed",
            )
        table[seed, rows] = values
    return table


def row_variance(rows: Floats, *, at_least: float = 0.0) -> tuple[float, float, float]:
    r"""Return the variance of the grand mean of a table seeds x test rows when both are samples.

    Seeds and rows are crossed random effects, $d_{sr} = \mu + a_s + b_r + e_{sr}$. Their variances come from moments
    and need no balance, so it serves one shared split as well as a new split for each seed:
    $V = \sigma_a^2 \sum_s n_s^2 / N^2 + \sigma_b^2 \sum_r n_r^2 / N^2 + \sigma_e^2 / N$, with $n_s$ cells of seed s,
    $n_r$ of row r and N in all. Never below `at_least`, the variance seen over the seeds alone.

    Parameters
    ----------
    rows : ndarray of shape (n_seeds, n_rows)
        NaN for rows that a seed did not test. All columns together are the rows that further seeds may test.
    at_least : float

    Returns
    -------
    variance, floor, freedom : float
        The variance; the part of it that stays however many seeds are added; Satterthwaite's degrees of freedom.

    Source: Gao and Owen, Efficient moment calculations for variance components in large unbalanced crossed random
    effects models, 2017.

    Examples
    --------
    >>> variance, floor, _ = row_variance(np.array([[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]]))
    >>> round(variance, 4), round(floor, 4)
    (0.0833, 0.0833)
    """
    seen = ~np.isnan(rows)
    cells = np.where(seen, rows, 0.0)
    by_seed, by_row = seen.sum(axis=1), seen.sum(axis=0)
    seeds, tested, total = len(rows), int((by_row > 0).sum()), int(seen.sum())
    if total in (tested, seeds) or seeds < 2:
        return at_least, 0.0, float(seeds - 1)  # no row twice: rows are nested in seeds and already in their spread
    deviation = np.where(seen, cells - cells.sum() / total, 0.0)
    squares = float((deviation**2).sum())
    within_seeds = squares - float((deviation.sum(axis=1) ** 2 / np.maximum(by_seed, 1)).sum())
    within_rows = squares - float((deviation.sum(axis=0) ** 2 / np.maximum(by_row, 1)).sum())
    row_and_rest = within_seeds / (total - seeds)
    seed_and_rest = within_rows / (total - tested)
    share_seeds, share_rows = float((by_seed**2).sum()) / total**2, float((by_row**2).sum()) / total**2
    share_rest = 1.0 / total
    # E squares / N = a (1 - share_seeds) + b (1 - share_rows) + e (1 - share_rest), and a = S - e, b = R - e
    rest = (squares / total - seed_and_rest * (1 - share_seeds) - row_and_rest * (1 - share_rows)) / (
        share_seeds + share_rows - share_rest - 1.0
    )
    rest = max(rest, 0.0)
    seed, row = max(seed_and_rest - rest, 0.0), max(row_and_rest - rest, 0.0)
    variance = max(seed * share_seeds + row * share_rows + rest * share_rest, at_least)
    extra = variance - at_least
    parts = at_least**2 / (seeds - 1) + extra**2 / (tested - 1)
    return variance, min(row / rows.shape[1], variance), variance**2 / parts if parts else float(seeds - 1)
