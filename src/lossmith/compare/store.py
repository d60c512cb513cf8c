"""The store of runs: one SQLite file that loses at most the group in flight, whatever happens.

A run is finished when it has a result, running while the process that trains it lives, and interrupted otherwise: the
state follows from facts and cannot be left behind. Groups are the unit: their arrays are written in one transaction,
with a checksum that is tested on reading, so that a damaged store gives an error and never a wrong number.

The journal is written ahead (WAL): readers never block the writer. Every transaction is synchronised (FULL), because a
group costs seconds to train and milliseconds to sync.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from lossmith._errors import InvalidInputError, StoreError
from lossmith.compare._json import to_plain
from lossmith.compare._rows import COLUMNS, SELECT, RunRow, Status, damaged, digest, renumbered, run_row
from lossmith.compare._sqlite import FAILURES, check_place, connect, explained, prepare
from lossmith.compare.ownership import claimed, is_alive, released

__all__ = ["DEFAULT", "RunRow", "Status", "Store"]

DEFAULT = "lossmith.db"

Arrays = Mapping[str, np.ndarray]


class Store:
    """An open store; use it in a `with` block. Several threads may share one.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Store.open(f"{folder.name}/lossmith.db") as store:
    ...     run = store.create_run(kind="compare", name="circles", settings={}, data={}, fingerprint="", versions={})
    ...     store.save_group(run, "seeds 0-9", {"accuracy": np.array([0.8, 0.9])})
    ...     store.groups(run)["seeds 0-9"]["accuracy"], store.run(run).status
    (array([0.8, 0.9]), 'running')
    >>> folder.cleanup()
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._owner = claimed()
        self._mine: set[int] = set()

    @classmethod
    def open(cls, path: str | os.PathLike[str] = DEFAULT, *, create: bool = True, read_only: bool = False) -> Store:
        """Open the store in the file `path`.

        Parameters
        ----------
        path : path
        create : bool
            Make a new store where there is none.
        read_only : bool
            Promise to write nothing; works in folders that cannot be written.

        Raises
        ------
        StoreError
            No such file or folder, no store of lossmith, one of a newer version, or damaged.
        """
        place = Path(path)
        if not (create and not read_only) and not place.is_file():
            raise StoreError(
                f"no store {str(place)!r}",
                expected="a file that an earlier run wrote",
                advice="give the store with --store, or run lossmith compare first",
            )
        connection = connect(place, read_only=read_only)
        try:
            prepare(connection, place, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return cls(connection, place)

    @staticmethod
    def check(path: str | os.PathLike[str]) -> None:
        """Say at once what would keep a store from being written; makes nothing.

        Raises
        ------
        StoreError
        """
        check_place(Path(path))

    def close(self) -> None:
        """Give back the runs that this store was training, and close the file."""
        with self._lock:
            try:
                if self._mine:
                    with self._writing() as cursor:
                        cursor.execute("UPDATE runs SET owner = NULL WHERE owner = ?", (self._owner,))
                        self._mine.clear()
            except StoreError:
                pass  # the identity dies in any case
            finally:
                released(self._owner)
                self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_run(
        self,
        *,
        kind: str,
        name: str,
        settings: Mapping[str, Any],
        data: Mapping[str, Any],
        fingerprint: str,
        versions: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> int:
        """Return the number of a new run, which this process now trains.

        Raises
        ------
        InvalidInputError
            Settings that JSON cannot hold.
        StoreError
        """
        texts = [json.dumps(to_plain(dict(each)), allow_nan=False) for each in (settings, data, versions)]
        facts = (kind, name, *texts, fingerprint, float(clock()))
        with self._writing() as cursor:
            cursor.execute(
                "INSERT INTO runs (kind, name, settings, data, versions, fingerprint, created, digest, owner)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, '', ?)",
                (*facts, self._owner),
            )
            run = int(cursor.lastrowid or 0)
            cursor.execute("UPDATE runs SET digest = ? WHERE id = ?", (digest(run, *facts), run))
        self._mine.add(run)
        return run

    def save_group(self, run: int, key: str, arrays: Arrays) -> None:
        """Keep the arrays of one group; they are on the disk when this returns.

        Raises
        ------
        InvalidInputError
            An array that holds no numbers.
        StoreError
            No such run, or the file cannot be written; what was saved before stays.
        """
        for name, array in arrays.items():
            if np.asarray(array).dtype.kind not in "biuf":
                raise InvalidInputError(
                    f"array {name!r} of type {np.asarray(array).dtype}",
                    expected="booleans or numbers",
                    advice="encode text as numbers first",
                )
        payload = safetensors.numpy.save({name: np.asarray(array, order="C") for name, array in arrays.items()})
        with self._writing() as cursor:
            self._exists(cursor, run)
            cursor.execute(
                "INSERT OR REPLACE INTO groups (run, key, payload, digest) VALUES (?, ?, ?, ?)",
                (run, key, payload, digest(run, key, payload)),
            )

    def group_keys(self, run: int) -> tuple[str, ...]:
        """Return the keys of the stored groups, in the order in which they were saved."""
        with self._reading() as cursor:
            self._exists(cursor, run)
            return tuple(
                key for (key,) in cursor.execute("SELECT key FROM groups WHERE run = ? ORDER BY rowid", (run,))
            )

    def groups(self, run: int, keys: Sequence[str] | None = None) -> dict[str, dict[str, np.ndarray]]:
        """Return the arrays of every stored group by key, or of those of some `keys` that are stored.

        Raises
        ------
        StoreError
            No such run, or a group that is damaged: its checksum does not fit.
        """
        found: dict[str, dict[str, np.ndarray]] = {}
        for key in self.group_keys(run):
            if keys is not None and key not in keys:
                continue
            arrays = self._group(run, key)
            if arrays is None:
                raise damaged(run, self.path, f"group {key!r}")
            found[key] = arrays
        return found

    def _group(self, run: int, key: str) -> dict[str, np.ndarray] | None:
        with self._reading() as cursor:
            row = cursor.execute("SELECT payload, digest FROM groups WHERE run = ? AND key = ?", (run, key)).fetchone()
        if row is None or digest(run, key, row[0]) != row[1]:
            return None
        try:
            return safetensors.numpy.load(row[0])
        except (safetensors.SafetensorError, KeyError, ValueError):
            return None

    def finish(self, run: int, result: str, seconds: float, *, summary: str = "") -> None:
        """Keep the result of a run (JSON text) and its wall time; the run is finished.

        Raises
        ------
        StoreError
        """
        facts = (digest(result), float(seconds), summary)
        with self._writing() as cursor:
            self._exists(cursor, run)
            cursor.execute(
                "INSERT OR REPLACE INTO results (run, result, result_digest, seconds, summary, digest)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (run, result, *facts, digest(run, *facts)),
            )
            cursor.execute("UPDATE runs SET owner = NULL WHERE id = ?", (run,))
        self._mine.discard(run)

    def result(self, run: int) -> str | None:
        """Return the result of a run as JSON text, or None while it has none.

        Raises
        ------
        StoreError
            No such run, or a damaged result.
        """
        with self._reading() as cursor:
            self._exists(cursor, run)
            row = cursor.execute("SELECT result, result_digest FROM results WHERE run = ?", (run,)).fetchone()
        if row is None:
            return None
        if digest(row[0]) != row[1]:
            raise damaged(run, self.path, "its result")
        return str(row[0])

    def runs(self) -> list[RunRow]:
        """Return every run, oldest first."""
        with self._reading() as cursor:
            return [run_row(row, self.path) for row in cursor.execute(SELECT + " ORDER BY runs.id").fetchall()]

    def run(self, run: int) -> RunRow:
        """Return one run.

        Raises
        ------
        StoreError
            No such run; says which there are.
        """
        with self._reading() as cursor:
            self._exists(cursor, run)
            return run_row(cursor.execute(SELECT + " WHERE runs.id = ?", (run,)).fetchone(), self.path)

    def latest(self) -> int:
        """Return the number of the newest run.

        Raises
        ------
        StoreError
            The store is empty.
        """
        with self._reading() as cursor:
            newest = cursor.execute("SELECT max(id) FROM runs").fetchone()[0]
        if newest is None:
            raise StoreError(f"no run in {str(self.path)!r}", advice="run lossmith compare first")
        return int(newest)

    def reopen(self, run: int) -> None:
        """Make this process the one that trains an interrupted run.

        Raises
        ------
        StoreError
            No such run, it is finished, or another process is training it.
        """
        with self._writing() as cursor:
            self._exists(cursor, run)
            owner, finished = cursor.execute(
                "SELECT owner, EXISTS (SELECT 1 FROM results WHERE run = id) FROM runs WHERE id = ?", (run,)
            ).fetchone()
            if finished:
                raise StoreError(f"run {run} is finished", advice=f"see lossmith runs show {run}")
            if owner not in (None, self._owner) and is_alive(owner):
                raise StoreError(
                    f"run {run} is being trained by process {json.loads(owner)['pid']}",
                    expected="an interrupted run",
                    advice="wait for it, or end that process",
                )
            cursor.execute("UPDATE runs SET owner = ? WHERE id = ?", (self._owner, run))
        self._mine.add(run)

    def delete(self, run: int) -> None:
        """Forget a run with its groups and give the space back to the system.

        Raises
        ------
        StoreError
            No such run, or a process is training it.
        """
        if self.run(run).status == "running" and run not in self._mine:
            raise StoreError(f"run {run} is being trained", advice="wait for it, or end the process that trains it")
        with self._writing() as cursor:
            for table, column in (("groups", "run"), ("results", "run"), ("runs", "id")):
                cursor.execute(f"DELETE FROM {table} WHERE {column} = ?", (run,))  # noqa: S608 - names from above
        self._mine.discard(run)
        with self._reading() as cursor:
            # execute would stop after the first page
            cursor.executescript("PRAGMA incremental_vacuum")

    def rows(self, run: int) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of a run as they are stored, by table; `insert` takes them.

        Raises
        ------
        StoreError
            No such run, or it is damaged.
        """
        self.run(run)
        self.groups(run)
        self.result(run)
        with self._reading() as cursor:
            return {
                table: cursor.execute(
                    f"SELECT {columns} FROM {table} WHERE {'id' if table == 'runs' else 'run'} = ? ORDER BY rowid",  # noqa: S608
                    (run,),
                ).fetchall()
                for table, columns in COLUMNS.items()
            }

    def insert(self, rows: Mapping[str, Sequence[tuple[Any, ...]]], *, run: int | None = None) -> int:
        """Take in rows of another store in one transaction, and return the number of the last run.

        Parameters
        ----------
        rows : mapping
            What `rows` gives.
        run : int, optional
            The number of the one run in them, which gets the next free number here; by default numbers stay as they are.

        Raises
        ------
        StoreError
            A number that is taken, or the file cannot be written.
        """
        with self._writing() as cursor:
            last = cursor.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'runs'").fetchone()[0] or 0
            if run is not None:
                rows = {table: [renumbered(table, row, last + 1) for row in found] for table, found in rows.items()}
            for table, columns in COLUMNS.items():
                places = ", ".join("?" * (columns.count(",") + 1))
                cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows.get(table, ()))  # noqa: S608
        return max((row[0] for row in rows["runs"]), default=last)

    def _exists(self, cursor: sqlite3.Cursor, run: int) -> None:
        if cursor.execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone() is None:
            known = [str(number) for (number,) in cursor.execute("SELECT id FROM runs ORDER BY id DESC LIMIT 10")]
            raise StoreError(
                f"no run {run} in {str(self.path)!r}",
                expected=f"one of {', '.join(reversed(known))}" if known else "a store with runs",
                advice="see lossmith runs list",
            )

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Cursor]:
        with self._lock:
            try:
                yield self._connection.cursor()
            except FAILURES as error:
                raise explained(error, self.path) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Cursor]:
        with self._lock:
            try:
                cursor = self._connection.cursor()
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    yield cursor
                    cursor.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        cursor.execute("ROLLBACK")
                    raise
            except FAILURES as error:
                raise explained(error, self.path) from error
