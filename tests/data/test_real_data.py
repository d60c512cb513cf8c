"""Real files, where LOSSMITH_DATA is set; the numbers come from the documentation of the data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lossmith import data
from lossmith._errors import DataError

pytestmark = pytest.mark.realdata


@pytest.fixture
def folder() -> Path:
    if "LOSSMITH_DATA" not in os.environ:
        pytest.fail("set LOSSMITH_DATA to the folder of real data, or leave out the mark realdata")
    return Path(os.environ["LOSSMITH_DATA"])


@pytest.mark.parametrize(
    ("path", "target", "task", "rows", "counts", "n_features"),
    [
        ("bank-marketing/bank-full.csv", "y", "binary", 45211, (39922, 5289), 16),
        ("bank-marketing/bank.csv", "y", "binary", 4521, (4000, 521), 16),
        ("credit-card-applications/Credit_Card_Applications.csv", "Class", "binary", 690, (383, 307), 14),
        ("tabular/iris.csv", "column_5", "multiclass", 150, (50, 50, 50), 4),
        ("tabular/pima-indians-diabetes.csv", "column_9", "binary", 768, (500, 268), 8),
        ("tabular/housing.csv", "column_14", "regression", 506, (), 13),
        ("tabular/housing.data", "column_14", "regression", 506, (), 13),
        ("tabular/california/cal_housing.csv", "medianHouseValue", "regression", 20640, (), 8),
        ("tabular/daily-min-temperatures.csv", "Temp", "regression", 3650, (), 1),
        ("drift/titanic-nannyml/titanic_reference.csv", "Survived", "binary", 891, (549, 342), 9),
        ("drift/california-housing/california_housing_reference.csv", "clf_target", "binary", 5832, None, 11),
    ],
)
def test_tables(
    folder: Path, path: str, target: str, task: str, rows: int, counts: tuple[int, ...] | None, n_features: int
) -> None:
    dataset = data.load(folder / path, target=target)
    assert (dataset.task, dataset.n_samples) == (task, rows)
    if counts is not None:
        assert dataset.class_counts == counts
    assert isinstance(dataset.features, pl.DataFrame)
    assert dataset.features.width == n_features
    split = data.split(dataset, seed=1)
    encoder = data.fit_encoder(dataset, split.train)
    inputs = encoder.transform(dataset.features)
    assert np.isfinite(inputs).all()
    again = data.read_features(folder / path, encoder.configuration())
    assert np.array_equal(encoder.transform(again), inputs)


def test_bank_majority_and_levels(folder: Path) -> None:
    dataset = data.load(folder / "bank-marketing/bank-full.csv", target="y")
    assert round(max(dataset.class_counts) / dataset.n_samples, 3) == 0.883
    assert any("88.3% of the rows are 'no'" in decision for decision in dataset.decisions)
    table = pd.read_csv(folder / "bank-marketing/bank-full.csv", sep=";")
    for column in dataset.columns:
        if column.kind == "category":
            assert column.levels == tuple(sorted(table[column.name].unique()))
            assert column.n_missing == 0  # "unknown" is a level
    assert dataset.features["balance"].to_list() == table["balance"].tolist()
    split = data.split(dataset, seed=0)
    shares = [dataset.target[part].mean() for part in (split.train, split.validation, split.test)]
    np.testing.assert_allclose(shares, 5289 / 45211, atol=1e-4)


def test_one_table_in_two_formats(folder: Path, tmp_path: Path) -> None:
    blanks = data.load(folder / "tabular/housing.data", target="column_14")
    commas = data.load(folder / "tabular/housing.csv", target="column_14")
    assert blanks.fingerprint == commas.fingerprint
    assert round(float(blanks.target.mean()), 6) == 22.532806
    pd.read_csv(folder / "bank-marketing/bank-full.csv", sep=";").to_parquet(tmp_path / "bank.parquet")
    one = data.load(tmp_path / "bank.parquet", target="y").fingerprint
    assert one == data.load(folder / "bank-marketing/bank-full.csv", target="y").fingerprint


def test_time_order(folder: Path) -> None:
    table = folder / "drift/california-housing/california_housing_reference.csv"
    dataset = data.load(table, target="clf_target", order="timestamp", drop=["y_pred", "y_pred_proba"])
    split = data.split(dataset, seed=0)
    when = pd.read_csv(table, parse_dates=["timestamp"])["timestamp"]
    assert when[split.train].max() < when[split.validation].min() < when[split.test].max()
    assert when[split.validation].max() < when[split.test].min()


@pytest.mark.parametrize(
    ("path", "target", "words"),
    [
        ("drift/titanic-nannyml/titanic_analysis.csv", "Fare", "missing in 1 of 418 rows, the first is row 153"),
        ("credit-card-applications/Credit_Card_Applications.csv", "class", "did you mean 'Class'?"),
        ("tabular/california/cal_housing_py3.pkz", "y", "not a text table but binary data"),
        ("tabular/iris.names", "y", ""),
        ("text/tinyshakespeare.txt", "y", ""),
        ("cifar-10h/cifar10h-probs.npy", "y", "NumPy file"),
        ("mnist/train-labels-idx1-ubyte.gz", "y", "binary data"),
        ("drift/elec2/elec2_label.dat", "column_1", "one column only"),
        ("tabular", "y", "is a folder"),
        ("tabular/hosing.csv", "y", "did you mean 'housing.csv'"),
    ],
)
def test_wrong_choices_get_one_line(folder: Path, path: str, target: str, words: str) -> None:
    with pytest.raises(DataError) as error:
        data.load(folder / path, target=target)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
