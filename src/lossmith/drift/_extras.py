"""What is compared beside single columns: all of them together, and performance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from lossmith._checks import Finding
from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith.drift._checks import CHECKS
from lossmith.drift._detectors import Detector
from lossmith.drift._kinds import as_levels, as_numbers
from lossmith.drift._records import Profile
from lossmith.drift._result import ColumnDrift, Judgement
from lossmith.drift._source import Source

__all__ = ["joint", "known", "performance"]

_MOST = 5000  # rows of each sample that joint detectors see


def _entry(name: str, kind: str, role: str, effect: float, judgement: Judgement, words: str) -> ColumnDrift:
    empty = np.zeros(0)
    return ColumnDrift(
        name, kind, role, "stable", judgement.p_value, judgement.p_value, effect, (judgement,), words,  # type: ignore[arg-type]
        (), empty, empty, empty, math.nan,
    )  # fmt: skip


def joint(
    detectors: Sequence[Detector],
    reference: Source,
    current: Source,
    names: Sequence[str],
    stored: Profile,
    *,
    seed: int,
    automatic: bool,
) -> tuple[list[ColumnDrift], list[Finding]]:
    """Return one entry for each joint detector."""
    if not detectors:
        return [], []
    if len(names) < 2 or min(reference.height, current.height) < 20:
        finding = CHECKS["LS709"].found(detectors[0].name, "it needs two columns and 20 rows of each sample")
        return [], [] if automatic else [finding]
    generator = np.random.default_rng([seed, 0xD1F7])
    sides = [_matrix(source, names, stored, generator) for source in (reference, current)]
    pooled = np.concatenate(sides)
    varied = [len(np.unique(column[~np.isnan(column)])) > 1 for column in pooled.T]
    if sum(varied) < 2:
        finding = CHECKS["LS709"].found(detectors[0].name, "fewer than two columns have two different values")
        return [], [] if automatic else [finding]
    sides = [side[:, varied] for side in sides]
    found = []
    for detector in detectors:
        value, p_value, method, words = detector.function(*sides, seed=seed)
        found.append(
            _entry(
                f"({detector.name})",
                "joint",
                "joint",
                math.nan,
                Judgement(detector.name, value, math.nan, p_value, method),
                words,
            )
        )
    return found, []


def _matrix(source: Source, names: Sequence[str], stored: Profile, generator: np.random.Generator) -> np.ndarray:
    """Return random rows as numbers: levels by their place in the reference, which any monotone code would do for trees."""
    rows = np.sort(generator.permutation(source.height)[:_MOST])
    columns = []
    for name in names:
        column, values = stored[name], source.column(name)
        if column.ordered:
            numbers, _ = as_numbers(values, column.kind, column.notation)
            columns.append(np.clip(numbers[rows], -1e300, 1e300))
            continue
        levels, _ = as_levels(values, column.kind)
        picked = levels.gather(rows)
        order = sorted(column.levels, key=lambda level: (-column.levels[level], level))
        codes = {level: float(place) for place, level in enumerate(order)}
        columns.append(
            picked.replace_strict(
                list(codes), list(codes.values()), default=float(len(codes)), return_dtype=pl.Float64
            ).to_numpy()
            if codes
            else np.zeros(len(rows))
        )
        columns[-1] = np.where(picked.is_null().to_numpy(), np.nan, columns[-1])
    return np.column_stack(columns)


def known(names: Sequence[str | None], source: Source) -> None:
    """Raise if a column that was named is not there.

    Raises
    ------
    UnknownNameError
        No such column.
    """
    for name in names:
        if name is not None and name not in source.names:
            raise UnknownNameError(f"no column {name!r} in {source.name}", advice=did_you_mean(name, source.names))


def performance(reference: Source | None, current: Source, target: str, prediction: str) -> ColumnDrift:
    """Return how errors changed: the share of wrong labels, or the mean absolute error of numbers.

    Raises
    ------
    InvalidInputError
        Only a profile of the reference.
    """
    if reference is None:
        raise InvalidInputError(
            "target and prediction with a stored profile", expected="the rows of the reference", advice="compare with the data"
        )  # fmt: skip
    for source in (reference, current):
        known((target, prediction), source)
    kinds = {_numeric(source.column(name)) for source in (reference, current) for name in (target, prediction)}
    levels = kinds != {True} or _few(reference.column(target))
    before, after = (_errors(source, target, prediction, levels=levels) for source in (reference, current))
    if min(len(before), len(after)) < 2:
        raise InvalidInputError(
            f"{min(len(before), len(after))} rows with both {target!r} and {prediction!r}",
            expected="at least two in each sample",
        )
    name = "error rate" if levels else "mean absolute error"
    p_value, method = _difference(before, after, levels=levels)
    first, second = float(before.mean()), float(after.mean())
    words = f"{name} {first:.4g} to {second:.4g} ({'worse' if second > first else 'better' if second < first else 'the same'})"
    spread = math.sqrt((before.var() + after.var()) / 2)
    effect = 0.35 * abs(second - first) / spread if spread else (0.83 if first != second else 0.0)
    return _entry(
        f"({name})",
        "performance",
        "performance",
        effect,
        Judgement(name.replace(" ", "_"), second, first, p_value, method),
        words,
    )


def _numeric(values: np.ndarray | pl.Series) -> bool:
    if isinstance(values, np.ndarray):
        return values.dtype.kind in "iuf"
    return values.dtype.is_numeric() or (values.dtype == pl.String and as_numbers(values, "numeric", "")[1] == 0)


def _few(values: np.ndarray | pl.Series) -> bool:
    numbers, _ = as_numbers(values, "numeric", "")
    numbers = numbers[np.isfinite(numbers)]
    return bool(len(numbers)) and bool((numbers == np.round(numbers)).all()) and len(np.unique(numbers)) <= 20


def _errors(source: Source, target: str, prediction: str, *, levels: bool) -> np.ndarray:
    if levels:
        truth, said = (as_levels(source.column(name), "category")[0] for name in (target, prediction))
        both = (truth.is_not_null() & said.is_not_null()).to_numpy()
        return (truth != said).fill_null(True).to_numpy()[both].astype(np.float64)
    truth_numbers, said_numbers = (as_numbers(source.column(name), "numeric", "")[0] for name in (target, prediction))
    errors = np.abs(truth_numbers - said_numbers)
    return errors[np.isfinite(errors)]


def _difference(before: np.ndarray, after: np.ndarray, *, levels: bool) -> tuple[float, str]:
    if levels:
        from scipy.stats import hypergeom

        wrong, n, m = int(after.sum()), len(before), len(after)
        law = hypergeom(n + m, int(before.sum()) + wrong, m)
        return min(1.0, 2 * float(min(law.cdf(wrong), law.sf(wrong - 1)))), "Fisher's exact test"
    from scipy.stats import ttest_ind

    if before.std() == 0 and after.std() == 0:
        return (1.0 if before.mean() == after.mean() else 0.0), "no spread"
    return float(ttest_ind(before, after, equal_var=False).pvalue), "Welch's t test"
