"""Optimisers of the catalogue against SciPy and closed forms; schedules against Optax, Keras and hand calculation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from lossmith import losses
from lossmith._errors import InvalidInputError, UnknownNameError
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer, load_keras, schedules
from lossmith.training.optimizers import OPTIMIZERS, Length, make_optimizer, read_optimizer

keras = load_keras()
RNG = np.random.default_rng(3)
X = RNG.normal(size=(1, 40, 3)).astype(np.float32)
W = np.array([1.0, -2.0, 0.5])
Y = (X[0] @ W + 0.3 + RNG.normal(size=40) * 0.5).astype(np.float32)[None]
ROWS = Part(X, (Y,))


def linear():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])


def trained(optimizer, *, epochs, batch_size=40, rates=(0.1,), loss="mse", schedule=None, seeds=(0,)):
    length = Length(-(-40 // batch_size), epochs)
    made = None if schedule is None else schedules.get(schedule).over(length)
    procedure = GradientProcedure(
        linear(), make_optimizer(optimizer, length=length), [losses.get(loss)], [0], schedule=made
    )
    trainer = Trainer(procedure, [0] * len(rates), rates, Schedule(epochs, batch_size), shuffle=False)
    return procedure, trainer.train(GroupData(seeds, ROWS, {"train": ROWS}))


def test_lbfgs_reaches_the_least_squares_solution_and_scipys_minimum():
    _, result = trained("lbfgs", epochs=12, seeds=(0, 1))
    design = np.column_stack([X[0], np.ones(40)])
    exact = np.linalg.lstsq(design, Y[0], rcond=None)[0]
    for seed in range(2):
        found = np.append(result.weights[0][seed, 0, :, 0], result.weights[1][seed, 0, 0])
        np.testing.assert_allclose(found, exact, atol=2e-4)

    def objective(w):
        return float(np.mean((design @ w - Y[0]) ** 2))

    scipys = minimize(objective, np.zeros(4), method="L-BFGS-B").fun
    assert result.curves["train_loss"][0, 0, -1] == pytest.approx(scipys, rel=1e-4)


def test_gradient_descent_is_the_recursion_by_hand():
    procedure, result = trained("gd", epochs=3, rates=(0.1, 0.02))
    start = procedure.init(0)
    for place, rate in enumerate((0.1, 0.02)):
        w, b = np.asarray(start.trainable[0], float)[:, 0], 0.0
        for _ in range(3):
            error = X[0] @ w + b - Y[0]
            w, b = w - rate * 2 * X[0].T @ error / 40, b - rate * 2 * error.mean()
        np.testing.assert_allclose(result.weights[0][0, place, :, 0], w, rtol=2e-5)
        assert result.weights[1][0, place, 0] == pytest.approx(b, rel=2e-5)


def test_averaged_weights_are_the_mean_of_the_last_epochs():
    """Ten epochs, averaged from the sixth: the mean of the weights that plain momentum has after epochs 6 to 10."""
    per_epoch = []
    for epochs in range(6, 11):
        per_epoch.append(trained("momentum", epochs=epochs, batch_size=16, rates=(0.05,))[1].weights)
    _, averaged = trained("swa:start=0.5", epochs=10, batch_size=16, rates=(0.05,))
    for place in range(2):
        expected = np.mean([weights[place] for weights in per_epoch], axis=0)
        np.testing.assert_allclose(averaged.weights[place], expected, rtol=1e-5)
    raw = X[0] @ averaged.weights[0][0, 0] + averaged.weights[1][0, 0]
    np.testing.assert_allclose(averaged.raw["train"][0, 0], raw, rtol=1e-5, atol=1e-6)


def test_before_it_averages_predictions_are_those_of_the_weights():
    _, plain = trained("momentum", epochs=3, rates=(0.05,))
    _, averaged = trained("swa:start=0.99", epochs=4, rates=(0.05,))
    np.testing.assert_allclose(averaged.curves["train_loss"][..., :3], plain.curves["train_loss"], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("constant", lambda t: 1.0),
        ("linear:end=0.2", lambda t: 1 - 0.8 * t),
        ("cosine:end=0.1", lambda t: 0.1 + 0.9 * (1 + math.cos(math.pi * t)) / 2),
        ("exponential:end=0.01", lambda t: 0.01**t),
        ("step:at=0.5x0.75,factor=0.1", lambda t: 1.0 if t < 0.5 else 0.1 if t < 0.75 else 0.01),
        ("warmup:share=0.25,start=0.2", lambda t: 0.2 + 0.8 * min(t / 0.25, 1)),
        (
            "warmup_cosine:share=0.25,start=0.2",
            lambda t: 0.2 + 0.8 * t / 0.25 if t < 0.25 else (1 + math.cos(math.pi * (t - 0.25) / 0.75)) / 2,
        ),
    ],
)
def test_schedules_by_their_formulas(name, expected):
    found = schedules.get(name).factors(Length(4, 5))
    np.testing.assert_allclose(found, [expected(step / 20) for step in range(20)], rtol=1e-5, atol=1e-7)
    assert max(found) <= 1.0 and schedules.get(name).factors(Length(1, 1))[0] <= 1.0


def test_a_plateau_halves_the_rate_after_its_patience():
    """The loss of `factors` never improves: the first epoch sets the mark, two more without progress halve the rate."""
    found = schedules.get("plateau:factor=0.5,patience=2").factors(Length(3, 6))
    assert found == [1.0] * 9 + [0.5] * 6 + [0.25] * 3


def test_a_scheduled_run_is_the_recursion_with_these_rates():
    procedure, result = trained("gd", epochs=4, rates=(0.2,), schedule="cosine")
    w, b = np.asarray(procedure.init(0).trainable[0], float)[:, 0], 0.0
    for step in range(4):
        rate = 0.2 * (1 + math.cos(math.pi * step / 4)) / 2
        error = X[0] @ w + b - Y[0]
        w, b = w - rate * 2 * X[0].T @ error / 40, b - rate * 2 * error.mean()
    np.testing.assert_allclose(result.weights[0][0, 0, :, 0], w, rtol=2e-5)
    assert result.weights[1][0, 0, 0] == pytest.approx(b, rel=2e-5)


@pytest.mark.parametrize("name", [name for name, record in OPTIMIZERS.items() if not record.searches])
def test_every_record_is_the_optimiser_of_keras_that_it_names(name):
    """One step from the same weights: the record, and Keras's class with the record's values."""
    record = OPTIMIZERS[name]
    classes = {kind.__name__.lower(): kind for kind in vars(keras.optimizers).values() if isinstance(kind, type)}
    peer = classes[record.kind](learning_rate=0.05, **dict(record.values))
    made = make_optimizer(name, learning_rate=0.05)
    start, gradient = np.array([1.0, -2.0], np.float32), np.array([0.5, -0.1], np.float32)
    weight = keras.Variable(start)
    peer.apply([keras.ops.array(gradient)], [weight])
    other = keras.Variable(start)
    made.build([other])
    moved, _ = made.stateless_apply([v.value for v in made.variables], [gradient], [start])
    np.testing.assert_allclose(moved[0], weight.value, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lbfgs:memory=0", "whole number"),
        ("lbfgs:memori=3", "did you mean 'memory'"),
        ("swa:start=1", r"\[0, 1\)"),
        ("adam:beta_9=1", "keras.optimizers.Adam"),
        ("sgd:batch_size=0", "at least 1, or full"),
        ("gd:batch_size=5", "expected full"),
    ],
)
def test_what_an_optimiser_does_not_take_is_refused_in_one_line(text, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        make_optimizer(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cosin", "did you mean 'cosine'"),
        ("cosine:end=2", r"\[0, 1\]"),
        ("cosine:ende=0", "did you mean 'end'"),
        ("step:at=0", r"\(0, 1\)"),
        ("step:at=axb", r"\(0, 1\)"),
        ("plateau:patience=0.5", "whole number"),
        ("exponential:end=0", r"\(0, 1\]"),
        ("step:factor=1", r"\(0, 1\)"),
    ],
)
def test_what_a_schedule_does_not_take_is_refused_in_one_line(text, words):
    with pytest.raises((InvalidInputError, UnknownNameError), match=words) as caught:
        schedules.get(text)
    assert "\n" not in str(caught.value)


def test_names_and_batches_are_read():
    assert read_optimizer("L-BFGS").record.name == "lbfgs" and read_optimizer("bgd").batch_size == 0
    assert read_optimizer("adam").batch_size is None and read_optimizer("sgd:batch_size=1").batch_size == 1
    assert str(schedules.get("none")) == "constant"


@pytest.mark.slow
def test_an_estimator_gives_quasi_newton_steps_all_rows():
    """Under L-BFGS a linear classifier reaches scikit-learn's optimum, whatever batch it was given."""
    from sklearn.linear_model import LogisticRegression

    from lossmith.estimators import LossClassifier

    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(80, 2)).astype(np.float32)
    labels = (inputs[:, 0] + rng.normal(0, 0.8, 80) > 0).astype(int)
    ours = LossClassifier(loss="binary_crossentropy", model="mlp:hidden=0", optimizer="lbfgs", epochs=25, batch_size=8)
    theirs = LogisticRegression(C=np.inf).fit(inputs, labels)
    np.testing.assert_allclose(ours.fit(inputs, labels).predict_proba(inputs), theirs.predict_proba(inputs), atol=2e-3)
