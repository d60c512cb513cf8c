"""A distribution that is not a vector, as every method here sees it: a density, a support, a family if it has a name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["Law"]


@dataclass(frozen=True, slots=True)
class Law:
    """A distribution on the line, on the integers or on a space of several dimensions.

    Attributes
    ----------
    label : str
        How it is written in results.
    kind : {"continuous", "discrete", "multivariate"}
    log_density : callable
        `log_density(x)` for x of shape (n,), or (n, dimension) if multivariate: natural logarithm of density or mass.
    family : str
        Name under which closed forms are found; empty if there are none.
    shape : mapping
        Parameters of the standard member of the family.
    location, scale : float
        The law is that of `location + scale Z` with Z standard.
    low, high : float
        Ends of the support.
    quantile, distribution : callable or None
        Inverse distribution function and distribution function.
    draw : callable or None
        `draw(generator, n)`.
    underflows : bool
        Whether the log-density may be minus infinity inside the support, being the logarithm of an underflow.
    places : tuple of float
        Where the density may bend or jump, beside the ends of the support and the median.
    dimension : int
    survival : callable or None
        One minus the distribution function, accurate in the upper tail.
    """

    label: str
    kind: Literal["continuous", "discrete", "multivariate"]
    log_density: Callable[[np.ndarray], np.ndarray]
    family: str = ""
    shape: Mapping[str, Any] = field(default_factory=dict)
    location: float = 0.0
    scale: float = 1.0
    low: float = -math.inf
    high: float = math.inf
    quantile: Callable[[np.ndarray], np.ndarray] | None = None
    distribution: Callable[[np.ndarray], np.ndarray] | None = None
    draw: Callable[[np.random.Generator, int], np.ndarray] | None = None
    underflows: bool = False
    places: tuple[float, ...] = ()
    dimension: int = 1
    survival: Callable[[np.ndarray], np.ndarray] | None = None
