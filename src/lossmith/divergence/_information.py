"""Entropy, cross-entropy and the divergences of the Kullback-Leibler family, over a finite set of outcomes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossmith._arrays import Array
from lossmith._errors import DomainError
from lossmith.divergence import _terms
from lossmith.divergence._blocks import Plain, is_numpy, plain_jensen_shannon, plain_kl, total
from lossmith.divergence._inputs import Given, Side, Unit, nats_per, sides, single
from lossmith.divergence._terms import Terms

__all__ = [
    "cross_entropy",
    "entropy",
    "evaluate",
    "in_unit",
    "jeffreys_divergence",
    "jensen_shannon_distance",
    "jensen_shannon_divergence",
    "kl_divergence",
    "reverse_kl_divergence",
    "share_between",
    "skew_divergence",
]


def evaluate(
    p: Any,
    q: Any,
    terms: Terms | tuple[Terms, ...],
    *,
    axis: int,
    given: str | tuple[str, str],
    smoothing: str,
    check: bool,
    quick: Plain | None = None,
) -> tuple[Any, ...]:
    """Return the namespace and the sum of each of `terms` along `axis`, both inputs checked."""
    if given == "probabilities" and smoothing == "none":
        # plain arrays are checked in the pass that sums them
        xp, one, two = sides(p, q, axis=axis, given=given, smoothing=smoothing, check=False)
        deferred = check and is_numpy(xp)
        if check and not deferred:
            xp, one, two = sides(p, q, axis=axis, given=given, smoothing=smoothing, check=True)
    else:
        xp, one, two = sides(p, q, axis=axis, given=given, smoothing=smoothing, check=check)
        deferred = False
    wanted = terms if isinstance(terms, tuple) else (terms,)
    quick = quick if one.logs is None and two.logs is None else None
    sums = [
        total(xp, one, two, term, axis=axis, quick=quick, check=deferred and number == 0)
        for number, term in enumerate(wanted)
    ]
    return xp, *sums


def in_unit(value: Array, unit: str) -> Array:
    """Return a value in nats in another unit."""
    size = nats_per(unit)
    return value if size == 1.0 else value / size


def share_between(name: str, value: Any, *, low_open: bool = False, high_open: bool = False) -> float:
    """Return `value` as a float in [0, 1].

    Raises
    ------
    DomainError
        It is not in the interval.
    """
    opening, closing = "(" if low_open else "[", ")" if high_open else "]"
    number = float(value) if isinstance(value, int | float | np.floating) else float("nan")
    inside = (number > 0 if low_open else number >= 0) and (number < 1 if high_open else number <= 1)
    if not inside:
        raise DomainError(f"{name}={value!r}", expected=f"a number in {opening}0, 1{closing}")
    return number


def entropy(
    p: Any,
    *,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the Shannon entropy `-sum p log p`: the least average message length for outcomes that follow p.

    Use it as the floor that no cross-entropy can go below.

    Parameters
    ----------
    p : array of shape (..., n_outcomes, ...)
        A distribution along `axis`.
    axis : int
        Along which the outcomes lie.
    unit : {"nats", "bits", "hartleys"}
    given : {"probabilities", "log_probabilities", "counts"}
        What `p` holds.
    smoothing : str
        For counts, see `probabilities`.
    check : bool
        Check the input. Switch it off only inside compiled code (`jax.jit`), where values cannot be looked at.

    Raises
    ------
    DomainError
        Not a distribution: a negative entry, NaN, a sum that is not 1.

    Examples
    --------
    >>> float(entropy([0.5, 0.25, 0.25], unit="bits"))
    1.5
    >>> float(entropy([1.0, 0.0]))
    0.0

    Source: Shannon, A mathematical theory of communication, 1948.
    """
    xp, side = single(p, axis=axis, given=given, smoothing=smoothing, check=check)
    value = total(xp, side, Side(side.values, side.logs, side.given), _terms.entropy, axis=axis)
    return in_unit(value, unit)


def cross_entropy(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the cross-entropy `-sum p log q`: the message length when outcomes follow p and the code was made for q.

    Its other parameters and errors are those of `kl_divergence`.

    It is the entropy of p plus `kl_divergence(p, q)`. Parameters and errors as for `kl_divergence`.

    Examples
    --------
    >>> round(float(cross_entropy([0.5, 0.5], [0.25, 0.75], unit="bits")), 12)  # (log2(4) + log2(4/3)) / 2
    1.207518749639
    >>> float(cross_entropy([0.5, 0.5], [1.0, 0.0]))
    inf
    """
    _xp, value = evaluate(p, q, _terms.cross_entropy, axis=axis, given=given, smoothing=smoothing, check=check)
    return in_unit(value, unit)


def kl_divergence(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the Kullback-Leibler divergence of q from p, `D(p || q) = sum p log(p / q)`.

    Use it to ask how much is lost when outcomes follow p and q is used in its place: p is the truth, q the
    approximation. It is 0 only for equal distributions, not symmetric, and infinite when p has mass where q has none.
    It is computed as `sum (p log(p / q) - p + q)`, term by term non-negative and without cancellation, so that it is never
    negative and accurate to about 1e-15 relative even where p and q agree to nine digits.

    Parameters
    ----------
    p, q : array of shape (..., n_outcomes, ...)
        Distributions along `axis`, of one shape: nothing is broadcast. NumPy, JAX, PyTorch or CuPy arrays (the
        answer is of the same kind), or lists.
    axis : int
        Along which the outcomes lie.
    unit : {"nats", "bits", "hartleys"}
    given : {"probabilities", "log_probabilities", "counts"} or a pair of them
        What p and q hold; a pair says it for each.
    smoothing : str
        For counts, see `probabilities`.
    check : bool
        Check the input. Switch it off only inside compiled code (`jax.jit`), where values cannot be looked at.

    Raises
    ------
    DomainError
        Not a distribution: a negative entry, NaN, a sum that is not 1.
    ShapeError
        Shapes differ.
    InvalidInputError
        Not numbers, or arrays of two libraries.

    Examples
    --------
    >>> round(float(kl_divergence([1.0, 0.0], [0.8, 0.2])), 12)  # -log(0.8)
    0.223143551314
    >>> float(kl_divergence([0.5, 0.5], [1.0, 0.0]))
    inf
    >>> round(float(kl_divergence([1, 1], [3, 1], given="counts", unit="bits")), 12)  # log2(4 / 3) / 2
    0.207518749639

    Source: Kullback and Leibler, On information and sufficiency, 1951.
    """
    _xp, value = evaluate(p, q, _terms.kl, axis=axis, given=given, smoothing=smoothing, check=check, quick=plain_kl)
    return in_unit(value, unit)


def reverse_kl_divergence(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return `D(q || p)`, the Kullback-Leibler divergence with the sides exchanged.

    Its other parameters and errors are those of `kl_divergence`.

    Use it where the approximation q should stay inside the modes of p: it is infinite where q has mass and p has none.
    Parameters and errors as for `kl_divergence`.

    Examples
    --------
    >>> round(float(reverse_kl_divergence([0.8, 0.2], [1.0, 0.0])), 12)  # -log(0.8)
    0.223143551314
    """
    flipped = (given[1], given[0]) if isinstance(given, tuple) else given
    return kl_divergence(q, p, axis=axis, unit=unit, given=flipped, smoothing=smoothing, check=check)


def jeffreys_divergence(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the Jeffreys divergence `sum (p - q) log(p / q)`, the sum of both Kullback-Leibler directions.

    Its other parameters and errors are those of `kl_divergence`.

    Use it when neither side is the truth. On binned data it is the population stability index.
    Parameters and errors as for `kl_divergence`.

    Examples
    --------
    >>> round(float(jeffreys_divergence([0.75, 0.25], [0.25, 0.75])), 12)  # log(3)
    1.098612288668

    Source: Jeffreys, An invariant form for the prior probability in estimation problems, 1946.
    """
    _xp, value = evaluate(p, q, _terms.jeffreys, axis=axis, given=given, smoothing=smoothing, check=check)
    return in_unit(value, unit)


def jensen_shannon_divergence(
    p: Any,
    q: Any,
    *,
    weight: float = 0.5,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the Jensen-Shannon divergence `w D(p || m) + (1 - w) D(q || m)` with `m = w p + (1 - w) q`.

    Use it for a symmetric number that is always finite: it lies between 0 and the entropy of the weights, log 2 for
    equal weights. This is the divergence; `jensen_shannon_distance` is its square root.
    `weight` is the weight w of p, between 0 and 1; the other parameters and the errors are those of `kl_divergence`.

    Examples
    --------
    >>> float(jensen_shannon_divergence([1.0, 0.0], [0.0, 1.0], unit="bits"))
    1.0
    >>> round(float(jensen_shannon_divergence([1.0, 0.0], [0.0, 1.0], weight=0.25, unit="bits")), 12)  # 2 - 0.75 log2(3)
    0.811278124459

    Source: Lin, Divergence measures based on the Shannon entropy, 1991.
    """
    weight = share_between("weight", weight, low_open=True, high_open=True)
    terms, quick = _terms.jensen_shannon(weight), plain_jensen_shannon(weight)
    _xp, value = evaluate(p, q, terms, axis=axis, given=given, smoothing=smoothing, check=check, quick=quick)
    return in_unit(value, unit)


def jensen_shannon_distance(
    p: Any,
    q: Any,
    *,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the square root of the Jensen-Shannon divergence (equal weights), which is a metric.

    Its other parameters and errors are those of `kl_divergence`.

    Use it where the triangle inequality is needed, as in clustering. `unit` is that of the divergence under the root.
    Parameters and errors as for `kl_divergence`.

    Examples
    --------
    >>> round(float(jensen_shannon_distance([1.0, 0.0], [0.0, 1.0])), 12)  # sqrt(log(2))
    0.832554611158

    Source: Endres and Schindelin, A new metric for probability distributions, 2003.
    """
    terms, quick = _terms.jensen_shannon(0.5), plain_jensen_shannon(0.5)
    xp, value = evaluate(p, q, terms, axis=axis, given=given, smoothing=smoothing, check=check, quick=quick)
    return xp.sqrt(in_unit(value, unit))


def skew_divergence(
    p: Any,
    q: Any,
    *,
    alpha: float = 0.99,
    axis: int = -1,
    unit: Unit = "nats",
    given: Given | tuple[Given, Given] = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the skew divergence `D(p || (1 - alpha) p + alpha q)`.

    Use it as a Kullback-Leibler divergence that stays finite: at most `-log(1 - alpha)`. `alpha` in (0, 1]; 1 gives
    `kl_divergence`. The other parameters and the errors are those of `kl_divergence`.

    Examples
    --------
    >>> round(float(skew_divergence([1.0, 0.0], [0.0, 1.0])), 12)  # log(100)
    4.605170185988

    Source: Lee, Measures of distributional similarity, 1999.
    """
    alpha = share_between("alpha", alpha, low_open=True)
    terms = _terms.kl if alpha == 1 else _terms.skew(alpha)
    _xp, value = evaluate(p, q, terms, axis=axis, given=given, smoothing=smoothing, check=check)
    return in_unit(value, unit)
