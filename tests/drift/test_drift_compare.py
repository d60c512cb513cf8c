"""Decisions: every failure of another monitor that is known is a test here."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from lossmith import drift
from lossmith._errors import DataError, LossmithError

N = 10_000


def normal(n: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, n)


def one(reference: np.ndarray, current: np.ndarray, **options) -> drift.ColumnDrift:
    return drift.compare({"x": reference}, {"x": current}, **options)["x"]


CELLS = [name for name, detector in drift.DETECTORS.items() if detector.reads in ("cells", "order")]
ROWS = [name for name, detector in drift.DETECTORS.items() if detector.reads == "rows"]


@pytest.mark.parametrize("name", CELLS + ROWS)
def test_a_shift_of_a_tenth_is_found_at_ten_thousand_rows(name):
    """Elsewhere KL, PSI, JS and Hellinger find 0 % of these shifts, and of shifts of 0.2 sd."""
    found = one(normal(N, 0), normal(N, 1, 0.1), detectors=[name])
    assert found.status == "drifted" and found.judgements[0].p_value < 0.02


@pytest.mark.parametrize("name", CELLS + ROWS)
def test_two_samples_of_one_law_are_near_zero_and_no_alarm(name):
    """Elsewhere a divergence of two samples of one law is 35, or infinite."""
    found = one(normal(2000, 2), normal(150, 3), detectors=[name])
    assert found.status == "stable"
    value = found.judgements[0].value
    assert math.isfinite(value) and value < 4 * max(
        1.0, found.judgements[0].expected if found.judgements[0].expected > 1 else 1.0
    )


def test_values_are_near_the_true_ones():
    """N(0, 1) against N(0.25, 1): KL 0.03125, Jeffreys 0.0625; against N(1, 1): KL 0.5. 1 per cent of it is lost to cells."""
    for shift in (0.25, 1.0):
        found = one(normal(200_000, 4), normal(200_000, 5, shift), detectors=["kl", "psi"])
        kl, psi = (judgement.value for judgement in found.judgements)
        assert math.isclose(kl, shift**2 / 2, rel_tol=0.06)
        assert math.isclose(psi, shift**2, rel_tol=0.06)


def test_one_outlier_hides_nothing():
    """Elsewhere one value of 1e4 among 10,000 turns a KL of 0.53 into 0.018."""
    current = normal(N, 6, 1.0)
    clean = one(normal(N, 7), current, detectors=["kl", "psi", "js"])
    for value in (1e4, 1e300, np.inf, -np.inf):
        dirty = one(normal(N, 7), np.concatenate([current[1:], [value]]), detectors=["kl", "psi", "js"])
        assert dirty.status == "drifted"
        for before, after in zip(clean.judgements, dirty.judgements, strict=True):
            assert math.isclose(before.value, after.value, rel_tol=0.02)
    assert one(np.concatenate([normal(N - 1, 7), [1e4]]), current).status == "drifted"


def test_missing_values_are_the_loudest_alarm():
    rng = np.random.default_rng(8)
    old = {f"c{place}": rng.normal(size=N) for place in range(8)}
    new = {f"c{place}": rng.normal(0.8 if place == 5 else 0, 1, N) for place in range(8)}
    new["c3"][rng.random(N) < 0.95] = np.nan
    for detectors in (None, ["psi"], ["ks"], ["wasserstein"]):
        found = drift.compare(old, new, joint=None, detectors=detectors)
        assert found.drifted == ("c3", "c5"), detectors
        assert "missing 0.0% to 9" in found["c3"].words
    new["c3"][:] = np.nan
    assert drift.compare(old, new, joint=None).drifted[0] == "c3"


@pytest.mark.parametrize("transform", [np.exp, lambda x: x**3, lambda x: 1e6 + 1e3 * x])
def test_a_monotone_transform_changes_nothing(transform):
    old, new = normal(5000, 9), normal(1500, 10, 0.1)
    names = ["js", "psi", "kl", "chi2", "binned_ad", "ks", "ad"]
    plain, moved = one(old, new, detectors=names), one(transform(old), transform(new), detectors=names)
    for before, after in zip(plain.judgements, moved.judgements, strict=True):
        assert math.isclose(before.value, after.value, rel_tol=1e-9)
        assert math.isclose(before.p_value, after.p_value, rel_tol=1e-9)


def test_the_smallest_share_that_grew_ninefold_is_seen():
    """Elsewhere shares below 1 % are raised to 1 %: from .001 to .009 gives 6e-5 instead of .0176."""
    levels = lambda rare: ["a"] * (N - rare) + ["b"] * rare  # noqa: E731
    found = drift.compare({"x": levels(10)}, {"x": levels(90)}, detectors=["psi"])["x"]
    assert found.status == "drifted"
    assert math.isclose(found.judgements[0].value, 0.0176, rel_tol=0.08)


def test_a_million_rows_do_not_alarm_on_nothing():
    old, new = normal(1_000_000, 11), normal(1_000_000, 12, 0.008)
    found = drift.compare({"x": old}, {"x": new}, joint=None)
    assert found["x"].status == "small" and not found.alarm
    assert any(finding.code == "LS711" for finding in found.findings)
    assert drift.compare({"x": old}, {"x": new}, joint=None, minimum_effect=0).drifted == ("x",)


def test_unseen_rare_levels_are_no_alarm_and_one_new_level_is():
    """Both samples draw from 5,000 equally likely levels: nearly every level of the one is new in the other."""
    rng = np.random.default_rng(13)
    draw = lambda n: [f"v{place}" for place in rng.integers(0, 5000, n)]  # noqa: E731
    kinds = {"x": "category"}
    reference = drift.profile({"x": draw(4000)}, kinds=kinds)
    alarms = sum(drift.compare(reference, {"x": draw(400)}).alarm for _ in range(20))
    assert alarms <= 4
    old, new = ["a", "b"] * 500, ["a", "b"] * 200 + ["brand new"] * 30
    found = drift.compare({"x": old}, {"x": new})["x"]
    assert found.status == "drifted" and "new 'brand new'" in found.words


def test_dependence_alone_is_seen_by_joint_detectors_only():
    rng = np.random.default_rng(14)
    a, b = rng.normal(size=4000), rng.normal(size=4000)
    old = {"a": a, "b": b, "c": rng.normal(size=4000)}
    mixed = rng.normal(size=4000)
    new = {"a": mixed, "b": 0.8 * mixed + 0.6 * rng.normal(size=4000), "c": rng.normal(size=4000)}
    found = drift.compare(old, new, joint=["classifier", "mmd", "pca"])
    assert set(found.drifted) == {"(classifier)", "(maximum_mean_discrepancy)", "(pca_reconstruction)"}
    assert found.total < 3 * 2 * 31 / 2 * (2 / 4000)  # the sum over columns sees chance alone
    assert "(classifier)" in drift.compare(old, new).drifted


def test_the_sum_over_columns_is_that_of_products_of_marginals():
    rng = np.random.default_rng(15)
    old = {"a": rng.integers(0, 2, 4000), "b": rng.integers(0, 3, 4000)}
    new = {"a": rng.integers(0, 3, 4000) // 2, "b": rng.integers(0, 4, 4000) % 3}
    found = drift.compare(old, new, joint=None)
    assert math.isclose(found.total, sum(found[name].kl for name in ("a", "b")))
    shares = [np.bincount(side[name], minlength=3)[: 2 + (name == "b")] for side in (new, old) for name in ("a", "b")]
    p, q = (np.outer(side[0] / side[0].sum(), side[1] / side[1].sum()) for side in (shares[:2], shares[2:]))
    assert math.isclose(found.total, float((p * np.log(p / q)).sum()), rel_tol=0.01)


def test_schema_changes_are_findings_and_not_crashes():
    old = pl.DataFrame({"gone": [1.0] * 50, "kept": [1.0, 2.0] * 25, "typed": list(range(50))})
    new = pl.DataFrame({"kept": [1.0, 2.0] * 25, "typed": ["oops"] * 50, "fresh": [1] * 50})
    found = drift.compare(old, new)
    assert found["gone"].status == "gone" and found["typed"].status == "drifted"
    assert {finding.code for finding in found.findings} >= {"LS701", "LS702", "LS703"}
    assert "typed" in found.drifted and "gone" in found.drifted and "kept" not in found.drifted
    with pytest.raises(DataError, match="none of the 3 columns"):
        drift.compare(old, {"other": [1.0]})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([1.0, 2.0] * 20, [1.0]),
        ([1.0], [1.0]),
        ([1.0], [2.0] * 50),
        ([None] * 30, [1.0] * 30),
        ([1.0, 2.0] * 20, [None] * 30),
        ([None] * 30, [None] * 30),
        ([np.inf, -np.inf] * 20, [np.inf] * 20),
        ([5.0] * 40, [5.0] * 40),
        (["a"] * 40, ["a"]),
        ([""] * 40, ["a"] * 40),
        ([True, False] * 20, [True] * 40),
        ([[1, 2]] * 20, [[1]] * 20),
    ],
)
def test_odd_columns_give_an_answer(old, new):
    found = drift.compare(
        pl.DataFrame({"x": old, "y": [1.0, *[2.0] * (len(old) - 1)]}, strict=False),
        pl.DataFrame({"x": new}, strict=False),
    )
    assert found["x"].status in ("drifted", "stable", "small", "not tested")
    assert json.loads(found.to_json())["columns"]
    assert found.table().height == len(found.columns)
    assert 0 < found["x"].p_value <= 1 or math.isnan(found["x"].p_value)
    for name in ROWS:
        drift.compare({"x": old}, {"x": new}, detectors=[name])


def test_columns_of_any_type_stand_beside_each_other():
    """Lists, structures, bytes, decimals, times, categoricals, constants and nothing at all, with the joint detectors too."""
    from datetime import time

    frame = pl.DataFrame(
        {
            "list": [[1, 2]] * 50, "struct": [{"x": 1}] * 50, "bytes": [b"ab"] * 50, "nothing": [None] * 50, "constant": [0.1] * 50,
            "infinite": [np.inf] * 50, "decimal": pl.Series(["1.50", "2.50"] * 25).cast(pl.Decimal(10, 2)), "time": [time(1, 2)] * 50,
            "categorical": pl.Series(["a", "b"] * 25, dtype=pl.Categorical),
        }
    )  # fmt: skip
    found = drift.compare(frame, frame, joint=["classifier", "mmd", "pca"])
    assert not found.alarm
    assert {column.name for column in found.columns if column.status == "not tested"} == {"list", "struct", "bytes"}
    assert drift.profile(frame)["decimal"].mean == 2.0
    constant = drift.compare(
        frame.select("constant", "infinite"), frame.select("constant", "infinite"), joint=["classifier"]
    )
    assert any(finding.code == "LS709" for finding in constant.findings)


def test_time_passing_is_no_drift():
    start = pl.datetime(2024, 1, 1)

    def dates(first):
        return pl.DataFrame(
            {"t": pl.datetime_range(first, first + pl.duration(hours=499), "1h", eager=True), "id": range(500)}
        )

    old, new = dates(start), dates(start + pl.duration(days=60)).with_columns(id=pl.int_range(500, 1000, eager=True))
    found = drift.compare(old, new)
    assert not found.alarm
    assert found["t"].status == found["id"].status == "not tested"
    assert [finding.code for finding in found.findings].count("LS707") == 2


def walk(n: int, seed: int, memory: float) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=n)
    values = np.empty(n)
    state = 0.0
    for place in range(n):
        state = memory * state + noise[place]
        values[place] = state
    return values


def test_autocorrelated_rows_are_named_and_blocks_keep_the_level():
    alarms = {None: 0, "auto": 0}
    runs = 24
    for seed in range(runs):
        series = walk(2600, seed, 0.9)
        for blocks in alarms:
            found = drift.compare({"x": series[:2000]}, {"x": series[2000:]}, blocks=blocks)
            alarms[blocks] += found.alarm
            if blocks is None:
                assert any(finding.code == "LS706" for finding in found.findings)
    assert alarms[None] > runs / 2  # what every monitor of independent rows does
    assert alarms["auto"] <= 5  # 5 % of 24 is 1.2; the chance of more than 5 at 7 % is 1 %
    shifted = walk(600, 99, 0.9) + 6
    assert drift.compare({"x": walk(2000, 98, 0.9)}, {"x": shifted}, blocks="auto").alarm
    with pytest.raises(LossmithError, match="blocks with a stored profile"):
        drift.compare(drift.profile({"x": walk(100, 0, 0.5)}), {"x": walk(100, 1, 0.5)}, blocks=10)


def test_the_price_of_few_rows_is_said():
    found = drift.compare({"x": normal(30, 0)}, {"x": normal(12, 1)})
    assert any(finding.code == "LS705" and "sd or more" in finding.evidence for finding in found.findings)


def test_power_is_what_comparisons_do():
    """The stated power of a shift of 0.2 sd in 500 rows, against as many real comparisons."""
    stated = drift.power(5000, 500, 0.2, columns=1)
    found = np.mean(
        [
            one(normal(5000, 2 * k), normal(500, 2 * k + 1, 0.2), minimum_effect=0.0).status == "drifted"
            for k in range(60)
        ]
    )
    assert abs(found - stated) < 4 * math.sqrt(stated * (1 - stated) / 60) + 0.02
    shift = drift.detectable_shift(5000, 500, columns=10)
    assert abs(drift.power(5000, 500, shift, columns=10) - 0.8) < 0.03
    assert drift.detectable_shift(10, 1) != drift.detectable_shift(10, 1)  # NaN: nothing can be seen


def test_labels_predictions_and_performance():
    rng = np.random.default_rng(16)
    truth = rng.integers(0, 2, 3000)

    def table(wrong):
        return {
            "f": rng.normal(size=3000),
            "y": truth,
            "p": np.where(rng.random(3000) < wrong, 1 - truth, truth),
        }

    found = drift.compare(table(0.1), table(0.25), target="y", prediction="p", joint=None)
    assert found.drifted[0] == "(error rate)" and "worse" in found["(error rate)"].words
    assert found["y"].role == "target" and found["p"].role == "prediction"
    assert not drift.compare(table(0.1), table(0.1), target="y", prediction="p", joint=None).alarm
    value = rng.normal(size=3000)
    numbers = lambda error: {"y": value, "p": value + rng.normal(0, error, 3000)}  # noqa: E731
    assert "(mean absolute error)" in drift.compare(numbers(1.0), numbers(1.5), target="y", prediction="p").drifted
    with pytest.raises(LossmithError, match="no column 'q'"):
        drift.compare(table(0.1), table(0.1), target="y", prediction="q")


def test_the_same_whatever_stands_beside_it_and_whoever_asks_again():
    old, new = normal(1000, 17), normal(100, 18)
    alone = one(old, new)
    beside = drift.compare({"a": normal(1000, 19), "x": old}, {"x": new, "a": normal(100, 20)}, joint=None)["x"]
    assert [judgement.p_value for judgement in alone.judgements] == [
        judgement.p_value for judgement in beside.judgements
    ]
    assert repr(alone.judgements) == repr(one(old, new).judgements)  # a judgement may hold NaN, which equals nothing


def test_a_stored_profile_gives_the_decisions_of_the_data(tmp_path):
    old, new = {"x": normal(3000, 21), "y": normal(3000, 22)}, {"x": normal(500, 23, 0.4), "y": normal(500, 24)}
    path = drift.profile(old).save(tmp_path / "p.parquet")
    stored, live = drift.compare(path, new), drift.compare(old, new, joint=None)
    assert stored.drifted == live.drifted == ("x",)
    assert [column.p_value for column in stored.columns] == [column.p_value for column in live.columns]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 0}, "level=0"),
        ({"minimum_effect": -1}, "minimum_effect"),
        ({"blocks": 0}, "blocks=0"),
        ({"detectors": ["jensen_shanon"]}, "did you mean"),
        ({"detectors": []}, "no detector"),
        ({"joint": ["js"]}, "as a joint detector"),
        ({"correction": "bonferoni"}, "unknown correction"),
        ({"columns": ["z"]}, "no column 'z'"),
        ({"resamples": 3}, "resamples=3"),
    ],
)
def test_wrong_options_are_clear_errors(options, words):
    with pytest.raises(LossmithError, match=words):
        drift.compare({"x": normal(50, 0)}, {"x": normal(50, 1)}, **options)


def test_drift_loads_neither_jax_nor_keras():
    code = (
        "import sys, numpy as np\nfrom lossmith import drift\n"
        "r = np.random.default_rng(0)\nd = drift.compare(r.normal(size=(99, 2)), r.normal(size=(99, 2)), joint=['classifier', 'mmd', 'pca'])\n"
        "d.to_json(); str(d)\nprint([m for m in ('jax', 'keras', 'torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
