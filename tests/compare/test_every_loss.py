"""Every loss whose head fits can be compared, and its model predicts, is saved, loaded and exported."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, softmax

from lossmith import models
from lossmith._errors import InvalidInputError
from lossmith.compare.networks import keras_model
from lossmith.compare.plan import select_losses
from lossmith.compare.trained import TrainedModel
from lossmith.losses import EVERY
from lossmith.losses.encoding import FittedEncoding
from lossmith.report import write_report
from trained_runs import Trained, ended

UNUSUAL = {  # one loss of each head that is not among the usual ones, and those that need their whole batch
    "binary": "auc_logistic,margin_logistic",
    "multiclass": "cumulative_link,entmax,sparsemax,bi_tempered:t2=2,one_versus_rest_crossentropy,squentropy",
    "regression": "student_t_nll,quantiles,adaptive_robust,expectile:expectile=0.8,mean_squared_logarithmic_error",
}


def table(task: str) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3))
    pull = x @ [1.0, -2.0, 0.5] + 0.4 * rng.normal(size=150)
    target = {
        "regression": np.exp(0.4 * pull),
        "binary": np.where(pull > 0, "yes", "no"),
        "multiclass": np.digitize(pull, [-1.5, 0, 1.5]).astype(str),
    }[task]
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": target})


def compared(task: str, losses: str, epochs: int = 4) -> Trained:
    return ended(table(task), target="y", losses=losses, epochs=epochs, model="mlp:hidden=6")


def by_hand(loss, raw: np.ndarray, platt: np.ndarray | None) -> np.ndarray:
    """Return probabilities from textbook formulas, for heads that SciPy knows."""
    if platt is not None:
        score = platt[0] * raw + platt[1]
        return softmax(score, axis=1) if raw.shape[1] > 1 else np.column_stack([1 - expit(score), expit(score)])
    if loss.head.name == "cumulative":
        below = expit(
            raw[:, 1:2] - raw[:, :1] + np.cumsum(np.column_stack([0 * raw[:, 0], np.log1p(np.exp(raw[:, 2:]))]), 1)
        )
        return np.diff(np.column_stack([0 * raw[:, 0], below, 0 * raw[:, 0] + 1]), axis=1)
    return softmax(raw, axis=1) if raw.shape[1] > 1 else np.column_stack([1 - expit(raw), expit(raw)])


def check(task: str, losses: str, folder) -> None:
    done = compared(task, losses)
    comparison, plan = done.comparison(), done.plan
    assert {standing.loss for standing in comparison.standings} == {str(loss) for loss in plan.losses} | set(
        plan.shared
    )
    write_report(comparison, folder / "report.html")
    rows = table(task).drop("y")
    for label, runs in done.runs.items():
        model, loss = done.model(label), runs.loss
        model.save(folder / "model.safetensors")
        again = TrainedModel.load(folder / "model.safetensors")
        assert again.loss == loss and again.task == task
        np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
        inputs = model.encode(rows)
        wanted = model.predict(rows)[:, None]
        if task != "regression":
            wanted = model.predict_proba(rows)
            np.testing.assert_allclose(wanted.sum(axis=1), 1.0, atol=1e-5, err_msg=label)
            if loss.head.name in ("softmax", "sigmoid", "cumulative") or model.platt is not None:
                np.testing.assert_allclose(
                    wanted, by_hand(loss, model.raw(inputs), model.platt), atol=1e-5, err_msg=label
                )
            if loss.head.name not in ("margin", "tanh_margin"):  # these are cut at score 0
                sure = np.abs(np.sort(wanted, axis=1)[:, -1] - np.sort(wanted, axis=1)[:, -2]) > 1e-6
                chosen = np.asarray(model.class_names)[wanted.argmax(axis=1)]
                np.testing.assert_array_equal(model.predict(rows)[sure], chosen[sure], err_msg=label)


@pytest.mark.slow
def test_heads_whose_class_or_score_is_not_the_raw_output(tmp_path) -> None:
    check("multiclass", "cumulative_link,one_versus_rest_crossentropy", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("task", UNUSUAL)
def test_heads_that_are_not_usual(task, tmp_path) -> None:
    check(task, UNUSUAL[task], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_loss_of_a_task(task, tmp_path) -> None:
    check(task, "every", tmp_path)


def one_of_each_head() -> list:
    """Return a loss of every head that a comparison trains."""
    found = {loss.head.name: loss for loss in reversed([*EVERY.values()]) if loss.data_task in UNUSUAL}
    return [pytest.param(loss, id=name) for name, loss in found.items()]


@pytest.mark.parametrize("loss", one_of_each_head())
def test_every_head_becomes_a_keras_model(loss, tmp_path) -> None:
    import keras

    rng, n_classes = np.random.default_rng(0), {"binary": 2, "multiclass": 4, "regression": 0}[loss.data_task]
    model, inputs = models.get("mlp:hidden=0"), rng.normal(size=(9, 3)).astype(np.float32)
    weights = [rng.normal(size=(3, loss.units(n_classes or None))), rng.normal(size=loss.units(n_classes or None))]
    weights = [weight.astype(np.float32) for weight in weights]
    raw = inputs.astype(float) @ weights[0].astype(float) + weights[1]
    platt = np.array([1.3, 0.2]) if loss.head.gives == "score" else None
    encoding = (
        FittedEncoding(loss.encoding, 1.5, 2.5) if not n_classes else FittedEncoding(loss.encoding, n_classes=n_classes)
    )
    made = keras_model(model, weights, input_shape=(3,), loss=loss, encoding=encoding, platt=platt)
    if loss.head.name in ("sparsemax", "entmax", "tempered_softmax", "cumulative", "quantiles"):
        made.save(tmp_path / "model.keras")
        made = keras.saving.load_model(tmp_path / "model.keras")
    wanted = np.asarray(loss.predict(raw if loss.head.units != 1 else raw[:, 0]))
    if platt is not None:
        wanted = by_hand(loss, raw, platt) if n_classes > 2 else by_hand(loss, raw, platt)[:, 1]
    elif not n_classes:
        wanted = 2.5 * wanted + 1.5
    found = np.asarray(made(inputs))
    np.testing.assert_allclose(found if wanted.ndim == 2 else found[:, 0], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_area_under_the_curve_is_trained_and_classes_come_after_calibration() -> None:
    shown = compared("binary", "auc_logistic,binary_crossentropy", epochs=30).comparison().table()
    area = dict(shown.select("loss", "roc_auc").iter_rows())
    accuracy = dict(shown.select("loss", "accuracy").iter_rows())
    assert area["auc_logistic"] > 0.9 and abs(area["auc_logistic"] - area["binary_crossentropy"]) < 0.05
    assert accuracy["auc_logistic"] > 0.8


def test_every_means_the_whole_catalogue() -> None:
    chosen = [loss.name for loss in select_losses("every", "multiclass")]
    assert chosen == [loss.name for loss in EVERY.values() if loss.task in ("multiclass", "ordinal")]
    assert len(select_losses("every", "regression")) == 26
    # commas of parameters belong to their loss
    two = select_losses("symmetric_crossentropy:alpha=0.2,beta=2,squared_emd", "multiclass")
    assert [str(loss) for loss in two] == ["symmetric_crossentropy:alpha=0.2,beta=2", "squared_emd"]


@pytest.mark.parametrize("name", ["dice", "listwise_softmax", "triplet"])
def test_a_loss_for_other_targets_is_refused(name) -> None:
    with pytest.raises(InvalidInputError, match="the task is multiclass"):
        select_losses(name, "multiclass")
