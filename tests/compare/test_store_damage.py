"""The store under attack: killed, read while written, cut and flipped."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from lossmith._errors import StoreError
from lossmith.compare.repair import repair
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


WRITER = """
import sys
import numpy as np
from lossmith.compare.repair import repair
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
            assert len(store.runs()) == 1
            for row in store.runs():
                assert row.status == "finished" and row.n_groups == 2
                assert row.settings == RUN["settings"] and row.created == 1.0 and row.fingerprint == RUN["fingerprint"]
                assert json.loads(store.result(row.run))["verdict"] == "Use hinge"
                assert store.group_keys(row.run) == ("a", "b")
                for arrays in store.groups(row.run).values():
                    assert arrays["accuracy"].tolist() == [0.0, 1.0, 2.0, 3.0]
    except StoreError as error:
        said = str(error)
    else:
        return True
    assert "lossmith runs repair --store" in said and "\n" not in said, said
    return False


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
    assert refused > 40


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
    with Store.open(place) as store, pytest.raises(StoreError, match=f"run {run} .* group 'b' fails .*repair"):
        store.groups(run)
    found = repair(place)
    assert (found.runs, found.groups, found.results, found.unfinished) == (1, 1, 1, ())
    assert found.lost == (f"group 'b' of run {run} fails its checksum",)
    with Store.open(found.path, create=False) as store:
        assert set(store.groups(run)) == {"a"}


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
