"""Every bad input gives one clear line that names what came, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lossmith import data
from lossmith._errors import DataError, InvalidInputError, ShapeError, UnknownNameError


def rows(n: int = 30, **columns: Callable[[int], object]) -> str:
    header = ",".join(columns)
    return "\n".join([header, *(",".join(str(make(i)) for make in columns.values()) for i in range(n))]) + "\n"


GOOD = {"a": lambda i: i * 0.5, "b": lambda i: "red" if i % 3 else "blue", "y": lambda i: "yes" if i % 4 else "no"}


def table(tmp_path: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def one_line(error: pytest.ExceptionInfo[DataError], *words: str) -> None:
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text


def test_good_table_loads(tmp_path: Path) -> None:
    dataset = data.load(table(tmp_path, rows(**GOOD)), target="y")
    assert (dataset.n_samples, dataset.task, dataset.class_names) == (30, "binary", ("no", "yes"))
    assert dataset.class_counts == (8, 22)  # i % 4 == 0 for 0, 4, ..., 28


CASES: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "empty": (b"", ("is empty",)),
    "blank": (b"  \n\n ", ("is empty",)),
    "header only": (b"a,b,y\n", ("header and no rows",)),
    "two rows": (rows(2, **GOOD), ("2 rows", "at least 10")),
    "nine rows": (rows(9, **GOOD), ("9 rows", "at least 10")),
    "one class": (rows(a=GOOD["a"], y=lambda i: "no"), ("one value only", "'no'", "30 rows", "two classes")),
    "one number": (rows(a=GOOD["a"], y=lambda i: 2.5), ("one value only", "'2.5'")),
    "rare class": (
        rows(a=GOOD["a"], y=lambda i: "rare" if i < 2 else "yes" if i % 2 else "no"),
        ("'rare' has 2 rows", "at least 3"),
    ),
    "all missing target": (rows(a=GOOD["a"], y=lambda i: "NA"), ("missing in all 30 rows",)),
    "missing target": (
        rows(a=GOOD["a"], y=lambda i: "" if i in (4, 7) else i % 2),
        ("missing in 2 of 30 rows", "row 5", "remove these rows"),
    ),
    "nan target": (
        rows(a=GOOD["a"], y=lambda i: "nan" if i == 29 else i * 0.25),
        ("missing in 1 of 30 rows", "row 30"),
    ),
    "infinite target": (rows(a=GOOD["a"], y=lambda i: "inf" if i == 3 else i * 0.25), ("'y'", "infinite", "row 4")),
    "infinite feature": (rows(a=lambda i: "-inf" if i == 8 else i, y=GOOD["y"]), ("'a'", "1 infinite value", "row 9")),
    "text in a number column": (
        rows(a=lambda i: "abc" if i == 11 else i, y=GOOD["y"]),
        ("'a'", "text in 1 of 30", "row 12", "'abc'", "expected numbers"),
    ),
    "text in a number target": (
        rows(a=GOOD["a"], y=lambda i: "abc" if i == 11 else i),
        ("'y'", "row 12", "'abc'"),
    ),
    "all features missing": (
        rows(a=lambda i: "", y=GOOD["y"]),
        ("no feature is left", "'a'", "every value is missing"),
    ),
    "constant features": (rows(a=lambda i: 7, y=GOOD["y"]), ("no feature is left", "'7'")),
    "target only": (rows(y=GOOD["y"]), ("one column only", "separator")),
    "double names": (rows(a=GOOD["a"], y=GOOD["y"]).replace("a,y", "y,y"), ("more than one column named 'y'",)),
    "prose": (
        "Call me Ishmael.\nSome years ago, never mind how long,\nhaving little money\n" * 9,
        ("one column only",),
    ),
    "long line": (rows(**GOOD) + "1,2,3,4\n", ("line 32", "has 4 cells", "most lines have 3")),
    "short line": (rows(**GOOD) + "1,2\n", ("line 32", "has 2 cells", "most lines have 3")),
    "free text target": (rows(a=GOOD["a"], y=lambda i: f"note {i}"), ("text with 30 different values", "15 classes")),
    "date target": (rows(a=GOOD["a"], y=lambda i: f"2024-01-{i + 1:02d}"), ("'y' holds dates",)),
    "binary garbage": (bytes(range(256)) * 40, ("not a text table",)),
    "few names": ("a,y\n" + "1,2,3,4\n5,6,7,8\n" * 9, ("2 names for 4 columns",)),
    "many names": ("a,b,c,y\n" + "1,2,3\n4,5,6\n" * 9, ("line 1", "has 4 cells", "most lines have 3")),
    "open quote": (
        'a,y\n"x, ""1""","0"\n' + '"x","1"\n' * 9 + '"z,"1"\n' + '"w","0"\n' * 9,
        ("quotes in", "do not match", "line 12"),
    ),
    "two rare classes": (
        rows(a=GOOD["a"], y=lambda i: f"rare {i}" if i < 2 else "yes" if i % 2 else "no"),
        ("'rare 0' has 1 row (and one more class has too few)",),
    ),
    "json": (b'[{"a": 1, "y": 2},\n {"a": 3, "y": 4}]', ("is JSON", "CSV")),
    "web page": (b"<!DOCTYPE html>\n<html><body>Sign in, please</body></html>", ("is a web page",)),
    "zip": (b"PK\x03\x04" + bytes(200), ("zip archive or an Excel",)),
    "pickle": (b"\x80\x04\x95" + bytes(200), ("pickle",)),
    "bad gzip": (b"\x1f\x8b" + bytes(200), ("damaged gzip",)),
    "bad parquet": (b"PAR1" + bytes(200), ("damaged", "Parquet")),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_file(tmp_path: Path, case: str) -> None:
    text, words = CASES[case]
    with pytest.raises(DataError) as error:
        data.load(table(tmp_path, text), target="y")
    one_line(error, *words)


def test_truncated_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": range(1000), "y": [0, 1] * 500}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError) as error:
        data.load(path, target="y")
    one_line(error, "damaged", "t.parquet")


def test_overwritten_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": np.random.default_rng(0).normal(size=5000), "y": [0, 1] * 2500}).write_parquet(path)
    content = bytearray(path.read_bytes())
    content[100:4000] = bytes(3900)
    path.write_bytes(bytes(content))
    with pytest.raises(DataError) as error:
        data.load(path, target="y")
    one_line(error, "damaged")


def test_text_named_parquet(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        data.load(table(tmp_path, rows(**GOOD), "table.parquet"), target="y")
    one_line(error, "damaged or is no Parquet")


def test_missing_file_names_the_closest(tmp_path: Path) -> None:
    table(tmp_path, rows(**GOOD), "customers.csv")
    with pytest.raises(DataError) as error:
        data.load(tmp_path / "custmers.csv", target="y")
    one_line(error, "no file", "did you mean 'customers.csv'?")
    with pytest.raises(DataError) as error:
        data.load(tmp_path / "nowhere" / "customers.csv", target="y")
    one_line(error, "folder does not exist")


def test_address() -> None:
    with pytest.raises(DataError) as error:
        data.load("https://example.org/table.csv", target="y")
    one_line(error, "is an address", "download it first")


def test_folder(tmp_path: Path) -> None:
    table(tmp_path, rows(**GOOD), "customers.csv")
    with pytest.raises(DataError) as error:
        data.load(tmp_path, target="y")
    one_line(error, "is a folder", "'customers.csv'")


def test_unknown_built_in() -> None:
    with pytest.raises(DataError) as error:
        data.load("circels")
    one_line(error, "no built-in data set and no file 'circels'", "did you mean 'circles'?")


def test_unknown_columns(tmp_path: Path) -> None:
    path = table(tmp_path, rows(temperature=GOOD["a"], colour=GOOD["b"], outcome=GOOD["y"]))
    for options in (
        {"target": "outcom"},
        {"target": "outcome", "group": "outcom"},
        {"target": "outcome", "order": "outcom"},
        {"target": "outcome", "drop": ["outcom"]},
    ):
        with pytest.raises(DataError) as error:
            data.load(path, **options)  # type: ignore[arg-type]
        one_line(error, "no column 'outcom'", "'temperature', 'colour', 'outcome'", "did you mean 'outcome'?")


def test_no_target_lists_columns_and_suggests(tmp_path: Path) -> None:
    path = table(tmp_path, rows(label=GOOD["y"], temperature=GOOD["a"], colour=GOOD["b"]))
    with pytest.raises(DataError) as error:
        data.load(path)
    one_line(error, "no target", "'label', 'temperature', 'colour'", "target='label'", "by its name")
    path = table(tmp_path, rows(temperature=GOOD["a"], colour=GOOD["b"]))
    with pytest.raises(DataError) as error:
        data.load(path)
    one_line(error, "target='colour'", "the last column")


@pytest.mark.parametrize(
    ("task", "make", "words"),
    [
        ("regression", lambda i: "yes" if i % 2 else "no", ("'regression' with text", "'no'")),
        ("binary", lambda i: i % 3, ("3 different values", "two values", "multiclass")),
        ("multiclass", lambda i: i * 0.1, ("30 different values", "task='regression'")),
    ],
)
def test_task_that_does_not_fit(
    tmp_path: Path, task: str, make: Callable[[int], object], words: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as error:
        data.load(table(tmp_path, rows(a=GOOD["a"], y=make)), target="y", task=task)
    one_line(error, *words)


def test_unknown_task(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="did you mean 'regression'"):
        data.load(table(tmp_path, rows(**GOOD)), target="y", task="regresion")


def test_one_column_cannot_have_two_roles(tmp_path: Path) -> None:
    path = table(tmp_path, rows(**GOOD))
    for options in ({"group": "y"}, {"order": "y"}, {"drop": "y"}):
        with pytest.raises(InvalidInputError, match="one column for two"):
            data.load(path, target="y", **options)  # type: ignore[arg-type]


def test_missing_group_and_order(tmp_path: Path) -> None:
    path = table(tmp_path, rows(**GOOD, g=lambda i: "" if i == 5 else i % 7, t=lambda i: "soon" if i == 6 else i))
    with pytest.raises(DataError) as error:
        data.load(path, target="y", group="g", drop="t")
    one_line(error, "'g' is missing in 1 of 30 rows", "row 6")
    with pytest.raises(DataError) as error:
        data.load(path, target="y", order="t")
    one_line(error, "'t'", "neither a number nor a date", "row 7")


X, Y = np.arange(60.0).reshape(30, 2), np.arange(30) % 2


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ((X[:, 0], Y), ShapeError, "X.reshape(-1, 1)"),
        ((X, Y[:29]), ShapeError, "30 rows of X and 29 of y"),
        ((X, Y.reshape(-1, 1)), ShapeError, "y.ravel()"),
        ((X[:, :0], Y), ShapeError, "shape (30, 0)"),
        ((np.where(X == 7, np.inf, X), Y), DataError, "row 4, column 2"),
        ((X.astype(complex), Y), DataError, "complex128"),
        ((X, np.where(Y, np.nan, 1.0)), DataError, "missing in 15 of 30 rows"),
        ((X, Y, Y), InvalidInputError, "pair of arrays"),
        (("file.csv", "y"), InvalidInputError, "target=..."),
        (3, InvalidInputError, "type int"),
        ((np.full((30, 4, 4), np.nan), Y), DataError, "images or sequences"),
    ],
)
def test_bad_arrays(source: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        data.load(source)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_array_options() -> None:
    with pytest.raises(InvalidInputError, match="column name for the group"):
        data.load((X, Y), group="a")
    with pytest.raises(InvalidInputError, match="leave them out of X"):
        data.load((X, Y), drop=["a"])
    with pytest.raises(ShapeError, match=r"group of shape \(3,\)"):
        data.load((X, Y), group=np.arange(3))
    with pytest.raises(ShapeError, match=r"order of shape \(3,\)"):
        data.load((X, Y), order=np.arange(3))


def test_built_in_parameters() -> None:
    with pytest.raises(InvalidInputError, match="did you mean 'noise'"):
        data.load("circles:nois=0.1")
    with pytest.raises(InvalidInputError, match="n_samples=a whole number"):
        data.load("circles:n_samples=many")
    with pytest.raises(InvalidInputError, match="iris has no parameters"):
        data.load("iris:noise=1")
    with pytest.raises(InvalidInputError, match="target= for the built-in set 'circles'"):
        data.load("circles", target="y")
    with pytest.raises(InvalidInputError, match="factor"):
        data.load("circles:factor=3")
    with pytest.raises(DataError, match="at least 10"):
        data.load("circles:n_samples=4")
    with pytest.raises(UnknownNameError, match="did you mean 'blobs'"):
        data.BUILT_IN["blob"]
