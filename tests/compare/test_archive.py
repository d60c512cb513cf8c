"""A run as a Parquet file: what goes out comes in elsewhere, and nothing that its checksums do not vouch for."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from lossmith._errors import DataError, StoreError
from lossmith.cli import main
from lossmith.compare._rows import digest
from lossmith.compare.archive import SCHEMA, export_run, import_run
from lossmith.compare.store import Store

RUN = {"kind": "compare", "name": "circles", "settings": {"worst": float("inf"), "losses": ("a", "b")}, "data": {"source": "ä"},
       "fingerprint": "f", "versions": {"numpy": "2"}}  # fmt: skip
ARRAYS = {"edges": np.array([np.nan, -0.0, np.inf]), "chosen": np.arange(4), "empty": np.zeros((0, 2), np.float32)}


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "first.db"
    with Store.open(path) as opened:
        for number in range(3):
            run = opened.create_run(**{**RUN, "name": f"set {number}"}, clock=lambda n=number: 1000.5 + n)
            for key in ("b", "a"):
                opened.save_group(run, key, ARRAYS)
        opened.finish(2, '{"x": 1}', 3.25, summary="Use b")
    return path


def test_a_run_goes_out_and_comes_in(store, tmp_path):
    second = tmp_path / "second.db"
    for run, number in ((3, 1), (2, 2)):
        export_run(run, tmp_path / "run.parquet", store=store)
        assert import_run(tmp_path / "run.parquet", store=second) == number
        with Store.open(store, read_only=True) as old, Store.open(second, read_only=True) as new:
            before, after = old.run(run), new.run(number)
            for field in (
                "kind",
                "name",
                "created",
                "seconds",
                "summary",
                "settings",
                "data",
                "versions",
                "fingerprint",
            ):
                assert getattr(before, field) == getattr(after, field)
            assert new.group_keys(number) == ("b", "a") and new.result(number) == old.result(run)
            for arrays in new.groups(number).values():
                assert all(arrays[name].tobytes() == value.tobytes() for name, value in ARRAYS.items())
    with Store.open(second) as new:
        new.reopen(1)
        assert new.create_run(**RUN) == 3


def test_the_file_is_an_ordinary_table(store, tmp_path):
    export_run(2, tmp_path / "run.parquet", store=store)
    frame = pl.read_parquet(tmp_path / "run.parquet")
    assert frame["table"].to_list() == ["runs", "groups", "groups", "results"] and frame["run"].to_list() == [2] * 4


def test_nothing_is_doubled(store, tmp_path):
    export_run(2, tmp_path / "run.parquet", store=store)
    with pytest.raises(StoreError, match=r"is run 2 of .*; expected a run that the store lacks"):
        import_run(tmp_path / "run.parquet", store=store)
    with Store.open(store, read_only=True) as opened:
        assert len(opened.runs()) == 3


def forged(rows: list[tuple], change) -> pl.DataFrame:
    return pl.DataFrame([change(*row) for row in rows], schema=SCHEMA, orient="row")


def facts_of(number: int, change):
    """Return a change of the facts of one row, its checksum made anew."""

    def made(table, run, key, facts, payload, known):
        if table != "runs":
            return table, run, key, facts, payload, known
        plain = change(json.loads(facts))
        return table, run, key, json.dumps(plain), payload, digest(run, *plain)

    return made


def at(place: int, value: object):
    return lambda plain: [*plain[:place], value, *plain[place + 1 :]]


CHANGES = {
    "a flipped payload": (lambda t, r, k, f, p, d: (t, r, k, f, p and p[:-1] + b"\1", d), "does not fit its checksum"),
    "another number": (lambda t, r, k, f, p, d: (t, r + (t == "groups"), k, f, p, d), "does not fit its checksum"),
    "another table": (lambda t, r, k, f, p, d: ("run", r, k, f, p, d), "'run'"),
    "no payload": (lambda t, r, k, f, p, d: (t, r, k, f, None, d), "checksum"),
    "facts that are none": (lambda t, r, k, f, p, d: (t, r, k, "{", p, d), "holds no run"),
    "facts too deep": (lambda t, r, k, f, p, d: (t, r, k, "[" * 10**5, p, d), "holds no run"),
    "settings that are no JSON": (facts_of(0, at(2, "{")), "holds no run"),
    "settings that are a list": (facts_of(0, at(2, "[]")), "no mappings"),
    "a number that is none": (facts_of(0, at(2, '{"x": {"$number": "9"}}')), "holds no run"),
    "a time that is text": (facts_of(0, at(6, "now")), "other types"),
    "an array that is none": (
        lambda t, r, k, f, p, d: (t, r, k, f, b"rubbish", digest(r, k, b"rubbish")) if p else (t, r, k, f, p, d),
        "holds no run",
    ),
    "every group twice": (
        lambda t, r, k, f, p, d: (t, r, "a", f, p, digest(r, "a", p)) if p else (t, r, k, f, p, d),
        "a group stands in it twice",
    ),
}


@pytest.mark.parametrize("change, words", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_is_refused(store, tmp_path, change, words):
    path, second = tmp_path / "run.parquet", tmp_path / "second.db"
    export_run(2, path, store=store)
    forged(pl.read_parquet(path).rows(), change).write_parquet(path)
    with pytest.raises(DataError) as error:
        import_run(path, store=second)
    assert words in str(error.value) and "\n" not in str(error.value) and not second.exists()


def test_foreign_files_are_refused(store, tmp_path):
    path = tmp_path / "run.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(DataError, match="its columns are others"):
        import_run(path, store=tmp_path / "second.db")
    path.write_bytes(b"hello")
    with pytest.raises(DataError, match="damaged"):
        import_run(path, store=tmp_path / "second.db")
    export_run(2, path, store=store)
    frame = pl.read_parquet(path)
    for rows in (frame.filter(pl.col("table") != "runs"), pl.concat([frame, frame])):
        rows.write_parquet(path)
        with pytest.raises(DataError, match="holds no run"):
            import_run(path, store=tmp_path / "second.db")


def test_a_run_as_number_two_cannot_pass_for_another(store, tmp_path):
    """Rows of two runs in one file: each fits its checksum, and they do not belong together."""
    export_run(2, tmp_path / "two.parquet", store=store)
    export_run(3, tmp_path / "three.parquet", store=store)
    two, three = (pl.read_parquet(tmp_path / name) for name in ("two.parquet", "three.parquet"))
    pl.concat([two.filter(pl.col("table") == "runs"), three.filter(pl.col("table") == "groups")]).write_parquet(
        tmp_path / "mixed.parquet"
    )
    with pytest.raises(DataError, match="not of one run"):
        import_run(tmp_path / "mixed.parquet", store=tmp_path / "second.db")


def test_the_commands(store, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["runs", "export", "2", "--format", "run", "--store", "first.db", "--out", "kept.parquet"],
        ["runs", "import", "kept.parquet", "--store", "second.db"],
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
    assert capsys.readouterr().out == "run 1 of second.db\n"
    with pytest.raises(SystemExit) as end:
        main(["runs", "import", "kept.parquet", "--store", "second.db"])
    assert end.value.code == 2 and "is run 1 of" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["runs", "import", "none.parquet", "--store", "third.db"])
    assert end.value.code == 2 and not (tmp_path / "third.db").exists()


def test_two_results_are_not_of_one_run(store, tmp_path):
    """Both fit their checksums, and only one of them can be true."""
    export_run(2, tmp_path / "run.parquet", store=store)
    frame = pl.read_parquet(tmp_path / "run.parquet")
    other = ['{"x": 2}', digest('{"x": 2}'), 3.5, "Use a"]
    row = ("results", 2, None, json.dumps(other), None, digest(2, *other[1:]))
    pl.concat([frame, pl.DataFrame([row], schema=SCHEMA, orient="row")]).write_parquet(tmp_path / "run.parquet")
    with pytest.raises(DataError, match="not of one run"):
        import_run(tmp_path / "run.parquet", store=tmp_path / "second.db")


def test_a_store_is_only_read_when_a_run_goes_out(store, tmp_path, monkeypatch):
    """It is not brought up to date for it, and none is made where there is none."""
    from lossmith.compare import _sqlite

    with pytest.raises(StoreError, match="no store"):
        export_run(1, tmp_path / "run.parquet", store=tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    monkeypatch.setattr(_sqlite, "SCHEMA_VERSION", 2)
    monkeypatch.setattr(_sqlite, "MIGRATIONS", {1: ()})
    with pytest.raises(StoreError, match="has the older version 1"):
        export_run(1, tmp_path / "run.parquet", store=store)
    assert not (tmp_path / "run.parquet").exists()
