"""Inputs of a network: their names, and the numbers behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from lossmith.data._columns import MAX_LEVELS
from lossmith.data._spec import Column

__all__ = [
    "GROUPED",
    "NUMBER_KINDS",
    "category_names",
    "input_names",
    "kept_levels",
    "number_matrix",
    "number_names",
    "one_hot",
    "statistics",
]

GROUPED = "others grouped"  # notation of a category whose rare levels share one input
NUMBER_KINDS = ("numeric", "boolean", "date")


def statistics(
    numbers: np.ndarray, columns: tuple[Column, ...], standardised: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    boolean = [
        column.kind == "boolean" for column in columns if column.kind in NUMBER_KINDS for _ in column.parts or (0,)
    ]
    n_numbers = numbers.shape[1]
    fill, mean, deviation = np.zeros(n_numbers), np.zeros(n_numbers), np.ones(n_numbers)
    varies = np.zeros(n_numbers, dtype=bool)
    for number in range(n_numbers):
        values = numbers[:, number]
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        # a power of two near the largest value: dividing by it is exact, and squares cannot overflow
        unit = np.ldexp(1.0, max(int(np.frexp(np.abs(values).max())[1]) - 1, -1000))
        scaled = values / unit
        fill[number] = float(values.mean() > 0.5) if boolean[number] else np.median(scaled) * unit
        center = scaled.mean()
        spread = np.sqrt(np.mean((scaled - center) ** 2))
        # rounding leaves a spread of some epsilon in a column that is constant
        varies[number] = values.min() < values.max() and spread > 8 * np.finfo(np.float64).eps * abs(center)
        if standardised[number]:
            mean[number] = center * unit
            deviation[number] = spread * unit if varies[number] and spread * unit > 0 else 1.0
    return fill, mean, deviation, varies


def number_names(columns: tuple[Column, ...]) -> list[str]:
    names = []
    for column in columns:
        if column.kind == "date":
            names += [f"{column.name}:{part}" for part in column.parts]
        elif column.kind in NUMBER_KINDS:
            names.append(column.name)
    return names


def category_names(column: Column) -> list[str]:
    names = [f"{column.name}={level}" for level in column.levels]
    if column.notation == GROUPED:
        names.append(f"{column.name}: other")
    if column.n_missing:
        names.append(f"{column.name} missing")
    return names


def input_names(columns: tuple[Column, ...]) -> tuple[str, ...]:
    missing = [f"{column.name} missing" for column in columns if column.n_missing and column.kind in NUMBER_KINDS]
    levels = [name for column in columns if column.kind == "category" for name in category_names(column)]
    return (*number_names(columns), *missing, *levels)


def kept_levels(column: Column, train: pl.DataFrame) -> Column:
    """Return a category with the levels that get an input of their own: the most frequent ones of the training rows."""
    if column.kind != "category" or len(column.levels) <= MAX_LEVELS:
        return column
    counts = dict(train[column.name].drop_nulls().rename("level").value_counts(name="rows").iter_rows())
    ordered = sorted(column.levels, key=lambda level: (-counts.get(level, 0), level))
    return replace(column, levels=tuple(sorted(ordered[:MAX_LEVELS])), notation=GROUPED)


def number_matrix(frame: pl.DataFrame, columns: tuple[Column, ...]) -> np.ndarray:
    """Return numbers, yes/no as 0 and 1, and parts of dates as float64; NaN where missing."""
    parts: list[pl.Series] = []
    for column in columns:
        series = frame[column.name]
        if column.kind == "date":
            parts += [_date_part(series, part) for part in column.parts]
        elif column.kind in NUMBER_KINDS:
            parts.append(series.cast(pl.Float64))
    numbers = np.empty((frame.height, len(parts)), dtype=np.float64)
    for position, series in enumerate(parts):
        numbers[:, position] = series.to_numpy()
    return numbers


def _date_part(dates: pl.Series, part: str) -> pl.Series:
    if part == "ordinal":
        return dates.cast(pl.Int64).cast(pl.Float64) / 86_400e6
    extract = {"year": "year", "month": "month", "day": "day", "day_of_week": "weekday", "hour": "hour"}[part]
    return getattr(dates.dt, extract)().cast(pl.Float64)


def one_hot(inputs: np.ndarray, position: int, series: pl.Series, column: Column) -> None:
    n_levels = len(column.levels)
    other = n_levels if column.notation == GROUPED else -1
    codes = series.replace_strict(
        list(column.levels), list(range(n_levels)), default=other, return_dtype=pl.Int64
    ).to_numpy(writable=True)
    missing = series.is_null().to_numpy()
    codes[missing] = n_levels + (other >= 0) if column.n_missing else -1
    rows = np.flatnonzero(codes >= 0)
    inputs[rows, position + codes[rows]] = 1
