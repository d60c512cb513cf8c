"""The families that `approximate` tries, and how each is fitted to weights on places or to a sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lossmith._catalogue import Catalogue

__all__ = ["CANDIDATES", "CandidateFamily", "Points", "fitted", "minimised"]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Places with weights that add up to 1: a distribution over outcomes, or a sample.

    Attributes
    ----------
    places, weights : ndarray of shape (n_places,)
    low, high : float
        Ends of what could have been observed, for families whose range is given by the data.
    """

    places: np.ndarray
    weights: np.ndarray
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Weighted mean."""
        return float(self.weights @ self.places)

    @property
    def variance(self) -> float:
        """Weighted variance."""
        return float(self.weights @ (self.places - self.mean) ** 2)


Fit = Callable[[Points], "tuple[float, ...] | None"]
Freeze = Callable[[Any, "tuple[float, ...]", Points], Any]


@dataclass(frozen=True, slots=True)
class CandidateFamily:
    """A family of models with free parameters.

    Attributes
    ----------
    name : str
        SciPy's name.
    kind : {"discrete", "continuous"}
    parameters : tuple of str
        Names of the free parameters.
    freeze : callable
        `freeze(stats, values, points)`: SciPy's frozen distribution.
    start : callable
        Values by moments, from which the search starts; None where the family cannot describe the points.
    exact : bool
        Whether the values by `start` are already those of maximum likelihood.
    inside : mapping
        For each parameter the interval it must stay in; (-inf, inf) if not named.
    when : str
    aliases : tuple of str
    """

    name: str
    kind: Literal["discrete", "continuous"]
    parameters: tuple[str, ...]
    freeze: Freeze
    start: Fit
    when: str
    inside: Mapping[str, tuple[float, float]]
    exact: bool = False
    aliases: tuple[str, ...] = ()


POSITIVE = (0.0, math.inf)
# log-densities of larger shapes are sums of large numbers, whose rounding a search would take for a better fit
SHAPE = (0.0, 1e6)
SHARE = (0.0, 1.0)


def _to_line(value: float, interval: tuple[float, float]) -> float:
    low, high = interval
    if math.isinf(low) and math.isinf(high):
        return value
    if math.isinf(high):
        return math.log(max(value - low, 1e-12))
    share = min(max((value - low) / (high - low), 1e-12), 1 - 1e-9)
    return math.log(share) - math.log1p(-share)


def _from_line(value: float, interval: tuple[float, float]) -> float:
    low, high = interval
    if math.isinf(low) and math.isinf(high):
        return value
    if math.isinf(high):
        return low + math.exp(min(value, 700.0))
    return low + (high - low) / (1 + math.exp(-min(max(value, -700.0), 700.0)))


class _Thawed:
    """SciPy's families, called like the frozen ones: a search makes thousands, and freezing one costs more than using it."""

    def __getattr__(self, name: str) -> Callable[..., _Bound]:
        from scipy import stats

        family = getattr(stats, name)
        return lambda *values, **named: _Bound(family, values, named)


@dataclass(frozen=True, slots=True, eq=False)
class _Bound:
    family: Any
    values: tuple[float, ...]
    named: Mapping[str, float]

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        return self.family.logpdf(x, *self.values, **self.named)

    def logpmf(self, x: np.ndarray) -> np.ndarray:
        return self.family.logpmf(x, *self.values, **self.named)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        return self.family.cdf(x, *self.values, **self.named)


def minimised(
    family: CandidateFamily,
    points: Points,
    objective: Callable[[Any], float],
    start: tuple[float, ...],
    *,
    rounds: int = 3,
) -> tuple[float, ...]:
    """Return the parameters that minimise a function of the distribution, searched from `start`."""
    from scipy import optimize

    thawed = _Thawed()

    intervals = [family.inside.get(name, (-math.inf, math.inf)) for name in family.parameters]

    def at(line: np.ndarray) -> float:
        values = tuple(_from_line(float(x), interval) for x, interval in zip(line, intervals, strict=True))
        with np.errstate(all="ignore"):
            value = objective(family.freeze(thawed, values, points))
        return value if math.isfinite(value) else 1e300

    line = np.array([_to_line(x, interval) for x, interval in zip(start, intervals, strict=True)])
    if not line.size:
        return start
    best = line
    # one round is a search near the answer: an error of 1e-4 costs the divergence its square
    precision, depth, most = (1e-8, 1e-12, 600) if rounds > 1 else (1e-4, 1e-9, 200)
    for _ in range(rounds):
        # the simplex is started again where it stopped: it may have collapsed on the way
        options = {"xatol": precision, "fatol": depth, "maxiter": most}
        found = optimize.minimize(at, best, method="Nelder-Mead", options=options)
        step = float(np.max(np.abs(found.x - best)))
        best = found.x
        if step < 1e-7:
            break
    return tuple(_from_line(float(x), interval) for x, interval in zip(best, intervals, strict=True))


def log_density(frozen: Any, kind: str, places: np.ndarray) -> np.ndarray:
    """Return the log-mass or log-density of a frozen distribution."""
    with np.errstate(all="ignore"):
        return np.asarray(frozen.logpmf(places) if kind == "discrete" else frozen.logpdf(places), dtype=np.float64)


def fitted(family: CandidateFamily, points: Points, near: tuple[float, ...] | None = None) -> tuple[float, ...] | None:
    """Return the parameters of maximum likelihood (the least forward divergence), None where the family does not apply.

    With `near`, the fit to nearly the same points, the search starts there and is short.
    """
    used = points.weights > 0
    if family.kind == "continuous" and np.ptp(points.places[used]) == 0:
        return None  # no density is closest to a single value
    start = family.start(points)
    if start is None or family.exact:
        return start

    def cross_entropy(frozen: Any) -> float:
        return -float(points.weights[used] @ log_density(frozen, family.kind, points.places[used]))

    if near is not None:
        return minimised(family, points, cross_entropy, near, rounds=1)
    return minimised(family, points, cross_entropy, start)


def _positive(points: Points, fit: Fit) -> tuple[float, ...] | None:
    return fit(points) if points.places[points.weights > 0].min() > 0 else None


def _counts(points: Points, fit: Fit) -> tuple[float, ...] | None:
    used = points.places[points.weights > 0]
    return fit(points) if used.min() >= 0 and np.all(used == np.round(used)) else None


def _whole(points: Points, fit: Fit) -> tuple[float, ...] | None:
    used = points.places[points.weights > 0]
    return fit(points) if np.all(used == np.round(used)) else None


def _beta_binomial(points: Points) -> tuple[float, ...]:
    n, mean, variance = points.high, points.mean, max(points.variance, 1e-6)
    share = min(max(mean / n, 1e-3), 1 - 1e-3) if n else 0.5
    spread = variance / max(n * share * (1 - share), 1e-9)
    total = max((n - spread) / max(spread - 1, 1e-2), 0.1)
    return share * total, (1 - share) * total


def _negative_binomial(points: Points) -> tuple[float, ...]:
    mean, variance = max(points.mean, 1e-6), points.variance
    size = mean * mean / (variance - mean) if variance > mean * 1.01 else 100 * mean
    return size, size / (size + mean)


def _logs(points: Points) -> tuple[float, float]:
    logs = np.log(points.places)
    mean = float(points.weights @ logs)
    return mean, math.sqrt(float(points.weights @ (logs - mean) ** 2))


def _log_normal(points: Points) -> tuple[float, ...]:
    mean, deviation = _logs(points)
    return deviation, math.exp(mean)


def _gamma(points: Points) -> tuple[float, ...]:
    gap = math.log(points.mean) - _logs(points)[0]
    shape = (3 - gap + math.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    return shape, points.mean / shape


def _weibull(points: Points) -> tuple[float, ...]:
    mean, deviation = _logs(points)
    shape = math.pi / (math.sqrt(6) * deviation)
    return shape, math.exp(mean + 0.5772156649 / shape)


def _quantile(points: Points, share: float) -> float:
    order = np.argsort(points.places)
    reached = np.cumsum(points.weights[order])
    return float(points.places[order][min(int(np.searchsorted(reached, share)), order.size - 1)])


def _median_quartiles(points: Points) -> tuple[float, float]:
    return _quantile(points, 0.5), max((_quantile(points, 0.75) - _quantile(points, 0.25)) / 2, 1e-9)


def _laplace(points: Points) -> tuple[float, ...]:
    middle = _quantile(points, 0.5)
    return middle, float(points.weights @ np.abs(points.places - middle))


def _beta(points: Points) -> tuple[float, ...] | None:
    used = points.places[points.weights > 0]
    if used.min() <= 0 or used.max() >= 1:
        return None
    total = max(points.mean * (1 - points.mean) / points.variance - 1, 0.1)
    return points.mean * total, (1 - points.mean) * total


def _pareto(points: Points) -> tuple[float, ...]:
    shape = 1 / max(_logs(points)[0] - math.log(points.low), 1e-9)
    # five mean gaps below the least value, so that new values fall inside
    return shape, points.low * max(1 - 5 / (shape * len(points.places)), 0.5)


def _uniform(points: Points) -> tuple[float, ...]:
    # five mean gaps on either side, so that new values fall inside
    reach = 5 * (points.high - points.low) / max(len(points.places), 1)
    return points.low - reach, points.high - points.low + 2 * reach


def _family(
    name: str,
    kind: Any,
    parameters: str,
    freeze: Freeze,
    start: Fit,
    when: str,
    *,
    exact: bool = False,
    aliases: tuple[str, ...] = (),
    **inside: Any,
) -> CandidateFamily:
    return CandidateFamily(name, kind, tuple(parameters.split()), freeze, start, when, inside, exact, aliases)


CANDIDATES: Catalogue[CandidateFamily] = Catalogue(
    "candidate",
    [
        _family(
            "randint", "discrete", "", lambda s, _, d: s.randint(int(d.low), int(d.high) + 1), lambda d: _whole(d, lambda _: ()),
            "Every outcome is as likely as any other.", exact=True, aliases=("discrete_uniform",),
        ),
        _family(
            "binom", "discrete", "p", lambda s, v, d: s.binom(int(d.high), v[0]),
            lambda d: _counts(d, lambda d: (d.mean / d.high,) if d.high else None),
            "Successes in as many independent trials as there are outcomes above 0.", exact=True, aliases=("binomial",), p=SHARE,
        ),
        _family(
            "betabinom", "discrete", "a b", lambda s, v, d: s.betabinom(int(d.high), *v), lambda d: _counts(d, _beta_binomial),
            "As binomial, with a chance that varies.", aliases=("beta_binomial",), a=SHAPE, b=SHAPE,
        ),
        _family(
            "poisson", "discrete", "mu", lambda s, v, _: s.poisson(v[0]), lambda d: _counts(d, lambda d: (max(d.mean, 1e-300),)),
            "Independent events in a fixed time.", exact=True, mu=POSITIVE,
        ),
        _family(
            "nbinom", "discrete", "n p", lambda s, v, _: s.nbinom(*v), lambda d: _counts(d, _negative_binomial),
            "As Poisson, with a rate that varies.", aliases=("negative_binomial",), n=SHAPE, p=SHARE,
        ),
        _family(
            "geom", "discrete", "p", lambda s, v, _: s.geom(v[0], loc=-1), lambda d: _counts(d, lambda d: (1 / (1 + d.mean),)),
            "Failures before the first success.", exact=True, aliases=("geometric",), p=SHARE,
        ),
        _family(
            "norm", "continuous", "loc scale", lambda s, v, _: s.norm(*v), lambda d: (d.mean, math.sqrt(d.variance)),
            "Sums of many small effects.", exact=True, aliases=("normal", "gaussian"), scale=POSITIVE,
        ),
        _family(
            "logistic", "continuous", "loc scale", lambda s, v, _: s.logistic(*v),
            lambda d: (d.mean, math.sqrt(3 * d.variance) / math.pi), "As normal, with heavier tails.", scale=POSITIVE,
        ),
        _family(
            "laplace", "continuous", "loc scale", lambda s, v, _: s.laplace(*v), _laplace,
            "A sharp peak and exponential tails.", exact=True, scale=POSITIVE,
        ),
        _family(
            "t", "continuous", "df loc scale", lambda s, v, _: s.t(*v), lambda d: (4.0, *_median_quartiles(d)),
            "As normal, with tails as heavy as the data ask for.", aliases=("student_t",), df=(0.0, 200.0), scale=POSITIVE,
        ),
        _family(
            "cauchy", "continuous", "loc scale", lambda s, v, _: s.cauchy(*v), _median_quartiles,
            "Tails so heavy that there is no mean.", scale=POSITIVE,
        ),
        _family(
            "gumbel_r", "continuous", "loc scale", lambda s, v, _: s.gumbel_r(*v),
            lambda d: (d.mean - 0.45 * math.sqrt(d.variance), 0.78 * math.sqrt(d.variance)), "The largest of many values.", scale=POSITIVE,
        ),
        _family(
            "gumbel_l", "continuous", "loc scale", lambda s, v, _: s.gumbel_l(*v),
            lambda d: (d.mean + 0.45 * math.sqrt(d.variance), 0.78 * math.sqrt(d.variance)), "The smallest of many values.", scale=POSITIVE,
        ),
        _family(
            "uniform", "continuous", "loc scale", lambda s, v, _: s.uniform(*v), _uniform,
            "Every value between two ends is as likely as any other.", exact=True, scale=POSITIVE,
        ),
        _family(
            "expon", "continuous", "scale", lambda s, v, _: s.expon(0, v[0]), lambda d: _positive(d, lambda d: (d.mean,)),
            "Waiting times without memory.", exact=True, aliases=("exponential",), scale=POSITIVE,
        ),
        _family(
            "gamma", "continuous", "a scale", lambda s, v, _: s.gamma(v[0], scale=v[1]), lambda d: _positive(d, _gamma),
            "Sums of waiting times; positive and skewed.", a=SHAPE, scale=POSITIVE,
        ),
        _family(
            "lognorm", "continuous", "s scale", lambda s, v, _: s.lognorm(v[0], scale=v[1]), lambda d: _positive(d, _log_normal),
            "Products of many small effects.", exact=True, aliases=("log_normal",), s=POSITIVE, scale=POSITIVE,
        ),
        _family(
            "weibull_min", "continuous", "c scale", lambda s, v, _: s.weibull_min(v[0], scale=v[1]), lambda d: _positive(d, _weibull),
            "Lifetimes with a hazard that rises or falls.", aliases=("weibull",), c=SHAPE, scale=POSITIVE,
        ),
        _family(
            "pareto", "continuous", "b scale", lambda s, v, _: s.pareto(v[0], scale=v[1]),
            lambda d: _positive(d, _pareto),
            "A power law above a threshold.", exact=True, b=POSITIVE, scale=POSITIVE,
        ),
        _family(
            "beta", "continuous", "a b", lambda s, v, _: s.beta(*v), _beta, "Shares between 0 and 1.", a=SHAPE, b=SHAPE,
        ),
    ],
)  # fmt: skip
