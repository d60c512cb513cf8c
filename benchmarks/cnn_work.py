"""The work of `cnn.py`: one network, trained by lossmith, by PyTorch and by Keras on two backends.

Conv 32 3x3, pool, dropout 0.5, conv 64 3x3, pool, dropout 0.5, dense 256, dense 10; Adam, cross-entropy, batches of 250
images of 32 x 32 x 3 numbers. Every function returns `run(steps) -> None`, compiled and warm.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from turns import torch_device

BATCH = 250
RATE = 1e-3

Run = Callable[[int], None]


def arrays(steps: int) -> tuple[Any, Any]:
    """Return images as bytes and labels for a number of batches."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (steps * BATCH, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, steps * BATCH)


def lossmith_runs(steps: int, runs: int) -> Run:
    """Return training of `runs` runs at once by the engine of lossmith, `steps` batches each."""
    import numpy as np

    from lossmith import losses, models
    from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
    from lossmith.training.optimizers import make_optimizer

    images, labels = arrays(steps)
    part = Part(images[None], (np.eye(10, dtype=np.float32)[labels][None],))
    procedure = GradientProcedure(
        models.get("cnn").network((32, 32, 3), 10),
        make_optimizer("adam", learning_rate=RATE),
        [losses.get("categorical_crossentropy")],
        [0],
    )
    trainer = Trainer(procedure, [0], [RATE], Schedule(epochs=1, batch_size=BATCH))
    data = GroupData(tuple(range(runs)), part, {})
    trainer.train(data)

    def run(count: int) -> None:
        if count != steps:
            raise ValueError(f"{count} steps, compiled for {steps}")
        trainer.train(data)

    return run


def torch_eager(steps: int, *, channels_last: bool) -> Run:
    """Return an ordinary PyTorch loop."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    device = torch_device()
    model: Any = nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5),
        nn.Flatten(), nn.Linear(2304, 256), nn.ReLU(), nn.Linear(256, 10),
    )  # fmt: skip
    images, labels = arrays(steps)
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255).contiguous().to(device)
    model = model.to(device)
    if channels_last:
        model, inputs = (
            model.to(memory_format=torch.channels_last),
            inputs.contiguous(memory_format=torch.channels_last),
        )
    targets = torch.from_numpy(labels).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    criterion = nn.CrossEntropyLoss()

    def run(count: int) -> None:
        for number in range(count):
            rows = slice(number * BATCH, (number + 1) * BATCH)
            optimizer.zero_grad()
            loss = criterion(model(inputs[rows]), targets[rows])
            loss.backward()
            optimizer.step()
        loss.item()

    run(2)
    return run


def keras_fit(steps: int, *, backend: str) -> Run:
    """Return `keras.Model.fit`."""
    os.environ["KERAS_BACKEND"] = backend
    import keras
    import numpy as np

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Dropout(0.5),
            layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(), layers.Dropout(0.5),
            layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dense(10, activation="softmax"),
        ]
    )  # fmt: skip
    model.compile(keras.optimizers.Adam(RATE), "categorical_crossentropy")
    images, labels = arrays(steps)
    inputs, targets = images.astype(np.float32) / 255, np.eye(10, dtype=np.float32)[labels]

    def run(count: int) -> None:
        model.fit(inputs[: count * BATCH], targets[: count * BATCH], batch_size=BATCH, epochs=1, verbose=0)

    run(2)
    return run


WORK: dict[str, Callable[[int], Run]] = {
    "lossmith, one run": lambda steps: lossmith_runs(steps, 1),
    "lossmith, two runs at once": lambda steps: lossmith_runs(steps, 2),
    "PyTorch, contiguous": lambda steps: torch_eager(steps, channels_last=False),
    "PyTorch, channels last": lambda steps: torch_eager(steps, channels_last=True),
    "Keras fit on torch": lambda steps: keras_fit(steps, backend="torch"),
    "Keras fit on JAX": lambda steps: keras_fit(steps, backend="jax"),
}
RUNS = {"lossmith, two runs at once": 2}
