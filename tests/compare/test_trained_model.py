"""Predictions of a trained model against the raw outputs its training left, SciPy, NumPy by hand and plain Keras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration
from sklearn.metrics import accuracy_score, root_mean_squared_error

from lossmith._errors import DataError, InvalidInputError, ShapeError
from lossmith.compare.trained import TrainedModel
from lossmith.compare.winner import winner
from trained_runs import CASES, LOSSES, TRIAL, ended, expected, table, trained


def loaded(task: str, loss: str, folder) -> TrainedModel:
    trained(task).model(loss).save(folder / "model.safetensors")
    return TrainedModel.load(folder / "model.safetensors")


@pytest.mark.parametrize("task, loss", CASES)
def test_a_loaded_model_gives_the_raw_outputs_of_its_training(task, loss, tmp_path):
    run, model = trained(task), loaded(task, loss, tmp_path)
    inputs = run.execution.seats[TRIAL].inputs[run.rows("test")]
    assert model.raw(inputs) == pytest.approx(run.raw_test(loss), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("task, loss", CASES)
@pytest.mark.parametrize("form", ["polars", "pandas", "csv", "parquet"])
def test_predictions_of_new_rows_in_any_form(task, loss, form, tmp_path):
    """Columns in another order, a foreign column beside them, no target."""
    run, model = trained(task), loaded(task, loss, tmp_path)
    rows = table(task)[run.rows("test")].select("day", "colour", pl.lit("x").alias("shop"), "size", "hot")
    source = {"polars": rows, "pandas": rows.to_pandas()}.get(form)
    if source is None:
        source = tmp_path / f"rows.{form}"
        (rows.write_csv if form == "csv" else rows.write_parquet)(source)
    wanted = expected(task, loss)
    if task == "regression":
        assert model.predict(source) == pytest.approx(wanted, rel=1e-6)
        return
    raw = run.raw_test(loss)
    names = run.plan.dataset.class_names
    labels = [names[row.argmax()] if len(row) > 1 else names[int(row[0] > 0)] for row in raw]
    assert model.predict(source).tolist() == labels
    assert model.predict_proba(source) == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    assert model.class_names == {"binary": ("no", "yes"), "multiclass": ("high", "low", "middle")}[task]


@pytest.mark.parametrize("loss", LOSSES["binary"][1:])
def test_margin_scores_are_calibrated_on_validation_rows(loss):
    """Scikit-learn's Platt scaling of the validation scores gives the same probabilities on test rows."""
    run, model = trained("binary"), trained("binary").model(loss)
    validation = run.rows("validation")
    score = model.raw(run.execution.seats[TRIAL].inputs[validation])[:, 0].astype(float)
    theirs = _SigmoidCalibration().fit(score, run.plan.dataset.target[validation])
    given = model.predict_proba(table("binary")[run.rows("test")])[:, 1]
    assert given == pytest.approx(theirs.predict(run.raw_test(loss)[:, 0]), abs=1e-4)


def test_gaps_and_unseen_levels_by_hand():
    """The whole way in NumPy: fill with the median, standardise, one-hot, one hidden layer, sigmoid."""
    run = trained("binary")
    model = run.model("binary_crossentropy")
    train = table("binary")[run.rows("train")]
    size = train["size"].drop_nulls().to_numpy()
    day = train["day"].cast(pl.Int64).to_numpy()
    rows = pl.DataFrame(
        {
            "colour": ["violet", "red", None],
            "hot": ["no", None, "yes"],
            "size": [50.0, None, 31.5],
            "day": [None, "2021-03-04", "2021-01-01"],
        },
        schema_overrides={"size": pl.Float64},
    )
    names = list(model.encoder.names)
    by_hand = np.zeros((3, len(names)))

    def put(name: str, *values: float) -> None:
        by_hand[:, names.index(name)] = values

    # filled numbers and dates stand at the median, before they are standardised
    scaled = [(value - size.mean()) / size.std() for value in (50.0, np.median(size), 31.5)]
    put("size", *scaled)
    put("size missing", 0, 1, 0)
    put("hot", 0, float((train["hot"] == "yes").mean() > 0.5), 1)
    put("colour=red", 0, 1, 0)
    put("colour missing", 0, 0, 1)
    given = {"ordinal": [np.median(day), 18_690, 18_628], "month": [np.nan, 3, 1], "day_of_week": [np.nan, 4, 5]}
    given["day"] = [np.nan, 4, 1]
    for part in [name.partition(":")[2] for name in names if name.startswith("day:")]:
        of_train = day if part == "ordinal" else getattr(train["day"].dt, {"day_of_week": "weekday"}.get(part, part))()
        of_train = np.asarray(of_train, float)
        values = np.where(np.isnan(given[part]), np.median(of_train), given[part])
        put(f"day:{part}", *((values - of_train.mean()) / of_train.std()))
    kernel, bias, last_kernel, last_bias = (value.astype(float) for value in model.weights)
    raw = np.maximum(by_hand @ kernel + bias, 0) @ last_kernel + last_bias
    assert model.encode(rows) == pytest.approx(by_hand, abs=1e-5)
    assert model.predict_proba(rows)[:, 1] == pytest.approx(expit(raw[:, 0]), rel=1e-5)
    said = " ".join(model.read(rows).decisions)
    assert "'colour'" in said and "'violet'" in said and "red" not in said


def test_what_cannot_be_predicted_is_said():
    model = trained("binary").model("hinge")
    with pytest.raises(DataError, match="no column 'colour'"):
        model.predict(pl.DataFrame({"size": [1.0], "hot": ["no"], "day": ["2021-01-01"]}))
    with pytest.raises(DataError, match="'size' has 'big' in row 2"):
        model.predict(table("binary")[:2].with_columns(size=pl.Series(["1", "big"])))
    with pytest.raises(ShapeError, match=r"inputs of shape \(3, 2\)"):
        model.raw(np.zeros((3, 2), np.float32))
    with pytest.raises(DataError, match="row 2 is no finite number"):
        model.decide(np.array([[0.5], [np.nan]]))
    with pytest.raises(InvalidInputError, match="probabilities of 'y', a number"):
        trained("regression").model("poisson").predict_proba(table("regression"))


def test_no_rows_give_no_predictions():
    none = table("binary")[:0]
    model = trained("binary").model("hinge")
    assert model.predict(none).shape == (0,) and model.predict_proba(none).shape == (0, 2)


OPENED_BY_KERAS = """
import json, os, sys
import keras, numpy as np
folder = sys.argv[1]
for name in json.load(open(f"{folder}/names.json")):
    model = keras.models.load_model(f"{folder}/{name}.keras")
    np.save(f"{folder}/{name}.out.npy", model.predict(np.load(f"{folder}/{name}.npy"), verbose=0))
print("lossmith" in sys.modules)
"""


@pytest.mark.slow
def test_exported_models_predict_in_plain_keras(tmp_path):
    """A process that never imports lossmith opens every kind of export."""
    names = {}
    for place, (task, loss) in enumerate(CASES):
        names[f"case{place}"] = (task, loss)
        run = trained(task)
        run.model(loss).to_keras().save(tmp_path / f"case{place}.keras")
        np.save(tmp_path / f"case{place}.npy", run.execution.seats[TRIAL].inputs[run.rows("test")])
    (tmp_path / "names.json").write_text(json.dumps(list(names)))
    done = subprocess.run(
        [sys.executable, "-c", OPENED_BY_KERAS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
    for name, (task, loss) in names.items():
        given, wanted = np.load(tmp_path / f"{name}.out.npy"), expected(task, loss)
        wanted = wanted[:, 1:] if task == "binary" else wanted[:, None] if task == "regression" else wanted
        assert given == pytest.approx(wanted, rel=2e-5, abs=2e-6), (task, loss)


def test_an_exported_model_is_an_ordinary_one():
    model = trained("binary").model("tanh_hinge").to_keras()
    assert [type(layer).__name__ for layer in model.layers[-3:]] == ["Dense", "Rescaling", "Activation"]
    model.compile("sgd", "binary_crossentropy")
    model.fit(np.zeros((4, *model.input_shape[1:])), np.zeros((4, 1)), verbose=0)


def narrow(input_shape):
    import keras

    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(3, "tanh")])


def test_a_model_of_your_own_predicts_and_exports_but_has_no_file(tmp_path):
    run = ended("circles", losses="binary_crossentropy", model=narrow, epochs=1)
    model = run.model("binary_crossentropy")
    inputs = run.execution.seats[TRIAL].inputs[run.rows("test")]
    assert model.raw(inputs) == pytest.approx(run.raw_test("binary_crossentropy"), rel=1e-6, abs=1e-6)
    exported = np.asarray(model.to_keras()(inputs))
    assert exported[:, 0] == pytest.approx(expit(run.raw_test("binary_crossentropy")[:, 0]), abs=1e-6)
    with pytest.raises(InvalidInputError, match=r"function of yours.*to_keras\(\)\.save") as error:
        model.save(tmp_path / "model.safetensors")
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_arrays_are_read_by_position():
    run = ended("circles", losses="hinge", epochs=1)
    model = run.model("hinge")
    features = np.asarray(run.plan.dataset.features)[run.rows("test")]
    wanted = np.where(run.raw_test("hinge")[:, 0] > 0, "1", "0")
    assert model.predict(features).tolist() == wanted.tolist()
    frame = pd.DataFrame(features, columns=["x1", "x2"])[["x2", "x1"]]
    assert model.predict(frame).tolist() == wanted.tolist()


def changed(evidence, key: str, name: str, values) -> object:
    """Return evidence in which one array of a group has other values, shape (n_seeds, n_losses, n_rates)."""
    groups = {**evidence.groups, key: {**evidence.groups[key], name: np.asarray(values)}}
    return replace(evidence, groups=groups)


def two_seeds(task: str, loss: str, **arrays):
    """Return evidence of one loss, one group for each of two seeds, with these values in place of what was measured."""
    run = one_loss(task, loss)
    evidence = run.evidence
    for name, values in arrays.items():
        start = 0
        for key, trials in evidence.programs[0].groups(2):
            kept = evidence.groups[key][name]
            part = np.asarray(values[start : start + len(trials)], kept.dtype).reshape(-1, 1, 1)
            evidence = changed(evidence, key, name, part)
            start += len(trials)
    return run, evidence


_ONE: dict[tuple[str, str], object] = {}


def one_loss(task: str, loss: str):
    if (task, loss) not in _ONE:
        _ONE[task, loss] = ended(table(task), target="y", losses=loss, model="mlp:hidden=0", epochs=2)
    return _ONE[task, loss]


@pytest.mark.parametrize(
    "task, arrays, trial",
    [
        ("binary", {"validation": [0.9, 0.8]}, 0),
        ("binary", {"validation": [0.8, 0.9]}, 1),
        ("binary", {"validation": [0.8, 0.8]}, 0),
        ("regression", {"validation": [0.8, 0.9]}, 0),  # an error: lower is better
        ("regression", {"validation": [0.9, 0.8]}, 1),
        ("binary", {"validation": [0.8, 0.9], "diverged": [0, 3]}, 0),
        ("binary", {"validation": [0.8, 0.9], "collapsed": [0, 1]}, 0),
        ("binary", {"validation": [0.8, 0.9], "collapsed": [1, 1]}, 1),
        ("binary", {"validation": [0.8, 0.9], "collapsed": [1, 0], "diverged": [0, 3]}, 0),
        ("binary", {"validation": [0.8, np.nan]}, 0),
    ],
)
def test_the_winner_is_the_sound_run_that_validated_best(task, arrays, trial):
    loss = LOSSES[task][0]
    run, evidence = two_seeds(task, loss, **arrays)
    model = winner(run.plan, evidence, run.execution.seats, run.comparison())
    assert model.training["trial"] == trial
    test = run.rows("test", trial)
    given = model.predict(table(task)[test])
    if task == "binary":
        assert model.metrics["accuracy"] == pytest.approx(accuracy_score(table(task)["y"][test], given))
    else:
        wanted = root_mean_squared_error(table(task)["y"][test], given)
        assert model.metrics["root_mean_squared_error"] == pytest.approx(wanted, rel=1e-6)
    assert [np.array_equal(a, b) for a, b in zip(model.weights, run.model(loss, trial).weights, strict=True)] == [
        True
    ] * 2


def test_a_winner_needs_one_sound_run():
    run, evidence = two_seeds("binary", "binary_crossentropy", diverged=[1, 1])
    with pytest.raises(InvalidInputError, match="every run of binary_crossentropy diverged"):
        winner(run.plan, evidence, run.execution.seats, run.comparison())


def test_the_winner_has_the_loss_that_leads():
    run = trained("binary")
    comparison = run.comparison()
    model = winner(run.plan, run.evidence, run.execution.seats, comparison)
    assert str(model.loss) == comparison.standings[0].loss
    reordered = replace(comparison, standings=comparison.standings[::-1])
    assert str(winner(run.plan, run.evidence, run.execution.seats, reordered).loss) == comparison.standings[-1].loss
    assert model.versions == comparison.versions and model.data["fingerprint"] == run.plan.dataset.fingerprint
