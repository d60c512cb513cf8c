"""`load`: from a file, a dataframe or arrays to a `Dataset`, with every decision written down."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from lossmith._errors import DataError, InvalidInputError, did_you_mean
from lossmith.data import _built_in, _files, _frames, _image_folder, _image_sets
from lossmith.data._assemble import Choices, from_pair, from_table
from lossmith.data._human_labels import HUMAN_LABELS
from lossmith.data._spec import Dataset
from lossmith.data._values import shown

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
        Name of a built-in set, with parameters after a colon if any (`circles:noise=0.2`), or of a known set of images
        (`cifar10`, `mnist:n_samples=7000`); path of a CSV, TSV or Parquet file, or of a folder of pictures with a
        folder below it for each class; any dataframe that narwhals knows; or `(X, y)` with X of shape `(n_samples, ...)` and y of shape
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
        Folder in which files are looked for if they are not found from the working folder, and in which files of known
        sets lie; by default the environment variable LOSSMITH_DATA.

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
    >>> frame = pl.DataFrame({
    ...     "size": [3, 1, 2, 5] * 5, "colour": ["red", "blue"] * 10, "sold": ["yes", "no", "no", "yes"] * 5
    ... })
    >>> dataset = load(frame, target="sold")
    >>> dataset.task, dataset.class_names, dataset.n_samples
    ('binary', ('no', 'yes'), 20)
    >>> for decision in dataset.decisions:
    ...     print(decision)
    A frame of 20 rows and 3 columns.
    Target 'sold': binary, because it has two values.
    The positive class is 'yes' (10 of 20 rows, 50.0%), by its name.
    Features: 1 number, 1 category.
    """
    choices = Choices(target, task, group, order, (drop,) if isinstance(drop, str) else tuple(drop), name)
    if isinstance(source, tuple):
        return from_pair(source, choices)
    if isinstance(source, str) and _built_in.is_built_in(source):
        _check_no_choices(source, choices, what="built-in set")
        return _built_in.load_built_in(source, name=choices.name)
    if isinstance(source, str) and _image_sets.is_image_set(source):
        _check_no_choices(source, choices, what="set of images")
        return _image_sets.load_image_set(source, name=choices.name, data_dir=data_dir)
    if isinstance(source, str | os.PathLike) and (folder := _image_folder_at(source, data_dir)) is not None:
        _check_no_choices(str(source), choices, what="folder of pictures")
        return _image_folder.load_image_folder(folder, name=choices.name)
    if isinstance(source, str | os.PathLike):
        path = _find(source, data_dir or os.environ.get("LOSSMITH_DATA"))
        table = _files.read_table(path, known=(target,) if target else ())
        default = shown(path.name).removesuffix(".gz").rpartition(".")[0] or shown(path.name)
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
    return from_table(table, replace(choices, name=name or default))


def _check_no_choices(source: str, choices: Choices, *, what: str) -> None:
    blank = Choices()
    given = [field.name for field in fields(Choices) if getattr(choices, field.name) is not getattr(blank, field.name)]
    given = [option for option in given if option != "name"]
    if given:
        raise InvalidInputError(
            f"{given[0]}= for the {what} {source!r}",
            expected=f"no further choices, a {what} has its own",
            advice="leave it out"
            + (f", or write './{source}' if you mean a file" if what != "folder of pictures" else ""),
        )


def _image_folder_at(
    source: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None
) -> str | os.PathLike[str] | None:
    if os.path.exists(source):
        return source if _image_folder.holds_images(source) else None
    named = data_dir or os.environ.get("LOSSMITH_DATA")
    place = None if named is None or not str(source) else os.path.join(named, source)
    return place if place is not None and _image_folder.holds_images(place) else None


def _find(source: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None) -> Path:
    try:
        return _files.find_file(source, data_dir=data_dir)
    except DataError as error:
        text = str(source)
        if os.path.exists(text) or "." in text or os.sep in text:
            raise
        raise DataError(
            f"no built-in data set and no file {text!r}",
            expected=error.expected,
            advice=did_you_mean(text.partition(":")[0], [*_built_in.BUILT_IN, *_image_sets.IMAGE_SETS, *HUMAN_LABELS]),
        ) from None
