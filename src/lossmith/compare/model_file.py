"""A trained model as one safetensors file: weights, encoder, calibration, and a configuration that is only data.

Opening a file runs nothing that it holds: the architecture is built by the catalogue of model families from a validated
configuration, arrays are plain numbers, and no module is imported on its behalf. See `docs/model-files.md`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from lossmith import _tensor_file as tensor_file
from lossmith import losses
from lossmith._errors import BackendError, InvalidInputError, LossmithError
from lossmith._tensor_file import PathType
from lossmith.compare import networks
from lossmith.compare._model_schema import CONFIGURATION, ConfigurationError, checked
from lossmith.compare._restored import restored
from lossmith.compare.trained import TrainedModel

__all__ = ["FORMAT", "TrainedModel", "load", "save"]

FORMAT = "lossmith model 1"


def save(trained: TrainedModel, path: PathType) -> None:
    """Write a model to one safetensors file, whole or not at all; its folder is made.

    Raises
    ------
    InvalidInputError
        The architecture or the loss is in no catalogue, so that no name can bring it back, or a weight is not finite.
    ModelFileError
        The path cannot be written.
    """
    data = to_bytes(trained)
    from_bytes(data)  # what is written can be read
    tensor_file.write(data, path)


def load(path: PathType) -> TrainedModel:
    """Read a model from a file; nothing in the file is ever executed or imported.

    Raises
    ------
    ModelFileError
        The file misses, is damaged, is no model of lossmith or one of a later version, or holds anything unexpected.
    """
    return _restored(*tensor_file.read(path, format=FORMAT), name=repr(str(path)))


def to_bytes(trained: TrainedModel) -> bytes:
    """Return the content of a model file; the same model gives the same bytes."""
    _check_nameable(trained)
    tensors = {f"weight/{place:04d}": value for place, value in enumerate(trained.weights)}
    tensors |= {f"encoder/{name}": value for name, value in trained.encoder.arrays().items()}
    if trained.platt is not None:
        tensors["platt"] = trained.platt
    for name, value in tensors.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise InvalidInputError(
                f"{name} of the model holds a value that is not finite",
                expected="finite numbers",
                advice="train with a smaller learning rate",
            )
    data = tensor_file.pack(_configuration(trained), tensors, format=FORMAT)
    if int.from_bytes(data[:8], "little") > tensor_file.MOST_HEADER:
        raise InvalidInputError(
            f"a configuration of {int.from_bytes(data[:8], 'little'):,} bytes",
            expected=f"at most {tensor_file.MOST_HEADER:,}",
            advice="drop columns of the data",
        )
    return data


def _check_nameable(trained: TrainedModel) -> None:
    if not networks.in_catalogue(trained.model):
        raise InvalidInputError(
            f"model {trained.model.name!r} is built by a function of yours, which a file cannot hold",
            expected="a family of the catalogue, such as mlp",
            advice='keep it as a Keras file: trained.to_keras().save("model.keras")',
        )
    try:
        same = losses.get(trained.loss.to_json()) == trained.loss
    except LossmithError:
        same = False
    if not same:
        raise InvalidInputError(
            f"loss {trained.loss.name!r} is your own, which a file cannot hold",
            expected="a loss of the catalogue",
            advice='keep the model as a Keras file: trained.to_keras().save("model.keras")',
        )


def _configuration(trained: TrainedModel) -> dict[str, Any]:
    encoding = asdict(trained.encoding)
    return {
        "task": trained.task,
        "loss": json.loads(trained.loss.to_json()),
        "model": {"name": trained.model.name, "values": dict(trained.model.values)},
        "input_shape": list(trained.input_shape),
        "units": trained.units,
        "class_names": list(trained.class_names),
        "encoding": {name: encoding[name] for name in ("name", "center", "scale")},
        "encoder": trained.encoder.configuration(),
        "metrics": {name: float(value) if np.isfinite(value) else None for name, value in trained.metrics.items()},
        "training": dict(trained.training),
        "data": dict(trained.data),
        "versions": dict(trained.versions),
    }


def from_bytes(data: bytes, *, name: str = "the file") -> TrainedModel:
    """Return the model that `to_bytes` turned into `data`.

    Raises
    ------
    ModelFileError
        See `load`.
    """
    return _restored(*tensor_file.unpack(data, format=FORMAT, name=name), name=name)


def _restored(configuration: dict[str, Any], tensors: dict[str, Any], *, name: str) -> TrainedModel:
    try:
        return restored(checked(configuration, CONFIGURATION), tensors)
    except BackendError:
        raise  # the file may be sound: it is this process that cannot use it
    except (LossmithError, ConfigurationError, ValueError, RecursionError) as error:
        raise tensor_file.damaged(name, str(error)) from error
