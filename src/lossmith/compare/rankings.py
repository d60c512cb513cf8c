"""Across data sets: average ranks, whether they differ at all, and by how much they must differ.

Data sets are the sample here, never seeds: average over the seeds of a data set first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lossmith._errors import InvalidInputError, ShapeError

__all__ = ["AverageRanks", "average_ranks", "critical_difference"]


@dataclass(frozen=True, slots=True)
class AverageRanks:
    """Losses ranked on several data sets.

    Attributes
    ----------
    ranks : mapping of str to float
        Average rank of each loss, 1 the best, ties averaged; best first.
    difference : float
        Average ranks that differ by less cannot be told apart (Nemenyi).
    p_value : float
        Friedman's test that all losses rank alike.
    n_datasets : int
    level : float
    groups : tuple of tuple of str
        The largest sets of losses whose average ranks lie within `difference`: the bars of the diagram.
    """

    ranks: Mapping[str, float]
    difference: float
    p_value: float
    n_datasets: int
    level: float
    groups: tuple[tuple[str, ...], ...]


def average_ranks(
    scores: npt.NDArray[Any],
    losses: Sequence[str],
    *,
    direction: Literal["higher", "lower"],
    level: float = 0.95,
) -> AverageRanks:
    r"""Return average ranks with Friedman's test and the critical difference of Nemenyi.

    Parameters
    ----------
    scores : ndarray of shape (n_datasets, n_losses)
        The mean of the judged metric over the seeds of each data set.
    losses : sequence of str
        Names of the columns.
    direction : {"higher", "lower"}
        Which is better.
    level : float

    Raises
    ------
    ShapeError
        Not one name for each column.
    InvalidInputError
        Fewer than three losses or two data sets, or a score that is NaN.

    Source: Demsar, Statistical comparisons of classifiers over multiple data sets, 2006.

    Examples
    --------
    >>> found = average_ranks(
    ...     np.array([[0.9, 0.8, 0.7], [0.8, 0.9, 0.6], [0.7, 0.6, 0.5]]), ["a", "b", "c"], direction="higher"
    ... )
    >>> {loss: round(rank, 2) for loss, rank in found.ranks.items()}
    {'a': 1.33, 'b': 1.67, 'c': 3.0}
    """
    from scipy import stats

    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] != len(losses):
        raise ShapeError(
            f"scores of shape {scores.shape} for {len(losses)} losses",
            expected="shape (n_datasets, n_losses)",
            advice="give one row for each data set",
        )
    n_datasets, n_losses = scores.shape
    if n_losses < 3 or n_datasets < 2:
        raise InvalidInputError(
            f"{n_losses} losses on {n_datasets} data sets",
            expected="three losses or more on two data sets or more",
            advice="compare two losses by the signed-rank test over data sets",
        )
    if direction not in ("higher", "lower"):
        raise InvalidInputError(
            f"direction {direction!r}", expected="'higher' or 'lower'", advice="use metric.direction"
        )
    if np.isnan(scores).any():
        raise InvalidInputError(
            "a data set without a score for every loss", expected="a full table", advice="leave the data set out"
        )
    ranks = stats.rankdata(-scores if direction == "higher" else scores, axis=1)
    means = ranks.mean(axis=0)
    order = np.argsort(means, kind="stable")
    # where every loss ties on every data set, the statistic is 0 / 0 and nothing speaks against equality
    alike = bool((ranks == ranks[:, :1]).all())
    p_value = 1.0 if alike else float(stats.friedmanchisquare(*scores.T).pvalue)
    difference = critical_difference(n_losses, n_datasets, level=level)
    names = [str(losses[place]) for place in order]
    return AverageRanks(
        {name: float(means[place]) for name, place in zip(names, order, strict=True)},
        difference,
        p_value,
        n_datasets,
        level,
        _groups(names, means[order], difference),
    )


def critical_difference(n_losses: int, n_datasets: int, *, level: float = 0.95) -> float:
    r"""Return the difference of average ranks from which two losses differ (Nemenyi).

    $\frac{q}{\sqrt{2}} \sqrt{k (k + 1) / (6 n)}$ for k losses on n data sets, with q the quantile of the studentised
    range of k means and infinite degrees of freedom.

    Source: Nemenyi, Distribution-free multiple comparisons, 1963; Demsar 2006.

    Examples
    --------
    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    from scipy import stats

    quantile = float(stats.studentized_range.ppf(level, n_losses, np.inf)) / np.sqrt(2.0)
    return float(quantile * np.sqrt(n_losses * (n_losses + 1) / (6.0 * n_datasets)))


def _groups(names: Sequence[str], means: npt.NDArray[Any], difference: float) -> tuple[tuple[str, ...], ...]:
    found: list[tuple[str, ...]] = []
    reached = 0
    for start in range(len(names)):
        stop = int(np.searchsorted(means, means[start] + difference, side="right"))
        if stop - start > 1 and stop > reached:
            found.append(tuple(names[start:stop]))
            reached = stop
    return tuple(found)
