"""f-divergences: the named ones, and any other from its generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lossmith._arrays import Array, Namespace
from lossmith._errors import DomainError
from lossmith.divergence import _terms
from lossmith.divergence._information import evaluate, in_unit
from lossmith.divergence._inputs import Given, Unit
from lossmith.divergence._pair import Pair

__all__ = [
    "Generator",
    "bhattacharyya_distance",
    "f_divergence",
    "hellinger_distance",
    "le_cam_divergence",
    "neyman_chi_squared",
    "pearson_chi_squared",
    "total_variation_distance",
]


@dataclass(frozen=True, slots=True)
class Generator:
    """The convex function f of an f-divergence `sum q f(p / q)`, with `f(1) = 0`, and its two limits.

    Attributes
    ----------
    function : callable
        `function(xp, u)` for positive u, elementwise, in the array namespace `xp`.
    at_zero : float
        `f(0)`: the price of an outcome that q has and p has not.
    slope : float
        The limit of `f(u) / u` for large u: the price of an outcome that p has and q has not.

    Examples
    --------
    >>> vincze = Generator(lambda xp, u: (u - 1) ** 2 / (u + 1), at_zero=1.0, slope=1.0)
    >>> float(f_divergence([1.0, 0.0], [0.0, 1.0], vincze))
    2.0
    """

    function: Callable[[Namespace, Array], Array]
    at_zero: float
    slope: float

    def terms(self, pair: Pair) -> Array:
        """Return `q f(p / q)` of every outcome, by the limits where p or q is 0."""
        xp = pair.xp
        inside = pair.safe_q * self.function(xp, pair.safe_p / pair.safe_q)
        only_q = _times(xp, pair.q, self.at_zero, pair.q_positive)
        only_p = _times(xp, pair.p, self.slope, pair.p_positive)
        return xp.where(pair.both, inside, xp.where(pair.q_positive, only_q, only_p))


def _times(xp: Namespace, mass: Array, price: float, positive: Array) -> Array:
    if math.isinf(price):
        return xp.where(positive, xp.full_like(mass, price), xp.zeros_like(mass))
    return mass * price


def f_divergence(
    p: Any,
    q: Any,
    generator: Generator,
    *,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the f-divergence `sum q f(p / q)` of a generator.

    Use it for a divergence that has no name here. `generator` is a convex function with `f(1) = 0` and its limits, see
    `Generator`; the other parameters and the errors are those of `kl_divergence`. Accuracy near p = q is that of the
    generator near 1: the named functions are better there.

    Raises
    ------
    DomainError
        The generator is not 0 at 1.

    Examples
    --------
    >>> import math
    >>> kl = Generator(lambda xp, u: u * xp.log(u), at_zero=0.0, slope=math.inf)
    >>> round(float(f_divergence([1.0, 0.0], [0.8, 0.2], kl)), 12)
    0.223143551314

    Source: Csiszar, Information-type measures of difference of probability distributions, 1967.
    """

    def terms(pair: Pair) -> Array:
        return generator.terms(pair)

    xp, value = evaluate(p, q, terms, axis=axis, given=given, smoothing=smoothing, check=check)
    at_one = float(generator.function(xp, xp.ones_like(xp.reshape(value, (-1,))))[0])
    if abs(at_one) > 1e-12:
        raise DomainError(f"a generator with f(1) = {at_one:.6g}", expected="f(1) = 0", advice="subtract the constant")
    return value


def hellinger_distance(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the Hellinger distance `sqrt(sum (sqrt p - sqrt q)^2 / 2)`, a metric between 0 and 1.

    Its other parameters and errors are those of `kl_divergence`.

    Use it for a bounded, symmetric distance that rare outcomes do not dominate. Parameters and errors as for
    `kl_divergence`, without a unit.

    Examples
    --------
    >>> float(hellinger_distance([1.0, 0.0], [0.0, 1.0]))
    1.0
    >>> round(float(hellinger_distance([1.0, 0.0], [0.64, 0.36])) ** 2, 12)  # 1 - sqrt(0.64)
    0.2

    Source: Hellinger, Neue Begruendung der Theorie quadratischer Formen, 1909.
    """
    xp, value = evaluate(p, q, _terms.hellinger, axis=axis, given=given, smoothing=smoothing, check=check)
    return xp.sqrt(value)


def total_variation_distance(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the total variation distance `sum |p - q| / 2`, a metric between 0 and 1.

    Its other parameters and errors are those of `kl_divergence`.

    Use it for the largest difference in probability that any event can show. Parameters and errors as for
    `kl_divergence`, without a unit.

    Examples
    --------
    >>> float(total_variation_distance([0.5, 0.5, 0.0], [0.25, 0.5, 0.25]))
    0.25

    Source: Jordan, Sur la serie de Fourier, 1881.
    """
    _, value = evaluate(p, q, _terms.total_variation, axis=axis, given=given, smoothing=smoothing, check=check)
    return value


def pearson_chi_squared(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return Pearson's chi-squared divergence `sum (p - q)^2 / q`.

    Its other parameters and errors are those of `kl_divergence`.

    Use it where a sample of size n is tested against q: n times this is the test statistic. Parameters and errors as
    for `kl_divergence`, without a unit.

    Examples
    --------
    >>> round(float(pearson_chi_squared([0.5, 0.5], [0.25, 0.75])), 12)  # 1/4 + 1/12
    0.333333333333

    Source: Pearson, On the criterion that a given system of deviations ..., 1900.
    """
    _, value = evaluate(p, q, _terms.pearson, axis=axis, given=given, smoothing=smoothing, check=check)
    return value


def neyman_chi_squared(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return Neyman's chi-squared divergence `sum (p - q)^2 / p`: Pearson's with the sides exchanged.

    Its other parameters and errors are those of `kl_divergence`.

    Parameters and errors as for `kl_divergence`, without a unit.

    Examples
    --------
    >>> round(float(neyman_chi_squared([0.25, 0.75], [0.5, 0.5])), 12)
    0.333333333333

    Source: Neyman, Contribution to the theory of the chi-squared test, 1949.
    """
    flipped = (given[1], given[0]) if isinstance(given, tuple) else given
    return pearson_chi_squared(q, p, axis=axis, given=flipped, smoothing=smoothing, check=check)


def bhattacharyya_distance(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the Bhattacharyya distance `-log(sum sqrt(p q))`.

    Its other parameters and errors are those of `kl_divergence`.

    Use it for bounds on the error of a classifier; despite its name it is no metric, and it is infinite for
    distributions that share no outcome. Parameters and errors as for `kl_divergence`.

    Examples
    --------
    >>> round(float(bhattacharyya_distance([1.0, 0.0], [0.25, 0.75], unit="bits")), 12)
    1.0

    Source: Bhattacharyya, On a measure of divergence between two statistical populations, 1943.
    """
    both = (_terms.hellinger, _terms.overlap)
    xp, distance, overlap = evaluate(p, q, both, axis=axis, given=given, smoothing=smoothing, check=check)
    near = distance < 0.5
    positive = overlap > 0
    close = -xp.log1p(-xp.where(near, distance, xp.zeros_like(distance)))
    apart = -xp.log(xp.where(positive, overlap, xp.ones_like(overlap)))
    far = xp.where(positive, apart, xp.full_like(overlap, math.inf))
    return in_unit(xp.where(near, close, far), unit)


def le_cam_divergence(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return Le Cam's divergence `sum (p - q)^2 / (p + q) / 2`, between 0 and 1; its square root is a metric.

    Its other parameters and errors are those of `kl_divergence`.

    Use it as a bounded, symmetric chi-squared. Twice this is called triangular discrimination. Parameters and errors
    as for `kl_divergence`, without a unit.

    Examples
    --------
    >>> float(le_cam_divergence([1.0, 0.0], [0.0, 1.0]))
    1.0

    Source: Le Cam, Asymptotic methods in statistical decision theory, 1986.
    """
    _, value = evaluate(p, q, _terms.triangular, axis=axis, given=given, smoothing=smoothing, check=check)
    return value
