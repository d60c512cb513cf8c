"""Where the cells of a numeric column end: rules that look at the reference alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lossmith._catalogue import Catalogue
from lossmith._errors import InvalidInputError

__all__ = ["MOST_POINTS", "RULES", "Rule", "checked_edges", "fit_edges"]

MOST_POINTS = 50  # a column with no more different values than this has a cell for each
_MOST_CELLS = 256
_BLOCKS_ROWS = 2000  # Bayesian blocks take time and memory with the square of the rows


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that places the edges of cells.

    Attributes
    ----------
    name : str
    function : callable
        `function(values, n_bins)`: edges for sorted finite values.
    when, reference : str
    aliases : tuple of str
    """

    name: str
    function: Callable[[np.ndarray, int], np.ndarray]
    when: str
    reference: str
    aliases: tuple[str, ...] = ()


def _quantile(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Return order statistics, never interpolated: a monotone transform of the column then moves no value to another cell."""
    places = np.ceil(np.arange(1, n_bins) * len(values) / n_bins).astype(np.int64)
    inner = values[np.minimum(places, len(values) - 1)]
    heavy, counts = np.unique(inner, return_counts=True)
    points = heavy[counts > 1]
    return np.concatenate(
        [[values[0]], inner, points, np.nextafter(points, np.inf), [np.nextafter(values[-1], np.inf)]]
    )


def _equal_width(values: np.ndarray, count: int) -> np.ndarray:
    low, high = float(values[0]), float(values[-1])
    edges = low + (high / count - low / count) * np.arange(count + 1)
    edges[-1] = np.nextafter(high, np.inf)
    return edges


def _freedman_diaconis(values: np.ndarray, _n_bins: int) -> np.ndarray:
    quarter, three = np.quantile(values, [0.25, 0.75])
    width = 2 * (three - quarter) / len(values) ** (1 / 3)
    span = float(values[-1]) - float(values[0])
    count = math.ceil(span / width) if width > 0 and math.isfinite(span / width) else 1
    return _equal_width(values, max(1, min(_MOST_CELLS, count)))


def _bayesian_blocks(values: np.ndarray, _n_bins: int) -> np.ndarray:
    if len(values) > _BLOCKS_ROWS:
        values = values[np.linspace(0, len(values) - 1, _BLOCKS_ROWS).astype(np.int64)]
    points, counts = np.unique(values, return_counts=True)
    edges = np.concatenate([points[:1], (points[1:] + points[:-1]) / 2, points[-1:]])
    # equation 21 of the source, for a false positive rate of 0.05
    price = 4 - math.log(73.53 * 0.05 * len(values) ** -0.478)
    best, last = np.zeros(len(points)), np.zeros(len(points), np.int64)
    for place in range(len(points)):
        widths = np.maximum(edges[place + 1] - edges[: place + 1], np.finfo(float).tiny)
        held = np.cumsum(counts[: place + 1][::-1])[::-1]
        fitness = held * (np.log(held) - np.log(widths)) - price
        fitness[1:] += best[:place]
        last[place] = int(np.argmax(fitness))
        best[place] = fitness[last[place]]
    changes, place = [], len(points)
    while place > 0:
        changes.append(place)
        place = int(last[place - 1])
    inner = edges[np.array(changes[::-1][:-1], dtype=np.int64)]
    return np.concatenate([[values[0]], inner, [np.nextafter(values[-1], np.inf)]])


RULES: Catalogue[Rule] = Catalogue(
    "rule for bins",
    [
        Rule(
            "quantile",
            _quantile,
            "The default: every cell holds the same share of the reference, whatever the scale; one outlier moves nothing.",
            "Mann and Wald, On the choice of the number of class intervals, 1942",
            ("quantiles", "equal_mass"),
        ),
        Rule(
            "freedman_diaconis",
            _freedman_diaconis,
            "Cells of one width, for pictures and for laws without heavy tails.",
            "Freedman and Diaconis, On the histogram as a density estimator, 1981",
            ("fd",),
        ),
        Rule(
            "bayesian_blocks",
            _bayesian_blocks,
            "Few cells, where the density of the reference changes.",
            "Scargle, Norris, Jackson and Chiang, Studies in astronomical time series analysis VI, 2013",
            ("blocks",),
        ),
    ],
)


def fit_edges(values: np.ndarray, *, rule: str = "quantile", n_bins: int = 32) -> np.ndarray:
    """Return the edges of cells, increasing: cell k holds `edges[k - 1] <= x < edges[k]`, the first and last are open.

    The outermost edges are the smallest value and what follows the largest, so that the first and last cell are the
    tails beyond the reference. A column of at most 50 different values has a cell for each and for what lies between.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Finite.
    rule : str
        See `RULES`.
    n_bins : int
        Of the quantile rule; no more than one for every 10 values.

    Raises
    ------
    UnknownNameError, InvalidInputError
        No such rule; fewer than two bins.

    Examples
    --------
    >>> fit_edges(np.arange(1000.0), n_bins=4).tolist()
    [0.0, 250.0, 500.0, 750.0, 999.0000000000001]
    """
    chosen = RULES[rule]
    if n_bins < 2 or n_bins > _MOST_CELLS:
        raise InvalidInputError(f"n_bins={n_bins}", expected=f"2 to {_MOST_CELLS}", advice="the default is 32")
    if not len(values):
        return np.zeros(0)
    # one zero: -0.0 and 0.0 are one value, and the number after it is the same for both
    values = np.sort(values) + 0.0
    different = 1 + int(np.count_nonzero(np.diff(values)))
    if different <= MOST_POINTS and (different < len(values) / 2 or different == 1):
        points = np.unique(values)
        return np.unique(np.concatenate([points, np.nextafter(points, np.inf)]))
    return np.unique(chosen.function(values, max(2, min(n_bins, len(values) // 10))))


def checked_edges(edges: object, *, column: str) -> np.ndarray:
    """Return edges that somebody gives, as an increasing array.

    Raises
    ------
    InvalidInputError
        Not numbers, not finite, or not increasing.
    """
    try:
        values = np.array(edges, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.zeros((0, 0))
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise InvalidInputError(
            f"edges of column {column!r}: {edges!r}"[:200], expected="finite numbers, each larger than the one before"
        )
    return values
