"""Files of generative models: what comes back, what a file cannot hold, and what a forged one is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossmith import _tensor_file as tensor_file
from lossmith._errors import InvalidInputError, ModelFileError
from lossmith.generative import VariationalAutoencoder, _files, load

X = np.random.default_rng(0).normal(size=(40, 2))
TINY = {"latent": 1, "network": "dense:hidden=3", "epochs": 1, "random_state": 0}


@pytest.fixture(scope="module")
def model() -> VariationalAutoencoder:
    return VariationalAutoencoder(**TINY).fit(X)


def forged(model: VariationalAutoencoder, change: Any, path: Any) -> Any:
    """Write a file whose content was changed by someone who knows how to compute its checksum."""
    configuration, tensors = tensor_file.unpack(_files.to_bytes(model), format=_files.FORMAT)
    change(configuration, tensors)
    path.write_bytes(tensor_file.pack(configuration, tensors, format=_files.FORMAT))
    return path


def test_what_was_saved_comes_back(model, tmp_path):
    _files.save(model, tmp_path / "new" / "vae.safetensors")
    again = load(tmp_path / "new" / "vae.safetensors")
    assert type(again) is VariationalAutoencoder and again.get_params() == model.get_params()
    assert np.array_equal(again.transform(X), model.transform(X))
    assert _files.to_bytes(again) == _files.to_bytes(model) == (tmp_path / "new" / "vae.safetensors").read_bytes()


def test_numbers_of_numpy_are_numbers_and_a_generator_has_moved_on(model, tmp_path):
    other = VariationalAutoencoder(**TINY).fit(X)
    other.set_params(learning_rate=np.float64(0.25), epochs=np.int64(3), random_state=np.random.RandomState(1))
    _files.save(other, tmp_path / "a")
    found = load(tmp_path / "a").get_params()
    assert (found["learning_rate"], found["epochs"], found["random_state"]) == (0.25, 3, None)
    assert type(found["epochs"]) is int and type(found["learning_rate"]) is float
    assert load(forged(model, lambda c, t: c["parameters"].update(random_state=7), tmp_path / "b")).random_state == 7


@pytest.mark.parametrize("value", [print, {1, 2}, float("inf"), float("nan"), 1j])
def test_what_a_file_cannot_hold_is_refused_on_the_way_in(value, tmp_path):
    other = VariationalAutoencoder(**TINY).fit(X).set_params(learning_rate=value)
    with pytest.raises(
        InvalidInputError,
        match=r"a vae with a parameter that a file cannot hold: .*; expected texts and finite numbers",
    ):
        _files.save(other, tmp_path / "a")
    assert not list(tmp_path.iterdir())


FORGED = {
    "another kind": (lambda c, t: c.update(kind="os.system"), "it names no generative model of lossmith"),
    "a kind that is a list": (lambda c, t: c.update(kind=["vae"]), "it names no generative model of lossmith"),
    "a kind of another family": (lambda c, t: c.update(kind="gan"), "TypeError"),
    "more than it should": (lambda c, t: c.update(more=1), "it names no generative model of lossmith"),
    "nothing learned": (lambda c, t: c.pop("learned"), "it names no generative model of lossmith"),
    "an unknown parameter": (lambda c, t: c["parameters"].update(evil=1), "TypeError"),
    "parameters that are a list": (lambda c, t: c.update(parameters=[1]), "TypeError"),
    "a network that makes none": (lambda c, t: c["parameters"].update(network="lambda:x=1"), "damaged: "),
    "a weight too few": (lambda c, t: t.pop("weight_0000"), "damaged: "),
    "a weight of another shape": (lambda c, t: t.update(weight_0000=np.zeros((9, 9), np.float32)), "damaged: "),
    "a shape of texts": (lambda c, t: c["learned"].update(shape="4"), "damaged: "),
    "learned as a number": (lambda c, t: c.update(learned=3), "damaged: "),
    "numbers of two parts": (
        lambda c, t: t.update(more=np.zeros(2, np.complex64)),
        "it holds an unexpected array 'more'",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_is_refused(model, tmp_path, name):
    change, words = FORGED[name]
    path = forged(model, change, tmp_path / "a")
    with pytest.raises(ModelFileError) as error:
        load(path)
    said = str(error.value)
    assert words in said and str(path) in said and said.count("damaged") == 1 and "\n" not in said and len(said) < 700
    assert "save the model again" in said


def test_an_array_beyond_the_limit(model, tmp_path, monkeypatch):
    assert _files.MOST_ELEMENTS == 2**31
    path = forged(model, lambda c, t: None, tmp_path / "a")
    largest = max(value.size for value in tensor_file.read(path, format=_files.FORMAT)[1].values())
    monkeypatch.setattr(_files, "MOST_ELEMENTS", largest)
    assert load(path).latent == 1
    monkeypatch.setattr(_files, "MOST_ELEMENTS", largest - 1)
    with pytest.raises(ModelFileError, match="it holds an unexpected array"):
        load(path)


def test_every_kind_can_be_named():
    """Each entry leads to a class of that module, and the file of any other class is nobody's."""
    import importlib

    for home, name in _files.KINDS.values():
        made = getattr(importlib.import_module(f"lossmith.generative.{home}"), name)
        assert all(hasattr(made, verb) for verb in ("_state", "_restore", "get_params"))
