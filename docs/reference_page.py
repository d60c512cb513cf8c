"""Every work that a record or a docstring names as its source, as BibTeX and as a page that says what rests on it."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src" / "lossmith"
_STATED = re.compile(r"\bSources?: (.+?)(?:\.\s*$|\.\n|\n\s*\n|\Z)", re.DOTALL)
_YEAR = re.compile(r"(?<!\d)(1[6-9]\d\d|20\d\d)(?!\d)")
_NAMES = re.compile(
    r"(?:(?:[A-Z]\. ?)*(?:van |von |de |Le )?[A-Z][\w'\-]+)(?:(?:,| and|, and) (?:(?:[A-Z]\. ?)*(?:van |von |de |Le )?[A-Z][\w'\-]+))*(?: et al\.| and others)?$"
)
_SHORT = {"a", "an", "the", "on", "of", "in", "for", "to", "and"}


@dataclass(frozen=True, slots=True)
class Work:
    """One work: authors as they are cited, title, year."""

    authors: str
    title: str
    year: str

    @property
    def stem(self) -> str:
        """The first author and the year: `huber1964`."""
        first = re.sub(r"\b[A-Z]\. ?", "", re.split(r",| and | et al", self.authors)[0])
        return f"{_plain(first)}{self.year}"

    @property
    def words(self) -> str:
        """The work in one line."""
        return f"{self.authors}, {self.title}, {self.year}" if self.title else f"{self.authors}, {self.year}"


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return re.sub(r"[^a-z0-9]", "", decomposed.encode("ascii", "ignore").decode().lower())


def works(text: str) -> list[Work]:
    """Return the works that a line of source names; what is no author, title and year is none.

    >>> works("Huber, Robust estimation of a location parameter, 1964; Keras, ReduceLROnPlateau")
    [Work(authors='Huber', title='Robust estimation of a location parameter', year='1964')]
    >>> [work.authors for work in works("Lin et al., Focal loss for dense object detection, 2017 (a remark); Hellinger, 1909")]
    ['Lin et al.', 'Hellinger']
    """
    found = []
    for part in " ".join(text.split()).split(";"):
        pieces = re.sub(r"\s+\([^()]*\)", "", part).strip().rstrip(".").split(", ")
        if re.fullmatch(rf"[^,]+ {_YEAR.pattern}", pieces[-1]):  # a year without a comma before it
            pieces[-1:] = pieces[-1].rsplit(" ", 1)
        dated = next((k for k, piece in enumerate(pieces) if _YEAR.fullmatch(piece)), 0)
        names = _names(pieces[:dated])
        if names:
            found.append(Work(", ".join(pieces[:names]), ", ".join(pieces[names:dated]), pieces[dated]))
    return found


def _names(pieces: Sequence[str]) -> int:
    """Return how many of the pieces are names of authors; the title is what follows."""
    whole = ", ".join(pieces)
    ended = bool(pieces) and (" and " in pieces[-1] or all(re.match(r"[A-Z]\.", piece) for piece in pieces))
    if _NAMES.fullmatch(whole) and (ended or len(pieces) == 1):
        return len(pieces)
    return next((k for k in range(len(pieces) - 1, 0, -1) if _NAMES.fullmatch(", ".join(pieces[:k]))), 0)


def docstrings(root: Path = SOURCE) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of every docstring."""
    for path in sorted(root.rglob("*.py")):
        module = path.relative_to(root.parent).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                yield (module if isinstance(node, ast.Module) else f"{module}.{node.name}"), text


def cited(catalogues: Mapping[str, Any]) -> dict[str, tuple[Work, list[str]]]:
    """Return every work by its key, with what names it."""
    found: dict[tuple[str, str], tuple[Work, list[str]]] = {}
    lines = [
        (f"{kind} `{record.name}`", text)
        for kind, catalogue in catalogues.items()
        for record in catalogue.values()
        if isinstance(text := getattr(record, "reference", None), str)
    ]
    lines += [(f"`{place}`", text) for place, whole in docstrings() for text in _STATED.findall(whole)]
    for user, text in lines:
        for work in works(text):
            known = found.setdefault((work.stem, _plain(work.title)[:12]), (work, []))
            if user not in known[1]:
                known[1].append(user)
    keyed: dict[str, tuple[Work, list[str]]] = {}
    for (stem, _), (work, users) in sorted(found.items()):
        titled = [one for one in found if one[0] == stem and one[1]]
        if not work.title and len(titled) == 1:  # cited by author and year alone, and it is clear which
            continue
        first = next((word for word in re.split(r"[\s:\-]+", work.title) if word.lower() not in _SHORT), "")
        alone = found.get((stem, ""), (work, []))[1] if len(titled) == 1 else []
        keyed[f"{stem}{_plain(first)}"] = (work, [*users, *(user for user in alone if user not in users)])
    return keyed


def bibliography(catalogues: Mapping[str, Any]) -> str:
    """Return the works as BibTeX."""
    entries = []
    for key, (work, _) in cited(catalogues).items():
        authors = re.sub(r"( et al\.| and others)$", " and others", work.authors)
        names = re.sub(r",? and (?!others)|, (?!and)", " and ", authors)
        fields = [f"  author = {{{names}}}"]
        if work.title:
            fields.append(f"  title = {{{{{work.title}}}}}")
        fields.append(f"  year = {{{work.year}}}")
        entries.append(f"@misc{{{key},\n" + ",\n".join(fields) + "\n}")
    return "\n\n".join(entries)


def references_page(catalogues: Mapping[str, Any]) -> str:
    """Return the page of all works and of what rests on each."""
    parts = [
        "# References",
        "Every work that a record or a docstring names as its source, and what rests on it. The same as [BibTeX](references.bib); a page cites a work by a link to its key here.",
    ]
    for key, (work, users) in cited(catalogues).items():
        parts += [f"#### {key}", f"{work.words}.", f"*Used by:* {', '.join(users)}."]
    return "\n\n".join(parts)
