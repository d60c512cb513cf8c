"""Figures of reports are drawn once: kept in the cache folder under what they show and what draws them.

Drawing takes longer than all the rest of a report. What is kept is the very bytes that would be drawn again: the name of a
file is the digest of the comparison, of the code that draws, and of the version of Matplotlib.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import metadata, resources
from pathlib import Path

from markupsafe import Markup

from lossmith._errors import InvalidInputError
from lossmith.compare._spec import Comparison
from lossmith.report._files import write
from lossmith.training._backend import cache_folder

__all__ = ["Drawn", "figures_of"]

MOST = 200  # files that are kept; the oldest go first
LARGEST = 64 << 20  # bytes of the figures of one report


@dataclass(frozen=True, slots=True)
class Drawn:
    """One figure of the page.

    Attributes
    ----------
    key : str
        Prefix of its ids.
    title, description : str
    markup : Markup
        The SVG element.
    data : str
        Its numbers as CSV, empty where they are too many.
    """

    key: str
    title: str
    description: str
    markup: Markup
    data: str


def figures_of(comparison: Comparison) -> dict[str, Drawn]:
    """Return the figures of a comparison: those that are kept, or drawn ones, which are kept from then on.

    `LOSSMITH_KEEP_FIGURES=0` in the environment draws them each time. A folder that cannot be written, or a file that is
    damaged, costs time and nothing else.
    """
    if os.environ.get("LOSSMITH_KEEP_FIGURES") == "0":
        return _draw(comparison)
    file = cache_folder().parent / "figures" / f"{_digest(comparison)}.json.gz"
    kept = _read(file)
    if kept is None:
        kept = _draw(comparison)
        _write(file, kept)
    return kept


def _draw(comparison: Comparison) -> dict[str, Drawn]:
    from lossmith.report._drawn import drawn  # with Matplotlib, which takes half a second to load

    return drawn(comparison)


def _digest(comparison: Comparison) -> str:
    return hashlib.sha256(f"{_code()}\n{comparison.to_json()}".encode()).hexdigest()


@lru_cache(maxsize=1)
def _code() -> str:
    """Return a digest of the sources of reports, and the version of what they draw with."""
    found = hashlib.sha256()
    for source in sorted(resources.files("lossmith.report").iterdir(), key=lambda item: item.name):
        if source.name.endswith(".py"):
            found.update(source.read_bytes())
    return f"{found.hexdigest()} {metadata.version('matplotlib')}"


def _read(file: Path) -> dict[str, Drawn] | None:
    try:
        with gzip.open(file) as stream:
            text = stream.read(LARGEST + 1)
        if len(text) > LARGEST:
            return None
        found = [Drawn(**{**one, "markup": Markup(one["markup"])}) for one in json.loads(text)]  # noqa: S704 - our own bytes
    except (OSError, EOFError, ValueError, TypeError, KeyError):
        return None
    return {one.key: one for one in found}


def _write(file: Path, figures: dict[str, Drawn]) -> None:
    content = gzip.compress(json.dumps([asdict(one) for one in figures.values()]).encode(), 5, mtime=0)
    try:
        write(file, content)
        files = sorted(file.parent.glob("*.json.gz"), key=lambda one: one.stat().st_mtime)
        for old in files[:-MOST]:
            old.unlink(missing_ok=True)
    except (OSError, InvalidInputError):
        return
