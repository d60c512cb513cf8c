"""The encoder: scikit-learn's numbers, statistics of the training rows only, a width that no split changes."""

# ruff: noqa: DTZ001 - times in tables have no zone

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from lossmith import data
from lossmith._errors import DataError, ModelFileError, ShapeError

finite = st.floats(-1e300, 1e300)


def mixed(n: int = 60, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "size": rng.normal(50, 20, n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "loan": rng.choice(["yes", "no"], n),
            "age": [None if hole else float(v) for hole, v in zip(rng.random(n) < 0.3, rng.integers(18, 90, n), strict=True)],
            "shop": [None if hole else v for hole, v in zip(rng.random(n) < 0.2, rng.choice(["a", "b"], n), strict=True)],
            "when": [datetime(2020 + int(k) % 4, 1 + int(k) % 12, 1 + int(k) % 28, int(k) % 24) for k in rng.integers(0, 999, n)],
            "y": rng.permutation(np.arange(n) % 2),
        }
    )  # fmt: skip


def test_equals_scikit_learn() -> None:
    frame = mixed()
    dataset = data.load(frame, target="y")
    train = data.split(dataset, seed=1).train
    encoder = data.fit_encoder(dataset, train)
    inputs = encoder.transform(dataset.features)
    assert inputs.dtype == np.float32
    assert inputs.shape == (60, encoder.n_inputs)
    named = dict(zip(encoder.names, inputs.T, strict=True))
    assert len(named) == encoder.n_inputs

    pandas = frame.to_pandas()
    size = StandardScaler().fit(pandas[["size"]].iloc[train])
    np.testing.assert_allclose(named["size"], size.transform(pandas[["size"]])[:, 0], rtol=1e-6)
    ages = SimpleImputer(strategy="median").fit(pandas[["age"]].iloc[train]).transform(pandas[["age"]])[:, 0]
    known = pandas["age"].iloc[train].dropna().to_numpy()
    np.testing.assert_allclose(named["age"], (ages - known.mean()) / known.std(), rtol=1e-5, atol=1e-7)
    assert np.array_equal(named["age missing"], pandas["age"].isna())
    colours = OneHotEncoder(sparse_output=False).fit(pandas[["colour"]]).transform(pandas[["colour"]])
    assert np.array_equal(np.stack([named[f"colour={c}"] for c in ("blue", "green", "red")], axis=1), colours)
    assert np.array_equal(named["loan"], pandas["loan"] == "yes")
    assert np.array_equal(named["shop=a"], pandas["shop"] == "a")
    assert np.array_equal(named["shop missing"], pandas["shop"].isna())
    for part, values in {
        "year": pandas["when"].dt.year,
        "month": pandas["when"].dt.month,
        "day": pandas["when"].dt.day,
        "day_of_week": pandas["when"].dt.day_of_week,
        "hour": pandas["when"].dt.hour,
        "ordinal": (pandas["when"] - pd.Timestamp("1970-01-01")) / pd.Timedelta("1D"),
    }.items():
        scaled = StandardScaler().fit(values.to_numpy(float)[train, None]).transform(values.to_numpy(float)[:, None])
        np.testing.assert_allclose(named[f"when:{part}"], scaled[:, 0], rtol=1e-4, atol=1e-5)


def test_without_scaling() -> None:
    x = np.random.default_rng(0).normal(3, 2, size=(30, 2))
    x[3, 0] = np.nan
    dataset = data.load((x, np.arange(30) % 2))
    encoder = data.fit_encoder(dataset, np.arange(20), scale=False)
    inputs = encoder.transform(x)
    assert encoder.names == ("x1", "x2", "x1 missing")
    assert np.array_equal(inputs[:, 1], x[:, 1].astype(np.float32))
    assert inputs[3, 0] == np.float32(np.nanmedian(x[:20, 0]))
    assert inputs[:, 2].tolist() == [float(i == 3) for i in range(30)]


def test_indicators_and_filled_values_of_every_kind() -> None:
    frame = pl.DataFrame({
        "when": [None if i == 1 else datetime(2020 + i % 3, 1 + i % 5, 3) for i in range(20)],
        "loan": [None if i == 2 else i % 4 != 0 for i in range(20)],
        "n": [None if i == 3 else float(i * i % 11) for i in range(20)],
        "y": [0, 1] * 10,
    })  # fmt: skip
    dataset = data.load(frame, target="y")
    encoder = data.fit_encoder(dataset, np.arange(20), scale=False)
    inputs = encoder.transform(dataset.features)
    named = dict(zip(encoder.names, inputs.T, strict=True))
    for name, row in (("when", 1), ("loan", 2), ("n", 3)):
        assert np.flatnonzero(named[f"{name} missing"]).tolist() == [row]
    assert named["loan"][2] == 1  # 14 of 19 are true
    assert named["n"][3] == np.median([i * i % 11 for i in range(20) if i != 3])
    assert named["when:ordinal"][0] == 18264.0  # days from 1970-01-01 to 2020-01-03
    assert named["when:year"][1] == 2021
    mostly_false = data.load(frame.with_columns(~pl.col("loan")), target="y")
    assert (
        data.fit_encoder(mostly_false, np.arange(20)).transform(mostly_false.features)[2, encoder.names.index("loan")]
        == 0
    )


@settings(deadline=None, max_examples=60)
@given(
    column=st.lists(st.one_of(finite, st.none()), min_size=12, max_size=12),
    words=st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=12, max_size=12),
    other=st.lists(st.one_of(finite, st.none()), min_size=6, max_size=6),
    scale=st.booleans(),
)
def test_only_training_rows_count(
    column: list[float | None], words: list[str | None], other: list[float | None], scale: bool
) -> None:
    base = pl.DataFrame({
        "n": pl.Series([*column, 1.0, 2.0, None], dtype=pl.Float64),
        "w": pl.Series([*words, "a", "b", None], dtype=pl.String),
        "y": [0, 1, 0] * 5,
    })  # fmt: skip
    train = np.arange(12)
    dataset = data.load(base, target="y")
    encoder = data.fit_encoder(dataset, train, scale=scale)
    # rows that are not trained on change, at random and to every category; what the data set knows of its columns stays
    changed = base.with_columns(
        pl.Series("n", [*column[:12], *other[:3]], dtype=pl.Float64),
        pl.Series("w", [*words[:12], "d", "d", None], dtype=pl.String),
    )
    altered = data.Dataset(
        **{f: getattr(dataset, f) for f in data.Dataset.__slots__ if f != "features"}, features=changed.drop("y")
    )
    assert data.fit_encoder(altered, train, scale=scale) == encoder

    inputs = encoder.transform(dataset.features)
    assert np.isfinite(inputs).all()
    assert inputs.shape == (15, encoder.n_inputs)
    stored = json.loads(json.dumps(encoder.configuration()))
    restored = data.Encoder.restore(stored, encoder.arrays())
    assert restored == encoder
    assert np.array_equal(restored.transform(dataset.features), inputs)
    known = np.array([v for v in column if v is not None])
    if scale and len(known) > 1 and np.ptp(known) > 1e-6 * np.abs(known).max():
        present = np.array([v is not None for v in column])
        scaled = inputs[:12][present, list(encoder.names).index("n")].astype(np.float64)
        assert abs(scaled.mean()) < 1e-5
        assert abs(scaled.std() - 1) < 1e-5


@pytest.mark.parametrize("seed", range(5))
def test_width_is_the_same_for_every_split(seed: int) -> None:
    n = 200
    rng = np.random.default_rng(4)
    frame = pl.DataFrame({
        "many": [f"level {k:02d}" for k in np.minimum(rng.geometric(0.03, n), 60)],
        "rare": ["common"] * (n - 1) + ["once"],
        "hole": [1.5 * i if i else None for i in range(n)],
        "y": np.arange(n) % 2,
    })  # fmt: skip
    dataset = data.load(frame, target="y")
    widths = set()
    for number in range(8):
        encoder = data.fit_encoder(dataset, data.split(dataset, seed=100 * seed + number).train[:20])
        widths.add((encoder.n_inputs, len(encoder.names), encoder.transform(dataset.features).shape[1]))
    # hole, hole missing, 30 levels and other, common and once
    assert widths == {(35, 35, 35)}


def test_most_frequent_levels_of_the_training_rows() -> None:
    levels = [f"l{k:02d}" for k in range(40)]
    first = [level for k, level in enumerate(levels) for _ in range(1 + (k >= 10))]  # l10 to l39 twice, l00 to l09 once
    frame = pl.DataFrame({"c": [*first, *levels[:10] * 5], "y": np.arange(120) % 2})
    dataset = data.load(frame, target="y")
    encoder = data.fit_encoder(dataset, np.arange(70))
    assert encoder.names == (*(f"c={level}" for level in levels[10:]), "c: other")
    inputs = encoder.transform(pl.DataFrame({"c": ["l10", "l39", "l03", "never seen", None]}))
    assert [np.flatnonzero(row).tolist() for row in inputs] == [[0], [29], [30], [30], []]


def test_what_was_not_learned_is_zero() -> None:
    frame = pl.DataFrame({
        "constant": [5.0] * 20 + [6.0, 7.0, 1e9, 8.0],
        "nearly": [1e9 + 1e-7 * (i % 2) for i in range(20)] + [0.0] * 4,
        "hole": [1.0, 2.0] * 10 + [None] * 4,
        "word": ["a", "b"] * 10 + ["c"] * 4,
        "loan": ["yes"] * 20 + ["no"] * 4,
        "y": [0, 1] * 12,
    })  # fmt: skip
    dataset = data.load(frame, target="y")
    encoder = data.fit_encoder(dataset, np.arange(20))
    inputs = encoder.transform(dataset.features)
    named = dict(zip(encoder.names, inputs.T, strict=True))
    for name in ("constant", "nearly", "hole missing", "word=c", "loan"):
        assert not named[name].any(), name
    assert named["word=a"].tolist() == [1.0, 0.0] * 10 + [0.0] * 4
    # a missing value is the median 1.5, which is the mean, too
    assert named["hole"].tolist() == [-1.0, 1.0] * 10 + [0.0] * 4


def test_extremes_do_not_overflow() -> None:
    x = np.array([[1.7e308, 1e-320], [-1.7e308, 2e-320], [1.7e308, 0.0]] * 5)
    encoder = data.fit_encoder(data.load((x, np.arange(15) % 2)), np.arange(15))
    inputs = encoder.transform(x)
    assert np.isfinite(inputs).all()
    np.testing.assert_allclose(inputs[:, 0], StandardScaler().fit_transform(x[:, :1] / 1e308)[:, 0], rtol=1e-6)


def test_images_are_scaled_together() -> None:
    x = np.random.default_rng(0).integers(0, 256, size=(40, 6, 5, 3)).astype(np.uint8)
    dataset = data.load((x, np.arange(40) % 4))
    encoder = data.fit_encoder(dataset, np.arange(25))
    assert (encoder.input_shape, encoder.n_inputs, encoder.names) == ((6, 5, 3), 90, ())
    expected = (x - x[:25].mean()) / x[:25].std()
    inputs = encoder.transform(x)
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs, expected, rtol=1e-5, atol=1e-6)
    assert data.Encoder.restore(encoder.configuration(), encoder.arrays()) == encoder
    plain = data.fit_encoder(dataset, np.arange(25), scale=False)
    assert np.array_equal(plain.transform(x), x.astype(np.float32))
    with pytest.raises(ShapeError, match="6, 5, 3"):
        encoder.transform(x[:, :5])
    flat = data.fit_encoder(data.load((np.zeros((12, 2, 2)), np.arange(12) % 2)), np.arange(12))
    assert not flat.transform(np.zeros((3, 2, 2))).any()


def test_frames_of_any_library_and_any_column_order() -> None:
    frame = mixed()
    dataset = data.load(frame, target="y")
    encoder = data.fit_encoder(dataset, np.arange(40))
    inputs = encoder.transform(dataset.features)
    assert np.array_equal(encoder.transform(frame), inputs)
    assert np.array_equal(encoder.transform(frame.to_pandas()), inputs)
    assert np.array_equal(encoder.transform(frame.select(reversed(frame.columns)).with_columns(extra=1)), inputs)
    text = frame.with_columns(pl.all().cast(pl.String))
    assert np.array_equal(encoder.transform(text), inputs)
    assert encoder.transform(frame.head(0)).shape == (0, encoder.n_inputs)
    assert np.array_equal(encoder.transform(frame[[7]]), inputs[[7]])


def test_arrays_and_frames_of_numbers() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    encoder = data.fit_encoder(data.load((x, np.arange(30) % 2)), np.arange(30))
    inputs = encoder.transform(x)
    assert np.array_equal(encoder.transform(pl.DataFrame(x, schema=["x1", "x2"])), inputs)
    assert np.array_equal(encoder.transform(x.astype(object)), inputs)
    assert np.array_equal(x, np.random.default_rng(0).normal(size=(30, 2)))  # left as it was
    with pytest.raises(ShapeError, match=r"expected shape \(n_samples, 2\)"):
        encoder.transform(x[:, :1])
    with pytest.raises(ShapeError, match=r"shape \(30,\)"):
        encoder.transform(x[:, 0])
    with pytest.raises(DataError, match="infinite value in row 3, column 2"):
        encoder.transform(np.where(np.arange(60).reshape(30, 2) == 5, np.inf, x))


def test_encoders_compare_by_content() -> None:
    dataset = data.load("circles")
    one, two = (data.fit_encoder(dataset, np.arange(n)) for n in (600, 601))
    assert one == data.fit_encoder(dataset, np.arange(600))
    assert one != two
    assert one != data.fit_encoder(dataset, np.arange(600), scale=False)
    assert one != "encoder"
    with pytest.raises(DataError, match="no rows"):
        data.fit_encoder(dataset, np.arange(0))


def test_restore_refuses_what_does_not_fit() -> None:
    encoder = data.fit_encoder(data.load("circles"), np.arange(600))
    configuration, arrays = encoder.configuration(), encoder.arrays()
    with pytest.raises(ModelFileError, match="format 99"):
        data.Encoder.restore({**configuration, "format": 99}, arrays)
    for broken in (
        {k: v for k, v in configuration.items() if k != "columns"},
        {**configuration, "columns": [{"a": 1}]},
    ):
        with pytest.raises(ModelFileError, match="incomplete encoder"):
            data.Encoder.restore(broken, arrays)
    with pytest.raises(ModelFileError, match="incomplete encoder"):
        data.Encoder.restore(configuration, {k: v for k, v in arrays.items() if k != "mean"})
    with pytest.raises(ModelFileError, match=r"shapes \[\(2,\), \(3,\)\]"):
        data.Encoder.restore(configuration, {**arrays, "mean": np.zeros(3)})
    with pytest.raises(ModelFileError, match="shapes"):
        data.Encoder.restore(configuration, {**arrays, "active": np.ones(3, dtype=bool)})
