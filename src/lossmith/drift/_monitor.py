"""`Monitor`: rows as they come, in windows, with alarms that are rare by proof and a state that survives."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from lossmith._errors import DataError, InvalidInputError, UnknownNameError, did_you_mean
from lossmith.drift._compare import compare
from lossmith.drift._profile import profile
from lossmith.drift._profile_file import is_profile
from lossmith.drift._records import Profile
from lossmith.drift._result import Drift
from lossmith.drift._sequential import Evidence, simes
from lossmith.drift._source import open_source
from lossmith.drift._window import Window, check_choices

__all__ = ["Monitor", "Window"]

ERROR = "(error)"  # the column that says whether a prediction was wrong


class Monitor:
    """Watches a stream against a reference.

    Each full window is compared with the reference and all windows before it that raised no alarm. Compared that way,
    windows are independent where nothing drifts, however small the reference is: its own chance deviations cannot pile
    up into an alarm. Evidence adds up over windows, so that small lasting changes are found too.

    Parameters
    ----------
    reference : Profile, or data as for `profile`
    window : int or str
        Rows, or a length of time such as "1d", "6h" or "1mo".
    time : str, optional
        The column of dates, for windows by time; rows come in its order.
    run_length : float
        Until a false alarm there are at least so many windows on average.
    detectors, minimum_effect, level
        See `compare`; `level` only decides which columns of a window are named.
    target, prediction : str, optional
        With both, a column `(error)` is watched: the share of wrong predictions.
    store : path, optional
        SQLite file that keeps the state; `Monitor.open` goes on from it.
    blocks : int, "auto" or None
        Rows of a window are alike to their neighbours: relabel blocks of so many rows, see `compare`. The reference must
        then be rows in their order, and it is kept with all quiet windows.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> monitor = Monitor({"x": rng.normal(size=2000)}, window=100)
    >>> [window.alarm for window in monitor.update({"x": rng.normal(size=300)})]
    [False, False, False]
    >>> [window.alarm for window in monitor.update({"x": rng.normal(1.0, size=100)})]
    [True]
    """

    def __init__(
        self,
        reference: Any,
        *,
        window: int | str = 500,
        time: str | None = None,
        run_length: float = 1000.0,
        detectors: Sequence[str] | None = None,
        minimum_effect: float = 0.02,
        level: float = 0.05,
        target: str | None = None,
        prediction: str | None = None,
        store: str | os.PathLike[str] | None = None,
        blocks: int | str | None = None,
        seed: int = 0,
    ) -> None:
        check_choices(window, time, run_length, target, prediction)
        if not (blocks is None or blocks == "auto" or (isinstance(blocks, int) and blocks >= 1)):
            raise InvalidInputError(f"blocks={blocks!r}", expected="a number of rows, 'auto' or None")
        self._choices: dict[str, Any] = {
            "window": window, "time": time, "run_length": float(run_length), "minimum_effect": minimum_effect, "level": level,
            "detectors": list(detectors) if detectors is not None else None, "target": target, "prediction": prediction, "seed": seed,
            "blocks": blocks,
        }  # fmt: skip
        self._history = self._rows_of(reference) if blocks is not None else None
        self._past = self._profiled(reference)
        self._evidence = Evidence()
        self._windows: list[Window] = []
        self._waiting: pl.DataFrame | None = None
        self._rows = 0
        self._last: Drift | None = None
        self._store = Path(store) if store is not None else None
        if self._store is not None:
            from lossmith.drift import _state

            _state.create(self._store)
            _state.save(self._store, self.state(), [])

    @classmethod
    def open(cls, store: str | os.PathLike[str]) -> Monitor:
        """Return the monitor whose state is in a file.

        Raises
        ------
        StoreError
            No such file, or it holds no monitor.
        """
        from lossmith.drift import _state

        state, windows = _state.load(Path(store))
        monitor = cls.__new__(cls)
        monitor._choices = state["choices"]
        monitor._past = state["past"]
        monitor._history = state["history"]
        monitor._evidence = Evidence(**state["evidence"])
        monitor._windows = windows
        monitor._waiting = state["waiting"]
        monitor._rows = state["rows"]
        monitor._last = None
        monitor._store = Path(store)
        return monitor

    def state(self) -> dict[str, Any]:
        """Return what is stored after each window."""
        evidence = {name: getattr(self._evidence, name) for name in ("total", "largest", "since", "windows")}
        return {
            "choices": self._choices,
            "past": self._past,
            "history": self._history,
            "evidence": evidence,
            "waiting": self._waiting,
            "rows": self._rows,
        }

    @property
    def windows(self) -> tuple[Window, ...]:
        """Every window so far."""
        return tuple(self._windows)

    @property
    def alarms(self) -> tuple[Window, ...]:
        """Windows after which the alarm sounded."""
        return tuple(window for window in self._windows if window.alarm)

    @property
    def last(self) -> Drift | None:
        """The comparison of the latest window of this session, for its report; None before there is one."""
        return self._last

    @property
    def reference(self) -> Profile:
        """What the next window is compared with."""
        return self._past

    def table(self) -> pl.DataFrame:
        """Return one row for each window."""
        rows = [
            {name: getattr(window, name) for name in Window.__slots__} | {"drifted": ", ".join(window.drifted)}
            for window in self._windows
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    def update(self, rows: Any) -> tuple[Window, ...]:
        """Take new rows, in their order, and return the windows that they complete.

        Raises
        ------
        DataError, InvalidInputError, UnknownNameError
            Rows that cannot be read, without the columns of the reference, or that go back in time.
        """
        frame = self._framed(rows)
        self._waiting = frame if self._waiting is None else pl.concat([self._waiting, frame], how="diagonal_relaxed")
        return self._advance(rest=False)

    def flush(self) -> tuple[Window, ...]:
        """Compare the rows that wait for a window to fill, as they are."""
        return self._advance(rest=True)

    def restart(self, reference: Any = None) -> None:
        """Go on from a new reference and no evidence: after an alarm, when the model has been trained again.

        Parameters
        ----------
        reference : Profile, or data as for `profile`, or None
            None keeps the present one.
        """
        if reference is not None:
            self._history = self._rows_of(reference) if self._choices.get("blocks") is not None else None
            self._past = self._profiled(reference)
        self._evidence = Evidence(windows=self._evidence.windows, since=self._evidence.windows + 1)
        self._keep([])

    def _profiled(self, reference: Any) -> Profile:
        if isinstance(reference, Profile):
            return reference
        if isinstance(reference, str | os.PathLike) and is_profile(Path(reference)):
            return Profile.read(reference)
        if self._choices["target"] is None and self._choices["time"] is None:
            return profile(reference)
        frame = self._framed(reference, times=False)
        return profile(frame, columns=[name for name in frame.columns if name != self._choices["time"]])

    def _rows_of(self, reference: Any) -> pl.DataFrame:
        """Return the rows of a reference in their order, which blocks need."""
        if isinstance(reference, Profile) or (isinstance(reference, str | os.PathLike) and is_profile(Path(reference))):
            raise InvalidInputError(
                "blocks with a stored profile",
                expected="the rows of the reference, in their order",
                advice="give the data",
            )
        frame = self._framed(reference, times=False)
        return frame.select(name for name in frame.columns if name != self._choices["time"])

    def _framed(self, rows: Any, *, times: bool = True) -> pl.DataFrame:
        source = open_source(rows)
        parts = [
            pl.DataFrame([pl.Series(name, values) for name, values in batch.items()])
            for batch in source.batches(source.names)
        ]
        frame = pl.concat(parts, how="vertical_relaxed")
        target, prediction, time = (self._choices[name] for name in ("target", "prediction", "time"))
        time = time if times else None
        for name in (target, prediction, time):
            if name is not None and name not in frame.columns:
                raise UnknownNameError(f"no column {name!r} in {source.name}", advice=did_you_mean(name, frame.columns))
        if target is not None:
            wrong = frame[target].cast(pl.String) != frame[prediction].cast(pl.String)
            frame = frame.with_columns(wrong.alias(ERROR))
        if time is not None and frame[time].dtype == pl.String:
            from lossmith.data._values import as_date, date_format

            notation = date_format(frame[time])
            if not notation:
                raise DataError(
                    f"column {time!r} holds no dates that can be read", expected="dates such as 2024-12-31 13:00"
                )
            frame = frame.with_columns(as_date(frame[time], notation))
        if time is not None and not frame[time].dtype.is_temporal():
            raise DataError(
                f"column {time!r} of type {frame[time].dtype}", expected="dates", advice="use a window of rows instead"
            )
        return frame

    def _advance(self, *, rest: bool) -> tuple[Window, ...]:
        found = []
        for time, frame in self._cut(rest=rest):
            found.append(self._judge(frame, time))
            self._windows.append(found[-1])
        self._keep(found)
        return tuple(found)

    def _cut(self, *, rest: bool) -> list[tuple[str, pl.DataFrame]]:
        """Return the windows that are full, and leave the others waiting."""
        waiting = self._waiting
        if waiting is None or not waiting.height:
            return []
        window, time = self._choices["window"], self._choices["time"]
        if time is None:
            full = waiting.height // window * window
            ends = [*range(0, full, window)]
            parts = [("", waiting[start : start + window]) for start in ends]
            if rest and full < waiting.height:
                parts.append(("", waiting[full:]))
                full = waiting.height
            self._waiting = waiting[full:]
            return parts
        present = waiting.drop_nulls(time)
        if not present[time].is_sorted():
            raise InvalidInputError(
                f"rows that go back in column {time!r}", expected="rows in the order of time", advice="sort them first"
            )
        starts = present[time].dt.truncate(window)
        groups = present.with_columns(starts.alias("\0start")).partition_by(
            "\0start", maintain_order=True, as_dict=True
        )
        parts = [(str(key[0]), part.drop("\0start")) for key, part in groups.items()]
        # a later row says that a window is over
        kept = [] if rest else parts[-1:]
        self._waiting = kept[0][1] if kept else None
        return parts if rest else parts[:-1]

    def _judge(self, frame: pl.DataFrame, time: str) -> Window:
        choices = self._choices
        options: Mapping[str, Any] = {name: choices[name] for name in ("detectors", "minimum_effect", "level")}
        number = self._evidence.windows + 1
        if self._history is None:
            result = compare(self._past, frame, joint=None, resamples=19_999, seed=choices["seed"] + number, **options)
        else:
            now = frame.select(name for name in frame.columns if name != choices["time"])
            result = compare(
                self._history, now, joint=None, resamples=19_999, seed=choices["seed"] + number, blocks=choices["blocks"], **options
            )  # fmt: skip
        p_values = [column.p_value for column in result.columns if column.p_value == column.p_value]
        broken = any(
            column.status == "gone" or (column.drifted and column.p_value != column.p_value)
            for column in result.columns
        )
        large = any(
            column.effect >= choices["minimum_effect"] for column in result.columns if column.effect == column.effect
        )
        p_value = simes(p_values)
        evidence = self._evidence.after(p_value, counts=large)
        alarm = evidence.total >= choices["run_length"] or broken
        self._last = result
        first = result.columns[0]
        window = Window(
            number, self._rows + 1, self._rows + frame.height, time, frame.height, p_value, evidence.total, choices["run_length"],
            bool(alarm), evidence.since, result.drifted, first.words if first.drifted else "",
        )  # fmt: skip
        self._rows += frame.height
        self._evidence = Evidence(windows=number, since=number + 1) if alarm else evidence
        if not alarm:
            from lossmith.drift._profile import counted

            later = counted(open_source(frame), self._past)
            self._past = replace(self._past.merge(later), name=self._past.name)
            if self._history is not None:
                rows = frame.select(name for name in frame.columns if name in self._history.columns)
                self._history = pl.concat([self._history, rows], how="diagonal_relaxed")
        return window

    def _keep(self, found: Sequence[Window]) -> None:
        if self._store is not None:
            from lossmith.drift import _state

            _state.save(self._store, self.state(), found)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the report of the latest window with the history of all, and return its path.

        Raises
        ------
        InvalidInputError
            No window has been compared in this session.
        """
        from lossmith._views import view

        if self._last is None:
            raise InvalidInputError(
                "a monitor without a new window", expected="at least one window since it was opened"
            )
        written: Path = view(self._last, "report", path=path, history=self._windows)
        return written

    def __repr__(self) -> str:
        return (
            f"<Monitor: {len(self._windows)} windows, {len(self.alarms)} alarms, evidence {self._evidence.total:.3g}>"
        )
