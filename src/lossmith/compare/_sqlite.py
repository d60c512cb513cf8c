"""The SQLite side of the store: opening, schema, and errors in one line."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
import tempfile
from pathlib import Path

from lossmith._errors import StoreError

__all__ = ["BUSY_SECONDS", "FAILURES", "SCHEMA_VERSION", "check_place", "connect", "explained", "prepare", "repairing"]

BUSY_SECONDS = 120.0
APPLICATION = 0x4C534D54  # "LSMT", so that a store is told from any other SQLite file
SCHEMA_VERSION = 1
# statements that bring a store of a version to the next one, in one transaction, when it is first opened for writing
MIGRATIONS: dict[int, tuple[str, ...]] = {}
CHECKED = 1 << 24  # bytes up to which all pages of a store are looked at when it is opened, which takes milliseconds
ROOM = 1 << 18  # bytes that must be free before a comparison begins
SCHEMA = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    data TEXT NOT NULL,
    versions TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created REAL NOT NULL,
    digest TEXT NOT NULL,
    owner TEXT
) STRICT;
CREATE TABLE groups (
    run INTEGER NOT NULL REFERENCES runs (id),
    key TEXT NOT NULL,
    payload BLOB NOT NULL,
    digest TEXT NOT NULL,
    UNIQUE (run, key)
) STRICT;
CREATE TABLE results (
    run INTEGER PRIMARY KEY REFERENCES runs (id),
    result TEXT NOT NULL,
    result_digest TEXT NOT NULL,
    seconds REAL NOT NULL,
    summary TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
"""


# damaged text may also fail to decode, in a value or in SQLite's own message
FAILURES = (sqlite3.Error, UnicodeError)
BARE = 1 << 13  # bytes of a store without tables, at most: SQLite has written its header


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Return a connection that threads may share under a lock, in autocommit mode.

    Raises
    ------
    StoreError
    """
    if path.is_dir() or not path.parent.is_dir():
        raise StoreError(
            f"store {str(path)!r}" + (" is a folder" if path.is_dir() else ": its folder does not exist"),
            expected="a file in an existing folder",
            advice="make the folder first or give another --store",
        )
    if path.exists() and not path.is_file():
        # a pipe or a device may give no end of bytes, or none at all
        raise StoreError(f"store {str(path)!r} is a pipe or a device", expected="a file", advice="give another --store")
    address = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    try:
        if read_only and not _logged(path):
            with contextlib.suppress(sqlite3.OperationalError):
                return _opened(address)
            # a log that is written ahead needs a file beside the store even to read it; where the folder cannot be written
            # and no log is left, nobody can be writing and the file may be read as it stands
            address += "&immutable=1"
        return _opened(address)
    except FAILURES as error:
        raise explained(error, path) from error


def _opened(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def check_place(path: Path) -> None:
    """Say at once that a store cannot be written, before anything is read or trained; makes nothing.

    Raises
    ------
    StoreError
    """
    if path.exists():
        connection = connect(path, read_only=True)
        try:
            # a process that was killed while it made the tables leaves none: who opens it to write makes them
            if not _empty(connection, path):
                prepare(connection, path, read_only=True)
        except FAILURES as error:
            raise explained(error, path) from error
        finally:
            connection.close()
    if not path.parent.is_dir():
        connect(path, read_only=True)  # says so
    try:
        with tempfile.TemporaryFile(dir=path.parent) as trial:
            trial.write(bytes(ROOM))
            trial.flush()
        if path.exists():
            path.open("r+b").close()
    except OSError as error:
        raise StoreError(
            f"store {str(path)!r} cannot be written: {error.strerror or error}",
            expected=f"a folder that can be written, with {ROOM >> 10} kB to spare",
            advice="check its permissions, free some space or give another --store",
        ) from error


def prepare(connection: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    """Make the tables of a new store, or check that this is a store of a version that can be read.

    Raises
    ------
    StoreError
    """
    try:
        if not read_only and _empty(connection, path):
            # pages of deleted runs can only be given back if this is set before the first table
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            if _empty(connection, path):  # another process may have been first
                for statement in SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous = FULL")
        if not read_only:
            _migrate(connection)
        # a file of strangers may hold views and triggers, which run when rows are read
        connection.execute("PRAGMA trusted_schema = OFF")
        schema = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        application, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        bare = not application and _empty(connection, path)
    except FAILURES as error:
        raise explained(error, path) from error
    if bare:
        raise StoreError(
            f"{str(path)!r} is a database without tables",
            expected="a store that lossmith wrote",
            advice=f"start a comparison in it, if making it was interrupted; if it held runs, {repairing(path)}",
        )
    if application != APPLICATION:
        raise StoreError(
            f"{str(path)!r} is a database of something else",
            expected="a store that lossmith wrote",
            advice=f"give another --store; if it was one, {repairing(path)}",
        )
    if read_only and version in MIGRATIONS:
        raise StoreError(
            f"store {str(path)!r} has the older version {version}",
            expected=f"version {SCHEMA_VERSION}",
            advice="open it once for writing, which brings it up to date: lossmith runs resume, or a new comparison in it",
        )
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"store {str(path)!r} has version {version}",
            expected=f"version {SCHEMA_VERSION}",
            advice=f"upgrade lossmith; if it was damaged, {repairing(path)}",
        )
    _check_pages(connection, path)
    wanted = {("table", text.split()[2], text.strip()) for text in SCHEMA.split(";") if text.strip()}
    if {row for row in schema if row[1] != "sqlite_sequence"} != wanted:
        raise explained(sqlite3.DatabaseError("malformed"), path)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring a store of lossmith of an older version up to date, all of it or nothing."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        return
    if connection.execute("PRAGMA user_version").fetchone()[0] not in MIGRATIONS:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # another process may have been first
        while (version := connection.execute("PRAGMA user_version").fetchone()[0]) in MIGRATIONS:
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Raise for pages that contradict each other: rows could be missing without a sign of it."""
    try:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0] if pages * size <= CHECKED else "ok"
    except FAILURES as error:
        raise explained(error, path) from error
    if said != "ok":
        raise explained(sqlite3.DatabaseError("malformed"), path)


def _empty(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether there are no tables yet; a longer file without them has lost its own, which could still be found in it."""
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    return not tables and path.stat().st_size <= BARE


def _logged(path: Path) -> bool:
    """Return whether a log beside the store holds anything."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except FileNotFoundError:  # asked once: who asks whether it is there first may see the last writer take it away
        return False


_REPAIR = "take what is whole into a new store: {repair}"
_EXPLANATIONS = (
    ("not a database", "is no store: not a SQLite file", "give another --store; if it was one, {repair}"),
    ("malformed", "is damaged", _REPAIR),
    ("disk is full", "cannot grow: the disk is full", "free some space and resume; what was saved is kept"),
    ("locked", f"is busy: another process has been writing for {BUSY_SECONDS:g} s", "try again when it is done"),
    ("readonly", "cannot be written", "check its permissions or give another --store"),
    ("unable to open", "cannot be opened", "check the permissions of its folder or give another --store"),
    ("disk i/o", "cannot be read or written: the disk reports an error", "check the disk; what was saved is kept"),
    ("no such table", "is damaged: a table is missing", _REPAIR),
    ("no such column", "is damaged: a column is missing", _REPAIR),
)


def explained(error: Exception, path: Path) -> StoreError:
    """Return an error of SQLite as one line that says what to do."""
    if isinstance(error, UnicodeEncodeError):
        return StoreError(
            f"store {str(path)!r}: a text of half characters, {error.object[:40]!r}",
            expected="text that UTF-8 can write",
            advice="rename it",
        )
    message = "malformed" if isinstance(error, UnicodeError) else str(error).replace("\n", " ")
    for words, what, advice in _EXPLANATIONS:
        if words in message.lower():
            return StoreError(f"store {str(path)!r} {what}", advice=advice.format(repair=repairing(path)))
    return StoreError(f"store {str(path)!r}: {message}", advice=_REPAIR.format(repair=repairing(path)))


def repairing(path: Path) -> str:
    """Return the command that takes what is whole of a store into a new one."""
    return f"lossmith runs repair --store {shlex.quote(str(path))}"
