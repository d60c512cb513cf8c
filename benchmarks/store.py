"""A store of ten thousand trainings: listing, showing, reporting and adding to it, against stores of seventy.

Every store is written by `lossmith.compare` itself: seven losses at five rates on two rings of points, one epoch each, in one large
comparison; and as many comparisons of seventy trainings as make the same number. Each command is a process of its own.

    python benchmarks/store.py --markdown docs/benchmarks-store.md
    python benchmarks/store.py --quick               # a hundredth, to see that it works
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from turns import closing

LOSSES, RATES, ROWS = 7, 5, 2
REPEATS = 2


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds and peak memory of one command on one store."""

    store: str
    trainings: int
    megabytes: float
    command: str
    seconds: float
    processor: float
    peak: float


def one_comparison(path: Path, trainings: int) -> None:
    """Write a store whose only run has so many trainings."""
    import lossmith

    lossmith.compare("circles", seeds=trainings // (LOSSES * RATES), epochs=1, store=path)


def many_comparisons(path: Path, trainings: int) -> None:
    """Write a store of comparisons of 70 trainings each: one is trained, the others are stored with its arrays under other numbers."""
    import lossmith
    from lossmith.compare.store import Store

    runs = trainings // (LOSSES * RATES * ROWS)
    first = lossmith.compare("circles", seeds=ROWS, epochs=1, store=path)
    with Store.open(path) as store:
        row, text, groups = store.run(1), store.result(1), store.groups(1)
        for number in range(1, runs):
            run = store.create_run(
                kind=row.kind, name=f"{row.name} {number}", settings=row.settings, data=row.data,
                fingerprint=row.fingerprint, versions=row.versions,
            )  # fmt: skip
            for key, arrays in groups.items():
                store.save_group(run, key, arrays)
            store.finish(run, str(text), first.seconds, summary=first.verdict)


DRAWN = "runs show --report, figures drawn anew"


def command(*words: str, keep: bool = True) -> tuple[float, float, float]:
    """Run lossmith in a process of its own; return seconds, those of the processor, and peak memory in MB."""
    # this process stays small: what it takes when it starts another one counts as the other's
    began = time.perf_counter()
    sink = os.open(os.devnull, os.O_WRONLY)
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "lossmith", *words],
        os.environ | {"LOSSMITH_KEEP_FIGURES": "1" if keep else "0"},
        file_actions=[(os.POSIX_SPAWN_DUP2, sink, 1)],
    )
    _, status, usage = os.wait4(pid, 0)
    os.close(sink)
    if status:
        raise SystemExit(f"lossmith {' '.join(words)} failed")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def apart(*words: str) -> str:
    """Do a part of this script in a process of its own, and return what it prints."""
    return subprocess.run(
        [sys.executable, __file__, "--part", *words], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def measured(name: str, path: Path, trainings: int, folder: Path) -> list[Line]:
    """Return a line for each command."""
    size = path.stat().st_size / 2**20
    lines = []
    for title, words in (
        ("runs list", ("runs", "list")),
        ("runs show", ("runs", "show")),
        ("runs show --report", ("runs", "show", "--report", str(folder / "report.html"))),
        (DRAWN, ("runs", "show", "--report", str(folder / "report.html"))),
        ("runs export", ("runs", "export", "--out", str(folder / "trials.csv"))),
    ):
        if (
            title == "runs show --report"
        ):  # a comparison draws its figures when it ends; a copied store has to do it once
            command(*words, "--store", str(path))
        found = [command(*words, "--store", str(path), keep=title != DRAWN) for _ in range(REPEATS)]
        seconds, processor, peak = (statistics.median(values) for values in zip(*found, strict=True))
        lines.append(Line(name, trainings, size, title, seconds, processor, peak))
    return lines


def writing(path: Path) -> tuple[float, int]:
    """Return the seconds that one more group takes to be kept, and its bytes."""
    import numpy as np

    from lossmith.compare.store import Store

    with Store.open(path) as store:
        groups = [arrays for key, arrays in store.groups(1).items() if key.startswith("units")]
        arrays = groups[0]
        run = store.create_run(kind="compare", name="more", settings={}, data={}, fingerprint="", versions={})
        times = []
        for number in range(200):
            began = time.perf_counter()
            store.save_group(run, f"units-1/{number:05d}", arrays)
            times.append(time.perf_counter() - began)
        store.delete(run)
    return statistics.median(times), sum(np.asarray(value).nbytes for value in arrays.values())


def page(lines: list[Line], written: list[tuple[str, int, float, int]], load: float) -> str:
    """Return the result as a page."""
    parts = [
        "# Ten thousand trainings in one store",
        "",
        (__doc__ or "").split("\n\n")[1].replace("\n", " "),
        "",
        "| store | trainings | file | command | seconds | of the processor | peak memory |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {one.store} | {one.trainings:,} | {one.megabytes:,.1f} MB | lossmith {one.command} | {one.seconds:.2f} | {one.processor:.2f} | {one.peak:,.0f} MB |"
            for one in lines
        ),
        "",
        f"Load of the machine when this began (idle is 0): {load:.1f}. Medians of {REPEATS}, start of Python included. One more group of trainings is safe on the disk after:",
        "",
        "| store | trainings | milliseconds | bytes of arrays |",
        "|---|---|---|---|",
        *(f"| {name} | {count:,} | {seconds * 1000:.1f} | {size:,} |" for name, count, seconds, size in written),
        "",
        *closing(__file__, ("keras", "jax", "polars", "numpy")),
    ]
    return "\n".join(parts) + "\n"


FILLS = {"one comparison": one_comparison, "many comparisons": many_comparisons}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", type=Path, help="page to write")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the trainings")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part is not None:
        what, path, *count = given.part
        if what == "write":
            print(json.dumps(writing(Path(path))))
        else:
            FILLS[what](Path(path), int(count[0]))
        return
    sizes = (70, 140) if given.quick else (70, 10_010)
    lines, written, load = [], [], os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title in FILLS:
            for size in sizes:
                path = folder / f"{title.split()[0]}-{size}.db"
                began = time.perf_counter()
                apart(title, str(path), str(size))
                print(f"{title}, {size:,} trainings: written in {time.perf_counter() - began:.1f} s", file=sys.stderr)
                lines += measured(title, path, size, folder)
                written.append((title, size, *json.loads(apart("write", str(path)))))
    text = page(lines, written, load)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
