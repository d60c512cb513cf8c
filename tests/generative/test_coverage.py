"""Mode coverage of known mixtures, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.generative import grid_of_gaussians, mode_coverage, ring_of_gaussians
from lossmith.generative._mixtures import mixture_named


def test_the_mixture_itself_covers_everything():
    for mixture in (ring_of_gaussians(), grid_of_gaussians()):
        found = mode_coverage(mixture.sample(20_000, rng=np.random.default_rng(0)), mixture)
        assert found.modes == len(mixture.centers)
        # P(chi2_2 < 9) = 1 - exp(-4.5)
        assert found.quality == pytest.approx(1 - np.exp(-4.5), abs=0.004)
        assert found.kl_to_uniform < 4 * (len(mixture.centers) - 1) / 40_000


def test_by_hand():
    ring = ring_of_gaussians(modes=4, radius=1.0, deviation=0.1)
    np.testing.assert_allclose(ring.centers, [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-15)
    samples = np.array([[1.0, 0.0], [1.2, 0.0], [1.4, 0.0], [0.0, 1.0]])
    found = mode_coverage(samples, ring)
    assert found.shares.tolist() == [0.75, 0.25, 0, 0] and found.quality == 0.75 and found.modes == 2
    assert found.kl_to_uniform == pytest.approx(0.75 * np.log(3) + 0.25 * np.log(1))
    assert found.good_kl_to_uniform == pytest.approx(2 / 3 * np.log(8 / 3) + 1 / 3 * np.log(4 / 3))


def test_samples_that_are_nowhere():
    ring = ring_of_gaussians()
    found = mode_coverage(np.full((3, 2), np.nan), ring)
    assert found.modes == 0 and found.quality == 0 and found.good_kl_to_uniform == np.inf


def test_refusals():
    with pytest.raises(ShapeError, match=r"\(n_samples, 2\)"):
        mode_coverage(np.zeros((3, 3)), ring_of_gaussians())
    with pytest.raises(ShapeError):
        mode_coverage(np.zeros((0, 2)), ring_of_gaussians())
    with pytest.raises(InvalidInputError, match="positive"):
        ring_of_gaussians(deviation=0)
    with pytest.raises(InvalidInputError, match="parameters of a ring"):
        mixture_named("ring:side=3")
    assert mixture_named("mnist") is None
    assert mixture_named("grid:side=3,spacing=1").centers.max() == 1
