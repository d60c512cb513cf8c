"""Must-show: a stacked run equals `keras.Model.fit` on the same batches, and the same run alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fit_reference import TOLERANCE, L, Work, circles, engine, fit, keras, mlp

from lossmith.training import Schedule
from lossmith.training.optimizers import make_optimizer, optimizer_names

BCE = ("binary_crossentropy", lambda: keras.losses.BinaryCrossentropy(from_logits=True))


def dropout():
    return keras.Sequential(
        [keras.Input((2,)), L.Dense(16, "relu"), L.Dropout(0.3), L.Dense(8, "tanh"), L.Dropout(0.2), L.Dense(1)]
    )


def batch_norm():
    return keras.Sequential(
        [
            keras.Input((2,)),
            L.Dense(16, use_bias=False),
            L.BatchNormalization(momentum=0.9),
            L.Activation("relu"),
            L.Dense(1),
        ]
    )


def both():
    return keras.Sequential(
        [
            keras.Input((2,)),
            L.Dense(16, use_bias=False),
            L.BatchNormalization(),
            L.Activation("relu"),
            L.Dropout(0.25),
            L.Dense(1),
        ]
    )


def activity():
    return keras.Sequential([keras.Input((2,)), L.Dense(12, "relu", activity_regularizer="l2"), L.Dense(1)])


def functional():
    inputs = keras.Input((2,))
    wide = L.Dense(10, "relu")(inputs)
    return keras.Model(inputs, L.Dense(1)(L.Concatenate()([wide, L.LayerNormalization()(L.Dense(4, "gelu")(wide))])))


def recurrent():
    return keras.Sequential([keras.Input((2,)), L.Reshape((2, 1)), L.LSTM(6), L.Dense(1)])


WORKS = {
    "sgd-momentum": Work(mlp(), "sgd:momentum=0.9", *BCE),
    "nesterov": Work(mlp(), "sgd:momentum=0.9,nesterov=true", *BCE),
    "adam": Work(mlp(), "adam", *BCE),
    "adamw": Work(mlp(), "adamw:weight_decay=0.02", *BCE),
    "rmsprop": Work(mlp(), "rmsprop:rho=0.8,momentum=0.3", *BCE),
    "clipnorm": Work(mlp(), "sgd:momentum=0.5,clipnorm=0.01", *BCE),
    "global-clipnorm": Work(mlp(), "sgd:global_clipnorm=0.02", *BCE),
    "averaged": Work(mlp(), "adam:use_ema=true,ema_momentum=0.9", *BCE),
    "averaged-overwritten": Work(mlp(), "sgd:use_ema=true,ema_momentum=0.9,ema_overwrite_frequency=7", *BCE),
    "accumulated": Work(mlp(), "adam:gradient_accumulation_steps=3", *BCE),
    "l2": Work(mlp(kernel_regularizer="l2"), "sgd:momentum=0.9", *BCE),
    "activity": Work(activity, "sgd:momentum=0.9", *BCE),
    "dropout": Work(dropout, "sgd:momentum=0.9", *BCE),
    "batch-norm": Work(batch_norm, "adam", *BCE),
    "dropout-and-batch-norm": Work(both, "adam", *BCE),
    "functional": Work(functional, "adam", *BCE),
    "lstm": Work(recurrent, "adam", *BCE),
    "full-batches": Work(mlp(), "sgd:momentum=0.9", *BCE, n_train=96, epochs=20),
    "one-batch": Work(mlp(), "sgd:momentum=0.9", *BCE, n_train=40, epochs=60, batch_size=64),
}


# one of each kind by default; the others say the same of further settings
DEFAULT = ("sgd-momentum", "adam", "dropout", "batch-norm")


def kinds(names, default):
    return [pytest.param(name, marks=[] if name in default else pytest.mark.slow) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("name", optimizer_names())
def test_every_optimizer_of_keras_equals_fit(name):
    work = Work(mlp(), name, *BCE)
    train, test = circles(work.n_train, 1), circles(work.n_test, 2)
    result = engine(work, train, test, seeds=(3,), rates=(0.01,))
    model = work.network()
    optimizer = make_optimizer(name, learning_rate=0.01)
    history = fit(model, optimizer, work.keras_loss(), train, seed=3, epochs=work.epochs, batch_size=work.batch_size)
    np.testing.assert_allclose(result.curves["loss"][0, 0], history["loss"], **TOLERANCE)
    np.testing.assert_allclose(result.raw["test"][0, 0], model.predict(test[0], verbose=0), **TOLERANCE)


@pytest.mark.parametrize("name", kinds(WORKS, DEFAULT))
def test_stacked_runs_equal_fit(name):
    work = WORKS[name]
    train, test = circles(work.n_train, 1), circles(work.n_test, 2)
    seeds, rates = (3, 8), (0.05, 0.01)
    result = engine(work, train, test, seeds=seeds, rates=rates)
    steps = work.epochs * -(-work.n_train // work.batch_size)
    assert steps >= 50
    # the corners of the group: each seed and each rate once
    for place, seed, at, rate in ((0, 3, 0, 0.05), (1, 8, 1, 0.01)):
        model = work.network()
        history = fit(
            model,
            make_optimizer(work.optimizer, learning_rate=rate),
            work.keras_loss(),
            train,
            seed=seed,
            epochs=work.epochs,
            batch_size=work.batch_size,
        )
        np.testing.assert_allclose(result.curves["loss"][place, at], history["loss"], **TOLERANCE)
        np.testing.assert_allclose(
            result.raw["test"][place, at],
            model.predict(test[0], verbose=0),
            err_msg=f"{name} {seed} {rate}",
            **TOLERANCE,
        )
        assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize(
    "name", kinds(["sgd-momentum", "adam", "dropout", "batch-norm", "lstm"], ["sgd-momentum", "batch-norm"])
)
def test_a_stacked_run_equals_the_same_run_alone(name):
    work = WORKS[name]
    train, test = circles(work.n_train, 1), circles(work.n_test, 2)
    together = engine(work, train, test, seeds=(1, 2, 3), rates=(0.05, 0.02, 0.01))
    alone = engine(work, train, test, seeds=(2,), rates=(0.01,))
    np.testing.assert_allclose(together.curves["loss"][1, 2], alone.curves["loss"][0, 0], **TOLERANCE)
    np.testing.assert_allclose(together.raw["test"][1, 2], alone.raw["test"][0, 0], **TOLERANCE)
    for stacked, single in zip(together.weights, alone.weights, strict=True):
        np.testing.assert_allclose(stacked[1, 2], single[0, 0], **TOLERANCE)


def test_without_shuffling_the_batches_are_the_rows_in_order():
    work = WORKS["sgd-momentum"]
    train, test = circles(100, 1), circles(60, 2)
    result = engine(work, train, test, seeds=(3,), rates=(0.05,), shuffle=False)
    model = work.network()
    optimizer = make_optimizer(work.optimizer, learning_rate=0.05)
    fit(model, optimizer, work.keras_loss(), train, seed=3, epochs=1, batch_size=32, shuffle=False)
    reference = work.network()
    for variable, value in zip(reference.variables, fit_start(reference, 3), strict=True):
        variable.assign(value)
    reference.compile(make_optimizer(work.optimizer, learning_rate=0.05), work.keras_loss())
    # Keras's own batching of arrays, nothing of ours in between
    history = reference.fit(*train, epochs=work.epochs, batch_size=32, shuffle=False, verbose=0).history
    np.testing.assert_allclose(result.curves["loss"][0, 0], history["loss"], **TOLERANCE)
    np.testing.assert_allclose(result.raw["test"][0, 0], reference.predict(test[0], verbose=0), **TOLERANCE)


def fit_start(model, seed):
    from lossmith.training._initial import initial_values

    return initial_values(model, seed)


KERAS_OF = {
    "mean_squared_error": lambda y, z: (z - y) ** 2,
    "mean_absolute_error": lambda y, z: keras.ops.abs(z - y),
    "huber:delta=0.3": keras.losses.Huber(0.3),
    "quantile:quantile=0.8": lambda y, z: keras.ops.maximum(0.8 * (y - z), -0.2 * (y - z)),
}


def test_several_losses_in_one_program_each_equal_fit():
    work = Work(mlp(), "sgd:momentum=0.9", "mean_squared_error", lambda: None)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + rng.normal(0, 0.1, 100)).astype(np.float32)
    result = engine(work, (x, y), (x, y), seeds=(5,), rates=(0.02, 0.005), names=tuple(KERAS_OF))
    for place, (name, loss) in enumerate(KERAS_OF.items()):
        model = work.network()
        history = fit(
            model, make_optimizer(work.optimizer, learning_rate=0.005), loss, (x, y), seed=5, epochs=15, batch_size=32
        )
        at = 2 * place + 1
        np.testing.assert_allclose(result.curves["loss"][0, at], history["loss"], err_msg=name, **TOLERANCE)
        np.testing.assert_allclose(result.raw["test"][0, at], model.predict(x, verbose=0), err_msg=name, **TOLERANCE)


def test_a_head_of_two_units_equals_fit():
    work = Work(mlp(units=2), "adam", "gaussian_nll", lambda: None)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(100, 2)).astype(np.float32)
    y = (x[:, 0] + rng.normal(0, 0.3, 100)).astype(np.float32)

    def negative_log_likelihood(target, raw):
        mean, log_variance = raw[:, 0], raw[:, 1]
        squares = (keras.ops.reshape(target, (-1,)) - mean) ** 2
        return 0.5 * (np.log(2 * np.pi) + log_variance + squares * keras.ops.exp(-log_variance))

    result = engine(work, (x, y), (x, y), seeds=(5,), rates=(0.01,))
    model = work.network()
    optimizer = make_optimizer("adam", learning_rate=0.01)
    history = fit(model, optimizer, negative_log_likelihood, (x, y), seed=5, epochs=15, batch_size=32)
    np.testing.assert_allclose(result.curves["loss"][0, 0], history["loss"], **TOLERANCE)
    np.testing.assert_allclose(result.raw["test"][0, 0], model.predict(x, verbose=0), **TOLERANCE)


@pytest.mark.parametrize("n_classes", kinds([3, 5], [5]))
def test_a_head_of_many_units_equals_fit(n_classes):
    work = Work(mlp(units=n_classes), "sgd:momentum=0.9", "categorical_crossentropy", lambda: None)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(90, 2)).astype(np.float32)
    y = np.eye(n_classes, dtype=np.float32)[rng.integers(0, n_classes, 90)]
    y = 0.8 * y + 0.2 / n_classes
    result = engine(
        work, (x, y), (x, y), seeds=(4,), rates=(0.05,), names=("categorical_crossentropy", "kl_divergence")
    )
    model = work.network()
    optimizer = make_optimizer(work.optimizer, learning_rate=0.05)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    history = fit(model, optimizer, loss, (x, y), seed=4, epochs=15, batch_size=32)
    np.testing.assert_allclose(result.curves["loss"][0, 0], history["loss"], **TOLERANCE)
    for place in (0, 1):
        # cross-entropy and KL divergence differ by the entropy of the target alone
        np.testing.assert_allclose(result.raw["test"][0, place], model.predict(x, verbose=0), **TOLERANCE)


@pytest.mark.slow
def test_evaluation_curves_equal_keras_evaluate():
    work = replace(WORKS["l2"], epochs=3)
    train, test = circles(100, 1), circles(60, 2)
    schedule = Schedule(3, 32, watch_training=True)
    result = engine(work, train, test, seeds=(3,), rates=(0.05,), schedule=schedule)
    for epochs in (1, 2, 3):
        model = work.network()
        optimizer = make_optimizer(work.optimizer, learning_rate=0.05)
        fit(model, optimizer, work.keras_loss(), train, seed=3, epochs=epochs, batch_size=32)
        penalty = sum(float(value) for value in model.losses)
        for name, (x, y) in (("train", train), ("test", test)):
            # Keras adds the penalty of the weights, which says nothing about the data
            expected = model.evaluate(x, y, verbose=0) - penalty
            np.testing.assert_allclose(result.curves[f"{name}_loss"][0, 0, epochs - 1], expected, **TOLERANCE)
