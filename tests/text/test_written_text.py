"""Sampling by hand calculation, generation, novelty by brute force, and what is judged about a text."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lossmith._errors import InvalidInputError
from lossmith.text import Sampling, novelty, write
from lossmith.text._baselines import Baselines
from lossmith.text._checks import judge_model, judge_text
from lossmith.text._network import initial_state, scores
from lossmith.text._novelty import matches
from lossmith.text._sampling import choose, sampled_law


def test_laws_of_sampling_by_hand():
    p = np.array([0.5, 0.25, 0.15, 0.1])
    raw = np.log(p) + 3.0
    np.testing.assert_allclose(sampled_law(raw, Sampling()), p)
    np.testing.assert_allclose(sampled_law(raw, Sampling(temperature=0.5)), p**2 / (p**2).sum())
    np.testing.assert_allclose(sampled_law(raw, Sampling(top_k=2)), [2 / 3, 1 / 3, 0, 0])
    np.testing.assert_allclose(sampled_law(raw, Sampling(top_p=0.75)), [2 / 3, 1 / 3, 0, 0])
    np.testing.assert_allclose(sampled_law(raw, Sampling(top_p=0.76)), p * [1, 1, 1, 0] / 0.9)
    np.testing.assert_allclose(sampled_law(raw, Sampling(top_p=1.0)), p)
    np.testing.assert_allclose(sampled_law(raw, Sampling(greedy=True)), [1, 0, 0, 0])
    np.testing.assert_allclose(sampled_law(raw, Sampling(top_k=99)), p)
    np.testing.assert_allclose(sampled_law(raw, Sampling(), banned=(0,)), [0, 0.5, 0.3, 0.2])
    assert sampled_law(np.array([1e5, 0.0]), Sampling(temperature=0.01)).tolist() == [1.0, 0.0]


def test_draws_follow_the_law():
    rng = np.random.default_rng(0)
    p = np.array([0.6, 0.3, 0.1])
    counts = np.bincount([choose(np.log(p), Sampling(), rng) for _ in range(4000)], minlength=3)
    # three standard deviations of a count
    assert (np.abs(counts - 4000 * p) < 3 * np.sqrt(4000 * p * (1 - p))).all()


@pytest.mark.parametrize(
    "bad", [{"temperature": 0.0}, {"temperature": float("nan")}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}]
)
def test_ways_of_sampling_that_make_no_sense_are_refused(bad):
    with pytest.raises(InvalidInputError, match="expected"):
        Sampling(**bad)


def test_generation_begins_and_ends_as_asked(trained):
    model = trained.model
    text = model.generate("the c", length=25, seed=1)
    assert text.startswith("the c") and len(text) == 30
    assert text == model.generate("the c", length=25, seed=1) != model.generate("the c", length=25, seed=2)
    assert model.generate("the", length=200, stop="\n", how=Sampling(greedy=True)).endswith("\n")
    assert model.generate("the", length=200, stop=".\n", seed=3).count(".\n") <= 1
    for bad in ({"length": 0}, {"stop": ""}):
        with pytest.raises(InvalidInputError):
            model.generate("the", **bad)
    with pytest.raises(InvalidInputError, match="unknown to the model"):
        model.generate("\u20ac")


def test_greedy_text_is_the_likeliest_token_every_time(trained):
    model = trained.model
    text = model.generate("the ", length=10, how=Sampling(greedy=True))
    tokens = model.vocabulary.encode(text)
    raw, _ = scores(model.architecture, dict(model.weights), tokens[:, None], initial_state(model.architecture, 1))
    assert np.asarray(raw)[3:-1, 0].argmax(-1).tolist() == tokens[4:].tolist()


# novelty and checks


def test_runs_are_those_of_a_search_by_brute_force():
    rng = np.random.default_rng(0)
    text, source = ("".join(rng.choice(list("abc"), n)) for n in (40, 80))

    def longest(start):
        return max((k for k in range(len(text) - start + 1) if text[start : start + k] in source), default=0)

    assert matches(text, source).tolist() == [longest(place) for place in range(len(text))]


def test_copied_text_is_found():
    source = "it was the best of times, it was the worst of times, it was the age of wisdom"
    new = "xyz the worst of times, it was zyx"
    found = novelty(new, source, "quite another text of some length")
    assert found.longest == " the worst of times, it was " and found.copied == pytest.approx(28 / 34)
    assert judge_text(new, found)[0].code == "LS534"
    assert novelty(source, source).jensen_shannon == pytest.approx(0, abs=1e-12)
    assert novelty("qqqqqqq", source).kl == math.inf and novelty("", source).longest == ""


def test_loops_are_found():
    assert [finding.code for finding in judge_text("one two " + "ab" * 60, None)] == ["LS535"]
    assert judge_text("the quick brown fox jumps over the lazy dog and runs", None) == ()


def test_what_does_not_beat_counting_is_an_error(trained):
    beside = Baselines({1: 2.0, 2: 1.5}, {"zlib": 1.8, "bz2": 1.7})
    assert [f.code for f in judge_model(1.6, 1.55, beside)] == ["LS531"]
    assert [f.code for f in judge_model(1.75, 1.74, beside)] == ["LS531", "LS532"]
    assert [f.code for f in judge_model(1.4, 1.0, beside)] == ["LS533"]
    assert judge_model(1.4, 1.35, beside) == ()
    assert ("does not beat" in trained.verdict) == any(f.code == "LS531" for f in trained.findings)


def test_a_sample_with_its_source(trained, verses):
    found = write(trained.model, "the", source=verses, held_out="a quite different text", length=60, seed=1)
    assert found.novelty is not None and found.text.startswith("the")
