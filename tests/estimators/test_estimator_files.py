"""Files of estimators: the same predictions after a round trip, and nothing but an error for anything else."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_friedman1
from sklearn.exceptions import NotFittedError

from lossmith import _tensor_file as tensor_file
from lossmith._errors import InvalidInputError, ModelFileError
from lossmith.estimators import RBFNetworkClassifier, RBFNetworkRegressor, load
from lossmith.estimators import _files as files

X, Y = load_iris(return_X_y=True)


@pytest.mark.parametrize("labels", [Y, np.array(["a", "b", "c"])[Y], Y == 1])
def test_a_classifier_comes_back(tmp_path, labels):
    model = RBFNetworkClassifier(n_centers=8, random_state=0).fit(X, labels)
    model.save(tmp_path / "new" / "iris.safetensors")
    again = load(tmp_path / "new" / "iris.safetensors")
    assert type(again) is type(model) and again.get_params() == model.get_params()
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(again.predict(X), model.predict(X)) and again.classes_.dtype.kind == model.classes_.dtype.kind


def test_a_regressor_goes_on_learning(tmp_path):
    inputs, y = make_friedman1(120, random_state=0)
    model = RBFNetworkRegressor(centers=inputs[:6], width=1.0, random_state=np.random.RandomState(0))
    model.partial_fit(inputs[:60], y[:60]).save(tmp_path / "a")
    again = load(tmp_path / "a")
    assert np.array_equal(again.predict(inputs), model.predict(inputs)) and again.random_state is None
    for one in (model, again):
        one.partial_fit(inputs[60:], y[60:])
    assert np.array_equal(again.predict(inputs), model.predict(inputs))


@pytest.mark.parametrize("loss", ["categorical_hinge", "categorical_crossentropy"])
def test_a_network_trained_under_a_loss_comes_back(tmp_path, loss):
    model = RBFNetworkClassifier(loss=loss, n_centers=3, epochs=1, random_state=0).fit(X, Y)
    model.save(tmp_path / "a")
    for again in (load(tmp_path / "a"), copy.deepcopy(model)):
        assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


def test_equal_models_give_equal_bytes():
    one, two = (RBFNetworkClassifier(random_state=3).fit(X, Y) for _ in range(2))
    assert files.to_bytes(one) == files.to_bytes(two)


def test_what_is_not_fitted_or_nameable_is_refused(tmp_path):
    with pytest.raises(NotFittedError):
        RBFNetworkRegressor().save(tmp_path / "a")
    model = RBFNetworkRegressor(random_state=0).fit(X, X[:, 0])
    model.optimizer = print
    with pytest.raises(InvalidInputError, match="cannot hold"):
        model.save(tmp_path / "a")
    assert not list(tmp_path.iterdir())


def _content() -> bytes:
    return files.to_bytes(RBFNetworkClassifier(n_centers=3, random_state=0).fit(X, Y))


@pytest.mark.parametrize("cut", [0, 7, 8, 100, -1])
def test_cut_files(tmp_path, cut):
    path = tmp_path / "a"
    path.write_bytes(_content()[:cut])
    with pytest.raises(ModelFileError):
        load(path)


def test_every_tenth_byte_changed():
    data = _content()
    for place in range(0, len(data), max(1, len(data) // 60)):
        spoiled = bytearray(data)
        spoiled[place] ^= 0x21
        with pytest.raises(ModelFileError):
            tensor_file.unpack(bytes(spoiled), format=files.FORMAT)


def _changed(change) -> bytes:
    """Return the file with other content and a checksum that fits it."""
    configuration, tensors = tensor_file.unpack(_content(), format=files.FORMAT)
    change(configuration, tensors)
    return tensor_file.pack(configuration, tensors, format=files.FORMAT)


CHANGES = {
    "another class": lambda c, t: c.update(kind="Popen"),
    "private class": lambda c, t: c.update(kind="__init__"),
    "unknown entry": lambda c, t: c.update(more=1),
    "unknown parameter": lambda c, t: c["parameters"].update(evil=1),
    "wrong parameter": lambda c, t: c["parameters"].update(width="x"),
    "missing array": lambda c, t: t.pop("learned/centers"),
    "other shape": lambda c, t: t.update({"learned/gamma": np.ones(99)}),
    "not finite": lambda c, t: t.update({"learned/tail": t["learned/tail"] * np.nan}),
    "negative width": lambda c, t: t.update({"learned/gamma": -t["learned/gamma"]}),
    "one class": lambda c, t: c["learned"].update(classes=["text", "a"]),
    "classes of a strange type": lambda c, t: c["learned"].update(classes=["|O", 1, 2, 3]),
    "array elsewhere": lambda c, t: t.update({"other/x": np.ones(1)}),
    "unknown loss": lambda c, t: c["learned"].update(loss="no_such"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_files_with_a_right_checksum_and_wrong_content(tmp_path, name):
    (tmp_path / "a").write_bytes(_changed(CHANGES[name]))
    with pytest.raises(ModelFileError) as error:
        load(tmp_path / "a")
    assert "\n" not in str(error.value)


def test_foreign_files(tmp_path):
    import safetensors.numpy

    path = tmp_path / "a"
    path.write_bytes(safetensors.numpy.save({"x": np.ones(2)}))
    with pytest.raises(ModelFileError, match="no model of lossmith"):
        load(path)
    path.write_bytes(tensor_file.pack({}, {}, format="lossmith model 1"))
    with pytest.raises(ModelFileError, match="has the format 'lossmith model 1'"):
        load(path)
    with pytest.raises(ModelFileError, match="cannot be read"):
        load(tmp_path / "missing")
    path.write_bytes((8).to_bytes(8, "little") + json.dumps([1, 2, 3])[:8].encode())
    with pytest.raises(ModelFileError):
        load(path)


def test_parameters_of_every_kind_come_back(tmp_path):
    """Losses by their names, numbers of NumPy as numbers, lists of numbers as arrays."""
    from lossmith import losses

    model = RBFNetworkRegressor(n_centers=np.int64(3), random_state=4).fit(X, X[:, 0])
    model.set_params(loss=losses.get("huber:delta=2"), centers=[[0.0] * 4, [1.0] * 4])
    model.save(tmp_path / "a")
    again = load(tmp_path / "a").get_params()
    assert again["loss"] == "huber:delta=2" and again["n_centers"] == 3 and type(again["n_centers"]) is int
    assert again["random_state"] == 4 and again["centers"].tolist() == [[0.0] * 4, [1.0] * 4]
    for bad in (np.inf, np.nan):  # nothing checks it before it is fitted again
        configuration, arrays = tensor_file.read(tmp_path / "a", format=files.FORMAT)
        arrays["parameter/centers"] = np.full((2, 4), bad)
        (tmp_path / "b").write_bytes(tensor_file.pack(configuration, arrays, format=files.FORMAT))
        with pytest.raises(ModelFileError, match="an unexpected array 'parameter/centers'"):
            load(tmp_path / "b")


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["a", "ä"]),
        np.array([1, 2]),
        np.array([True, False]),
        np.array([0.5, 2.0], np.float32),
        np.array([3], np.uint8),
    ],
)
def test_labels_come_back_with_their_type(labels):
    again = files.labels_from(json.loads(json.dumps(files.labels_of(labels))))
    assert again.tolist() == labels.tolist() and again.dtype.kind == labels.dtype.kind
    assert again.dtype == labels.dtype or labels.dtype.kind == "U"


@pytest.mark.parametrize(
    "value, words",
    [(["text", "a", 3], "neither texts nor numbers"), (["|O", 1], "type object"), (["<U3", "a"], "type <U3")],
)
def test_labels_of_a_strange_type(value, words):
    with pytest.raises(ValueError, match=words):
        files.labels_from(value)
