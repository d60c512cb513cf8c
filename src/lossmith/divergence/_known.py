"""Data that are to be approximated: probabilities, counts or rows, as places with weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.divergence._candidates import Points
from lossmith.divergence._given import Pmf, resolved
from lossmith.divergence._law import Law
from lossmith.divergence._neighbours import entropy_curve, spread_ties

__all__ = ["Known", "bins", "entropy", "read", "shares"]

_MOST_ROWS, _MOST_OUTCOMES = 50_000, 100_000
LEAST = 5  # observations, below which nothing can be held out


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Data to be approximated: places with weights, how many observations they are, how often each was seen, and the share of rows that repeat."""

    points: Points
    kind: Literal["discrete", "continuous"]
    name: str
    n: int | None
    counts: np.ndarray | None  # whole observations at each place
    repeated: float = 0.0

    def observations(self, seed: int) -> np.ndarray:
        """Return the place of every observation, by its number; 50,000 of them drawn at random where there are more."""
        if self.counts is None:
            return np.arange(self.points.places.size)
        counts = self.counts
        if counts.sum() > _MOST_ROWS:
            generator = np.random.default_rng(seed)
            counts = generator.multinomial(_MOST_ROWS, counts / counts.sum())
        return np.repeat(np.arange(counts.size), counts.astype(np.int64))


def read(data: Any, seed: int) -> Known:
    """Return data as places with weights: outcomes with shares, or rows.

    Raises
    ------
    InvalidInputError
        Outcomes that are no numbers; several features; one value only.
    """
    source = resolved(data, "data")
    if isinstance(source, Law):
        raise InvalidInputError(
            source.label, expected="probabilities, counts or a sample", advice="draw a sample from it"
        )
    if isinstance(source, Pmf):
        values, _, outcomes = source.checked("data")
        if not all(isinstance(outcome, int | float) for outcome in outcomes):
            raise InvalidInputError(
                f"outcomes such as {outcomes[0]!r}", expected="numbers", advice="number the outcomes"
            )
        places = np.asarray(outcomes, dtype=np.float64)
        counts = None
        if source.given == "counts":
            counts = np.asarray(source.values, dtype=np.float64)
            whole = bool(np.all(counts == np.round(counts)))
            counts = counts if whole else None
        n = None if counts is None else int(counts.sum())
        if n is not None and n < LEAST:
            raise InvalidInputError(f"{source.name or 'data'} of {n} observations", expected=f"at least {LEAST}")
        return Known(
            Points(places, values, float(places.min()), float(places.max())),
            "discrete",
            source.name or "data",
            n,
            counts,
        )
    rows = source.checked("data")
    if rows.shape[1] != 1:
        raise InvalidInputError(f"a sample of {rows.shape[1]} features", expected="one feature")
    values = rows[:, 0]
    if values.size > _MOST_ROWS:
        values = np.random.default_rng(seed).permutation(values)[:_MOST_ROWS]
    name = source.name or "data"
    if values.min() == values.max():
        raise InvalidInputError(f"{name} with one value, {values[0]:g}", expected="values that vary")
    if values.size < LEAST:
        raise InvalidInputError(f"{name} of {values.size} rows", expected=f"at least {LEAST}")
    if np.all(values == np.round(values)) and np.unique(values).size < values.size / 2:
        return _counted(values, name)
    spread, repeated = spread_ties(values[:, None], np.random.default_rng(seed))
    values = spread[:, 0]
    points = Points(values, np.full(values.size, 1 / values.size), float(values.min()), float(values.max()))
    return Known(points, "continuous", name, values.size, None, repeated)


def _counted(values: np.ndarray, name: str) -> Known:
    """Return whole numbers as counts, those between the least and the largest that were not seen included."""
    places, seen = np.unique(values, return_counts=True)
    low, high = float(places[0]), float(places[-1])
    if high - low < _MOST_OUTCOMES:
        counts = np.zeros(int(high - low) + 1)
        counts[(places - low).astype(np.int64)] = seen
        places = np.arange(low, high + 1)
    else:
        counts = seen.astype(np.float64)
    return Known(Points(places, counts / counts.sum(), low, high), "discrete", name, values.size, counts)


def bins(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Return inner edges of bins with equal shares, and the share of each (a sample seen as a table)."""
    count = max(5, math.ceil(2 * len(points.places) ** 0.4))
    edges = np.unique(np.quantile(points.places, np.linspace(0, 1, count + 1)[1:-1]))
    shares = np.bincount(np.searchsorted(edges, points.places, side="right"), minlength=edges.size + 1)
    return edges, (shares + 0.5) / (shares.sum() + 0.5 * shares.size)


def shares(known: Known) -> np.ndarray:
    """Return the share of every place, counts smoothed by 1/2 so that what was never seen is not called impossible."""
    if known.counts is None:
        return known.points.weights
    return (known.counts + 0.5) / (known.counts.sum() + 0.5 * known.counts.size)


def entropy(known: Known) -> float:
    """Return the entropy of the data, without the bias of counting where there are counts."""
    weights = known.points.weights
    if known.kind == "discrete":
        plug_in = -math.fsum(w * math.log(w) for w in weights if w > 0)
        # Miller and Madow
        return plug_in if known.n is None else plug_in + (np.count_nonzero(weights) - 1) / (2 * known.n)
    return entropy_curve(known.points.places[:, None]).value
