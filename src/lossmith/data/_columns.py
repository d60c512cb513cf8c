"""What each column is and how it is used, decided once for the whole table and written down in a `Column`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import polars as pl

from lossmith._errors import DataError
from lossmith.data import _values
from lossmith.data._spec import Column

__all__ = ["MAX_LEVELS", "Examined", "canonical", "check_number_column", "examine"]

MAX_LEVELS = 30  # inputs of one category; the rest shares the input "other"
NUMBER_SHARE = 0.9  # from this share of numeric cells on, other text is an error and not a category
TEXT_SHARE = 0.5  # of different values, above which text is not a category

_IDENTIFIER = re.compile(
    r"(^|[^a-z])(id|ids|uuid|guid|index|idx|key|row|rownum|rownumber|rowid|serial|record|unnamed: ?0|unnamed_\d+)$|[a-z](Id|ID|Key|Index|Number)$"
)


@dataclass(frozen=True, slots=True)
class Examined:
    """A column with its values in canonical form: float64, boolean, text, or microseconds; null where missing."""

    column: Column
    values: pl.Series
    notes: tuple[str, ...] = ()


def canonical(values: pl.Series) -> pl.Series:
    """Return values as float64, boolean, cleaned text or microseconds, whatever type they came in.

    Nested and binary values become null: nothing can be learned from them here.
    """
    dtype = values.dtype
    if dtype.is_numeric():
        return values.cast(pl.Float64).fill_nan(None)
    if dtype == pl.Boolean or dtype == pl.Null:
        return values
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return _values.clean_text(values)
    if dtype == pl.Date:
        return values.cast(pl.Datetime("us"))
    if dtype == pl.Datetime:
        if dtype.time_zone is not None:  # type: ignore[attr-defined]
            values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return values.cast(pl.Datetime("us"))
    if dtype == pl.Duration:
        return values.dt.total_microseconds().cast(pl.Float64) / 1e6
    if dtype == pl.Time:
        return values.cast(pl.Int64).cast(pl.Float64) / 1e9
    return pl.Series(values.name, [None] * len(values), dtype=pl.Null)


def check_number_column(text: pl.Series, numbers: pl.Series) -> None:
    """Raise if nearly all cells are numbers and a few are text.

    Raises
    ------
    DataError
        Names the first such cell.
    """
    n_present, n_numbers = text.count(), numbers.count()
    if n_numbers == n_present or n_numbers < NUMBER_SHARE * n_present:
        return
    wrong = numbers.is_null() & text.is_not_null()
    row = int(wrong.arg_max() or 0)
    n_wrong = n_present - n_numbers
    raise DataError(
        f"column {_values.quoted(text.name)} has text in {n_wrong} of {n_present} cells, "
        f"the first in row {row + 1}: {_values.quoted(text[row])}",
        expected="numbers, as in its other cells",
        advice="correct these cells, empty them if they mean missing, or drop the column",
    )


def examine(values: pl.Series, *, comma_separated: bool = False) -> Examined:
    """Decide what a feature column is, from all of its rows.

    Raises
    ------
    DataError
        Text in a number column, or infinite values.
    """
    nested = values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object)
    series = canonical(values)
    name, n_missing, dtype = series.name, series.null_count(), series.dtype
    if nested:
        return _dropped(series, "text", f"nested or binary values ({values.dtype})")
    if n_missing == len(series):
        return _dropped(series, "missing", "every value is missing")
    notes: tuple[str, ...] = ()
    if dtype == pl.String:
        examined = _examine_text(series, comma_separated=comma_separated)
        column, series, notes = examined.column, examined.values, examined.notes
    elif dtype == pl.Boolean:
        column = Column(name, "boolean", "feature", "yes or no, one input")
    elif dtype == pl.Float64:
        column = Column(name, "numeric", "feature", "a number")
    else:
        column = Column(name, "date", "feature", "a date")
    if column.role == "dropped":
        return Examined(replace(column, n_missing=n_missing), series, notes)
    if series.drop_nulls().n_unique() == 1 and not n_missing:
        return _dropped(series, "constant", f"every value is {_values.quoted(_values.to_text(series)[0])}")
    if column.kind == "numeric":
        _values.check_finite(series, name)
        if _is_identifier(series):
            return _dropped(series, "identifier", "a different whole number in every row, and named like an identifier")
        column = replace(column, decision="a number, standardised")
        if _counts_rows(series):
            notes = (
                *notes,
                f"Column {_values.quoted(name)} counts the rows; "
                f"if it is only a row number, leave it out with drop=({name!r},).",
            )
    if column.kind == "date":
        column = _date_parts(column, series)
    if n_missing:
        filled = "its own input for missing" if column.kind == "category" else "filled, with an indicator input"
        column = replace(column, decision=f"{column.decision}; {n_missing:,} missing: {filled}")
    return Examined(replace(column, n_missing=n_missing), series, notes)


def _dropped(series: pl.Series, kind: str, reason: str) -> Examined:
    column = Column(series.name, kind, "dropped", f"dropped: {reason}", series.null_count())  # type: ignore[arg-type]
    return Examined(column, series)


def _is_identifier(numbers: pl.Series) -> bool:
    return bool(_IDENTIFIER.search(numbers.name.strip()) or _IDENTIFIER.search(numbers.name.strip().lower())) and bool(
        numbers.null_count() == 0
        and len(numbers) > 2
        and (numbers.round() == numbers).all()
        and numbers.n_unique() == len(numbers)
    )


def _counts_rows(numbers: pl.Series) -> bool:
    steps = numbers.diff().drop_nulls()
    return numbers.null_count() == 0 and len(steps) > 0 and bool((steps == 1).all())


def _examine_text(text: pl.Series, *, comma_separated: bool) -> Examined:
    name, present = text.name, text.drop_nulls()
    notation = _values.number_notation(text, comma_separated=comma_separated)
    numbers = _values.as_number(text, notation)
    check_number_column(text, numbers)
    if numbers.count() == len(present):
        codes = present.str.contains(r"^0\d+$").any() and present.str.contains(r"^\d+$").all()
        if not codes:
            notes = (f"Column {_values.quoted(name)} is read with a {notation}.",) if notation else ()
            return Examined(Column(name, "numeric", "feature", "a number", notation=notation), numbers, notes)
        notes = (
            f"Column {_values.quoted(name)} holds codes with leading zeros, so it is a category and not a number.",
        )
        return Examined(*_category(text), notes)
    levels = present.unique()
    if len(levels) <= 2 and _values.word_pair({level.lower() for level in levels}):
        return Examined(Column(name, "boolean", "feature", "yes or no, one input"), _values.as_boolean(text))
    date = _values.date_format(text)
    if date:
        note = f"Column {_values.quoted(name)} is read as a date of the form {date}"
        if _values.ambiguous_date(text, date):
            note += ", month first; day first would fit as well: write dates as 2024-12-31 to be sure"
        column = Column(name, "date", "feature", "a date", notation=date)
        return Examined(column, _values.as_date(text, date), (note + ".",))
    return Examined(*_category(text))


def _category(text: pl.Series) -> tuple[Column, pl.Series]:
    present = text.drop_nulls()
    levels = tuple(sorted(present.unique().to_list()))
    n_levels, n_present = len(levels), len(present)
    if n_levels == n_present > 2 or (n_levels > MAX_LEVELS and n_levels > TEXT_SHARE * n_present):
        words = present.head(1000).str.count_matches(r"\S+").mean()
        kind = "identifier" if isinstance(words, float) and words < 2 else "text"
        share = "a different value in every row" if n_levels == n_present else f"{n_levels:,} different values"
        return _dropped(text, kind, f"{'free text' if kind == 'text' else 'an identifier'}, {share}").column, text
    decision = f"a category, one-hot, {n_levels} levels"
    if n_levels > MAX_LEVELS:
        decision = (
            f"a category, one-hot, the {MAX_LEVELS} most frequent of {n_levels:,} levels and one input for the others"
        )
    return Column(text.name, "category", "feature", decision, levels=levels), text


def _date_parts(column: Column, dates: pl.Series) -> Column:
    present = dates.drop_nulls()
    available = {
        "ordinal": True,
        "year": present.dt.year().n_unique() > 1,
        "month": present.dt.month().n_unique() > 1,
        "day": present.dt.day().n_unique() > 1,
        "day_of_week": present.dt.weekday().n_unique() > 1,
        "hour": present.dt.hour().n_unique() > 1,
    }
    parts = tuple(part for part, varies in available.items() if varies)
    words = ", ".join(part.replace("_", " ") for part in parts)
    return replace(column, decision=f"a date, as numbers: {words.replace('ordinal', 'days since 1970')}", parts=parts)
