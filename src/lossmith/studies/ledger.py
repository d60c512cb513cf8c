"""The ledger: every claim of the sources, what was reported, what was measured and what follows.

Results of studies are kept as JSON beside the ledger; the page is written from them, never by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from lossmith._errors import InvalidInputError
from lossmith.studies._sources import BEYOND, SOURCES, source_of
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult

__all__ = ["machine", "read_result", "write_ledger", "write_result"]


def machine() -> str:
    """Return what kind of machine this is: cores and memory, and the accelerator that JAX has been using, if any.

    Examples
    --------
    >>> machine().split()[1]
    'cores,'
    """
    import os
    import sys

    try:
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError, OSError):  # not told on every system
        memory = "memory unknown"
    jax = sys.modules.get("jax")  # nothing has been trained where it is not loaded
    device = jax.devices()[0] if jax is not None else None
    with_it = f", {device.device_kind}" if device is not None and device.platform != "cpu" else ""
    return f"{os.cpu_count()} cores, {memory}{with_it}"


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
        `date`, `machine` and `fingerprint` of the measurement; kept for every row.
    quick : bool
        A short run, which decides nothing: it takes the place neither of a row that a full run has measured nor of a
        picture that is there.
    claims : sequence of str
        All ids of the study in their order, where `result` holds some of them: the rows of an earlier run stay.

    A row that was not run never takes the place of one that a full run has measured.
    """
    (folder / "ledger").mkdir(parents=True, exist_ok=True)
    (folder / "gallery").mkdir(exist_ok=True)
    place = folder / "ledger" / f"{result.study}.json"
    earlier: dict[str, Any] = {"rows": [], "measured": {}, "sections": [], "figures": []}
    try:
        earlier = read_result(folder, result.study) or earlier
    except InvalidInputError:  # a whole run replaces a file that cannot be read
        if claims:
            raise
    old = {row.id: row for row in earlier["rows"]}
    full = {
        row.id
        for row in earlier["rows"]
        if row.verdict != "not run" and "quick" not in earlier["measured"].get(row.id, {})
    }
    new = {row.id: row for row in result.rows if not (row.id in full and (quick or row.verdict == "not run"))}
    offered = {row.id for row in result.rows}
    kept = {name: row for name, row in old.items() if name not in new and (claims or name in offered)}
    rows = kept | new
    now = dict(measured or {}) | ({"quick": "yes"} if quick else {})
    when = {name: earlier["measured"].get(name, {}) for name in kept} | dict.fromkeys(new, now)
    sections, figures = dict(result.sections), set(result.figures)
    if kept:
        before = dict(earlier["sections"])
        sections = sections | before if quick else before | sections
        figures |= set(earlier["figures"])
    order = list(claims) or [row.id for row in result.rows]
    order = [name for name in order if name in rows] + [name for name in rows if name not in order]
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
        target = folder / "gallery" / name
        if not (quick and kept and target.exists()):
            target.write_text(picture, encoding="utf-8")
            written.append(target)
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
    """Write `ledger.md` below `folder` from the results of every study, a table for each source, and return its path.

    A claim that no study declares, or whose study has not been run, is a row that says so.
    """
    studies = tuple(studies)
    entries = _entries(studies, folder)
    groups = [(source.code, source.title, source.claims) for source in SOURCES]
    further = tuple(name for name in entries if source_of(name) == BEYOND)
    groups.append((BEYOND, "beyond the sources: what none of them claims", further))
    lines = [
        "# Ledger",
        "",
        "Every claim of the sources: what was reported, what was measured, what follows. Written by `lossmith study run`; "
        "verdicts are computed from the numbers. A single published run is *reproduced* if it lies where one further run "
        "falls with probability 95 %, a *source error* if it does not but does under the faulty procedure that is named, "
        "and *differs* otherwise. A number that can be computed exactly is *reproduced* if it is the value, rounded or cut at its last "
        "printed digit. One command measures everything again: `lossmith study run --all` (hours on two cores; `--quick` minutes, into a "
        "folder of its own); what has been measured by the same code, packages and data is kept.",
        "",
        *_summary(groups, entries),
    ]
    for code, title, claims in groups:
        if not claims:
            continue
        found = {
            name: entries.get(name) or _Entry(Row(name, "", "", "", "not run", "no study measures it"))
            for name in claims
        }
        lines += [f"## {code}: {title}", "", *_measured({name: one.when for name, one in found.items()})]
        lines += ["| id | claim | reported | measured | verdict | remark | command |", "|---|---|---|---|---|---|---|"]
        for one in found.values():
            row = one.row
            picture = f" [figure](gallery/{row.figure})" if row.figure else ""
            command = f"`{one.command}`" if one.command else ""
            cells = (row.id, row.claim, row.reported, row.measured, row.verdict, row.remark + picture, command)
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
    for study in studies:
        record = read_result(folder, study.name)
        if record and record["sections"]:
            lines += [f"## Verdicts of {study.name}", ""]
            for title, text in record["sections"]:
                lines += [f"**{title}.** {text}.", ""]
    place = folder / "ledger.md"
    place.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return place


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row with the command that measures it, and when and where it was measured."""

    row: Row
    command: str = ""
    when: Mapping[str, str] = field(default_factory=dict)


def _entries(studies: Iterable[Study], folder: Path) -> dict[str, _Entry]:
    """Return every claim that the studies declare, measured or not."""
    found: dict[str, _Entry] = {}
    for study in studies:
        record = read_result(folder, study.name) or {"rows": [], "measured": {}}
        rows = {row.id: row for row in record["rows"]}
        for name in study.claims:
            row = rows.get(name) or Row(name, "", "", "", "not run", f"not yet measured: {study.command}")
            command = f"{study.command} --claims {name}" if study.by_claim else study.command
            found[name] = _Entry(row, command, record["measured"].get(name, {}))
    return found


def _summary(groups: Sequence[tuple[str, str, Sequence[str]]], entries: Mapping[str, _Entry]) -> list[str]:
    """Return a table of how many claims of each source have each verdict."""
    verdicts = get_args(RowVerdict)
    lines = ["| source | claims | " + " | ".join(verdicts) + " |", "|---" * (len(verdicts) + 2) + "|"]
    for code, title, claims in groups:
        said = [entries[name].row.verdict if name in entries else "not run" for name in claims]
        counts = " | ".join(str(said.count(verdict)) for verdict in verdicts)
        lines.append(f"| {code}: {title} | {len(claims)} | {counts} |")
    return [*lines, ""]


def _measured(when: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a sentence that says on which days and kinds of machine the rows were measured."""
    kinds: dict[str, list[str]] = {}
    for name, one in when.items():
        if one:
            short = ", quick run" if one.get("quick") else ""
            kinds.setdefault(f"{one.get('date', '')} ({one.get('machine', '')}{short})", []).append(name)
    if not kinds:
        return []
    if len(kinds) == 1 and all(when.values()):
        return [f"Measured on {next(iter(kinds))}.", ""]
    return [f"Measured: {'; '.join(f'{_runs(names, list(when))} on {kind}' for kind, names in kinds.items())}.", ""]


def _runs(names: Sequence[str], order: Sequence[str]) -> str:
    """Return ids as a list in which three or more neighbours are `first to last`."""
    parts: list[list[str]] = []
    for name in names:
        if parts and order.index(name) == order.index(parts[-1][-1]) + 1:
            parts[-1].append(name)
        else:
            parts.append([name])
    return ", ".join(f"{part[0]} to {part[-1]}" if len(part) > 2 else ", ".join(part) for part in parts)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
