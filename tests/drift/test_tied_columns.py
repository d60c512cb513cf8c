"""Columns of few different values: rare ones beside a heavy one raise no false alarm, and hide no change."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith import drift
from lossmith.drift._edges import fit_edges
from lossmith.drift._null import permutation_p
from lossmith.drift._records import ColumnProfile
from lossmith.drift._table import _joined, side_by_side


def mixed(rng: np.random.Generator, n: int, zeros: float, values: int) -> np.ndarray:
    """Return zeros and, in the other rows, one of so many whole numbers."""
    return np.where(rng.random(n) < zeros, 0, rng.integers(1, values + 1, n)).astype(float)


def column(values: np.ndarray, edges: np.ndarray) -> ColumnProfile:
    cells = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return ColumnProfile("x", "numeric", "f8", len(values), edges=edges, cells=cells)


@pytest.mark.parametrize(("n", "m", "zeros", "values"), [(300, 1500, 0.9, 60), (400, 400, 0.95, 45)])
def test_rare_values_that_the_reference_happens_to_hold_are_no_drift(n, m, zeros, values):
    """Of 250 pairs about 2.5 lie below 0.01; a cell for each value that the reference holds gave 30 and more."""
    detector, rng = drift.DETECTORS["js"], np.random.default_rng(0)
    p_values = []
    for _ in range(250):
        old, new = mixed(rng, n, zeros, values), mixed(rng, m, zeros, values)
        edges = fit_edges(old)
        cells = side_by_side(column(old, edges), column(new, edges))
        p_values += permutation_p([detector.function], cells.current, cells.reference, resamples=300, generator=rng)
    # 99.9 % of binomial laws with 250 tries lie below
    assert np.sum(np.array(p_values) <= 0.01) <= 9 and np.sum(np.array(p_values) <= 0.05) <= 25


@pytest.mark.parametrize("values", [30, 60, 500])
def test_what_changes_beside_a_heavy_value_is_found(values):
    """Five in a hundred rows are not zero in the reference, half of them now."""
    rng = np.random.default_rng(1)
    old = mixed(rng, 10_000, 0.95, values)
    found = drift.compare({"x": old}, {"x": mixed(rng, 500, 0.5, values)}, joint=None)
    assert found.drifted == ("x",)
    assert drift.compare({"x": old}, {"x": mixed(rng, 500, 0.95, values)}, joint=None).drifted == ()


def test_cells_of_rare_values_are_joined_with_each_other():
    loose = np.array([1, 0, 1, 1, 1, 1, 1, 0, 1, 0], bool)
    held = np.array([0, 30, 1, 8, 9, 4, 2, 40, 0.5, 9])
    # 18 is not enough for one of its own kind, 22 is; the 2 that are left belong to it; half a row goes with its neighbour
    assert _joined(held, loose, 1.0) == [[1], [2, 3, 4, 5, 6], [7], [8, 9]]
    assert _joined(np.array([0.2, 0.3]), np.zeros(2, bool), 1.0) == [[0, 1]]
    assert _joined(np.array([5.0, 0.2, 0.3]), np.zeros(3, bool), 1.0) == [[0, 1, 2]]
