"""Task detection says why, and the positive class follows one documented rule."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lossmith import data


def load(values: list[object], **options: str) -> data.Dataset:
    noise = np.random.default_rng(1).normal(size=len(values))
    return data.load(pl.DataFrame({"x": noise, "y": values}, strict=False), target="y", **options)


@pytest.mark.parametrize(
    ("values", "task", "n_classes", "why"),
    [
        (["a", "b"] * 20, "binary", 2, "two values"),
        ([True, False] * 20, "binary", 2, "two values"),
        ([0, 1] * 20, "binary", 2, "task='regression'"),
        ([0.5, 1.5] * 20, "binary", 2, "two values"),
        (["a", "b", "c", "d"] * 10, "multiclass", 4, "text with 4 values"),
        ([1, 2, 3] * 20, "multiclass", 3, "3 different whole numbers"),
        ([3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0] * 10, "multiclass", 7, "task='regression'"),
        (list(range(20)) * 5, "multiclass", 20, "20 different whole numbers"),
        (list(range(21)) * 5, "regression", 0, "whole numbers, 21 different"),
        (list(range(10)) * 4, "regression", 0, "only 40 rows"),
        ([0.1 * i for i in range(40)], "regression", 0, "decimals, 40 different"),
        ([0.0, 0.5, 1.0] * 10, "regression", 0, "decimals, 3 different"),
        (["1", "2", "3"] * 20, "multiclass", 3, "whole numbers"),
        (["1.5", "2.5", "9"] * 20, "regression", 0, "decimals"),
    ],
)
def test_task_is_detected_and_explained(values: list[object], task: str, n_classes: int, why: str) -> None:
    dataset = load(values)
    assert (dataset.task, dataset.n_classes) == (task, n_classes)
    assert any(why in decision for decision in dataset.decisions)
    assert dataset.target.dtype == (np.int64 if n_classes else np.float64)


@pytest.mark.parametrize(
    ("values", "names", "why"),
    [
        (["no", "yes", "yes"] * 10, ("no", "yes"), "by its name"),
        (["True", "False", "True"] * 10, ("False", "True"), "by its name"),
        ([True, True, False] * 10, ("false", "true"), "by its name"),
        (["positive", "negative"] * 15, ("negative", "positive"), "by its name"),
        (["bad", "ok", "bad"] * 10, ("bad", "ok"), "by its name"),
        ([1, 0, 1] * 10, ("0", "1"), "larger number"),
        ([1, 2, 2] * 10, ("1", "2"), "larger number"),
        ([-1, 1, 1] * 10, ("-1", "1"), "larger number"),
        ([10, 9, 10] * 10, ("9", "10"), "larger number"),
        (["10", "9", "10"] * 10, ("9", "10"), "larger number"),
        (["cat", "dog", "dog"] * 10, ("dog", "cat"), "rarer"),
        (["cat", "cat", "dog"] * 10, ("cat", "dog"), "rarer"),
        (["cat", "dog"] * 15, ("cat", "dog"), "alphabetical"),
    ],
)
def test_positive_class(values: list[object], names: tuple[str, str], why: str) -> None:
    dataset = load(values)
    assert dataset.class_names == names
    positive = [decision for decision in dataset.decisions if "positive class" in decision]
    assert repr(names[1]) in positive[0]
    assert why in positive[0]
    text = [str(value).lower() for value in values]
    assert dataset.target.tolist() == [int(value == names[1].lower()) for value in text]


def test_task_can_be_chosen() -> None:
    assert load([1, 2, 3] * 20, task="regression").target.tolist() == [1.0, 2.0, 3.0] * 20
    assert load([0, 1] * 20, task="multiclass").task == "multiclass"
    assert load([0, 1] * 20, task="classification").task == "binary"
    counts = load(list(range(25)) * 5, task="classification")
    assert counts.class_names == tuple(str(i) for i in range(25))  # by number, not 0, 1, 10, 11, ...
    assert counts.target.tolist() == list(range(25)) * 5


def test_class_ids_are_alphabetical_and_counted() -> None:
    dataset = load(["c", "a", "b", "a"] * 10)
    assert dataset.class_names == ("a", "b", "c")
    assert dataset.target[:4].tolist() == [2, 0, 1, 0]
    assert dataset.class_counts == (20, 10, 10)


def test_imbalance_and_case_are_said() -> None:
    assert any("80.0% of the rows are 'no'" in d for d in load((["no"] * 4 + ["yes"]) * 10).decisions)
    assert not any("Imbalanced" in d for d in load(["no", "no", "yes"] * 10).decisions)
    assert any("'Yes' and 'yes' differ only" in d for d in load(["Yes", "yes", "no"] * 10).decisions)


def test_leaks_are_said() -> None:
    y = ["a", "b", "b"] * 10
    frame = pl.DataFrame({"code": [{"a": 7, "b": 3}[v] for v in y], "fair": ["u", "v", "v"] * 9 + ["v"] * 3, "y": y})
    said = [d for d in data.load(frame, target="y").decisions if "gives the target away" in d]
    assert len(said) == 1
    assert "drop=('code',)" in said[0]
    x = np.random.default_rng(0).normal(size=(50, 2))
    said = [d for d in data.load((x, 3 - 2 * x[:, 1])).decisions if "gives the target away" in d]
    assert len(said) == 1
    assert "'x2'" in said[0]
    assert not any("away" in d for d in data.load((x, x[:, 1] + 1e-3 * x[:, 0])).decisions)
