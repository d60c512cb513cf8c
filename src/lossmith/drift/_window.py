"""One window of a stream, and what may be asked of a monitor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lossmith._errors import DomainError, InvalidInputError

__all__ = ["Window", "check_choices"]

EVERY = re.compile(r"\d+(us|ms|s|m|h|d|w|mo|q|y)")


@dataclass(frozen=True, slots=True)
class Window:
    """One window and what was decided after it.

    Attributes
    ----------
    number : int
        From 1.
    first, last : int
        Rows of the stream, from 1.
    time : str
        When it begins, for windows by time; empty otherwise.
    rows : int
    p_value : float
        Of the window, all columns together (Simes).
    evidence, threshold : float
        The alarm sounds where evidence reaches the threshold.
    alarm : bool
    since : int
        The window in which the change began, by the largest product of evidence.
    drifted : tuple of str
        Columns that differ in this window from everything before, the largest effect first.
    words : str
        What changed in the first of them.
    """

    number: int
    first: int
    last: int
    time: str
    rows: int
    p_value: float
    evidence: float
    threshold: float
    alarm: bool
    since: int
    drifted: tuple[str, ...]
    words: str


def check_choices(
    window: int | str, time: str | None, run_length: float, target: str | None, prediction: str | None
) -> None:
    """Refuse choices of a monitor that do not fit together.

    Raises
    ------
    InvalidInputError, DomainError
    """
    if isinstance(window, str):
        if not EVERY.fullmatch(window) or int(re.match(r"\d+", window).group()) < 1:  # type: ignore[union-attr]
            raise InvalidInputError(
                f"window={window!r}", expected="rows, or a length of time such as '1d', '6h' or '1mo'"
            )
        if time is None:
            raise InvalidInputError(
                f"window={window!r} without time=", expected="the column of dates", advice="say time='...'"
            )
    elif not isinstance(window, int) or window < 1:
        raise InvalidInputError(f"window={window!r}", expected="at least one row")
    elif time is not None:
        raise InvalidInputError(
            f"time={time!r} with a window of {window} rows", expected="a length of time, such as window='1d'"
        )
    if not 1 < run_length < 1e12:
        raise DomainError(
            f"run_length={run_length!r}", expected="a number of windows above 1", advice="1000 is the default"
        )
    if (target is None) != (prediction is None):
        raise InvalidInputError("target without prediction, or the reverse", expected="both or none")
