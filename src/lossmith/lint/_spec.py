"""The result of a lint: what was found, with what was seen, why it matters and the corrected line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith._checks import Finding, Severity
from lossmith._errors import InvalidInputError
from lossmith._views import view
from lossmith.lint.checks import CHECKS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LintResult", "Measured", "at_least"]

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


def at_least(severity: str) -> frozenset[str]:
    """Return the severities from `severity` upwards.

    Examples
    --------
    >>> sorted(at_least("warning"))
    ['error', 'warning']
    """
    if severity not in _ORDER:
        raise InvalidInputError(f"severity {severity!r}", expected="error, warning or info")
    return frozenset(name for name, place in _ORDER.items() if place <= _ORDER[severity])


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was measured on one output: numbers for pictures and tables.

    Attributes
    ----------
    name : str
        Of the output.
    loss : str
    activation : str
        The last one; "not known" where the graph does not say.
    outputs : ndarray of shape (n_numbers,)
    mean_loss : float
        On the sampled rows before reduction; NaN where it could not be computed.
    gradient_norms : ndarray of shape (n_sampled,)
        Of each row, by its outputs; empty where it could not be computed.
    """

    name: str
    loss: str
    activation: str
    outputs: np.ndarray
    mean_loss: float
    gradient_norms: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class LintResult:
    """What `lossmith.lint` found about one Keras set-up.

    Attributes
    ----------
    model : str
        Name of the model.
    n_rows : int
        Rows of data.
    n_sampled : int
        Rows on which outputs and gradients were measured.
    findings : tuple of Finding
        Errors first; `command` is the corrected line of code.
    ignored : tuple of str
        Codes that were asked to be left out.
    measured : tuple of Measured
        One for each output with a loss.

    Examples
    --------
    >>> import numpy as np
    >>> import lossmith
    >>> from lossmith.training import load_keras
    >>> keras = load_keras()
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> x, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 3
    >>> found = lossmith.lint(model, x, y, loss="sparse_categorical_crossentropy")
    >>> found.clean, found.codes, found.findings[0].command
    (False, ('LS201',), 'loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)')
    """

    model: str
    n_rows: int
    n_sampled: int
    findings: tuple[Finding, ...]
    ignored: tuple[str, ...] = ()
    measured: tuple[Measured, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes that fired, each once."""
        return tuple(dict.fromkeys(finding.code for finding in self.findings))

    def worst(self, severity: str = "info") -> tuple[Finding, ...]:
        """Return the findings of that severity or above."""
        return tuple(finding for finding in self.findings if finding.severity in at_least(severity))

    def table(self) -> pl.DataFrame:
        """Return one row for each finding: code, name, severity, output, seen, why, advice, code to write."""
        import polars as pl

        columns = ("code", "name", "severity", "output", "seen", "why", "advice", "line")
        rows = [_row(finding) for finding in self.findings]
        return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")

    def to_json(self) -> str:
        """Return everything but the measured arrays as JSON."""
        content = {
            "kind": "lint",
            "model": self.model,
            "clean": self.clean,
            "n_rows": self.n_rows,
            "n_sampled": self.n_sampled,
            "findings": [_row(finding) for finding in self.findings],
            "ignored": list(self.ignored),
            "outputs": [
                {
                    "name": one.name,
                    "loss": one.loss,
                    "activation": one.activation,
                    "lowest": _plain(one.outputs.min()),
                    "highest": _plain(one.outputs.max()),
                    "mean_loss": _plain(one.mean_loss),
                }
                for one in self.measured
            ],
        }
        return json.dumps(content, ensure_ascii=False, allow_nan=False)

    def plot(self, **options: Any) -> Any:
        """Draw outputs and gradients of the sampled rows; returns axes of Matplotlib."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str], **options: Any) -> Any:
        """Write one self-contained HTML file and return its path."""
        return view(self, "report", path=path, **options)

    def __str__(self) -> str:
        return view(self, "text").rstrip()

    def _repr_html_(self) -> str:
        return view(self, "html")

    def __repr__(self) -> str:
        return f"<LintResult of {self.model}: {', '.join(self.codes) or 'no finding'}>"


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _row(finding: Finding) -> dict[str, str]:
    check = CHECKS[finding.code]
    return {
        "code": finding.code,
        "name": check.name,
        "severity": finding.severity,
        "output": finding.subject,
        "seen": finding.evidence,
        "why": check.why,
        "advice": finding.advice,
        "line": finding.command,
    }
