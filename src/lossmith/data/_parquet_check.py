"""What a Parquet file says of its sizes, held against the file before anything of those sizes is read.

A few bytes can declare pages of gigabytes or a trillion rows, and the library that reads them asks the system for the memory,
which ends the process. The footer and the headers of all pages are small structures in Thrift's compact protocol; they are
read here, and must agree with each other and with the file.

Source: https://parquet.apache.org/docs/file-format/, https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

from lossmith._errors import DataError
from lossmith.data._bounded import MOST_TIMES

__all__ = ["check_parquet", "check_parquet_file"]

UNPACKED = 1 << 30  # bytes that any file may say it unpacks to; a larger file may say a hundred times its size
CELLS = 1 << 30  # rows times columns that any file may have; a larger file may have a hundred for each byte
DEEPEST = 24  # structures within structures
MOST_FIELDS = 1 << 22  # values in one footer
MAGIC = b"PAR1"

# numbers of fields that are looked at
_SCHEMA, _ROWS, _GROUPS = 2, 3, 4
_CHUNKS, _GROUP_ROWS = 1, 3
_META, _VALUES, _PACKED, _DATA, _DICTIONARY = 3, 5, 7, 9, 11
_KIND, _PAGE_SIZE, _PAGE_PACKED, _V1, _DICTIONARY_PAGE, _V2 = 1, 2, 3, 5, 7, 8
_CHILDREN = 5


class _Wrong(ValueError):
    """What does not fit."""


class _Compact:
    """A reader of Thrift's compact protocol: structures become mappings from field numbers to values."""

    def __init__(self, data: bytes | mmap.mmap, place: int, end: int) -> None:
        self.data, self.place, self.end, self.fields = data, place, end, 0

    def _byte(self) -> int:
        if self.place >= self.end:
            raise _Wrong("a structure is cut off")
        self.place += 1
        return self.data[self.place - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise _Wrong("a number of more than 64 bits")

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the structure that begins here."""
        if depth > DEEPEST:
            raise _Wrong("structures too deep within each other")
        found: dict[int, Any] = {}
        number = 0
        while byte := self._byte():
            number = number + (byte >> 4) if byte >> 4 else self._number()
            found[number] = self._value(byte & 15, depth, alone=True)
        return found

    def _value(self, kind: int, depth: int, *, alone: bool = False) -> Any:
        self.fields += 1
        if self.fields > MOST_FIELDS:
            raise _Wrong("a footer of millions of values")
        if kind in (1, 2):
            return kind == 1 if alone else self._byte() == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._number()
        if kind in (7, 8):
            length = 8 if kind == 7 else self._varint()
            if length > self.end - self.place:
                raise _Wrong("a text longer than the file")
            self.place += length
            return self.data[self.place - length : self.place]
        if kind in (9, 10):
            byte = self._byte()
            count = self._varint() if byte >> 4 == 15 else byte >> 4
            if depth > DEEPEST:
                raise _Wrong("structures too deep within each other")
            if count > self.end - self.place:
                raise _Wrong("a list longer than the file")
            return [self._value(byte & 15, depth + 1) for _ in range(count)]
        if kind == 12:
            return self.struct(depth + 1)
        raise _Wrong("a value of an unknown type")


def check_parquet(data: bytes | mmap.mmap, *, name: str) -> None:
    """Raise where the sizes in a Parquet file cannot be, or are more than its own size allows.

    Raises
    ------
    DataError

    Examples
    --------
    >>> import io
    >>> import polars as pl
    >>> stream = io.BytesIO()
    >>> pl.DataFrame({"a": [1, 2]}).write_parquet(stream)
    >>> check_parquet(stream.getvalue(), name="t.parquet")  # says nothing
    """
    try:
        _check(data)
    except (_Wrong, KeyError, IndexError, TypeError, AttributeError) as error:
        why = str(error) if isinstance(error, _Wrong) else "its footer lacks a field"
        raise DataError(
            f"{name!r} is damaged or is no Parquet file: {why}",
            expected="a complete file",
            advice="copy or export it again",
        ) from error


def check_parquet_file(path: str | os.PathLike[str]) -> None:
    """Raise as `check_parquet` does, for a file of any size, which is not read but for its footer and the headers of its pages.

    Use it before a library reads a Parquet file of strangers; `path` is the file.

    Raises
    ------
    DataError

    Examples
    --------
    >>> import tempfile
    >>> import polars as pl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pl.DataFrame({"a": [1, 2]}).write_parquet(f"{folder}/t.parquet")
    ...     check_parquet_file(f"{folder}/t.parquet")  # says nothing
    """
    name = str(path)
    try:
        with Path(path).open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            check_parquet(data, name=name)
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{name!r} is damaged or is no Parquet file: {error}", expected="a complete file", advice="check the path"
        ) from error


def _check(data: bytes | mmap.mmap) -> None:
    size = len(data)
    footer = int.from_bytes(data[-8:-4], "little")
    if size < 12 or data[:4] != MAGIC or data[-4:] != MAGIC or footer > size - 12:
        raise _Wrong("its ends are missing")
    found = _Compact(data, size - 8 - footer, size - 8).struct()
    leaves = sum(not element.get(_CHILDREN) for element in found[_SCHEMA][1:])
    rows, groups = found[_ROWS], found[_GROUPS]
    if rows < 0 or any(group[_GROUP_ROWS] < 0 for group in groups) or rows != sum(g[_GROUP_ROWS] for g in groups):
        raise _Wrong("its numbers of rows do not add up")
    if rows * max(leaves, 1) > max(CELLS, MOST_TIMES * size):
        raise _Wrong(f"it says that it has {rows:,} rows in {size:,} bytes")
    total = 0
    for group in groups:
        if len(group[_CHUNKS]) != leaves:
            raise _Wrong("its columns do not add up")
        for chunk in group[_CHUNKS]:
            total += _pages(data, chunk[_META], size - 8 - footer, group[_GROUP_ROWS])
            if total > max(UNPACKED, MOST_TIMES * size):
                raise _Wrong(f"it says that it unpacks to {total:,} bytes or more")


def _pages(data: bytes | mmap.mmap, meta: dict[int, Any], end: int, rows: int) -> int:
    """Return the bytes to which the pages of a column unpack, after holding them against their chunk."""
    start = min(meta[_DATA], meta.get(_DICTIONARY) or meta[_DATA])
    last = start + meta[_PACKED]
    if not 4 <= start <= last <= end or meta[_VALUES] < rows:
        raise _Wrong("a column that lies outside of the file")
    values = unpacked = 0
    reader = _Compact(data, start, last)
    while reader.place < last:
        page = reader.struct()
        if not 0 <= page[_PAGE_PACKED] <= last - reader.place or page[_PAGE_SIZE] < 0:
            raise _Wrong("a page that lies outside of its column")
        reader.place += page[_PAGE_PACKED]
        unpacked += page[_PAGE_SIZE]
        held = page.get(_V1) or page.get(_V2)
        if held is not None:
            values += held[1]
            if held[1] < 0:
                raise _Wrong("a page of fewer values than none")
        elif _DICTIONARY_PAGE in page and not 0 <= page[_DICTIONARY_PAGE][1] <= page[_PAGE_SIZE]:
            raise _Wrong("a dictionary of more entries than bytes")
    if values != meta[_VALUES]:
        raise _Wrong("a column whose pages hold another number of values")
    return unpacked
