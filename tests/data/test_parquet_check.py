"""Parquet files are held against their own sizes: sound ones of every writer pass, and what cannot be does not."""

from __future__ import annotations

import io
import struct
from datetime import date

import numpy as np
import polars as pl
import pyarrow.parquet
import pytest

from forged_parquet import file_of, list_of, struct_of, varint, zigzag
from lossmith._errors import DataError
from lossmith.data import _parquet_check as check

FRAME = pl.DataFrame(
    {
        "number": [1, None, 3, 4],
        "text": ["x", None, "zz", "x" * 300],
        "list": [[1, 2], [], None, [3]],
        "record": [{"a": 1, "b": [1.5]}, {"a": 2, "b": []}, None, {"a": None, "b": None}],
        "flag": [True, False, None, True],
        "day": [date(2024, 1, 1), None, date(2024, 1, 3), None],
        "kind": pl.Series(["a", "b", "a", None], dtype=pl.Categorical),
    }
)


def of_polars(frame: pl.DataFrame = FRAME, **options) -> bytes:
    stream = io.BytesIO()
    frame.write_parquet(stream, **options)
    return stream.getvalue()


def of_arrow(frame: pl.DataFrame = FRAME, **options) -> bytes:
    stream = io.BytesIO()
    pyarrow.parquet.write_table(frame.drop("kind").to_arrow(), stream, **options)
    return stream.getvalue()


POLARS = (
    {},
    {"compression": "uncompressed"},
    {"compression": "snappy"},
    {"row_group_size": 1},
    {"statistics": "full"},
    {"data_page_size": 1},
)
ARROW = ({}, {"data_page_version": "2.0"}, {"use_dictionary": False}, {"compression": "gzip"}, {"write_page_index": True},
         {"write_page_checksum": True}, {"store_schema": False}, {"row_group_size": 3})  # fmt: skip


@pytest.mark.parametrize(
    "data", [*(of_polars(**options) for options in POLARS), *(of_arrow(**options) for options in ARROW)]
)
def test_sound_files_pass(data):
    check.check_parquet(data, name="t")


def test_a_table_without_rows_or_with_many_columns_passes():
    check.check_parquet(of_polars(pl.DataFrame({"a": []}, schema={"a": pl.Int64})), name="t")
    check.check_parquet(of_polars(pl.DataFrame({f"c{n}": [n, None] for n in range(300)})), name="t")
    check.check_parquet(of_polars(pl.DataFrame({"a": np.zeros(200_000), "b": np.arange(200_000)})), name="t")


def test_every_cut_and_most_flips_of_the_footer_are_refused():
    data = of_arrow(row_group_size=2)
    footer = int.from_bytes(data[-8:-4], "little")
    for length in range(len(data)):
        with pytest.raises(DataError):
            check.check_parquet(data[:length], name="t")
    for place in range(len(data) - footer - 8, len(data)):
        for bit in (1, 64):
            broken = bytearray(data)
            broken[place] ^= bit
            try:
                check.check_parquet(bytes(broken), name="t")
            except DataError as error:
                said = str(error)
                assert "is damaged or is no Parquet file" in said and "\n" not in said and len(said) < 300


# a writer of Thrift's compact protocol, for files that no library would write


WRONG = {
    "rows that do not add up": ({"rows": 3}, "numbers of rows do not add up"),
    "fewer rows than none": ({"rows": -2, "group_rows": -2}, "numbers of rows do not add up"),
    "a trillion rows": (
        {"rows": 2**40, "group_rows": 2**40, "values": 2**40, "page_values": 2**40},
        "1,099,511,627,776 rows",
    ),
    "a page with other values": ({"page_values": 1}, "another number of values"),
    "a page of fewer values than none": ({"page_values": -2}, "fewer values than none"),
    "fewer values than rows": ({"values": 1, "page_values": 1}, "outside of the file"),
    "pages of gigabytes": ({"page_size": 2**31 - 1}, "unpacks to 2,147,483,647 bytes"),
    "a page of less than nothing": ({"page_size": -1}, "outside of its column"),
    "a page longer than its column": ({"packed": 9}, "outside of its column"),
    "a page packed in less than nothing": ({"packed": -1}, "outside of its column"),
    "a column longer than the file": ({"chunk": 10**6}, "outside of the file"),
    "a column that begins before the file": ({"start": 3}, "outside of the file"),
    "a column that begins after it": ({"start": 10**6}, "outside of the file"),
    "no column for a name": ({"column": False}, "columns do not add up"),
    "a dictionary of more than its bytes": ({"dictionary": 5}, "more entries than bytes"),
    "a dictionary of less than none": ({"dictionary": -1}, "more entries than bytes"),
    "a page without an end": ({"body": b"\x15" + b"\xff" * 16}, "a number of more than 64 bits"),
    "a page of an unknown type": ({"body": b"\x1d\0\0\0\0\0\0\0"}, "unknown type"),
    "a list where a structure belongs": (
        {"body": b"\x15\x00\x15\x10\x15\x00\x29\x05\x00" + bytes(20)},
        "lacks a field",
    ),
    "a page that names no size": ({"body": b"\x15\x00\x00\x00"}, "lacks a field"),
    "structures without end": ({"body": b"\x1c" * 100}, "too deep within each other"),
    "lists without end": ({"body": b"\x19" + b"\x19" * 10**5}, "too deep within each other"),
    "a text longer than the file": ({"body": b"\x18\xff\x7f\x00\x00\x00"}, "a text longer"),
    "a list longer than the file": ({"body": b"\x19\xf5\xff\x7f\x00\x00"}, "a list longer"),
}


def test_the_writer_writes_what_passes():
    for options in (
        {},
        {"v2": True},
        {"dictionary": 4},
        {"dictionary": 0},
        {"values": 3, "page_values": 3},
        {"page_size": 2**30 - 4},
    ):
        check.check_parquet(file_of(**options), name="t")


@pytest.mark.parametrize("options, words", WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(DataError, match=words):
        check.check_parquet(file_of(**options), name="t")


def test_limits_grow_with_the_file(monkeypatch):
    """A hundred cells and bytes for each byte of the file, where that is more than what any may have."""
    data = file_of()
    monkeypatch.setattr(check, "CELLS", 1)
    monkeypatch.setattr(check, "UNPACKED", 1)
    check.check_parquet(data, name="t")
    monkeypatch.setattr(check, "MOST_TIMES", 0)
    with pytest.raises(DataError, match="2 rows in"):
        check.check_parquet(data, name="t")
    monkeypatch.setattr(check, "CELLS", 2)
    with pytest.raises(DataError, match="unpacks to 8 bytes"):
        check.check_parquet(data, name="t")
    monkeypatch.setattr(check, "UNPACKED", 8)
    check.check_parquet(data, name="t")
    monkeypatch.setattr(check, "MOST_FIELDS", 5)
    with pytest.raises(DataError, match="millions of values"):
        check.check_parquet(data, name="t")


def test_every_type_of_thrift_is_read():
    extra = struct_of((1, 1, b""), (2, 2, b""), (3, 3, b"\x07"), (4, 4, zigzag(-5)), (5, 7, struct.pack("<d", 1.5)), (6, 8, varint(3) + b"abc"),
                      (30, 9, list_of(5, [zigzag(n) for n in range(20)])), (31, 10, list_of(1, [b"\1", b"\2"])), (7, 12, struct_of((1, 6, zigzag(2**62)))))  # fmt: skip
    found = check._Compact(extra, 0, len(extra)).struct()
    assert found == {
        1: True,
        2: False,
        3: 7,
        4: -5,
        5: struct.pack("<d", 1.5),
        6: b"abc",
        30: list(range(20)),
        31: [True, False],
        7: {1: 2**62},
    }


def test_foreign_bytes_are_refused():
    for data in (
        b"",
        b"PAR1",
        b"PAR1PAR1",
        b"PAR1" + bytes(4) + b"PAR1",
        b"PAR1" + bytes(40),
        bytes(40) + b"PAR1",
        b"PAR1" + b"\xff" * 40 + b"PAR1",
    ):
        with pytest.raises(DataError, match="no Parquet file"):
            check.check_parquet(data, name="t")


def test_files_are_looked_at_without_being_read(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_bytes(of_polars())
    check.check_parquet_file(path)
    for data, words in (
        (of_polars()[:-9], "no Parquet file"),
        (b"", "no Parquet file"),
        (file_of(rows=3), "do not add up"),
    ):
        path.write_bytes(data)
        with pytest.raises(DataError, match=words):
            check.check_parquet_file(path)
    with pytest.raises(DataError, match="No such file"):
        check.check_parquet_file(tmp_path / "none")


def test_readers_of_parquet_look_first(tmp_path):
    """Tables, rows for drift, profiles, columns for divergences, runs: a trillion rows are refused by each."""
    from lossmith import data, drift
    from lossmith.cli import divergence
    from lossmith.compare.archive import import_run

    path = tmp_path / "t.parquet"
    path.write_bytes(file_of(rows=2**40, group_rows=2**40, values=2**40, page_values=2**40))
    for read in (
        lambda: data.load(path, target="y"), lambda: drift.compare(path, path), lambda: drift.Profile.read(path), lambda: divergence._column(path, "x"),
        lambda: import_run(path, store=tmp_path / "s.db"),
    ):  # fmt: skip
        with pytest.raises(DataError, match="1,099,511,627,776 rows"):
            read()


NUMBERS = (
    0,
    1,
    -1,
    63,
    64,
    -64,
    -65,
    127,
    128,
    -128,
    -129,
    8191,
    8192,
    2**31 - 1,
    -(2**31),
    2**62,
    2**63 - 1,
    -(2**63),
)


def test_whole_numbers_of_every_length():
    """Zigzag: 0, -1, 1, -2, 2 are 0, 1, 2, 3, 4, in groups of seven bits, the lowest first."""
    data = struct_of(*((place, 6, zigzag(number)) for place, number in enumerate(NUMBERS, 1)))
    assert list(check._Compact(data, 0, len(data)).struct().values()) == list(NUMBERS)
    for content, number in (
        (b"\x80\x01", 64),
        (b"\x80\x80\x00", 0),
        (b"\xff\x01", -128),
        (b"\xff" * 9 + b"\x01", -(2**63)),
    ):
        data = b"\x16" + content + b"\0"
        assert check._Compact(data, 0, len(data)).struct() == {1: number}
    data = b"\x16" + b"\x80" * 10 + b"\x01\0"
    with pytest.raises(check._Wrong, match="more than 64 bits"):
        check._Compact(data, 0, len(data)).struct()


def test_fields_far_apart_and_near():
    """Up to fifteen apart the distance stands with the type, else the number stands by itself."""
    fields = [(1, 3, b"\x01"), (16, 3, b"\x02"), (32, 3, b"\x03"), (33, 3, b"\x04"), (3000, 3, b"\x05")]
    data = struct_of(*fields)
    assert check._Compact(data, 0, len(data)).struct() == {1: 1, 16: 2, 32: 3, 33: 4, 3000: 5}


@pytest.mark.parametrize("count", [0, 1, 14, 15, 16, 200])
def test_lists_of_every_length(count):
    data = struct_of((1, 9, list_of(3, [b"\x07"] * count)))
    assert check._Compact(data, 0, len(data)).struct() == {1: [7] * count}


def test_a_list_or_a_text_ends_where_the_structure_may():
    """A byte for each entry must be left: what says more is refused before anything is made of it."""
    for content, words in (
        (b"\x19\x23\x07\x07", "list longer than the file"),
        (b"\x18\x02ab", "text longer than the file"),
    ):
        reader = check._Compact(content, 0, len(content))
        with pytest.raises(check._Wrong, match="cut off"):  # all is there but the end of the structure
            reader.struct()
        reader = check._Compact(content, 0, len(content) - 1)
        with pytest.raises(check._Wrong, match=words):
            reader.struct()
    data = struct_of((1, 9, list_of(1, [b"\1", b"\2"])), (2, 7, bytes(8)))
    with pytest.raises(check._Wrong, match="text longer than the file"):
        check._Compact(data, 0, len(data) - 2).struct()


@pytest.mark.parametrize("inner", [
    lambda depth: b"\x1c" * depth + b"\0" * (depth + 1),
    lambda depth: b"\x19" + b"\x19" * (depth - 1) + b"\x13\x07" + b"\0" if depth else b"\0",
])  # fmt: skip
def test_two_dozen_within_each_other_and_no_more(inner):
    data = inner(24)
    assert check._Compact(data, 0, len(data)).struct()
    for depth in (26, 27, 99):
        data = inner(depth)
        with pytest.raises(check._Wrong, match="too deep within each other"):
            check._Compact(data, 0, len(data)).struct()


def test_structures_are_counted_to_the_last(monkeypatch):
    """One within another, 24 times, and one more is too deep; the number of values is held to the last as well."""
    data = b"\x1c" * 25 + b"\0" * 26
    with pytest.raises(check._Wrong, match="too deep"):
        check._Compact(data, 0, len(data)).struct()
    data = b"\x19" * 25 + b"\x13\x07\0"  # of lists the first has no other around it
    assert check._Compact(data, 0, len(data)).struct()
    data = struct_of(*((place, 3, b"\x01") for place in range(1, 10)))
    monkeypatch.setattr(check, "MOST_FIELDS", 9)
    assert len(check._Compact(data, 0, len(data)).struct()) == 9
    monkeypatch.setattr(check, "MOST_FIELDS", 8)
    with pytest.raises(check._Wrong, match="millions of values"):
        check._Compact(data, 0, len(data)).struct()


def test_limits_are_those_that_are_written_about():
    assert (check.DEEPEST, check.MOST_FIELDS) == (24, 4_194_304)


def page_of(values: int, size: int, packed: int) -> bytes:
    return struct_of(
        (1, 5, zigzag(0)), (2, 5, zigzag(size)), (3, 5, zigzag(packed)), (5, 12, struct_of((1, 5, zigzag(values))))
    ) + bytes(packed)


def test_pages_of_nothing_pass():
    """No value, no byte: a writer may begin a column with such a page."""
    nothing = {"rows": 0, "group_rows": 0, "values": 0}
    check.check_parquet(file_of(**nothing, page_values=0), name="t")
    check.check_parquet(file_of(**nothing, body=page_of(0, 0, 0)), name="t")
    check.check_parquet(file_of(body=page_of(0, 0, 0) + page_of(2, 8, 8)), name="t")
    check.check_parquet(file_of(body=page_of(1, 4, 4) + page_of(1, 4, 4)), name="t")
    check.check_parquet(file_of(dictionary=0, **nothing, page_values=0), name="t")


def test_a_column_ends_where_the_footer_begins():
    page = page_of(2, 8, 8)
    check.check_parquet(file_of(body=page, chunk=len(page)), name="t")
    for chunk, words in (
        (len(page) + 1, "outside of the file"),
        (len(page) - 1, "outside of its column"),
        (-1, "outside of the file"),
    ):
        with pytest.raises(DataError, match=words):
            check.check_parquet(file_of(body=page, chunk=chunk), name="t")


def test_every_column_counts_for_the_cells(monkeypatch):
    """Rows times columns: three leaves of one group, whose columns must be as many."""
    data = of_polars(pl.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]}))
    monkeypatch.setattr(check, "MOST_TIMES", 0)
    monkeypatch.setattr(check, "CELLS", 6)
    check.check_parquet(data, name="t")
    monkeypatch.setattr(check, "CELLS", 5)
    with pytest.raises(DataError, match="it says that it has 2 rows in"):
        check.check_parquet(data, name="t")
    with pytest.raises(DataError, match="columns do not add up"):
        check.check_parquet(file_of(rows=0, group_rows=0, values=0, page_values=0, leaves=2), name="t")


def test_a_footer_as_long_as_the_file():
    """Twelve bytes are marks and a length: a footer may take all others, and none of those."""
    for more in (0, 1):
        data = b"PAR1" + bytes(8) + struct.pack("<I", 8 + more) + b"PAR1"
        with pytest.raises(DataError, match="its ends are missing" if more else "lacks a field"):
            check.check_parquet(data, name="t")
