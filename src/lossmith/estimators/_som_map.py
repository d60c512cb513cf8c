"""A self-organizing map as a result to show: a table of cells, a picture, JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import ShapeError
from lossmith._views import view
from lossmith.estimators._som_grid import Grid

__all__ = ["SomMap", "map_of"]


@dataclass(frozen=True, slots=True)
class SomMap:
    """Cells of a map with what they won.

    Attributes
    ----------
    grid : Grid
    u_matrix, hits : ndarray of shape (rows, columns)
    outlying : ndarray of bool, shape (rows, columns)
    planes : ndarray of shape (n_features, rows, columns)
    feature_names : tuple of str
    class_names : tuple of str
        Empty without classes.
    class_hits : ndarray of shape (n_classes, rows, columns)
    quantization_error, topographic_error : float
    """

    grid: Grid
    u_matrix: np.ndarray
    hits: np.ndarray
    outlying: np.ndarray
    planes: np.ndarray
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    class_hits: np.ndarray
    quantization_error: float
    topographic_error: float

    def table(self) -> pl.DataFrame:
        """Return a line for each cell: place, distance to neighbours, hits, hits of each class, weights."""
        lines, across = np.divmod(np.arange(self.grid.n_units), self.grid.shape[1])
        columns: dict[str, Any] = {
            "row": lines,
            "column": across,
            "distance": self.u_matrix.ravel(),
            "outlying": self.outlying.ravel(),
            "hits": self.hits.ravel(),
        }
        columns |= {f"hits_{name}": hits.ravel() for name, hits in zip(self.class_names, self.class_hits, strict=True)}
        columns |= {
            f"weight_{name}": plane.ravel() for name, plane in zip(self.feature_names, self.planes, strict=True)
        }
        return pl.DataFrame(columns)

    def plot(self, **options: Any) -> Any:
        """Draw the distances to neighbours with class markers; return the Matplotlib axes."""
        return view(self, "plot", **options)

    def report(self, path: Any) -> Any:
        """Write the map as one HTML page: picture, component planes and numbers; return the path."""
        return view(self, "report", path=path)

    def to_json(self) -> str:
        """Return everything as strict JSON."""
        described = {
            "grid": {"shape": list(self.grid.shape), "kind": self.grid.kind, "border": self.grid.border},
            "quantization_error": self.quantization_error,
            "topographic_error": self.topographic_error,
            "class_names": list(self.class_names),
            "cells": self.table().to_dicts(),
        }
        return json.dumps(described, allow_nan=False)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


def map_of(grid: Grid, units: np.ndarray, y: Any, *, feature_names: list[str], **known: Any) -> SomMap:
    """Return the map whose cells won the rows `units`, with classes `y` if given.

    Raises
    ------
    ShapeError
        Not one class for each row.
    """
    hits = np.bincount(units, minlength=grid.n_units).reshape(grid.shape)
    names: tuple[str, ...] = ()
    class_hits = np.zeros((0, *grid.shape), dtype=np.int64)
    if y is not None:
        classes, ids = np.unique(np.asarray(y), return_inverse=True)
        if ids.shape != units.shape:
            raise ShapeError(f"classes of shape {np.shape(y)}", expected=f"{units.shape}, one for each row")
        names = tuple(str(name) for name in classes.tolist())
        counted = np.bincount(ids * grid.n_units + units, minlength=len(names) * grid.n_units)
        class_hits = counted.reshape(len(names), *grid.shape)
    return SomMap(
        grid=grid, hits=hits, class_names=names, class_hits=class_hits, feature_names=tuple(feature_names), **known
    )
