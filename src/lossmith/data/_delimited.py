"""Delimited text: which separator, whether there is a header line, and the cells as text."""

from __future__ import annotations

import csv
import io
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
_SAMPLE = 200_000  # characters from which the separator is chosen
_SAMPLE_ROWS = 500
MOST_COLUMNS = 65_536  # each takes memory of its own, however short its cells
_QUOTED_CELL = re.compile(r'"(?:[^"]|"")*"')
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


def read_delimited(text: str, *, name: str, known: Collection[str] = ()) -> Delimited:
    """Return the cells of delimited text.

    Raises
    ------
    DataError
        No cell with anything in it, a header without rows, columns of one name, rows of different lengths, quotes that never close.
    """
    if "\r" in text and "\n" not in text:
        text = text.replace("\r", "\n")
    text = text.lstrip("\n\r") if not text.startswith("\t") else text
    separator, width, header_width = _sniff(text)
    if separator == " ":
        text = "\n".join(re.sub(r"[ \t]+", " ", line.strip()) for line in text.splitlines())
    if max(width, header_width) > MOST_COLUMNS:
        raise DataError(
            f"{name!r} has {max(width, header_width):,} columns",
            expected=f"at most {MOST_COLUMNS:,}",
            advice="check the separator, or save the table as Parquet",
        )
    if header_width > width:
        raise _irregular(1, header_width, width, name)
    if header_width < width:  # the parser takes a short line below, but not at the top
        head, newline, rest = text.partition("\n")
        text = head.rstrip("\r") + separator * (width - header_width) + newline + rest
        del rest
    data = text.encode()
    del text  # one copy is enough while the cells are found
    frame, plain_quotes = _parse(data, separator, width, name)
    decisions = ["Quotes do not close, so they are read as ordinary characters."] if plain_quotes else []
    blank = frame.select(pl.all_horizontal((pl.all().str.strip_chars() == "").fill_null(True))).to_series().to_numpy()
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
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row]


def _sniff(text: str) -> tuple[str, int, int]:
    """Return the separator, the cells of most lines, and those of the first line."""
    sample = text[:_SAMPLE]
    if len(sample) < len(text):
        sample = sample[: sample.rfind("\n") + 1] or sample
    fits: dict[str, tuple[float, int, int]] = {}
    blanks = "\n".join(re.sub(r"[ \t]+", " ", line.strip()) for line in sample.splitlines())
    for separator in SEPARATORS:
        try:
            rows = _rows(blanks if separator == " " else sample, separator)[:_SAMPLE_ROWS]
        except csv.Error:
            try:
                rows = _rows(_shortened(text, separator)[:_SAMPLE], separator)[:_SAMPLE_ROWS]
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
    text = data.decode()
    line, length = _first_irregular(text, separator, width)
    odd = next((number for number, row in enumerate(text.splitlines(), 1) if row.count('"') % 2), 0)
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


def _quoting(frame: pl.DataFrame) -> bool:
    """Return whether cells stand in quotes, so that quotes are no ordinary characters."""
    quoted_cells = pl.all().str.contains(r'^\s*".*"\s*$')
    return bool(frame.head(_SAMPLE_ROWS).select(quoted_cells.any()).transpose().to_series().any())


def _first_irregular(text: str, separator: str, width: int) -> tuple[int, int]:
    """Return line number and length of the first line below the first one with another number of cells, or zeros."""
    try:
        return _first_of_length(text, separator, width)
    except csv.Error:
        short = _shortened(text, separator)
    try:
        return _first_of_length(short, separator, width)
    except csv.Error:  # quotes that do not close
        return 0, 0


def _shortened(text: str, separator: str) -> str:
    """Return a text with short cells in place of those beyond what the csv module takes; lines and cells stay what they are."""
    short = _QUOTED_CELL.sub(lambda found: '"' + "\n" * found[0].count("\n") + '"', text)
    return re.sub(rf'[^{re.escape(separator)}"\r\n]{{1000,}}', "x", short)


def _first_of_length(text: str, separator: str, width: int) -> tuple[int, int]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
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
    line, length = _first_irregular(data.decode(), separator, frame.width)
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
