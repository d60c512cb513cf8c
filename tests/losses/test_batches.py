"""Losses that compare the samples of a batch, against loops over pairs, the area under the curve and Optax."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.metrics

from lossmith import losses


def _batch(n: int = 14) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return 2 * rng.normal(size=n), rng.integers(0, 2, n).astype(float)


@pytest.mark.parametrize(
    "name, surrogate",
    [
        ("auc_squared_hinge", lambda lead: max(1 - lead, 0.0) ** 2),
        ("auc_logistic", lambda lead: math.log(1 + math.exp(-lead))),
    ],
)
def test_auc_surrogates_are_means_over_pairs(name, surrogate) -> None:
    raw, target = _batch()
    pairs = [surrogate(p - q) for p in raw[target == 1] for q in raw[target == 0]]
    value = losses.get(name)(raw, target)
    assert np.mean(value) == pytest.approx(np.mean(pairs), rel=1e-12)
    first = int(np.flatnonzero(target)[0])
    own = [surrogate(raw[first] - q) for q in raw[target == 0]]
    assert value[first] == pytest.approx(np.mean(own), rel=1e-12)


def test_auc_surrogates_bound_the_area_that_is_missing() -> None:
    raw, target = _batch(200)
    missing = 1 - sklearn.metrics.roc_auc_score(target, raw)
    assert np.mean(losses.get("auc_squared_hinge")(raw, target)) >= missing
    assert np.mean(losses.get("auc_logistic")(raw, target)) / math.log(2) >= missing
    # a perfect order far apart: both vanish
    perfect = np.where(target == 1, 30.0, -30.0)
    assert np.mean(losses.get("auc_squared_hinge")(perfect, target)) == 0
    assert np.mean(losses.get("auc_logistic")(perfect, target)) < 1e-20


def test_auc_surrogates_with_one_class_are_zero() -> None:
    for name in ("auc_squared_hinge", "auc_logistic"):
        np.testing.assert_array_equal(losses.get(name)(np.arange(3.0), np.ones(3)), 0.0)


@pytest.mark.parametrize("temperature", [0.1, 0.7])
def test_nt_xent_is_that_of_optax(temperature) -> None:
    rng = np.random.default_rng(1)
    raw, ids = rng.normal(size=(10, 4)), np.repeat(np.arange(5), 2)  # two views of five samples
    value = losses.get("nt_xent").configured(temperature=temperature)(raw, ids)
    with jax.enable_x64(True):
        theirs = jax.jit(optax.losses.ntxent)(jnp.asarray(raw), jnp.asarray(ids), temperature)
    assert np.mean(value) == pytest.approx(float(theirs), rel=1e-9)


def test_nt_xent_by_hand() -> None:
    # three points: 0 and 1 of one class at right angles, 2 of another along 0
    raw, ids = np.array([[2.0, 0.0], [0.0, 5.0], [1.0, 0.0]]), np.array([0, 0, 1])
    value = losses.get("nt_xent:temperature=1")(raw, ids)
    # sample 0: cos 0 with its partner, cos 1 with the other: log(e^0 + e^1) - 0
    np.testing.assert_allclose(value, [math.log(1 + math.e), math.log(2), 0.0], rtol=1e-12)


def test_triplet_takes_the_hardest_pair() -> None:
    raw, ids = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 2.0], [0.0, 9.0]]), np.array([0, 0, 1, 2])
    # sample 0: farthest of its class 5, nearest other 2; sample 1: 5 against sqrt(9 + 4); the others have no partner
    expected = [1 + 5 - 2, 1 + 5 - math.sqrt(13), 0, 0]
    np.testing.assert_allclose(losses.get("triplet")(raw, ids), expected, rtol=1e-12)
    np.testing.assert_allclose(losses.get("triplet:margin=0.5")(raw, ids)[:2], [3.5, 5.5 - math.sqrt(13)], rtol=1e-12)


def test_triplet_by_loops() -> None:
    rng = np.random.default_rng(2)
    raw, ids = rng.normal(size=(12, 3)), rng.integers(0, 3, 12)
    distance = np.linalg.norm(raw[:, None] - raw[None], axis=-1)
    expected = []
    for i in range(12):
        own = [distance[i, j] for j in range(12) if j != i and ids[j] == ids[i]]
        other = [distance[i, j] for j in range(12) if ids[j] != ids[i]]
        expected.append(max(1 + max(own) - min(other), 0) if own and other else 0)
    np.testing.assert_allclose(losses.get("triplet")(raw, ids), expected, rtol=1e-12)
