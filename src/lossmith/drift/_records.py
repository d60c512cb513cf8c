"""What a profile holds: for each column its cells and how many rows of the reference lie in each."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith.drift._kinds import Kind, family

__all__ = ["BUCKETS", "MOST_LEVELS", "ColumnProfile", "Profile", "hashed"]

MOST_LEVELS = 1000  # a category with more of them is counted in buckets
BUCKETS = 256


def hashed(levels: Mapping[str, int]) -> np.ndarray:
    """Return the counts of levels in 256 buckets by the CRC-32 of their names: which bucket depends on no data.

    Examples
    --------
    >>> int(hashed({"a": 2, "b": 3}).sum())
    5
    """
    counts = np.zeros(BUCKETS, np.int64)
    for level, held in levels.items():
        counts[zlib.crc32(level.encode()) % BUCKETS] += held
    return counts


@dataclass(frozen=True, slots=True, eq=False)
class ColumnProfile:
    """One column: its kind, its cells, and what was counted.

    Attributes
    ----------
    name, dtype : str
    kind : {"numeric", "integer", "date", "text", "boolean", "category", "unsupported"}
        Of text its length is profiled, of dates microseconds since 1970.
    notation : str
        How text is read: a date format or "decimal comma".
    rule : str
        How the edges came about.
    edges : ndarray of shape (n_edges,)
        Of ordered cells: cell k holds `edges[k - 1] <= x < edges[k]`, the first and the last are open.
    cells : ndarray of shape (n_edges + 1,)
        Rows in each; of a category with more than 1,000 levels, rows in 256 buckets.
    levels : mapping of str to int
        Rows of each level.
    n : int
        All rows, missing ones included.
    missing, invalid, infinite : int
        Empty cells; cells that hold no value of this kind; infinite numbers, which lie in the outermost cells too.
    mean, squares : float
        Of the finite values: their mean and the sum of squared differences from it.
    low, high : float
        The smallest and the largest finite value.
    counter : bool
        Whether the values only count the rows.
    """

    name: str
    kind: Kind
    dtype: str
    n: int
    notation: str = ""
    rule: str = ""
    edges: np.ndarray = field(default_factory=lambda: np.zeros(0))
    cells: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    levels: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0
    invalid: int = 0
    infinite: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    counter: bool = False

    @property
    def ordered(self) -> bool:
        """Whether the cells are intervals."""
        return family(self.kind) == "ordered"

    @property
    def present(self) -> int:
        """Rows with a value of this kind."""
        return self.n - self.missing - self.invalid

    @property
    def deviation(self) -> float:
        """Standard deviation of the finite values; 0 where there are fewer than two."""
        finite = self.present - self.infinite
        return math.sqrt(self.squares / (finite - 1)) if finite > 1 else 0.0

    @property
    def bucketed(self) -> bool:
        """Whether levels are counted in buckets."""
        return not self.ordered and len(self.cells) > 0

    def in_buckets(self) -> ColumnProfile:
        """Return this category counted in buckets."""
        return self if self.bucketed else replace(self, cells=hashed(self.levels), levels={})

    def merged(self, other: ColumnProfile) -> ColumnProfile:
        """Return the profile of both sets of rows; counts are exact, moments to rounding.

        Raises
        ------
        InvalidInputError
            Other cells or another kind.
        """
        if self.kind != other.kind or not np.array_equal(self.edges, other.edges):
            raise InvalidInputError(
                f"two profiles of column {self.name!r} with different cells", expected="profiles with the same cells",
                advice="make the second one with like= the first",
            )  # fmt: skip
        first, second = self, other
        if not self.ordered and (self.bucketed or other.bucketed or len({*self.levels, *other.levels}) > MOST_LEVELS):
            first, second = self.in_buckets(), other.in_buckets()
        levels = dict(first.levels)
        for level, held in second.levels.items():
            levels[level] = levels.get(level, 0) + held
        n, m = first.present - first.infinite, second.present - second.infinite
        gap = second.mean - first.mean
        weight = m / (n + m) if n + m else 0.0
        return replace(
            first, n=first.n + second.n, cells=first.cells + second.cells, levels=levels,
            missing=first.missing + second.missing, invalid=first.invalid + second.invalid,
            infinite=first.infinite + second.infinite, mean=first.mean + gap * weight if n else second.mean,
            squares=first.squares + second.squares + gap * gap * weight * n,
            low=min(first.low, second.low), high=max(first.high, second.high),
            counter=first.counter and second.counter and (second.low == first.high + 1 or first.low == second.high + 1),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A reference in a few kilobytes: what later data are compared with.

    Attributes
    ----------
    name : str
    n_rows : int
    columns : mapping of str to ColumnProfile
    notes : tuple of str
        What was decided while reading.

    Examples
    --------
    >>> from lossmith import drift
    >>> reference = drift.profile({"age": np.arange(1000.0), "colour": ["red", "blue"] * 500}, n_bins=4)
    >>> reference["age"].cells.tolist()
    [0, 250, 250, 250, 250, 0]
    >>> dict(reference["colour"].levels)
    {'blue': 500, 'red': 500}
    """

    name: str
    n_rows: int
    columns: Mapping[str, ColumnProfile]
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> ColumnProfile:
        try:
            return self.columns[name]
        except KeyError:
            raise UnknownNameError(
                f"no column {name!r} in the profile", advice=did_you_mean(name, self.columns)
            ) from None

    def merge(self, other: Profile) -> Profile:
        """Return the profile of both sets of rows.

        Raises
        ------
        InvalidInputError
            Other columns or other cells: make the second profile with `like=` the first.
        """
        if set(self.columns) != set(other.columns):
            different = sorted(set(self.columns) ^ set(other.columns))
            raise InvalidInputError(
                f"profiles that differ in column {different[0]!r}", expected="profiles of the same columns"
            )
        columns = {name: column.merged(other.columns[name]) for name, column in self.columns.items()}
        return Profile(self.name, self.n_rows + other.n_rows, columns, self.notes)

    def table(self) -> pl.DataFrame:
        """Return one row for each column: kind, rows, missing, number of cells or levels, mean, deviation, ends."""
        rows = []
        for column in self.columns.values():
            numbers = column.ordered and column.present > column.infinite
            rows.append(
                {
                    "column": column.name,
                    "kind": column.kind,
                    "rows": column.n,
                    "missing": column.missing,
                    "invalid": column.invalid,
                    "infinite": column.infinite,
                    "cells": len(column.cells) or len(column.levels),
                    "rule": column.rule,
                    "mean": column.mean if numbers else None,
                    "deviation": column.deviation if numbers else None,
                    "low": column.low if numbers else None,
                    "high": column.high if numbers else None,
                }
            )
        return pl.DataFrame(rows, infer_schema_length=None)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the profile as JSON, or as Parquet where the name ends in `.parquet`; `Profile.read` reads it back."""
        from lossmith.drift._profile_file import write

        return write(self, Path(path))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Profile:
        """Return the profile in a file.

        Raises
        ------
        DataError
            No such file, or it holds no profile.
        """
        from lossmith.drift._profile_file import read

        return read(Path(path))

    def to_json(self) -> str:
        """Return the profile as JSON."""
        from lossmith.drift._profile_file import as_json

        return as_json(self)
