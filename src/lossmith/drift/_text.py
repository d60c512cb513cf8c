"""Large CSV files, read piece by piece: separator and header come from the start of the file, cells stay text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from lossmith._errors import DataError
from lossmith.data._delimited import SEPARATORS, read_delimited
from lossmith.data._values import quoted

__all__ = ["LARGE", "sampled", "scanned", "unreadable"]

LARGE = 2**27  # bytes from which a file is not read whole
_HEAD = 2**22  # bytes from which separator and header are found


def scanned(place: Path) -> tuple[pl.LazyFrame, tuple[str, ...]] | None:
    """Return the rows of a large CSV file as a lazy frame of text, and what was decided; None for all other files.

    Files that are small, packed, in UTF-16, separated by blanks or with quotes as ordinary characters are read whole.

    Raises
    ------
    DataError
        See `lossmith.data`: what is wrong with the first lines.
    """
    if place.stat().st_size < LARGE:
        return None
    with place.open("rb") as stream:
        head = stream.read(_HEAD)
    end = head.rfind(b"\n") + 1
    if not end or head[:2] in (b"\x1f\x8b", b"PK", b"\xff\xfe", b"\xfe\xff") or head.startswith(b"ARROW1"):
        return None
    try:
        text = head[:end].decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if not text[0].strip():
        return None
    found = read_delimited(text, name=str(place))
    plain = any("ordinary characters" in sentence for sentence in found.decisions)
    if found.separator not in SEPARATORS or found.separator == " " or plain:
        return None
    rows = pl.scan_csv(
        place,
        separator=found.separator,
        has_header=False,
        skip_lines=int(found.named),
        schema=dict.fromkeys(found.frame.columns, pl.String),
        infer_schema=False,
    )
    blank = pl.all_horizontal((pl.all().str.strip_chars() == "").fill_null(True))
    words = f"Read piece by piece as UTF-8 text separated by {found.separator_name}; lines that are too short are filled with missing values."
    return rows.filter(~blank), (words, *found.decisions)


def sampled(batches: Iterator[pl.DataFrame], places: Sequence[tuple[int, int]], *, name: str) -> dict[str, pl.Series]:
    """Return the rows at some places, offset and length, in one pass over the file."""
    kept: list[pl.DataFrame] = []
    first = 0
    try:
        for batch in batches:
            for start, length in places:
                low, high = max(start - first, 0), min(start + length - first, batch.height)
                if low < high:
                    kept.append(batch[low:high])
            first += batch.height
    except pl.exceptions.PolarsError as error:
        raise unreadable(name, error) from error
    return {column.name: column for column in pl.concat(kept).get_columns()}


def unreadable(name: str, error: Exception) -> DataError:
    """Return the error for a file that ends being a table somewhere."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(
        f"{quoted(name)} cannot be read to its end: {reason[:200]}",
        expected="as many cells in each line as in the first, in UTF-8",
        advice="correct the line or convert the file to Parquet",
    )
