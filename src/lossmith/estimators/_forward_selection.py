r"""Centres one by one: regularised forward selection with generalised cross-validation.

At each step the candidate that lowers the regularised error most joins; candidates are kept orthogonal to those taken,
so that a step costs one product. After every step the ridge is chosen anew by GCV, and selection ends when GCV has not
fallen for a while.

Sources: Chen, Cowan, Grant, Orthogonal least squares learning algorithm for radial basis function networks, 1991;
Orr, Regularization in the selection of radial basis function centers, 1995.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["forward_selection"]

RIDGES = np.logspace(-10, 1, 34)
# steps without a lower GCV before selection ends: one poor step is often followed by a good one
PATIENCE = 5
# a candidate whose part outside those taken is smaller than this share of its size adds rounding alone
SPENT = 1e-8


def forward_selection(tail: np.ndarray, units: np.ndarray, targets: np.ndarray, *, most: int) -> np.ndarray:
    """Return which candidate units to take, in the order in which they were taken; possibly none.

    Parameters
    ----------
    tail : ndarray of shape (n_samples, n_tail)
        Bias and linear tail: always part of the model, and projected out of everything first.
    units : ndarray of shape (n_samples, n_candidates)
    targets : ndarray of shape (n_samples, n_outputs)
    most : int
        Never more than this many.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 50)
    >>> units = np.exp(-((x[:, None] - np.array([-0.5, 0.0, 0.5])) ** 2) / 0.08)
    >>> forward_selection(np.ones((50, 1)), units, units[:, 2:3], most=3).tolist()
    [2]
    """
    n = len(targets)
    basis, _ = np.linalg.qr(tail)
    left = units - basis @ (basis.T @ units)
    rest = targets - basis @ (basis.T @ targets)
    scale = np.einsum("ij,ij->j", units, units)
    # what a unit costs for having been the best of many: log M degrees of freedom (Foster, George, The risk inflation
    # criterion for multiple regression, 1994), against one for its weight alone
    cost = max(1.0, math.log(units.shape[1]))
    total = float(np.einsum("ij,ij->", rest, rest))
    freedom = np.linalg.matrix_rank(tail)
    chosen: list[int] = []
    sizes: list[float] = []
    gains: list[float] = []
    ridge = 0.0
    best, best_count = _gcv(n, total, float(freedom)), 0
    for _ in range(min(most, units.shape[1], int((n - freedom - 1) / cost))):
        squares = np.einsum("ij,ij->j", left, left)
        free = squares > SPENT * scale
        free[chosen] = False
        if not free.any():
            break
        projections = left.T @ rest
        gain = np.einsum("ij,ij->i", projections, projections)
        # the drop of the regularised error: (p'y)^2 / (lambda + p'p)
        place = int(np.argmax(np.where(free, gain / np.maximum(ridge + squares, np.finfo(float).tiny), -np.inf)))
        chosen.append(place)
        sizes.append(float(squares[place]))
        gains.append(float(gain[place]))
        direction = left[:, place] / np.sqrt(squares[place])
        left = left - np.outer(direction, direction @ left)
        score, ridge = _best_ridge(n, total, float(freedom), np.array(sizes), np.array(gains), cost)
        if score < best:
            best, best_count = score, len(chosen)
        elif len(chosen) - best_count >= PATIENCE:
            break
    return np.array(chosen[:best_count], dtype=np.intp)


def _best_ridge(
    n: int, total: float, freedom: float, sizes: np.ndarray, gains: np.ndarray, cost: float
) -> tuple[float, float]:
    """Return the lowest GCV over ridges, and its ridge, for orthogonal units of squared lengths `sizes`."""
    ridges = RIDGES * sizes.max()
    shrunk = sizes + ridges[:, None]
    residual = total - (gains * (2.0 / shrunk - sizes / shrunk**2)).sum(axis=1)
    used = freedom + cost * (sizes / shrunk).sum(axis=1)
    scores = [_gcv(n, max(float(r), 0.0), float(f)) for r, f in zip(residual, used, strict=True)]
    place = int(np.argmin(scores))
    return scores[place], float(ridges[place])


def _gcv(n: int, residual: float, freedom: float) -> float:
    left = n - freedom
    return n * residual / left**2 if left > 1e-6 * n else np.inf
