"""Every check that a finished comparison can answer by itself, put to it in the order of the codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from lossmith._checks import Finding
from lossmith.compare import inspection, metrics
from lossmith.compare._spec import Comparison, Standing
from lossmith.compare.variants import base_loss, variants_of
from lossmith.losses import Loss

__all__ = ["examine"]


def examine(
    comparison: Comparison,
    *,
    losses: Mapping[str, Loss],
    shared_split: bool = False,
    rows_resampled: bool = False,
) -> tuple[Finding, ...]:
    """Return the findings on a comparison, in the order of their codes.

    Parameters
    ----------
    comparison : Comparison
    losses : mapping of str to Loss
        The losses behind the labels of the standings.
    shared_split : bool
        Whether every seed used the same split.
    rows_resampled : bool
        Whether the intervals cover the choice of test rows.
    """
    found = [*_of_losses(comparison, losses), *_of_all(comparison, shared_split, rows_resampled)]
    return tuple(sorted((finding for finding in found if finding is not None), key=lambda finding: finding.code))


def _of_losses(comparison: Comparison, losses: Mapping[str, Loss]) -> Iterator[Finding | None]:
    settings = comparison.settings
    metric = metrics.get(settings.metric)
    variants = variants_of(settings)
    for refused in comparison.not_applicable:
        interval = str(losses[refused.loss].interval) if refused.loss in losses else ""
        yield inspection.outside_domain(refused.loss, refused.outside, interval=interval)
    for standing in comparison.standings:
        yield inspection.same_gradient(standing.loss, standing.same_as)
        if standing.same_as is not None:
            continue  # its runs are those of its partner, which has its own line
        loss = losses.get(standing.loss)
        if loss is not None:
            yield inspection.metric_unfit(standing.loss, metric, gives=loss.head.gives, elicits=loss.elicits)
        yield from _of_runs(comparison, standing, metric)
        variant = variants.get(standing.loss.removeprefix(base_loss(standing.loss)), {})
        yield inspection.edge_of_grid(
            standing.loss, standing.rates, variant.get("learning_rates", settings.learning_rates)
        )
        baseline = comparison.baselines[0] if comparison.baselines else None
        if baseline is not None and settings.metric in baseline.metrics:
            yield inspection.constant_not_beaten(
                standing.loss,
                standing.metric,
                name=baseline.name,
                baseline=baseline.metrics[settings.metric].mean,
                direction=metric.direction,
            )


def _of_runs(comparison: Comparison, standing: Standing, metric: metrics.Metric) -> Iterator[Finding | None]:
    trials = comparison.trials.filter((pl.col("loss") == standing.loss) & pl.col("chosen")).sort("seed")
    statuses, seeds = trials["status"].to_list(), trials["seed"].to_list()
    yield inspection.diverged(standing.loss, statuses, seeds=seeds)
    stuck = trials.filter(pl.col("status") == "collapsed")[str(metric)].drop_nulls().drop_nans().to_numpy()
    # a level is worth naming where all the runs stand at it
    level = float(stuck[0]) if metric.unit == "share" and len(stuck) and np.ptp(stuck) < 0.005 else None
    yield inspection.collapsed(standing.loss, statuses, level=level, seeds=seeds)
    for curve in comparison.curves:
        if curve.loss == standing.loss and curve.quantity == "validation_loss":
            yield inspection.not_converged(standing.loss, curve.values, epochs=comparison.settings.epochs)


def _of_all(comparison: Comparison, shared_split: bool, rows_resampled: bool) -> Iterator[Finding | None]:
    data, settings, standings = comparison.data, comparison.settings, comparison.standings
    metric = metrics.get(settings.metric)
    yield inspection.imbalance(data.class_counts, data.class_names)
    yield inspection.too_few_seeds(settings.seeds)
    yield inspection.calibrated_margin([each.loss for each in standings if each.calibrated])
    yield inspection.shared_split(shared_split, resampled=rows_resampled)
    yield inspection.label_noise(settings.noise)
    yield inspection.published_protocol(settings.protocol)
    if metric.unit == "share" and not metric.relative:
        yield inspection.few_test_rows(data.n_test, margin=settings.margin)
    if not standings:
        return
    best = standings[0]
    equivalent = [
        each.loss
        for each in standings
        if each.difference and each.difference.verdict == "equivalent" and each.same_as is None
    ]
    yield inspection.indistinguishable(equivalent, reference=best.loss, margin=settings.margin, metric=metric.name)
    yield inspection.undecided({each.loss: each.difference for each in standings}, n_seeds=settings.seeds)
    for place, linear in ((1, True), (2, False)):
        if len(comparison.baselines) > place and settings.metric in comparison.baselines[place].metrics:
            baseline = comparison.baselines[place]
            yield inspection.model_not_beaten(
                best.metric,
                name=baseline.name,
                baseline=baseline.metrics[settings.metric].mean,
                direction=metric.direction,
                linear=linear,
            )
    if data.class_counts and all("accuracy" in each.metrics for each in standings):
        accuracy = max(each.metrics["accuracy"].mean for each in standings)
        yield inspection.metric_separates_little(accuracy, max(data.class_counts) / sum(data.class_counts))
