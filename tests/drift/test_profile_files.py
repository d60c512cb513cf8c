"""Profiles and states of monitors from files of strangers: one clear error, or what was written."""

from __future__ import annotations

import base64
import json
import sqlite3

import numpy as np
import polars as pl
import pytest

from lossmith import drift
from lossmith._errors import DataError, InvalidInputError, StoreError
from lossmith.drift import _profile_file, _state

FRAME = pl.DataFrame({"x": np.linspace(0, 1, 60), "n": np.arange(60) % 7, "c": ["a", "b", "c"] * 20})
PLAIN = json.loads(drift.profile(FRAME).to_json())


def column(**changes):
    return lambda plain: plain["columns"][0].update(changes)


def packed(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers).tobytes()).decode()


WRONG = {
    "another kind": (column(kind="picture"), "does not add up"),
    "edges that fall": (column(edges64=packed(1, 0)), "does not add up"),
    "edges that are none": (column(edges64=packed(0, np.nan, 1)), "does not add up"),
    "edges cut off": (column(edges64="AAAA"), "is no profile"),
    "edges of other signs": (column(edges64="!!!!"), "is no profile"),
    "a negative count": (column(missing=-1), "does not add up"),
    "more than there are": (column(missing=5), "does not add up"),
    "an endless mean": (column(mean=1e999), "does not add up"),
    "a giant": (column(mean=10**400), "is no profile"),
    "cells that are text": (column(cells=["a"]), "is no profile"),
    "cells beyond all": (column(cells=[2**70]), "is no profile"),
    "levels that are a list": (column(levels=[1]), "is no profile"),
    "levels of half": (lambda plain: plain["columns"][2].update(levels={"a": 1.5}), "does not add up"),
    "a column twice": (lambda plain: plain["columns"].append(plain["columns"][0]), "stands in it twice"),
    "no columns": (lambda plain: plain.pop("columns"), "is no profile"),
    "a later version": (lambda plain: plain.update(version=99), "of version 99"),
    "something else": (lambda plain: plain.update(format="x"), "something else"),
    "rows that are none": (lambda plain: plain.update(rows="many"), "is no profile"),
}


@pytest.mark.parametrize("change, words", WRONG.values(), ids=WRONG)
def test_a_forged_profile_is_one_clear_error(tmp_path, change, words):
    plain = json.loads(json.dumps(PLAIN))
    change(plain)
    (tmp_path / "p.json").write_text(json.dumps(plain))
    with pytest.raises(DataError) as error:
        drift.Profile.read(tmp_path / "p.json")
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 10**6,
        "{",
        "[]",
        "3",
        "null",
        '{"format": "lossmith drift profile"}',
        "\ud800".encode("utf-8", "surrogatepass"),
    ],
)
def test_what_is_no_profile_is_one_clear_error(tmp_path, text):
    (tmp_path / "p.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "p.parquet").write_bytes(text if isinstance(text, bytes) else text.encode())
    for name in ("p.json", "p.parquet", "none.json"):
        with pytest.raises(DataError):
            drift.Profile.read(tmp_path / name)


def test_is_profile(tmp_path):
    for name in ("p.json", "p.parquet"):
        drift.profile(FRAME).save(tmp_path / name)
        assert _profile_file.is_profile(tmp_path / name)
    FRAME.write_parquet(tmp_path / "t.parquet")
    FRAME.write_csv(tmp_path / "t.csv")
    (tmp_path / "cut").write_bytes(b"PAR1xx")
    for name in ("t.parquet", "t.csv", "cut", "none"):
        assert not _profile_file.is_profile(tmp_path / name)


def test_a_parquet_file_of_another_meaning(tmp_path):
    place = tmp_path / "p.parquet"
    drift.profile(FRAME).save(place)
    frame, meta = pl.read_parquet(place), pl.read_parquet_metadata(place)
    for changes in ({"format": "x"}, {"version": "99"}, {"version": "x"}, {"rows": "-5"}, {"notes": "["}):
        frame.write_parquet(
            place, metadata={**{key: meta[key] for key in ("format", "version", "name", "rows", "notes")}, **changes}
        )
        with pytest.raises(DataError, match="is no profile"):
            drift.Profile.read(place)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    for name in ("file/p.json", "file/p.parquet"):
        with pytest.raises(InvalidInputError, match="cannot be written"):
            drift.profile(FRAME).save(tmp_path / name)


def monitor(path):
    watching = drift.Monitor(FRAME, window=20, store=path)
    watching.update(FRAME.head(45))
    return watching


def changed(path, key: str, change) -> None:
    connection = sqlite3.connect(path)
    (text,) = connection.execute("SELECT value FROM monitor WHERE key = ?", (key,)).fetchone()
    plain = json.loads(text)
    change(plain)
    connection.execute("UPDATE monitor SET value = ? WHERE key = ?", (json.dumps(plain), key))
    connection.commit()
    connection.close()


STATES = {
    "another kind": lambda plain: plain.update(kind="x"),
    "a later version": lambda plain: plain.update(version=99),
    "no choices": lambda plain: plain.pop("choices"),
    "one choice more": lambda plain: plain["choices"].update(more=1),
    "a window of text": lambda plain: plain["choices"].update(window="many"),
    "a window of nothing": lambda plain: plain["choices"].update(window=0),
    "a seed of truth": lambda plain: plain["choices"].update(seed=True),
    "evidence of another kind": lambda plain: plain["evidence"].update(total="much"),
    "evidence with more": lambda plain: plain["evidence"].update(kind=1),
    "evidence that is a list": lambda plain: plain.update(evidence=[1]),
    "rows of less than nothing": lambda plain: plain.update(rows=-1),
    "rows of text": lambda plain: plain.update(rows="1"),
    "blocks without their rows": lambda plain: plain["choices"].update(blocks=5),
}


@pytest.mark.parametrize("change", STATES.values(), ids=STATES)
def test_a_forged_state_is_one_clear_error(tmp_path, change):
    monitor(tmp_path / "m.db")
    assert len(drift.Monitor.open(tmp_path / "m.db").windows) == 2
    changed(tmp_path / "m.db", "state", change)
    with pytest.raises(StoreError, match="holds no sound monitor") as error:
        drift.Monitor.open(tmp_path / "m.db")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("script", [
    "UPDATE windows SET record = '{}'", "UPDATE windows SET record = '[1]'", "UPDATE windows SET record = replace(record, 'false', '0')",
    "UPDATE monitor SET value = x'00' WHERE key = 'waiting'", "UPDATE monitor SET value = '[]' WHERE key = 'past'", "DELETE FROM monitor",
    "DROP TABLE windows", "CREATE VIEW v AS SELECT 1", "CREATE TRIGGER t BEFORE INSERT ON windows BEGIN SELECT 1; END",
])  # fmt: skip
def test_a_changed_file_is_one_clear_error(tmp_path, script):
    monitor(tmp_path / "m.db")
    connection = sqlite3.connect(tmp_path / "m.db")
    connection.executescript(script)
    connection.close()
    with pytest.raises(StoreError) as error:
        drift.Monitor.open(tmp_path / "m.db")
    assert "\n" not in str(error.value)


def test_places_of_a_monitor(tmp_path):
    with pytest.raises(StoreError, match="no file"):
        drift.Monitor.open(tmp_path / "none")
    (tmp_path / "text").write_text("hello" * 99)
    with pytest.raises(StoreError, match="the state of a monitor"):
        drift.Monitor.open(tmp_path / "text")
    with pytest.raises(StoreError, match="cannot be written"):
        _state.create(tmp_path / "text" / "m.db")
    with pytest.raises(StoreError, match="cannot be opened"):
        _state.create(tmp_path)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE things (x)").connection.close()
    with pytest.raises(StoreError, match="another database"):
        _state.create(tmp_path / "other.db")
    monitor(tmp_path / "m.db")
    with pytest.raises(StoreError, match="holds a monitor already"):
        _state.create(tmp_path / "m.db")


STRANGE = pl.DataFrame(
    {
        "x": [*np.linspace(0, 1, 58), np.inf, None],
        "infinite": [np.inf] * 60,
        "empty": pl.Series([None] * 60, dtype=pl.Float64),
        "c": ["a", "b", None] * 20,
        "yes": [True, False] * 30,
        "n": np.arange(60) % 7,
    }
)


@pytest.mark.parametrize("name", ["p.json", "p.parquet"])
def test_every_count_comes_back(tmp_path, name):
    """Infinite, missing and no values at all, categories and texts: field by field, in either kind of file."""
    before = drift.profile(STRANGE)
    assert _profile_file.write(before, tmp_path / "new" / name) == tmp_path / "new" / name
    after = drift.Profile.read(tmp_path / "new" / name)
    assert (after.name, after.n_rows, tuple(after.notes)) == (before.name, before.n_rows, tuple(before.notes))
    assert list(after.columns) == list(before.columns)
    for key, column in before.columns.items():
        other = after.columns[key]
        assert other.edges.tolist() == column.edges.tolist() and other.cells.tolist() == column.cells.tolist()
        assert dict(other.levels) == dict(column.levels)
        for field in (
            "kind",
            "dtype",
            "n",
            "notation",
            "rule",
            "missing",
            "invalid",
            "infinite",
            "mean",
            "squares",
            "counter",
        ):
            assert getattr(other, field) == getattr(column, field), (key, field)
        if column.ordered and column.present > column.infinite:
            assert (other.low, other.high) == (column.low, column.high)
    with pytest.raises(DataError, match=r"no file .*; expected a profile; make one: lossmith drift profile"):
        drift.Profile.read(tmp_path / f"none-{name}")


def test_what_json_says_of_a_profile():
    """What is at its default is left out, and no number is written that JSON lacks."""
    plain = json.loads(drift.profile(STRANGE).to_json(), parse_constant=lambda word: pytest.fail(word))
    assert (plain["format"], plain["version"], plain["rows"]) == ("lossmith drift profile", 2, 60)
    columns = {one["name"]: one for one in plain["columns"]}
    assert columns["x"]["infinite"] == 1 == columns["x"]["missing"] and columns["infinite"]["infinite"] == 60
    assert "low" not in columns["infinite"] and "low" not in columns["empty"] and columns["x"]["low"] == 0.0
    assert not any("levels" in one for name, one in columns.items() if name in ("x", "infinite", "empty", "n"))
    for one in plain["columns"]:
        # the shorter of both ways to write edges, and never both of them
        assert not {"edges", "edges64"} <= one.keys()
        if "edges" in one:
            text = json.dumps(one["edges"], separators=(",", ":"))
            assert len(base64.b64encode(np.array(one["edges"]).tobytes())) + 2 >= len(text)
    assert json.dumps(plain, ensure_ascii=False, separators=(",", ":")) == drift.profile(STRANGE).to_json().strip()


def test_a_profile_without_rows_is_one(tmp_path):
    """Zero rows are a number of rows; fewer are not."""
    plain = {"format": "lossmith drift profile", "version": 2, "name": "t", "rows": 0, "notes": [], "columns": []}
    assert _profile_file.from_json(json.dumps(plain)).n_rows == 0
    with pytest.raises(ValueError, match="fewer rows than none"):
        _profile_file.from_json(json.dumps({**plain, "rows": -1}))
    with pytest.raises(ValueError, match="of version 3, this lossmith reads 2"):
        _profile_file.from_json(json.dumps({**plain, "version": 3}))


@pytest.mark.parametrize(
    "change",
    [
        lambda column: column.update(edges=[0.5, 0.5], cells=[20, 20, 20]),
        lambda column: column.update(edges=[], cells=[30, 30]),
        lambda column: column.update(edges=[0.5], cells=[-1, 61]),
    ],
)
def test_edges_and_cells_that_do_not_fit(change):
    plain = json.loads(json.dumps(PLAIN))
    column = plain["columns"][0]
    column.pop("edges64", None)
    change(column)
    with pytest.raises(ValueError, match="does not add up"):
        _profile_file.from_json(json.dumps(plain))


@pytest.mark.parametrize("levels", [{"a": -1, "b": 41, "c": 20}, {"a": 19.5, "b": 20.5, "c": 20}])
def test_levels_are_counts(levels):
    plain = json.loads(json.dumps(PLAIN))
    plain["columns"][2]["levels"] = levels
    with pytest.raises(ValueError, match="does not add up"):
        _profile_file.from_json(json.dumps(plain))


def test_a_text_that_mentions_a_profile_is_none(tmp_path):
    (tmp_path / "t.csv").write_text("lossmith drift profile,1\n")
    (tmp_path / "t.json").write_text('{"format": "another"}')
    (tmp_path / "p.json").write_text('\n {"format": "lossmith drift profile"}')
    assert [_profile_file.is_profile(tmp_path / name) for name in ("t.csv", "t.json", "p.json")] == [False, False, True]


def test_sizes_of_a_parquet_file_are_looked_at_first(tmp_path, monkeypatch):
    def refuse(path):
        raise DataError(f"{path.name} lies")

    drift.profile(FRAME).save(tmp_path / "p.parquet")
    monkeypatch.setattr(_profile_file, "check_parquet_file", refuse)
    with pytest.raises(DataError, match=r"p\.parquet lies"):
        drift.Profile.read(tmp_path / "p.parquet")


def test_a_parquet_file_that_lacks_what_it_should_say(tmp_path):
    place = tmp_path / "p.parquet"
    drift.profile(FRAME).save(place)
    frame, meta = pl.read_parquet(place), pl.read_parquet_metadata(place)
    whole = {key: meta[key] for key in ("format", "version", "name", "rows", "notes")}
    for gone, words in (("rows", "fewer rows than none"), ("format", "something else"), ("name", "name")):
        frame.write_parquet(place, metadata={key: value for key, value in whole.items() if key != gone})
        with pytest.raises(DataError, match=f"is no profile: .*{words}"):
            drift.Profile.read(place)
