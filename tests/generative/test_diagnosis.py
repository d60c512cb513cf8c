"""Findings of adversarial runs that were broken on purpose, and views of results."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lossmith._errors import InvalidInputError
from lossmith.generative import CHECKS, GenerativeAdversarialNetwork, diagnose, ring_of_gaussians, train_feature_network

RING = ring_of_gaussians()
X = RING.sample(500, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def gan():
    return GenerativeAdversarialNetwork(network="dense:hidden=8", latent=3, steps=6, batch_size=16, random_state=0).fit(
        X
    )


def codes(found):
    return {finding.code for finding in found.findings}


def altered(gan, *, curves=None, **sampled):
    """Return a copy of a fitted network whose curves or samples are others."""
    import copy

    other = copy.copy(gan)
    other.curves_ = {**gan.curves_, **(curves or {})}
    if "rows" in sampled:
        other.sample = lambda n, random_state=None: np.resize(sampled["rows"], (n, *sampled["rows"].shape[1:]))
    return other


def test_a_collapsed_generator_is_an_error(gan):
    found = diagnose(altered(gan, rows=RING.centers[:1] + np.zeros((9, 2))), X, mixture=RING, n=50)
    assert {"LS513", "LS514"} <= codes(found) and not found.usable
    assert found.measures["modes"].value == 1 and found.measures["kl_to_uniform"].value == pytest.approx(np.log(8))


def test_the_mixture_itself_passes(gan):
    flat = {
        name: np.full(20, value)
        for name, value in (
            ("accuracy_real", 0.7),
            ("accuracy_generated", 0.7),
            ("discriminator_loss", 0.7),
            ("penalty", 0.1),
        )
    }
    fresh = RING.sample(2000, rng=np.random.default_rng(5))
    found = diagnose(
        altered(gan, curves=flat, rows=fresh), X, held_out=RING.sample(500, rng=np.random.default_rng(6)), mixture=RING
    )
    assert found.findings == () and found.usable and found.measures["modes"].low == 8
    assert found.measures["quality"].low < 1 - np.exp(-4.5) < found.measures["quality"].high


def test_a_smear_is_not_a_solution(gan):
    """Rows all over the circle have equal shares of every mode, and no rows on them."""
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 2000)
    ring = 2 * np.column_stack([np.cos(angle), np.sin(angle)])
    found = diagnose(altered(gan, rows=ring), X, mixture=RING)
    assert "LS518" in codes(found) and found.measures["kl_to_uniform"].value < 0.01
    # an arc of 0.06 to each side of eight modes, on a circle of 4 pi
    assert found.measures["quality"].value == pytest.approx(8 * 0.12 / (4 * np.pi), abs=0.02)


@pytest.mark.parametrize(
    "curves,code",
    [
        ({"accuracy_real": 1.0, "accuracy_generated": 1.0}, "LS511"),
        ({"penalty": 1e-6, "discriminator_loss": 0.7}, "LS515"),
        ({"penalty": 5.0, "discriminator_loss": 0.7}, "LS516"),
    ],
)
def test_what_curves_tell(gan, curves, code):
    usual = {"accuracy_real": 0.6, "accuracy_generated": 0.6, "penalty": 0.1, "discriminator_loss": 0.7}
    made = {name: np.full(20, value) for name, value in {**usual, **curves}.items()}
    found = codes(diagnose(altered(gan, curves=made), X, n=50))
    assert code in found
    usual_found = codes(
        diagnose(altered(gan, curves={name: np.full(20, value) for name, value in usual.items()}), X, n=50)
    )
    assert code not in usual_found


def test_a_blind_discriminator_is_seen_only_where_samples_are_far(gan):
    made = {
        name: np.full(20, value)
        for name, value in (
            ("accuracy_real", 0.5),
            ("accuracy_generated", 0.5),
            ("penalty", 0.1),
            ("discriminator_loss", 0.7),
        )
    }
    narrow = RING.centers[:2] * 0.3 + np.random.default_rng(0).normal(size=(2, 2)) * 0.2
    assert "LS512" in codes(diagnose(altered(gan, curves=made, rows=narrow), X, n=50)) or "LS513" in codes(
        diagnose(altered(gan, curves=made, rows=narrow), X, n=50)
    )
    assert "LS512" not in codes(diagnose(altered(gan, curves=made, rows=X), X, n=500))


def test_copies_are_seen(gan):
    held_out = RING.sample(300, rng=np.random.default_rng(7))
    assert "LS521" in codes(diagnose(altered(gan, rows=X), X, held_out=held_out, n=300))
    fresh = RING.sample(300, rng=np.random.default_rng(8))
    assert "LS521" not in codes(diagnose(altered(gan, rows=fresh), X, held_out=held_out, n=300))


def test_a_run_that_broke_says_so(gan):
    import copy

    broken = copy.copy(gan)
    broken.diverged_ = 7
    assert "LS517" in codes(diagnose(broken, X, n=50))


@pytest.mark.slow
def test_distances_by_an_own_classifier(gan):
    labels = (X @ [np.cos(0.3), np.sin(0.3)] > 0).astype(int)  # no mode lies on the border
    network = train_feature_network(X, labels, model="mlp:hidden=8", epochs=300)
    assert network.accuracy > 0.9
    far = diagnose(altered(gan, rows=X + 5.0), X, features=network, n=300)
    near = diagnose(altered(gan, rows=RING.sample(300, rng=np.random.default_rng(9))), X, features=network, n=300)
    assert near.measures["frechet_distance"].value < 0.1 * far.measures["frechet_distance"].value
    assert near.measures["classifier_score"].value > 1.7 > 1.3 > far.measures["classifier_score"].value
    assert near.measures["kernel_distance"].low < 0.05
    with pytest.raises(InvalidInputError, match="two classes"):
        train_feature_network(X, np.zeros(len(X)))


def test_views(gan, tmp_path):
    found = diagnose(gan, X, mixture=RING, n=200)
    assert found.table().columns == ["measure", "value", "low", "high"]
    assert json.loads(found.to_json())["n_samples"] == 200
    page = found.report(tmp_path / "gan.html").read_text()
    assert "Nearest training rows" in page and "<script>" in page and page.count("<svg") == 1
    assert found.plot().get_title(loc="left") == "Losses" and "iframe" in found._repr_html_()
    with pytest.raises(InvalidInputError, match="two or more"):
        diagnose(gan, X[:1])


def test_checks_have_texts_and_codes_of_their_own():
    assert len({check.code for check in CHECKS.values()}) == len(CHECKS)
    assert all(check.what and check.why and check.advice and check.code.startswith("LS5") for check in CHECKS.values())
