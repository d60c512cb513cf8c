"""The records of a comparison: settings in, a table of trials and the verdicts drawn from it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal

import numpy as np
import polars as pl

from lossmith._checks import Finding
from lossmith._views import view
from lossmith.compare._estimates import Difference, Estimate, Verdict
from lossmith.compare._factor_spec import Factors
from lossmith.compare._shown import Pictures

__all__ = [
    "Baseline",
    "Boundary",
    "Comparison",
    "Curve",
    "DataSummary",
    "Difference",
    "Estimate",
    "Factors",
    "NotApplicable",
    "Pictures",
    "Protocol",
    "Reliability",
    "Settings",
    "Standing",
    "Verdict",
]

Protocol = Literal["fair", "published"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of the leaderboard.

    Attributes
    ----------
    loss : str
        Label of the loss with its parameters, as `losses.get` reads it.
    rank : int
        From 1; losses that are equivalent to each other may share one.
    metric : Estimate
        The judged metric on test, at the learning rate chosen on validation.
    configured : Estimate or None
        The same at the configured learning rate; None if that rate was not run.
    learning_rate : float
        The rate that was chosen most often, and `rates` how often each was chosen.
    difference : Difference or None
        Against the best loss; None for the best itself.
    metrics : mapping of str to Estimate
        Every metric on test.
    n_seeds, n_failed : int
        Trials asked for, and those that diverged (NaN) or collapsed to a constant prediction.
    calibrated : bool
        Probabilities come from Platt scaling on validation data (margin losses).
    same_as : str or None
        Label of the loss with which it shares every gradient here, so that it was trained once for both.
    levels : mapping of str to str
        Its optimiser and schedule where several were compared; `loss` then names them too, as in `hinge + adam`.
    """

    loss: str
    rank: int
    metric: Estimate
    configured: Estimate | None
    learning_rate: float
    rates: Mapping[float, int]
    difference: Difference | None
    metrics: Mapping[str, Estimate]
    n_seeds: int
    n_failed: int
    calibrated: bool = False
    same_as: str | None = None
    levels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A model that every network must beat: majority or mean, linear, gradient boosting.

    Attributes
    ----------
    name : str
    metrics : mapping of str to Estimate
        Each test metric with its interval over seeds.
    """

    name: str
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A loss that was not run, and why, with the share of rows outside its domain if that is the reason."""

    loss: str
    reason: str
    outside: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Learning curves of one loss at its chosen rates.

    Attributes
    ----------
    loss : str
    quantity : str
        "train_loss", "validation_loss", or "train_<metric>", "validation_<metric>", "test_<metric>".
    epochs : ndarray of shape (n_points,)
    values : ndarray of shape (n_seeds, n_points)
    """

    loss: str
    quantity: str
    epochs: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Reliability:
    """Calibration diagram of one loss, pooled over seeds.

    Attributes
    ----------
    loss : str
    predicted : ndarray of shape (n_bins,)
        Mean predicted probability of the rows of a bin.
    observed : ndarray of shape (n_bins,)
        Share of these rows that are of the class.
    count : ndarray of shape (n_bins,)
        Rows of the bin.
    """

    loss: str
    predicted: np.ndarray
    observed: np.ndarray
    count: np.ndarray


@dataclass(frozen=True, slots=True)
class Boundary:
    """Decision regions of one loss for two-dimensional data (one seed).

    Attributes
    ----------
    loss : str
    x, y : ndarray of shape (n_x,), (n_y,)
        Grid lines in units of the two features.
    value : ndarray of shape (n_y, n_x)
        Predicted class id (multiclass), probability of class 1 or score scaled to [0, 1] (binary), value (regression).
    points : ndarray of shape (n_points, 2)
    labels : ndarray of shape (n_points,)
    names : tuple of two str
    """

    loss: str
    x: np.ndarray
    y: np.ndarray
    value: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    names: tuple[str, str]


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What the report says about the data.

    Attributes
    ----------
    name, task : str
    n_samples, n_features, n_inputs : int
        Rows, columns as given, and inputs of the network after encoding.
    target_name : str
    class_names, class_counts : tuple
        One entry for each class; empty for regression.
    n_train, n_validation, n_test : int
        Rows of each part.
    fingerprint : str
        Hash of values, names and kinds: equal data have equal fingerprints.
    source : str
        What `lossmith.data.load` takes to read them again.
    decisions : tuple of str
        What was decided about columns, one sentence each.
    columns : tuple of mappings
        Name, kind and summary of each column.
    """

    name: str
    task: str
    n_samples: int
    n_features: int
    n_inputs: int
    target_name: str
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    n_train: int
    n_validation: int
    n_test: int
    fingerprint: str
    source: str
    decisions: tuple[str, ...]
    columns: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything needed to repeat a comparison on the same data.

    Attributes
    ----------
    losses : tuple of str
        Labels with parameters, as `losses.get` reads them.
    model, optimizer : str
        As typed: `mlp:hidden=50`, `sgd:momentum=0.9`.
    learning_rate : float
        The configured rate.
    learning_rates : tuple of float
        Every rate that is tried.
    seeds : int
        Trials for each loss; with `auto` the number reached.
    auto : bool
        Whether seeds were added until every loss was decided.
    epochs, batch_size : int
    metric : str
        The judged metric.
    margin : float
        Half-width of the equivalence band, in units of the metric.
    protocol : {"fair", "published"}
    noise : float
        Share of training labels replaced at random.
    seed : int
        Seed from which all others are drawn.
    level : float
        Confidence level of intervals and verdicts.
    extra : mapping
        What one kind of comparison alone has, such as the schedules or how the data were read.
    """

    losses: tuple[str, ...]
    model: str
    optimizer: str
    learning_rate: float
    learning_rates: tuple[float, ...]
    seeds: int
    epochs: int
    batch_size: int
    metric: str
    margin: float
    protocol: Protocol = "fair"
    auto: bool = False
    noise: float = 0.0
    seed: int = 0
    level: float = 0.95
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison: verdicts first, and every number behind them.

    Attributes
    ----------
    data : DataSummary
    settings : Settings
    verdict : str
        The answer in one sentence.
    standings : tuple of Standing
        Best first.
    baselines : tuple of Baseline
    not_applicable : tuple of NotApplicable
    findings : tuple of Finding
        Coded checks that fired.
    trials : polars.DataFrame
        One row for each run: loss, seed, learning_rate, chosen, status ("finished", "diverged", "collapsed"), best_epoch,
        `validation_<metric>` of the judged metric and one column `<metric>` for each test metric.
    curves, reliability, boundaries : tuples
        Material for the figures; empty where they make no sense.
    seconds : float
        Wall time of the training.
    run : int or None
        Number in the store.
    versions : mapping
        Versions of lossmith, keras, jax, numpy, python.
    pictures : Pictures or None
        Where the data are images.
    factors : Factors or None
        Verdicts on loss, optimiser, schedule and their interactions, where more than the loss was varied.
    """

    data: DataSummary
    settings: Settings
    verdict: str
    standings: tuple[Standing, ...]
    baselines: tuple[Baseline, ...]
    not_applicable: tuple[NotApplicable, ...]
    findings: tuple[Finding, ...]
    trials: pl.DataFrame
    curves: tuple[Curve, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    seconds: float = 0.0
    run: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    pictures: Pictures | None = None
    factors: Factors | None = None

    def table(self) -> pl.DataFrame:
        """Return the leaderboard, one row for each loss: rank, judged metric with interval, difference, verdict."""
        rows = []
        for one in self.standings:
            gap = one.difference
            rows.append(
                {
                    "rank": one.rank,
                    "loss": one.loss,
                    **one.levels,
                    self.settings.metric: one.metric.mean,
                    "low": one.metric.low,
                    "high": one.metric.high,
                    "difference": gap.mean if gap else 0.0,
                    "difference_low": gap.low if gap else None,
                    "difference_high": gap.high if gap else None,
                    "verdict": gap.verdict if gap else "best",
                    "seeds_needed": gap.seeds_needed if gap else None,
                    "learning_rate": one.learning_rate,
                    "n_seeds": one.n_seeds,
                    "n_failed": one.n_failed,
                    "same_as": one.same_as,
                    **{name: value.mean for name, value in one.metrics.items() if name != self.settings.metric},
                }
            )
        return pl.DataFrame(rows, schema_overrides={"seeds_needed": pl.Int64, "same_as": pl.String})

    def plot(self, **options: Any) -> Any:
        """Return Matplotlib axes with the paired differences and the equivalence band."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str], **options: Any) -> Any:
        """Write the report, one HTML file that needs nothing else, and return its path."""
        return view(self, "report", path=path, **options)

    def to_json(self) -> str:
        """Return everything as strict JSON; `from_json` reads it back."""
        from lossmith.compare._json import to_json

        return to_json(self)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))

    def __str__(self) -> str:
        return str(view(self, "text"))
