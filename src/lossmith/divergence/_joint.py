"""What the variables of a joint table know of each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossmith._arrays import Array, Namespace
from lossmith._errors import ShapeError
from lossmith.divergence._information import in_unit
from lossmith.divergence._inputs import Given, Unit, single
from lossmith.divergence._pair import Pair, kl_terms

__all__ = ["mutual_information", "total_correlation"]


def mutual_information(
    joint: Any,
    *,
    axes: tuple[int, int] = (-2, -1),
    unit: Unit = "nats",
    given: Given = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the mutual information of two variables, `D(joint || product of the marginals)`.

    Use it for any kind of dependence between two discrete variables: it is 0 only if they are independent.

    Parameters
    ----------
    joint : array of shape (..., n_first, n_second)
        The probabilities of every pair of outcomes, adding up to 1 over `axes`.
    axes : pair of int
        The axes of the two variables.
    unit, given, smoothing, check
        As for `kl_divergence`; counts of a contingency table are `given="counts"`.

    Raises
    ------
    ShapeError, DomainError
        Not a joint table.

    Examples
    --------
    >>> round(float(mutual_information([[0.5, 0.0], [0.0, 0.5]], unit="bits")), 12)
    1.0
    >>> float(mutual_information([[0.25, 0.25], [0.25, 0.25]]))
    0.0

    Source: Shannon, A mathematical theory of communication, 1948.
    """
    if len(axes) != 2:
        raise ShapeError(f"{len(axes)} axes", expected="two", advice="use total_correlation for more variables")
    return total_correlation(joint, axes=axes, unit=unit, given=given, smoothing=smoothing, check=check)


def total_correlation(
    joint: Any,
    *,
    axes: tuple[int, ...] | None = None,
    unit: Unit = "nats",
    given: Given = "probabilities",
    smoothing: str = "none",
    check: bool = True,
) -> Array:
    r"""Return the total correlation of several variables, `D(joint || product of the marginals)`.

    Its other parameters and errors are those of `kl_divergence`.

    Use it for the dependence among all variables of a table at once; of two variables it is their mutual information.
    `axes` are those of the variables (all, if not given); the rest as for `mutual_information`.

    Examples
    --------
    >>> import numpy as np
    >>> same = np.zeros((2, 2, 2))
    >>> same[0, 0, 0] = same[1, 1, 1] = 0.5
    >>> round(float(total_correlation(same, unit="bits")), 12)
    2.0

    Source: Watanabe, Information theoretical analysis of multivariate correlation, 1960.
    """
    xp, table = _flattened(joint, axes, given, smoothing, check)
    n_variables = table.ndim if axes is None else len(axes)
    places = tuple(range(table.ndim - n_variables, table.ndim))
    margins = [
        xp.sum(table, axis=tuple(other for other in places if other != place), keepdims=True) for place in places
    ]
    with np.errstate(all="ignore"):
        terms = _terms(xp, table, margins)
    return in_unit(xp.sum(terms, axis=places), unit)


def _terms(xp: Namespace, table: Array, margins: list[Array]) -> Array:
    product, log_product = xp.ones_like(table), xp.zeros_like(table)
    for margin in margins:
        positive = margin > 0
        product = product * margin
        log_product = log_product + xp.log(xp.where(positive, margin, xp.ones_like(margin)))
    pair = Pair(xp, table, product)
    inside = table > 0
    one = xp.ones_like(table)
    # a product of small marginals underflows where its logarithm does not
    tiny = product < float(xp.finfo(table.dtype).smallest_normal)
    apart = xp.log(xp.where(inside, table, one)) - log_product
    log_ratio = xp.where(tiny, apart, pair.log_ratio)
    relative = xp.where(tiny, one, pair.relative)
    terms = kl_terms(xp, table, table - product, relative, log_ratio)
    return xp.where(inside, terms, product)


def _flattened(
    joint: Any, axes: tuple[int, ...] | None, given: str, smoothing: str, check: bool
) -> tuple[Namespace, Array]:
    """Return the namespace and the checked table, its variables on the last axes (all axes get one in front)."""
    array = np.asarray(joint) if isinstance(joint, list | tuple) else joint
    ndim = getattr(array, "ndim", 0)
    wanted = tuple(range(ndim)) if axes is None else axes
    if len(wanted) < 2 or not all(isinstance(axis, int) and -ndim <= axis < ndim for axis in wanted):
        raise ShapeError(f"axes {wanted} of a table of {ndim} axes", expected="two axes or more that it has")
    if len({axis % ndim for axis in wanted}) != len(wanted):
        raise ShapeError(f"axes {wanted}", expected="each axis once")
    moved = tuple(range(-len(wanted), 0))
    xp, _ = single(
        array, axis=0, given="real" if given == "log_probabilities" else "positive", smoothing="none", check=False
    )
    array = xp.moveaxis(array, wanted, moved)
    lead = tuple(array.shape[: ndim - len(wanted)])
    sizes = tuple(array.shape[ndim - len(wanted) :])
    _, side = single(
        xp.reshape(array, (*lead, -1)), axis=-1, given=given, smoothing=smoothing, check=check, name="joint"
    )
    return xp, xp.reshape(side.values, (*lead, *sizes))
