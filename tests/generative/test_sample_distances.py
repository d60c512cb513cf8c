"""Distances between samples of features against closed forms and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.generative import classifier_score, frechet_distance, kernel_distance
from lossmith.generative._sample_distances import bootstrapped, nearest_distances


def test_frechet_by_the_matrix_root_of_scipy():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5)), rng.normal(1.0, 2.0, size=(200, 5))
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-8)


def test_frechet_of_flat_samples():
    # one direction alone, fewer rows than features: covariances without an inverse
    x = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    y = np.array([[0.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    assert frechet_distance(x, y) == pytest.approx(1 + 4 + 2 + 8)


def test_kernel_distance_by_loops():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(4, 2))

    def k(a, b):
        return (a @ b / 2 + 1) ** 3

    xx = np.mean([k(x[i], x[j]) for i in range(6) for j in range(6) if i != j])
    yy = np.mean([k(y[i], y[j]) for i in range(4) for j in range(4) if i != j])
    xy = np.mean([k(a, b) for a in x for b in y])
    assert kernel_distance(x, y) == pytest.approx(xx + yy - 2 * xy, rel=1e-12)


def test_kernel_distance_of_one_law_is_0_on_average():
    rng = np.random.default_rng(2)
    found = [kernel_distance(*rng.normal(size=(2, 50, 3))) for _ in range(200)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(200)


def test_classifier_score_by_hand():
    p = np.array([[1.0, 0.0], [0.5, 0.5]])
    expected = np.exp(0.5 * np.log(1 / 0.75) + 0.5 * (0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)))
    assert classifier_score(p) == pytest.approx(expected)
    assert classifier_score(np.array([[0.2, 0.8]])) == pytest.approx(1)


def test_the_bootstrap_covers_a_mean():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        found = bootstrapped(lambda rows: float(rows.mean()), rng.normal(size=40), rng=rng)
        covered += found.low <= 0 <= found.high
    assert 175 <= covered <= 199


def test_nearest():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(7, 3, 2)), rng.normal(size=(9, 3, 2))
    expected = [min(np.linalg.norm(a - b) for b in y) for a in x]
    np.testing.assert_allclose(nearest_distances(x, y, block=3), expected, rtol=1e-10)
    assert nearest_distances(y[:2] + 1e8, y + 1e8).tolist() == [0, 0]


def test_refusals():
    with pytest.raises(ShapeError, match="2 rows"):
        frechet_distance(np.zeros((1, 2)), np.zeros((5, 2)))
    with pytest.raises(ShapeError):
        kernel_distance(np.zeros((5, 2)), np.zeros((5, 3)))
    with pytest.raises(InvalidInputError, match="finite"):
        frechet_distance(np.full((3, 2), np.nan), np.zeros((3, 2)))
    with pytest.raises(ShapeError):
        classifier_score(np.zeros(3))
