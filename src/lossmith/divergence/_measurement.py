"""The record that `measure` returns: a value and everything needed to trust it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lossmith._checks import Finding
from lossmith._views import view

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Contributions", "Exactness", "Measurement", "plain"]

Exactness = Literal["exact", "bound", "interval", "estimate"]


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """Where a divergence over a finite set comes from: arrays of shape (n_outcomes,).

    Attributes
    ----------
    outcomes : tuple
    p, q : ndarray
        Probabilities.
    terms : ndarray
        Non-negative parts that add up to the divergence (before a root or logarithm, if it has one).
    """

    outcomes: tuple[Any, ...]
    p: np.ndarray
    q: np.ndarray
    terms: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """A divergence between two distributions.

    Attributes
    ----------
    divergence : str
        Its name with parameters, as `divergence.get` reads it.
    value : float
    unit : str
        "nats", "bits", "hartleys", or empty for divergences without unit.
    p, q : str
        What was compared; p is the first argument.
    symmetric : bool
        Whether the direction makes no difference.
    method : str
        "sum", "closed form", "quadrature", "Monte Carlo", "nearest neighbours", ...
    exactness : {"exact", "bound", "interval", "estimate"}
        exact: but for rounding, at most `error`. bound: |value - truth| is at most `error`, as far as the refinement of
        panels and blocks can tell. interval: the truth lies in [low, high] with confidence `level`.
        estimate: none of these.
    error : float
        Bound on the error, or the standard error of an interval.
    low, high : float
        Ends of the interval; value minus and plus error where there is a bound.
    level : float
        Confidence level of an interval; 1 otherwise.
    evaluations : int
        Outcomes, density evaluations or draws that were used.
    explanation : str
        One sentence: what the number means, or why it is infinite.
    contributions : Contributions or None
        For distributions over a finite set.
    findings : tuple of Finding
        Coded checks that fired.

    Examples
    --------
    >>> from scipy import stats
    >>> from lossmith import divergence
    >>> found = divergence.measure(stats.norm(0, 1), stats.norm(1, 1))
    >>> float(found), found.method, found.unit
    (0.5, 'closed form', 'nats')
    """

    divergence: str
    value: float
    unit: str
    p: str
    q: str
    symmetric: bool
    method: str
    exactness: Exactness
    error: float
    low: float
    high: float
    level: float = 1.0
    evaluations: int = 0
    explanation: str = ""
    contributions: Contributions | None = None
    findings: tuple[Finding, ...] = ()

    def __float__(self) -> float:
        return self.value

    @property
    def direction(self) -> str:
        """Which side is which."""
        return f"{self.p} and {self.q}" if self.symmetric else f"{self.p} || {self.q}"

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if not math.isfinite(self.value):
            return f"{self.divergence}({self.direction}) = {self.value}: {self.explanation}"
        if self.exactness == "interval":
            how = f" [{self.low:.6g}, {self.high:.6g}] at {self.level:.0%}"
        elif self.exactness == "bound":
            how = f", error at most {self.error:.1g}"
        else:
            how = "" if self.exactness == "exact" else ", no error known"
        return f"{self.divergence}({self.direction}) = {self.value:.8g}{unit}{how} ({self.method})"

    def table(self) -> pl.DataFrame:
        """Return the contribution of every outcome, largest first, or one row with the value where there are none."""
        import polars as pl

        if self.contributions is None:
            row = {name: getattr(self, name) for name in _COLUMNS}
            return pl.DataFrame([row])
        parts = self.contributions
        total = float(np.sum(parts.terms[np.isfinite(parts.terms)]))
        share = (
            parts.terms / total if total > 0 and np.isfinite(parts.terms).all() else np.full(parts.terms.shape, np.nan)
        )
        frame = pl.DataFrame(
            {
                "outcome": [str(outcome) for outcome in parts.outcomes],
                "p": parts.p,
                "q": parts.q,
                "contribution": parts.terms,
                "share": share,
            }
        )
        return frame.sort("contribution", descending=True, maintain_order=True)

    def plot(self, **options: Any) -> Any:
        """Return Matplotlib axes: both distributions and the contribution of every outcome."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str], **options: Any) -> Any:
        """Write one HTML file that needs nothing else, and return its path."""
        return view(self, "report", path=path, **options)

    def to_json(self) -> str:
        """Return everything as strict JSON; numbers that JSON lacks are the strings "inf", "-inf" and "nan"."""
        record: dict[str, Any] = {name: plain(getattr(self, name)) for name in _COLUMNS}
        record["findings"] = [
            {"code": f.code, "severity": f.severity, "subject": f.subject, "evidence": f.evidence}
            for f in self.findings
        ]
        if self.contributions is not None:
            parts = self.contributions
            record["contributions"] = [
                {"outcome": plain(outcome), "p": plain(p), "q": plain(q), "term": plain(term)}
                for outcome, p, q, term in zip(parts.outcomes, parts.p, parts.q, parts.terms, strict=True)
            ]
        return json.dumps(record, allow_nan=False, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


_COLUMNS = (
    "divergence",
    "value",
    "unit",
    "p",
    "q",
    "symmetric",
    "method",
    "exactness",
    "error",
    "low",
    "high",
    "level",
    "evaluations",
    "explanation",
)


def plain(value: Any) -> Any:
    """Return a number as strict JSON has it: the strings "inf", "-inf" and "nan" where it has none."""
    if isinstance(value, bool | str | int) or value is None:
        return value
    number = float(value)
    return number if math.isfinite(number) else str(number)
