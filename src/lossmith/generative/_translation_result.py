"""Whether rows of one kind become rows of another and come back: numbers in two directions, and findings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from lossmith._checks import Finding
from lossmith._views import view
from lossmith.generative._checks import CHECKS

__all__ = ["Translation", "judged_translation"]

OPEN = 0.5  # share of what two rows of a kind differ by, above which a cycle does not close
IDLE = 0.5  # share of translated rows that must be taken for the other kind
SHOWN = 8
MOST = 2000  # rows of a kind that the classifier is trained on


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """What a translation between kinds of rows is worth, on rows that it was not trained on.

    Attributes
    ----------
    measures : mapping of str to mapping of str to float
        For each direction: `cycle` (mean absolute difference of rows and what comes back, as a share of what two rows of the
        kind differ by), `identity` (the same of rows that are of the wanted kind already), `taken_for` (share of translated rows
        that a support vector machine takes for the wanted kind), `told_apart` (its accuracy on real rows).
    curves : mapping of str to ndarray of shape (n_steps,)
    findings : tuple of Finding
    n_samples : int
    pictures : mapping of str to ndarray
        For each direction some rows, what became of them, and what came back, one after the other.
    """

    measures: Mapping[str, Mapping[str, float]]
    curves: Mapping[str, np.ndarray]
    findings: tuple[Finding, ...]
    n_samples: int
    pictures: Mapping[str, np.ndarray]

    @property
    def usable(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.severity == "error" for finding in self.findings)

    def table(self) -> pl.DataFrame:
        """Return a line for each direction."""
        return pl.DataFrame([{"direction": name, **values} for name, values in self.measures.items()])

    def plot(self, **options: Any) -> Any:
        """Draw the losses over the steps; return the Matplotlib axes."""
        return view(self, "plot", **options)

    def report(self, path: Any) -> Any:
        """Write everything as one HTML page; return the path."""
        return view(self, "report", path=path)

    def to_json(self) -> str:
        """Return everything but curves and rows as strict JSON."""
        return json.dumps(
            {
                "n_samples": self.n_samples,
                "usable": self.usable,
                "measures": {
                    name: {key: value if math.isfinite(value) else None for key, value in values.items()}
                    for name, values in self.measures.items()
                },
                "findings": [asdict(finding) for finding in self.findings],
            },
            allow_nan=False,
        )

    def __str__(self) -> str:
        lines = [
            f"{name}: " + ", ".join(f"{key.replace('_', ' ')} {value:.3f}" for key, value in values.items())
            for name, values in self.measures.items()
        ]
        return "\n".join([*lines, *(f"{finding.line()}. {finding.advice}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


def difference(rows: np.ndarray, others: np.ndarray, unit: Any) -> float:
    """Return the mean absolute difference of rows and others, each feature in its unit."""
    return float((np.abs(rows - others) / unit).mean())


def judged_translation(
    directions: Mapping[str, Mapping[str, np.ndarray]],
    *,
    curves: Mapping[str, np.ndarray],
    diverged: int,
    seed: int,
) -> Translation:
    """Return what translations are worth.

    Parameters
    ----------
    directions : mapping of str to mapping of str to ndarray
        For each direction `rows`, what is `made` of them, `returned` from that, `wanted` (real rows of the kind that is made) and
        `kept` (what is made of those), all as they were given; `unit` and `wanted_unit`, deviations of the features of both kinds,
        are 1 where they are left out.
    curves : mapping of str to ndarray of shape (n_steps,)
    diverged : int
        Step at which a number was not finite, or 0.
    seed : int
    """
    rng = np.random.default_rng(seed)
    measures, pictures, findings = {}, {}, []
    if diverged:
        findings.append(CHECKS["diverged"].found("training", f"step {diverged} was not finite"))
    for name, parts in directions.items():
        rows, wanted, units = parts["rows"], parts["wanted"], [parts.get(key, 1.0) for key in ("unit", "wanted_unit")]
        usual = [
            difference(kind, kind[rng.permutation(len(kind))], unit) or 1.0
            for kind, unit in zip((rows, wanted), units, strict=True)
        ]
        taken, apart = _taken_for(rows, wanted, parts["made"], rng)
        measures[name] = {
            "cycle": difference(rows, parts["returned"], units[0]) / usual[0],
            "identity": difference(wanted, parts["kept"], units[1]) / usual[1],
            "taken_for": taken,
            "told_apart": apart,
        }
        if not measures[name]["cycle"] <= OPEN:
            findings.append(
                CHECKS["cycle-open"].found(name, f"what comes back differs by {measures[name]['cycle']:.2f} of that")
            )
        if taken < IDLE < apart:
            findings.append(CHECKS["translation-idle"].found(name, f"{taken:.0%} are taken for the wanted kind"))
        pictures[name] = np.concatenate([parts[key][:SHOWN] for key in ("rows", "made", "returned")])
    count = min(len(parts["rows"]) for parts in directions.values())
    return Translation(measures, curves, tuple(findings), count, pictures)


def _taken_for(rows: np.ndarray, wanted: np.ndarray, made: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the share of `made` that a classifier of `rows` and `wanted` calls wanted, and its accuracy on rows held out."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    flat = [part.reshape(len(part), -1).astype(np.float64) for part in (rows, wanted, made)]
    if min(len(flat[0]), len(flat[1])) < 4 or not all(np.isfinite(part).all() for part in flat):
        return math.nan, math.nan
    some = [part[rng.permutation(len(part))[:MOST]] for part in flat[:2]]
    X = np.concatenate(some)
    y = np.repeat([0, 1], [len(some[0]), len(some[1])])
    order = rng.permutation(len(X))
    train, test = order[len(X) // 3 :], order[: len(X) // 3]
    if len(np.unique(y[train])) < 2:
        return math.nan, math.nan
    model = make_pipeline(StandardScaler(), SVC()).fit(X[train], y[train])
    return float((model.predict(flat[2]) == 1).mean()), float(model.score(X[test], y[test]))
