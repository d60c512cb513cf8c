"""A small classifier, trained by lossmith itself, whose last hidden layer are the features that samples are compared by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.generative._parameters import check_whole
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer, compilation_cache
from lossmith.training.optimizers import make_optimizer

__all__ = ["FeatureNetwork", "train_feature_network"]

BLOCK = 1000


@dataclass(frozen=True, slots=True, eq=False)
class FeatureNetwork:
    """A trained classifier and its last hidden layer.

    Attributes
    ----------
    name : str
        The model, with its parameters.
    classes : ndarray of shape (n_classes,)
    shape : tuple of int
        Of one row.
    accuracy : float
        On rows that it was not trained on.
    model : keras.Model
        Gives features and raw scores.
    """

    name: str
    classes: np.ndarray
    shape: tuple[int, ...]
    accuracy: float
    model: Any

    def _both(self, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        rows = _numbers(np.asarray(rows))
        if rows.shape[1:] != self.shape or not len(rows):
            raise ShapeError(f"rows of shape {rows.shape}", expected=f"(n_samples, {', '.join(map(str, self.shape))})")
        parts = [self.model(rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK)]
        return tuple(np.concatenate([np.asarray(part[place]) for part in parts]) for place in (0, 1))  # type: ignore[return-value]

    def features(self, rows: Any) -> np.ndarray:
        """Return the last hidden layer, `(n_samples, n_features)`; pixels are bytes, or numbers in [0, 1]."""
        return self._both(rows)[0]

    def probabilities(self, rows: Any) -> np.ndarray:
        """Return class probabilities, `(n_samples, n_classes)`."""
        from scipy.special import softmax

        return softmax(self._both(rows)[1].astype(np.float64), axis=1)


def _numbers(rows: np.ndarray) -> np.ndarray:
    return (rows / np.float32(255) if rows.dtype == np.uint8 else rows).astype(np.float32)


def train_feature_network(
    X: Any, y: Any, *, model: str = "mlp:hidden=256x64", epochs: int = 5, held_out: float = 0.1, seed: int = 0
) -> FeatureNetwork:
    """Train a classifier on rows of known classes; nothing is downloaded.

    Use it for small images, where networks that were trained on photographs say little. Distances are comparable only under one
    network: keep it, and its seed, for all that you compare.

    Parameters
    ----------
    X : array of shape (n_samples, ...)
        Bytes of pixels, or numbers.
    y : array of shape (n_samples,)
        Two classes or more.
    model : str
        A model of the catalogue.
    epochs : int
    held_out : float
        Share of rows that judge it.
    seed : int

    Raises
    ------
    InvalidInputError
        Fewer than two classes, or too few rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> network = train_feature_network(X / 16, y, model="mlp:hidden=16", epochs=10)
    >>> network.features(X / 16).shape, network.accuracy > 0.7
    ((1797, 16), True)
    """
    from lossmith import losses, models

    X, y = np.asarray(X), np.asarray(y)
    check_whole("epochs", epochs)
    classes, labels = np.unique(y, return_inverse=True)
    if y.ndim != 1 or len(y) != len(X) or len(classes) < 2 or len(X) < 10 or not 0 < held_out < 1:
        raise InvalidInputError(
            f"{len(X)} rows with classes of shape {y.shape} ({len(classes)} different)",
            expected="10 rows or more of two classes or more, one class for each row, and a share held out",
        )
    order = np.random.default_rng(seed).permutation(len(X))
    cut = max(1, round(held_out * len(X)))
    rows, targets = _numbers(X), np.eye(len(classes), dtype=np.float32)[labels]
    network = models.get(model).network(tuple(X.shape[1:]), len(classes))
    with compilation_cache():
        procedure = GradientProcedure(
            network, make_optimizer("adam", learning_rate=1e-3), [losses.get("categorical_crossentropy")], [0]
        )
    trainer = Trainer(procedure, [0], [1e-3], Schedule(epochs=epochs, batch_size=128))
    parts = [Part(rows[chosen][None], (targets[chosen][None],)) for chosen in (order[cut:], order[:cut])]
    result = trainer.train(GroupData((seed,), parts[0], {"test": parts[1]}))
    accuracy = float((result.raw["test"][0, 0].argmax(axis=1) == labels[order[:cut]]).mean())
    return FeatureNetwork(model, classes, tuple(X.shape[1:]), accuracy, _with_features(network, result))


def _with_features(network: Any, result: Any) -> Any:
    from lossmith.training import load_keras, to_keras

    keras = load_keras()
    trained = to_keras(network, [weight[0, 0] for weight in result.weights])
    if len(trained.layers) < 2:
        raise InvalidInputError(
            "a model without a hidden layer", expected="one with features", advice="take mlp:hidden=64"
        )
    before = trained.layers[-1].input
    return keras.Model(trained.inputs[0], [before, trained.outputs[0]])
