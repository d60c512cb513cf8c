"""On an accelerator: the numbers of a CPU, the same numbers twice, stacks that fit its memory. `pytest -m gpu`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from lossmith import losses, models
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
from lossmith.training.optimizers import make_optimizer

pytestmark = pytest.mark.gpu
LOSSES = ("binary_crossentropy", "hinge", "mse")


@pytest.fixture(scope="module", autouse=True)
def device():
    """Return the accelerator; a machine without one cannot run these tests, and says so by failing."""
    import jax

    found = jax.devices()[0]
    if found.platform == "cpu":
        pytest.fail("tests marked gpu need an accelerator that JAX sees")
    return found


def rows(n, seeds=1, width=6):
    rng = np.random.default_rng(n)
    inputs = rng.normal(size=(seeds, n, width)).astype(np.float32)
    zero_one = (inputs[..., 0] * inputs[..., 1] > 0).astype(np.float32)
    return Part(inputs, (zero_one, 2 * zero_one - 1))


def train(seeds, which, *, data=None, model="mlp:hidden=32", epochs=4, width=6):
    chosen = [losses.get(LOSSES[i]) for i in which]
    procedure = GradientProcedure(
        models.get(model).network((width,), 1),
        make_optimizer("adam"),
        chosen,
        [1 if LOSSES[i] == "hinge" else 0 for i in which],
    )
    trainer = Trainer(procedure, range(len(which)), [1e-2] * len(which), Schedule(epochs, 32))
    train_rows, test_rows = data or (rows(200), rows(100))
    return trainer.train(GroupData(tuple(seeds), train_rows, {"test": test_rows}))


def test_the_numbers_of_a_cpu():
    """float32 on both; matrix products of full precision, which an accelerator does not choose by itself."""
    import jax

    with jax.default_matmul_precision("highest"):
        there = train((3, 4), (0, 1, 2))
    with jax.default_device(jax.local_devices(backend="cpu")[0]), jax.default_matmul_precision("highest"):
        here = train((3, 4), (0, 1, 2))
    np.testing.assert_allclose(there.curves["loss"], here.curves["loss"], rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(there.raw["test"], here.raw["test"], rtol=5e-3, atol=5e-4)


def test_default_products_change_a_training_by_little():
    import jax

    default = train((3, 4), (0, 1, 2))
    with jax.default_matmul_precision("highest"):
        exact = train((3, 4), (0, 1, 2))
    np.testing.assert_allclose(default.curves["loss"], exact.curves["loss"], rtol=2e-2)


@pytest.mark.parametrize("model", ["mlp:hidden=32", "mlp:hidden=16x16"])
def test_the_same_twice(model):
    one, two = train((0, 1, 2), (0, 1), model=model), train((0, 1, 2), (0, 1), model=model)
    np.testing.assert_array_equal(one.curves["loss"], two.curves["loss"])
    np.testing.assert_array_equal(one.raw["test"], two.raw["test"])


def test_a_stacked_run_is_the_run_alone():
    import jax

    with jax.default_matmul_precision("highest"):
        stacked, alone = train((0, 1, 2), (0, 1, 2)), train((1,), (2,))
    np.testing.assert_allclose(stacked.curves["loss"][1, 2], alone.curves["loss"][0, 0], rtol=2e-4, atol=2e-5)


def test_stacked_convolutions_are_those_trained_one_after_the_other():
    import jax

    rng = np.random.default_rng(0)
    images = rng.normal(size=(1, 96, 8, 8, 1)).astype(np.float32)
    data = Part(images, ((images.mean((2, 3, 4)) > 0).astype(np.float32),))

    def run(execution):
        network = models.get("cnn:filters=4x4,padding=same").network((8, 8, 1), 1)
        procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("binary_crossentropy")], [0])
        trainer = Trainer(procedure, [0, 0], [1e-2, 1e-3], Schedule(2, 32), execution=execution)
        return trainer.train(GroupData((0, 1), data, {"test": data}))

    with jax.default_matmul_precision("highest"):
        stacked, alone = run("stacked"), run("sequential")
    np.testing.assert_allclose(stacked.curves["loss"], alone.curves["loss"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_those_of_float64(name):
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(5)
    raw, signs = rng.normal(0, 3, 257), np.sign(rng.normal(size=257))
    exact = {
        "binary_crossentropy": np.logaddexp(0, -signs * raw),
        "hinge": np.maximum(0, 1 - signs * raw),
        "mse": (raw - (signs + 1) / 2) ** 2,
    }[name]
    targets = signs if name == "hinge" else (signs + 1) / 2
    values = jax.jit(lambda raw, target: losses.get(name).pointwise(raw, target, xp=jnp))(
        jnp.asarray(raw, jnp.float32), jnp.asarray(targets, jnp.float32)
    )
    assert {one.platform for one in values.devices()} == {jax.devices()[0].platform}
    np.testing.assert_allclose(np.asarray(values).reshape(-1), exact, rtol=2e-5, atol=1e-6)


SMALL = """
import json, sys
import numpy as np
import jax
sys.path.insert(0, "src")
from lossmith import losses, models
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
from lossmith.training.fitting import Fitting
from lossmith.training.optimizers import make_optimizer

hidden, seeds, allowed = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "unknown"
network = models.get(f"mlp:hidden={hidden}x{hidden}").network((64,), 1)
procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("mse")], [0])
rng = np.random.default_rng(0)
x = rng.normal(size=(1, 64, 64)).astype(np.float32)
data = GroupData(tuple(range(seeds)), Part(x, (x[..., 0],)), {})
from lossmith.training.execution import free_bytes
free = free_bytes()
fitting = Fitting(lambda which: Trainer(procedure, [0], [1e-3], Schedule(1, 32)), 1, budget=(lambda: None) if allowed else free_bytes)
result = fitting.train(data)
print(json.dumps({"free": free, "size": fitting.size, "finite": bool(np.isfinite(result.curves["loss"]).all()), "shape": result.curves["loss"].shape}))
"""


@pytest.mark.parametrize("budget", ["measured", "unknown"])
def test_more_runs_than_the_memory_holds_are_trained_in_parts(budget):
    """A process that may take a fiftieth of the device: by what the compiler measures, or by running out and halving."""
    kept = dict(os.environ, XLA_PYTHON_CLIENT_PREALLOCATE="true", XLA_PYTHON_CLIENT_MEM_FRACTION=".02")
    done = subprocess.run(
        [sys.executable, "-c", SMALL, "2048", "64", budget], capture_output=True, text=True, env=kept, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    # 4.3 million weights, their gradients and two moments: 69 MB a run, 64 of them, and a device of 80 GiB or more
    assert said["free"] < 4e9 and said["size"][0] < 64 and said["shape"][0] == 64 and said["finite"]


def test_where_a_ledger_says_it_was_measured(device):
    from lossmith.studies.ledger import machine

    assert machine().endswith(device.device_kind)


def test_a_comparison_from_the_command_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "lossmith", "compare", "circles", "--losses", "binary_crossentropy,hinge", "--seeds", "5", "--epochs", "20",
         "--learning-rates", "0.01,0.1", "--json"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=dict(os.environ, LOSSMITH_STORE=str(tmp_path / "runs.db")),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)
