"""Checks of parameters that estimators share: one line that says what came and what was expected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from lossmith._errors import DomainError, InvalidInputError, UnknownNameError, did_you_mean
from lossmith._names import Value, parse_name

__all__ = ["check_number", "check_one_of", "check_whole", "read_kind"]


def check_whole(name: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number.

    Raises
    ------
    InvalidInputError
        It is none, or is below `least`.

    Examples
    --------
    >>> check_whole("epochs", 3)
    3
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise InvalidInputError(f"{name}={value!r}", expected=f"a whole number of at least {least}")
    return int(value)


def check_number(name: str, value: Any, *, low: float = 0.0, high: float = math.inf, closed_low: bool = False) -> float:
    """Return a finite number above (or from) `low` and below `high`.

    Raises
    ------
    DomainError
        It is none, or lies elsewhere.

    Examples
    --------
    >>> check_number("average", 0.5, high=1.0)
    0.5
    """
    ends = f"{'[' if closed_low else '('}{low:g}, {high:g})"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise DomainError(f"{name}={value!r}", expected=f"a number in {ends}")
    number = float(value)
    if not ((low <= number if closed_low else low < number) and number < high):
        raise DomainError(f"{name}={value!r}", expected=f"a number in {ends}")
    return number


def check_one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return a name that is allowed.

    Raises
    ------
    InvalidInputError
        It is none of them.
    """
    if value not in allowed:
        raise InvalidInputError(
            f"{name}={value!r}", expected="one of " + ", ".join(allowed), advice=did_you_mean(str(value), allowed)
        )
    return str(value)


def read_kind(text: str, networks: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, Value]]:
    """Return the kind of a network and its parameters, as typed; `networks` names the parameters that each kind has.

    Raises
    ------
    UnknownNameError
        No such kind or parameter.

    Examples
    --------
    >>> read_kind("conv:base=8", {"dense": ("hidden",), "conv": ("base", "blocks")})
    ('conv', {'base': 8})
    """
    kind, given = parse_name(text)
    if kind not in networks:
        raise UnknownNameError(f"unknown network {kind!r}", advice=did_you_mean(kind, networks))
    for name in given:
        if name not in networks[kind]:
            raise UnknownNameError(
                f"network {kind} has no parameter {name!r}", advice=did_you_mean(name, networks[kind])
            )
    return kind, given
