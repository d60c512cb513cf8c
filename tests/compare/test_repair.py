"""A damaged store repaired: what is whole comes back as it was, and nothing else does."""

from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from lossmith._errors import StoreError
from lossmith.cli import main
from lossmith.compare import _carving
from lossmith.compare.repair import repair
from lossmith.compare.store import Store

RUN = {"kind": "compare", "name": "circles", "settings": {"rate": 0.1}, "data": {}, "fingerprint": "f", "versions": {}}
LONG = {"raw": np.random.default_rng(5).random(3000)}  # 24 kB: a chain of overflow pages
SHORT = {"n": np.arange(5)}
RESULT = json.dumps({"verdict": "Use hinge ä", "filler": "x" * 9000})


@pytest.fixture
def place(tmp_path) -> Path:
    path = tmp_path / "lossmith.db"
    with Store.open(path) as store:
        for number in (1, 2, 3):
            run = store.create_run(**{**RUN, "name": f"set {number}"}, clock=lambda: 1.5e9)
            store.save_group(run, "long", LONG)
            store.save_group(run, "short", SHORT)
            if number < 3:
                store.finish(run, RESULT, 2.0 * number, summary="Use hinge")
    return path


def check(path: Path) -> tuple[int, int, int]:
    """Return how many runs, groups and results a store holds; all of them must be what was written."""
    with Store.open(path, create=False, read_only=True) as store:
        rows = store.runs()
        groups = results = 0
        for row in rows:
            assert row.name == f"set {row.run}" and row.created == 1.5e9 and row.settings == RUN["settings"]
            for key, found in store.groups(row.run).items():
                ((name, value),) = {"long": LONG, "short": SHORT}[key].items()
                assert np.array_equal(found[name], value)
                groups += 1
            assert store.result(row.run) in (None, RESULT)
            results += store.result(row.run) is not None
            assert row.seconds in (None, 2.0 * row.run)
    return len(rows), groups, results


def test_a_sound_store_is_copied(place):
    found = repair(place)
    assert found.path == place.with_name("lossmith-repaired.db") and check(found.path) == (3, 6, 2)
    assert (found.runs, found.groups, found.results, found.lost, found.unfinished) == (3, 6, 2, (), (3,))
    with Store.open(found.path) as store:
        assert store.create_run(**RUN) == 4
        store.reopen(3)


def test_the_damaged_file_is_not_touched_and_nothing_is_overwritten(place):
    before = place.read_bytes()
    repair(place)
    with pytest.raises(StoreError, match=r"repaired.db' exists; expected a new file; give another name with --out"):
        repair(place)
    assert place.read_bytes() == before


@pytest.mark.parametrize("start, length", [(0, 100), (0, 4096), (100, 8), (4096, 4096), (12288, 4096)])
def test_pages_overwritten(place, tmp_path, start, length):
    """The header, the table of contents, a table's root: rows are found in the pages that are left."""
    data = bytearray(place.read_bytes())
    data[start : start + length] = bytes(length)
    place.write_bytes(data)
    found = repair(place)
    runs, groups, _ = check(found.path)
    assert runs >= 1 and groups >= 2
    assert len(found.lost) <= 6


def test_a_file_cut_off_gives_what_is_left(place, tmp_path):
    """Cut anywhere: all rows that lie whole before the cut, and an error where there is none."""
    whole, kept = place.read_bytes(), []
    for share in range(1, 20):
        place.write_bytes(whole[: len(whole) * share // 20])
        try:
            found = check(repair(place, to=tmp_path / f"{share}.db").path)
        except StoreError:
            found = (0, 0, 0)
        kept.append(found)
    assert kept == sorted(kept) and kept[-1][1] >= 4 and len(set(kept)) > 3


def test_a_log_that_was_never_taken_over(place, tmp_path):
    """Killed before its pages came into the file: what the log holds counts, and is found without the file as well."""
    with Store.open(place) as store:
        run = store.create_run(**{**RUN, "name": "set 4"}, clock=lambda: 1.5e9)
        store.save_group(run, "long", LONG)
        copy = tmp_path / "copy.db"
        copy.write_bytes(place.read_bytes())
        copy.with_name("copy.db-wal").write_bytes(place.with_name("lossmith.db-wal").read_bytes())
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(bytes(100) + copy.read_bytes()[100:])
    damaged.with_name("damaged.db-wal").write_bytes(copy.with_name("copy.db-wal").read_bytes())
    assert check(repair(damaged).path) == (4, 7, 2)
    assert check(repair(copy).path) == (4, 7, 2)


def test_any_byte_flipped(place, tmp_path):
    whole, rng = place.read_bytes(), random.Random(3)
    counts = []
    for number, position in enumerate(rng.sample(range(len(whole)), 60)):
        data = bytearray(whole)
        data[position] ^= 1 << rng.randrange(8)
        place.write_bytes(data)
        found = repair(place, to=tmp_path / f"{number}.db")
        counts.append(check(found.path))
    # one bit is part of one row, or of one page at most
    assert min(counts) >= (2, 4, 1) and max(counts) == (3, 6, 2)


def test_orphans_and_failed_rows_are_said(place):
    raw = sqlite3.connect(place)
    raw.execute("UPDATE runs SET name = 'another' WHERE id = 2")
    raw.execute("UPDATE results SET seconds = 9 WHERE run = 1")
    raw.execute("UPDATE groups SET key = 'other' WHERE run = 3 AND key = 'long'")
    raw.commit()
    raw.close()
    found = repair(place)
    assert set(found.lost) == {
        "run 2 fails its checksum",
        "the result of run 1 fails its checksum",
        "group 'other' of run 3 fails its checksum",
        "group of run 2, which is lost itself",
        "result of run 2, which is lost itself",
    }
    assert check(found.path) == (2, 3, 0) and found.unfinished == (1, 3)
    assert "next: lossmith runs resume 3 --store" in str(found) and "2 runs, 3 groups, 0 results" in str(found)


def test_nothing_to_repair(tmp_path):
    with pytest.raises(StoreError, match="no store"):
        repair(tmp_path / "none.db")
    for content in (b"", b"x" * 9999, b"\x0d" * 9999, random.Random(1).randbytes(40_000)):
        (tmp_path / "rubbish.db").write_bytes(content)
        with pytest.raises(StoreError, match="nothing of"):
            repair(tmp_path / "rubbish.db")
    assert [path.name for path in tmp_path.iterdir()] == ["rubbish.db"]


def test_the_command(place, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = bytearray(place.read_bytes())
    data[100:108] = b"\0" * 8
    place.write_bytes(data)
    with pytest.raises(SystemExit) as end:
        main(["runs", "list", "--store", str(place)])
    said = capsys.readouterr().err
    assert end.value.code == 2 and f"lossmith runs repair --store {place}" in said and said.count("\n") == 1
    with pytest.raises(SystemExit) as end:
        main(["runs", "repair", "--store", str(place), "--out", "new.db"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("whole: 3 runs, 6 groups, 2 results, now in 'new.db'")
    with pytest.raises(SystemExit):
        main(["runs", "repair", "--store", str(place), "--out", "more.db", "--json"])
    assert json.loads(capsys.readouterr().out)["unfinished"] == [3]
    assert check(Path("new.db")) == (3, 6, 2)


def test_every_kind_of_number_is_carved(tmp_path):
    """Rows that SQLite wrote itself: integers of every width, floats, texts, bytes, negative and large row numbers."""
    path = tmp_path / "numbers.db"
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA page_size = 512")
    raw.execute("CREATE TABLE t (a, b, c)")
    values = [0, 1, -1, 127, -128, 2**15 - 1, -(2**15), 2**23 - 1, 2**31 - 1, -(2**31), 2**47 - 1, 2**63 - 1, -(2**63), 0.5,
              -1e300, None, "", "ä", "x" * 5000, b"", b"\0" * 700, b"y" * 460, b"z" * 477]  # fmt: skip
    rows = [
        (rowid, value, "text", place)
        for place, (rowid, value) in enumerate(zip([-(2**40), *range(1, 500, 23), 2**55], values, strict=False))
    ]
    for rowid, *row in rows:
        raw.execute("INSERT INTO t (rowid, a, b, c) VALUES (?, ?, ?, ?)", (rowid, *row))
    raw.commit()
    raw.close()
    found = {rowid: values for rowid, values in _carving.carved(path) if len(values) == 3}
    assert len(rows) == len(values) and found == {rowid: row for rowid, *row in rows}


def test_rows_are_carved_from_a_log_alone(place, tmp_path):
    """The newest state of a page counts, and what lies in the file only is found as well."""
    with Store.open(place) as store:
        run = store.create_run(**{**RUN, "name": "set 4"}, clock=lambda: 1.5e9)
        store.save_group(run, "long", LONG)
        log = place.with_name("lossmith.db-wal").read_bytes()
        whole = place.read_bytes()
    (tmp_path / "alone.db").write_bytes(b"")
    (tmp_path / "alone.db-wal").write_bytes(log)
    numbers = {rowid for rowid, values in _carving.carved(tmp_path / "alone.db") if len(values) == 10}
    assert run in numbers
    # with its file, without either of their headers: pages are of the usual size
    (tmp_path / "both.db").write_bytes(bytes(100) + whole[100:])
    (tmp_path / "both.db-wal").write_bytes(bytes(32) + log[32:])
    names = {values[2] for _, values in _carving.carved(tmp_path / "both.db") if len(values) == 10}
    assert names == {"set 1", "set 2", "set 3", "set 4"}
    long = [values for _, values in _carving.carved(tmp_path / "both.db") if len(values) == 4 and values[1] == "long"]
    assert {values[0] for values in long} == {1, 2, 3, 4}


def page(*cells: bytes, size: int = 512, kind: int = 13) -> bytes:
    """A leaf page of a table, written by hand: header, pointers, cells from the end."""
    body, pointers, end = bytearray(size), b"", size
    for cell in cells:
        end -= len(cell)
        body[end : end + len(cell)] = cell
        pointers += end.to_bytes(2, "big")
    body[0 : 8 + len(pointers)] = bytes([kind]) + bytes(2) + len(cells).to_bytes(2, "big") + bytes(3) + pointers
    return bytes(body)


def carved(*pages: bytes, tmp_path) -> list:
    """Rows of a file of pages of 512 bytes; the first holds no rows."""
    first = b"SQLite format 3\0" + (512).to_bytes(2, "big") + bytes(512 - 18)
    (tmp_path / "made.db").write_bytes(first + b"".join(pages))
    return list(_carving.carved(tmp_path / "made.db"))


def test_cells_that_cannot_be_are_left_out(tmp_path):
    good = bytes([3, 7, 2, 1, 42])  # three bytes, row 7: a header of two, a number of one byte, 42
    assert carved(page(good), tmp_path=tmp_path) == [(7, [42])]
    for bad in (
        bytes([3, 7, 9, 1, 42]),
        bytes([2, 7, 2, 2, 42]),
        bytes([2, 7, 2, 10]),
        bytes([2, 7, 2, 23, 65]),
        bytes([200, 127, 7]),
        b"\xff" * 9 + b"\x01",
    ):
        assert carved(page(good, bad), tmp_path=tmp_path) == [(7, [42])], bad
    assert carved(page(good, kind=5), tmp_path=tmp_path) == []
    # a pointer to beyond the page, and a page that says it has more cells than it can
    broken = bytearray(page(good))
    broken[3:5] = (600).to_bytes(2, "big")
    assert carved(bytes(broken), tmp_path=tmp_path)[0] == (7, [42])
    assert carved(page(good)[:7], tmp_path=tmp_path) == []


def test_chains_of_overflow_pages(tmp_path):
    """600 bytes: by the format, 92 of them lie in the page of 512 and the others in two pages of 508."""
    text = b"x" * 596
    record = bytes([4, 0x89, 0x35, 0x08])[:1] + bytes([0x89, 0x35])  # header of three bytes: a text of 596 letters
    payload = bytes([3]) + bytes([0x80 | (13 + 2 * 596) >> 7, (13 + 2 * 596) & 127]) + text
    assert len(record) == 3 and len(payload) == 599
    most, least = 512 - 35, (512 - 12) * 32 // 255 - 23
    local = least + (len(payload) - least) % 508
    local = local if local <= most else least
    cell = bytes([0x80 | len(payload) >> 7, len(payload) & 127, 5]) + payload[:local] + (3).to_bytes(4, "big")
    rest = payload[local:]
    chain = [
        (4 if len(rest) > 508 else 0).to_bytes(4, "big") + rest[:508].ljust(508, b"\0"),
        bytes(4) + rest[508:].ljust(508, b"\0"),
    ]
    assert carved(page(cell), *chain, tmp_path=tmp_path) == [(5, [text.decode()])]
    assert carved(page(cell), tmp_path=tmp_path) == []  # the chain leads out of the file
    assert carved(page(cell), chain[0][:4], tmp_path=tmp_path) == []  # and here to a page that is cut off


def test_pages_of_the_largest_size(tmp_path):
    """65,536 bytes, written as 1."""
    path = tmp_path / "large.db"
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA page_size = 65536")
    raw.execute("CREATE TABLE t (a, b)")
    raw.executemany("INSERT INTO t VALUES (?, ?)", [(1, "x" * 70_000), (2, "y")])
    raw.commit()
    raw.close()
    assert [values for _, values in _carving.carved(path) if len(values) == 2] == [[1, "x" * 70_000], [2, "y"]]


def test_a_check_of_all_pages_that_fails_itself(place, tmp_path, monkeypatch):
    """The tables were read to their ends; what the pages hold beyond them is looked at as well."""
    from lossmith.compare import repair as module

    class Failing:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection
            self.close = connection.close

        def execute(self, statement: str) -> sqlite3.Cursor:
            if "integrity_check" in statement:
                raise sqlite3.DatabaseError("disk I/O error")
            return self._connection.execute(statement)

    looked = []
    monkeypatch.setattr(module, "connect", lambda path, real=module.connect, **options: Failing(real(path, **options)))
    monkeypatch.setattr(module, "carved", lambda path, real=module.carved: looked.append(path) or real(path))
    found = repair(place, to=tmp_path / "new.db")
    assert looked == [place] and check(found.path) == (3, 6, 2) and found.lost == ()


def test_the_size_of_pages_is_taken_from_a_header_that_is_one(tmp_path):
    """Of a file whose header is gone the log says it, whatever stands in the file at that place."""
    good = bytes([3, 7, 2, 1, 42])
    log = bytes(8) + (512).to_bytes(4, "big") + bytes(20)
    frame = (2).to_bytes(4, "big") + bytes(20) + page(good)
    for start in (b"rubbish", b"SQLite format 4", b"SQLite format 3"):
        (tmp_path / "a.db").write_bytes(start.ljust(16, b"\0") + (1024).to_bytes(2, "big") + bytes(1024 - 18))
        (tmp_path / "a.db-wal").write_bytes(log + frame)
        wanted = [] if start == b"SQLite format 3" else [(7, [42])]
        assert list(_carving.carved(tmp_path / "a.db"))[:1] == wanted
    for wrong in (0, 256, 513, 1000, 65535, 131072):  # below 512, no power of two, or too large
        (tmp_path / "b.db").write_bytes(b"")
        (tmp_path / "b.db-wal").write_bytes(bytes(8) + wrong.to_bytes(4, "big") + bytes(20) + frame)
        assert _carving._page_size(b"", (tmp_path / "b.db-wal").read_bytes()) == 4096, wrong
    for right in (512, 4096, 32768, 65536):
        assert _carving._page_size(b"", bytes(8) + right.to_bytes(4, "big")) == right
        header = b"SQLite format 3\0" + (1 if right == 65536 else right).to_bytes(2, "big") + bytes(2)
        assert _carving._page_size(header, b"") == right


def test_pages_of_a_sound_store_are_not_searched(place, tmp_path, monkeypatch):
    """Runs that were deleted not long ago come back from pages alone."""
    from lossmith.compare import repair as module

    monkeypatch.setattr(module, "carved", lambda path: pytest.fail("its tables are whole"))
    assert check(repair(place, to=tmp_path / "new.db").path) == (3, 6, 2)
