"""SciPy's frozen distributions as laws."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lossmith._errors import DomainError, InvalidInputError
from lossmith.divergence._families import log_density
from lossmith.divergence._law import Law
from lossmith.divergence._zeta import power_law_log_mass, power_law_quantile, power_law_survival

__all__ = ["inside", "is_scipy", "scipy_law"]


def is_scipy(source: Any) -> bool:
    """Return whether `source` is a frozen distribution of SciPy (or one of its newer distribution objects)."""
    return type(source).__module__.startswith("scipy.stats")


def _shape(*names: str) -> Callable[..., dict[str, float]]:
    return lambda *values: dict(zip(names, (float(value) for value in values), strict=True))


# SciPy's name: family, shape parameters, and the scale of the family in units of SciPy's
_NAMES: Mapping[str, tuple[str, Callable[..., dict[str, float]], float]] = {
    "norm": ("normal", _shape(), 1.0),
    "laplace": ("laplace", _shape(), 1.0),
    "gumbel_r": ("gumbel", _shape(), 1.0),
    "gumbel_l": ("gumbel_left", _shape(), 1.0),
    "loggamma": ("log_gamma", _shape("a"), 1.0),
    "moyal": ("moyal", _shape(), 1.0),
    "gamma": ("gamma", _shape("a"), 1.0),
    "erlang": ("gamma", _shape("a"), 1.0),
    "expon": ("gamma", lambda: {"a": 1.0}, 1.0),
    "chi2": ("gamma", lambda df: {"a": float(df) / 2}, 2.0),
    "invgamma": ("inverse_gamma", _shape("a"), 1.0),
    "beta": ("beta", _shape("a", "b"), 1.0),
    "powerlaw": ("beta", lambda a: {"a": float(a), "b": 1.0}, 1.0),
    "uniform": ("uniform", _shape(), 1.0),
    "pareto": ("pareto", _shape("b"), 1.0),
    "weibull_min": ("weibull", _shape("c"), 1.0),
    "invweibull": ("inverse_weibull", _shape("c"), 1.0),
    "lognorm": ("log_normal", _shape("s"), 1.0),
    "chi": ("chi", _shape("df"), 1.0),
    "halfnorm": ("chi", lambda: {"df": 1.0}, 1.0),
    "rayleigh": ("chi", lambda: {"df": 2.0}, 1.0),
    "maxwell": ("chi", lambda: {"df": 3.0}, 1.0),
    "cauchy": ("cauchy", _shape(), 1.0),
    "halfcauchy": ("half_cauchy", _shape(), 1.0),
    "vonmises": ("von_mises", _shape("kappa"), 1.0),
    "bernoulli": ("binomial", lambda p: {"n": 1.0, "p": float(p)}, 1.0),
    "binom": ("binomial", _shape("n", "p"), 1.0),
    "poisson": ("poisson", _shape("mu"), 1.0),
    "geom": ("negative_binomial", lambda p: {"n": 1.0, "p": float(p)}, 1.0),
    "nbinom": ("negative_binomial", _shape("n", "p"), 1.0),
    "zipf": ("power_law", _shape("a"), 1.0),
}


def scipy_law(source: Any, label: str = "") -> Law:
    """Return the law of a frozen distribution.

    Raises
    ------
    DomainError
        Parameters outside their domain, or a batch of distributions.
    InvalidInputError
        Not a frozen distribution.
    """
    kind = type(source).__name__
    if kind == "rv_histogram":
        # it has no parameters, and its density jumps at the edges of its bins
        law = _univariate(source(), label or f"histogram of {len(source._hpdf) - 2} bins")
        return replace(law, places=tuple(float(edge) for edge in source._hbins))
    if kind in ("rv_continuous_frozen", "rv_discrete_frozen", "poisson_binomial_frozen"):
        return _univariate(source, label)
    if hasattr(source, "logpdf") and hasattr(source, "icdf"):
        return _modern(source, label)
    if kind.endswith("_frozen"):
        from lossmith.divergence._laws_multivariate import scipy_multivariate

        return scipy_multivariate(source, label)
    raise InvalidInputError(
        f"{kind}", expected="a frozen distribution", advice="give its parameters, as in scipy.stats.norm(0, 1)"
    )


def _univariate(source: Any, label: str) -> Law:
    parsed = source.dist._parse_args(*source.args, **source.kwds)
    if source.dist.name == "poisson_binom":
        parsed = ((), *parsed[1:])  # its one parameter is a vector
    values = [*parsed[0], *parsed[1:]]
    if any(np.ndim(value) and np.size(value) != 1 for value in values):
        raise DomainError(
            f"{source.dist.name} with arrays of parameters",
            expected="one distribution",
            advice="measure them one by one",
        )
    shapes = [float(np.asarray(value).ravel()[0]) for value in parsed[0]]
    location = float(np.asarray(parsed[1]).ravel()[0])
    scale = float(np.asarray(parsed[2]).ravel()[0]) if len(parsed) > 2 else 1.0
    low, high = (float(end) for end in source.support())
    if math.isnan(low) or math.isnan(high):
        raise DomainError(f"{_describe(source, shapes, location, scale)}", expected="parameters inside their domain")
    discrete = hasattr(source.dist, "_nonzero") or hasattr(source, "pmf")
    family, shape, factor = "", {}, 1.0
    if source.dist.name in _NAMES and type(source.dist).__module__.startswith("scipy.stats"):
        family, named, factor = _NAMES[source.dist.name]
        shape = named(*shapes)
        if source.dist.name == "geom":
            location += 1
    if family == "von_mises":
        # SciPy leaves the density periodic over the whole line; a law on the circle is one turn of it
        low, high = -math.pi * scale, math.pi * scale
    written = log_density(family, shape)
    quantile, below, above = _quiet(source.ppf), _quiet(source.cdf), _quiet(source.sf)
    mass = _numbers(_quiet(source.logpmf)) if discrete else None
    if family == "power_law":
        exponent = shape["a"]
        above = lambda x: power_law_survival(np.asarray(x) - location, exponent)  # noqa: E731
        below = lambda x: 1 - above(x)  # noqa: E731
        quantile = lambda share: power_law_quantile(share, exponent) + location  # noqa: E731
        mass = lambda x: power_law_log_mass(np.asarray(x) - location, exponent)  # noqa: E731
    return Law(
        label or _describe(source, shapes, location, scale),
        "discrete" if discrete else "continuous",
        mass
        if mass is not None
        else _numbers(_within(_quiet(source.logpdf), low, high))
        if written is None
        else inside(written, location, scale * factor, low, high),
        family,
        shape,
        location,
        scale * factor,
        low,
        high,
        quantile,
        below,
        lambda generator, n: np.asarray(source.rvs(size=n, random_state=generator), dtype=np.float64),
        written is None and family != "power_law",
        survival=above,
    )


def inside(
    standard: Callable[[np.ndarray], np.ndarray], location: float, scale: float, low: float, high: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the log-density of `location + scale Z` from that of Z, minus infinity outside [low, high]."""
    least, most = np.nextafter((low - location) / scale, math.inf), np.nextafter((high - location) / scale, -math.inf)

    def evaluate(x: np.ndarray) -> np.ndarray:
        within = (x >= low) & (x <= high)
        middle = location + scale / 2 if math.isinf(low) or math.isinf(high) else (low + high) / 2
        safe = np.where(within, x, middle)
        with np.errstate(all="ignore"):
            # a quotient that rounds to an end of the support is put back inside
            z = np.clip((safe - location) / scale, least, most)
            values = standard(z) - math.log(scale)
        # the difference of two infinities is a log-density far below the range of doubles
        return np.where(within & ~np.isnan(values), values, -np.inf)

    return evaluate


def _quiet(function: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of SciPy's that warns of nothing, and is NaN at the places where it gives up."""

    def evaluate(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            try:
                return np.asarray(function(x), dtype=np.float64)
            except (ArithmeticError, ValueError):
                if np.size(x) <= 1:
                    return np.full(np.shape(x), np.nan)
                flat = np.ravel(x)
                halves = evaluate(flat[: flat.size // 2]), evaluate(flat[flat.size // 2 :])
                return np.concatenate(halves).reshape(np.shape(x))

    return evaluate


def _within(
    function: Callable[[np.ndarray], np.ndarray], low: float, high: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a log-density that is not asked at the ends of its support, where it may be infinite, but next to them."""
    # SciPy maps x to the unit interval, which rounds the last places to its end
    least, most = low + 4 * abs(np.spacing(low)), high - 4 * abs(np.spacing(high))
    if math.isinf(low) or math.isinf(high):
        least, most = low if math.isinf(low) else least, high if math.isinf(high) else most

    def evaluate(x: np.ndarray) -> np.ndarray:
        return np.where((x >= low) & (x <= high), function(np.clip(x, least, most)), -np.inf)

    return evaluate


def _numbers(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Return a log-density that is minus infinity where SciPy's is the difference of two infinities, far out in a tail.

    A density that is lost where it has mass is found out by its missing mass.
    """

    def evaluate(x: np.ndarray) -> np.ndarray:
        values = function(x)
        return np.where(np.isnan(values), -np.inf, values)

    return evaluate


def _describe(source: Any, shapes: list[float], location: float, scale: float) -> str:
    names = [name.strip() for name in (source.dist.shapes or "").split(",") if name.strip()]
    parts = [f"{name}={value:g}" for name, value in zip(names, shapes, strict=False)]
    parts += [f"loc={location:g}"] if location else []
    parts += [f"scale={scale:g}"] if scale != 1 else []
    return f"{source.dist.name}({', '.join(parts)})"


def _modern(source: Any, label: str) -> Law:
    low, high = (float(np.asarray(end)) for end in source.support())
    discrete = hasattr(source, "logpmf") and type(source).__mro__[1].__name__ == "DiscreteDistribution"
    return Law(
        label or str(source),
        "discrete" if discrete else "continuous",
        _numbers(_quiet(source.logpmf if discrete else source.logpdf)),
        low=low,
        high=high,
        quantile=_quiet(source.icdf),
        distribution=_quiet(source.cdf),
        draw=lambda generator, n: np.asarray(source.sample(n, rng=generator), dtype=np.float64),
        underflows=True,
    )
