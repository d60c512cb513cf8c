"""A store of an older version that is brought up to date, in processes that are killed at every write; see `test_store_limits.py`.

`python migration_scenario.py FOLDER` prints the number of the first write at which no child died.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path

import storage_faults
import store_scenario

from lossmith.compare import _sqlite
from lossmith.compare.store import Store

NEWER = _sqlite.SCHEMA.replace("owner TEXT\n", "owner TEXT, note TEXT DEFAULT 'none'\n")
STEPS = {
    1: (
        "CREATE TABLE moved AS SELECT * FROM runs",
        "DROP TABLE runs",
        NEWER.split(";")[0],
        "INSERT INTO runs SELECT *, 'moved' FROM moved",
        "DROP TABLE moved",
    )
}


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


def main(folder: Path) -> int:
    place, log = folder / "lossmith.db", folder / "log"
    store_scenario.work(place, log)
    whole = place.read_bytes()
    _sqlite.SCHEMA, _sqlite.SCHEMA_VERSION, _sqlite.MIGRATIONS = NEWER, 2, STEPS
    number = 0
    while True:
        number += 1
        place.write_bytes(whole)
        for side in ("-wal", "-shm"):
            place.with_name(place.name + side).unlink(missing_ok=True)

        def action(number: int = number) -> None:
            with storage_faults.faults(storage_faults.killed_at(number)):
                Store.open(place).close()

        status = store_scenario.child(action)
        assert version(place) in (1, 2)
        Store.open(place).close()
        assert version(place) == 2
        store_scenario.check(place, log)
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0
            return number
        assert os.WTERMSIG(status) == signal.SIGKILL


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
