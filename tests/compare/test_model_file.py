"""The model file: what comes back, and that nothing a file may hold does harm."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import keras
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from lossmith import _tensor_file
from lossmith._errors import InvalidInputError, ModelFileError
from lossmith.compare import model_file
from lossmith.compare.trained import TrainedModel
from trained_runs import CASES, ended, trained

CASE_NAMES = [f"{task}-{loss}" for task, loss in CASES]


def small() -> TrainedModel:
    """Return a model whose file is small: two inputs, three hidden units, a margin loss."""
    if not _SMALL:
        run = ended("circles", losses="hinge", model="mlp:hidden=3", epochs=1)
        _SMALL.append(run.model("hinge"))
    return _SMALL[0]


_SMALL: list[TrainedModel] = []


def content(data: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """Return configuration and tensors, read without lossmith."""
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    tensors = {name: value.copy() for name, value in safetensors.numpy.load(data).items()}
    return json.loads(header["__metadata__"]["lossmith"])["configuration"], tensors


def forged(change, data: bytes | None = None) -> bytes:
    """Return a file whose content was changed by someone who knows how to compute its checksum."""
    configuration, tensors = content(data or model_file.to_bytes(small()))
    change(configuration, tensors)
    return _tensor_file.pack(configuration, tensors, format=model_file.FORMAT)


def put(path: str, value: object):
    """Return a change that puts a value at a dotted path; `tensors` leads to the tensors."""

    def change(configuration: dict, tensors: dict) -> None:
        *parents, last = path.split("/") if path.startswith("tensors/") else path.split(".")
        place: object = configuration
        if parents[:1] == ["tensors"]:
            place, parents, last = tensors, [], path.removeprefix("tensors/")
        for parent in parents:
            place = place[int(parent) if isinstance(place, list) else parent]
        place[int(last) if isinstance(place, list) else last] = value

    return change


def drop(path: str):
    def change(configuration: dict, tensors: dict) -> None:
        if path.startswith("tensors/"):
            del tensors[path.removeprefix("tensors/")]
        else:
            del configuration[path]

    return change


@pytest.mark.parametrize("task, loss", CASES, ids=CASE_NAMES)
def test_everything_comes_back(task, loss, tmp_path):
    model = trained(task).model(loss)
    model.save(tmp_path / "deep" / "er" / "model.safetensors")
    again = TrainedModel.load(str(tmp_path / "deep" / "er" / "model.safetensors"))
    assert [a.tobytes() for a in again.weights] == [b.tobytes() for b in model.weights]
    assert (again.encoder, again.encoding, again.loss, again.class_names) == (
        model.encoder,
        model.encoding,
        model.loss,
        model.class_names,
    )
    assert again.model.configuration == model.model.configuration and str(again.model) == str(model.model)
    assert (again.metrics, again.training, again.data, again.versions) == (
        pytest.approx(model.metrics, nan_ok=True),
        model.training,
        model.data,
        model.versions,
    )
    assert (again.platt is None) == (model.platt is None) == ("hinge" not in loss)
    assert model.platt is None or again.platt.tolist() == model.platt.tolist()
    assert (again.task, again.target_name, again.units) == (task, "y", again.weights[-1].shape[0])
    assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["model.safetensors"]
    assert model_file.to_bytes(again) == (tmp_path / "deep" / "er" / "model.safetensors").read_bytes()


def test_parameters_come_back_exactly():
    """A third has no short decimal text."""
    model = small()
    exact = replace(
        model,
        model=model.model.configured(dropout=1 / 3),
        metrics={"accuracy": 1 / 3, "roc_auc": float("nan")},
        weights=(*model.weights[:2], np.array([0, 7], np.uint32), *model.weights[2:]),
    )
    again = model_file.from_bytes(model_file.to_bytes(exact))
    assert again.model.configuration["dropout"] == 1 / 3 and again.metrics["accuracy"] == 1 / 3
    assert np.isnan(again.metrics["roc_auc"])


def test_any_reader_of_safetensors_finds_the_weights():
    tensors = safetensors.numpy.load(model_file.to_bytes(small()))
    assert [tensors[f"weight/{place:04d}"].shape for place in range(4)] == [(2, 3), (3,), (3, 1), (1,)]
    assert tensors["encoder/mean"].tolist() == small().encoder.mean.tolist()


def refused(data: bytes) -> str:
    with pytest.raises(ModelFileError) as error:
        model_file.from_bytes(data, name="'m.safetensors'")
    message = str(error.value)
    assert "m.safetensors" in message and "\n" not in message and len(message) < 700
    return message


def test_a_file_cut_off_anywhere_is_refused():
    data = model_file.to_bytes(small())
    for length in range(len(data)):
        refused(data[:length])
    refused(data + b"\0")


def test_a_flipped_bit_is_refused_or_changes_nothing():
    """Every byte of the file, two of its bits each; only blanks around the header's JSON may differ."""
    data = model_file.to_bytes(small())
    before, harmless = set(sys.modules), 0
    for place in range(len(data)):
        for bit in (1 << place % 8, 1 << (place + 3) % 8):
            broken = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            try:
                again = model_file.from_bytes(broken)
            except ModelFileError:
                continue
            assert model_file.to_bytes(again) == data
            harmless += 1
    assert harmless < 16
    assert set(sys.modules) == before


@settings(max_examples=300)
@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_are_a_model_or_one_error(junk, place):
    data = model_file.to_bytes(small())
    refused(junk)
    refused(data[:place] + junk + data[place + len(junk) + 1 :])


def opened(data: bytes) -> TrainedModel | str:
    """Return the model, or the one line that refuses it."""
    try:
        return model_file.from_bytes(data, name="'m.safetensors'")
    except ModelFileError:
        return refused(data)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([10**400, 2**64, -1, 0, "os.system", "../x", "__class__", "mlp", "y\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Return the path of every entry of nested mappings and lists."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in children for found in [(*path, key), *places(child, (*path, key))]]


@settings(max_examples=400)
@given(st.data())
def test_a_forged_configuration_is_a_model_or_one_error(data):
    """The checksum is right: what guards here is the validation of every entry."""
    configuration, tensors = content(model_file.to_bytes(small()))
    *parents, last = data.draw(st.sampled_from(places(configuration)))
    place = configuration
    for parent in parents:
        place = place[parent]
    kind = data.draw(st.sampled_from(["replace", "delete", "add"]))
    if kind == "replace":
        place[last] = data.draw(JUNK)
    elif kind == "delete":
        del place[last]
    elif isinstance(place, dict):
        place[data.draw(st.text(max_size=8))] = data.draw(JUNK)
    else:
        place.append(data.draw(JUNK))
    try:
        packed = _tensor_file.pack(configuration, tensors, format=model_file.FORMAT)
    except ValueError:
        return  # no JSON can say this
    before = set(sys.modules)
    outcome = opened(packed)
    if isinstance(outcome, TrainedModel):
        outcome.raw(np.zeros((1, 2), np.float32))
    assert set(sys.modules) == before


WIDE = 10**6
HOSTILE = {
    "a later encoder": (put("encoder.format", 2), "format 2"),
    "an unknown entry": (put("run", "rm"), "unknown entry 'run'"),
    "no loss": (drop("loss"), "lacks 'loss'"),
    "an unknown loss": (put("loss.name", "hinges"), "unknown loss 'hinges'"),
    "a parameter that is none": (put("loss.parameters", {"delta": 1.0}), "no parameter 'delta'"),
    "a loss for another task": (put("loss.name", "mse"), "not for binary"),
    "an unknown family": (put("model.name", "os.system"), "'os.system', which this version does not have"),
    "an unknown field": (put("model.values", {"lambda": "x"}), "no 'lambda'"),
    "an activation that is none": (put("model.values.activation", "__class__"), "activation=__class__"),
    "an activation elsewhere": (put("model.values.activation", "os.system"), "activation"),
    "code in a field": (put("model.values.initializer", "__import__('os')"), "not a plain word"),
    "a width too large": (put("model.values.hidden", f"{WIDE}x{WIDE}"), "holds 4 weights"),
    "a width too large, same count": (put("model.values.hidden", WIDE), "there"),
    "a width beyond all": (put("model.values.hidden", 10**400), "a finite number"),
    "many layers": (put("model.values.hidden", "x".join(["9"] * 9000)), "not a plain word"),
    "inputs too many": (put("encoder.shape", [2**31]), "shape"),
    "other inputs": (put("input_shape", [3]), "inputs of shape (2,), not [3]"),
    "other units": (put("units", 2), "no head of width 2"),
    "three classes": (put("class_names", ["a", "b", "c"]), "3 class names"),
    "classes twice": (put("class_names", ["a", "a"]), "different entries"),
    "another encoding": (put("encoding.name", "zero_one"), "'zero_one'"),
    "half a character": (put("class_names", ["a", "\ud800"]), "not a text"),
    "a huge scale": (put("encoding.scale", 10**400), "finite number"),
    "a scale of nothing": (put("encoding.scale", 0), "a positive number"),
    "a date of another notation": (
        lambda c, t: c["encoder"]["columns"][0].update(kind="date", notation="%Q"),
        "a notation of dates",
    ),
    "parts of a number": (put("encoder.columns.0.parts", ["year"]), "empty: it is no date"),
    "columns of a picture": (put("encoder.shape", [2, 2]), "the shape of a table"),
    "a picture too large": (
        lambda c, t: c["encoder"].update(columns=[], shape=[2**16, 2**15]),
        "fewer than 2^31 numbers",
    ),
    "a notation": (put("encoder.columns.0.notation", "%Q" * 9), "notation"),
    "a kind": (put("encoder.columns.0.kind", "text"), "kind"),
    "two columns of a name": (put("encoder.columns.1.name", "x1"), "different names"),
    "levels of a number": (put("encoder.columns.0.levels", ["a"]), "levels"),
    "a target that is no text": (put("encoder.target", 3), "target"),
    "weights of another shape": (put("tensors/weight/0000", np.zeros((3, 2), np.float32)), "(3, 2)"),
    "weights of another type": (put("tensors/weight/0000", np.zeros((2, 3))), "float64"),
    "a weight too few": (drop("tensors/weight/0003"), "3 weights"),
    "a weight too many": (put("tensors/weight/0004", np.zeros(1, np.float32)), "5 weights"),
    "a NaN": (put("tensors/weight/0003", np.array([np.nan], np.float32)), "not finite"),
    "a foreign tensor": (put("tensors/code", np.zeros(1)), "'code'"),
    "no encoder": (drop("tensors/encoder/fill"), "encoder/fill"),
    "an encoder of another size": (put("tensors/encoder/fill", np.zeros(3)), "(3,)"),
    "a deviation of zero": (put("tensors/encoder/deviation", np.zeros(2)), "not positive"),
    "no calibration": (drop("tensors/platt"), "calibration"),
    "calibration of three": (put("tensors/platt", np.zeros(3)), "(3,)"),
    "an infinite calibration": (put("tensors/platt", np.array([np.inf, 0])), "not finite"),
    "a truth beyond true": (
        put("tensors/encoder/active", np.array([2, 1], np.uint8).view(bool)),
        "more than true and false",
    ),
}


@pytest.mark.parametrize("change, message", HOSTILE.values(), ids=HOSTILE)
def test_a_forged_file_is_refused(change, message):
    assert message in refused(forged(change))


def test_what_a_refused_file_asked_for_is_never_given_memory(monkeypatch):
    """Keras makes up for variables without values at the next chance: 4 terabytes here."""
    asked, data = [], forged(put("model.values.hidden", f"{WIDE}x{WIDE}"))
    monkeypatch.setattr(keras.initializers.HeUniform, "__call__", lambda self, shape, dtype=None: asked.append(shape))
    assert "holds 4 weights" in refused(data)
    with keras.StatelessScope():
        pass
    assert asked == []


def test_a_declared_length_is_held_against_the_file(tmp_path):
    path = tmp_path / "m.safetensors"
    sparse = 2**33
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", sparse - 8) + b"{")
        stream.truncate(sparse)
    tracemalloc.start()
    for start in (b"", struct.pack("<Q", 2**62), struct.pack("<Q", 2**26)):
        with path.open("r+b") as stream:
            stream.write(start)
        with pytest.raises(ModelFileError):
            model_file.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**29  # the largest header that is read at all is 64 MB


def test_foreign_files_and_places(tmp_path):
    def said(path) -> str:
        with pytest.raises(ModelFileError) as error:
            model_file.load(path)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "No such file" in said(tmp_path / "none.safetensors")
    assert "directory" in said(tmp_path)
    foreign = tmp_path / "f"
    foreign.write_bytes(safetensors.numpy.save({"a": np.zeros(2)}))
    assert "no model of lossmith" in said(foreign)
    foreign.write_bytes(b"PK\x03\x04" + b"\0" * 400)
    assert "no safetensors file" in said(foreign)
    for text, message in (
        ('{"format": "lossmith model 2"}', "'lossmith model 2'; expected 'lossmith model 1'"),
        (json.dumps({"format": model_file.FORMAT}), "metadata"),
        ('{"format": 3}', "metadata"),
        ("[" * 100_000, "no JSON"),
        ('{"format": NaN}', "no JSON"),
        ('{"format": "a", "format": "b"}', "no JSON"),
    ):
        foreign.write_bytes(safetensors.numpy.save({"a": np.zeros(2)}, metadata={"lossmith": text}))
        assert message in said(foreign)
    with pytest.raises(ModelFileError, match="cannot write"):
        small().save(foreign / "model.safetensors")


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    small().save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ModelFileError, match="No space left"):
        replace(small(), metrics={}).save(path)
    assert path.read_bytes() == before and [item.name for item in tmp_path.iterdir()] == ["model.safetensors"]


def test_what_a_file_cannot_hold_is_refused_on_the_way_in():
    own = replace(small().loss, function=lambda xp, raw, target: raw * target)
    with pytest.raises(InvalidInputError, match=r"'hinge' is your own.*to_keras"):
        model_file.to_bytes(replace(small(), loss=own))
    broken = (np.full((2, 3), np.inf, np.float32), *small().weights[1:])
    with pytest.raises(InvalidInputError, match=r"weight/0000 .* not finite"):
        model_file.to_bytes(replace(small(), weights=broken))


IMPORTS = """
import sys
import lossmith.compare.model_file as model_file
from lossmith.training import load_keras
load_keras()
before = set(sys.modules)
model_file.load(sys.argv[1])
print(sorted(set(sys.modules) - before))
"""


def test_opening_a_file_imports_nothing(tmp_path):
    path = tmp_path / "model.safetensors"
    trained("multiclass").model("categorical_hinge").save(path)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(path)], capture_output=True, text=True, check=False, env=os.environ
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
