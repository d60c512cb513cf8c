"""The records of a comparison of models: lines with verdicts, and the table of folds behind them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any

import polars as pl

from lossmith._views import view
from lossmith.compare._spec import Difference, Estimate

__all__ = ["ModelComparison", "ModelPlan", "ModelStanding"]


@dataclass(frozen=True, slots=True)
class ModelStanding:
    """One line: a model under a loss.

    Attributes
    ----------
    label : str
        Model, and its loss where several of its losses were compared.
    model, loss : str
    rank : int
        From 1; lines that are equivalent to the first of their group share its rank.
    metric : Estimate
        The judged metric over the folds, its interval corrected for training rows that folds share.
    difference : Difference or None
        From the best line; None for that line. `seeds_needed` counts folds.
    metrics : mapping of str to float
        Means of every metric over the folds.
    n_failed : int
        Folds without a score.
    seconds : float
        Mean time of a fold.
    calibrated : bool
        Whether its probabilities were calibrated on training rows, because the model gives scores alone.
    """

    label: str
    model: str
    loss: str
    rank: int
    metric: Estimate
    difference: Difference | None
    metrics: Mapping[str, float]
    n_failed: int
    seconds: float
    calibrated: bool


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What a comparison of models would train.

    Attributes
    ----------
    data, task : str
    n_samples : int
    metric : str
        The metric that will judge.
    folds : str
        How rows are divided, in words.
    n_folds, n_train : int
        Folds, and training rows of the smallest.
    entries : tuple of (str, str, int)
        Label of the model, its loss, and trainings of a fold: a network is trained once for each learning rate.
    decisions : tuple of str
    """

    data: str
    task: str
    n_samples: int
    metric: str
    folds: str
    n_folds: int
    n_train: int
    entries: tuple[tuple[str, str, int], ...]
    decisions: tuple[str, ...]

    @property
    def trainings(self) -> int:
        """Trainings in all."""
        return self.n_folds * sum(count for _, _, count in self.entries)

    def table(self) -> pl.DataFrame:
        """Return a line for each model: its loss and its trainings."""
        rows = [
            {"model": label, "loss": loss, "trainings": count * self.n_folds} for label, loss, count in self.entries
        ]
        return pl.DataFrame(rows)

    def to_json(self) -> str:
        """Return the plan as JSON."""
        return json.dumps({**asdict(self), "trainings": self.trainings})

    def __str__(self) -> str:
        head = f"{self.data}    {self.n_samples:,} rows, {self.task}, judged by {self.metric}"
        plan = f"plan    {self.folds}; {self.n_train:,} training rows in the smallest; {self.trainings:,} trainings"
        width = max(len(label) for label, _, _ in self.entries)
        lines = [f"  {label:<{width}}  {loss}  {count * self.n_folds:,}" for label, loss, count in self.entries]
        return "\n".join([head, plan, *lines]) + "\n"


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Models judged on the same folds of one data set.

    Attributes
    ----------
    data : str
    task : str
    n_samples : int
    class_counts : tuple of int
    metric : str
        The metric that judges.
    folds : str
        How rows were divided, in words.
    overlap : float
        Test rows over training rows: what the correction of the intervals is made from.
    margin, level : float
    verdict : str
        The answer in one sentence.
    standings : tuple of ModelStanding
        In order of rank.
    trials : polars.DataFrame
        A line for each fold of each model.
    decisions : tuple of str
        What was decided about the data, and about models that could not take part.
    seconds : float
    """

    data: str
    task: str
    n_samples: int
    class_counts: tuple[int, ...]
    metric: str
    folds: str
    overlap: float
    margin: float
    level: float
    verdict: str
    standings: tuple[ModelStanding, ...]
    trials: pl.DataFrame
    decisions: tuple[str, ...]
    seconds: float

    def table(self) -> pl.DataFrame:
        """Return a line for each model: rank, metric with interval, difference, verdict, other metrics, time."""
        rows = []
        for one in self.standings:
            gap = one.difference
            rows.append(
                {
                    "rank": one.rank,
                    "model": one.label,
                    "loss": one.loss,
                    self.metric: one.metric.mean,
                    "low": one.metric.low,
                    "high": one.metric.high,
                    "difference": None if gap is None else gap.mean,
                    "difference_low": None if gap is None else gap.low,
                    "difference_high": None if gap is None else gap.high,
                    "verdict": "best" if gap is None else str(gap.verdict),
                    **{name: value for name, value in one.metrics.items() if name != self.metric},
                    "failed": one.n_failed,
                    "seconds": one.seconds,
                }
            )
        return pl.DataFrame(rows)

    def plot(self, **options: Any) -> Any:
        """Draw the paired differences with the band of equivalence; return the Matplotlib axes."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str]) -> Any:
        """Write one self-contained HTML page; return the path."""
        return view(self, "report", path=path)

    def to_json(self) -> str:
        """Return everything as strict JSON; what is not finite is null."""
        return json.dumps(_finite(self.described()), allow_nan=False)

    def described(self) -> dict[str, Any]:
        """Return everything as mappings, lists and numbers."""
        described = {
            name: getattr(self, name)
            for name in ("data", "task", "n_samples", "class_counts", "metric", "folds", "overlap", "margin", "level", "verdict", "decisions", "seconds")
        }  # fmt: skip
        described["standings"] = [asdict(one) for one in self.standings]
        described["trials"] = self.trials.to_dicts()
        return described

    def _repr_html_(self) -> str:
        return str(view(self, "html"))

    def __str__(self) -> str:
        return str(view(self, "text"))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
