"""Optimiser and schedule beside the loss: effects by hand calculation, and the whole way from names to the report."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

import lossmith
from lossmith._errors import InvalidInputError
from lossmith.compare import load, repeat
from lossmith.compare._json import from_json, to_json
from lossmith.compare.factors import judge_factors
from lossmith.compare.variants import make_variants, read_factor

RNG = np.random.default_rng(1)
N = 12
BASE = RNG.normal(0.8, 0.05, N)


def noise(scale=0.002):
    return RNG.normal(0, scale, N)


def judged(cells, **options):
    rng = np.random.default_rng(0)
    return judge_factors(
        ["loss", "optimizer"], cells, direction="higher", margin=0.01, rng=rng, metric="accuracy", **options
    )


def cells(effect_of_loss, effect_of_optimizer, interaction):
    return {
        (loss, optimizer): BASE
        - effect_of_loss * (loss == "b")
        - effect_of_optimizer * (optimizer == "v")
        - interaction * (loss == "b" and optimizer == "v")
        + noise()
        for loss in "ab"
        for optimizer in "uv"
    }


def test_a_main_effect_is_the_paired_difference_of_means_over_the_other_factor():
    grid = cells(0.05, 0.0, 0.0)
    found = judged(grid)
    loss, optimizer = found.factors
    expected = (grid["b", "u"] + grid["b", "v"]) / 2 - (grid["a", "u"] + grid["a", "v"]) / 2
    gap = loss.levels[1].difference
    assert [level.name for level in loss.levels] == ["a", "b"] and gap.verdict == "worse"
    half = stats.t.ppf(0.975, N - 1) * expected.std(ddof=1) / np.sqrt(N)
    assert (gap.mean, gap.low, gap.high) == pytest.approx(
        (expected.mean(), expected.mean() - half, expected.mean() + half)
    )
    assert optimizer.levels[1].difference.verdict == "equivalent"
    assert found.interactions[0].verdict == "none"
    assert "loss: a is better than b by 0.0" in loss.sentence


def test_an_interaction_is_a_difference_of_differences():
    grid = cells(0.0, 0.05, 0.06)
    found = judged(grid)
    pair = found.interactions[0]
    contrast = pair.contrasts[0]
    assert pair.verdict == "present" and (contrast.first, contrast.second) == ("b", "v")
    expected = (grid["b", "v"] - grid["a", "v"]) - (grid["b", "u"] - grid["a", "u"])
    assert contrast.difference.mean == pytest.approx(expected.mean())
    _t, p = stats.ttest_1samp(expected, 0)
    assert contrast.difference.p_value == pytest.approx(p, rel=1e-6)
    assert "they interact" in pair.sentence


def test_two_main_effects_without_interaction_are_told_apart_from_one():
    assert judged(cells(0.05, 0.05, 0.0)).interactions[0].verdict == "none"
    wide = {key: values + RNG.normal(0, 0.05, N) for key, values in cells(0.0, 0.0, 0.0).items()}
    assert judged(wide).interactions[0].verdict == "undecided"
    assert "seeds would settle it" in judged(wide).interactions[0].sentence


def test_lower_is_better_turns_the_signs():
    grid = {key: 1 - values for key, values in cells(0.05, 0.0, 0.0).items()}
    found = judge_factors(
        ["loss", "optimizer"], grid, direction="lower", margin=0.01, rng=np.random.default_rng(0), metric="rmse"
    )
    assert found.factors[0].levels[0].name == "a" and found.factors[0].levels[1].difference.verdict == "worse"


def test_a_level_that_misses_a_combination_is_left_out_and_said():
    grid = {(*key, schedule): values for key, values in cells(0.05, 0.0, 0.0).items() for schedule in ("c", "d")}
    grid |= {("a", "w", "c"): BASE, ("b", "w", "c"): BASE}
    found = judge_factors(
        ["loss", "optimizer", "schedule"],
        grid,
        direction="higher",
        margin=0.01,
        rng=np.random.default_rng(0),
        metric="m",
    )
    assert found.left_out == ("w",)
    assert [factor.name for factor in found.factors] == ["loss", "optimizer", "schedule"]
    assert {pair.factors for pair in found.interactions} == {
        ("loss", "optimizer"),
        ("loss", "schedule"),
        ("optimizer", "schedule"),
    }


def test_variants_have_rates_of_their_own_and_refuse_what_means_nothing():
    def rates(name, size):
        return (0.1, (0.1, 0.3)) if name == "sgd" else (0.01, (0.01,))

    variants, refused = make_variants(
        ["sgd", "lbfgs", "adam:batch_size=8"], ["constant", "cosine"], rates=rates, batch_size=32
    )
    assert [one.suffix for one in variants] == [
        " + sgd + constant",
        " + sgd + cosine",
        " + lbfgs + constant",
        " + adam:batch_size=8 + constant",
        " + adam:batch_size=8 + cosine",
    ]
    assert [one.batch_size for one in variants] == [32, 32, 0, 8, 8]
    assert variants[0].learning_rates == (0.1, 0.3) and variants[2].learning_rates == (1.0,)
    assert "no learning rate to schedule" in refused[0].reason
    with pytest.raises(InvalidInputError, match="named twice"):
        read_factor("nag,nesterov", kind="optimizer")
    with pytest.raises(InvalidInputError, match=r"keras\.optimizers\.Adam"):
        make_variants(["adam:beta_9=1"], ["constant"], rates=rates, batch_size=32)


OPTIONS = {
    "losses": "binary_crossentropy,hinge",
    "optimizers": ["sgd", "lbfgs"],
    "seeds": 2,
    "epochs": 3,
    "learning_rates": "configured",
}


@pytest.mark.slow
def test_the_whole_way(tmp_path):
    store = tmp_path / "runs.db"
    result = lossmith.compare("circles", **OPTIONS, store=store, save_model=tmp_path / "winner.safetensors")
    table = result.table()
    assert sorted(zip(table["loss"], table["optimizer"], strict=True)) == [
        (f"{loss} + {optimizer}", optimizer)
        for loss in ("binary_crossentropy", "hinge")
        for optimizer in ("lbfgs", "sgd")
    ]
    assert result.trials.select("loss", "optimizer").n_unique() == 4
    found = {factor.name: factor for factor in result.factors.factors}
    accuracy = {(one.loss.partition(" + ")[0], one.levels["optimizer"]): one.metric.mean for one in result.standings}
    for level in found["optimizer"].levels:
        own = [value for (_, optimizer), value in accuracy.items() if optimizer == level.name]
        assert level.metric.mean == pytest.approx(np.mean(own))
    again = from_json(to_json(result))
    assert again.factors == result.factors and load(store=store).factors == result.factors
    text = str(result)
    for sentence in (*found["loss"].sentence.split("("), result.factors.interactions[0].factors[0]):
        assert sentence.split(" is ")[0] in text
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'id="factors"' in page and "loss x optimizer" in page
    assert json.loads(json.dumps(json.loads(to_json(result))))["factors"]["interactions"]
    trained = lossmith.compare.TrainedModel.load(tmp_path / "winner.safetensors")
    assert trained.training["optimizer"] in ("sgd", "lbfgs")


@pytest.mark.slow
def test_a_comparison_of_optimisers_repeats_and_resumes(tmp_path):
    store = tmp_path / "runs.db"
    result = lossmith.compare("circles", **OPTIONS | {"schedules": "constant,cosine", "seeds": 3}, store=store)
    again = repeat(store=store)
    assert again.standings == result.standings and again.factors == result.factors
    assert result.not_applicable[0].loss == "lbfgs + cosine" and result.factors.left_out == ("lbfgs",)


def test_one_optimiser_by_itself_is_an_ordinary_comparison():
    result = lossmith.compare(
        "circles", losses="bce", optimizers="nesterov", schedules="cosine", seeds=2, epochs=2, learning_rates="0.1"
    )
    assert result.factors is None and result.standings[0].loss == "binary_crossentropy"
    assert result.settings.optimizer == "nesterov" and result.settings.extra["schedules"] == "cosine"
    assert "schedule cosine" in str(result) and "--schedules cosine" in str(result)
    with pytest.raises(InvalidInputError, match="one of them"):
        lossmith.compare("circles", optimizer="sgd", optimizers="adam", seeds=2)
