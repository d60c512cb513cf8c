"""Files of scikit-learn estimators: equal after a round trip, and opened by a child with little memory first."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from lossmith._errors import InvalidInputError, MissingExtraError, ModelFileError
from lossmith.estimators import RBFNetworkClassifier, classical, load_classical, save_classical
from lossmith.estimators import _classical_file as classical_file

pytest.importorskip("skops", reason="an extra, installed with the test group")
X, Y = load_iris(return_X_y=True)


def test_a_model_comes_back(tmp_path):
    model = make_pipeline(StandardScaler(), classical("random_forest:n_estimators=5").estimator("multiclass")).fit(X, Y)
    save_classical(model, tmp_path / "new" / "a.skops")
    assert np.array_equal(load_classical(tmp_path / "new" / "a.skops").predict_proba(X), model.predict_proba(X))


def test_a_tree_whose_nodes_lead_nowhere_is_refused():
    tree = classical("tree").estimator("multiclass").fit(X, Y)
    assert [classical_file._is_sound(one) for one, _ in classical_file._trees([tree], set(), 0)] == [True]
    for name, value in (("left_child", 10_000), ("feature", 99), ("left_child", 0)):
        state = tree.tree_.__getstate__()
        nodes = state["nodes"].copy()
        nodes[name][0] = value
        tree.tree_.__setstate__({**state, "nodes": nodes})
        assert not classical_file._is_sound(tree.tree_)
        tree = classical("tree").estimator("multiclass").fit(X, Y)


def test_types_that_are_not_trusted_are_refused(tmp_path):
    import skops.io

    with pytest.raises(InvalidInputError, match="save method"):
        save_classical(RBFNetworkClassifier(random_state=0).fit(X, Y), tmp_path / "a")
    skops.io.dump(FunctionTransformer(np.testing.assert_equal), tmp_path / "evil.skops")
    with pytest.raises(ModelFileError, match="not trusted"):
        load_classical(tmp_path / "evil.skops")


@pytest.mark.slow
def test_what_takes_too_much_memory_is_refused_by_the_child(tmp_path, monkeypatch):
    save_classical(StandardScaler().fit(X), tmp_path / "a")
    monkeypatch.setattr(classical_file, "MEMORY", 2**26)
    with pytest.raises(ModelFileError, match="damaged"):
        load_classical(tmp_path / "a")


@pytest.mark.slow
def test_damaged_and_foreign_files(tmp_path):
    (tmp_path / "a").write_bytes(b"no zip")
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("other.json", "{}")
    for name in ("a", "b", "missing"):
        with pytest.raises(ModelFileError) as error:
            load_classical(tmp_path / name)
        assert "\n" not in str(error.value)


def test_without_skops_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    for call in (
        classical_file.check_skops,
        lambda: save_classical(StandardScaler(), tmp_path / "a"),
        lambda: load_classical(tmp_path / "a"),
    ):
        with pytest.raises(MissingExtraError, match=r"lossmith\[classical\]"):
            call()


def test_what_skops_cannot_write(tmp_path):
    with pytest.raises(InvalidInputError, match="StandardScaler cannot be written"):
        save_classical(StandardScaler().set_params(copy=(one for one in ())), tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_sizes_are_looked_at_before_anything_is_opened(tmp_path, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", never)
    for name, content, words in (
        ("none", None, "cannot be read: No such file"),
        ("foreign", b"no zip", "is damaged"),
        ("bomb", zipped(bytes(2**26 + 1)), "it unpacks from"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFileError, match=words):
            load_classical(tmp_path / name)
    monkeypatch.setattr(classical_file, "LARGEST", 5)
    with pytest.raises(ModelFileError, match="has 6 bytes; expected at most 5"):
        load_classical(tmp_path / "foreign")


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", content)
    return stream.getvalue()


def test_what_the_child_says_is_passed_on(tmp_path, monkeypatch):
    save_classical(StandardScaler().fit(X), tmp_path / "a")
    asked = {}

    def run(code: int, stderr: bytes):
        def made(command, **options):
            asked.update(options, command=command)
            if code is None:
                raise subprocess.TimeoutExpired(command, 1)
            return subprocess.CompletedProcess(command, code, b"", stderr)

        return made

    for code, stderr, words in (
        (None, b"", "it takes too long to open"),
        (3, b"a.b, c.d\n", "not trusted: a.b, c.d"),
        (1, b"first\nMemoryError\n", "is damaged: MemoryError"),
        (-9, b"", "the process that opened it ended with -9"),
    ):
        monkeypatch.setattr(subprocess, "run", run(code, stderr))
        with pytest.raises(ModelFileError, match=words):
            load_classical(tmp_path / "a")
    assert asked["input"] == (tmp_path / "a").read_bytes() and str(classical_file.MEMORY) in asked["command"]


def test_a_tampered_tree_is_refused_after_the_child(tmp_path, monkeypatch):
    """The child opens it without a word; its numbers are looked at here."""
    import skops.io

    tree = classical("tree").estimator("multiclass").fit(X, Y)
    (tmp_path / "a").write_bytes(skops.io.dumps(tree))
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, b"", b""))
    assert np.array_equal(load_classical(tmp_path / "a").predict(X), tree.predict(X))
    monkeypatch.setattr(classical_file, "_is_sound", lambda tree: False)
    with pytest.raises(ModelFileError, match="nodes or inputs do not exist"):
        load_classical(tmp_path / "a")


def test_trees_of_histogram_boosting():
    model = HistGradientBoostingClassifier(max_iter=2, categorical_features=[4]).fit(
        np.column_stack([X, np.arange(150) % 5]), Y
    )
    found = list(classical_file._trees(model, set(), 0))
    assert len(found) == 6 and {n for _, n in found} == {5}
    for tree, n in found:
        assert classical_file._is_sound_predictor(tree, n)
        assert not classical_file._is_sound_predictor(tree, 1)
    tree = found[0][0]
    for name, value in (("left", 0), ("right", 10_000), ("feature_idx", 99)):
        nodes = tree.nodes.copy()
        nodes[name][0] = value
        other = SimpleNamespace(
            nodes=nodes,
            raw_left_cat_bitsets=tree.raw_left_cat_bitsets,
            binned_left_cat_bitsets=tree.binned_left_cat_bitsets,
        )
        assert not classical_file._is_sound_predictor(other, 5), name
    nodes = tree.nodes.copy()
    nodes["is_categorical"][0], nodes["bitset_idx"][0] = 1, 99
    other = SimpleNamespace(
        nodes=nodes,
        raw_left_cat_bitsets=tree.raw_left_cat_bitsets,
        binned_left_cat_bitsets=tree.binned_left_cat_bitsets,
    )
    assert not classical_file._is_sound_predictor(other, 5)


def test_trees_are_found_wherever_they_are():
    """In arrays of objects, mappings, lists and parts, each once; what surrounds them says how many inputs they have."""
    tree = classical("tree").estimator("multiclass").fit(X, Y).tree_
    stump = HistGradientBoostingClassifier(max_iter=1).fit(X, Y)._predictors[0][0]
    objects = np.empty((1, 2), object)
    objects[0] = [tree, "text"]
    part = SimpleNamespace(n_features_in_=4, inside=[stump])
    odd = SimpleNamespace(n_features_in_="4", inside=[stump])
    for value, wanted in (
        (objects, [-1]),
        (np.arange(3), []),
        ({"a": {"b": tree}, "c": b"x"}, [-1]),
        ((tree, [tree]), [-1]),
        (part, [4]),
        (odd, [7]),
        (SimpleNamespace(n_features_in_=2, part=part), [4]),
        (3.5, []),
    ):
        assert [n for _, n in classical_file._trees(value, set(), 7)] == wanted


def stump(**changes) -> SimpleNamespace:
    """One question with two answers: node 0 asks for input 1 of 2, nodes 1 and 2 are leaves."""
    parts = {"children_left": [1, -1, -1], "children_right": [2, -1, -1], "feature": [1, -2, -2]}
    arrays = {name: np.array(changes.get(name, value)) for name, value in parts.items()}
    return SimpleNamespace(node_count=3, n_features=2, value=np.zeros((changes.get("values", 3), 1, 1)), **arrays)


@pytest.mark.parametrize(
    "changes, sound",
    [
        ({}, True),
        ({"feature": [0, -2, -2]}, True),
        ({"children_left": [2, -1, -1], "children_right": [1, -1, -1]}, True),
        ({"children_left": [3, -1, -1]}, False),
        ({"children_right": [3, -1, -1]}, False),
        ({"children_left": [0, -1, -1]}, False),
        ({"children_right": [0, -1, -1]}, False),
        ({"children_right": [-1, -1, -1]}, False),
        ({"children_right": [2, 2, -1]}, False),
        ({"feature": [2, -2, -2]}, False),
        ({"feature": [-1, -2, -2]}, False),
        ({"values": 2}, False),
        ({"values": 4}, False),
    ],
)
def test_a_tree_is_held_to_its_own_size(changes, sound):
    """The first node and input that do not exist are those after the last."""
    assert classical_file._is_sound(stump(**changes)) is sound


def predictor(*, raw=(0, 8), binned=(0, 8), **root) -> SimpleNamespace:
    """The same question in the records of histogram boosting."""
    nodes = np.zeros(3, [("left", "u4"), ("right", "u4"), ("feature_idx", "i8"), ("is_leaf", "u1"), ("is_categorical", "u1"),
                         ("bitset_idx", "u4")])  # fmt: skip
    nodes["is_leaf"] = [0, 1, 1]
    nodes["left"][0], nodes["right"][0], nodes["feature_idx"][0] = 1, 2, 1
    nodes["is_categorical"][1:], nodes["bitset_idx"][1:] = 1, 7  # of leaves, which nobody asks
    for name, value in root.items():
        nodes[name][0] = value
    return SimpleNamespace(nodes=nodes, raw_left_cat_bitsets=np.zeros(raw), binned_left_cat_bitsets=np.zeros(binned))


ONE = {"raw": (1, 8), "binned": (1, 8), "is_categorical": 1}


@pytest.mark.parametrize(
    "changes, sound",
    [
        ({}, True),
        ({"feature_idx": 0}, True),
        ({"left": 2, "right": 1}, True),
        ({"raw": (0, 9)}, True),  # no question is about categories
        (ONE, True),
        ({**ONE, "raw": (2, 8), "binned": (2, 8), "bitset_idx": 1}, True),
        ({"left": 3}, False),
        ({"right": 3}, False),
        ({"left": 0}, False),
        ({"feature_idx": 2}, False),
        ({"feature_idx": -1}, False),
        ({"is_categorical": 1}, False),
        ({**ONE, "bitset_idx": 1}, False),
        ({**ONE, "raw": (0, 8)}, False),
        ({**ONE, "binned": (0, 8)}, False),
        ({**ONE, "raw": (1, 9)}, False),
        ({**ONE, "binned": (1, 7)}, False),
        ({**ONE, "binned": (1,)}, False),
        ({**ONE, "raw": (1, 8, 8)}, False),
    ],
)
def test_a_tree_of_boosting_is_held_to_its_own_size(changes, sound):
    assert classical_file._is_sound_predictor(predictor(**changes), 2) is sound


def test_a_tree_of_boosting_without_nodes_is_none():
    empty = predictor()
    empty.nodes = empty.nodes[:0]
    assert not classical_file._is_sound_predictor(empty, 2)


def test_a_tree_whose_inputs_nobody_counted_is_refused(tmp_path, monkeypatch):
    """Trees of boosting do not say how many inputs there are; outside of an estimator there are none."""
    model = HistGradientBoostingRegressor(max_iter=1).fit(X[:, :1], X[:, 1])
    save_classical(model, tmp_path / "whole")
    save_classical(model._predictors, tmp_path / "alone")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, b"", b""))
    assert np.array_equal(load_classical(tmp_path / "whole").predict(X[:, :1]), model.predict(X[:, :1]))
    with pytest.raises(ModelFileError, match="nodes or inputs do not exist"):
        load_classical(tmp_path / "alone")


def test_a_large_file_may_unpack_to_many_times_its_size(monkeypatch):
    data = zipped(bytes(1000))
    assert 100 < len(data) < 200
    for unpacked, times, sound in ((999, 100, True), (999, 1, False), (1000, 1, True), (0, 10, True)):
        monkeypatch.setattr(classical_file, "UNPACKED", unpacked)
        monkeypatch.setattr(classical_file, "MOST_TIMES", times)
        if sound:
            classical_file._check_size(data, "'a'")
        else:
            with pytest.raises(ModelFileError, match=rf"unpacks from {len(data)} bytes to 1,000"):
                classical_file._check_size(data, "'a'")
