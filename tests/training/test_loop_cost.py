"""What the engine's loop adds to one step of a convolutional network: a convolution inside `scan` would cost forty times as much."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lossmith import losses, models
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
from lossmith.training._spec import Batch, Hyper
from lossmith.training.optimizers import make_optimizer

BATCH, STEPS = 100, 20


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - began


@pytest.mark.bench
def test_a_step_inside_the_loop_costs_little_more_than_alone() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (STEPS * BATCH, 32, 32, 3), dtype=np.uint8)
    one_hot = np.eye(10, dtype=np.float32)[rng.integers(0, 10, len(images))]
    procedure = GradientProcedure(
        models.get("cnn").network((32, 32, 3), 10),
        make_optimizer("adam"),
        [losses.get("categorical_crossentropy")],
        [0],
    )
    trainer = Trainer(procedure, [0], [1e-3], Schedule(epochs=1, batch_size=BATCH))
    data = GroupData((0,), Part(images[None], (one_hot[None],)), {})
    batch = Batch(jnp.asarray(images[:BATCH]), (jnp.asarray(one_hot[:BATCH]),), jnp.ones(BATCH))
    hyper, step = Hyper(jnp.asarray(0), jnp.asarray(1e-3)), jax.jit(procedure.step)
    state = procedure.init(0)

    def alone() -> object:
        current = state
        for _ in range(STEPS):
            current, _ = step(current, batch, hyper)
        return current

    def inside() -> object:
        return trainer.train(data).curves["loss"]

    alone(), inside()
    # in turns, so that whatever else the machine does hits both
    pairs = [(seconds(inside), seconds(alone)) for _ in range(5)]
    ratio = statistics.median(one / other for one, other in pairs)
    assert ratio <= 1.3, f"a step inside the loop takes {ratio:.2f} times one alone"
