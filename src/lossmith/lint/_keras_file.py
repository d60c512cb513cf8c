"""A `.keras` file of strangers, looked at before Keras opens it: only what Keras itself can build from plain settings.

Opening such a file builds every object that its configuration names, and Keras's safe mode has been got round more than
once (CVE-2025-1550, 2025-8747, 2025-9905, 2025-12058). What is checked here is a list of what may be named, before anything is.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lossmith._errors import ModelFileError

__all__ = ["check_keras_file"]

MOST_CONFIGURATION = 2**26  # bytes
UNPACKED, MOST_TIMES = 2**26, 100  # bytes to which any file may unpack, and times its size to which a larger one may
MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
# modules of Keras whose objects are made of numbers and texts alone
MODULES = re.compile(
    r"keras(\.src)?(\.(activations|constraints|dtype_policies|initializers|layers|losses|metrics|models|ops|optimizers"
    r"|quantizers|random|regularizers|trainers|backend\.common)(\.\w+)*)?"
)
# layers that run code or read files: their settings may name either
UNSAFE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup", "IntegerLookup", "IndexLookup",
          "TextVectorization", "__lambda__", "__typespec__")  # fmt: skip


def check_keras_file(path: Path, keras: Any) -> None:
    """Raise for a file that names anything but what Keras builds from plain settings, or what is registered here.

    Raises
    ------
    ModelFileError
    """
    try:
        with zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
            total = sum(entry.file_size for entry in entries)
            size = path.stat().st_size
            if total > max(UNPACKED, MOST_TIMES * size):
                raise _refused(path, f"it unpacks from {size:,} bytes to {total:,}")
            foreign = [entry.filename for entry in entries if entry.filename not in MEMBERS]
            if foreign or len({entry.filename for entry in entries}) < len(entries):
                raise _refused(path, f"it holds the file {(foreign or MEMBERS)[0][:60]!r}")
            with packed.open("config.json") as stream:
                configuration = json.loads(stream.read(MOST_CONFIGURATION))  # what is cut off is no JSON
            for named in _objects(configuration):
                _check_object(path, named, keras)
            if "model.weights.h5" in packed.namelist():
                with packed.open("model.weights.h5") as weights:
                    _check_weights(path, weights)
    except ModelFileError:
        raise
    # zip, JSON and HDF5 of strangers: each library raises what it stumbles over
    except Exception as error:
        raise _refused(path, " ".join(str(error).split())[:120] or type(error).__name__) from error


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping that names something to build."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "class_name" in one or "module" in one or "registered_name" in one:
                yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _check_object(path: Path, named: dict[str, Any], keras: Any) -> None:
    module, kind, registered = (named.get(key) for key in ("module", "class_name", "registered_name"))
    function = named.get("config") if kind == "function" else None
    for name in (kind, registered, function):
        if isinstance(name, str) and name.rpartition(">")[2].rpartition(".")[2] in UNSAFE:
            raise _refused(path, f"it holds a layer that runs code or reads files, {name[:60]!r}")
    if isinstance(registered, str) and ">" in registered and keras.saving.get_registered_object(registered) is not None:
        return  # made known in this process, by whoever runs it
    if module == "builtins" and isinstance(function, str) and hasattr(keras.activations, function):
        return
    if module is not None and not (isinstance(module, str) and MODULES.fullmatch(module)):
        raise _refused(path, f"it names {f'{module}.{function or kind}'[:80]!r}")


def _check_weights(path: Path, stream: Any) -> None:
    """Refuse HDF5 files that point to other files."""
    import h5py  # type: ignore[import-untyped,unused-ignore]

    with h5py.File(stream, "r") as file:
        waiting = [file]
        while waiting:
            group = waiting.pop()
            for name in group:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise _refused(path, f"its weights point elsewhere, at {name[:60]!r}")
                item = group[name]
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                elif item.external or item.is_virtual:
                    raise _refused(path, f"its weights point to another file, at {name[:60]!r}")


def _refused(path: Path, why: str) -> ModelFileError:
    return ModelFileError(
        f"{str(path)!r} is not opened: {why}",
        expected="a model of Keras's own layers",
        advice="for layers or losses of your own, lint the model object or a factory",
    )
