"""Networks of a trained model: their shapes without their size, their raw outputs, and an ordinary Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.losses import Head, Loss
from lossmith.losses._adapters import keras_namespace
from lossmith.losses.encoding import FittedEncoding
from lossmith.models import MODELS, Model
from lossmith.training import load_keras

__all__ = ["in_catalogue", "keras_model", "raw_outputs", "weight_shapes"]

CHUNK = 4096  # rows at a time


def in_catalogue(model: Model) -> bool:
    """Return whether a name is enough to build this model again."""
    return model.name in MODELS and MODELS[model.name].build is model.build


def _network(model: Model, input_shape: tuple[int, ...], units: int) -> Any:
    """Return the network; one of the catalogue has variables without values, whatever their size."""
    if not in_catalogue(model):
        return model.network(input_shape, units)  # a user's function may need real values

    def build() -> Any:
        with keras.StatelessScope(initialize_variables=False):
            return model.network(input_shape, units, initialized=False)

    keras = load_keras()
    # Keras keeps a list of variables without values for each thread, and would give them all memory at the next chance
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(build).result()


def weight_shapes(model: Model, input_shape: tuple[int, ...], units: int) -> list[tuple[tuple[int, ...], str]]:
    """Return shape and type of each of the network's variables, in Keras's order; none of them gets memory.

    Examples
    --------
    >>> from lossmith import models
    >>> weight_shapes(models.get("mlp:hidden=1000000"), (10**9,), 2)[0]
    ((1000000000, 1000000), 'float32')
    """
    variables = _network(model, input_shape, units).variables
    return [(tuple(variable.shape), str(variable.dtype)) for variable in variables]


def raw_outputs(model: Model, weights: Sequence[np.ndarray], inputs: np.ndarray, *, units: int) -> np.ndarray:
    """Return raw outputs of shape `(n_samples, units)` for encoded inputs, float32."""
    network = _network(model, inputs.shape[1:], units)
    values = {id(variable): value for variable, value in zip(network.variables, weights, strict=True)}
    trainable = [values[id(variable)] for variable in network.trainable_variables]
    other = [values[id(variable)] for variable in network.non_trainable_variables]
    raw = np.empty((len(inputs), units), dtype=np.float32)
    for start in range(0, len(inputs), CHUNK):
        rows = slice(start, start + CHUNK)
        raw[rows] = network.stateless_call(trainable, other, inputs[rows], training=False)[0]
    return raw


def keras_model(
    model: Model,
    weights: Sequence[np.ndarray],
    *,
    input_shape: tuple[int, ...],
    loss: Loss,
    encoding: FittedEncoding,
    platt: np.ndarray | None = None,
) -> Any:
    """Return an ordinary `keras.Model` from encoded inputs to predictions.

    It is made of layers that Keras has, so that its file is read without lossmith. Its output is what the head of the loss predicts: the probability of class 1 of shape `(n_samples, 1)`, one
    probability for each class, or the value in units of the target, `(n_samples, 1)`. Scores of margin losses go through
    their Platt (or temperature) scaling.

    Raises
    ------
    InvalidInputError
        A head that has no counterpart in Keras.
    ShapeError
        Weights of another network.
    """
    keras = load_keras()
    network = model.network(input_shape, loss.units(encoding.n_classes or None))
    shapes = [tuple(variable.shape) for variable in network.variables]
    if shapes != [value.shape for value in weights]:
        raise ShapeError(
            f"weights of shapes {[value.shape for value in weights]}",
            expected=f"those of {model}: {shapes}",
            advice="give the weights of the same configuration",
        )
    if in_catalogue(model) and model.execution == "sequential":
        # layers of Keras alone, which have the same variables but for the random states of training
        weights = [w for w, v in zip(weights, network.variables, strict=True) if not _random_state(v)]
        network = model.network(input_shape, loss.units(encoding.n_classes or None), portable=True)
        targets = [variable for variable in network.variables if not _random_state(variable)]
    else:
        targets = network.variables
    for variable, value in zip(targets, weights, strict=True):
        variable.assign(value)
    predicted = _predicted(keras, network.outputs[0], loss.head, platt)
    if loss.task == "regression" and (encoding.scale, encoding.center) != (1.0, 0.0):
        predicted = keras.layers.Rescaling(encoding.scale, encoding.center, name="units_of_target")(predicted)
    return keras.Model(network.inputs[0], predicted)


def _random_state(variable: Any) -> bool:
    return bool(variable.path.endswith("seed_generator_state"))


def _predicted(keras: Any, raw: Any, head: Head, platt: np.ndarray | None) -> Any:
    several = raw.shape[-1] > 1
    if head.gives == "score" and platt is not None:
        # the scaling is fitted to raw scores, also where the head ends in tanh
        scaled = keras.layers.Rescaling(float(platt[0]), float(platt[1]), name="calibration")(raw)
        return keras.layers.Activation("softmax" if several else "sigmoid", name="probability")(scaled)
    if head.gives == "probability" and head.activation in ("sigmoid", "softmax"):
        return keras.layers.Activation(head.activation, name="probability")(raw)
    if head.gives == "value" and head.activation in ("linear", "exponential", "expm1"):
        value = raw[:, :1] if several else raw
        if head.activation == "expm1":
            return keras.ops.expm1(value)
        return value if head.activation == "linear" else keras.layers.Activation("exponential", name="head")(value)
    if head.gives == "probability" and several:
        return head.predict(keras_namespace(), raw)
    raise InvalidInputError(
        f"the head {head.name!r} with activation {head.activation!r}",
        expected="a head of the catalogue of losses",
        advice="build the last layer yourself",
    )
