"""Corners of reading files that real tables reach seldom."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import zipfile
from dataclasses import FrozenInstanceError

import numpy as np
import polars as pl
import pytest

from lossmith import data
from lossmith._errors import DataError
from lossmith.data import _delimited, _files, _human_labels, _image_files, _parquet_check
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
    path.write_text("x,y\n" + rows() + ",\n\n,\n")  # below the last row: none is within
    assert not any("left out" in said for said in data.load(path, target="y").decisions)
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


# delimited text


@pytest.mark.parametrize("header, named", [("1,2,c,d,e", True), ("1,2,3,d,e", False)])
def test_a_header_may_name_some_columns_by_numbers(header, named):
    """As long as they are fewer than half, as those of years in a table of years."""
    assert _delimited.read_delimited(f"{header}\n" + "5,6,7,8,9\n" * 3, name="t").named == named


@pytest.mark.parametrize("words, named", [(1, False), (2, True)])
def test_a_column_is_of_numbers_when_nine_in_ten_cells_are(words, named):
    """Numbers at the top of a column of numbers are values; above a column of words they may be its name."""
    cells = [str(number) for number in range(10 - words)] + ["none"] * words
    found = _delimited.read_delimited("100,200\n" + "".join(f"{cell},{cell}\n" for cell in cells), name="t")
    assert found.named == named and found.frame.height == (10 if named else 11)


def test_cells_as_they_were_read_cannot_be_changed():
    found = _delimited.read_delimited("a,b\n1,2\n", name="t")
    with pytest.raises(FrozenInstanceError):
        found.named = False
    assert not hasattr(found, "__dict__")


@pytest.mark.parametrize(
    "text, line",
    [("a,b,c\n1,2\n4,5,6\n7,8,9\n", 2), ("a,b\n1,2\n3\n5,6\n", 3), ("a,b\n1,2\n3,4\n5\n", 4), ("a,b\n\n1\n3,4\n5,6\n", 3)],
)  # fmt: skip
def test_a_short_line_is_named_wherever_it_is(text, line):
    """The first below the header, and those of tables of two columns."""
    with pytest.raises(
        DataError, match=rf"line {line} of 't' has \d cells where most lines have {text.count(',', 0, 5) + 1}"
    ):
        _delimited.read_delimited(text, name="t")


def test_ends_of_lines_of_windows_are_no_empty_lines():
    found = _delimited.read_delimited("a,b\r\n1,2\r\n3,4\r\n", name="t")
    assert found.frame.rows() == [("1", "2"), ("3", "4")] and found.decisions == ()
    kept = _delimited.read_delimited('a,b\n"x\ry",2\n3,4\n', name="t")
    assert kept.frame.rows() == [("x\ry", "2"), ("3", "4")]
    old = _delimited.read_delimited("a,b\r1,2\r3,4\r", name="t")
    assert old.frame.rows() == found.frame.rows()


def test_where_no_line_is_irregular_none_is_named():
    """Neither among lines of one length nor where quotes that never close leave no line to be told."""
    assert _delimited._first_irregular(b"a,b\n1,2\n3,4\n", ",", 2) == (0, 0)
    assert _delimited._first_irregular(b'a,b\n1,2\n"' + b"x,y,z\n" * 40_000, ",", 2) == (0, 0)
    assert _delimited._first_irregular(b"a,b\n1,2\n3\n4,5\n", ",", 2) == (3, 1)


# what kind of file it is


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather"])
def test_a_file_of_no_bytes_is_empty_whatever_its_name(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    for content in (b"", b" \n \r\n\t"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"t\.{ending}' is empty; expected a table with a header line"):
            _files.read_table(path)


def test_a_table_as_it_was_read_cannot_be_changed(tmp_path):
    """Columns with types have names, and nothing was separated by commas."""
    pl.DataFrame({"a": ["1,234"], "b": [2]}).write_parquet(tmp_path / "t.parquet")
    table = _files.read_table(tmp_path / "t.parquet")
    assert (table.named, table.comma_separated) == (True, False)
    (tmp_path / "t.csv").write_text("1;2\n3;4\n")
    assert not _files.read_table(tmp_path / "t.csv").named and not _files.read_table(tmp_path / "t.csv").comma_separated
    (tmp_path / "t.csv").write_text("a,b\n3,4\n")
    assert _files.read_table(tmp_path / "t.csv").named and _files.read_table(tmp_path / "t.csv").comma_separated
    with pytest.raises(FrozenInstanceError):
        table.named = False
    assert not hasattr(table, "__dict__")


def test_other_kinds_of_text_are_known_within_a_thousand_characters(tmp_path):
    path = tmp_path / "t.csv"
    for text, what in (
        ('{"a": 1,\n"b": 2}\n', "JSON"), ("<html>\n<p>\n", "a web page"), ("<?xml?>\n<a/>\n", "XML"), ("@relation r\n", "ARFF"), ("% r\n@r\n", "ARFF"),
    ):  # fmt: skip
        path.write_text("\n" * (1000 - len(text.split()[0]) - 1) + text)
        with pytest.raises(DataError, match=rf"t\.csv' is {what}; expected CSV, TSV or Parquet"):
            _files.read_table(path)
        path.write_text(text.upper())
        with pytest.raises(DataError, match=rf"t\.csv' is {what}"):
            _files.read_table(path)
    path.write_text("\n" * 999 + "{,y\n" + rows())
    with pytest.raises(DataError, match="is JSON"):
        _files.read_table(path)
    path.write_text("\n" * 1000 + "{,y\n" + rows())
    assert _files.read_table(path).frame.columns == ["{", "y"]


CONTROL = {*range(9), *range(14, 32), 127}


@pytest.mark.parametrize("code", range(128))
def test_bytes_that_text_does_not_have(code):
    """Some in a thousand are an accident, more are no text; tabs and ends of lines are text."""
    if code in CONTROL:
        assert _files._as_utf8(b"a" * 999 + bytes([code]), "t")[1] == "UTF-8"
        with pytest.raises(DataError, match="'t' is not a text table but binary data"):
            _files._as_utf8(b"a" * 998 + bytes([code]), "t")
    else:
        assert _files._as_utf8(bytes([code]) * 9, "t") == (bytes([code]) * 9, "UTF-8")


def test_bytes_are_counted_in_the_first_64_kib():
    text = b"\x01" * 65 + b"a" * (65_536 - 65)
    assert len(_files._as_utf8(text + b"\x01" * 999, "t")[0]) == 65_536 + 999
    with pytest.raises(DataError, match="binary data"):
        _files._as_utf8(b"\x01" + text, "t")
    with pytest.raises(DataError, match="binary data"):
        _files._as_utf8(text[:-1] + b"\x01", "t")


def test_a_pipe_is_not_found_as_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for given in ({"path": tmp_path / "pipe"}, {"path": "pipe", "data_dir": tmp_path}):
        with pytest.raises(DataError, match="pipe' is a pipe or a device; expected a file"):
            _files.find_file(**given)


def test_sizes_of_parquet_are_looked_at_before_it_is_read(tmp_path, monkeypatch):
    pl.DataFrame({"x": [1.0, 2.0, 3.0]}).write_parquet(tmp_path / "t.parquet")
    assert _files.read_columnar(tmp_path / "t.parquet").height == 3
    monkeypatch.setattr(_parquet_check, "CELLS", 2)
    monkeypatch.setattr(_parquet_check, "MOST_TIMES", 0)
    for read in (_files.read_table, _files.read_columnar):
        with pytest.raises(DataError, match="it says that it has 3 rows in"):
            read(tmp_path / "t.parquet")


def test_arrow_that_is_none(tmp_path):
    path = tmp_path / "t.arrow"
    path.write_bytes(b"ARROW1" + bytes(99))
    with pytest.raises(DataError, match=r"t\.arrow' is damaged or is no Arrow file"):
        _files.read_columnar(path)
    pl.DataFrame(schema={"x": pl.Int64}).write_ipc(path)
    with pytest.raises(DataError, match="has no rows; expected a table with rows"):
        _files.read_columnar(path)


# members of published sets


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_member_is_whole_or_refused(tmp_path, monkeypatch, pack):
    """However it is packed: at the limit it is whole, and beyond it nothing is cut off in silence."""
    monkeypatch.setattr(_image_files, "LIMIT", 1000)
    for length in (0, 1, 999, 1000):
        (tmp_path / "t").write_bytes(pack(b"\x07" * length))
        assert _image_files.read_member(tmp_path, "t")[0] == b"\x07" * length
    for length in (1001, 1002, 5000):
        (tmp_path / "t").write_bytes(pack(b"\x07" * length))
        with pytest.raises(DataError, match=r"t' unpacks to more than 0 MiB; expected a published file"):
            _image_files.read_member(tmp_path, "t")


@pytest.mark.parametrize("axes", range(6))
def test_idx_files_have_one_to_four_axes(axes):
    array = (
        np.arange(24, dtype=np.uint8)[: 2**axes].reshape((2,) * axes) if axes < 5 else np.zeros((1,) * axes, np.uint8)
    )
    data = bytes([0, 0, 8, axes]) + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()
    if 1 <= axes <= 4:
        found = _image_files.read_idx(data, name="x")
        assert found.shape == array.shape and np.array_equal(found, array)
    else:
        with pytest.raises(DataError, match="'x' is no IDX file of bytes; expected a header 00 00 08"):
            _image_files.read_idx(data, name="x")


def test_idx_files_that_hold_something_else():
    for content, words in (
        (b"", "no IDX file"), (b"\0\0\x08", "no IDX file"), (b"\0\1\x08\1\0\0\0\1x", "no IDX file"), (b"\0\0\x09\1\0\0\0\1x", "no IDX file"),
        (b"\0\0\x08\1\0\0\0", "'x' holds 0 values"), (b"\0\0\x08\1\0\0\0\0", "'x' holds 0 values; expected the 0 of its header, 0"),
        (b"\0\0\x08\2\0\0\0\2\0\0\1\0" + b"x", "'x' holds 1 values; expected the 512 of its header, 2 x 256"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=words):
            _image_files.read_idx(content, name="x")
