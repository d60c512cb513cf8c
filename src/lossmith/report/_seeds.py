"""What figures need of the table of trials: one value for each seed, and the differences between two losses seed by seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from lossmith.compare._spec import Comparison, Standing
from lossmith.report._quantities import find, quantity

__all__ = ["Seeds", "differences", "of_loss", "status_by_seed"]


@dataclass(frozen=True, slots=True)
class Seeds:
    """Values of one loss at its chosen rates.

    Attributes
    ----------
    seed : ndarray of shape (n_seeds,)
    value : ndarray of shape (n_seeds,)
        NaN for a seed that diverged.
    collapsed : ndarray of shape (n_seeds,)
        Whether the seed ended in a constant prediction.
    """

    seed: np.ndarray
    value: np.ndarray
    collapsed: np.ndarray


_NOTHING = Seeds(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=bool))


def of_loss(comparison: Comparison, standing: Standing) -> Seeds:
    """Return the judged metric of each seed of a loss; of the loss that was trained for it where it was not trained itself."""
    trials = comparison.trials
    column = find({name: name for name in trials.columns}, comparison.settings.metric)
    if column is None or not {"loss", "seed", "chosen", "status"} <= set(trials.columns):
        return _NOTHING
    for label in filter(None, (standing.loss, standing.same_as)):
        rows = trials.filter((pl.col("loss") == label) & pl.col("chosen")).sort("seed")
        if rows.height:
            value = rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            return Seeds(rows["seed"].to_numpy(), value, (rows["status"] == "collapsed").to_numpy())
    return _NOTHING


def differences(comparison: Comparison, standing: Standing) -> Seeds:
    """Return, for each seed that both finished, this loss minus its reference, oriented so that positive is better."""
    if standing.difference is None:
        return _NOTHING
    reference = next((row for row in comparison.standings if row.loss == standing.difference.reference), None)
    if reference is None:
        return _NOTHING
    own, other = of_loss(comparison, standing), of_loss(comparison, reference)
    _, left, right = np.intersect1d(own.seed, other.seed, assume_unique=True, return_indices=True)
    sign = 1.0 if quantity(comparison.settings.metric).higher else -1.0
    gap = sign * (own.value[left] - other.value[right])
    kept = np.isfinite(gap)
    return Seeds(own.seed[left][kept], gap[kept], (own.collapsed[left] | other.collapsed[right])[kept])


def status_by_seed(comparison: Comparison, label: str) -> list[tuple[int, str]]:
    """Return seed and status of the chosen runs of a loss, by seed: the order of the rows of its curves."""
    trials = comparison.trials
    if not {"loss", "seed", "chosen", "status"} <= set(trials.columns):
        return []
    rows = trials.filter((pl.col("loss") == label) & pl.col("chosen")).sort("seed")
    return [(int(seed), str(status)) for seed, status in rows.select("seed", "status").iter_rows()]
