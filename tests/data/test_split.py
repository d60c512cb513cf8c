"""Splits: disjoint, complete, stratified, grouped, in time, equal in size for every seed."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossmith import data
from lossmith._errors import DataError, InvalidInputError


def dataset(target: np.ndarray, **options: object) -> data.Dataset:
    values = np.random.default_rng(len(target)).normal(size=(len(target), 2))
    return data.load((values, target), **options)  # type: ignore[arg-type]


def parts(split: data.Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


def check_partition(split: data.Split, n_samples: int) -> None:
    rows = np.concatenate(parts(split))
    assert sorted(rows.tolist()) == list(range(n_samples))
    assert all(part.dtype == np.int64 for part in parts(split))


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(3, 60), min_size=2, max_size=6).filter(lambda counts: sum(counts) >= 10),
    seed=st.integers(0, 2**63),
    fractions=st.sampled_from(
        [(0.6, 0.2, 0.2), (0.8, 0.1, 0.1), (0.2, 0.4, 0.4), (0.1, 0.45, 0.45), (0.5, 0.5, 0.0), (0.7, 0.0, 0.3)]
    ),
)
def test_stratified(counts: list[int], seed: int, fractions: tuple[float, float, float]) -> None:
    names = np.repeat([f"class {chr(97 + k)}" for k in range(len(counts))], counts)
    made = dataset(np.random.default_rng(5).permutation(names), task="multiclass")
    split = data.split(made, seed=seed, fractions=fractions)
    check_partition(split, len(names))
    assert split.redrawn
    other = data.split(made, seed=seed + 1, fractions=fractions)
    assert [len(part) for part in parts(split)] == [len(part) for part in parts(other)]
    table = np.array([np.bincount(made.target[part], minlength=len(counts)) for part in parts(split)])
    wanted = np.outer(fractions, counts)
    assert (table[np.array(fractions) > 0] >= 1).all()
    assert (table[np.array(fractions) == 0] == 0).all()
    if min(counts) * min(f for f in fractions if f) >= 1:
        # validation and test within one row of their share, so train within two
        assert np.abs(table - wanted)[1:].max() <= 1
        for part, share in zip(parts(split)[1:], fractions[1:], strict=True):
            assert len(part) == round(share * len(names))


def test_largest_remainder_gets_the_odd_row() -> None:
    made = dataset(np.repeat(["a", "b", "c"], [33, 32, 35]))  # 20 %: 6.6, 6.4, 7
    split = data.split(made, seed=0)
    for part in (split.test, split.validation):
        assert np.bincount(made.target[part]).tolist() == [7, 6, 7]


@pytest.mark.parametrize(("n", "sizes"), [(1000, (600, 200, 200)), (13, (7, 3, 3)), (10, (6, 2, 2)), (11, (7, 2, 2))])
def test_sizes_of_regression(n: int, sizes: tuple[int, int, int]) -> None:
    made = dataset(np.linspace(0, 1, n) ** 2)
    for seed in range(3):
        split = data.split(made, seed=seed)
        check_partition(split, n)
        assert tuple(len(part) for part in parts(split)) == sizes


def test_seed_decides() -> None:
    made = data.load("circles")
    one, two, other = (data.split(made, seed=seed) for seed in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(parts(one), parts(two), strict=True))
    assert not np.array_equal(one.train, other.train)
    # a row is in the test part one time in five
    often = np.bincount(np.concatenate([data.split(made, seed=seed).test for seed in range(200)]), minlength=1000)
    assert often.min() > 15  # binomial(200, .2): mean 40, standard deviation 5.7
    assert often.max() < 65


def test_recipe_stays_the_same() -> None:
    # another recipe would silently change what a stored seed means
    made = data.load("circles")
    rng = np.random.default_rng(np.random.SeedSequence([11, 0x5917]))
    shuffled = [rng.permutation(np.flatnonzero(made.target == label)) for label in (0, 1)]
    split = data.split(made, seed=11)
    for part, (start, stop) in zip(parts(split), [(0, 300), (300, 400), (400, 500)], strict=True):
        assert part.tolist() == sorted(int(row) for rows in shuffled for row in rows[start:stop])


@settings(deadline=None, max_examples=50)
@given(n_groups=st.integers(8, 60), seed=st.integers(0, 1000), classes=st.sampled_from([0, 2, 3]))
def test_groups_stay_together(n_groups: int, seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(n_groups), rng.integers(4, 9, size=n_groups)))
    target = rng.permutation(np.arange(len(groups)) % classes) if classes else rng.normal(size=len(groups))
    made = dataset(target, group=groups, task="multiclass" if classes else "regression")
    split = data.split(made, seed=seed)
    check_partition(split, len(groups))
    for first, second in itertools.combinations(parts(split), 2):
        assert not set(groups[first]) & set(groups[second])
    shares = np.array([len(part) for part in parts(split)]) / len(groups)
    assert np.abs(shares - [0.6, 0.2, 0.2]).max() < 8 / len(groups) + 0.05


def test_groups_are_redrawn_even_with_different_sizes() -> None:
    groups = np.repeat(np.arange(20), np.arange(1, 21))
    made = dataset(np.random.default_rng(0).normal(size=len(groups)), group=groups)
    assert len({tuple(data.split(made, seed=seed).test) for seed in range(10)}) > 5


def test_three_equal_groups_fill_three_parts() -> None:
    groups = np.repeat([0, 1, 2], 10)
    for target in (np.linspace(0, 1, 30) ** 2, np.arange(30) % 2):
        split = data.split(dataset(target, group=groups), seed=1)
        assert sorted(len(part) for part in parts(split)) == [10, 10, 10]


def test_too_few_groups() -> None:
    with pytest.raises(DataError, match="2 groups"):
        data.split(dataset(np.arange(20) % 2, group=np.arange(20) % 2), seed=0)
    groups = np.repeat([0, 1, 2], 10)
    made = dataset(np.array(["a", "b", "c"])[groups], group=groups)
    with pytest.raises(DataError, match=r"3 groups cannot be split: class '.' misses among the training rows"):
        data.split(made, seed=1)


def test_time_order() -> None:
    rng = np.random.default_rng(2)
    when = rng.permutation(50).astype(float)
    split = data.split(dataset(rng.permutation(np.arange(50) % 2), order=when), seed=3)
    check_partition(split, 50)
    assert not split.redrawn
    assert [len(part) for part in parts(split)] == [30, 10, 10]
    assert when[split.train].tolist() == list(range(30))
    assert when[split.validation].tolist() == list(range(30, 40))
    days = np.datetime64("2024-03-01") + when.astype(int)
    by_day = data.split(dataset(np.arange(50) % 2, order=days), seed=4)
    assert np.array_equal(by_day.test, split.test)
    with pytest.raises(DataError, match="class 'b' does not occur in the first 12 rows"):
        data.split(dataset(np.array(["a"] * 14 + ["b"] * 6), order=np.arange(20)), seed=0)


def test_bad_arguments() -> None:
    made = dataset(np.arange(20) % 2)
    for fractions in ((0.5, 0.5), (0.6, 0.2, 0.3), (1.2, -0.1, -0.1), (0, 0.5, 0.5), (float("nan"), 0.5, 0.5)):
        with pytest.raises(InvalidInputError, match="sum to 1"):
            data.split(made, seed=0, fractions=fractions)
    with pytest.raises(InvalidInputError, match="seed -1"):
        data.split(made, seed=-1)
    both = dataset(np.arange(20) % 2, group=np.arange(20), order=np.arange(20))
    with pytest.raises(InvalidInputError, match="both groups and an order"):
        data.split(both, seed=0)


def test_published_split() -> None:
    for name in ("circles", "blobs", "regression"):
        split = data.published_split(data.load(name))
        assert split.train.tolist() == list(range(500))
        assert split.validation.tolist() == split.test.tolist() == list(range(500, 1000))
    for name in ("iris", "circles:n_samples=600"):
        with pytest.raises(DataError, match="no published split"):
            data.published_split(data.load(name))
    frame = pl.DataFrame({"a": np.arange(1000) * 0.5, "y": np.arange(1000) % 2})
    with pytest.raises(DataError, match="'circles' has no published split"):
        data.published_split(data.load(frame, target="y", name="circles"))
