"""Views of comparisons of models and of maps: text, picture, one safe page."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.datasets import load_iris

from lossmith._errors import InvalidInputError, UnknownNameError
from lossmith.compare import compare_models
from lossmith.estimators import SelfOrganizingMap

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2))
Y = np.where(X[:, 0] > 0, "<script>alert(1)</script>", "no")


@pytest.fixture(scope="module")
def compared():
    return compare_models((X, Y), models="lda,linear_svm,tree:max_depth=2", folds="3", task="binary")


@pytest.fixture(scope="module")
def mapped():
    data = load_iris()
    names = np.array(["<script>", "b", "c"])[data.target]
    return SelfOrganizingMap(rows=4, columns=5, grid="hexagonal", random_state=0).fit(data.data).map(data.data, names)


def test_the_text_says_the_answer_first(compared):
    lines = str(compared).splitlines()
    assert lines[0] == compared.verdict
    assert next(line.split()[1] for line in lines[3:7]) == compared.standings[0].label + (
        "*" if compared.standings[0].calibrated else ""
    )
    assert "Platt" in str(compared) and "shared training rows" in str(compared)


def test_the_picture_has_a_line_for_each_difference(compared):
    ax = compared.plot()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(labels) == 3 and any(label.startswith("majority: worse") for label in labels)


@pytest.mark.parametrize("name", ["compared", "mapped"])
def test_the_page_is_one_file_that_runs_nothing_of_others(name, request, tmp_path):
    result = request.getfixturevalue(name)
    path = result.report(tmp_path / "new" / "page.html")
    text = path.read_text()
    assert "Content-Security-Policy" in text and not re.search(r"(src|href)=\"https?:", text)
    assert "<script>alert" not in text and "<script>&" not in text and text.count("<script") <= 1
    assert len(text) < 2_000_000
    assert "srcdoc" in result._repr_html_()
    with pytest.raises(InvalidInputError, match="is a folder"):
        result.report(tmp_path)


def test_maps_show_distances_classes_and_planes(mapped):
    ax = mapped.plot()
    assert len(ax.patches) >= 20 and len(ax.collections) == 3
    assert "x2" in mapped.plot(plane="x2").get_title(loc="left")
    with pytest.raises(UnknownNameError, match="unknown feature"):
        mapped.plot(plane="x9")
