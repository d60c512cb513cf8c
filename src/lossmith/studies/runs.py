"""Running studies: one, or all of them one after the other, each written as soon as it is measured.

What has been measured by the same code, with the same packages and on the same data is not measured again, so that a run
that was interrupted goes on where it stopped. A study that fails does not stop the others.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from lossmith._errors import InvalidInputError, LossmithError
from lossmith.compare.versions import versions
from lossmith.studies._spec import Row, Study
from lossmith.studies.ledger import machine, read_result, write_result

__all__ = ["Outcome", "fingerprint", "open_claims", "run_every", "run_study"]

_DEPTH = 2  # folders below LOSSMITH_DATA that are looked into


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one study of a run.

    Attributes
    ----------
    study : str
    state : {"measured", "kept", "failed"}
        `kept`: every claim had been measured by the same code, packages and data.
    rows : tuple of Row
        What was found now, or before where it was kept; empty where the study failed.
    seconds : float
    why : str
        The error, where it failed.
    """

    study: str
    state: Literal["measured", "kept", "failed"]
    rows: tuple[Row, ...]
    seconds: float
    why: str = ""

    def verdicts(self) -> dict[str, int]:
        """Return how many rows have each verdict."""
        found: dict[str, int] = {}
        for row in self.rows:
            found[row.verdict] = found.get(row.verdict, 0) + 1
        return found


@functools.cache
def _code(module: str) -> str:
    """Return a digest of the code that a study can reach: the package without its commands and the other studies."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        other = place.parts[0] == "studies" and not path.stem.startswith("_") and path.stem != module
        if place.parts[0] == "cli" or other:
            continue
        digest.update(f"{place.as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _data() -> list[tuple[str, int]]:
    """Return names and sizes of the files that LOSSMITH_DATA offers."""
    folder = os.environ.get("LOSSMITH_DATA")
    if not folder or not Path(folder).is_dir():
        return []
    found, waiting = [], [(Path(folder), 0)]
    while waiting:
        here, depth = waiting.pop()
        for entry in os.scandir(here):
            if entry.is_dir() and depth < _DEPTH:
                waiting.append((Path(entry.path), depth + 1))
            elif entry.is_file():
                found.append((Path(entry.path).relative_to(folder).as_posix(), entry.stat().st_size))
    return sorted(found)


def fingerprint(study: Study, *, quick: bool) -> str:
    """Return SHA-256 of everything that the rows of a study depend on: its code, packages, data and length.

    Examples
    --------
    >>> from lossmith.studies import STUDIES
    >>> one, two = (fingerprint(STUDIES["constraints"], quick=quick) for quick in (True, False))
    >>> len(one), one == two
    (64, False)
    """
    stem = sys.modules[study.run.__module__].__name__.rpartition(".")[2]
    parts = [study.name, list(study.claims), _code(stem), sorted(versions().items()), _data(), quick]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def open_claims(study: Study, folder: Path, *, quick: bool) -> tuple[str, ...]:
    """Return the claims that have no row of the same fingerprint below `folder`, or one without a measurement."""
    wanted = fingerprint(study, quick=quick)
    try:
        record = read_result(folder, study.name)
    except InvalidInputError:  # measured again, and written anew
        record = None
    if record is None:
        return study.claims
    done = {
        row.id
        for row in record["rows"]
        if record["measured"].get(row.id, {}).get("fingerprint") == wanted
        and (row.verdict != "not run" or row.measured)
    }
    return tuple(name for name in study.claims if name not in done)


def run_study(
    study: Study, folder: Path, *, quick: bool = False, claims: Sequence[str] | None = None, progress: Any = None
) -> tuple[Row, ...]:
    """Measure a study, or some of its claims, write what it found below `folder`, and return the rows.

    Raises
    ------
    LossmithError
        The study left out a claim that it declares, or found one that it does not.
    """
    some = {} if claims is None else {"claims": tuple(claims)}
    result = study.run(quick=quick, progress=progress, **some)
    found = [row.id for row in result.rows]
    wanted = set(study.claims if claims is None else claims)
    wrong = sorted(wanted - set(found)) + sorted(set(found) - set(study.claims))
    if wrong or len(found) != len(set(found)):
        raise LossmithError(
            f"the study {study.name} returned the rows {', '.join(found)}",
            expected=f"one row for each of {', '.join(study.claims if claims is None else claims)}",
            advice="this is a fault of the study: please report it",
        )
    measured = {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "machine": machine(),
        "fingerprint": fingerprint(study, quick=quick),
    }
    order = study.claims if some else ()
    write_result(result, folder, versions=versions(), measured=measured, quick=quick, claims=order)
    return result.rows


def run_every(
    studies: Iterable[Study],
    folder: Path,
    *,
    quick: bool = False,
    fresh: bool = False,
    show: Callable[[Study], AbstractContextManager[Any]] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Outcome]:
    """Yield what became of each study, after it was written below `folder`.

    Parameters
    ----------
    fresh : bool
        Measure again what is there already.
    show : callable, optional
        Returns a context manager whose value is told of the progress of a study.
    clock : callable
        Returns seconds.
    """
    for study in studies:
        began = clock()
        left = study.claims if fresh else open_claims(study, folder, quick=quick)
        if not left:
            record = read_result(folder, study.name)
            yield Outcome(study.name, "kept", tuple(record["rows"]) if record else (), clock() - began)
            continue
        some = left if study.by_claim and len(left) < len(study.claims) else None
        try:
            with nullcontext() if show is None else show(study) as progress:
                rows = run_study(study, folder, quick=quick, claims=some, progress=progress)
        except Exception as error:  # one study that fails must not cost the others
            why = str(error) if isinstance(error, LossmithError) else f"{type(error).__name__}: {error}"
            yield Outcome(study.name, "failed", (), clock() - began, " ".join(why.split()))
        else:
            yield Outcome(study.name, "measured", rows, clock() - began)
