"""Delimited text: which separator, whether there is a header line, and the cells as text."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from lossmith._errors import DataError
from lossmith.data._values import clean_text, quoted

__all__ = ["Delimited", "read_delimited"]

SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas", " ": "blanks"}
_NO_SEPARATOR = "\x1f"  # does not occur in text: one column
_SAMPLE = 200_000  # bytes from which the separator is chosen
_SAMPLE_ROWS = 500
MOST_COLUMNS = 65_536  # each takes memory of its own, however short its cells
_QUOTED_CELL = re.compile(rb'"(?:[^"]++|"")*+"')  # without ways back, each of which would be kept
_NUMBER = re.compile(r"^[+-]?(\d+([.,]\d*)*|[.,]\d+)([eE][+-]?\d+)?$")


@dataclass(frozen=True, slots=True)
class Delimited:
    """The cells of a text file, all as text and null where empty, and how they were found."""

    frame: pl.DataFrame
    separator: str
    named: bool
    decisions: tuple[str, ...]

    @property
    def separator_name(self) -> str:
        """The separator in words."""
        return SEPARATORS.get(self.separator, "nothing (one column)")


def read_delimited(text: str | bytes, *, name: str, known: Collection[str] = ()) -> Delimited:
    """Return the cells of delimited text; bytes are UTF-8.

    Raises
    ------
    DataError
        No cell with anything in it, a header without rows, columns of one name, rows of different lengths, quotes that never close.
    """
    data = text.encode() if isinstance(text, str) else text
    del text  # one copy is enough while the cells are found
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    data = data.lstrip(b"\n\r")
    separator, width, header_width = _sniff(data)
    if separator == " ":
        lines = data.decode().splitlines()
        data = "\n".join(re.sub(r"[ \t]+", " ", line.strip()) for line in lines).encode()
        del lines
    if max(width, header_width) > MOST_COLUMNS:
        raise DataError(
            f"{name!r} has {max(width, header_width):,} columns",
            expected=f"at most {MOST_COLUMNS:,}",
            advice="check the separator, or save the table as Parquet",
        )
    if header_width > width:
        raise _irregular(1, header_width, width, name)
    if header_width < width:  # the parser takes a short line below, but not at the top
        end = data.find(b"\n") if b"\n" in data else len(data)
        head = data[:end].rstrip(b"\r") + separator.encode() * (width - header_width)
        data = b"".join((head, memoryview(data)[end:]))
    frame, plain_quotes = _parse(data, separator, width, name)
    decisions = ["Quotes do not close, so they are read as ordinary characters."] if plain_quotes else []
    blank = _blank(frame)
    if blank.all():  # separators, quotes, blanks and marks of byte order alone
        raise empty(name)
    if blank.any():
        n_inside = int(blank[: 1 + int(np.flatnonzero(~blank)[-1])].sum())
        frame = frame.filter(~blank)
        if n_inside:
            decisions.append(f"{n_inside:,} empty line{'s are' if n_inside > 1 else ' is'} left out.")
    _check_lengths(frame.slice(1), data, separator, name, plain_quotes=plain_quotes)
    first = [(cell or "").strip() for cell in frame.row(0)]
    named = _is_header(first, frame.slice(1, _SAMPLE_ROWS), known)
    if named:
        frame = frame.slice(1)
        if frame.is_empty():
            raise DataError(
                f"{name!r} has a header and no rows", expected="rows below the header", advice="check the file"
            )
        first = _first_names(first, header_width, frame, name)
        names = _names(first, name, decisions)
    else:
        names = [f"column_{number}" for number in range(1, frame.width + 1)]
        decisions.append(
            f"The first line holds values and no names, so the columns are called {names[0]}"
            + (f" to {names[-1]}." if len(names) > 1 else ".")
        )
    frame.columns = names
    return Delimited(frame, separator, named, tuple(decisions))


def empty(name: str) -> DataError:
    """Return the error for a table without a cell."""
    return DataError(f"{name!r} is empty", expected="a table with a header line and rows", advice="check the path")


def _rows(text: str, separator: str) -> list[list[str]]:
    """Return the first rows with anything in them."""
    rows = (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row)
    return list(itertools.islice(rows, _SAMPLE_ROWS))


def _sniff(data: bytes) -> tuple[str, int, int]:
    """Return the separator, the cells of most lines, and those of the first line."""
    sample = data[:_SAMPLE].decode(errors="ignore")  # of a character that is cut in two
    if len(data) > _SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    fits: dict[str, tuple[float, int, int]] = {}
    blanks = "\n".join(re.sub(r"[ \t]+", " ", line.strip()) for line in sample.splitlines())
    for separator in SEPARATORS:
        try:
            rows = _rows(blanks if separator == " " else sample, separator)
        except csv.Error:
            try:
                short = _shortened(data, separator)[:_SAMPLE].decode(errors="ignore")
                rows = _rows(short, separator)
            except csv.Error:  # quotes that do not close are ordinary characters
                rows = [line.split(separator) for line in sample.splitlines()[:_SAMPLE_ROWS]]
        if not rows:
            continue
        below = rows[1:] or rows  # a header may have a name less
        width, count = Counter(len(row) for row in below).most_common(1)[0]
        if width > 1 and len(rows[0]) > 1:
            fits[separator] = (count / len(below), width, len(rows[0]))
    # blanks and other marks also occur in prose: most lines must agree, and blanks separate only where nothing else does
    good = {s: share for s, (share, _, _) in fits.items() if share >= (0.98 if s == " " else 0.5)}
    if not good:
        return _NO_SEPARATOR, 1, 1
    # in the order of SEPARATORS: commas come after semicolons, as they may be decimal commas, and blanks come last
    separator = next(s for s, share in good.items() if share >= max(good.values()) - 0.02)
    return separator, *fits[separator][1:]


def _parse(data: bytes, separator: str, width: int, name: str) -> tuple[pl.DataFrame, bool]:
    schema = {f"column_{number}": pl.String for number in range(1, width + 1)}
    for quote in ('"', None):
        try:
            frame = pl.read_csv(
                io.BytesIO(data),
                separator=separator,
                has_header=False,
                schema=schema,
                quote_char=quote,
                infer_schema=False,
            )
        except pl.exceptions.PolarsError:
            continue
        if quote is None and _quoting(frame):
            break
        return frame, quote is None
    line, length = _first_irregular(data, separator, width)
    odd = next((number for number, row in enumerate(io.BytesIO(data), 1) if row.count(b'"') % 2), 0)
    if odd and line in (0, odd):
        raise DataError(
            f"quotes in {name!r} do not match, first in line {odd:,}",
            expected="a closing quote for each opening one",
            advice="correct the line; a quote inside quotes is written twice",
        )
    if line:
        raise _irregular(line, length, width, name)
    raise DataError(
        f"{name!r} cannot be read as a table", expected="delimited text", advice="check its quotes and separators"
    )


def _blank(frame: pl.DataFrame) -> np.ndarray:
    """Return for each row whether it has no cell with anything in it; most are known by their first cell."""
    blank = np.ones(frame.height, bool)
    for column in frame.iter_columns():
        places = np.flatnonzero(blank)
        if not places.size:
            break
        cells = column if places.size == frame.height else column.gather(places)
        blank[places] = ~cells.str.contains(r"\S").fill_null(False).to_numpy()
    return blank


def _quoting(frame: pl.DataFrame) -> bool:
    """Return whether cells stand in quotes, so that quotes are no ordinary characters."""
    quoted_cells = pl.all().str.contains(r'^\s*".*"\s*$')
    return bool(frame.head(_SAMPLE_ROWS).select(quoted_cells.any()).transpose().to_series().any())


def _first_irregular(data: bytes, separator: str, width: int) -> tuple[int, int]:
    """Return line number and length of the first line below the first one with another number of cells, or zeros."""
    try:
        return _first_of_length(data, separator, width)
    except csv.Error:
        short = _shortened(data, separator)
    try:
        return _first_of_length(short, separator, width)
    except csv.Error:  # quotes that do not close
        return 0, 0


def _shortened(data: bytes, separator: str) -> bytes:
    """Return a text with short cells in place of those beyond what the csv module takes; lines and cells stay what they are."""
    short = _QUOTED_CELL.sub(lambda found: b'"' + b"\n" * found[0].count(b"\n") + b'"', data)
    return re.sub(rb'[^%b"\r\n]{1000,}' % re.escape(separator.encode()), b"x", short)


def _first_of_length(data: bytes, separator: str, width: int) -> tuple[int, int]:
    # line by line: as one text it would take four bytes for every character
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8", newline=""), delimiter=separator)
    line = 1
    for row in reader:
        if row and len(row) != width and line > 1:
            return line, len(row)
        line = reader.line_num + 1
    return 0, 0


def _check_lengths(frame: pl.DataFrame, data: bytes, separator: str, name: str, *, plain_quotes: bool) -> None:
    # a short row is filled with nulls by the parser; only a null in the last column can hide one
    if plain_quotes or frame.width == 1 or not frame.to_series(frame.width - 1).null_count():
        return
    line, length = _first_irregular(data, separator, frame.width)
    if line:
        raise _irregular(line, length, frame.width, name)


def _irregular(line: int, length: int, width: int, name: str) -> DataError:
    return DataError(
        f"line {line:,} of {name!r} has {length} cells where most lines have {width}",
        expected=f"{width} cells in every line",
        advice="put text that contains the separator in quotes, add the separators of empty cells, or correct the line",
    )


def _is_header(first: list[str], body: pl.DataFrame, known: Collection[str]) -> bool:
    """Return whether the first line names the columns: no numbers above numbers, no values that come again below."""
    if known and sum(name in first for name in known) * 2 >= len(known):
        return True
    numeric = [bool(_NUMBER.match(cell)) for cell in first]
    if body.is_empty():
        return not any(numeric)
    above_numbers = repeated = n_numbers = n_text = 0
    for cell, is_number, column in zip(first, numeric, body.iter_columns(), strict=True):
        cells = clean_text(column).drop_nulls()
        if cells.is_empty():
            continue
        if cells.str.contains(_NUMBER.pattern).mean() >= 0.9:  # type: ignore[operator]
            n_numbers += 1
            above_numbers += is_number
        else:
            n_text += 1
            repeated += bool((cells == cell).any())
    if n_numbers:
        return above_numbers * 2 < n_numbers
    return repeated * 2 < n_text if n_text else not any(numeric)


def _first_names(first: list[str], header_width: int, body: pl.DataFrame, path: str) -> list[str]:
    """Return one name, perhaps empty, for each column of the body."""
    missing = body.width - header_width
    if missing <= 0 or body.to_series(body.width - 1).null_count() == body.height:
        return first  # lines that end with a separator have an empty last column
    if missing == 1:
        return ["", *first[:-1]]  # R writes row names without a name for their column
    raise DataError(
        f"{path!r} has {header_width} names for {body.width} columns",
        expected="a name for each column",
        advice="complete the header line",
    )


def _names(first: list[str], path: str, decisions: list[str]) -> list[str]:
    names = [cell or f"unnamed_{number}" for number, cell in enumerate(first, start=1)]
    unnamed = [name for cell, name in zip(first, names, strict=True) if not cell]
    if unnamed:
        decisions.append(f"Columns without a name are called {', '.join(unnamed)}.")
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise DataError(
            f"{path!r} has more than one column named {quoted(double[0])}",
            expected="different column names",
            advice="rename or remove one of them",
        )
    return names
