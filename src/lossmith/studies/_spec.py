"""The record of a study and of one row of the ledger; verdicts are computed from numbers, never typed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lossmith._errors import InvalidInputError

__all__ = ["Row", "RowVerdict", "Study", "StudyResult", "judge_exact", "judge_number", "prediction_interval"]

RowVerdict = Literal["reproduced", "differs", "source error", "no number in source", "not run"]


@dataclass(frozen=True, slots=True)
class Row:
    """One claim of a source and what was measured.

    Attributes
    ----------
    id : str
        Claim id, such as `T-05`.
    claim : str
        What the source says, in a few words.
    reported : str
        The number of the source; empty where it gives none.
    measured : str
        What was measured, with its interval; empty where nothing was run.
    verdict : str
        See `RowVerdict`.
    remark : str
        What follows, with the numbers it follows from.
    values : mapping of str to float
        The numbers behind `measured`, for tests and for other programs.
    figure : str
        File name of a figure in the gallery, or empty.
    """

    id: str
    claim: str
    reported: str
    measured: str
    verdict: RowVerdict
    remark: str
    values: Mapping[str, float] = field(default_factory=dict)
    figure: str = ""


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What a study found: rows for the ledger, figures for the gallery and sections of prose made from numbers."""

    study: str
    rows: tuple[Row, ...]
    figures: Mapping[str, str] = field(default_factory=dict)
    sections: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """A group of claims of one source and the function that measures them.

    Attributes
    ----------
    name : str
    source : str
        Code of the source document.
    title : str
    claims : tuple of str
        Ids of every row that `run` returns.
    run : callable
        `run(quick=..., progress=...) -> StudyResult`; it uses the public interface of lossmith alone.
    reference : str
        The source document.
    aliases : tuple of str
    by_claim : bool
        `run` also takes `claims`, the ids to measure, and leaves the others out.
    """

    name: str
    source: str
    title: str
    claims: tuple[str, ...]
    run: Callable[..., StudyResult]
    reference: str
    aliases: tuple[str, ...] = ()
    by_claim: bool = False

    @property
    def command(self) -> str:
        """The command that measures it."""
        return f"lossmith study run {self.name}"


def prediction_interval(mean: float, deviation: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return where one further run falls with probability `level`, given `n` runs: mean -+ t s sqrt(1 + 1/n).

    Use it to ask whether a single published run is an ordinary one.

    Raises
    ------
    InvalidInputError
        Fewer than two runs.

    Examples
    --------
    >>> low, high = prediction_interval(0.848, 0.005, 30)
    >>> round(low, 3), round(high, 3)
    (0.838, 0.858)
    """
    from scipy import stats

    if n < 2:
        raise InvalidInputError(f"{n} runs", expected="at least two", advice="run more seeds")
    width = float(stats.t.ppf(0.5 + level / 2, n - 1)) * deviation * math.sqrt(1 + 1 / n)
    return mean - width, mean + width


def judge_number(
    reported: float,
    values: Any,
    *,
    resolution: float,
    artefact: Any = None,
    positive: bool = False,
    level: float = 0.95,
) -> RowVerdict:
    """Return what a published single run is worth against many runs of the same experiment.

    `reproduced`: it lies where one further run falls with probability `level` (widened by half a unit of its last
    digit). `source error`: it does not, but it does for `artefact`, the same runs under the faulty procedure that the
    source used. `differs` otherwise.

    Parameters
    ----------
    reported : float
    values : ndarray of shape (n_runs,)
    resolution : float
        One unit of the last digit that was printed.
    artefact : ndarray of shape (n_runs,), optional
    positive : bool
        The number is an error that is positive and skewed: the interval is drawn for its logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> right, wrong = np.array([0.84, 0.85, 0.86]), np.array([0.73, 0.74, 0.75])
    >>> judge_number(0.846, right, resolution=0.001), judge_number(0.740, right, resolution=0.001, artefact=wrong)
    ('reproduced', 'source error')
    """
    import numpy as np

    def ordinary(runs: Any) -> bool:
        runs = np.log(runs) if positive else np.asarray(runs)
        low, high = prediction_interval(float(np.mean(runs)), float(np.std(runs, ddof=1)), len(runs), level=level)
        low, high = (math.exp(low), math.exp(high)) if positive else (low, high)
        return bool(low - resolution / 2 <= reported <= high + resolution / 2)

    if ordinary(values):
        return "reproduced"
    return "source error" if artefact is not None and ordinary(artefact) else "differs"


def judge_exact(reported: str, value: float, *, artefact: float | None = None) -> tuple[RowVerdict, str]:
    """Return what a printed number is worth against the exact one, and what to say of its digits.

    `reproduced`: it is the value, rounded or cut at the last printed digit. `source error`: it is not, but it is `artefact`, what the
    faulty procedure gives that the source used. `differs` otherwise.

    Parameters
    ----------
    reported : str
        As printed: its last digit says how exact it is meant to be.
    value : float
    artefact : float, optional

    Examples
    --------
    >>> judge_exact("0.137", 0.13668), judge_exact("0.136", 0.13668)
    (('reproduced', ''), ('reproduced', 'cut after the last digit, not rounded: 0.137'))
    >>> judge_exact("0.0969", 0.22314, artefact=0.09691)[0], judge_exact("0.2", 0.5)[0]
    ('source error', 'differs')
    """
    digits = len(reported.partition(".")[2])

    def printed(number: float) -> tuple[bool, bool]:
        size = 10.0**digits
        # a number that rounding has put a hair below a digit is not cut there
        cut = math.floor(abs(number) * size * (1 + 1e-12)) / size * (1 if number >= 0 else -1)
        return f"{number:.{digits}f}" == reported, f"{cut:.{digits}f}" == reported

    rounded, truncated = printed(value)
    if rounded:
        return "reproduced", ""
    if truncated:
        return "reproduced", f"cut after the last digit, not rounded: {value:.{digits}f}"
    return ("source error" if artefact is not None and any(printed(artefact)) else "differs"), ""
