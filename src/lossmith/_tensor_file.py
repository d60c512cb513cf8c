"""One safetensors file that holds arrays and a configuration which is only data: written whole, read with suspicion.

Nothing in a file is executed or imported. The header's length is held against the size of the file before anything is
read, JSON is parsed strictly, and a checksum covers names, types, shapes, numbers and configuration.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from lossmith._errors import ModelFileError

__all__ = ["MOST_HEADER", "PathType", "check_regular", "damaged", "format_of", "pack", "read", "unpack", "write"]

MOST_HEADER = 2**26  # bytes; a thousand columns with thirty levels take about one million
SAVE_AGAIN = "save the model again, or copy the file again"

PathType = str | os.PathLike[str]


def pack(configuration: Mapping[str, Any], tensors: Mapping[str, Any], *, format: str) -> bytes:  # noqa: A002
    """Return configuration and arrays as the bytes of a safetensors file; equal content gives equal bytes.

    Examples
    --------
    >>> import numpy as np
    >>> data = pack({"kind": "line"}, {"slope": np.array([2.0])}, format="example 1")
    >>> configuration, arrays = unpack(data, format="example 1")
    >>> configuration, arrays["slope"].tolist()
    ({'kind': 'line'}, [2.0])
    """
    whole = {name: np.ascontiguousarray(value).reshape(np.shape(value)) for name, value in tensors.items()}
    described = {"format": format, "configuration": configuration, "sha256": _digest(configuration, whole)}
    # one entry: the library writes several in an order that changes from run to run
    return safetensors.numpy.save(whole, metadata={"lossmith": _canonical(described)})


def write(data: bytes, path: PathType) -> None:
    """Write the bytes of a file, whole or not at all; its folder is made.

    Raises
    ------
    ModelFileError
        The path cannot be written.
    """
    target = Path(path)
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        current = os.umask(0)  # the system tells the permissions that new files lack only when they are set
        os.umask(current)
        os.chmod(temporary, 0o666 & ~current)
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise ModelFileError(
            f"cannot write {str(target)!r}: {error.strerror or error}",
            expected="a path that can be written",
            advice="give another path or free the folder",
        ) from error


def read(path: PathType, *, format: str) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: A002
    """Return configuration and arrays of a file.

    Raises
    ------
    ModelFileError
        The file misses, is damaged, foreign, or of another format.
    """
    name = repr(str(path))
    check_regular(path)
    try:
        with Path(path).open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            # a foreign or damaged file is refused before its arrays are read
            _described(stream, size, format, name)
            stream.seek(0)
            data = stream.read(size)
    except OSError as error:
        raise ModelFileError(
            f"{name} cannot be read: {error.strerror or error}", expected="a model file", advice="check the path"
        ) from error
    return unpack(data, format=format, name=name)


def check_regular(path: PathType) -> None:
    """Raise for what is there and is neither a file nor a folder: a pipe or a device may never end.

    Raises
    ------
    ModelFileError
    """
    place = Path(path)
    if place.exists() and not place.is_file() and not place.is_dir():
        raise ModelFileError(f"{str(path)!r} is a pipe or a device", expected="a model file", advice="check the path")


def format_of(path: PathType) -> str:
    """Return the format that a file says it has; empty where it says none, or cannot be read."""
    try:
        check_regular(path)
        with Path(path).open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(os.fstat(stream.fileno()).st_size - 8, MOST_HEADER):
                return ""
            header = _parsed(stream.read(length), str(path))
            described = _parsed(header["__metadata__"]["lossmith"], str(path))
            return str(described["format"])
    except (OSError, ModelFileError, KeyError, TypeError):
        return ""


def unpack(data: bytes, *, format: str, name: str = "the file") -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: A002
    """Return the configuration and arrays that `pack` turned into `data`.

    Raises
    ------
    ModelFileError
        See `read`.
    """
    described = _described(io.BytesIO(data), len(data), format, name)
    try:
        tensors = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError) as error:
        raise damaged(name, str(error)) from error
    try:
        sound = _digest(described["configuration"], tensors) == described["sha256"]
    except (ValueError, RecursionError) as error:
        raise damaged(name, "its configuration is no JSON") from error
    if not sound or not isinstance(described["configuration"], dict):
        raise damaged(name, "its content does not fit its checksum")
    return described["configuration"], tensors


def damaged(name: str, reason: str) -> ModelFileError:
    """Return the error that says what is wrong with a file, in one line."""
    words = " ".join(reason.split())
    return ModelFileError(f"{name} is damaged: {words[:300]}", expected="a whole model file", advice=SAVE_AGAIN)


def _described(stream: BinaryIO, size: int, format: str, name: str) -> dict[str, Any]:  # noqa: A002
    """Return what the metadata say, read after its declared length was held against the size of the file."""
    start = stream.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or not 2 <= length <= min(size - 8, MOST_HEADER):
        raise ModelFileError(
            f"{name} is no safetensors file, or is cut off", expected="a model file", advice=SAVE_AGAIN
        )
    header = _parsed(stream.read(length), name)
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("lossmith"), str):
        raise ModelFileError(
            f"{name} is no model of lossmith", expected=f"a file of the format {format!r}", advice="check the path"
        )
    described = _parsed(metadata["lossmith"], name)
    if not isinstance(described, dict) or not isinstance(described.get("format"), str):
        raise damaged(name, "its metadata are not what lossmith writes")
    if described["format"] != format:
        raise ModelFileError(
            f"{name} has the format {described['format'][:40]!r}",
            expected=repr(format),
            advice="open it with what wrote it, or a later version",
        )
    if described.keys() != {"format", "configuration", "sha256"} or len(metadata) > 1:
        raise damaged(name, "its metadata are not what lossmith writes")
    return described


def _canonical(described: Mapping[str, Any]) -> str:
    return json.dumps(described, ensure_ascii=True, allow_nan=False)


def _digest(configuration: Any, tensors: Mapping[str, Any]) -> str:
    """Return the SHA-256 of configuration and arrays: names, types, shapes and bytes."""
    found = hashlib.sha256()
    index = {name: [tensors[name].dtype.str, list(tensors[name].shape)] for name in sorted(tensors)}
    found.update(_canonical({"configuration": configuration, "tensors": index}).encode())
    for name in sorted(tensors):
        found.update(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data)  # without a copy
    return found.hexdigest()


def _parsed(text: str | bytes, name: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_different, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise damaged(name, "its header is no JSON") from error


def _different(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} stands twice")
        found[key] = value
    return found


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
