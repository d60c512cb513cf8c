"""The main job: plan, train, store, judge. `compare` starts a comparison, `resume` ends one that was interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Protocol

import numpy as np

from lossmith import data as datasets
from lossmith._errors import InvalidInputError
from lossmith.compare import recommend, versions
from lossmith.compare._spec import Comparison
from lossmith.compare._spec import Protocol as ComparisonProtocol
from lossmith.compare.baselines import BASELINES, TRIALS, baseline_arrays
from lossmith.compare.defaults import DEFAULTS
from lossmith.compare.image_defaults import shortened
from lossmith.compare.interim import InterruptedComparison, best_so_far, interim
from lossmith.compare.plan import Plan, make_plan, whole_number
from lossmith.compare.programs import Trainers
from lossmith.compare.summary import Evidence, summarise
from lossmith.compare.trials import HeadProgram, Seats, engine_seed, group_data, head_programs
from lossmith.data import Dataset
from lossmith.training import choose_execution, load_keras, train_groups, worker_count

__all__ = ["Execution", "Keeper", "Memory", "Outcome", "estimate_seconds", "execute", "plan_for"]

# progress(runs done, runs in all, stage, note)
Progress = Callable[[float, int, str, str], None]


class Keeper(Protocol):
    """Where finished groups go, and where those of an interrupted comparison come from."""

    def groups(self) -> dict[str, dict[str, np.ndarray]]:
        """Return the arrays of every finished group."""

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of one group; they are safe when this returns."""


class Memory:
    """Keeps groups in this process alone."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[str, np.ndarray]] = {}

    def groups(self) -> dict[str, dict[str, np.ndarray]]:
        """Return the arrays of every finished group."""
        return dict(self._groups)

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of one group."""
        self._groups[key] = dict(arrays)


def plan_for(
    source: Any,
    *,
    target: str | None = None,
    task: str | None = None,
    group: str | None = None,
    order: str | None = None,
    drop: Sequence[str] = (),
    data_dir: str | PathLike[str] | None = None,
    protocol: ComparisonProtocol = "fair",
    seed: int = 0,
    **options: Any,
) -> Plan:
    """Return the plan of a comparison of `source`; see `lossmith.compare.compare` for the arguments."""
    whole_number(seed, "seed", 0)
    dataset = (
        source
        if isinstance(source, Dataset)
        else datasets.load(source, target=target, task=task, group=group, order=order, drop=drop, data_dir=data_dir)
    )
    if protocol == "published":
        n_train = len(datasets.published_split(dataset).train)
        if dataset.task == "regression":
            values = dataset.target
            dataset = replace(
                dataset,
                target=(values - values.mean()) / values.std(),
                decisions=(*dataset.decisions, "target standardised on all rows, as the published protocol does"),
            )
    else:
        n_train = len(datasets.split(dataset, seed=seed).train)
    read = {"task": task, "group": group, "order": order, "drop": ",".join(drop)}
    read = {name: value for name, value in read.items() if value}
    plan = make_plan(dataset, protocol=protocol, seed=seed, n_train=n_train, **options)
    slow = not plan.model.fields or plan.model.execution == "sequential"
    if slow and options.get("learning_rates", "tuned") == "tuned" and _is_sequential(plan):
        # five rates of a convolution on a CPU are five times the wait: only when asked for
        plan = make_plan(
            dataset, protocol=protocol, seed=seed, n_train=n_train, **{**options, "learning_rates": "configured"}
        )
    if read:
        # a command that repeats the comparison reads the data in the same way
        plan = replace(plan, settings=replace(plan.settings, extra={**plan.settings.extra, "read": read}))
    return plan


def _is_sequential(plan: Plan) -> bool:
    """Return whether a plan's model is trained one run after the other on this machine."""
    load_keras()
    shape = Seats(plan)[0].encoder.input_shape
    return (
        choose_execution(plan.model.network(shape, plan.losses[0].units(plan.dataset.n_classes or None)))
        == "sequential"
    )


def estimate_seconds(plan: Plan, *, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return about how long a plan takes on this machine, from compiling it and training a few epochs of one group.

    With `auto` it is the time to the first look. The store and the report are not counted.
    """
    began = clock()
    few = 1 if plan.model.execution == "sequential" else min(plan.settings.epochs, 3)
    trial = replace(plan, settings=replace(plan.settings, epochs=few))
    execution = Execution(trial, Memory())
    seconds = 0.0
    for program in execution.programs:
        data, _ = group_data(trial, program, execution.seats, tuple(range(program.group_size)))
        if plan.model.execution == "sequential":
            data, share = shortened(data, batch_size=plan.settings.batch_size)
        else:
            share = 1.0 / few
        per_epoch = execution.trainers.trainer(program, data).train(data).seconds * share
        rounds = -(-len(program.groups(plan.settings.seeds)) // worker_count())
        seconds += per_epoch * plan.settings.epochs * rounds
    compiling = clock() - began
    began = clock()
    baseline_arrays(plan, execution.seats[0], seed=0)
    repeated = min(plan.settings.seeds, TRIALS) / worker_count() if execution.seats.differ else 1
    baselines = (clock() - began) * repeated
    return compiling + seconds + baselines


class Execution:
    """Trains what is missing of a plan, group after group."""

    def __init__(
        self,
        plan: Plan,
        keeper: Keeper,
        *,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.perf_counter,
        deadline: float | None = None,
    ) -> None:
        self.plan = plan
        self.keeper = keeper
        self.seats = Seats(plan)
        self.programs = tuple(head_programs(plan, cores=worker_count()))
        self.trainers = Trainers(plan)
        self.groups = keeper.groups()
        self.clock = clock
        self.deadline = deadline
        self._progress = progress
        self._shares: dict[str, float] = {}
        self._note = ""
        self._lock = threading.Lock()

    def train(self, n_seeds: int) -> None:
        """Train every group that `n_seeds` trials need and that is not kept yet, baselines included."""
        wanted = self._wanted(n_seeds)
        total = self._runs(n_seeds)
        done_before = total - sum(len(trials) * len(program.configurations) for program, _, trials in wanted)
        sizes = {key: len(trials) * len(program.configurations) for program, key, trials in wanted}
        self._shares = {}

        def report(key: str, epochs: int, all_epochs: int) -> None:
            if self._progress is None:
                return
            with self._lock:
                self._shares[key] = sizes[key] * epochs / all_epochs
                done_now = min(done_before + sum(self._shares.values()), total)
                self._progress(done_now, total, "training", self._note)

        def make(program: HeadProgram, key: str, trials: tuple[int, ...]) -> Any:
            return lambda: (program, *group_data(self.plan, program, self.seats, trials), self._checkpoints(key))

        def done(key: str, arrays: dict[str, np.ndarray]) -> None:
            self.keeper.save(key, arrays)
            self.groups[key] = arrays
            if (states := self._checkpoints(key)) is not None:
                states.discard()
            self._note = self._leading(n_seeds)
            report(key, 1, 1)

        def source() -> Any:
            for program, key, trials in wanted:
                if self.deadline is not None and self.clock() > self.deadline and self.finished():
                    return
                yield key, make(program, key, trials)

        if self._progress is not None:
            self._progress(done_before, total, "compiling", "")
        train_groups(self.trainers, source(), done, progress=report)  # type: ignore[arg-type]
        self._train_baselines(min(n_seeds, self.finished()))

    def _leading(self, n_seeds: int) -> str:
        if self._progress is None:
            return ""
        found = best_so_far(self.plan, self.programs, self.groups, min(n_seeds, self.finished()))
        return "" if found is None else recommend.leading(found[0], str(self.plan.metric), found[1])

    def interim(self, *, seconds: float) -> Any:
        """Return the result of the trials that every loss has finished, or None before there are two of them."""
        n_seeds = min(self.finished(), self.plan.settings.seeds if not self.plan.settings.auto else DEFAULTS.looks[-1])
        return interim(self.plan, self.programs, self.groups, self.seats, n_seeds=n_seeds, looks=1, seconds=seconds)

    def _checkpoints(self, key: str) -> Any:
        """Return where the runs of a group keep their state from epoch to epoch; None in memory."""
        kept = getattr(self.keeper, "checkpoints", None)
        return None if kept is None else kept(key)

    def _wanted(self, n_seeds: int) -> list[tuple[HeadProgram, str, tuple[int, ...]]]:
        missing = [
            (program, key, trials)
            for program in self.programs
            for key, trials in program.groups(n_seeds)
            if key not in self.groups
        ]
        # seeds first, so that a comparison that is stopped early has every loss for the seeds it has
        return sorted(missing, key=lambda item: item[2][0])

    def _runs(self, n_seeds: int) -> int:
        return sum(
            len(trials) * len(program.configurations)
            for program in self.programs
            for _, trials in program.groups(n_seeds)
        )

    def finished(self) -> int:
        """Return the number of trials that every program has finished, counted from the first."""
        counts = []
        for program in self.programs:
            count = 0
            while f"{program.key}/{count:05d}" in self.groups:
                count += program.group_size
            counts.append(count)
        return min(counts)

    def _train_baselines(self, n_seeds: int) -> None:
        missing = [trial for trial in range(n_seeds) if f"baselines/{trial:05d}" not in self.groups]
        total = self._runs(n_seeds)

        def train(trial: int) -> dict[str, np.ndarray]:
            seat = self.seats[trial]
            # trials that see the same rows have the same baselines
            own = trial < TRIALS and (trial == 0 or self.seats.differ)
            arrays = baseline_arrays(self.plan, seat, seed=engine_seed(self.plan, trial), all_models=own)
            # here and not in the loop below: what is finished out of its turn is not lost by a kill either
            self.keeper.save(f"baselines/{trial:05d}", arrays)
            return arrays

        with ThreadPoolExecutor(worker_count()) as pool:
            for count, (trial, arrays) in enumerate(zip(missing, pool.map(train, missing), strict=True)):
                self.groups[f"baselines/{trial:05d}"] = arrays
                if self._progress is not None:
                    self._progress(total, total, "baselines", f"{count + 1} of {len(missing)}")

    def evidence(self, n_seeds: int, *, looks: int, seconds: float) -> Evidence:
        """Return what is known about the first `n_seeds` trials."""
        names = BASELINES[self.plan.dataset.task]
        baselines = {
            name: np.stack([self.groups[f"baselines/{trial:05d}"][name] for trial in range(n_seeds)]) for name in names
        }
        return Evidence(self.programs, self.groups, baselines, n_seeds, looks, seconds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a comparison with the evidence it was drawn from."""

    plan: Plan
    comparison: Comparison
    evidence: Evidence
    seats: Seats


def execute(
    plan: Plan,
    keeper: Keeper | None = None,
    *,
    progress: Progress | None = None,
    time_limit: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Outcome:
    """Train a plan to its end and judge.

    Parameters
    ----------
    plan : Plan
    keeper : Keeper, optional
        Holds the groups of an interrupted run and receives new ones.
    progress : callable, optional
        `progress(runs done, runs in all, stage, note)`.
    time_limit : float, optional
        Seconds after which no further group begins; verdicts are drawn from the seeds that every loss has.
    clock : callable
        Returns seconds.

    Raises
    ------
    InterruptedComparison
        Ctrl-C after two trials or more: a KeyboardInterrupt with the result so far.
    """
    began = clock()
    deadline = None if time_limit is None else began + time_limit
    execution = Execution(plan, keeper or Memory(), progress=progress, clock=clock, deadline=deadline)
    looks = DEFAULTS.looks if plan.settings.auto else (plan.settings.seeds,)
    result, evidence = None, None
    for look in looks:
        try:
            execution.train(look)
        except KeyboardInterrupt:
            partial = execution.interim(seconds=clock() - began)
            if partial is None:
                raise
            raise InterruptedComparison(partial) from None
        n_seeds = min(look, execution.finished())
        evidence = execution.evidence(n_seeds, looks=len(looks), seconds=clock() - began)
        if progress is not None:
            progress(1, 1, "judging", "")
        result = summarise(plan, evidence, execution.seats, versions=versions.versions())
        late = deadline is not None and clock() > deadline
        if late or not any(one.difference and one.difference.verdict == "undecided" for one in result.standings):
            break
    if result is None or evidence is None:
        raise InvalidInputError("a comparison without seeds", expected="at least one")
    return Outcome(plan, result, evidence, execution.seats)
