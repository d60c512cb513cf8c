"""H1-08, H1-10 and H1-11: modelling without hands, fairness between groups, and what is wrong with a table.

Source: the handbook's first chapter, without formulas or numbers. The tables are made, so that what is to be found is known.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import lossmith
from lossmith._errors import MissingExtraError
from lossmith.studies._rows import measured
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult
from lossmith.studies._tuning import difference, with_interval

__all__ = ["STUDY"]

CLAIMS = {
    "H1-08": "AutoML: preparation, features, choice of a model, its parameters, a report",
    "H1-10": "fairness: disparate impact, equalised odds, individual fairness, an adversary against bias",
    "H1-11": "quality of data: missing values, outliers and bias are reported and repaired",
}
GROUPS = ("not blind", "blind", "against an adversary")

Progress = Callable[[float, int, str, str], None]
Floats = np.ndarray


def run(*, quick: bool = False, progress: Progress | None = None, claims: Collection[str] | None = None) -> StudyResult:
    """Measure every claim, or those named, on made tables; `quick` uses 3 seeds in place of 10."""
    seeds = 3 if quick else 10
    parts: dict[str, Callable[[], Row | tuple[Row, str]]] = {
        "H1-08": lambda: _automated(seeds),
        "H1-10": lambda: _fair(seeds),
        "H1-11": lambda: _quality(seeds),
    }
    return measured("data_and_fairness", parts, claims=claims, progress=progress)


def _table(seed: int, rows: int = 400) -> pl.DataFrame:
    """Return a table of three inputs that count and five that do not, with the usual faults."""
    rng = np.random.default_rng([501, seed])
    a, b = rng.normal(size=(2, rows))
    city = rng.choice(["Bonn", "Oslo", "Rome"], rows)
    score = 1.5 * a - b + np.where(city == "Oslo", 1.5, -0.5) + rng.logistic(size=rows) * 0.5 - 0.8
    columns: dict[str, Any] = {"number": [f"c{place:04d}" for place in range(rows)], "version": ["2.0"] * rows}
    columns |= {"a": a, "b": b, "city": city, **{f"noise_{k}": rng.normal(size=rows) for k in range(3)}}
    table = pl.DataFrame(columns | {"bought": np.where(score > 0, "yes", "no")})
    lost = rng.random(rows) < 0.1
    return table.with_columns(a=pl.when(pl.Series(lost)).then(None).otherwise(pl.col("a")))


def _automated(seeds: int) -> Row:
    from lossmith.compare import compare_models

    tried = "logistic,tree:max_depth=3,tree:max_depth=6,random_forest:max_features=1,random_forest:max_features=4"
    accuracy, majority, kept_right, winners, stages = [], [], 0, [], 0
    runs = max(3, seeds // 2)
    for seed in range(runs):
        table = _table(seed, 600)
        train, test = table[:400], table[400:]
        data = lossmith.load(train, target="bought")
        prepared = {column.name for column in data.columns if column.role == "feature"}
        inputs = lossmith.data.fit_encoder(data, np.arange(len(train)))
        model = lossmith.estimators.classical("random_forest").estimator("binary", seed=seed)
        held = np.arange(len(train)) >= 250
        X = inputs.transform(data.features)
        model.fit(X[~held], data.target[~held])
        ranked = lossmith.estimators.importance(model, X[held], data.target[held], names=inputs.names, seed=seed)
        useful = {
            row["input"].split("=")[0].split(" ")[0]
            for row in ranked.to_dicts()
            if row["importance"] > 2 * row["deviation"]
        }
        chosen = [name for name in train.columns if name in prepared and name in useful]
        kept_right += {"a", "b", "city"} <= set(chosen)
        with tempfile.TemporaryDirectory() as folder:
            found = compare_models(
                train.select([*chosen, "bought"]), target="bought", models=tried, folds="5", seed=seed
            )
            report = Path(folder) / "report.html"
            found.report(report)
            stages += report.stat().st_size > 0
        best = found.standings[0].label
        winners.append(best)
        accuracy.append(_served(best, train, test, chosen, seed))
        majority.append(float((test["bought"] == train["bought"].mode()[0]).mean()))
    gap, low, high = difference(np.array(accuracy), np.array(majority))
    verdict: RowVerdict = "reproduced" if low > 0 and stages == runs else "differs"
    return Row(
        "H1-08",
        CLAIMS["H1-08"],
        "text",
        f"{runs} tables of 400 rows with missing values, text, a constant and an identifier: prepared, inputs chosen (the three that count are kept in {kept_right}), five "
        f"configurations compared on folds, reported; the winner on new rows {np.mean(accuracy):.3f}, the larger class {np.mean(majority):.3f} (difference {gap:.3f} [{low:.3f}, {high:.3f}])",
        verdict,
        f"winners: {', '.join(sorted(set(winners)))}. That the target is the right question, and that no input knows the answer beforehand, no program can tell",
        {"accuracy": float(np.mean(accuracy)), "majority": float(np.mean(majority)), "kept": kept_right / runs, "low": low},
    )  # fmt: skip


def _served(name: str, train: pl.DataFrame, test: pl.DataFrame, chosen: list[str], seed: int) -> float:
    """Return the accuracy on new rows of a model that is trained on all others."""
    data = lossmith.load(train.select([*chosen, "bought"]), target="bought")
    inputs = lossmith.data.fit_encoder(data, np.arange(len(train)))
    model = lossmith.estimators.classical(name).estimator("binary", seed=seed)
    model.fit(inputs.transform(data.features), data.target)
    said = model.predict(inputs.transform(test.select(chosen)))
    return float((np.array(data.class_names)[said] == test["bought"].to_numpy()).mean())


def _people(seed: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return inputs (merit, a stand-in for the group, the group), decisions of the past, group, and merit."""
    rng = np.random.default_rng([502, seed])
    group = rng.integers(0, 2, 3000)
    merit = rng.normal(size=3000)
    decided = (merit + 0.9 * group + rng.normal(0, 0.5, 3000) > 0.4).astype(int)  # group 1 was favoured
    inputs = np.column_stack([merit + rng.normal(0, 0.3, 3000), group + rng.normal(0, 0.5, 3000), group])
    return inputs, decided, group, merit


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _trained(X: Floats, y: Floats, group: Floats, *, strength: float) -> Floats:
    """Return weights and bias of a logistic model that an adversary tries to read the group from (Zhang and others, 2018).

    The model follows the gradient of its loss, less its projection on that of the adversary, less `strength` times the latter.
    """
    design = np.column_stack([X, np.ones(len(X))])
    weights, slope, shift = np.zeros(design.shape[1]), 0.1, 0.0
    for turn in range(1500):
        score = design @ weights
        rate = 1.0 / (1 + turn / 300)
        own = design.T @ (_sigmoid(score) - y) / len(y)
        if strength:
            off = _sigmoid(slope * score + shift) - group
            theirs = design.T @ (off * slope) / len(y)
            size = np.linalg.norm(theirs)
            unit = theirs / size if size > 1e-12 else theirs
            own = own - (own @ unit) * unit - strength * theirs
            slope, shift = slope - 0.5 * (off @ score) / len(y), shift - 0.5 * off.mean()
        weights = weights - rate * own
    return weights


def _gaps(said: Floats, y: Floats, group: Floats) -> dict[str, float]:
    """Return disparate impact (the ratio of selection rates) and the larger gap of equalised odds, by their definitions."""
    rates = [float(said[group == g].mean()) for g in (0, 1)]
    odds = [abs(float(said[(group == 0) & (y == k)].mean() - said[(group == 1) & (y == k)].mean())) for k in (0, 1)]
    return {"impact": min(rates) / max(rates), "odds": max(odds)}


def _by_library(said: Floats, y: Floats, group: Floats) -> dict[str, float] | None:
    """Return the same from fairlearn, or None where it is not installed."""
    try:
        table = lossmith.estimators.fairness(y, said, group)
    except MissingExtraError:
        return None
    lines = {row["group"]: row for row in table.to_dicts()}
    gap = lines["difference"]
    return {"impact": lines["ratio"]["selection_rate"], "odds": max(gap["recall"], gap["false_positive_rate"])}


def _fair(seeds: int) -> Row:
    found: dict[str, dict[str, list[float]]] = {
        name: {"impact": [], "odds": [], "flips": [], "right": []} for name in GROUPS
    }
    apart, compared = 0.0, 0
    for seed in range(seeds):
        X, y, group, merit = _people(seed)
        train, test = slice(0, 2000), slice(2000, None)
        for name in GROUPS:
            columns = slice(0, 2) if name == "blind" else slice(0, 3)
            weights = _trained(X[train, columns], y[train], group[train], strength=3.0 if name == GROUPS[2] else 0.0)

            def says(inputs: Floats, weights: Floats = weights, columns: slice = columns) -> Floats:
                return np.asarray((inputs[:, columns] @ weights[:-1] + weights[-1] > 0).astype(int))

            said, other = says(X[test]), X[test].copy()
            other[:, 2] = 1 - other[:, 2]
            gaps, theirs = _gaps(said, y[test], group[test]), _by_library(said, y[test], group[test])
            if theirs is not None:
                compared += 1
                apart = max(apart, *(abs(gaps[key] - theirs[key]) for key in gaps))
            found[name]["flips"].append(float((said != says(other)).mean()))
            found[name]["right"].append(float((said == (merit[test] > 0)).mean()))
            for key, value in gaps.items():
                found[name][key].append(value)
    mean = {name: {key: float(np.mean(values)) for key, values in one.items()} for name, one in found.items()}
    gap, low, high = difference(np.array(found[GROUPS[2]]["impact"]), np.array(found[GROUPS[0]]["impact"]))
    right = low > 0 and apart < 1e-12 and mean["blind"]["flips"] == 0 < mean["not blind"]["flips"]
    agree = (
        f"fairlearn's values are the same within {apart:.0e}"
        if compared
        else "fairlearn is not installed and was not compared"
    )
    return Row(
        "H1-10",
        CLAIMS["H1-10"],
        "text",
        f"decisions that favoured one of two groups, {seeds} seeds: "
        + "; ".join(
            f"{name}: disparate impact {one['impact']:.2f}, largest gap of equalised odds {one['odds']:.2f}, {one['flips']:.0%} of decisions change with the group alone"
            for name, one in mean.items()
        ) + f"; the adversary raises the ratio by {gap:.2f} [{low:.2f}, {high:.2f}]",
        "reproduced" if right else "differs",
        f"{agree}. A model that does not see the group still treats it otherwise where an input stands for it: blindness is no fairness. An adversary that reads the score serves disparate impact; equalised odds, judged by the decisions of the past, need one that also knows them. Agreement with merit, which "
        f"the decisions of the past hid: " + ", ".join(f"{name} {one['right']:.3f}" for name, one in mean.items()),
        {f"{name} {key}": value for name, one in mean.items() for key, value in one.items()} | {"apart": apart, "low": low},
    )  # fmt: skip


def _quality(seeds: int) -> Row:
    found, repaired = 0, 0
    outliers: list[Any] = []
    robust: list[Any] = []
    squared: list[Any] = []
    for seed in range(seeds):
        table = _table(seed)
        data = lossmith.load(table, target="bought")
        roles = {column.name: column for column in data.columns}
        missing = table["a"].null_count()
        found += (
            roles["a"].n_missing == missing
            and roles["number"].kind == "identifier"
            and roles["version"].kind == "constant"
            and all(roles[name].role == "feature" for name in ("a", "b", "city"))
        )
        values = lossmith.data.fit_encoder(data, np.arange(300)).transform(data.features)
        repaired += bool(np.isfinite(values).all())
        rng = np.random.default_rng([503, seed])
        x = rng.normal(size=(300, 1))
        y = 2 * x[:, 0] + rng.normal(0, 0.3, 300)
        planted = rng.choice(300, 15, replace=False)
        y[planted] += 20
        spread = np.abs(y - np.median(y))
        listed = np.flatnonzero(0.6745 * spread / np.median(spread) > 3.5)  # modified z (Iglewicz, Hoaglin, 1993)
        outliers.append(len(set(listed) & set(planted)) / len(set(listed) | set(planted)))
        for loss, kept in (("huber", robust), ("mean_squared_error", squared)):
            model = lossmith.estimators.LossRegressor(
                loss=loss, model="mlp:hidden=8", epochs=40, random_state=seed
            ).fit(x, y)
            kept.append(float(np.mean((model.predict(x) - 2 * x[:, 0]) ** 2)))
    gap, low, high = difference(np.array(squared), np.array(robust))
    right = found == repaired == seeds and low > 0
    return Row(
        "H1-11",
        CLAIMS["H1-11"],
        "text",
        f"{seeds} made tables: missing values counted, identifier and constant named in {found}, nothing missing after encoding in {repaired}; modified z finds {np.mean(outliers):.0%} of "
        f"planted outliers (of those listed or planted); squared error of the true curve with 5 % outliers: squared loss {np.mean(squared):.2f}, Huber {np.mean(robust):.2f}, "
        f"difference {gap:.2f} [{low:.2f}, {high:.2f}]",
        "reproduced" if right else "differs",
        f"`lossmith data` names missing values, constants, identifiers and imbalance, and says what it did; outliers are met by the loss, not removed. "
        f"Huber's loss: {with_interval(np.array(robust))[0]}",
        {"found": found / seeds, "repaired": repaired / seeds, "outliers": float(np.mean(outliers)), "squared": float(np.mean(squared)), "huber": float(np.mean(robust)), "low": low},
    )  # fmt: skip


STUDY = Study(
    name="data_and_fairness",
    source="H1",
    title="Modelling without hands, fairness, and the quality of data",
    claims=tuple(CLAIMS),
    run=run,
    by_claim=True,
    reference="Handbook of Deep Learning Models, Volume One, chapter 1, sections 1.4 and 1.6",
)
