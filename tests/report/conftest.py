"""Comparisons made by hand: every shape the views must survive, from numbers drawn here and statistics computed by SciPy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats

from lossmith._checks import Finding
from lossmith.compare._spec import (
    Baseline,
    Boundary,
    Comparison,
    Curve,
    DataSummary,
    Difference,
    Estimate,
    NotApplicable,
    Reliability,
    Settings,
    Standing,
)

HOSTILE = "<script>alert(1)</script>"
NAMES = {
    "binary": (
        "binary_crossentropy",
        "focal",
        "brier",
        "squared_hinge",
        "hinge",
        "generalized_crossentropy:q=0.5",
        "binary_crossentropy:label_smoothing=0.1",
        "focal:gamma=5",
        "tanh_squared_hinge",
        "exponential",
    ),
    "multiclass": ("categorical_crossentropy", "kl_divergence", "jensen_shannon", "categorical_hinge", "brier"),
    "regression": ("huber", "mean_squared_error", "mean_absolute_error", "log_cosh", "quantile:q=0.5"),
}


def _estimate(values: np.ndarray) -> Estimate:
    values = values[np.isfinite(values)]
    n = len(values)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0.95, 0, math.nan)
    mean = float(values.mean())
    if n == 1:
        return Estimate(mean, -math.inf, math.inf, 0.95, 1, math.nan)
    deviation = float(values.std(ddof=1))
    half = float(stats.t.ppf(0.975, n - 1)) * deviation / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, 0.95, n, deviation)


def _difference(gap: np.ndarray, margin: float, reference: str) -> Difference:
    gap = gap[np.isfinite(gap)]
    around = _estimate(gap)
    if around.n < 2:
        return Difference(
            reference,
            around.mean,
            math.nan,
            math.nan,
            0.95,
            margin,
            math.nan,
            "undecided",
            None,
            math.nan,
            math.nan,
            0.5,
            math.nan,
        )
    if -margin < around.low and around.high < margin:
        verdict, needed = "equivalent", None
    elif around.high < -margin:
        verdict, needed = "worse", None
    else:
        verdict, needed = "undecided", around.n + 18
    p_value = float(stats.ttest_1samp(gap, 0).pvalue) if np.ptp(gap) else 1.0
    return Difference(
        reference, around.mean, around.low, around.high, 0.95, margin, p_value, verdict, needed,
        *(float(end) for end in np.quantile(gap, [0.025, 0.975])), float(np.mean((gap > 0) + 0.5 * (gap == 0))), min(1.0, p_value * 1.2),
    )  # fmt: skip


def build(
    *,
    task: str = "binary",
    n_losses: int = 10,
    n_seeds: int = 30,
    n_rates: int = 5,
    metric: str | None = None,
    collapsed: int = 2,
    name: str = "circles",
    target: str = "y",
    hostile: str | None = None,
    curve_points: int = 40,
    grid: int = 40,
    not_applicable: bool = True,
    seed: int = 0,
) -> Comparison:
    """Return a comparison whose losses get worse by one step each; the fifth has `collapsed` seeds, the second differs in nothing."""
    rng = np.random.default_rng(seed)
    regression = task == "regression"
    metric = metric or ("root_mean_squared_error" if regression else "accuracy")
    sign = (
        -1.0
        if metric
        in ("root_mean_squared_error", "mean_absolute_error", "log_loss", "brier_score", "expected_calibration_error")
        else 1.0
    )
    scale = 12_000.0 if regression else 1.0
    losses = [NAMES[task][index % len(NAMES[task])] for index in range(n_losses)]
    losses = [label if index < len(NAMES[task]) else f"{label}_{index}" for index, label in enumerate(losses)]
    if hostile:
        losses[-1] = hostile
    margin = 24.0 if regression else 0.01
    rates = tuple(0.01 * factor for factor in (1 / 9, 1 / 3, 1, 3, 9))[:n_rates] if n_rates > 1 else (0.01,)
    other = {"binary": ("accuracy", "balanced_accuracy", "roc_auc", "log_loss", "brier_score", "expected_calibration_error"), "multiclass": ("accuracy", "log_loss", "brier_score", "expected_calibration_error"), "regression": ("root_mean_squared_error", "mean_absolute_error", "r2")}[task]  # fmt: skip
    metrics = tuple(dict.fromkeys((metric, *other)))
    common = rng.normal(0, 0.004, n_seeds)
    rows, standings, curves, by_loss = [], [], [], {}
    for index, label in enumerate(losses):
        level = 0.85 - 0.004 * index**1.4 * (index > 1)
        accuracy = level + common + rng.normal(0, 0.002 + 0.004 * (index == 3) + 0.012 * (index == 4), n_seeds)
        status = np.array(["finished"] * n_seeds, dtype=object)
        if index == 4 and collapsed:
            status[:collapsed] = "collapsed"
            accuracy[:collapsed] = 0.5
        if index == 5 and n_seeds > 5:
            status[3] = "diverged"
            accuracy[3] = np.nan
        values = {}
        for quantity in metrics:
            if quantity in ("log_loss", "brier_score"):
                values[quantity] = 1.2 - accuracy
            elif quantity == "expected_calibration_error":
                values[quantity] = 0.02 + 0.01 * rng.random(n_seeds)
            elif quantity in ("root_mean_squared_error", "mean_absolute_error"):
                values[quantity] = (1 - accuracy) * scale
            elif quantity == "roc_auc":
                values[quantity] = np.minimum(1.0, accuracy + 0.08)
            else:
                values[quantity] = accuracy
        by_loss[label] = values
        chosen_rate = rng.choice(rates, n_seeds)
        for run in range(n_seeds):
            for learning_rate in rates:
                chosen = learning_rate == chosen_rate[run]
                lost = 0.0 if chosen else 0.01
                rows.append(
                    {"loss": label, "seed": run, "learning_rate": learning_rate, "chosen": bool(chosen), "status": str(status[run]), "best_epoch": 150 + run}
                    | {f"validation_{metric}": float(values[metric][run] - sign * lost)}
                    | {quantity: float(values[quantity][run] - lost) for quantity in metrics}
                )  # fmt: skip
        counted = {float(rate): int(np.sum(chosen_rate == rate)) for rate in rates}
        difference = None
        if index:
            difference = _difference(sign * (values[metric] - by_loss[losses[0]][metric]), margin, losses[0])
        standings.append(
            Standing(
                loss=label,
                rank=1 if index < 3 else index + 1,
                metric=_estimate(values[metric]),
                configured=_estimate(values[metric] - 0.002),
                learning_rate=max(counted, key=counted.__getitem__),
                rates=counted,
                difference=difference,
                metrics={quantity: _estimate(values[quantity]) for quantity in metrics},
                n_seeds=n_seeds,
                n_failed=int(np.sum(status != "finished")),
                calibrated="hinge" in label,
                same_as=losses[0] if label == "kl_divergence" else None,
            )
        )
        epochs = np.unique(np.linspace(1, 200, curve_points).astype(int))
        rise = 1 - np.exp(-epochs / (20 + 5 * index))
        shape = (
            0.5
            + (np.nan_to_num(accuracy, nan=0.5)[:, None] - 0.5) * rise
            + rng.normal(0, 0.004, (n_seeds, len(epochs)))
        )
        shape[status == "collapsed"] = 0.5
        if regression:
            curves.append(Curve(label, f"validation_{metric}", epochs, (1 - shape) * scale))
        else:
            curves.append(Curve(label, f"validation_{metric}", epochs, shape))
        curves.append(Curve(label, "train_loss", epochs, 1.1 - shape))
    reliability, boundaries = [], []
    if task == "binary":
        middle = (np.arange(10) + 0.5) / 10
        for index, label in enumerate(losses):
            count = (1000 * (1 + 3 * (middle - 0.5) ** 2)).astype(int)
            reliability.append(
                Reliability(label, middle, np.clip(middle + 0.05 * np.sin(6 * middle + index), 0, 1), count)
            )
            x, y = np.linspace(-1.4, 1.4, grid), np.linspace(-1.2, 1.2, grid - 2)
            value = 1 / (1 + np.exp((np.hypot(*np.meshgrid(x, y)) - 0.9 - 0.02 * index) * 8))
            angle, labels = rng.random(400) * 2 * np.pi, rng.integers(0, 2, 400)
            radius = 1 - 0.2 * labels + rng.normal(0, 0.1, 400)
            points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
            boundaries.append(Boundary(label, x, y, value, points, labels, (hostile or "x", "y")))
    classes = {"binary": ("no", hostile or "yes"), "multiclass": ("setosa", "versicolor", hostile or "virginica"), "regression": ()}[task]  # fmt: skip
    counts = {"binary": (500, 500), "multiclass": (320, 340, 340), "regression": ()}[task]
    findings = [
        Finding("LS112", "info", losses[min(1, n_losses - 1)], f"{losses[0]} and {losses[min(1, n_losses - 1)]} cannot be told apart here"),
        Finding("LS104", "warning", losses[min(4, n_losses - 1)], "2 of 30 seeds never left 0.50", "try he_normal", "lossmith compare circles --models mlp:initializer=he_normal"),
        Finding("LS108", "warning", losses[min(3, n_losses - 1)], "best rate 0.09 is the largest tried", "widen the grid", "lossmith compare circles --learning-rates 0.03,0.09,0.27"),
    ]  # fmt: skip
    if hostile:
        findings.append(
            Finding("LS130", "error", hostile, f"the column {hostile} is constant", hostile, f"echo {hostile}")
        )
    baselines: tuple[Baseline, ...]
    if regression:
        baselines = tuple(
            Baseline(
                label,
                {
                    "root_mean_squared_error": _estimate(rng.normal(rmse, 30, 5)),
                    "mean_absolute_error": _estimate(rng.normal(rmse * 0.7, 20, 5)),
                },
            )
            for label, rmse in (("mean", 4000.0), ("linear", 2500.0), ("gradient boosting", 1900.0))
        )
    else:
        baselines = tuple(
            Baseline(
                label,
                {quantity: _estimate(rng.normal(level, 0.004 * (label != "majority"), 5)) for quantity in metrics},
            )
            for label, level in (("majority", 0.5), ("logistic", 0.505), ("gradient boosting", 0.843))
        )
    left_out: tuple[NotApplicable, ...] = ()
    if not_applicable:
        left_out = (
            NotApplicable("mean_squared_logarithmic_error", "targets outside [0, inf)", 0.514),
            NotApplicable("reverse_kl", "needs soft targets of full support", None),
        )
    return Comparison(
        data=DataSummary(
            name=name,
            task=task,
            n_samples=1000,
            n_features=2,
            n_inputs=2,
            target_name=hostile or target,
            class_names=classes,
            class_counts=counts,
            n_train=600,
            n_validation=200,
            n_test=200,
            fingerprint="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            source=name,
            decisions=("target y: 2 values, so binary", f"column {hostile or 'id'}: dropped, every value differs"),
            columns=(
                {
                    "name": hostile or "x",
                    "kind": "numeric",
                    "role": "feature",
                    "decision": "standardised",
                    "n_missing": 0,
                },
                {"name": "y", "kind": "numeric", "role": "feature", "decision": "standardised", "n_missing": 3},
            ),
        ),
        settings=Settings(
            losses=tuple(losses),
            model="mlp:hidden=50",
            optimizer="sgd:momentum=0.9",
            learning_rate=0.01,
            learning_rates=rates,
            seeds=n_seeds,
            epochs=200,
            batch_size=32,
            metric=metric,
            margin=margin,
        ),
        verdict=f"Use {losses[0]}. Better than {losses[-1]} by 0.021 [0.014, 0.029], {n_seeds} seeds.",
        standings=tuple(standings),
        baselines=baselines,
        not_applicable=left_out,
        findings=tuple(findings),
        trials=pl.DataFrame(rows),
        curves=tuple(curves),
        reliability=tuple(reliability),
        boundaries=tuple(boundaries),
        seconds=11.2,
        run=7,
        versions={"lossmith": "0.1.0", "keras": "3.15.1", "jax": "0.10.2", "numpy": "2.4.6", "python": "3.11.2"},
    )


@pytest.fixture(scope="session")
def make_comparison():
    """The factory itself."""
    return build


@pytest.fixture(scope="session")
def circles() -> Comparison:
    return build()


@pytest.fixture(scope="session")
def hostile() -> Comparison:
    return build(hostile=HOSTILE, name=HOSTILE, n_losses=4, n_seeds=6, collapsed=1)


@pytest.fixture(scope="session")
def small() -> Comparison:
    return build(n_losses=3, n_seeds=5, collapsed=0, curve_points=8, grid=12)


@pytest.fixture(scope="session")
def empty_figures(small: Comparison) -> Comparison:
    return replace(small, curves=(), reliability=(), boundaries=())
