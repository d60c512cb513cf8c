"""The store: what goes in comes out, whatever is killed, cut, flipped, locked or full in between."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from lossmith._errors import InvalidInputError, LossmithError, StoreError
from lossmith.compare import _sqlite, ownership
from lossmith.compare.store import Store

RUN = {
    "kind": "compare",
    "name": "circles",
    "settings": {"losses": ("hinge", "mse"), "rate": 0.1, "worst": float("inf"), "deep": {"a": [1, None, True]}},
    "data": {"source": "circles"},
    "fingerprint": "0123abcd",
    "versions": {"lossmith": "0.1"},
}


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "lossmith.db"


def _arrays(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "accuracy": rng.random(5),
        "raw": rng.normal(size=(2, 3, 4)).astype(np.float32),
        "chosen": rng.integers(0, 5, (2, 3)),
        "failed": rng.random(4) < 0.5,
        "scalar": np.array(1.5),
        "empty": np.zeros((0, 3), np.float32),
        "edges": np.array([np.nan, np.inf, -np.inf, -0.0]),
        "fortran": np.asfortranarray(rng.random((3, 4))),
    }


def _same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype and a[name].shape == b[name].shape and a[name].tobytes() == b[name].tobytes()
        for name in a
    )


def test_what_goes_in_comes_out(place):
    with Store.open(place) as store:
        run = store.create_run(**RUN, clock=lambda: 1234.5)
        store.save_group(run, "seeds 0-9", _arrays(1))
        store.save_group(run, "seeds 10-19", _arrays(2))
    with Store.open(place, create=False, read_only=True) as store:
        assert store.group_keys(run) == ("seeds 0-9", "seeds 10-19")
        found = store.groups(run)
        assert _same(found["seeds 0-9"], _arrays(1)) and _same(found["seeds 10-19"], _arrays(2))
        row = store.run(run)
        assert row.settings == RUN["settings"] and isinstance(row.settings["losses"], tuple)
        assert (row.kind, row.name, row.fingerprint, row.versions) == (
            "compare",
            "circles",
            "0123abcd",
            RUN["versions"],
        )
        assert (row.created, row.status, row.seconds, row.n_groups) == (1234.5, "interrupted", None, 2)
        assert store.result(run) is None


def test_a_run_is_running_then_finished(place):
    with Store.open(place) as store:
        run = store.create_run(**RUN)
        with Store.open(place, read_only=True) as reader:
            assert reader.run(run).status == "running"
            store.finish(run, '{"verdict": "ä"}', 12.5, summary="Use hinge")
            row = reader.run(run)
            assert (row.status, row.seconds, row.summary) == ("finished", 12.5, "Use hinge")
            assert reader.result(run) == '{"verdict": "ä"}'


def test_several_runs(place):
    with Store.open(place) as store:
        with pytest.raises(StoreError, match="lossmith compare first"):
            store.latest()
        numbers = [store.create_run(**RUN) for _ in range(3)]
        assert [row.run for row in store.runs()] == numbers == [1, 2, 3] and store.latest() == 3
        store.save_group(3, "a", _arrays(1))
        store.delete(3)
        assert [row.run for row in store.runs()] == [1, 2]
        # a number is never used again: a report may still cite it
        assert store.create_run(**RUN) == 4
        with pytest.raises(StoreError, match=r"no run 3 .* expected one of 1, 2, 4"):
            store.run(3)


def test_deleting_gives_space_back(place):
    with Store.open(place) as store:
        run = store.create_run(**RUN)
        store.save_group(run, "large", {"raw": np.random.default_rng(1).random(200_000)})
    large = place.stat().st_size
    with Store.open(place) as store:
        store.delete(run)
    assert place.stat().st_size < large / 10


def test_saving_a_group_again_replaces_it(place):
    with Store.open(place) as store:
        run = store.create_run(**RUN)
        store.save_group(run, "a", _arrays(1))
        store.save_group(run, "a", _arrays(2))
        assert store.group_keys(run) == ("a",) and _same(store.groups(run)["a"], _arrays(2))


def test_export_copies_one_run(place, tmp_path):
    with Store.open(place) as store:
        store.create_run(**RUN)
        run = store.create_run(**RUN)
        store.save_group(run, "a", _arrays(1))
        store.finish(run, "{}", 1.0)
        store.export(run, tmp_path / "one.db")
        row = store.run(run)
        with pytest.raises(StoreError, match="exists"):
            store.export(run, tmp_path / "one.db")
    with Store.open(tmp_path / "one.db", create=False) as copy:
        assert copy.runs() == [row] and _same(copy.groups(run)["a"], _arrays(1)) and copy.result(run) == "{}"


def test_arrays_without_numbers_are_refused(place):
    with Store.open(place) as store:
        run = store.create_run(**RUN)
        for wrong in (np.array(["a"]), np.array([None]), np.array([1j])):
            with pytest.raises(InvalidInputError, match="array 'x' of type"):
                store.save_group(run, "a", {"x": wrong})
        with pytest.raises(InvalidInputError, match="a set among settings"):
            store.create_run(**{**RUN, "settings": {"x": {1}}})
        with pytest.raises(StoreError, match="no run 9"):
            store.save_group(9, "a", {})
        with pytest.raises(StoreError, match="no run 9"):
            store.finish(9, "{}", 1.0)


class TestOwnership:
    def test_closing_gives_runs_back(self, place):
        with Store.open(place) as store:
            run = store.create_run(**RUN)
        with Store.open(place) as store:
            assert store.run(run).status == "interrupted"
            store.reopen(run)
            assert store.run(run).status == "running"

    def test_a_run_in_training_is_not_taken_or_deleted(self, place):
        with Store.open(place) as first, Store.open(place) as second:
            run = first.create_run(**RUN)
            first.reopen(run)
            for forbidden in (second.reopen, second.delete):
                with pytest.raises(StoreError, match="being trained"):
                    forbidden(run)
            first.finish(run, "{}", 1.0)
            with pytest.raises(StoreError, match="finished"):
                second.reopen(run)
            second.delete(run)

    def test_a_process_number_used_again_is_another_process(self):
        mine = json.loads(ownership.process_identity())
        assert ownership.is_alive(json.dumps(mine))
        for changed in ({"started": "1"}, {"boot": "another"}, {"pid": 2**22 + 1}):
            assert not ownership.is_alive(json.dumps({**mine, **changed}))
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            other = json.dumps({**mine, "pid": child.pid, "started": ownership._started(child.pid)})
            assert ownership.is_alive(other)
            child.kill()
            deadline = time.monotonic() + 10
            while ownership.is_alive(other) and time.monotonic() < deadline:
                time.sleep(0.01)  # dead but not yet collected: a zombie trains nothing
            assert not ownership.is_alive(other)
        finally:
            child.wait()
            child.stdin.close()

    @pytest.mark.parametrize("damaged", ["", "[]", "{}", '{"pid": "x", "started": 1, "boot": 2}', "null"])
    def test_a_damaged_identity_is_nobody(self, damaged):
        assert not ownership.is_alive(damaged)

    def test_where_the_system_says_nothing(self, monkeypatch):
        monkeypatch.setattr(ownership, "_started", lambda pid: None)
        monkeypatch.setattr(ownership, "_boot", lambda: None)
        mine = json.loads(ownership.process_identity())
        assert ownership.is_alive(json.dumps(mine))
        assert not ownership.is_alive(json.dumps({**mine, "pid": mine["pid"] + 1}))


WRITER = """
import sys
import numpy as np
from lossmith.compare.store import Store
with Store.open(sys.argv[1]) as store:
    run = store.create_run(kind="compare", name=sys.argv[2], settings={}, data={}, fingerprint="", versions={})
    print("run", run, flush=True)
    for number in range(int(sys.argv[3])):
        rng = np.random.default_rng(number)
        store.save_group(run, str(number), {"raw": rng.random(3000)})
        print(number, flush=True)
"""


def _start(place: Path, name: str, groups: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place), name, str(groups)], stdout=subprocess.PIPE, text=True
    )


def _check_prefix(place: Path, run: int, printed: int) -> None:
    with Store.open(place, create=False) as store:
        keys = store.group_keys(run)
        # at most the group in flight is missing, and one may have been written just before it could be announced
        assert keys == tuple(str(number) for number in range(len(keys))) and printed <= len(keys) <= printed + 1
        for key, arrays in store.groups(run).items():
            assert (arrays["raw"] == np.random.default_rng(int(key)).random(3000)).all()
        assert store.run(run).status == "interrupted"
        store.reopen(run)
        store.save_group(run, "after", {"raw": np.zeros(1)})


@pytest.mark.parametrize("lines", [2, 9, 25])
def test_kill_loses_at_most_the_group_in_flight(place, lines):
    child = _start(place, "killed", 100_000)
    try:
        run = int(child.stdout.readline().split()[1])
        for _ in range(lines):
            child.stdout.readline()
        time.sleep(random.Random(lines).random() / 300)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        rest = child.stdout.read()
        child.wait()
        child.stdout.close()
    complete = rest.count("\n")
    _check_prefix(place, run, lines + complete)


def test_writers_and_readers_at_once(place):
    with Store.open(place):
        pass
    children = [_start(place, f"writer {number}", 25) for number in range(3)]
    seen = 0
    with Store.open(place, read_only=True) as reader:
        while any(child.poll() is None for child in children):
            rows = reader.runs()
            total = sum(row.n_groups for row in rows)
            assert total >= seen
            seen = total
            for row in rows:
                reader.groups(row.run)
            time.sleep(0.02)
        assert sum(row.n_groups for row in reader.runs()) == 75
    for child in children:
        child.stdout.close()
        assert child.wait() == 0


def test_threads_share_one_store(place):
    with Store.open(place) as store:
        run = store.create_run(**RUN)
        threads = [
            threading.Thread(target=lambda n=n: [store.save_group(run, f"{n}-{i}", _arrays(i)) for i in range(10)])
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.group_keys(run)) == 40


def _small(place: Path) -> None:
    with Store.open(place) as store:
        run = store.create_run(**RUN, clock=lambda: 1.0)
        for key in ("a", "b"):
            store.save_group(run, key, {"accuracy": np.arange(4.0)})
        store.finish(run, json.dumps({"verdict": "Use hinge", "filler": "x" * 3000}), 2.0, summary="Use hinge")


def _survives(place: Path) -> bool:
    """Read everything; return whether the store could be read. A wrong number fails the test."""
    try:
        with Store.open(place, create=False, read_only=True) as store:
            for row in store.runs():
                assert row.settings == RUN["settings"] and row.created == 1.0 and row.fingerprint == RUN["fingerprint"]
                result = store.result(row.run)
                assert result is None or json.loads(result)["verdict"] == "Use hinge"
                for key, arrays in store.groups(row.run).items():
                    assert key in ("a", "b") and arrays["accuracy"].tolist() == [0.0, 1.0, 2.0, 3.0]
    except StoreError:
        return False
    return True


def _flip_and_cut(place: Path, tmp_path: Path, positions) -> int:
    _small(place)
    whole = place.read_bytes()
    damaged = tmp_path / "damaged.db"
    refused = 0
    for position in positions(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 0xFF
        for content in (bytes(flipped), whole[:position]):
            damaged.write_bytes(content)
            refused += not _survives(damaged)
            for side in ("-wal", "-shm"):
                damaged.with_name(damaged.name + side).unlink(missing_ok=True)
    return refused


def test_a_flipped_byte_or_a_cut_never_gives_a_wrong_number(place, tmp_path):
    rng = random.Random(1)
    refused = _flip_and_cut(place, tmp_path, lambda size: [*range(0, 100, 7), *rng.sample(range(100, size), 200)])
    assert refused > 100


@pytest.mark.slow
def test_every_flipped_byte_and_every_cut(place, tmp_path):
    assert _flip_and_cut(place, tmp_path, range) > 1000


def test_a_cut_journal_loses_its_tail_only(place, tmp_path):
    with Store.open(place) as store:
        run = store.create_run(**RUN)
        for number in range(4):
            store.save_group(run, str(number), {"n": np.full(50, number)})
        base, log = place.read_bytes(), place.with_name(place.name + "-wal").read_bytes()
    found = set()
    for size in range(0, len(log), 997):
        torn = tmp_path / f"torn-{size}.db"
        torn.write_bytes(base)
        torn.with_name(torn.name + "-wal").write_bytes(log[:size])
        try:
            with Store.open(torn, create=False) as store:
                keys = store.group_keys(run)
                assert keys == tuple(str(number) for number in range(len(keys)))
                assert all((arrays["n"] == int(key)).all() for key, arrays in store.groups(run).items())
                found.add(len(keys))
        except StoreError:
            continue  # not even the tables had been written
    assert found >= {0, 1, 2, 3}


def test_a_damaged_group_is_named_and_repaired(place):
    with Store.open(place) as store:
        run = store.create_run(**RUN)
        for key in ("a", "b"):
            store.save_group(run, key, _arrays(1))
        store.finish(run, "{}", 1.0)
    raw = sqlite3.connect(place)
    raw.execute("UPDATE groups SET payload = CAST(payload || x'00' AS BLOB) WHERE key = 'b'")
    raw.commit()
    raw.close()
    with Store.open(place) as store:
        with pytest.raises(StoreError, match=f"run {run} .* group 'b' fails its checksum; .*repair"):
            store.groups(run)
        assert store.repair(run) == ("b",)
        assert set(store.groups(run)) == {"a"} and store.run(run).status == "interrupted"
        assert store.repair(run) == ()


def test_a_changed_number_in_a_group_is_noticed(place):
    """The last byte of the payload: the file is still valid safetensors, only the number is another."""
    with Store.open(place) as store:
        run = store.create_run(**RUN)
        store.save_group(run, "a", {"x": np.array([1.0, 2.0])})
    raw = sqlite3.connect(place)
    (payload,) = raw.execute("SELECT payload FROM groups").fetchone()
    assert safetensors.numpy.load(payload[:-1] + b"\xff")["x"].tolist() != [1.0, 2.0]
    raw.execute("UPDATE groups SET payload = ?", (payload[:-1] + b"\xff",))
    raw.commit()
    raw.close()
    with Store.open(place) as store, pytest.raises(StoreError, match="checksum"):
        store.groups(run)


def test_a_failed_transaction_leaves_nothing(place):
    def interrupted(store: Store) -> None:
        with store._writing() as cursor:
            cursor.execute("UPDATE runs SET name = 'half'")
            raise KeyboardInterrupt

    with Store.open(place) as store:
        run = store.create_run(**RUN)
        with pytest.raises(KeyboardInterrupt):
            interrupted(store)
        assert store.run(run).name == "circles"
        store.save_group(run, "a", _arrays(1))


@pytest.mark.parametrize(("table", "column"), [("runs", "settings"), ("results", "result"), ("results", "seconds")])
def test_changed_rows_are_noticed(place, table, column):
    _small(place)
    raw = sqlite3.connect(place)
    raw.execute(f"UPDATE {table} SET {column} = " + ("99.0" if column == "seconds" else f"replace({column}, 'h', 'H')"))
    raw.commit()
    raw.close()
    with Store.open(place) as store, pytest.raises(StoreError, match="checksum"):
        store.result(1) if column == "result" else store.runs()


class TestErrors:
    def test_not_a_store(self, place, tmp_path):
        place.write_text("loss,accuracy\n" * 100)
        with pytest.raises(StoreError, match="not a SQLite file"):
            Store.open(place)
        other = tmp_path / "other.db"
        raw = sqlite3.connect(other)
        raw.execute("CREATE TABLE things (x)")
        raw.close()
        for read_only in (True, False):
            with pytest.raises(StoreError, match="database of something else"):
                Store.open(other, create=False, read_only=read_only)

    def test_missing_file_and_folder(self, place, tmp_path):
        for options in ({"create": False}, {"read_only": True}):
            with pytest.raises(StoreError, match="no store"):
                Store.open(place, **options)
        assert not place.exists()
        with pytest.raises(StoreError, match="folder does not exist"):
            Store.open(tmp_path / "nowhere" / "x.db")
        with pytest.raises(StoreError, match="is a folder"):
            Store.open(tmp_path)

    def test_an_empty_file_becomes_a_store_only_if_asked(self, place):
        place.touch()
        with pytest.raises(StoreError, match="something else"):
            Store.open(place, read_only=True)
        with Store.open(place) as store:
            assert store.runs() == []

    def test_newer_version(self, place):
        _small(place)
        raw = sqlite3.connect(place)
        raw.execute("PRAGMA user_version = 9")
        raw.close()
        with pytest.raises(StoreError, match="version 9; expected version 1; upgrade"):
            Store.open(place)

    def test_disk_full_keeps_what_was_saved(self, place):
        with Store.open(place) as store:
            run = store.create_run(**RUN)
            store.save_group(run, "a", _arrays(1))
            used = store._connection.execute("PRAGMA page_count").fetchone()[0]
            store._connection.execute(f"PRAGMA max_page_count = {used + 2}")
            with pytest.raises(StoreError, match="disk is full; free some space"):
                store.save_group(run, "b", {"raw": np.zeros(100_000)})
            assert store.group_keys(run) == ("a",)
            store._connection.execute("PRAGMA max_page_count = 1000000")
            store.save_group(run, "b", {"raw": np.zeros(100_000)})
            assert store.group_keys(run) == ("a", "b")

    def test_busy(self, place, monkeypatch):
        monkeypatch.setattr(_sqlite, "BUSY_SECONDS", 0.05)
        with Store.open(place) as store:
            run = store.create_run(**RUN)
            blocker = sqlite3.connect(place, isolation_level=None)
            blocker.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="busy"):
                store.save_group(run, "a", _arrays(1))
            assert store.group_keys(run) == ()  # reading goes on
            blocker.execute("ROLLBACK")
            blocker.close()
            store.save_group(run, "a", _arrays(1))

    def test_a_read_only_store_refuses_to_write(self, place):
        _small(place)
        with Store.open(place, read_only=True) as store, pytest.raises(StoreError, match="cannot be written"):
            store.create_run(**RUN)

    def test_a_folder_that_cannot_be_written(self, place):
        """In another process that gives up the superuser's rights after its imports."""
        _small(place)
        code = (
            "import os, sys; from lossmith.compare.store import Store\n"
            "if os.geteuid() == 0: os.setgroups([]); os.setegid(65534); os.seteuid(65534)\n"
            "with Store.open(sys.argv[1], read_only=True) as store: print(len(store.groups(1)), len(store.runs()))\n"
            "for path in (sys.argv[1], sys.argv[1] + '.new'):\n"
            "    try:\n"
            "        with Store.open(path) as store: store.delete(1)\n"
            "    except Exception as error: print(type(error).__name__, error)\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "lossmith.db"
            shutil.copy(place, copy)
            copy.chmod(0o444)
            copy.parent.chmod(0o555)
            done = subprocess.run([sys.executable, "-c", code, str(copy)], capture_output=True, text=True, check=False)
            copy.parent.chmod(0o755)
        lines = done.stdout.splitlines()
        assert lines[0] == "2 1", done.stderr
        for line in lines[1:]:
            assert line.startswith("StoreError") and "cannot be" in line
        assert len(lines) == 3

    def test_errors_are_lossmith_errors(self):
        for message in ("file is not a database", "database disk image is malformed", "something new\nof two lines"):
            found = _sqlite.explained(sqlite3.DatabaseError(message), Path("x.db"))
            assert isinstance(found, LossmithError) and "\n" not in str(found) and "x.db" in str(found)


def test_rows_are_records(place):
    _small(place)
    with Store.open(place) as store:
        row = store.run(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.run = 2
