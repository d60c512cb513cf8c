"""How good a map is: quantization error, topographic error with ties, trustworthiness and continuity."""

from __future__ import annotations

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.estimators._som_grid import Grid

__all__ = ["continuity", "distances_to_units", "quantization_error", "topographic_error", "trustworthiness"]

# distances that differ by less than this share are one: units that coincide are tied
TIE = 1e-9


def distances_to_units(rows: np.ndarray, units: np.ndarray, distance: str) -> np.ndarray:
    """Return distances `(n_samples, n_units)`, over the values that are there and scaled to all features."""
    missing = np.isnan(rows)
    if not missing.any():
        from scipy.spatial.distance import cdist

        names = {"euclidean": "euclidean", "manhattan": "cityblock", "cosine": "cosine"}
        return np.asarray(cdist(rows, units, names[distance]))
    x, m = np.where(missing, 0.0, rows), (~missing).astype(float)
    weight = rows.shape[1] / m.sum(axis=1, keepdims=True)
    if distance == "manhattan":
        return np.stack([(np.abs(x - unit) * m).sum(axis=1) for unit in units], axis=1) * weight
    if distance == "cosine":
        lengths = np.sqrt((x**2).sum(axis=1, keepdims=True) * (m @ (units**2).T))
        return 1.0 - (x @ units.T) / np.maximum(lengths, np.finfo(float).tiny)
    squares = (x**2).sum(axis=1, keepdims=True) - 2.0 * x @ units.T + m @ (units**2).T
    return np.sqrt(np.maximum(squares, 0.0) * weight)


def quantization_error(distances: np.ndarray) -> float:
    """Return the mean distance of rows to their best unit.

    Examples
    --------
    >>> quantization_error(np.array([[1.0, 2.0], [4.0, 3.0]]))
    2.0
    """
    return float(distances.min(axis=1).mean())


def topographic_error(distances: np.ndarray, grid: Grid) -> float:
    """Return the share of rows whose best and second-best units are not neighbours on the grid.

    Where several units tie for a place, a row is an error only if no choice among them makes neighbours: on a map with
    coinciding units an arbitrary pick would count rounding.

    Source: Kiviluoto, Topology preservation in self-organizing maps, 1996.

    Examples
    --------
    >>> from lossmith.estimators._som_grid import make_grid
    >>> line = make_grid(1, 3, "rectangular", "planar")
    >>> topographic_error(np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]), line)
    0.5
    """
    if grid.n_units < 2:
        return 0.0
    size = np.maximum(np.abs(distances).max(axis=1, keepdims=True), np.finfo(float).tiny)
    first = distances.min(axis=1, keepdims=True)
    tied = distances <= first + TIE * size
    rest = np.where(tied, np.inf, distances)
    next_ = rest.min(axis=1, keepdims=True)
    second = (rest <= next_ + TIE * size) & np.isfinite(rest)
    several = tied.sum(axis=1) > 1
    reach = tied.astype(np.float32) @ grid.adjacent.astype(np.float32) > 0
    fine = np.where(several, (reach & tied).any(axis=1), (reach & second).any(axis=1))
    return float(1.0 - fine.mean())


def _ranks(distances: np.ndarray) -> np.ndarray:
    """Return the rank of every other row by distance, 1 for the nearest; own rank 0."""
    order = np.argsort(distances, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(order))[None], axis=1)
    return ranks


def trustworthiness(distances: np.ndarray, embedded: np.ndarray, k: int) -> float:
    r"""Return how far neighbours on the map are neighbours in the data: 1 is perfect.

    $1 - \frac{2}{n k (2n - 3k - 1)} \sum_i \sum_{j \in U_k(i)} (r(i, j) - k)$: U are rows among the k nearest on the
    map but not in the data, r their rank in the data.

    Parameters
    ----------
    distances, embedded : ndarray of shape (n_samples, n_samples)
        In the data and on the map; zero on the diagonal.

    Source: Venna, Kaski, Neighborhood preservation in nonlinear projection methods, 2001.
    """
    n = len(distances)
    if not 1 <= k < n / 2:
        raise InvalidInputError(f"k={k} of {n} rows", expected="at least 1 and less than half of the rows")
    near = embedded.copy()
    true = distances.copy()
    for matrix in (near, true):
        np.fill_diagonal(matrix, -1.0)  # a row is its own nearest, whoever coincides with it
    data, shown = _ranks(true), _ranks(near)
    intruders = (shown >= 1) & (shown <= k) & (data > k)
    return float(1.0 - 2.0 * (data - k)[intruders].sum() / (n * k * (2 * n - 3 * k - 1)))


def continuity(distances: np.ndarray, embedded: np.ndarray, k: int) -> float:
    """Return how far neighbours in the data are neighbours on the map: trustworthiness with the two exchanged."""
    return trustworthiness(embedded, distances, k)
