"""Full disks, disks that fail, folders that cannot be written, many at once: one clear line at once, and nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import storage_faults
import store_scenario

from lossmith._errors import StoreError
from lossmith.compare.store import Store

ERRORS = {
    "full": (errno.ENOSPC, ("the disk is full", "free some space")),
    "failing": (errno.EIO, ("the disk reports an error", "check the disk")),
    "quota": (errno.EDQUOT, ("the disk reports an error", "check the disk")),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("calls", [1, 10**9], ids=["once", "for good"])
def test_every_write_may_fail(tmp_path, name, calls):
    """The n-th write fails, for every n: the work ends with one line within a second, and goes on when the disk is well again."""
    number, words = ERRORS[name]
    refused = 0
    for place in range(1, 200, 1 if name == "full" else 7):
        store, log = tmp_path / f"{place}.db", tmp_path / f"{place}.log"
        began, said = time.monotonic(), ""
        try:
            with storage_faults.faults(storage_faults.failing_from(place, number, calls=calls)):
                store_scenario.work(store, log)
        except StoreError as error:
            said = str(error)
            refused += 1
        assert time.monotonic() - began < 1.0
        assert not said or ("\n" not in said and store.name in said and (words[0] in said or "cannot be" in said)), said
        known = log.read_text().split() if log.exists() else []
        log.write_text("".join(f"{key}\n" for key in dict.fromkeys(known)))
        store_scenario.work(store, log)
        store_scenario.check(store, log)
        for path in tmp_path.iterdir():
            path.unlink()
        if not said and place > 60:
            break
    assert refused > 8


FULL = """
import resource, sys
import numpy as np
from lossmith.compare.store import Store
from lossmith._errors import StoreError
with Store.open(sys.argv[1]) as store:
    run = store.create_run(kind="compare", name="c", settings={}, data={}, fingerprint="", versions={})
    store.save_group(run, "a", {"x": np.arange(9.0)})
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        store.save_group(run, "b", {"x": np.zeros(10**6)})
    except StoreError as error:
        print(error)
    print(store.group_keys(run))
"""


def test_a_limit_of_the_system_on_the_size_of_files(tmp_path):
    place = tmp_path / "lossmith.db"
    done = subprocess.run([sys.executable, "-c", FULL, str(place)], capture_output=True, text=True, check=False)
    said, keys = done.stdout.splitlines()
    assert "check the disk; what was saved is kept" in said and keys == "('a',)", done.stderr
    with Store.open(place, create=False) as store:
        assert store.groups(1)["a"]["x"].tolist() == list(range(9))


def test_space_that_comes_back_is_used(tmp_path):
    with Store.open(tmp_path / "lossmith.db") as store:
        run = store.create_run(**store_scenario.RUN)
        with (
            storage_faults.faults(storage_faults.failing_from(1, errno.ENOSPC)),
            pytest.raises(StoreError, match="full"),
        ):
            store.save_group(run, "a", {"x": np.zeros(9)})
        store.save_group(run, "a", {"x": np.ones(9)})
        assert store.groups(run)["a"]["x"].sum() == 9


COMMAND = """
import sys
from lossmith.cli import main
try:
    main(sys.argv[1:])
finally:
    print("keras loaded" if "keras" in sys.modules else "nothing loaded")
"""


@pytest.mark.parametrize(
    "place, words",
    [
        ("/proc/runs.db", "cannot be written"),  # a folder in which not even the superuser can make a file
        ("/dev/null", "a pipe or a device"),
        ("{folder}/pipe", "a pipe or a device"),
        ("{folder}/none/runs.db", "its folder does not exist"),
        ("{folder}/text.db", "not a SQLite file"),
    ],
)
def test_a_store_that_cannot_be_written_is_refused_before_anything_is_loaded(tmp_path, place, words):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text.db").write_text("hello\n" * 99)
    before = sorted(path.name for path in tmp_path.iterdir())
    command = [sys.executable, "-c", COMMAND, "compare", "circles", "--store", place.format(folder=tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "nothing loaded\n"), done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and words in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_disk_that_is_full_from_the_start(tmp_path):
    """As the system says it of every file, by a limit on the size of files of this process."""
    code = "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n" + COMMAND
    command = [sys.executable, "-c", code, "compare", "circles", "--store", str(tmp_path / "runs.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "nothing loaded\n"), done.stderr
    assert "cannot be written: File too large" in done.stderr and not list(tmp_path.iterdir())


WRITER = """
import json, sys, time
import numpy as np
from lossmith.compare.store import Store
path, name = sys.argv[1], sys.argv[2]
print("ready", flush=True)
until = time.time() + float(sys.stdin.readline())
rng, saved, slowest = np.random.default_rng(int(name)), 0, 0.0
with Store.open(path) as store:
    run = store.create_run(kind="compare", name=name, settings={}, data={}, fingerprint="", versions={})
while time.time() < until:
    began = time.monotonic()
    with Store.open(path) as store:  # opened anew each time: opening and closing are where stores meet
        store.reopen(run)
        for _ in range(1 + saved % 3):
            store.save_group(run, str(saved), {"n": np.full(200, saved)})
            saved += 1
    slowest = max(slowest, time.monotonic() - began)
    time.sleep(rng.random() / 50)
print(json.dumps({"run": run, "name": name, "saved": saved, "slowest": slowest}))
"""
READER = """
import json, sys, time
from lossmith.compare.store import Store
path, seen, reads = sys.argv[1], {}, 0
print("ready", flush=True)
until = time.time() + float(sys.stdin.readline())
while time.time() < until:
    with Store.open(path, read_only=True) as store:
        for row in store.runs():
            keys = store.group_keys(row.run)
            assert keys == tuple(map(str, range(len(keys)))), keys
            assert len(keys) >= seen.get(row.run, 0)
            seen[row.run] = len(keys)
        if seen:
            run = max(seen)
            assert all((found["n"] == int(key)).all() for key, found in store.groups(run).items())
    reads += 1
    time.sleep(0.005)
print(json.dumps({"reads": reads}))
"""


def many(place: Path, *, writers: int, readers: int, seconds: float) -> tuple[list[dict], list[dict]]:
    """Let so many processes write and read one store for some time; return what they say."""
    with Store.open(place):
        pass
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(place), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for program, count in ((WRITER, writers), (READER, readers))
        for number in range(count)
    ]
    for one in children:  # all begin together, however long each took to load
        assert one.stdout.readline() == "ready\n"
    for one in children:
        one.stdin.write(f"{seconds}\n")
        one.stdin.flush()
    said = []
    for one in children:
        out, err = one.communicate(timeout=120 + 2 * seconds)
        assert one.returncode == 0, err
        said.append(json.loads(out))
    return said[:writers], said[writers:]


@pytest.mark.parametrize(
    "writers, readers, seconds",
    [pytest.param(4, 2, 1.5), pytest.param(16, 4, float(os.environ.get("LOSSMITH_WRITERS", 8)), marks=pytest.mark.slow)],
)  # fmt: skip
def test_many_writers_and_readers(tmp_path, writers, readers, seconds):
    """Nothing is lost, nothing is doubled, and nobody hears that the store is locked."""
    place = tmp_path / "lossmith.db"
    wrote, read = many(place, writers=writers, readers=readers, seconds=seconds)
    with Store.open(place, create=False, read_only=True) as store:
        rows = {row.run: row for row in store.runs()}
        assert len(rows) == writers == len({one["run"] for one in wrote})
        for one in wrote:
            assert rows[one["run"]].name == one["name"] and rows[one["run"]].status == "interrupted"
            assert store.group_keys(one["run"]) == tuple(map(str, range(one["saved"])))
            assert all((found["n"] == int(key)).all() for key, found in store.groups(one["run"]).items())
    total, slowest = sum(one["saved"] for one in wrote), max(one["slowest"] for one in wrote)
    print(
        f"{writers} writers: {total} groups, slowest visit {slowest:.2f} s; {sum(one['reads'] for one in read)} reads"
    )
    assert total >= writers and all(one["reads"] for one in read)


def test_a_killed_owner_leaves_no_run_that_is_running_for_ever(tmp_path):
    place = tmp_path / "lossmith.db"
    with Store.open(place):
        pass
    code = "import sys, time\nfrom store_scenario import *\nstore = Store.open(sys.argv[1])\nstore.create_run(**RUN)\n"
    child = subprocess.Popen(
        [sys.executable, "-c", code + "print('ready', flush=True)\ntime.sleep(60)", str(place)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent,
    )
    assert child.stdout.readline() == b"ready\n"
    with Store.open(place, read_only=True) as store:
        assert store.run(1).status == "running"
        child.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while store.run(1).status == "running" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert store.run(1).status == "interrupted"
    child.wait()
    child.stdout.close()


def test_a_reader_changes_no_byte(tmp_path):
    place, log = tmp_path / "lossmith.db", tmp_path / "log"
    store_scenario.work(place, log)
    before = place.read_bytes(), sorted(path.name for path in tmp_path.iterdir())

    def refuse(name: str, arguments: tuple) -> int | None:
        return errno.EROFS

    with storage_faults.faults(refuse):
        store_scenario.check(place, log)
        with Store.open(place, read_only=True) as store:
            for change in (lambda: store.finish(1, "{}", 1.0), lambda: store.delete(1)):
                with pytest.raises(StoreError):
                    change()
    assert place.read_bytes() == before[0]
    # what SQLite lays beside a store that is read holds no rows
    sides = {path.name: path.stat().st_size for path in tmp_path.iterdir() if path.name not in before[1]}
    assert set(sides) <= {"lossmith.db-wal", "lossmith.db-shm"} and not sides.get("lossmith.db-wal")
