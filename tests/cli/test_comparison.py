"""A small comparison through the command line: files, store, formats, exit codes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from lossmith.cli import _results as results
from lossmith.cli import main


def call(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


SETTINGS = (
    "--loss",
    "bce,squared_hinge",
    "--learning-rate",
    "0.05",
    "--seeds",
    "2",
    "--epochs",
    "3",
    "--batch-size",
    "64",
)


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> Path:
    """A folder with the files of one small comparison, made by the program itself."""
    folder = tmp_path_factory.mktemp("compared")
    with pytest.raises(SystemExit) as end:
        main(["compare", "circles", *SETTINGS, "--quiet", "--seed", "4", "--out", str(folder / "out")])
    assert end.value.code == 0
    return folder / "out"


@pytest.fixture
def store(compared) -> str:
    return str(compared / "lossmith.db")


def test_everything_lies_in_the_folder_that_was_named(compared):
    assert {path.name for path in compared.iterdir()} >= {
        "circles.html",
        "comparison.json",
        "lossmith.db",
        "trials.csv",
    }
    assert "<!doctype html>" in (compared / "circles.html").read_text(encoding="utf-8")[:200].lower()
    # two losses, one rate, two seeds
    assert pl.read_csv(compared / "trials.csv").height == 4


def test_what_was_typed_is_what_was_run(compared):
    settings = json.loads((compared / "comparison.json").read_text(encoding="utf-8"))["settings"]
    assert settings["losses"] == ["binary_crossentropy", "squared_hinge"]
    assert settings["learning_rates"] == [0.05]
    assert (settings["seeds"], settings["epochs"], settings["batch_size"], settings["seed"]) == (2, 3, 64, 4)


def test_the_store_lists_and_shows_the_run(capsys, store, compared):
    rows = json.loads(call(capsys, "runs", "list", "--store", store, "--json")[1])
    assert [(row["run"], row["name"], row["status"], row["losses"], row["seeds"]) for row in rows] == [
        (1, "circles", "finished", 2, 2)
    ]
    code, out, _ = call(capsys, "runs", "show", "1", "--store", store, "--json")
    assert code == 0
    again, first = json.loads(out), json.loads((compared / "comparison.json").read_text(encoding="utf-8"))
    assert again == first
    assert "circles" in call(capsys, "runs", "list", "--store", store)[1]
    shown = call(capsys, "runs", "show", "--store", store)[1]
    assert "squared_hinge" in shown
    assert f"lossmith runs show 1 --store {store}\n" in shown and f"lossmith runs repeat 1 --store {store}\n" in shown


def test_a_finished_run_is_not_trained_again(capsys, store, tmp_path):
    code, _, err = call(capsys, "runs", "resume", "--store", store, "--out", str(tmp_path), "--quiet")
    assert code == 2 and "no interrupted run" in err


def test_repeating_gives_the_same_numbers_as_a_new_run(capsys, compared, tmp_path):
    copy = tmp_path / "copy.db"
    copy.write_bytes((compared / "lossmith.db").read_bytes())
    code, out, _ = call(
        capsys, "runs", "repeat", "1", "--store", str(copy), "--out", str(tmp_path), "--quiet", "--json"
    )
    assert code == 0
    again = json.loads(out)
    first = json.loads((compared / "comparison.json").read_text(encoding="utf-8"))
    assert again["run"] == 2
    assert again["standings"] == first["standings"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_export_of_the_trials(capsysbinary, store, kind, tmp_path, compared):
    with pytest.raises(SystemExit):
        main(["runs", "export", "--store", store, "--format", kind])
    content = capsysbinary.readouterr().out
    read = pl.read_csv if kind == "csv" else pl.read_parquet
    frame = read(io.BytesIO(content))
    assert frame["loss"].to_list() == pl.read_csv(compared / "trials.csv")["loss"].to_list()
    with pytest.raises(SystemExit):
        main(["runs", "export", "1", "--store", store, "--format", kind, "--out", str(tmp_path / "folder")])
    assert (tmp_path / "folder" / f"run-1.{kind}").read_bytes() == content
    with pytest.raises(SystemExit):
        main(["runs", "export", "1", "--store", store, "--format", kind, "--out", str(tmp_path / "deep" / "er.x")])
    assert (tmp_path / "deep" / "er.x").read_bytes() == content


def test_the_recommended_model_is_saved_exported_and_predicts(capsys, store, compared, tmp_path):
    from lossmith.compare.trained import TrainedModel

    place = tmp_path / "model.safetensors"
    assert call(capsys, "runs", "export", "1", "--store", store, "--format", "model", "--out", str(place))[0] == 0
    assert place.read_bytes() == (compared / "winner.safetensors").read_bytes()
    # inner and outer circle have radius 0.8 and 1; any class will do
    (tmp_path / "new.csv").write_text("x1,x2\n0.1,0.2\n1.5,0\n")
    names = TrainedModel.load(place).class_names
    code, out, _ = call(capsys, "predict", str(place), str(tmp_path / "new.csv"), "--json")
    assert code == 0
    rows = json.loads(out)
    assert len(rows) == 2 and {value for row in rows for value in row.values()} <= set(names)


def test_export_of_the_whole_comparison(capsys, store):
    assert json.loads(call(capsys, "runs", "export", "--store", store, "--format", "json")[1])["kind"] == "comparison"


@pytest.mark.parametrize("shape", ["csv", "md", "github"])
def test_other_formats(capsys, store, shape):
    code, out, _ = call(capsys, "runs", "show", "--store", store, "--format", shape)
    assert code == 0 and "squared_hinge" in out
    if shape == "csv":
        assert {row["name"] for row in csv.DictReader(io.StringIO(out)) if row["kind"] == "loss"} == {
            "binary_crossentropy", "squared_hinge"
        }  # fmt: skip


def test_an_unknown_run_is_one_line(capsys, store):
    code, out, err = call(capsys, "runs", "show", "99", "--store", store)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no run 99" in err


def test_a_dry_run_trains_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lossmith.compare.run.execute", lambda *_, **__: pytest.fail("trained"))
    code, out, _ = call(capsys, "compare", "circles", "--losses", "bce,hinge", "--seeds", "7", "--dry-run")
    assert code == 0
    assert "2 losses x 5 rates x 7 seeds = 70" in out
    assert re.search(r"^time +about \d", out, re.MULTILINE)
    plan = json.loads(
        call(capsys, "compare", "circles", "--losses", "bce,hinge", "--seeds", "7", "--dry-run", "--json")[1]
    )
    assert plan["runs"] == 70 and plan["settings"]["seeds"] == 7 and plan["seconds"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_report_can_be_written_later_and_elsewhere(capsys, store, tmp_path):
    place = tmp_path / "new" / "again.html"
    assert call(capsys, "runs", "show", "--store", store, "--report", str(place), "--json")[0] == 0
    assert "circles" in place.read_text(encoding="utf-8")


def test_a_file_becomes_a_comparison_and_json_is_pure(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(
        f"{index % 7},{'a' if index % 3 else 'b'},{'yes' if index % 7 > 3 else 'no'}\n" for index in range(140)
    )
    (tmp_path / "my people.csv").write_text(f"size,kind,sold\n{rows}")
    options = ("--losses", "bce", "--learning-rates", "configured", "--seeds", "2", "--epochs", "2", "--drop", "kind")
    code, out, err = call(capsys, "compare", "my people.csv", "--target", "sold", *options, "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["data"]["n_samples"] == 140 and shown["data"]["class_names"] == ["no", "yes"]
    assert shown["data"]["n_features"] == 1
    assert "training" in err  # progress goes to standard error
    assert {path.name for path in tmp_path.iterdir()} >= {"my-people.html", "lossmith.db"}


def finding(severity: str) -> SimpleNamespace:
    return SimpleNamespace(severity=severity)


def standing(verdict: str | None) -> SimpleNamespace:
    return SimpleNamespace(difference=None if verdict is None else SimpleNamespace(verdict=verdict))


@pytest.mark.parametrize(
    ("verdicts", "severities", "expected"),
    [
        ([None, "worse", "equivalent"], ["info", "warning"], 0),
        ([None, "worse", "undecided"], ["warning"], 3),
        ([None, "undecided"], ["error"], 1),
        ([], [], 0),
    ],
)
def test_exit_codes_under_strict(verdicts, severities, expected):
    result = SimpleNamespace(standings=list(map(standing, verdicts)), findings=list(map(finding, severities)))
    assert results.exit_code(result) == expected
