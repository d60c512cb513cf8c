"""Files of known data sets from the network: through `keras.datasets`, or from their authors with a checksum."""

from __future__ import annotations

import contextlib
import os
import sys
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np

from lossmith._errors import DataError

__all__ = ["download", "keras_arrays", "keras_folder"]


def _keras() -> Any:
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    return keras


def keras_folder() -> Path:
    """Return where Keras keeps what it has fetched.

    Examples
    --------
    >>> keras_folder().name
    'datasets'
    """
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def keras_arrays(name: str, *, variable: str) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return training and test arrays of `keras.datasets.<name>`, fetched where Keras does not have them.

    Raises
    ------
    DataError
        There is no network, or what came has another checksum.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras announces downloads where results are printed
            loaded = getattr(_keras().datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception for everything that can happen to a download
        raise unreachable(name, variable=variable, error=error) from error
    return loaded


def download(address: str, *, file: str, sha256: str, variable: str, folder: Path | None = None) -> Path:
    """Return the path of a file, fetched unless the folder (by default Keras's) has it with this checksum.

    Raises
    ------
    DataError
        There is no network, or what came has another checksum.
    """
    place = folder or keras_folder()
    try:
        place.mkdir(parents=True, exist_ok=True)  # where the folder is not there Keras takes another one
        with contextlib.redirect_stdout(sys.stderr):
            fetched = _keras().utils.get_file(
                file, address, file_hash=sha256, hash_algorithm="sha256", cache_subdir="lossmith",
                cache_dir=place,
            )  # fmt: skip
    except Exception as error:  # as above
        raise unreachable(file, variable=variable, error=error) from error
    return Path(fetched)


def unreachable(name: str, *, variable: str, error: Exception) -> DataError:
    """Return the error for a data set that is not on this machine and cannot be fetched."""
    answer = error.__cause__ or error.__context__
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()  # Keras leaves its connection to the interpreter, which Python 3.14 warns of
    said = " ".join(str(error).split())[:160]
    return DataError(
        f"{name} is not on this machine and cannot be fetched ({said})",
        expected=f"a network, or a folder with {variable}",
        advice="name the folder with --data-dir or in LOSSMITH_DATA",
    )
