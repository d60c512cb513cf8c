"""What a cell of text means: missing, a number, a yes or no, a date."""

from __future__ import annotations

import os
import re

import polars as pl

from lossmith._errors import DataError

__all__ = [
    "MISSING",
    "WORD_PAIRS",
    "ambiguous_date",
    "as_boolean",
    "as_date",
    "as_number",
    "check_finite",
    "clean_text",
    "date_format",
    "number_notation",
    "quoted",
    "shown",
    "to_text",
    "word_pair",
]

# "unknown", "none" and "-" are not here: they may be categories, and a category that is read as missing is lost
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "?")
WORD_PAIRS = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))

_DECIMAL_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d*)(,\d*)?([eE][+-]?\d+)?$"
_THOUSANDS_COMMA = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"

_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y")
_NAMED_DAYS = ("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y")
_TIMES = ("", " %H:%M:%S%.f", " %H:%M", "T%H:%M:%S%.f", "T%H:%M", "T%H:%M:%S%.fZ", "T%H:%M:%S%.f%:z", " %H:%M:%S%.f%:z")
_FORMATS = tuple(day + time for day in (*_DAYS, *_NAMED_DAYS) for time in _TIMES)
_LOOKS_LIKE_DATE = re.compile(
    r"^(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}[- ][A-Za-z]{3,9}[- ]\d{4}|[A-Za-z]{3,9} \d{1,2}, \d{4})"
)


def _blank(values: pl.Series, mask: pl.Series) -> pl.Series:
    nothing = pl.Series(values.name, [None], dtype=values.dtype)
    return nothing.new_from_index(0, len(values)).zip_with(mask.fill_null(False), values)


def shown(path: object) -> str:
    """Return a path as text that can be stored and printed: bytes that are no text become signs that say so."""
    return os.fsencode(str(path)).decode("utf-8", "replace")


def quoted(text: object, *, longest: int = 40) -> str:
    """Return `text` in quotes for an error message, shortened and without control characters."""
    whole = str(text)
    return repr(whole if len(whole) <= longest else whole[: longest - 1] + "…")


def clean_text(text: pl.Series) -> pl.Series:
    """Return cells without surrounding blanks, with tokens that mean "missing" as null."""
    stripped = text.cast(pl.String).str.strip_chars()
    return _blank(stripped, stripped.is_in(list(MISSING)))


def number_notation(text: pl.Series, *, comma_separated: bool = False) -> str:
    """Return the notation ("", "decimal comma", "thousands comma") under which most cells are numbers.

    Without commas in the cells, and in a tie, it is the plain notation; `1,234` alone is read as a thousands comma in
    files separated by commas and as a decimal comma elsewhere.
    """
    if not text.str.contains(",", literal=True).any():
        return ""
    order = ["thousands comma", "decimal comma"] if comma_separated else ["decimal comma", "thousands comma"]
    counts = {notation: as_number(text, notation).count() for notation in ["", *order]}
    return max(counts, key=lambda notation: counts[notation])


def as_number(text: pl.Series, notation: str = "") -> pl.Series:
    """Return float64 numbers, null where a cell is missing or is no number."""
    if notation == "decimal comma":
        fits = text.str.contains(_DECIMAL_COMMA)
        plain = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        text = plain.zip_with(fits.fill_null(False), text)
    elif notation == "thousands comma":
        fits = text.str.contains(_THOUSANDS_COMMA)
        text = text.str.replace_all(",", "", literal=True).zip_with(fits.fill_null(False), text)
    return text.cast(pl.Float64, strict=False).fill_nan(None)


def check_finite(numbers: pl.Series, name: str) -> None:
    """Raise if a number is infinite.

    Raises
    ------
    DataError
        Says how many there are and where the first one is.
    """
    infinite = numbers.is_infinite()
    count = int(infinite.sum() or 0)
    if count:
        row = int(infinite.arg_max() or 0)
        raise DataError(
            f"column {quoted(name)} has {count} infinite value{'s' if count > 1 else ''}, the first in row {row + 1}",
            expected="finite numbers",
            advice="replace them, or leave the cells empty to mean missing",
        )


def word_pair(words: set[str]) -> tuple[str, str] | None:
    """Return the pair of words, negative first, to which `words` (in lower case) belong.

    Examples
    --------
    >>> word_pair({"yes", "no"})
    ('no', 'yes')
    >>> word_pair({"yes", "unknown"}) is None
    True
    """
    for pair in WORD_PAIRS:
        if words and words <= set(pair):
            return pair
    return None


def as_boolean(text: pl.Series) -> pl.Series:
    """Return booleans, null where a cell is missing or is none of the known words."""
    negative, positive = zip(*WORD_PAIRS, strict=True)
    words = [*negative, "0", *positive, "1"]
    values = [False] * (len(negative) + 1) + [True] * (len(positive) + 1)
    return text.str.to_lowercase().replace_strict(words, values, default=None, return_dtype=pl.Boolean)


def as_date(text: pl.Series, notation: str) -> pl.Series:
    """Return points in time (microseconds, without a zone), null where a cell is not of that format."""
    dates = text.str.to_datetime(notation, time_unit="us", strict=False)
    if isinstance(dates.dtype, pl.Datetime) and dates.dtype.time_zone is not None:
        dates = dates.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    plausible = dates.dt.year().is_between(1000, 2999)
    return _blank(dates, ~plausible)


def _all_dates(text: pl.Series, notation: str) -> bool:
    return all(as_date(part, notation).count() == part.count() for part in (text.head(50), text))


def date_format(text: pl.Series) -> str:
    """Return the date format that every cell follows, or an empty string."""
    present = text.drop_nulls().unique()
    if present.is_empty() or not all(_LOOKS_LIKE_DATE.match(cell) for cell in present.head(20)):
        return ""
    return next((notation for notation in _FORMATS if _all_dates(present, notation)), "")


def ambiguous_date(text: pl.Series, notation: str) -> bool:
    """Return whether day and month could be exchanged in every cell."""
    swapped = notation.replace("%m/%d", "%d/%m")
    return swapped != notation and _all_dates(text.drop_nulls().unique(), swapped)


def to_text(values: pl.Series) -> pl.Series:
    """Return values as text, whole numbers without a decimal point, so that 1, 1.0 and "1" are one category."""
    if values.dtype.is_float():
        integers = values.cast(pl.Int64, strict=False)
        whole = (integers.cast(values.dtype) == values).fill_null(False)
        return integers.cast(pl.String).zip_with(whole, values.cast(pl.String))
    if values.dtype == pl.Boolean:
        return values.replace_strict([False, True], ["false", "true"], default=None, return_dtype=pl.String)
    return values.cast(pl.String)
