"""Digits by the networks and settings of a handbook: sample grids, a classifier's score that rises, a collapse that is flagged."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.generative import GenerativeAdversarialNetwork, diagnose, train_feature_network
from lossmith.report.sample_grids import write_grid
from lossmith.studies._handbook_digits import SETTINGS, scores_by_step


def pixels():
    """Return the digits of scikit-learn, 8 x 8: the same networks with a twelfth of the work of 28 x 28."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return np.rint(found.images[..., None] / 16 * 255).astype(np.uint8), found.target


@pytest.fixture(scope="module")
def features():
    network = train_feature_network(*pixels(), epochs=30)
    assert network.accuracy > 0.9
    return network


@pytest.mark.slow
def test_three_thousand_steps(features, tmp_path):
    from PIL import Image

    X, _ = pixels()
    gan = GenerativeAdversarialNetwork(**SETTINGS, steps=3000).fit(X, sample_every=1000)
    assert list(gan.samples_) == [0, 1000, 2000, 3000]
    for step, rows in gan.samples_.items():
        with Image.open(write_grid(rows, tmp_path / f"{step}.png")) as picture:
            assert picture.size == (5 * 56 + 4 * 2,) * 2
    scores = scores_by_step(gan.samples_, features)
    real = scores_by_step({0: X[:25] / 255}, features)[0]
    assert scores[0] < 3 and scores[1000] > scores[0] + 1 and scores[3000] > scores[0] + 1
    found = diagnose(gan, X, features=features, n=500)
    assert found.usable and found.measures["classifier_score"].low > 3
    assert scores[3000] > 0.4 * real
    assert found.plot().get_title(loc="left") == "Losses" and len(gan.curves_["generator_loss"]) == 3000


@pytest.mark.slow
def test_a_run_that_collapses_is_flagged(features):
    """A generator with styles, whose discriminator has no penalty, ends in one or two of ten digits."""
    X, _ = pixels()
    settings = {"network": "style:base=32", "optimizer": "adam:beta_1=0.5", "penalty": "none", "learning_rate": 5e-4, "average": 0.99}  # fmt: skip
    gan = GenerativeAdversarialNetwork(
        objective="non_saturating", steps=600, batch_size=32, random_state=0, **settings
    ).fit(X)
    found = diagnose(gan, X, features=features, n=300)
    assert found.measures["classifier_score"].value < 2.5
    assert {finding.code for finding in found.findings} & {"LS513", "LS514"}


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
def test_a_short_run_on_published_digits():
    """28 x 28 pixels, small batches: what is made after 100 steps has more classes than noise has."""
    from lossmith.data import load_image_set

    dataset = load_image_set("mnist:n_samples=4000")
    X = np.asarray(dataset.features)
    features = train_feature_network(X, np.asarray(dataset.target))
    gan = GenerativeAdversarialNetwork(**{**SETTINGS, "batch_size": 32}, steps=100).fit(X, sample_every=50)
    scores = scores_by_step(gan.samples_, features)
    assert list(scores) == [0, 50, 100] and scores[100] > scores[0]
    assert all(rows.shape == (25, 28, 28, 1) and 0 <= rows.min() <= rows.max() <= 1 for rows in gan.samples_.values())
