"""What the power curves change, and how often a peer sees it: run by the interpreter of the peer's own environment.

`PYTHON docs/drift/power_peers.py alibi_detect --repetitions 40` prints JSON. It needs NumPy and the peer alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import warnings

import numpy as np

N_REFERENCE = 10_000
PEERS = {
    "alibi_detect": "alibi-detect, `TabularDrift` with its default p-value of 0.05 (Kolmogorov-Smirnov and chi-squared, Bonferroni)",
    "evidently": "Evidently, `DataDriftPreset` with its default methods and thresholds",
}


def changes() -> dict[str, tuple[str, list[float]]]:
    return {
        "mean": ("shift of a normal column, in sd", [0.05, 0.1, 0.15, 0.2, 0.3, 0.5]),
        "scale": ("ratio of standard deviations", [1.02, 1.05, 1.1, 1.2, 1.4]),
        "shape": ("share of a bimodal mixture with the same mean and variance", [0.1, 0.2, 0.4, 0.7, 1.0]),
        "category": ("share that moves from the largest to the rarest of 50 levels", [0.005, 0.01, 0.02, 0.04, 0.08]),
        "missing": ("missing rate, 1 % before", [0.015, 0.02, 0.03, 0.05]),
        "dependence": ("correlation of two columns, 0 before", [0.1, 0.2, 0.4, 0.6, 0.8]),
    }


def changed(kind: str, amount: float, n: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Return columns after a change; amount NaN gives the reference."""
    before = math.isnan(amount)
    if kind == "mean":
        return {"x": generator.normal(0 if before else amount, 1, n)}
    if kind == "scale":
        return {"x": generator.normal(0, 1 if before else amount, n)}
    if kind == "shape":
        two = generator.choice([-0.9, 0.9], n) + math.sqrt(1 - 0.81) * generator.normal(size=n)
        return {"x": np.where(generator.random(n) < (0 if before else amount), two, generator.normal(size=n))}
    if kind == "category":
        shares = 1 / np.arange(1, 51)
        shares /= shares.sum()
        if not before:
            shares[0] -= amount
            shares[-1] += amount
        return {"x": np.array([f"z{level}" for level in range(50)])[generator.choice(50, n, p=shares)]}
    if kind == "missing":
        values = generator.normal(size=n)
        values[generator.random(n) < (0.01 if before else amount)] = np.nan
        return {"x": values}
    first, second = generator.normal(size=n), generator.normal(size=n)
    r = 0.0 if before else amount
    return {"x": first, "y": r * first + math.sqrt(1 - r * r) * second}


def alarm(name: str, old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> bool:
    """Return whether a peer says that anything drifted."""
    if name == "alibi_detect":
        from alibi_detect.cd import TabularDrift

        levels = {place: None for place, values in enumerate(old.values()) if values.dtype.kind == "U"}
        if levels:
            names = sorted({*old["x"], *new["x"]})
            old, new = ({"x": np.searchsorted(names, side["x"]).astype(float)} for side in (old, new))
        reference, current = (np.column_stack(list(side.values())) for side in (old, new))
        options = {"categories_per_feature": levels} if levels else {}
        return bool(TabularDrift(reference, p_val=0.05, **options).predict(current)["data"]["is_drift"])
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    result = Report([DataDriftPreset()]).run(pd.DataFrame(new), pd.DataFrame(old)).dict()
    return bool(result["metrics"][0]["value"]["count"] > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("--repetitions", type=int, default=40)
    given = parser.parse_args()
    powers: dict[str, float | None] = {}
    for kind, (_, amounts) in changes().items():
        for amount in amounts:
            for size in (500, 10_000):
                hits: list[bool] = []
                try:
                    for repetition in range(given.repetitions):
                        generator = np.random.default_rng([7, size, repetition])
                        old, new = (
                            changed(kind, math.nan, N_REFERENCE, generator),
                            changed(kind, amount, size, generator),
                        )
                        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                            warnings.simplefilter("ignore")
                            hits.append(alarm(given.name, old, new))
                except Exception:
                    powers[f"{kind}|{amount}|{size}"] = None
                    continue
                powers[f"{kind}|{amount}|{size}"] = sum(hits) / len(hits)
    print(json.dumps({"what": PEERS[given.name], "repetitions": given.repetitions, "powers": powers}))


if __name__ == "__main__":
    main()
