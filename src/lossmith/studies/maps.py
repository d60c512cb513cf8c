"""H-S01 to H-S08: self-organizing maps, the worked example and the credit applications of the handbook's chapter 8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from lossmith.studies._rows import confirmed, faulty, find, not_run, shown
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["STUDY"]

CREDIT = "credit-card-applications/Credit_Card_Applications.csv"
SEEDS = 5
INPUT = np.array([0.7, 0.6, 0.9])
NODES = np.array(
    [[0.31, 0.22, 0.10], [0.21, 0.34, 0.19], [0.39, 0.42, 0.45], [0.25, 0.32, 0.62], [0.24, 0.31, 0.16],
     [0.52, 0.33, 0.42], [0.31, 0.22, 0.10], [0.12, 0.41, 0.19], [0.34, 0.40, 0.51]]
)  # fmt: skip
CLAIMS = {
    "H-S01": "a map of one's own: grid, best unit, decays, neighbourhood",
    "H-S02": "worked example: the winner is node 3 at distance 0.4",
    "H-S03": "four rules for the first radius",
    "H-S04": "map of distances with markers of the classes",
    "H-S05": "fraud by outlying cells: customers listed",
    "H-S06": "the file holds 284,807 card transactions with 492 frauds",
    "H-S07": "quantization and topographic error are promised and missing",
    "H-S08": "new applications mapped; clusters; does a cell tell the class",
}

Progress = Callable[[float, int, str, str], None]


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:
    """Measure every claim; those on credit applications need the file."""
    rows = [_own_map(quick), *_worked_example(), _radii()]
    path = find(CREDIT)
    if path is None:
        rows += [not_run(claim, CLAIMS[claim], CREDIT) for claim in ("H-S04", "H-S05", "H-S06", "H-S07", "H-S08")]
        return StudyResult("maps", tuple(rows))
    if progress is not None:
        progress(1, 2, "training", "credit applications")
    found, figures = _credit(pl.read_csv(path))
    return StudyResult("maps", (*rows, *found), figures)


def _own_map(quick: bool) -> Row:
    from sklearn.datasets import load_iris
    from sklearn.preprocessing import StandardScaler

    from lossmith.estimators import SelfOrganizingMap

    X = StandardScaler().fit_transform(load_iris().data)
    seeds = range(3 if quick else 10)
    measured = {}
    for grid in ("rectangular", "hexagonal"):
        maps = SelfOrganizingMap(grid=grid, initial="sample").fit_seeds(X, list(seeds))
        errors = np.array([(som.quantization_error_, som.topographic_error_) for som in maps])
        measured[grid] = errors.mean(axis=0)
    text = "; ".join(f"{grid}: quantization {q:.3f}, topographic {t:.3f}" for grid, (q, t) in measured.items())
    values = {
        f"{grid}_{name}": float(v)
        for grid, pair in measured.items()
        for name, v in zip(("qe", "te"), pair, strict=True)
    }
    return shown("H-S01", CLAIMS["H-S01"], f"iris, 10 x 10, mean of {len(seeds)} seeds: {text}", values)


def _worked_example() -> list[Row]:
    distances = np.linalg.norm(NODES - INPUT, axis=1)
    winner = int(distances.argmin()) + 1
    moved = NODES[2] + 0.5 * (INPUT - NODES[2])
    other = NODES[8] + 0.5 * (INPUT - NODES[8])
    return [
        faulty(
            "H-S02",
            CLAIMS["H-S02"],
            "node 3, distance 0.4; update (0.545, 0.51, 0.675)",
            f"node {winner}, distance {distances.min():.4f}; node 3 is at {distances[2]:.4f}",
            {"winner": winner, "distance": float(distances.min()), "third": float(distances[2])},
            wrong=winner != 3,
            remark=f"the printed update ({moved[0]:.3f}, {moved[1]:.2f}, {moved[2]:.3f}) is right for node 3; the winner moves to "
            f"({other[0]:.2f}, {other[1]:.2f}, {other[2]:.3f}); the text calls the same node 3 and 4",
        )
    ]


def _radii() -> Row:
    from lossmith.estimators import suggest_radius

    X = np.random.default_rng(0).normal(size=(100, 3))
    found = [
        suggest_radius(X, rows=10, columns=10, rule="standardized"),
        suggest_radius(X, rows=10, columns=10, rule="unit interval"),
        suggest_radius(X, rows=10, columns=10),
        suggest_radius(X, rows=100, columns=100),
    ]
    return confirmed("H-S03", CLAIMS["H-S03"], "4, 1, 5, 50", found, [4, 1, 5, 50], within=0)


def _credit(table: pl.DataFrame) -> tuple[list[Row], dict[str, str]]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import cross_val_score
    from sklearn.preprocessing import MinMaxScaler

    from lossmith.estimators import SelfOrganizingMap
    from lossmith.report import estimator_pictures as pictures

    names = [f"A{place}" for place in range(1, 15)]
    X = MinMaxScaler().fit_transform(table.select(names).to_numpy().astype(float))
    y = table["Class"].to_numpy()
    # the schedule of the source's package: radius 1, rate 0.5, asymptotic decays, 20 passes; as many seeds as the peer gets, all trained together
    maps = SelfOrganizingMap(
        rows=10, columns=10, training="online", initial="sample", radius=1.0, learning_rate=0.5, decay="asymptotic"
    ).fit_seeds(X, range(SEEDS))
    means = np.mean([(one.quantization_error_, one.topographic_error_) for one in maps], axis=0)
    som = min(maps, key=lambda one: one.quantization_error_)
    approved = np.where(y == 1, "approved", "refused")
    cells = som.outlier_cells()
    # cells that stand apart by the modified z; where the map has none, those above the mean by two deviations, as many do by eye
    threshold = 3.5 if cells.any() else 2.0
    listed = som.outliers(X, ids=table["CustomerID"].to_numpy(), original=table.drop("CustomerID"), threshold=threshold)
    agreement = _agreement(
        [set(one.outliers(X, ids=table["CustomerID"].to_numpy(), threshold=2.0)["id"]) for one in maps]
    )
    batch = SelfOrganizingMap(rows=10, columns=10, random_state=0).fit(X)
    peers = _minisom(X)
    cell_class = _cell_majority(som.predict(X), y)
    clusters = som.cluster(4)[som.predict(X)]
    new = som.winners(X[:1])[0]
    forest = float(cross_val_score(RandomForestClassifier(random_state=0), X, y, cv=5).mean())
    rows = [
        shown(
            "H-S04", CLAIMS["H-S04"], f"drawn; {int(cells.sum())} of 100 cells stand apart (modified z above 3.5)",
            {"cells": float(cells.sum())}, figure="maps-credit.svg",
        ),
        faulty(
            "H-S05", CLAIMS["H-S05"], "customers of white cells are fraud",
            f"{len(listed)} customers in outlying cells (z above {threshold:g}), {int((listed['Class'] == 1).sum())} of them approved; "
            f"of the customers that one of five seeds lists, another lists {agreement:.0%}",
            {"customers": float(len(listed)), "approved": float((listed["Class"] == 1).sum()), "agreement": agreement},
            wrong=agreement < 0.5 and bool((listed["Class"] == 1).any()),
            remark="listed with ids and original values in maps-credit-outliers.csv; who is listed is chance of the map and not a property of the customer; "
            "the source reads columns 13 and 14 of 12, and its labels are approvals: nothing in the file says who is a fraud",
            figure="maps-credit.svg",
        ),
        faulty(
            "H-S06", CLAIMS["H-S06"], "284,807 rows, 492 frauds",
            f"{len(table)} rows of {len(names)} attributes, {int(y.sum())} approved",
            {"rows": float(len(table)), "approved": float(y.sum())}, wrong=len(table) != 284_807,
            remark="two data sets are mixed: the description is of card transactions, the file of Australian credit approvals",
        ),
        shown(
            "H-S07", CLAIMS["H-S07"],
            f"quantization {som.quantization_error_:.4f}, topographic {som.topographic_error_:.4f}, the map of least quantization error of five seeds (means {means[0]:.4f} and {means[1]:.4f}); "
            f"batch map with default radii {batch.quantization_error_:.4f}, {batch.topographic_error_:.4f}",
            {"qe": som.quantization_error_, "te": som.topographic_error_, "batch_qe": batch.quantization_error_, "batch_te": batch.topographic_error_, **peers},
            remark=f"MiniSom with the same schedule and as many seeds: least {peers['minisom_qe']:.4f} and {peers['minisom_te']:.4f}, means {peers['minisom_mean_qe']:.4f} and {peers['minisom_mean_te']:.4f}" if peers else "",
        ),
        shown(
            "H-S08", CLAIMS["H-S08"],
            f"customer {table['CustomerID'][0]} falls into cell ({new[0]}, {new[1]}); the majority of its cell names the class of {cell_class:.1%} of rows, a forest (cross-validated) {forest:.1%}",
            {"cell_accuracy": cell_class, "forest": forest, "clusters": float(len(set(clusters.tolist())))},
            remark="the share by cells is of rows that the map has seen",
        ),
    ]  # fmt: skip
    figures = {
        "maps-credit.svg": pictures.drawn(som.map(X, approved).plot(), "credit applications on a map"),
        "maps-credit-outliers.csv": listed.write_csv(),
    }
    return rows, figures


def _agreement(listed: list[set[Any]]) -> float:
    """Return the mean over ordered pairs of seeds: the share of what one lists that the other lists too."""
    shares = [len(one & other) / len(one) for one in listed for other in listed if one is not other and one]
    return float(np.mean(shares)) if shares else 0.0


def _cell_majority(units: np.ndarray, y: np.ndarray) -> float:
    counts = np.zeros((units.max() + 1, 2))
    np.add.at(counts, (units, y), 1)
    return float(counts.max(axis=1).sum() / len(y))


def _minisom(X: np.ndarray) -> dict[str, float]:
    """Return MiniSom's best errors of five seeds, or nothing where it is not installed."""
    try:
        from minisom import MiniSom  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return {}
    from lossmith.estimators._som_grid import make_grid
    from lossmith.estimators._som_quality import distances_to_units, quantization_error, topographic_error

    grid, found = make_grid(10, 10, "rectangular", "planar"), []
    for seed in range(SEEDS):
        som: Any = MiniSom(10, 10, X.shape[1], sigma=1.0, learning_rate=0.5, random_seed=seed)
        som.random_weights_init(X)
        som.train_random(X, 20 * len(X))
        distances = distances_to_units(X, som.get_weights().reshape(100, -1), "euclidean")
        found.append((quantization_error(distances), topographic_error(distances, grid)))
    best, mean = np.array(found).min(axis=0), np.array(found).mean(axis=0)
    return {
        "minisom_qe": float(best[0]),
        "minisom_te": float(best[1]),
        "minisom_mean_qe": float(mean[0]),
        "minisom_mean_te": float(mean[1]),
    }


STUDY = Study(
    name="maps",
    source="H-S",
    title="Self-organizing maps: the worked example and credit applications",
    claims=tuple(CLAIMS),
    run=run,
    reference="Handbook of Deep Learning Models, Volume One, chapter 8",
)
