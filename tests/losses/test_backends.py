"""Must-show: `as_keras()` in plain `model.fit` on the JAX, TensorFlow and torch backends gives the engine's learning curve.

Each backend runs in a process of its own, of this interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backend_curves import BATCH, EPOCHS, RATE, network
from loss_draws import N_CLASSES, draw_target
from lossmith import losses
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer, load_keras
from lossmith.training._initial import draw_seed
from lossmith.training._run import epoch_orders
from lossmith.training.optimizers import make_optimizer

TESTS = Path(__file__).resolve().parents[1]
TOLERANCE = {"jax": 1e-4, "tensorflow": 1e-3, "torch": 1e-3}
SEED, ROWS, INPUTS = 3, 96, 3


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[float]]]:
    """Return the file of what is trained, and the engine's curve for every loss of the catalogue."""
    load_keras()
    x = np.random.default_rng(0).normal(size=(ROWS, INPUTS)).astype(np.float32)
    records = list(losses.EVERY.values())
    stored: dict[str, np.ndarray] = {"x": x, "names": np.array([loss.name for loss in records])}
    curves: dict[str, list[float]] = {}
    for units in sorted({loss.units(N_CLASSES) for loss in records}):
        chosen = [loss for loss in records if loss.units(N_CLASSES) == units]
        targets = [np.asarray(draw_target(loss, ROWS, 1)).astype(np.float32) for loss in chosen]
        model = network(INPUTS, units)
        procedure = GradientProcedure(
            model, make_optimizer("sgd:momentum=0.9", learning_rate=RATE), chosen, list(range(len(chosen)))
        )
        part = Part(x[None], tuple(target[None] for target in targets))
        trainer = Trainer(procedure, list(range(len(chosen))), [RATE] * len(chosen), Schedule(EPOCHS, BATCH))
        result = trainer.train(GroupData((SEED,), part, {}))
        weights = procedure.variables(procedure.init(SEED))
        for place, (loss, target) in enumerate(zip(chosen, targets, strict=True)):
            curves[loss.name] = [float(value) for value in result.curves["loss"][0, place]]
            stored[f"{loss.name}:loss"] = np.array(loss.to_json())
            stored[f"{loss.name}:target"] = target
            stored |= {f"{loss.name}:weight{k}": np.asarray(value) for k, value in enumerate(weights)}
    rng = np.random.default_rng(draw_seed(SEED, "batches"))
    stored["orders"] = np.asarray(epoch_orders(rng, ROWS, EPOCHS))
    path = tmp_path_factory.mktemp("backends") / "work.npz"
    np.savez(path, **stored)
    return path, curves


def by_fit(path: Path, backend: str) -> dict[str, list[float]]:
    paths = os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])
    done = subprocess.run(
        [sys.executable, str(TESTS / "backend_curves.py"), str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["backend"] == backend
    return found["curves"]


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param("jax", marks=pytest.mark.slow),
        pytest.param("tensorflow", marks=pytest.mark.foreign),
        pytest.param("torch", marks=pytest.mark.peers),
    ],
)
def test_fit_gives_the_curve_of_the_engine(work, backend) -> None:
    path, curves = work
    found = by_fit(path, backend)
    assert set(found) == set(curves) == set(losses.EVERY)
    far = {}
    for name, expected in curves.items():
        assert np.isfinite(expected).all(), name
        gap = np.max(np.abs(np.subtract(found[name], expected)) / np.maximum(1.0, np.abs(expected)))
        if not gap <= TOLERANCE[backend]:
            far[name] = (float(gap), expected[-1], found[name][-1])
    assert far == {}
