"""What one more loss costs in a sweep: programs whose runs are spread over 1, 2, ... losses, against programs of one loss.

Every program trains the same number of runs of a perceptron 2-50-1 on 500 rows of two rings, in batches of 32. A run
computes its own loss alone, so that a sweep over k losses should take as long as the mean of the k programs that train
one of them each; what it takes beyond that, for each loss after the first, is the price of one more.

    python benchmarks/losses.py                    # a table on the terminal
    python benchmarks/losses.py --markdown FILE    # and as a page
    python benchmarks/losses.py --quick            # few epochs, to see that it works
    python benchmarks/losses.py --losses 3         # the first few losses alone

Time is that of the processor, all threads together, so that neighbours on the machine count less.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROWS, BATCH, CONFIGURATIONS, SEEDS = 500, 32, 12, 3
# binary losses of one output
LOSSES = (
    "binary_crossentropy", "hinge", "brier", "squared_hinge", "binary_focal_crossentropy", "tanh_hinge", "exponential",
    "smoothed_hinge", "margin_logistic", "modified_huber", "asymmetric", "tanh_squared_hinge",
)  # fmt: skip
COUNTS = (2, 3, 4, 6, 12)


@dataclass(frozen=True, slots=True)
class Measured:
    """Processor seconds of one training step of the whole stack, the median of the repeats."""

    losses: tuple[str, ...]
    step: float
    compiling: float


class Work:
    """The data and the network, shared by all programs."""

    def __init__(self, epochs: int) -> None:
        from sklearn.datasets import make_circles

        from lossmith import models
        from lossmith.training import GroupData, Part

        x, y = make_circles(n_samples=ROWS, noise=0.1, random_state=1)
        x, y = x.astype("float32"), y.astype("float32")
        train = Part(x[None], (y[None], 2 * y[None] - 1))
        self.epochs = epochs
        self.data = GroupData(tuple(range(SEEDS)), train, {})
        self.network = models.get("mlp:hidden=50").network((2,), 1)

    def trainer(self, names: Sequence[str]) -> Any:
        """Return a trainer whose configurations are spread over the losses, those of one loss side by side."""
        from lossmith import losses
        from lossmith.training import GradientProcedure, Schedule, Trainer
        from lossmith.training.optimizers import make_optimizer

        chosen = [losses.get(name) for name in names]
        procedure = GradientProcedure(
            self.network,
            make_optimizer("sgd:momentum=0.9"),
            chosen,
            [int(loss.encoding == "minus_one_one") for loss in chosen],
        )
        order = [place * len(names) // CONFIGURATIONS for place in range(CONFIGURATIONS)]
        return Trainer(procedure, order, [0.01] * CONFIGURATIONS, Schedule(self.epochs, BATCH), execution="stacked")


def measure(losses: Sequence[str], epochs: int, repeats: int) -> tuple[list[Measured], list[Measured]]:
    """Return the programs of one loss each, and those of several, measured in turns so that a busy minute hits all."""
    work = Work(epochs)
    several = [tuple(losses[:count]) for count in COUNTS if count <= len(losses)]
    programs = [(name,) for name in losses] + several
    trainers, compiling = [], []
    for names in programs:
        began = time.perf_counter()
        trainers.append(work.trainer(names))
        trainers[-1].train(work.data)
        compiling.append(time.perf_counter() - began)
    times: list[list[float]] = [[] for _ in programs]
    for _ in range(repeats):
        for place, trainer in enumerate(trainers):
            began = time.process_time()
            trainer.train(work.data)
            times[place].append(time.process_time() - began)
    steps = epochs * -(-ROWS // BATCH)
    found = [
        Measured(names, statistics.median(seconds) / steps, first)
        for names, seconds, first in zip(programs, times, compiling, strict=True)
    ]
    return found[: len(losses)], found[len(losses) :]


def price(single: Sequence[Measured], several: Measured) -> float:
    """Return what each loss after the first adds to the step, as a share of it."""
    own = {one.losses[0]: one.step for one in single}
    expected = statistics.mean(own[name] for name in several.losses)
    return (several.step / expected - 1) / (len(several.losses) - 1)


def page(single: Sequence[Measured], several: Sequence[Measured], repeats: int) -> str:
    """Return the page."""
    runs = CONFIGURATIONS * SEEDS
    fastest, slowest = min(single, key=lambda one: one.step), max(single, key=lambda one: one.step)
    lines = [
        "# What one more loss costs",
        "",
        f"{runs} runs of a perceptron 2-50-1 on {ROWS} rows, in batches of {BATCH}, in one stacked program. The runs are spread over 1 to "
        f"{len(single)} binary losses; each computes its own loss alone. *Expected* is the mean of the programs that train one of these "
        "losses each; the last column is what a step takes beyond that, for each loss after the first.",
        "",
        "| losses | step of all runs | expected | one more loss | first call |",
        "|---:|---:|---:|---:|---:|",
    ]
    own = {one.losses[0]: one.step for one in single}
    for one in several:
        expected = statistics.mean(own[name] for name in one.losses)
        lines.append(
            f"| {len(one.losses)} | {1e6 * one.step:.0f} µs | {1e6 * expected:.0f} µs | {100 * price(single, one):+.1f} % | {one.compiling:.2f} s |"
        )
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "jax", "numpy"))
    lines += [
        "",
        f"- Programs of one loss take {1e6 * fastest.step:.0f} µs (`{fastest.losses[0]}`) to {1e6 * slowest.step:.0f} µs "
        f"(`{slowest.losses[0]}`) a step.",
        f"- The price of one more loss is at most {100 * max(price(single, one) for one in several):.1f} % of a step.",
        f"- Processor time, all threads together; medians of {repeats} calls, taken in turns. The first call builds and compiles "
        "(wall time).",
        f"- {platform.machine()}, {os.cpu_count()} cores, python {platform.python_version()}, {versions}.",
        "",
        "Measure it yourself with `python benchmarks/losses.py`.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", type=Path, help="write a page")
    parser.add_argument("--quick", action="store_true", help="few epochs")
    parser.add_argument("--losses", type=int, default=len(LOSSES), choices=range(2, len(LOSSES) + 1), metavar="N")
    given = parser.parse_args()
    repeats = 3 if given.quick else 9
    single, several = measure(LOSSES[: given.losses], 5 if given.quick else 40, repeats)
    text = page(single, several, repeats)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
