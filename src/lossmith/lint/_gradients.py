"""Values and gradients of a loss on a sample, on whichever backend Keras runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["inference", "output_gradient", "pointwise", "weight_gradients"]

Function = Callable[[Any], Any]


def _numbers(value: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(value), dtype=np.float64)


def pointwise(loss: Any, target: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Return what `loss` gives before its reduction, in the precision that Keras would use."""
    import keras

    return _numbers(_call(keras, loss, target)(keras.ops.convert_to_tensor(output, dtype=loss.dtype)))


def _call(keras: Any, loss: Any, target: np.ndarray) -> Function:
    fixed = keras.ops.convert_to_tensor(np.asarray(target), dtype=loss.dtype)
    return lambda output: loss.call(fixed, output)


def output_gradient(loss: Any, target: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Return the derivative of the summed loss by each output, shape of `output`."""
    import keras

    call = _call(keras, loss, target)
    start = keras.ops.convert_to_tensor(output, dtype=loss.dtype)
    return _numbers(_GRADIENTS[keras.backend.backend()](lambda value: keras.ops.sum(call(value)), start))


def _jax(function: Function, start: Any) -> Any:
    import jax

    return jax.grad(function)(start)


def _tensorflow(function: Function, start: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(start)
        value = function(start)
    found = tape.gradient(value, start)
    return tf.zeros_like(start) if found is None else tf.convert_to_tensor(found)


def _torch(function: Function, start: Any) -> Any:
    import torch

    leaf = start.detach().clone().requires_grad_(True)
    value = function(leaf)
    if not value.requires_grad:
        return torch.zeros_like(leaf)
    return torch.autograd.grad(value, leaf, allow_unused=True)[0]


_GRADIENTS: dict[str, Callable[[Function, Any], Any]] = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}


def inference(model: Any) -> dict[str, bool]:
    """Return the arguments that call a model in inference mode: a subclass need not take `training`."""
    return {"training": False} if getattr(model, "_call_has_training_arg", True) else {}


def weight_gradients(
    model: Any, inputs: Any, choose: Callable[[Any], Any], loss: Any, target: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """Return path and gradient of every trainable variable, for the summed loss of one output.

    Parameters
    ----------
    model : keras.Model
        Left as it is; called in inference mode.
    inputs : arrays
    choose : callable
        Takes the output that is meant from what the model returns.
    loss : keras.losses.Loss
    target : ndarray
    """
    import keras

    call = _call(keras, loss, target)

    def total(returned: Any) -> Any:
        return keras.ops.sum(call(keras.ops.cast(choose(returned), loss.dtype)))

    variables = model.trainable_variables
    if not variables:
        return []
    backend = keras.backend.backend()
    if backend == "jax":
        found = _jax_weights(model, inputs, total)
    elif backend == "tensorflow":
        found = _tensorflow_weights(model, inputs, total)
    else:
        found = _torch_weights(model, inputs, total)
    return [(v.path, _numbers(g)) for v, g in zip(variables, found, strict=True) if g is not None]


def _jax_weights(model: Any, inputs: Any, total: Function) -> list[Any]:
    import jax

    other = [variable.value for variable in model.non_trainable_variables]

    def value(trainable: list[Any]) -> Any:
        return total(model.stateless_call(trainable, other, inputs, **inference(model))[0])

    return list(jax.grad(value)([variable.value for variable in model.trainable_variables]))


def _tensorflow_weights(model: Any, inputs: Any, total: Function) -> list[Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = total(model(inputs, **inference(model)))
    found = tape.gradient(value, [variable.value for variable in model.trainable_variables])
    return [g if g is None else tf.convert_to_tensor(g) for g in found]


def _torch_weights(model: Any, inputs: Any, total: Function) -> list[Any]:
    import torch

    value = total(model(inputs, **inference(model)))
    leaves = [variable.value for variable in model.trainable_variables]
    if not value.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return list(torch.autograd.grad(value, leaves, allow_unused=True))
