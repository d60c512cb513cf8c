"""Distances that know how far apart two outcomes are: Wasserstein-1 and energy distance on an ordered support."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossmith._arrays import Array, Namespace
from lossmith._errors import DomainError, ShapeError
from lossmith.divergence._inputs import Given, sides

__all__ = ["energy_distance", "wasserstein_distance"]


def _gaps(
    p: Any, q: Any, support: Any, axis: int, given: Any, smoothing: str, check: bool
) -> tuple[Namespace, Array, Array]:
    """Return the namespace, the difference of the distribution functions (outcomes last) and the steps of the support."""
    xp, one, two = sides(p, q, axis=axis, given=given, smoothing=smoothing, check=check)
    difference = xp.moveaxis(one.values - two.values, axis, -1)
    n_outcomes = difference.shape[-1]
    if support is None:
        steps = xp.ones_like(difference[..., :-1])
    else:
        places = xp.asarray(np.asarray(support, dtype=np.float64) if isinstance(support, list | tuple) else support)
        if tuple(places.shape) != (n_outcomes,):
            raise ShapeError(
                f"support of shape {tuple(places.shape)}", expected=f"({n_outcomes},), one place for each outcome"
            )
        places = xp.astype(places, difference.dtype)
        steps = places[1:] - places[:-1]
        if not bool(xp.all(steps > 0)):
            raise DomainError(
                "a support that does not rise", expected="places in rising order", advice="sort the outcomes"
            )
    # the difference first, then its running sum: equal distributions give exactly 0
    return xp, xp.cumulative_sum(difference, axis=-1)[..., :-1], steps


def wasserstein_distance(
    p: Any,
    q: Any,
    *,
    support: Any = None,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the Wasserstein-1 (earth mover's) distance `integral |F_p - F_q|` between distributions on ordered places.

    Use it where the size of a shift matters, not only that there is one. It is measured in units of the support.

    Parameters
    ----------
    p, q, axis, given, smoothing, check
        As for `kl_divergence`.
    support : array of shape (n_outcomes,)
        Places of the outcomes, rising; 0, 1, 2, ... if not given.

    Raises
    ------
    ShapeError, DomainError
        As for `kl_divergence`; also for a support of another length or out of order.

    Examples
    --------
    >>> float(wasserstein_distance([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]))
    2.0
    >>> float(wasserstein_distance([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], support=[0.0, 1.0, 10.0]))
    10.0

    Source: Vaserstein, Markov processes over denumerable products of spaces, 1969.
    """
    xp, gaps, steps = _gaps(p, q, support, axis, given, smoothing, check)
    return xp.sum(xp.abs(gaps) * steps, axis=-1)


def energy_distance(
    p: Any,
    q: Any,
    *,
    support: Any = None,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the energy distance `sqrt(2 integral (F_p - F_q)^2)`, as SciPy defines it.

    Its other parameters and errors are those of `kl_divergence`.

    Use it as a metric between distributions on a line that is gentle with far outliers. `support` holds the places of the outcomes,
    shape `(n_outcomes,)`, rising, as for `wasserstein_distance`.

    Examples
    --------
    >>> float(energy_distance([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]))  # sqrt(2 * 2)
    2.0

    Source: Szekely, E-statistics: the energy of statistical samples, 2002.
    """
    xp, gaps, steps = _gaps(p, q, support, axis, given, smoothing, check)
    return xp.sqrt(2 * xp.sum(gaps * gaps * steps, axis=-1))
