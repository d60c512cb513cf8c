"""Who trains the groups of a comparison: the cores of this machine, or the workers of a cluster. The numbers are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

import numpy as np

from lossmith._cluster import Cluster
from lossmith._errors import ClusterError
from lossmith._spread import Shared
from lossmith.compare.baselines import TRIALS, baseline_arrays
from lossmith.compare.plan import Plan
from lossmith.compare.programs import Trainers
from lossmith.compare.trials import HeadProgram, Seats, engine_seed, group_data
from lossmith.compare.versions import versions
from lossmith.training import train_groups, worker_count
from lossmith.training._backend import cache_folder

__all__ = ["ClusterWorkers", "LocalWorkers", "Means", "Wanted", "Workers", "workers_for"]

Arrays = dict[str, np.ndarray]
# done(key, arrays), in the thread that asked
Done = Callable[[str, Arrays], None]
# progress(key, epochs done, epochs in all)
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Means:
    """With what a comparison is trained; none of it is part of the question.

    Attributes
    ----------
    cluster : Cluster or None
        Whose workers train; None for the cores of this machine.
    cores : int or None
        Into how many groups at least the seeds are cut; by default as many as are trained at once, so that a cluster is
        one large machine. A comparison that goes on elsewhere is cut as it was begun.
    memory : int or None
        Bytes that training may take on a machine; by default what is free.
    """

    cluster: Cluster | None = None
    cores: int | None = None
    memory: int | None = None

    def groups_at_once(self) -> int:
        """Return into how many groups the seeds are cut."""
        if self.cores is not None:
            return self.cores
        return worker_count() if self.cluster is None else max(worker_count(), self.cluster.slots)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A group that has to be trained.

    Attributes
    ----------
    place : int
        Of its program among the programs of the plan.
    key : str
    trials : tuple of int
    """

    place: int
    key: str
    trials: tuple[int, ...]


class Workers(Protocol):
    """What trains groups and baselines and hands them over as they end."""

    @property
    def words(self) -> str:
        """What the progress line calls the training."""

    def note(self) -> str:
        """Return what people should know of the workers, or nothing."""

    def train(self, wanted: Iterable[Wanted], done: Done, *, report: Report, checkpoints: Callable[[str], Any]) -> None:
        """Train groups; each is handed over as it ends."""

    def baselines(self, trials: Iterable[int], done: Callable[[int, Arrays], None]) -> None:
        """Train the baselines of trials."""


@final
class LocalWorkers:
    """The cores of this machine, or its accelerator."""

    words = "training"

    def __init__(self, plan: Plan, programs: tuple[HeadProgram, ...], seats: Seats, trainers: Trainers) -> None:
        self.plan, self.programs, self.seats, self.trainers = plan, programs, seats, trainers

    def note(self) -> str:
        """Return nothing: threads are not lost."""
        return ""

    def train(self, wanted: Iterable[Wanted], done: Done, *, report: Report, checkpoints: Callable[[str], Any]) -> None:
        """Train groups on all cores."""

        def make(one: Wanted) -> Callable[[], Any]:
            program = self.programs[one.place]
            return lambda: (program, *group_data(self.plan, program, self.seats, one.trials), checkpoints(one.key))

        source = ((one.key, make(one)) for one in wanted)
        train_groups(self.trainers, source, done, progress=report)  # type: ignore[arg-type]

    def baselines(self, trials: Iterable[int], done: Callable[[int, Arrays], None]) -> None:
        """Train the baselines of trials on all cores."""
        with ThreadPoolExecutor(worker_count()) as pool:
            running = {pool.submit(_baselines, self.plan, self.seats, trial): trial for trial in trials}
            try:
                # in the order in which they end: what is finished out of its turn is not lost by a kill either
                for ended in as_completed(running):
                    done(running[ended], ended.result())
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _baselines(plan: Plan, seats: Seats, trial: int) -> Arrays:
    # trials that see the same rows have the same baselines
    own = trial < TRIALS and (trial == 0 or seats.differ)
    return baseline_arrays(plan, seats[trial], seed=engine_seed(plan, trial), all_models=own)


@final
class ClusterWorkers:
    """The workers of a cluster; this process alone writes to the store."""

    def __init__(
        self, plan: Plan, programs: tuple[HeadProgram, ...], cluster: Cluster, *, memory: int | None = None
    ) -> None:
        self.cluster = cluster
        self._shared: Shared | None = None
        self._sent = _Sent(plan, programs, versions(), memory)

    @property
    def words(self) -> str:
        """What the progress line calls the training."""
        slots = self.cluster.slots
        return f"training on {slots} worker{'s' if slots > 1 else ''}"

    def note(self) -> str:
        """Return how many workers were lost."""
        lost = self.cluster.lost
        return f"{lost} worker{'s' if lost > 1 else ''} lost, what they had is trained again" if lost else ""

    def _reference(self) -> Shared:
        if self._shared is None:
            self._shared = self.cluster.share(self._sent, _hold)
        return self._shared

    def train(
        self,
        wanted: Iterable[Wanted],
        done: Done,
        *,
        report: Report,
        checkpoints: Callable[[str], Any],  # noqa: ARG002 - a group of a lost worker begins again
    ) -> None:
        """Train groups on all workers, one group on each at a time."""

        def ended(key: str, arrays: Mapping[str, np.ndarray]) -> None:
            done(key, _owned(arrays))

        tasks = ((one.key, (one.place, one.trials)) for one in wanted)
        self.cluster.spread(self._reference(), _train_group, tasks, ended, tick=lambda: report("", 0, 1))

    def baselines(self, trials: Iterable[int], done: Callable[[int, Arrays], None]) -> None:
        """Train the baselines of trials on all workers; they come in the order in which they end."""
        tasks = ((str(trial), (trial,)) for trial in trials)
        self.cluster.spread(
            self._reference(), _train_baselines, tasks, lambda key, arrays: done(int(key), _owned(arrays))
        )


def _owned(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Return copies: what comes from the cluster is a view into its memory, which stays taken as long as the view."""
    return {name: np.array(values) for name, values in arrays.items()}


@dataclass(frozen=True, slots=True)
class _Sent:
    """What every worker gets, once."""

    plan: Plan
    programs: tuple[HeadProgram, ...]
    versions: dict[str, str]
    memory: int | None


@dataclass(frozen=True, slots=True)
class _Held:
    """What a worker process keeps between groups: compiled programs above all."""

    sent: _Sent
    seats: Seats
    trainers: Trainers
    ready: set[int]


def _hold(sent: _Sent) -> _Held:
    mine = versions()
    other = {name: (mine.get(name), wanted) for name, wanted in sent.versions.items() if mine.get(name) != wanted}
    if other:
        import socket

        raise ClusterError(
            f"machine {socket.gethostname()!r} has "
            + ", ".join(f"{name} {found}" for name, (found, _) in other.items()),
            expected=", ".join(f"{name} {wanted}" for name, (_, wanted) in other.items()) + ", as here",
            advice="install the same versions on every machine: numbers would differ",
        )
    return _Held(sent, Seats(sent.plan), Trainers(sent.plan, memory=sent.memory), set())


def _train_group(held: _Held, place: int, trials: tuple[int, ...]) -> Arrays:
    program = held.sent.programs[place]
    data, seats = group_data(held.sent.plan, program, held.seats, trials)
    # the first worker of a machine compiles, the others wait and read what it has kept
    with nullcontext() if place in held.ready else _one_at_a_time(cache_folder()):
        held.trainers.trainer(program, data)
    held.ready.add(place)
    return held.trainers.train((program, data, seats, None))


def _train_baselines(held: _Held, trial: int) -> Arrays:
    return _baselines(held.sent.plan, held.seats, trial)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process of this machine into the block at a time, as far as the system can say so."""
    try:
        import fcntl

        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "compiling.lock").open("w")
    except (ImportError, OSError):
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a process that dies
        yield


def workers_for(plan: Plan, programs: tuple[HeadProgram, ...], seats: Seats, means: Means) -> Workers:
    """Return who trains a plan."""
    if means.cluster is None:
        return LocalWorkers(plan, programs, seats, Trainers(plan, memory=means.memory))
    return ClusterWorkers(plan, programs, means.cluster, memory=means.memory)
