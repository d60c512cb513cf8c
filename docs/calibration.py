"""Calibration by loss on two tables and one image set, before and after temperature scaling; writes the tables of `calibration.md`.

python docs/calibration.py --bank FOLDER/bank.csv [--seeds 10] [--only breast_cancer] [--smoothed]

The bank table is bank.csv of the UCI repository's Bank Marketing; the other two come with scikit-learn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from lossmith.compare import calibration
from lossmith.compare.metrics import METRICS, measure
from lossmith.compare.run import Execution, Memory, plan_for
from lossmith.compare.statistics import estimate
from lossmith.compare.summary import gather
from lossmith.compare.winner import trained_model

BINARY = "binary_crossentropy,binary_crossentropy:label_smoothing=0.1,binary_focal_crossentropy,brier,exponential,squared_hinge,hinge"
SEVERAL = (
    "categorical_crossentropy,categorical_crossentropy:label_smoothing=0.1,categorical_focal_crossentropy,"
    "categorical_brier,spherical,squentropy,categorical_generalized_cross_entropy:q=0.7,categorical_hinge"
)
SHOWN = ("expected_calibration_error", "brier_score", "log_loss")
SETTINGS: dict[str, Any] = {"metric": "log_loss", "learning_rates": (0.003, 0.01, 0.03, 0.1)}


def sources(bank: Path) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return what is compared: source and options by name."""
    return {
        "breast_cancer": ("breast_cancer", {"losses": BINARY, "epochs": 60}),
        "bank": (bank, {"losses": BINARY, "target": "y", "epochs": 40, "batch_size": 128}),
        "digits": ("digits", {"losses": SEVERAL, "epochs": 60, "batch_size": 64, "model": "mlp:hidden=64"}),
    }


def own_probability(loss: Any, raw: np.ndarray, task: str) -> np.ndarray | None:
    """Return the probabilities of the head; None where it gives scores."""
    if loss.head.gives != "probability":
        return None
    return np.asarray(loss.predict(raw[:, 0] if task == "binary" else raw))


def log_probability(raw: np.ndarray) -> np.ndarray:
    """Return the logarithms of sigmoid or softmax, shape `(n_samples, n_classes)`."""
    wide = raw if raw.shape[1] > 1 else np.column_stack([np.zeros(len(raw)), raw[:, 0]])
    return np.asarray(log_softmax(wide.astype(float), axis=1))


def temperature(raw: np.ndarray, target: np.ndarray, *, smoothed: bool) -> float:
    """Return the temperature that fits validation rows best, by log loss, between 1/50 and 50.

    `smoothed` takes the targets that a comparison calibrates margin losses with (Platt, 1999) instead of the labels.
    """
    if smoothed:
        wide = raw if raw.shape[1] > 1 else np.column_stack([np.zeros(len(raw)), raw[:, 0]])
        return float(1 / max(calibration.fit(wide[None], target)[0, 0], 0.02))

    def cost(log_t: float) -> float:
        return -float(log_probability(raw / np.exp(log_t))[np.arange(len(target)), target].mean())

    return float(np.exp(minimize_scalar(cost, bounds=(-np.log(50), np.log(50)), method="bounded").x))


def scaled(raw: np.ndarray, t: float) -> np.ndarray:
    """Return probabilities of raw outputs divided by a temperature."""
    found = np.exp(log_probability(raw / t))
    return found if raw.shape[1] > 1 else found[:, 1]


def measured(
    source: Any, options: dict[str, Any], seeds: int, *, smoothed: bool
) -> tuple[Any, dict[str, dict[str, np.ndarray]]]:
    """Return the plan, and for each loss its metrics by seed: of shape (n_seeds, before or after, n_metrics)."""
    execution = Execution(plan_for(source, seeds=seeds, **SETTINGS, **options), Memory())
    execution.train(seeds)
    evidence = execution.evidence(seeds, looks=1, seconds=0.0)
    plan, metrics = execution.plan, [METRICS[name] for name in (*SHOWN, "accuracy")]
    found: dict[str, dict[str, np.ndarray]] = {}
    for label, runs in gather(evidence).items():
        before, after, temperatures = [], [], []
        for trial in range(seeds):
            seat = execution.seats[trial]
            model = trained_model(plan, runs, execution.seats, trial=trial, versions={})
            raw = {part: model.raw(seat.inputs[getattr(seat.split, part)]) for part in ("validation", "test")}
            t = temperature(raw["validation"], plan.dataset.target[seat.split.validation], smoothed=smoothed)
            probability = own_probability(runs.loss, raw["test"], plan.dataset.task)
            target = plan.dataset.target[seat.split.test]

            def numbers(p: np.ndarray | None, target: np.ndarray = target) -> list[float]:
                if p is None:
                    return [np.nan] * len(metrics)
                values = measure(target, task=plan.dataset.task, metrics=metrics, probability=p[None])
                return [float(values[metric.name][0]) for metric in metrics]

            before.append(numbers(probability))
            after.append(numbers(scaled(raw["test"], t)))
            temperatures.append(t)
        found[label] = {"before": np.array(before), "after": np.array(after), "temperature": np.array(temperatures)}
    return plan, found


def table(found: dict[str, dict[str, np.ndarray]]) -> list[str]:
    """Return Markdown lines: one row for each loss, means over seeds with half the width of the 95 % interval."""
    header = ["loss", "accuracy"] + [
        f"{name}, {when}" for name in ("ECE", "Brier", "log loss") for when in ("before", "after")
    ]
    lines = [f"| {' | '.join([*header, 'temperature'])} |", "|" + "---|" * (len(header) + 1)]

    def cell(values: np.ndarray) -> str:
        if not np.isfinite(values).all():
            return "no probability" if np.isnan(values).all() else "infinite"
        one = estimate(values)
        return f"{one.mean:.4f} ± {(one.high - one.low) / 2:.4f}"

    for label, numbers in found.items():
        cells = [f"`{label}`", f"{np.nanmean(numbers['after'][:, -1]):.3f}"]
        for place in range(len(SHOWN)):
            cells += [cell(numbers["before"][:, place]), cell(numbers["after"][:, place])]
        cells.append(f"{np.median(numbers['temperature']):.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def words(found: dict[str, dict[str, np.ndarray]]) -> str:
    """Return what follows, from the numbers."""
    before = {label: numbers["before"][:, 0].mean() for label, numbers in found.items()}
    before = {label: value for label, value in before.items() if np.isfinite(value)}
    after = {label: numbers["after"][:, 0].mean() for label, numbers in found.items()}
    best, worst = min(before, key=before.__getitem__), max(before, key=before.__getitem__)
    closest, farthest = min(after, key=after.__getitem__), max(after, key=after.__getitem__)
    accuracy = [numbers["after"][:, -1].mean() for numbers in found.values()]
    return (
        f"Before scaling the mean ECE goes from {before[best]:.3f} (`{best}`) to {before[worst]:.3f} (`{worst}`), "
        f"{before[worst] / before[best]:.1f} times as much; after it from {after[closest]:.3f} (`{closest}`) to "
        f"{after[farthest]:.3f} (`{farthest}`). Accuracy differs by {100 * (max(accuracy) - min(accuracy)):.1f} points."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True, help="bank.csv")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--smoothed", action="store_true", help="fit to targets smoothed as Platt proposes")
    parser.add_argument("--only", help="one of the data sets")
    given = parser.parse_args()
    page = Path(__file__).with_suffix(".md")
    text = page.read_text(encoding="utf-8")
    for name, (source, options) in sources(given.bank).items():
        if given.only not in (None, name):
            continue
        plan, found = measured(source, options, given.seeds, smoothed=given.smoothed)
        rows = plan.dataset.n_samples
        lines = [
            f"{rows:,} rows, {plan.dataset.task}, `{plan.settings.model}`, {given.seeds} seeds with a split of their own each; "
            f"temperature fitted to {'labels smoothed as Platt proposes' if given.smoothed else 'the labels'} of the validation rows.",
            "",
            *table(found),
            "",
            words(found),
        ]
        start, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, _, rest = text.partition(start)
        _, _, tail = rest.partition(end)
        text = "\n".join([head + start, "", *lines, "", end + tail])
        page.write_text(text, encoding="utf-8")
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
