"""How distributions over a finite set come in: declared, checked, never guessed and never repaired silently."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lossmith._arrays import Array, Namespace, namespace, tolerance
from lossmith._errors import DomainError, InvalidInputError, ShapeError, UnknownNameError, did_you_mean
from lossmith.divergence._smoothing import probabilities

__all__ = ["UNITS", "Given", "Side", "Unit", "check_mass", "sides", "single", "nats_per"]

Unit = Literal["nats", "bits", "hartleys"]
Given = Literal["probabilities", "log_probabilities", "counts"]

# nats in one unit
UNITS: dict[str, float] = {"nats": 1.0, "bits": math.log(2), "hartleys": math.log(10)}
_GIVEN = ("probabilities", "log_probabilities", "counts", "positive", "real")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two distributions, ready to be worked on: the values, their logarithms if these were given."""

    values: Array
    logs: Array | None
    given: str


def nats_per(unit: str) -> float:
    """Return how many nats one `unit` is.

    Raises
    ------
    UnknownNameError
        No such unit.
    """
    try:
        return UNITS[unit]
    except KeyError:
        raise UnknownNameError(f"unknown unit {unit!r}", advice=did_you_mean(str(unit), UNITS)) from None


def _as_array(values: Any, name: str) -> Array:
    if isinstance(values, np.ma.MaskedArray):
        raise InvalidInputError(
            f"{name} as a masked array", expected="plain numbers", advice="fill or drop what is masked"
        )
    if isinstance(values, list | tuple):
        try:
            values = np.asarray(values)
        except ValueError as error:
            raise ShapeError(f"{name} as a ragged list", expected="rows of one length") from error
        if values.dtype == object or values.dtype.kind in "USO":
            raise InvalidInputError(f"{name} holding {values.dtype}", expected="numbers", advice="convert it first")
    return values


def _as_float(xp: Namespace, array: Array, name: str, dtype: Any) -> Array:
    if xp.isdtype(array.dtype, "real floating"):
        return array
    if xp.isdtype(array.dtype, ("integral", "bool")):
        return xp.astype(array, dtype)
    raise InvalidInputError(f"{name} of dtype {array.dtype}", expected="real numbers", advice="convert it first")


def _float_dtype(xp: Namespace, *arrays: Array) -> Any:
    for array in arrays:
        if xp.isdtype(array.dtype, "real floating"):
            return array.dtype
    return xp.asarray(1.0).dtype


def _check_axis(array: Array, axis: int, name: str) -> None:
    if array.ndim == 0:
        raise ShapeError(f"{name} is a single number", expected="a vector with one entry for each outcome")
    if not isinstance(axis, int) or not -array.ndim <= axis < array.ndim:
        raise ShapeError(f"axis {axis!r} for {name} of shape {tuple(array.shape)}", expected="one of its axes")
    if array.shape[axis] == 0:
        raise ShapeError(
            f"{name} of shape {tuple(array.shape)} has no outcome along axis {axis}", expected="at least one"
        )


def _side(xp: Namespace, array: Array, given: str, axis: int, smoothing: str, name: str, check: bool) -> Side:
    if given not in _GIVEN:
        raise UnknownNameError(f"unknown kind of input {given!r}", advice=did_you_mean(str(given), _GIVEN[:3]))
    _check_axis(array, axis, name)
    if given == "counts":
        return Side(probabilities(array, smoothing=smoothing, axis=axis), None, given)
    if smoothing != "none":
        raise InvalidInputError(
            f"smoothing={smoothing!r} for {given}",
            expected="counts",
            advice="pass given='counts', or smooth them yourself",
        )
    if given == "log_probabilities":
        side = Side(xp.exp(array), array, given)
    else:
        side = Side(array, None, given)
    if check:
        _check_values(xp, side, axis, name)
    return side


def _detached(array: Array) -> Array:
    """Return the numbers without PyTorch's record of how they came about: checks have no gradient."""
    return array.detach() if hasattr(array, "detach") else array


def _check_values(xp: Namespace, side: Side, axis: int, name: str) -> None:
    shares = _detached(side.values)
    values = shares if side.logs is None else _detached(side.logs)
    if bool(xp.any(xp.isnan(values))):
        raise DomainError(f"{name} holds NaN", expected="numbers", advice="drop or fill missing values first")
    if side.given == "real":
        if not bool(xp.all(xp.isfinite(values))):
            raise DomainError(f"{name} holds an infinity", expected="finite numbers")
        return
    if side.given == "log_probabilities":
        check_mass(name, float(xp.min(shares)), xp.sum(shares, axis=axis), xp, side.given)
        return
    lowest = float(xp.min(values))
    if side.given == "positive":
        if lowest < 0 or not bool(xp.all(xp.isfinite(values))):
            raise DomainError(f"{name} holds {_offender(xp, values)}", expected="finite numbers that are not negative")
        return
    with np.errstate(over="ignore"):
        mass = xp.sum(values, axis=axis)
    check_mass(name, lowest, mass, xp, side.given)


def _offender(xp: Namespace, values: Array) -> str:
    return "an infinity" if bool(xp.any(~xp.isfinite(values))) else f"{float(xp.min(values)):.6g}"


def check_mass(
    name: str,
    lowest: float,
    mass: Array,
    xp: Namespace,
    given: str = "probabilities",
    *,
    rows: tuple[int, int] | None = None,
) -> None:
    """Raise unless nothing is negative and every mass is one, but for rounding.

    With `rows`, the numbers of wrong rows and of all rows, `mass` holds only the one that is furthest from one.

    Raises
    ------
    DomainError
        Says which: NaN, a negative entry, or the mass that is furthest from one.
    """
    if lowest < 0:
        raise DomainError(
            f"{name} holds {lowest:.6g}",
            expected="probabilities, none of them negative",
            advice="pass given='log_probabilities' if these are logarithms",
        )
    off = xp.abs(mass - 1)
    # one class more than another: rounding grows with the number of outcomes, sqrt(eps) leaves room for it
    allowed = tolerance(xp, mass.dtype)
    if (not rows and bool(xp.all(off <= allowed))) or (rows is not None and rows[0] == 0):
        return
    flat = xp.reshape(mass, (-1,))
    if bool(xp.any(xp.isnan(flat))):
        raise DomainError(f"{name} holds NaN", expected="numbers", advice="drop or fill missing values first")
    worst = float(flat[int(xp.argmax(xp.abs(flat - 1)))])
    wrong, count = rows or (int(xp.sum(xp.astype(xp.reshape(off, (-1,)) > allowed, xp.int32))), flat.shape[0])
    what = f"{name} adds up to {worst:.10g}"
    if count > 1:
        what = f"{wrong} of {count} rows of {name} do not add up to 1, the worst to {worst:.10g}"
    raise DomainError(
        what,
        expected="a sum of 1",
        advice="divide by the sum, or pass given='counts'"
        if given != "log_probabilities"
        else "subtract their logsumexp first (raw scores are not log-probabilities)",
    )


def single(
    values: Any, *, axis: int, given: str, smoothing: str, check: bool, name: str = "p"
) -> tuple[Namespace, Side]:
    """Return the namespace and the checked side of one distribution."""
    array = _as_array(values, name)
    xp = namespace(array)
    array = _as_float(xp, array, name, _float_dtype(xp, array))
    return xp, _side(xp, array, given, axis, smoothing, name, check)


def sides(
    p: Any, q: Any, *, axis: int, given: str | tuple[str, str], smoothing: str, check: bool
) -> tuple[Namespace, Side, Side]:
    """Return the namespace and both checked sides of one dtype and one shape.

    Raises
    ------
    ShapeError
        The shapes differ: nothing is broadcast.
    DomainError
        Not a distribution.
    InvalidInputError
        Not numbers, or arrays of two libraries.
    """
    p, q = _as_array(p, "p"), _as_array(q, "q")
    xp = namespace(p, q)
    if tuple(p.shape) != tuple(q.shape):
        raise ShapeError(
            f"p of shape {tuple(p.shape)} and q of shape {tuple(q.shape)}",
            expected="one shape",
            advice=_shape_advice(tuple(p.shape), tuple(q.shape)),
        )
    dtype = _float_dtype(xp, p, q)
    p, q = _as_float(xp, p, "p", dtype), _as_float(xp, q, "q", dtype)
    if p.dtype != q.dtype:
        wide = xp.result_type(p, q)
        p, q = xp.astype(p, wide), xp.astype(q, wide)
    if isinstance(given, tuple) and len(given) != 2:
        raise InvalidInputError(f"given={given!r}", expected="one kind of input, or a pair for p and q")
    first, second = given if isinstance(given, tuple) else (given, given)
    smooth = ["none" if kind != "counts" and "counts" in (first, second) else smoothing for kind in (first, second)]
    return xp, _side(xp, p, first, axis, smooth[0], "p", check), _side(xp, q, second, axis, smooth[1], "q", check)


def _shape_advice(p: tuple[int, ...], q: tuple[int, ...]) -> str:
    try:
        np.broadcast_shapes(p, q)
    except ValueError:
        return "list the same outcomes in the same order on both sides"
    return "nothing is broadcast: repeat the smaller one with broadcast_to if that is what you mean"
