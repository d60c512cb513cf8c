"""Columns with a role of their own: the group, and the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import DataError, ShapeError, did_you_mean
from lossmith.data import _columns, _frames, _values

__all__ = ["as_series", "check_name", "read_groups", "read_order"]


def check_name(wanted: str, columns: Sequence[str], role: str) -> None:
    """Raise unless there is a column of that name.

    Raises
    ------
    DataError
        Names the closest column, or lists them.
    """
    if wanted in columns:
        return
    hint = did_you_mean(wanted, columns)
    shown = ", ".join(_values.quoted(column) for column in columns[:20])
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    raise DataError(
        f"no column {_values.quoted(wanted)} for the {role}",
        expected=f"one of {shown}{more}",
        advice=hint if hint.startswith("did you mean") else "",
    )


def as_series(name: str, values: Any, *, n_samples: int | None = None) -> pl.Series:
    """Return one value for each row, given as an array, a list or a series of any dataframe library.

    Raises
    ------
    ShapeError
        Not one dimension, or another number of rows.
    """
    array = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
    if array.ndim != 1 or (n_samples is not None and len(array) != n_samples):
        column = array.ndim == 2 and array.shape[1] == 1
        raise ShapeError(
            f"{name} of shape {array.shape}",
            expected=f"shape ({'n_samples' if n_samples is None else n_samples},)",
            advice=f"use {name}.ravel()" if column else "give one value for each row",
        )
    if array.dtype.kind in "OUS":
        return _frames.from_objects(name, array.tolist())
    if array.dtype.kind == "M":
        return pl.Series(name, array.astype("datetime64[us]"))
    return pl.Series(name, array if array.dtype.kind == "b" else _frames.native(array))


def read_groups(values: pl.Series) -> np.ndarray:
    """Return a group number for each row.

    Raises
    ------
    DataError
        A row without a group.
    """
    text = _values.to_text(_columns.canonical(values))
    if text.null_count():
        raise DataError(
            f"the group {_values.quoted(values.name)} is missing in {text.null_count():,} of {len(text):,} rows, "
            f"the first is row {int(text.is_null().arg_max() or 0) + 1}",
            expected="a group for every row",
            advice="give each of these rows a group of its own",
        )
    # as text, so that the numbers do not depend on the type in which a file stores the group
    return np.unique(text.to_numpy().astype(str), return_inverse=True)[1].astype(np.int64)


def read_order(values: pl.Series, *, comma_separated: bool = False) -> np.ndarray:
    """Return a number (float64) or a point in time (datetime64) for each row.

    Raises
    ------
    DataError
        A row with neither.
    """
    series = _columns.canonical(values)
    if series.dtype == pl.String:
        date = _values.date_format(series)
        notation = _values.number_notation(series, comma_separated=comma_separated)
        series = _values.as_date(series, date) if date else _values.as_number(series, notation)
    if series.null_count():
        raise DataError(
            f"the order {_values.quoted(values.name)} is missing, or neither a number nor a date, in "
            f"{series.null_count():,} of {len(series):,} rows, the first is row {int(series.is_null().arg_max() or 0) + 1}",
            expected="a number or a date in every row",
            advice="correct these rows, or name another column",
        )
    if series.dtype != pl.Datetime:
        series = series.cast(pl.Float64)
        _values.check_finite(series, values.name)
    return series.to_numpy()
