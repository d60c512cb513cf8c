"""Early stopping and best weights by mask equal Keras's callbacks; progress, cancelling, interrupting."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
from fit_reference import TOLERANCE, Work, circles, engine, fit, keras, mlp, part

from lossmith import losses
from lossmith.training import Cancelled, GradientProcedure, GroupData, Schedule, Trainer, train_groups
from lossmith.training.optimizers import make_optimizer

WORK = Work(
    mlp(width=24),
    "sgd:momentum=0.9",
    "binary_crossentropy",
    lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    n_train=80,
    n_test=60,
    epochs=60,
    batch_size=16,
)
TRAIN, TEST = circles(80, 1), circles(60, 2)
SEEDS, RATES = (3, 8), (0.3, 0.03)


@pytest.mark.parametrize("execution", ["stacked", "sequential"])
def test_early_stopping_equals_the_callback_of_keras(execution):
    schedule = Schedule(60, 16, patience=4, restore_best=True, monitor="test")
    result = engine(WORK, TRAIN, TEST, seeds=SEEDS, rates=RATES, schedule=schedule, execution=execution)
    assert len(set(result.last_epoch.ravel().tolist())) > 2  # runs stop one by one
    for place, at in ((0, 0), (1, 0), (0, 1)):
        stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=4, restore_best_weights=True)
        model = WORK.network()
        history = fit(
            model,
            make_optimizer(WORK.optimizer, learning_rate=RATES[at]),
            WORK.keras_loss(),
            TRAIN,
            seed=SEEDS[place],
            epochs=60,
            batch_size=16,
            validation=TEST,
            callbacks=[stop],
        )
        epochs = len(history["val_loss"])
        assert result.last_epoch[place, at] == epochs
        assert result.best_epoch[place, at] == stop.best_epoch + 1
        np.testing.assert_allclose(result.curves["test_loss"][place, at, :epochs], history["val_loss"], **TOLERANCE)
        assert np.isnan(result.curves["test_loss"][place, at, epochs:]).all()
        for ours, theirs in zip(result.weights, model.weights, strict=True):
            np.testing.assert_allclose(ours[place, at], np.asarray(theirs.value), rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(
            result.raw["test"][place, at], model.predict(TEST[0], verbose=0), rtol=2e-3, atol=2e-3
        )


def test_patience_alone_keeps_the_last_weights():
    kept = engine(WORK, TRAIN, TEST, seeds=(3,), rates=(0.3,), schedule=Schedule(60, 16, patience=4, monitor="test"))
    stopped = int(kept.last_epoch.item())
    assert kept.best_epoch.item() == stopped < 60
    plain = engine(WORK, TRAIN, TEST, seeds=(3,), rates=(0.3,), schedule=Schedule(stopped, 16))
    for value, twin in zip(kept.weights, plain.weights, strict=True):
        np.testing.assert_allclose(value, twin, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("execution", ["stacked", "sequential"])
def test_restoring_the_best_epoch_without_stopping(execution):
    schedule = Schedule(30, 16, restore_best=True, monitor="test")
    result = engine(WORK, TRAIN, TEST, seeds=(3,), rates=(0.3,), schedule=schedule, execution=execution)
    best = int(np.argmin(result.curves["test_loss"][0, 0])) + 1
    assert result.best_epoch.item() == best < 30
    assert result.last_epoch.item() == 30
    until = engine(WORK, TRAIN, TEST, seeds=(3,), rates=(0.3,), schedule=Schedule(best, 16), execution=execution)
    np.testing.assert_allclose(result.raw["test"], until.raw["test"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("execution", ["stacked", "sequential"])
def test_nothing_finite_to_watch_leaves_the_start(execution):
    x, y = TEST
    schedule = Schedule(5, 16, restore_best=True, patience=2, monitor="test")
    result = engine(
        WORK, TRAIN, (x, np.full_like(y, np.nan)), seeds=(3,), rates=(0.3,), schedule=schedule, execution=execution
    )
    assert result.best_epoch.item() == 0 and result.last_epoch.item() == 2 and result.diverged.item() == 0


@pytest.mark.parametrize("execution", ["stacked", "sequential"])
def test_a_tie_is_no_improvement(execution):
    schedule = Schedule(9, 16, restore_best=True, patience=3, monitor="test")
    # rate 0: every epoch is as good as the first, so Keras would stop after 1 + patience
    result = engine(WORK, TRAIN, TEST, seeds=(3,), rates=(0.0,), schedule=schedule, execution=execution)
    assert result.best_epoch.item() == 1 and result.last_epoch.item() == 4


def test_watching_a_part_that_is_not_there_is_refused():
    for schedule in (Schedule(3, 16, patience=2), Schedule(3, 16, restore_best=True, monitor="train")):
        with pytest.raises(ValueError, match=f"monitor '{schedule.monitor}'; expected a part that is evaluated: test"):
            engine(WORK, TRAIN, TEST, schedule=schedule)
    watching = Schedule(3, 16, restore_best=True, monitor="train", watch_training=True)
    assert engine(WORK, TRAIN, TEST, schedule=watching).best_epoch.max() > 0


def trainer(*, epochs=40, execution="auto"):
    procedure = GradientProcedure(mlp()(), make_optimizer("sgd"), [losses.get("bce")], [0])
    ticks = iter(range(10**6))  # every look at the clock costs a second: one epoch in each chunk
    return Trainer(procedure, [0], [0.1], Schedule(epochs, 32), execution=execution, clock=lambda: float(next(ticks)))


def group(*seeds):
    return GroupData(seeds, part(*TRAIN), {"test": part(*TEST)})


@pytest.mark.parametrize("execution", ["stacked", "sequential"])
def test_progress_reaches_the_end(execution):
    seen = []
    trainer(epochs=5, execution=execution).train(group(1), progress=lambda done, every: seen.append((done, every)))
    assert seen[:5] == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("execution", ["stacked", "sequential"])
def test_cancelling_stops_between_chunks(execution):
    stop, seen = threading.Event(), []

    def progress(done, every):
        seen.append(done)
        if done == 3:
            stop.set()

    with pytest.raises(Cancelled):
        trainer(execution=execution).train(group(1), progress=progress, cancelled=stop)
    assert seen == [1, 2, 3]


@pytest.fixture
def interruptible():
    """Let SIGINT raise KeyboardInterrupt, as it does for people; processes of pytest-xdist ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def names_of_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lossmith")]


@pytest.mark.parametrize("execution", ["stacked", "sequential"])
def test_an_interrupt_stops_cleanly_with_finished_groups_handed_over(execution, interruptible):
    finished, made, stop, seen = [], [], threading.Event(), []

    def make(key):
        made.append(key)
        return group(int(key))

    def progress(key, done, every):
        if key == "2":
            seen.append(done)
            if done == 2:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                assert stop.wait(30)

    with pytest.raises(KeyboardInterrupt):
        train_groups(
            trainer(execution=execution),
            [(str(key), lambda key=key: make(str(key))) for key in (1, 2, 3)],
            lambda key, result: finished.append((key, result.last_epoch.item())),
            workers=1,
            progress=progress,
            cancelled=stop,
        )
    assert finished == [("1", 40)]
    assert made == ["1", "2"]  # data of a group are made when its turn comes
    assert seen == [1, 2]
    assert names_of_threads() == []


def test_a_group_that_ends_while_stopping_is_handed_over():
    finished, waiting = [], threading.Event()

    def first():
        waiting.wait(30)
        raise OSError("disk on fire")

    def progress(key, done, every):
        if key == "2" and done == 40:
            waiting.set()

    with pytest.raises(OSError, match="disk on fire"):
        train_groups(
            trainer(),
            [("1", first), ("2", lambda: group(2))],
            lambda key, _: finished.append(key),
            workers=2,
            progress=progress,
        )
    assert finished == ["2"]


def test_a_group_that_fails_stops_the_others_and_loses_nothing_finished():
    finished = []

    def broken():
        raise OSError("disk on fire")

    with pytest.raises(OSError, match="disk on fire"):
        train_groups(
            trainer(), [("1", lambda: group(1)), ("2", broken)], lambda key, _: finished.append(key), workers=1
        )
    assert finished == ["1"]
    assert names_of_threads() == []


def test_a_stop_that_was_asked_for_before_trains_nothing():
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        train_groups(trainer(), [("1", lambda: group(1))], lambda *_: pytest.fail("trained"), cancelled=stop)


def test_all_runs_stopped_ends_the_group():
    seen = []
    schedule = Schedule(50, 16, patience=1, monitor="test")
    work = replace(WORK, epochs=50)
    procedure = GradientProcedure(work.network(), make_optimizer("sgd"), [losses.get(work.loss)], [0])
    ticks = iter(range(10**6))
    one = Trainer(procedure, [0], [30.0], schedule, clock=lambda: float(next(ticks)))
    result = one.train(group(3), progress=lambda done, every: seen.append(done))
    assert seen[-1] == result.last_epoch.item() < 50
