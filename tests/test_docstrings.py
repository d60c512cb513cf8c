"""Docstrings of everything public have their form: one line, when to use it, parameters, shapes, Raises, an example, a source that is listed."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import docstrings
from docstrings import Public
from documented import docs_script

ROOT = Path(__file__).resolve().parents[1]
# what is still to be written: the list may only become shorter
OPEN = {
    name: lacks.split("; ")
    for name, _, lacks in (
        line.partition(": ")
        for line in (ROOT / "tests" / "docstrings_open.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
}
PUBLIC = list(docstrings.public())


def test_every_public_object_is_seen() -> None:
    names = {one.name for one in PUBLIC}
    assert len(names) > 220
    assert {"lossmith.losses.get", "lossmith.drift.compare", "lossmith.estimators.LossClassifier"} <= names
    assert set(OPEN) <= names, "the list names what is not there"


@pytest.mark.parametrize("package", docstrings.packages())
def test_docstrings_have_their_form(package) -> None:
    """What a docstring lacks is on the list, and what is on the list is lacking: write it, and take it off the list."""
    own = [one for one in PUBLIC if one.name.startswith(f"lossmith.{package}.")]
    lacks = {one.name: found for one in own if (found := docstrings.lacking(one))}
    assert lacks == {name: found for name, found in OPEN.items() if name.startswith(f"lossmith.{package}.")}


def good(rows: np.ndarray, *, level: float = 0.1) -> float:
    """Return a number.

    Use it in a test.

    Parameters
    ----------
    rows : ndarray of shape (n_samples,)
    level : float

    Raises
    ------
    ValueError
        Never a level of 0.

    Examples
    --------
    >>> 1
    1
    """
    if not level:
        raise ValueError
    return float(rows[0])


def changed(old: str, new: str) -> Public:
    assert old in good.__doc__
    return Public("x", SimpleNamespace(__doc__=good.__doc__.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Return a number.", "Return a number.", []),
        ("Return a number.", "Return a\n    number.", ["one line"]),
        ("Return a number.", "Return a number", ["one line"]),
        ("Use it in a test.", "", ["when to use it"]),
        (">>> 1", "1", ["an example"]),
        ("level : float", "", ["parameters level"]),
        ("of shape (n_samples,)", "", ["shapes"]),
        ("Raises", "Errors", ["Raises"]),
    ],
)
def test_what_is_lacking_is_noticed(old, new, expected, monkeypatch) -> None:
    if "level : float" in old:
        text = good.__doc__.replace(old, new).replace("Never a level of 0.", "Never.")
    else:
        text = changed(old, new).value.__doc__
    monkeypatch.setattr(good, "__doc__", text)
    assert docstrings.lacking(Public("x", good)) == expected


def test_every_source_of_a_docstring_is_in_the_bibliography() -> None:
    """`docs/references.bib` is written from them; here is that none is lost on the way, and that keys are unique."""
    page, pages = docs_script("reference_page"), docs_script("pages")
    bib = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
    keys = re.findall(r"^@misc\{(\w+),$", bib, re.MULTILINE)
    assert len(keys) == len(set(keys)) > 240
    stems = {re.match(r"[a-z]+\d{4}", key)[0] for key in keys}
    lines = [text for _, whole in page.docstrings() for text in page._STATED.findall(whole)]
    lines += [
        record.reference
        for catalogue in pages.catalogues().values()
        for record in catalogue.values()
        if hasattr(record, "reference")
    ]
    found = [work for text in lines for work in page.works(text)]
    assert {work.stem for work in found} == stems
    # a reference with an author and a year that is not understood would be lost in silence
    lost = [
        text
        for text in lines
        if re.match(r"[A-Z][\w-]+(,| and | et al)", text) and re.search(r"\d{4}", text) and not page.works(text)
    ]
    assert [text for text in lost if not text.startswith(("Keras", "Introduction", "Handbook"))] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Huber, Robust estimation, 1964", [("Huber", "Robust estimation", "1964", "huber1964")]),
        ("Cover, Hart, Nearest neighbor, 1967", [("Cover, Hart", "Nearest neighbor", "1967", "cover1967")]),
        ("Lee, Lin and Wahba, 2004 (a remark)", [("Lee, Lin and Wahba", "", "2004", "lee2004")]),
        ("A. B. One, C. Two, 1993", [("A. B. One, C. Two", "", "1993", "one1993")]),
        ("Le Cam, Methods of a kind, 1986, chapter 3", [("Le Cam", "Methods of a kind", "1986", "lecam1986")]),
        ("Jeffreys, 1946; Ke and others, LightGBM, 2017", [("Jeffreys", "", "1946", "jeffreys1946"), ("Ke and others", "LightGBM", "2017", "ke2017")]),
        ("Demsar 2006", [("Demsar", "", "2006", "demsar2006")]),
        ("Nesterov, A rate of O(1/k^2), 1983", [("Nesterov", "A rate of O(1/k^2)", "1983", "nesterov1983")]),
        ("generated by scikit-learn (make_blobs)", []),
        ("a project report, 2024", []),
    ],
)  # fmt: skip
def test_works_are_read_from_a_line(text, expected) -> None:
    found = docs_script("reference_page").works(text)
    assert [(work.authors, work.title, work.year, work.stem) for work in found] == expected
