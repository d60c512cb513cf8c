"""A trained model as one safetensors file: weights, encoder, calibration, and a configuration that is only data.

Opening a file runs nothing that it holds: the architecture is built by the catalogue of model families from a validated
configuration, arrays are plain numbers, and no module is imported on its behalf. See `docs/model-files.md`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from lossmith import losses
from lossmith._errors import BackendError, InvalidInputError, LossmithError, ModelFileError
from lossmith.compare import networks
from lossmith.compare._model_schema import CONFIGURATION, ConfigurationError, checked
from lossmith.compare._restored import restored
from lossmith.compare.trained import TrainedModel

__all__ = ["FORMAT", "TrainedModel", "load", "save"]

FORMAT = "lossmith model 1"
MOST_HEADER = 2**26  # bytes; a thousand columns with thirty levels take about one million
SAVE_AGAIN = "save the model again, or copy the file again"

PathType = str | os.PathLike[str]


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
    write_file(data, path)


def write_file(data: bytes, path: PathType) -> None:
    """Write the bytes of a model file, whole or not at all; its folder is made.

    Raises
    ------
    ModelFileError
        The path cannot be written.
    """
    target = Path(path)
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files that nobody else may read
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise ModelFileError(
            f"cannot write {str(target)!r}: {error.strerror or error}",
            expected="a path that can be written",
            advice="give another path or free the folder",
        ) from error


def load(path: PathType) -> TrainedModel:
    """Read a model from a file; nothing in the file is ever executed or imported.

    Raises
    ------
    ModelFileError
        The file misses, is damaged, is no model of lossmith or one of a later version, or holds anything unexpected.
    """
    name = repr(str(path))
    try:
        with Path(path).open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            # a foreign or damaged file is refused before its tensors are read
            _described(stream, size, name)
            stream.seek(0)
            data = stream.read(size)
    except OSError as error:
        raise ModelFileError(
            f"{name} cannot be read: {error.strerror or error}", expected="a model file", advice="check the path"
        ) from error
    return from_bytes(data, name=name)


def _umask() -> int:
    """Return the permissions that new files lack; the system tells them only when they are set."""
    current = os.umask(0)
    os.umask(current)
    return current


def to_bytes(trained: TrainedModel) -> bytes:
    """Return the content of a model file; the same model gives the same bytes."""
    _check_nameable(trained)
    tensors = {f"weight/{place:04d}": value for place, value in enumerate(trained.weights)}
    tensors |= {f"encoder/{name}": value for name, value in trained.encoder.arrays().items()}
    if trained.platt is not None:
        tensors["platt"] = trained.platt
    tensors = {name: np.ascontiguousarray(value).reshape(value.shape) for name, value in tensors.items()}
    for name, value in tensors.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise InvalidInputError(
                f"{name} of the model holds a value that is not finite",
                expected="finite numbers",
                advice="train with a smaller learning rate",
            )
    data = pack(_configuration(trained), tensors)
    if int.from_bytes(data[:8], "little") > MOST_HEADER:
        raise InvalidInputError(
            f"a configuration of {int.from_bytes(data[:8], 'little'):,} bytes",
            expected=f"at most {MOST_HEADER:,}",
            advice="drop columns of the data",
        )
    return data


def pack(configuration: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return configuration and tensors as the bytes of a safetensors file, with their checksum."""
    described = {"format": FORMAT, "configuration": configuration, "sha256": _digest(configuration, tensors)}
    # one entry: the library writes several in an order that changes from run to run
    return safetensors.numpy.save(dict(tensors), metadata={"lossmith": _canonical(described)})


def _canonical(described: Mapping[str, Any]) -> str:
    return json.dumps(described, ensure_ascii=True, allow_nan=False)


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


def _digest(configuration: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of configuration and tensors: names, types, shapes and bytes."""
    found = hashlib.sha256()
    index = {name: [tensors[name].dtype.str, list(tensors[name].shape)] for name in sorted(tensors)}
    found.update(_canonical({"configuration": configuration, "tensors": index}).encode())
    for name in sorted(tensors):
        found.update(tensors[name].tobytes())
    return found.hexdigest()


def _described(stream: BinaryIO, size: int, name: str) -> dict[str, Any]:
    """Return what the metadata say, read after its declared length was held against the size of the file."""
    start = stream.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or not 2 <= length <= min(size - 8, MOST_HEADER):
        raise ModelFileError(
            f"{name} is no safetensors file, or is cut off", expected="a model file", advice=SAVE_AGAIN
        )
    header = _parsed(stream.read(length), name)
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("lossmith"), str):
        raise ModelFileError(
            f"{name} is no model of lossmith",
            expected="a file that TrainedModel.save wrote",
            advice="check the path",
        )
    described = _parsed(metadata["lossmith"], name)
    if not isinstance(described, dict) or not isinstance(described.get("format"), str):
        raise _damaged(name, "its metadata are not what lossmith writes")
    if described["format"] != FORMAT:
        raise ModelFileError(
            f"{name} has the format {described['format'][:40]!r}",
            expected=repr(FORMAT),
            advice="open it with the version of lossmith that wrote it, or a later one",
        )
    if described.keys() != {"format", "configuration", "sha256"} or len(metadata) > 1:
        raise _damaged(name, "its metadata are not what lossmith writes")
    return described


def _parsed(text: str | bytes, name: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_different, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged(name, "its header is no JSON") from error


def _different(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands twice")
        found[name] = value
    return found


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _damaged(name: str, reason: str) -> ModelFileError:
    words = " ".join(reason.split())
    return ModelFileError(f"{name} is damaged: {words[:300]}", expected="a whole model file", advice=SAVE_AGAIN)


def from_bytes(data: bytes, *, name: str = "the file") -> TrainedModel:
    """Return the model that `to_bytes` turned into `data`.

    Raises
    ------
    ModelFileError
        See `load`.
    """
    described = _described(io.BytesIO(data), len(data), name)
    try:
        tensors = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _damaged(name, str(error)) from error
    try:
        sound = _digest(described["configuration"], tensors) == described["sha256"]
    except (ValueError, RecursionError) as error:
        raise _damaged(name, "its configuration is no JSON") from error
    if not sound:
        raise _damaged(name, "its content does not fit its checksum")
    try:
        return restored(checked(described["configuration"], CONFIGURATION), tensors)
    except BackendError:
        raise  # the file may be sound: it is this process that cannot use it
    except (LossmithError, ConfigurationError, ValueError, RecursionError) as error:
        raise _damaged(name, str(error)) from error
