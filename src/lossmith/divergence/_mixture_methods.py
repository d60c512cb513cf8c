"""The Kullback-Leibler divergence between Gaussian mixtures without an integral: approximations and bounds.

After Hershey and Olsen, Approximating the Kullback Leibler divergence between Gaussian mixture models, 2007, and Durrieu,
Thiran and Kelly, Lower and upper bounds for approximation of the Kullback-Leibler divergence between Gaussian mixture
models, 2012.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lossmith._catalogue import Catalogue
from lossmith._errors import InvalidInputError, ShapeError
from lossmith.divergence._laws_multivariate import closed_multivariate_kl
from lossmith.divergence._mixtures import GaussianMixture

__all__ = ["MIXTURE_METHODS", "MixtureMethod", "as_mixture", "mixture_divergence"]


@dataclass(frozen=True, slots=True)
class MixtureMethod:
    """A way to the divergence between two Gaussian mixtures.

    Attributes
    ----------
    name : str
    kind : {"approximation", "lower bound", "upper bound"}
    function : callable
        `function(p, q)`, in nats.
    when, reference : str
    aliases : tuple of str
    """

    name: str
    kind: Literal["approximation", "lower bound", "upper bound"]
    function: Callable[[GaussianMixture, GaussianMixture], float]
    when: str
    reference: str
    aliases: tuple[str, ...] = ()


def mixture_divergence(p: Any, q: Any, method: str = "variational_upper_bound") -> float:
    """Return an approximation of, or a bound on, the divergence of mixture q from mixture p, in nats.

    Use it where an integral is too dear: many components, many dimensions, inside a search. `measure` integrates in one
    dimension and draws in more.

    Parameters
    ----------
    p, q : GaussianMixture or a fitted `sklearn.mixture.GaussianMixture`
        Of one dimension.
    method : str
        A name in `MIXTURE_METHODS`: `matched`, `product`, `unscented`, `variational`, `gaussian` (approximations),
        `variational_upper_bound`, `upper_bound`, `lower_bound`.

    Raises
    ------
    InvalidInputError, ShapeError
        Not mixtures; different dimensions.
    UnknownNameError
        No such method.

    Examples
    --------
    >>> one = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [1.0, 1.0])
    >>> two = GaussianMixture([1.0], [0.0], [2.0])
    >>> low, high = (mixture_divergence(one, two, name) for name in ("lower_bound", "variational_upper_bound"))
    >>> low < 0.02 < high
    True
    """
    one, two = (_mixture(side, name) for side, name in ((p, "p"), (q, "q")))
    if one.n_features != two.n_features:
        raise ShapeError(
            f"mixtures in {one.n_features} and {two.n_features} dimensions", expected="one dimension for both"
        )
    return float(MIXTURE_METHODS[method].function(one, two))


def _mixture(side: Any, name: str) -> GaussianMixture:
    if isinstance(side, GaussianMixture):
        return side
    if type(side).__module__.startswith("sklearn.mixture"):
        return GaussianMixture.from_sklearn(side)
    raise InvalidInputError(f"{name} of type {type(side).__name__}", expected="a GaussianMixture")


def as_mixture(law: Any) -> GaussianMixture | None:
    """Return the mixture that a law is, a normal law being one of one component; None for any other."""
    family = getattr(law, "family", "")
    if family == "gaussian_mixture":
        return law.shape["mixture"]
    if family == "multivariate_normal":
        return GaussianMixture([1.0], law.shape["mean"][None], law.shape["covariance"][None])
    if family == "normal":
        return GaussianMixture([1.0], [law.location], [law.scale**2])
    return None


def _between(p: GaussianMixture, q: GaussianMixture) -> np.ndarray:
    """Return the divergences between components, of shape (n_p, n_q)."""
    return np.array([[(closed_multivariate_kl(one, two) or (math.nan,))[0] for two in q.parts()] for one in p.parts()])


def _log_overlaps(p: GaussianMixture, q: GaussianMixture) -> np.ndarray:
    """Return log of the integrals of products of components, of shape (n_p, n_q)."""
    gaps = p.means[:, None] - q.means[None, :]
    sums = p.covariances[:, None] + q.covariances[None, :]
    scaled = np.einsum("abi,abij,abj->ab", gaps, np.linalg.inv(sums), gaps)
    return -0.5 * (scaled + np.linalg.slogdet(2 * math.pi * sums)[1])


def _entropies(p: GaussianMixture) -> np.ndarray:
    return 0.5 * np.linalg.slogdet(2 * math.pi * math.e * p.covariances)[1]


def _log_mix(weights: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Return log of the weighted sum of exp(logs) along the last axis."""
    peak = np.max(logs, axis=-1, keepdims=True)
    return (peak + np.log(np.exp(logs - peak) @ weights[:, None]))[..., 0]


def _variational(p: GaussianMixture, q: GaussianMixture) -> float:
    own, other = _log_mix(p.weights, -_between(p, p)), _log_mix(q.weights, -_between(p, q))
    return float(p.weights @ (own - other))


def _product(p: GaussianMixture, q: GaussianMixture) -> float:
    own, other = _log_mix(p.weights, _log_overlaps(p, p)), _log_mix(q.weights, _log_overlaps(p, q))
    return float(p.weights @ (own - other))


def _lower(p: GaussianMixture, q: GaussianMixture) -> float:
    own, other = _log_mix(p.weights, -_between(p, p)), _log_mix(q.weights, _log_overlaps(p, q))
    return max(0.0, float(p.weights @ (own - other - _entropies(p))))


def _upper(p: GaussianMixture, q: GaussianMixture) -> float:
    own, other = _log_mix(p.weights, _log_overlaps(p, p)), _log_mix(q.weights, -_between(p, q))
    return float(p.weights @ (own - other + _entropies(p)))


def _matched(p: GaussianMixture, q: GaussianMixture) -> float:
    costs = _between(p, q) - np.log(q.weights)
    return float(p.weights @ (np.min(costs, axis=1) + np.log(p.weights)))


def _gaussian(p: GaussianMixture, q: GaussianMixture) -> float:
    sides = []
    for mixture in (p, q):
        mean = mixture.weights @ mixture.means
        away = mixture.means - mean
        within = np.einsum("a,aij->ij", mixture.weights, mixture.covariances)
        sides.append(GaussianMixture([1.0], mean[None], (within + (away.T * mixture.weights) @ away)[None]))
    return float(_between(*sides)[0, 0])


def _unscented(p: GaussianMixture, q: GaussianMixture) -> float:
    size = p.n_features
    steps = math.sqrt(size) * np.swapaxes(np.linalg.cholesky(p.covariances), 1, 2)
    points = np.concatenate([p.means[:, None] + steps, p.means[:, None] - steps], axis=1)
    flat = points.reshape(-1, size)
    gaps = (p.log_density(flat) - q.log_density(flat)).reshape(p.n_components, 2 * size)
    return float(p.weights @ gaps.mean(axis=1))


def _variational_upper(p: GaussianMixture, q: GaussianMixture, *, rounds: int = 500) -> float:
    """Share the weights of both mixtures among the pairs of components, in turns, so that the bound falls."""
    costs = _between(p, q)
    log_p, log_q = np.log(p.weights)[:, None], np.log(q.weights)
    # logarithms: the shares of far pairs underflow
    shares_q = np.broadcast_to(log_q, costs.shape) - math.log(p.n_components)
    before = math.inf
    for _ in range(rounds):
        weighted = shares_q - costs
        shares_p = log_p + weighted - np.logaddexp.reduce(weighted, axis=1, keepdims=True)
        shares_q = log_q + shares_p - np.logaddexp.reduce(shares_p, axis=0)
        bound = float(np.sum(np.exp(shares_p) * (shares_p - shares_q + costs)))
        if before - bound <= 1e-13 * abs(bound):
            return bound
        before = bound
    return before


def _convex(p: GaussianMixture, q: GaussianMixture) -> float:
    return float(p.weights @ _between(p, q) @ q.weights)


_PAPER = "Hershey and Olsen, Approximating the Kullback Leibler divergence between Gaussian mixture models, 2007"
_BOUNDS = "Durrieu, Thiran and Kelly, Lower and upper bounds for approximation of the Kullback-Leibler divergence, 2012"

MIXTURE_METHODS: Catalogue[MixtureMethod] = Catalogue(
    "mixture method",
    [
        MixtureMethod(
            "variational",
            "approximation",
            _variational,
            "The best of the closed approximations; it may be negative.",
            _PAPER,
        ),
        MixtureMethod("unscented", "approximation", _unscented, "Cheap, and good where components are broad.", _PAPER),
        MixtureMethod(
            "matched",
            "approximation",
            _matched,
            "Components are far apart and come in pairs.",
            "Goldberger, Gordon and Greenspan, An efficient image similarity measure based on approximations of KL-divergence, 2003",
            aliases=("goldberger",),
        ),
        MixtureMethod("product", "approximation", _product, "A quick look; it is often far off.", _PAPER),
        MixtureMethod(
            "gaussian",
            "approximation",
            _gaussian,
            "Both mixtures are nearly one normal law.",
            _PAPER,
            aliases=("moment_matched",),
        ),
        MixtureMethod(
            "variational_upper_bound",
            "upper bound",
            _variational_upper,
            "A number that is never too small; zero for equal mixtures.",
            _PAPER,
        ),
        MixtureMethod(
            "upper_bound", "upper bound", _upper, "Together with the lower bound it brackets the truth.", _BOUNDS
        ),
        MixtureMethod("lower_bound", "lower bound", _lower, "A number that is never too large.", _BOUNDS),
        MixtureMethod(
            "convexity_bound",
            "upper bound",
            _convex,
            "The mean over all pairs of components; loose and simple.",
            _PAPER,
        ),
    ],
)
