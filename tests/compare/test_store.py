"""The store: what goes in comes out, whatever is killed, cut, flipped, locked or full in between."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

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


def test_a_run_that_was_taken_up_is_given_back_with_the_store(place):
    with Store.open(place) as store:
        run = store.create_run(**RUN)
    for _ in range(2):
        with Store.open(place) as store:
            store.reopen(run)
            assert store.run(run).status == "running"
        with Store.open(place, read_only=True) as store:
            assert store.run(run).status == "interrupted"


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
        with pytest.raises(StoreError, match="a database without tables"):
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
            "import os, sys, urllib.parse; from lossmith.compare.store import Store\n"  # Path.as_uri needs it from 3.13 on
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
        assert lines[:1] == ["2 1"], done.stderr
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


def test_some_groups_by_their_keys(place):
    with Store.open(place) as store:
        run = store.create_run(**RUN)
        for number, key in enumerate("abc"):
            store.save_group(run, key, {"n": np.array([number])})
        found = store.groups(run, ["c", "a", "never stored"])
        assert {key: arrays["n"].tolist() for key, arrays in found.items()} == {"a": [0], "c": [2]}
        assert list(store.groups(run)) == ["a", "b", "c"] and store.groups(run, []) == {}


def test_a_run_that_is_not_there_is_named_by_every_verb(place):
    """Never an empty answer: who asks for another run should hear which there are."""
    with Store.open(place) as store:
        store.create_run(**RUN)
        for verb in (
            lambda: store.group_keys(9),
            lambda: store.groups(9),
            lambda: store.result(9),
            lambda: store.run(9),
            lambda: store.rows(9),
            lambda: store.reopen(9),
            lambda: store.delete(9),
            lambda: store.finish(9, "{}", 1.0),
            lambda: store.save_group(9, "a", {"n": np.arange(2)}),
        ):
            with pytest.raises(StoreError, match=r"no run 9 in .*; expected one of 1; see lossmith runs list"):
                verb()
