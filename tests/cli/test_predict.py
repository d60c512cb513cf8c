"""A saved model predicts new rows through the command line, says what it is, and leaves as a Keras file."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from lossmith.cli import main

ROWS = 120
COMMAND = [sys.executable, "-m", "lossmith", "predict"]


def table(path: Path, order: list[str], *, colour: str = "red") -> pl.DataFrame:
    """Write rows whose class can be read off `size`: above 0 it is yes."""
    frame = pl.DataFrame(
        {
            "size": [(-1) ** index * (1 + index % 5) for index in range(ROWS)],
            "colour": ["red" if index % 3 else "blue" for index in range(ROWS - 1)] + [colour],
            "customer": [f"{index:04d}" for index in range(ROWS)],
            "sold": ["yes" if index % 2 == 0 else "no" for index in range(ROWS)],
            "price": [10.0 + 3 * (-1) ** index * (1 + index % 5) for index in range(ROWS)],
        }
    )
    frame.select(order).write_csv(path)
    return frame


def winner_of(folder: Path, *, target: str, loss: str) -> Path:
    from lossmith.compare.run import Execution, Memory, plan_for
    from lossmith.compare.summary import summarise
    from lossmith.compare.winner import winner

    table(folder / f"{target}.csv", ["size", "colour", target])
    plan = plan_for(
        folder / f"{target}.csv",
        target=target,
        task="regression" if target == "price" else "binary",
        losses=loss,
        model="mlp:hidden=0",
        seeds=2,
        epochs=40,
        learning_rates="configured",
        batch_size=8,
    )
    execution = Execution(plan, Memory())
    execution.train(2)
    evidence = execution.evidence(2, looks=1, seconds=0.0)
    comparison = summarise(plan, evidence, execution.seats, versions={"lossmith": "0.0"})
    winner(plan, evidence, execution.seats, comparison).save(folder / f"{target}.safetensors")
    return folder / f"{target}.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    return winner_of(tmp_path_factory.mktemp("classes"), target="sold", loss="bce")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory) -> Path:
    return winner_of(tmp_path_factory.mktemp("numbers"), target="price", loss="mse")


@pytest.fixture
def call(capfdbinary, tmp_path, monkeypatch):
    """Run the program in an empty folder; return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> tuple[int, bytes, str]:
        with pytest.raises(SystemExit) as end:
            main(["predict", *map(str, arguments)])
        out, err = capfdbinary.readouterr()
        return int(end.value.code or 0), out, err.decode()

    return run


def test_classes_of_new_rows_in_their_order(call, saved, tmp_path):
    # other column order, no target column
    frame = table(tmp_path / "new.csv", ["colour", "size"])
    code, out, err = call(saved, "new.csv")
    assert code == 0
    lines = out.decode().splitlines()
    assert lines == ["prediction", *frame["sold"]]
    assert "Read as UTF-8 text" in err


def test_values_come_in_units_of_the_target(call, numbers, tmp_path):
    frame = table(tmp_path / "new.csv", ["colour", "size"])
    _, out, _ = call(numbers, "new.csv")
    assert pl.read_csv(out)["prediction"].to_numpy() == pytest.approx(frame["price"].to_numpy(), abs=0.2)


@pytest.mark.parametrize("option", ["--proba", "--probabilities"])
def test_probabilities_stand_beside_the_classes(call, saved, tmp_path, option):
    """The sigmoid of a linear score, by hand from the weights in the file."""
    from safetensors.numpy import load_file

    frame = table(tmp_path / "new.csv", ["size", "colour"])
    code, out, _ = call(saved, "new.csv", option, "--json")
    rows = json.loads(out)
    held = load_file(saved)
    mean, deviation = held["encoder/mean"][0], held["encoder/deviation"][0]
    blue, red = (frame["colour"] == "blue").to_numpy(), (frame["colour"] == "red").to_numpy()
    inputs = np.stack([(frame["size"].to_numpy() - mean) / deviation, blue, red], axis=1)
    wanted = expit(inputs @ held["weight/0000"][:, 0].astype(float) + held["weight/0001"])
    assert (code, len(rows), list(rows[0])) == (0, ROWS, ["prediction", "probability_no", "probability_yes"])
    assert [row["probability_yes"] for row in rows] == pytest.approx(wanted, rel=1e-5)
    assert [row["probability_no"] for row in rows] == pytest.approx(1 - wanted, rel=1e-4)
    assert [row["prediction"] == "yes" for row in rows] == (wanted > 0.5).tolist()


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("quiet", [True, False])
def test_a_column_is_carried_through_as_it_stands(call, saved, tmp_path, form, quiet):
    """Leading zeros survive; the target may be carried, to compare."""
    frame = table(tmp_path / "new.csv", ["customer", "size", "colour", "sold"])
    if form == "parquet":
        frame.write_parquet(tmp_path / "new.parquet")
    _, out, err = call(saved, f"new.{form}", "--id", "customer", *["--quiet"][: int(quiet)])
    given = pl.read_csv(out, infer_schema=False)
    assert given.columns == ["customer", "prediction"]
    assert given["customer"].to_list() == frame["customer"].to_list()
    assert given["prediction"].to_list() == frame["sold"].to_list()
    assert "'customer'" not in err and (err == "") >= quiet
    _, out, _ = call(saved, f"new.{form}", "--id", "sold")
    same = pl.read_csv(out)
    assert same["sold"].to_list() == same["prediction"].to_list()


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_files(call, saved, tmp_path, ending):
    frame = table(tmp_path / "new.csv", ["size", "colour"])
    place = tmp_path / "new" / f"predicted.{ending}"
    assert call(saved, "new.csv", "--out", place)[:2] == (0, b"")
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "json": pl.read_json}[ending]
    assert read(place)["prediction"].to_list() == frame["sold"].to_list()
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert call(saved, "new.csv", "--out", "plain", "--format", ending)[:2] == (0, b"")
    assert (tmp_path / "plain").read_bytes() == place.read_bytes()


def test_parquet_goes_through_a_pipe(call, saved, tmp_path):
    frame = table(tmp_path / "new.csv", ["size", "colour"])
    _, out, _ = call(saved, "new.csv", "--format", "parquet")
    assert pl.read_parquet(io.BytesIO(out))["prediction"].to_list() == frame["sold"].to_list()


def test_rows_from_standard_input(saved, tmp_path):
    frame = table(tmp_path / "new.csv", ["size", "colour"])
    done = subprocess.run(
        [*COMMAND, str(saved), "-", "--quiet"],
        input=(tmp_path / "new.csv").read_bytes(),
        capture_output=True,
        check=False,
        env=os.environ,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines()[1:] == frame["sold"].to_list()


def test_a_level_that_training_never_saw_is_said_on_standard_error(call, saved, tmp_path):
    table(tmp_path / "new.csv", ["size", "colour"], colour="green")
    _, out, err = call(saved, "new.csv")
    assert "'green'" in err and b"green" not in out
    assert call(saved, "new.csv", "--quiet")[2] == ""


def test_a_missing_cell_is_predicted(call, saved, tmp_path):
    (tmp_path / "new.csv").write_text("size,colour\n5,\n,red\n-5,NA\n")
    _, out, _ = call(saved, "new.csv")
    lines = out.decode().splitlines()
    assert (lines[1], lines[3], len(lines)) == ("yes", "no", 4)


def test_what_the_model_is(call, saved, numbers):
    code, out, _ = call(saved, "--info")
    text = out.decode()
    for words in ("sold, binary, no / yes", "mlp:hidden=0, 3 inputs, 4 weights", "binary_crossentropy", "size, colour"):
        assert words in text
    assert (code, "accuracy 1" in text, "120 rows" in text) == (0, True, True)
    described = json.loads(call(numbers, "--info", "--json")[1])
    assert (described["target"], described["task"], described["class_names"]) == ("price", "regression", [])
    assert described["columns"] == ["size", "colour"] and described["n_weights"] == 4
    assert described["training"]["learning_rate"] == 0.01 and described["versions"] == {"lossmith": "0.0"}


def test_the_model_leaves_as_a_keras_file(call, saved, tmp_path):
    import keras

    code, out, err = call(saved, "--export", "deep/model.keras")
    assert (code, err) == (0, "") and b"(n_samples, 3)" in out and b"probabilities" in out
    model = keras.models.load_model(tmp_path / "deep" / "model.keras")
    given = model.predict(np.array([[1.5, 0, 1], [-1.5, 1, 0]]), verbose=0)
    assert given.shape == (2, 1) and given[0, 0] > 0.5 > given[1, 0]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "new.csv").write_text("colour\nred\n"), "no column 'size'"),
        (lambda folder: (folder / "new.csv").write_text("size,colour\nbig,red\n"), "'size' has 'big' in row 1"),
        (lambda folder: (folder / "new.csv").write_text(""), "empty"),
        (lambda folder: (folder / "new.csv").unlink(), "no file 'new.csv'"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no model"), "'model.safetensors'"),
        (lambda folder: (folder / "model.safetensors").unlink(), "'model.safetensors' cannot be read"),
    ],
    ids=["no-column", "text", "empty", "no-rows", "damaged", "no-model"],
)
def test_bad_input_is_one_line(call, saved, tmp_path, change, message):
    table(tmp_path / "new.csv", ["size", "colour"])
    (tmp_path / "model.safetensors").write_bytes(saved.read_bytes())
    change(tmp_path)
    code, out, err = call("model.safetensors", "new.csv")
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no rows to predict"),
        (["new.csv", "--info"], "ROWS and --info at once"),
        (["--info", "--export", "a.keras"], "--info and --export at once"),
        (["new.csv", "--out", "predicted.xls"], "ends in .csv, .parquet or .json"),
        (["new.csv", "--format", "cvs"], "did you mean 'csv'?"),
        (["new.csv", "--id", "costumer"], "did you mean 'customer'?"),
        (["named.csv", "--id", "prediction"], "a name that the predictions need"),
        (["new.csv", "--out", "new.csv/predicted.csv"], "cannot write"),
        (["--export", "model.h5"], "ends in .keras"),
    ],
    ids=" ".join,
)
def test_bad_options_are_one_line(call, saved, tmp_path, arguments, message):
    frame = table(tmp_path / "new.csv", ["size", "colour", "customer"])
    frame.rename({"customer": "prediction"}).write_csv(tmp_path / "named.csv")
    code, out, err = call(saved, "--quiet", *arguments)
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert message in err


def test_probabilities_of_a_number_are_refused(call, numbers, tmp_path):
    table(tmp_path / "new.csv", ["size", "colour"])
    code, _, err = call(numbers, "new.csv", "--proba")
    assert code == 2 and "--proba for 'price', a number" in err
