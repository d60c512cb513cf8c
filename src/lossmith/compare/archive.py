"""A run of a store as one Parquet file, and back: to hand it on, to keep it, or to look at it with other tools.

One row for each row of the store: `table` ("runs", "groups" or "results"), `run`, `key` (of a group), `facts` (the other columns
as a JSON list), `payload` (the arrays of a group, as a safetensors file) and `digest`, the checksum that the row has in the store.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import safetensors
import safetensors.numpy

from lossmith._errors import DataError, StoreError
from lossmith._tensor_file import write
from lossmith.compare._json import from_plain
from lossmith.compare._rows import is_whole
from lossmith.compare.store import Store
from lossmith.data import read_columnar

__all__ = ["export_run", "import_run", "to_bytes"]

SCHEMA = {
    "table": pl.String, "run": pl.Int64, "key": pl.String, "facts": pl.String, "payload": pl.Binary, "digest": pl.String,
}  # fmt: skip
# columns between the number of the run and the checksum, and their types
FACTS: dict[str, tuple[type, ...]] = {
    "runs": (str, str, str, str, str, str, float), "groups": (), "results": (str, str, float, str),
}  # fmt: skip

PathType = str | os.PathLike[str]


def to_bytes(store: Store, run: int) -> bytes:
    """Return the Parquet file of a run.

    Raises
    ------
    StoreError
        No such run, or it is damaged.
    """
    rows = []
    for table, found in store.rows(run).items():
        for number, *facts, known in found:
            key, payload, plain = (*facts, []) if table == "groups" else (None, None, facts)
            rows.append((table, number, key, json.dumps(plain), payload, known))
    stream = io.BytesIO()
    pl.DataFrame(rows, schema=SCHEMA, orient="row").write_parquet(stream, compression="zstd", statistics=False)
    return stream.getvalue()


def export_run(run: int, path: PathType, *, store: PathType) -> None:
    """Write a run with everything that it holds to a Parquet file, whole or not at all.

    Use it to hand a run on, finished or not; `import_run` takes it in.

    Raises
    ------
    StoreError
        No such run, or it is damaged.
    ModelFileError
        The path cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> first, second = f"{folder.name}/first.db", f"{folder.name}/second.db"
    >>> with Store.open(first) as opened:
    ...     run = opened.create_run(kind="compare", name="circles", settings={}, data={}, fingerprint="", versions={})
    >>> export_run(run, f"{folder.name}/run.parquet", store=first)
    >>> import_run(f"{folder.name}/run.parquet", store=second)
    1
    >>> folder.cleanup()
    """
    with Store.open(store, create=False, read_only=True) as opened:
        write(to_bytes(opened, run), path)


def import_run(path: PathType, *, store: PathType) -> int:
    """Take the run in a Parquet file into a store, and return its number there.

    Use it for a run that `export_run` or `lossmith runs export --format run` wrote, here or elsewhere. Only what its checksums
    vouch for is taken in; nothing in it is executed.

    Raises
    ------
    DataError
        No such file, or it is damaged or holds no run.
    StoreError
        The store holds this run already, or cannot be written.
    """
    rows, number = _read(Path(path))
    ((_, kind, name, settings, *_, fingerprint, created, _),) = rows["runs"]
    with Store.open(store) as opened:
        for row in opened.runs():
            same = (row.kind, row.name, row.fingerprint, row.created) == (kind, name, fingerprint, created)
            if same and row.settings == from_plain(json.loads(settings)):
                raise StoreError(
                    f"the run in {str(path)!r} is run {row.run} of {str(opened.path)!r}",
                    expected="a run that the store lacks",
                    advice=f"see lossmith runs show {row.run}, or take another store",
                )
        return opened.insert(rows, run=number)


def _read(path: Path) -> tuple[dict[str, list[tuple[Any, ...]]], int]:
    """Return the rows of a file by table, all of them whole and of one run, and its number."""
    frame = read_columnar(path)
    if dict(frame.schema) != SCHEMA:
        raise _foreign(path, "its columns are others")
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in FACTS}
    try:
        for table, number, key, facts, payload, known in frame.rows():
            plain = json.loads(facts)
            kinds = FACTS[table]
            if len(plain) != len(kinds) or not all(map(isinstance, plain, kinds)):
                raise ValueError(f"a row of {table} with columns of other types")
            row = (number, *((key, payload) if table == "groups" else plain), known)
            if not is_whole(table, row):
                raise ValueError("its content does not fit its checksum")
            rows[table].append(row)
        ((number, _, _, *texts, _, _, _),) = rows["runs"]
        if any(row[0] != number for found in rows.values() for row in found) or len(rows["results"]) > 1:
            raise ValueError("it is not of one run")
        if len({row[1] for row in rows["groups"]}) < len(rows["groups"]):
            raise ValueError("a group stands in it twice")
        for text in texts:
            if not isinstance(from_plain(json.loads(text)), dict):
                raise ValueError("its settings are no mappings")
        for _, _, payload, _ in rows["groups"]:
            safetensors.numpy.load(payload)
    except (ValueError, TypeError, KeyError, RecursionError, safetensors.SafetensorError) as error:
        raise _foreign(path, " ".join(str(error).split())[:200]) from error
    return rows, number


def _foreign(path: Path, why: str) -> DataError:
    return DataError(
        f"{str(path)!r} holds no run of lossmith: {why}",
        expected="what lossmith runs export --format run wrote",
        advice="export the run again",
    )
