"""Average ranks against published tables and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.compare.rankings import average_ranks, critical_difference

# Demsar 2006, table 6: areas under the ROC curve of C4.5 and three variants on 14 data sets
DEMSAR = np.array([
    [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
])  # fmt: skip
NAMES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")


def test_the_example_of_demsar():
    """Average ranks 3.143, 2.000, 2.893, 1.964; Friedman's statistic 9.28; critical difference 1.25 at 5 %."""
    found = average_ranks(DEMSAR, NAMES, direction="higher")
    assert found.ranks["C4.5"] == pytest.approx(3.143, abs=5e-4)
    assert found.ranks["C4.5+m"] == pytest.approx(2.000, abs=5e-4)
    assert found.ranks["C4.5+cf"] == pytest.approx(2.893, abs=5e-4)
    assert found.ranks["C4.5+m+cf"] == pytest.approx(1.964, abs=5e-4)
    assert next(iter(found.ranks)) == "C4.5+m+cf"
    assert found.difference == pytest.approx(1.25, abs=0.005)
    # the printed statistic leaves ties uncorrected; SciPy corrects for them
    uncorrected = 12 * 14 / (4 * 5) * (sum(rank**2 for rank in found.ranks.values()) - 4 * 25 / 4)
    assert uncorrected == pytest.approx(9.28, abs=0.01)
    assert found.p_value == pytest.approx(stats.friedmanchisquare(*DEMSAR.T).pvalue)
    assert found.groups == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)


@pytest.mark.parametrize(
    ("n_losses", "quantile"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (10, 3.164)]
)
def test_quantiles_of_nemenyi(n_losses, quantile):
    """Demsar 2006, table 5, at 5 %."""
    found = critical_difference(n_losses, 6) / np.sqrt(n_losses * (n_losses + 1) / 36)
    assert found == pytest.approx(quantile, abs=1e-3)


def test_level_and_number_of_data_sets():
    """Table 5 at 10 %: 2.291 for four; four times as many data sets halve the difference."""
    assert critical_difference(4, 6, level=0.9) / np.sqrt(20 / 36) == pytest.approx(2.291, abs=1e-3)
    assert critical_difference(4, 40) == pytest.approx(critical_difference(4, 10) / 2)


def test_direction_turns_the_ranks():
    scores = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]])
    assert dict(average_ranks(scores, "abc", direction="lower").ranks) == {"a": 1.0, "b": 2.5, "c": 2.5}
    assert dict(average_ranks(scores, "abc", direction="higher").ranks) == {"b": 1.5, "c": 1.5, "a": 3.0}


def test_groups_are_the_bars_of_the_diagram():
    """30 data sets in one order: ranks 1 to 4, critical difference .856 for 4 losses; neighbours 1 apart differ."""
    apart = average_ranks(np.tile([4.0, 3.0, 2.0, 1.0], (30, 1)), "abcd", direction="higher")
    assert apart.groups == () and apart.difference == pytest.approx(2.569 * np.sqrt(20 / 180), abs=1e-3)
    few = average_ranks(np.tile([4.0, 3.0, 2.0, 1.0], (8, 1)), "abcd", direction="higher")
    assert few.difference == pytest.approx(2.569 * np.sqrt(20 / 48), abs=1e-3)
    assert few.groups == (("a", "b"), ("b", "c"), ("c", "d"))


def test_ties_everywhere():
    found = average_ranks(np.ones((5, 3)), "abc", direction="higher")
    assert found.p_value == 1.0 and set(found.ranks.values()) == {2.0} and found.groups == (("a", "b", "c"),)


def test_wrong_arguments_are_named():
    with pytest.raises(ShapeError, match="2 losses"):
        average_ranks(np.ones((5, 3)), "ab", direction="higher")
    for shape in ((5, 2), (1, 3)):
        with pytest.raises(InvalidInputError, match="three losses"):
            average_ranks(np.ones(shape), "abc"[: shape[1]], direction="higher")
    with pytest.raises(InvalidInputError, match="direction"):
        average_ranks(np.ones((5, 3)), "abc", direction="up")
    with pytest.raises(InvalidInputError, match="full table"):
        average_ranks(np.full((5, 3), np.nan), "abc", direction="higher")
