"""A saved model predicts new rows through the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest

from lossmith.cli import main

ROWS = 120


def table(path: Path, order: list[str], *, colour: str = "red") -> pl.DataFrame:
    """Write rows whose class can be read off `size`: above 0 it is yes."""
    frame = pl.DataFrame(
        {
            "size": [(-1) ** index * (1 + index % 5) for index in range(ROWS)],
            "colour": ["red" if index % 3 else "blue" for index in range(ROWS - 1)] + [colour],
            "sold": ["yes" if index % 2 == 0 else "no" for index in range(ROWS)],
        }
    )
    frame.select(order).write_csv(path)
    return frame


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    from lossmith.compare.run import Execution, Memory, plan_for
    from lossmith.compare.summary import summarise
    from lossmith.compare.winner import winner

    folder = tmp_path_factory.mktemp("model")
    table(folder / "people.csv", ["size", "colour", "sold"])
    plan = plan_for(
        folder / "people.csv",
        target="sold",
        losses="bce",
        seeds=2,
        epochs=40,
        learning_rates="configured",
        batch_size=8,
    )
    execution = Execution(plan, Memory())
    execution.train(2)
    evidence = execution.evidence(2, looks=1, seconds=0.0)
    comparison = summarise(plan, evidence, execution.seats, versions={})
    winner(plan, evidence, execution.seats, comparison).save(folder / "people.safetensors")
    return folder / "people.safetensors"


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_classes_of_new_rows_in_their_order(capsys, saved, tmp_path):
    # other column order, no target column
    frame = table(tmp_path / "new.csv", ["colour", "size"])
    code, out, _ = call(capsys, "predict", saved, tmp_path / "new.csv")
    assert code == 0
    assert pl.read_csv(io.StringIO(out))["sold"].to_list() == frame["sold"].to_list()


def test_probabilities_stand_beside_the_classes(capsys, saved, tmp_path):
    table(tmp_path / "new.csv", ["size", "colour"])
    rows = json.loads(call(capsys, "predict", saved, tmp_path / "new.csv", "--probabilities", "--json")[1])
    assert len(rows) == ROWS
    for row in rows:
        assert set(row) == {"sold", "probability of no", "probability of yes"}
        assert row["probability of no"] + row["probability of yes"] == pytest.approx(1, abs=1e-6)
        assert (row["probability of yes"] > 0.5) == (row["sold"] == "yes")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files(capsys, saved, tmp_path, ending):
    frame = table(tmp_path / "new.csv", ["size", "colour"])
    place = tmp_path / "new" / f"predicted.{ending}"
    assert call(capsys, "predict", saved, tmp_path / "new.csv", "--out", place)[:2] == (0, "")
    read = pl.read_csv if ending == "csv" else pl.read_parquet
    assert read(place)["sold"].to_list() == frame["sold"].to_list()


def test_a_level_that_training_never_saw_is_said_on_standard_error(capsys, saved, tmp_path):
    table(tmp_path / "new.csv", ["size", "colour"], colour="green")
    _, out, err = call(capsys, "predict", saved, tmp_path / "new.csv")
    assert "'green'" in err and "green" not in out
    assert call(capsys, "predict", saved, tmp_path / "new.csv", "--quiet")[2] == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "new.csv").write_text("colour\nred\n"), "size"),
        (lambda folder: (folder / "new.csv").write_text("size,colour\nbig,red\n"), "size"),
        (lambda folder: (folder / "new.csv").unlink(), "new.csv"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no model"), "model.safetensors"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
    ],
    ids=["no-column", "text", "no-rows", "damaged", "no-model"],
)
def test_bad_input_is_one_line(capsys, saved, tmp_path, change, message):
    table(tmp_path / "new.csv", ["size", "colour"])
    (tmp_path / "model.safetensors").write_bytes(saved.read_bytes())
    change(tmp_path)
    code, out, err = call(capsys, "predict", tmp_path / "model.safetensors", tmp_path / "new.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_file_of_another_kind_is_refused_before_anything_is_read(capsys, saved):
    code, _, err = call(capsys, "predict", saved, "nothing.csv", "--out", "predicted.xls")
    assert code == 2 and "a file that ends in .csv or .parquet" in err
