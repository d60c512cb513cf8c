"""Kullback-Leibler divergence of large tables and of samples: lossmith against the packages people use for it, one machine.

Tables hold rows of probabilities in float64, 1,000,000 x 10 and 1,000 x 100,000. Samples are 100,000 rows of 5 features on each side.
Peers that are not installed are named and left out. Times are the least of several runs, in turns, so that a busy machine hits all alike.

    python benchmarks/divergence.py                    # a table on the terminal
    python benchmarks/divergence.py --markdown FILE    # and as a page
    python benchmarks/divergence.py --quick            # a hundredth of the size, to see that it works
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import platform
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special

from lossmith.divergence import jensen_shannon_divergence, kl_divergence
from lossmith.divergence._neighbours import neighbour_curve, neighbour_kl


@dataclass(frozen=True, slots=True)
class Contender:
    """One package and its call.

    `share` is the part of the rows it gets (its time is scaled up, and said so), `widest` the longest row it can be asked to take.
    """

    name: str
    call: Callable[[np.ndarray, np.ndarray], object]
    package: str
    share: float = 1.0
    widest: int = 10**9


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the result."""

    task: str
    name: str
    seconds: float
    rows: int
    megabytes: float
    value: float
    note: str


def torch_kl(p: np.ndarray, q: np.ndarray) -> object:
    """Return the divergences by PyTorch, as its users write them."""
    import torch

    one, two = torch.from_numpy(p), torch.from_numpy(q)
    return torch.nn.functional.kl_div(two.log(), one, reduction="none").sum(dim=1).numpy()


def dit_kl(p: np.ndarray, q: np.ndarray) -> object:
    """Return the divergences by dit, row by row: it takes one distribution at a time."""
    import dit
    from dit.divergences import kullback_leibler_divergence

    outcomes = [(k,) for k in range(p.shape[1])]
    pairs = [[dit.Distribution(outcomes, row) for row in rows] for rows in zip(p, q, strict=True)]
    return np.log(2) * np.array([kullback_leibler_divergence(one, two) for one, two in pairs])


def recipe(x: np.ndarray, y: np.ndarray, k: int = 3) -> object:
    """Return the divergence by the recipe of NPEET: scikit-learn's tree, the k-th neighbour."""
    from sklearn.neighbors import KDTree

    own = KDTree(x, metric="chebyshev").query(x, k=k + 1)[0][:, k]
    other = KDTree(y, metric="chebyshev").query(x, k=k)[0][:, k - 1]
    return np.log(len(y)) - np.log(len(x) - 1) + x.shape[1] * (np.log(other).mean() - np.log(own).mean())


def npeet(x: np.ndarray, y: np.ndarray) -> object:
    """Return the divergence by NPEET, in the packaged edition npeet-plus, in nats."""
    from npeet_plus import kldiv

    return kldiv(x, y, k=3, base=np.e)


def broad(x: np.ndarray, y: np.ndarray) -> object:
    """Return the divergence by the package `divergence` (which needs Python 3.12)."""
    from divergence import knn_kl_divergence

    return knn_kl_divergence(x, y, k=3)


def universal(x: np.ndarray, y: np.ndarray) -> object:
    """Return the divergence by universal-divergence."""
    from universal_divergence import estimate

    return estimate(x, y, k=3)


TABLES = (
    Contender("lossmith", kl_divergence, "lossmith"),
    Contender("SciPy rel_entr + sum", lambda p, q: special.rel_entr(p, q).sum(axis=1), "scipy"),
    Contender("NumPy p * log(p / q)", lambda p, q: (p * np.log(p / q)).sum(axis=1), "numpy"),
    Contender("PyTorch kl_div", torch_kl, "torch"),
    Contender("dit", dit_kl, "dit", share=1e-4, widest=100),
    Contender("lossmith, Jensen-Shannon", jensen_shannon_divergence, "lossmith"),
)
SAMPLES = (
    Contender("lossmith, 20 neighbours extrapolated", lambda x, y: neighbour_kl(x, y).value, "lossmith"),
    Contender("lossmith, 3 neighbours", lambda x, y: neighbour_curve(x, y, 3)[-1], "lossmith"),
    Contender("recipe of NPEET, 3 neighbours", recipe, "scikit-learn"),
    Contender("NPEET (npeet-plus), 3 neighbours", npeet, "npeet-plus"),
    Contender("divergence, 3 neighbours", broad, "divergence"),
    Contender("universal-divergence, 3 neighbours", universal, "universal-divergence", share=0.01),
)


def installed(package: str) -> bool:
    """Return whether a package is there and can be imported; this program, which has the name of one of them, is not it."""
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]
    names = {"scikit-learn": "sklearn", "universal-divergence": "universal_divergence", "npeet-plus": "npeet_plus"}
    try:
        importlib.import_module(names.get(package, package))
    except ImportError:
        return False
    return True


def measured(
    task: str, contenders: tuple[Contender, ...], one: np.ndarray, two: np.ndarray, repeats: int
) -> list[Line]:
    """Return a line for each contender that is installed."""
    present = [c for c in contenders if installed(c.package) and one.shape[1] <= c.widest]
    best = {c.name: float("inf") for c in present}
    values: dict[str, float] = {}
    sizes = {c.name: max(2, round(len(one) * c.share)) if c.share < 1 else len(one) for c in present}
    for _ in range(repeats):
        for c in present:
            a, b = one[: sizes[c.name]], two[: sizes[c.name]]
            start = time.perf_counter()
            values[c.name] = float(np.mean(np.asarray(c.call(a, b))))
            best[c.name] = min(best[c.name], time.perf_counter() - start)
    lines = []
    for c in present:
        a, b = one[: sizes[c.name]], two[: sizes[c.name]]
        tracemalloc.start()
        c.call(a, b)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        scale = len(one) / sizes[c.name]
        note = "" if scale == 1 else f"{sizes[c.name]} rows measured"
        lines.append(Line(task, c.name, best[c.name] * scale, len(one), peak, values[c.name], note))
    return lines


def rows_of(generator: np.random.Generator, n_rows: int, n_columns: int) -> np.ndarray:
    """Return rows of probabilities."""
    table = generator.standard_gamma(1.0, size=(n_rows, n_columns))
    return table / table.sum(axis=1, keepdims=True)


def run(quick: bool, repeats: int) -> list[Line]:
    """Return every line."""
    generator = np.random.default_rng(0)
    lines: list[Line] = []
    shrink = 100 if quick else 1
    for n_rows, n_columns in ((1_000_000 // shrink, 10), (1_000, 100_000 // shrink)):
        p, q = (rows_of(generator, n_rows, n_columns) for _ in range(2))
        lines += measured(f"table {n_rows:,} x {n_columns:,}", TABLES, p, q, repeats)
    x, y = generator.standard_normal((100_000 // shrink, 5)), 0.5 + generator.standard_normal((100_000 // shrink, 5))
    lines += measured(f"samples {len(x):,} x 5", SAMPLES, x, y, max(1, repeats // 3))
    return lines


def page(lines: list[Line]) -> str:
    """Return the result as Markdown."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in (
            "lossmith",
            "numpy",
            "scipy",
            "torch",
            "dit",
            "universal-divergence",
            "npeet-plus",
            "divergence",
            "scikit-learn",
        )
        if installed(name)
    )
    missing = [c.package for c in (*TABLES, *SAMPLES) if not installed(c.package)]
    text = [
        "# Divergence of large tables and of samples",
        "",
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}; {versions}.",
        *([f"Not installed and left out: {', '.join(sorted(set(missing)))}.", ""] if missing else [""]),
        "| task | | seconds | rows a second | against lossmith | peak memory, MB | mean value | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        reference = next(other for other in lines if other.task == line.task and other.name.startswith("lossmith"))
        text.append(
            f"| {line.task} | {line.name} | {line.seconds:.3g} | {line.rows / line.seconds:,.0f} | {line.seconds / reference.seconds:.1f} x "
            f"| {line.megabytes:.1f} | {line.value:.6g} | {line.note} |"
        )
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    text = page(run(arguments.quick, arguments.repeats))
    print(text, end="")
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
