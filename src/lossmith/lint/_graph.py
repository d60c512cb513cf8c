"""The end of a Keras model, read from its graph: which activations stand between the last weights and the output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["activation_chain", "graph_outputs", "output_names"]

# layers and operations that move numbers without changing them
_MOVES = {
    "ActivityRegularization", "Cast", "Cropping1D", "Cropping2D", "Dropout", "ExpandDims", "Flatten", "GetItem", "Identity",
    "Permute", "RepeatVector", "Reshape", "SpatialDropout1D", "SpatialDropout2D", "Squeeze", "Transpose",
}  # fmt: skip
_ACTIVATIONS = {
    "ELU", "Elu", "Exp", "Expm1", "GELU", "Gelu", "LeakyReLU", "LeakyRelu", "LogSoftmax", "PReLU", "ReLU", "Relu", "Relu6", "Selu", "Sigmoid",
    "Softmax", "Softplus", "Softsign", "Tanh",
}  # fmt: skip
_LINEAR = {"BatchNormalization", "LayerNormalization", "GroupNormalization", "Embedding"}
_DEEPEST = 64


def _name(function: Any) -> str | None:
    """Return the name of a Keras activation; None for a function of the user."""
    if isinstance(function, str):
        return function
    module = str(getattr(function, "__module__", "") or type(function).__module__)
    name = getattr(function, "__name__", type(function).__name__)
    return name.lower() if module.split(".")[0] == "keras" else None


def _of_layer(layer: Any) -> tuple[str | None, bool]:
    """Return the activation of a layer or operation, and whether to look at what comes before it."""
    kind = type(layer).__name__
    inner = getattr(layer, "layer", None)
    if kind == "TimeDistributed" and inner is not None:
        return _of_layer(inner)
    if kind in _MOVES:
        return "linear", True
    if kind == "Activation":
        return _name(layer.activation), True
    if kind in _ACTIVATIONS:
        return kind.lower(), True
    if hasattr(layer, "activation") and hasattr(layer, "variables"):
        return _name(layer.activation), False
    if kind in _LINEAR:
        return "linear", False
    return None, False


def _backwards(tensor: Any, depth: int = 0) -> Iterator[str | None]:
    history = getattr(tensor, "_keras_history", None)
    if history is None or depth > _DEEPEST:
        yield None
        return
    layer = history.operation
    if hasattr(layer, "outputs") and hasattr(layer, "layers"):  # a model within the model
        import keras

        outputs = keras.tree.flatten(layer.outputs)
        if history.tensor_index < len(outputs):
            yield from _backwards(outputs[history.tensor_index], depth + 1)
        else:
            yield None
        return
    activation, further = _of_layer(layer)
    yield activation
    if further:
        node = layer._inbound_nodes[history.node_index]
        if len(node.input_tensors) == 1:
            yield from _backwards(node.input_tensors[0], depth + 1)
        else:
            yield None


def activation_chain(tensor: Any) -> tuple[str, ...] | None:
    """Return the activations between the last weights and an output, outermost first; None where the graph does not say.

    Examples
    --------
    >>> from lossmith.training import load_keras
    >>> keras = load_keras()
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Softmax()])
    >>> activation_chain(model.outputs[0])
    ('softmax',)
    """
    found: list[str] = []
    for activation in _backwards(tensor):
        if activation is None:
            # what stands before a known activation does not matter
            return tuple(found) if found else None
        if activation != "linear":
            found.append(activation)
    return tuple(found)


def output_names(model: Any, outputs: Any) -> list[str]:
    """Return a name for each output of a call of `model`, in the order of the flattened outputs."""
    import keras

    flat = keras.tree.flatten(outputs)
    if isinstance(outputs, dict):
        return sorted(outputs)
    known = getattr(model, "output_names", None) or []
    return list(known) if len(known) == len(flat) else [f"output_{place}" for place in range(len(flat))]


def graph_outputs(model: Any, inputs: Any) -> list[Any]:
    """Return the symbolic outputs of a model; of a subclass, by following one symbolic call. Empty where that fails."""
    import keras

    if getattr(model, "outputs", None):
        return list(keras.tree.flatten(model.outputs))
    layers = model._flatten_layers()
    before = [(layer, list(layer._inbound_nodes), list(layer._outbound_nodes)) for layer in layers]
    try:
        symbolic = keras.tree.map_structure(
            lambda array: keras.KerasTensor((None, *array.shape[1:]), array.dtype), inputs
        )
        found = keras.tree.flatten(model.call(symbolic))
    except Exception:  # code that wants real numbers
        return []
    finally:
        for layer, inbound, outbound in before:
            layer._inbound_nodes, layer._outbound_nodes = inbound, outbound
    return list(found)
