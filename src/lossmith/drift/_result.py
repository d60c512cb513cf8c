"""What a comparison says: decisions for each column, with the numbers behind them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

import numpy as np
import polars as pl

from lossmith._checks import Finding
from lossmith._errors import UnknownNameError, did_you_mean
from lossmith._views import view

__all__ = ["ColumnDrift", "Drift", "Judgement", "Status"]

Status = Literal["drifted", "stable", "small", "gone", "new", "not tested"]
Role = Literal["feature", "prediction", "target", "performance", "joint"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One detector on one column.

    Attributes
    ----------
    detector : str
    value : float
    expected : float
        What the value is on average where nothing drifts; NaN where only the p-value is known.
    p_value : float
    method : str
        By which law the p-value was found.
    """

    detector: str
    value: float
    expected: float
    p_value: float
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class ColumnDrift:
    """One column and the decision on it.

    Attributes
    ----------
    name, kind : str
    role : {"feature", "prediction", "target", "performance", "joint"}
    status : {"drifted", "stable", "small", "gone", "new", "not tested"}
        `small`: significant, and smaller than the minimum effect.
    p_value : float
        Of the column: the smallest of its detectors times their number. NaN where nothing was tested.
    adjusted : float
        Corrected for the number of columns: compare it with the level.
    effect : float
        Square root of the Jensen-Shannon divergence in nats, less what chance adds on average: 0 to 0.83. A shift of a
        normal column by d standard deviations, d small, has 0.35 d.
    judgements : tuple of Judgement
    words : str
        What changed.
    cells : tuple of str
    reference, current : ndarray of shape (n_cells,)
        Counts.
    contributions : ndarray of shape (n_cells,)
        To the Jensen-Shannon divergence, in nats.
    kl : float
        Kullback-Leibler divergence of current from reference, in nats.
    """

    name: str
    kind: str
    role: Role
    status: Status
    p_value: float
    adjusted: float
    effect: float
    judgements: tuple[Judgement, ...]
    words: str
    cells: tuple[str, ...]
    reference: np.ndarray
    current: np.ndarray
    contributions: np.ndarray
    kl: float

    @property
    def drifted(self) -> bool:
        """Whether it counts as drift; a column that is gone does."""
        return self.status in ("drifted", "gone")


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """What changed between a reference and current data.

    Attributes
    ----------
    reference, current : str
        Their names.
    n, m : int
        Their rows.
    columns : tuple of ColumnDrift
        Drifted ones first, the largest effect first; joint detectors after columns.
    findings : tuple of Finding
    level : float
    correction : str
    minimum_effect : float
    blocks : bool
        Whether blocks of rows were relabelled.
    seconds : float

    Examples
    --------
    >>> from lossmith import drift
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> old = {"a": rng.normal(size=2000), "b": rng.normal(size=2000)}
    >>> new = {"a": rng.normal(size=1000), "b": rng.normal(0.5, size=1000)}
    >>> found = drift.compare(old, new, joint=None)
    >>> found.drifted
    ('b',)
    >>> found["b"].words
    'mean -0.00218 to 0.514 (+0.52 sd)'
    """

    reference: str
    current: str
    n: int
    m: int
    columns: tuple[ColumnDrift, ...]
    findings: tuple[Finding, ...]
    level: float
    correction: str
    minimum_effect: float
    blocks: bool
    seconds: float

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of what drifted, the largest effect first."""
        return tuple(column.name for column in self.columns if column.drifted)

    @property
    def detectable(self) -> float:
        """The shift of a normal column, in standard deviations, that this comparison finds 80 % of the time.

        NaN where there is none up to 10, and where rows are not independent.
        """
        from lossmith.drift._power import detectable_shift

        tested = sum(not math.isnan(column.p_value) for column in self.columns)
        if self.blocks or not tested:
            return math.nan
        return detectable_shift(self.n, self.m, columns=tested, level=self.level)

    @property
    def alarm(self) -> bool:
        """Whether anything drifted."""
        return bool(self.drifted)

    @property
    def total(self) -> float:
        """The sum of the Kullback-Leibler divergences of all columns, in nats.

        It is the divergence between the products of the marginal laws: how far apart the tables would be if their
        columns were independent. Dependence that changes while every column keeps its law leaves it at 0; a joint
        detector sees that.
        """
        return math.fsum(column.kl for column in self.columns if column.role == "feature" and not math.isnan(column.kl))

    def __getitem__(self, name: str) -> ColumnDrift:
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownNameError(
            f"no column {name!r}", advice=did_you_mean(name, [column.name for column in self.columns])
        )

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        tested = sum(not math.isnan(column.p_value) for column in self.columns)
        sizes = f"{self.m:,} rows against {self.n:,}"
        if not self.alarm:
            return f"no drift: {sizes}, {tested} tested at level {self.level:g}"
        names = self.drifted
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        return f"drift in {len(names)} of {len(self.columns)}: {shown}; {sizes}"

    def table(self) -> pl.DataFrame:
        """Return one row for each column, drifted ones first."""
        rows = [
            {
                "column": column.name,
                "kind": column.kind,
                "role": column.role,
                "status": column.status,
                "effect": _number(column.effect),
                "p_value": _number(column.p_value),
                "adjusted": _number(column.adjusted),
                "kl": _number(column.kl),
                "detector": min(column.judgements, key=lambda one: one.p_value).detector if column.judgements else "",
                "change": column.words,
            }
            for column in self.columns
        ]
        kinds = {"effect": pl.Float64, "p_value": pl.Float64, "adjusted": pl.Float64, "kl": pl.Float64}
        return pl.DataFrame(rows, schema_overrides=kinds)

    def to_json(self) -> str:
        """Return everything as strict JSON."""
        record = {
            "verdict": self.verdict,
            "alarm": self.alarm,
            "drifted": list(self.drifted),
            "reference": self.reference,
            "current": self.current,
            "n": self.n,
            "m": self.m,
            "level": self.level,
            "correction": self.correction,
            "minimum_effect": self.minimum_effect,
            "detectable_shift": _number(self.detectable),
            "sum_of_kl": self.total,
            "columns": [_column(column) for column in self.columns],
            "findings": [
                {"code": one.code, "severity": one.severity, "subject": one.subject, "evidence": one.evidence, "advice": one.advice}
                for one in self.findings
            ],
        }  # fmt: skip
        return json.dumps(record, ensure_ascii=False, allow_nan=False)

    def plot(self, **options: Any) -> Any:
        """Return Matplotlib axes with the effect of each column."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str], **options: Any) -> Any:
        """Write the report, one HTML file that needs nothing else, and return its path."""
        return view(self, "report", path=path, **options)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))

    def __str__(self) -> str:
        return str(view(self, "text"))


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _column(column: ColumnDrift) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "role": column.role,
        "status": column.status,
        "p_value": _number(column.p_value),
        "adjusted": _number(column.adjusted),
        "effect": _number(column.effect),
        "kl": _number(column.kl),
        "change": column.words,
        "detectors": [
            {
                "name": one.detector,
                "value": _number(one.value),
                "expected": _number(one.expected),
                "p_value": _number(one.p_value),
                "method": one.method,
            }
            for one in column.judgements
        ],
        "cells": list(column.cells),
        "reference": column.reference.tolist(),
        "current": column.current.tolist(),
        "contributions": column.contributions.tolist(),
    }
