"""Sequential execution: the same numbers as stacked and as Keras, no loop primitive, runs in threads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fit_reference import TOLERANCE, L, Work, circles, engine, fit, keras, mlp, part

from lossmith import losses
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer, choose_execution, group_bytes
from lossmith.training.execution import check_memory
from lossmith.training.optimizers import make_optimizer


def convolutional():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            L.Conv2D(4, 3, activation="relu"),
            L.MaxPooling2D(),
            L.Dropout(0.2),
            L.Flatten(),
            L.Dense(1),
        ]
    )


def images(n_rows, seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n_rows).astype(np.float32)
    x = rng.normal(size=(n_rows, 8, 8, 1)).astype(np.float32)
    x[:, 2:5, 2:5] += label[:, None, None, None]
    return x, label


WORK = Work(
    convolutional,
    "sgd:momentum=0.9",
    "binary_crossentropy",
    lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    n_train=70,
    n_test=30,
    epochs=18,
)


def test_a_convolutional_body_equals_fit():
    train, test = images(70, 1), images(30, 2)
    schedule = Schedule(18, 32, watch_training=True)
    result = engine(WORK, train, test, seeds=(3, 8), rates=(0.05, 0.01), schedule=schedule)
    assert choose_execution(convolutional()) == "sequential"
    for place, seed, at, rate in ((0, 3, 0, 0.05), (1, 8, 1, 0.01)):
        model = WORK.network()
        optimizer = make_optimizer(WORK.optimizer, learning_rate=rate)
        history = fit(model, optimizer, WORK.keras_loss(), train, seed=seed, epochs=18, batch_size=32, validation=test)
        np.testing.assert_allclose(result.curves["loss"][place, at], history["loss"], **TOLERANCE)
        np.testing.assert_allclose(result.curves["test_loss"][place, at], history["val_loss"], **TOLERANCE)
        np.testing.assert_allclose(result.raw["test"][place, at], model.predict(test[0], verbose=0), **TOLERANCE)
        train_loss = model.evaluate(*train, verbose=0)
        np.testing.assert_allclose(result.curves["train_loss"][place, at, -1], train_loss, **TOLERANCE)
        for ours, theirs in zip(result.weights, model.variables, strict=True):
            np.testing.assert_allclose(ours[place, at], np.asarray(theirs.value), err_msg=theirs.path, **TOLERANCE)


@pytest.mark.parametrize("optimizer", ["adam:use_ema=true,ema_momentum=0.9", "sgd:momentum=0.9,clipnorm=0.1"])
def test_both_executions_give_the_same_numbers(optimizer):
    work = Work(mlp(), optimizer, "binary_crossentropy", lambda: None, epochs=8)
    train, test = circles(100, 1), circles(40, 2)
    options = {"names": ("binary_crossentropy", "brier"), "rates": (0.05, 0.01)}
    stacked = engine(work, train, test, execution="stacked", **options)
    sequential = engine(work, train, test, execution="sequential", **options)
    assert stacked.curves.keys() == sequential.curves.keys()
    for name, curve in stacked.curves.items():
        np.testing.assert_allclose(curve, sequential.curves[name], err_msg=name, **TOLERANCE)
    np.testing.assert_allclose(stacked.raw["test"], sequential.raw["test"], **TOLERANCE)
    for value, twin in zip(stacked.weights, sequential.weights, strict=True):
        np.testing.assert_allclose(value, twin, **TOLERANCE)
        assert value.dtype == twin.dtype
    np.testing.assert_array_equal(stacked.last_epoch, sequential.last_epoch)


def test_sequential_runs_with_rows_of_their_own():
    rng = np.random.default_rng(0)
    rows = Part(rng.normal(size=(3, 50, 2)).astype(np.float32), (rng.normal(size=(3, 50)).astype(np.float32),))
    held = Part(rng.normal(size=(3, 20, 2)).astype(np.float32), (rng.normal(size=(3, 20)).astype(np.float32),))
    results = []
    for execution in ("stacked", "sequential"):
        procedure = GradientProcedure(mlp()(), make_optimizer("adam"), [losses.get("mse")], [0])
        trainer = Trainer(procedure, [0, 0], [0.01, 0.03], Schedule(5, 16), execution=execution)
        results.append(trainer.train(GroupData((1, 2, 3), rows, {"held": held})))
    for value, twin in zip(results[0].weights, results[1].weights, strict=True):
        np.testing.assert_allclose(value, twin, **TOLERANCE)
    np.testing.assert_allclose(results[0].raw["held"], results[1].raw["held"], **TOLERANCE)


def test_a_run_that_explodes_stops_alone():
    work = replace(Work(mlp(), "sgd", "binary_crossentropy", lambda: None), epochs=4)
    train, test = circles(100, 1), circles(40, 2)
    healthy = engine(work, train, test, rates=(0.05, 0.01), execution="sequential")
    exploded = engine(work, train, test, rates=(0.05, np.nan), execution="sequential")
    for value, twin in zip(healthy.weights, exploded.weights, strict=True):
        np.testing.assert_array_equal(value[:, 0], twin[:, 0])
    assert exploded.diverged.tolist() == [[0, 1], [0, 1]]
    assert exploded.last_epoch.tolist() == [[4, 1], [4, 1]]


def test_a_second_group_compiles_nothing():
    procedure = GradientProcedure(mlp()(), make_optimizer("sgd"), [losses.get("bce")], [0])
    trainer = Trainer(procedure, [0], [0.1], Schedule(2, 32), execution="sequential")
    rows = part(*circles(70, 1))
    first = trainer.train(GroupData((1,), rows, {"test": rows}))
    compiled = trainer.compilations
    again = trainer.train(GroupData((1,), rows, {"test": rows}))
    assert trainer.compilations == compiled > 0
    np.testing.assert_array_equal(first.raw["test"], again.raw["test"])


def test_no_step_stands_inside_a_loop_primitive():
    import jax

    procedure = GradientProcedure(convolutional(), make_optimizer("sgd"), [losses.get("bce")], [0])
    trainer = Trainer(procedure, [0], [0.1], Schedule(2, 32))
    x, y = images(64, 1)
    trainer.compile(GroupData((1,), part(x, y), {"test": part(x, y)}))
    texts = [step.as_text() for step in trainer._compiled._steps.values()]
    assert texts and all("convolution" in text or "conv" in text for text in texts)
    # the draw of random bits has a loop of its own; no convolution stands within a loop
    for text in texts:
        bodies = [block for block in text.split("\n\n") if "region" in block.split("(")[0]]
        assert not any(" convolution(" in block for block in bodies)
    assert jax.default_backend() == "cpu"


@pytest.mark.parametrize(
    ("layer", "shape", "execution"),
    [
        (lambda: L.Conv1D(2, 2), (6, 2), "sequential"),
        (lambda: L.Conv2DTranspose(2, 2), (6, 6, 2), "sequential"),
        (lambda: L.SeparableConv2D(2, 2), (6, 6, 2), "sequential"),
        (lambda: keras.Sequential([L.DepthwiseConv2D(2)]), (6, 6, 2), "sequential"),
        (lambda: L.TimeDistributed(L.Conv1D(2, 2)), (5, 6, 2), "sequential"),
        (lambda: L.LSTM(3), (6, 2), "stacked"),
        (lambda: L.Dense(3), (6,), "stacked"),
        (lambda: L.MaxPooling2D(), (6, 6, 2), "stacked"),
    ],
)
def test_only_convolutions_are_trained_one_by_one(layer, shape, execution):
    model = keras.Sequential([keras.Input(shape), layer(), L.Flatten(), L.Dense(1)])
    assert choose_execution(model) == execution
    procedure = GradientProcedure(model, make_optimizer("sgd"), [losses.get("mse")], [0])
    assert Trainer(procedure, [0], [0.1], Schedule(1, 1)).execution == execution
    assert Trainer(procedure, [0], [0.1], Schedule(1, 1), execution="stacked").execution == "stacked"


def test_bytes_grow_with_what_a_group_holds():
    def needed(*, width=64, seeds=4, rows=100, batch=32, execution="stacked", **schedule):
        network = mlp(width=width)()
        procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("mse")], [0])
        x, y = np.zeros((1, rows, 2), np.float32), np.zeros((1, rows), np.float32)
        data = GroupData(tuple(range(seeds)), Part(x, (y,)), {})
        return group_bytes(procedure, Schedule(1, batch, **schedule), data, 2, execution=execution)

    # weights and both moments of Adam of 8 runs: a lower bound that is exact
    weights = 4 * (2 * 64 + 64 + 64 * 64 + 64 + 64 + 1)
    assert needed() > 8 * 3 * weights
    assert needed(seeds=8) > 1.9 * needed()
    assert needed(rows=10**6) - needed(rows=10**5) == 9 * 10**5 * 3 * 4
    assert needed(width=1024) > 100 * needed(width=64)
    assert needed(batch=64) > needed()
    assert needed(restore_best=True, monitor="loss") > needed()
    assert needed(execution="sequential") < needed() / 7


def test_a_group_that_cannot_fit_is_refused_before_it_is_built(monkeypatch):
    with pytest.raises(ValueError, match=r"45 runs needs about 9\.3 GiB; expected at most the 0\.9 GiB.*train 4 runs"):
        check_memory(10**10, 45, free=10**9)
    with pytest.raises(ValueError, match="use a smaller model"):
        check_memory(10**10, 1, free=10**9)
    check_memory(10**9, 45, free=10**9)
    monkeypatch.setattr("lossmith.training.execution.free_bytes", lambda: 1_000)
    procedure = GradientProcedure(mlp()(), make_optimizer("sgd"), [losses.get("bce")], [0])
    rows = part(*circles(70, 1))
    with pytest.raises(ValueError, match="a group of 1 runs"):
        Trainer(procedure, [0], [0.1], Schedule(2, 32)).compile(GroupData((1,), rows, {}))
    monkeypatch.setattr("lossmith.training.execution.free_bytes", lambda: None)
    Trainer(procedure, [0], [0.1], Schedule(2, 32)).compile(GroupData((1,), rows, {}))
