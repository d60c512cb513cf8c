"""Pages with numbers of other pages: the numbers are theirs, and what is missing is said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from documented import docs_script

ROOT = Path(__file__).resolve().parents[1]


CHOOSING, GALLERY, COMPARISON = (
    docs_script("choosing_page"),
    docs_script("gallery_page"),
    docs_script("comparison_page"),
)


def test_the_guide_shows_rows_of_the_ledger_as_they_are() -> None:
    from lossmith.losses import EVERY

    page = CHOOSING.choosing_page(EVERY)
    shown = re.findall(r"^\| ([A-Z]-[A-Z]?\d+|H-\w+|T-\d+) \| .* \| (.+?) \|$", page, re.MULTILINE)
    rows = {
        row["id"]: row
        for path in (ROOT / "docs" / "ledger").glob("*.json")
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]
    }
    assert len(shown) == sum(len(one.evidence) for one in CHOOSING.SITUATIONS) > 20
    for number, verdict in shown:
        assert rows[number]["verdict"] == verdict and rows[number]["measured"].replace("|", r"\|") in page


def test_every_situation_has_evidence_or_says_that_it_has_none() -> None:
    from lossmith.losses import EVERY

    for one in CHOOSING.SITUATIONS:
        assert bool(one.evidence) != bool(one.unmeasured), one.title
        assert one.commands and all(name in EVERY for name in one.losses), one.title


def test_a_row_that_is_not_there_is_said(tmp_path) -> None:
    (tmp_path / "some.json").write_text(json.dumps({"rows": [{"id": "X-1"}]}))
    assert CHOOSING.evidence("some X-1", folder=tmp_path) == {"id": "X-1"}
    for name in ("some X-2", "other X-1"):
        with pytest.raises(SystemExit, match=r"the guide shows X-[12], .* run lossmith study run (some|other)"):
            CHOOSING.evidence(name, folder=tmp_path)


@pytest.fixture
def gallery(tmp_path):
    folder, ledger = tmp_path / "gallery", tmp_path / "ledger"
    folder.mkdir(), ledger.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.svg").write_text("<svg/>")
    rows = [{"id": "X-1", "claim": "it falls", "figure": "two.svg"}]
    (ledger / "some.json").write_text(json.dumps({"study": "some", "rows": rows, "figures": ["two.svg"]}))
    return folder, ledger


def test_captions_come_from_their_file_and_else_from_the_ledger(gallery) -> None:
    folder, ledger = gallery
    (folder / "captions.toml").write_text('[one]\ntitle = "First"\nclaim = "it rises"\nstudy = "other"\n')
    page = GALLERY.gallery_page(folder=folder, ledger=ledger, studies=["some", "other"])
    assert page.index("## some") < page.index("![Two](gallery/two.svg)\n\nX-1: it falls") < page.index("## other")
    assert "### First\n\n![First](gallery/one.svg)\n\nit rises" in page and "`lossmith study run other`" in page


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"one\.svg has no entry in docs/gallery/captions\.toml"),
        ('[one]\ntitle = "a"\nclaim = "b"\n', r"\[one\] in .* lacks study"),
        ('[one]\ntitle = "a"\nclaim = ""\nstudy = "some"\n', r"\[one\] in .* lacks claim"),
        ('[one]\ntitle = "a"\nclaim = "b"\nstudy = "none"\n', "names none: no such study"),
        ('[gone]\ntitle = "a"\nclaim = "b"\nstudy = "some"\n', "describes gone: no such figure"),
    ],
)
def test_a_caption_that_is_wrong_is_said(gallery, text, words) -> None:
    folder, ledger = gallery
    (folder / "captions.toml").write_text(text)
    with pytest.raises(SystemExit, match=words):
        GALLERY.gallery_page(folder=folder, ledger=ledger, studies=["some"])


def test_cells_are_those_of_their_page(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(COMPARISON, "DOCS", tmp_path)
    (tmp_path / "p.md").write_text(
        "**a**\n\n| x | y |\n|---|---:|\n| 1, b | 2 |\n\n**c**\n\n| x | z |\n|---|---|\n| 1 | 3 |\n| 10 | 4 |\n"
    )
    assert COMPARISON.cell("p.md", "1, b", "y") == "2"
    assert (
        COMPARISON.cell("p.md", "1", "z", below="**c**") == "3"
        and COMPARISON.cell("p.md", "10, 4", "z", below="**c**") == "4"
    )
    with pytest.raises(SystemExit, match="no row '2'"):
        COMPARISON.cell("p.md", "2", "y")
    with pytest.raises(SystemExit, match="no column 'w'; its columns: x, y"):
        COMPARISON.cell("p.md", "1, b", "w")


def test_every_number_of_the_comparison_stands_on_a_page_of_measurements() -> None:
    page = COMPARISON.comparison_page()
    text = "\n".join(
        (ROOT / "docs" / name).read_text(encoding="utf-8")
        for name in (*COMPARISON.MEASURED.values(), "drift/calibration.md")
        if (ROOT / "docs" / name).is_file()
    )
    numbers = re.findall(
        r"(?<![\w.,])\d[\d,]*\.\d+(?: s\b| x\b)?|\b\d[\d,]* (?:MB|x)\b", re.sub(r"\]\([^)]*\)", "", page)
    )
    assert len(numbers) > 40
    assert [number for number in numbers if number not in text and number not in ("0.1", "0.3", "0.6", "0.4")] == []


def test_the_directions_are_those_of_the_page() -> None:
    """The forward fit has the mean and deviation of the mixture; each fit is the better one by its own direction."""
    rows = re.findall(
        r"^\| ±(\d) \| D\((.), .\), \w+ \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|",
        (ROOT / "docs/divergence/directions.md").read_text(encoding="utf-8"), re.MULTILINE,
    )  # fmt: skip
    assert len(rows) == 6
    for (gap, first, mean, deviation, there, back), (_, _, _, _, there_reverse, back_reverse) in zip(
        rows[::2], rows[1::2], strict=True
    ):
        center = -0.3 * float(gap)
        assert first == "p" and float(mean) == pytest.approx(center, abs=0.005)
        assert float(deviation) == pytest.approx((1 + float(gap) ** 2 - center**2) ** 0.5, abs=0.006)
        assert float(there) <= float(there_reverse) and float(back_reverse) <= float(back)
        assert f"directions-{gap}.svg" in (ROOT / "docs/divergence/directions.md").read_text(encoding="utf-8")
        assert (ROOT / f"docs/divergence/directions-{gap}.svg").stat().st_size > 5000
