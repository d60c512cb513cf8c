"""Drift of 1,000,000 rows in 50 columns: lossmith, a loop of NumPy, and every peer that is installed, each in its own process.

`python benchmarks/drift.py` writes `docs/drift/benchmark.md`; `--peer NAME=PYTHON` runs a peer with the interpreter of its own
environment (`whylogs`, `alibi_detect`, `frouros`, `evidently`, `nannyml`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs" / "drift"
SOURCE = Path(__file__).resolve().parents[1] / "src"
OURS = ("lossmith", "lossmith, Parquet", "NumPy searchsorted")
PEERS = ("whylogs", "alibi_detect", "frouros", "evidently", "nannyml")


def peak() -> float:
    """Return the largest resident memory so far, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def work(name: str, rows: int, columns: int, repeats: int) -> dict[str, object]:
    """Run one contender in this process and return seconds and memory."""
    import numpy as np

    generator = np.random.default_rng(0)
    # filled in place: the peak is that of the contender, not of making the data
    reference, current = np.empty((rows, columns), order="F"), np.empty((rows, columns), order="F")
    for side in (reference, current):
        for place in range(columns):
            generator.standard_normal(out=side[:, place])
    with tempfile.TemporaryDirectory() as folder:
        prepare, profile, score, size = contender(name, reference, current, Path(folder))
        prepared = prepare() if prepare else None
        before = max(resident(), peak() if prepared is None else resident())
        profiles, scores, processor = [], [], []
        for _ in range(repeats):
            started, used = time.perf_counter(), time.process_time()
            profiled = profile(prepared)
            profiles.append(time.perf_counter() - started)
            started = time.perf_counter()
            score(profiled, prepared)
            scores.append(time.perf_counter() - started)
            processor.append(time.process_time() - used)
        return {
            "name": name, "profile": statistics.median(profiles), "score": statistics.median(scores), "memory": peak() - before, "processor": statistics.median(processor),
            "file": size(profiled) if size else None, "repeats": repeats,
        }  # fmt: skip


def contender(name, reference, current, folder):
    """Return prepare, profile, score and size of the stored profile."""
    import numpy as np

    columns = range(reference.shape[1])
    if name.startswith("lossmith"):
        from lossmith import drift

        def size(profiled):
            return profiled.save(folder / "p.parquet").stat().st_size

        if name == "lossmith":
            return None, lambda _: drift.profile(reference), lambda profiled, _: drift.compare(profiled, current), size
        import polars as pl

        for side, place in ((reference, "old.parquet"), (current, "new.parquet")):
            pl.DataFrame({f"c{column}": side[:, column] for column in columns}).write_parquet(
                folder / place, compression="zstd", row_group_size=131_072
            )
        return (
            None,
            lambda _: drift.profile(folder / "old.parquet"),
            lambda profiled, _: drift.compare(profiled, folder / "new.parquet"),
            size,
        )
    if name == "NumPy searchsorted":

        def edges(_):
            return [np.quantile(reference[:, column], np.arange(1, 32) / 32) for column in columns]

        def distance(found, _):
            for column in columns:
                p, q = (
                    np.bincount(np.searchsorted(found[column], side[:, column]), minlength=32) / len(side)
                    for side in (reference, current)
                )
                np.sum((p - q) * np.log(p / q))

        return None, edges, distance, None
    return peer(name, reference, current)


def peer(name, reference, current):
    import numpy as np

    names = [f"c{column}" for column in range(reference.shape[1])]

    def frames():
        import pandas as pd

        return [pd.DataFrame(side, columns=names) for side in (reference, current)]

    if name == "whylogs":
        import whylogs

        def score(profiled, prepared):
            later = whylogs.log(prepared[1]).view()
            for column in names:
                first, second = (
                    view.get_column(column).get_metric("distribution").kll.value for view in (profiled, later)
                )
                cuts = first.get_quantiles([place / 32 for place in range(1, 32)])
                np.subtract(first.get_pmf(cuts), second.get_pmf(cuts))

        return frames, lambda prepared: whylogs.log(prepared[0]).view(), score, lambda view: len(view.serialize())
    if name == "alibi_detect":
        from alibi_detect.cd import KSDrift

        return None, lambda _: KSDrift(reference, p_val=0.05), lambda made, _: made.predict(current), None
    if name == "frouros":
        from frouros.detectors.data_drift import PSI

        def fitted(_):
            made = []
            for place in range(len(names)):
                made.append(PSI())
                made[-1].fit(X=reference[:, place])
            return made

        return None, fitted, lambda made, _: [one.compare(X=current[:, place]) for place, one in enumerate(made)], None
    if name == "evidently":
        from evidently import Dataset, Report
        from evidently.presets import DataDriftPreset

        return (
            frames,
            lambda prepared: [Dataset.from_pandas(frame) for frame in prepared],
            lambda made, _: Report([DataDriftPreset()]).run(made[1], made[0]),
            None,
        )
    import nannyml

    calculator = nannyml.UnivariateDriftCalculator(
        column_names=names, continuous_methods=["jensen_shannon"], chunk_number=10
    )
    return (
        frames,
        lambda prepared: calculator.fit(prepared[0]),
        lambda made, prepared: made.calculate(prepared[1]),
        None,
    )


def page(found: list[dict[str, object]], absent: list[str], rows: int, columns: int) -> str:
    ours = next(row for row in found if row["name"] == "lossmith")
    lines = [
        "# Speed of drift", "",
        f"Written by `benchmarks/drift.py`: {rows:,} rows x {columns} columns of float64 in memory, reference and current; medians of each process's "
        f"repeats; {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}. Memory is what is needed beyond the data. "
        f"Load of the machine at the end: {os.getloadavg()[0]:.1f}; with other work beside it times are upper bounds, processor seconds are not.", "",
        "| | profile, s | score, s | both, times lossmith | both, processor seconds | peak extra memory, MB | stored profile, kB |", "| --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for row in found:
        ratio = (row["profile"] + row["score"]) / (ours["profile"] + ours["score"])
        size = f"{row['file'] / 1024:.0f}" if row["file"] else ""
        lines.append(
            f"| {row['name']} | {row['profile']:.2f} | {row['score']:.2f} | {ratio:.1f} | {row['processor']:.2f} | {row['memory']:.0f} | {size} |"
        )
    if absent:
        lines += ["", "Not measured here: " + "; ".join(absent) + "."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--only", action="append", choices=OURS, help="of what needs no environment of its own")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        print(json.dumps(work(given.work, given.rows, given.columns, given.repeats)))
        return
    runs = [(name, sys.executable, given.repeats) for name in given.only or OURS]
    runs += [(*text.split("=", 1), 1) for text in given.peer]
    found, absent = [], [f"{name} (not run)" for name in (*OURS, *PEERS) if name not in {run[0] for run in runs}]
    for name, python, repeats in runs:
        command = [
            python,
            __file__,
            "--work",
            name,
            "--rows",
            str(given.rows),
            "--columns",
            str(given.columns),
            "--repeats",
            str(repeats),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(SOURCE)}
        )
        if done.returncode:
            absent.append(f"{name} ({(done.stderr.strip().splitlines() or ['killed'])[-1][:120]})")
            continue
        found.append(json.loads(done.stdout.strip().splitlines()[-1]))
        print(found[-1], flush=True)
    (DOCS / "benchmark.md").write_text(page(found, absent, given.rows, given.columns), encoding="utf-8")


if __name__ == "__main__":
    main()
