"""Kullback-Leibler divergence from distances to nearest neighbours, its bias extrapolated away over the number of neighbours.

The estimator of Wang, Kulkarni and Verdu compares, for every x, the distance to its k-th neighbour among the other x with
that among the y. Its bias grows with k as a power of k: about k^(2/d) in d dimensions. The weighted mean over k = 1 ... K
whose weights add up to 1 and annul that power loses the bias and keeps the small variance of large k (the ensemble idea of Moon,
Sricharan, Greenewald and Hero).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "centred",
    "NeighbourEstimate",
    "entropy_curve",
    "neighbour_curve",
    "neighbour_kl",
    "spread_ties",
    "whitened",
]

NEIGHBOURS = 20


@dataclass(frozen=True, slots=True)
class NeighbourEstimate:
    """An estimate in nats, and the same with half the exponent: how far apart they are tells how much is extrapolated."""

    value: float
    slower: float


def _weights(n_neighbours: int, exponent: float) -> np.ndarray:
    """Return the smallest weights over k that add up to 1 and annul `k^exponent`."""
    k = np.arange(1, n_neighbours + 1)
    if n_neighbours < 3:
        return np.full(n_neighbours, 1 / n_neighbours)
    rows = np.array([np.ones(n_neighbours), k**exponent])
    return np.linalg.lstsq(rows, np.array([1.0, 0.0]), rcond=None)[0]


def _extrapolated(curve: np.ndarray, dimension: int) -> NeighbourEstimate:
    exponent = min(1.0, 2 / dimension)
    value, slower = (float(curve @ _weights(curve.size, power)) for power in (exponent, exponent / 2))
    return NeighbourEstimate(value, slower)


def centred(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both samples about a common middle and within [-1, 1] in every feature: the divergence is the same, and no square overflows."""
    pooled = np.concatenate([x, y])
    middle = np.median(pooled, axis=0)
    reach = np.max(np.abs(pooled - middle), axis=0)
    reach = np.where(reach > 0, reach, 1.0)
    return (x - middle) / reach, (y - middle) / reach


def whitened(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both samples in coordinates in which their mean covariance is the identity: the divergence is the same."""
    if x.shape[1] == 1:
        scale = math.sqrt((x.var() + y.var()) / 2)
        return (x / scale, y / scale) if scale > 0 else (x, y)
    covariance = (np.cov(x.T) + np.cov(y.T)) / 2
    values, vectors = np.linalg.eigh(covariance)
    # directions in which nothing varies carry no density; they are left as they are
    scales = np.where(values > 1e-12 * values.max(), values, 1.0) ** -0.5
    return x @ vectors * scales, y @ vectors * scales


def spread_ties(values: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return rows of shape (n, n_features), spread at random over half of the smallest step if any repeat, and the share that repeats.

    Repeated rows are rounded ones: a distance of 0 between them says nothing about a density.
    """
    repeated = 1 - len(np.unique(values, axis=0)) / len(values)
    if repeated == 0:
        return values, 0.0
    steps = np.array([_step(column) for column in values.T])
    return values + steps * generator.uniform(-0.5, 0.5, values.shape), repeated


def _step(values: np.ndarray) -> float:
    different = np.unique(values)
    return float(np.min(np.diff(different))) if different.size > 1 else 0.0


def _tree(points: np.ndarray) -> Any:
    from scipy.spatial import cKDTree

    tree = cKDTree(points, leafsize=32)
    # rows in the order of the leaves lie next to each other in memory, which saves more than building it twice costs
    return cKDTree(points[tree.indices], leafsize=32)


def _distances(tree: Any, queries: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return the distances to the `first`-th to `last`-th neighbour, of shape (n_queries, last - first + 1)."""
    return tree.query(queries, k=np.arange(first, last + 1), workers=-1)[0]


def _some(tree: Any, places: int | None, generator: np.random.Generator | None) -> np.ndarray:
    """Return so many of the tree's rows, drawn at random, in its order."""
    # neighbours asked for one after the other share the branches that are in the cache
    rows = np.asarray(tree.data)
    if places is None or generator is None or places >= len(rows):
        return rows
    return rows[np.sort(generator.choice(len(rows), places, replace=False))]


def neighbour_curve(
    x: np.ndarray,
    y: np.ndarray,
    n_neighbours: int = NEIGHBOURS,
    *,
    places: int | None = None,
    generator: np.random.Generator | None = None,
) -> np.ndarray:
    """Return the estimates with k = 1 ... n_neighbours; no two rows may be equal.

    With `places`, the mean is taken over so many rows of x, drawn at random; all rows still are neighbours.
    """
    n, dimension = x.shape
    most = max(1, min(n_neighbours, (n - 1) // 2, len(y) // 2))
    tree = _tree(x)
    ordered = _some(tree, places, generator)
    own = _distances(tree, ordered, 2, most + 1)
    other = _distances(_tree(y), ordered, 1, most)
    return dimension * np.mean(np.log(other) - np.log(own), axis=0) + math.log(len(y) / (n - 1))


def neighbour_kl(
    x: np.ndarray, y: np.ndarray, *, places: int | None = None, generator: np.random.Generator | None = None
) -> NeighbourEstimate:
    """Return the estimated divergence of y's law from x's; `places` as in `neighbour_curve`."""
    return _extrapolated(neighbour_curve(x, y, places=places, generator=generator), x.shape[1])


def entropy_curve(
    x: np.ndarray,
    n_neighbours: int = NEIGHBOURS,
    *,
    places: int | None = None,
    generator: np.random.Generator | None = None,
) -> NeighbourEstimate:
    """Return the estimated differential entropy of x's law (Kozachenko and Leonenko), extrapolated in the same way.

    `places` as in `neighbour_curve`.
    """
    from scipy.special import digamma

    n, dimension = x.shape
    most = max(1, min(n_neighbours, (n - 1) // 2))
    tree = _tree(x)
    own = _distances(tree, _some(tree, places, generator), 2, most + 1)
    ball = dimension / 2 * math.log(math.pi) - math.lgamma(dimension / 2 + 1)
    curve = dimension * np.mean(np.log(own), axis=0) + ball + math.log(n - 1) - digamma(np.arange(1, most + 1))
    return _extrapolated(curve, dimension)
