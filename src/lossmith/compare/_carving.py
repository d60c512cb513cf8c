"""Rows taken from the pages of a damaged SQLite file, without its tables of contents: what is not sound is left out.

A table's rows lie in leaf pages, each of which can be read alone; long rows go on in a chain of overflow pages. Every row of
a store has a checksum of its own, so that whoever takes rows from here can tell a whole one from rubbish.

Source: the file format of SQLite 3, https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["carved"]

Value = None | int | float | str | bytes
Row = tuple[int, list[Value]]  # rowid, and the columns as they are stored

LEAF = 0x0D
PAGE = 4096  # what SQLite chooses, where the header does not say
_HEADER, _LOG_HEADER, _FRAME = 100, 32, 24


def carved(path: Path) -> Iterator[Row]:
    """Yield every row of every leaf page of a store and of its log, the log's first."""
    data = path.read_bytes()
    log = path.with_name(path.name + "-wal")
    frames = log.read_bytes() if log.is_file() else b""
    size = _page_size(data, frames)
    base = {1 + place // size: data[place : place + size] for place in range(0, len(data), size)}
    logged = dict(_logged(frames, size))
    if logged:
        whole = base | logged
        for number in sorted(logged):
            yield from _rows(whole, number, size)
    for number in sorted(base):
        yield from _rows(base | logged, number, size)
        if logged:
            yield from _rows(base, number, size)


def _page_size(data: bytes, frames: bytes) -> int:
    for text, form, place in ((data, ">H", 16), (frames, ">I", 8)):
        if len(text) >= place + 4:
            size = struct.unpack_from(form, text, place)[0]
            size = 65536 if size == 1 else size
            if 512 <= size <= 65536 and not size & (size - 1) and (text is frames or data[:15] == b"SQLite format 3"):
                return size
    return PAGE


def _logged(frames: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    for place in range(_LOG_HEADER, len(frames) - _FRAME - size + 1, _FRAME + size):
        yield struct.unpack_from(">I", frames, place)[0], frames[place + _FRAME : place + _FRAME + size]


def _rows(pages: Mapping[int, bytes], number: int, size: int) -> Iterator[Row]:
    page = pages[number]
    start = _HEADER if number == 1 else 0
    if len(page) < start + 8 or page[start] != LEAF:
        return
    count = struct.unpack_from(">H", page, start + 3)[0]
    for place in range(start + 8, min(start + 8 + 2 * count, len(page) - 1), 2):
        try:
            yield _cell(pages, page, struct.unpack_from(">H", page, place)[0], size)
        except (IndexError, ValueError, KeyError, struct.error):
            continue  # this row is lost


def _cell(pages: Mapping[int, bytes], page: bytes, place: int, size: int) -> Row:
    length, place = _varint(page, place)
    rowid, place = _varint(page, place)
    most, least = size - 35, (size - 12) * 32 // 255 - 23
    local = length
    if length > most:
        local = least + (length - least) % (size - 4)
        local = local if local <= most else least
    if length > size * len(pages) or place + local > len(page):
        raise ValueError("a row longer than the file")
    parts, rest = [page[place : place + local]], length - local
    following = struct.unpack_from(">I", page, place + local)[0] if rest else 0
    while rest:
        overflow = pages[following]
        parts.append(overflow[4 : 4 + min(rest, size - 4)])
        if not parts[-1]:
            raise ValueError("a chain that ends early")
        rest -= len(parts[-1])
        following = struct.unpack_from(">I", overflow, 0)[0]
    return rowid - (1 << 64) if rowid >> 63 else rowid, _record(b"".join(parts))


def _record(payload: bytes) -> list[Value]:
    header, place = _varint(payload, 0)
    if header > len(payload):
        raise ValueError("a header longer than its row")
    kinds = []
    while place < header:
        kind, place = _varint(payload, place)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, place = _value(payload, place, kind)
        values.append(value)
    return values


def _value(payload: bytes, place: int, kind: int) -> tuple[Value, int]:
    widths = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
    width = widths[kind] if kind < 12 else (kind - 12) // 2
    piece = payload[place : place + width]
    if len(piece) < width:
        raise ValueError("a row that is cut off")
    if kind == 0:
        return None, place
    if kind in (8, 9):
        return kind - 8, place
    if kind == 7:
        return struct.unpack(">d", piece)[0], place + width
    if kind < 7:
        return int.from_bytes(piece, "big", signed=True), place + width
    return (piece.decode() if kind % 2 else piece), place + width


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for count in range(8):
        byte = data[place + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + count + 1
    return value << 8 | data[place + 8], place + 9
