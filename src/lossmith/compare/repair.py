"""A damaged store repaired: every row whose checksum fits, in a new file; nothing in it is guessed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossmith._errors import StoreError
from lossmith.compare._carving import carved
from lossmith.compare._rows import COLUMNS, is_whole
from lossmith.compare._sqlite import FAILURES, connect
from lossmith.compare.store import Store

__all__ = ["Repaired", "repair", "repaired_path"]

Rows = dict[str, dict[Any, tuple[Any, ...]]]  # table -> identity -> columns as in COLUMNS


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair found.

    Attributes
    ----------
    path : Path
        The new store.
    runs, groups, results : int
        Rows that were whole, and are in it.
    lost : tuple of str
        What was seen and is not in it, in words.
    unfinished : tuple of int
        Runs without a result: resume them; what is missing is trained again.
    """

    path: Path
    runs: int
    groups: int
    results: int
    lost: tuple[str, ...]
    unfinished: tuple[int, ...]

    def __str__(self) -> str:
        parts = (f"{self.runs:,} run", f"{self.groups:,} group", f"{self.results:,} result")
        counts = (self.runs, self.groups, self.results)
        found = ", ".join(part + ("" if count == 1 else "s") for part, count in zip(parts, counts, strict=True))
        lines = [f"whole: {found}, now in {str(self.path)!r}", *(f"lost: {what}" for what in self.lost)]
        lines += [f"next: lossmith runs resume {run} --store {self.path}" for run in self.unfinished]
        return "\n".join(lines)


def repaired_path(path: Path) -> Path:
    """Return where a repaired store goes if nothing is said.

    Examples
    --------
    >>> repaired_path(Path("results/lossmith.db")).as_posix()
    'results/lossmith-repaired.db'
    """
    return path.with_name(f"{path.stem}-repaired{path.suffix}")


def repair(path: str | Path, *, to: str | Path | None = None) -> Repaired:
    """Write what is whole of a damaged store into a new one; the damaged file stays as it is.

    Use it where a store is refused as damaged. A row counts as whole where its checksum fits, so that no number can come out
    wrong: what does not fit is left out and trained again by `lossmith runs resume`. Where the tables themselves cannot be
    read, rows are looked for in every page of the file and of its log; runs that were deleted not long ago may come back.

    Parameters
    ----------
    path : path
        The damaged store.
    to : path, optional
        A file that does not exist; by default `lossmith-repaired.db` for `lossmith.db`.

    Raises
    ------
    StoreError
        No such file, nothing in it is whole, or the new file exists or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Store.open(f"{folder.name}/lossmith.db") as store:
    ...     run = store.create_run(kind="compare", name="circles", settings={}, data={}, fingerprint="", versions={})
    >>> found = repair(f"{folder.name}/lossmith.db")
    >>> found.runs, found.lost, found.unfinished, found.path.name
    (1, (), (1,), 'lossmith-repaired.db')
    >>> folder.cleanup()
    """
    place = Path(path)
    target = repaired_path(place) if to is None else Path(to)
    if not place.is_file():
        raise StoreError(f"no store {str(place)!r}", expected="a damaged store", advice="check the path")
    if target.exists():
        raise StoreError(f"{str(target)!r} exists", expected="a new file", advice="give another name with --out")
    rows, failed = _found(place)
    if not rows["runs"]:
        raise StoreError(
            f"nothing of {str(place)!r} is whole",
            expected="a store of lossmith, at least one run of which is whole",
            advice="restore it from a copy",
        )
    known = set(rows["runs"])
    lost = [what for what in failed if what]
    for table, noun in (("groups", "group"), ("results", "result")):
        orphans = [row for row in rows[table].values() if row[0] not in known]
        rows[table] = {identity: row for identity, row in rows[table].items() if row[0] in known}
        lost += [f"{noun} of run {number}, which is lost itself" for number in sorted({row[0] for row in orphans})]
    with Store.open(target) as opened:
        opened.insert({table: list(found.values()) for table, found in rows.items()})
    unfinished = tuple(sorted(known - {row[0] for row in rows["results"].values()}))
    n_runs, n_groups, n_results = (len(rows[table]) for table in ("runs", "groups", "results"))
    return Repaired(target, n_runs, n_groups, n_results, tuple(dict.fromkeys(lost)), unfinished)


def _found(path: Path) -> tuple[Rows, list[str]]:
    """Return the rows that are whole, and what was seen of others."""
    rows: Rows = {table: {} for table in COLUMNS}
    failed: dict[Any, str] = {}
    sound = _from_tables(path, rows, failed)
    if not sound:
        for rowid, values in carved(path):
            for table, row in _as_rows(rowid, values):
                _take(table, row, rows, failed)
    return rows, [what for (table, identity), what in failed.items() if identity not in rows[table]]


def _from_tables(path: Path, rows: Rows, failed: dict[Any, str]) -> bool:
    """Read the tables as far as they can be read; return whether that was all of them."""
    try:
        connection = connect(path, read_only=True)
    except StoreError:
        return False
    try:
        sound = True
        for table, columns in COLUMNS.items():
            for order in ("", " ORDER BY rowid DESC"):
                try:
                    for row in connection.execute(f"SELECT {columns} FROM {table} NOT INDEXED{order}"):  # noqa: S608
                        _take(table, row, rows, failed)
                    break
                except FAILURES:
                    sound = False
        try:
            return sound and connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok"
        except FAILURES:
            return False
    finally:
        connection.close()


def _take(table: str, row: tuple[Any, ...], rows: Rows, failed: dict[Any, str]) -> None:
    identity = tuple(row[:2]) if table == "groups" else row[0]
    words = {
        "runs": f"run {row[0]}",
        "groups": f"group {row[1]!r} of run {row[0]}",
        "results": f"the result of run {row[0]}",
    }
    if is_whole(table, row):
        rows[table].setdefault(identity, row)
    else:
        failed[table, identity] = words[table] + " fails its checksum"


def _as_rows(rowid: int, values: list[Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield what a carved row may be; numbers that are whole are stored without their fraction."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        if len(values) == 10 and values[0] is None:
            _, kind, name, settings, data, versions, fingerprint, created, known, _ = values
            yield "runs", (rowid, kind, name, settings, data, versions, fingerprint, float(created), known)
        elif len(values) == 6 and values[0] is None:
            _, result, result_digest, seconds, summary, known = values
            yield "results", (rowid, result, result_digest, float(seconds), summary, known)
        elif len(values) == 4 and isinstance(values[0], int) and isinstance(values[2], bytes):
            yield "groups", tuple(values)
