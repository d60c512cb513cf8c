"""Power laws on the integers: sums over all k of (log k)^m k^-s, and the divergence between two such laws.

A sum of this kind converges too slowly to be added up: at s = 1.01 the first 10^100 terms hold nine tenths of it. The
Euler-Maclaurin formula gives it to full precision from thirty terms.
Source: Apostol, Formulas for higher derivatives of the Riemann zeta function, Mathematics of Computation 44, 1985.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["log_zeta", "power_law_kl", "power_law_log_mass", "power_law_quantile", "power_law_survival", "power_sums"]

EPSILON = 2.0**-52
_FIRST = 30
# B_2j / (2j)!
_BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600)


def power_sums(s: float) -> tuple[float, float, float]:
    r"""Return $\sum_{k \ge 2} (\log k)^m k^{-s}$ for m = 0, 1, 2 and s > 1.

    Examples
    --------
    >>> found = power_sums(2.0)
    >>> abs(found[0] + 1 - math.pi**2 / 6) < 1e-15, round(found[1], 12)
    (True, 0.937548254316)
    """
    k = np.arange(2, _FIRST, dtype=np.float64)
    log_k, weight = np.log(k), k**-s
    last = math.log(_FIRST)
    size = math.exp(-s * last)
    found = []
    for power in range(3):
        parts = (log_k**power * weight).tolist()
        for j in range(power + 1):
            kept = last ** (power - j) / (s - 1) ** (j + 1)
            parts.append(_FIRST * size * math.perm(power, j) * kept)
        parts.append(last**power * size / 2)
        # the i-th derivative of (log x)^m x^-s is x^(-s - i) times a polynomial in log x
        polynomial = np.zeros(power + 1)
        polynomial[power] = 1.0
        scale = size
        for i in range(2 * len(_BERNOULLI) - 1):
            polynomial = -(s + i) * polynomial + np.append(np.arange(1, power + 1) * polynomial[1:], 0.0)
            scale /= _FIRST
            if i % 2 == 0:
                parts.append(-_BERNOULLI[i // 2] * scale * float(np.polynomial.polynomial.polyval(last, polynomial)))
        found.append(math.fsum(parts))
    return found[0], found[1], found[2]


def log_zeta(s: float) -> tuple[float, float, float]:
    """Return the logarithm of the zeta function and its first two derivatives, for s > 1."""
    zero, one, two = power_sums(s)
    total = 1 + zero
    # the variance of log k: two is above one^2 / total by Cauchy and Schwarz
    return math.log1p(zero), -one / total, (two - one * one / total) / total


def power_law_kl(a: float, b: float) -> tuple[float, float]:
    r"""Return the divergence in nats of $k^{-b} / \zeta(b)$ from $k^{-a} / \zeta(a)$, and a bound on its error.

    Formula: $\log \zeta(b) - \log \zeta(a) - (b - a) (\log \zeta)'(a)$. Where the two laws are close, that would cancel; the
    remainder of Taylor's formula, an integral of a positive function, does not.

    Examples
    --------
    >>> power_law_kl(2.0, 2.0)[0]
    0.0
    """
    if a == b:
        return 0.0, 0.0
    if abs(b - a) < 0.25 * (min(a, b) - 1):
        nodes, weights = np.polynomial.legendre.leggauss(20)
        where = a + (b - a) * (nodes + 1) / 2
        curvature = np.asarray([log_zeta(float(s))[2] for s in where])
        value = (b - a) ** 2 / 4 * float(np.sum(weights * (1 - nodes) * curvature))
        return value, 1e-12 * value
    first, slope, _ = log_zeta(a)
    second = log_zeta(b)[0]
    value = second - first - (b - a) * slope
    return value, 64 * EPSILON * (abs(second) + abs(first) + abs((b - a) * slope))


def power_law_log_mass(x: np.ndarray, a: float) -> np.ndarray:
    """Return log(k^-a / zeta(a)) at whole numbers from 1 on, minus infinity elsewhere.

    SciPy takes the logarithm of the mass, which is 0 in doubles from k = 10^154 on for a = 2.

    Examples
    --------
    >>> power_law_log_mass(np.array([0.0, 1.0, 1.5, 1e9]), 2.0).round(3)
    array([   -inf,  -0.498,    -inf, -41.944])
    """
    x = np.asarray(x, dtype=np.float64)
    inside = (x >= 1) & (x == np.floor(x))
    return np.where(inside, -a * np.log(np.where(inside, x, 1.0)) - log_zeta(a)[0], -np.inf)


def power_law_survival(x: np.ndarray, a: float) -> np.ndarray:
    """Return the probability of more than x under the law k^-a / zeta(a), k = 1, 2, ...

    SciPy adds up the terms below x, which takes memory in proportion to x.

    Examples
    --------
    >>> power_law_survival(np.array([0.5, 1.0, np.inf]), 2.0).round(4)
    array([1.    , 0.3921, 0.    ])
    """
    from scipy import special

    first = np.maximum(np.floor(np.asarray(x, dtype=np.float64)), 0.0) + 1
    with np.errstate(all="ignore"):
        found = special.zeta(a, first) / special.zeta(a, 1.0)
    return np.where(np.isposinf(first), 0.0, found)


def power_law_quantile(share: np.ndarray, a: float) -> np.ndarray:
    """Return the smallest k with at least `share` of the law at or below it, by halving; infinite beyond the doubles.

    Examples
    --------
    >>> power_law_quantile(np.array([0.5, 0.9, 1.0]), 2.0)
    array([ 1.,  6., inf])
    """
    share = np.asarray(share, dtype=np.float64)
    low, high = np.zeros(share.shape), np.ones(share.shape)
    rest = 1 - share
    for _ in range(1100):
        beyond = (power_law_survival(high, a) > rest) & np.isfinite(high)
        if not beyond.any():
            break
        with np.errstate(over="ignore"):
            low, high = np.where(beyond, high, low), np.where(beyond, high * 2, high)
    for _ in range(60):
        with np.errstate(invalid="ignore"):
            middle = np.floor(low + (high - low) / 2)
        inside = np.isfinite(high) & (middle > low)
        beyond = power_law_survival(middle, a) > rest
        low, high = np.where(inside & beyond, middle, low), np.where(inside & ~beyond, middle, high)
    return np.where(np.isnan(share), np.nan, high)
