"""Corners of reading files that real tables reach seldom."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import polars as pl
import pytest

from lossmith import data
from lossmith._errors import DataError
from lossmith.data import _delimited, _files, _human_labels, _image_files
from lossmith.data._plain_pickle import read_plain_pickle


def rows(count: int = 30) -> str:
    return "".join(f"{number},{number % 2}\n" for number in range(count))


def test_too_many_columns_are_refused(monkeypatch):
    monkeypatch.setattr(_delimited, "MOST_COLUMNS", 3)
    assert _delimited.read_delimited("a,b,y\n1,2,0\n3,4,1\n", name="t").frame.width == 3
    with pytest.raises(DataError, match=r"'t' has 4 columns; expected at most 3; check the separator"):
        _delimited.read_delimited("a,b,c,y\n1,2,3,0\n3,4,5,1\n", name="t")


def test_a_wide_line_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1," * 500_000 + "\n" + rows())
    with pytest.raises(DataError, match="100,001 columns; expected at most 65,536"):
        data.load(path, target="y")


def test_empty_lines_below_and_within(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + rows() + " \n\n  \n")
    assert data.load(path, target="y").n_samples == 30
    path.write_text("x,y\n" + rows() + ",\n" + rows() + "\n")
    dataset = data.load(path, target="y")
    assert dataset.n_samples == 60 and any("1 empty line is left out" in said for said in dataset.decisions)


def test_a_cell_beyond_what_the_csv_module_takes(tmp_path):
    """131,072 characters in one cell: the sniffer gives up, and the table is still read or refused in one line."""
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + rows() + '"' + "a" * 140_000 + '",1\n')
    try:
        assert data.load(path, target="y").n_samples == 31
    except DataError as error:
        said = str(error)
        assert "\n" not in said
    path.write_text("x,y,z\n" + '"' + "a" * 140_000 + '",1,2\n' + "1,2\n" * 9)
    with pytest.raises(DataError):
        data.load(path, target="y")


BIG = "a" * 140_000  # beyond the 131,072 characters that Python's csv module takes


@pytest.mark.parametrize(
    "cell", [BIG, f'"{BIG}"', f'"{BIG},\n{BIG}"', '"' + "x,y\n" * 50_000 + '"', '"' + '""' * 70_000 + '"']
)
def test_lines_below_a_large_cell_are_looked_at_as_well(cell):
    """A short line would else be filled up in silence, and a cell of many lines be taken for many rows."""
    lines = cell.count("\n")
    good = _delimited.read_delimited(f"a,b,c\n1,2,\n{cell},2,3\n4,5,6\n", name="t").frame
    assert good.rows()[0] == ("1", "2", None) and good.rows()[2] == ("4", "5", "6") and good.height == 3
    assert good["a"][1] == (cell[1:-1].replace('""', '"') if cell[0] == '"' else cell)
    with pytest.raises(DataError, match=rf"line {4 + lines:,} of 't' has 2 cells where most lines have 3"):
        _delimited.read_delimited(f"a,b,c\n1,2,\n{cell},2,3\n4,5\n", name="t")


def test_a_large_cell_in_quotes_that_never_close():
    """No line can be told from another: one row of cells as they stand, or a line that says so."""
    with pytest.raises(DataError, match="quotes in 't' do not match, first in line 3"):
        _delimited.read_delimited(f'a,b\n"1",\n"{BIG},3\n4,5\n', name="t")


def test_many_lines_below_a_quote_that_never_closes():
    """More than the csv module takes as one cell: the quote is a character, and the separator still separates."""
    found = _delimited.read_delimited('a,b\n1,\n"' + "x,y\n" * 40_000, name="t")
    assert found.frame.rows()[:3] == [("1", None), ('"x', "y"), ("x", "y")] and found.frame.height == 40_001
    assert found.separator == "," and found.decisions == (
        "Quotes do not close, so they are read as ordinary characters.",
    )
    with pytest.raises(DataError, match="quotes in 't' do not match, first in line 3"):
        _delimited.read_delimited('a,b\n"1",\n"' + "x,y\n" * 40_000, name="t")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    ["", "\n\n", ",,\n,,\n", ";", "\t\t\n\t\t\n", '"",""\n"",""\n', '""', "\u3000", "\xa0,\xa0\n", "\u2028", "\ufeff"],
)
def test_a_table_without_a_cell_is_empty(tmp_path, text, codec):
    path = tmp_path / "t.csv"
    path.write_bytes((b"\xfe\xff" if codec == "utf-16-be" else b"") + text.encode(codec))
    with pytest.raises(
        DataError, match=r"t\.csv' is empty; expected a table with a header line and rows; check the path"
    ):
        _files.read_table(path)


def test_text_that_is_no_table_in_any_way():
    """Polars refuses text after a closing quote; without quotes as such another cell would keep its own."""
    with pytest.raises(DataError, match="'t' cannot be read as a table; expected delimited text; check its quotes"):
        _delimited.read_delimited('a,b\n"x"y,2\n"q",3\n', name="t")


def test_a_header_above_a_column_without_a_value():
    """Nothing is known of the names: the other columns tell, and an empty one says nothing either way."""
    found = _delimited.read_delimited("a,b,c\n1,,3\n2,,4\n", name="t")
    assert found.named and found.frame.columns == ["a", "b", "c"] and found.frame["b"].to_list() == [None, None]
    assert not _delimited.read_delimited("5,,x\n1,,3\n2,,4\n", name="t").named


def test_a_column_without_a_value_does_not_hide_the_header(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,empty,y\n" + "".join(f"{number},,{number % 2}\n" for number in range(30)))
    dataset = data.load(path, target="y")
    assert dataset.n_samples == 30 and any(
        "'empty'" in column.name or column.name == "empty" for column in dataset.columns
    )


def test_parquet_without_rows(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"x": [], "y": []}, schema={"x": pl.Float64, "y": pl.Int64}).write_parquet(path)
    with pytest.raises(DataError, match="has no rows"):
        data.load(path, target="y")
    pl.DataFrame({"x": [1.0]}).write_ipc(tmp_path / "t.arrow")
    assert _files.read_columnar(tmp_path / "t.arrow")["x"].to_list() == [1.0]


def test_a_mark_of_utf_16_that_lies(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xff\xfe" + ("x,y\n" + rows()).encode() + b"\x00")
    with pytest.raises(DataError):
        data.load(path, target="y")
    path.write_bytes(b"\xff\xfe" + ("x;y\n" + rows().replace(",", ";")).encode("cp1252") + b"9;1\n" + b"\x81;0\n1")
    with pytest.raises(DataError):
        data.load(path, target="y")


def test_bytes_that_cp1252_lacks(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(
        b"x,y\n" + b"".join(b"%s,%d\n" % (word, number % 2) for number, word in enumerate([b"\x81", b"\xe4"] * 20))
    )
    dataset = data.load(path, target="y")
    assert any("Latin-1" in said for said in dataset.decisions)


def npz(**arrays) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def test_files_of_labels_are_limited(tmp_path, monkeypatch):
    path = tmp_path / "labels.npz"
    path.write_bytes(npz(worse_label=np.zeros(10_000, np.int64)))
    assert _human_labels._load(path, "worse_label").shape == (10_000,)
    monkeypatch.setattr(_human_labels, "LARGEST", 80_000)
    with pytest.raises(DataError, match="damaged or no file of labels"):
        _human_labels._load(path, "worse_label")
    monkeypatch.setattr(_human_labels, "LARGEST", 90_000)
    assert _human_labels._load(path, "worse_label").shape == (10_000,)
    monkeypatch.setattr(_human_labels, "LARGEST", 100)
    with pytest.raises(DataError, match="damaged or no file of labels"):
        _human_labels._load(path, "worse_label")
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("x.npy", b"\x93NUMPY")
    with pytest.raises(DataError, match="damaged or no file of labels"):
        _human_labels._load(path, "x")


def test_members_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "t").write_bytes(b"xy")
    assert _image_files.read_member(tmp_path, "t") == (b"xy", tmp_path / "t")

    def broken(self, *arguments, **options):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(type(tmp_path), "open", broken)
    with pytest.raises(DataError, match="cannot be read: Input/output error"):
        _image_files.read_member(tmp_path, "t")


def test_members_within_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(_image_files, "LIMIT", 2)
    (tmp_path / "t").write_bytes(b"xy")
    assert _image_files.read_member(tmp_path, "t")[0] == b"xy"
    (tmp_path / "t").write_bytes(b"xyz")
    with pytest.raises(DataError, match="unpacks to more than"):
        _image_files.read_member(tmp_path, "t")


def test_a_long_name_in_a_pickle():
    with pytest.raises(DataError, match="names something at great length"):
        read_plain_pickle(b"c" + b"a" * 60 + b"\n" + b"b" * 60 + b"\n.", name="t")
    with pytest.raises(DataError, match="holds a _Name"):
        read_plain_pickle(b"c" + b"a" * 49 + b"\n" + b"b" * 50 + b"\n.", name="t")
