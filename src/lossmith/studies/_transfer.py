"""Transfer learning: convolutions learned on some classes serve others, of which there are few images."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import lossmith

__all__ = ["transferred"]


def transferred(images: np.ndarray, labels: np.ndarray, *, quick: bool) -> tuple[str, dict[str, float]]:
    """Learn convolutions on the digits 0 to 4, freeze them, and train a head on few images of 5 to 9."""
    from lossmith.compare.trained import TrainedModel

    settings: dict[str, Any] = {
        "task": "multiclass", "losses": "categorical_crossentropy", "optimizer": "adam", "learning_rate": 0.002,
        "learning_rates": "configured", "seeds": 2 if quick else 10, "batch_size": 32,
    }  # fmt: skip
    network, few = "cnn:filters=16x32,padding=same,hidden=64,dropout=0", labels >= 5
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "source.safetensors"
        lossmith.compare(
            (images[~few][..., None], labels[~few]), model=network, save_model=file,
            **(settings | {"epochs": 2 if quick else 20, "seeds": 2}),
        )  # fmt: skip
        source = TrainedModel.load(file)
    trained, inputs = source.to_keras(), source.encode(images[few][:150, ..., None])
    frozen = _until_flat(trained)(inputs)
    labels = labels[few][:150]
    scratch = lossmith.compare((inputs, labels), model=network, epochs=3 if quick else 60, **settings)
    head = lossmith.compare(
        (np.asarray(frozen).reshape(len(labels), -1), labels),
        model="mlp:hidden=64",
        epochs=3 if quick else 60,
        **settings,
    )
    found = {name: result.standings[0].metric for name, result in (("scratch", scratch), ("transferred", head))}
    text = ", ".join(f"{name} {one.mean:.3f} [{one.low:.3f}, {one.high:.3f}]" for name, one in found.items())
    return f"90 images of new classes: {text}", {name: float(one.mean) for name, one in found.items()}


def _until_flat(model: Any) -> Any:
    """Return the part of a network that comes before its images are flattened."""
    from lossmith.training import load_keras

    keras = load_keras()
    last = next(layer for layer in model.layers if "flatten" in layer.name)
    return keras.Model(model.inputs[0], last.input)
