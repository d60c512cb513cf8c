"""Models as a factor: several models, each with a loss it trains with, judged on the same folds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from lossmith import data as datasets
from lossmith._errors import InvalidInputError, LossmithError
from lossmith.compare import statistics, verdicts
from lossmith.compare._model_entries import (
    DEFAULT_LOSS,
    Entry,
    FoldSeats,
    entries,
    network_plan,
    network_scores,
    scores,
)
from lossmith.compare._model_folds import Folds, make_folds
from lossmith.compare._model_spec import ModelComparison, ModelPlan, ModelStanding
from lossmith.compare._model_store import KeptFolds, begun, from_text
from lossmith.compare._model_winner import save_winner, winner
from lossmith.compare._spec import Estimate
from lossmith.compare.api import _address
from lossmith.compare.plan import Plan, make_plan, whole_number
from lossmith.compare.programs import Trainers
from lossmith.compare.recommend import decimals
from lossmith.compare.store import Store
from lossmith.data import Dataset
from lossmith.estimators import check_skops

__all__ = ["compare_models", "resume_models", "save_winner"]

CONSTANT = {"regression": "mean", "binary": "majority", "multiclass": "majority"}
Progress = Callable[[float, int, str, str], None]


def compare_models(
    source: Any,
    *,
    models: str | Sequence[str],
    target: str | None = None,
    losses: str | Sequence[str] | None = None,
    folds: str = "5x2",
    metric: str | None = None,
    margin: float | None = None,
    optimizer: str | None = None,
    learning_rates: str | Sequence[float] = "tuned",
    epochs: int | None = None,
    batch_size: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
    save_model: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
    dry_run: bool = False,
    **reading: Any,
) -> Any:
    r"""Compare models on one data set: the same folds, the same encoded inputs, verdicts with corrected intervals.

    Use it to choose a model; `lossmith.compare` chooses a loss for one network. Folds share training rows, so that their
    differences are correlated: intervals use the variance $(1/J + n_{test}/n_{train}) s^2$ of the mean over J folds.
    A constant prediction stands in every comparison. `progress` and `clock` are those of `lossmith.compare`.

    Parameters
    ----------
    source, target, reading
        As in `lossmith.compare`: a file, a table, arrays or a built-in name; `task`, `group`, `order`, `drop`, `data_dir`.
    models : str or sequence of str
        Networks (`mlp:hidden=64x64`) and classical models (`random_forest:n_estimators=300`); see `lossmith.estimators.CLASSICAL`.
    losses : str or sequence of str, optional
        Losses to cross with the models, as far as each offers them; by default every model trains with its own.
    folds : str
        `5x2` (five folds, twice), `10`, or `holdout:10`.
    metric, margin, optimizer, learning_rates, epochs, batch_size, seed, progress, clock
        As in `lossmith.compare`; the learning rate of a network is chosen on a fifth of the training rows of each fold.
    store : path, optional
        SQLite file that keeps every fold of every model. The same comparison with the same store goes on where it stopped.
    save_model : path, optional
        Where to write the winner, fitted to all rows, for `lossmith predict`: a model of scikit-learn, or an RBF network.
    time_limit : float, optional
        Seconds after which no further fold begins; at least two are finished.
    dry_run : bool
        Return the plan and train nothing.

    Returns
    -------
    ModelComparison, or ModelPlan if `dry_run`

    Raises
    ------
    InvalidInputError
        Anything that does not fit; the message says what to do.

    Examples
    --------
    >>> from lossmith.compare import compare_models
    >>> result = compare_models("circles", models="logistic,knn", folds="3")
    >>> result.table()["model"].to_list()
    ['knn', 'logistic', 'majority']

    Source: Nadeau, Bengio, Inference for the generalization error, 2003.
    """
    began = clock()
    whole_number(seed, "seed", 0)
    dataset = source if isinstance(source, Dataset) else datasets.load(source, target=target, **reading)
    parts = make_folds(dataset, folds, seed=seed)
    chosen, notes = entries(models, losses, dataset)
    n_train = int(0.8 * min(len(train) for train, _ in parts.parts))
    options: dict[str, Any] = {
        "metric": metric,
        "margin": margin,
        "optimizer": optimizer,
        "learning_rates": learning_rates,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "seeds": len(parts.parts),
    }
    plan = make_plan(dataset, losses=[DEFAULT_LOSS[dataset.task]], n_train=n_train, **options)
    if dry_run:
        return _planned(chosen, dataset, parts, plan, (*dataset.decisions, *notes), n_train)
    if save_model is not None:
        check_skops()  # before anything is trained
    deadline = None if time_limit is None else began + time_limit

    def carried_out(kept: KeptFolds) -> ModelComparison:
        found, seconds, calibrated, failures = _measured(
            chosen, dataset, parts, plan, options, n_train, kept, progress=progress, clock=clock, deadline=deadline
        )
        result = _judged(chosen, found, seconds, calibrated, dataset, parts, plan)
        words = [*dataset.decisions, *notes, *failures]
        done = len(next(iter(found.values())))
        if done < len(parts.parts):
            words.append(f"stopped by the time limit after {done} of {len(parts.parts)} folds")
        result = replace(result, decisions=tuple(words), seconds=clock() - began)
        if done == len(parts.parts):
            kept.finish(result)
        if save_model is not None:
            winner(result, chosen, dataset, seed=seed).save(save_model)
        return result

    if store is None:
        return carried_out(KeptFolds())
    asked = {
        **options,
        "models": models if isinstance(models, str) else list(models),
        "losses": losses if losses is None or isinstance(losses, str) else list(losses),
        "folds": folds,
        "learning_rates": learning_rates if isinstance(learning_rates, str) else list(learning_rates),
    }
    with Store.open(store) as opened:
        number = begun(
            opened, dataset, labels=[entry.label for entry in chosen], folds=len(parts.parts), options=asked,
            reading={"target": target} | {key: _plain(value) for key, value in reading.items()}, address=_address(source),
        )  # fmt: skip
        return carried_out(KeptFolds(opened, number))


def resume_models(store: Any, run: int, *, progress: Progress | None = None) -> ModelComparison:
    """Go on with an interrupted comparison of models; folds that are stored are not trained again.

    Raises
    ------
    InvalidInputError
        The data came as arrays or a frame, or changed since.
    """
    with Store.open(store, create=False) as opened:
        row = opened.run(run)
        finished = opened.result(run)
    if finished is not None:
        return from_text(finished)
    if row.data.get("source") is None:
        raise InvalidInputError(
            f"run {run} was made from arrays or a frame", expected="the same data again",
            advice="call compare_models with the same choices and store",
        )  # fmt: skip
    reading, options = dict(row.settings["reading"]), dict(row.settings["options"])
    options.pop("seeds", None)
    dataset = datasets.load(row.data["source"], **reading)
    if dataset.fingerprint != row.fingerprint:
        raise InvalidInputError(
            f"the data of run {run} changed: fingerprint {dataset.fingerprint[:12]}",
            expected=f"fingerprint {row.fingerprint[:12]}",
            advice="restore the file, or start a new comparison",
        )
    result: ModelComparison = compare_models(row.data["source"], store=store, progress=progress, **reading, **options)
    return result


def _plain(value: Any) -> Any:
    return (
        value
        if value is None or isinstance(value, str | int | float)
        else ([str(entry) for entry in value] if isinstance(value, list | tuple) else str(value))
    )


def _planned(
    chosen: list[Entry], dataset: Dataset, parts: Folds, plan: Plan, words: tuple[str, ...], n_train: int
) -> ModelPlan:
    rates = len(plan.settings.learning_rates) if plan.settings.learning_rates else 1
    return ModelPlan(
        data=dataset.name, task=dataset.task, n_samples=dataset.n_samples, metric=str(plan.metric), folds=parts.words,
        n_folds=len(parts.parts), n_train=n_train, decisions=words,
        entries=tuple((entry.label, entry.loss, rates if entry.network else 1) for entry in chosen),
    )  # fmt: skip


def _measured(
    chosen: list[Entry],
    dataset: Dataset,
    parts: Folds,
    plan: Plan,
    options: dict[str, Any],
    n_train: int,
    kept: KeptFolds,
    *,
    progress: Progress | None,
    clock: Callable[[], float],
    deadline: float | None,
) -> tuple[dict[str, np.ndarray], dict[str, float], set[str], list[str]]:
    """Return metrics of every label, (n_folds, n_metrics), mean seconds, who was calibrated, and what failed."""
    labels = [*(entry.label for entry in chosen), CONSTANT[dataset.task]]
    rows: dict[str, list[np.ndarray]] = {label: [] for label in labels}
    spent = dict.fromkeys(labels, 0.0)
    calibrated: set[str] = set()
    failures: dict[str, str] = {}
    seats = FoldSeats(dataset, parts, seed=plan.settings.seed)
    networks: dict[str, Any] = {}
    for entry in chosen:
        if entry.network:
            own, program = network_plan(entry, dataset, n_train=n_train, **options)
            networks[entry.label] = (own, program, Trainers(own))
    total = len(chosen) * len(parts.parts)
    done = 0
    for fold in range(len(parts.parts)):
        if deadline is not None and fold >= 2 and clock() > deadline:
            break
        seat = seats[fold]
        for entry in chosen:
            if progress is not None:
                progress(done, total, "training", f"{entry.label}, fold {fold + 1} of {len(parts.parts)}")
            known = kept.get(entry.label, fold)
            if known is None:
                known = _tried(entry, networks.get(entry.label), seats, plan, fold, clock)
                kept.put(entry.label, fold, *known[:2], calibrated=known[2], failure=known[3])
            values, took, scored, failure = known
            if failure:
                failures[entry.label] = failure
            calibrated |= {entry.label} if scored else set()
            spent[entry.label] += took
            rows[entry.label].append(values)
            done += 1
        rows[labels[-1]].append(_constant(seat, plan))
    if progress is not None:
        progress(total, total, "judging", "")
    count = len(rows[labels[-1]])
    arrays = {label: np.stack(values) for label, values in rows.items()}
    return arrays, {label: value / count for label, value in spent.items()}, calibrated, list(failures.values())


def _tried(
    entry: Entry, network: Any, seats: FoldSeats, plan: Plan, fold: int, clock: Callable[[], float]
) -> tuple[np.ndarray, float, bool, str]:
    """Return metrics of one model on one fold, seconds, whether probabilities were calibrated, and why it failed."""
    start, scored, failure = clock(), False, ""
    try:
        if network is not None:
            own, program, trainers = network
            values = network_scores(own, program, seats, trainers, fold)
        else:
            values, scored = scores(entry, seats[fold], plan, fold=fold)
    except (LossmithError, ValueError, np.linalg.LinAlgError) as error:
        values = np.full(len(plan.metrics), np.nan)
        failure = f"{entry.label} failed: {' '.join(str(error).split())[:160]}"
    return values, clock() - start, scored, failure


def _constant(seat: Any, plan: Plan) -> np.ndarray:
    from lossmith.compare.baselines import baseline_arrays

    return next(iter(baseline_arrays(plan, seat, seed=0, all_models=False).values()))


def _judged(
    chosen: list[Entry],
    found: dict[str, np.ndarray],
    seconds: dict[str, float],
    calibrated: set[str],
    dataset: Dataset,
    parts: Folds,
    plan: Plan,
) -> ModelComparison:
    names = [str(metric) for metric in plan.metrics]
    column = names.index(str(plan.metric))
    constant = CONSTANT[dataset.task]
    failure = found[constant][:, column]
    judged = {label: values[:, column] for label, values in found.items() if not np.isnan(values[:, column]).all()}
    if len(judged) < 2:
        raise InvalidInputError("no model could be judged", expected="one that trains on these rows")
    filled = {label: np.where(np.isnan(values), failure, values) for label, values in judged.items()}
    best = max(filled, key=lambda label: float(plan.metric.oriented(filled[label]).mean()))
    margin = plan.settings.margin
    if not plan.settings.extra.get("margin_given"):
        margin = plan.metric.margin_at(float(filled[best].mean()))
    judgement = verdicts.judge(
        judged,
        direction=plan.metric.direction,
        margin=margin,
        failure=failure,
        rng=np.random.default_rng([plan.settings.seed, 2]),
        level=plan.settings.level,
        overlap=parts.overlap,
    )
    known = {entry.label: entry for entry in chosen}
    standings = []
    for label in judgement.differences:
        entry = known.get(label, Entry(label, label, "none: constant", False))
        with np.errstate(invalid="ignore"):
            means = {name: _mean(found[label][:, place]) for place, name in enumerate(names)}
        standings.append(
            ModelStanding(
                label=label,
                model=entry.model,
                loss=entry.loss,
                rank=judgement.ranks[label],
                metric=_estimate(filled[label], parts.overlap, plan.settings.level),
                difference=judgement.differences[label],
                metrics=means,
                n_failed=int(np.isnan(judged[label]).sum()),
                seconds=seconds[label],
                calibrated=label in calibrated,
            )
        )
    n = len(failure)
    trials = pl.concat(
        [
            pl.DataFrame({"model": [label] * n, "fold": np.arange(n), **dict(zip(names, values.T, strict=True))})
            for label, values in found.items()
        ]
    )
    return ModelComparison(
        data=dataset.name,
        task=dataset.task,
        n_samples=dataset.n_samples,
        class_counts=dataset.class_counts,
        metric=str(plan.metric),
        folds=parts.words,
        overlap=parts.overlap,
        margin=margin,
        level=plan.settings.level,
        verdict=_sentence(tuple(standings), str(plan.metric), n),
        standings=tuple(standings),
        trials=trials,
        decisions=(),
        seconds=0.0,
    )


def _mean(values: np.ndarray) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else float("nan")


def _estimate(values: np.ndarray, overlap: float, level: float) -> Estimate:
    found = statistics.contrast(values, overlap=overlap)
    low, high = statistics.interval(found, level)
    deviation = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return Estimate(found.mean, low, high, level, found.n, deviation)


def _sentence(standings: tuple[ModelStanding, ...], metric: str, n: int) -> str:
    """Return the answer: the best line, and what each of the others is to it."""
    first = standings[0]
    gaps = {one.label: one.difference for one in standings if one.difference is not None}
    groups = {
        word: [label for label, gap in gaps.items() if gap.verdict == word]
        for word in ("worse", "equivalent", "undecided")
    }
    places = decimals((first.metric.high - first.metric.low) / 2)
    shown = f"{metric} {first.metric.mean:.{places}f} [{first.metric.low:.{places}f}, {first.metric.high:.{places}f}]"
    parts = []
    if groups["worse"]:
        parts.append("better than " + ", ".join(groups["worse"]))
    if groups["equivalent"]:
        parts.append("equivalent to " + ", ".join(groups["equivalent"]))
    if groups["undecided"]:
        parts.append("undecided against " + ", ".join(groups["undecided"]))
    verb = "Leading:" if groups["undecided"] else "Use"
    return f"{verb} {first.label}: {shown}; {'; '.join(parts)}; {n} folds"
