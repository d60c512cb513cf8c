"""From a target column to a task, class names and numbers, always saying why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from lossmith._errors import DataError, InvalidInputError, did_you_mean
from lossmith.data import _columns, _values
from lossmith.data._spec import Column, ColumnKind, Task

__all__ = ["TASKS", "Target", "read_target"]

TASKS = ("regression", "binary", "multiclass", "classification")
FEW_VALUES = 20  # whole numbers with more distinct values than this are counts, not classes
ROWS_PER_VALUE = 5  # fewer rows for each distinct value speak for a count, too
MAX_CLASSES = 1000
_POSITIVE = (
    "yes",
    "true",
    "y",
    "t",
    "on",
    "1",
    "positive",
    "pos",
    "+",
    "good",
    "success",
    "default",
    "churn",
    "churned",
    "spam",
)
_NEGATIVE = ("no", "false", "n", "f", "off", "0", "negative", "neg", "-", "bad", "failure", "none", "stayed", "ham")


@dataclass(frozen=True, slots=True)
class Target:
    """A target as numbers, with the task and the sentences that explain both."""

    task: Task
    values: np.ndarray
    class_names: tuple[str, ...]
    column: Column
    decisions: tuple[str, ...]


def read_target(values: pl.Series, *, task: str | None = None, comma_separated: bool = False) -> Target:
    """Decide the task from the target, or check it against the `task` that is asked for.

    Text, booleans and numbers with two values are binary; whole numbers with at most 20 values, 5 rows or more for
    each, are classes; other numbers are regression.

    The positive class (id 1) of a binary task is the word for it ("yes", "true", "positive", ...), else the larger of
    two numbers, else the rarer class, else the last in alphabetical order.

    Raises
    ------
    DataError
        Missing or infinite values, one class only, text in a number column, free text, or a task that does not fit.
    InvalidInputError
        No such task.

    Examples
    --------
    >>> target = read_target(pl.Series("y", ["no", "yes", "no"]))
    >>> target.task, target.class_names, target.values.tolist()
    ('binary', ('no', 'yes'), [0, 1, 0])
    """
    if task is not None and task not in TASKS:
        raise InvalidInputError(f"task {task!r}", expected="a task", advice=did_you_mean(str(task), TASKS))
    series = _columns.canonical(values)
    name = series.name
    _check_present(series)
    notation = ""
    if series.dtype == pl.String:
        notation = _values.number_notation(series, comma_separated=comma_separated)
        numbers = _values.as_number(series, notation)
        _columns.check_number_column(series, numbers)
        if numbers.count() == len(series):
            series = numbers
    if series.dtype == pl.Datetime or (series.dtype == pl.String and _values.date_format(series)):
        raise DataError(
            f"the target {_values.quoted(name)} holds dates",
            expected="numbers or classes",
            advice="name another target",
        )
    if series.dtype == pl.Float64:
        _values.check_finite(series, name)
    n_distinct = series.n_unique()
    if n_distinct == 1:
        raise DataError(
            f"the target {_values.quoted(name)} has one value only, {_values.quoted(_values.to_text(series)[0])}, in {len(series):,} rows",
            expected="two classes or more, or numbers that vary",
            advice="name another target or add rows of the other classes",
        )
    found, why = _detect(series, n_distinct)
    chosen, why = _override(series, found, why, task, n_distinct)
    if chosen == "regression":
        column = Column(name, "numeric", "target", f"the target: {why}", notation=notation)
        decision = f"Target {_values.quoted(name)}: regression, because {why}."
        return Target("regression", series.to_numpy().astype(np.float64), (), column, (decision,))
    return _classes(series, chosen, why, notation)


def _check_present(series: pl.Series) -> None:
    n_missing, n_rows = series.null_count(), len(series)
    if n_missing == n_rows:
        raise DataError(
            f"the target {_values.quoted(series.name)} is missing in all {n_rows:,} rows",
            expected="a value in every row",
            advice="name another target",
        )
    if n_missing:
        row = int(series.is_null().arg_max() or 0)
        raise DataError(
            f"the target {_values.quoted(series.name)} is missing in {n_missing:,} of {n_rows:,} rows, the first is row {row + 1}",
            expected="a value in every row",
            advice="remove these rows or fill in the target",
        )


def _detect(series: pl.Series, n_distinct: int) -> tuple[Task, str]:
    if series.dtype != pl.Float64:
        if n_distinct == 2:
            return "binary", "it has two values"
        limit = min(MAX_CLASSES, len(series) // 2)
        if n_distinct > limit:
            raise DataError(
                f"the target {_values.quoted(series.name)} is text with {n_distinct:,} different values in {len(series):,} rows",
                expected=f"at most {limit:,} classes, or numbers",
                advice="name another target, or group its values into classes",
            )
        return "multiclass", f"it is text with {n_distinct} values"
    if n_distinct == 2:
        return "binary", "it has two values (task='regression' treats them as numbers)"
    if not bool((series.round() == series).all()):
        return "regression", f"it holds numbers with decimals, {n_distinct:,} different ones"
    if n_distinct > FEW_VALUES:
        return (
            "regression",
            f"it holds whole numbers, {n_distinct:,} different ones (task='multiclass' treats them as classes)",
        )
    if n_distinct * ROWS_PER_VALUE > len(series):
        return "regression", (
            f"it holds {n_distinct} different whole numbers in only {len(series)} rows (task='multiclass' treats them as classes)"
        )
    return (
        "multiclass",
        f"it holds only {n_distinct} different whole numbers (task='regression' treats them as quantities)",
    )


def _override(series: pl.Series, found: Task, why: str, task: str | None, n_distinct: int) -> tuple[Task, str]:
    if task is None:
        return found, why
    if task == "classification":
        task = "binary" if n_distinct == 2 else "multiclass"
    asked = f"it was asked for (task={task!r})"
    name = _values.quoted(series.name)
    if task == "regression":
        if series.dtype == pl.String:
            raise DataError(
                f"task 'regression' with text in the target {name}, such as {_values.quoted(series[0])}",
                expected="numbers",
                advice="leave the task out, or name another target",
            )
        return "regression", asked
    if task == "binary" and n_distinct != 2:
        raise DataError(
            f"task 'binary' with {n_distinct:,} different values in the target {name}",
            expected="two values",
            advice=f"use task={'multiclass' if n_distinct <= FEW_VALUES else 'regression'!r} or leave the task out",
        )
    if n_distinct > min(MAX_CLASSES, len(series) // 2):
        raise DataError(
            f"task {task!r} with {n_distinct:,} different values in {len(series):,} rows of the target {name}",
            expected=f"at most {min(MAX_CLASSES, len(series) // 2):,} classes",
            advice="use task='regression', or group the values into classes",
        )
    return ("binary" if task == "binary" else "multiclass"), asked


def _classes(series: pl.Series, task: Task, why: str, notation: str) -> Target:
    text = _values.to_text(series)
    levels = _values.to_text(series.unique().sort()).to_list()
    counts = dict(text.rename("level").value_counts(name="rows").iter_rows())
    said = [f"Target {_values.quoted(series.name)}: {task}, because {why}."]
    if task == "binary":
        levels, rule = _positive_last(levels, counts, numeric=series.dtype == pl.Float64)
        positive = levels[1]
        said.append(
            f"The positive class is {_values.quoted(positive)} ({counts[positive]:,} of {len(series):,} rows, "
            f"{counts[positive] / len(series):.1%}), {rule}."
        )
    ids = text.replace_strict(levels, list(range(len(levels))), return_dtype=pl.Int64)
    kind: ColumnKind = "boolean" if task == "binary" else "category"
    column = Column(series.name, kind, "target", f"the target: {why}", levels=tuple(levels), notation=notation)
    return Target(task, ids.to_numpy().astype(np.int64), tuple(levels), column, tuple(said))


def _positive_last(levels: list[str], counts: dict[str, int], *, numeric: bool) -> tuple[list[str], str]:
    first, second = levels
    if numeric:
        return levels, "the larger number"
    for words, last in ((_POSITIVE, True), (_NEGATIVE, False)):
        matches = [level.lower() in words for level in levels]
        if sum(matches) == 1:
            chosen = levels[matches.index(True)]
            other = levels[1 - matches.index(True)]
            return ([other, chosen] if last else [chosen, other]), "by its name"
    if counts[first] != counts[second]:
        return sorted(levels, key=lambda level: -counts[level]), "the rarer one"
    return sorted(levels), "the last in alphabetical order, as both are equally frequent"
