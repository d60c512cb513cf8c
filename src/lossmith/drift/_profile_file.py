"""A profile as a file: JSON, or Parquet. Reading it runs no code.

In JSON, edges that take fewer characters that way are the base64 of little-endian float64, under `edges64`.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import DataError, InvalidInputError
from lossmith.data import check_parquet_file
from lossmith.drift._records import ColumnProfile, Profile

__all__ = ["as_json", "from_json", "is_profile", "read", "write"]

FORMAT = "lossmith drift profile"
VERSION = 2
# what JSON and Parquet of strangers, and numbers out of range, raise on the way to a record
UNSOUND = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, pl.exceptions.PolarsError,
           pl.exceptions.PanicException)  # fmt: skip
_KINDS = {"numeric", "integer", "date", "text", "boolean", "category", "unsupported"}
_META: dict[str, Any] = {"name": pl.String, "kind": pl.String, "dtype": pl.String, "n": pl.Int64, "notation": pl.String, "rule": pl.String,
         "edges": pl.List(pl.Float64), "cells": pl.List(pl.Int64), "level": pl.List(pl.String), "held": pl.List(pl.Int64),
         "missing": pl.Int64, "invalid": pl.Int64, "infinite": pl.Int64, "mean": pl.Float64, "squares": pl.Float64,
         "low": pl.Float64, "high": pl.Float64, "counter": pl.Boolean}  # fmt: skip


def _plain(column: ColumnProfile) -> dict[str, Any]:
    plain = {entry.name: getattr(column, entry.name) for entry in fields(column)}
    plain["edges"], plain["cells"] = column.edges.tolist(), column.cells.tolist()
    plain["levels"] = dict(column.levels)
    if not column.present - column.infinite or not column.ordered:
        plain["low"] = plain["high"] = None
    return plain


def as_json(profile: Profile) -> str:
    """Return the profile as JSON; fields at their defaults are left out."""
    defaults: dict[str, Any] = {"notation": "", "rule": "", "edges": [], "cells": [], "levels": {}, "missing": 0, "invalid": 0,
                "infinite": 0, "low": None, "high": None, "counter": False, "n": profile.n_rows}  # fmt: skip
    columns = []
    for column in profile.columns.values():
        plain = {key: value for key, value in _plain(column).items() if key not in defaults or value != defaults[key]}
        packed = base64.b64encode(np.ascontiguousarray(column.edges, "<f8").tobytes()).decode()
        if len(packed) + 2 < len(json.dumps(plain.get("edges", []), separators=(",", ":"))):
            del plain["edges"]
            plain["edges64"] = packed
        columns.append(plain)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "name": profile.name,
        "rows": profile.n_rows,
        "notes": list(profile.notes),
    }
    return json.dumps({**record, "columns": columns}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _column(plain: dict[str, Any], rows: int) -> ColumnProfile:
    plain = {"n": rows, **plain}
    if "edges64" in plain:
        plain["edges"] = np.frombuffer(base64.b64decode(plain["edges64"], validate=True), "<f8")
    known = {entry.name for entry in fields(ColumnProfile)}
    values = {key: value for key, value in plain.items() if key in known and value is not None}
    values["edges"] = np.array(values.get("edges", []), dtype=np.float64)
    values["cells"] = np.array(values.get("cells", []), dtype=np.int64)
    column = ColumnProfile(**values)
    counted = int(column.cells.sum()) + sum(column.levels.values())
    sound = (
        column.kind in _KINDS
        and (np.diff(column.edges) > 0).all()
        and (column.cells >= 0).all()
        and all(isinstance(held, int) and held >= 0 for held in column.levels.values())
        and min(column.n, column.missing, column.invalid, column.infinite) >= 0
        and math.isfinite(column.mean + column.squares)
        and (column.kind == "unsupported" or counted == column.present)
        and (not column.ordered or len(column.cells) == len(column.edges) + 1)
    )
    if not sound:
        raise ValueError(f"column {column.name!r} does not add up")
    return column


def write(profile: Profile, path: Path) -> Path:
    """Write a profile and return the path.

    Raises
    ------
    InvalidInputError
        The path cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            rows = []
            for column in profile.columns.values():
                plain = _plain(column)
                levels = plain.pop("levels")
                rows.append(plain | {"level": list(levels), "held": list(levels.values())})
            meta = {
                "format": FORMAT,
                "version": str(VERSION),
                "name": profile.name,
                "rows": str(profile.n_rows),
                "notes": json.dumps(profile.notes),
            }
            pl.DataFrame(rows, schema=_META).write_parquet(path, metadata=meta, compression="zstd", statistics=False)
        else:
            path.write_text(as_json(profile) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(
            f"{str(path)!r} cannot be written: {error.strerror or error}", expected="a path that can be written"
        ) from error
    return path


def is_profile(path: Path) -> bool:
    """Return whether a file holds a profile."""
    try:
        with path.open("rb") as stream:
            head = stream.read(200)
        if head[:4] == b"PAR1":
            return pl.read_parquet_metadata(path).get("format") == FORMAT
        return head.lstrip().startswith(b"{") and FORMAT.encode() in head
    except (OSError, pl.exceptions.PolarsError):
        return False


def from_json(text: str | bytes) -> Profile:
    """Return the profile in a text that `as_json` wrote.

    Raises
    ------
    UNSOUND
        It is something else.
    """
    return _profile(json.loads(text))


def _profile(record: dict[str, Any]) -> Profile:
    if record.get("format") != FORMAT:
        raise ValueError("it is something else")
    if record["version"] > VERSION:
        raise ValueError(f"it is of version {record['version']}, this lossmith reads {VERSION}")
    rows = int(record["rows"])
    if rows < 0:
        raise ValueError("it is of fewer rows than none")
    columns = {column.name: column for column in (_column(plain, rows) for plain in record["columns"])}
    if len(columns) != len(record["columns"]):
        raise ValueError("a column stands in it twice")
    return Profile(str(record["name"]), rows, columns, tuple(map(str, record["notes"])))


def read(path: Path) -> Profile:
    """Return the profile in a file.

    Raises
    ------
    DataError
        No such file, or it holds no profile, or one of a later version.
    """
    if not path.is_file():
        raise DataError(
            f"no file {str(path)!r}", expected="a profile", advice="make one: lossmith drift profile DATA --out FILE"
        )
    try:
        if path.suffix == ".parquet":
            check_parquet_file(path)
            meta = pl.read_parquet_metadata(path)
            record: dict[str, Any] = {
                **meta,
                "version": int(meta.get("version", 0)),
                "rows": int(meta.get("rows", -1)),
                "notes": json.loads(meta.get("notes", "[]")),
            }
            rows = pl.read_parquet(path).to_dicts() if meta.get("format") == FORMAT else []
            record["columns"] = [
                row | {"levels": dict(zip(row.pop("level"), row.pop("held"), strict=True))} for row in rows
            ]
        else:
            record = json.loads(path.read_text(encoding="utf-8"))
        return _profile(record)
    except (*UNSOUND, OSError) as error:
        raise DataError(
            f"{str(path)!r} is no profile: {' '.join(str(error).split())[:200] or type(error).__name__}",
            expected="what `lossmith drift profile` wrote", advice="make it again",
        ) from error  # fmt: skip
