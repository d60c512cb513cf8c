"""`lossmith drift` as it is typed, and its views."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from lossmith import drift
from lossmith.cli import main
from lossmith.report import drift as views

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def frame(n: int, seed: int, shift: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age": rng.normal(40 + 10 * shift, 10, n).round(2),
            "<b>$x$</b>": rng.lognormal(0, 1, n),
            "city": rng.choice(["Rome", "Oslo", "Bern"], n, p=[0.5, 0.3, 0.2] if not shift else [0.2, 0.3, 0.5]),
        }
    )


@pytest.fixture
def files(tmp_path):
    frame(3000, 0).write_csv(tmp_path / "old.csv")
    frame(500, 1).write_csv(tmp_path / "same.csv")
    frame(500, 6, 0.8).write_parquet(tmp_path / "new.parquet")
    return tmp_path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_exit_codes_and_what_is_printed(files, capsys):
    assert run("drift", files / "old.csv", files / "same.csv") == 0
    assert capsys.readouterr().out.startswith("no drift: 500 rows against 3,000")
    assert run("drift", files / "old.csv", files / "new.parquet", "--report", files / "r.html") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("drift in 3 of 4: city, age, (classifier)")
    assert lines[4].split()[:2] == ["age", "drifted"] and "mean 39.7 to 48" in lines[4] and "█" in lines[4]
    assert (files / "r.html").stat().st_size < 200_000
    assert run("drift", files / "old.csv", files / "none.csv") == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: no file") and captured.err.count("\n") == 1


def test_json_and_quiet_and_out(files, capsys):
    assert run("drift", files / "old.csv", files / "new.parquet", "--json", "--out", files / "deep" / "out") == 1
    record = json.loads(capsys.readouterr().out)
    assert record["drifted"][:2] == ["city", "age"] and record["alarm"] is True
    assert json.loads((files / "deep" / "out" / "drift.json").read_text())["drifted"] == record["drifted"]
    assert (files / "deep" / "out" / "drift.html").exists()
    assert run("drift", files / "old.csv", files / "same.csv", "-q") == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_profiles_are_made_used_and_extended(files, capsys):
    profile = files / "old.profile.json"
    assert run("drift", "profile", files / "old.csv", "--out", profile) == 0
    assert "profile" in capsys.readouterr().out
    assert run("drift", profile, files / "new.parquet", "-q") == 1
    assert run("drift", profile, files / "same.csv", "-q") == 0
    assert run("drift", "profile", files / "same.csv", "--like", profile, "--out", files / "b.parquet", "-q") == 0
    merged = drift.Profile.read(profile).merge(drift.Profile.read(files / "b.parquet"))
    assert merged.n_rows == 3500
    assert run("drift", "profile", files / "old.csv", files / "same.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"] == 3500


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["old.csv", "same.csv", "--detectors", "psy"], "unknown detector 'psy'"),
        (["old.csv", "same.csv", "--level", "2"], "level=2"),
        (["old.csv", "same.csv", "--blocks", "many"], "--blocks 'many'"),
        (["old.csv", "same.csv", "--columns", "agee"], "did you mean 'age'"),
        (["old.csv"], "missing argument"),
        (["broken.json", "same.csv"], "JSON|is no profile"),
        (["broken.parquet", "same.csv"], "damaged"),
        (["old.csv", "empty.csv"], "is empty"),
        (["old.csv", "header.csv"], "rows"),
        (["old.csv", "."], "is a folder"),
        (["old.csv", "same.csv", "--target", "nope"], "no column 'nope'"),
        (["old.csv", "same.csv", "--out", "/proc/none", "-q"], "cannot write"),
        (["profile", "old.csv", "--out", "/proc/none.json"], "cannot be written"),
    ],
)
def test_bad_input_is_one_line_and_code_two(files, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(files)
    (files / "broken.json").write_text('{"format":"lossmith drift profile"')
    (files / "broken.parquet").write_bytes(b"PAR1 this is none")
    (files / "empty.csv").write_text("")
    (files / "header.csv").write_text("age,city\n")
    assert run("drift", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    import re

    assert re.search(words, captured.err, re.IGNORECASE), captured.err


def test_a_stream_is_watched_and_the_state_goes_on(files, capsys):
    frame(600, 7, 0.8).write_csv(files / "late.csv")
    store = files / "watch.db"
    arguments = ("drift", "monitor", files / "old.csv")
    assert run(*arguments, files / "same.csv", "--window", "100", "--store", store) == 0
    assert capsys.readouterr().out.startswith("5 new windows of 5, 0 alarms")
    assert run(*arguments, files / "late.csv", "--window", "100", "--store", store, "--report", files / "m.html") == 1
    out = capsys.readouterr().out
    assert "new windows of 11" in out.splitlines()[0] and "since window 6" in out and "alarm" in out.splitlines()[3]
    assert "Over time" in (files / "m.html").read_text()
    assert run(*arguments, files / "same.csv", "--window", "100", "--json") == 0
    assert [window["number"] for window in json.loads(capsys.readouterr().out)["windows"]] == [1, 2, 3, 4, 5]
    for bad in (("--window", "x"), ("--window", "1d"), ("--store", files / "old.csv"), ("--target", "city")):
        assert run(*arguments, files / "same.csv", *bad) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_views_show_what_was_found():
    result = drift.compare(frame(2000, 3), frame(400, 4, 1.0))
    page = views.as_html(result, now=NOW)
    assert page == views.as_html(result, now=NOW)
    assert "<b>$x$</b>" not in page and "&lt;b&gt;" in page and "http://" not in page and "https://" not in page
    assert result.drifted[0] in page and "before, left bar" in page
    assert result["age"].words in str(result)
    assert views.embedded(result, now=NOW).startswith("<iframe")
    assert next(label.get_text() for label in result.plot().get_yticklabels()) == result.columns[0].name
    bars = result.plot(column="city").patches
    assert sum(bar.get_height() for bar in bars[:3]) == pytest.approx(1.0)
    cut = views.as_text(result, width=50).splitlines()
    assert max(map(len, cut)) == 50
    assert views.sparkline(np.array([0, 0])) == "" and len(views.sparkline(np.arange(100))) == 16


def test_five_hundred_columns_make_a_small_page():
    rng = np.random.default_rng(5)
    old, new = rng.normal(size=(500, 500)), rng.normal(3.0, 1, size=(300, 500))
    result = drift.compare(old, new, joint=None)
    assert len(result.drifted) > 400
    assert len(views.as_html(result, now=NOW)) < 5_000_000
