"""Rows of the store: what a run is without its arrays, and the checksums that every row carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lossmith._errors import StoreError
from lossmith.compare._json import from_plain
from lossmith.compare._sqlite import repairing
from lossmith.compare.ownership import is_alive

__all__ = ["COLUMNS", "SELECT", "RunRow", "Status", "damaged", "digest", "is_whole", "renumbered", "run_row"]

Status = Literal["finished", "running", "interrupted"]

SELECT = (
    "SELECT runs.id, kind, name, settings, data, versions, fingerprint, created, runs.digest, owner,"
    " result_digest, seconds, summary, results.digest,"
    " (SELECT count(*) FROM groups WHERE groups.run = runs.id)"
    " FROM runs LEFT JOIN results ON results.run = runs.id"
)
COLUMNS = {
    "runs": "id, kind, name, settings, data, versions, fingerprint, created, digest",
    "groups": "run, key, payload, digest",
    "results": "run, result, result_digest, seconds, summary, digest",
}


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a store, without its arrays.

    Attributes
    ----------
    run : int
        Its number; numbers are never used again.
    kind, name : str
        What ran ("compare") and on which data.
    status : {"finished", "running", "interrupted"}
    created : float
        Unix time in seconds.
    seconds : float or None
        Wall time, once finished.
    summary : str
        The verdict in one sentence, once finished.
    settings, data, versions : mapping
        What is needed to repeat it.
    fingerprint : str
        Of the data.
    n_groups : int
        Groups that are stored.
    """

    run: int
    kind: str
    name: str
    status: Status
    created: float
    seconds: float | None
    summary: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    versions: Mapping[str, str]
    fingerprint: str
    n_groups: int


def run_row(row: tuple[Any, ...], path: Path) -> RunRow:
    """Return one row of `SELECT` as a record, after testing its checksum.

    Raises
    ------
    StoreError
        It is damaged.
    """
    *facts, known, owner, result_digest, seconds, summary, ending_known, n_groups = row
    run, kind, name, *texts, fingerprint, created = facts
    if digest(*facts) != known:
        raise damaged(run, path, "its settings")
    if ending_known is not None and digest(run, result_digest, seconds, summary) != ending_known:
        raise damaged(run, path, "its result")
    try:
        settings, data, versions = (from_plain(json.loads(text)) for text in texts)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(
            f"run {run} in {str(path)!r} has settings that lossmith did not write", advice=f"delete the run: {error}"
        ) from error
    status: Status = "interrupted"
    if ending_known is not None:
        status = "finished"
    elif owner is not None and is_alive(owner):
        status = "running"
    return RunRow(
        run, kind, name, status, created, seconds, summary or "", settings, data, versions, fingerprint, n_groups
    )


def damaged(run: int, path: Path, what: str) -> StoreError:
    """Return the error for a part of a run whose checksum does not fit."""
    return StoreError(f"run {run} in {str(path)!r} is damaged: {what} fails its checksum", advice=repairing(path))


def is_whole(table: str, row: tuple[Any, ...]) -> bool:
    """Return whether a row, its columns as in `COLUMNS`, fits its checksums."""
    *facts, known = row
    if table == "results":
        run, result, result_digest, seconds, summary = facts
        return digest(result) == result_digest and digest(run, result_digest, seconds, summary) == known
    return bool(digest(*facts) == known)


def renumbered(table: str, row: tuple[Any, ...], run: int) -> tuple[Any, ...]:
    """Return a row of another run, with its checksum made anew."""
    facts = (run, *row[1:-1])
    return (*facts, digest(run, *facts[2:]) if table == "results" else digest(*facts))


def digest(*parts: object) -> str:
    """Return the SHA-256 of parts, each with its length so that none can run into the next."""
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass")
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()
