"""Sentences about a data set as a whole, and the errors that need to look at all of its columns."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl

from lossmith._errors import DataError, ShapeError
from lossmith.data import _frames
from lossmith.data._spec import Column
from lossmith.data._task import Target
from lossmith.data._values import quoted

__all__ = ["array_columns", "describe", "no_features", "no_target"]

IMBALANCE = 0.75  # share of the largest class from which on accuracy says little
_WORDS = {
    "numeric": ("number", "numbers"),
    "category": ("category", "categories"),
    "boolean": ("yes/no column", "yes/no columns"),
    "date": ("date", "dates"),
}
_TARGET_NAMES = (
    "target",
    "label",
    "class",
    "y",
    "outcome",
    "labels",
    "diagnosis",
    "survived",
    "churn",
    "species",
    "quality",
    "price",
)


def no_target(names: list[str]) -> DataError:
    """Return the error for a table without a named target, with the most likely one."""
    likely = next((name for wanted in _TARGET_NAMES for name in names if name.strip().lower() == wanted), None)
    why = "by its name" if likely else "the last column"
    likely = likely if likely is not None else names[-1]
    shown = ", ".join(quoted(name) for name in names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return DataError(
        "no target is named",
        expected=f"one of the columns {shown}",
        advice=f"most likely it is {quoted(likely)} ({why}): target={likely!r}",
    )


def no_features(columns: list[Column]) -> DataError:
    """Return the error for a table in which no column is left to learn from."""
    others = [column for column in columns if column.role != "target"]
    reasons = "; ".join(
        f"{quoted(column.name)} " + (column.decision if column.role == "dropped" else f"is the {column.role} column")
        for column in others[:5]
    )
    more = f"; and {len(others) - 5} more" if len(others) > 5 else ""
    return DataError(
        f"no feature is left ({reasons}{more})",
        expected="at least one column to learn from",
        advice="add columns, or rename those that are no identifiers",
    )


def array_columns(values: np.ndarray) -> tuple[np.ndarray, tuple[Column, ...], tuple[str, ...]]:
    """Return an array of features with its columns x1, x2, ... (none for images and sequences).

    Raises
    ------
    ShapeError
        One dimension only, or no column.
    DataError
        Infinite values, or values that are no numbers; missing values in an array of more than two dimensions.
    """
    if values.ndim < 2 or not all(values.shape[1:]):
        raise ShapeError(
            f"X of shape {values.shape}",
            expected="shape (n_samples, n_features) or (n_samples, height, width, channels)",
            advice="use X.reshape(-1, 1) for a single feature" if values.ndim == 1 else "give at least one feature",
        )
    if values.dtype.kind not in "biuf":
        raise DataError(f"X of type {values.dtype}", expected="numbers", advice="pass a dataframe for other types")
    values = _frames.native(values)
    counts = np.zeros(values.shape[1], dtype=np.int64)
    if values.dtype.kind == "f":
        infinite = np.isinf(values)
        if infinite.any():
            place = np.unravel_index(int(infinite.argmax()), values.shape)
            raise DataError(
                f"X has {int(infinite.sum()):,} infinite values, the first in row {int(place[0]) + 1}, column {int(place[1]) + 1}",
                expected="finite numbers",
                advice="replace them, or use NaN to mean missing",
            )
        missing = np.isnan(values)
        if missing.any() and values.ndim > 2:
            raise DataError("NaN in an array of images or sequences", expected="finite numbers", advice="fill them in")
        if missing.any():
            counts = missing.sum(axis=0)
    if values.ndim > 2:
        return (
            values,
            (),
            (f"Features of shape {values.shape[1:]} are scaled together, by one mean and one deviation.",),
        )
    columns = []
    for number, count in enumerate(counts.tolist(), start=1):
        decision = "a number, standardised" + (f"; {count:,} missing: filled, with an indicator input" if count else "")
        columns.append(Column(f"x{number}", "numeric", "feature", decision, n_missing=count))
    return values, tuple(columns), ()


def describe(
    features: pl.DataFrame | np.ndarray,
    found: Target,
    columns: tuple[Column, ...],
    *,
    groups: np.ndarray | None,
    order: np.ndarray | None,
) -> tuple[str, ...]:
    """Return the sentences about features, missing values, dropped columns, leaks, classes, groups and order."""
    said = []
    kept = [column for column in columns if column.role == "feature"]
    if kept:
        counts = Counter(column.kind for column in kept)
        said.append("Features: " + ", ".join(f"{n:,} {_WORDS[kind][n > 1]}" for kind, n in counts.items()) + ".")
    said += [f"Column {quoted(column.name)} is {column.decision}." for column in columns if column.role == "dropped"]
    wide = [column for column in kept if "most frequent" in column.decision]
    said += [f"Column {quoted(column.name)} is {column.decision}." for column in wide]
    missing = [column for column in kept if column.n_missing]
    if missing:
        listed = ", ".join(f"{quoted(column.name)} ({column.n_missing:,})" for column in missing[:10])
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        said.append(
            f"Missing values in {listed}{more}: numbers are filled with the median of the training rows, "
            "and whether a value was missing is an input of its own."
        )
    said += _leaks(features, found)
    if found.class_names:
        counts_by_class = np.bincount(found.values, minlength=len(found.class_names))
        largest = int(counts_by_class.argmax())
        share = counts_by_class[largest] / counts_by_class.sum()
        same = _differ_in_case(found.class_names)
        if same:
            said.append(f"Classes {quoted(same[0])} and {quoted(same[1])} differ only in capital letters.")
        if share >= IMBALANCE:
            said.append(
                f"Imbalanced: {share:.1%} of the rows are {quoted(found.class_names[largest])}, "
                "so a high accuracy alone says little."
            )
    if groups is not None:
        said.append(f"Rows of one group stay in one part: {int(groups.max()) + 1:,} groups.")
    if order is not None:
        said.append("Rows are split by time: the first train, the last test.")
    elif any(column.kind == "date" for column in kept):
        name = next(column.name for column in kept if column.kind == "date")
        said.append(f"Rows are split at random although there are dates; order={name!r} would split them by time.")
    return tuple(said)


def _differ_in_case(names: tuple[str, ...]) -> tuple[str, str] | None:
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.lower(), name)
        if first != name:
            return first, name
    return None


def _leaks(features: pl.DataFrame | np.ndarray, found: Target) -> list[str]:
    if not isinstance(features, pl.DataFrame):
        if features.ndim != 2:
            return []
        names = [f"x{number}" for number in range(1, features.shape[1] + 1)]
        features = pl.DataFrame({name: np.ascontiguousarray(features[:, i]) for i, name in enumerate(names)})
    target = pl.Series("target", found.values)
    said = []
    for series in features.iter_columns():
        if series.null_count() or not _determines(series, target, classes=bool(found.class_names)):
            continue
        said.append(
            f"Column {quoted(series.name)} gives the target away (each of its values belongs to one value of the target): "
            f"leave it out with drop=({series.name!r},) unless it is known when predicting."
        )
    return said


def _determines(series: pl.Series, target: pl.Series, *, classes: bool) -> bool:
    if classes:
        n_classes = target.n_unique()
        return (
            series.n_unique() == n_classes and pl.DataFrame([series.alias("feature"), target]).n_unique() == n_classes
        )
    if not series.dtype.is_numeric():
        return False
    x, y = series.cast(pl.Float64).to_numpy(), target.to_numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        x, y = x - x.mean(), y - y.mean()
        scale = np.sqrt((x @ x) * (y @ y))
        return bool(np.isfinite(scale) and scale > 0 and abs(x @ y) > (1 - 1e-12) * scale)
