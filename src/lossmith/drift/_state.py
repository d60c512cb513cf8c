"""The state of a monitor in one SQLite file: nothing that was decided is lost, and nothing in it is code."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from lossmith._errors import LossmithError, StoreError
from lossmith.drift._profile_file import UNSOUND, from_json
from lossmith.drift._records import Profile

if TYPE_CHECKING:
    from lossmith.drift._window import Window

__all__ = ["create", "load", "save"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS monitor (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS windows (number INTEGER PRIMARY KEY, record TEXT NOT NULL);
"""
_KIND = "lossmith drift monitor"
VERSION = 1
_NONE, _NUMBER = type(None), (int, float)
_CHOICES: dict[str, tuple[type, ...]] = {
    "window": (int, str), "time": (str, _NONE), "run_length": _NUMBER, "minimum_effect": _NUMBER, "level": _NUMBER,
    "detectors": (list, _NONE), "target": (str, _NONE), "prediction": (str, _NONE), "seed": (int,), "blocks": (int, str, _NONE),
}  # fmt: skip
_EVIDENCE: dict[str, tuple[type, ...]] = {"total": _NUMBER, "largest": _NUMBER, "since": (int,), "windows": (int,)}
_WINDOW: dict[str, tuple[type, ...]] = {
    "number": (int,), "first": (int,), "last": (int,), "time": (str,), "rows": (int,), "p_value": _NUMBER, "evidence": _NUMBER,
    "threshold": _NUMBER, "alarm": (bool,), "since": (int,), "drifted": (list,), "words": (str,),
}  # fmt: skip


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(path, timeout=30)
    except sqlite3.Error as error:
        raise StoreError(f"{str(path)!r} cannot be opened: {error}", expected="a file that can be written") from error
    try:
        with connection:
            # a file of strangers may hold views and triggers, which run when rows are read
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection
    except (sqlite3.Error, UnicodeError) as error:
        raise StoreError(
            f"{str(path)!r}: {' '.join(str(error).split())}",
            expected="the state of a monitor",
            advice="name another file",
        ) from error
    finally:
        connection.close()


def create(path: Path) -> None:
    """Make the file for a new monitor.

    Raises
    ------
    StoreError
        It cannot be written, is something else, or holds a monitor already.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{str(path)!r} cannot be written: {error.strerror}", expected="a file that can be written"
        ) from error
    with _open(path) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables - {"monitor", "windows"}:
            raise StoreError(f"{str(path)!r} is another database", expected="a new file", advice="name another file")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_SCHEMA)
        if connection.execute("SELECT 1 FROM monitor LIMIT 1").fetchone():
            raise StoreError(
                f"{str(path)!r} holds a monitor already", expected="a new file", advice="go on with Monitor.open(...)"
            )


def save(path: Path, state: dict[str, Any], windows: Sequence[Window]) -> None:
    """Write the state and new windows in one transaction."""
    record = {
        "kind": _KIND,
        "version": VERSION,
        "choices": state["choices"],
        "evidence": state["evidence"],
        "rows": state["rows"],
    }
    with _open(path) as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO monitor VALUES (?, ?)",
            [
                ("state", json.dumps(record)),
                ("past", state["past"].to_json()),
                ("waiting", _packed(state["waiting"])),
                ("history", _packed(state["history"])),
            ],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO windows VALUES (?, ?)",
            [(window.number, json.dumps(asdict(window))) for window in windows],
        )


def _packed(frame: pl.DataFrame | None) -> bytes:
    if frame is None or not frame.height:
        return b""
    stream = io.BytesIO()
    frame.write_ipc(stream)
    return stream.getvalue()


def _check(record: dict[str, Any]) -> None:
    """Refuse a state whose parts are not what `save` writes."""
    from lossmith.drift._window import check_choices

    _check_types(record, {"choices": (dict,), "evidence": (dict,), "rows": (int,)}, more=True)
    _check_types(record["evidence"], _EVIDENCE)
    _check_types(record["choices"], _CHOICES)
    check_choices(*(record["choices"][name] for name in ("window", "time", "run_length", "target", "prediction")))
    if record["rows"] < 0:
        raise ValueError("a negative number of rows")


def _check_types(fields: Any, kinds: dict[str, tuple[type, ...]], *, more: bool = False) -> None:
    if not isinstance(fields, dict) or not kinds.keys() <= fields.keys() or (not more and len(fields) > len(kinds)):
        raise ValueError("it lacks fields, or has others")
    for name, kind in kinds.items():
        if not isinstance(fields[name], kind) or (isinstance(fields[name], bool) and bool not in kind):
            raise ValueError(f"a field {name!r} of another type")


def load(path: Path) -> tuple[dict[str, Any], list[Window]]:
    """Return the state and every window.

    Raises
    ------
    StoreError
        No such file, or it holds no monitor, or a damaged one.
    """
    from lossmith.drift._window import Window

    if not path.is_file():
        raise StoreError(f"no file {str(path)!r}", expected="the state of a monitor", advice="check the path")
    with _open(path) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE type NOT IN ('table', 'index')").fetchone():
            raise StoreError(f"{str(path)!r} holds more than a monitor", expected="the state of a monitor")
        held = dict(connection.execute("SELECT key, value FROM monitor"))
        rows = connection.execute("SELECT record FROM windows ORDER BY number").fetchall()
    try:
        record = json.loads(held["state"])
        if record["kind"] != _KIND or record["version"] > VERSION:
            raise ValueError("of another kind or version")
        past: Profile = from_json(held["past"])
        waiting, history = (
            pl.read_ipc(io.BytesIO(held[key])) if held.get(key) else None for key in ("waiting", "history")
        )
        if record["choices"].get("blocks") is not None and history is None:
            raise ValueError("the rows of its reference are gone")
        _check(record)
        windows = []
        for (text,) in rows:
            fields = json.loads(text)
            _check_types(fields, _WINDOW)
            windows.append(Window(**fields | {"drifted": tuple(map(str, fields["drifted"]))}))
    except (*UNSOUND, OSError, LossmithError) as error:  # Polars reports damage of Arrow bytes as OSError too
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise StoreError(f"{str(path)!r} holds no sound monitor: {why}", expected="the state of a monitor") from error
    return {
        "choices": record["choices"],
        "past": past,
        "history": history,
        "evidence": record["evidence"],
        "waiting": waiting,
        "rows": record["rows"],
    }, windows
