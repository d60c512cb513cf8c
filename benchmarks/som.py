"""Self-organizing maps: lossmith against the packages people use, one thread, the same schedule of radii.

Rows are eight standardised blobs of 20 features; maps are 10 x 10, radius 5 to 0.5, Gaussian. Time is that of the processor, per pass over the rows, without
reading the quality afterwards: other programs on the machine change it little; quality is measured by one implementation for all, lossmith's. Peers that are not installed are named.

    python benchmarks/som.py                    # a table on the terminal
    python benchmarks/som.py --markdown FILE    # and as a page
    python benchmarks/som.py --quick            # a tenth of the rows, to see that it works
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import io
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import make_blobs
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from lossmith.estimators import SelfOrganizingMap
from lossmith.estimators._som_grid import make_grid
from lossmith.estimators._som_quality import distances_to_units, quantization_error, topographic_error

EPOCHS = 20
GRID = make_grid(10, 10, "rectangular", "planar")


@dataclass(frozen=True, slots=True)
class Contender:
    """A package and how its map is trained: `train(rows, epochs)` returns units of shape (100, n_features)."""

    name: str
    package: str
    train: Callable[[np.ndarray, int], np.ndarray]
    epochs: int = EPOCHS
    most_rows: int = 10**7


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the result; times in milliseconds for one pass."""

    name: str
    rows: int
    milliseconds: float
    quantization: float
    topographic: float
    epochs: int


def lossmith_batch(rows: np.ndarray, epochs: int) -> np.ndarray:
    """Return lossmith's batch map, without its quality."""
    som = SelfOrganizingMap(radius=5.0, final_radius=0.5, epochs=epochs, random_state=0)
    return som._trained(rows, GRID, [0])[0]


def lossmith_online(rows: np.ndarray, epochs: int) -> np.ndarray:
    """Return lossmith's online map, without its quality."""
    som = SelfOrganizingMap(radius=5.0, final_radius=0.5, epochs=epochs, training="online", random_state=0)
    return som._trained(rows, GRID, [0])[0]


def numpy_batch(rows: np.ndarray, epochs: int) -> np.ndarray:
    """Return the batch map as twenty lines of NumPy."""
    units = SelfOrganizingMap(radius=5.0, epochs=1, random_state=0).fit(rows[:1000]).weights_
    for radius in np.geomspace(5.0, 0.5, epochs):
        best = (rows @ units.T - 0.5 * (units**2).sum(axis=1)).argmax(axis=1)
        taken = np.zeros((len(units), len(rows)))
        taken[best, np.arange(len(rows))] = 1.0
        weights = np.exp(-GRID.squares / (2 * radius**2))
        units = (weights @ (taken @ rows)) / (weights @ taken.sum(axis=1))[:, None]
    return units


def minisom_online(rows: np.ndarray, epochs: int) -> np.ndarray:
    """Return MiniSom's online map; its `train_batch` is the online rule in the order of the rows."""
    som = _minisom(rows)
    som.train_batch(rows, epochs * len(rows))
    return som.get_weights().reshape(100, -1)


def minisom_batch(rows: np.ndarray, epochs: int) -> np.ndarray:
    """Return MiniSom's batch map."""
    som = _minisom(rows)
    som.train_batch_offline(rows, epochs)
    return som.get_weights().reshape(100, -1)


def _minisom(rows: np.ndarray) -> Any:
    from minisom import MiniSom

    som = MiniSom(10, 10, rows.shape[1], sigma=5.0, learning_rate=0.5, random_seed=0)
    som.pca_weights_init(rows)
    return som


def xpysom(rows: np.ndarray, epochs: int) -> np.ndarray:
    """Return XPySom's batch map."""
    from xpysom import XPySom

    som = XPySom(10, 10, rows.shape[1], sigma=5.0, sigmaN=0.5, decay_function="exponential", xp=np, random_seed=0)
    som.train(rows, epochs)
    return np.asarray(som.get_weights()).reshape(100, -1)


def susi(rows: np.ndarray, epochs: int) -> np.ndarray:
    """Return SuSi's batch map."""
    from susi import SOMClustering

    som = SOMClustering(10, 10, n_iter_unsupervised=epochs, train_mode_unsupervised="batch", random_state=0)
    som.fit(rows)
    return np.asarray(som.unsuper_som_).reshape(100, -1)


def python_som(rows: np.ndarray, epochs: int) -> np.ndarray:
    """Return python-som's batch map."""
    import python_som as package

    som = package.SOM(x=10, y=10, input_len=rows.shape[1], neighborhood_radius=5.0, random_seed=0)
    som.weight_initialization(mode="linear", data=rows)
    som.train(rows, n_iteration=epochs, mode="batch")
    return np.asarray(som.get_weights()).reshape(100, -1)


def fastersom(rows: np.ndarray, epochs: int) -> np.ndarray:
    """Return fastersom's batch map."""
    import torch
    from fastersom import SOM

    torch.set_num_threads(1)
    som = SOM(10, 10, n_epochs=epochs, sigma_initial=5.0, sigma_final=0.5, init="sample", random_state=0, device="cpu")
    som.fit(rows)
    return np.asarray(som.weights_).reshape(100, -1)


CONTENDERS = (
    Contender("lossmith, batch", "lossmith", lossmith_batch),
    Contender("lossmith, online", "lossmith", lossmith_online, epochs=1, most_rows=100_000),
    Contender("20 lines of NumPy, batch", "numpy", numpy_batch, most_rows=100_000),
    Contender("fastersom, batch", "fastersom", fastersom),
    Contender("XPySom, batch", "xpysom", xpysom, most_rows=100_000),
    Contender("python-som, batch", "python-som", python_som, most_rows=100_000),
    Contender("MiniSom, batch", "minisom", minisom_batch, epochs=3, most_rows=10_000),
    Contender("MiniSom, online", "minisom", minisom_online, epochs=1, most_rows=10_000),
    Contender("SuSi, batch", "susi", susi, epochs=3, most_rows=10_000),
)


def installed(package: str) -> bool:
    """Return whether a package is there and can be imported."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            importlib.import_module(package.replace("-", "_"))
    except ImportError:
        return False
    return True


def data(n_rows: int) -> np.ndarray:
    """Return standardised blobs."""
    rows, _ = make_blobs(n_rows, 20, centers=8, random_state=0)
    return StandardScaler().fit_transform(rows)


def measured(n_rows: int, *, repeats: int) -> tuple[list[Line], list[str]]:
    """Return a line for each contender on that many rows, and what could not take part."""
    rows, lines, missing = data(n_rows), [], []
    for contender in CONTENDERS:
        if n_rows > contender.most_rows:
            continue
        if not installed(contender.package):
            missing.append(contender.package)
            continue
        times, units = [], None
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                for _ in range(repeats):
                    began = time.process_time()
                    units = contender.train(rows, contender.epochs)
                    times.append((time.process_time() - began) / contender.epochs * 1000)
        except Exception as error:  # a peer that changed its interface must not end the run
            # a message may go on with a path of this machine
            message = str(error).partition(" (")[0]
            missing.append(f"{contender.name} ({type(error).__name__}: {message})"[:120])
            continue
        sample = rows[:10_000]
        distances = distances_to_units(sample, np.asarray(units, dtype=float), "euclidean")
        lines.append(
            Line(
                contender.name,
                n_rows,
                float(np.median(times)),
                quantization_error(distances),
                topographic_error(distances, GRID),
                contender.epochs,
            )
        )
    return lines, missing


def stacked(n_rows: int, n_seeds: int) -> tuple[float, float]:
    """Return seconds for that many maps trained together, and one after the other."""
    rows = data(n_rows)
    som = SelfOrganizingMap(radius=5.0, final_radius=0.5, initial="sample", epochs=EPOCHS)
    together, alone = [], []
    for _ in range(2):
        began = time.process_time()
        som._trained(rows, GRID, range(n_seeds))
        together.append(time.process_time() - began)
        began = time.process_time()
        for seed in range(n_seeds):
            som._trained(rows, GRID, [seed])
        alone.append(time.process_time() - began)
    return float(np.median(together)), float(np.median(alone))


def page(lines: list[Line], missing: list[str], together: tuple[float, float], n_seeds: int) -> str:
    """Return the result as a page."""
    packages = ["numpy", "scipy", *sorted({c.package for c in CONTENDERS} - {"lossmith", "numpy"})]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages if installed(name))
    parts = [
        "# Speed of self-organizing maps",
        "Written by `python benchmarks/som.py --markdown docs/som-speed.md`: eight standardised blobs of 20 features, a map of 10 x 10, radius 5 to 0.5, "
        f"one thread, processor time, {platform.machine()}, Python {platform.python_version()}, {versions}. Medians; one pass over the rows. "
        "Quality by one implementation for all. SuSi and MiniSom's batch mode ran 3 passes, online rules one: their quality is that of the passes they had.",
        "| rows | package | ms a pass | against lossmith | quantization error | topographic error |",
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        own = next(other for other in lines if other.rows == line.rows and other.name == "lossmith, batch")
        parts.append(
            f"| {line.rows:,} | {line.name} | {line.milliseconds:.2f} | {line.milliseconds / own.milliseconds:.1f} | "
            f"{line.quantization:.3f} | {line.topographic:.3f} |"
        )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    text = "\n\n".join(parts[:2]) + "\n\n" + "\n".join(parts[2:])
    text += f"\n\n{n_seeds} maps from different rows: {together[0]:.2f} s trained together, {together[1]:.2f} s one after the other. "
    text += f"Peak memory of the whole run {memory:,.0f} MB."
    if missing:
        text += f"\n\nNot there or not able to run: {', '.join(dict.fromkeys(missing))}."
    return text + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", type=Path, help="page to write")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    given = parser.parse_args()
    sizes = (1_000, 10_000) if given.quick else (10_000, 100_000, 1_000_000)
    lines: list[Line] = []
    missing: list[str] = []
    with threadpool_limits(1):
        for size in sizes:
            found, left_out = measured(size, repeats=3 if size <= 10_000 else 1)
            lines += found
            missing += left_out
        together = stacked(sizes[0], 30)
    text = page(lines, missing, together, 30)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
