"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from lossmith._errors import InvalidInputError

__all__ = ["check", "write", "write_made"]


def check(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file to be written, before anything is computed for it.

    Raises
    ------
    InvalidInputError
        It is a folder, or something on the way to it is a file.
    """
    target = Path(path)
    if target.is_dir():
        raise InvalidInputError(f"{str(target)!r} is a folder", expected="the name of a file", advice="add a file name")
    for parent in target.parents:
        if parent.exists() and not parent.is_dir():
            raise InvalidInputError(
                f"cannot write {str(target)!r}: {str(parent)!r} is no folder",
                expected="a path that can be written",
                advice="give another path",
            )
    return target


def write(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a file atomically, creating its folder: a reader sees the old file or the new one, never a part.

    Parameters
    ----------
    path : path
    content : str or bytes
        Text is written as UTF-8 with the line ends it has.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    InvalidInputError
        The path cannot be written.
    """
    target = check(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o666 & ~_mask())
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise InvalidInputError(
            f"cannot write {str(target)!r}: {error.strerror or error}",
            expected="a path that can be written",
            advice="give another path or free the folder",
        ) from error
    return target


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_made(path: str | os.PathLike[str], make: Callable[[], str]) -> Path:
    """Write what `make` returns, after a look at the path: nothing is computed for a file that cannot be written.

    Raises
    ------
    InvalidInputError
        The path cannot be written.
    """
    check(path)
    return write(path, make())
