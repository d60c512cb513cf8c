"""What a store refuses to be, and how one of an older version is brought up to date: all of it or nothing."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile

import migration_scenario
import pytest
import store_scenario
from migration_scenario import NEWER, STEPS, version

from lossmith._errors import StoreError
from lossmith.compare import _sqlite
from lossmith.compare.store import Store


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "lossmith.db"
    store_scenario.work(path, tmp_path / "log")
    return path


@pytest.fixture
def newer(monkeypatch):
    """A lossmith whose stores have one column more."""
    monkeypatch.setattr(_sqlite, "SCHEMA", NEWER)
    monkeypatch.setattr(_sqlite, "SCHEMA_VERSION", 2)
    monkeypatch.setattr(_sqlite, "MIGRATIONS", STEPS)


def test_an_older_store_is_brought_up_to_date_when_it_is_written(place, newer, tmp_path):
    with pytest.raises(StoreError, match=r"has the older version 1; expected version 2; open it once for writing"):
        Store.open(place, read_only=True)
    assert version(place) == 1
    with Store.open(place) as store:
        assert store.run(1).status == "finished" and store._connection.execute("SELECT note FROM runs").fetchall() == [
            ("moved",)
        ]
    assert version(place) == 2
    store_scenario.check(place, tmp_path / "log")


def test_steps_follow_each_other(place, monkeypatch, tmp_path):
    monkeypatch.setattr(_sqlite, "SCHEMA_VERSION", 4)
    monkeypatch.setattr(_sqlite, "MIGRATIONS", dict.fromkeys((1, 2, 3), ()))
    with Store.open(place):
        assert version(place) == 4
    store_scenario.check(place, tmp_path / "log")


def test_killed_while_it_is_brought_up_to_date(tmp_path):
    """At every write of it: the old one or the new one, and the next who opens it ends the work."""
    command = [sys.executable, migration_scenario.__file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 3


def test_a_step_that_fails_leaves_the_old_store(place, newer, monkeypatch):
    monkeypatch.setattr(_sqlite, "MIGRATIONS", {1: ("DROP TABLE runs", "no such statement")})
    with pytest.raises(StoreError, match="syntax error"):
        Store.open(place)
    assert version(place) == 1
    monkeypatch.undo()
    with Store.open(place) as store:
        assert store.run(1).status == "finished"


def test_a_newer_store_is_refused_both_ways(place, monkeypatch):
    connection = sqlite3.connect(place)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    for read_only in (True, False):
        with pytest.raises(StoreError, match=r"has version 7; expected version 1; upgrade lossmith"):
            Store.open(place, read_only=read_only)


@pytest.mark.parametrize("statement", [
    "CREATE VIEW v AS SELECT 1", "CREATE TRIGGER t BEFORE UPDATE ON runs BEGIN SELECT 1; END", "CREATE TABLE more (x)", "CREATE INDEX i ON groups (key)",
    "DROP TABLE groups", "ALTER TABLE runs ADD COLUMN x TEXT", "ALTER TABLE groups RENAME COLUMN payload TO other",
])  # fmt: skip
def test_other_tables_views_and_triggers_are_no_store(place, statement):
    connection = sqlite3.connect(place)
    connection.execute(statement)
    connection.close()
    for read_only in (True, False):
        with pytest.raises(StoreError, match=r"is damaged; .*lossmith runs repair --store"):
            Store.open(place, read_only=read_only)


def test_pages_that_contradict_each_other_are_noticed_up_to_a_size(place, monkeypatch):
    """One row fewer than there are, said by the page itself: without the check it would be gone without a sign."""
    connection = sqlite3.connect(place)
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'results'").fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    data = bytearray(place.read_bytes())
    start = (root - 1) * size
    assert data[start] == 13 and data[start + 4] == 1
    data[start + 4] = 0
    place.write_bytes(data)
    with pytest.raises(StoreError, match="is damaged"):
        Store.open(place, read_only=True)
    monkeypatch.setattr(_sqlite, "CHECKED", len(data) - 1)
    with Store.open(place, read_only=True) as store:
        assert store.run(1).status == "interrupted"  # its result is drawn again, and no number is wrong
    monkeypatch.setattr(_sqlite, "CHECKED", len(data))
    with pytest.raises(StoreError, match="is damaged"):
        Store.open(place, read_only=True)


def test_places_are_checked_without_a_trace(place, tmp_path, monkeypatch):
    before = sorted(path.name for path in tmp_path.iterdir())
    Store.check(place)
    Store.check(tmp_path / "new.db")
    (tmp_path / "empty.db").touch()
    Store.check(tmp_path / "empty.db")
    (tmp_path / "empty.db").unlink()
    with pytest.raises(StoreError, match="folder does not exist"):
        Store.check(tmp_path / "none" / "new.db")
    with pytest.raises(StoreError, match="is a folder"):
        Store.check(tmp_path)
    (tmp_path / "text").write_text("hello" * 99)
    with pytest.raises(StoreError, match="not a SQLite file"):
        Store.check(tmp_path / "text")
    (tmp_path / "text").unlink()
    # what SQLite lays beside a store that is read is empty, and no one's
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(("-wal", "-shm"))) == before

    def full(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(StoreError, match=r"cannot be written: No space left on device; .*256 kB to spare"):
        Store.check(place)


@pytest.mark.parametrize("made", ["PRAGMA journal_mode = WAL", "PRAGMA auto_vacuum = INCREMENTAL; VACUUM"])
def test_a_store_whose_making_was_cut_off_is_made_by_the_next_writer(tmp_path, made):
    """A file with a header and without tables: nothing of anybody's is in it."""
    path = tmp_path / "half.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(made)
    assert path.stat().st_size
    with pytest.raises(StoreError, match=r"half.db' is a database without tables; .*start a comparison in it"):
        Store.open(path, create=False, read_only=True)
    Store.check(path)
    with Store.open(path) as store:
        run = store.create_run(**store_scenario.RUN)
        assert store.run(run).status == "running"


def test_a_store_that_is_damaged_where_its_tables_are_listed_is_named(place, monkeypatch):
    def damaged(connection, path):
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(_sqlite, "_empty", damaged)
    with pytest.raises(StoreError, match=r"is damaged; .*lossmith runs repair"):
        Store.check(place)


def test_tables_that_are_lost_are_not_made_anew_over_what_can_be_found(place):
    """A store whose first page says that there are no tables holds its runs still."""
    with contextlib.closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    data = bytearray(place.read_bytes())
    data[103:105] = b"\0\0"  # the number of cells of the first page, which lists the tables
    place.write_bytes(data)
    for refused in (Store.check, Store.open):
        with pytest.raises(StoreError, match="lossmith runs repair --store"):
            refused(place)
    assert place.read_bytes() == data


@pytest.mark.parametrize("foreign", ["CREATE TABLE mine (a)", "PRAGMA application_id = 7; CREATE TABLE t (a)"])
def test_a_database_of_something_else_is_not_a_store_cut_off(tmp_path, foreign):
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(foreign)
    for refused in (Store.check, lambda path: Store.open(path, create=False, read_only=True)):
        with pytest.raises(StoreError, match=r"other.db' is a database of something else"):
            refused(path)


def test_a_store_that_may_not_be_changed_is_refused_at_once(place, monkeypatch):
    def refuse(self, *arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(place), "open", refuse)
    with pytest.raises(StoreError, match="cannot be written: Permission denied"):
        Store.check(place)


def test_two_stores_of_one_process_and_one_that_was_closed(tmp_path):
    path = tmp_path / "lossmith.db"
    first, second = Store.open(path), Store.open(path)
    run = first.create_run(**store_scenario.RUN)
    assert second.run(run).status == "running"
    first._connection.close()  # as if its farewell could not be written
    with pytest.raises(StoreError):
        first.save_group(run, "a", {})
    first.close()
    assert second.run(run).status == "interrupted"
    second.reopen(run)
    second.close()


def test_settings_of_someone_else(place):
    """The checksum fits, and the content is none of ours: a forger can compute it."""
    from lossmith.compare._rows import digest

    facts = ["compare", "c", '{"x": {"$number": "9"}}', "{}", "{}", "f", 7.0]
    connection = sqlite3.connect(place)
    connection.execute(
        "UPDATE runs SET kind=?, name=?, settings=?, data=?, versions=?, fingerprint=?, created=?, digest=?",
        (*facts, digest(1, *facts)),
    )
    connection.execute("UPDATE groups SET payload = x'00', digest = ?", (digest(1, "k", b"\0"),))
    connection.execute("DELETE FROM groups WHERE rowid > 1")
    connection.execute("UPDATE groups SET key = 'k'")
    connection.commit()
    connection.close()
    with Store.open(place, read_only=True) as store:
        with pytest.raises(StoreError, match="settings that lossmith did not write; delete the run"):
            store.runs()
        with pytest.raises(StoreError, match="group 'k' fails its checksum"):
            store.groups(1)


def test_pipes_devices_and_folders(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null"):
        for options in ({}, {"read_only": True}):
            with pytest.raises(StoreError, match="no store" if options else "is a pipe or a device"):
                Store.open(path, **options)


def test_a_store_whose_folder_cannot_be_written_is_read_as_it_stands(place, monkeypatch):
    """The first try fails as it does there, the second says that nobody is writing."""
    asked = []
    real = _sqlite._opened

    def opened(address):
        asked.append(address.partition("?")[2])
        if "immutable" not in address:
            raise sqlite3.OperationalError("unable to open database file")
        return real(address)

    monkeypatch.setattr(_sqlite, "_opened", opened)
    with Store.open(place, read_only=True) as store:
        assert store.run(1).status == "finished"
    assert asked == ["mode=ro", "mode=ro&immutable=1"]
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(place)
    place.with_name(place.name + "-wal").write_bytes(b"x")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(place, read_only=True)  # somebody is writing: not even as it stands


def test_a_machine_without_a_boot_number(monkeypatch):
    from lossmith.compare import ownership

    def missing(self, *arguments, **options):
        raise FileNotFoundError

    monkeypatch.setattr(type(ownership.Path("/")), "read_text", missing)
    assert ownership._boot() is None and ownership._started(1) is None


def test_two_processes_make_one_store(tmp_path, monkeypatch):
    """Both find it empty; the second finds that the first has made its tables meanwhile."""
    path = tmp_path / "lossmith.db"
    real, asked = _sqlite._empty, []

    def empty(connection, place):
        asked.append(real(connection, place))
        return True if len(asked) == 1 else asked[-1]

    Store.open(path).close()
    monkeypatch.setattr(_sqlite, "_empty", empty)
    with Store.open(path) as store:
        assert store.runs() == []
    assert asked == [False, False]


def test_a_store_that_fails_while_its_pages_are_looked_at(place, monkeypatch):
    class Failing:
        def execute(self, statement):
            raise sqlite3.DatabaseError("disk I/O error")

    with pytest.raises(StoreError, match="the disk reports an error"):
        _sqlite._check_pages(Failing(), place)


def test_a_database_of_something_else_is_not_brought_up_to_date(tmp_path, newer):
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.executescript("CREATE TABLE runs (x); PRAGMA user_version = 1;")
    connection.close()
    with pytest.raises(StoreError, match="database of something else"):
        Store.open(tmp_path / "other.db")
    assert version(tmp_path / "other.db") == 1


def test_a_step_that_ends_the_transaction_itself(place, newer, monkeypatch):
    """Some failures, a full disk among them, make SQLite roll back by itself: there is nothing left to roll back then."""
    rows = sqlite3.connect(place)
    before = rows.execute("SELECT id, name FROM runs").fetchall()
    rows.close()
    doubled = "INSERT OR ROLLBACK INTO runs SELECT * FROM runs"
    monkeypatch.setattr(_sqlite, "MIGRATIONS", {1: ("UPDATE runs SET name = 'moved'", doubled)})
    with pytest.raises(StoreError, match="UNIQUE constraint failed"):
        Store.open(place)
    assert version(place) == 1
    rows = sqlite3.connect(place)
    assert rows.execute("SELECT id, name FROM runs").fetchall() == before
    rows.close()


def test_an_open_store_trusts_no_schema_and_waits_for_the_disk(place):
    for read_only in (True, False):
        with Store.open(place, read_only=read_only) as store:
            told = [
                store._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("trusted_schema", "synchronous")
            ]
            assert told == [0, 2]  # off, full


def test_looking_at_an_older_store_changes_nothing(place, newer):
    with pytest.raises(StoreError, match="has the older version 1"):
        Store.check(place)
    assert version(place) == 1


def test_an_empty_log_is_no_log(place):
    """SQLite leaves one beside a store that was only read."""
    assert not _sqlite._logged(place)
    place.with_name(place.name + "-wal").write_bytes(b"")
    assert not _sqlite._logged(place)
    place.with_name(place.name + "-wal").write_bytes(b"x")
    assert _sqlite._logged(place)


@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_no_database_is_refused_when_it_is_opened(tmp_path, read_only):
    """SQLite itself looks into a file when it is first asked, which is too late to try another way of opening it."""
    path = tmp_path / "text"
    path.write_text("hello" * 99)
    with pytest.raises(StoreError, match=r"is no store: not a SQLite file; give another --store"):
        _sqlite.connect(path, read_only=read_only)
    missing = tmp_path / "none" / "new.db"
    with pytest.raises(StoreError, match=r"its folder does not exist; expected a file in an existing folder"):
        _sqlite.check_place(missing)
    assert [item.name for item in tmp_path.iterdir()] == ["text"] and path.read_text() == "hello" * 99


def test_looking_at_a_place_opens_it_for_reading_alone(place, monkeypatch):
    asked, real = [], _sqlite._opened

    def opened(address):
        asked.append(address.partition("?")[2])
        return real(address)

    monkeypatch.setattr(_sqlite, "_opened", opened)
    before = place.read_bytes()
    Store.check(place)
    assert asked == ["mode=ro"] and place.read_bytes() == before


def test_addresses_are_asked_for_as_such(place, monkeypatch):
    """Some builds of SQLite take any name for an address, others only where that is said."""
    asked, real = [], sqlite3.connect

    def connect(address, **options):
        asked.append((address.partition("://")[0], options["uri"]))
        return real(address, **options)

    monkeypatch.setattr(sqlite3, "connect", connect)
    _sqlite.connect(place, read_only=True).close()
    assert asked == [("file", True)]
