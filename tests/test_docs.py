"""Documentation says what is true: generated pages are up to date, links lead somewhere, records are documented."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from documented import docs_script
from lossmith import __version__

ROOT = Path(__file__).resolve().parents[1]


BUILD, PAGES = docs_script("build"), docs_script("pages")
CATALOGUES = PAGES.catalogues()
RECORDS = [(kind, record) for kind, catalogue in CATALOGUES.items() for record in catalogue.values()]


def test_generated_pages_are_up_to_date():
    assert list(BUILD.stale(BUILD.generated())) == [], "run make docs"


def test_every_link_leads_somewhere():
    assert list(BUILD.broken_links()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](docs/none.md)", ["README.md links to docs/none.md, which is not there"]),
        ("[a](docs/b.md#nowhere)", ["README.md links to docs/b.md#nowhere, which has no such heading"]),
        ("![p](docs/p.png)", ["README.md links to docs/p.png, which is not there"]),
        ("[a](docs/b.md#ls104-collapsed)", []),
        ("[a](#top) # not a heading\n\n# Top", []),
        ("`[a](docs/none.md)` and\n\n```\n[a](docs/none.md)\n```\n", []),
        ("[a](https://example.org)", []),
    ],
)
def test_a_planted_broken_link_is_found(tmp_path, text, expected):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "b.md").write_text("## LS104: `collapsed`\n")
    (tmp_path / "README.md").write_text(text)
    assert list(BUILD.broken_links(tmp_path)) == expected


def test_a_page_that_differs_is_stale(tmp_path, monkeypatch):
    monkeypatch.setattr(BUILD, "ROOT", tmp_path)
    monkeypatch.setattr(BUILD, "DOCS", tmp_path / "docs")
    (tmp_path / "docs").mkdir()
    for name in ("same", "other", "old"):
        (tmp_path / "docs" / f"{name}.md").write_text(f"{BUILD.MARK}\n{name}\n")
    (tmp_path / "docs" / "by_hand.md").write_text("written\n")
    wanted = {tmp_path / "docs" / f"{name}.md": f"{BUILD.MARK}\n{text}\n" for name, text in
              {"same": "same", "other": "new", "absent": "new"}.items()}  # fmt: skip
    assert sorted(BUILD.stale(wanted)) == [
        "docs/absent.md is missing",
        "docs/old.md is generated no more",
        "docs/other.md is out of date",
    ]


def test_the_catalogues_of_the_package_are_found():
    assert {"loss", "metric", "model", "built-in data set", "check", "divergence"} <= set(CATALOGUES)


@pytest.mark.parametrize(("kind", "record"), RECORDS, ids=[f"{kind}-{record.name}" for kind, record in RECORDS])
def test_every_record_is_documented(kind, record):
    empty = []
    for field in dataclasses.fields(record):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        value = getattr(record, field.name)
        # a family of laws may have no free parameter
        if required and isinstance(value, str | tuple) and not value and field.name != "parameters":
            empty.append(field.name)
    assert empty == []
    names = {field.name for field in dataclasses.fields(record)}
    assert names & {"when", "description", "what", "title"}, f"{kind} records do not say what they are for"
    for name in names & {"when", "when_not", "title", "description", "what", "why", "advice", "reference"}:
        text = getattr(record, name)
        assert len(text) >= 4 and text == text.strip() and not re.search(r"\b(TODO|TBD|FIXME|XXX)\b", text), (
            name,
            text,
        )


@pytest.mark.parametrize(("kind", "record"), RECORDS, ids=[f"{kind}-{record.name}" for kind, record in RECORDS])
def test_the_entries_of_a_record_are_documented_too(kind, record):
    for name in ("parameters", "fields"):
        for entry in getattr(record, name, ()):
            if dataclasses.is_dataclass(entry):
                assert entry.meaning.strip()


def test_formulas_are_readable():
    from latex2mathml.converter import convert

    for kind, record in RECORDS:
        for name in ("formula", "gradient"):
            text = getattr(record, name, None)
            if text is not None:
                assert "<math" in convert(text), (kind, record.name)


def test_check_codes_are_unique_and_well_formed():
    codes = [record.code for kind, record in RECORDS if hasattr(record, "code") and hasattr(record, "severity")]
    assert codes and len(codes) == len(set(codes))
    assert all(re.fullmatch(r"LS\d{3}", code) for code in codes)


def test_constraints_are_names_and_versions_alone():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 40
    for line in pins:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[0-9][a-z0-9.]*", line), line
    assert pins == sorted(pins), "sorted, so that a change is seen"
    assert not re.search(r"https?:|file:|@|--|/", "\n".join(line for line in pins))


def requirements(group: dict[str, list[str]]) -> set[str]:
    return {re.split(r"[\[<>=!~ ;]", text)[0].lower() for texts in group.values() for text in texts}


def test_constraints_cover_what_is_installed_directly():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = requirements({"runtime": project["project"]["dependencies"], **project["dependency-groups"]})
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert wanted - pinned == set()


def test_torch_is_wanted_by_peers_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {"runtime": project["project"]["dependencies"], **project["dependency-groups"]}
    assert [name for name, texts in groups.items() if any(text.startswith("torch") for text in texts)] == ["peers"]
    assert groups["peers"] == ["torch==2.13.0"]


def test_the_version_is_the_same_everywhere():
    assert f"version: {__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_marker_is_explained_to_contributors():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    markers = [text.split(":")[0] for text in project["tool"]["pytest"]["ini_options"]["markers"]]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [marker for marker in markers if not re.search(rf"\|.*\b{marker}\b.*\|", text)] == []


PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/using-losses.md"])
def test_the_names_used_in_examples_exist(page):
    """Examples of the front page are compiled, and every lossmith name in them is looked up; tests/test_examples.py runs them."""
    import lossmith

    blocks = PYTHON_BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        compile(block, page, "exec")
        for path in re.findall(r"\blossmith\.([a-z_]+(?:\.[a-zA-Z_]+)*)", block):
            value = lossmith
            for part in path.split("."):
                value = getattr(value, part)
