"""From a table, or from a pair of arrays, to a `Dataset`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import DataError, InvalidInputError, ShapeError
from lossmith.data import _columns, _files, _frames, _notes, _roles, _split
from lossmith.data._fingerprint import fingerprint
from lossmith.data._spec import Column, Dataset
from lossmith.data._task import Target, read_target

__all__ = ["Choices", "from_pair", "from_table"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller of `load` chose; the attributes are its parameters."""

    target: str | None = None
    task: str | None = None
    group: Any = None
    order: Any = None
    drop: tuple[str, ...] = ()
    name: str | None = None


def from_table(table: _files.Table, choices: Choices) -> Dataset:
    """Return the data set in a table.

    Raises
    ------
    DataError
        No or an unknown target, bad cells, too few rows, nothing to learn from.
    """
    frame = table.frame
    if not frame.width or not frame.height:
        raise DataError(f"{table.source!r} has no rows", expected="a table with rows", advice="check the source")
    if frame.width == 1:
        raise DataError(
            f"{table.source!r} has one column only",
            expected="a target and at least one column to learn from",
            advice="check the separator: commas, semicolons, tabs, vertical bars and blanks are recognised",
        )
    if choices.target is None:
        raise _notes.no_target(frame.columns)
    named = {"target": choices.target, "group": choices.group, "order": choices.order}
    roles = {role: column for role, column in named.items() if isinstance(column, str)}
    for role, wanted in [*roles.items(), *(("columns to drop", wanted) for wanted in choices.drop)]:
        _roles.check_name(wanted, frame.columns, role)
    if len(set(roles.values())) < len(roles) or set(roles.values()) & set(choices.drop):
        raise InvalidInputError(
            f"one column for two of target, group, order and drop: {roles}",
            expected="a column of its own for each",
            advice="leave one of them out",
        )
    commas = table.comma_separated
    found = read_target(frame[choices.target], task=choices.task, comma_separated=commas)
    columns: list[Column] = []
    features: list[pl.Series] = []
    notes: list[str] = []
    for series in frame.iter_columns():
        column = _role_column(series.name, roles, found, choices.drop)
        if column is None:
            examined = _columns.examine(series, comma_separated=commas)
            column = examined.column
            notes.extend(examined.notes)
            if column.role == "feature":
                features.append(examined.values)
        columns.append(column)
    if not features:
        raise _notes.no_features(columns)
    groups, order = (_series(named[role], role, frame) for role in ("group", "order"))
    return _dataset(
        pl.DataFrame(features),
        found,
        columns,
        decisions=(*table.decisions, *found.decisions, *notes),
        name=choices.name or "frame",
        source=table.source,
        groups=None if groups is None else _roles.read_groups(groups),
        order=None if order is None else _roles.read_order(order, comma_separated=commas),
    )


def _role_column(name: str, roles: dict[str, str], found: Target, drop: tuple[str, ...]) -> Column | None:
    if name == roles["target"]:
        return found.column
    if name == roles.get("group"):
        return Column(name, "identifier", "group", "rows with one value stay in one part")
    if name == roles.get("order"):
        return Column(name, "numeric", "time", "rows are split in its order")
    if name in drop:
        return Column(name, "text", "dropped", "dropped: as asked")
    return None


def _series(values: Any, role: str, frame: pl.DataFrame) -> pl.Series | None:
    if values is None:
        return None
    return frame[values] if isinstance(values, str) else _roles.as_series(role, values, n_samples=frame.height)


def from_pair(source: tuple[Any, ...], choices: Choices) -> Dataset:
    """Return the data set in a pair (X, y); X may be a dataframe.

    Raises
    ------
    ShapeError
        X and y do not fit.
    DataError
        Bad values, too few rows.
    """
    if len(source) != 2 or isinstance(source[0], str | os.PathLike):
        raise InvalidInputError(
            f"a tuple of {', '.join(type(part).__name__ for part in source)}",
            expected="a pair of arrays (X, y)",
            advice="pass load((X, y)), or load(path, target=...) for a file",
        )
    target = _roles.as_series(choices.target or "y", source[1])
    choices = replace(choices, target=target.name, name=choices.name or "arrays")
    if _frames.is_frame(source[0]):
        frame = _frames.to_polars(source[0])
    else:
        values = np.asarray(source[0])
        if values.dtype.kind not in "OUS" or values.ndim != 2:
            return _from_array(values, target, choices)
        frame = _frames.from_array(values, [f"x{number}" for number in range(1, values.shape[1] + 1)])
    _check_rows(frame.height, len(target))
    if target.name in frame.columns:
        raise DataError(
            f"X has a column {target.name!r}, like the target",
            expected="another name",
            advice="pass target='name of y', or leave the column out of X",
        )
    said = f"{frame.height:,} rows, {frame.width} columns and a target."
    return from_table(_files.Table(frame.with_columns(target), (said,), "arrays"), choices)


def _check_rows(n_inputs: int, n_targets: int) -> None:
    if n_inputs != n_targets:
        raise ShapeError(
            f"{n_inputs:,} rows of X and {n_targets:,} of y", expected="one target for each row", advice="check both"
        )


def _from_array(values: np.ndarray, target: pl.Series, choices: Choices) -> Dataset:
    for option in ("group", "order"):
        if isinstance(getattr(choices, option), str):
            raise InvalidInputError(
                f"a column name for the {option} of arrays", expected="one value for each row", advice="pass an array"
            )
    if choices.drop:
        raise InvalidInputError("columns to drop from an array", expected="none", advice="leave them out of X")
    array, columns, notes = _notes.array_columns(values)
    _check_rows(len(array), len(target))
    found = read_target(target, task=choices.task)
    groups, order = (
        None if given is None else _roles.as_series(role, given, n_samples=len(target))
        for role, given in (("group", choices.group), ("order", choices.order))
    )
    return _dataset(
        array,
        found,
        (*columns, found.column),
        decisions=(f"Arrays of {len(target):,} rows; X has shape {array.shape}.", *found.decisions, *notes),
        name=choices.name or "arrays",
        source="arrays",
        groups=None if groups is None else _roles.read_groups(groups),
        order=None if order is None else _roles.read_order(order),
    )


def _dataset(
    features: pl.DataFrame | np.ndarray,
    found: Target,
    columns: Iterable[Column],
    *,
    decisions: tuple[str, ...],
    name: str,
    source: str,
    groups: np.ndarray | None,
    order: np.ndarray | None,
) -> Dataset:
    columns = tuple(columns)
    _split.check_enough_rows(found.values, found.class_names)
    return Dataset(
        name=name,
        task=found.task,
        features=features,
        target=found.values,
        target_name=found.column.name,
        class_names=found.class_names,
        columns=columns,
        decisions=(*decisions, *_notes.describe(features, found, columns, groups=groups, order=order)),
        fingerprint=fingerprint(
            features,
            found.values,
            columns=columns,
            target_name=found.column.name,
            class_names=found.class_names,
            groups=groups,
            order=order,
        ),
        source=source,
        groups=groups,
        order=order,
    )
