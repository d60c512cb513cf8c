"""Bytes of published image files: unpacked within a limit, checked, and turned into arrays."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import zlib
from pathlib import Path

import numpy as np

from lossmith._errors import DataError
from lossmith.data._plain_pickle import read_plain_pickle

__all__ = ["check_md5", "read_batch", "read_idx", "read_member"]

PACKINGS = ("", ".gz", ".xz")
LIMIT = 1 << 28  # bytes that a file may unpack to: the largest published one has 47 MB
_IDX_UNSIGNED = 8


def read_member(folder: Path, name: str) -> tuple[bytes, Path]:
    """Return the contents of a file that may be packed by gzip or xz, and its path.

    Raises
    ------
    DataError
        It is not there, damaged, or unpacks to more than any published file.
    """
    found = [folder / f"{name}{packing}" for packing in PACKINGS if (folder / f"{name}{packing}").is_file()]
    if not found:
        raise DataError(
            f"no {name!r} in {str(folder)!r}",
            expected=f"{name}, {name}.gz or {name}.xz",
            advice="fetch the data set again: lossmith data fetch",
        )
    path = found[0]
    try:
        with path.open("rb") as file:
            start = file.read(6)
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(path) as unpacked:
                data = unpacked.read(LIMIT + 1)
        elif start.startswith(b"\xfd7zXZ"):
            with lzma.open(path) as unpacked:
                data = unpacked.read(LIMIT + 1)
        else:
            with path.open("rb") as file:
                data = file.read(LIMIT + 1)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(
            f"{str(path)!r} is damaged or cut off", expected="a complete file", advice="fetch it again"
        ) from error
    except OSError as error:
        raise DataError(
            f"{str(path)!r} cannot be read: {error.strerror or error}",
            expected="a readable file",
            advice="check its permissions",
        ) from error
    if len(data) > LIMIT:
        raise DataError(
            f"{str(path)!r} unpacks to more than {LIMIT >> 20} MiB",
            expected="a published file",
            advice="fetch it from its official place",
        )
    return data, path


def check_md5(data: bytes, wanted: str, *, path: Path) -> None:
    """Raise unless the bytes are the published ones.

    Raises
    ------
    DataError
        Another checksum.
    """
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != wanted:
        raise DataError(
            f"{str(path)!r} has the checksum {found}",
            expected=f"{wanted}, that of the published file",
            advice="fetch it again; pass your own images as a folder or as arrays (X, y)",
        )


def read_idx(data: bytes, *, name: str) -> np.ndarray:
    """Return the array in an IDX file of bytes, in which MNIST is published.

    Raises
    ------
    DataError
        It is no IDX file of bytes, or has more or fewer values than its header says.

    Examples
    --------
    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), name="labels").tolist()
    [7, 9]
    """
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _IDX_UNSIGNED or not 1 <= data[3] <= 4:
        raise DataError(
            f"{name!r} is no IDX file of bytes", expected="a header 00 00 08 and the number of axes", advice="check it"
        )
    start = 4 + 4 * data[3]
    shape = tuple(int.from_bytes(data[place : place + 4], "big") for place in range(4, start, 4))
    count = int(np.prod(shape, dtype=object))
    if len(data) < start or len(data) - start != count or not count:
        raise DataError(
            f"{name!r} holds {max(len(data) - start, 0):,} values",
            expected=f"the {count:,} of its header, {' x '.join(map(str, shape))}",
            advice="fetch it again, it is damaged or cut off",
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def read_batch(data: bytes, *, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images of shape `(n_rows, 32, 32, 3)` and labels of a file in which CIFAR-10 is published.

    Raises
    ------
    DataError
        It holds anything else.
    """
    record = read_plain_pickle(data, name=name)
    pixels, labels = record.get("data"), record.get("labels")
    if not isinstance(pixels, np.ndarray) or not isinstance(labels, list) or pixels.dtype != np.uint8:
        raise DataError(f"{name!r} holds {sorted(record)}", expected="'data' of bytes and 'labels'", advice="check it")
    if pixels.ndim != 2 or pixels.shape[1] != 3072 or len(labels) != len(pixels):
        raise DataError(
            f"{name!r} holds data of shape {pixels.shape} and {len(labels):,} labels",
            expected="3,072 values and one label for each image",
            advice="fetch it again",
        )
    if not all(type(label) is int and 0 <= label < 10 for label in labels):
        raise DataError(f"{name!r} holds labels other than 0 to 9", expected="ten classes", advice="fetch it again")
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(labels, dtype=np.int64)
