"""Feeds broken files to every reader: `python tests/fuzz/run.py --inputs 1000000 --report docs/fuzzing.md`.

Each reader works in a process of its own whose memory is capped and in which no input may take more than ten seconds. An
exception that is not one of lossmith's, a signal, too much memory or too much time is a finding; its input is kept below
`--findings`. Counts add up over runs in `--record`, so that a million inputs can be read in pieces.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import hashlib
import json
import os
import platform
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MEMORY = 2**31  # bytes beyond what a reader has taken when it begins
SECONDS = 10  # for one input


class TooSlow(BaseException):
    """An input took longer than it may."""


def _late(*_: Any) -> None:
    raise TooSlow


def peak() -> int:
    """Return the largest memory that this process has had, in bytes, since it was last asked to forget."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return 1024 * int(line.split()[1])
    return 0


def work(name: str, first: int, count: int, seed: int, current: Path, until: float) -> dict[str, Any]:
    """Read `count` inputs in this process and say what became of them."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    import warnings

    warnings.simplefilter("ignore")
    import targets

    from lossmith._errors import LossmithError

    make, read = targets.TARGETS[name].prepare()
    for number in range(20):  # what is loaded late is loaded now
        try:
            read(make(random.Random(f"warm/{name}/{number}")))
        except BaseException:
            continue
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    signal.signal(signal.SIGALRM, _late)
    Path("/proc/self/clear_refs").write_text("5")
    base, largest = peak(), 0
    counts: collections.Counter[str] = collections.Counter()
    findings, slowest, began = [], 0.0, time.perf_counter()
    done = 0
    for number in range(first, first + count):
        if time.time() > until:
            break
        try:
            data = make(random.Random(f"{seed}/{name}/{number}"))
        except Exception:
            continue  # what no writer can write is no input
        current.write_bytes(data)
        largest = max(largest, len(data))
        signal.alarm(SECONDS)
        start = time.perf_counter()
        try:
            read(data)
            counts["accepted"] += 1
        except LossmithError as error:
            counts["refused"] += 1
            if "\n" in str(error):
                findings.append(
                    [number, "an error of several lines", hashlib.sha256(data).hexdigest()[:12], data.hex()[:20000]]
                )
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)
            ours = [frame for frame in frames if "/lossmith/" in frame.filename] or frames
            where = f"{Path(ours[-1].filename).name}:{ours[-1].name}"
            findings.append(
                [
                    number,
                    f"{type(error).__name__} in {where}: {str(error)[:160]}",
                    hashlib.sha256(data).hexdigest()[:12],
                    data.hex()[:200000],
                ]
            )
        finally:
            signal.alarm(0)
        slowest = max(slowest, time.perf_counter() - start)
        done += 1
    return {"done": done, "accepted": counts["accepted"], "refused": counts["refused"], "findings": findings, "seconds": time.perf_counter() - began,
            "slowest": slowest, "memory": peak() - base, "largest": largest}  # fmt: skip


def feed(name: str, count: int, *, first: int, seed: int, until: float) -> dict[str, Any]:
    """Read `count` inputs in processes that may die, and say what became of them."""
    total: dict[str, Any] = {
        "inputs": 0,
        "accepted": 0,
        "refused": 0,
        "findings": [],
        "seconds": 0.0,
        "slowest": 0.0,
        "memory": 0,
        "largest": 0,
    }
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        current = Path(folder) / "current"
        while total["inputs"] < count and time.time() < until:
            piece = min(count - total["inputs"], 20_000)
            place = first + total["inputs"]
            command = [
                sys.executable,
                str(HERE / "run.py"),
                "--worker",
                name,
                str(place),
                str(piece),
                str(seed),
                str(current),
                str(until),
            ]
            environment = {
                "KERAS_BACKEND": "jax",
                "POLARS_MAX_THREADS": "1",
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
                "LOSSMITH_FUZZ_FOLDER": folder,
                **os.environ,
            }
            began = time.time()
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            if done.returncode == 0:
                found = json.loads(done.stdout.splitlines()[-1])
                total["inputs"] += found["done"]
                for key in ("accepted", "refused", "seconds"):
                    total[key] += found[key]
                for key in ("slowest", "memory", "largest"):
                    total[key] = max(total[key], found[key])
                total["findings"] += found["findings"]
                if not found["done"]:
                    break
            else:
                data = current.read_bytes() if current.exists() else b""
                why = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit {done.returncode}"
                last = (done.stderr.strip().splitlines() or [""])[-1][:200]
                total["findings"].append(
                    [-1, f"the process died: {why} {last}", hashlib.sha256(data).hexdigest()[:12], data.hex()[:200000]]
                )
                total["inputs"] += piece  # the rest of this piece is not read: other inputs follow
                total["lost"] = total.get("lost", 0) + piece
                total["seconds"] += time.time() - began
    total["inputs"] -= total.pop("lost", 0)
    return total


def added(record: dict[str, Any], name: str, found: dict[str, Any]) -> None:
    """Add what a run found to what others found before."""
    known = record.setdefault("targets", {}).setdefault(
        name,
        {
            "inputs": 0,
            "accepted": 0,
            "refused": 0,
            "seconds": 0.0,
            "slowest": 0.0,
            "memory": 0,
            "largest": 0,
            "findings": 0,
            "next": 0,
        },
    )
    for key in ("inputs", "accepted", "refused", "seconds"):
        known[key] += found[key]
    for key in ("slowest", "memory", "largest"):
        known[key] = max(known[key], found[key])
    known["findings"] += len(found["findings"])


def page(record: dict[str, Any], fixed: str) -> str:
    """Return the report as Markdown."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    from targets import TARGETS

    rows, totals = [], collections.Counter()
    for name, target in TARGETS.items():
        one = record["targets"].get(name)
        if one is None:
            continue
        totals.update({key: one[key] for key in ("inputs", "accepted", "refused", "findings", "seconds")})
        rows.append(f"| {target.what} | {one['inputs']:,} | {one['accepted']:,} | {one['refused']:,} | {one['findings']} | {one['seconds']:.0f} s | "
                    f"{1000 * one['slowest']:.0f} ms | {one['memory'] / 2**20:.0f} MiB |")  # fmt: skip
    rows.append(
        f"| **together** | **{totals['inputs']:,}** | **{totals['accepted']:,}** | **{totals['refused']:,}** | **{totals['findings']}** | **{totals['seconds']:.0f} s** | | |"
    )
    return "\n".join([
        "# Broken files", "",
        "Every reader of lossmith was fed files that were made wrong: sound ones with bytes flipped, cut, moved and spliced, numbers replaced by extremes, and whole",
        "structures forged behind checksums that fit. Whatever comes, the answer is a result or one line of lossmith's own. Written by",
        "`python tests/fuzz/run.py --inputs 1000000 --report docs/fuzzing.md`; a few seconds of it run with every test run.", "",
        f"Measured on {record['day']} with Python {record['python']}, one core. No input may take more than {SECONDS} s, and a reader no more than "
        f"{MEMORY >> 30} GiB beyond what it had when it began.", "",
        "| reader | inputs | accepted | refused | crashes | time | slowest | memory it grew by |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *rows, "",
        "*Accepted* are inputs whose change did not matter, or made another sound file. *Crashes* are exceptions of other kinds, signals, inputs that took too long or too much; "
        "a run that saw some was made before they were fixed, and they are below.", "",
        fixed,
    ])  # fmt: skip


def main() -> int:
    if sys.argv[1:2] == ["--worker"]:
        name, first, count, seed, current, until = sys.argv[2:]
        print(json.dumps(work(name, int(first), int(count), int(seed), Path(current), float(until))))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="over all readers, in their shares")
    parser.add_argument("--only", default="", help="names of readers, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10**9, help="stop after this time")
    parser.add_argument("--record", type=Path, default=None, help="JSON file in which counts add up")
    parser.add_argument("--findings", type=Path, default=None, help="folder for inputs that crashed a reader")
    parser.add_argument("--report", type=Path, default=None, help="write the page")
    asked = parser.parse_args()
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    import memory
    from targets import TARGETS

    record: dict[str, Any] = json.loads(asked.record.read_text()) if asked.record and asked.record.exists() else {}
    record |= {"day": datetime.datetime.now(datetime.UTC).date().isoformat(), "python": platform.python_version()}
    chosen = [name for name in asked.only.split(",") if name] or list(TARGETS)
    until = time.time() + asked.seconds
    shares = sum(TARGETS[name].share for name in chosen)
    bad = 0
    for place, name in enumerate(chosen):
        known = record.get("targets", {}).get(name, {})
        wanted = round(asked.inputs * TARGETS[name].share / shares)
        # what is left of the time, over what is left of the readers
        limit = min(until, time.time() + max(5.0, (until - time.time()) / (len(chosen) - place) * 2))
        found = feed(name, wanted, first=known.get("next", 0), seed=asked.seed, until=limit)
        added(record, name, found)
        record["targets"][name]["next"] = known.get("next", 0) + wanted
        bad += len(found["findings"])
        print(f"{name:16} {found['inputs']:>8,} read, {found['accepted']:>8,} accepted, {len(found['findings']):>4} findings, {found['seconds']:6.1f} s, "
              f"slowest {1000 * found['slowest']:6.0f} ms, memory {found['memory'] / 2**20:5.0f} MiB", flush=True)  # fmt: skip
        for words, count in collections.Counter(words for _, words, _, _ in found["findings"]).most_common(12):
            print(f"    {count} x {words}")
        if asked.findings:
            asked.findings.mkdir(parents=True, exist_ok=True)
            for _, _, sum_, data in found["findings"]:
                (asked.findings / f"{name}-{sum_}").write_bytes(bytes.fromhex(data))
        if asked.record:
            asked.record.write_text(json.dumps(record, indent=1))
    if asked.report:
        fixed = HERE / "fixed.md"
        made = page(record, fixed.read_text() if fixed.exists() else "")
        kept = memory.kept(asked.report.read_text(encoding="utf-8")) if asked.report.exists() else ""
        asked.report.write_text(memory.placed(made, kept) if kept else made, encoding="utf-8")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
