"""The record that `approximate` returns: candidates by rank, and which of them the data cannot tell apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith._checks import Finding
from lossmith._views import view
from lossmith.divergence._measurement import plain

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Approximation", "Candidate"]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One fitted model.

    Attributes
    ----------
    rank : int
        From 1; 0 if it could not be fitted.
    name, label : str
        The family, and the model with its parameters.
    parameters : mapping
        Free parameters with their values.
    distribution : scipy frozen distribution or None
    divergence : float
        Of the model from the data in the direction asked for; held out where there are rows to hold out, in nats.
    low, high : float
        Interval of `divergence`; equal to it where the data are a distribution and not a sample.
    forward, reverse : float
        D(data || model) and D(model || data) of the fit to all data, in nats; NaN where it is not defined.
    difference, difference_low, difference_high : float
        Divergence minus that of the best candidate, by pairs of rows, with its interval.
    indistinguishable : bool
        Whether that interval comes within one nat in all rows together of 0: the data cannot tell it from the best.
    aic, bic : float
        NaN where the number of observations is not known.
    ks : float
        Largest distance between the distribution functions.
    note : str
        Why it could not be fitted or why the divergence is infinite.
    """

    rank: int
    name: str
    label: str
    parameters: Mapping[str, float]
    distribution: Any
    divergence: float
    low: float
    high: float
    forward: float
    reverse: float
    difference: float
    difference_low: float
    difference_high: float
    indistinguishable: bool
    aic: float
    bic: float
    ks: float
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Approximation:
    """Candidates for the distribution of some data, the closest first.

    Attributes
    ----------
    data : str
        Its name.
    kind : {"discrete", "continuous"}
    n : int or None
        Observations; None for a distribution that is known exactly.
    direction : {"forward", "reverse"}
        Which divergence was minimised and ranked by.
    level : float
        Confidence level of the intervals.
    candidates : tuple of Candidate
    verdict : str
        The answer in one sentence.
    findings : tuple of Finding
    places, weights : ndarray
        The data: outcomes with shares, or the rows.

    Examples
    --------
    >>> from lossmith import divergence
    >>> found = divergence.approximate(divergence.WORMS, ["randint", "binom"])
    >>> found.best.name, round(found.best.forward, 8)
    ('randint', 0.13667971)
    """

    data: str
    kind: str
    n: int | None
    direction: str
    level: float
    candidates: tuple[Candidate, ...]
    verdict: str
    findings: tuple[Finding, ...]
    places: np.ndarray
    weights: np.ndarray

    @property
    def best(self) -> Candidate:
        """The candidate with rank 1."""
        return self.candidates[0]

    def __getitem__(self, name: str) -> Candidate:
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    def table(self) -> pl.DataFrame:
        """Return one row for each candidate, the closest first."""
        import polars as pl

        columns = [
            "rank", "name", "label", "divergence", "low", "high", "forward", "reverse", "difference", "difference_low", "difference_high",
            "indistinguishable", "aic", "bic", "ks", "note",
        ]  # fmt: skip
        return pl.DataFrame([{name: getattr(one, name) for name in columns} for one in self.candidates])

    def plot(self, **options: Any) -> Any:
        """Return Matplotlib axes: the data and the closest candidates."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str], **options: Any) -> Any:
        """Write one HTML file that needs nothing else, and return its path."""
        return view(self, "report", path=path, **options)

    def to_json(self) -> str:
        """Return everything but the data as strict JSON; numbers that JSON lacks are the strings "inf", "-inf" and "nan"."""
        record: dict[str, Any] = {
            name: getattr(self, name) for name in ("data", "kind", "n", "direction", "level", "verdict")
        }
        record["findings"] = [
            {"code": f.code, "severity": f.severity, "subject": f.subject, "evidence": f.evidence}
            for f in self.findings
        ]
        record["candidates"] = [
            {key: plain(value) for key, value in row.items()} | {"parameters": dict(one.parameters)}
            for row, one in zip(self.table().to_dicts(), self.candidates, strict=True)
        ]
        return json.dumps(record, allow_nan=False, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))

    def __str__(self) -> str:
        return self.verdict
