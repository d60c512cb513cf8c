"""One exception tree: every error says what was received, what was expected and what to do.

The command line turns any `LossmithError` into one line and exit code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BackendError",
    "ClusterError",
    "DataError",
    "DomainError",
    "InvalidInputError",
    "LossmithError",
    "MissingExtraError",
    "ModelFileError",
    "ShapeError",
    "StoreError",
    "UnknownNameError",
    "did_you_mean",
]


class LossmithError(Exception):
    """Base of every error that lossmith raises on purpose.

    Parameters
    ----------
    received : str
        What came in, with the value or the numbers.
    expected : str
        What would have been right.
    advice : str
        What to do about it.

    Examples
    --------
    >>> print(LossmithError("rate -1", expected="a rate in [0, 1]", advice="use 0.1"))
    rate -1; expected a rate in [0, 1]; use 0.1
    """

    def __init__(self, received: str, *, expected: str = "", advice: str = "") -> None:
        self.received = received
        self.expected = expected
        self.advice = advice
        parts = [received, f"expected {expected}" if expected else "", advice]
        super().__init__("; ".join(part for part in parts if part))


class InvalidInputError(LossmithError, ValueError):
    """An argument has a value that cannot be used."""


class ShapeError(InvalidInputError):
    """Arrays have shapes that do not fit; nothing is ever broadcast or squeezed silently."""


class DomainError(InvalidInputError):
    """Values lie outside the interval on which a function is defined."""


class DataError(InvalidInputError):
    """A file or table cannot be turned into a data set."""


class UnknownNameError(InvalidInputError, LookupError):
    """A name is in no catalogue."""


class StoreError(LossmithError, OSError):
    """The store of runs cannot be read or written."""


class ModelFileError(LossmithError, ValueError):
    """A model file is damaged, foreign or of another version."""


class BackendError(LossmithError, RuntimeError):
    """Keras runs on a backend that the stacked engine cannot use."""


class ClusterError(LossmithError, RuntimeError):
    """A cluster cannot be reached, or loses its workers."""


class MissingExtraError(LossmithError, ImportError):
    """An optional dependency is not installed."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return a hint that names the closest candidates, or lists them all.

    Examples
    --------
    >>> did_you_mean("huberr", ["huber", "hinge"])
    "did you mean 'huber'?"
    >>> did_you_mean("xyz", ["huber", "hinge"])
    "one of: 'huber', 'hinge'"
    """
    names = list(dict.fromkeys(candidates))
    close = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(match) for match in close) + "?"
    if not names:
        return "nothing is registered under any name"
    return "one of: " + ", ".join(repr(candidate) for candidate in names)
