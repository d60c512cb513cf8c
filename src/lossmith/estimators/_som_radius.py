"""Rules of thumb for the first radius of a map."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossmith._errors import UnknownNameError, did_you_mean

__all__ = ["RULES", "suggest_radius"]

RULES = ("side", "standardized", "unit interval", "clusters")


def suggest_radius(X: Any, *, rows: int, columns: int, rule: str = "side", n_clusters: int = 2, seed: int = 0) -> float:
    """Return a first radius by one of four rules of thumb.

    `seed` draws the rows of which "clusters" measures distances.

    Use "side" unless you know better: the others do not know how large the map is, or how a step of the grid relates to
    a distance in the data.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    rows, columns : int
        Size of the grid.
    rule : {"side", "standardized", "unit interval", "clusters"}
        Half of the longer side (5 of 10 x 10, 50 of 100 x 100); 4 for standardised data; 1 for data in [0, 1]; the
        distance of the two closest centroids of `n_clusters` clusters, in units of the data.

    Raises
    ------
    UnknownNameError
        A rule that is none of the four.

    Examples
    --------
    >>> suggest_radius(np.zeros((3, 1)), rows=10, columns=10)
    5.0
    """
    if rule not in RULES:
        raise UnknownNameError(f"unknown rule {rule!r}", advice=did_you_mean(str(rule), RULES))
    if rule == "standardized":
        return 4.0
    if rule == "unit interval":
        return 1.0
    if rule == "side":
        return max(rows, columns) / 2.0
    from scipy.spatial.distance import pdist
    from sklearn.cluster import KMeans

    centers = KMeans(n_clusters, n_init=10, random_state=seed).fit(np.asarray(X, dtype=float)).cluster_centers_
    return float(pdist(centers).min())
