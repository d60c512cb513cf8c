"""What a comparison does with its store, without its training: run by `test_kills.py` in processes that are killed.

`python store_scenario.py FOLDER TORN`: for n = 1, 2, 3, ... a child works on a new store and is killed at its n-th write; then the
work is done to its end and everything is checked. Prints the number of the first write at which no child died.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import storage_faults

from lossmith.compare.store import Store

GROUPS = tuple(f"hinge/{place:05d}" for place in range(3))
RUN = {"kind": "compare", "name": "circles", "settings": {"rate": 0.1}, "data": {}, "fingerprint": "f", "versions": {}}
RESULT = json.dumps({"verdict": "Use hinge", "filler": "x" * 6000})


def arrays(key: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(int(key[-5:]))
    return {"raw": rng.random(900), "chosen": rng.integers(0, 9, 7)}


def work(place: Path, log: Path) -> None:
    """Train what is missing, as `resume` does; every training is written down when it begins."""
    with Store.open(place) as store:
        rows = store.runs()
        if rows and rows[-1].status == "finished":
            return
        run = rows[-1].run if rows else store.create_run(**RUN, clock=lambda: 7.0)
        store.reopen(run)
        for key in GROUPS:
            if key not in store.group_keys(run):
                with log.open("a") as file:
                    file.write(key + "\n")
                store.save_group(run, key, arrays(key))
        store.finish(run, RESULT, 2.0, summary="Use hinge")


def check(place: Path, log: Path) -> None:
    with Store.open(place, create=False, read_only=True) as store:
        (row,) = store.runs()
        assert (row.status, row.created, row.seconds, row.summary) == ("finished", 7.0, 2.0, "Use hinge")
        assert store.result(row.run) == RESULT
        assert store.group_keys(row.run) == GROUPS
        for key, found in store.groups(row.run).items():
            assert all(np.array_equal(found[name], value) for name, value in arrays(key).items())
    trained = log.read_text().split()
    assert len(trained) - len(GROUPS) <= 1 and set(trained) == set(GROUPS), trained


def child(action) -> int:
    """Return the status of a child that did something."""
    number = os.fork()
    if not number:
        try:
            action()
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    return os.waitpid(number, 0)[1]


def killed(place: Path, log: Path, number: int, *, torn: bool) -> bool:
    """Return whether a child died at its n-th write."""

    def action() -> None:
        with storage_faults.faults(storage_faults.killed_at(number, torn=torn)):
            work(place, log)

    status = child(action)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"write {number}: the child failed"
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGKILL
    return os.WIFSIGNALED(status)


def main(folder: Path, *, torn: bool) -> int:
    number = 1
    while True:
        place, log = folder / f"{number}.db", folder / f"{number}.log"
        dead = killed(place, log, number, torn=torn)
        # a second kill at the same write of the rest of the work, then the end
        if dead and number % 3 == 0:
            killed(place, log, number, torn=torn)
            known = log.read_text().split() if log.exists() else []
            log.write_text("\n".join([*dict.fromkeys(known), ""]))
        Store.check(place)  # what is asked before a comparison begins
        work(place, log)
        check(place, log)
        for path in folder.iterdir():
            path.unlink()
        if not dead:
            return number
        number += 1


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), torn=sys.argv[2] == "torn"))
