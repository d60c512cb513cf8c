"""A trained run as an ordinary Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.losses import Loss
from lossmith.losses._adapters import keras_namespace
from lossmith.training._backend import load_keras, undisturbed_random

__all__ = ["to_keras"]


def to_keras(model: Any, weights: Sequence[np.ndarray], *, loss: Loss | None = None) -> Any:
    """Return a fresh Keras model of the same architecture with the weights of a trained run.

    Use it to save a run with `.save`, to look at it with `.summary`, or to train it further with `.fit`.

    Parameters
    ----------
    model : keras.Model
        The network that was trained; it is left as it is.
    weights : sequence of ndarray
        Values of its variables in Keras's order, such as `[w[seed, configuration] for w in result.weights]`.
    loss : Loss, optional
        Appends the activation of its head, so that `.predict` gives probabilities, scores or values instead of raw
        outputs, always of shape `(n_samples, units of the prediction)`.

    Raises
    ------
    ShapeError
        Weights of another architecture.
    InvalidInputError
        A loss for another number of outputs.

    Examples
    --------
    >>> from lossmith import losses, models
    >>> network = models.get("mlp:hidden=3").network((2,), 1)
    >>> weights = [np.zeros(variable.shape) for variable in network.variables]
    >>> to_keras(network, weights, loss=losses.get("binary_crossentropy")).predict(np.ones((1, 2)), verbose=0)
    array([[0.5]], dtype=float32)
    """
    keras = load_keras()
    expected = [tuple(variable.shape) for variable in model.variables]
    if [np.shape(value) for value in weights] != expected:
        raise ShapeError(
            f"weights of shapes {[np.shape(value) for value in weights]}",
            expected=f"those of the model: {expected}",
            advice="take the weights of one run: [w[seed, configuration] for w in result.weights]",
        )
    with undisturbed_random():
        fresh = keras.models.clone_model(model)
    for variable, value in zip(fresh.variables, weights, strict=True):
        variable.assign(value)
    if loss is None:
        return fresh
    units = int(model.output_shape[-1])
    if loss.head.units not in ("n_classes", units):
        raise InvalidInputError(
            f"loss {loss} for a model of {units} outputs", expected=f"a model of {loss.head.units} outputs"
        )
    return keras.Model(fresh.inputs, _head(keras, fresh.outputs[0], loss))


def _head(keras: Any, raw: Any, loss: Loss) -> Any:
    if loss.head.gives == "value" and raw.shape[-1] > 1:
        raw = raw[:, :1]
    if loss.head.gives == "probability" and loss.head.activation not in ("sigmoid", "softmax"):
        return loss.head.predict(keras_namespace(), raw)
    if loss.head.activation == "linear":
        return raw
    if loss.head.activation == "expm1":
        return keras.ops.expm1(raw)
    return keras.layers.Activation(loss.head.activation, name="head")(raw)
