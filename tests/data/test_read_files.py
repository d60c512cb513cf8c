"""Files of any kind give the same table, and every decision is said."""

# ruff: noqa: DTZ001 - times in tables have no zone

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lossmith import data
from lossmith._errors import DataError

N = 40
FRAME = pl.DataFrame(
    {
        "size": [0.5 * i - 3 for i in range(N)],
        "city": [["Köln", "Zürich", "Łódź"][i % 3] for i in range(N)],
        "loan": [["yes", "no"][i % 2] for i in range(N)],
        "score": [None if i == 7 else float(i % 9) for i in range(N)],
        "sold": [["no", "yes"][i // 3 % 2] for i in range(N)],
    }
)


def write(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "table.csv"
    commas = FRAME.write_csv()
    if kind in (",", ";", "\t", "|"):
        FRAME.write_csv(path, separator=kind)
    elif kind == "quoted":
        FRAME.write_csv(path, separator=";", quote_style="always")
    elif kind == "decimal comma":
        FRAME.to_pandas().to_csv(path, sep=";", decimal=",", index=False)
    elif kind == "windows":
        path.write_bytes(b"\xef\xbb\xbf" + commas.replace("\n", "\r\n").encode())
    elif kind == "old mac":
        path.write_bytes(commas.replace("\n", "\r").encode())
    elif kind == "utf-16":
        path.write_bytes(commas.encode("utf-16"))
    elif kind == "gzip":
        path = tmp_path / "table.csv.gz"
        path.write_bytes(gzip.compress(commas.encode()))
    elif kind == "padded":
        path.write_text("\n".join(", ".join(line.split(",")) + " " for line in commas.splitlines()))
    elif kind == "empty lines":
        path.write_text("\n" + commas.replace("\n", "\n\n") + "\n\n")
    elif kind == "parquet":
        path = tmp_path / "table.parquet"
        FRAME.with_columns(pl.col("city").cast(pl.Categorical), pl.col("loan") == "yes").write_parquet(path)
    elif kind == "feather":
        path = tmp_path / "table.feather"
        FRAME.write_ipc(path)
    return path


KINDS = [
    *[",", ";", "\t", "|", "quoted", "decimal comma", "windows", "old mac", "utf-16"],
    *["gzip", "padded", "empty lines", "parquet", "feather"],
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_one_data_set(tmp_path: Path, kind: str) -> None:
    dataset = data.load(write(tmp_path, kind), target="sold")
    reference = data.load(FRAME, target="sold")
    assert isinstance(dataset.features, pl.DataFrame)
    assert dataset.features["size"].to_list() == FRAME["size"].to_list()
    assert dataset.features["city"].to_list() == FRAME["city"].to_list()
    assert dataset.features["loan"].to_list() == [value == "yes" for value in FRAME["loan"]]
    assert dataset.features["score"].to_list() == FRAME["score"].to_list()
    assert dataset.target.tolist() == [int(value == "yes") for value in FRAME["sold"]]
    assert dataset.fingerprint == reference.fingerprint
    assert dataset.name == "table"


def test_tokens_for_missing_and_words_that_are_not(tmp_path: Path) -> None:
    cells = ["", "NA", "NaN", "null", "?", "N/A", " ", "unknown", "none", "-", "Na", "x", "x", "y"]
    path = tmp_path / "t.csv"
    path.write_text("c,d,y\n" + "\n".join(f'"{cell}",{i},{i % 2}' for i, cell in enumerate(cells)))
    column = data.load(path, target="y").columns[0]
    assert column.n_missing == 7
    assert column.levels == ("-", "Na", "none", "unknown", "x", "y")


def test_latin_1_is_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(FRAME.with_columns(pl.lit("Köln").alias("city")).write_csv().replace("no", "né").encode("latin-1"))
    dataset = data.load(path, target="sold")
    assert dataset.class_names == ("né", "yes")
    assert "Latin-1" in dataset.decisions[0]


@pytest.mark.parametrize(
    ("cells", "separator", "numbers"),
    [
        (["1,5", "2", "3,25"], ";", [1.5, 2, 3.25]),
        (["1.234,5", "12,0", "1.000"], ";", [1234.5, 12, 1000]),
        (["1,234", "5,678", "9"], ";", [1.234, 5.678, 9]),
        (['"1,234"', '"5,678"', "9"], ",", [1234, 5678, 9]),
        (['"1,234.5"', '"5,678"', "9"], ",", [1234.5, 5678, 9]),
        (['"1,5"', '"2,25"', "9"], ",", [1.5, 2.25, 9]),
        (["1e3", "-2.5E-1", "+.5"], ",", [1000, -0.25, 0.5]),
    ],
)
def test_notations_of_numbers(tmp_path: Path, cells: list[str], separator: str, numbers: list[float]) -> None:
    path = tmp_path / "t.csv"
    lines = [separator.join(["a", "b", "y"])]
    lines += [separator.join([cells[i % 3], "u" if i % 2 else "v", "p" if i % 5 else "q"]) for i in range(30)]
    path.write_text("\n".join(lines))
    dataset = data.load(path, target="y")
    assert dataset.features["a"].to_list() == numbers * 10
    encoder = data.fit_encoder(dataset, np.arange(20))
    again = data.read_features(path, encoder.configuration())
    assert again["a"].to_list() == numbers * 10


def test_quotes_line_breaks_and_separators_inside_cells(tmp_path: Path) -> None:
    texts = ['say "hi"', "a,b", "two\nlines", "semi;colon"]
    frame = pd.DataFrame({"text": texts * 10, "n": range(40), "y": [0, 1] * 20})
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    dataset = data.load(path, target="y")
    assert dataset.features["text"].to_list() == texts * 10


def test_quote_that_never_closes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("size,y,n\n" + "\n".join(f'{["5", "7"][i % 2]}" screen,{i % 2},{i * 0.5}' for i in range(20)))
    dataset = data.load(path, target="y")
    assert dataset.columns[0].levels == ('5" screen', '7" screen')


def test_pandas_index_column_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"a": np.arange(20) * 1.5, "y": [0, 1] * 10}).to_csv(path)
    dataset = data.load(path, target="y")
    assert [(c.name, c.role) for c in dataset.columns] == [("unnamed_1", "dropped"), ("a", "feature"), ("y", "target")]
    assert any("unnamed_1" in decision and "without a name" in decision for decision in dataset.decisions)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,virginica\n", None),
        ("1,2,3\n4,5,6\n", None),
        ("length,width,species\n5.1,3.5,setosa\n4.9,3.0,setosa\n", ["length", "width", "species"]),
        ("low,red,yes\nhigh,blue,no\nlow,blue,yes\nhigh,red,no\n", None),
        ("price,colour,sold\nlow,red,yes\nhigh,blue,no\nlow,red,yes\n", ["price", "colour", "sold"]),
        ("2019,2020,y\n1.5,2.5,a\n1.0,2.0,b\n", None),
        ("x1,x2,y\n1,2,0\n1,3,1\n", ["x1", "x2", "y"]),
        ("a\tb c\ty\n1\t2\t0\n1\t3\t1\n", ["a", "b c", "y"]),
        ("a b y\n1 2 0\n1 3 1\n", ["a", "b", "y"]),
        ("  1.5   2.0  0\n 10.5 -2.0  1\n", None),
    ],
)
def test_header_is_recognised(tmp_path: Path, text: str, names: list[str] | None) -> None:
    header, _, rest = text.partition("\n")
    path = tmp_path / "t.txt"
    path.write_text(header + "\n" + rest * 12)
    with pytest.raises(DataError) as error:
        data.load(path)  # without a target the error lists the columns
    shown = str(error.value)
    wanted = names or ["column_1", "column_2", "column_3"]
    assert ", ".join(repr(name) for name in wanted) in shown


def test_row_names_of_r(tmp_path: Path) -> None:
    # write.table of R: the header has no name for the column of row names
    path = tmp_path / "t.txt"
    lines = [f'"{i + 1}" {i * 0.5} "{["New York", "Rome"][i % 2]}" {i // 3 % 2}' for i in range(20)]
    path.write_text("\n".join(['"size" "city" "y"', *lines]))
    dataset = data.load(path, target="y")
    assert [(c.name, c.role) for c in dataset.columns] == [
        ("unnamed_1", "dropped"), ("size", "feature"), ("city", "feature"), ("y", "target")
    ]  # fmt: skip
    assert dataset.features["size"].to_list() == [i * 0.5 for i in range(20)]
    assert dataset.columns[2].levels == ("New York", "Rome")


@pytest.mark.parametrize("header", ["a,y", "a,y,"])
def test_lines_that_end_with_a_separator(tmp_path: Path, header: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join([header, *(f"{i * 0.5},{i // 3 % 2}," for i in range(20))]))
    dataset = data.load(path, target="y")
    assert dataset.features["a"].to_list() == [i * 0.5 for i in range(20)]
    assert dataset.target.tolist() == [i // 3 % 2 for i in range(20)]
    assert dataset.columns[2].role == "dropped"


WITHOUT_PYARROW = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name.partition(".")[0] == "pyarrow" else find(name, *more)
import pandas as pd
from lossmith import data
frame = pd.DataFrame({"size": range(20), "city": pd.Categorical(["Ulm", "Bonn"] * 10), "sold": [0, 1] * 10})
print(data.load(frame.drop(columns="city"), target="sold").features.width)
data.load(frame, target="sold")
"""


def test_pandas_needs_pyarrow() -> None:
    """In a process of its own: this one has pyarrow, and versions of Polars differ in when they look for it."""
    ended = subprocess.run([sys.executable, "-c", WITHOUT_PYARROW], capture_output=True, text=True, check=False)
    assert ended.stdout == "1\n"  # numbers need none
    message = r"MissingExtraError: a pandas frame without pyarrow.*pip install 'lossmith\[pandas\]'"
    assert re.search(message, ended.stderr.splitlines()[-1])


def test_strange_names_survive(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "naïve ☃ Größe", "a'b\"c", "100%", "ünï;code", "__class__"]
    frame = pl.DataFrame({name: [float(i * (k + 2) % 11) for i in range(20)] for k, name in enumerate(names)})
    frame = frame.with_columns(pl.Series("y,", [0, 1] * 10))
    frame.write_csv(tmp_path / "t.csv")
    dataset = data.load(tmp_path / "t.csv", target="y,")
    assert dataset.features.columns == names
    assert dataset.target_name == "y,"


def test_dates(tmp_path: Path) -> None:
    days = [date(2023, 11, 25), date(2024, 2, 29), date(1969, 12, 31), date(2024, 12, 30)] * 5
    path = tmp_path / "t.csv"
    for notation in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d %b %Y", "%Y-%m-%d %H:%M"):
        path.write_text("when,y\n" + "\n".join(f"{day.strftime(notation)},{i % 2}" for i, day in enumerate(days)))
        dataset = data.load(path, target="y")
        expected = [datetime(day.year, day.month, day.day) for day in days]
        assert dataset.features["when"].to_list() == expected, notation
        assert dataset.columns[0].parts == ("ordinal", "year", "month", "day", "day_of_week")
    path.write_text("when,y\n" + "\n".join(f"0{i % 9 + 1}/0{i % 7 + 1}/2024,{i % 2}" for i in range(20)))
    assert any("month first" in decision for decision in data.load(path, target="y").decisions)


def test_zones_become_utc() -> None:
    frame = pl.DataFrame({"when": [f"2024-06-{i + 1:02d}T10:00:00+02:00" for i in range(20)], "y": [0, 1] * 10})
    assert data.load(frame, target="y").features["when"][0] == datetime(2024, 6, 1, 8)
    typed = frame.with_columns(pl.col("when").str.to_datetime(time_zone="Europe/Berlin"))
    assert data.load(typed, target="y").features["when"][0] == datetime(2024, 6, 1, 8)


def test_any_dataframe() -> None:
    reference = data.load(FRAME, target="sold")
    pandas = FRAME.to_pandas()
    mixed = pandas.assign(loan=pandas["loan"].map({"yes": True, "no": False}).astype(object))
    assert data.load(pandas, target="sold").fingerprint == reference.fingerprint
    assert data.load(mixed, target="sold").fingerprint == reference.fingerprint
    assert data.load(FRAME.lazy(), target="sold").fingerprint == reference.fingerprint
    assert data.load(FRAME.to_arrow(), target="sold").fingerprint == reference.fingerprint
    assert data.load((pandas.drop(columns="sold"), pandas["sold"]), target="sold").features.equals(reference.features)


def test_pandas_with_text_among_numbers() -> None:
    frame = pd.DataFrame({"a": [1, 2, "abc", *range(27)], "y": [0, 1] * 15})
    with pytest.raises(ValueError, match=r"'a' has text in 1 of 30 cells, the first in row 3: 'abc'"):
        data.load(frame, target="y")
    with pytest.raises(ValueError, match="more than one column named 'a'"):
        data.load(pd.DataFrame(np.ones((12, 3)), columns=["a", "a", "y"]), target="y")


def test_pandas_with_column_numbers() -> None:
    frame = pd.DataFrame(np.arange(60.0).reshape(20, 3) % 7)
    assert data.load(frame, target="2", task="regression").features.columns == ["0", "1"]


def test_arrays() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)).astype(np.float32), np.array(["b", "a", "b"] * 10)
    x[4, 1] = np.nan
    dataset = data.load((x, y))
    assert dataset.features is x
    assert [column.n_missing for column in dataset.columns] == [0, 1, 0, 0]
    assert (dataset.source, dataset.name, dataset.class_names) == ("arrays", "arrays", ("b", "a"))  # a is rarer
    mixed = np.array([[1, "u"], [2.5, None], [float("nan"), "v"]] * 10, dtype=object)
    dataset = data.load((mixed, y))
    assert dataset.features["x1"].to_list() == [1, 2.5, None] * 10
    assert dataset.features["x2"].to_list() == ["u", None, "v"] * 10
    lists = data.load((x.tolist(), y.tolist()))
    assert lists.n_samples == 30
    images = data.load((np.zeros((12, 4, 4, 3), dtype=np.uint8), np.arange(12) % 2))
    assert (images.columns[0].role, len(images.columns)) == ("target", 1)


def test_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FRAME.write_csv(tmp_path / "found.csv")
    assert data.load("found.csv", target="sold", data_dir=tmp_path).n_samples == N
    monkeypatch.setenv("LOSSMITH_DATA", str(tmp_path))
    assert data.load("found.csv", target="sold").n_samples == N
