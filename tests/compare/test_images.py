"""Comparisons of images: defaults, baselines, soft and noisy targets, resuming within a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lossmith
from lossmith import data
from lossmith.compare.image_defaults import table_of
from lossmith.compare.run import plan_for
from lossmith.compare.trials import Seats, group_data, head_programs
from lossmith.data._images import image_dataset
from lossmith.data._spec import Split

N, CLASSES = 90, 3


def pictures(*, parts: bool = True, **options: object) -> data.Dataset:
    """Return small grey images, each class bright in its own third."""
    rng = np.random.default_rng(0)
    labels = np.arange(N) % CLASSES
    images = rng.integers(0, 90, (N, 9, 9, 1), dtype=np.uint8)
    for place, label in enumerate(labels):
        images[place, 3 * label : 3 * label + 3] += 120
    rows = np.arange(N, dtype=np.int64)
    split = Split(rows[:50], rows[50:70], rows[70:], redrawn=False) if parts else None
    return image_dataset(
        images,
        labels,
        name="thirds",
        class_names=("a", "b", "c"),
        decisions=(),
        source="thirds",
        parts=split,
        **options,
    )


OPTIONS = {
    "model": "cnn:filters=4,hidden=8,dropout=0.25",
    "learning_rate": 0.02,
    "seeds": 2,
    "epochs": 8,
    "batch_size": 10,
}


def test_plan_of_images() -> None:
    plan = plan_for(pictures(), losses="categorical_crossentropy")
    settings = plan.settings
    assert (settings.model, settings.optimizer, settings.learning_rates) == ("cnn:padding=same", "adam", (0.001,))
    assert [program.group_size for program in head_programs(plan, cores=2)] == [1]
    given = plan_for(pictures(), losses="categorical_crossentropy", learning_rates="0.1,0.2", model="mlp:hidden=4")
    assert given.settings.learning_rates == (0.1, 0.2)
    published = plan_for(
        replace(pictures(), source="cifar10"), losses="kl_divergence", protocol="published", model="cnn:padding=same"
    ).settings
    assert (published.optimizer, published.learning_rate, published.epochs, published.batch_size) == (
        "adam",
        0.001,
        25,
        250,
    )
    assert published.losses == ("keras_kl_divergence",)


def test_bytes_are_neither_copied_nor_scaled() -> None:
    plan = plan_for(pictures(), losses="categorical_crossentropy", **OPTIONS)
    seats = Seats(plan)
    group, _ = group_data(plan, head_programs(plan, cores=1)[0], seats, (0,))
    assert group.train.inputs.dtype == np.uint8 and np.shares_memory(group.train.inputs, plan.dataset.features)
    assert group.train.inputs.shape == (1, 50, 9, 9, 1)


@pytest.mark.slow
def test_a_comparison_learns_and_has_baselines(tmp_path: Path) -> None:
    result = lossmith.compare(
        pictures(),
        losses="categorical_crossentropy,kl_divergence,categorical_brier",
        store=tmp_path / "x.db",
        **OPTIONS,
    )
    assert result.standings[0].metric.mean > 0.9
    assert {one.loss: one.same_as for one in result.standings}["kl_divergence"] == "categorical_crossentropy"
    assert {one.name for one in result.baselines} == {"majority", "logistic", "gradient boosting"}
    assert result.baselines[1].metrics["accuracy"].mean > 0.9
    assert not list(tmp_path.glob("*.unfinished"))
    from lossmith.compare import best_model

    model = best_model(store=tmp_path / "x.db")
    dataset = pictures()
    rows = dataset.parts.test
    assert (model.predict(dataset.features[rows]) == np.asarray(dataset.class_names)[dataset.target[rows]]).mean() > 0.8


@pytest.mark.slow
def test_published_curves_follow_the_validation_rows() -> None:
    result = lossmith.compare(
        pictures(), losses="categorical_crossentropy", protocol="published", **{**OPTIONS, "seeds": 1}
    )
    assert result.standings[0].loss == "keras_categorical_crossentropy"
    names = {curve.quantity for curve in result.curves}
    assert {"train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss"} <= names


def test_soft_targets_reach_the_losses_and_hard_ones_the_metrics() -> None:
    rng = np.random.default_rng(3)
    soft = rng.dirichlet(np.ones(CLASSES), N)
    dataset = pictures(soft_target=soft)
    plan = plan_for(dataset, losses="categorical_crossentropy,reverse_kl_divergence", **OPTIONS)
    # every class has a share above 0: the reverse divergence is defined here, and is not on hard labels
    assert {loss.name for loss in plan.losses} == {"categorical_crossentropy", "reverse_kl_divergence"}
    hard = plan_for(pictures(), losses="categorical_crossentropy,reverse_kl_divergence", **OPTIONS)
    assert [one.loss for one in hard.not_applicable] == ["reverse_kl_divergence"]
    group, seats = group_data(plan, head_programs(plan, cores=1)[0], Seats(plan), (0,))
    np.testing.assert_allclose(group.evaluate["test"].targets[0][0], soft[70:], rtol=1e-6)
    assert np.array_equal(seats[0].target, dataset.target)


@pytest.mark.slow
def test_noisy_labels_train_and_clean_ones_judge() -> None:
    noisy = (np.arange(N) + 1) % CLASSES  # every label wrong in one way
    result = lossmith.compare(
        pictures(training_target=noisy), losses="categorical_crossentropy", **{**OPTIONS, "seeds": 1, "epochs": 12}
    )
    # what was learned from wrong labels is wrong on every test row
    assert result.standings[0].metric.mean < 0.1
    assert result.trials["validation_accuracy"][0] > 0.9


def test_a_killed_comparison_goes_on_within_its_run(tmp_path: Path) -> None:
    options = {**OPTIONS, "losses": "categorical_crossentropy,categorical_brier", "seeds": 1}
    whole = lossmith.compare(pictures(), store=tmp_path / "whole.db", **options)
    calls = []

    def interrupt(done: float, total: float, stage: str, note: str) -> None:
        calls.append(done)
        if stage == "training" and done >= 1:
            raise KeyboardInterrupt

    store = tmp_path / "cut.db"
    with pytest.raises(KeyboardInterrupt):
        lossmith.compare(pictures(), store=store, progress=interrupt, **options)
    (states,) = tmp_path.glob("cut.db.run1.unfinished/*")
    assert len(list(states.glob("*.safetensors"))) == 2
    from lossmith.compare import resume

    again = resume(1, store=store, source=pictures())
    assert [one.metric for one in again.standings] == [one.metric for one in whole.standings]
    assert again.trials.equals(whole.trials)
    assert not list(tmp_path.glob("*.unfinished"))


def test_images_as_small_tables() -> None:
    images = np.zeros((2, 9, 16, 1), np.uint8)
    images[0, :2, :2] = 255  # blocks of 2 x 2 over 9 x 16: 5 x 8 places, the last row of one line
    images[1, 8, 14:] = 51
    table = table_of(images)
    assert table.shape == (2, 40)
    assert table[0].tolist() == [1.0] + [0.0] * 39
    assert table[1, -1] == pytest.approx(0.2) and table[1, :-1].max() == 0
    assert table_of(np.ones((3, 5), np.float32)).shape == (3, 5)


@pytest.mark.slow
def test_the_estimate_trains_a_few_batches() -> None:
    from lossmith.compare.image_defaults import shortened
    from lossmith.compare.run import estimate_seconds

    plan = plan_for(pictures(), losses="categorical_crossentropy", **{**OPTIONS, "epochs": 500})
    group, _ = group_data(plan, head_programs(plan, cores=1)[0], Seats(plan), (0,))
    few, times = shortened(group, batch_size=10, batches=2)
    assert few.train.n_rows == 20 and few.evaluate["test"].n_rows == 20
    # 50 rows to train and 40 to evaluate against 20 and 40
    assert times == pytest.approx((50 + 40 / 3) / (20 + 40 / 3))
    assert 0 < estimate_seconds(plan) < 600


@pytest.mark.slow
def test_the_exported_model_is_made_of_keras_layers(tmp_path: Path) -> None:
    import keras

    options = {**OPTIONS, "seeds": 1, "epochs": 1, "model": "cnn:filters=4,hidden=8,augment=flip"}
    store = tmp_path / "x.db"
    lossmith.compare(pictures(), losses="categorical_crossentropy", store=store, **options)
    from lossmith.compare import best_model

    model, dataset = best_model(store=store), pictures()
    exported = model.to_keras()
    exported.save(tmp_path / "x.keras")
    assert b"lossmith" not in (tmp_path / "x.keras").read_bytes().partition(b"model.weights")[0]
    again = keras.saving.load_model(tmp_path / "x.keras")
    encoded = (dataset.features / 255).astype(np.float32)
    np.testing.assert_allclose(again.predict(encoded, verbose=0), model.predict_proba(dataset.features), atol=1e-5)
