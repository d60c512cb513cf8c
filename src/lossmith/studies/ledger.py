"""The ledger: every claim of the sources, what was reported, what was measured and what follows.

Results of studies are kept as JSON beside the ledger; the page is written from them, never by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lossmith._errors import InvalidInputError
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["machine", "read_result", "write_ledger", "write_result"]


def machine() -> str:
    """Return what kind of machine this is: cores and memory.

    Examples
    --------
    >>> machine().split()[1]
    'cores,'
    """
    import os

    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):  # not told on every system
        return f"{os.cpu_count()} cores, memory unknown"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB"


def write_result(
    result: StudyResult,
    folder: Path,
    *,
    versions: dict[str, str],
    measured: Mapping[str, str] | None = None,
    quick: bool = False,
    claims: Sequence[str] = (),
) -> list[Path]:
    """Write a study's rows and figures below `folder`; return the files.

    Parameters
    ----------
    measured : mapping, optional
        `date` and `machine` of the measurement; kept for every row.
    quick : bool
        A short run, which decides nothing where it says so.
    claims : sequence of str
        All ids of the study in their order, where `result` holds some of them: the rows of an earlier run stay.
    """
    (folder / "ledger").mkdir(parents=True, exist_ok=True)
    (folder / "gallery").mkdir(exist_ok=True)
    place = folder / "ledger" / f"{result.study}.json"
    rows = {row.id: row for row in result.rows}
    when = {row.id: dict(measured or {}) | ({"quick": "yes"} if quick else {}) for row in result.rows}
    sections, figures = dict(result.sections), set(result.figures)
    earlier = read_result(folder, result.study) if claims else None
    if earlier is not None:
        rows = {row.id: row for row in earlier["rows"]} | rows
        when = earlier["measured"] | when
        sections = dict(earlier["sections"]) | sections
        figures |= set(earlier["figures"])
    order = [name for name in claims if name in rows] + [name for name in rows if name not in claims]
    record = {
        "study": result.study,
        "versions": versions,
        "measured": {name: when[name] for name in order if when.get(name)},
        "rows": [asdict(rows[name]) for name in order],
        "sections": [list(section) for section in sections.items()],
        "figures": sorted(figures),
    }
    place.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    written = [place]
    for name, picture in result.figures.items():
        written.append(folder / "gallery" / name)
        written[-1].write_text(picture, encoding="utf-8")
    return written


def read_result(folder: Path, name: str) -> dict[str, Any] | None:
    """Return what `write_result` wrote, or None if the study has not been run."""
    place = folder / "ledger" / f"{name}.json"
    if not place.exists():
        return None
    try:
        record: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        record["rows"] = [Row(**row) for row in record["rows"]]
        record.setdefault("measured", {})
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInputError(
            f"{place.name} cannot be read: {error}",
            expected="what a study wrote",
            advice=f"run it again: lossmith study run {name}",
        ) from error
    return record


def write_ledger(studies: Iterable[Study], folder: Path) -> Path:
    """Write `ledger.md` below `folder` from the results of every study, and return its path.

    A claim of a study that has not been run is a row that says so.
    """
    lines = [
        "# Ledger",
        "",
        "Every claim of the sources: what was reported, what was measured, what follows. Written by `lossmith study run`; "
        "verdicts are computed from the numbers. A single published run is *reproduced* if it lies where one further run "
        "falls with probability 95 %, a *source error* if it does not but does under the faulty procedure that is named, "
        "and *differs* otherwise. A number that can be computed exactly is *reproduced* if it is the value, rounded or cut at its last "
        "printed digit.",
        "",
    ]
    for study in studies:
        record = read_result(folder, study.name)
        lines += [f"## {study.title}", "", f"Source {study.source}: {study.reference}. Command: `{study.command}`.", ""]
        lines += _measured(record["measured"] if record else {})
        lines += ["| id | claim | reported | measured | verdict | remark |", "|---|---|---|---|---|---|"]
        known = record["rows"] if record else []
        absent = [name for name in study.claims if name not in {row.id for row in known}]
        rows = [*known, *(Row(name, "", "", "", "not run", study.command) for name in absent)]
        for row in rows:
            picture = f" [figure](gallery/{row.figure})" if row.figure else ""
            cells = (row.id, row.claim, row.reported, row.measured, row.verdict, row.remark + picture)
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
        for title, text in record["sections"] if record else ():
            lines += [f"**{title}.** {text}.", ""]
    place = folder / "ledger.md"
    place.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return place


def _measured(when: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a sentence that says on which days and kinds of machine the rows were measured."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for name, one in when.items():
        kinds.setdefault((one.get("date", ""), one.get("machine", "")), []).append(name)
    if not kinds:
        return []
    if len(kinds) == 1:
        ((date, kind),) = kinds
        return [f"Measured on {date} ({kind}).", ""]
    parts = [f"{', '.join(names)} on {date} ({kind})" for (date, kind), names in kinds.items()]
    return [f"Measured: {'; '.join(parts)}.", ""]


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
