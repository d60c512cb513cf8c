"""What a fitted map shows: ridges, component planes, clusters, outliers, and how well it keeps neighbourhoods."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from sklearn.utils.validation import check_is_fitted

from lossmith._errors import InvalidInputError
from lossmith.estimators import _som_quality as quality
from lossmith.estimators._som_grid import Grid
from lossmith.estimators._som_map import SomMap, map_of

__all__ = ["MapViews"]

# rows that ranks are computed on: their table is this size squared
RANKED = 2_000


class MapViews:
    """Views of a fitted map; a `SelfOrganizingMap` has them all."""

    grid_: Grid
    weights_: np.ndarray
    columns: int
    distance: str
    n_features_in_: int

    def quantization_error(self, X: Any) -> float:
        """Return the mean distance of rows to their best unit."""
        raise NotImplementedError

    def topographic_error(self, X: Any) -> float:
        """Return the share of rows whose two best units are no neighbours."""
        raise NotImplementedError

    def transform(self, X: Any) -> np.ndarray:
        """Return distances to every unit."""
        raise NotImplementedError

    def predict(self, X: Any) -> np.ndarray:
        """Return the best unit of each row."""
        raise NotImplementedError

    def _checked(self, X: Any, *, reset: bool) -> np.ndarray:
        raise NotImplementedError

    def u_matrix(self) -> np.ndarray:
        """Return the mean distance of each unit to its neighbours, `(rows, columns)`: ridges divide clusters."""
        check_is_fitted(self)
        apart = quality.distances_to_units(self.weights_, self.weights_, self.distance)
        counts = np.maximum(self.grid_.adjacent.sum(axis=1), 1)
        return ((apart * self.grid_.adjacent).sum(axis=1) / counts).reshape(self.grid_.shape)

    def component_planes(self) -> np.ndarray:
        """Return the weights feature by feature, `(n_features, rows, columns)`."""
        check_is_fitted(self)
        return self.weights_.T.reshape(-1, *self.grid_.shape)

    def neighbourhood_preservation(self, X: Any, *, k: int = 10) -> dict[str, float]:
        """Return trustworthiness and continuity of the map; of more than 2,000 rows the first 2,000 are ranked.

        Rows of one cell are told apart by how far they stand from its unit, which is less than any step of the grid.
        """
        X = self._checked(X, reset=False)[:RANKED]
        distances = quality.distances_to_units(X, self.weights_, self.distance)
        units = distances.argmin(axis=1)
        embedded = np.sqrt(self.grid_.squares[np.ix_(units, units)])
        inner = distances.min(axis=1)
        inner = 0.25 * inner / (inner.max() or 1.0)
        embedded += np.abs(inner[:, None] - inner[None])
        whole = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
        true = quality.distances_to_units(whole, whole, self.distance)
        return {
            "trustworthiness": quality.trustworthiness(true, embedded, k),
            "continuity": quality.continuity(true, embedded, k),
        }

    def cluster(self, n_clusters: int) -> np.ndarray:
        """Return a cluster for each unit, `(n_units,)`: Ward's method on units, joined along the grid.

        `clusters[som.predict(X)]` are the clusters of rows.
        """
        from scipy.sparse import csr_matrix
        from sklearn.cluster import AgglomerativeClustering

        check_is_fitted(self)
        if not 1 <= n_clusters <= self.grid_.n_units:
            raise InvalidInputError(
                f"{n_clusters} clusters", expected=f"1 to {self.grid_.n_units}, the number of units"
            )
        joined = csr_matrix(self.grid_.adjacent.astype(float))
        return np.asarray(AgglomerativeClustering(n_clusters, connectivity=joined).fit_predict(self.weights_))

    def outlier_cells(self, threshold: float = 3.5) -> np.ndarray:
        """Return which cells stand apart, bool of shape `(rows, columns)`: u-matrix values with a modified z above `threshold`.

        z = 0.6745 (u - median) / MAD. Source: Iglewicz, Hoaglin, How to detect and handle outliers, 1993.
        """
        ridges = self.u_matrix()
        center = np.median(ridges)
        spread = np.median(np.abs(ridges - center))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(ridges == center, 0.0, 0.6745 * (ridges - center) / spread)
        return np.asarray(z > threshold)

    def outliers(self, X: Any, *, ids: Any = None, original: Any = None, threshold: float = 3.5) -> pl.DataFrame:
        """Return the rows in outlier cells, farthest first, with their ids and original values.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            As the map knows it.
        ids : sequence of length n_samples, optional
            What to call the rows; their numbers where None.
        original : table, mapping or array with n_samples rows, optional
            Columns to show beside them, such as values before scaling.
        threshold : float
            See `outlier_cells`.
        """
        distances = self.transform(X)
        units = distances.argmin(axis=1)
        rows = np.flatnonzero(self.outlier_cells(threshold).ravel()[units])
        rows = rows[np.argsort(-distances.min(axis=1)[rows], kind="stable")]
        table = pl.DataFrame(
            {
                "id": (np.arange(len(units)) if ids is None else np.asarray(ids))[rows],
                "row": units[rows] // int(self.columns),
                "column": units[rows] % int(self.columns),
                "cell_distance": self.u_matrix().ravel()[units[rows]],
                "distance": distances.min(axis=1)[rows],
            }
        )
        if original is None:
            return table
        beside = original if isinstance(original, pl.DataFrame) else pl.DataFrame(original)
        taken = [name for name in beside.columns if name not in table.columns]
        return pl.concat([table, beside[rows.tolist()].select(taken)], how="horizontal")

    def map(self, X: Any, y: Any = None) -> SomMap:
        """Return the map as a result to show: ridges, hits, and class markers where `y` names classes."""
        units = self.predict(X)
        names = [
            str(name) for name in getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        ]
        return map_of(
            self.grid_,
            units,
            y,
            u_matrix=self.u_matrix(),
            planes=self.component_planes(),
            feature_names=names,
            outlying=self.outlier_cells(),
            quantization_error=self.quantization_error(X),
            topographic_error=self.topographic_error(X),
        )
