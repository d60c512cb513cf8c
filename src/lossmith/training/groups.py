"""Groups of runs over all cores: each is trained as a whole and handed over when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from lossmith.training._backend import worker_count
from lossmith.training._run import Progress
from lossmith.training._spec import GroupResult

__all__ = ["train_groups"]

Group = TypeVar("Group", contravariant=True)


class Trains(Protocol[Group]):
    """What `train_groups` needs of a trainer."""

    def train(
        self, data: Group, *, progress: Progress | None = None, cancelled: threading.Event | None = None
    ) -> GroupResult:
        """Train one group to the end."""


def train_groups(
    trainer: Trains[Group],
    groups: Iterable[tuple[str, Callable[[], Group]]],
    done: Callable[[str, GroupResult], None],
    *,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    cancelled: threading.Event | None = None,
) -> None:
    """Train groups on all cores; `done(key, result)` is called in this thread as each one ends.

    Parameters
    ----------
    trainer : Trainer
        Or anything else with its `train`.
    groups : iterable of (key, callable)
        The callable makes the group's data when its turn comes, so that only running groups are in memory.
    done : callable
        Receives finished groups; what it stores is safe before the next group begins in its place.
    workers : int, optional
        Threads; by default one for each core (or GPU).
    progress : callable, optional
        `progress(key, epochs done, epochs in all)`, from worker threads.
    cancelled : threading.Event, optional
        Set it to stop all threads after their chunk.

    Raises
    ------
    KeyboardInterrupt
        After the running chunks have stopped; finished groups were handed to `done`.

    Examples
    --------
    >>> class Doubles:  # stands for a trainer
    ...     def train(self, data, *, progress=None, cancelled=None):
    ...         return 2 * data
    >>> finished = {}
    >>> train_groups(Doubles(), [("a", lambda: 1), ("b", lambda: 2)], finished.__setitem__)
    >>> sorted(finished.items())
    [('a', 2), ('b', 4)]
    """
    stop = cancelled or threading.Event()
    pending: dict[Future[GroupResult], str] = {}
    source = iter(groups)

    def work(key: str, make: Callable[[], Group]) -> GroupResult:
        report = None if progress is None else lambda epochs, total: progress(key, epochs, total)
        return trainer.train(make(), progress=report, cancelled=stop)

    limit = workers or worker_count()
    with ThreadPoolExecutor(limit, thread_name_prefix="lossmith") as pool:
        try:
            exhausted = False
            while pending or not exhausted:
                while len(pending) < limit and not exhausted:
                    group = next(source, None)
                    if group is None:
                        exhausted = True
                    else:
                        pending[pool.submit(work, *group)] = group[0]
                if pending:
                    finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                    # what failed comes last: nothing that ended well is lost
                    for future in sorted(finished, key=lambda ended: ended.exception() is not None):
                        key = pending.pop(future)
                        done(key, future.result())
        except BaseException:
            stop.set()
            for future in wait(pending).done:
                if future.exception() is None:
                    done(pending[future], future.result())
            raise
