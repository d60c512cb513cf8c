"""Learning curves of `as_keras()` in plain `model.fit`, on whichever backend this process runs.

`python backend_curves.py WORK.npz` trains every loss of the file from its weights, on its batches, and prints the curves as
JSON: the other side of the comparison with the engine, run in a process for each backend.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

__all__ = ["BATCH", "EPOCHS", "HIDDEN", "RATE", "network"]

EPOCHS, BATCH, HIDDEN, RATE = 6, 32, 8, 0.02


def network(inputs: int, units: int) -> Any:
    """Return a small network without dropout that ends in raw scores."""
    import keras

    layers = [keras.Input((inputs,)), keras.layers.Dense(HIDDEN, "tanh"), keras.layers.Dense(units)]
    return keras.Sequential(layers)


def curve(name: str, stored: Any) -> list[float]:
    """Train one loss by `fit` and return its loss after each epoch."""
    import keras

    from lossmith import losses

    x, target, orders = stored["x"], stored[f"{name}:target"], stored["orders"]
    weights = [stored[f"{name}:weight{k}"] for k in range(4)]
    model = network(x.shape[1], len(weights[-1]))
    model.set_weights(weights)
    loss = losses.get(str(stored[f"{name}:loss"])).as_keras()
    model.compile(
        optimizer=keras.optimizers.SGD(RATE, momentum=0.9), loss=loss, metrics=losses.keras_metrics(loss.loss)
    )

    def batches() -> Any:
        for order in orders:
            for first in range(0, len(x), BATCH):
                rows = order[first : first + BATCH]
                yield x[rows], target[rows]

    steps = len(x) // BATCH
    history = model.fit(batches(), epochs=len(orders), steps_per_epoch=steps, shuffle=False, verbose=0)
    return [float(value) for value in history.history["loss"]]


def main() -> None:
    import keras

    stored = np.load(sys.argv[1], allow_pickle=False)
    names = [str(name) for name in stored["names"]]
    found = {name: curve(name, stored) for name in names}
    print(json.dumps({"backend": keras.backend.backend(), "curves": found}))


if __name__ == "__main__":
    main()
