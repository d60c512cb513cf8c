"""Figures that are drawn once: the same bytes from the file, drawn again when anything about them changes, never a failure."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from markupsafe import Markup

from lossmith.report import _kept_figures as kept
from lossmith.report.html import html

NOW = datetime(2001, 2, 3, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LOSSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LOSSMITH_KEEP_FIGURES", raising=False)
    return tmp_path / "cache" / "figures"


@pytest.fixture
def drawings(monkeypatch):
    """How often figures were drawn; one small one stands for all of them."""
    seen = []
    one = kept.Drawn("forest", "Differences <&>", "small ±", Markup('<svg id="é">&amp;</svg>'), "a,b\n1,2\n")
    monkeypatch.setattr(kept, "_draw", lambda comparison: seen.append(comparison) or {"forest": one})
    return seen


def test_the_second_report_draws_nothing_and_is_the_first_one(folder, drawings, circles):
    first, second = html(circles, now=NOW), html(circles, now=NOW)
    assert first == second and len(drawings) == 1 and len(list(folder.iterdir())) == 1
    found = kept.figures_of(circles)
    assert found == kept._draw(circles) and found["forest"].markup.__html__() == '<svg id="é">&amp;</svg>'


def test_what_is_kept_is_asked_for_by_all_that_is_drawn(folder, drawings, circles, monkeypatch):
    kept.figures_of(circles)
    kept.figures_of(replace(circles, standings=circles.standings[:1]))
    monkeypatch.setattr(kept, "_code", lambda: "another source, another Matplotlib")
    kept.figures_of(circles)
    assert len(drawings) == 3 and len(list(folder.iterdir())) == 3


def test_it_can_be_left_out(folder, drawings, circles, monkeypatch):
    monkeypatch.setenv("LOSSMITH_KEEP_FIGURES", "0")
    html(circles, now=NOW)
    html(circles, now=NOW)
    assert len(drawings) == 2 and not folder.exists()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        packed(b"no JSON"),
        packed(b"{}") + b"rest",
        packed(b'[{"key": "forest"}]'),
        packed(b"[3]"),
        packed(json.dumps([{"key": 1, "title": "", "description": "", "markup": 5, "data": ""}]).encode()[:-9]),
    ],
    ids=["empty", "no gzip", "no JSON", "rest", "fields", "number", "cut off"],
)
def test_a_damaged_file_is_drawn_again(folder, drawings, circles, content):
    expected = kept.figures_of(circles)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(content)
    assert kept.figures_of(circles) == expected and len(drawings) == 2
    assert file.read_bytes() == whole
    file.write_bytes(whole[:-20])
    assert kept.figures_of(circles) == expected and len(drawings) == 3


def test_a_file_that_would_grow_too_large_is_not_read(folder, drawings, circles, monkeypatch):
    kept.figures_of(circles)
    monkeypatch.setattr(kept, "LARGEST", 100)
    kept.figures_of(circles)
    assert len(drawings) == 2


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path, drawings, circles, monkeypatch):
    monkeypatch.delenv("LOSSMITH_KEEP_FIGURES", raising=False)
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("LOSSMITH_CACHE", str(tmp_path / "file"))
    assert kept.figures_of(circles) == kept.figures_of(circles) and len(drawings) == 2


def test_the_oldest_go_first(folder, drawings, circles, monkeypatch):
    monkeypatch.setattr(kept, "MOST", 2)
    folder.mkdir(parents=True)
    for age, name in enumerate("abc"):
        (folder / f"{name}.json.gz").write_bytes(b"")
        os.utime(folder / f"{name}.json.gz", (1000 - age, 1000 - age))
    kept.figures_of(circles)
    left = sorted(one.name[0] for one in folder.iterdir())
    assert len(left) == 2 and (folder / "a.json.gz").exists()


READ = """
import sys
from pathlib import Path
from lossmith.compare._json import from_json
from lossmith.report.html import html
html(from_json(Path(sys.argv[1]).read_text()))
print("matplotlib" in sys.modules)
"""


def test_matplotlib_is_loaded_only_to_draw(folder, circles, tmp_path):
    (tmp_path / "circles.json").write_text(circles.to_json())
    said = [
        subprocess.run([sys.executable, "-c", READ, str(tmp_path / "circles.json")], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert said == [["True"], ["False"]]
