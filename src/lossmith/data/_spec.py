"""The record of a data set: features, target, task, and every decision taken while reading it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

__all__ = ["Column", "ColumnKind", "Dataset", "Split", "Task"]

Task = Literal["regression", "binary", "multiclass"]
ColumnKind = Literal["numeric", "boolean", "category", "date", "text", "identifier", "constant", "missing"]
Role = Literal["feature", "dropped", "target", "group", "time"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the source and what was decided about it.

    Attributes
    ----------
    name : str
    kind : str
        See `ColumnKind`.
    role : {"feature", "dropped", "target", "group", "time"}
    decision : str
        How it is used, and why: `one-hot, 12 levels`, `dropped: every value differs`.
    n_missing : int
    levels : tuple of str
        The categories in a fixed order, for categorical columns.
    notation : str
        How text is read: a date format such as `%d.%m.%Y`, or "decimal comma", or "thousands comma"; empty otherwise.
    parts : tuple of str
        The numbers a date is turned into, such as "year" and "month".
    """

    name: str
    kind: ColumnKind
    role: Role
    decision: str
    n_missing: int = 0
    levels: tuple[str, ...] = ()
    notation: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows to train and judge on.

    Attributes
    ----------
    name : str
    task : {"regression", "binary", "multiclass"}
    features : polars.DataFrame or ndarray
        One row for each sample: a frame of feature columns (missing values are null), or an array of shape `(n_samples, ...)`.
    target : ndarray of shape (n_samples,)
        float64 values for regression, int64 class ids for classification.
    target_name : str
    class_names : tuple of str
        Empty for regression. Class id i is called `class_names[i]`; for binary tasks id 1 is the positive class.
    columns : tuple of Column
        Every column of the source, kept or not.
    decisions : tuple of str
        What was decided while reading, one sentence each, for people.
    fingerprint : str
        SHA-256 of features, target and names, in hexadecimal.
    source : str
        Where it came from: a path, the name of a built-in set, or "arrays".
    groups, order : ndarray of shape (n_samples,) or None
        Rows of one group stay on one side of a split; rows are split in the order of `order` (time).
    parts : Split or None
        The split that the data set comes with, where its publishers say which rows are for testing.
    published : Split or None
        The split of published experiments, where it is another one.
    soft_target : ndarray of shape (n_samples, n_classes) or None
        Probabilities to train on in place of the class alone, such as shares of human answers; `target` judges.
    training_target : ndarray of shape (n_samples,) or None
        Class ids to train and validate on where they differ from those that judge, such as noisy human labels.
    pixels : bool
        Whether features are the bytes of pixels, which are divided by 255 and not standardised.
    """

    name: str
    task: Task
    features: pl.DataFrame | np.ndarray
    target: np.ndarray
    target_name: str
    class_names: tuple[str, ...]
    columns: tuple[Column, ...]
    decisions: tuple[str, ...]
    fingerprint: str
    source: str
    groups: np.ndarray | None = None
    order: np.ndarray | None = None
    parts: Split | None = None
    published: Split | None = None
    soft_target: np.ndarray | None = None
    training_target: np.ndarray | None = None
    pixels: bool = False

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.target.shape[0])

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 for regression."""
        return len(self.class_names)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Rows of each class; empty for regression."""
        if not self.class_names:
            return ()
        return tuple(int(count) for count in np.bincount(self.target, minlength=self.n_classes))


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of the three parts, as int64 arrays.

    Attributes
    ----------
    train, validation, test : ndarray of shape (n_rows,)
    redrawn : bool
        Whether another seed gives another split (False for time order and for splits given by the data).
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    redrawn: bool = True
