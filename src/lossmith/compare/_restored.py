"""From a checked configuration and plain arrays to a trained model: every part must fit every other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from lossmith import losses
from lossmith._errors import BackendError
from lossmith.compare import networks
from lossmith.compare._model_schema import ConfigurationError
from lossmith.compare.trained import TrainedModel
from lossmith.data import Encoder
from lossmith.losses import Loss
from lossmith.losses.encoding import FittedEncoding
from lossmith.models import MODELS, Model

__all__ = ["restored", "restored_encoder"]


def restored(described: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> TrainedModel:
    """Return the model of a configuration that was checked, and of its tensors.

    Raises
    ------
    ConfigurationError or LossmithError
        They do not fit together.
    """
    loss = losses.get(json.dumps(described["loss"]))
    if loss.data_task != described["task"]:
        raise ConfigurationError(f"loss {loss} is not for {described['task']}")
    encoding = _encoding(loss, described)
    encoder = restored_encoder(described["encoder"], tensors)
    if list(encoder.input_shape) != described["input_shape"]:
        raise ConfigurationError(
            f"the encoder makes inputs of shape {encoder.input_shape}, not {described['input_shape']}"
        )
    if loss.units(encoding.n_classes or None) != described["units"]:
        raise ConfigurationError(f"{loss} has no head of width {described['units']}")
    model = _model(described["model"])
    return TrainedModel(
        loss=loss,
        model=model,
        weights=_weights(model, described, tensors),
        encoder=encoder,
        encoding=encoding,
        class_names=tuple(described["class_names"]),
        platt=_platt(loss, tensors),
        metrics={label: float("nan") if value is None else value for label, value in described["metrics"].items()},
        training=described["training"],
        data=described["data"],
        versions=described["versions"],
    )


def _encoding(loss: Loss, described: Mapping[str, Any]) -> FittedEncoding:
    given = described["encoding"]
    n_classes = len(described["class_names"])
    least, most = {"regression": (0, 0), "binary": (2, 2), "multiclass": (2, n_classes)}[loss.data_task]
    if not least <= n_classes <= most:
        raise ConfigurationError(f"{n_classes} class names for a {loss.data_task} task")
    if given["name"] != loss.encoding:
        raise ConfigurationError(f"targets are encoded as {given['name'][:40]!r}, and {loss} reads {loss.encoding!r}")
    return FittedEncoding(loss.encoding, float(given["center"]), float(given["scale"]), n_classes)


def restored_encoder(described: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Encoder:
    """Return the encoder of a configuration and of the arrays that belong to it."""
    arrays = {}
    for part, kind in (("fill", "float64"), ("mean", "float64"), ("deviation", "float64"), ("active", "bool")):
        arrays[part] = _tensor(tensors, f"encoder/{part}", kind)
    if (arrays["deviation"] <= 0).any():
        raise ConfigurationError("encoder/deviation holds a number that is not positive")
    return Encoder.restore(described, arrays)


def _model(described: Mapping[str, Any]) -> Model:
    if described["name"] not in MODELS or MODELS[described["name"]].name != described["name"]:
        raise ConfigurationError(
            f"it needs the model family {described['name'][:40]!r}, which this version does not have"
        )
    return MODELS[described["name"]].configured(**described["values"])


def _weights(model: Model, described: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    given = sorted(name for name in tensors if name.startswith("weight/"))
    others = {"encoder/fill", "encoder/mean", "encoder/deviation", "encoder/active", "platt"}
    foreign = sorted(tensors.keys() - others - set(given))
    if foreign:
        raise ConfigurationError(f"it holds {foreign[0][:40]!r}, which belongs to no model")
    try:
        wanted = networks.weight_shapes(model, tuple(described["input_shape"]), described["units"])
    except BackendError:
        raise
    except Exception as error:  # whatever Keras raises for a configuration that makes no network
        raise ConfigurationError(f"{model} makes no network: {error}") from error
    if given != [f"weight/{place:04d}" for place in range(len(wanted))]:
        raise ConfigurationError(f"it holds {len(given)} weights, and {model} has {len(wanted)}")
    found = tuple(_tensor(tensors, label, kind) for label, (_, kind) in zip(given, wanted, strict=True))
    for label, value, (shape, _) in zip(given, found, wanted, strict=True):
        if value.shape != shape:
            raise ConfigurationError(f"{label} has shape {value.shape}, and {model} has {shape} there")
    return found


def _platt(loss: Loss, tensors: Mapping[str, np.ndarray]) -> np.ndarray | None:
    if (loss.head.gives == "score") != ("platt" in tensors):
        raise ConfigurationError(f"{loss} and a calibration of scores belong together, and one is missing")
    if "platt" not in tensors:
        return None
    platt = _tensor(tensors, "platt", "float64")
    if platt.shape != (2,):
        raise ConfigurationError(f"platt has shape {platt.shape}, not (2,)")
    return platt


def _tensor(tensors: Mapping[str, np.ndarray], label: str, kind: str) -> np.ndarray:
    if label not in tensors:
        raise ConfigurationError(f"it lacks {label!r}")
    value = tensors[label]
    if str(value.dtype) != kind:
        raise ConfigurationError(f"{label} is {value.dtype}, not {kind}")
    if kind == "bool" and (value.view(np.uint8) > 1).any():
        raise ConfigurationError(f"{label} holds more than true and false")
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise ConfigurationError(f"{label} holds a value that is not finite")
    return value
