"""Who trains a run: processes by number, start and boot, as the system tells them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lossmith.compare import ownership
from lossmith.compare.ownership import claimed, is_alive, process_identity, released


def started(pid: int) -> str:
    """Return field 22 of the system's record of a process, counted from its end: 52 fields since Linux 3.5."""
    return Path(f"/proc/{pid}/stat").read_text().split()[-31]


def test_an_identity_is_number_start_and_boot():
    assert json.loads(process_identity()) == {
        "pid": os.getpid(),
        "started": started(os.getpid()),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    }


def test_stores_of_one_process_are_told_apart():
    """A store that was closed trains nothing, though its process goes on."""
    one, two = claimed(), claimed()
    assert one != two and is_alive(one) and is_alive(two)
    released(one)
    assert not is_alive(one) and is_alive(two)
    released(one)  # again does nothing
    released(two)
    assert not is_alive(two) and is_alive(process_identity())


def test_another_process_lives_until_it_ends():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        own = json.loads(process_identity())
        known = {**own, "pid": child.pid, "started": started(child.pid), "by": 3}
        assert is_alive(json.dumps(known))
        for change in ({"started": "1"}, {"started": None}, {"boot": "another"}, {"boot": None}):
            assert not is_alive(json.dumps({**known, **change})), change
        child.kill()
        until = time.monotonic() + 10
        while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < until
            time.sleep(0.01)
        assert not is_alive(json.dumps(known))  # its number is held until somebody asks how it ended
    finally:
        child.kill()
        child.communicate()
    assert not is_alive(json.dumps(known))


def test_this_process_under_another_name():
    own = json.loads(process_identity())
    assert is_alive(json.dumps(own))
    for change in ({"started": "1"}, {"boot": "another"}, {"by": 99}):
        assert not is_alive(json.dumps({**own, **change})), change


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "damaged",
        "[]",
        "null",
        "3",
        "{}",
        '{"pid": "x", "started": 1, "boot": 1}',
        '{"pid": 1}',
        '{"pid": null, "started": 1, "boot": 1}',
    ],
)
def test_what_is_no_identity_is_nobody(damaged):
    assert not is_alive(damaged)


def test_programs_of_strange_names(monkeypatch):
    """The name stands in parentheses and may hold spaces and parentheses; 18 fields stand between the state and the start."""
    fields = ["S", *map(str, range(1, 19)), "4711"]
    for text, wanted in (
        ("7 (a) b) (S) " + " ".join(fields), "4711"),
        ("7 (a) " + " ".join([*fields, "0", "0"]), "4711"),
        ("7 (a) " + " ".join(fields[:-1]), None),
        ("7 (a) " + " ".join(["Z", *fields[1:]]), None),
        ("7 (a) " + " ".join(["X", *fields[1:]]), None),
        ("7 (a) ", None),
    ):
        monkeypatch.setattr(ownership.Path, "read_text", lambda self, text=text, **options: text)
        assert ownership._started(7) == wanted
