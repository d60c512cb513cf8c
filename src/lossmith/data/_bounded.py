"""Bytes of files of strangers: read from files alone, and unpacked within a limit that is held against their size."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from pathlib import Path

from lossmith._errors import DataError

__all__ = ["MOST_TIMES", "UNPACKED", "check_archive", "check_regular", "read_whole", "unpacked"]

UNPACKED = 1 << 26  # bytes to which any gzip file may unpack
MOST_TIMES = 100  # to which a larger one may: text tables of real life unpack to 3 to 30 times their size
MOST = 1 << 33  # bytes to which none may
_PIECE = 1 << 20


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise for what is there and is neither a file nor a folder: a pipe may never end, and a device neither.

    Raises
    ------
    DataError
    """
    place = Path(path)
    if str(place) == "/dev/stdin":  # rows that somebody pipes in on purpose
        return
    if place.exists() and not place.is_file() and not place.is_dir():
        raise DataError(
            f"{str(path)!r} is a pipe or a device", expected="a file", advice="write what it gives to a file first"
        )


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    DataError
        It is no file, or cannot be read.
    """
    check_regular(path)
    try:
        return Path(path).read_bytes()
    except (OSError, MemoryError) as error:
        reason = "it does not fit into memory" if isinstance(error, MemoryError) else error.strerror or error
        raise DataError(
            f"{str(path)!r} cannot be read: {reason}", expected="a readable file", advice="check its permissions"
        ) from error


def allowed(size: int) -> int:
    """Return the bytes to which a packed file of so many bytes may unpack."""
    return min(max(UNPACKED, MOST_TIMES * size), MOST)


def check_archive(path: str | os.PathLike[str]) -> None:
    """Raise for a zip file that says it unpacks to more than it may; what it unpacks to is never more than it says.

    Use it before a library opens an archive of strangers, such as one of `numpy.savez`; `path` is the file.

    Raises
    ------
    DataError
        Too large, damaged, or no zip file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with zipfile.ZipFile(f"{folder}/a.npz", "w") as packed:
    ...         packed.writestr("x.npy", b"...")
    ...     check_archive(f"{folder}/a.npz")  # says nothing
    """
    check_regular(path)
    try:
        with zipfile.ZipFile(path) as packed:
            total = sum(entry.file_size for entry in packed.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{str(path)!r} is a damaged archive ({' '.join(str(error).split())[:100]})",
            expected="a complete file",
            advice="copy or write it again",
        ) from error
    most = allowed(Path(path).stat().st_size)
    if total > most:
        raise DataError(
            f"{str(path)!r} unpacks to {total:,} bytes",
            expected=f"at most {most:,}",
            advice="unpack it yourself if you trust it",
        )


def unpacked(data: bytes, *, name: str) -> bytes:
    """Return what a gzip file holds, all of its parts.

    Raises
    ------
    DataError
        It is damaged, or unpacks to more than 64 MB and more than a hundred times its size, or to more than 8 GB.

    Examples
    --------
    >>> import gzip
    >>> unpacked(gzip.compress(b"a,b"), name="t.csv.gz")
    b'a,b'
    """
    limit = allowed(len(data))
    view, place, found = memoryview(data), 0, io.BytesIO()  # which gives away what it holds without a copy
    try:
        while place < len(data) and (
            data[place] or data[place:].strip(b"\0")
        ):  # some programs fill the last block with zeros
            part = zlib.decompressobj(wbits=31)
            while not part.eof:
                given: bytes | memoryview = part.unconsumed_tail
                if not given:
                    given = view[place : place + _PIECE]
                    place += len(given)
                piece = part.decompress(given, _PIECE)
                found.write(piece)
                if found.tell() > limit:
                    raise DataError(
                        f"{name!r} unpacks to more than {limit >> 20:,} MiB",
                        expected=f"at most 64 MiB, or {MOST_TIMES} times the {len(data):,} bytes that it has",
                        advice="unpack it yourself if you trust it",
                    )
                if not piece and not given and not part.eof:
                    raise EOFError("it is cut off")
            place -= len(part.unused_data)
    except (zlib.error, EOFError) as error:
        raise DataError(
            f"{name!r} is a damaged gzip file", expected="a complete file", advice="copy or export it again"
        ) from error
    return found.getvalue()
