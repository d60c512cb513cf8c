"""How well the divergence of a candidate is known: rows held out of the fit, and the spread over rows or draws of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith.divergence._candidates import CandidateFamily, Points, fitted, log_density
from lossmith.divergence._known import Known
from lossmith.divergence._neighbours import entropy_curve

__all__ = ["Spread", "drawn_again", "held_out", "spread_of_rows"]

FOLDS = 10
_DRAWS, _HALVES, _PARTS, _FEW = 200, 40, 16, 2000
_CELLS = 2**22  # of tables that are held at once


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """What is known of one candidate's score.

    Attributes
    ----------
    score : float
        What candidates are ranked by; it differs from the divergence by a constant that they share.
    error : float
        Standard error of the divergence.
    values : ndarray
        One value for each row, or for each draw, in the same order for all candidates.
    per_row : bool
        Whether the standard error of the mean of `values`, or their own deviation, is the error.
    """

    score: float
    error: float
    values: np.ndarray
    per_row: bool

    def apart(self, other: Spread) -> float:
        """Return the standard error of the difference of two scores, by pairs."""
        deviation = float(np.std(self.values - other.values, ddof=1))
        return deviation / math.sqrt(self.values.size) if self.per_row else deviation


def held_out(families: list[CandidateFamily], found: list[Any], known: Known, seed: int) -> list[np.ndarray | None]:
    """Return, for each family, the held-out log-loss of every observation, or None where it could not be fitted."""
    from scipy import stats

    points = known.points
    index = known.observations(seed)
    n_folds = min(FOLDS, index.size)
    folds = np.random.default_rng(seed).permutation(index.size) % n_folds
    losses: list[np.ndarray | None] = []
    for family, all_rows in zip(families, found, strict=True):
        if isinstance(all_rows, str):
            losses.append(None)
            continue
        loss = np.empty(index.size)
        for fold in range(n_folds):
            kept = np.bincount(index[folds != fold], minlength=points.places.size).astype(np.float64)
            part = _part(points, kept, known.kind)
            values = fitted(family, part, all_rows[0])
            if values is None:
                loss[:] = np.inf
                break
            frozen = family.freeze(stats, values, part)
            loss[folds == fold] = -log_density(frozen, known.kind, points.places[index[folds == fold]])
        losses.append(loss)
    return losses


def _part(points: Points, kept: np.ndarray, kind: str) -> Points:
    if kind == "discrete":
        # which outcomes are possible is part of the question, not of the sample
        return Points(points.places, kept / kept.sum(), points.low, points.high)
    places = points.places[kept > 0]
    return Points(places, np.full(places.size, 1 / places.size), float(places.min()), float(places.max()))


def spread_of_rows(known: Known, losses: list[np.ndarray | None], seed: int) -> list[Spread | None]:
    """Return the spread of every candidate's held-out divergence over rows.

    The divergence is a mean loss minus the entropy of the data, which is estimated from the same rows: the error is that of their difference.
    """
    if known.counts is None:
        error = _over_subsamples(known, seed)
    else:
        surprise = -np.log(known.points.weights[known.observations(seed)])

        def error(loss: np.ndarray) -> float:
            return float(np.std(loss - surprise, ddof=1)) / math.sqrt(loss.size)

    return [
        None if loss is None or not np.isfinite(loss).all() else Spread(float(np.mean(loss)), error(loss), loss, True)
        for loss in losses
    ]


def _over_subsamples(known: Known, seed: int) -> Callable[[np.ndarray], float]:
    """Return the standard error of mean loss minus entropy, by subsamples: halves of few rows, parts that share none of many."""
    generator, rows = np.random.default_rng(seed), known.points.places
    few = rows.size < _FEW
    if few:
        parts = [generator.permutation(rows.size)[: rows.size // 2] for _ in range(_HALVES)]
    else:
        parts = np.array_split(generator.permutation(rows.size), _PARTS)
    entropies = np.array([entropy_curve(rows[part][:, None]).value for part in parts])

    def error(loss: np.ndarray) -> float:
        means = np.array([float(np.mean(loss[part])) for part in parts])
        # the spread of halves about their mean is that of the whole
        return float(np.std(means - entropies, ddof=1)) / (1.0 if few else math.sqrt(_PARTS))

    return error


def drawn_again(
    counts: np.ndarray, seed: int, divergences: list[Callable[[np.ndarray], np.ndarray] | None]
) -> list[Spread | None]:
    """Return the spread of divergences from a table over draws of its counts; each function takes smoothed shares of shape (n_draws, n_places)."""
    generator, total = np.random.default_rng(seed), counts.sum()
    drawn = generator.multinomial(int(total), counts / total, size=max(20, min(_DRAWS, _CELLS // counts.size)))
    tables = (np.concatenate([counts[None], drawn]) + 0.5) / (total + 0.5 * counts.size)
    found: list[Spread | None] = []
    for function in divergences:
        values = None if function is None else function(tables)
        finite = values is not None and bool(np.isfinite(values).all())
        found.append(
            Spread(float(values[0]), float(np.std(values[1:], ddof=1)), values[1:], False)
            if finite and values is not None
            else None
        )
    return found
