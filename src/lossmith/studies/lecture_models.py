"""N-09 to N-14: neighbours, folds, a confusion matrix, k-means, PCA and support vectors of the lecture notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score, train_test_split

import lossmith
from lossmith.studies._rows import confirmed, shown
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["STUDY"]

CLAIMS = {
    "N-09": "maps of 1 and 5 neighbours, ties left white",
    "N-10": "K-fold cross-validation, repeated, with a hold-out set",
    "N-11": "confusion matrix 118 / 12 / 47 / 15",
    "N-12": "k-means from random rows, several restarts",
    "N-13": "PCA: the fewest components that lose 1 % of the variance",
    "N-14": "largest margin; rows on a line lifted by a square",
}

Progress = Callable[[float, int, str, str], None]


def _model(name: str, task: str, *, seed: int = 0) -> Any:
    return lossmith.estimators.classical(name).estimator(task, seed=seed)


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:
    """Measure every claim on generated data and iris; `quick` uses fewer restarts."""
    if progress is not None:
        progress(0, 1, "training", "models of the lecture notes")
    rows: list[Row] = []
    figures: dict[str, str] = {}
    for part in (_neighbours, _folds, _matrix, _k_means, _pca, _margins):
        found, pictures = part(quick)
        rows.append(found)
        figures |= pictures
    return StudyResult("lecture_models", tuple(rows), figures)


def _neighbours(_quick: bool) -> tuple[Row, dict[str, str]]:
    from lossmith.report import estimator_pictures as pictures

    X, y = datasets.make_blobs(120, 2, centers=3, cluster_std=1.8, random_state=2)
    models = {f"k = {k}": _model(f"knn:n_neighbors={k}", "multiclass").fit(X, y) for k in (1, 5)}
    ties = {name: pictures.undecided_share(model, X) for name, model in models.items()}
    row = shown(
        "N-09", CLAIMS["N-09"], f"white: {ties['k = 1']:.1%} of the map with one neighbour, {ties['k = 5']:.1%} with five",
        {"one": ties["k = 1"], "five": ties["k = 5"]}, figure="lecture-neighbours.svg",
    )  # fmt: skip
    return row, {"lecture-neighbours.svg": pictures.regions(models, X, y, title="nearest neighbours, ties white")}


def _folds(quick: bool) -> tuple[Row, dict[str, str]]:
    X, y = datasets.load_iris(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
    repeats = RepeatedStratifiedKFold(n_splits=5, n_repeats=2 if quick else 10, random_state=0)
    scores = {
        k: cross_val_score(_model(f"knn:n_neighbors={k}", "multiclass"), train, y_train, cv=repeats).mean()
        for k in (1, 5, 15, 45)
    }
    best = max(scores, key=lambda k: float(scores[k]))
    held = float(_model(f"knn:n_neighbors={best}", "multiclass").fit(train, y_train).score(test, y_test))
    text = ", ".join(f"{k}: {value:.3f}" for k, value in scores.items())
    return shown(
        "N-10",
        CLAIMS["N-10"],
        f"neighbours chosen by five repeated folds ({text}): {best}; on the hold-out rows {held:.3f}",
        {"best": float(best), "held_out": held},
    ), {}


def _matrix(_quick: bool) -> tuple[Row, dict[str, str]]:
    table = lossmith.estimators.Confusion(("0", "1"), np.array([[118, 12], [47, 15]]))
    line = table.table().to_dicts()[1]
    found = [table.accuracy, line["precision"], line["recall"]]
    row = confirmed(
        "N-11", CLAIMS["N-11"], "n = 192; accuracy, precision and recall follow", found, [133 / 192, 15 / 27, 15 / 62], within=1e-12,
        remark=f"accuracy {table.accuracy:.4f} against a majority of {table.majority_rate:.4f}",
    )  # fmt: skip
    return row, {}


def _k_means(quick: bool) -> tuple[Row, dict[str, str]]:
    from sklearn.cluster import KMeans

    from lossmith.report import estimator_pictures as pictures

    X, _ = datasets.make_blobs(300, 2, centers=4, random_state=3)
    starts = 20 if quick else 100
    costs = [KMeans(4, init="random", n_init=1, random_state=seed).fit(X).inertia_ / len(X) for seed in range(starts)]
    share = float(np.mean(np.isclose(costs, min(costs), rtol=1e-6)))
    centers = [X[np.random.default_rng(1).choice(len(X), 4, replace=False)]]
    for _ in range(3):
        nearest = ((X[:, None] - centers[-1][None]) ** 2).sum(axis=2).argmin(axis=1)
        previous = centers[-1]
        centers.append(
            np.stack([X[nearest == k].mean(axis=0) if (nearest == k).any() else previous[k] for k in range(4)])
        )
    row = shown(
        "N-12", CLAIMS["N-12"], f"J between {min(costs):.3f} and {max(costs):.3f} over {starts} starts; {share:.0%} reach the least",
        {"least": float(min(costs)), "most": float(max(costs)), "share": share}, remark="the same result many times suggests the global minimum, and is no proof", figure="lecture-k-means.svg",
    )  # fmt: skip
    return row, {"lecture-k-means.svg": pictures.k_means_steps(X, centers, title="steps of k-means")}


def _pca(_quick: bool) -> tuple[Row, dict[str, str]]:
    from lossmith.report import estimator_pictures as pictures

    X, y = datasets.load_iris(return_X_y=True)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    full = _model("pca", "reduction").fit(scaled)
    kept = np.cumsum(full.explained_variance_ratio_)
    count = int(np.searchsorted(kept, 0.99) + 1)
    projected = full.transform(scaled)[:, :count]
    lost = float(((scaled - (projected @ full.components_[:count] + full.mean_)) ** 2).sum() / (scaled**2).sum())
    row = shown(
        "N-13", CLAIMS["N-13"], f"iris, standardised: {count} of 4 components lose {lost:.2%}; two keep {kept[1]:.1%}",
        {"components": float(count), "lost": lost}, figure="lecture-pca.svg",
    )  # fmt: skip
    two, three = scaled[:, [2, 3]], scaled[:, :3]
    panels = {
        "two inputs": (two, y),
        "2 to 1": (_model("pca:n_components=1", "reduction").fit_transform(two), y),
        "3 to 2": (_model("pca:n_components=2", "reduction").fit_transform(three), y),
    }
    return row, {"lecture-pca.svg": pictures.projections(panels, title="principal components of iris")}


def _margins(_quick: bool) -> tuple[Row, dict[str, str]]:
    from lossmith.report import estimator_pictures as pictures

    X, y = datasets.make_blobs(60, 2, centers=2, random_state=0, cluster_std=0.6)
    machine = _model("svm:kernel=linear,C=1000.0", "binary").fit(X, y)
    width = float(2 / np.linalg.norm(machine.coef_))
    # the margin is the distance of the two convex hulls, where nothing is on the wrong side
    x = np.linspace(-2, 2, 41)
    inner = (np.abs(x) > 1).astype(int)
    line = float(_model("svm:kernel=linear", "binary").fit(x[:, None], inner).score(x[:, None], inner))
    lifted = np.column_stack([x, x**2])
    above = float(_model("svm:kernel=linear,C=1000.0", "binary").fit(lifted, inner).score(lifted, inner))
    row = shown(
        "N-14", CLAIMS["N-14"], f"margin {width:.3f} on {len(machine.support_)} support vectors; rows on a line: {line:.3f} right as they are, {above:.3f} lifted by their square",
        {"margin": width, "line": line, "lifted": above}, figure="lecture-margins.svg",
    )  # fmt: skip
    return row, {
        "lecture-margins.svg": pictures.margins(machine, X, y, title="largest margin"),
        "lecture-lifting.svg": pictures.lifting(x, inner, title="lifting"),
    }


STUDY = Study(
    name="lecture_models",
    source="N",
    title="Neighbours, folds, k-means, PCA and support vectors",
    claims=tuple(CLAIMS),
    run=run,
    reference="Introduction to Machine Learning, lecture notes",
)
