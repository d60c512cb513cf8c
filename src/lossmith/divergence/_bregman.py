"""Bregman divergences: the gap between a convex function and its tangent, for vectors that need not be distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossmith._arrays import Array, Namespace
from lossmith.divergence import _terms
from lossmith.divergence._information import evaluate
from lossmith.divergence._pair import Pair

__all__ = ["bregman_divergence", "generalized_kl_divergence", "itakura_saito_divergence", "squared_euclidean_distance"]


def bregman_divergence(
    p: Any,
    q: Any,
    potential: Callable[[Namespace, Array], Array],
    gradient: Callable[[Namespace, Array], Array],
    *,
    axis: int = -1,
    check: bool = True,
) -> Array:
    r"""Return the Bregman divergence `sum phi(p) - phi(q) - phi'(q) (p - q)` of a separable potential.

    Its other parameters and errors are those of `kl_divergence`.

    Use it for a divergence whose minimiser over q of the expectation is the mean. `potential(xp, x)` and
    `gradient(xp, x)` are phi and its derivative, elementwise; p and q are real vectors of one shape.
    Accuracy near p = q is limited by the difference of the potentials: the named functions are better there.

    Raises
    ------
    ShapeError, DomainError
        As for `kl_divergence`; NaN and infinities are refused.

    Examples
    --------
    >>> float(bregman_divergence([1.0, 2.0], [0.0, 0.0], lambda xp, x: x**4, lambda xp, x: 4 * x**3))
    17.0

    Source: Bregman, The relaxation method of finding the common point of convex sets, 1967.
    """

    def terms(pair: Pair) -> Array:
        xp = pair.xp
        return potential(xp, pair.p) - potential(xp, pair.q) - gradient(xp, pair.q) * pair.difference

    _, value = evaluate(p, q, terms, axis=axis, given="real", smoothing="none", check=check)
    return value


def squared_euclidean_distance(p: Any, q: Any, *, axis: int = -1, check: bool = True) -> Array:
    r"""Return `sum (p - q)^2`, the Bregman divergence of the squared norm; of probabilities it is the Brier divergence.

    Its other parameters and errors are those of `kl_divergence`.

    Any real vectors of one shape.

    Raises
    ------
    ShapeError, DomainError
        As for `bregman_divergence`.

    Examples
    --------
    >>> float(squared_euclidean_distance([1.0, 2.0], [0.0, 0.0]))
    5.0
    """
    _, value = evaluate(p, q, _terms.squared, axis=axis, given="real", smoothing="none", check=check)
    return value


def generalized_kl_divergence(p: Any, q: Any, *, axis: int = -1, check: bool = True) -> Array:
    r"""Return `sum p log(p / q) - p + q`, in nats, for non-negative vectors of any mass.

    Its other parameters and errors are those of `kl_divergence`.

    Use it for intensities, counts and spectra; for two distributions it equals `kl_divergence`.

    Raises
    ------
    ShapeError, DomainError
        Shapes differ; a negative entry, NaN or an infinity.

    Examples
    --------
    >>> float(generalized_kl_divergence([0.0, 2.0], [3.0, 2.0]))
    3.0

    Source: Csiszar, Why least squares and maximum entropy?, 1991.
    """
    _, value = evaluate(p, q, _terms.kl, axis=axis, given="positive", smoothing="none", check=check)
    return value


def itakura_saito_divergence(p: Any, q: Any, *, axis: int = -1, check: bool = True) -> Array:
    r"""Return `sum p / q - log(p / q) - 1` for non-negative vectors.

    Its other parameters and errors are those of `kl_divergence`.

    Use it for power spectra: only ratios count, so that a factor common to p and q changes nothing. An entry that is 0
    on one side only makes it infinite.

    Raises
    ------
    ShapeError, DomainError
        As for `generalized_kl_divergence`.

    Examples
    --------
    >>> round(float(itakura_saito_divergence([2.0], [1.0])), 12)  # 1 - log(2)
    0.30685281944

    Source: Itakura and Saito, Analysis synthesis telephony based on the maximum likelihood method, 1968.
    """
    _, value = evaluate(p, q, _terms.itakura_saito, axis=axis, given="positive", smoothing="none", check=check)
    return value
