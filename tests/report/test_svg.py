"""SVG for a page: text as text, classes instead of colours, no style, no script, no address, the same bytes every time."""

from __future__ import annotations

import random
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.figure import Figure

from lossmith.report import figures
from lossmith.report._palette import LIGHT
from lossmith.report.svg import compact, svg


def drawn(comparison, name="forest"):
    titles = {}
    return svg(
        getattr(figures, name)(comparison, titles=titles).figure, key=name, title="T", description="D", titles=titles
    )


def points_of(path):
    """An independent reader of the paths of the SVG standard: M, L, l, z."""
    found, at, start, command = [], np.zeros(2), np.zeros(2), ""
    for word, numbers in re.findall(r"([MLlz])([^MLlz]*)", path):
        command = word
        if command == "z":
            at = start
            continue
        pairs = np.array(re.findall(r"-?\d*\.?\d+", numbers), dtype=float).reshape(-1, 2)
        for place, pair in enumerate(pairs):
            at = at + pair if command == "l" else pair
            if command == "M" and place == 0:
                start = at
            found.append(at)
    return np.array(found)


@pytest.mark.parametrize("seed", range(5))
def test_compact_paths_go_through_the_same_points(seed):
    rng = random.Random(seed)
    corners = [(rng.uniform(-600, 600), rng.uniform(-600, 600)) for _ in range(40)]
    corners[7] = corners[6]
    path = (
        f"M {corners[0][0]:.6f} {corners[0][1]:.6f} " + " ".join(f"L {x:.6f} {y:.6f}" for x, y in corners[1:]) + " z "
    )
    read = points_of(compact(path))
    kept = [corner for place, corner in enumerate(corners) if place != 7]
    assert np.abs(read - np.array(kept)).max() <= 0.05 + 1e-9


def test_compact_paths_of_dense_curves_are_about_half_as_long():
    angle = np.linspace(0, 6, 200)
    path = "M " + " L ".join(
        f"{300 + 80 * x:.6f} {300 + 80 * y:.6f}" for x, y in zip(np.cos(angle), np.sin(angle), strict=True)
    )
    assert len(compact(path)) < 0.55 * len(re.sub(r"(\.\d)\d+", r"\1", path))


def test_compact_keeps_two_parts_a_single_point_and_curves():
    two = points_of(compact("M 0 0 L 10 0 z M 20 20 L 30 20 L 30 30 z"))
    assert two.tolist() == [[0, 0], [10, 0], [20, 20], [30, 20], [30, 30]]
    assert points_of(compact("M 5 5 L 5 5")).tolist() == [[5, 5], [5, 5]]
    assert "C" in compact("M 0 1.5 C 0.8 1.5 1.5 0.8 1.5 0 z")


def test_bytes_are_the_same_every_time(small):
    assert drawn(small) == drawn(small)
    assert drawn(small, "strip") == drawn(small, "strip")


def test_text_is_text_and_titles_are_there(small):
    root = ElementTree.fromstring(drawn(small))
    texts = ["".join(element.itertext()) for element in root.iter("text")]
    assert {"binary_crossentropy", "focal", "brier"} <= set(texts)
    assert [root[0].tag, root[0].text, root[1].tag, root[1].text] == ["title", "T", "desc", "D"]
    assert root.get("role") == "img"
    assert {root[0].get("id"), root[1].get("id")} == set(root.get("aria-labelledby").split())


def test_every_seed_has_its_own_title(small):
    root = ElementTree.fromstring(drawn(small))
    named = [element.text for element in root.iter("title")][1:]
    assert sum(text.startswith("seed ") for text in named) == 2 * 5
    assert sorted(text.split(":")[0] for text in named) == sorted(f"seed {seed}" for seed in range(5) for _ in range(2))


def test_nothing_that_a_policy_would_forbid(circles):
    for name in ("forest", "curves", "reliability"):
        titles = {}
        axes = getattr(figures, name)(circles, titles=titles)
        figure = (axes[0] if isinstance(axes, list) else axes).figure
        text = svg(figure, key=name, title="T", description="D", titles=titles)
        assert not re.search(r"style=|<style|<script|http|xlink|data:|<image|font-family|\bon\w+=", text)


def test_ids_are_unique_prefixed_and_all_used(circles):
    root = ElementTree.fromstring(drawn(circles))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(set(ids)) == len(ids) and all(name.startswith("forest-") for name in ids)
    text = ElementTree.tostring(root, encoding="unicode")
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) | set(root.get("aria-labelledby").split())
    assert used == set(ids)


def test_every_colour_of_the_palette_is_a_class(circles):
    text = drawn(circles)
    assert not [color for color in LIGHT.values() if color in text.lower()]
    assert {"f-c0", "s-c1", "f-band", "s-rule", "f-bad"} <= set(re.findall(r"[fs]-\w+", text))
    left = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', text))
    assert not left


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & b \"c\" 'd'", "$x^2$", "日本語", "]]>", "<!--"])
def test_hostile_names_stay_text(make_comparison, name):
    root = ElementTree.fromstring(drawn(make_comparison(hostile=name, n_losses=3, n_seeds=4, collapsed=0)))
    assert name in ["".join(element.itertext()) for element in root.iter("text")]
    assert not list(root.iter("script"))


def test_settings_of_matplotlib_are_left_alone(small):
    before = dict(rcParams)
    drawn(small)
    assert dict(rcParams) == before


def test_a_users_own_figure():
    figure = Figure()
    figure.subplots().plot([0, 1], [0, 1], color="#123456")
    root = ElementTree.fromstring(svg(figure, key="own", title="T", description="D"))
    assert any(element.get("stroke") == "#123456" for element in root.iter())
