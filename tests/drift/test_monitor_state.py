"""The file of a monitor: whole or refused, open to readers, and nothing in it runs."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from lossmith import drift
from lossmith._errors import StoreError
from lossmith.drift import _state


def table(n: int, seed: int) -> dict[str, np.ndarray]:
    return {"a": np.random.default_rng(seed).normal(size=n)}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """The state after two windows of 50 rows, with 20 rows that wait for the third."""
    path = tmp_path_factory.mktemp("state") / "watch.db"
    drift.Monitor(table(200, 0), window=50, store=path).update(table(120, 1))
    return path


@pytest.fixture
def store(written, tmp_path) -> Path:
    return Path(shutil.copyfile(written, tmp_path / "watch.db"))


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def changed(path: Path, of: str, change) -> None:
    """Change the JSON of the state, or of the first window."""
    table_, column, where = {
        "state": ("monitor", "value", "key = 'state'"),
        "window": ("windows", "record", "number = 1"),
    }[of]
    with closing(sqlite3.connect(path)) as connection, connection:
        (text,) = connection.execute(f"SELECT {column} FROM {table_} WHERE {where}").fetchone()
        record = json.loads(text)
        after = change(record)
        text = json.dumps(after if isinstance(after, list) else record)
        connection.execute(f"UPDATE {table_} SET {column} = ? WHERE {where}", (text,))


def test_a_monitor_that_has_seen_nothing_opens(tmp_path):
    """In a folder that is made with the folders around it."""
    place = tmp_path / "a" / "b" / "c" / "watch.db"
    drift.Monitor(table(60, 0), window=50, store=place)
    again = drift.Monitor.open(place)
    assert again.windows == () and again.state()["rows"] == 0 and again.state()["waiting"] is None
    assert len(again.update(table(50, 1))) == 1


def test_what_was_kept_is_what_comes_back(store):
    state, windows = _state.load(store)
    assert [(window.number, window.first, window.last, window.rows) for window in windows] == [
        (1, 1, 50, 50),
        (2, 51, 100, 50),
    ]
    assert state["rows"] == 100 and state["waiting"]["a"].to_list() == table(120, 1)["a"][100:].tolist()
    assert state["past"].n_rows == 300 and state["choices"]["window"] == 50 and state["history"] is None


def test_who_reads_does_not_keep_the_monitor_waiting(store):
    """A dashboard in the middle of a reading transaction sees what was, and the next window is written meanwhile."""
    monitor = drift.Monitor.open(store)
    with closing(sqlite3.connect(store, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM windows").fetchone() == (2,)
        monitor.update(table(50, 2))
        assert reader.execute("SELECT count(*) FROM windows").fetchone() == (2,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM windows").fetchone() == (3,)


FORGED = {
    "of another kind": ("state", lambda r: r.update(kind="a shop"), "of another kind or version"),
    "of a later version": ("state", lambda r: r.update(version=2), "of another kind or version"),
    "rows below zero": ("state", lambda r: r.update(rows=-1), "a negative number of rows"),
    "rows that are text": ("state", lambda r: r.update(rows="100"), "field 'rows' of another type"),
    "rows that are true": ("state", lambda r: r.update(rows=True), "field 'rows' of another type"),
    "evidence that is a list": ("state", lambda r: r.update(evidence=[]), "field 'evidence' of another type"),
    "evidence that lacks a field": ("state", lambda r: r["evidence"].pop("total"), "lacks fields, or has others"),
    "evidence with a field more": ("state", lambda r: r["evidence"].update(more=1), "lacks fields, or has others"),
    "evidence that is text": ("state", lambda r: r["evidence"].update(total="9"), "field 'total' of another type"),
    "choices that are missing": ("state", lambda r: r.pop("choices"), "choices"),
    "choices that are a list": ("state", lambda r: r.update(choices=[]), "no sound monitor"),
    "choices that lack one": ("state", lambda r: r["choices"].pop("seed"), "lacks fields, or has others"),
    "choices with one more": ("state", lambda r: r["choices"].update(more=1), "lacks fields, or has others"),
    "a level that is text": ("state", lambda r: r["choices"].update(level="low"), "field 'level' of another type"),
    "a seed that is true": ("state", lambda r: r["choices"].update(seed=True), "field 'seed' of another type"),
    "windows of no rows": ("state", lambda r: r["choices"].update(window=0), "window=0"),
    "windows without a time": ("state", lambda r: r["choices"].update(window="1d"), "without time="),
    "a target alone": ("state", lambda r: r["choices"].update(target="a"), "target without prediction"),
    "a run too short": ("state", lambda r: r["choices"].update(run_length=1), "run_length=1"),
    "blocks without rows": ("state", lambda r: r["choices"].update(blocks=5), "rows of its reference are gone"),
    "a state that is a list": ("state", lambda r: [r], "no sound monitor"),
    "a window that lacks a field": ("window", lambda r: r.pop("words"), "lacks fields, or has others"),
    "a window with a field more": ("window", lambda r: r.update(more=1), "lacks fields, or has others"),
    "a window that is a list": ("window", lambda r: [r], "lacks fields, or has others"),
    "an alarm that is a number": ("window", lambda r: r.update(alarm=1), "field 'alarm' of another type"),
    "a number that is true": ("window", lambda r: r.update(number=True), "field 'number' of another type"),
    "rows that are a half": ("window", lambda r: r.update(rows=0.5), "field 'rows' of another type"),
    "columns that are text": ("window", lambda r: r.update(drifted="a"), "field 'drifted' of another type"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_state_is_refused(store, name):
    of, change, words = FORGED[name]
    changed(store, of, change)
    with pytest.raises(StoreError, match="no sound monitor") as error:
        drift.Monitor.open(store)
    assert words in str(error.value) and str(store) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW people AS SELECT key FROM monitor",
        "CREATE TRIGGER t AFTER INSERT ON windows BEGIN DELETE FROM monitor; END",
    ],
)
def test_views_and_triggers_are_refused(store, statement):
    run(store, statement)
    with pytest.raises(StoreError, match="holds more than a monitor"):
        drift.Monitor.open(store)


def test_parts_that_are_gone_or_damaged(store):
    for key, value in (("waiting", b"no Arrow"), ("past", "{}"), ("past", None), ("state", None)):
        path = Path(shutil.copyfile(store, store.with_name("other.db")))
        with closing(sqlite3.connect(path)) as connection, connection:
            if value is None:
                connection.execute("DELETE FROM monitor WHERE key = ?", (key,))
            else:
                connection.execute("UPDATE monitor SET value = ? WHERE key = ?", (value, key))
        with pytest.raises(StoreError, match="no sound monitor"):
            drift.Monitor.open(path)
    run(store, "DROP TABLE windows")
    with pytest.raises(StoreError, match="no such table: windows; expected the state of a monitor"):
        drift.Monitor.open(store)


def test_a_constraint_in_a_file_runs_no_function(store, monkeypatch):
    """SQLite runs what a table's CHECK calls when a row is written; a file of strangers may call nothing but what is harmless."""
    called = []
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.create_function("spy", 1, lambda record: 1, deterministic=True)
        connection.execute("DROP TABLE windows")
        connection.execute(
            "CREATE TABLE windows (number INTEGER PRIMARY KEY, record TEXT NOT NULL CHECK (spy(record)))"
        )
    connect = sqlite3.connect

    def with_spy(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.create_function("spy", 1, lambda record: called.append(record) or 1, deterministic=True)
        return connection

    monkeypatch.setattr(sqlite3, "connect", with_spy)
    with pytest.raises(StoreError, match="unsafe use of spy"):
        drift.Monitor.open(store).update(table(50, 2))
    assert called == []


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(StoreError, match=r"cannot be opened: .*; expected a file that can be written"):
        drift.Monitor(table(60, 0), store=tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match=r"file/watch\.db' cannot be written: .*; expected a file that can be written"):
        drift.Monitor(table(60, 0), store=tmp_path / "file" / "watch.db")
