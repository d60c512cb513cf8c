"""The trials of a plan: one program for each head width, groups of seeds, and the arrays that every group leaves.

A group is the unit that is trained, stored, resumed and repeated. What it leaves is enough to draw every verdict, so
that a resumed comparison ends with the table of an uninterrupted one.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith import data as datasets
from lossmith.compare import calibration, metrics
from lossmith.compare.encodings import classes, predictions
from lossmith.compare.image_defaults import rows_of
from lossmith.compare.plan import Plan
from lossmith.compare.variants import Variant
from lossmith.data import Split
from lossmith.losses import Loss
from lossmith.losses.encoding import FittedEncoding, fit_encoding
from lossmith.training import GroupData, GroupResult, Part

__all__ = ["HeadProgram", "Judged", "Seat", "Seats", "engine_seed", "group_arrays", "group_data", "head_programs"]

GROUP_RUNS = 45
# predictions that metrics are measured on
GIVEN = ("value", "probability", "score")
# below this spread, relative to its size, a run's raw output is a constant
CONSTANT = 1e-5


@dataclass(frozen=True, slots=True)
class HeadProgram:
    """Losses whose heads have one width, and therefore share one compiled program.

    Attributes
    ----------
    key : str
    units : int
    losses : tuple of Loss
    learning_rates : tuple of float
    encodings : tuple of str
        Every encoding that occurs; the first is the one that monitored quantities read.
    group_size : int
        Seeds in a group.
    variant : Variant
        Optimiser and schedule.
    """

    key: str
    units: int
    losses: tuple[Loss, ...]
    learning_rates: tuple[float, ...]
    encodings: tuple[Any, ...]
    group_size: int
    variant: Variant

    @property
    def configurations(self) -> list[tuple[int, float]]:
        """Loss index and learning rate of every run of one seed."""
        return [(place, rate) for place in range(len(self.losses)) for rate in self.learning_rates]

    def groups(self, n_seeds: int) -> list[tuple[str, tuple[int, ...]]]:
        """Return key and trial numbers of each group; the last one may reach beyond `n_seeds`, to keep its shape."""
        starts = range(0, n_seeds, self.group_size)
        return [(f"{self.key}/{start:05d}", tuple(range(start, start + self.group_size))) for start in starts]


@dataclass(frozen=True, slots=True)
class Seat:
    """What one trial number means for the data: its split, its inputs and its targets.

    Attributes
    ----------
    split : Split
    encoder : Encoder
    inputs : ndarray of shape (n_samples, n_inputs), float32
        All rows, encoded with what the training rows know; pixels stay bytes until they are used.
    target : ndarray of shape (n_samples,)
        Targets to train on, with label noise in the training and validation rows if the plan has any.
    """

    split: Split
    encoder: Any
    inputs: np.ndarray
    target: np.ndarray


def engine_seed(plan: Plan, trial: int) -> int:
    """Return the seed of one trial number; it draws split, noise, initial weights and batches for every loss alike."""
    return int(np.random.SeedSequence([plan.settings.seed, trial]).generate_state(1)[0] >> 1)


class Seats:
    """The seats of a plan's trials, or of some of them counted from 0; trials that see the same rows share one."""

    def __init__(self, plan: Plan, *, trials: Sequence[int] | None = None) -> None:
        self.plan = plan
        self._trials = trials
        self._fixed: Seat | None = None
        self._lock = threading.Lock()

    @property
    def differ(self) -> bool:
        """Whether trials see different rows or labels."""
        return self[0].split.redrawn or bool(self.plan.settings.noise)

    def __getitem__(self, trial: int) -> Seat:
        """Return rows and targets of one trial number."""
        with self._lock:
            if self._fixed is not None:
                return self._fixed
        made = _seat(self.plan, trial if self._trials is None else self._trials[trial])
        if not made.split.redrawn and not self.plan.settings.noise:
            with self._lock:
                self._fixed = self._fixed or made
                return self._fixed
        return made


def _seat(plan: Plan, trial: int) -> Seat:
    dataset, seed = plan.dataset, engine_seed(plan, trial)
    if plan.settings.protocol == "published":
        split = published_split(plan)
        everything = np.arange(dataset.n_samples)
        # the tutorial scales on all rows before it splits, and only where the task is a regression
        encoder = datasets.fit_encoder(dataset, everything, scale=dataset.task == "regression")
    else:
        split = datasets.split(dataset, seed=seed)
        encoder = datasets.fit_encoder(dataset, split.train)
    target = dataset.target if dataset.training_target is None else dataset.training_target
    if plan.settings.noise:
        target = target.copy()
        rng = np.random.default_rng([seed, 1])
        for rows in (split.train, split.validation):
            target[rows] = datasets.replace_labels(
                target[rows], n_classes=dataset.n_classes, rate=plan.settings.noise, rng=rng
            )
    inputs = dataset.features if dataset.pixels else encoder.transform(dataset.features)
    return Seat(split, encoder, inputs, target)  # type: ignore[arg-type]  # pixels are an array


def published_split(plan: Plan) -> Split:
    """Return the split of the published experiments, or halves in the order of the file."""
    return datasets.published_split(plan.dataset)


def encoding_rows(plan: Plan, split: Split) -> np.ndarray:
    """Return the rows whose targets fix the encodings: training rows, or all under the published protocol."""
    return np.arange(plan.dataset.n_samples) if plan.settings.protocol == "published" else split.train


def head_programs(plan: Plan, *, cores: int) -> list[HeadProgram]:
    """Return one program for each head width among the losses of a plan, and for each optimiser and schedule."""
    widths: dict[int, list[Loss]] = {}
    for loss in plan.losses:
        widths.setdefault(loss.units(plan.dataset.n_classes or None), []).append(loss)
    programs = []
    several = len(plan.variants) > 1
    for (place, variant), (units, losses) in itertools.product(enumerate(plan.variants), sorted(widths.items())):
        names = tuple(dict.fromkeys(loss.encoding for loss in losses))
        per_seed = len(losses) * len(variant.learning_rates)
        programs.append(
            HeadProgram(
                key=f"units-{units}-{place:02d}" if several else f"units-{units}",
                units=units,
                losses=tuple(losses),
                learning_rates=variant.learning_rates,
                variant=variant,
                encodings=names,
                # parts of grouped rows differ in size from seed to seed and cannot be stacked
                # and runs that are trained one after the other gain nothing from sharing a group
                group_size=1
                if plan.dataset.groups is not None or plan.model.execution == "sequential"
                else _group_size(per_seed, plan.settings.seeds, auto=plan.settings.auto, cores=cores),
            )
        )
    return programs


def _group_size(per_seed: int, seeds: int, *, auto: bool, cores: int) -> int:
    """Return how many seeds share a group: at most `GROUP_RUNS` runs, and a group for every core."""
    # auto adds ten seeds at a time: a divisor of ten leaves no seat empty
    candidates = (1, 2, 5, 10) if auto else range(1, seeds + 1)
    fitting = [size for size in candidates if size * per_seed <= GROUP_RUNS and -(-seeds // size) >= min(cores, seeds)]
    if not fitting:
        return 1
    largest = max(fitting)
    return largest if auto else -(-seeds // -(-seeds // largest))


def group_data(plan: Plan, program: HeadProgram, seats: Seats, trials: tuple[int, ...]) -> tuple[GroupData, list[Seat]]:
    """Return what a group trains on and the seat of each of its trials."""
    taken = [seats[trial] for trial in trials]
    shared = len({id(one) for one in taken}) == 1

    def part(name: str) -> Part:
        chosen = taken[:1] if shared else taken
        inputs = _stacked([rows_of(one.inputs, getattr(one.split, name)) for one in chosen])
        targets = []
        for encoding in program.encodings:
            targets.append(np.stack([encoded(plan, one, encoding, getattr(one.split, name)) for one in chosen]))
        return Part(inputs, tuple(targets))

    evaluate = {name: part(name) for name in ("validation", "test")}
    seeds = tuple(engine_seed(plan, trial) for trial in trials)
    return GroupData(seeds, part("train"), evaluate), taken


def _stacked(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def encoded(plan: Plan, one: Seat, name: Any, rows: np.ndarray) -> np.ndarray:
    """Return the targets of some rows as a loss reads them; soft ones where the data have them and the loss takes them."""
    soft = plan.dataset.soft_target
    if soft is not None and name == "distribution":
        return soft[rows].astype(np.float32)
    return fitted_encoding(plan, one, name).encode(one.target[rows])


def fitted_encoding(plan: Plan, one: Seat, name: Any) -> FittedEncoding:
    """Return an encoding of targets with the constants of a trial's training rows."""
    rows = encoding_rows(plan, one.split)
    return fit_encoding(name, one.target[rows], n_classes=plan.dataset.n_classes)


def group_arrays(plan: Plan, program: HeadProgram, seats: list[Seat], result: GroupResult) -> dict[str, np.ndarray]:
    """Return what is kept of a trained group: every run's metrics, and all of the runs at the chosen rates."""
    n_rates, n_losses, n_seeds = len(program.learning_rates), len(program.losses), len(seats)
    validation = np.full((n_seeds, n_losses, n_rates), np.nan)
    test = np.full((n_seeds, n_losses, n_rates, len(plan.metrics)), np.nan)
    collapsed = np.zeros((n_seeds, n_losses, n_rates), bool)
    platt = np.full((n_seeds, n_losses, n_rates, 2), np.nan)
    shape = (n_seeds, n_losses, n_rates)
    raw = {name: values.reshape(*shape, *values.shape[2:]) for name, values in result.raw.items()}
    diverged = result.diverged.reshape(shape)
    for row, one in enumerate(seats):
        for place, loss in enumerate(program.losses):
            encoding = fitted_encoding(plan, one, loss.encoding)
            judged = Judged(plan, loss, encoding)
            watched, target = one.split.validation, plan.dataset.target
            on_validation = judged.predictions(raw["validation"][row, place], one.target[watched])
            validation[row, place] = judged.metric(plan.metric, on_validation, one.target[watched])
            platt[row, place] = on_validation.get("platt", platt[row, place])
            on_test = judged.predictions(raw["test"][row, place], None, platt=platt[row, place])
            for column, metric in enumerate(plan.metrics):
                test[row, place, :, column] = judged.metric(metric, on_test, target[one.split.test])
            collapsed[row, place] = is_collapsed(raw["test"][row, place], plan, loss, platt[row, place])
    test[diverged > 0] = np.nan
    validation[diverged > 0] = np.nan
    chosen = choose_rates(plan, program, validation)
    best = np.take_along_axis
    pick = chosen[..., None]
    kept: dict[str, np.ndarray] = {
        "validation": validation,
        "test": test,
        "diverged": diverged,
        "collapsed": collapsed,
        "best_epoch": result.best_epoch.reshape(shape),
        "last_epoch": result.last_epoch.reshape(shape),
        "chosen": chosen,
        "platt": best(platt, pick[..., None], axis=2)[:, :, 0],
        "raw_test": _picked(raw["test"], chosen),
    }
    for name, curve in result.curves.items():
        kept[f"curve/{name}"] = _picked(curve.reshape(*shape, -1), chosen).astype(np.float32)
    for number, values in enumerate(result.weights):
        kept[f"weight/{number:04d}"] = _picked(values.reshape(*shape, *values.shape[2:]), chosen)
    return kept


def _picked(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the entries of axis 2 that `chosen` of shape (n_seeds, n_losses) names."""
    return values[np.arange(chosen.shape[0])[:, None], np.arange(chosen.shape[1])[None, :], chosen]


def choose_rates(plan: Plan, program: HeadProgram, validation: np.ndarray) -> np.ndarray:
    """Return, for each seed and loss, the place of the rate that validates best; ties go to the rate nearest the configured."""
    oriented = np.where(np.isfinite(validation), plan.metric.oriented(validation), -np.inf)
    distance = np.abs(np.log(np.asarray(program.learning_rates) / program.variant.learning_rate))
    best = oriented.max(axis=-1, keepdims=True)
    return np.where(oriented == best, -distance, -np.inf).argmax(axis=-1)


def is_collapsed(raw: np.ndarray, plan: Plan, loss: Loss, platt: np.ndarray) -> np.ndarray:
    """Return which runs of shape (n_runs, n_rows, units) predict one constant whatever the input."""
    with np.errstate(invalid="ignore", over="ignore"):
        wide = raw.astype(np.float64)
        spread = wide.std(axis=1).max(axis=-1)
        flat = spread <= CONSTANT * np.maximum(1.0, np.abs(wide).max(axis=(1, 2)))
    if plan.dataset.task == "regression":
        return flat
    # one class for every row is a collapse where classes are of similar size; elsewhere it may be the best answer
    labels = classes(loss, raw, platt=platt)
    one_class = (labels == labels[:, :1]).all(axis=1)
    counts = plan.dataset.class_counts
    return flat | (one_class & (max(counts) < metrics.IMBALANCED * sum(counts)))


@dataclass(frozen=True, slots=True)
class Judged:
    """Turns raw outputs of one loss into what metrics take."""

    plan: Plan
    loss: Loss
    encoding: FittedEncoding

    def predictions(
        self, raw: np.ndarray, target: np.ndarray | None, *, platt: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return values, probabilities or scores of runs of shape (n_runs, n_rows, units).

        Margin scores become probabilities by Platt scaling: fitted where `target` is given, else with `platt`.
        """
        found = predictions(self.loss, self.encoding, raw)
        if self.loss.head.gives == "value":
            return {"value": found, "output": found}
        if self.loss.head.gives == "probability":
            # the raw score has no ties where a probability has been rounded to 0 or 1
            exact = {"score": raw[..., 0].astype(np.float64)} if raw.shape[-1] == 1 else {}
            return {"probability": found, "output": found, **exact}
        score = raw[..., 0].astype(np.float64) if raw.shape[-1] == 1 else raw.astype(np.float64)
        # a run that diverged may hold infinite scores: it is calibrated as if it knew nothing, and reported as NaN
        finite = np.isfinite(score).all(axis=tuple(range(1, score.ndim)))
        usable = np.where(finite.reshape(-1, *[1] * (score.ndim - 1)), score, 0.0)
        fitted = platt if target is None and platt is not None else calibration.fit(usable, np.asarray(target))
        probability = calibration.apply(usable, fitted)
        probability[~finite] = np.nan
        # a score that means nothing but an order is judged as the probability that it was calibrated to
        judged = {} if self.loss.head.decides == "calibration" else {"score": score}
        return {**judged, "probability": probability, "output": found, "platt": fitted}

    def metric(self, metric: metrics.Metric, found: Mapping[str, np.ndarray], target: np.ndarray) -> np.ndarray:
        """Return one metric of every run."""
        if metric.needs == "output":
            return metric(found["output"], self.encoding.encode(target))
        given = {name: found[name] for name in GIVEN if name in found}
        numbers = metrics.measure(target, task=self.plan.dataset.task, metrics=[metric], **given)
        return numbers.get(str(metric), np.full(len(next(iter(given.values()))), np.nan))
