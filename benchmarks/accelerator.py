"""An accelerator and the CPU beside it: lossmith on both, PyTorch and Keras on the accelerator, the same trainings for all.

Every contender is a process of its own; what is timed comes after a warm-up that compiles.

    python benchmarks/accelerator.py                    # a table on the terminal
    python benchmarks/accelerator.py --markdown FILE    # and as a page
    python benchmarks/accelerator.py --json FILE        # and every number behind it
    python benchmarks/accelerator.py --only cnn gan     # these networks alone
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turns import closing

TURNS = 5


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained, how its speed is counted, and who trains it."""

    title: str
    unit: str
    contenders: dict[str, Callable[[], tuple[Callable[[], float], float]]]


def _sweep_lossmith() -> tuple[Callable[[], float], float]:
    import sweep_work

    size = sweep_work.Size()
    found = sweep_work.run_lossmith(size, _sweep_rows())
    calls = iter(found["calls"][1:])
    return (lambda: next(calls, found["calls"][-1])), size.trainings


def _sweep_torch() -> tuple[Callable[[], float], float]:
    import sweep_work

    found = sweep_work.run_torch(sweep_work.Size(torch_runs=2), _sweep_rows(), 1)
    runs = iter(found["runs"])
    return (lambda: next(runs, found["runs"][-1])), 1


def _sweep_rows() -> str:
    import sweep_work

    path = Path(tempfile.mkdtemp()) / "rows.npz"
    sweep_work.write_rows(path)
    return str(path)


def _timed(run: Callable[[int], None], count: int, amount: float) -> tuple[Callable[[], float], float]:
    def once() -> float:
        began = time.perf_counter()
        run(count)
        return time.perf_counter() - began

    run(count)
    return once, amount


def _cnn(name: str, runs: int = 1) -> tuple[Callable[[], float], float]:
    import cnn_work

    steps = 60
    work: dict[str, Callable[[], Any]] = {
        "lossmith": lambda: cnn_work.lossmith_runs(steps, runs),
        "torch": lambda: cnn_work.torch_eager(steps, channels_last=True),
        "keras": lambda: cnn_work.keras_fit(steps, backend="jax"),
    }
    return _timed(work[name](), steps, steps * cnn_work.BATCH * runs)


def _gan(name: str, peer: str, seeds: int, count: int) -> tuple[Callable[[], float], float]:
    import gan

    make = gan.by_lossmith if peer == "lossmith" else gan.by_torch
    return _timed(make(name, seeds), count, count * seeds)


def _lstm(name: str) -> tuple[Callable[[], float], float]:
    import lstm

    steps = 40
    return {"lossmith": lstm.ours, "torch": lstm.torch_loop}[name](steps), steps * lstm.BATCH


TASKS: dict[str, Task] = {
    "sweep": Task(
        "90 trainings of a small network (three losses, 30 seeds, 200 epochs of 500 rows)",
        "trainings",
        {
            "lossmith": _sweep_lossmith,
            "lossmith on the CPU": _sweep_lossmith,
            "PyTorch, one after the other": _sweep_torch,
        },
    ),
    "cnn": Task(
        "a convolutional network on images of 32 x 32, batches of 250",
        "images",
        {
            "lossmith, one run": lambda: _cnn("lossmith"),
            "lossmith, ten runs stacked": lambda: _cnn("lossmith", 10),
            "PyTorch, channels last": lambda: _cnn("torch"),
            "Keras fit on JAX": lambda: _cnn("keras"),
        },
    ),
    "lstm": Task(
        "two LSTM layers of 300, windows of 50, batches of 128",
        "sequences",
        {"lossmith": lambda: _lstm("lossmith"), "PyTorch": lambda: _lstm("torch")},
    ),
    "gan": Task(
        "an adversarial pair of 128 x 128 dense on a ring, relativistic, batches of 256",
        "steps",
        {
            "lossmith, one seed": lambda: _gan("ring", "lossmith", 1, 1000),
            "lossmith, ten seeds stacked": lambda: _gan("ring", "lossmith", 10, 1000),
            "PyTorch, one seed": lambda: _gan("ring", "torch", 1, 200),
        },
    ),
    "dcgan": Task(
        "DCGAN of 64 x 64, batches of 64",
        "steps",
        {
            "lossmith": lambda: _gan("dcgan", "lossmith", 1, 50),
            "PyTorch": lambda: _gan("dcgan", "torch", 1, 50),
        },
    ),
}


def child(task: str, contender: str) -> None:
    """Train and print how much was trained in a second, turn by turn."""
    once, amount = TASKS[task].contenders[contender]()
    rates = [amount / once() for _ in range(TURNS)]
    memory = 0.0
    if "PyTorch" in contender:
        import torch

        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
        memory = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
    else:
        import jax

        device = jax.devices()[0].device_kind
        memory = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0) / 2**20
    print(json.dumps({"rates": rates, "device": device, "megabytes": memory}))


def measured(task: str, contender: str) -> dict[str, Any]:
    """Return what a contender says from a process of its own; None of it where it fails, with the last words it had."""
    kept = {name: value for name, value in os.environ.items() if name not in ("JAX_PLATFORMS", "KERAS_BACKEND")}
    if contender.endswith("on the CPU"):
        kept["JAX_PLATFORMS"] = "cpu"
    command = [sys.executable, __file__, "--child", task, contender]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=kept)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return {"failed": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def page(found: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return the result as a page."""
    device = next((one["device"] for lines in found.values() for one in lines.values() if "device" in one), "?")
    lines = [
        "# Speed on an accelerator",
        "",
        f"One {device}; medians of {TURNS} turns after a warm-up, each contender in a process of its own. Amounts a second count all "
        "runs that are trained at once. float32; JAX and PyTorch as they come, so that JAX multiplies in "
        "TF32, and PyTorch in convolutions alone.",
    ]
    for name, lines_of in found.items():
        task = TASKS[name]
        reference = next(
            (statistics.median(one["rates"]) for who, one in lines_of.items() if "PyTorch" in who and "rates" in one),
            None,
        )
        lines += ["", f"## {task.title[0].upper()}{task.title[1:]}", "", f"|  | {task.unit} a second | against PyTorch | least and most | memory of the device |", "|---|---:|---:|---:|---:|"]  # fmt: skip
        for contender, one in lines_of.items():
            if "failed" in one:
                lines.append(f"| {contender} | failed: {one['failed'][:120]} | | | |")
                continue
            rate = statistics.median(one["rates"])
            against = f"{rate / reference:.2f} x" if reference else ""
            memory = f"{one['megabytes']:,.0f} MB" if one["megabytes"] else ""
            shown = f"{rate:,.1f}" if rate < 100 else f"{rate:,.0f}"
            lines.append(
                f"| {contender} | {shown} | {against} | {min(one['rates']):,.1f} to {max(one['rates']):,.1f} | {memory} |"
            )
    lines += ["", *closing(__file__)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="*", choices=list(TASKS), default=list(TASKS), help="these networks alone")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name in given.only:
        found[name] = {}
        for contender in TASKS[name].contenders:
            print(f"{name}: {contender}", file=sys.stderr, flush=True)
            found[name][contender] = measured(name, contender)
        if given.json:  # what is measured stays if a later one does not end
            given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = page(found)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
