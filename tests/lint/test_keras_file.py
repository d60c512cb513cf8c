"""Keras files are looked at before Keras opens them: its own layers pass, what names anything else does not."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from pathlib import Path

import h5py
import keras
import pytest

from lossmith import losses
from lossmith._errors import ModelFileError
from lossmith.lint import _keras_file
from lossmith.lint._keras_file import check_keras_file


@keras.saving.register_keras_serializable(package="of_the_test")
class Own(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def several() -> list[keras.Model]:
    """Models of many kinds of layers, losses, metrics, schedules, policies and operations."""
    layers = keras.layers
    table = keras.Input((4,))
    deep = layers.Dense(
        3,
        activation="relu",
        kernel_regularizer=keras.regularizers.L2(0.1),
        kernel_constraint=keras.constraints.MaxNorm(2),
    )(table)
    deep = layers.BatchNormalization()(layers.Dropout(0.2)(deep)) + keras.ops.tanh(deep)
    two = keras.Model(
        table,
        {"a": layers.Dense(1, activation=keras.activations.gelu)(deep), "b": layers.Dense(2, dtype="float32")(deep)},
    )
    two.compile(
        loss={"a": "mse", "b": keras.losses.Huber(delta=2.0)},
        metrics={"a": ["mae"]},
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9)),
    )
    picture = keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(1 / 255), layers.RandomFlip(), layers.Conv2D(2, 3), layers.MaxPool2D(), layers.Flatten(),
                                layers.Dense(2, activation="softmax")])  # fmt: skip
    picture.compile(loss="categorical_crossentropy", metrics=["accuracy", keras.metrics.AUC()])
    series = keras.Sequential([keras.Input((5, 2)), layers.Bidirectional(layers.LSTM(2, return_sequences=True)), layers.TimeDistributed(layers.Dense(1)), layers.GRU(2),
                               Own(), layers.LeakyReLU(), layers.Dense(1)])  # fmt: skip
    series.compile(loss=losses.get("huber:delta=3").as_keras(), optimizer="sgd")
    words = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Embedding(9, 2),
            layers.GlobalAveragePooling1D(),
            layers.LayerNormalization(),
            layers.Dense(1),
        ]
    )
    return [two, picture, series, words]


@pytest.mark.parametrize("place", range(4))
def test_models_of_kerass_own_layers_pass(tmp_path, place):
    model = several()[place]
    model.save(tmp_path / "m.keras")
    check_keras_file(tmp_path / "m.keras", keras)
    with warnings.catch_warnings():
        # the optimiser of a model that was never trained has no state, which Keras warns about
        warnings.simplefilter("ignore")
        keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)


@pytest.fixture
def parts(tmp_path) -> dict[str, bytes]:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="last")])
    model.compile(loss="mse")
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def packed(parts: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ModelFileError) as error:
        check_keras_file(path, keras)
    said = str(error.value)
    assert "is not opened: " in said and "\n" not in said and "lint the model object" in said
    return said


NAMES = [
    ({"class_name": "Lambda", "module": "keras.layers"}, "runs code or reads files, 'Lambda'"),
    ({"class_name": "Dense", "registered_name": "x>TorchModuleWrapper"}, "runs code"),
    ({"class_name": "TextVectorization"}, "reads files"),
    ({"class_name": "system", "module": "os", "config": {}}, "'os.system'"),
    ({"class_name": "x", "module": "keras.utils"}, "'keras.utils.x'"),
    ({"class_name": "x", "module": "keras.saving"}, "'keras.saving.x'"),
    ({"class_name": "x", "module": "keras.layersx"}, "keras.layersx"),
    ({"class_name": "x", "module": "keras.layers "}, "keras.layers "),
    ({"class_name": "x", "module": "xkeras.layers"}, "xkeras"),
    ({"class_name": "x", "module": ["os"]}, "os"),
    ({"class_name": "function", "module": "builtins", "config": "eval"}, "'builtins.eval'"),
    ({"class_name": "function", "module": "builtins", "config": ["relu"]}, "builtins"),
    ({"class_name": "relu", "module": "builtins"}, "builtins.relu"),
    ({"class_name": "Own", "module": "somewhere", "registered_name": "of_nobody>Own"}, "'somewhere.Own'"),
    ({"registered_name": "x>__lambda__"}, "runs code"),
    ({"module": "os"}, "'os.None'"),
]


@pytest.mark.parametrize("named, words", NAMES)
def test_a_name_that_is_none_of_kerass(parts, tmp_path, named, words):
    """Anywhere in the configuration: as a layer, deep in a layer, in the loss."""
    for put in (
        lambda c: c["config"]["layers"].append(named),
        lambda c: c["config"]["layers"][-1]["config"].update(activation=[{"deep": [named]}]),
        lambda c: c["compile_config"].update(loss=named),
    ):
        configuration = json.loads(parts["config.json"])
        put(configuration)
        assert words in refused(
            packed({**parts, "config.json": json.dumps(configuration).encode()}, tmp_path / "x.keras")
        )


def test_what_is_registered_here_and_activations_pass(parts, tmp_path):
    configuration = json.loads(parts["config.json"])
    configuration["config"]["layers"] += [
        {"class_name": "Own", "module": "somewhere", "registered_name": "of_the_test>Own", "config": {}},
        {"class_name": "function", "module": "builtins", "config": "relu", "registered_name": "function"},
        {"class_name": "x", "module": None},
        {"class_name": "x", "module": "keras"},
        {"class_name": "x", "module": "keras.src.models.functional"},
    ]
    check_keras_file(packed({**parts, "config.json": json.dumps(configuration).encode()}, tmp_path / "x.keras"), keras)


def weights(make) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        make(file)
    return stream.getvalue()


def external(file):
    file.create_group("a").create_dataset("b", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4,))
    file.create_virtual_dataset("v", layout)


LINKS = {
    "another file's group": (
        lambda file: file.create_group("a").__setitem__("b", h5py.ExternalLink("/etc/passwd", "/")),
        "point elsewhere, at 'b'",
    ),
    "a soft link": (lambda file: file.__setitem__("s", h5py.SoftLink("/nowhere")), "point elsewhere, at 's'"),
    "another file's bytes": (external, "point to another file, at 'b'"),
    "a virtual table": (virtual, "point to another file, at 'v'"),
}


@pytest.mark.parametrize("make, words", LINKS.values(), ids=LINKS)
def test_weights_that_point_to_other_files(parts, tmp_path, make, words):
    assert words in refused(packed({**parts, "model.weights.h5": weights(make)}, tmp_path / "x.keras"))


def test_archives_that_are_none(parts, tmp_path):
    assert "'../x'" in refused(packed({**parts, "../x": b""}, tmp_path / "a.keras"))
    assert "it unpacks from" in refused(packed({**parts, "model.weights.h5": bytes(2**26 + 1)}, tmp_path / "b.keras"))
    assert "is not opened" in refused(packed({}, tmp_path / "c.keras"))
    assert "is not opened" in refused(packed({**parts, "config.json": b"["}, tmp_path / "d.keras"))
    assert "is not opened" in refused(packed({**parts, "model.weights.h5": b"x"}, tmp_path / "e.keras"))
    (tmp_path / "f.keras").write_bytes(b"hello")
    assert "not a zip file" in refused(tmp_path / "f.keras")
    with zipfile.ZipFile(tmp_path / "g.keras", "w") as target:
        target.writestr("config.json", parts["config.json"])
        with pytest.warns(UserWarning, match="Duplicate"):
            target.writestr("config.json", parts["config.json"])
    assert "it holds the file 'config.json'" in refused(tmp_path / "g.keras")


def test_a_file_without_weights_is_looked_at_too(parts, tmp_path):
    check_keras_file(packed({"config.json": parts["config.json"]}, tmp_path / "x.keras"), keras)


def test_how_much_a_file_may_unpack_to(parts, tmp_path, monkeypatch):
    """64 MiB or a hundred times its size, and not a byte more."""
    path = packed(parts, tmp_path / "x.keras")
    total, size = sum(map(len, parts.values())), path.stat().st_size
    for unpacked, times, good in (
        (total, 0, True),
        (total - 1, 0, False),
        (0, total // size + 1, True),
        (0, total // size - 1, False),
    ):
        monkeypatch.setattr(_keras_file, "UNPACKED", unpacked)
        monkeypatch.setattr(_keras_file, "MOST_TIMES", times)
        if good:
            check_keras_file(path, keras)
        else:
            assert f"it unpacks from {size:,} bytes to {total:,}" in refused(path)


def test_how_long_a_configuration_may_be(parts, tmp_path, monkeypatch):
    path = packed(parts, tmp_path / "x.keras")
    monkeypatch.setattr(_keras_file, "MOST_CONFIGURATION", len(parts["config.json"]))
    check_keras_file(path, keras)
    monkeypatch.setattr(_keras_file, "MOST_CONFIGURATION", len(parts["config.json"]) - 1)
    refused(path)


def test_what_has_no_words_of_its_own_is_named(parts, tmp_path, monkeypatch):
    def stumbles(stream: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(_keras_file.json, "loads", stumbles)
    assert "is not opened: RuntimeError;" in refused(packed(parts, tmp_path / "x.keras"))
