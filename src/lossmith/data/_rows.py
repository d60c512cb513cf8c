"""New rows for a trained model: the same columns, cleaned by the same rules, from the stored configuration alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import DataError, did_you_mean
from lossmith.data import _columns, _files, _frames, _values
from lossmith.data._spec import Column

__all__ = [
    "NewRows",
    "column_from_json",
    "column_to_json",
    "conform",
    "read_features",
    "read_rows",
]


@dataclass(frozen=True, slots=True)
class NewRows:
    """Rows to predict.

    Attributes
    ----------
    features : polars.DataFrame or ndarray
        As an `Encoder` takes them.
    decisions : tuple of str
        What was decided while reading.
    table : polars.DataFrame or None
        Every column of the source, used or not, as it was read; None for arrays.
    """

    features: pl.DataFrame | np.ndarray
    decisions: tuple[str, ...]
    table: pl.DataFrame | None = None


def read_features(source: Any, configuration: Mapping[str, Any]) -> pl.DataFrame | np.ndarray:
    """Return the features of new rows, as an `Encoder` takes them.

    `source` is a path, a dataframe or an array of shape `(n_samples, n_features)`.

    Use it to predict; `read_rows` gives what was decided while reading as well.

    Raises
    ------
    DataError
        A column misses, or its values do not fit.

    Examples
    --------
    >>> from lossmith.data import fit_encoder, load
    >>> circles = load("circles")
    >>> encoder = fit_encoder(circles, np.arange(600))
    >>> read_features(pl.DataFrame({"x2": [0.5], "x1": ["0.25"]}), encoder.configuration()).rows()
    [(0.25, 0.5)]
    """
    return read_rows(source, configuration).features


def read_rows(source: Any, configuration: Mapping[str, Any]) -> NewRows:
    """Return new rows, read from a file, a dataframe or an array by what an encoder stored about its columns.

    Use it to predict rows that were not there when the encoder was fitted.

    Columns of the training data are found by name; others, such as the target, are ignored and named in `decisions`.

    Parameters
    ----------
    source : path, dataframe or ndarray
    configuration : mapping
        Of the encoder: `Encoder.configuration()`.

    Raises
    ------
    DataError
        A column misses, or its values do not fit.

    Examples
    --------
    >>> from lossmith.data import fit_encoder, load
    >>> frame = pl.DataFrame({
    ...     "size": [3, 1, 2, 5] * 5, "colour": ["red", "blue"] * 10, "sold": ["yes", "no", "no", "yes"] * 5
    ... })
    >>> encoder = fit_encoder(load(frame, target="sold"), np.arange(12))
    >>> rows = read_rows(pl.DataFrame({"colour": ["blue"], "size": ["7"], "shop": ["B"]}), encoder.configuration())
    >>> rows.features.rows(), rows.decisions
    ([(7.0, 'blue')], ("Column 'shop' is not used by the model.",))
    """
    shape = tuple(configuration["shape"])
    columns = tuple(column_from_json(column) for column in configuration["columns"])
    if isinstance(source, np.ndarray):
        if len(shape) > 1 or source.ndim != 2 or source.dtype.kind in "biuf":
            return NewRows(source, ())
        return NewRows(conform(_frames.from_array(source, [column.name for column in columns]), columns), ())
    if len(shape) > 1:
        raise DataError(
            "a table for a model of images or sequences",
            expected=f"an array of shape (n_samples, {', '.join(map(str, shape))})",
            advice="load the array with numpy",
        )
    names = [column.name for column in columns]
    said: list[str] = []
    if isinstance(source, str | os.PathLike):
        path = _files.find_file(source, data_dir=os.environ.get("LOSSMITH_DATA"))
        table = _files.read_table(path, known=names)
        said += table.decisions
        frame = table.frame
        if not table.named:
            frame = _name_by_position(frame, configuration["source_columns"], configuration["target"])
    else:
        frame = _frames.to_polars(source)
    target = configuration["target"]
    known = {*names, *configuration["source_columns"], target}
    unused = [name for name in frame.columns if name not in known]
    said += [f"Column {_values.quoted(name)} is not used by the model." for name in unused]
    if target in frame.columns:
        said.append(f"Column {_values.quoted(target)}, the target, is not used.")
    return NewRows(conform(frame, columns), tuple(said), frame)


def _name_by_position(frame: pl.DataFrame, sources: Sequence[str], target: str) -> pl.DataFrame:
    # without a header the target may be there or not, and it may have stood anywhere
    generated = all(name.startswith("column_") for name in sources)
    if generated and frame.width == len(sources):
        return frame.rename(dict(zip(frame.columns, sources, strict=True)))
    if generated and frame.width == len(sources) + 1:
        return frame
    raise DataError(
        f"a file of {frame.width} columns without a header line",
        expected=f"{len(sources)} columns"
        if generated
        else "a header line with " + ", ".join(map(_values.quoted, sources)),
        advice=f"give the columns of the training data (its target {_values.quoted(target)} may be left out)",
    )


def conform(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """Return the feature columns in canonical form: float64, boolean, text or microseconds.

    Raises
    ------
    DataError
        A column misses, or its values do not fit its kind; unknown levels of a category are no error.
    """
    missing = [column.name for column in columns if column.name not in frame.columns]
    if missing:
        hint = did_you_mean(missing[0], frame.columns)
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(
            f"no column {_values.quoted(missing[0])}{more}",
            expected="the columns of the training data",
            advice=hint
            if hint.startswith("did you mean")
            else "add the column; leave its cells empty if they are unknown",
        )
    return pl.DataFrame([_conform_column(frame[column.name], column) for column in columns])


def _conform_column(values: pl.Series, column: Column) -> pl.Series:
    series = _columns.canonical(values)
    if series.null_count() == len(series):
        wanted = {"boolean": pl.Boolean, "category": pl.String, "date": pl.Datetime("us")}.get(column.kind, pl.Float64)
        return pl.Series(column.name, [None] * len(series), dtype=wanted)  # type: ignore[arg-type]
    if column.kind == "category":
        return _values.to_text(series)
    if column.kind == "date":
        return _checked(
            series, _dates(series, column), "a date" + (f" of the form {column.notation}" if column.notation else "")
        )
    if column.kind == "boolean":
        if series.dtype == pl.Boolean:
            return series
        return _checked(series, _values.as_boolean(_values.to_text(series)), "yes or no")
    numbers = series
    if series.dtype == pl.String:
        numbers = _values.as_number(series, column.notation or _values.number_notation(series))
    elif series.dtype == pl.Boolean:
        numbers = series.cast(pl.Float64)
    elif series.dtype == pl.Datetime:
        numbers = pl.Series(column.name, [None] * len(series), dtype=pl.Float64)
    _values.check_finite(numbers, column.name)
    return _checked(series, numbers, "a number")


def _dates(series: pl.Series, column: Column) -> pl.Series:
    if series.dtype == pl.Datetime:
        return series
    if series.dtype != pl.String:
        return pl.Series(column.name, [None] * len(series), dtype=pl.Datetime("us"))
    return _values.as_date(series, column.notation or _values.date_format(series) or "%Y-%m-%d")


def _checked(before: pl.Series, after: pl.Series, wanted: str) -> pl.Series:
    wrong = before.is_not_null() & after.is_null()
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise DataError(
            f"column {_values.quoted(before.name)} has {_values.quoted(before[row])} in row {row + 1}",
            expected=f"{wanted}, as in the training data",
            advice="correct the cell, or leave it empty to mean missing",
        )
    return after


def column_to_json(column: Column) -> dict[str, Any]:
    """Return what a `Column` says as a mapping for JSON."""
    return {**asdict(column), "levels": list(column.levels), "parts": list(column.parts)}


def column_from_json(described: Mapping[str, Any]) -> Column:
    """Return the `Column` that gave this mapping."""
    return Column(**{**described, "levels": tuple(described["levels"]), "parts": tuple(described["parts"])})
