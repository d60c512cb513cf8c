"""What a comparison chooses where the user says nothing; images have defaults of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith._names import parse_name
from lossmith.training.optimizers import known_optimizer

__all__ = [
    "DEFAULTS",
    "DEFAULT_LOSSES",
    "Defaults",
    "PUBLISHED_SETTINGS",
    "RATE_FACTORS",
    "default_lengths",
    "default_rate",
]

RATE_FACTORS = (1 / 9, 1 / 3, 1.0, 3.0, 9.0)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Everything that is chosen when the user says nothing; documented in `docs/defaults.md`."""

    model: str = "mlp:hidden=50"
    optimizer: str = "sgd:momentum=0.9"
    learning_rate: float = 0.01
    seeds: int = 10
    looks: tuple[int, ...] = (10, 20, 30, 50)
    steps: int = 4000
    min_epochs: int = 20
    max_epochs: int = 200
    # rows of the training part from which batches grow, and the size they have from there on
    batches: tuple[tuple[int, int], ...] = ((0, 32), (5_000, 128), (20_000, 256))
    patience_from_rows: int = 5_000
    patience: int = 5
    level: float = 0.95


DEFAULTS = Defaults()
# what is compared when nothing is said: the losses that people choose between; `all` takes every one of the task
DEFAULT_LOSSES = {
    "regression": (
        "mean_squared_error",
        "mean_absolute_error",
        "mean_squared_logarithmic_error",
        "huber",
        "quantile",
        "poisson",
        "gaussian_nll",
    ),
    "binary": (
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "brier",
        "hinge",
        "squared_hinge",
        "tanh_hinge",
        "tanh_squared_hinge",
    ),
    "multiclass": (
        "categorical_crossentropy",
        "kl_divergence",
        "reverse_kl_divergence",
        "jensen_shannon_divergence",
        "categorical_generalized_cross_entropy",
        "categorical_hinge",
        "categorical_brier",
    ),
}
# the settings of the tutorial's experiments, by built-in data set: model and epochs
PUBLISHED_SETTINGS = {
    "circles": ("mlp:hidden=50", 200),
    "blobs": ("mlp:hidden=50", 100),
    "regression": ("mlp:hidden=25", 100),
}


def default_lengths(n_train: int, *, defaults: Defaults = DEFAULTS) -> tuple[int, int]:
    """Return default epochs and batch size for a number of training rows.

    Examples
    --------
    >>> default_lengths(600)
    (200, 32)
    >>> default_lengths(27_000)
    (38, 256)
    """
    batch = max((size for rows, size in defaults.batches if n_train >= rows), default=32)
    steps_per_epoch = max(1, -(-n_train // batch))
    return int(np.clip(round(defaults.steps / steps_per_epoch), defaults.min_epochs, defaults.max_epochs)), batch


def default_rate(optimizer: str, batch_size: int) -> float:
    """Return the learning rate around which rates are tried when none is configured.

    SGD's grows with the batch, so that an epoch moves the weights as far (Goyal et al., Accurate, Large Minibatch SGD, 2017).

    Examples
    --------
    >>> default_rate("sgd:momentum=0.9", 256), default_rate("adam", 256), default_rate("sgd", 8), default_rate("gd", 0)
    (0.08, 0.01, 0.1, 0.3)
    """
    name, values = parse_name(optimizer)
    # a velocity that keeps 0.9 of itself takes ten times the step
    record = known_optimizer("momentum" if name.lower() == "sgd" and values.get("momentum") else name)
    factor = max(1.0, batch_size / DEFAULTS.batches[0][1]) if record.grows else 1.0
    return float(f"{record.rate * factor:.4g}")
