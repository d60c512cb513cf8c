"""`compare`: is the current data still like the reference, and what changed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossmith._checks import Finding
from lossmith._errors import DomainError, InvalidInputError
from lossmith._names import split_names
from lossmith.drift import _decide, _extras
from lossmith.drift._checks import CHECKS
from lossmith.drift._columns import Plan, examined
from lossmith.drift._detectors import DEFAULT, DETECTORS, Detector
from lossmith.drift._profile import counted, profile
from lossmith.drift._records import ColumnProfile, Profile
from lossmith.drift._result import ColumnDrift, Drift
from lossmith.drift._source import Source, open_source

__all__ = ["compare"]

_ORDER = {"drifted": 0, "gone": 1, "small": 2, "stable": 3, "new": 4, "not tested": 5}
_JOINT_AUTO = ("classifier",)


def compare(
    reference: Any,
    current: Any,
    *,
    detectors: Sequence[str | Detector] | str | None = None,
    joint: Sequence[str | Detector] | str | None = "auto",
    level: float = 0.05,
    correction: str = "benjamini_hochberg",
    minimum_effect: float = 0.02,
    blocks: int | str | None = None,
    columns: Sequence[str] | None = None,
    target: str | None = None,
    prediction: str | None = None,
    resamples: int | None = None,
    seed: int = 0,
) -> Drift:
    """Return what changed between a reference and current data, and whether it is more than chance.

    Use it on two tables, or on a stored profile and a table. Every detector is judged by its law for the sizes at
    hand, the smallest p-value of a column is multiplied by the number of its detectors, columns are corrected
    together, and a change counts only if it is also larger than `minimum_effect`.

    Parameters
    ----------
    reference : Profile, or data as for `profile`
        A path may be that of a stored profile. Detectors that read rows, joint ones and blocks need data.
    current : data as for `profile`
    detectors : names of `DETECTORS`, or records of your own
        By default `jensen_shannon_divergence`, and `binned_anderson_darling` for ordered columns.
    joint : names of joint detectors, "auto" or None
        "auto": the classifier, where there are rows of both and at least two columns.
    level : float
        Of the decision over all columns.
    correction : str
        `benjamini_hochberg`, `benjamini_yekutieli`, `holm` or `none`.
    minimum_effect : float
        See `ColumnDrift.effect`; 0 makes every significant change count.
    blocks : int, "auto" or None
        Rows follow each other in time: relabel blocks of so many rows and not single ones.
    columns : sequence of str, optional
        Only these.
    target, prediction : str, optional
        The columns that hold labels and predictions; with both, performance is compared too.
    resamples : int, optional
        At most so many for each p-value; 5,000, or 40 for each column if that is more.
    seed : int

    Raises
    ------
    DataError, InvalidInputError, UnknownNameError
        Data that cannot be read, nothing in common, an unknown name, a level outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = compare({"x": rng.normal(size=1000)}, {"x": rng.normal(size=1000)})
    >>> found.alarm, found["x"].status
    (False, 'stable')
    """
    started = time.perf_counter()
    _check(level, minimum_effect, blocks, resamples)
    per_column, everything = _chosen(detectors, joint)
    stored, rows = _reference(reference, columns)
    source = open_source(current)
    kept = Profile(stored.name, stored.n_rows, _subset(stored, columns), stored.notes)
    now = counted(source, kept)
    plan = Plan(
        per_column, blocks, resamples or max(4999, 40 * len(kept.columns)), seed,
        None if rows is None else rows.column, source.column, rows is None,
    )  # fmt: skip
    found, findings = [], _schema(kept, now, source)
    for name, before in kept.columns.items():
        role = "target" if name == target else "prediction" if name == prediction else "feature"
        one, noted = examined(before, now.columns.get(name), plan, role)
        found.append(one)
        findings += noted
    if rows is not None:
        usable = [one.name for one in found if not math.isnan(one.p_value) and one.role == "feature"]
        extra, noted = _extras.joint(everything, rows, source, usable, kept, seed=seed, automatic=joint == "auto")
        found, findings = found + extra, findings + noted
    elif everything and joint != "auto":
        findings.append(CHECKS["LS709"].found(everything[0].name, "a joint detector needs the rows of the reference"))
    if target is not None and prediction is not None:
        found.append(_extras.performance(rows, source, target, prediction))
    elif target is not None or prediction is not None:
        _extras.known((target, prediction), source)
    decided = _decided(found, level, correction, minimum_effect)
    findings += [
        CHECKS["LS711"].found(one.name, f"{one.words}; effect {one.effect:.3f}, adjusted p {one.adjusted:.2g}")
        for one in decided
        if one.status == "small"
    ]
    result = Drift(
        kept.name, source.name, kept.n_rows, now.n_rows, tuple(decided), tuple(findings), level, correction,
        minimum_effect, plan.blocks is not None, time.perf_counter() - started,
    )  # fmt: skip
    # a gap of 0.5 sd is four standard errors where 1/n + 1/m is 1/64: above it the question need not be asked
    return (
        result if 1 / kept.n_rows + 1 / now.n_rows < 1 / 128 else replace(result, findings=(*findings, *_few(result)))
    )


def _few(result: Drift) -> list[Finding]:
    if result.blocks or not any(not math.isnan(one.p_value) for one in result.columns):
        return []
    shift = result.detectable
    if shift <= 0.5:
        return []
    words = (
        "no shift of a normal column up to 10 sd" if math.isnan(shift) else f"only a shift of {shift:.2g} sd or more"
    )
    return [CHECKS["LS705"].found("", f"{result.m:,} rows against {result.n:,}: {words} is found 80 % of the time")]


def _check(level: float, minimum_effect: float, blocks: int | str | None, resamples: int | None) -> None:
    if not 0 < level < 1:
        raise DomainError(f"level={level!r}", expected="a number between 0 and 1", advice="0.05 is the default")
    if not 0 <= minimum_effect < 0.84:
        raise DomainError(f"minimum_effect={minimum_effect!r}", expected="a number from 0 to 0.83 (the root of log 2)")
    if not (blocks is None or blocks == "auto" or (isinstance(blocks, int) and blocks >= 1)):
        raise InvalidInputError(f"blocks={blocks!r}", expected="a number of rows, 'auto' or None")
    if resamples is not None and resamples < 19:
        raise InvalidInputError(f"resamples={resamples!r}", expected="at least 19, for a p-value of 0.05")


def _names(chosen: Sequence[str | Detector] | str) -> list[Detector]:
    names = split_names(chosen) if isinstance(chosen, str) else list(chosen)
    if not names:
        raise InvalidInputError("no detector", expected="at least one name", advice="leave it out for the defaults")
    found = [name if isinstance(name, Detector) else DETECTORS[name] for name in names]
    return list({detector.name: detector for detector in found}.values())


def _chosen(
    detectors: Sequence[str | Detector] | str | None, joint: Sequence[str | Detector] | str | None
) -> tuple[tuple[Detector, ...], tuple[Detector, ...]]:
    found = [DETECTORS[name] for name in DEFAULT] if detectors is None else _names(detectors)
    if joint == "auto":
        together = [DETECTORS[name] for name in _JOINT_AUTO]
    else:
        together = _names(joint) if joint else []
    for detector in found:
        if detector.reads == "joint" and detector not in together:
            together = [detector] if joint == "auto" else [*together, detector]
    single = [detector.name for detector in together if detector.reads != "joint"]
    if single:
        raise InvalidInputError(
            f"{single[0]!r} as a joint detector",
            expected="a detector of all columns at once",
            advice="name it under detectors",
        )
    return tuple(one for one in found if one.reads != "joint"), tuple(together)


def _reference(reference: Any, columns: Sequence[str] | None) -> tuple[Profile, Source | None]:
    from lossmith.drift._profile_file import is_profile

    if isinstance(reference, Profile):
        return reference, None
    if isinstance(reference, str | Path) and is_profile(Path(reference)):
        return Profile.read(reference), None
    source = open_source(reference)
    return profile(source, columns=columns), source


def _subset(stored: Profile, columns: Sequence[str] | None) -> dict[str, ColumnProfile]:
    if columns is None:
        return dict(stored.columns)
    asked = [columns] if isinstance(columns, str) else list(columns)
    return {name: stored[name] for name in dict.fromkeys(asked)}


def _schema(kept: Profile, now: Profile, source: Source) -> list[Finding]:
    if not now.columns:
        from lossmith._errors import DataError

        raise DataError(
            f"{source.name} has none of the {len(kept.columns)} columns of {kept.name}",
            expected="the same columns", advice=f"the reference has {', '.join(list(kept.columns)[:3])}",
        )  # fmt: skip
    gone = [CHECKS["LS701"].found(name, f"not in {source.name}") for name in kept.columns if name not in now.columns]
    new = [CHECKS["LS702"].found(name, f"not in {kept.name}") for name in source.names if name not in kept.columns]
    return gone + new


def _decided(found: Sequence[ColumnDrift], level: float, correction: str, minimum_effect: float) -> list[ColumnDrift]:
    tested = [place for place, one in enumerate(found) if not math.isnan(one.p_value)]
    corrected = _decide.adjusted([found[place].p_value for place in tested], correction)
    decided = list(found)
    for place, adjusted in zip(tested, corrected, strict=True):
        one = found[place]
        if one.status == "drifted":  # a changed type needs no test
            continue
        large = math.isnan(one.effect) or one.effect >= minimum_effect
        status: Any = "stable" if adjusted > level else "drifted" if large else "small"
        decided[place] = replace(one, adjusted=float(adjusted), status=status)
    # permutation p-values end at 1 / (resamples + 1), so that what drifted is ordered by how far
    return sorted(decided, key=lambda one: (_ORDER[one.status], one.role == "joint", -_size(one), _p(one)))


def _p(one: ColumnDrift) -> float:
    return one.adjusted if not math.isnan(one.adjusted) else 0.0


def _size(one: ColumnDrift) -> float:
    return one.effect if not math.isnan(one.effect) else 0.0
