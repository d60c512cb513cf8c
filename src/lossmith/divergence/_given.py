"""What `measure` takes: each kind of distribution declared by its own type."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.divergence._inputs import single
from lossmith.divergence._law import Law

__all__ = ["Density", "Pmf", "Samples", "resolved"]


@dataclass(frozen=True, slots=True)
class Pmf:
    """Probabilities (or counts) of named or numbered outcomes.

    Attributes
    ----------
    values : array of shape (n_outcomes,)
    outcomes : sequence or None
        What each entry is the probability of; 0, 1, 2, ... if not given. Numbers where it is compared with a law on the integers.
    given : {"probabilities", "log_probabilities", "counts"}
    smoothing : str
        For counts, see `probabilities`.
    name : str

    Examples
    --------
    >>> from lossmith import divergence
    >>> worms = Pmf([2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7], given="counts", name="worms")
    >>> round(float(divergence.measure(worms, [1 / 11] * 11)), 8)
    0.13667971
    """

    values: Any
    outcomes: Any = None
    given: str = "probabilities"
    smoothing: str = "none"
    name: str = ""

    def checked(self, name: str) -> tuple[np.ndarray, np.ndarray | None, tuple[Any, ...]]:
        """Return the probabilities, their logarithms if given, and the outcomes.

        Raises
        ------
        ShapeError, DomainError
            Not one vector of probabilities; not one outcome for each.
        """
        _, side = single(
            self.values, axis=-1, given=self.given, smoothing=self.smoothing, check=True, name=self.name or name
        )
        values = np.asarray(side.values, dtype=np.float64)
        if values.ndim != 1:
            raise ShapeError(
                f"{self.name or name} of shape {values.shape}",
                expected="one vector",
                advice="the named functions, such as kl_divergence, take batches",
            )
        outcomes = tuple(range(values.size)) if self.outcomes is None else tuple(np.asarray(self.outcomes).tolist())
        if any(isinstance(outcome, list) for outcome in outcomes):
            raise ShapeError(
                "outcomes that are lists", expected="a name or a number for each", advice="join them to a text"
            )
        if len(outcomes) != values.size or len(set(outcomes)) != values.size:
            raise ShapeError(
                f"{len(set(outcomes))} different outcomes for {values.size} probabilities", expected="one for each"
            )
        return values, None if side.logs is None else np.asarray(side.logs, dtype=np.float64), outcomes

    def spread(self, outcomes: tuple[Any, ...]) -> Pmf:
        """Return the same over more outcomes; those that it does not list have no mass, and are never seen."""
        values = np.asarray(self.values)
        own = range(values.size) if self.outcomes is None else np.asarray(self.outcomes).tolist()
        where = {place: number for number, place in enumerate(own)}
        nothing = -math.inf if self.given == "log_probabilities" else 0
        spread = np.array([values[where[place]] if place in where else nothing for place in outcomes])
        return replace(self, values=spread, outcomes=outcomes)


@dataclass(frozen=True, slots=True)
class Samples:
    """Independent draws: shape (n_samples,) or (n_samples, n_features).

    Attributes
    ----------
    values : array
    name : str
    """

    values: Any
    name: str = ""

    def checked(self, name: str) -> np.ndarray:
        """Return the draws with one row for each, as float64.

        Raises
        ------
        ShapeError, DomainError
            Not a vector or a table; fewer than two rows; NaN or an infinity.
        """
        values = np.asarray(self.values)
        if values.dtype.kind not in "fiub":
            raise InvalidInputError(f"{self.name or name} holding {values.dtype}", expected="numbers")
        values = values.astype(np.float64)
        if values.ndim not in (1, 2) or values.shape[0] < 2 or values.size == 0:
            raise ShapeError(
                f"{self.name or name} of shape {values.shape}", expected="(n_samples,) or (n_samples, n_features)"
            )
        if not np.isfinite(values).all():
            raise DomainError(
                f"{self.name or name} holds NaN or an infinity",
                expected="finite numbers",
                advice="drop or fill missing values first",
            )
        return values.reshape(values.shape[0], -1)


@dataclass(frozen=True, slots=True)
class Density:
    """A density on the line given as a function.

    Attributes
    ----------
    log_density : callable
        `log_density(x)` for x of shape (n,), natural logarithm; it must integrate to 1.
    low, high : float
        Ends of the support.
    places : tuple of float
        Where its mass, its peaks and its jumps are: at least one point in the bulk.
    name : str

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import divergence
    >>> triangle = Density(lambda x: np.log(2 * x), low=0.0, high=1.0)
    >>> flat = Density(lambda x: np.zeros_like(x), low=0.0, high=1.0)
    >>> round(float(divergence.measure(flat, triangle)), 10)  # 1 - log(2)
    0.3068528194
    """

    log_density: Callable[[np.ndarray], np.ndarray]
    low: float = -math.inf
    high: float = math.inf
    places: tuple[float, ...] = ()
    name: str = ""

    def law(self) -> Law:
        """Return the law it describes."""

        def inside(x: np.ndarray) -> np.ndarray:
            within = (x >= self.low) & (x <= self.high)
            with np.errstate(all="ignore"):
                values = np.asarray(self.log_density(np.asarray(x)), dtype=np.float64)
            return np.where(within, values, -np.inf)

        return Law(
            self.name or "density",
            "continuous",
            inside,
            low=self.low,
            high=self.high,
            underflows=True,
            places=self.places,
        )


def resolved(source: Any, name: str) -> Pmf | Samples | Law:
    """Return what `source` is, as one of the kinds that the methods know.

    Raises
    ------
    InvalidInputError
        Nothing of the kind.
    """
    module = type(source).__module__
    if isinstance(source, Pmf | Samples | Law):
        return source
    if isinstance(source, Density):
        return source.law()
    if module.startswith("scipy.stats"):
        return _from_scipy(source)
    if module.startswith("torch.distributions"):
        from lossmith.divergence._laws_torch import torch_law

        return torch_law(source)
    if hasattr(source, "mixture_law"):
        return source.mixture_law()
    if module.startswith("sklearn.mixture"):
        from lossmith.divergence._mixtures import GaussianMixture

        return GaussianMixture.from_sklearn(source).mixture_law()
    if isinstance(source, list | tuple) or hasattr(source, "__array_namespace__") or hasattr(source, "dtype"):
        values = source.detach().cpu().numpy() if hasattr(source, "detach") else np.asarray(source)
        return Pmf(values, name=name)
    raise InvalidInputError(
        f"{name} of type {type(source).__name__}",
        expected="probabilities, Pmf, Samples, Density, a frozen SciPy distribution, a PyTorch distribution or a Gaussian mixture",
    )


def _from_scipy(source: Any) -> Pmf | Law:
    from lossmith.divergence._laws_scipy import scipy_law

    if type(source).__name__ == "gaussian_kde":
        # a mixture of as many normals as there are points
        from lossmith.divergence._mixtures import GaussianMixture

        spread = np.broadcast_to(source.covariance, (source.n, source.d, source.d))
        kernels = GaussianMixture(source.weights, source.dataset.T, spread, f"kernel density of {source.n} points")
        return kernels.mixture_law()
    table = getattr(source, "dist", source)
    if hasattr(table, "xk") and hasattr(table, "pk"):
        shift = (
            float(np.ravel(source.kwds.get("loc", source.args[0] if source.args else 0))[0])
            if table is not source
            else 0.0
        )
        return Pmf(np.asarray(table.pk, dtype=np.float64), outcomes=np.asarray(table.xk) + shift)
    return scipy_law(source)
