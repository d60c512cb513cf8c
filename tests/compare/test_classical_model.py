"""The winner of a comparison of models as a file: what was fitted comes back, and nothing that is damaged or forged."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from lossmith import _tensor_file
from lossmith._errors import InvalidInputError, LossmithError, ModelFileError
from lossmith.cli import main
from lossmith.compare import classical_model, compare_models
from lossmith.estimators import load_classical, save_classical

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 3))
Y = np.where(X[:, 0] + 0.4 * RNG.normal(size=150) > 0, "yes", "no")
FRAME = pl.DataFrame({"a": X[:, 0], "b": 10 + 3 * X[:, 1], "c": X[:, 2], "y": Y})
ALONE = {"folds": "2", "target": "y"}


def test_the_file_predicts_what_a_pipeline_of_scikit_learn_predicts(tmp_path):
    compare_models(FRAME, models="logistic", save_model=tmp_path / "w.safetensors", **ALONE)
    again = classical_model.load(tmp_path / "w.safetensors")
    inputs = FRAME.select("a", "b", "c").to_numpy()
    scaler = StandardScaler().fit(inputs)
    direct = LogisticRegression(max_iter=500).fit(scaler.transform(inputs), Y)
    assert np.array_equal(again.predict(FRAME.drop("y")), direct.predict(scaler.transform(inputs)))
    np.testing.assert_allclose(
        again.predict_proba(FRAME.drop("y")), direct.predict_proba(scaler.transform(inputs)), atol=1e-4
    )
    # columns in another order, found by name
    assert np.array_equal(again.predict(FRAME.select("c", "b", "a")), again.predict(FRAME.drop("y")))
    assert again.metrics["accuracy"] > 0.8 and again.data["n_samples"] == 150


@pytest.mark.slow
def test_numbers_and_models_of_all_makes(tmp_path):
    numbers = FRAME.drop("y").with_columns(target=pl.col("a") * 2 - pl.col("b"))
    compare_models(numbers, models="linear,tree:max_depth=1", folds="2", target="target", save_model=tmp_path / "l")
    found = classical_model.load(tmp_path / "l").predict(numbers)
    direct = LinearRegression().fit(numbers.drop("target").to_numpy(), numbers["target"])
    np.testing.assert_allclose(found, direct.predict(numbers.drop("target").to_numpy()), rtol=1e-4, atol=1e-4)
    with pytest.raises(InvalidInputError, match="probabilities of 'target'"):
        classical_model.load(tmp_path / "l").predict_proba(numbers)
    # of lossmith itself, calibrated, boosted
    for model in ("rbf", "linear_svm", "hist_gradient_boosting:max_iter=5"):
        compare_models(FRAME, models=model, save_model=tmp_path / "m", **ALONE)
        again = classical_model.load(tmp_path / "m")
        assert again.model == model and np.mean(again.predict(FRAME) == Y) > 0.85


@pytest.mark.slow
def test_a_network_and_a_constant_are_no_file(tmp_path):
    with pytest.raises(
        InvalidInputError, match="lossmith compare DATA --models mlp:hidden=8 --losses binary_crossentropy"
    ):
        compare_models(
            FRAME, models="mlp:hidden=8,tree:max_depth=1,max_features=1", epochs=30, learning_rates=[0.1],
            save_model=tmp_path / "n", **ALONE,
        )  # fmt: skip
    noise = FRAME.with_columns(y=pl.Series(["no", "no", "yes"] * 50))
    with pytest.raises(InvalidInputError, match="better than a constant"):
        compare_models(noise, models="knn:n_neighbors=1", metric="accuracy", save_model=tmp_path / "n", **ALONE)
    assert not (tmp_path / "n").exists()


@pytest.mark.slow
def test_damaged_and_foreign_files_are_one_error(tmp_path):
    place = tmp_path / "w.safetensors"
    compare_models(FRAME, models="lda", save_model=place, **ALONE)
    data = place.read_bytes()
    plain, tensors = _tensor_file.unpack(data, format=classical_model.FORMAT)
    rng = np.random.default_rng(1)
    for _ in range(40):
        broken = bytearray(data)
        broken[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        place.write_bytes(bytes(broken[: int(rng.integers(len(data)))] if rng.random() < 0.3 else broken))
        with pytest.raises(LossmithError):
            classical_model.load(place)
    forged = [
        ({**plain, "task": "clustering"}, tensors),
        ({**plain, "kind": "pickle"}, tensors),
        ({**plain, "class_names": ["one"]}, tensors),
        ({key: value for key, value in plain.items() if key != "encoder"}, tensors),
        (plain, {**tensors, "estimator": np.frombuffer(b"\x80\x04N.", np.uint8)}),
        (plain, {**tensors, "encoder/mean": np.zeros(2)}),
    ]
    for configuration, arrays in forged:
        place.write_bytes(_tensor_file.pack(configuration, arrays, format=classical_model.FORMAT))
        with pytest.raises(ModelFileError) as error:
            classical_model.load(place)
        assert "\n" not in str(error.value)


@pytest.mark.slow
def test_boosted_trees_that_lead_nowhere_are_refused(tmp_path):
    """Their nodes are read by compiled code without checks of its own."""
    model = HistGradientBoostingRegressor(max_iter=2, random_state=0).fit(X, X[:, 0] ** 2)
    save_classical(model, tmp_path / "fine")
    assert np.array_equal(load_classical(tmp_path / "fine").predict(X), model.predict(X))
    tree = model._predictors[0][0]
    sound = tree.nodes
    for name, value in (("feature_idx", 3), ("left", 0), ("right", 10**6), ("is_categorical", 1)):
        nodes = sound.copy()
        nodes[name][np.flatnonzero(nodes["is_leaf"] == 0)[0]] = value
        tree.nodes = nodes
        save_classical(model, tmp_path / "forged")
        with pytest.raises(ModelFileError, match="nodes or inputs do not exist"):
            load_classical(tmp_path / "forged")


@pytest.mark.slow
def test_boosting_for_classes_comes_back(tmp_path):
    model = HistGradientBoostingClassifier(max_iter=3).fit(X, Y)
    save_classical(model, tmp_path / "m")
    assert np.array_equal(load_classical(tmp_path / "m").predict_proba(X), model.predict_proba(X))


@pytest.mark.slow
def test_the_command_line_saves_shows_and_predicts(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FRAME.write_csv("rows.csv")

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(list(arguments))
        except SystemExit as stop:
            code = stop.code
        shown = capsys.readouterr()
        return code or 0, shown.out, shown.err

    common = ("compare", "rows.csv", "--target", "y", "--folds", "2", "--quiet")
    assert run(*common, "--models", "lda,tree:max_depth=1", "--save-model", "w.safetensors")[0] == 0
    code, out, _ = run("predict", "w.safetensors", "rows.csv", "--proba", "--quiet")
    assert code == 0 and out.startswith("prediction,probability_no,probability_yes") and out.count("\n") == 151
    code, out, _ = run("predict", "w.safetensors", "--info")
    assert code == 0 and "y, binary, no / yes" in out
    code, _, err = run("predict", "w.safetensors", "--export", "x.keras")
    assert code == 2 and "expected a network" in err
