"""The other side of every equality: `keras.Model.fit` on the same initial weights and the same batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith import losses
from lossmith.training import GradientProcedure, GroupData, GroupResult, Part, Schedule, Trainer, load_keras
from lossmith.training._initial import draw_seed, initial_values
from lossmith.training._run import epoch_orders
from lossmith.training.optimizers import make_optimizer

keras = load_keras()
L = keras.layers

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


def circles(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two noisy rings and their labels 0/1."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n_rows)
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    radius = np.where(label == 1, 0.8, 1.0)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1) + rng.normal(0, 0.1, (n_rows, 2))
    return points.astype(np.float32), label.astype(np.float32)


def part(inputs: np.ndarray, *targets: np.ndarray) -> Part:
    """Return a part that every seed shares."""
    return Part(inputs[None], tuple(target[None] for target in targets))


@dataclass(frozen=True, slots=True)
class Work:
    """What a test trains: a network, an optimiser, a Keras loss and lossmith's loss of the same formula."""

    network: Callable[[], Any]
    optimizer: str
    loss: str
    keras_loss: Callable[[], Any]
    n_train: int = 100
    n_test: int = 60
    epochs: int = 15
    batch_size: int = 32


def mlp(*, width: int = 12, units: int = 1, inputs: int = 2, **kernel: Any) -> Callable[[], Any]:
    """Return a maker of a small network with two hidden layers."""

    def make() -> Any:
        return keras.Sequential(
            [
                keras.Input((inputs,)),
                L.Dense(width, activation="relu", kernel_initializer="he_uniform", **kernel),
                L.Dense(width, activation="tanh", **kernel),
                L.Dense(units),
            ]
        )

    return make


def batches(x: np.ndarray, y: np.ndarray, orders: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches of the engine, epoch after epoch, the last one smaller where the rows do not fill it."""
    for order in orders:
        for first in range(0, len(x), size):
            rows = order[first : first + size]
            yield x[rows], y[rows]


def fit(
    model: Any,
    optimizer: Any,
    loss: Any,
    train: tuple[np.ndarray, np.ndarray],
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    shuffle: bool = True,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    callbacks: Sequence[Any] = (),
) -> dict[str, list[float]]:
    """Train `model` from the engine's initial weights of `seed` by `keras.Model.fit`; return its history."""
    for variable, value in zip(model.variables, initial_values(model, seed), strict=True):
        variable.assign(value)
    model.compile(optimizer=optimizer, loss=loss)
    rng = np.random.default_rng(draw_seed(seed, "batches"))
    orders = epoch_orders(rng, len(train[0]), epochs, shuffle=shuffle)
    size = min(batch_size, len(train[0]))
    history = model.fit(
        batches(*train, orders, size),
        epochs=epochs,
        shuffle=False,
        steps_per_epoch=-(-len(train[0]) // size),
        verbose=0,
        validation_data=validation,
        callbacks=list(callbacks),
    )
    return history.history


def engine(
    work: Work,
    train: tuple[np.ndarray, ...],
    test: tuple[np.ndarray, ...],
    *,
    seeds: Sequence[int] = (3, 8),
    rates: Sequence[float] = (0.05, 0.01),
    names: Sequence[str] = (),
    schedule: Schedule | None = None,
    shuffle: bool = True,
    **options: Any,
) -> GroupResult:
    """Train seeds x (losses x rates) as one group; configurations are ordered losses first."""
    chosen = [losses.get(name) for name in (names or (work.loss,))]
    procedure = GradientProcedure(work.network(), make_optimizer(work.optimizer), chosen, [0] * len(chosen))
    which = [place for place in range(len(chosen)) for _ in rates]
    trainer = Trainer(
        procedure,
        which,
        list(rates) * len(chosen),
        schedule or Schedule(work.epochs, work.batch_size),
        shuffle=shuffle,
        **options,
    )
    return trainer.train(GroupData(tuple(seeds), part(*train), {"test": part(*test)}))
