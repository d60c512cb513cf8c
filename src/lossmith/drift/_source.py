"""Where rows come from: files, frames, arrays, partitions; always read as batches of columns."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import DataError, InvalidInputError
from lossmith.data._files import find_file, read_table
from lossmith.data._frames import is_frame, to_polars
from lossmith.data._parquet_check import check_parquet_file
from lossmith.data._values import quoted
from lossmith.drift import _text

__all__ = ["Batch", "Source", "open_source"]

_BATCH = 18  # binary logarithm of the rows of a batch of a file, at most
_CELLS = 2**23  # of a batch of a file, at most: 64 MB of numbers
_TURNED = 65_536  # rows of an array turned at a time
_SAMPLES = 32  # places from which a large file or table is sampled

Values = np.ndarray | pl.Series
Batch = Mapping[str, Values]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Rows that can be read as often as needed.

    Attributes
    ----------
    name : str
    names : tuple of str
        Of the columns, in order.
    types : mapping of str to str
    height : int
    textual : bool
        Whether everything is text (a CSV file), whose types are for us to find.
    batches : callable
        `batches(names)`: the rows, a batch at a time.
    sample : callable
        `sample(names, most)`: rows from all over, at most so many.
    notes : tuple of str
    """

    name: str
    names: tuple[str, ...]
    types: Mapping[str, str]
    height: int
    textual: bool
    batches: Callable[[Sequence[str]], Iterator[Batch]]
    sample: Callable[[Sequence[str], int], Batch]
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> Values:
        """Return a whole column."""
        parts = [batch[name] for batch in self.batches([name])]
        if len(parts) == 1:
            return parts[0]
        if all(isinstance(part, np.ndarray) for part in parts):
            return np.concatenate(parts)
        return pl.concat([part if isinstance(part, pl.Series) else pl.Series(name, part) for part in parts])


def open_source(data: Any, *, name: str = "", data_dir: str | os.PathLike[str] | None = None) -> Source:
    """Return data of any kind as a source.

    Parameters
    ----------
    data : path, frame, array, mapping of arrays, or a list of these
        CSV, TSV, Parquet or Arrow; any dataframe that narwhals knows (a lazy Polars frame is streamed); an array of
        shape `(n_samples,)` or `(n_samples, n_features)`; a list is partitions of one table.
    name : str
        How it is called; by default the file's name.

    Raises
    ------
    DataError, InvalidInputError, MissingExtraError
        Nothing that can be read, no rows, columns of one name, partitions with different columns.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, str | os.PathLike):
        source = _file(data, data_dir or os.environ.get("LOSSMITH_DATA"))
    elif isinstance(data, np.ndarray):
        source = _array(data)
    elif isinstance(data, Mapping):
        source = _mapping(data)
    elif isinstance(data, pl.LazyFrame):
        source = _lazy(data, "frame")
    elif isinstance(data, list | tuple) and data and not isinstance(data[0], int | float | np.generic):
        source = _partitions([open_source(part) for part in data])
    elif is_frame(data):
        source = _frame(to_polars(data), "frame")
    else:
        raise InvalidInputError(
            f"data of type {type(data).__name__}", expected="a path, a dataframe, an array, a mapping of arrays, or a list of these"
        )  # fmt: skip
    if not source.height:
        raise DataError(f"{quoted(name or source.name)} has no rows", expected="at least one row")
    if not source.names:
        raise DataError(f"{quoted(name or source.name)} has no columns", expected="at least one column")
    return replace(source, name=name) if name else source


def _places(height: int, most: int) -> list[tuple[int, int]]:
    """Return offsets and lengths of pieces all over the table, together at most `most` rows."""
    if height <= most:
        return [(0, height)]
    length = max(1, most // _SAMPLES)
    starts = np.linspace(0, height - length, _SAMPLES).astype(np.int64)
    return [(int(start), length) for start in starts]


def _rows_at_once(n_columns: int) -> int:
    """Return a power of two: pieces of a file then begin where its groups of rows do, as these are powers of two by custom."""
    return 2 ** min(_BATCH, max(13, (_CELLS // max(1, n_columns)).bit_length() - 1))


def _file(path: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None) -> Source:
    place = find_file(path, data_dir=data_dir)
    with place.open("rb") as stream:
        parquet = stream.read(4) == b"PAR1"
    if parquet:
        return _parquet(place)
    streamed = _text.scanned(place)
    if streamed is not None:
        return _csv(streamed[0], place.name, streamed[1])
    table = read_table(place)
    source = _frame(table.frame, place.name, notes=table.decisions)
    return replace(source, textual=all(dtype == pl.String for dtype in table.frame.dtypes))


def _parquet(place: Path) -> Source:
    check_parquet_file(place)
    try:
        return _lazy(pl.scan_parquet(place), place.name, stored=True)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(
            f"{str(place)!r} is damaged or is no Parquet file", expected="a complete file", advice="copy or export it again"
        ) from error  # fmt: skip


def _csv(frame: pl.LazyFrame, name: str, notes: tuple[str, ...]) -> Source:
    def parts(names: Sequence[str]) -> Iterator[pl.DataFrame]:
        size = _rows_at_once(len(names))
        yield from frame.select(names).collect_batches(
            chunk_size=size, maintain_order=True, lazy=True, engine="streaming"
        )

    def batches(names: Sequence[str]) -> Iterator[Batch]:
        try:
            for part in parts(names):
                yield {column.name: column for column in part.get_columns()}
        except pl.exceptions.PolarsError as error:
            raise _text.unreadable(name, error) from error

    def sample(names: Sequence[str], most: int) -> Batch:
        return _text.sampled(parts(names), _places(height, most), name=name)

    try:
        height = int(frame.select(pl.len()).collect(engine="streaming").item())
        names = tuple(frame.collect_schema().names())
    except pl.exceptions.PolarsError as error:
        raise _text.unreadable(name, error) from error
    return Source(name, names, dict.fromkeys(names, "String"), height, True, batches, sample, notes)


def _lazy(frame: pl.LazyFrame, name: str, *, stored: bool = False) -> Source:
    schema = frame.collect_schema()
    height = int(frame.select(pl.len()).collect().item())

    def parts(names: Sequence[str]) -> Iterator[pl.DataFrame]:
        size = _rows_at_once(len(names))
        chosen = frame.select(names)
        if (
            stored
        ):  # a piece of a file costs its own row groups; asked for one by one, no reader runs ahead of the counting
            yield from (chosen.slice(start, size).collect() for start in range(0, height, size))
        else:
            yield from chosen.collect_batches(chunk_size=size, maintain_order=True, lazy=True, engine="streaming")

    def batches(names: Sequence[str]) -> Iterator[Batch]:
        try:
            for part in parts(names):
                yield {column.name: column for column in part.get_columns()}
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"{name} cannot be read: {str(error).splitlines()[0]}", expected="a complete file"
            ) from error

    def sample(names: Sequence[str], most: int) -> Batch:
        chosen, size = frame.select(names), _rows_at_once(len(names))
        pieces: list[pl.DataFrame] = []
        # one after the other: each piece makes its reader open a whole group of rows, so that near places are taken from one
        for _, near in itertools.groupby(_places(height, most), key=lambda place: place[0] // size):
            places = list(near)
            first, last = places[0][0], places[-1][0] + places[-1][1]
            opened = chosen.slice(first, last - first).collect()
            pieces += [opened.slice(start - first, length) for start, length in places]
        return {column.name: column for column in pl.concat(pieces).get_columns()}

    types = {column: str(dtype) for column, dtype in schema.items()}
    return Source(name, tuple(schema.names()), types, height, False, batches, sample)


def _frame(frame: pl.DataFrame, name: str, *, notes: tuple[str, ...] = ()) -> Source:
    return _columns({column.name: column for column in frame.get_columns()}, name, notes=notes)


def _columns(columns: Mapping[str, Values], name: str, *, notes: tuple[str, ...] = ()) -> Source:
    height = len(next(iter(columns.values()))) if columns else 0

    def batches(names: Sequence[str]) -> Iterator[Batch]:
        yield {column: columns[column] for column in names}

    def sample(names: Sequence[str], most: int) -> Batch:
        places = _places(height, most)
        if len(places) == 1:
            return {column: columns[column] for column in names}
        return {column: _pieces(columns[column], places) for column in names}

    types = {column: str(values.dtype) for column, values in columns.items()}
    return Source(name, tuple(columns), types, height, False, batches, sample, notes)


def _pieces(values: Values, places: list[tuple[int, int]]) -> Values:
    parts: list[Any] = [values[start : start + length] for start, length in places]
    return pl.concat(parts) if isinstance(values, pl.Series) else np.concatenate(parts)


def _array(values: np.ndarray) -> Source:
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise InvalidInputError(
            f"an array of shape {values.shape}", expected="shape (n_samples,) or (n_samples, n_features)",
            advice="flatten images to (n_samples, n_pixels) first",
        )  # fmt: skip
    if values.dtype.kind not in "biuf":
        from lossmith.data._frames import from_array

        if values.dtype.kind not in "OUS":
            raise InvalidInputError(f"an array of {values.dtype}", expected="numbers, booleans or text")
        return _frame(from_array(values, [f"column_{place + 1}" for place in range(values.shape[1])]), "array")
    source = _columns({f"column_{place + 1}": values[:, place] for place in range(values.shape[1])}, "array")
    if values.shape[1] == 1 or values.strides[0] <= values.strides[1]:
        return source

    def batches(names: Sequence[str]) -> Iterator[Batch]:
        # rows lie together: turning pieces reads memory in order, walking down a column reads a line for each value
        wanted = [source.names.index(name) for name in names]
        every = wanted == list(range(len(source.names)))
        for start in range(0, len(values), _TURNED):
            piece = values[start : start + _TURNED]
            turned = np.ascontiguousarray(piece.T if every else piece[:, wanted].T)
            yield dict(zip(names, turned, strict=True))

    return replace(source, batches=batches)


def _mapping(columns: Mapping[str, Any]) -> Source:
    taken: dict[str, Values] = {}
    for name, values in columns.items():
        if isinstance(values, pl.Series) or (
            isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biuf"
        ):
            taken[str(name)] = values
        elif isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "mM":
            taken[str(name)] = pl.Series(
                str(name), values.astype("datetime64[us]" if values.dtype.kind == "M" else "timedelta64[us]")
            )
        else:
            from lossmith.data._frames import from_objects

            taken[str(name)] = from_objects(str(name), list(values))
    lengths = {len(values) for values in taken.values()}
    if len(lengths) > 1:
        raise DataError(f"columns of {sorted(lengths)} rows", expected="columns of one length")
    return _columns(taken, "columns")


def _partitions(parts: list[Source]) -> Source:
    first = parts[0]
    for number, part in enumerate(parts[1:], start=2):
        if set(part.names) != set(first.names):
            different = sorted(set(part.names) ^ set(first.names))
            raise DataError(
                f"partition {number} differs from the first in column {quoted(different[0])}", expected="the same columns in all"
            )  # fmt: skip

    def batches(names: Sequence[str]) -> Iterator[Batch]:
        for part in parts:
            yield from part.batches(names)

    def sample(names: Sequence[str], most: int) -> Batch:
        height = sum(part.height for part in parts)
        taken = [part.sample(names, max(1, most * part.height // height)) for part in parts if part.height]
        return {name: _joined([batch[name] for batch in taken]) for name in names}

    return Source(
        f"{len(parts)} partitions", first.names, first.types, sum(part.height for part in parts), first.textual, batches, sample
    )  # fmt: skip


def _joined(parts: list[Values]) -> Values:
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    frames = [pl.DataFrame({"part": part}) for part in parts]
    if len({frame.dtypes[0] for frame in frames}) > 1:
        # partitions that disagree on a type meet as text; each is counted by what it holds
        frames = [frame.select(pl.col("part").cast(pl.String)) for frame in frames]
    return pl.concat(frames)["part"]
