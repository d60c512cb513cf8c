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
