"""New rows are read by what the encoder stored, without the data set at hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lossmith import data
from lossmith._errors import DataError

N = 40
FRAME = pl.DataFrame({
    "id": [f"k{i}" for i in range(N)],
    "size": [i * 0.5 for i in range(N)],
    "city": [["Rome", "Oslo"][i % 2] for i in range(N)],
    "loan": [["yes", "no"][i // 2 % 2] for i in range(N)],
    "when": [f"{i % 28 + 1:02d}.{i % 12 + 1:02d}.2024" for i in range(N)],
    "y": [["u", "v"][i // 3 % 2] for i in range(N)],
})  # fmt: skip
DATASET = data.load(FRAME, target="y")
ENCODER = data.fit_encoder(DATASET, np.arange(30))
CONFIGURATION = json.loads(json.dumps(ENCODER.configuration()))


def features(source: object) -> pl.DataFrame:
    found = data.read_features(source, CONFIGURATION)
    assert isinstance(found, pl.DataFrame)
    return found


@pytest.mark.parametrize("kind", ["csv", "semicolons", "parquet", "polars", "pandas"])
def test_the_same_rows_give_the_same_inputs(tmp_path: Path, kind: str) -> None:
    source: object = FRAME
    if kind == "csv":
        FRAME.write_csv(source := tmp_path / "t.csv")
    elif kind == "semicolons":
        FRAME.to_pandas().to_csv(source := tmp_path / "t.csv", sep=";", decimal=",", index=False)
    elif kind == "parquet":
        FRAME.write_parquet(source := tmp_path / "t.parquet")
    elif kind == "pandas":
        source = FRAME.to_pandas()
    assert features(source).equals(DATASET.features)
    assert np.array_equal(ENCODER.transform(features(source)), ENCODER.transform(DATASET.features))


def test_one_row_without_the_columns_that_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("when,city,loan,size,note\n05.11.2024,Paris,NO,7,hello\n")
    rows = data.read_rows(path, CONFIGURATION)
    assert isinstance(rows.features, pl.DataFrame)
    assert rows.features.row(0)[:3] == (7.0, "Paris", False)
    assert rows.features["when"][0].isoformat() == "2024-11-05T00:00:00"  # day first, as in the training data
    assert rows.decisions[1:] == ("Column 'note' is not used by the model.",)
    inputs = dict(zip(ENCODER.names, ENCODER.transform(rows.features)[0], strict=True))
    assert inputs["city=Rome"] == inputs["city=Oslo"] == 0


def test_all_text_rows_with_a_header(tmp_path: Path) -> None:
    # by their cells alone, these two lines could be two rows without a header
    frame = pl.DataFrame({"a": ["u", "v"] * 10, "b": ["w", "x"] * 10, "y": [0, 1, 1, 0] * 5})
    encoder = data.fit_encoder(data.load(frame, target="y"), np.arange(20))
    path = tmp_path / "t.csv"
    path.write_text("b,a\nx,u\n")
    found = data.read_features(path, encoder.configuration())
    assert isinstance(found, pl.DataFrame)
    assert found.rows() == [("u", "x")]


def test_target_and_extra_columns_are_said() -> None:
    assert data.read_rows(FRAME, CONFIGURATION).decisions == ("Column 'y', the target, is not used.",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (FRAME.drop("size"), ("no column 'size'", "columns of the training data")),
        (FRAME.drop("size", "city"), ("no column 'size' and 1 more",)),
        (FRAME.rename({"size": "sise"}), ("no column 'size'", "did you mean 'sise'?")),
        (FRAME.with_columns(size=pl.lit("big")), ("'size' has 'big' in row 1", "a number")),
        (FRAME.with_columns(size=pl.lit(float("inf"))), ("'size'", "infinite", "row 1")),
        (FRAME.with_columns(loan=pl.lit("maybe")), ("'loan' has 'maybe' in row 1", "yes or no")),
        (FRAME.with_columns(when=pl.lit("12/31/2024")), ("'when' has '12/31/2024'", "a date of the form %d.%m.%Y")),
        (FRAME.with_columns(when=pl.lit(3.5)), ("'when'", "a date")),
        (FRAME.with_columns(size=pl.col("when").str.to_date("%d.%m.%Y")), ("'size'", "a number")),
    ],
)
def test_rows_that_do_not_fit(change: pl.DataFrame, words: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as error:
        data.read_rows(change, CONFIGURATION)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_missing_values_are_no_error() -> None:
    empty = FRAME.with_columns(pl.lit(None).alias(name) for name in ("size", "city", "loan", "when"))
    inputs = ENCODER.transform(features(empty))
    known = np.array([i * 0.5 for i in range(30)])
    position = ENCODER.names.index("size")
    np.testing.assert_allclose(inputs[:, position], (np.median(known) - known.mean()) / known.std(), atol=1e-7)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_files_without_a_header(tmp_path: Path, place: int) -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(30, 3)).round(3)
    table[:, place] = np.arange(30) % 2
    np.savetxt(tmp_path / "train.csv", table, delimiter=",", fmt="%g")
    np.savetxt(tmp_path / "new.csv", np.delete(table, place, axis=1), delimiter=",", fmt="%g")
    dataset = data.load(tmp_path / "train.csv", target=f"column_{place + 1}")
    encoder = data.fit_encoder(dataset, np.arange(30))
    for name in ("train.csv", "new.csv"):
        found = data.read_features(tmp_path / name, encoder.configuration())
        assert np.array_equal(encoder.transform(found), encoder.transform(dataset.features))
    np.savetxt(tmp_path / "other.csv", table[:, :1], delimiter=",", fmt="%g")
    with pytest.raises(DataError, match="1 columns without a header line; expected 2 columns"):
        data.read_features(tmp_path / "other.csv", encoder.configuration())
    with pytest.raises(DataError, match="a header line with 'id', 'size'"):
        data.read_features(tmp_path / "new.csv", CONFIGURATION)


def test_arrays() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    encoder = data.fit_encoder(data.load((x, np.arange(30) % 2)), np.arange(30))
    assert data.read_features(x, encoder.configuration()) is x
    frame = pd.DataFrame(x, columns=["x1", "x2"])
    assert np.array_equal(encoder.transform(data.read_features(frame, encoder.configuration())), encoder.transform(x))
    images = data.fit_encoder(data.load((np.ones((12, 2, 2)), np.arange(12) % 2)), np.arange(12))
    with pytest.raises(DataError, match="a table for a model of images"):
        data.read_features(frame, images.configuration())
