"""What studies of estimators share: where real files are, and rows whose verdict follows from numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from lossmith.studies._spec import Row, RowVerdict, StudyResult

__all__ = ["confirmed", "faulty", "find", "measured", "not_run", "shown"]


def find(name: str) -> Path | None:
    """Return a file of the folder that LOSSMITH_DATA names, or None where it is not there."""
    folder = os.environ.get("LOSSMITH_DATA")
    path = Path(folder) / name if folder else None
    return path if path is not None and path.is_file() else None


def confirmed(
    id_: str,
    claim: str,
    reported: str,
    measured: Sequence[float],
    expected: Sequence[float],
    *,
    within: float,
    remark: str = "",
    figure: str = "",
) -> Row:
    """Return a row that is reproduced if every measured number is within a distance of the expected one, and differs otherwise."""
    close = all(abs(one - other) <= within for one, other in zip(measured, expected, strict=True))
    verdict: RowVerdict = "reproduced" if close else "differs"
    text = ", ".join(f"{value:.5g}" for value in measured)
    values = {f"value_{place}": float(value) for place, value in enumerate(measured)}
    return Row(id_, claim, reported, text, verdict, remark, values, figure)


def shown(
    id_: str, claim: str, measured: str, values: Mapping[str, float], *, remark: str = "", figure: str = ""
) -> Row:
    """Return a row for a claim without a number in the source."""
    return Row(id_, claim, "", measured, "no number in source", remark, dict(values), figure)


def faulty(
    id_: str,
    claim: str,
    reported: str,
    measured: str,
    values: Mapping[str, float],
    *,
    wrong: bool,
    remark: str,
    figure: str = "",
) -> Row:
    """Return a row that is a source error if the measurement shows it (`wrong`), and differs otherwise."""
    return Row(id_, claim, reported, measured, "source error" if wrong else "differs", remark, dict(values), figure)


def not_run(id_: str, claim: str, file: str) -> Row:
    """Return a row for a claim whose file is not there."""
    return Row(id_, claim, "", "", "not run", f"needs {file} below the folder that LOSSMITH_DATA names")


def measured(
    study: str,
    parts: Mapping[str, Callable[[], Row | tuple[Row, str]]],
    *,
    claims: Collection[str] | None,
    progress: Callable[[float, int, str, str], None] | None,
) -> StudyResult:
    """Return the rows of a study whose claims are measured one by one; a part returns its row, or row and picture."""
    wanted = [name for name in parts if claims is None or name in claims]
    rows, figures = [], {}
    for place, name in enumerate(wanted):
        if progress is not None:
            progress(place, len(wanted), "measuring", name)
        found = parts[name]()
        row, picture = found if isinstance(found, tuple) else (found, None)
        rows.append(row)
        if picture is not None:
            figures[row.figure] = picture
    return StudyResult(study, tuple(rows), figures)
