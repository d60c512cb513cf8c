"""Parquet files written by hand, so that what they say of themselves can be anything."""

from __future__ import annotations

import struct


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def zigzag(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def struct_of(*fields: tuple[int, int, bytes]) -> bytes:
    """Fields as number, type and content, in rising order."""
    found, last = b"", 0
    for number, kind, content in fields:
        found += (
            bytes([(number - last) << 4 | kind]) + content
            if 0 < number - last < 16
            else bytes([kind]) + zigzag(number) + content
        )
        last = number
    return found + b"\0"


def list_of(kind: int, items: list[bytes]) -> bytes:
    return (
        bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + varint(len(items))
    ) + b"".join(items)


def file_of(*, rows=2, group_rows=2, values=2, page_values=2, page_size=8, packed=8, chunk=None, start=4, column=True, dictionary=None, v2=False, more=b"",
            body=None, leaves=1) -> bytes:  # fmt: skip
    kind = 3 if v2 else 0
    header = (8, 12, struct_of((1, 5, zigzag(page_values)))) if v2 else (5, 12, struct_of((1, 5, zigzag(page_values))))
    page = struct_of((1, 5, zigzag(kind)), (2, 5, zigzag(page_size)), (3, 5, zigzag(packed)), header) + bytes(8)
    if dictionary is not None:
        page = (
            struct_of(
                (1, 5, zigzag(2)), (2, 5, zigzag(4)), (3, 5, zigzag(4)), (7, 12, struct_of((1, 5, zigzag(dictionary))))
            )
            + bytes(4)
            + page
        )
    page = page if body is None else body
    meta = struct_of(
        (1, 5, zigzag(1)),
        (5, 6, zigzag(values)),
        (7, 6, zigzag(len(page) if chunk is None else chunk)),
        (9, 6, zigzag(start)),
    )
    element = struct_of((4, 8, varint(1) + b"x"))
    root = struct_of((4, 8, varint(1) + b"r"), (5, 5, zigzag(leaves)))
    group = struct_of((1, 9, list_of(12, [struct_of((3, 12, meta))] if column else [])), (3, 6, zigzag(group_rows)))
    footer = (
        struct_of(
            (1, 5, zigzag(1)),
            (2, 9, list_of(12, [root, *[element] * leaves])),
            (3, 6, zigzag(rows)),
            (4, 9, list_of(12, [group])),
        )
        + more
    )
    return b"PAR1" + page + footer + struct.pack("<I", len(footer)) + b"PAR1"
