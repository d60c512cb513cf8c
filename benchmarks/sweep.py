"""Ninety small trainings: lossmith against `keras.Model.fit` and a plain PyTorch loop, one run on one machine.

The work is the same for all: 3 losses x 30 seeds of a perceptron 2-50-1 on two rings of points (500 rows to train on,
500 to test on), 200 epochs, batches of 32, SGD with learning rate 0.01 and momentum 0.9, loss and accuracy of training
and test rows after every epoch. Every measurement is a process of its own.

    python benchmarks/sweep.py                       # a table on the terminal
    python benchmarks/sweep.py --markdown FILE       # and as a page
    python benchmarks/sweep.py --json FILE           # and every number behind it
    python benchmarks/sweep.py --quick               # a few epochs, to see that it works
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sweep_work import (
    BATCH,
    HIDDEN,
    LOSSES,
    MOMENTUM,
    RATE,
    ROWS,
    Size,
    run_keras,
    run_limit,
    run_lossmith,
    run_torch,
    write_rows,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: seconds of all trainings, by the medians of what was measured."""

    name: str
    seconds: float
    measured: tuple[float, ...]
    trainings: int
    megabytes: float
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)


def child(task: str, size: Size, data: str) -> None:
    name, _, argument = task.partition("=")
    result = {
        "lossmith": lambda: run_lossmith(size, data),
        "keras": lambda: run_keras(size, data, int(argument or 1)),
        "torch": lambda: run_torch(size, data, int(argument or 1)),
        "limit": run_limit,
    }[name]()
    result["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def call(task: str, size: Size, cache: Path | None = None) -> dict[str, Any]:
    """Run one measurement in a new process; `wall` is its whole life."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("JAX_", "XLA_", "KERAS_"))}
    if cache is not None:
        environment["LOSSMITH_CACHE"] = str(cache)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.npz"
        write_rows(data)
        arguments = [sys.executable, __file__, "--child", task, "--size", json.dumps(asdict(size)), "--rows", str(data)]
        began = time.perf_counter()
        done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
        wall = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{task} failed:\n{done.stderr}")
    return {**json.loads(done.stdout.splitlines()[-1]), "wall": wall}


def measure(size: Size, *, peers: bool) -> tuple[list[Line], float]:
    lines = [*measure_lossmith(size)]
    if peers:
        lines += measure_peers(size)
    print("matrix products ...", file=sys.stderr)
    return lines, call("limit", size)["gflops"]


def measure_lossmith(size: Size) -> list[Line]:
    cold, again, warm, memory = [], [], [], []
    accuracy: list[float] = []
    for number in range(size.repeats):
        print(f"lossmith {number + 1} of {size.repeats} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            for kept in (cold, again):
                result = call("lossmith", size, Path(folder))
                # later calls of the same process do not belong to the first one's time
                kept.append(result["wall"] - sum(result["calls"][1:]))
                warm += result["calls"][1:]
                memory.append(result["megabytes"])
                accuracy = result["accuracy"]
    details = {"test accuracy": dict(zip(LOSSES, accuracy, strict=True))}
    every, peak = size.trainings, max(memory)
    median = statistics.median
    return [
        Line("lossmith, next call", median(warm), tuple(warm), every, peak, "same process", details),
        Line("lossmith, new process", median(again), tuple(again), every, peak, "imports included, cache filled"),
        Line("lossmith, cold", median(cold), tuple(cold), every, peak, "imports included, cache empty"),
    ]


def measure_peers(size: Size) -> list[Line]:
    lines, every = [], size.trainings
    for steps in (1, 16):
        print(f"keras fit, steps_per_execution={steps} ...", file=sys.stderr)
        result = call(f"keras={steps}", size)
        one = statistics.median(result["runs"])
        name = "Keras fit on JAX" if steps == 1 else f"Keras fit, steps_per_execution={steps}"
        note = f"{len(result['runs'])} runs measured, times {every}"
        details = {"without the first epoch": statistics.median(result["steady"])}
        lines.append(Line(name, one * every, tuple(result["runs"]), every, result["megabytes"], note, details))
    found = []
    for threads in sorted({1, os.cpu_count() or 1}):
        print(f"torch, {threads} threads ...", file=sys.stderr)
        result = call(f"torch={threads}", size)
        found.append((statistics.median(result["runs"]), threads, result))
    one, threads, result = min(found, key=lambda item: item[0])
    note = f"{len(result['runs'])} runs measured, times {every}; best of 1 and {os.cpu_count()} threads: {threads}"
    lines.append(Line("PyTorch loop", one * every, tuple(result["runs"]), every, result["megabytes"], note))
    return lines


def table(lines: list[Line], size: Size, gflops: float) -> list[list[str]]:
    peers = {line.name: line.seconds for line in lines if not line.name.startswith("lossmith")}
    keras, torch = peers.get("Keras fit on JAX"), peers.get("PyTorch loop")
    head = [
        "",
        "all trainings",
        "one training",
        "Keras / this",
        "PyTorch / this",
        "of the arithmetic limit",
        "peak memory",
    ]
    body = []
    for line in lines:
        share = size.flops / (gflops * 1e9) / line.seconds
        body.append(
            [
                line.name,
                f"{line.seconds:.2f} s",
                f"{line.seconds / line.trainings * 1e3:.1f} ms",
                f"{keras / line.seconds:.0f} x" if keras else "",
                f"{torch / line.seconds:.0f} x" if torch else "",
                f"{share:.1%}" if share > 1e-3 else f"{share:.3%}",
                f"{line.megabytes:.0f} MB",
            ]
        )
    return [head, *body]


def machine() -> dict[str, str]:
    from importlib.metadata import version

    model = (
        next(
            (
                line.partition(":")[2].strip()
                for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
                if line.startswith("model name")
            ),
            platform.processor(),
        )
        if Path("/proc/cpuinfo").exists()
        else platform.processor()
    )
    found = {"cpu": model, "cores": str(os.cpu_count()), "python": platform.python_version()}
    for package in ("lossmith", "keras", "jax", "torch", "numpy"):
        try:
            found[package] = version(package)
        except ModuleNotFoundError:
            found[package] = "not installed"
    return found


def markdown(lines: list[Line], size: Size, gflops: float, where: dict[str, str]) -> str:
    cells = table(lines, size, gflops)
    text = [
        "# Speed",
        "",
        f"{size.trainings} trainings: {len(LOSSES)} losses x {size.seeds} seeds of a perceptron 2-{HIDDEN}-1 on "
        f"{ROWS} rows, {size.epochs} epochs in batches of {BATCH},",
        f"SGD {RATE} with momentum {MOMENTUM}, loss and accuracy of training rows and of {ROWS} test rows after every epoch.",
        "",
        "| " + " | ".join(cells[0]) + " |",
        "|---" + "|---:" * (len(cells[0]) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in cells[1:]),
        "",
        *(f"- {line.name}: median of {len(line.measured)} measurements; {line.note}." for line in lines),
        f"- The arithmetic limit counts the {size.flops / 1e9:.1f} billion multiplications and additions of the matrix "
        f"products at {gflops:.0f} GFLOP/s, what this machine reaches on large matrices.",
        "- " + ", ".join(f"{name} {value}" for name, value in where.items()) + ".",
        "",
        "Measure it yourself with `make bench`.",
        "",
    ]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--repeats", type=int, metavar="N")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--rows", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, Size(**given.size), given.rows)
        return
    size = Size(seeds=4, epochs=5, repeats=1, keras_runs=1, torch_runs=1) if given.quick else Size()
    size = Size(**{**asdict(size), "repeats": given.repeats or size.repeats})
    lines, gflops = measure(size, peers=not given.without_peers)
    cells = table(lines, size, gflops)
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    for row in cells:
        print(
            "  ".join(
                cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
        )
    for line in lines:
        print(f"{line.name}: {line.note}; {', '.join(f'{value:.2f}' for value in line.measured)} s")
    where = machine()
    if given.markdown:
        given.markdown.write_text(markdown(lines, size, gflops, where), encoding="utf-8")
    if given.json:
        content = {"machine": where, "gflops": gflops, "size": asdict(size), "lines": [asdict(line) for line in lines]}
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
