"""Bias, spread and coverage of the estimators on known truths; writes the table of `estimators.md`.

python docs/divergence/estimators.py            # the whole table (half an hour of two free cores)
python docs/divergence/estimators.py --rows FILE --sizes 100 1000    # in pieces: rows are kept in FILE as they are done
python docs/divergence/estimators.py --quick    # fewer repetitions and sizes, to standard output
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lossmith.divergence import Samples, measure

METHODS = (
    "nearest_neighbours",
    "histogram",
    "kernel_density",
    "classifier",
    "donsker_varadhan",
    "nguyen_wainwright_jordan",
)
MARK = ("<!-- table: begin -->", "<!-- table: end -->")


@dataclass(frozen=True)
class Case:
    """Two laws whose divergence is known."""

    name: str
    dimension: int
    shift: float
    variance: float

    @property
    def truth(self) -> float:
        v, d = self.variance, self.dimension
        return d / 2 * (1 / v - 1 + self.shift**2 / v + math.log(v))

    def draw(self, generator: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        x = generator.standard_normal((n, self.dimension))
        return x, self.shift + math.sqrt(self.variance) * generator.standard_normal((n, self.dimension))


CASES = (
    Case("equal laws, d = 1", 1, 0.0, 1.0),
    Case("shift 1, d = 1", 1, 1.0, 1.0),
    Case("shift 3, d = 1", 1, 3.0, 1.0),
    Case("shift .5, variance 1.5, d = 2", 2, 0.5, 1.5),
    Case("shift .5, variance 1.5, d = 5", 5, 0.5, 1.5),
    Case("shift 1, d = 10", 10, 1.0, 1.0),
)
SIZES = (100, 1_000, 10_000, 100_000)


class Kept:
    """Runs and rows that are done, in a file of JSON lines: a table in pieces."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        self.found = {self.key(line): line for line in map(json.loads, lines)}

    @staticmethod
    def key(line: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(line.get(name) for name in ("case", "n", "method", "repetition"))

    def find(self, **where: Any) -> dict[str, Any] | None:
        return self.found.get(self.key(where))

    def add(self, line: Mapping[str, Any], **where: Any) -> None:
        self.found[self.key(where)] = {**where, **line}
        if self.path:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({**where, **line}) + "\n")


def repetitions(case: Case, n: int, method: str, quick: bool) -> int:
    """Return how often a row is repeated: as often as an hour allows."""
    if method == "kernel_density" and n > 1_000:
        return 0
    if method == "nearest_neighbours":
        near = case.dimension <= 2
        wanted = {100: 200, 1_000: 200 if near else 60, 10_000: 60 if near else 20, 100_000: 20}[n]
    elif method == "histogram":
        wanted = {100: 200, 1_000: 200, 10_000: 100, 100_000: 50}[n]
    else:
        wanted = {100: 50, 1_000: 30, 10_000: 10, 100_000: 0}[n]
    if quick:
        return 0 if n > 10_000 or (n == 10_000 and case.dimension > 2) else wanted // 4
    return wanted


def row(case: Case, n: int, method: str, kept: Kept, *, quick: bool, done: bool) -> dict[str, float | str | int] | None:
    """Return bias, spread, coverage and the share of flagged runs, or None where the method does not apply."""
    count = repetitions(case, n, method, quick)
    if count == 0 or (method == "histogram" and case.dimension > 1):
        return None
    runs = []
    for repetition in range(count):
        run = kept.find(case=case.name, n=n, method=method, repetition=repetition)
        if run is None and done:
            continue
        if run is None:
            x, y = case.draw(np.random.default_rng([n, case.dimension, repetition]), n)
            found = measure(Samples(x), Samples(y), method=method, seed=repetition)
            run = {
                "value": found.value,
                "hit": bool(found.low <= case.truth <= found.high),
                "flagged": any(finding.code == "LS603" for finding in found.findings),
                "promised": found.exactness != "estimate" or method == "nearest_neighbours",
            }
            kept.add(run, case=case.name, n=n, method=method, repetition=repetition)
        runs.append(run)
    if not runs:
        return None
    values = [run["value"] for run in runs]
    return {
        "case": case.name,
        "truth": case.truth,
        "n": n,
        "method": method,
        "mean": float(np.mean(values)),
        "bias": float(np.mean(values)) - case.truth,
        "spread": float(np.std(values)),
        "coverage": float(np.mean([run["hit"] for run in runs])) if runs[0]["promised"] else math.nan,
        "flagged": float(np.mean([run["flagged"] for run in runs])),
        "repetitions": len(runs),
    }


def lines(rows: list[dict[str, float | str | int]]) -> list[str]:
    """Return the table in Markdown."""
    text = [
        "| laws | true nats | n | method | mean | bias | spread | coverage of 95 % | flagged | runs |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        coverage = "" if math.isnan(float(r["coverage"])) else f"{float(r['coverage']):.0%}"
        flagged = f"{float(r['flagged']):.0%}" if r["method"] == "nearest_neighbours" else ""
        text.append(
            f"| {r['case']} | {float(r['truth']):.3f} | {int(r['n']):,} | {str(r['method']).replace('_', ' ')} | {float(r['mean']):.3f} "
            f"| {float(r['bias']):+.3f} | {float(r['spread']):.3f} | {coverage} | {flagged} | {r['repetitions']} |"
        )
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--rows", type=Path, help="file of rows: those in it are not measured again, new ones are added"
    )
    parser.add_argument("--done", action="store_true", help="measure nothing: write the page from the runs in --rows")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    arguments = parser.parse_args()
    kept, rows = Kept(arguments.rows), []
    for case in CASES:
        for n in arguments.sizes:
            for method in arguments.methods:
                found = kept.find(case=case.name, n=n, method=method) or row(
                    case, n, method, kept, quick=arguments.quick, done=arguments.done
                )
                if found is not None:
                    rows.append(found)
                    print(lines([found])[-1], flush=True)
    if arguments.quick or (arguments.sizes, arguments.methods) != (SIZES, METHODS):
        return
    page = Path(__file__).with_name("estimators.md")
    before, _, rest = page.read_text(encoding="utf-8").partition(MARK[0])
    _, _, after = rest.partition(MARK[1])
    page.write_text("\n".join([before + MARK[0], "", *lines(rows), "", MARK[1] + after]), encoding="utf-8")


if __name__ == "__main__":
    main()
