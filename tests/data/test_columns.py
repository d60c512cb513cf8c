"""What each kind of column becomes, with the reason."""

from __future__ import annotations

import polars as pl
import pytest

from lossmith import data

N = 120
Y = pl.Series("y", ["yes", "no", "no"] * (N // 3))


def column(values: list[object], name: str = "c") -> tuple[data.Column, data.Dataset]:
    frame = pl.DataFrame([pl.Series(name, values, strict=False), pl.Series("other", [0.5, 1.5] * (N // 2)), Y])
    dataset = data.load(frame, target="y")
    return dataset.columns[0], dataset


@pytest.mark.parametrize(
    ("name", "values", "kind", "role", "words"),
    [
        ("c", [i % 7 for i in range(N)], "numeric", "feature", "a number"),
        ("c", [str(i % 7) for i in range(N)], "numeric", "feature", "a number"),
        ("c", [i * 1.5 for i in range(N)], "numeric", "feature", "a number"),
        ("c", ["Yes", "NO"] * (N // 2), "boolean", "feature", "yes or no"),
        ("c", [True, False] * (N // 2), "boolean", "feature", "yes or no"),
        ("c", ["t", "f", None] * (N // 3), "boolean", "feature", "40 missing: filled, with an indicator"),
        ("c", ["male", "female"] * (N // 2), "category", "feature", "one-hot, 2 levels"),
        ("c", ["yes", "no", "unknown"] * (N // 3), "category", "feature", "one-hot, 3 levels"),
        ("c", [f"level {i % 31}" for i in range(N)], "category", "feature", "30 most frequent of 31"),
        ("c", [f"level {i % 30}" for i in range(N)], "category", "feature", "one-hot, 30 levels"),
        ("zip", [f"{i % 9:05d}" for i in range(N)], "category", "feature", "9 levels"),
        ("c", [f"{i % 9}" for i in range(N)], "numeric", "feature", "a number"),
        ("c", [f"code{i}" for i in range(N)], "identifier", "dropped", "an identifier, a different value in every row"),
        ("c", [f"some words {i}" for i in range(N)], "text", "dropped", "free text, a different value in every row"),
        ("c", [f"some words {i % 100}" for i in range(N)], "text", "dropped", "free text, 100 different values"),
        ("customer_id", [3 * i for i in range(N)], "identifier", "dropped", "named like an identifier"),
        ("CustomerID", [str(1000 - i) for i in range(N)], "identifier", "dropped", "named like an identifier"),
        ("customer_id", [i // 2 for i in range(N)], "numeric", "feature", "a number"),
        ("humid", [3 * i for i in range(N)], "numeric", "feature", "a number"),
        ("customer_id", [i + 0.5 for i in range(N)], "numeric", "feature", "a number"),
        ("c", ["same"] * N, "constant", "dropped", "every value is 'same'"),
        ("c", [4] * N, "constant", "dropped", "every value is '4'"),
        ("c", [4, None] * (N // 2), "numeric", "feature", "60 missing"),
        ("c", [None] * N, "missing", "dropped", "every value is missing"),
        ("c", ["", "NA"] * (N // 2), "missing", "dropped", "every value is missing"),
        ("c", [[1, 2]] * N, "text", "dropped", "nested"),
        ("c", [b"x"] * N, "text", "dropped", "binary"),
        ("c", [f"2024-0{i % 9 + 1}-01" for i in range(N)], "date", "feature", "days since 1970, month, day of week"),
        ("c", [f"2024-01-01 0{i % 9}:00" for i in range(N)], "date", "feature", "days since 1970, hour"),
    ],
)
def test_kind(name: str, values: list[object], kind: str, role: str, words: str) -> None:
    found, dataset = column(values, name)
    assert (found.kind, found.role) == (kind, role)
    assert words in found.decision
    assert (name in dataset.features.columns) == (role == "feature")
    if role == "dropped":
        assert any(repr(name) in decision and "dropped" in decision for decision in dataset.decisions)


def test_what_was_read_in_an_unusual_way_is_said() -> None:
    for values, words in (
        ([f"{i % 9:05d}" for i in range(N)], "leading zeros"),
        ([f"{i},5" for i in range(N)], "decimal comma"),
        (list(range(5, N + 5)), "counts the rows"),
        ([f"2024-0{i % 9 + 1}-01" for i in range(N)], "%Y-%m-%d"),
        ([f"level {i % 31}" for i in range(N)], "30 most frequent of 31"),
        ([None, 1.5, 2.5] * (N // 3), "'c' (40)"),
    ):
        _, dataset = column(values)
        assert any(words in decision for decision in dataset.decisions), words


def test_few_numbers_among_text_are_a_category() -> None:
    found, _ = column([str(i % 8) if i % 8 else "none" for i in range(N)])  # 12.5 % text
    assert found.kind == "category"
    with pytest.raises(ValueError, match="text in 10 of 120 cells, the first in row 12: 'none'"):
        column([str(i) if i % 12 != 11 else "none" for i in range(N)])  # 8.3 %


def test_drop_group_and_order() -> None:
    frame = pl.DataFrame({"a": [i * 0.5 for i in range(N)], "b": ["u", "v"] * (N // 2), "g": [i // 4 for i in range(N)],
                          "t": [f"2024-01-{i % 28 + 1:02d}" for i in range(N)]}).with_columns(Y)  # fmt: skip
    dataset = data.load(frame, target="y", drop="b", group="g")
    assert [(c.name, c.role) for c in dataset.columns] == [
        ("a", "feature"), ("b", "dropped"), ("g", "group"), ("t", "feature"), ("y", "target")
    ]  # fmt: skip
    assert dataset.features.columns == ["a", "t"]
    assert dataset.groups is not None
    assert len(set(dataset.groups.tolist())) == 30
    ordered = data.load(frame, target="y", order="t")
    assert ordered.order is not None
    assert str(ordered.order[27]) == "2024-01-28T00:00:00.000000"
    assert "t" not in ordered.features.columns
