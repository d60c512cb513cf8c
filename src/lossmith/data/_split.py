"""Train, validation and test rows: stratified, in groups, or in the order of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossmith._errors import DataError, InvalidInputError
from lossmith.data._spec import Dataset, Split
from lossmith.data._values import quoted

__all__ = ["FRACTIONS", "MINIMUM_PER_CLASS", "MINIMUM_ROWS", "check_enough_rows", "published_split", "split"]

FRACTIONS = (0.6, 0.2, 0.2)
MINIMUM_ROWS = 10  # 6 train, 2 validation, 2 test
MINIMUM_PER_CLASS = 3  # one for each part
_PARTS = ("train", "validation", "test")
_DRAWS = 20  # attempts at a grouped split in which every class is trained on


def check_enough_rows(target: np.ndarray, class_names: tuple[str, ...]) -> None:
    """Raise unless the rows are enough for three parts.

    Raises
    ------
    DataError
        Fewer than 10 rows, or a class with fewer than 3.
    """
    if len(target) < MINIMUM_ROWS:
        raise DataError(
            f"{len(target)} row{'s' if len(target) != 1 else ''}",
            expected=f"at least {MINIMUM_ROWS}, to fill a training, a validation and a test part",
            advice="add rows",
        )
    if not class_names:
        return
    counts = np.bincount(target, minlength=len(class_names))
    if counts.min() < MINIMUM_PER_CLASS:
        rare = int(counts.argmin())
        n_rare = int((counts < MINIMUM_PER_CLASS).sum())
        others = {1: "", 2: " (and one more class has too few)"}.get(n_rare, f" (and {n_rare - 1} more have too few)")
        raise DataError(
            f"class {quoted(class_names[rare])} has {counts[rare]} row{'s' if counts[rare] != 1 else ''}{others}",
            expected=f"at least {MINIMUM_PER_CLASS} rows of each class, one for each part",
            advice="merge rare classes, remove their rows, or add rows",
        )


def split(dataset: Dataset, *, seed: int, fractions: Sequence[float] = FRACTIONS) -> Split:
    """Return train, validation and test rows.

    Classes keep their shares in every part (to within one row, and at least one row each). Rows of one group stay
    together. With an order the first rows train and the last ones test, whatever the seed. Without groups the parts
    have the same sizes for every seed. A data set that comes with a split keeps it, whatever the seed and the shares.

    Parameters
    ----------
    dataset : Dataset
    seed : int
        Equal seeds give equal splits.
    fractions : three numbers that sum to one
        Shares of train, validation and test; validation or test may be 0.

    Raises
    ------
    DataError
        Too few rows, rows of a class, or groups.
    InvalidInputError
        Shares that do not sum to one; groups and an order at once.

    Examples
    --------
    >>> from lossmith.data import load
    >>> parts = split(load("circles"), seed=1)
    >>> len(parts.train), len(parts.validation), len(parts.test)
    (600, 200, 200)
    """
    shares = _check_fractions(fractions)
    if dataset.groups is not None and dataset.order is not None:
        raise InvalidInputError("both groups and an order", expected="one of them", advice="split by time, or by group")
    check_enough_rows(dataset.target, dataset.class_names)
    if seed < 0:
        raise InvalidInputError(f"seed {seed}", expected="0 or a positive whole number", advice="use 0")
    if dataset.parts is not None:
        return dataset.parts
    rng = np.random.default_rng(np.random.SeedSequence([int(seed), 0x5917]))
    if dataset.order is not None:
        return _by_time(dataset, shares)
    if dataset.groups is not None:
        return _by_group(dataset, shares, rng)
    classes = dataset.target if dataset.class_names else np.zeros(dataset.n_samples, dtype=np.int64)
    counts = np.bincount(classes, minlength=max(dataset.n_classes, 1))
    sizes = _allocate(counts, shares)
    parts: list[list[np.ndarray]] = [[], [], []]
    for label, size in enumerate(sizes):
        rows = rng.permutation(np.flatnonzero(classes == label))
        for part, chosen in zip(parts, np.split(rows, np.cumsum(size)[:-1]), strict=True):
            part.append(chosen)
    train, validation, test = (np.sort(np.concatenate(part)).astype(np.int64) for part in parts)
    return Split(train, validation, test)


def published_split(dataset: Dataset) -> Split:
    """Return the split of the source documents: the first 500 rows train, the last 500 test and validate.

    `dataset` is one of the built-in sets, or a set of images.

    Images come with their own: the rows for testing are their publishers'.

    It repeats what was published, with the test rows as validation; use `split` for anything else.

    Raises
    ------
    DataError
        The data set has no published split.

    Examples
    --------
    >>> from lossmith.data import load
    >>> parts = published_split(load("blobs"))
    >>> parts.train[[0, -1]].tolist(), parts.test[[0, -1]].tolist(), parts.redrawn
    ([0, 499], [500, 999], False)
    """
    if dataset.published is not None or dataset.parts is not None:
        return dataset.published or dataset.parts  # type: ignore[return-value]
    published = ("circles", "blobs", "regression")
    if dataset.source.partition(":")[0] not in published or dataset.n_samples != 1000:
        raise DataError(
            f"data set {quoted(dataset.name)} has no published split",
            expected="one of " + ", ".join(published) + " with 1,000 rows",
            advice="use the fair protocol",
        )
    test = np.arange(500, 1000, dtype=np.int64)
    return Split(np.arange(500, dtype=np.int64), test, test, redrawn=False)


def _check_fractions(fractions: Sequence[float]) -> np.ndarray:
    shares = np.asarray(tuple(fractions), dtype=np.float64)
    if shares.shape != (3,) or not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-9 or shares[0] == 0:
        raise InvalidInputError(
            f"fractions {tuple(fractions)}",
            expected="three shares (train, validation, test) that sum to 1, the first positive",
            advice=f"the default is {FRACTIONS}",
        )
    return shares


def _allocate(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return rows by class and part, the same for every seed, at least one in each part with a positive share."""
    total = int(counts.sum())
    sizes = np.zeros((len(counts), 3), dtype=np.int64)
    for part in (2, 1):
        if shares[part] == 0:
            continue
        wanted = shares[part] * counts
        still_needed = int(part == 2 and shares[1] > 0) + 1  # rows that validation and train must keep
        room = counts - sizes.sum(axis=1) - still_needed
        given = np.clip(np.floor(wanted + 1e-9).astype(np.int64), 1, room)
        missing = round(shares[part] * total) - int(given.sum())
        while missing:
            step = 1 if missing > 0 else -1
            # largest remainders first; rare classes, which got one row whatever their share, make others give one up
            by_need = np.argsort(-step * (wanted - given), kind="stable")
            free = by_need[(given < room)[by_need] if step > 0 else (given > 1)[by_need]]
            if not len(free):
                break
            given[free[: abs(missing)]] += step
            missing = round(shares[part] * total) - int(given.sum())
        sizes[:, part] = given
    sizes[:, 0] = counts - sizes.sum(axis=1)
    return sizes


def _by_time(dataset: Dataset, shares: np.ndarray) -> Split:
    rows = np.argsort(dataset.order, kind="stable").astype(np.int64)  # type: ignore[arg-type]
    n_test, n_validation = round(shares[2] * len(rows)), round(shares[1] * len(rows))
    n_train = len(rows) - n_test - n_validation
    train, validation, test = np.split(rows, [n_train, n_train + n_validation])
    unseen = _unseen_class(dataset, train)
    if unseen:
        raise DataError(
            f"class {quoted(unseen)} does not occur in the first {n_train:,} rows in time",
            expected="every class among the training rows",
            advice="train on a larger share, or split without the order",
        )
    return Split(train, validation, test, redrawn=False)


def _by_group(dataset: Dataset, shares: np.ndarray, rng: np.random.Generator) -> Split:
    groups = dataset.groups if dataset.groups is not None else np.zeros(0, dtype=np.int64)
    n_groups = int(groups.max()) + 1
    needed = int((shares > 0).sum())
    if n_groups < needed:
        raise DataError(
            f"{n_groups} group{'s' if n_groups != 1 else ''}",
            expected=f"at least {needed}, one for each part",
            advice="use a finer group, or none",
        )
    width = max(dataset.n_classes, 1)
    classes = dataset.target if dataset.class_names else np.zeros(dataset.n_samples, dtype=np.int64)
    table = np.bincount(groups * width + classes, minlength=n_groups * width).reshape(n_groups, width)
    wanted = np.outer(shares, table.sum(axis=0))
    reason = "a part stays empty"
    for _ in range(_DRAWS):
        part_of_group = _draw_groups(table, wanted, rng)
        rows = [np.flatnonzero(part_of_group[groups] == part).astype(np.int64) for part in range(3)]
        empty = [_PARTS[part] for part in range(3) if shares[part] > 0 and not len(rows[part])]
        unseen = _unseen_class(dataset, rows[0])
        if not empty and not unseen:
            return Split(rows[0], rows[1], rows[2])
        reason = (
            f"the {empty[0]} part stays empty" if empty else f"class {quoted(unseen)} misses among the training rows"
        )
    raise DataError(
        f"{n_groups:,} groups cannot be split: {reason}",
        expected="groups that are small against the parts, with every class in several of them",
        advice="use a finer group, or none",
    )


def _draw_groups(table: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a part for each group: in random order, each goes where it leaves the class counts closest to the wanted."""
    chosen = np.zeros(len(table), dtype=np.int64)
    current = np.zeros_like(wanted)
    weight = 1 / np.maximum(wanted, 1e-9)
    open_parts = np.flatnonzero(wanted.sum(axis=1) > 0)
    for left, group in zip(range(len(table), 0, -1), rng.permutation(len(table)), strict=True):
        # as many groups left as parts without one: each of these parts gets one
        empty = open_parts[current[open_parts].sum(axis=1) == 0]
        allowed = empty if left == len(empty) else open_parts
        # squared error after minus before, relative to the size of the part
        change = table[group] * (table[group] - 2 * (wanted - current)[allowed]) * weight[allowed]
        part = allowed[int(np.argmin(change.sum(axis=1)))]
        chosen[group] = part
        current[part] += table[group]
    return chosen


def _unseen_class(dataset: Dataset, rows: np.ndarray) -> str:
    counts = np.bincount(dataset.target[rows], minlength=dataset.n_classes) if dataset.class_names else np.ones(0)
    absent = np.flatnonzero(counts == 0)
    return dataset.class_names[int(absent[0])] if len(absent) else ""
