"""The options that commands share, each declared once, and how their text is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from lossmith._errors import InvalidInputError
from lossmith._names import split_names

__all__ = [
    "ClusterAddress",
    "DEFAULT_STORE",
    "Json",
    "MemorySize",
    "Out",
    "Quiet",
    "Report",
    "Seed",
    "StoreFile",
    "names",
    "one",
    "seconds",
    "store_file",
]

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
ClusterAddress = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="auto|local|HOST:PORT",
        help="Train on the workers of a Ray cluster: the one this machine belongs to, Ray on this machine alone, or an address.",
    ),
]
MemorySize = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="What training may take on a machine, such as 2GB; what is free where nothing is said.",
    ),
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


def one(texts: list[str] | None, *, option: str) -> str | None:
    """Return the one name of a comma list, or None where nothing was said.

    Examples
    --------
    >>> one(["mlp:hidden=50,dropout=0.1"], option="--models")
    'mlp:hidden=50,dropout=0.1'
    """
    if not texts:
        return None
    names = [name for text in texts for name in split_names(text)]
    if len(names) != 1:
        raise InvalidInputError(
            f"{option} {','.join(texts)!r}", expected="one name", advice="run one comparison for each"
        )
    return names[0]


def names(texts: list[str] | None) -> list[str]:
    """Return the names of a comma list that may be given in parts.

    Examples
    --------
    >>> names(["mlp:hidden=50,dropout=0.1,knn", "rbf"])
    ['mlp:hidden=50,dropout=0.1', 'knn', 'rbf']
    """
    return [name for text in texts or () for name in split_names(text)]


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
