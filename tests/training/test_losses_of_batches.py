"""Losses that compare the rows of a batch: the last batch of an epoch is not filled up with rows that they would see."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lossmith import losses, models
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
from lossmith.training.optimizers import make_optimizer

N, BATCH, RATE = 50, 32, 0.1


def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 2)).astype(np.float32)
    return x, (x[:, 0] + rng.normal(size=N) > 0).astype(np.float32)


def by_hand(weights: list[np.ndarray], epochs: int) -> list[np.ndarray]:
    """Descend on the mean over pairs of a positive and a negative row, batch after batch."""

    def objective(parameters, x, positive):
        z = x @ parameters[0][:, 0] + parameters[1][0]
        pairs = jnp.log1p(jnp.exp(z[~positive][None, :] - z[positive][:, None]))
        # each row has the mean over the rows of the other class: over all rows
        return (positive.sum() * pairs.mean() + (~positive).sum() * pairs.mean()) / len(z)

    x, y = rows()
    for _ in range(epochs):
        for start in (0, BATCH):
            batch = slice(start, start + BATCH)
            slopes = jax.grad(objective)([jnp.asarray(w) for w in weights], x[batch], y[batch] == 1)
            weights = [w - RATE * np.asarray(g) for w, g in zip(weights, slopes, strict=True)]
    return weights


@pytest.mark.parametrize("execution", ["stacked", "sequential"])
@pytest.mark.slow
def test_the_last_batch_has_its_own_size(execution) -> None:
    x, y = rows()
    network = models.get("mlp:hidden=0").network((2,), 1)
    chosen = [losses.get("auc_logistic"), losses.get("binary_crossentropy")]

    def trained(epochs: int):
        procedure = GradientProcedure(network, make_optimizer("sgd"), chosen, [0, 0])
        schedule = Schedule(epochs=epochs, batch_size=BATCH)
        trainer = Trainer(procedure, [0, 1], [RATE, RATE], schedule, shuffle=False, execution=execution)
        part = Part(x[None], (y[None],))
        return trainer.train(GroupData((3,), part, {}))

    procedure = GradientProcedure(network, make_optimizer("sgd"), chosen, [0, 0])
    start = [np.asarray(value) for value in procedure.init(3).trainable]
    found = [np.asarray(value)[0, 0] for value in trained(2).weights]
    for own, expected in zip(found, by_hand(start, 2), strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-6)
