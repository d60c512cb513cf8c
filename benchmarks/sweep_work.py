"""The work of `sweep.py`, once for each contender: the same trainings, timed within the process that does them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from turns import torch_device

STARTED = time.perf_counter()
LOSSES = ("binary_crossentropy", "tanh_hinge", "tanh_squared_hinge")
ROWS, BATCH, HIDDEN, RATE, MOMENTUM = 500, 32, 50, 0.01, 0.9


@dataclass(frozen=True, slots=True)
class Size:
    """How much work: the whole of it, and what is sampled of the peers."""

    seeds: int = 30
    epochs: int = 200
    repeats: int = 5
    keras_runs: int = 6
    torch_runs: int = 6

    @property
    def trainings(self) -> int:
        return len(LOSSES) * self.seeds

    @property
    def flops(self) -> float:
        """Multiplications and additions of the matrix products, nothing else."""
        forward = 2 * (2 * HIDDEN + HIDDEN)
        # gradients of both kernels, and of the hidden layer
        backward = forward + 2 * HIDDEN
        return self.trainings * self.epochs * ROWS * (2 * forward + backward)


def write_rows(path: Any) -> None:
    """Make the data once, for every contender."""
    import numpy as np
    from sklearn.datasets import make_circles

    x, y = make_circles(n_samples=2 * ROWS, noise=0.1, random_state=1)
    np.savez(path, x=x.astype("float32"), y=y.astype("float32"))


def rows(path: Any) -> tuple[Any, Any]:
    import numpy as np

    with np.load(path) as content:
        return content["x"], content["y"]


def run_lossmith(size: Size, data: str) -> dict[str, Any]:
    """Train everything three times: the first call includes building and compiling."""
    import numpy as np

    from lossmith import losses, models
    from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer, train_groups, worker_count
    from lossmith.training.optimizers import make_optimizer

    x, y = rows(data)
    chosen = [losses.get(name) for name in LOSSES]
    targets = (y, 2 * y - 1)

    def hits(_which: Any, raw: Any, targets: Any) -> Any:
        return (raw[:, 0] > 0) == (targets[0] > 0.5)

    def part(rows: slice) -> Part:
        return Part(x[None, rows], tuple(target[None, rows] for target in targets))

    train, test = part(slice(0, ROWS)), part(slice(ROWS, None))
    procedure = GradientProcedure(
        models.get(f"mlp:hidden={HIDDEN}").network((2,), 1),
        make_optimizer(f"sgd:momentum={MOMENTUM}"),
        chosen,
        [0, 1, 1],
        monitors=[hits],
    )
    trainer = Trainer(
        procedure,
        range(len(chosen)),
        [RATE] * len(chosen),
        Schedule(size.epochs, BATCH),
        quantities=("loss", "accuracy"),
    )
    together = max(1, min(15, size.seeds // worker_count()))
    starts = range(0, size.seeds, together)
    calls, accuracy = [], np.zeros(len(chosen))
    for _ in range(3):
        began, found = time.perf_counter(), {}
        groups = [(str(s), lambda s=s: GroupData(tuple(range(s, s + together)), train, {"test": test})) for s in starts]
        train_groups(trainer, groups, lambda key, result, found=found: found.update({key: result}))
        calls.append(time.perf_counter() - began)
        final = np.concatenate([found[str(s)].curves["test_accuracy"][:, :, -1] for s in starts])
        accuracy = final[: size.seeds].mean(axis=0)
        if len(calls) == 1:
            first = time.perf_counter() - STARTED
    return {"first": first, "calls": calls, "accuracy": accuracy.tolist(), "trainings": len(chosen) * size.seeds}


def run_keras(size: Size, data: str, steps_per_execution: int) -> dict[str, Any]:
    """Train some of the runs one after the other, each a new model, as a loop over seeds and losses does."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    import numpy as np

    x, y = rows(data)
    signs = 2 * y - 1
    peers = {
        "binary_crossentropy": (y, "sigmoid", "binary_crossentropy", keras.metrics.BinaryAccuracy),
        "tanh_hinge": (signs, "tanh", "hinge", lambda: keras.metrics.BinaryAccuracy(threshold=0.0)),
        "tanh_squared_hinge": (signs, "tanh", "squared_hinge", lambda: keras.metrics.BinaryAccuracy(threshold=0.0)),
    }
    seconds, steady = [], []
    for number in range(size.keras_runs + 1):
        target, activation, loss, metric = peers[LOSSES[number % len(LOSSES)]]
        marks: list[float] = []
        began = time.perf_counter()
        model = keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dense(HIDDEN, "relu", kernel_initializer=keras.initializers.HeUniform(seed=number)),
                keras.layers.Dense(1, activation),
            ]
        )
        model.compile(
            keras.optimizers.SGD(RATE, momentum=MOMENTUM),
            loss,
            metrics=[metric()],
            steps_per_execution=steps_per_execution,
        )
        model.fit(
            x[:ROWS],
            target[:ROWS],
            batch_size=BATCH,
            epochs=size.epochs,
            validation_data=(x[ROWS:], target[ROWS:]),
            validation_batch_size=ROWS,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_, m=marks: m.append(time.perf_counter()))],
        )
        seconds.append(time.perf_counter() - began)
        steady.append((marks[-1] - marks[0]) * size.epochs / (size.epochs - 1))
        np.asarray(model.predict(x[ROWS:], verbose=0))
    # the first run of a process pays for imports and first uses
    return {"runs": seconds[1:], "steady": steady[1:], "trainings": size.keras_runs}


def run_torch(size: Size, data: str, threads: int) -> dict[str, Any]:
    """Train some of the runs one after the other in a plain loop."""
    import torch

    torch.set_num_threads(threads)
    device = torch_device()
    x, y = (torch.from_numpy(array).to(device) for array in rows(data))
    signs = 2 * y - 1
    losses = {
        "binary_crossentropy": lambda z, t, _: torch.nn.functional.binary_cross_entropy_with_logits(z, t),
        "tanh_hinge": lambda z, _, s: torch.relu(1 - s * torch.tanh(z)).mean(),
        "tanh_squared_hinge": lambda z, _, s: (torch.relu(1 - s * torch.tanh(z)) ** 2).mean(),
    }
    seconds = []
    for number in range(size.torch_runs + 1):
        loss = losses[LOSSES[number % len(LOSSES)]]
        generator = torch.Generator(device).manual_seed(number)
        began = time.perf_counter()
        model = torch.nn.Sequential(torch.nn.Linear(2, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 1)).to(device)
        torch.nn.init.kaiming_uniform_(model[0].weight, nonlinearity="relu", generator=generator)
        optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=MOMENTUM)
        curves = []
        for _ in range(size.epochs):
            total, hits = torch.zeros((), device=device), torch.zeros((), device=device)
            for batch in torch.randperm(ROWS, generator=generator, device=device).split(BATCH):
                z = model(x[batch])[:, 0]
                value = loss(z, y[batch], signs[batch])
                optimizer.zero_grad()
                value.backward()
                optimizer.step()
                total += value.detach() * len(batch)
                hits += ((z.detach() > 0) == (y[batch] > 0.5)).sum()
            with torch.no_grad():
                z = model(x[ROWS:])[:, 0]
                test = loss(z, y[ROWS:], signs[ROWS:])
                right = ((z > 0) == (y[ROWS:] > 0.5)).float().mean()
            curves.append(torch.stack([total / ROWS, hits / ROWS, test, right]))
        torch.stack(curves).cpu().numpy()
        seconds.append(time.perf_counter() - began)
    return {"runs": seconds[1:], "trainings": size.torch_runs}


def run_limit(repeats: int = 15) -> dict[str, Any]:
    """Multiply large matrices: what this machine can do at best."""
    import numpy as np

    a = np.random.default_rng(0).normal(size=(1536, 1536)).astype(np.float32)
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    return {"gflops": 2 * 1536**3 / best / 1e9}
