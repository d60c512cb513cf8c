"""A comparison as strict JSON, and back without losing a bit.

Records become objects with their field names. Beyond that:

- numbers that JSON lacks are the strings "nan", "inf" and "-inf";
- arrays are `{"dtype", "shape", "values"}` with nested lists;
- the table of trials is `{"types", "columns"}`, one list for each column;
- mappings whose keys are numbers are lists of pairs;
- in free-form mappings (`settings.extra`, `data.columns`) the same numbers are `{"$number": "nan"}`, tuples are
  `{"$tuple": [...]}`, and keys that begin with `$` are doubled to `$$`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import polars as pl

from lossmith._errors import InvalidInputError
from lossmith.compare._spec import Comparison

__all__ = ["FORMAT", "from_json", "from_plain", "to_json", "to_plain"]

FORMAT = "lossmith comparison"
VERSION = 1
# fields that results of earlier releases lack
LATER = {"pictures", "factors", "levels"}

_UNITS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_KINDS = "biuf"  # booleans, integers and floating-point numbers


def to_json(comparison: Comparison) -> str:
    """Return a comparison as JSON text.

    Raises
    ------
    InvalidInputError
        Something in a free-form mapping that JSON cannot hold.
    """
    plain = {"format": FORMAT, "version": VERSION, **_record(comparison)}
    return json.dumps(plain, allow_nan=False, ensure_ascii=False)


def from_json(text: str) -> Comparison:
    """Return the comparison that `to_json` wrote.

    Raises
    ------
    InvalidInputError
        Not JSON, not a comparison, of a newer version, or with fields missing or of another kind.
    """
    try:
        # a JSON number of 400 digits is no number of ours either
        plain = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise _unreadable(str(error)) from None
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise _unreadable("no field `format` that says so")
    if plain.get("version") != VERSION:
        raise InvalidInputError(
            f"a comparison of version {plain.get('version')!r}",
            expected=f"version {VERSION}",
            advice="read it with the release of lossmith that wrote it, or a newer one",
        )
    try:
        return _read_record(Comparison, {k: v for k, v in plain.items() if k not in ("format", "version")})
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise _unreadable(f"{type(error).__name__}: {error}") from error


def to_plain(value: Any) -> Any:
    """Return a free-form value (settings, versions) as what JSON holds; see the module."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else {"$number": str(float(value))}
    if isinstance(value, list):
        return [to_plain(entry) for entry in value]
    if isinstance(value, tuple):
        return {"$tuple": [to_plain(entry) for entry in value]}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {("$" + key if key.startswith("$") else key): to_plain(entry) for key, entry in value.items()}
    raise InvalidInputError(
        f"a {type(value).__name__} among settings",
        expected="numbers, text, truth values, lists, tuples, and mappings with text for keys",
        advice="turn it into one of these",
    )


def from_plain(value: Any) -> Any:
    """Return what `to_plain` was given."""
    if isinstance(value, list):
        return [from_plain(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$number"}:
        return _UNITS[value["$number"]]
    if set(value) == {"$tuple"}:
        return tuple(from_plain(entry) for entry in value["$tuple"])
    return {(key[1:] if key.startswith("$$") else key): from_plain(entry) for key, entry in value.items()}


@functools.cache
def _fields(record: type) -> dict[str, Any]:
    return get_type_hints(record)


def _record(value: Any) -> dict[str, Any]:
    return {name: _write(getattr(value, name), kind) for name, kind in _fields(value.__class__).items()}


def _write(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    kind, origin, inner = _resolved(kind)
    if dataclasses.is_dataclass(kind):
        return _record(value)
    if kind is np.ndarray:
        return _write_array(value)
    if kind is pl.DataFrame:
        return _write_table(value)
    if origin is tuple:
        return [_write(entry, part) for entry, part in zip(value, _parts(inner, len(value)), strict=True)]
    if origin is Mapping:
        key_kind, entry_kind = inner
        if key_kind is str:
            # a free-form mapping escapes its keys, a mapping with a known type need not
            return to_plain(dict(value)) if entry_kind is Any else {k: _write(v, entry_kind) for k, v in value.items()}
        return [[_write(key, key_kind), _write(entry, entry_kind)] for key, entry in value.items()]
    if kind is float:
        return _number(float(value))
    return kind(value)


def _read(value: Any, kind: Any) -> Any:
    optional = type(None) in get_args(kind)
    kind, origin, inner = _resolved(kind)
    if value is None:
        if optional:
            return None
        raise TypeError("a field is empty")
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, value)
    if kind is np.ndarray:
        return _read_array(value)
    if kind is pl.DataFrame:
        return _read_table(value)
    if origin is tuple:
        return tuple(_read(entry, part) for entry, part in zip(value, _parts(inner, len(value)), strict=True))
    if origin is Mapping:
        key_kind, entry_kind = inner
        if key_kind is str:
            return from_plain(value) if entry_kind is Any else {k: _read(v, entry_kind) for k, v in value.items()}
        return {_read(key, key_kind): _read(entry, entry_kind) for key, entry in value}
    if kind is float:
        return _UNITS[value] if isinstance(value, str) else _exactly(value, int | float, float)
    return _exactly(value, kind, kind)


def _exactly(value: Any, wanted: Any, kind: Any) -> Any:
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r} where a {kind.__name__} belongs")
    return kind(value)


def _read_record(record: Any, value: Any) -> Any:
    kinds = _fields(record)
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} where a {record.__name__} belongs")
    optional = {field.name for field in dataclasses.fields(record) if field.name in LATER}
    unknown, missing = set(value) - set(kinds), set(kinds) - set(value) - optional
    if unknown or missing:
        raise KeyError(f"{record.__name__} with unknown fields {sorted(unknown)}, without {sorted(missing)}")
    return record(**{name: _read(value[name], kind) for name, kind in kinds.items() if name in value})


def _resolved(kind: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    """Return a type without None and Literal, with its origin and its arguments."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Literal:
        kind = str
    return kind, get_origin(kind), get_args(kind)


def _parts(inner: tuple[Any, ...], length: int) -> tuple[Any, ...]:
    return (inner[0],) * length if len(inner) == 2 and inner[1] is Ellipsis else inner


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _strict(values: Any) -> Any:
    if isinstance(values, list):
        return [_strict(entry) for entry in values]
    return _number(values) if isinstance(values, float) else values


def _write_array(array: np.ndarray) -> dict[str, Any]:
    if array.dtype.kind not in _KINDS + "U":
        raise InvalidInputError(f"an array of {array.dtype}", expected="numbers or text", advice="convert it first")
    values = array.tolist()
    finite = array.dtype.kind != "f" or bool(np.isfinite(array).all())
    return {"dtype": array.dtype.str[1:], "shape": list(array.shape), "values": values if finite else _strict(values)}


def _read_array(value: Mapping[str, Any]) -> np.ndarray:
    dtype = np.dtype(value["dtype"])
    if dtype.kind not in _KINDS + "U":
        raise TypeError(f"an array of {dtype}")
    # numpy reads "nan", "inf" and "-inf", but only where everything is text
    flat = np.asarray(value["values"], dtype=object).ravel() if value["values"] != [] else np.empty(0, object)
    if dtype.kind == "f":
        flat = np.array([_UNITS[entry] if isinstance(entry, str) else entry for entry in flat], dtype=dtype)
    return flat.astype(dtype).reshape(value["shape"])


def _write_table(table: pl.DataFrame) -> dict[str, Any]:
    return {
        "types": {name: str(kind) for name, kind in table.schema.items()},
        "columns": {name: _strict(table[name].to_list()) for name in table.columns},
    }


def _read_table(value: Mapping[str, Any]) -> pl.DataFrame:
    columns = []
    for name, kind in value["types"].items():
        dtype = getattr(pl, kind)
        if not isinstance(dtype, type) or not issubclass(dtype, pl.DataType):
            raise TypeError(f"a column of {kind}")
        entries = value["columns"][name]
        if dtype.is_float():
            entries = [_UNITS[entry] if isinstance(entry, str) else entry for entry in entries]
        columns.append(pl.Series(name, entries, dtype=dtype))
    return pl.DataFrame(columns)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _unreadable(why: str) -> InvalidInputError:
    return InvalidInputError(
        f"text that is no comparison ({' '.join(why.split())[:300]})",
        expected="what to_json or `lossmith runs export --format json` writes",
        advice="export the run again",
    )
