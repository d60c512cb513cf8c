"""`load`: from a file, a dataframe or arrays to a `Dataset`, with every decision written down."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import DataError, InvalidInputError, ShapeError, did_you_mean
from lossmith.data import _columns, _files, _frames, _notes, _split, _values
from lossmith.data._fingerprint import fingerprint
from lossmith.data._spec import Column, Dataset
from lossmith.data._task import Target, read_target

__all__ = ["load"]

Source = Any  # a name, a path, a dataframe, or a pair (X, y)


def load(
    source: Source,
    *,
    target: str | None = None,
    task: str | None = None,
    group: str | np.ndarray | None = None,
    order: str | np.ndarray | None = None,
    drop: Sequence[str] = (),
    name: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Return a data set that is ready to be split, encoded and learned from.

    Use it for everything that enters lossmith: what it decides (types, missing values, categories, task, classes) is
    in the result's `decisions` and `columns`.

    Parameters
    ----------
    source : str, path, dataframe or pair of arrays
        Name of a built-in set, with parameters after a colon if any (`circles:noise=0.2`); path of a CSV, TSV or
        Parquet file; any dataframe that narwhals knows; or `(X, y)` with X of shape `(n_samples, ...)` and y of shape
        `(n_samples,)`.
    target : str
        The column to predict. Required for files and frames.
    task : {"regression", "binary", "multiclass", "classification"}, optional
        Overrides the task that the target suggests.
    group, order : str or ndarray of shape (n_samples,), optional
        Column (or values) of rows that belong together, and of time; see `split`.
    drop : sequence of str
        Columns to leave out.
    name : str, optional
        Name of the data set; by default that of the file.
    data_dir : path, optional
        Folder in which files are looked for if they are not found from the working folder; by default the environment
        variable LOSSMITH_DATA.

    Raises
    ------
    DataError
        The source cannot be turned into a data set: see the message.
    MissingExtraError
        A pandas frame without pyarrow.

    Examples
    --------
    >>> load("circles").class_counts
    (500, 500)
    >>> import polars as pl
    >>> frame = pl.DataFrame({"size": range(20), "colour": ["red", "blue"] * 10, "sold": ["yes", "no", "no", "yes"] * 5})
    >>> dataset = load(frame, target="sold")
    >>> dataset.task, dataset.class_names, dataset.n_samples
    ('binary', ('no', 'yes'), 20)
    >>> for decision in dataset.decisions:
    ...     print(decision)
    """
    dropped = (drop,) if isinstance(drop, str) else tuple(drop)
    if isinstance(source, tuple):
        return _from_pair(source, target=target, task=task, group=group, order=order, drop=dropped, name=name)
    if isinstance(source, str | os.PathLike):
        built_in = _built_in(source, target=target, task=task, group=group, order=order, drop=dropped, name=name)
        if built_in is not None:
            return built_in
        path = _find(source, data_dir or os.environ.get("LOSSMITH_DATA"))
        table = _files.read_table(path, known=(target,) if target else ())
        default = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    elif _frames.is_frame(source):
        frame = _frames.to_polars(source)
        table = _files.Table(frame, (f"A frame of {frame.height:,} rows and {frame.width} columns.",), "frame")
        default = "frame"
    else:
        raise InvalidInputError(
            f"a source of type {type(source).__name__}",
            expected="a name, a path, a dataframe or a pair (X, y)",
            advice="pass arrays as a tuple: load((X, y))",
        )
    return _from_table(table, target=target, task=task, group=group, order=order, drop=dropped, name=name or default)


def _built_in(source: str | os.PathLike[str], **options: Any) -> Dataset | None:
    from lossmith.data import _built_in as built_in

    if not isinstance(source, str) or not built_in.is_built_in(source):
        return None
    given = [f"{key}=" for key, value in options.items() if key != "name" and value is not None and value != ()]
    if given:
        raise InvalidInputError(
            f"{given[0]} for the built-in set {source!r}",
            expected="no further choices, a built-in set has its own",
            advice=f"leave {given[0]} out, or write './{source}' if you mean a file",
        )
    return built_in.load_built_in(source, name=options["name"])


def _find(source: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None) -> Path:
    from lossmith.data import _built_in as built_in

    try:
        return _files.find_file(source, data_dir=data_dir)
    except DataError as error:
        text = str(source)
        if os.path.exists(text) or "." in text or "/" in text or os.sep in text:
            raise
        raise DataError(
            f"no built-in data set and no file {text!r}",
            expected=error.expected,
            advice=did_you_mean(text.partition(":")[0], built_in.BUILT_IN),
        ) from None


def _from_table(
    table: _files.Table,
    *,
    target: str | None,
    task: str | None,
    group: str | np.ndarray | None,
    order: str | np.ndarray | None,
    drop: tuple[str, ...],
    name: str,
) -> Dataset:
    frame = table.frame
    if not frame.width or not frame.height:
        raise DataError(f"{table.source!r} has no rows", expected="a table with rows", advice="check the source")
    if target is None:
        raise _notes.no_target(frame.columns)
    for wanted, role in (
        (target, "target"),
        (group, "group"),
        (order, "order"),
        *((column, "drop") for column in drop),
    ):
        _check_name(wanted, frame.columns, role)
    found = read_target(frame[target], task=task, comma_separated=table.comma_separated)
    groups, order_values = _groups(group, frame, len(found.values)), _order(order, frame, table)
    columns: list[Column] = []
    features: list[pl.Series] = []
    notes: list[str] = []
    for series in frame.iter_columns():
        if series.name == target:
            columns.append(found.column)
        elif isinstance(group, str) and series.name == group:
            columns.append(Column(series.name, "identifier", "group", "rows with one value stay in one part"))
        elif isinstance(order, str) and series.name == order:
            columns.append(Column(series.name, "date", "time", "rows are split in its order"))
        elif series.name in drop:
            columns.append(Column(series.name, "text", "dropped", "dropped: as asked"))
        else:
            examined = _columns.examine(series, comma_separated=table.comma_separated)
            columns.append(examined.column)
            notes.extend(examined.notes)
            if examined.column.role == "feature":
                features.append(examined.values)
    if not features:
        raise _notes.no_features(columns)
    return _dataset(
        pl.DataFrame(features),
        found,
        tuple(columns),
        (*table.decisions, *found.decisions, *notes),
        name,
        table.source,
        groups,
        order_values,
    )


def _check_name(wanted: object, columns: list[str], role: str) -> None:
    if isinstance(wanted, str) and wanted not in columns:
        shown = ", ".join(_values.quoted(column) for column in columns[:20])
        hint = did_you_mean(wanted, columns)
        raise DataError(
            f"no column {_values.quoted(wanted)} ({role})",
            expected=f"one of {shown}" + (f" and {len(columns) - 20} more" if len(columns) > 20 else ""),
            advice=hint if hint.startswith("did you mean") else "",
        )


def _groups(group: str | np.ndarray | None, frame: pl.DataFrame | None, n_samples: int) -> np.ndarray | None:
    if group is None:
        return None
    values = frame[group].to_numpy() if isinstance(group, str) and frame is not None else np.asarray(group)
    missing = np.array([value is None or value != value for value in values.tolist()], dtype=bool)
    _check_length(values, n_samples, "group")
    if missing.any():
        raise DataError(
            f"the group is missing in {int(missing.sum())} rows, the first is row {int(missing.argmax()) + 1}",
            expected="a group for every row",
            advice="give each of these rows a group of its own",
        )
    return np.unique(values.astype(str) if values.dtype == object else values, return_inverse=True)[1].astype(np.int64)


def _order(order: str | np.ndarray | None, frame: pl.DataFrame | None, table: _files.Table | None) -> np.ndarray | None:
    if order is None:
        return None
    if not isinstance(order, str) or frame is None:
        values = np.asarray(order)
        missing = np.isnat(values) if values.dtype.kind in "mM" else ~np.isfinite(values.astype(np.float64))
    else:
        series = _columns.canonical(frame[order])
        if series.dtype == pl.String:
            notation = _values.date_format(series)
            comma = table.comma_separated if table else False
            numbers = _values.as_number(series, _values.number_notation(series, comma_separated=comma))
            series = _values.as_date(series, notation) if notation else numbers
        values, missing = series.to_numpy(), series.is_null().to_numpy()
    if missing.any():
        raise DataError(
            f"the order is missing, or neither number nor date, in {int(missing.sum()):,} rows, the first is row {int(missing.argmax()) + 1}",
            expected="a number or a date in every row",
            advice="correct these rows, or name another column",
        )
    return values


def _check_length(values: np.ndarray, n_samples: int, role: str) -> None:
    if values.shape != (n_samples,):
        raise ShapeError(
            f"{role} of shape {values.shape} for {n_samples:,} rows",
            expected=f"shape ({n_samples},)",
            advice="give one value a row",
        )


def _from_pair(
    source: tuple[Any, ...],
    *,
    target: str | None,
    task: str | None,
    group: str | np.ndarray | None,
    order: str | np.ndarray | None,
    drop: tuple[str, ...],
    name: str | None,
) -> Dataset:
    if len(source) != 2:
        raise InvalidInputError(f"a tuple of {len(source)}", expected="a pair (X, y)", advice="pass load((X, y))")
    inputs, labels = source
    if isinstance(inputs, str | os.PathLike):
        raise InvalidInputError(
            "a pair with a path", expected="arrays (X, y)", advice="name the target: load(path, target=...)"
        )
    target = target or "y"
    series = _target_series(labels, target)
    framed = _frames.is_frame(inputs)
    values = inputs if framed else np.asarray(inputs)
    if not framed and values.ndim == 2 and values.dtype.kind in "OUS":
        names = [f"x{number}" for number in range(1, values.shape[1] + 1)]
        values = pl.DataFrame([_frames.from_objects(name, values[:, i].tolist()) for i, name in enumerate(names)])
        framed = True
    n_rows = len(series)
    n_inputs = len(values) if not framed else _frames.to_polars(values).height
    if n_inputs != n_rows:
        raise ShapeError(
            f"{n_inputs:,} rows of X and {n_rows:,} of y", expected="one target for each row", advice="check both"
        )
    if framed:
        frame = _frames.to_polars(values)
        if target in frame.columns:
            raise DataError(
                f"X has a column {target!r}, the name of the target",
                expected="another name",
                advice="pass target='name of y'",
            )
        table = _files.Table(
            frame.with_columns(series), (f"{n_rows:,} rows, {frame.width} columns and a target.",), "arrays"
        )
        return _from_table(table, target=target, task=task, group=group, order=order, drop=drop, name=name or "arrays")
    if drop or isinstance(group, str) or isinstance(order, str):
        raise InvalidInputError("column names for arrays", expected="arrays", advice="pass a dataframe to use names")
    array, columns, notes = _notes.array_columns(values)
    found = read_target(series, task=task)
    groups, order_values = _groups(group, None, n_rows), _order(order, None, None)
    if order_values is not None:
        _check_length(order_values, n_rows, "order")
    decisions = (f"Arrays of {n_rows:,} rows; X has shape {values.shape}.", *found.decisions, *notes)
    return _dataset(array, found, (*columns, found.column), decisions, name or "arrays", "arrays", groups, order_values)


def _target_series(labels: Any, name: str) -> pl.Series:
    if hasattr(labels, "to_list") and not isinstance(labels, np.ndarray):
        return _frames.from_objects(name, list(labels.to_list()))
    values = np.asarray(labels)
    if values.ndim != 1:
        advice = (
            "use y.ravel()" if values.ndim == 2 and values.shape[1] == 1 else "give one number or class for each row"
        )
        raise ShapeError(f"y of shape {values.shape}", expected="shape (n_samples,)", advice=advice)
    if values.dtype.kind in "OUS":
        return _frames.from_objects(name, values.tolist())
    return pl.Series(name, values)


def _dataset(
    features: pl.DataFrame | np.ndarray,
    found: Target,
    columns: tuple[Column, ...],
    decisions: Iterable[str],
    name: str,
    source: str,
    groups: np.ndarray | None,
    order: np.ndarray | None,
) -> Dataset:
    _split.check_enough_rows(found.values, found.class_names)
    said = (*decisions, *_notes.describe(features, found, columns, groups=groups, order=order))
    return Dataset(
        name=name,
        task=found.task,
        features=features,
        target=found.values,
        target_name=found.column.name,
        class_names=found.class_names,
        columns=columns,
        decisions=said,
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
