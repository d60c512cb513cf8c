r"""Ridge regression of several outputs on units beside an intercept and a linear tail, its ridge chosen by GCV.

With $\Phi$ the activations, L the bias and the inputs, T the targets: minimise $|T - \Phi W - L V|^2 + \lambda |W|^2$.
The tail is projected out first, so that the ridge never touches it; one decomposition of what is left gives the fit
for every $\lambda$.

Source: Golub, Heath, Wahba, Generalized cross-validation as a method for choosing a good ridge parameter, 1979.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Fit", "Moments", "fit_moments", "fit_tail_ridge", "leave_one_out", "solve"]

# ridge in units of the largest eigenvalue. Below 1e-10 rounding of the moments (about n eps) would be felt.
GRID = np.logspace(-10, 1, 45)
# directions of the tail below this share of the largest are collinear columns
RANK = 1e-10
# share of the units' squares outside the tail below which there is only rounding
SPENT = 1e-14


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over rows that a fit needs; sums of two batches are the sums of both.

    Attributes
    ----------
    n : int
    gram : ndarray of shape (n_columns, n_columns)
        Of the columns `[1, inputs, activations]`.
    cross : ndarray of shape (n_columns, n_outputs)
    squares : ndarray of shape (n_outputs,)
    n_tail : int
        Columns of bias and linear tail, which are never penalised.
    """

    n: int
    gram: np.ndarray
    cross: np.ndarray
    squares: np.ndarray
    n_tail: int

    @classmethod
    def of(cls, tail: np.ndarray, units: np.ndarray, targets: np.ndarray) -> Moments:
        """Return the sums over rows of bias-and-tail, activations and targets."""
        columns = np.hstack([tail, units])
        squares = np.einsum("ij,ij->j", targets, targets)
        return cls(len(targets), columns.T @ columns, columns.T @ targets, squares, tail.shape[1])

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.n + other.n,
            self.gram + other.gram,
            self.cross + other.cross,
            self.squares + other.squares,
            self.n_tail,
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights of a fit and what judges it.

    Attributes
    ----------
    tail : ndarray of shape (n_tail, n_outputs)
        The bias first.
    units : ndarray of shape (n_units, n_outputs)
    ridge : float
    gcv : float
        Generalised cross-validation: n RSS / (n - trace of the hat matrix)^2, summed over outputs.
    freedom : float
        Trace of the hat matrix.
    """

    tail: np.ndarray
    units: np.ndarray
    ridge: float
    gcv: float
    freedom: float


def _pseudo_inverse(gram: np.ndarray) -> tuple[np.ndarray, int]:
    values, vectors = np.linalg.eigh(gram)
    kept = values > RANK * max(float(values[-1]), np.finfo(np.float64).tiny)
    return (vectors[:, kept] / values[kept]) @ vectors[:, kept].T, int(kept.sum())


def fit_moments(moments: Moments, *, ridge: float | None = None, least: float = 0.0) -> Fit:
    """Return the fit of the given moments; the ridge is chosen by GCV where it is None.

    With `least`, ridges below this share of the largest eigenvalue are not considered.
    """
    n, k = moments.n, moments.n_tail
    tail, mixed, own = moments.gram[:k, :k], moments.gram[:k, k:], moments.gram[k:, k:]
    inverse, rank = _pseudo_inverse(tail)
    projected = inverse @ mixed
    left = own - mixed.T @ projected
    cross = moments.cross[k:] - projected.T @ moments.cross[:k]
    rest = np.maximum(moments.squares - np.einsum("ij,ij->j", moments.cross[:k], inverse @ moments.cross[:k]), 0.0)
    values, vectors = np.linalg.eigh((left + left.T) / 2.0)
    if not len(own) or values[-1] <= SPENT * np.trace(own):  # units that are linear in the inputs add nothing
        fit = inverse @ moments.cross[:k]
        return Fit(fit, np.zeros_like(cross), 0.0, _gcv(n, float(rest.sum()), rank), float(rank))
    values = np.maximum(values, 0.0)
    rotated = vectors.T @ cross
    energy = np.einsum("ij,ij->i", rotated, rotated)
    largest = float(values[-1])
    candidates = GRID[least <= GRID] * largest if ridge is None else np.array([ridge])
    shrunk = values + np.maximum(candidates, RANK * largest if not ridge else 0.0)[:, None]
    freedom = (values / shrunk).sum(axis=1) + rank
    residual = rest.sum() - (energy * (2.0 / shrunk - values / shrunk**2)).sum(axis=1)
    scores = np.array([_gcv(n, r, f) for r, f in zip(np.maximum(residual, 0.0), freedom, strict=True)])
    best = int(np.argmin(scores))
    weights = vectors @ (rotated / shrunk[best][:, None])
    return Fit(
        inverse @ (moments.cross[:k] - mixed @ weights),
        weights,
        float(candidates[best]),
        float(scores[best]),
        float(freedom[best]),
    )


def _gcv(n: int, residual: float, freedom: float) -> float:
    """Return n RSS / (n - freedom)^2; infinite where nothing is left to judge by."""
    left = n - freedom
    return float(n * residual / left**2) if left > 1e-6 * n else np.inf


def solve(tail: np.ndarray, units: np.ndarray, targets: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of tail and units by an orthogonal solver on the rows themselves, never on their squares.

    The ridge becomes rows below the units; without it, the solution of least norm among the best.
    """
    from scipy.linalg import lstsq
    from scipy.linalg.lapack import dgels

    k, m = tail.shape[1], units.shape[1]
    matrix, wanted = np.hstack([tail, units]), targets
    if ridge:
        below = np.hstack([np.zeros((m, k)), np.sqrt(ridge) * np.eye(m)])
        matrix, wanted = np.vstack([matrix, below]), np.vstack([targets, np.zeros((m, targets.shape[1]))])
    if len(matrix) > matrix.shape[1]:
        factors, weights, failed = dgels(matrix, wanted)
        diagonal = np.abs(np.diagonal(factors))
        # columns that depend on each other need a solver that pivots
        if not failed and diagonal.min() > RANK * diagonal.max():
            return weights[:k], weights[k : k + m]
    weights = lstsq(matrix, wanted, lapack_driver="gelsy" if ridge else "gelsd", check_finite=False)[0]
    return weights[:k], weights[k:]


def leave_one_out(
    tail: np.ndarray, units: np.ndarray, targets: np.ndarray, ridge: float, fitted: np.ndarray
) -> np.ndarray:
    """Return what the fit without a row predicts for it, shape `(n_samples, n_outputs)`: T - (T - F) / (1 - h).

    `fitted` are the predictions F of the fit with all rows; h is the diagonal of its hat matrix.
    Source: Allen, The relationship between variable selection and data augmentation and a method for prediction, 1974.
    """
    k = tail.shape[1]
    columns = np.hstack([tail, units])
    gram = columns.T @ columns
    gram[np.arange(k, len(gram)), np.arange(k, len(gram))] += ridge
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-13 * max(float(values[-1]), np.finfo(np.float64).tiny)
    half = columns @ (vectors[:, kept] / np.sqrt(values[kept]))
    leverage = np.einsum("ij,ij->i", half, half)
    # a row that alone fixes a weight has no prediction without itself: it keeps nearly nothing of its own residual
    return targets - (targets - fitted) / np.maximum(1.0 - leverage, 1e-6)[:, None]


def fit_tail_ridge(tail: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of a linear model whose ridge (not on the bias) GCV chooses, and its leave-one-out predictions."""
    bias, inputs = tail[:, :1], tail[:, 1:]
    fit = fit_moments(Moments.of(bias, inputs, targets))
    weights = np.vstack([fit.tail, fit.units])
    return weights, leave_one_out(bias, inputs, targets, fit.ridge, tail @ weights)
