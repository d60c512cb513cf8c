"""The convolution chapter: what the study says about each printed number."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith
import lossmith.data
from lossmith._errors import DataError
from lossmith.studies import STUDIES, convolutions, images


def measured(name: str) -> tuple[str, str, str, dict[str, float]]:
    return convolutions._CLAIMS[name][2]()


@pytest.mark.parametrize(
    ("name", "verdict", "says"),
    [
        ("H-C01", "reproduced", "[[19,25],[37,43]]"),
        ("H-C02", "reproduced", "[[5,11],[23,29]]"),
        ("H-C03", "reproduced", "441"),
        ("H-C05", "source error", "3,217,770 and 4,200,810"),
        ("H-C06", "source error", "[0,1,0,0,0,-1,0]"),
        ("H-C07", "source error", "steps"),
        ("H-C08", "reproduced", "3 x 3, 9 inputs"),
        ("H-C09", "reproduced", "[[0,3,8,4],[9,19,25,10],[21,37,43,16],[6,7,8,0]]"),
        ("H-C10", "source error", "(3, 3) without padding, (4, 4) with"),
        ("H-C11", "reproduced", "corner 1, centre 9; 2 x 2: 1 and 4"),
        ("H-C12", "reproduced", "[[56,72],[104,120]]"),
        ("H-C13", "source error", "[[[56,72],[104,120]],[[76,100],[148,172]],[[96,128],[192,224]]]"),
        ("H-C14", "reproduced", "e-0"),
        ("H-C15", "reproduced", "[[4,5],[7,8]]; [[2,3],[5,6]]; [[5,7],[13,15]]; [[2.5,4.5],[10.5,12.5]]"),
    ],
)
def test_worked_numbers(name: str, verdict: str, says: str) -> None:
    text, found, _, _ = measured(name)
    assert found == verdict and says in text


def test_a_wrong_number_is_not_reproduced() -> None:
    assert convolutions._judge([[19, 25], [37, 44]], [[19, 25], [37, 43]]) == "differs"
    assert convolutions._judge([1, 2, 3], [1, 2], [1, 2, 3]) == "source error"
    assert convolutions._judge([1, 2, 3], [1, 2], [1, 2, 4]) == "differs"


def test_templates_are_found() -> None:
    _, _, _, values = measured("H-C17")
    assert values["hits"] >= 45


@pytest.mark.slow
def test_augmentation_that_keeps_labels_and_one_that_does_not() -> None:
    _, _, _, scores = measured("H-C16")
    assert scores["none"] > 0.9 > 0.8 > scores["flip"] and scores["rotate"] > scores["flip"]


@pytest.mark.parametrize(
    ("kernels", "strides", "reach"), [([2, 2], [1, 1], 3), ([3, 3, 3], [2, 1, 1], 11), ([5], [3], 5)]
)
def test_receptive_field_by_what_moves(kernels: list[int], strides: list[int], reach: int) -> None:
    assert convolutions.receptive_field(kernels, strides) == reach
    # another way: follow one place of the output back to the places that it sees
    first = last = 0
    for kernel, stride in zip(kernels[::-1], strides[::-1], strict=True):
        first, last = first * stride, last * stride + kernel - 1
    assert last - first + 1 == reach


def test_claims_are_in_the_ledger_and_absent_data_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"convolutions", "images"} <= set(STUDIES)
    assert len(STUDIES["convolutions"].claims) == 19
    assert set(images._CLAIMS) == {name for names in images._CLAIMS_OF.values() for name in names}

    def nowhere(*_: object, **__: object) -> None:
        raise DataError("cifar10 is not on this machine")

    monkeypatch.setattr(images.lossmith, "compare", nowhere)
    monkeypatch.setattr(lossmith.data, "load", nowhere)
    rows = STUDIES["images"].run().rows
    assert [row.id for row in rows] == list(STUDIES["images"].claims)
    assert all(row.verdict == "not run" and "not on this machine" in row.remark for row in rows)


def test_a_quick_run_fetches_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    def nowhere(*arguments: object, **_: object) -> None:
        assert not isinstance(arguments[0], str), "a name would be fetched"
        raise DataError("arrays are not trained here")

    monkeypatch.delenv("LOSSMITH_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(images.lossmith, "compare", nowhere)
    monkeypatch.setattr(lossmith.data, "load", nowhere)
    remarks = {row.id: row.remark for row in STUDIES["images"].run(quick=True).rows}
    assert set(remarks) == set(STUDIES["images"].claims)
    assert {name for name, remark in remarks.items() if "fetches nothing" in remark} == set(remarks) - {"N-18", "N-19"}
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mnist.npz").write_bytes(b"")
    assert images._at_hand("mnist") and not images._at_hand("cifar-10")


def test_drawings_are_crosses_and_circles() -> None:
    pictures, labels = images._drawings(6)
    for picture, label in zip(pictures, labels, strict=True):
        bright = np.argwhere(picture[..., 0] > 0.0)
        assert picture.shape == (12, 12, 1) and len(bright)
        assert label in (0, 1)
