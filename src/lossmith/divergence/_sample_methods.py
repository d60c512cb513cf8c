"""Ways from two samples to a divergence that are not nearest neighbours: bins, kernels, classifiers."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.divergence._smoothing import probabilities
from lossmith.divergence._spec import Divergence

__all__ = ["Ratio", "atoms", "binned", "bound", "by_kernels", "log_ratios"]


def atoms(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the counts of every different row on both sides, and the rows as text."""
    rows, inverse = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True)
    inverse = inverse.ravel()
    counts = [np.bincount(part, minlength=len(rows)) for part in (inverse[: len(x)], inverse[len(x) :])]
    names = [", ".join(f"{value:g}" for value in row) for row in rows]
    return counts[0], counts[1], names


def binned(x: np.ndarray, y: np.ndarray, bins: int | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the counts in bins that hold equal shares of both samples together, open at both ends.

    Raises
    ------
    InvalidInputError
        More than one dimension.
    """
    if x.shape[1] > 1:
        raise InvalidInputError(
            f"a histogram of {x.shape[1]} features",
            expected="one feature",
            advice="use nearest_neighbours or classifier",
        )
    count = bins or max(2, math.ceil(2 * min(len(x), len(y)) ** 0.4))
    pooled = np.concatenate([x[:, 0], y[:, 0]])
    edges = np.unique(np.quantile(pooled, np.linspace(0, 1, count + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, side[:, 0], side="right"), minlength=edges.size + 1) for side in (x, y)
    ]
    ends = ["-inf", *(f"{edge:.4g}" for edge in edges), "inf"]
    return counts[0], counts[1], [f"[{low}, {high})" for low, high in itertools.pairwise(ends)]


def from_counts(record: Divergence, one: np.ndarray, two: np.ndarray, smoothing: str) -> Any:
    """Return the divergence of smoothed counts of shape (..., n_values), in nats."""
    return record(probabilities(one, smoothing=smoothing), probabilities(two, smoothing=smoothing))


def by_kernels(x: np.ndarray, y: np.ndarray) -> float:
    """Return the mean log-ratio of two Gaussian kernel densities at x, each x left out of its own density (Scott's widths)."""
    from sklearn.neighbors import KernelDensity

    n, dimension = x.shape
    logs = []
    for points in (x, y):
        width = len(points) ** (-1 / (dimension + 4)) * math.sqrt(float(np.mean(np.var(points, axis=0))))
        logs.append((KernelDensity(bandwidth=width, rtol=1e-6).fit(points).score_samples(x), width))
    (own, width), (other, _) = logs
    itself = -dimension / 2 * math.log(2 * math.pi) - dimension * math.log(width) - math.log(n)
    with np.errstate(divide="ignore"):
        left_out = own + np.log1p(-np.exp(np.minimum(itself - own, -1e-12))) + math.log(n / (n - 1))
    floor = itself - 745.0
    return float(np.mean(np.maximum(left_out, floor) - np.maximum(other, floor)))


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """Held-out estimates of log(p / q): at the rows of x and of y."""

    at_x: np.ndarray
    at_y: np.ndarray


def log_ratios(x: np.ndarray, y: np.ndarray, *, seed: int, folds: int = 5) -> Ratio:
    """Return log(p / q) as a classifier sees it: logistic regression on the features, their squares and products, each fold held out."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    generator = np.random.default_rng(seed)
    fold_x, fold_y = (generator.permutation(len(side)) % folds for side in (x, y))
    ratio = Ratio(np.empty(len(x)), np.empty(len(y)))
    for fold in range(folds):
        train_x, train_y = x[fold_x != fold], y[fold_y != fold]
        model: Any = make_pipeline(
            StandardScaler(),
            PolynomialFeatures(2, include_bias=False),
            StandardScaler(),
            LogisticRegression(C=10.0, max_iter=500),
        )
        model.fit(np.concatenate([train_x, train_y]), np.repeat([1, 0], [len(train_x), len(train_y)]))
        prior = math.log(len(train_y) / len(train_x))
        ratio.at_x[fold_x == fold] = model.decision_function(x[fold_x == fold]) + prior
        ratio.at_y[fold_y == fold] = model.decision_function(y[fold_y == fold]) + prior
    return ratio


def bound(ratio: Ratio, kind: str) -> tuple[float, float]:
    """Return a variational lower bound (in nats) from held-out log-ratios, and its standard error."""
    n, m = ratio.at_x.size, ratio.at_y.size
    mean, spread = float(np.mean(ratio.at_x)), float(np.var(ratio.at_x, ddof=1)) / n
    weights = np.exp(np.minimum(ratio.at_y, 700.0))
    total = float(np.mean(weights))
    if kind == "nguyen_wainwright_jordan":
        return mean - total + 1, math.sqrt(spread + float(np.var(weights, ddof=1)) / m)
    return mean - math.log(total), math.sqrt(spread + float(np.var(weights, ddof=1)) / m / total**2)
