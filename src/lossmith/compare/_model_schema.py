"""What the configuration of a model file may hold: every key, its type and its range; anything else is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["CONFIGURATION", "Check", "ConfigurationError", "checked"]

Check = Callable[[Any, str], None]

LONGEST_TEXT = 100_000
MOST_ITEMS = 1_000_000
# dates are parsed by this text: only the notations that reading a table finds
DATE = re.compile(r"(%[YmdybBHMS]|%\.f|%:z|[-/., :TZ])*")
NOTATIONS = {
    "numeric": ("", "decimal comma", "thousands comma"),
    "boolean": ("",),
    "category": ("", "others grouped"),
}
PARTS = ("ordinal", "year", "month", "day", "day_of_week", "hour")


class ConfigurationError(ValueError):
    """What is wrong with a configuration, and where."""


def _refuse(where: str, wanted: str, value: Any) -> None:
    shown = repr(value)
    raise ConfigurationError(f"{where} is {shown if len(shown) <= 40 else shown[:39] + '…'}, not {wanted}")


def checked(value: Any, checks: Mapping[str, Check], where: str = "configuration") -> dict[str, Any]:
    """Return `value` if it is a mapping with exactly these keys, each as its check wants it.

    Raises
    ------
    ConfigurationError
        Says where.

    Examples
    --------
    >>> checked({"units": 2}, {"units": whole(1)})
    {'units': 2}
    >>> checked({"units": 0}, {"units": whole(1)})
    Traceback (most recent call last):
    lossmith.compare._model_schema.ConfigurationError: configuration.units is 0, not a whole number of at least 1
    """
    if not isinstance(value, dict):
        _refuse(where, "a mapping", value)
    missing, unknown = sorted(checks.keys() - value.keys()), sorted(value.keys() - checks.keys())
    if missing:
        raise ConfigurationError(f"{where} lacks {missing[0]!r}")
    if unknown:
        raise ConfigurationError(f"{where} has an unknown entry {unknown[0][:40]!r}")
    for name, check in checks.items():
        check(value[name], f"{where}.{name}")
    return dict(value)


def whole(least: int, most: int = 2**53) -> Check:
    def check(value: Any, where: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            _refuse(where, f"a whole number of at least {least}", value)

    return check


def text(value: Any, where: str) -> None:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not _is_unicode(value):
        _refuse(where, "a text", value)


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def flag(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        _refuse(where, "true or false", value)


def finite(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        _refuse(where, "a finite number", value)


def positive(value: Any, where: str) -> None:
    finite(value, where)
    if value <= 0:
        _refuse(where, "a positive number", value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def one_of(*names: str) -> Check:
    def check(value: Any, where: str) -> None:
        if value not in names:
            _refuse(where, "one of " + ", ".join(map(repr, names)), value)

    return check


def many(item: Check, *, least: int = 0, different: bool = False) -> Check:
    def check(value: Any, where: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= MOST_ITEMS:
            _refuse(where, f"a list of {least} or more", value)
        for place, entry in enumerate(value):
            item(entry, f"{where}[{place}]")
        if different and len(set(value)) < len(value):
            _refuse(where, "a list of different entries", value)

    return check


def named(item: Check) -> Check:
    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict) or len(value) > MOST_ITEMS:
            _refuse(where, "a mapping", value)
        for name, entry in value.items():
            text(name, where)
            item(entry, f"{where}.{name[:40]}")

    return check


def record(checks: Mapping[str, Check]) -> Check:
    def check(value: Any, where: str) -> None:
        checked(value, checks, where)

    return check


def either(first: Check, second: Check) -> Check:
    def check(value: Any, where: str) -> None:
        try:
            first(value, where)
        except ConfigurationError:
            second(value, where)

    return check


def nothing(value: Any, where: str) -> None:
    if value is not None:
        _refuse(where, "null", value)


def typed(value: Any, where: str) -> None:
    """Accept what can be typed after the name of a model: true or false, a number, a plain word."""
    if isinstance(value, str):
        if not re.fullmatch(r"[A-Za-z0-9_.+-]{1,10000}", value):
            _refuse(where, "a plain word", value)
    elif not isinstance(value, bool):
        finite(value, where)


def _column(value: Any, where: str) -> None:
    checked(value, COLUMN, where)
    kind, notation = value["kind"], value["notation"]
    if kind == "date":
        if len(notation) > 40 or not DATE.fullmatch(notation):
            _refuse(f"{where}.notation", "a notation of dates", notation)
    else:
        one_of(*NOTATIONS[kind])(notation, f"{where}.notation")
    if kind != "category" and value["levels"]:
        _refuse(f"{where}.levels", "empty: it is no category", value["levels"])
    if kind != "date" and value["parts"]:
        _refuse(f"{where}.parts", "empty: it is no date", value["parts"])


def _encoder(value: Any, where: str) -> None:
    checked(value, ENCODER, where)
    n_columns = len(value["columns"])
    if len(value["shape"]) == 1 and value["shape"] != [n_columns]:
        _refuse(f"{where}.shape", f"[{n_columns}], the number of columns", value["shape"])
    if len(value["shape"]) > 1 and n_columns:
        _refuse(f"{where}.shape", "the shape of a table", value["shape"])
    if math.prod(value["shape"]) >= 2**31:
        _refuse(f"{where}.shape", "a shape of fewer than 2^31 numbers", value["shape"])
    names = [column["name"] for column in value["columns"]]
    if len(set(names)) < len(names):
        _refuse(f"{where}.columns", "columns of different names", names)


COLUMN: dict[str, Check] = {
    "name": text,
    "kind": one_of("numeric", "boolean", "category", "date"),
    "role": one_of("feature"),
    "decision": text,
    "n_missing": whole(0),
    "levels": many(text, different=True),
    "notation": text,
    "parts": many(one_of(*PARTS), different=True),
}
ENCODER: dict[str, Check] = {
    "format": whole(1),
    "shape": many(whole(1), least=1),
    "scale": flag,
    "target": text,
    "source_columns": many(text),
    "columns": many(_column),
}
CONFIGURATION: dict[str, Check] = {
    "task": one_of("regression", "binary", "multiclass"),
    "loss": record({"name": text, "parameters": named(finite)}),
    "model": record({"name": text, "values": named(typed)}),
    "input_shape": many(whole(1), least=1),
    "units": whole(1),
    "class_names": many(text, different=True),
    "encoding": record({"name": text, "center": finite, "scale": positive}),
    "encoder": _encoder,
    "metrics": named(either(finite, nothing)),
    "training": record(
        {
            "optimizer": text,
            "learning_rate": positive,
            "epochs": whole(1),
            "best_epoch": whole(0),
            "batch_size": whole(1),
            "protocol": one_of("fair", "published"),
            "noise": finite,
            "seed": whole(0),
            "trial": whole(0),
        }
    ),
    "data": record({"name": text, "fingerprint": text, "n_samples": whole(1)}),
    "versions": named(text),
}
