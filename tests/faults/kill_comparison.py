"""A comparison that is killed at random times, or at its n-th write, and resumed: is the table the same every time?

`python tests/faults/kill_comparison.py FOLDER --kills 100`. One process imports the libraries; every comparison then is a child
of it, which starts, is killed, and is followed by a child that resumes. Prints how many tables differ from that of a
comparison which nobody touched, and how many groups were trained twice beyond the one in flight of each kill.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import time
from pathlib import Path

import storage_faults

OPTIONS = {"losses": "brier,hinge,binary_crossentropy", "seeds": 6, "epochs": 2, "learning_rates": "0.01,0.1",
           "model": "mlp:hidden=4"}  # fmt: skip


def child(action) -> int:
    number = os.fork()
    if not number:
        try:
            action()
            os._exit(0)
        except BaseException as error:
            import traceback

            traceback.print_exception(error)
            os._exit(1)
    return number


def ended(number: int) -> int:
    status = os.waitpid(number, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a child failed"
    return status


def watched(log: Path) -> None:
    """Write down every group, in this process, when its training begins."""
    from lossmith.compare import workers

    def noted(key: str) -> None:
        with log.open("a") as file:
            file.write(key + "\n")

    def begun(key: str, make):
        def made():
            noted(key)
            return make()

        return made

    original, baselines = workers.train_groups, workers.baseline_arrays

    def train_groups(trainers, source, done, **options):
        def seen():
            for key, make in source:
                yield key, begun(key, make)

        return original(trainers, seen(), done, **options)

    def baseline_arrays(plan, seat, *, seed, **options):
        noted(f"baselines of seed {seed}")
        return baselines(plan, seat, seed=seed, **options)

    workers.train_groups, workers.baseline_arrays = train_groups, baseline_arrays


def compare(store: Path, log: Path, fault=None) -> None:
    import lossmith

    watched(log)
    with storage_faults.faults(fault or (lambda *_: None)):
        lossmith.compare("circles", store=store, **OPTIONS)


def resume(store: Path, log: Path) -> None:
    """Go on as a user would: with the run that the store holds, or from the start where it had not come so far."""
    import lossmith
    from lossmith._errors import StoreError
    from lossmith.compare.store import Store

    watched(log)
    try:
        with Store.open(store, create=False, read_only=True) as opened:
            run = opened.latest()
    except StoreError:
        run = None
    if run is None:
        lossmith.compare("circles", store=store, **OPTIONS)
    else:
        lossmith.compare.resume(run, store=store)


def table(store: Path) -> str:
    """Return everything that a comparison says, as text, but for the seconds that it took."""
    from lossmith.compare.store import Store

    with Store.open(store, create=False, read_only=True) as opened:
        (row,) = opened.runs()
        assert row.status == "finished"
        plain = json.loads(opened.result(row.run))
        keys = sorted(opened.group_keys(row.run))
        winner = opened.groups(row.run)["winner"]["file"].tobytes().hex()
    plain.pop("seconds", None)
    columns = plain["trials"]["columns"]
    for name in [name for name in columns if "second" in name]:
        del columns[name]
    return json.dumps([plain, keys, winner], sort_keys=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--mode", choices=("random", "write"), default="random")
    parser.add_argument("--step", type=int, default=1, help="with --mode write: kill at every so-manieth write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10**6, help="begin no further kill after this time")
    asked = parser.parse_args()
    import lossmith.compare.run
    import lossmith.compare.stored  # noqa: F401

    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras  # noqa: F401 - in the parent, once for all children

    began = time.monotonic()
    first, log = asked.folder / "untouched.db", asked.folder / "untouched.log"
    ended(child(lambda: compare(first, log)))  # compiles
    first.unlink()
    log.unlink()
    start = time.monotonic()
    ended(child(lambda: compare(first, log)))
    # later is of no use: most of the time goes by before the first group
    whole = 0.8 * (time.monotonic() - start)
    wanted, n_groups = table(first), len(log.read_text().splitlines())
    rng = random.Random(asked.seed)
    died = collections.Counter()
    differ, twice, again = 0, 0, []
    number = 0
    while number < asked.kills and time.monotonic() - began < asked.seconds:
        number += 1
        store, log = asked.folder / f"{number}.db", asked.folder / f"{number}.log"
        if asked.mode == "write":
            fault = storage_faults.killed_at(1 + (number - 1) * asked.step)
            status = ended(child(lambda s=store, w=log, f=fault: compare(s, w, f)))
        else:
            victim = child(lambda s=store, w=log: compare(s, w))
            time.sleep(rng.random() * whole)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            status = ended(victim)
        in_flight = n_groups - _stored(store)
        ended(child(lambda s=store, w=log: resume(s, w)))
        trained = collections.Counter(log.read_text().splitlines())
        repeated = sum(trained.values()) - len(trained)
        # a thread for each core trains a group of its own: that many are in flight at most
        twice += max(0, repeated - max(1, os.cpu_count() or 1))
        again.append(repeated)
        differ += table(store) != wanted or len(trained) != n_groups
        stage = "finished" if not os.WIFSIGNALED(status) else f"{n_groups - in_flight} of {n_groups} groups"
        died[stage] += 1
        for path in asked.folder.glob(f"{number}.*"):
            path.unlink() if path.is_file() else None
        if asked.mode == "write" and not os.WIFSIGNALED(status):
            break
    print(f"{number} comparisons, {number - died['finished']} killed, {whole / 0.8:.2f} s each when untouched, "
          f"{time.monotonic() - began:.0f} s in all")  # fmt: skip
    print("stored when killed: " + ", ".join(f"{stage}: {count}" for stage, count in sorted(died.items())))
    print(f"trained again for each kill: mean {statistics.mean(again):.2f}, most {max(again)}")
    print(f"{differ} differ, {twice} trained twice beyond the group in flight")
    return int(bool(differ or twice))


def _stored(store: Path) -> int:
    from lossmith._errors import StoreError
    from lossmith.compare.store import Store

    try:
        with Store.open(store, create=False, read_only=True) as opened:
            run = opened.latest()
            return len([key for key in opened.group_keys(run) if key != "winner"])
    except StoreError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
