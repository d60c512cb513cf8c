"""Real streams: known changes are found in time, and what did not change is left in peace."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "drift"))
import streams

sys.path.pop(0)

pytestmark = pytest.mark.realdata


def test_sea_changes_are_found_within_a_thousand_rows(real_data):
    found = streams.sea(real_data)
    assert [known for known, *_ in found] == list(streams.KNOWN)
    for known, row, began, _ in found:
        assert 0 < row - known <= 1000
        assert abs(began - known) <= 2 * streams.WINDOW


def test_elec2_differs_even_with_blocks(real_data):
    result, _ = streams.elec2(real_data)
    assert {"vicprice", "transfer"} <= set(result.drifted)
    assert all("blocks" in one.judgements[0].method for one in result.columns)


def test_california_says_what_it_was_split_by(real_data):
    result = streams.california(real_data)
    assert set(result.drifted[:2]) == {"Latitude", "Longitude"}
    assert result["id"].status == "not tested"
    assert result["AveBedrms"].effect < result["HouseAge"].effect


def test_bank_calls_are_not_those_of_the_start(real_data):
    result = streams.bank(real_data)
    assert result.drifted[0] == "month" and "new 'oct'" in result["month"].words


def test_clothes_are_no_digits_and_other_writers_differ_a_little(real_data):
    clothes, writers, halves = streams.images(real_data)
    assert halves <= 4  # of 20: more happen with a chance of 0.3 % at a true level of 5 %
    assert clothes["(classifier)"].status == "drifted" and clothes["(classifier)"].judgements[0].value > 0.99
    assert len(clothes.drifted) > 40
    largest = [max(one.effect for one in result.columns if one.role == "feature") for result in (clothes, writers)]
    assert largest[0] > 0.4 and largest[1] < 0.2
