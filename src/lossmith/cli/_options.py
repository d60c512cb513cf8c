"""The options that commands share, each declared once, and how their text is read."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated

import typer

from lossmith._errors import InvalidInputError

__all__ = [
    "DEFAULT_STORE", "Json", "Out", "Quiet", "Report", "Seed", "StoreFile", "number_list", "seconds", "seed_count",
    "split_names", "store_file",
]  # fmt: skip

DEFAULT_STORE = "lossmith.db"

StoreFile = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FILE",
        envvar="LOSSMITH_STORE",
        help=f"SQLite file that keeps every run; {DEFAULT_STORE} where nothing is said.",
        rich_help_panel="Output",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for everything that is written.", rich_help_panel="Output"),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="HTML file for the report.", rich_help_panel="Output"),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, and nothing else, to standard output.", rich_help_panel="Output")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress, and only the result.", rich_help_panel="Output")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed from which all others are drawn.")]

_DURATION = re.compile(r"(?P<value>\d+(\.\d*)?)\s*(?P<unit>s|sec|m|min|h)?", re.IGNORECASE)


def store_file(store: Path | None, out: Path | None = None) -> Path:
    """Return the store that is meant: the one named, else the one in the output folder, else the default one.

    Examples
    --------
    >>> store_file(None, Path("results")).as_posix()
    'results/lossmith.db'
    """
    if store is not None:
        return store
    return out / DEFAULT_STORE if out is not None else Path(DEFAULT_STORE)


def split_names(texts: list[str]) -> tuple[str, ...]:
    """Split comma lists of `NAME[:k=v,k=v]`; `k=v` after a comma belongs to the name before it.

    Examples
    --------
    >>> split_names(["mse,huber:delta=2", "mae"])
    ('mse', 'huber:delta=2', 'mae')
    >>> split_names(["mlp:hidden=50,dropout=0.1"])
    ('mlp:hidden=50,dropout=0.1',)
    """
    names: list[str] = []
    for text in texts:
        fresh = True
        for part in filter(None, (part.strip() for part in text.split(","))):
            continues = not fresh and "=" in part and ":" not in part
            if continues and ":" in names[-1]:
                names[-1] += f",{part}"
            elif continues:
                names[-1] += f":{part}"
            else:
                names.append(part)
            fresh = False
    return tuple(names)


def number_list(text: str, *, option: str) -> tuple[float, ...]:
    """Read a comma list of numbers.

    Examples
    --------
    >>> number_list("0.1,0.01", option="--learning-rates")
    (0.1, 0.01)
    """
    try:
        values = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        values = ()
    if not values or not all(map(math.isfinite, values)):
        raise InvalidInputError(f"{option} {text!r}", expected="numbers with commas between them, such as 0.1,0.01")
    return values


def seed_count(text: str) -> int | str:
    """Read a number of seeds, or `auto`.

    Examples
    --------
    >>> seed_count("30"), seed_count("auto")
    (30, 'auto')
    """
    if text.lower() == "auto":
        return "auto"
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise InvalidInputError(f"--seeds {text!r}", expected="a number of seeds from 1, or auto")


def seconds(text: str | None, *, option: str) -> float | None:
    """Read a duration: `90`, `90s`, `5m` or `2h`.

    Examples
    --------
    >>> seconds("5m", option="--time-limit")
    300.0
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip())
    if not match or float(match["value"]) == 0:
        raise InvalidInputError(f"{option} {text!r}", expected="a duration such as 90s, 5m or 2h")
    scale = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}[(match["unit"] or "s").lower()]
    return float(match["value"]) * scale
