"""The live line of a long run: done of total, the best so far, time left."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from lossmith._views import in_notebook
from lossmith.report._wording import plain, seconds

__all__ = ["ProgressDisplay"]

_UPDATES_A_SECOND = 10
_LINE_EVERY = 10.0
_CELL_EVERY = 0.25


@final
class ProgressDisplay:
    """A context manager whose value is the callback `progress(done, total, stage, note)`.

    On a terminal one line is redrawn at most ten times a second and goes away at the end, so that it never scrolls the result away; elsewhere a plain line is
    written when a stage begins, every ten seconds, and when it ends. In a notebook one bar below the cell is updated four
    times a second and stays at its end.

    Parameters
    ----------
    console : rich.console.Console or None
        Standard error where None: the result alone goes to standard output.
    quiet : bool
        Show nothing.
    clock : callable
        Returns seconds; for tests.
    cell : callable or None
        `cell(html)` shows a bar in a notebook, in place of the one before; None finds out.

    Examples
    --------
    >>> with ProgressDisplay(quiet=True) as progress:
    ...     progress(3, 10, "training", "best so far: huber 0.21 [.20 .22]")
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
        cell: Callable[[str], None] | None = None,
    ) -> None:
        self._console = console or Console(stderr=True)
        self._quiet = quiet
        self._cell = _cell() if cell is None and console is None and in_notebook() else cell
        self._clock = clock
        self._live: Progress | None = None
        self._task: TaskID | None = None
        self._stage: str | None = None
        self._began = 0.0
        self._first = 0.0
        self._written = 0.0
        self._ended = False

    def __enter__(self) -> Callable[[float, float, str, str], None]:
        if not self._quiet and self._cell is None and self._console.is_terminal:
            self._live = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[left]}", markup=False),
                TextColumn("{task.fields[note]}", markup=False),
                console=self._console,
                refresh_per_second=_UPDATES_A_SECOND,
                transient=True,
                get_time=self._clock,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, done: float, total: float, stage: str = "", note: str = "") -> None:
        """Show that `done` of `total` runs of `stage` are finished; `note` is the best so far with its interval."""
        if self._quiet:
            return
        now = self._clock()
        begins = stage != self._stage
        if begins:
            self._stage, self._began, self._first = stage, now, done
        left = self._left(done, total, now)
        if self._live is not None:
            if begins or self._task is None:
                if self._task is not None:
                    self._live.remove_task(self._task)
                self._task = self._live.add_task(
                    plain(stage), total=total, completed=int(done), left=left, note=plain(note)
                )
            else:
                self._live.update(self._task, total=total, completed=int(done), left=left, note=plain(note))
            return
        ends = done >= total and not self._ended
        if self._cell is not None:
            if begins or ends or now - self._written >= _CELL_EVERY:
                self._written, self._ended = now, done >= total
                self._cell(_bar(done, total, stage, left, note))
            return
        if begins or ends or now - self._written >= _LINE_EVERY:
            self._written, self._ended = now, done >= total
            share = f"{done / total:4.0%}" if total > 0 else "    "
            parts = [f"{plain(stage)} {done:.0f}/{total:.0f} {share}".strip(), left, plain(note)]
            line = ", ".join(part for part in parts if part)
            self._console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def _left(self, done: float, total: float, now: float) -> str:
        finished, passed = done - self._first, now - self._began
        if finished <= 0 or passed <= 0 or done >= total:
            return ""
        return f"{seconds(passed / finished * (total - done))} left"


def _bar(done: float, total: float, stage: str, left: str, note: str) -> str:
    """Return one line of HTML: stage, bar, counts, time left, the best so far."""
    share = min(1.0, done / total) if total > 0 else 0.0
    said = html.escape("  ".join(part for part in (f"{done:.0f}/{total:.0f}", left, plain(note)) if part))
    return (
        f'<div style="font-family: monospace">{html.escape(plain(stage))} '
        f'<progress max="1" value="{share:.4f}" aria-label="progress"></progress> {said}</div>'
    )


def _cell() -> Callable[[str], None]:
    """Return what shows HTML below the cell that runs, each time in place of the last."""
    from IPython.display import HTML, display

    handle: Any = None

    def show(text: str) -> None:
        nonlocal handle
        if handle is None:
            handle = display(HTML(text), display_id=True)
        else:
            handle.update(HTML(text))

    return show
