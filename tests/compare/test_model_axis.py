"""Models as a factor: corrected intervals by hand, folds that keep groups and time, and what cannot be compared."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from polars.testing import assert_frame_equal
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.preprocessing import StandardScaler

from lossmith._errors import LossmithError
from lossmith.compare import compare_models, model_axis, resume, statistics
from lossmith.compare import load as load_run
from lossmith.compare._model_entries import entries, is_model_axis
from lossmith.compare._model_folds import make_folds
from lossmith.compare.store import Store
from lossmith.data import load

RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 3))
Y = (X[:, 0] + 0.5 * RNG.normal(size=240) > 0).astype(int)
NUMBERS = X[:, 0] - 2 * X[:, 1] + 0.1 * RNG.normal(size=240)


def test_corrected_interval_by_hand():
    """Nadeau and Bengio: variance (1/J + n_test/n_train) s^2, J - 1 degrees of freedom."""
    d = np.array([0.02, 0.01, 0.03, 0.00, 0.02])
    found = statistics.contrast(d, overlap=0.25)
    assert_allclose(found.error, d.std(ddof=1) * np.sqrt(1 / 5 + 0.25))
    half = stats.t.ppf(0.975, 4) * d.std(ddof=1) * np.sqrt(0.45)
    assert_allclose(statistics.interval(found, 0.95), (d.mean() - half, d.mean() + half))
    assert_allclose(found.floor, 0.25 * d.var(ddof=1))
    assert statistics.contrast(np.zeros(4), overlap=0.25).error == 0.0


def test_no_number_of_folds_removes_what_folds_share():
    """The floor alone is wider than the margin: nothing is promised."""
    found = statistics.contrast(np.array([0.3, -0.2, 0.25, -0.15]), overlap=0.25)
    assert statistics.seeds_needed(found, margin=0.1, level=0.95) is None


def test_folds_are_those_of_scikit_learn_and_scores_too():
    result = compare_models((X, Y), models="logistic", folds="3x2", task="binary")
    expected = []
    for train, test in RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0).split(X, Y):
        scaler = StandardScaler().fit(X[train])
        model = LogisticRegression(max_iter=500).fit(scaler.transform(X[train]), Y[train])
        expected.append(accuracy_score(Y[test], model.predict(scaler.transform(X[test]))))
    scores = result.trials.filter(pl.col("model") == "logistic").sort("fold")["accuracy"]
    assert_allclose(scores, expected, atol=1 / 80 + 1e-9)
    line = next(one for one in result.standings if one.label == "logistic")
    spread = scores.to_numpy().std(ddof=1) * np.sqrt(1 / 6 + 0.5) * stats.t.ppf(0.975, 5)
    assert_allclose(line.metric.high - line.metric.low, 2 * spread)


def test_several_models_and_the_constant():
    result = compare_models((X, Y), models="logistic,knn:n_neighbors=7,linear_svm", folds="4", task="binary")
    table = result.table()
    assert set(table["model"]) == {"logistic", "knn:n_neighbors=7", "linear_svm", "majority"}
    assert table["verdict"][0] == "best" and table.filter(pl.col("model") == "majority")["verdict"].item() == "worse"
    by_label = {one.label: one for one in result.standings}
    assert by_label["linear_svm"].calibrated and not by_label["logistic"].calibrated
    assert np.isfinite(by_label["linear_svm"].metrics["log_loss"])
    assert result.verdict.startswith(("Use", "Leading"))
    loaded = json.loads(result.to_json())
    assert len(loaded["trials"]) == 16 and loaded["folds"] == "4 stratified folds"


def test_models_are_crossed_with_the_losses_they_offer():
    result = compare_models(
        (X, NUMBERS), models="hist_gradient_boosting:max_iter=5,linear", losses="mse,quantile:quantile=0.5", folds="2"
    )
    labels = set(result.table()["model"])
    assert "hist_gradient_boosting:max_iter=5 (quantile:quantile=0.5)" in labels
    assert "linear (mean_squared_error)" in labels and "linear (quantile:quantile=0.5)" not in labels
    assert result.standings[0].model == "linear"


def test_a_network_stands_beside_classical_models():
    result = compare_models(
        (X, Y), models="mlp:hidden=4,tree", folds="2", epochs=20, learning_rates=[0.3], task="binary"
    )
    scores = result.trials.filter(pl.col("model") == "mlp:hidden=4")["accuracy"]
    assert (scores > 0.7).all() and len(scores) == 2


def test_a_model_that_fails_is_counted():
    target = np.abs(NUMBERS)
    target[:3] = -1.0
    result = compare_models(
        (X, target), models="hist_gradient_boosting:max_iter=3,linear", losses="poisson,mse", folds="3"
    )
    line = (
        next(one for one in result.standings if one.loss == "poisson")
        if any(one.loss == "poisson" for one in result.standings)
        else None
    )
    assert line is None or line.n_failed > 0
    assert any("poisson" in words and "failed" in words for words in result.decisions)


def test_groups_stay_on_one_side_and_time_goes_forward():
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "who": np.repeat(np.arange(24), 10), "y": Y})
    grouped = load(frame, target="y", group="who")
    for train, test in make_folds(grouped, "4x2", seed=0).parts:
        assert not set(grouped.groups[train]) & set(grouped.groups[test])
    folds = make_folds(grouped, "3", seed=0)
    kept, watched = folds.watched(0, grouped, seed=0)
    assert not set(grouped.groups[kept]) & set(grouped.groups[watched])
    ordered = load(frame.with_columns(t=RNG.permutation(240)), target="y", order="t")
    for train, test in make_folds(ordered, "4", seed=0).parts:
        assert ordered.order[train].max() < ordered.order[test].min()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": "nope"}, "unknown model 'nope'"),
        ({"models": "lasso,knn"}, "for a binary task"),
        ({"models": "knn,knn"}, "named twice"),
        ({"models": "knn:neighbours=3,lda"}, "did you mean 'n_neighbors'"),
        ({"models": "knn:n_neighbors=-1,lda"}, "knn:n_neighbors=-1"),
        ({"models": "knn,lda", "losses": "hinge"}, "no model trains with 'hinge'"),
        ({"models": "knn,mlp", "losses": "mse"}, "on a binary task"),
        ({"models": "knn,lda", "folds": "1"}, "folds and repeats"),
        ({"models": "knn,lda", "folds": "300"}, "at most"),
        ({"models": "knn,lda", "folds": "holdout:x"}, "number of draws"),
        ({"models": ""}, "no model named"),
        ({"models": "knn,lda", "metric": "rmse"}, "for a binary task"),
    ],
)
def test_what_cannot_be_compared_is_said(options, message):
    with pytest.raises(LossmithError, match=message) as error:
        compare_models((X, Y), task="binary", **options)
    assert "\n" not in str(error.value)


def test_when_models_are_the_factor():
    assert is_model_axis(["rbf"]) and is_model_axis(["mlp", "mlp:hidden=4"]) and not is_model_axis(["mlp"])
    found, notes = entries("lda,sgd", "hinge", load((X, Y), task="binary"))
    assert [one.label for one in found] == ["sgd (hinge)"] and notes[0].startswith("lda left out")


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        ("hist_gradient_boosting:loss=poisson", "poisson"),
        ("tree:criterion=absolute_error", "mean_absolute_error"),
        ("rbf:loss=huber", "own: huber"),
        ("hist_gradient_boosting:max_iter=5", "mean_squared_error"),
    ],
)
def test_a_loss_in_the_name_of_a_model_is_shown(model, loss):
    found, _ = entries(model, None, load((X, NUMBERS)))
    assert (found[0].label, found[0].loss) == (model, loss)


def test_the_time_limit_leaves_two_folds():
    ticks = iter(range(10_000))
    result = compare_models(
        (X, Y), models="lda,tree", folds="10", time_limit=5, clock=lambda: next(ticks), task="binary"
    )
    assert len(set(result.trials["fold"])) < 10 and "stopped by the time limit" in result.decisions[-1]


def test_an_interrupted_comparison_goes_on_where_it_stopped(tmp_path, monkeypatch):
    """Three of six scores are there when it stops; the other three are computed, and the result is that of one go."""
    options = {"models": "lda,tree:max_depth=2", "folds": "3", "task": "binary"}
    store, computed, real = tmp_path / "runs.db", [], model_axis.scores

    def counted(entry, seat, plan, *, fold):
        computed.append((entry.label, fold))
        if len(computed) == 4:
            raise KeyboardInterrupt
        return real(entry, seat, plan, fold=fold)

    monkeypatch.setattr(model_axis, "scores", counted)
    with pytest.raises(KeyboardInterrupt):
        compare_models((X, Y), store=store, **options)
    result = compare_models((X, Y), store=store, **options)
    assert len(computed) == 7 and computed[3] == computed[4]
    monkeypatch.undo()
    whole = compare_models((X, Y), **options)
    assert_frame_equal(result.trials, whole.trials)
    kept = load_run(1, store=store)
    assert_frame_equal(kept.trials, whole.trials)
    assert kept.standings == result.standings and kept.verdict == whole.verdict
    # other choices are another run, and arrays cannot be read again
    compare_models((X, Y), store=store, **{**options, "seed": 1})
    assert load_run(store=store).trials.equals(whole.trials) is False
    with Store.open(store) as opened:
        assert [row.kind for row in opened.runs()] == ["models", "models"]


def test_a_comparison_of_a_file_is_resumed_by_its_number(tmp_path, monkeypatch):
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": Y})
    frame.write_csv(tmp_path / "rows.csv")
    options = {"models": "lda,knn", "folds": "2", "target": "y", "store": tmp_path / "runs.db"}

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(model_axis, "scores", stop)
    with pytest.raises(KeyboardInterrupt):
        compare_models(tmp_path / "rows.csv", **options)
    monkeypatch.undo()
    assert set(resume(1, store=options["store"]).trials["model"]) == {"lda", "knn", "majority"}
    frame.with_columns(pl.col("a") + 1).write_csv(tmp_path / "rows.csv")
    monkeypatch.setattr(model_axis, "scores", stop)
    frame.write_csv(tmp_path / "rows.csv")
    with pytest.raises(KeyboardInterrupt):
        compare_models(tmp_path / "rows.csv", **{**options, "seed": 3})
    frame.with_columns(pl.col("a") + 1).write_csv(tmp_path / "rows.csv")
    with pytest.raises(LossmithError, match="the data of run 2 changed"):
        resume(2, store=options["store"])


def test_a_plan_trains_nothing(monkeypatch):
    monkeypatch.setattr(model_axis, "_tried", None)
    plan = compare_models((X, Y), models="mlp:hidden=4,lda", folds="4x2", task="binary", dry_run=True)
    # five learning rates of the network and one density, eight folds
    assert plan.trainings == 8 * 6 and plan.n_folds == 8 and "4 stratified folds, 2 times" in str(plan)
    assert plan.table()["trainings"].to_list() == [40, 8] and json.loads(plan.to_json())["trainings"] == 48
