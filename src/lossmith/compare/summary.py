"""From the arrays that groups left to a `Comparison`: standings, baselines, curves, checks and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from lossmith._checks import Finding
from lossmith._errors import UnknownNameError
from lossmith.compare import inspection, recommend, statistics, verdicts
from lossmith.compare import metrics as metrics_module
from lossmith.compare._spec import Baseline, Comparison, Curve, DataSummary, Estimate, Settings, Standing
from lossmith.compare.examination import examine
from lossmith.compare.factors import factor_verdicts
from lossmith.compare.plan import Plan, outside_share, select_losses
from lossmith.compare.programs import quantity
from lossmith.compare.trials import GIVEN, HeadProgram, Judged, Seats, fitted_encoding
from lossmith.compare.variants import base_loss
from lossmith.losses import LOSSES, PUBLISHED, Loss

__all__ = ["Evidence", "summarise"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was trained so far.

    Attributes
    ----------
    programs : tuple of HeadProgram
    groups : mapping of str to mapping of str to ndarray
        Arrays of every finished group, by key.
    baselines : mapping of str to ndarray of shape (n_seeds, n_metrics)
    n_seeds : int
        Trials that every loss has finished.
    looks : int
        How often verdicts may be drawn in this comparison.
    seconds : float
    """

    programs: tuple[HeadProgram, ...]
    groups: Mapping[str, Mapping[str, np.ndarray]]
    baselines: Mapping[str, np.ndarray]
    n_seeds: int
    looks: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs of one loss under one optimiser and schedule; arrays over (seed, ...)."""

    loss: Loss
    program: HeadProgram
    place: int
    arrays: Mapping[str, np.ndarray]

    @property
    def label(self) -> str:
        """What the leaderboard calls it: the loss, with optimiser and schedule where they vary."""
        return str(self.loss) + self.program.variant.suffix

    def of_chosen(self, name: str) -> np.ndarray:
        """Return an array of shape (n_seeds, n_losses, ...) for this loss."""
        return self.arrays[name][:, self.place]

    @property
    def chosen(self) -> np.ndarray:
        """Place of the chosen rate of each seed, shape (n_seeds,)."""
        return self.arrays["chosen"][:, self.place]

    def at_chosen(self, name: str) -> np.ndarray:
        """Return an array of shape (n_seeds, n_losses, n_rates, ...) at the chosen rates."""
        values = self.arrays[name][:, self.place]
        return values[np.arange(len(values)), self.chosen]

    def at_rate(self, name: str, rate: float) -> np.ndarray:
        """Return the same at one rate."""
        return self.arrays[name][:, self.place, self.program.learning_rates.index(rate)]


def gather(evidence: Evidence) -> dict[str, Runs]:
    """Return the runs of every loss, by label, over the seeds that all losses have finished."""
    found = {}
    for program in evidence.programs:
        keys = [key for key, trials in program.groups(evidence.n_seeds)]
        names = evidence.groups[keys[0]].keys()
        arrays = {
            name: np.concatenate([evidence.groups[key][name] for key in keys])[: evidence.n_seeds] for name in names
        }
        for place, loss in enumerate(program.losses):
            one = Runs(loss, program, place, arrays)
            found[one.label] = one
    return found


def summarise(plan: Plan, evidence: Evidence, seats: Seats, *, versions: Mapping[str, str]) -> Comparison:
    """Return the result of a comparison."""
    from lossmith.compare import figures
    from lossmith.compare.pictures import pictures

    runs = gather(evidence)
    names = [str(metric) for metric in plan.metrics]
    column = names.index(str(plan.metric))
    constant = next(iter(evidence.baselines.values()))[: evidence.n_seeds, column]
    failure = np.where(np.isfinite(constant), constant, 0.5 if plan.dataset.task != "regression" else np.nan)
    scores = {label: one.at_chosen("test")[:, column] for label, one in runs.items()}
    oriented = {label: plan.metric.oriented(values) for label, values in scores.items()}
    leader = max(
        oriented,
        key=lambda label: np.where(np.isnan(oriented[label]), plan.metric.oriented(failure), oriented[label]).mean(),
    )
    reference = float(np.where(np.isnan(scores[leader]), failure, scores[leader]).mean())
    settings = replace(plan.settings, seeds=evidence.n_seeds, margin=_margin(plan, reference))
    shared_split = not seats[0].split.redrawn
    by_row = _rows(plan, runs, seats, evidence.n_seeds) if shared_split and plan.metric.rows is not None else None
    judgement = verdicts.judge(
        scores,
        direction=plan.metric.direction,
        margin=settings.margin,
        failure=failure,
        rng=np.random.default_rng([settings.seed, 2]),
        level=settings.level,
        looks=evidence.looks,
        rows=by_row,
    )
    standings = tuple(
        _standing(plan, settings, runs[label], judgement, names, failure) for label in judgement.differences
    )
    standings = _with_partners(plan, standings)
    baselines = tuple(
        Baseline(
            name,
            {
                metric: statistics.estimate(_finished(values[: evidence.n_seeds, place]))
                for place, metric in enumerate(names)
            },
        )
        for name, values in evidence.baselines.items()
    )
    best = standings[0]
    strongest = _strongest(plan, baselines)
    unbeaten = (
        (strongest.name, strongest.metrics[str(plan.metric)])
        if strongest is not None and _ahead(plan, strongest.metrics[str(plan.metric)], best.metric)
        else None
    )
    comparison = Comparison(
        data=data_summary(plan, seats),
        settings=settings,
        verdict=recommend.sentence(judgement, metric=str(plan.metric), estimate=best.metric, unbeaten=unbeaten),
        standings=standings,
        baselines=baselines,
        not_applicable=plan.not_applicable,
        findings=(),
        trials=_table(plan, runs, names),
        curves=_curves(plan, runs, seats),
        reliability=figures.reliability(plan, runs, seats),
        boundaries=figures.boundaries(plan, runs, seats),
        seconds=evidence.seconds,
        versions=versions,
        pictures=pictures(plan, runs, seats, loss=best.loss),
        factors=factor_verdicts(plan, settings, scores, by_row, failure, looks=evidence.looks),
    )
    trained = {str(loss): loss for loss in plan.losses}
    chosen = [trained.get(label) or _untrained(plan, label, trained) for label in plan.settings.losses]
    found = examine(
        comparison,
        losses={f"{loss}{variant.suffix}": loss for loss in chosen for variant in plan.variants},
        shared_split=shared_split,
        rows_resampled=shared_split and plan.metric.rows is not None,
    )
    return replace(comparison, findings=(*_clipped_targets(plan), *found, *_of_inputs(plan, seats)))


def _untrained(plan: Plan, label: str, trained: Mapping[str, Loss]) -> Loss:
    """Return the loss of a label that another one is trained for; the user's own is in no catalogue."""
    try:
        return select_losses([label], plan.dataset.task, protocol=plan.settings.protocol)[0]
    except UnknownNameError:
        return trained[plan.shared[label]]  # the user's, trained as the one whose gradient it has


def _of_inputs(plan: Plan, seats: Seats) -> list[Finding]:
    """Return findings on the encoded inputs of the first trial."""
    seat = seats[0]
    if seat.inputs.ndim != 2:
        return []
    train = seat.inputs[seat.split.train]
    found = [inspection.duplicate_rows(train, seat.inputs[seat.split.test])]
    if plan.dataset.task == "binary":
        found.append(inspection.revealing_feature(train, seat.target[seat.split.train], seat.encoder.names))
    return [one for one in found if one is not None]


def _clipped_targets(plan: Plan) -> list[Finding]:
    """Return a finding for every published loss that is trained on targets which its definition does not cover."""
    found = []
    for loss in plan.losses:
        exact = LOSSES.get(loss.name.removeprefix("keras_")) if loss.name in PUBLISHED else None
        if exact is not None and (share := outside_share(exact, plan.dataset)) > 0:
            found.append(inspection.outside_domain(str(loss), share, interval=str(exact.interval)))
    return [one for one in found if one is not None]


def _margin(plan: Plan, reference: float) -> float:
    if plan.settings.extra.get("margin_given"):
        return plan.settings.margin
    return plan.metric.margin_at(reference)


def _rows(plan: Plan, runs: Mapping[str, Runs], seats: Seats, n_seeds: int) -> dict[str, np.ndarray]:
    """Return the contribution of every test row, for the part of the interval that more seeds cannot narrow."""
    found = {}
    for label, one in runs.items():
        rows = []
        for trial in range(n_seeds):
            seat = seats[trial]
            judged = Judged(plan, one.loss, fitted_encoding(plan, seat, one.loss.encoding))
            given = judged.predictions(
                one.of_chosen("raw_test")[trial][None], None, platt=one.of_chosen("platt")[trial][None]
            )
            needed = metrics_module.predictions(
                task=plan.dataset.task, **{name: given[name] for name in GIVEN if name in given}
            )
            target = plan.dataset.target[seat.split.test]
            rows.append(plan.metric.contributions(needed[plan.metric.needs], target)[0])
        found[label] = np.stack(rows)
    return found


def _standing(
    plan: Plan,
    settings: Settings,
    runs: Runs,
    judgement: verdicts.Judgement,
    names: list[str],
    failure: np.ndarray,
) -> Standing:
    label = runs.label
    variant = runs.program.variant
    rates = runs.program.learning_rates
    counts = Counter(rates[place] for place in runs.chosen)
    test = runs.at_chosen("test")
    column = names.index(str(plan.metric))

    def judged(values: np.ndarray) -> Estimate:
        return statistics.estimate(np.where(np.isnan(values), failure, values), level=settings.level)

    configured = None
    if variant.learning_rate in rates:
        configured = judged(runs.at_rate("test", variant.learning_rate)[:, column])
    broken = (runs.at_chosen("diverged") > 0) | runs.at_chosen("collapsed")
    return Standing(
        loss=label,
        rank=judgement.ranks[label],
        metric=judged(test[:, column]),
        configured=configured,
        learning_rate=counts.most_common(1)[0][0],
        rates=dict(sorted(counts.items())),
        difference=judgement.differences[label],
        metrics={
            name: judged(test[:, place]) if place == column else statistics.estimate(_finished(test[:, place]))
            for place, name in enumerate(names)
        },
        n_seeds=len(test),
        n_failed=int(broken.sum()),
        calibrated=runs.loss.head.gives == "score",
        levels=variant.levels,
    )


def _finished(values: np.ndarray) -> np.ndarray:
    """Return the metrics of runs that have one; of a run that diverged only the judged metric is defined."""
    kept = values[~np.isnan(values)]
    return kept if len(kept) else values


def _with_partners(plan: Plan, standings: tuple[Standing, ...]) -> tuple[Standing, ...]:
    """Add a line for every loss that was trained as another one."""
    lines = []
    for standing in standings:
        lines.append(standing)
        base = base_loss(standing.loss)
        for label, partner in plan.shared.items():
            if partner == base:
                whole = label + standing.loss.removeprefix(base)
                lines.append(replace(standing, loss=whole, same_as=standing.loss))
    return tuple(lines)


def _strongest(plan: Plan, baselines: tuple[Baseline, ...]) -> Baseline | None:
    name = str(plan.metric)
    finite = [baseline for baseline in baselines if np.isfinite(baseline.metrics[name].mean)]
    if not finite:
        return None
    return max(finite, key=lambda baseline: float(plan.metric.oriented(np.asarray(baseline.metrics[name].mean))))


def _ahead(plan: Plan, baseline: Estimate, best: Estimate) -> bool:
    return bool(plan.metric.oriented(np.asarray(baseline.mean)) >= plan.metric.oriented(np.asarray(best.mean)))


def data_summary(plan: Plan, seats: Seats) -> DataSummary:
    """Return what a result says about its data."""
    dataset, seat = plan.dataset, seats[0]
    return DataSummary(
        name=dataset.name,
        task=dataset.task,
        n_samples=dataset.n_samples,
        n_features=sum(column.role == "feature" for column in dataset.columns) or int(np.prod(seat.inputs.shape[1:])),
        n_inputs=int(np.prod(seat.inputs.shape[1:])),
        target_name=dataset.target_name,
        class_names=dataset.class_names,
        class_counts=dataset.class_counts,
        n_train=len(seat.split.train),
        n_validation=len(seat.split.validation),
        n_test=len(seat.split.test),
        fingerprint=dataset.fingerprint,
        source=dataset.source,
        decisions=dataset.decisions,
        columns=tuple(
            {
                "name": column.name,
                "kind": column.kind,
                "role": column.role,
                "decision": column.decision,
                "n_missing": column.n_missing,
            }
            for column in dataset.columns
        ),
    )


def _table(plan: Plan, runs: Mapping[str, Runs], names: list[str]) -> pl.DataFrame:
    frames = []
    for label, one in runs.items():
        n_seeds, n_rates = len(one.chosen), len(one.program.learning_rates)
        chosen = np.zeros((n_seeds, n_rates), bool)
        chosen[np.arange(n_seeds), one.chosen] = True
        diverged, collapsed = one.of_chosen("diverged") > 0, one.of_chosen("collapsed")
        status = np.where(diverged, "diverged", np.where(collapsed, "collapsed", "finished"))
        columns = {
            "loss": [label] * (n_seeds * n_rates),
            **{name: [level] * (n_seeds * n_rates) for name, level in one.program.variant.levels.items()},
            "seed": np.repeat(np.arange(n_seeds), n_rates),
            "learning_rate": np.tile(np.asarray(one.program.learning_rates), n_seeds),
            "chosen": chosen.ravel(),
            "status": status.ravel().astype(str),
            "best_epoch": one.of_chosen("best_epoch").ravel(),
            f"validation_{plan.metric}": one.of_chosen("validation").ravel(),
        }
        test = one.of_chosen("test")
        columns |= {name: test[..., place].ravel() for place, name in enumerate(names)}
        frames.append(pl.DataFrame(columns))
    return pl.concat(frames)


def _curves(plan: Plan, runs: Mapping[str, Runs], seats: Seats) -> tuple[Curve, ...]:
    found = []
    monitored = quantity(plan)
    shown = {"loss": "train_loss", "validation_loss": "validation_loss"}
    if plan.settings.protocol == "published":
        shown = {"train_loss": "train_loss", "test_loss": "test_loss", f"train_{monitored}": f"train_{monitored}"}
        shown[f"test_{monitored}"] = f"test_{monitored}"
        if plan.dataset.published is not None or plan.dataset.parts is not None:
            shown |= {f"validation_{name}": f"validation_{name}" for name in ("loss", monitored)}
    else:
        shown[f"validation_{monitored}"] = f"validation_{monitored}"
    for label, one in runs.items():
        for name, shown_name in shown.items():
            if f"curve/{name}" not in one.arrays:
                # training rows are not evaluated after every epoch where that takes long: their running mean is shown
                name = name.removeprefix("train_") if name.startswith("train_") else name
            values = one.of_chosen(f"curve/{name}").astype(np.float64)
            if name.endswith("squared_error"):
                shown_name = shown_name.replace("squared_error", "root_mean_squared_error")
                scales = [fitted_encoding(plan, seats[t], one.loss.encoding).scale for t in range(len(values))]
                values = np.sqrt(values) * np.asarray(scales)[:, None]
            kept = ~np.isnan(values).all(axis=0)
            epochs = np.flatnonzero(kept) + 1
            found.append(Curve(label, shown_name, epochs, values[:, kept]))
    return tuple(found)
