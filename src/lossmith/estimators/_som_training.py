"""Training of maps: where units start, the batch map by matrix products, and the online rule compiled.

Several maps of one data set are trained together: their units stand side by side in every product.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from lossmith.estimators._som_grid import Grid, neighbourhood

__all__ = ["Rows", "best_units", "start_units", "train_batch", "train_online"]

# numbers in a block of scores: what stays in the cache of a core
BLOCK = 2**15


class Rows:
    """Rows to learn from: numbers with zeros where they miss, and where they are there.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_features)
    present : ndarray of the same shape, or None
        1 where there is a number; None where there always is.
    """

    __slots__ = ("present", "values")

    def __init__(self, values: np.ndarray, dtype: Any = np.float64) -> None:
        missing = np.isnan(values)
        self.present = (~missing).astype(dtype) if missing.any() else None
        self.values = np.where(missing, 0.0, values).astype(dtype)

    def __len__(self) -> int:
        return len(self.values)


def start_units(
    rows: np.ndarray, grid: Grid, rule: str, rng: np.random.Generator, *, distance: str = "euclidean"
) -> np.ndarray:
    """Return where units start: on the plane of the first two principal components, uniform in the range, or on rows.

    Missing values count as the mean of their column.
    """
    mean = np.nanmean(rows, axis=0)
    whole = np.where(np.isnan(rows), mean, rows)
    if rule == "sample":
        found = whole[rng.choice(len(whole), grid.n_units, replace=len(whole) < grid.n_units)]
    elif rule == "random":
        found = rng.uniform(whole.min(axis=0), whole.max(axis=0), (grid.n_units, rows.shape[1]))
    else:
        centered = whole - mean
        values, vectors = np.linalg.eigh(centered.T @ centered / len(centered))
        # the longer side of the map along the larger component
        order = np.argsort(values)[::-1][:2]
        spread = np.sqrt(np.maximum(values[order], 0.0))
        axes = vectors[:, order]
        axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)
        found = np.tile(mean, (grid.n_units, 1))
        sides = (1, 0) if grid.shape[1] >= grid.shape[0] else (0, 1)
        for component in range(len(order)):
            place = grid.places[:, sides[component]]
            length = max(float(place.max()), 1.0)
            found += np.outer(2.0 * place / length - 1.0, spread[component] * axes[:, component])
    if distance == "cosine":
        found = found + 0.0
        found[~found.any(axis=1)] = np.abs(whole).mean(axis=0) + 1e-12
    return found


def best_units(rows: Rows, units: np.ndarray, distance: str) -> np.ndarray:
    """Return the nearest unit of every row for several maps, `(n_samples, n_maps)`; `units` is `(n_maps, n_units, n_features)`."""
    n_maps, n_units, n_features = units.shape
    flat = units.reshape(-1, n_features)
    found = np.empty((len(rows), n_maps), dtype=np.int32)
    size = max(16, BLOCK // len(flat))
    if distance == "manhattan":
        size = max(1, BLOCK // (len(flat) * (n_features if rows.present is not None else 1)))
    turned = np.ascontiguousarray(flat.T)
    squares = np.ascontiguousarray((flat**2).T)
    half = 0.5 * squares.sum(axis=0)
    lengths = np.sqrt(np.maximum(squares.sum(axis=0), np.finfo(flat.dtype).tiny))
    for start in range(0, len(rows), size):
        x = rows.values[start : start + size]
        m = None if rows.present is None else rows.present[start : start + size]
        if distance == "manhattan":
            scores = -_manhattan(x, m, flat)
        else:
            # the nearest has the largest x'w - |w|^2 / 2, over the numbers that are there
            scores = x @ turned
            if distance == "cosine":
                scores /= lengths if m is None else np.sqrt(np.maximum(m @ squares, np.finfo(flat.dtype).tiny))
            else:
                scores -= half if m is None else 0.5 * (m @ squares)
        found[start : start + size] = scores.reshape(len(x), n_maps, n_units).argmax(axis=2)
    return found


def _manhattan(x: np.ndarray, m: np.ndarray | None, flat: np.ndarray) -> np.ndarray:
    if m is None:
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(x, flat, "cityblock"))
    return np.einsum("nuf,nf->nu", np.abs(x[:, None] - flat[None]), m)


def train_batch(
    rows: Rows, units: np.ndarray, grid: Grid, radii: Iterable[float], *, kind: str, distance: str
) -> np.ndarray:
    r"""Return maps after one pass for each radius: $w_u = \sum_i h(u, b_i) x_i / \sum_i h(u, b_i)$, b the best units.

    Rows are summed by their best unit first, so that neighbourhoods weigh units instead of rows; where values miss,
    each feature has its own denominator. A unit that no row reaches stays where it is.

    Parameters
    ----------
    units : ndarray of shape (n_maps, n_units, n_features)

    Source: Kohonen, Self-Organizing Maps, 2001, section 3.6.
    """
    from scipy.sparse import csr_array

    n_maps, n_units, _ = units.shape
    dtype = rows.values.dtype
    units = units.astype(dtype)
    offsets = (np.arange(n_maps, dtype=np.int32) * n_units)[None]
    ends = np.arange(0, len(rows) * n_maps + 1, n_maps, dtype=np.int32 if len(rows) * n_maps < 2**31 else np.int64)
    ones = np.ones(len(rows) * n_maps, dtype=dtype)
    for radius in radii:
        places = (best_units(rows, units, distance) + offsets).ravel()
        chosen = csr_array((ones, places, ends), shape=(len(rows), n_maps * n_units)).T
        totals = (chosen @ rows.values).reshape(units.shape)
        if rows.present is None:
            counts = np.bincount(places, minlength=n_maps * n_units).reshape(n_maps, n_units, 1).astype(dtype)
        else:
            counts = (chosen @ rows.present).reshape(units.shape)
        weights = neighbourhood(kind, grid.squares, float(radius)).astype(dtype)
        above, below = weights @ totals, weights @ counts
        reached = below > np.finfo(dtype).tiny
        units = np.where(reached, above / np.where(reached, below, 1.0), units)
    return units


def train_online(
    rows: Rows,
    units: np.ndarray,
    grid: Grid,
    orders: np.ndarray,
    radii: np.ndarray,
    rates: np.ndarray,
    *,
    kind: str,
    distance: str,
) -> np.ndarray:
    r"""Return maps after one step for each row in `orders`: $w_u \mathrel{+}= \eta(t) \, h_t(u, b) (x - w_u)$.

    One compiled loop serves all maps, side by side. Missing values move nothing. Under the Mexican hat units that are
    pushed away stop at the borders of the data: pushed ever again they would leave for infinity.

    Parameters
    ----------
    units : ndarray of shape (n_maps, n_units, n_features)
    orders : ndarray of int, shape (n_maps, n_steps)
    radii, rates : ndarray of shape (n_steps,)

    Source: Kohonen, Self-organized formation of topologically correct feature maps, 1982.
    """
    import jax.numpy as jnp

    present = np.ones_like(rows.values) if rows.present is None else rows.present
    there = present.astype(bool)
    low = np.where(there, rows.values, np.inf).min(axis=0)
    high = np.where(there, rows.values, -np.inf).max(axis=0)
    arrays = (units, rows.values, present, grid.squares, orders, radii, rates, low, high)
    found = _online(kind, distance)(
        *(jnp.asarray(array, jnp.int32 if array is orders else jnp.float32) for array in arrays)
    )
    return np.asarray(found, dtype=np.float64)


@cache
def _online(kind: str, distance: str) -> Any:
    """Return the compiled loop of one neighbourhood and distance: equal shapes are compiled once."""
    import jax
    import jax.numpy as jnp

    def apart(x: Any, m: Any, w: Any) -> Any:
        if distance == "manhattan":
            return jnp.sum(m * jnp.abs(x - w), axis=1)
        if distance == "cosine":
            return -(w @ x) / jnp.sqrt(jnp.maximum(jnp.square(w) @ m, 1e-30))
        return jnp.sum(m * jnp.square(x - w), axis=1)

    def share(near: Any, radius: Any) -> Any:
        if kind == "bubble":
            return (near <= radius**2).astype(jnp.float32)
        bell = jnp.exp(-near / (2.0 * radius**2))
        return bell if kind == "gaussian" else (1.0 - near / radius**2) * bell

    def run(
        units: Any, values: Any, present: Any, squares: Any, orders: Any, radii: Any, rates: Any, low: Any, high: Any
    ) -> Any:
        def step(w: Any, at: Any) -> Any:
            row, radius, rate = at
            x, m = values[row], present[row]
            h = share(squares[jnp.argmin(apart(x, m, w))], radius)
            moved = w + (rate * h)[:, None] * (m * (x - w))
            return (jnp.clip(moved, low, high) if kind == "mexican_hat" else moved), None

        return jax.vmap(lambda w, rows: jax.lax.scan(step, w, (rows, radii, rates))[0])(units, orders)

    return jax.jit(run)
