"""What goes into the engine is checked at the door; evaluation in blocks changes nothing; other backends are refused."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from fit_reference import TOLERANCE, Work, circles, engine, mlp, part

from lossmith import losses
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
from lossmith.training._run import batch_layout, block_sizes
from lossmith.training.optimizers import make_optimizer

WORK = Work(mlp(), "sgd:momentum=0.9", "binary_crossentropy", lambda: None, epochs=3)


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        ((5, 2), [(5,)]),
        ((1, 0, 2), [(1, 0)]),
        ((0, 5, 2), [(0, 5)]),
        ((1, 5, 2), [(5,)]),
        ((1, 5, 2), [(1, 4)]),
        ((2, 5, 2), [(1, 5)]),
        ((1, 5, 2), [(1, 5), (1, 6, 3)]),
    ],
)
def test_parts_of_the_wrong_shape_are_refused(inputs, targets):
    with pytest.raises(ValueError, match="expected") as caught:
        Part(np.zeros(inputs), tuple(np.zeros(shape) for shape in targets))
    assert "\n" not in str(caught.value)


def test_groups_of_the_wrong_shape_are_refused():
    one, two = (Part(np.zeros((n, 5, 2)), (np.zeros((n, 5)),)) for n in (1, 2))
    with pytest.raises(ValueError, match="at least one seed"):
        GroupData((), one, {})
    with pytest.raises(ValueError, match=r"part 'test' has rows for 2 seeds; expected 3 .* or 1 \(shared\)"):
        GroupData((1, 2, 3), one, {"test": two})
    with pytest.raises(ValueError, match="part 'train' has rows for 2 seeds"):
        GroupData((1,), two, {})
    assert two.n_rows == 5 and not two.shared and one.shared


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"batch_size": 0}, {"patience": 0}, {"epochs": -3}])
def test_schedules_without_sense_are_refused(bad):
    with pytest.raises(ValueError, match="expected at least 1"):
        Schedule(**({"epochs": 1, "batch_size": 1} | bad))


@pytest.mark.parametrize(("which", "rates"), [([], []), ([0], []), ([0, 1], [0.1])])
def test_configurations_must_be_complete(which, rates):
    procedure = GradientProcedure(mlp()(), make_optimizer("sgd"), [losses.get("bce")], [0])
    with pytest.raises(ValueError, match="one of each for every configuration"):
        Trainer(procedure, which, rates, Schedule(1, 1))
    with pytest.raises(ValueError, match="expected auto, stacked, sequential or streamed"):
        Trainer(procedure, [0], [0.1], Schedule(1, 1), execution="parallel")


@pytest.mark.parametrize("n_rows", [1, 31, 32, 33, 64, 65])
@pytest.mark.parametrize("batch_size", [1, 32, 64])
def test_the_batches_of_an_epoch_hold_every_row_once(n_rows, batch_size):
    for exact in (True, False):
        layout = batch_layout(n_rows, batch_size, exact=exact)
        assert layout.full * layout.size + layout.rest == n_rows
        assert layout.size <= batch_size and layout.rest < layout.size
        rows = layout.steps * layout.size if layout.masked or not layout.rest else n_rows
        assert rows >= n_rows


@pytest.mark.parametrize("n_rows", [1, 63, 64, 65, 5000, 123_457])
@pytest.mark.parametrize("width", [1, 50, 10**6])
def test_blocks_hold_every_row_and_stay_small(n_rows, width):
    count, size = block_sizes(n_rows, width, runs=7)
    assert (count - 1) * size < n_rows <= count * size
    assert size <= 64 or size * width * 7 <= 2**24


@pytest.mark.parametrize("execution", ["stacked", "sequential"])
def test_evaluation_in_blocks_equals_evaluation_at_once(execution, monkeypatch):
    train, test = circles(100, 1), circles(333, 2)
    schedule = Schedule(3, 32, watch_training=True)
    whole = engine(WORK, train, test, schedule=schedule, execution=execution)
    monkeypatch.setattr("lossmith.training._run.EVALUATION_ROOM", 1)  # blocks of 64 rows: 333 = 5 * 67 - 2
    blocks = engine(WORK, train, test, schedule=schedule, execution=execution)
    for name, curve in whole.curves.items():
        np.testing.assert_allclose(curve, blocks.curves[name], err_msg=name, rtol=1e-5)
    np.testing.assert_allclose(whole.raw["test"], blocks.raw["test"], rtol=1e-5, atol=1e-6)
    assert blocks.raw["test"].shape == (2, 2, 333, 1)


def test_blocks_of_rows_that_differ_from_seed_to_seed(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 150, 2)).astype(np.float32), rng.normal(size=(2, 150)).astype(np.float32)
    rows = Part(x, (y,))
    results = []
    for room in (1 << 24, 1):
        monkeypatch.setattr("lossmith.training._run.EVALUATION_ROOM", room)
        procedure = GradientProcedure(mlp()(), make_optimizer("sgd"), [losses.get("mse")], [0])
        results.append(Trainer(procedure, [0], [0.1], Schedule(2, 32)).train(GroupData((1, 2), rows, {"all": rows})))
    np.testing.assert_allclose(results[0].raw["all"], results[1].raw["all"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(results[0].curves["all_loss"], results[1].curves["all_loss"], rtol=1e-5)


def test_monitored_quantities_pass_by_in_training_and_evaluation():
    import jax.numpy as jnp

    def right(which, raw, targets):
        return ((raw[:, 0] > 0) == (targets[0] > 0.5)).astype(jnp.float32)

    train, test = circles(96, 1), circles(40, 2)
    for execution in ("stacked", "sequential"):
        procedure = GradientProcedure(mlp()(), make_optimizer("sgd"), [losses.get("bce")], [0], monitors=[right])
        # the rate is zero: every epoch sees the same model
        trainer = Trainer(procedure, [0], [0.0], Schedule(2, 32), quantities=("loss", "accuracy"), execution=execution)
        result = trainer.train(GroupData((3,), part(*train), {"train": part(*train), "test": part(*test)}))
        assert set(result.curves) == {"loss", "accuracy", "train_loss", "train_accuracy", "test_loss", "test_accuracy"}
        for name, (_, y) in (("train", train), ("test", test)):
            accuracy = np.mean((result.raw[name][0, 0, :, 0] > 0) == (y > 0.5))
            np.testing.assert_allclose(result.curves[f"{name}_accuracy"][0, 0], [accuracy] * 2, rtol=1e-6)
        np.testing.assert_allclose(result.curves["accuracy"], result.curves["train_accuracy"], rtol=1e-6)
        np.testing.assert_allclose(result.curves["loss"], result.curves["train_loss"], rtol=1e-5)


def test_float64_rows_train_like_float32():
    x, y = circles(64, 1)
    for execution in ("stacked", "sequential"):
        wide = engine(WORK, (x.astype(np.float64), y.astype(np.float64)), (x, y), execution=execution)
        np.testing.assert_allclose(wide.raw["test"], engine(WORK, (x, y), (x, y)).raw["test"], **TOLERANCE)


def test_another_backend_is_refused_with_a_way_out():
    code = (
        "import sys, types\n"
        "keras = types.ModuleType('keras'); keras.backend = types.SimpleNamespace(backend=lambda: 'torch')\n"
        "sys.modules['keras'] = keras\n"
        "from lossmith.training import load_keras\n"
        "from lossmith._errors import BackendError\n"
        "try: load_keras()\n"
        "except BackendError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.count("\n") == 1
    assert "Keras runs on the torch backend in this process; expected the jax backend; start a new process" in out


@pytest.mark.peers
def test_a_real_other_backend_is_refused():
    code = (
        "import keras\nfrom lossmith.training import load_keras\nfrom lossmith._errors import BackendError\n"
        "try: load_keras()\n"
        "except BackendError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KERAS_BACKEND": "torch"},
    )
    assert "the torch backend" in done.stdout


def test_the_backend_is_chosen_only_where_nobody_chose():
    code = "from lossmith.training import load_keras; import os; load_keras(); print(os.environ['KERAS_BACKEND'])"
    clean = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean)
    assert done.stdout == "jax\n"
