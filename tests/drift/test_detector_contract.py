"""What every detector must do, over the catalogue: a new one is tested the moment it is registered. Mutants show that the contract bites."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lossmith import drift
from lossmith.drift._detectors import Detector
from lossmith.drift._null import chi_squared_p, permutation_p

COUNTED = [detector for detector in drift.DETECTORS.values() if detector.reads in ("cells", "order")]
EVERY = [detector for detector in drift.DETECTORS.values() if detector.reads != "joint"]


def contract(detector: Detector) -> list[str]:
    """Return the clauses that a detector on counts breaks."""
    function, broken = detector.function, []
    rng = np.random.default_rng(0)
    shares = np.array([0.1, 0.3, 0.25, 0.2, 0.15])
    equal = float(function(1000 * shares, 4000 * shares))
    if not abs(equal) < 0.01:
        broken.append("near 0 for equal shares")
    near, far = (
        float(function(1000 * (shares + gap * np.array([1, 1, 0, -1, -1])), 4000 * shares)) for gap in (0.02, 0.08)
    )
    if not equal < near < far:
        broken.append("grows with the change")
    draws = rng.multinomial(200, shares, (3, 4)).astype(float)
    batch = function(draws, np.broadcast_to(4000 * shares, draws.shape))
    if batch.shape != (3, 4) or not np.allclose(batch[1, 2], function(draws[1, 2], 4000 * shares)):
        return [*broken, "batches are rows"]
    empty = float(function(np.array([0.0, 300, 250, 200, 250]), np.array([400.0, 1200, 1000, 1400, 0])))
    if not math.isfinite(empty):
        broken.append("finite with empty cells")
    order = [3, 0, 4, 1, 2]
    moved = float(function(draws[0, 0][order], (4000 * shares)[order]))
    if (detector.reads == "cells") != math.isclose(moved, float(function(draws[0, 0], 4000 * shares)), rel_tol=1e-9):
        broken.append("relabelling changes nothing, or everything where cells are ordered")
    if detector.chi_squared:
        n, m = 50_000, 20_000
        pairs = [rng.multinomial(size, shares, 1500).astype(float) for size in (m, n)]
        p = [chi_squared_p(detector, float(v), c, r) for v, c, r in zip(function(*pairs), *pairs, strict=True)]
        if abs(np.mean(p) - 0.5) > 0.03 or not 0.03 < np.mean(np.array(p) < 0.05) < 0.07:
            broken.append("follows the law that it states")
    reference, current = rng.multinomial(600, shares, 200).astype(float), rng.multinomial(60, shares, 200).astype(float)
    p = [
        permutation_p([function], c, r, resamples=199, generator=rng)[0]
        for c, r in zip(current, reference, strict=True)
    ]
    if np.mean(np.array(p) <= 0.1) > 0.17 or abs(np.mean(p) - 0.5) > 0.08:
        broken.append("uniform p-values by permutation")
    return broken


@pytest.mark.parametrize("detector", COUNTED, ids=lambda detector: detector.name)
def test_detectors_on_counts_keep_the_contract(detector):
    assert contract(detector) == []


JS = drift.DETECTORS["js"]
MUTANTS = {
    "constant off": (replace(JS, chi_squared=4.0), "follows the law that it states"),
    "no smoothing": (replace(JS, function=lambda c, r: np.sum(c / c.sum(-1, keepdims=True) * np.log((c / c.sum(-1, keepdims=True)) / (r / r.sum(-1, keepdims=True))), -1)), "finite with empty cells"),
    "sign flipped": (replace(JS, function=lambda c, r: -JS.function(c, r)), "grows with the change"),
    "counts instead of shares": (replace(JS, function=lambda c, r: np.abs(c - r).sum(-1)), "near 0 for equal shares"),
    "order ignored": (replace(drift.DETECTORS["binned_ks"], function=drift.DETECTORS["tv"].function), "relabelling changes nothing, or everything where cells are ordered"),
    "sums over everything": (replace(JS, function=lambda c, r: np.asarray(JS.function(c, r)).sum()), "batches are rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(MUTANTS))
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_the_contract_rejects_mutants(name):
    mutant, clause = MUTANTS[name]
    assert clause in contract(mutant)


@pytest.mark.parametrize("detector", EVERY, ids=lambda detector: detector.name)
def test_every_detector_says_what_is_needed(detector):
    assert detector.when and detector.null and detector.reference and detector.formula
    assert drift.DETECTORS[detector.aliases[0]] is detector


def mixed(n: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    zipf = 1 / np.arange(1, 51)
    return {
        "normal": generator.normal(size=n), "cauchy": generator.standard_cauchy(n), "lognormal": generator.lognormal(size=n),
        "count": generator.poisson(3, n), "flag": generator.random(n) < 0.2, "zipf": generator.choice(50, n, p=zipf / zipf.sum()).astype(str),
    }  # fmt: skip


def alarms(size: int, repetitions: int) -> dict[str, int]:
    """Return how often each detector alarms on any column of two samples of one law, corrected over columns."""
    from scipy.stats import false_discovery_control

    names = [detector.name for detector in EVERY]
    hits = dict.fromkeys(names, 0)
    for repetition in range(repetitions):
        generator = np.random.default_rng([size, repetition])
        result = drift.compare(
            mixed(3000, generator), mixed(size, generator), detectors=names, joint=None, seed=repetition
        )
        for name in names:
            p = [one.p_value for column in result.columns for one in column.judgements if one.detector == name]
            hits[name] += bool((false_discovery_control(p) <= 0.05).any())
    return hits


@pytest.mark.parametrize("size", [pytest.param(100, marks=pytest.mark.slow), 1000])
def test_no_detector_cries_wolf(size):
    """Of 16 comparisons without drift at most 4 alarm: at a true level of 5 % more happen with a chance of 0.1 %."""
    assert max(alarms(size, 16).values()) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 500, 2000])
def test_no_detector_cries_wolf_in_two_hundred_comparisons(size):
    """At a true level of 5 %, more than 20 of 200 happen with a chance of 0.1 %."""
    assert max(alarms(size, 200).values()) <= 20
