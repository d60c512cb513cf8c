"""Reading a file: what kind it is by its bytes, then a table."""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lossmith._errors import DataError, did_you_mean
from lossmith.data import _delimited
from lossmith.data._bounded import check_regular, read_unpacked, read_whole
from lossmith.data._parquet_check import check_parquet
from lossmith.data._values import shown

__all__ = ["Table", "find_file", "read_columnar", "read_table"]

_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"%PDF", "a PDF document", "export the table as CSV"),
    (b"\x89PNG", "an image", "name a table"),
    (b"\xff\xd8\xff", "an image", "name a table"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV"),
    (b"\x89HDF", "an HDF5 file", "save the table as Parquet or CSV"),
    (b"\x93NUMPY", "a NumPy file", "load it with numpy.load and pass the arrays (X, y)"),
    (b"\x80\x04\x95", "a Python pickle, which lossmith does not open", "save the table as Parquet or CSV"),
    (b"\x80\x05\x95", "a Python pickle, which lossmith does not open", "save the table as Parquet or CSV"),
)
_PIECE = 1 << 20
_BEGINNING = 1000  # bytes by which other kinds of text are known
_FOREIGN_TEXT = (
    (("{", "[{", "[\n", "[ "), "JSON", "save the table as CSV or Parquet"),
    (("<!doctype", "<html"), "a web page", "download the file itself"),
    (("<?xml",), "XML", "save the table as CSV"),
    (("@relation", "% "), "ARFF", "save the table as CSV"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read.

    Attributes
    ----------
    frame : polars.DataFrame
        Text columns from text files, typed columns from others.
    decisions : tuple of str
        How it was read.
    source : str
        Path, or "frame".
    named : bool
        Whether the source names its columns (otherwise they are column_1, column_2, ...).
    comma_separated : bool
        Whether commas separate columns, which settles how a comma inside a number is read.
    """

    frame: pl.DataFrame
    decisions: tuple[str, ...]
    source: str
    named: bool = True
    comma_separated: bool = False


def find_file(path: str | os.PathLike[str], *, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of an existing file, looked for in the working folder and then in `data_dir`.

    Raises
    ------
    DataError
        No such file (with the closest name in that folder), or a folder.
    """
    if "://" in str(path):
        raise DataError(f"{str(path)!r} is an address", expected="a file", advice="download it first")
    place = Path(path).expanduser()
    if not place.exists() and data_dir is not None and (Path(data_dir) / place).exists():
        place = Path(data_dir) / place
    if place.is_dir():
        tables = sorted(item.name for item in place.iterdir() if item.suffix in {".csv", ".tsv", ".parquet", ".txt"})
        raise DataError(
            f"{str(place)!r} is a folder",
            expected="a file",
            advice=f"name a file in it, such as {tables[0]!r}" if tables else "name a CSV or Parquet file",
        )
    check_regular(place)
    if not place.exists():
        folder = place.parent
        names = sorted(item.name for item in folder.iterdir() if item.is_file()) if folder.is_dir() else []
        hint = did_you_mean(place.name, names) if names else ""
        missing = f"no file {str(path)!r}" if folder.is_dir() else f"no file {str(path)!r}, its folder does not exist"
        raise DataError(
            missing,
            expected="an existing CSV, TSV or Parquet file",
            advice=hint if hint.startswith("did you mean") else "check the path",
        )
    return place


def read_table(path: str | os.PathLike[str], *, known: Collection[str] = ()) -> Table:
    """Return the table in a file of delimited text, Parquet or Arrow IPC (Feather); gzip is unpacked.

    Parameters
    ----------
    path : path of an existing file
    known : collection of str
        Column names that are expected, by which a header line is recognised.

    Raises
    ------
    DataError
        An empty, damaged or foreign file, no data rows, rows of different lengths.
    """
    place = Path(path)
    data = read_unpacked(place)
    if not data or data.isspace():
        raise _delimited.empty(str(path))
    if data.startswith((b"PAR1", b"ARROW1")) or place.suffix.lower() in {".parquet", ".feather", ".arrow"}:
        frame, kind = _columnar(data, str(path))
        return Table(frame, (f"Read as {kind}: {frame.height:,} rows, {frame.width} columns.",), shown(path))
    for magic, what, advice in _FOREIGN:
        if data.startswith(magic):
            raise DataError(f"{str(path)!r} is {what}", expected="CSV, TSV or Parquet", advice=advice)
    held = [data]
    del data  # who reads it may let it go
    text, encoding = _as_utf8(held.pop(), str(path))
    for starts, what, advice in _FOREIGN_TEXT:
        if text[:_BEGINNING].decode(errors="ignore").lstrip().lower().startswith(starts):
            raise DataError(f"{str(path)!r} is {what}", expected="CSV, TSV or Parquet", advice=advice)
    held = [text]
    del text
    content = _delimited.read_delimited(held.pop(), name=str(path), known=known)
    sentence = (
        f"Read as {encoding} text separated by {content.separator_name}, "
        f"{'with' if content.named else 'without'} a header line: "
        f"{content.frame.height:,} rows, {content.frame.width} columns."
    )
    return Table(content.frame, (sentence, *content.decisions), shown(path), content.named, content.separator == ",")


def read_columnar(path: str | os.PathLike[str]) -> pl.DataFrame:
    """Return the table in a Parquet or Arrow file.

    Use it for tables whose columns have types, from strangers too: sizes are held against the file first; `path` is the file.

    Raises
    ------
    DataError
        No such file, or it is damaged, foreign or without rows.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pl.DataFrame({"a": [1, 2]}).write_parquet(f"{folder}/t.parquet")
    ...     read_columnar(f"{folder}/t.parquet")["a"].to_list()
    [1, 2]
    """
    return _columnar(read_whole(find_file(path)), str(path))[0]


def _columnar(data: bytes, path: str) -> tuple[pl.DataFrame, str]:
    kind, read = ("Arrow", pl.read_ipc) if data.startswith(b"ARROW1") else ("Parquet", pl.read_parquet)
    if kind == "Parquet":
        check_parquet(data, name=path)
    try:
        # Polars reports damage through exceptions of several unrelated classes, and some as a Rust panic
        frame = read(io.BytesIO(data))
    except (Exception, pl.exceptions.PanicException) as error:
        raise DataError(
            f"{path!r} is damaged or is no {kind} file", expected="a complete file", advice="copy or export it again"
        ) from error
    if not frame.width or not frame.height:
        raise DataError(f"{path!r} has no rows", expected="a table with rows", advice="export it again")
    return frame, kind


def _as_utf8(data: bytes, path: str) -> tuple[bytes, str]:
    """Return a text as UTF-8 and the name of its encoding; as a text it could take four bytes for every character."""
    for marks, codec, name in (
        ((b"\xff\xfe", b"\xfe\xff"), "utf-16", "UTF-16"),
        ((b"\xef\xbb\xbf",), "utf-8-sig", "UTF-8"),
    ):
        if data.startswith(marks):
            try:
                return _recoded(data, codec), name
            except UnicodeDecodeError:
                break
    control = sum(data[:65536].count(bytes([code])) for code in (*range(9), *range(14, 32), 127))
    if control > 0.001 * min(len(data), 65536):
        raise DataError(
            f"{path!r} is not a text table but binary data", expected="CSV, TSV or Parquet", advice="check the path"
        )
    if _is_utf8(data):
        return data, "UTF-8"
    # cp1252 is what "latin-1" files really are; its five unassigned bytes fall back to latin-1
    try:
        return _recoded(data, "cp1252"), "Latin-1 (it is not valid UTF-8)"
    except UnicodeDecodeError:
        return _recoded(data, "latin-1"), "Latin-1 (it is not valid UTF-8)"


def _pieces(data: bytes, codec: str) -> Iterator[str]:
    """Give a text piece by piece; a character that is cut in two is in one of them."""
    decoder = codecs.getincrementaldecoder(codec)()
    for start in range(0, len(data), _PIECE):
        yield decoder.decode(data[start : start + _PIECE], final=start + _PIECE >= len(data))


def _is_utf8(data: bytes) -> bool:
    try:
        return all(True for _ in _pieces(data, "utf-8"))
    except UnicodeDecodeError:
        return False


def _recoded(data: bytes, codec: str) -> bytes:
    found = io.BytesIO()
    for piece in _pieces(data, codec):
        found.write(piece.encode())
    return found.getvalue()
