"""Power: how large a change must be for a comparison of these sizes to find it."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from lossmith._errors import DomainError, InvalidInputError

__all__ = ["detectable_shift", "power"]

_DRAWS = 1000
_CELLS = 32


def _shares(n_cells: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import ndtr, ndtri

    edges = ndtri(np.arange(1, n_cells) / n_cells)
    after = np.diff(np.concatenate([[0.0], ndtr(edges - shift), [1.0]]))
    return np.full(n_cells, 1 / n_cells), after


@lru_cache(maxsize=64)
def _critical(n_cells: int, level: float) -> tuple[float, float]:
    """Return the critical values of the Jensen-Shannon and the binned Anderson-Darling detector, each at half the level."""
    from scipy.optimize import brentq
    from scipy.special import chdtri

    from lossmith.drift._null import order_p

    equal = np.full(n_cells, 1e6)
    order = brentq(lambda value: order_p(value, equal, equal) - level / 2, 0.05, 200.0)
    return float(chdtri(n_cells - 1, level / 2)), float(order)


def power(n: int, m: int, shift: float, *, columns: int = 1, level: float = 0.05, seed: int = 0) -> float:
    """Return how often the default detectors find a shift of a normal column.

    Use it before collecting data, to see what a window of so many rows can show.

    Parameters
    ----------
    n, m : int
        Rows of the reference and now.
    shift : float
        Of the mean, in standard deviations.
    columns : int
        Tested together; one drifts, which must pass the hardest step of the correction.
    level : float
    seed : int

    Returns
    -------
    float
        Share of 1,000 simulated comparisons with an alarm.

    Raises
    ------
    DomainError, InvalidInputError
        Fewer than one row, a level outside (0, 1), no column.

    Examples
    --------
    >>> power(10_000, 500, 0.2, columns=1) > 0.9
    True
    """
    from lossmith.drift._detectors import DETECTORS

    if not 0 < level < 1:
        raise DomainError(f"level={level!r}", expected="a number between 0 and 1")
    if n < 1 or m < 1 or columns < 1:
        raise InvalidInputError(f"n={n}, m={m}, columns={columns}", expected="at least one each")
    if not math.isfinite(shift):
        raise DomainError(f"shift={shift!r}", expected="a finite number of standard deviations")
    # fewer cells where the smaller sample would leave them empty: as the profile and the joining of cells do
    n_cells = max(2, min(_CELLS, n // 10, m))
    generator = np.random.default_rng(seed)
    before, after = _shares(n_cells, shift)
    reference = generator.multinomial(n, before, _DRAWS).astype(np.float64)
    current = generator.multinomial(m, after, _DRAWS).astype(np.float64)
    first, second = _critical(n_cells, level / columns)
    js = DETECTORS["jensen_shannon_divergence"].function(current, reference) * 8 * n * m / (n + m)
    ordered = DETECTORS["binned_anderson_darling"].function(current, reference)
    return float(np.mean((js > first) | (ordered > second)))


@lru_cache(maxsize=256)
def detectable_shift(
    n: int, m: int, *, columns: int = 1, level: float = 0.05, wanted: float = 0.8, seed: int = 0
) -> float:
    """Return the shift of a normal column, in standard deviations, that is found with probability `wanted`.

    Parameters
    ----------
    n, m, columns, level, seed
        See `power`.
    wanted : float
        The power that is asked for.

    Returns
    -------
    float
        NaN where not even 10 standard deviations are found so often.

    Examples
    --------
    >>> 0.1 < detectable_shift(10_000, 500) < 0.2
    True
    """

    def found(shift: float) -> float:
        return power(n, m, shift, columns=columns, level=level, seed=seed)

    low, high = 0.0, 10.0
    if found(high) < wanted:
        return math.nan
    while high - low > 0.02 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= wanted else (middle, high)
    return high
