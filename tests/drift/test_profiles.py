"""Profiles: exact counts, cells that the reference alone places, exact merges, files that come back."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith import drift
from lossmith._errors import DataError, InvalidInputError, LossmithError, MissingExtraError
from lossmith.drift._counting import count, lookup
from lossmith.drift._edges import RULES, fit_edges

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)


def searched(values: np.ndarray, edges: np.ndarray) -> list[int]:
    there = values[~np.isnan(values)]
    return np.bincount(np.searchsorted(edges, there, side="right"), minlength=len(edges) + 1).tolist()


def laws() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "normal": rng.normal(size=3000),
        "lognormal": rng.lognormal(0, 3, 3000),
        "cauchy": rng.standard_cauchy(3000),
        "one outlier": np.concatenate([rng.normal(size=2999), [1e9]]),
        "counts": rng.poisson(4, 3000).astype(float),
        "half zeros": np.where(rng.random(3000) < 0.5, 0.0, rng.normal(size=3000)),
        "constant": np.full(3000, 2.5),
        "huge": rng.normal(size=3000) * 1e300,
        "tiny": rng.normal(size=3000) * 1e-310,
        "two values": rng.integers(0, 2, 3000) * 1e-9 + 1,
    }


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("law", list(laws()))
def test_counting_equals_a_search(law, rule):
    values = laws()[law]
    edges = fit_edges(values, rule=rule)
    rng = np.random.default_rng(1)
    later = np.concatenate([
        values, rng.normal(size=500) * 10.0 ** rng.integers(-5, 6, 500), edges, np.nextafter(edges, -np.inf),
        np.nextafter(edges, np.inf), [np.inf, -np.inf, np.nan, 0.0, -0.0],
    ])  # fmt: skip
    held = count(later, lookup(edges))
    assert held.cells.tolist() == searched(later, edges)
    finite = later[np.isfinite(later)]
    assert (held.n, held.n_missing, held.n_infinite) == (len(finite), 1, 2 + int(np.isinf(later[:-5]).sum()))
    assert (held.low, held.high) == (finite.min(), finite.max())


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20, unique=True))
def test_any_numbers_in_any_edges(values, edges):
    numbers, sorted_edges = np.array(values), np.unique(np.array(edges) + 0.0)
    assert count(numbers, lookup(sorted_edges)).cells.tolist() == searched(numbers, sorted_edges)


def test_moments_are_those_of_numpy():
    values = np.random.default_rng(2).normal(1e6, 3, 40_000)
    held = count(values, lookup(fit_edges(values)))
    assert math.isclose(held.mean, values.mean(), rel_tol=1e-13)
    assert math.isclose(held.squares / held.n, values.var(), rel_tol=1e-10)


def test_quantile_cells_hold_equal_shares_and_the_tails_are_apart():
    values = np.random.default_rng(3).permutation(np.arange(6400.0))
    column = drift.profile(values)["column_1"]
    assert column.cells.tolist() == [0, *[200] * 32, 0]
    assert column.edges[0] == 0 and column.edges[-1] == np.nextafter(6399.0, np.inf)


def test_values_that_are_few_or_heavy_have_a_cell_of_their_own():
    rng = np.random.default_rng(4)
    counts = drift.profile(rng.poisson(3, 5000).astype(float))["column_1"]
    assert 2.0 in counts.edges and np.nextafter(2.0, np.inf) in counts.edges
    zeros = drift.profile(np.where(rng.random(5000) < 0.4, 0.0, rng.normal(size=5000)))["column_1"]
    place = int(np.searchsorted(zeros.edges, 0.0))
    assert zeros.edges[place] == 0.0 and zeros.edges[place + 1] == np.nextafter(0.0, np.inf)
    assert abs(zeros.cells[place + 1] / 5000 - 0.4) < 0.03


def test_freedman_diaconis_is_that_of_numpy():
    values = np.random.default_rng(5).normal(size=2000)
    ours, theirs = fit_edges(values, rule="freedman_diaconis"), np.histogram_bin_edges(values, bins="fd")
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_bayesian_blocks_find_the_steps_of_a_density():
    rng = np.random.default_rng(6)
    values = np.concatenate([rng.uniform(0, 1, 1500), rng.uniform(1, 1.1, 1500), rng.uniform(1.1, 3, 500)])
    edges = fit_edges(values, rule="bayesian_blocks")
    assert len(edges) <= 8
    for step in (1.0, 1.1):
        assert np.abs(edges - step).min() < 0.02


def test_given_edges_are_taken_and_bad_ones_refused():
    assert drift.profile({"x": [1.0, 2.0, 3.0]}, edges={"x": [1.5, 2.5]})["x"].cells.tolist() == [1, 1, 1]
    for bad in ([2.0, 1.0], [], [1.0, math.inf], ["a"], [[1.0]], [1.0, 1.0]):
        with pytest.raises(InvalidInputError, match="edges of column 'x'"):
            drift.profile({"x": [1.0, 2.0]}, edges={"x": bad})
    with pytest.raises(LossmithError, match="which is a category"):
        drift.profile({"x": ["a", "b"]}, edges={"x": [1.0]})


def mixed(n: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "number": [None if hole else float(value) for hole, value in zip(rng.random(n) < 0.1, rng.normal(size=n), strict=True)],
            "whole": rng.integers(0, 1000, n),
            "level": rng.choice(["a", "b", "c", None], n).tolist(),
            "yes": rng.random(n) < 0.3,
            "when": pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 1) + pl.duration(hours=n - 1), "1h", eager=True),
            "wordy": [f"{'word ' * int(k)}{i}" for i, k in enumerate(rng.integers(1, 9, n))],
            "many": rng.integers(0, 10**9, n).astype(str),
        }
    )  # fmt: skip


def same(one: drift.Profile, other: drift.Profile) -> None:
    assert one.n_rows == other.n_rows
    for name, first in one.columns.items():
        second = other[name]
        assert first.cells.tolist() == second.cells.tolist(), name
        assert dict(first.levels) == dict(second.levels), name
        for field in ("n", "missing", "invalid", "infinite", "low", "high"):
            assert getattr(first, field) == getattr(second, field), (name, field)
        assert math.isclose(first.mean, second.mean, rel_tol=1e-12, abs_tol=1e-12)
        assert math.isclose(first.squares, second.squares, rel_tol=1e-10, abs_tol=1e-10)


@pytest.mark.parametrize("cuts", [[700], [1, 2, 1999], [500, 1000, 1500]])
def test_partitions_merge_exactly(cuts):
    frame = mixed(2000, 0)
    like = drift.profile(mixed(1500, 1), kinds={"many": "category"})
    parts = [frame[low:high] for low, high in zip([0, *cuts], [*cuts, 2000], strict=True)]
    merged = drift.profile(parts[0], like=like)
    for part in parts[1:]:
        merged = merged.merge(drift.profile(part, like=like))
    same(merged, drift.profile(frame, like=like))
    same(drift.profile(parts, like=like), merged)


def test_partitions_on_a_cluster_need_ray(tmp_path, monkeypatch):
    """With it they are counted by tests/compare/test_on_a_cluster.py."""
    mixed(400, 0).write_parquet(tmp_path / "0.parquet")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match="lossmith\\[ray\\]"):
        drift.profile_partitions([tmp_path / "0.parquet"])
    with pytest.raises(InvalidInputError, match="auto, local, HOST:PORT"):
        drift.profile_partitions([tmp_path / "0.parquet"], cluster="everywhere")


def test_profiles_with_other_cells_do_not_merge():
    one, other = drift.profile({"x": np.arange(100.0)}), drift.profile({"x": np.arange(200.0)})
    with pytest.raises(InvalidInputError, match="different cells"):
        one.merge(other)
    with pytest.raises(InvalidInputError, match="differ in column"):
        one.merge(drift.profile({"y": np.arange(100.0)}))


def test_levels_beyond_a_thousand_are_counted_in_buckets_and_still_merge():
    levels = [f"level {place}" for place in range(3000)]
    whole = drift.profile({"x": levels}, kinds={"x": "category"})["x"]
    assert whole.bucketed and whole.cells.sum() == 3000
    halves = [drift.profile({"x": levels[half::2]}, kinds={"x": "category"}) for half in (0, 1)]
    assert halves[0].merge(halves[1])["x"].cells.tolist() == whole.cells.tolist()
    small = drift.profile({"x": levels[:600]}, kinds={"x": "category"}).merge(
        drift.profile({"x": levels[600:]}, kinds={"x": "category"})
    )
    assert small["x"].cells.tolist() == whole.cells.tolist()


def test_kinds_are_found():
    found = {name: column.kind for name, column in drift.profile(mixed(2000, 2)).columns.items()}
    assert found == {
        "number": "numeric", "whole": "integer", "level": "category", "yes": "boolean", "when": "date", "wordy": "text", "many": "numeric",
    }  # fmt: skip
    text = pl.DataFrame(
        {
            "n": ["1,5", "2,5", ""] * 9,
            "d": ["31.12.2024", "01.02.2025", ""] * 9,
            "b": ["yes", "no", ""] * 9,
            "code": ["007", "010", ""] * 9,
        }
    )
    profile = drift.profile(text)
    assert {name: column.kind for name, column in profile.columns.items()} == {
        "n": "numeric",
        "d": "date",
        "b": "boolean",
        "code": "category",
    }
    assert profile["n"].mean == 2.0 and profile["n"].missing == 9
    assert dict(profile["b"].levels) == {"true": 9, "false": 9}


@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_a_stored_profile_comes_back(tmp_path, suffix):
    frame = mixed(500, 3).with_columns(endless=pl.Series([math.inf, -math.inf] * 250))
    profile = drift.profile(frame)
    path = profile.save(tmp_path / "deep" / f"p.{suffix}")
    back = drift.Profile.read(path)
    same(profile, back)
    assert back.to_json() == profile.to_json()
    assert json.loads(profile.to_json())["rows"] == 500


def test_a_profile_of_fifty_columns_is_small(tmp_path):
    rng = np.random.default_rng(7)
    profile = drift.profile(rng.normal(size=(5000, 50)))
    assert profile.save(tmp_path / "p.parquet").stat().st_size < 50_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "not json",
        '{"format":"lossmith drift profile"}',
        '{"format":"lossmith drift profile","version":9,"name":"x","rows":1,"notes":[],"columns":[]}',
    ],
)
def test_a_damaged_profile_is_one_clear_error(tmp_path, text):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(DataError, match="is no profile"):
        drift.Profile.read(path)


def test_counts_that_do_not_add_up_are_refused(tmp_path):
    path = drift.profile({"x": np.arange(100.0)}).save(tmp_path / "p.json")
    record = json.loads(path.read_text())
    record["columns"][0]["cells"][1] += 1
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match="does not add up"):
        drift.Profile.read(path)


def test_every_kind_of_table_gives_the_same_profile(tmp_path):
    frame = mixed(400, 4).select("number", "whole", "level", "yes")
    frame.write_parquet(tmp_path / "t.parquet", row_group_size=100)
    frame.write_csv(tmp_path / "t.csv")
    expected = drift.profile(frame)
    same(drift.profile(tmp_path / "t.parquet"), expected)
    same(drift.profile(frame.lazy()), expected)
    same(drift.profile(frame.to_pandas()), expected)
    same(drift.profile(frame.to_arrow()), expected)
    same(drift.profile({name: frame[name] for name in frame.columns}), expected)
    assert drift.profile(tmp_path / "t.csv")["number"].cells.tolist() == expected["number"].cells.tolist()
    rows = np.random.default_rng(0).normal(size=(70_000, 3))
    same(drift.profile(np.asfortranarray(rows)), drift.profile(np.ascontiguousarray(rows)))
    assert drift.profile(rows.astype(np.float32))["column_1"].n == 70_000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"x": []}, "no rows"),
        ({}, "no rows"),
        (np.zeros((2, 2, 2)), "shape"),
        (3, "data of type int"),
        ({"x": [1], "y": [1, 2]}, "columns of"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column named"),
        ([pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]})], "partition 2 differs"),
        (np.array([object()]), "array of object|nothing"),
    ],
)
def test_data_that_is_no_table_is_one_clear_error(data, words):
    if words == "array of object|nothing":
        assert drift.profile(data)["column_1"].n == 1
        return
    with pytest.raises(LossmithError, match=words):
        drift.profile(data)


def test_wrong_choices_are_clear_errors():
    table = {"x": np.arange(10.0)}
    for options, words in (
        ({"rule": "quantil"}, "did you mean"), ({"n_bins": 1}, "n_bins=1"), ({"columns": ["y"]}, "no column 'y'"),
        ({"kinds": {"x": "number"}}, "unknown kind"), ({"edges": {"y": [1.0]}}, "no column 'y'"),
        ({"like": drift.profile(table), "n_bins": 5}, "like= with other choices"),
    ):  # fmt: skip
        with pytest.raises(LossmithError, match=words):
            drift.profile(table, **options)


@pytest.mark.slow
def test_a_long_file_is_streamed(tmp_path):
    """The memory of a profile does not grow with the file: 224 MB of numbers need less than half of that."""
    rng = np.random.default_rng(8)
    path = tmp_path / "long.parquet"
    pl.DataFrame({f"c{place}": rng.standard_normal(7_000_000) for place in range(4)}).write_parquet(
        path, compression="uncompressed", row_group_size=131_072
    )
    code = (
        "import resource, sys, polars as pl\nfrom lossmith import drift\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "drift.profile({'x': [1.0, 2.0]})\nbefore = peak()\n"
        "profile = drift.profile(sys.argv[1])\nprint(profile.n_rows, peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    rows, extra = done.stdout.split()
    assert rows == "7000000" and float(extra) < 112
