"""How rows are divided for a comparison of models: repeated folds, groups, time, or repeated hold-out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.data import Dataset, split

__all__ = ["Folds", "make_folds"]

WATCHED = 0.2  # of the training rows: for the learning rate and the epoch of networks
_FOLDS = re.compile(r"(\d+)(?:x(\d+))?")


@dataclass(frozen=True, slots=True)
class Folds:
    """Training and test rows of every fold.

    Attributes
    ----------
    parts : tuple of (ndarray, ndarray)
        Training and test rows.
    words : str
        How they were drawn.
    overlap : float
        Test rows over training rows, where folds share training rows.
    """

    parts: tuple[tuple[np.ndarray, np.ndarray], ...]
    words: str
    overlap: float

    def watched(self, fold: int, dataset: Dataset, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the training rows of a fold as rows to train on and rows to watch: by class, group or time as in the folds."""
        train = self.parts[fold][0]
        rng = np.random.default_rng([seed, fold])
        if dataset.order is not None:
            cut = max(1, round(WATCHED * len(train)))
            return train[:-cut], train[-cut:]
        if dataset.groups is not None:
            from sklearn.model_selection import GroupShuffleSplit

            splitter = GroupShuffleSplit(1, test_size=WATCHED, random_state=int(rng.integers(2**31)))
            kept, taken = next(splitter.split(train, groups=dataset.groups[train]))
            return train[kept], train[taken]
        from sklearn.model_selection import train_test_split

        kept, taken = train_test_split(
            train,
            test_size=WATCHED,
            random_state=int(rng.integers(2**31)),
            stratify=dataset.target[train] if dataset.n_classes else None,
        )
        return np.sort(kept), np.sort(taken)


def make_folds(dataset: Dataset, text: str, *, seed: int) -> Folds:
    """Return the folds that were asked for.

    Parameters
    ----------
    text : str
        `5x2`: five folds, twice, stratified where there are classes, whole groups where there are groups, later rows
        testing on earlier ones in the order of time. `holdout` or `holdout:10`: the split of a comparison of losses, drawn anew ten times.

    Raises
    ------
    InvalidInputError
        Anything else, fewer than two folds, or more folds than the smallest class has rows.
    """
    name, _, count = text.partition(":")
    if name == "holdout":
        return _holdout(dataset, count or "10", seed)
    match = _FOLDS.fullmatch(text.strip())
    if not match or int(match[1]) < 2 or int(match[2] or 1) < 1:
        raise InvalidInputError(
            f"folds {text!r}", expected="folds and repeats such as 5x2 or 10, or holdout:10", advice="5x2 is usual"
        )
    k, repeats = int(match[1]), int(match[2] or 1)
    smallest = min(dataset.class_counts) if dataset.n_classes else dataset.n_samples
    if dataset.groups is not None:
        smallest = len(np.unique(dataset.groups))
    if k > smallest or k > dataset.n_samples // 2:
        raise InvalidInputError(
            f"{k} folds of {dataset.n_samples} rows", expected=f"at most {min(smallest, dataset.n_samples // 2)}", advice="take fewer folds"
        )  # fmt: skip
    from sklearn import model_selection as selection

    rows = np.arange(dataset.n_samples)
    if dataset.order is not None:
        ordered = np.argsort(dataset.order, kind="stable")
        parts = [(ordered[a], ordered[b]) for a, b in selection.TimeSeriesSplit(k).split(rows)]
        words = f"{k} folds in the order of time, each tested by a model of all rows before it"
    elif dataset.groups is not None:
        parts = []
        for repeat in range(repeats):
            splitter = selection.GroupKFold(k, shuffle=True, random_state=seed + repeat)
            parts += list(splitter.split(rows, groups=dataset.groups))
        words = f"{k} folds of whole groups" + (f", {repeats} times" if repeats > 1 else "")
    else:
        kind = selection.RepeatedStratifiedKFold if dataset.n_classes else selection.RepeatedKFold
        splitter = kind(n_splits=k, n_repeats=repeats, random_state=seed)
        parts = list(splitter.split(rows, dataset.target if dataset.n_classes else None))
        words = f"{k} {'stratified ' if dataset.n_classes else ''}folds" + (f", {repeats} times" if repeats > 1 else "")
    return Folds(tuple(parts), words, _overlap(parts))


def _holdout(dataset: Dataset, count: str, seed: int) -> Folds:
    if not count.isdigit() or int(count) < 1:
        raise InvalidInputError(f"folds 'holdout:{count}'", expected="a number of draws, such as holdout:10")
    parts = []
    for draw in range(int(count)):
        found = split(dataset, seed=seed + draw)
        parts.append((np.sort(np.concatenate([found.train, found.validation])), found.test))
        if not found.redrawn:
            break
    words = f"hold-out of 20 %, {len(parts)} draw{'s' if len(parts) > 1 else ''}"
    return Folds(tuple(parts), words, _overlap(parts))


def _overlap(parts: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return float(np.mean([len(test) / len(train) for train, test in parts])) if len(parts) > 1 else 0.0
