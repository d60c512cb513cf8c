"""`lossmith compare --models A,B`: shown, written, refused."""

from __future__ import annotations

import json

import pytest

from lossmith.cli import main

FAST = ["compare", "circles", "--models", "lda,tree:max_depth=4", "--folds", "3", "--quiet"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """The default store is made in the present folder."""
    monkeypatch.chdir(tmp_path)


def run(arguments, capsys):
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    return code or 0, capsys.readouterr()


def test_models_are_compared_and_everything_is_written(tmp_path, capsys):
    code, shown = run([*FAST, "--out", str(tmp_path / "out")], capsys)
    assert code == 0 and "tree:max_depth=4" in shown.out and "majority" in shown.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "models.json",
        "folds.csv",
        "circles-models.html",
        "lossmith.db",
    }
    assert json.loads((tmp_path / "out" / "models.json").read_text())["metric"] == "accuracy"


@pytest.mark.parametrize(("shape", "first"), [("json", "{"), ("csv", "rank,model,loss"), ("md", "| rank | model")])
def test_other_formats(shape, first, capsys):
    code, shown = run([*FAST, "--format", shape], capsys)
    assert code == 0 and shown.out.startswith(first)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--noise", "0.1"], "--noise with several models"),
        (["--protocol", "published"], "--protocol published with several models"),
        (["--folds", "x"], "folds and repeats"),
        (["--losses", "hinge"], "no model trains with 'hinge'"),
        (["--report", "."], "is a folder"),
    ],
)
def test_what_does_not_fit_is_one_line_and_exit_code_2(more, message, capsys):
    code, shown = run([*FAST, *more], capsys)
    assert code == 2 and message in shown.err and shown.err.count("\n") == 1 and "Traceback" not in shown.err


def test_strict_tells_what_is_undecided(capsys):
    code, _ = run(
        ["compare", "circles", "--models", "knn,knn:n_neighbors=6", "--folds", "3", "--quiet", "--strict"], capsys
    )
    assert code == 3


def test_the_plan_and_the_store(tmp_path, capsys):
    store = str(tmp_path / "runs.db")
    code, shown = run([*FAST, "--store", store, "--dry-run"], capsys)
    assert code == 0 and "6 trainings" in shown.out and not (tmp_path / "runs.db").exists()
    code, first = run([*FAST, "--store", store], capsys)
    assert code == 0
    code, shown = run(["runs", "list", "--store", store, "--json"], capsys)
    assert code == 0 and json.loads(shown.out)[0]["status"] == "finished"
    code, shown = run(["runs", "show", "--store", store], capsys)
    assert code == 0 and shown.out == first.out
    code, shown = run(["runs", "export", "--store", store], capsys)
    assert code == 0 and shown.out.startswith("model,fold,accuracy") and shown.out.count("\n") == 10
    for asked, message in ((["export", "--format", "model"], "--format model"), (["repeat"], "compares models")):
        code, shown = run(["runs", *asked, "--store", store], capsys)
        assert code == 2 and message in shown.err and shown.err.count("\n") == 1
