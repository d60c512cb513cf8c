"""How good a variational autoencoder on MNIST is, beside published and other numbers: several seeds, with intervals.

784-400-20 dense, Adam from 1e-3 falling in a line (the default), batches of 128, ten epochs, judged on the 10,000 test images; targets grey as they are or binarised
anew at every step. All seeds are one program.

    LOSSMITH_DATA=... python benchmarks/vae_likelihood.py                  # a table on the terminal
    LOSSMITH_DATA=... python benchmarks/vae_likelihood.py --markdown FILE  # and as a page
    LOSSMITH_DATA=... python benchmarks/vae_likelihood.py --quick          # one epoch of few rows, to see that it works
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# by targets: -ELBO and importance-weighted -log-likelihood of the same training in PyTorch, in nats for an image
REFERENCE = {"none": (105.45, 100.99), "dynamic": (102.21, 97.51)}
WORDS = {"none": "grey", "dynamic": "binarised"}


def interval(values: Sequence[float]) -> str:
    """Return the mean of seeds with its 95 % t interval."""
    from scipy import stats

    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.2f}"
    half = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.2f} [{mean - half:.2f}, {mean + half:.2f}]"


def measured(targets: str, *, seeds: int, epochs: int, rows: int, importance: int) -> dict[str, Any]:
    """Train all seeds and return what the test images say."""
    import numpy as np

    from lossmith.data import load_image_set
    from lossmith.generative import VariationalAutoencoder

    images = np.asarray(load_image_set("mnist").features)
    train, test = images[:rows], images[60_000:]
    model = VariationalAutoencoder(likelihood="bernoulli", binarize=targets, epochs=epochs)
    began = time.perf_counter()
    fitted = model.fit_seeds(train, range(seeds))
    seconds = time.perf_counter() - began
    found = [one.evaluate(test) for one in fitted]
    return {
        "seconds": seconds,
        "negative_elbo": [one.negative_elbo for one in found],
        "reconstruction": [one.reconstruction for one in found],
        "divergence": [one.divergence for one in found],
        "active": [int(one.active.sum()) for one in found],
        "importance": [-float(one.score_samples(test[:importance], samples=200).mean()) for one in fitted]
        if importance
        else [],
        "importance_rows": importance,
    }


def page(found: dict[str, dict[str, Any]], *, seeds: int, epochs: int) -> str:
    """Return the result as a page."""
    from turns import closing

    lines = [
        "# Likelihoods of a variational autoencoder",
        "",
        f"MNIST, 784-400-20 dense, Adam from 1e-3 falling in a line (the default), batches of 128, {epochs} epochs, {seeds} seeds in one program; "
        "nats for an image of the 10,000 test images, mean of the seeds and 95 % interval over them. The reference is one run of the same network in "
        "PyTorch at a constant rate.",
        "",
        "| targets | -ELBO | reference | reconstruction + divergence | active units | by 200 importance samples | reference | seconds for all seeds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for targets, one in found.items():
        weighted = interval(one["importance"]) if one["importance"] else "not measured"
        if one["importance"] and one["importance_rows"] < 10_000:
            weighted += f" (first {one['importance_rows']:,} images)"
        parts = f"{statistics.fmean(one['reconstruction']):.2f} + {statistics.fmean(one['divergence']):.2f}"
        lines.append(
            f"| {WORDS[targets]} | {interval(one['negative_elbo'])} | {REFERENCE[targets][0]:.2f} | {parts} | "
            f"{min(one['active'])} to {max(one['active'])} | {weighted} | {REFERENCE[targets][1]:.2f} | {one['seconds']:.0f} |"
        )
    lines += ["", *closing(__file__)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--importance", type=int, default=2_000, help="test images for importance samples; 0 for none")
    parser.add_argument(
        "--only", nargs="*", choices=list(REFERENCE), default=list(REFERENCE), help="these targets alone"
    )
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path, help="keep results here; targets that it has are not measured again")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    epochs, rows, importance = (1, 2_000, 100) if given.quick else (given.epochs, 60_000, given.importance)
    found = json.loads(given.json.read_text()) if given.json and given.json.exists() else {}
    for targets in given.only:
        if targets not in found:
            found[targets] = measured(targets, seeds=given.seeds, epochs=epochs, rows=rows, importance=importance)
            if given.json:
                given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = page(found, seeds=given.seeds, epochs=epochs)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
