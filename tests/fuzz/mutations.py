"""Files made wrong: bytes flipped, cut, moved, spliced and replaced by numbers that break parsers, and whole structures forged."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Sequence
from typing import Any

NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 2**15 - 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**62, 2**63 - 1,
           2**63, 2**64 - 1)  # fmt: skip
TOKENS = (
    b"", b"\0", b"\n", b"\r", b"\r\n", b",", b";", b"\t", b'"', b"'", b"\\", b"NaN", b"nan", b"inf", b"-Infinity", b"1e999", b"-0", b"null",
    b"true", b"{}", b"[]", b'""', b"[" * 2000, b"9" * 400, b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"=1+1",
    b"<script>", b"'; DROP TABLE runs; --", b"../../../etc/passwd", b"__class__", b"os.system", b"\x1f\x8b", b"PK\x03\x04", b"\x80\x04",
    b"cos\nsystem\n", b"%s%n", b"2024-02-30", b"0x1p-3", b"\xe2\x80\xae", b"1_000", b"1,5",
)  # fmt: skip
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, 0.5, -1e308, "", "x", "nan", "inf", "mlp", "os.system", "../x", "\ud800", "a\nb",
    [], {}, [[]], [None], {"a": 1}, ["a", "a"], [2**63], "9" * 50, {"$number": "nan"}, {"$tuple": [1]}, {"dtype": "O"}, "f8", "float64",
)  # fmt: skip


def mutated(rng: random.Random, data: bytes, others: Sequence[bytes], *, most: int = 4) -> bytes:
    """Return a file with a few changes."""
    found = bytearray(data)
    for _ in range(1 + min(most - 1, int(rng.expovariate(1.0)))):
        found = bytearray(_changed(rng, found, others))
    return bytes(found[: max(4 * len(data), 4096)])


def _changed(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> bytes | bytearray:
    size = len(data)
    place = rng.randrange(size) if size else 0
    length = min(1 + int(rng.expovariate(0.1)), 300)
    kind = rng.randrange(10)
    if kind == 0 and size:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1 and size:
        data[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == 2:
        return data[:place]
    elif kind == 3:
        del data[place : place + length]
    elif kind == 4:
        data[place:place] = data[place : place + length]
    elif kind == 5:
        data[place : place + rng.choice((0, 1, length))] = rng.choice(TOKENS)
    elif kind == 6:
        other = rng.choice(others)
        start = rng.randrange(len(other)) if other else 0
        return data[:place] + other[start : start + rng.choice((length, len(other)))]
    elif kind == 7 and size:
        form = rng.choice(("<I", ">I", "<Q", ">Q", "<H", ">H"))
        number = struct.pack(form, rng.choice(NUMBERS) % (1 << 8 * struct.calcsize(form)))
        data[place : place + len(number)] = number
    elif kind == 8 and size:
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(size)] = rng.randrange(256)
    else:
        other = rng.choice(others)
        start = rng.randrange(len(other)) if other else 0
        data[place : place + length] = other[start : start + length]
    return data


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every entry of nested mappings and lists."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in children for found in [(*path, key), *places(child, (*path, key))]]


def forged(rng: random.Random, value: Any) -> Any:
    """Return nested mappings and lists with a few entries replaced, removed, added or exchanged."""
    plain = json.loads(json.dumps(value))
    for _ in range(1 + min(3, int(rng.expovariate(1.0)))):
        paths = places(plain)
        if not paths:
            return rng.choice(JUNK)
        *parents, last = rng.choice(paths)
        place = plain
        for parent in parents:
            place = place[parent]
        kind = rng.randrange(5)
        if kind == 0:
            del place[last]
        elif kind == 1 and isinstance(place, list):
            place.insert(last, rng.choice(JUNK))
        elif kind == 1:
            place[rng.choice(("", "x", "class_name", "module", "kind", "__metadata__"))] = rng.choice(JUNK)
        elif kind == 2 and isinstance(place[last], int | float) and not isinstance(place[last], bool):
            place[last] = rng.choice(
                (
                    place[last] + 1,
                    -place[last],
                    place[last] * 2,
                    0,
                    place[last] / 2 if abs(place[last]) < 1e300 else 0.5,
                    repr(place[last])[:50],
                )
            )
        elif kind == 3:
            *others, name = rng.choice(paths)
            other = plain
            for parent in others:
                other = other[parent] if isinstance(other, dict | list) and _has(other, parent) else {}
            place[last] = (
                json.loads(json.dumps(other[name])) if isinstance(other, dict | list) and _has(other, name) else None
            )
        else:
            place[last] = rng.choice(JUNK)
    return plain


def _has(value: Any, key: Any) -> bool:
    return key in value if isinstance(value, dict) else isinstance(key, int) and key < len(value)
