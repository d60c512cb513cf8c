"""How tasks are spread over an attached cluster: what is handed over, what is begun again, what an interruption keeps."""

from __future__ import annotations

import contextlib
import math
import os
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

from lossmith._errors import ClusterError, LossmithError

__all__ = ["Shared", "Spread", "one_line"]

# a task whose worker is lost is given to another one as often as this
RETRIES = 3
# tasks handed to Ray for each one that runs: a worker that ends finds the next one on its machine
AHEAD = 2
# how often the cluster is looked at while nothing ends, in seconds
TICK = 1.0
# a task that takes this many times as long as half of the others, and this many seconds, is begun on a second worker
SLOW, SLOW_SECONDS = 3.0, 10.0
# what the numbers of a worker depend on, beside versions; what only its speed depends on may stay as it is there
SENT = ("JAX_", "XLA_", "KERAS_")
KEPT = ("JAX_COMPILATION_CACHE_DIR", "JAX_PLATFORMS", "LOSSMITH_CACHE")


@dataclass(frozen=True, slots=True)
class Shared:
    """What every task reads: sent once, and made once into what a worker process keeps.

    Attributes
    ----------
    token : str
        Tells one from another.
    reference : object
        Of Ray.
    build : callable
        `build(value)` returns what tasks get, once in every worker process.
    """

    token: str
    reference: Any
    build: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Running:
    key: str
    arguments: tuple[Any, ...]
    began: float


@final
class Spread:
    """One call of `Cluster.spread`."""

    def __init__(
        self,
        cluster: Any,
        shared: Shared,
        function: Callable[..., Any],
        done: Callable[[str, Any], None],
        tick: Callable[[], None] | None,
    ) -> None:
        import ray

        self.cluster, self.shared, self.function, self.done, self.tick = cluster, shared, function, done, tick
        self.clock = cluster.clock
        self.running: dict[Any, _Running] = {}
        self.losses: dict[str, int] = {}
        self.finished: set[str] = set()
        self.doubled: set[str] = set()
        self.seconds: list[float] = []
        # what is lost is begun again here, so that it can be counted and said
        options = {"num_cpus": 1, "max_retries": 0, "num_gpus": 1 if cluster.gpus else 0}
        self.remote = ray.remote(**options)(_task)
        self.environment = {name: value for name, value in os.environ.items() if name.startswith(SENT) or name in KEPT}

    def run(self, tasks: Iterable[tuple[str, tuple[Any, ...]]]) -> None:
        source, exhausted = iter(tasks), False
        looked, slots = -math.inf, 1
        try:
            while self.running or not exhausted:
                if self.clock() - looked >= TICK:  # machines come and go
                    looked, slots = self.clock(), self.cluster.slots
                while not exhausted and len(self.running) < AHEAD * slots:
                    task = next(source, None)
                    if task is None:
                        exhausted = True
                    else:
                        self.submit(*task)
                if exhausted and len(self.running) < slots:
                    self.double(slots - len(self.running))
                if self.running and not self.collect(TICK) and self.tick is not None:
                    self.tick()
        except BaseException:
            self.stop()
            raise

    def submit(self, key: str, arguments: tuple[Any, ...]) -> None:
        shared = self.shared
        # inside a list Ray leaves the reference as it is: a worker that has the value does not read it again
        reference = self.remote.remote(
            [shared.reference], shared.token, shared.build, self.function, arguments, self.environment
        )
        self.running[reference] = _Running(key, arguments, self.clock())

    def double(self, room: int) -> None:
        """Begin tasks that take long a second time; which of the two ends first does not matter."""
        if not self.seconds:
            return
        limit = max(SLOW * statistics.median(self.seconds[-100:]), SLOW_SECONDS)
        slow = [
            one for one in self.running.values() if one.key not in self.doubled and self.clock() - one.began > limit
        ]
        for one in sorted(slow, key=lambda one: one.began)[:room]:
            self.doubled.add(one.key)
            self.cluster.doubled += 1
            self.submit(one.key, one.arguments)

    def collect(self, timeout: float) -> bool:
        """Hand over what has ended; return whether anything has."""
        import ray

        ready, rest = ray.wait(list(self.running), num_returns=1, timeout=timeout)
        if ready and rest:
            ready += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        failures: list[tuple[_Running, Exception]] = []
        for reference in ready:
            task = self.running.pop(reference)
            try:
                result = ray.get(reference)
            except Exception as error:
                failures.append((task, error))
                continue
            self.hand_over(task, result)
            del result, reference  # its memory on the machine is given back
        for task, failure in failures:  # last: nothing that ended well is lost
            if task.key not in self.finished:
                self.failed(task, failure)
        return bool(ready)

    def hand_over(self, task: _Running, result: Any) -> None:
        import ray

        if task.key in self.finished:
            return
        self.finished.add(task.key)
        self.seconds.append(self.clock() - task.began)
        del self.seconds[:-100]
        self.done(task.key, result)
        if task.key in self.doubled:
            for reference in [ref for ref, other in self.running.items() if other.key == task.key]:
                del self.running[reference]
                ray.cancel(reference, force=True)

    def failed(self, task: _Running, error: Exception) -> None:
        import ray

        cause = getattr(error, "cause", None)
        if isinstance(cause, LossmithError):
            raise cause from None
        gone = (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.OutOfMemoryError,
            ray.exceptions.ObjectLostError,
        )
        if isinstance(error, gone):
            self.cluster.lost += 1
            self.losses[task.key] = self.losses.get(task.key, 0) + 1
            if any(other.key == task.key for other in self.running.values()):
                return  # the second of the two goes on
            if self.losses[task.key] <= RETRIES:
                self.submit(task.key, task.arguments)
                return
            short = isinstance(error, ray.exceptions.OutOfMemoryError)
            raise ClusterError(
                f"{task.key} was lost with its worker {self.losses[task.key]} times"
                + (", the last time for want of memory" if short else ""),
                expected=f"at most {RETRIES} losses",
                advice="what was finished is kept; "
                + ("give it less with --memory, then go on" if short else "look at the machines, then go on"),
            ) from error
        if isinstance(error, ray.exceptions.RaySystemError) or isinstance(cause, ImportError):
            raise ClusterError(
                f"a worker cannot begin: {one_line(cause or error)}",
                expected="the same lossmith, and every module of yours, on each machine",
                advice="install them there and try again",
            ) from error
        if isinstance(error, ray.exceptions.RayError) and cause is None:
            raise ClusterError(f"the cluster failed: {one_line(error)}", advice="what was finished is kept") from error
        raise (cause if isinstance(cause, Exception) else error) from None

    def stop(self) -> None:
        """Keep what has ended, cancel the rest."""
        import ray

        ready: list[Any] = []
        if self.running:
            with contextlib.suppress(Exception):
                ready = ray.wait(list(self.running), num_returns=len(self.running), timeout=0)[0]
        for reference in ready:
            task = self.running.pop(reference)
            with contextlib.suppress(Exception):  # what stopped it all is raised, and nothing else
                self.hand_over(task, ray.get(reference))
        for reference in self.running:
            with contextlib.suppress(Exception):
                ray.cancel(reference, force=True)
        self.running.clear()


# the one shared value that this process, a worker, has made something of
_HELD: dict[str, Any] = {}


def _task(
    box: list[Any],
    token: str,
    build: Callable[[Any], Any],
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    environment: Mapping[str, str],
) -> Any:
    """What a worker process does for one task."""
    import ray

    if token not in _HELD:
        for name, value in environment.items():
            if name in KEPT:
                os.environ.setdefault(name, value)
            else:
                os.environ[name] = value
        # the core that the task was given, not all of the machine
        os.environ.setdefault("LOSSMITH_THREADS", "1")
        _HELD.clear()
        _HELD[token] = build(ray.get(box[0]))
    return function(_HELD[token], *arguments)


def one_line(error: BaseException | str) -> str:
    """Return an error as one line of at most 240 characters."""
    # Ray puts the traceback of a worker behind what happened
    text = " ".join(str(error).partition("traceback: Traceback")[0].split()) or type(error).__name__
    return text if len(text) <= 240 else text[:240] + "..."
