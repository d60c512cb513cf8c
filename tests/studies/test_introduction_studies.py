"""The studies of the handbook's first chapter, of the end of its third, and of KL divergence elsewhere."""

from __future__ import annotations

import itertools
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

import lossmith
from lossmith.studies import (
    STUDIES,
    _few_labels,
    _tuning,
    data_and_fairness,
    divergence_elsewhere,
    early_networks,
    explanations,
    gallery,
    training_loops,
)

GALLERY = Path(__file__).resolve().parents[2] / "docs" / "gallery"
CORNERS = np.array(list(itertools.product((0.0, 1.0), repeat=2)))


def test_a_neuron_computes_and_but_not_exclusive_or():
    weights, threshold = early_networks._neuron(np.array([0, 0, 0, 1], bool), CORNERS)
    assert ((CORNERS @ weights > threshold) == [False, False, False, True]).all()
    assert early_networks._neuron(np.array([0, 1, 1, 0], bool), CORNERS) is None
    assert early_networks._representable(2) == 14  # all but exclusive or and its negation


def test_the_perceptron_ends_on_what_a_line_divides_and_nowhere_else():
    design = np.column_stack([CORNERS, np.ones(4)])
    weights, corrections, ended = early_networks._mistakes(design, np.array([-1, 1, 1, 1]), passes=50)
    assert ended and corrections > 0 and (np.sign(design @ weights) == [-1, 1, 1, 1]).all()
    assert not early_networks._mistakes(design, np.array([-1, 1, 1, -1]), passes=50)[2]


def test_rules_say_what_their_tree_says():
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier

    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, y)
    rules = explanations.rules_of(tree)
    assert len(rules) == tree.get_n_leaves()
    assert (explanations._by_rules(rules, X) == tree.predict(X)).all()
    assert (explanations._by_rules(rules[1:], X) == -1).any()  # a rule that is missing is seen


def test_shapley_values_of_a_product_are_shared_alike():
    # f = x1 x2 x3 from a background of zeros: by symmetry a third of the product each; an input that does nothing gets 0
    found = explanations.shapley(lambda x: x[:, 0] * x[:, 1] * x[:, 2], np.array([2.0, 3, 4, 5]), np.zeros((1, 4)))
    assert np.allclose(found, [8, 8, 8, 0])


def test_two_loops_are_the_matrix_of_bfgs_and_newton_where_all_pairs_are_known():
    curvature = np.diag([1.0, 4.0, 9.0])
    steps = list(np.eye(3))
    changes = [curvature @ step for step in steps]
    gradient = np.array([1.0, 1.0, 1.0])
    assert np.allclose(training_loops.two_loops(gradient, steps, changes), -np.linalg.solve(curvature, gradient))
    assert np.allclose(training_loops._dense(gradient, steps, changes), [-1, -1 / 4, -1 / 9])


def test_gaps_between_groups_by_hand():
    group = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    y = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    said = np.array([0, 0, 1, 0, 1, 0, 1, 1])
    # selected: 1 of 4 and 3 of 4; false positives 0 of 2 and 1 of 2; recall 1 of 2 and 2 of 2
    assert data_and_fairness._gaps(said, y, group) == {"impact": pytest.approx(1 / 3), "odds": pytest.approx(0.5)}
    pytest.importorskip("fairlearn")
    assert data_and_fairness._by_library(said, y, group) == pytest.approx({"impact": 1 / 3, "odds": 0.5})


def test_an_adversary_that_is_left_out_leaves_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    X, y, group, _ = data_and_fairness._people(0)
    weights = data_and_fairness._trained(X[:500], y[:500], group[:500], strength=0.0)
    exact = LogisticRegression(C=np.inf, tol=1e-8).fit(X[:500], y[:500])
    assert np.allclose(weights, [*exact.coef_[0], exact.intercept_[0]], atol=0.05)


def test_boosting_on_soft_labels_reaches_them():
    X = np.linspace(-1, 1, 60)[:, None]
    soft = np.where(X < 0, [[0.7, 0.2, 0.1]], [[0.1, 0.1, 0.8]])
    assert np.allclose(divergence_elsewhere._boosted(X, soft, X), soft, atol=0.01)


def test_clusters_of_counts_that_do_not_overlap():
    counts = np.kron(np.eye(2), np.full((5, 3), 4.0))
    found = divergence_elsewhere._k_means(counts, 2, np.random.default_rng(0), kl=True)
    assert len(set(found[:5])) == len(set(found[5:])) == 1 and found[0] != found[-1]


def test_what_a_split_gains_is_a_divergence():
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier

    X, y = load_iris(return_X_y=True)
    for criterion, same in (("entropy", True), ("gini", False)):
        tree = DecisionTreeClassifier(criterion=criterion, random_state=0).fit(X, y)
        gap = divergence_elsewhere._gain(tree, y, tree.decision_path(X).toarray().astype(bool))
        assert (gap < 1e-12) is same
    # the first split of iris: log 3 less two thirds of log 2
    tree = DecisionTreeClassifier(criterion="entropy", max_depth=1).fit(X, y)
    assert math.isclose(tree.tree_.impurity[0] * math.log(2), math.log(3))


def test_images_are_moved_by_at_most_a_pixel():
    image = np.zeros((1, 64), np.float32)
    image[0, 3 * 8 + 4] = 1
    places = {divmod(int(_few_labels._shifted(image, np.random.default_rng(seed)).argmax()), 8) for seed in range(60)}
    assert places == set(itertools.product((2, 3, 4), (3, 4, 5)))


def test_frozen_weights_stay_and_the_others_follow_the_gradient():
    network = lossmith.models.get("mlp:hidden=3,activation=tanh").network((2,), 2)
    start = _tuning.drawn_weights(network, np.random.default_rng(0), deviation=0.5)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(1, 8, 2)), np.eye(2)[rng.integers(0, 2, (1, 8))]
    descent = _tuning.Descent(0.5, 1, batch=8, momentum=0.0)
    ended = _tuning.tuned(network, [start], x, y, descent=descent, seed=0, frozen=2)
    assert all((new[0] == np.float32(old)).all() for new, old in zip(ended[:2], start[:2], strict=True))
    hidden = np.tanh(x[0] @ start[0] + start[1])
    raw = hidden @ start[2] + start[3]
    chance = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    assert np.allclose(ended[2][0], start[2] - 0.5 * hidden.T @ (chance - y[0]) / 8, atol=1e-6)
    assert np.allclose(_tuning.answers(network, ended, x)[0], hidden @ ended[2][0] + ended[3][0], atol=1e-5)


def test_libraries_that_are_not_installed_are_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "shap", None)
    row = explanations._local(3)
    assert row.verdict == "not run" and not row.measured and "lossmith[explain]" in row.remark


def test_every_figure_has_a_caption_and_every_caption_a_figure():
    written = tomllib.loads((GALLERY / "captions.toml").read_text(encoding="utf-8"))
    assert written == {
        name.removesuffix(".svg"): {"title": one.title, "claim": one.claim, "study": one.study}
        for name, one in gallery.captions(GALLERY.parent).items()
    }, "python docs/draw_gallery.py --captions writes them"
    assert {path.stem for path in GALLERY.glob("*.svg")} == set(written) and set(gallery.DRAWN) < set(gallery.CAPTIONS)
    for name, one in written.items():
        assert one["claim"] in STUDIES[one["study"]].claims, name


def test_a_figure_of_a_study_takes_the_claim_of_its_row(tmp_path):
    from lossmith.studies._spec import Row, StudyResult
    from lossmith.studies.ledger import write_result

    row = Row("H-S01", "a map", "", "1", "no number in source", "", {}, "new.svg")
    result = StudyResult("maps", (row,), {"new.svg": "<svg/>", "other.svg": "<svg/>", "table.csv": ""})
    write_result(result, tmp_path, versions={})
    found = gallery.captions(tmp_path)
    assert found["new.svg"] == gallery.Caption("a map", "H-S01", "maps") and found["other.svg"].study == "maps"
    assert set(found) == {"new.svg", "other.svg"}


@pytest.mark.parametrize("name", ["rbf-widths.svg", "constraints-region.svg", "convolutions-pixel-use.svg"])
def test_figures_are_equal_bytes_every_time(name):
    one, two = (gallery.DRAWN[name]() for _ in range(2))
    assert one == two and one.startswith("<?xml") and len(one) < 60_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["early_networks", "explanations", "data_and_fairness", "divergence_elsewhere", "training_loops"]
)
def test_quick_studies_return_every_claim(name):
    found = STUDIES[name].run(quick=True)
    assert [row.id for row in found.rows] == list(STUDIES[name].claims)
    assert {row.figure for row in found.rows if row.figure} == set(found.figures)
    assert all(picture.startswith("<?xml") for picture in found.figures.values())
    assert all(np.isfinite(list(row.values.values())).all() for row in found.rows)
    values = {row.id: row.values for row in found.rows}
    if name == "early_networks":
        assert (values["H1-01"]["two"], values["H1-01"]["three"]) == (14, 104)  # Muroga, 1971
        assert values["H1-03"]["unmoved"] == 0 and values["H1-03"]["error_PCA"] < values["H1-03"]["error_the mean"]
    elif name == "explanations":
        assert values["H1-04"]["agree"] == 1 and values["H1-05"]["importance_0"] == pytest.approx(18, rel=0.05)
    elif name == "data_and_fairness":
        assert values["H1-10"]["blind flips"] == 0 < values["H1-10"]["not blind flips"]
    elif name == "divergence_elsewhere":
        assert values["K-15"]["metric"] == 0 < values["K-15"]["triangle"]
    else:
        assert values["H-T04"] == {"same": 2, "refused": 4} and values["H-T05"]["weighted"] == pytest.approx(3.8)


@pytest.mark.peers
def test_local_explanations_with_their_libraries():
    pytest.importorskip("shap")
    pytest.importorskip("lime")
    row = explanations._local(3)
    assert row.verdict == "reproduced" and row.values["sums"] < 1e-6
