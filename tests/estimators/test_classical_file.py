"""Files of scikit-learn estimators: equal after a round trip, and opened by a child with little memory first."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from lossmith._errors import InvalidInputError, ModelFileError
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
