"""Bytes of files of strangers: read from files alone, and unpacked within a limit that is held against their size."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lossmith._errors import DataError

__all__ = ["MOST_TIMES", "UNPACKED", "check_archive", "check_regular", "read_unpacked", "read_whole", "unpacked"]

UNPACKED = 1 << 26  # bytes to which any gzip file may unpack
MOST_TIMES = 100  # to which a larger one may: text tables of real life unpack to 3 to 30 times their size
MOST = 1 << 33  # bytes to which none may
_PIECE = 1 << 20
_FIRST = 1 << 12  # bytes that are read of a part at first: what belongs to the next is read again
_GZIP = b"\x1f\x8b"


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


@contextlib.contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[io.FileIO]:
    """Give the bytes of a file, without a buffer: one would be held beside what is read."""
    check_regular(path)
    try:
        with Path(path).open("rb", buffering=0) as file:
            yield file
    except (OSError, MemoryError) as error:
        reason = "it does not fit into memory" if isinstance(error, MemoryError) else error.strerror or error
        raise DataError(
            f"{str(path)!r} cannot be read: {reason}", expected="a readable file", advice="check its permissions"
        ) from error


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    DataError
        It is no file, or cannot be read.
    """
    with _open(path) as file:
        return file.readall()


def read_unpacked(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file, or what they unpack to where gzip packed them.

    Raises
    ------
    DataError
        As `read_whole` and `unpacked`.
    """
    with _open(path) as file:
        if not file.seekable():  # a pipe is held whole
            data = file.readall()
            return unpacked(io.BytesIO(data), name=str(path)) if data.startswith(_GZIP) else data
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        return unpacked(file, name=str(path)) if packed else file.readall()


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


def unpacked(packed: BinaryIO | io.FileIO, *, name: str) -> bytes:
    """Return what a gzip file holds, all of its parts; it is read piece by piece.

    Raises
    ------
    DataError
        It is damaged, or unpacks to more than 64 MB and more than a hundred times its size, or to more than 8 GB.

    Examples
    --------
    >>> import gzip
    >>> unpacked(io.BytesIO(gzip.compress(b"a,b")), name="t.csv.gz")
    b'a,b'
    """
    size = packed.seek(0, os.SEEK_END)
    packed.seek(0)
    limit = allowed(size)
    found = io.BytesIO()  # which gives away what it holds without a copy
    try:
        while _goes_on(packed):
            part, step = zlib.decompressobj(wbits=31), _FIRST
            while not part.eof:
                given = part.unconsumed_tail or packed.read(step)
                step = min(2 * step, _PIECE)
                piece = part.decompress(given, _PIECE)
                found.write(piece)
                if found.tell() > limit:
                    raise DataError(
                        f"{name!r} unpacks to more than {limit >> 20:,} MiB",
                        expected=f"at most 64 MiB, or {MOST_TIMES} times the {size:,} bytes that it has",
                        advice="unpack it yourself if you trust it",
                    )
                if not piece and not given and not part.eof:
                    raise EOFError("it is cut off")
            packed.seek(-len(part.unused_data), os.SEEK_CUR)
    except (zlib.error, EOFError) as error:
        raise DataError(
            f"{name!r} is a damaged gzip file", expected="a complete file", advice="copy or export it again"
        ) from error
    return found.getvalue()


def _goes_on(packed: BinaryIO | io.FileIO) -> bool:
    """Return whether another part follows; some programs fill the last block of a file with zeros."""
    place = packed.tell()
    first = packed.read(1)
    if first == b"\0" and not any(piece.strip(b"\0") for piece in iter(lambda: packed.read(_PIECE), b"")):
        return False
    packed.seek(place)
    return bool(first)
