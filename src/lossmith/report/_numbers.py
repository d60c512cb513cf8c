"""Numbers as text: never more digits than the interval supports, aligned on the decimal point."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from lossmith.compare._spec import Difference, Estimate

__all__ = ["align", "as_csv", "decimals", "difference", "estimate", "interval", "number", "rate", "whole"]

_MOST_DECIMALS = 5
_WITHOUT_INTERVAL = 3


def decimals(low: float, high: float, value: float = math.nan) -> int:
    """Return how many decimals an interval supports: one digit of its half-width, two where that digit is a 1.

    The rule of the verdict's sentence. Negative for intervals of tens and more. Without an interval (NaN, infinite or of width 0) three significant digits of `value`.

    Examples
    --------
    >>> decimals(0.846, 0.850), decimals(0.80, 0.90), decimals(11_700, 12_300)
    (3, 2, -2)
    """
    half = (high - low) / 2
    if math.isfinite(half) and half > 0:
        exponent = math.floor(math.log10(half))
        return min(_MOST_DECIMALS, -exponent + (half / 10.0**exponent < 2.0))
    if not math.isfinite(value) or value == 0 or abs(value) < 1:
        return _WITHOUT_INTERVAL
    return max(0, _WITHOUT_INTERVAL - 1 - math.floor(math.log10(abs(value))))


def number(value: float, places: int, *, signed: bool = False, bare: bool = False) -> str:
    """Return `value` rounded to `places` decimals.

    Parameters
    ----------
    value : float
        NaN becomes an en dash.
    places : int
        Negative rounds to tens, hundreds, ...
    signed : bool
        Write the plus sign; a value that rounds to zero has no sign.
    bare : bool
        Leave out the zero before the decimal point.

    Examples
    --------
    >>> number(0.8476, 3), number(-0.0091, 3, signed=True, bare=True), number(12_345.0, -2)
    ('0.848', '-.009', '12300')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    rounded = round(value, places)
    if value and places >= _MOST_DECIMALS and abs(value) < 10 ** (1 - places):
        text = f"{value:.1e}"
    else:
        text = f"{abs(rounded) if rounded == 0 else rounded:.{max(places, 0)}f}"
    if bare:
        text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
    return f"+{text}" if signed and rounded > 0 else text


def interval(low: float, high: float, places: int, *, bare: bool = True, signed: bool = False) -> str:
    """Return `[low high]`, empty where there is none.

    Examples
    --------
    >>> interval(0.8461, 0.8502, 3)
    '[.846 .850]'
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    ends = (number(end, places, bare=bare, signed=signed) for end in (low, high))
    return "[" + " ".join(ends) + "]"


def estimate(value: Estimate) -> tuple[str, str]:
    """Return mean and interval as text.

    Examples
    --------
    >>> estimate(Estimate(0.84812, 0.8461, 0.8502, 0.95, 30, 0.005))
    ('0.848', '[.846 .850]')
    """
    places = decimals(value.low, value.high, value.mean)
    return number(value.mean, places), interval(value.low, value.high, places)


def difference(value: Difference) -> tuple[str, str]:
    """Return a paired difference with its sign, and its interval, as text."""
    places = decimals(value.low, value.high, value.mean)
    return number(value.mean, places, signed=True), interval(value.low, value.high, places)


def rate(value: float) -> str:
    """Return a learning rate with at most two significant digits.

    Examples
    --------
    >>> rate(0.03), rate(0.0011111), rate(1e-5)
    ('0.03', '0.0011', '1e-05')
    """
    return f"{value:.2g}"


def whole(value: float) -> str:
    """Return a count with thousands separators.

    Examples
    --------
    >>> whole(1050)
    '1,050'
    """
    return f"{value:,.0f}"


def align(texts: Sequence[str]) -> list[str]:
    """Pad texts to one width so that their decimal points stand below each other.

    Examples
    --------
    >>> align(["0.848", "12.3", "–"])
    [' 0.848', '12.3  ', ' –    ']
    """
    parts = [text.partition(".") for text in texts]
    left = max((len(whole_part) for whole_part, _, _ in parts), default=0)
    right = max((len(point + fraction) for _, point, fraction in parts), default=0)
    return [f"{whole_part:>{left}}{point + fraction:<{right}}" for whole_part, point, fraction in parts]


def as_csv(frame: pl.DataFrame) -> str:
    """Return a frame as CSV, floats with 6 significant digits."""
    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    shown = frame.with_columns(
        pl.Series(name, [f"{value:.6g}" if value is not None and np.isfinite(value) else "" for value in frame[name]])
        for name in floats
    )
    stream = io.BytesIO()
    shown.write_csv(stream)
    return stream.getvalue().decode()
