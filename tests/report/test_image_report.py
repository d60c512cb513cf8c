"""The report of a comparison of images: what is shown is right, and the page still loads nothing."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

import lossmith
from lossmith.compare._json import from_json
from lossmith.data._images import image_dataset
from lossmith.data._spec import Split
from lossmith.report.html import html
from lossmith.report.images import pictures

N = 60


@pytest.fixture(scope="module")
def result() -> object:
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 2
    images = rng.integers(0, 60, (N, 10, 8, 3), dtype=np.uint8)
    images[labels == 1, 2:4, 5:7] = 255
    images[55, 2:4, 5:7] = 0  # a one without its mark
    rows = np.arange(N, dtype=np.int64)
    data = image_dataset(
        images, labels, name="<marks>", class_names=("without", "<b>with"), decisions=(), source="marks",
        parts=Split(rows[:36], rows[36:48], rows[48:], redrawn=False),
    )  # fmt: skip
    return lossmith.compare(
        data, losses="binary_crossentropy", model="cnn:filters=4,hidden=0,dropout=0,padding=same", seeds=2, epochs=12,
        batch_size=6, learning_rate=0.02,
    )  # fmt: skip


def test_what_is_shown(result: object) -> None:
    shown = result.pictures
    assert shown.loss == "binary_crossentropy"
    assert shown.confusion.shape == (2, 2) and shown.confusion.sum() == 2 * 12
    # accuracy over both seeds, counted another way
    assert np.trace(shown.confusion) / 24 == pytest.approx(result.standings[0].metrics["accuracy"].mean)
    assert shown.samples.shape == (12, 10, 8, 3) and shown.sample_labels.tolist() == [0] * 6 + [1] * 6
    assert (shown.said != shown.true).all() and (np.diff(shown.confidence) <= 0).all()
    assert len(shown.mistakes) >= 1 and shown.mistakes.shape[1:] == (10, 8, 3)
    assert shown.saliency.shape == (len(shown.mistakes), 10, 8) and shown.saliency.max() == 255
    assert shown.kernels.shape == (4, 3, 3, 3)
    assert [maps.shape for maps in shown.maps] == [(4, 5, 4)]


def test_saliency_is_where_the_mark_is(result: object) -> None:
    shown = result.pictures
    missed = np.flatnonzero(shown.true == 1)
    assert len(missed)
    # the score depends most on the pixels around the place where every other image of the class has its mark
    row, column = np.unravel_index(shown.saliency[missed[0]].astype(int).argmax(), (10, 8))
    assert 0 <= row <= 6 and 3 <= column <= 7


def test_the_page_carries_its_pictures(result: object) -> None:
    page = html(result)
    addresses = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)">', page)
    assert len(addresses) == len(pictures(result)) == 5
    for text, alternative in addresses:
        assert base64.b64decode(text).startswith(b"\x89PNG") and alternative
    assert "img-src data:" in page and "<marks>" not in page and "<b>with" not in page
    assert "http://" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)
    assert len(page) < 2_000_000
    assert html(result, now=None).count("<img ") == 5
    plain = html(replace(result, pictures=None))
    assert "img-src" not in plain and "<img " not in plain


def test_pictures_survive_json(result: object) -> None:
    again = from_json(result.to_json())
    for name in ("samples", "confusion", "mistakes", "saliency", "kernels", "confidence"):
        np.testing.assert_array_equal(getattr(again.pictures, name), getattr(result.pictures, name))
    without = json.loads(result.to_json())
    del without["pictures"]
    assert from_json(json.dumps(without)).pictures is None
