"""Gaussian units: where their centres come from, how wide they are, and what they answer."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from lossmith._errors import InvalidInputError, ShapeError, UnknownNameError, did_you_mean

__all__ = ["CONVENTIONS", "activations", "draw_centers", "gamma_of", "given_centers", "max_distance", "nearest"]

# how the width sigma enters exp(-r^2 / ...): three conventions that texts mix up, by the divisor in units of sigma^2
CONVENTIONS = {
    "normal": 2.0,  # exp(-r^2 / (2 sigma^2)), as in the normal density
    "squared": 1.0,  # exp(-r^2 / sigma^2)
    "doubled": 4.0,  # exp(-r^2 / (2 sigma)^2)
}
# rows that k-means sees for each centre it looks for: more of them move the centres by less than their own spread
ROWS_PER_CENTER = 50


def gamma_of(width: Any, convention: str) -> Any:
    r"""Return the factor g of $\exp(-g r^2)$ for a width under a convention.

    Raises
    ------
    UnknownNameError
        No such convention.

    Examples
    --------
    >>> [float(np.exp(-gamma_of(1.0, name) * 4).round(4)) for name in ("squared", "doubled", "normal")]
    [0.0183, 0.3679, 0.1353]
    """
    if convention not in CONVENTIONS:
        raise UnknownNameError(f"unknown convention {convention!r}", advice=did_you_mean(str(convention), CONVENTIONS))
    return 1.0 / (CONVENTIONS[convention] * np.square(width))


def activations(inputs: np.ndarray, centers: np.ndarray, gamma: Any) -> np.ndarray:
    """Return exp(-gamma |x - c|^2), shape `(n_samples, n_centers)`; `gamma` is a number or one for each centre."""
    squares = np.einsum("ij,ij->i", inputs, inputs)[:, None] - 2.0 * (inputs @ centers.T)
    squares += np.einsum("ij,ij->i", centers, centers)
    np.maximum(squares, 0.0, out=squares)  # rounding may leave a distance just below zero
    squares *= -np.asarray(gamma)
    return np.exp(squares, out=squares)


def draw_centers(inputs: np.ndarray, rule: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return at most `count` centres: different rows drawn at random, or k-means from a k-means++ start."""
    sample = inputs
    if len(inputs) > ROWS_PER_CENTER * count:
        sample = inputs[rng.choice(len(inputs), ROWS_PER_CENTER * count, replace=False)]
    distinct = np.unique(sample, axis=0)
    if len(distinct) <= count:
        return distinct
    if rule == "random":
        return distinct[np.sort(rng.choice(len(distinct), count, replace=False))]
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    # ten rounds: centres of units need not be exact, and later rounds move them by a per cent of their spacing
    finder = KMeans(count, n_init=1, max_iter=10, random_state=int(rng.integers(2**31)))
    # one OpenMP thread: on so few rows more of them wait for each other, on a busy machine for long
    with warnings.catch_warnings(), threadpool_limits(1, user_api="openmp"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(finder.fit(sample).cluster_centers_)


def given_centers(value: Any, n_features: int) -> np.ndarray:
    """Return centres that the user gave, checked.

    Raises
    ------
    ShapeError
        Not of shape `(n_centers, n_features)`, or not finite.
    """
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"centers {type(value).__name__}", expected=f"numbers of shape (n, {n_features})") from error
    if found.ndim != 2 or found.shape[1] != n_features or not len(found) or not np.isfinite(found).all():
        raise ShapeError(
            f"centers of shape {found.shape}",
            expected=f"finite numbers of shape (n_centers, {n_features})",
            advice="give one row for each centre, in units of the inputs",
        )
    return found


def max_distance(centers: np.ndarray) -> float:
    r"""Return the width $d / \sqrt{2 M}$ from the largest distance d between M centres.

    Raises
    ------
    InvalidInputError
        A single centre, or centres that coincide.

    Examples
    --------
    >>> max_distance(np.array([[0.0], [4.0]]))
    2.0
    """
    from scipy.spatial.distance import pdist

    apart = float(pdist(centers).max()) if len(centers) > 1 else 0.0
    if not apart:
        raise InvalidInputError(
            f"{len(centers)} centres without distance between them",
            expected="two different centres for the width d / sqrt(2 M)",
            advice="give the width as a number",
        )
    return apart / math.sqrt(2 * len(centers))


def nearest(centers: np.ndarray, neighbours: int) -> np.ndarray:
    """Return, for each centre, the mean distance to its nearest other centres.

    Raises
    ------
    InvalidInputError
        A single centre.

    Examples
    --------
    >>> nearest(np.array([[0.0], [1.0], [4.0]]), 2).tolist()
    [2.5, 2.0, 3.5]
    """
    if len(centers) < 2:
        raise InvalidInputError(
            "1 centre without a neighbour", expected="two or more centres", advice="give the width as a number"
        )
    from scipy.spatial import cKDTree

    k = min(neighbours, len(centers) - 1)
    distances = np.asarray(cKDTree(centers).query(centers, k=k + 1)[0])[:, 1:]
    widths = distances.mean(axis=1)
    # centres that coincide have no distance: they get the smallest that others have
    positive = widths[widths > 0]
    if not len(positive):
        raise InvalidInputError("centres that coincide", expected="different centres", advice="give fewer of them")
    return np.where(widths > 0, widths, positive.min())
