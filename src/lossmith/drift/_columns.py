"""One column: its cells, its detectors, its p-value."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith import divergence
from lossmith._checks import Finding
from lossmith.drift import _blocks, _null, _words
from lossmith.drift._checks import CHECKS
from lossmith.drift._decide import together
from lossmith.drift._detectors import SMOOTHING, Detector
from lossmith.drift._kinds import as_numbers
from lossmith.drift._records import ColumnProfile
from lossmith.drift._result import ColumnDrift, Judgement, Status
from lossmith.drift._source import Values
from lossmith.drift._table import Cells, side_by_side

__all__ = ["Plan", "examined"]

_TYPE_SHARE = 0.5  # of unreadable cells, above which the type has changed


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How columns are examined."""

    detectors: tuple[Detector, ...]
    blocks: int | str | None
    resamples: int
    seed: int
    reference_rows: Callable[[str], Values] | None
    current_rows: Callable[[str], Values]
    profile_only: bool

    def generator(self, name: str) -> np.random.Generator:
        """Return the generator of a column: the same whichever columns stand beside it."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])


def _untested(before: ColumnProfile, status: Status, role: Any, words: str) -> ColumnDrift:
    empty = np.zeros(0)
    return ColumnDrift(
        before.name,
        before.kind,
        role,
        status,
        math.nan,
        math.nan,
        math.nan,
        (),
        words,
        (),
        empty,
        empty,
        empty,
        math.nan,
    )


def examined(
    before: ColumnProfile, now: ColumnProfile | None, plan: Plan, role: str
) -> tuple[ColumnDrift, list[Finding]]:
    """Return a column with its p-value, not yet decided, and what is to be said about it."""
    name = before.name
    if now is None:
        return _untested(before, "gone", role, "the column is gone"), []
    if before.kind == "unsupported":
        finding = CHECKS["LS712"].found(name, f"of type {before.dtype}")
        return _untested(before, "not tested", role, f"values of type {before.dtype} are not compared"), [finding]
    moved = _moves_with_time(before, now)
    if moved:
        return _untested(before, "not tested", role, moved), [CHECKS["LS707"].found(name, moved)]
    cells = side_by_side(before, now)
    findings = _noted(before, now)
    judgements, noted = _judged(before, now, cells, plan)
    findings += noted
    changed = any(finding.code == "LS703" for finding in findings)
    words = _words.change(before, now, cells)
    if changed:
        words = f"type {before.dtype} to {now.dtype}, {now.invalid / now.n:.0%} not readable as {before.kind}"
    p_value = together([one.p_value for one in judgements]) if judgements else math.nan
    js = _js_terms(cells)
    chance = (len(js) - 1) / 8 * (1 / before.n + 1 / now.n)
    effect = math.sqrt(max(0.0, float(js.sum()) - chance)) if len(js) else 0.0
    kl = float(divergence.kl_divergence(cells.current, cells.reference, given="counts", smoothing=SMOOTHING))
    labels = tuple(_words.cell_name(cell, before.kind) for cell in cells.names)
    status: Status = "drifted" if changed else "stable"
    return ColumnDrift(
        name, before.kind, role, status, p_value, p_value, effect, judgements, words, labels,  # type: ignore[arg-type]
        cells.reference.astype(np.int64), cells.current.astype(np.int64), js, kl,
    ), findings  # fmt: skip


def _moves_with_time(before: ColumnProfile, now: ColumnProfile) -> str:
    if not before.present or not now.present or now.missing or now.invalid:
        return ""
    if before.kind == "date" and now.low >= before.high:
        return f"dates from {_words.number(now.low, 'date')} on follow those of the reference"
    if before.counter and now.counter:
        return "it only counts the rows"
    return ""


def _noted(before: ColumnProfile, now: ColumnProfile) -> list[Finding]:
    name, found = before.name, []
    if now.invalid > _TYPE_SHARE * now.n:
        found.append(
            CHECKS["LS703"].found(name, f"{now.invalid:,} of {now.n:,} cells of type {now.dtype} are no {before.kind}")
        )
    elif now.invalid:
        found.append(CHECKS["LS704"].found(name, f"{now.invalid:,} of {now.n:,} cells are no {before.kind}"))
    if not before.present:
        found.append(CHECKS["LS708"].found(name, f"all {before.n:,} rows of the reference are missing"))
    if before.infinite or now.infinite:
        found.append(CHECKS["LS710"].found(name, f"{before.infinite:,} in the reference, {now.infinite:,} now"))
    return found


def _js_terms(cells: Cells) -> np.ndarray:
    p, q = (
        np.asarray(divergence.probabilities(side, smoothing=SMOOTHING)) for side in (cells.current, cells.reference)
    )
    middle = (p + q) / 2
    return np.maximum(0.5 * (p * np.log(p / middle) + q * np.log(q / middle)), 0.0)


def _judged(
    before: ColumnProfile, now: ColumnProfile, cells: Cells, plan: Plan
) -> tuple[tuple[Judgement, ...], list[Finding]]:
    generator = plan.generator(before.name)
    findings: list[Finding] = []
    usable = []
    ordered = slice(0, cells.n_ordered)
    present = cells.n_ordered >= 1 and cells.reference[ordered].sum() > 0 and cells.current[ordered].sum() > 0
    for detector in plan.detectors:
        if detector.reads == "cells" or (present and before.ordered):
            if detector.reads == "rows" and plan.reference_rows is None:
                findings.append(CHECKS["LS709"].found(before.name, f"{detector.name} needs the rows of the reference"))
            else:
                usable.append(detector)
    if not any(detector.reads == "cells" for detector in usable):
        # what reads only numbers that are there is blind to missing ones; and every column is looked at somehow
        usable += _companions(cells, usable)
    drawn = _blocks.draws(before, now, cells, plan, generator) if plan.blocks is not None else None
    if plan.blocks is None and plan.reference_rows is not None and before.kind in ("numeric", "integer"):
        finding = _blocks.autocorrelated(before, plan)
        findings += [finding] if finding else []
    found, waiting = [], []
    for detector in usable:
        if detector.reads == "rows":
            if drawn is not None:
                findings.append(CHECKS["LS709"].found(before.name, f"{detector.name} cannot relabel blocks"))
                continue
            found.append(_of_rows(detector, before, plan))
        elif drawn is None and _has_law(detector, cells):
            found.append(_by_law(detector, cells))
        else:
            waiting.append(detector)
    return (*found, *_by_permutation(waiting, cells, plan, generator, drawn)), findings


def _companions(cells: Cells, usable: list[Detector]) -> list[Detector]:
    from lossmith.drift._detectors import DETECTORS

    whole = len(cells.names) > cells.n_ordered
    if usable and not whole:
        return []
    return [DETECTORS["jensen_shannon_divergence"]]


def _part(detector: Detector, cells: Cells) -> slice:
    return slice(0, cells.n_ordered) if detector.reads == "order" else slice(None)


def _has_law(detector: Detector, cells: Cells) -> bool:
    if len(cells.names) < 2:
        return True
    if detector.reads == "order":
        return detector.name == "binned_anderson_darling" and _expected(cells, cells.n_ordered) >= _null.EXPECTED_ORDER
    return detector.chi_squared != 0 and cells.expected >= _null.EXPECTED


def _expected(cells: Cells, count: int) -> float:
    n, m = cells.reference[:count].sum(), cells.current[:count].sum()
    return float((cells.reference + cells.current)[:count].min() * min(n, m) / (n + m))


def _by_law(detector: Detector, cells: Cells) -> Judgement:
    part = _part(detector, cells)
    current, reference = cells.current[part], cells.reference[part]
    value = float(detector.function(current, reference))
    if len(current) < 2:
        return Judgement(detector.name, value, 0.0, 1.0, "one cell")
    if detector.reads == "order":
        return Judgement(
            detector.name, value, 1.0, _null.order_p(value, current, reference), "weighted chi-squared law"
        )
    chance = _chance(detector, current, reference)
    return Judgement(
        detector.name, value, chance, _null.chi_squared_p(detector, value, current, reference), "chi-squared law"
    )


def _chance(detector: Detector, current: np.ndarray, reference: np.ndarray) -> float:
    """Return the mean of the chi-squared law in units of the value."""
    degrees = len(current) - 1
    if detector.chi_squared < 0:
        return float(degrees)
    scale = 1 / float(reference.sum()) + 1 / float(current.sum())
    return float((degrees * scale / detector.chi_squared) ** (1 / detector.power)) if detector.chi_squared else math.nan


def _by_permutation(
    detectors: list[Detector], cells: Cells, plan: Plan, generator: np.random.Generator, drawn: Any
) -> list[Judgement]:
    if not detectors:
        return []

    def statistic(detector: Detector) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        part = _part(detector, cells)
        return lambda current, reference: np.asarray(detector.function(current[..., part], reference[..., part]))

    p_values = _null.permutation_p(
        [statistic(detector) for detector in detectors], cells.current, cells.reference,
        resamples=plan.resamples, generator=generator, draw=drawn,
    )  # fmt: skip
    method = "permutation" if drawn is None else "permutation of blocks"
    return [
        Judgement(
            detector.name, float(statistic(detector)(cells.current, cells.reference)),
            _chance(detector, cells.current, cells.reference) if detector.reads == "cells" else math.nan, p_value, method,
        )
        for detector, p_value in zip(detectors, p_values, strict=True)
    ]  # fmt: skip


def _of_rows(detector: Detector, before: ColumnProfile, plan: Plan) -> Judgement:
    if plan.reference_rows is None:
        return Judgement(detector.name, math.nan, math.nan, 1.0, "no rows")
    sides = []
    for rows in (plan.reference_rows, plan.current_rows):
        numbers, _ = as_numbers(rows(before.name), before.kind, before.notation)
        sides.append(numbers[np.isfinite(numbers)])
    if not len(sides[0]) or not len(sides[1]):
        return Judgement(detector.name, math.nan, math.nan, 1.0, "no finite number")
    value, p_value, method = detector.function(*sides, plan.resamples)
    return Judgement(detector.name, value, math.nan, p_value, method)
