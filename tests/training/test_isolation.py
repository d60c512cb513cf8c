"""A run never learns anything from its neighbours: not their NaN, not their number, not their order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fit_reference import Work, circles, engine, keras, mlp, part

from lossmith import losses
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
from lossmith.training.optimizers import make_optimizer

WORK = Work(mlp(), "sgd:momentum=0.9", "binary_crossentropy", lambda: None, n_train=100, n_test=40, epochs=6)
TRAIN, TEST = circles(100, 1), circles(40, 2)


def same_bits(one, other, *, seeds=slice(None), configurations=slice(None), there=slice(None)):
    for name, curve in one.curves.items():
        np.testing.assert_array_equal(curve[seeds, configurations], other.curves[name][seeds, there], err_msg=name)
    for name, raw in one.raw.items():
        np.testing.assert_array_equal(raw[seeds, configurations], other.raw[name][seeds, there], err_msg=name)
    for value, twin in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(value[seeds, configurations], twin[seeds, there])


# 3e38 is close to the largest single: weights after one step are so large that the next raw output overflows; with 1e30 it
# depends on the order in which XLA adds whether infinities of both signs meet
@pytest.mark.parametrize("bad", [3e38, np.inf, np.nan])
def test_a_run_that_explodes_leaves_the_others_bit_identical(bad):
    healthy = engine(WORK, TRAIN, TEST, rates=(0.05, 0.02, 0.01))
    exploded = engine(WORK, TRAIN, TEST, rates=(0.05, bad, 0.01))
    same_bits(healthy, exploded, configurations=[0, 2], there=[0, 2])
    assert np.all(exploded.diverged[:, 1] == 1)
    assert np.all(exploded.diverged[:, [0, 2]] == 0)
    assert np.all(exploded.last_epoch == [[6, 1, 6]])
    assert np.isnan(exploded.curves["loss"][:, 1]).all()


def per_seed(x, y, n_seeds=2):
    return Part(np.stack([x] * n_seeds), (np.stack([y] * n_seeds),))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_row_of_one_seed_leaves_the_other_seeds_bit_identical(value):
    procedure = GradientProcedure(mlp()(), make_optimizer("adam"), [losses.get("mse")], [0])
    clean, spoiled = per_seed(*TRAIN), per_seed(*TRAIN)
    spoiled.inputs[1, 17, 0] = value
    results = [
        Trainer(procedure, [0, 0], [0.01, 0.001], Schedule(4, 32)).train(
            GroupData((5, 6), rows, {"test": per_seed(*TEST)})
        )
        for rows in (clean, spoiled)
    ]
    same_bits(*results, seeds=[0])
    assert np.all(results[1].diverged == [[0, 0], [1, 1]])


def test_a_run_freezes_at_its_first_bad_loss_and_stays_frozen():
    x, y = (array.copy() for array in TRAIN)
    x[0] = np.nan
    work = replace(WORK, optimizer="sgd", epochs=3, batch_size=1)
    result = engine(work, (x, y), TEST, rates=(0.05,), seeds=(3,), shuffle=False)
    model = work.network()
    start = engine(replace(work, epochs=1), TRAIN, TEST, rates=(0.0,), seeds=(3,))
    # the bad row comes first: not one update took place, and later rows do not revive the run
    for value, initial in zip(result.weights, start.weights, strict=True):
        np.testing.assert_array_equal(value, initial)
    assert result.diverged.item() == 1 and result.last_epoch.item() == 1
    assert np.isnan(result.curves["test_loss"][0, 0, 1:]).all()
    assert np.isfinite(result.raw["test"]).all()
    assert len(model.variables) == len(result.weights)


def test_an_update_that_overflows_in_the_last_step_is_reported():
    result = engine(replace(WORK, epochs=1, batch_size=100), TRAIN, TEST, rates=(0.05, np.inf), seeds=(3,))
    assert np.isfinite(result.curves["loss"]).all()  # one step: the loss came before the update
    assert result.diverged.tolist() == [[0, 1]]


@pytest.mark.parametrize("execution", ["stacked", "sequential", "streamed"])
def test_a_mean_that_overflows_where_no_batch_does_is_a_divergence(execution):
    """The loss of each batch is 4e36, and the sum over a hundred rows is beyond single precision."""
    procedure = GradientProcedure(mlp()(), make_optimizer("sgd"), [losses.get("mse")], [0])
    trainer = Trainer(procedure, [0], [1e-30], Schedule(3, 32), execution=execution)
    for scale, diverged, last in ((1.8e18, 0, 3), (2e18, 1, 1)):
        rows = per_seed(TRAIN[0], np.full(100, scale, np.float32), 1)
        result = trainer.train(GroupData((1,), rows, {}))
        assert (result.diverged.item(), result.last_epoch.item()) == (diverged, last)
        assert np.isfinite(result.curves["loss"]).all() == (not diverged)
        assert not np.isinf(result.curves["loss"]).any()


def test_an_overflowing_loss_that_is_not_selected_does_not_poison_gradients():
    import jax
    import jax.numpy as jnp

    squared = losses.get("mse")
    overflowing = replace(squared, name="overflowing", function=lambda xp, raw, target: xp.exp(raw) + xp.exp(-raw))
    rng = np.random.default_rng(0)
    rows = part(rng.normal(size=(64, 2)).astype(np.float32), np.full(64, 1000.0, np.float32))

    def train(chosen):
        procedure = GradientProcedure(mlp(width=4)(), make_optimizer("sgd"), chosen, [0] * len(chosen))
        trainer = Trainer(procedure, list(range(len(chosen))), [0.01] * len(chosen), Schedule(30, 32))
        return trainer.train(GroupData((1,), rows, {"test": rows}))

    together, alone = train([squared, overflowing]), train([squared])
    assert np.abs(together.raw["test"][0, 0]).min() > 500  # exp of it is inf in float32, as it was for many steps
    np.testing.assert_allclose(together.raw["test"][0, 0], alone.raw["test"][0, 0], rtol=1e-5)
    assert together.diverged[0, 0] == 0

    # the trap that the engine avoids: the same two formulas, chosen for each run of a stack
    branches = [lambda z: (z - 1000) ** 2, lambda z: jnp.exp(z) + jnp.exp(-z)]

    def switched(which, z):
        return jax.lax.switch(which, branches, z)

    def selected(which, z):
        return jnp.select([which == 0, which == 1], [branch(z) for branch in branches])

    which, scores = jnp.zeros(2, int), jnp.array([900.0, 999.0])
    for choose, expected in ((switched, [-200.0, -2.0]), (selected, [np.nan, np.nan])):
        gradient = jax.grad(lambda z, choose=choose: jax.vmap(choose)(which, z).sum())(scores)
        np.testing.assert_array_equal(gradient, expected)


def test_the_order_of_configurations_does_not_matter():
    names = ("binary_crossentropy", "brier", "binary_focal_crossentropy")
    forward = engine(WORK, TRAIN, TEST, names=names, rates=(0.05, 0.01))
    backward = engine(WORK, TRAIN, TEST, names=names[::-1], rates=(0.01, 0.05))
    for name, raw in forward.raw.items():
        np.testing.assert_allclose(raw, backward.raw[name][:, ::-1], rtol=1e-4, atol=1e-5)


def test_bits_do_not_depend_on_the_neighbours():
    here = engine(WORK, TRAIN, TEST, seeds=(3, 8, 9), rates=(0.05, 0.01))
    there = engine(WORK, TRAIN, TEST, seeds=(3, 21, 4), rates=(0.05, 0.3))
    same_bits(here, there, seeds=[0], configurations=[0], there=[0])
    moved = engine(WORK, TRAIN, TEST, seeds=(7, 1, 3), rates=(0.2, 0.05))
    np.testing.assert_allclose(here.raw["test"][0, 0], moved.raw["test"][2, 1], rtol=1e-5, atol=1e-6)


def test_losses_share_initial_weights_and_batches():
    result = engine(replace(WORK, epochs=1), TRAIN, TEST, names=("binary_crossentropy", "brier"), rates=(0.0,))
    for value in result.weights:
        np.testing.assert_array_equal(value[:, 0], value[:, 1])
    assert not np.array_equal(result.weights[0][0], result.weights[0][1])


def test_rows_that_fill_the_last_batch_never_count():
    # a batch of 64 for 65 rows: the last batch is one real row and 63 fillers
    work = replace(WORK, n_train=65, batch_size=64, epochs=2)
    train = circles(65, 5)
    short = engine(work, train, TEST, seeds=(3,), rates=(0.1,))
    exact = GradientProcedure(work.network(), make_optimizer(work.optimizer), [losses.get(work.loss)], [0])
    exact.exact_batches = True
    trainer = Trainer(exact, [0], [0.1], Schedule(2, 64))
    whole = trainer.train(GroupData((3,), part(*train), {"test": part(*TEST)}))
    np.testing.assert_allclose(short.raw["test"], whole.raw["test"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(short.curves["loss"], whole.curves["loss"], rtol=1e-5)


def mean_of_batch(inputs):
    return keras.ops.mean(inputs, axis=0, keepdims=True)


def test_layers_that_may_mix_rows_keep_exact_batches():
    dense = keras.layers.Dense(3)
    inputs = keras.Input((3,))
    mixing = keras.Model(inputs, dense(inputs - keras.ops.mean(inputs, axis=0)))
    custom = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(mean_of_batch), keras.layers.Dense(1)])
    regularised = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activity_regularizer="l2")])
    normalised = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    for model, exact in (
        (mixing, True),
        (custom, True),
        (regularised, True),
        (normalised, True),
        (mlp()(), False),
        (keras.Sequential([keras.Input((3, 2)), keras.layers.Conv1D(2, 2), keras.layers.Flatten()]), False),
    ):
        units = model.output_shape[-1]
        loss = losses.get("mse" if units == 1 else "categorical_crossentropy")
        procedure = GradientProcedure(model, make_optimizer("sgd"), [loss], [0])
        assert procedure.exact_batches is exact, model.summary(print_fn=str)


@pytest.mark.parametrize(
    ("order", "n_seeds"), [pytest.param([1, 0, 2, 0, 1], 5, marks=pytest.mark.slow), ([2, 2, 0, 1, 1], 1)]
)
def test_losses_in_any_order_of_configurations_equal_the_losses_alone(order, n_seeds):
    chosen = [losses.get(name) for name in ("mse", "huber:delta=0.4", "mae")]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n_seeds, 60, 2)).astype(np.float32), rng.normal(size=(n_seeds, 60)).astype(np.float32)
    data = GroupData(tuple(range(n_seeds)), Part(x, (y,)), {"test": Part(x[:1, :20], (y[:1, :20],))})
    rates = [0.01 * (k + 1) for k in range(len(order))]
    network = mlp(width=5)()

    def train(available, which):
        procedure = GradientProcedure(network, make_optimizer("sgd"), available, [0] * len(available))
        return Trainer(procedure, which, rates, Schedule(4, 16)).train(data)

    together = train(chosen, order)
    for k in set(order):
        alone = train([chosen[k]], [0] * len(order))
        at = [place for place, which in enumerate(order) if which == k]
        for name, curve in together.curves.items():
            np.testing.assert_allclose(curve[:, at], alone.curves[name][:, at], rtol=1e-4, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(together.raw["test"][:, at], alone.raw["test"][:, at], rtol=1e-4, atol=1e-5)
