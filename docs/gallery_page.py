"""The gallery: every figure of the studies, with what it shows and the command that draws it again."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "gallery"
LEDGER = Path(__file__).parent / "ledger"
FIELDS = {"title", "claim", "study"}


def captions(folder: Path = FOLDER, ledger: Path = LEDGER) -> dict[str, dict[str, str]]:
    """Return title, claim and study of every figure in the folder, by file name without ending.

    They stand in `captions.toml`, a table for each figure; where it has none, they are those of the rows of the ledger that show the figure.
    """
    place = folder / "captions.toml"
    written: dict[str, Any] = tomllib.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    shown = _of_the_ledger(ledger)
    names = sorted(path.stem for path in folder.glob("*.svg"))
    if strange := sorted(set(written) - set(names)):
        raise SystemExit(f"docs/gallery/captions.toml describes {', '.join(strange)}: no such figure in docs/gallery")
    found = {}
    for name in names:
        entry = written.get(name) or shown.get(name)
        if entry is None:
            raise SystemExit(
                f"docs/gallery/{name}.svg has no entry in docs/gallery/captions.toml, and no row of the ledger shows it: "
                f'add [{name}] with title = "...", claim = "...", study = "..."'
            )
        if lacking := sorted(FIELDS - {key for key, value in entry.items() if value}):
            raise SystemExit(f"[{name}] in docs/gallery/captions.toml lacks {', '.join(lacking)}")
        found[name] = {key: str(entry[key]) for key in FIELDS}
    return found


def _of_the_ledger(folder: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        rows = record["rows"]
        for figure in {*record.get("figures", ()), *(row["figure"] for row in rows if row["figure"])}:
            claims = [f"{row['id']}: {row['claim']}" for row in rows if row["figure"] == figure]
            name = figure.removesuffix(".svg")
            title = name.replace("-", " ").capitalize()
            found[name] = {"title": title, "claim": "; ".join(claims) or title, "study": record["study"]}
    return found


def gallery_page(*, folder: Path = FOLDER, ledger: Path = LEDGER, studies: Any = ()) -> str:
    """Return the page, figures in the order of the studies."""
    entries = captions(folder, ledger)
    known = list(studies)
    unknown = sorted({entry["study"] for entry in entries.values()} - set(known)) if known else []
    if unknown:
        raise SystemExit(f"docs/gallery/captions.toml names {', '.join(unknown)}: no such study")
    order = known or sorted({entry["study"] for entry in entries.values()})
    parts = [
        "# Gallery",
        "Every figure of the sources that can be drawn, from the studies of the [ledger](ledger.md). The command below each draws it again.",
    ]
    for study in order:
        chosen = {name: entry for name, entry in entries.items() if entry["study"] == study}
        if not chosen:
            continue
        parts += [f"## {study}", f"`lossmith study run {study}`"]
        for name, entry in chosen.items():
            words = entry["title"].replace("[", "(").replace("]", ")")
            parts += [f"### {entry['title']}", f"![{words}](gallery/{name}.svg)", entry["claim"]]
    return "\n\n".join(parts)
