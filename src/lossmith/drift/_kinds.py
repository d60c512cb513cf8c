"""What a column is, decided on the reference, and how values of any type are read as that."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from lossmith.data import _values

__all__ = ["Kind", "as_levels", "as_numbers", "decide", "family"]

Kind = Literal["numeric", "integer", "date", "text", "boolean", "category", "unsupported"]

_NUMBER_SHARE = 0.9  # from this share on, text that is no number is an exception and not the rule
_MOST_LEVELS = 1000
_TEXT_SHARE = 0.5


def family(kind: Kind) -> Literal["ordered", "levels", "nothing"]:
    """Return whether cells of that kind are intervals or levels."""
    if kind == "unsupported":
        return "nothing"
    return "levels" if kind in ("boolean", "category") else "ordered"


def decide(values: np.ndarray | pl.Series) -> tuple[Kind, str]:
    """Return the kind of a column and the notation of its text (a date format or a comma in numbers).

    Examples
    --------
    >>> decide(pl.Series(["3", "1", ""])), decide(pl.Series(["red", "blue"])), decide(np.array([1, 2]))
    (('numeric', ''), ('category', ''), ('integer', ''))
    >>> decide(pl.Series(["31.12.2024", "01.02.2024"]))
    ('date', '%d.%m.%Y')
    """
    if isinstance(values, np.ndarray):
        kinds: dict[str, Kind] = {"b": "boolean", "i": "integer", "u": "integer", "f": "numeric"}
        return kinds.get(values.dtype.kind, "unsupported"), ""
    dtype = values.dtype
    if dtype == pl.Boolean:
        return "boolean", ""
    if dtype.is_integer():
        return "integer", ""
    if dtype.is_numeric() or dtype in (pl.Duration, pl.Time):
        return "numeric", ""
    if dtype in (pl.Date, pl.Datetime):
        return "date", ""
    if dtype == pl.Null:
        return "numeric", ""
    if dtype in (pl.Categorical, pl.Enum):
        return "category", ""
    if dtype != pl.String:
        return "unsupported", ""
    return _decide_text(_values.clean_text(values).drop_nulls())


def _decide_text(text: pl.Series) -> tuple[Kind, str]:
    if not len(text):
        return "category", ""
    notation = _values.number_notation(text)
    if _values.as_number(text, notation).count() >= _NUMBER_SHARE * len(text):
        codes = text.str.contains(r"^0\d+$").any() and text.str.contains(r"^\d+$").all()
        return ("category", "") if codes else ("numeric", notation)
    levels = text.unique()
    if len(levels) <= 2 and _values.word_pair({str(level).lower() for level in levels}):
        return "boolean", ""
    date = _values.date_format(text)
    if date:
        return "date", date
    wordy = len(levels) > _MOST_LEVELS or (len(levels) > 20 and len(levels) > _TEXT_SHARE * len(text))
    return ("text", "") if wordy else ("category", "")


def as_numbers(values: np.ndarray | pl.Series, kind: Kind, notation: str) -> tuple[np.ndarray, int]:
    """Return float64 numbers, NaN where there is none, and how many cells hold something that is none.

    Dates become microseconds since 1970, text its number of characters.
    """
    if isinstance(values, np.ndarray):
        return values.astype(np.float64, copy=False), 0
    dtype = values.dtype
    if kind == "text":
        return _floats(values.cast(pl.String).str.len_chars()), 0
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        text = _values.clean_text(values)
        read = (
            _values.as_date(text, notation).cast(pl.Int64)
            if kind == "date" and notation
            else _values.as_number(text, notation)
        )
        return _floats(read), int(text.count() - read.count())
    if dtype == pl.Date or dtype == pl.Datetime:
        if kind != "date":
            return np.full(len(values), np.nan), int(values.count())
        if dtype == pl.Datetime and dtype.time_zone is not None:  # type: ignore[attr-defined]
            values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return _floats(values.cast(pl.Datetime("us")).cast(pl.Int64)), 0
    if kind == "date":
        return np.full(len(values), np.nan), int(values.count())
    if dtype == pl.Duration:
        return _floats(values.dt.total_microseconds()) / 1e6, 0
    if dtype == pl.Time:
        return _floats(values.cast(pl.Int64)) / 1e9, 0
    if dtype.is_numeric() or dtype in (pl.Boolean, pl.Null):
        return _floats(values), 0
    return np.full(len(values), np.nan), int(values.count())


def _floats(values: pl.Series) -> np.ndarray:
    if values.dtype != pl.Float64:
        values = values.cast(pl.Float64)
    return values.to_numpy()


def as_levels(values: np.ndarray | pl.Series, kind: Kind) -> tuple[pl.Series, int]:
    """Return the levels as text, null where missing, and how many cells hold something that is none.

    Whole numbers have no decimal point, so that 1, 1.0 and "1" are one level.
    """
    series = pl.Series(values) if isinstance(values, np.ndarray) else values
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        return pl.Series(series.name, [None] * len(series), dtype=pl.String), int(series.count())
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    if series.dtype.is_float():
        series = series.fill_nan(None)
    text = series if series.dtype == pl.String else _values.to_text(series)
    text = _values.clean_text(text)
    if kind == "boolean":
        read = _values.as_boolean(text)
        return _values.to_text(read), int(text.count() - read.count())
    return text, 0
