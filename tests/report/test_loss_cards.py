"""Cards of losses: the picture is the function, the facts are the record."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from test_html import Page

from lossmith import _views, losses
from lossmith._errors import InvalidInputError
from lossmith.report import losses as cards
from lossmith.report._plots import panel, side_by_side

NOW = datetime(2026, 1, 5, tzinfo=UTC)
EVERY = list(losses.EVERY.values())


@pytest.mark.parametrize(
    "name, value, gradient",
    [
        ("mean_squared_error", lambda z: z**2, lambda z: 2 * z),
        ("binary_crossentropy", lambda z: np.logaddexp(0, -z), lambda z: -1 / (1 + np.exp(z))),
        ("squared_hinge", lambda z: np.maximum(1 - z, 0) ** 2, lambda z: -2 * np.maximum(1 - z, 0)),
        ("poisson", lambda z: np.exp(z) - z, lambda z: np.exp(z) - 1),
        ("categorical_crossentropy", lambda z: np.log(np.exp(z) + 2) - z, lambda z: np.exp(z) / (np.exp(z) + 2) - 1),
        ("gaussian_nll", lambda z: 0.5 * (np.log(2 * np.pi) + z**2), lambda z: z),
    ],
)
def test_the_profile_is_the_loss(name, value, gradient):
    shown = cards.profile(losses.get(name))
    assert shown.value == pytest.approx(value(shown.raw), rel=1e-6, abs=1e-9)
    assert shown.gradient[2:-2] == pytest.approx(gradient(shown.raw)[2:-2], rel=0.02, abs=0.04)


@pytest.mark.parametrize(
    "loss",
    [pytest.param(loss, marks=() if place % 4 == 0 else pytest.mark.slow) for place, loss in enumerate(EVERY)],
    ids=str,
)
def test_every_loss_has_a_card_on_paper_and_on_screen(loss):
    text = cards.as_text(loss, width=80)
    for part in (
        loss.when.split()[0],
        loss.reference.split()[0],
        loss.head.explanation.split()[0],
        "Keras:",
        "PyTorch:",
        "scikit-learn:",
    ):
        assert part in text
    prose = text.split("over the raw output")[0]
    assert max(map(len, prose.splitlines())) <= 80 + max(map(len, prose.split()))
    page = Page(cards.page(loss, now=NOW))
    assert page.one("h1")["text"] == str(loss)
    assert len(page.all("math")) == 2 and len(page.all("svg")) == 1 and len(page.all("pre")) == 3
    assert not [element for element in page.elements if "style" in element["attrs"] or "src" in element["attrs"]]


def test_parameters_show_their_value_in_force():
    assert re.search(
        r"^delta +2, from \(0, inf\): where", cards.as_text(losses.get("huber:delta=2")), flags=re.MULTILINE
    )
    assert "Huber(delta=2.0)" in cards.as_text(losses.get("huber:delta=2"))


def test_a_page_gives_the_same_bytes():
    assert cards.page(losses.get("hinge"), now=NOW) == cards.page(losses.get("hinge"), now=NOW)


@pytest.mark.parametrize("width", [None, 140, 100, 80])
def test_catalogue_fits(width):
    lines = cards.catalogue(EVERY, width=width).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [loss.name for loss in EVERY]
    if width is not None:
        assert max(map(len, lines)) <= width
    else:
        assert all(loss.when in line for loss, line in zip(EVERY, lines[1:], strict=True))


def test_views_of_a_loss():
    loss = losses.get("huber")
    assert _views.view(loss, "text", width=80) == cards.as_text(loss, width=80)
    assert "</html>" in _views.view(loss, "html", now=NOW)
    value, gradient = _views.view(loss, "plot")
    assert gradient.lines[-1].get_ydata() == pytest.approx(np.clip(cards.profile(loss).raw, -1, 1), abs=0.02)
    assert value.get_title(loc="left") == "value"


def test_profile_needs_an_interval():
    with pytest.raises(InvalidInputError, match="low below high"):
        cards.profile(losses.get("huber"), low=1, high=1)


@pytest.mark.parametrize("unicode", [True, False])
def test_a_panel_draws_a_rising_line(unicode):
    x = np.linspace(0, 1, 50)
    lines = panel(x, x, title="line", width=20, height=5, unicode=unicode)
    assert [lines[1].strip()[0], lines[5].strip()[0]] == ["1", "0"]
    starts = [min(place for place, mark in enumerate(line[2:]) if mark not in " ⠤-") for line in lines[1:5]]
    assert starts == sorted(starts, reverse=True)
    assert all(ord(mark) < 128 for line in lines for mark in line) is not unicode


def test_a_panel_of_nothing_finite_and_of_a_constant():
    x = np.linspace(0, 1, 9)
    assert len(panel(x, np.full(9, np.nan), title="none")) == 9
    assert panel(x, np.full(9, 3.0), title="three")[1].startswith("3.5")


def test_side_by_side():
    assert side_by_side(["a", "bbb"], ["c", "d"]) == ["a    c", "bbb  d"]


def test_front_door_stays_light():
    code = "import lossmith.report, sys; print([m for m in ('matplotlib', 'jinja2', 'keras', 'jax', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
