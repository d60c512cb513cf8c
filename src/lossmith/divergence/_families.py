"""Families of laws on the line: what their log-density is made of, and what they expect of the parts of others.

The log-density of a standard member is a constant plus coefficients times statistics T(z); a family that knows
`E T(location + scale Z)` for the statistics of another gives a closed form for the pair, so that n families cover n^2 pairs.
An expectation that has no closed form is None, one that is infinite is infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["FAMILIES", "Family", "Term", "log_density"]

EULER = 0.57721566490153286061
Term = tuple[float, str, float]  # coefficient, statistic, argument of the statistic


@dataclass(frozen=True, slots=True)
class Family:
    """A family of laws on the line.

    Attributes
    ----------
    terms : callable
        Of the shape parameters: the log-density as (coefficient, statistic, argument), the constant under "one".
    moments : callable
        Of the shape parameters: mean and variance of the standard member.
    expects : mapping
        For a statistic: a function of location, scale, argument and the shape parameters.
    """

    terms: Callable[..., list[Term]] | None = None
    moments: Callable[..., tuple[float, float]] | None = None
    expects: Mapping[str, Callable[..., float | None]] = field(default_factory=dict)

    def expectation(
        self, statistic: str, argument: float, location: float, scale: float, shape: Mapping[str, Any]
    ) -> float | None:
        """Return `E T(location + scale Z)`, None where there is no closed form.

        Statistics: `one`, `z`, `square`, `log`, `log_square`, `log_rest` (of 1 - z), `power` (z^argument),
        `exp` (e^(argument z)), `abs`.
        """
        if statistic == "one":
            return 1.0
        if statistic in self.expects:
            try:
                found = self.expects[statistic](location, scale, argument, **shape)
            except OverflowError:
                found = math.inf
            if found is not None:
                return found
        if self.moments is not None and (statistic in ("z", "square") or (statistic == "power" and argument in (1, 2))):
            mean, variance = self.moments(**shape)
            first = location + scale * mean
            return first if statistic == "z" or argument == 1 else first * first + scale * scale * variance
        return None


def _centred(function: Callable[..., float]) -> Callable[..., float | None]:
    """Return an expectation that exists only without a shift, from that of the standard member."""

    def expectation(location: float, scale: float, argument: float, **shape: float) -> float | None:
        return None if location != 0 else function(scale, argument, **shape)

    return expectation


def _log(standard: Callable[..., float]) -> Callable[..., float | None]:
    return _centred(lambda scale, _argument, **shape: math.log(scale) + standard(**shape))


def _power(standard: Callable[..., float]) -> Callable[..., float | None]:
    return _centred(lambda scale, k, **shape: scale**k * standard(k, **shape))


def _exp(standard: Callable[..., float]) -> Callable[..., float | None]:
    def expectation(location: float, scale: float, t: float, **shape: float) -> float | None:
        log_value = standard(t * scale, **shape)
        total = t * location + log_value
        return math.inf if total > 700 else math.exp(total)

    return expectation


def _ratio(numerator: float, denominator: float) -> float:
    """Return `gamma(numerator) / gamma(denominator)`, infinite from the pole on."""
    if numerator <= 0:
        return math.inf
    log_ratio = math.lgamma(numerator) - math.lgamma(denominator)
    return math.inf if log_ratio > 700 else math.exp(log_ratio)


def _digamma(x: float) -> float:
    from scipy.special import digamma

    return float(digamma(x))


def _trigamma(x: float) -> float:
    from scipy.special import polygamma

    return float(polygamma(1, x))


def _mean_log(low: float, high: float) -> float | None:
    """Return the mean of log(x) for x uniform on [low, high]."""
    if low < 0:
        return None
    lower = low * math.log(low) if low > 0 else 0.0
    return (high * math.log(high) - lower) / (high - low) - 1


def _uniform_power(location: float, scale: float, k: float) -> float | None:
    low, high = location, location + scale
    if low < 0:
        return None
    if k == -1:
        return math.inf if low == 0 else math.log(high / low) / scale
    if low == 0 and k < -1:
        return math.inf
    lower = low ** (k + 1) if low > 0 else 0.0
    return (high ** (k + 1) - lower) / ((k + 1) * scale)


def _uniform_abs(location: float, scale: float, _argument: float) -> float:
    low, high = location, location + scale
    if low >= 0 or high <= 0:
        return abs(location + scale / 2)
    return (low * low + high * high) / (2 * scale)


def _normal_abs(location: float, scale: float, _argument: float) -> float:
    m = location / scale
    return scale * (math.sqrt(2 / math.pi) * math.exp(-m * m / 2) + m * math.erf(m / math.sqrt(2)))


def _log_uniform_mgf(t: float) -> float:
    return 0.0 if t == 0 else math.log(math.expm1(t) / t) if t < 700 else t - math.log(t)


def _log_beta(a: float, b: float) -> float:
    from scipy.special import betaln

    return float(betaln(a, b))


def _exp_power(k: float, s: float) -> float:
    return math.inf if k * k * s * s / 2 > 700 else math.exp(k * k * s * s / 2)


def _chi_power(k: float, df: float) -> float:
    return 2 ** (k / 2) * _ratio((df + k) / 2, df / 2)


# B_2k / (2k)!: the cumulant function of the uniform law is tilt / 2 plus the sum of these times tilt^2k / 2k
_BERNOULLI = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
    43867 / 5109094217170944000,
    -174611 / 802857662698291200000,
)


def _tilted_log_mass(tilt: float) -> float:
    """Return `log((e^t - 1) / t)`."""
    if abs(tilt) < 1:
        return tilt / 2 + math.fsum(c * tilt ** (2 * k) / (2 * k) for k, c in enumerate(_BERNOULLI, start=1))
    peak = max(tilt, 0.0)
    return peak + math.log(-math.expm1(-abs(tilt)) / abs(tilt))


def _tilted_moments(tilt: float) -> tuple[float, float]:
    if abs(tilt) < 1:
        mean = 0.5 + math.fsum(c * tilt ** (2 * k - 1) for k, c in enumerate(_BERNOULLI, start=1))
        return mean, math.fsum(c * (2 * k - 1) * tilt ** (2 * k - 2) for k, c in enumerate(_BERNOULLI, start=1))
    size = abs(tilt)
    mean = -1 / math.expm1(-size) - 1 / size
    spread = 1 / size**2 - math.exp(-size) / math.expm1(-size) ** 2
    return mean if tilt > 0 else 1 - mean, spread


FAMILIES: dict[str, Family] = {
    "normal": Family(
        lambda: [(-0.5 * math.log(2 * math.pi), "one", 0), (-0.5, "square", 0)],
        lambda: (0.0, 1.0),
        {"exp": _exp(lambda t: t * t / 2), "abs": _normal_abs},
    ),
    "laplace": Family(
        lambda: [(-math.log(2), "one", 0), (-1.0, "abs", 0)],
        lambda: (0.0, 2.0),
        {
            "exp": _exp(lambda t: -math.log1p(-t * t) if abs(t) < 1 else math.inf),
            "abs": lambda m, s, _: abs(m) + s * math.exp(-abs(m) / s),
        },
    ),
    "gumbel": Family(
        lambda: [(-1.0, "z", 0), (-1.0, "exp", -1.0)],
        lambda: (EULER, math.pi**2 / 6),
        {"exp": _exp(lambda t: math.lgamma(1 - t) if t < 1 else math.inf)},
    ),
    "gumbel_left": Family(
        lambda: [(1.0, "z", 0), (-1.0, "exp", 1.0)],
        lambda: (-EULER, math.pi**2 / 6),
        {"exp": _exp(lambda t: math.lgamma(1 + t) if t > -1 else math.inf)},
    ),
    "log_gamma": Family(
        lambda a: [(a, "z", 0), (-1.0, "exp", 1.0), (-math.lgamma(a), "one", 0)],
        lambda a: (_digamma(a), _trigamma(a)),
        {"exp": _exp(lambda t, a: math.lgamma(a + t) - math.lgamma(a) if a + t > 0 else math.inf)},
    ),
    "moyal": Family(
        lambda: [(-0.5, "z", 0), (-0.5, "exp", -1.0), (-0.5 * math.log(2 * math.pi), "one", 0)],
        lambda: (EULER + math.log(2), math.pi**2 / 2),
        {"exp": _exp(lambda t: math.lgamma(0.5 - t) - t * math.log(2) - math.lgamma(0.5) if t < 0.5 else math.inf)},
    ),
    "gamma": Family(
        lambda a: [(a - 1, "log", 0), (-1.0, "z", 0), (-math.lgamma(a), "one", 0)],
        lambda a: (a, a),
        {
            "log": _log(lambda a: _digamma(a)),
            "power": _power(lambda k, a: _ratio(a + k, a)),
            "exp": _exp(lambda t, a: -a * math.log1p(-t) if t < 1 else math.inf),
            "log_square": _centred(lambda s, _, a: _trigamma(a) + (math.log(s) + _digamma(a)) ** 2),
        },
    ),
    "inverse_gamma": Family(
        lambda a: [(-(a + 1), "log", 0), (-1.0, "power", -1.0), (-math.lgamma(a), "one", 0)],
        lambda a: (1 / (a - 1) if a > 1 else math.inf, 1 / ((a - 1) ** 2 * (a - 2)) if a > 2 else math.inf),
        {
            "log": _log(lambda a: -_digamma(a)),
            "power": _power(lambda k, a: _ratio(a - k, a)),
            "log_square": _centred(lambda s, _, a: _trigamma(a) + (math.log(s) - _digamma(a)) ** 2),
        },
    ),
    "beta": Family(
        lambda a, b: [(a - 1, "log", 0), (b - 1, "log_rest", 0), (-_log_beta(a, b), "one", 0)],
        lambda a, b: (a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))),
        {
            "log": _log(lambda a, b: _digamma(a) - _digamma(a + b)),
            "log_rest": lambda m, s, _, a, b: _digamma(b) - _digamma(a + b) if (m, s) == (0, 1) else None,
            "power": _power(lambda k, a, b: math.exp(_log_beta(a + k, b) - _log_beta(a, b)) if a + k > 0 else math.inf),
        },
    ),
    "uniform": Family(
        lambda: [(0.0, "one", 0)],
        lambda: (0.5, 1 / 12),
        {
            "log": lambda m, s, _: _mean_log(m, m + s),
            "log_rest": lambda m, s, _: _mean_log(1 - m - s, 1 - m),
            "power": _uniform_power,
            "exp": _exp(_log_uniform_mgf),
            "abs": _uniform_abs,
        },
    ),
    "pareto": Family(
        lambda b: [(math.log(b), "one", 0), (-(b + 1), "log", 0)],
        lambda b: (b / (b - 1) if b > 1 else math.inf, b / ((b - 1) ** 2 * (b - 2)) if b > 2 else math.inf),
        {
            "log": _log(lambda b: 1 / b),
            "power": _power(lambda k, b: b / (b - k) if k < b else math.inf),
            "log_square": _centred(lambda s, _, b: 1 / b**2 + (math.log(s) + 1 / b) ** 2),
        },
    ),
    "weibull": Family(
        lambda c: [(math.log(c), "one", 0), (c - 1, "log", 0), (-1.0, "power", c)],
        lambda c: (_ratio(1 + 1 / c, 1), _ratio(1 + 2 / c, 1) - _ratio(1 + 1 / c, 1) ** 2),
        {
            "log": _log(lambda c: -EULER / c),
            "power": _power(lambda k, c: _ratio(1 + k / c, 1)),
            "log_square": _centred(lambda s, _, c: math.pi**2 / (6 * c * c) + (math.log(s) - EULER / c) ** 2),
        },
    ),
    "inverse_weibull": Family(
        lambda c: [(math.log(c), "one", 0), (-(c + 1), "log", 0), (-1.0, "power", -c)],
        lambda c: (_ratio(1 - 1 / c, 1), _ratio(1 - 2 / c, 1) - _ratio(1 - 1 / c, 1) ** 2 if c > 2 else math.inf),
        {
            "log": _log(lambda c: EULER / c),
            "power": _power(lambda k, c: _ratio(1 - k / c, 1)),
            "log_square": _centred(lambda s, _, c: math.pi**2 / (6 * c * c) + (math.log(s) + EULER / c) ** 2),
        },
    ),
    "log_normal": Family(
        lambda s: [
            (-math.log(s) - 0.5 * math.log(2 * math.pi), "one", 0),
            (-1.0, "log", 0),
            (-0.5 / (s * s), "log_square", 0),
        ],
        lambda s: (_exp_power(1, s), _exp_power(2, s) - _exp_power(1, s) ** 2 if s * s < 350 else math.inf),
        {
            "log": _log(lambda **_: 0.0),
            "power": _power(_exp_power),
            "log_square": _centred(lambda scale, _, s: s * s + math.log(scale) ** 2),
        },
    ),
    "chi": Family(
        lambda df: [
            (df - 1, "log", 0),
            (-0.5, "square", 0),
            (-(df / 2 - 1) * math.log(2) - math.lgamma(df / 2), "one", 0),
        ],
        lambda df: (_chi_power(1, df), df - _chi_power(1, df) ** 2),
        {
            "log": _log(lambda df: 0.5 * (_digamma(df / 2) + math.log(2))),
            "power": _power(_chi_power),
            "square": _centred(lambda s, _, df: s * s * df),
        },
    ),
    "tilted_uniform": Family(
        lambda tilt: [(-_tilted_log_mass(tilt), "one", 0), (tilt, "z", 0)],
        _tilted_moments,
        {"exp": lambda m, s, t, tilt: math.exp(t * m + _tilted_log_mass(tilt + t * s) - _tilted_log_mass(tilt))},
    ),
    # closed forms within the family only
    "cauchy": Family(lambda: [(-math.log(math.pi), "one", 0), (-1.0, "log_hypot", 0)]),
    "half_cauchy": Family(lambda: [(math.log(2 / math.pi), "one", 0), (-1.0, "log_hypot", 0)]),
    "von_mises": Family(),
}


def log_density(family: str, shape: Mapping[str, Any]) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the log-density of the standard member of a family inside its support, or None if it is not written down.

    Many densities elsewhere are the logarithm of something that underflows; these never are.
    """
    terms = FAMILIES[family].terms if family in FAMILIES else None
    if terms is None:
        return None
    parts = [part for part in terms(**shape) if part[0] != 0]

    def evaluate(z: np.ndarray) -> np.ndarray:
        total = np.zeros_like(z)
        for coefficient, statistic, argument in parts:
            total = total + coefficient * _STATISTICS[statistic](z, argument)
        return total

    return evaluate


_STATISTICS: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "one": lambda z, _: np.ones_like(z),
    "z": lambda z, _: z,
    "square": lambda z, _: z * z,
    "log": lambda z, _: np.log(z),
    "log_square": lambda z, _: np.log(z) ** 2,
    "log_rest": lambda z, _: np.log1p(-z),
    # log(1 + z^2), without the square
    "log_hypot": lambda z, _: 2 * np.log(np.hypot(1.0, z)),
    "power": lambda z, k: z**k,
    "exp": lambda z, t: np.exp(t * z),
    "abs": lambda z, _: np.abs(z),
}
