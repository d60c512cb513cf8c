"""The winner of a comparison of models, fitted to all rows, with everything that new rows need, in one file.

The file holds arrays, a configuration, and the estimator as a skops file or as one of lossmith's own. Opening it runs nothing
that it holds: see `lossmith.estimators.load_classical`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lossmith import _tensor_file as tensor_file
from lossmith._errors import InvalidInputError, LossmithError, MissingExtraError, ModelFileError
from lossmith.compare._model_schema import ConfigurationError
from lossmith.compare._restored import restored_encoder
from lossmith.compare.trained import read_for
from lossmith.data import Encoder, NewRows
from lossmith.estimators import _files as own_files
from lossmith.estimators import load_classical, save_classical

__all__ = ["FORMAT", "ClassicalModel", "load"]

FORMAT = "lossmith classical model 1"
_TASKS = ("regression", "binary", "multiclass")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClassicalModel:
    """A fitted scikit-learn estimator with the encoder of its training rows.

    Attributes
    ----------
    estimator : estimator
        From encoded inputs to values, or to probabilities of class numbers.
    encoder : Encoder
    task, model, loss : str
    class_names : tuple of str
        Empty for regression.
    metrics : mapping of str to float
        Means over the folds of the comparison that chose it.
    data : mapping
        What it was trained on: name, fingerprint, n_samples.
    versions : mapping of str to str
    """

    estimator: Any
    encoder: Encoder
    task: str
    model: str
    loss: str
    class_names: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def target_name(self) -> str:
        """Name of the predicted column."""
        return self.encoder.target_name

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one encoded sample."""
        return self.encoder.input_shape

    def read(self, source: Any) -> NewRows:
        """Return new rows as the encoder takes them; see `TrainedModel.read`."""
        return read_for(self.encoder, source)

    def encode(self, source: Any) -> np.ndarray:
        """Return the inputs of new rows, shape `(n_samples, *input_shape)`."""
        return self.encoder.transform(self.read(source).features)

    def raw(self, inputs: np.ndarray) -> np.ndarray:
        """Return values of shape `(n_samples, 1)` or probabilities of shape `(n_samples, n_classes)` for encoded inputs."""
        flat = inputs.reshape(len(inputs), -1)
        if self.task == "regression":
            return np.asarray(self.estimator.predict(flat), dtype=np.float64)[:, None]
        found = np.zeros((len(flat), len(self.class_names)))
        found[:, np.asarray(self.estimator.classes_, dtype=int)] = self.estimator.predict_proba(flat)
        return found

    def predict(self, source: Any) -> np.ndarray:
        """Return a class name or a value for each row, shape `(n_samples,)`."""
        return self.decide(self.raw(self.encode(source)))

    def predict_proba(self, source: Any) -> np.ndarray:
        """Return the probability of every class, shape `(n_samples, n_classes)`."""
        return self.probabilities(self.raw(self.encode(source)))

    def decide(self, raw: np.ndarray) -> np.ndarray:
        """Return the predictions that `raw` stands for."""
        return raw[:, 0] if self.task == "regression" else np.asarray(self.class_names)[raw.argmax(axis=1)]

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Return the probabilities that `raw` stands for."""
        if self.task == "regression":
            raise InvalidInputError(
                f"probabilities of {self.target_name!r}, a number",
                expected="a classification task",
                advice="predict gives the values",
            )
        return raw

    def save(self, path: tensor_file.PathType) -> None:
        """Write everything to one safetensors file, whole or not at all.

        Raises
        ------
        MissingExtraError
            skops is not installed, and the estimator is one of scikit-learn.
        InvalidInputError, ModelFileError
            The estimator cannot be written; the path cannot.
        """
        own = type(self.estimator).__name__ in own_files.KINDS
        if own:
            content = own_files.to_bytes(self.estimator)
        else:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "estimator.skops"
                save_classical(self.estimator, file)
                content = file.read_bytes()
        configuration = {
            "kind": "lossmith" if own else "skops",
            "task": self.task,
            "model": self.model,
            "loss": self.loss,
            "class_names": list(self.class_names),
            "encoder": self.encoder.configuration(),
            "metrics": {name: value if np.isfinite(value) else None for name, value in self.metrics.items()},
            "data": dict(self.data),
            "versions": dict(self.versions),
        }
        tensors = {f"encoder/{name}": value for name, value in self.encoder.arrays().items()}
        tensors["estimator"] = np.frombuffer(content, np.uint8)
        tensor_file.write(tensor_file.pack(configuration, tensors, format=FORMAT), path)

    def __repr__(self) -> str:
        return (
            f"<ClassicalModel of {self.target_name!r}: {self.model}, {' x '.join(map(str, self.input_shape))} inputs>"
        )


def load(path: tensor_file.PathType) -> ClassicalModel:
    """Read a model that `ClassicalModel.save` wrote.

    Raises
    ------
    ModelFileError, MissingExtraError
        The file misses, is damaged or holds anything unexpected; skops is not installed.
    """
    name = repr(str(path))
    plain, tensors = tensor_file.read(path, format=FORMAT)
    try:
        if plain["task"] not in _TASKS or plain["kind"] not in ("lossmith", "skops"):
            raise ConfigurationError("it names no task or no kind of estimator")
        encoder = restored_encoder(plain["encoder"], tensors)
        estimator = _estimator(plain["kind"], tensors["estimator"].astype(np.uint8).tobytes(), name)
        names = tuple(map(str, plain["class_names"]))
        model = ClassicalModel(
            estimator, encoder, plain["task"], str(plain["model"]), str(plain["loss"]), names,
            {key: float("nan") if value is None else float(value) for key, value in plain["metrics"].items()},
            dict(plain["data"]), {key: str(value) for key, value in plain["versions"].items()},
        )  # fmt: skip
        model.raw(np.zeros((1, *encoder.input_shape), np.float32))  # every part fits every other
    except (LossmithError, ConfigurationError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, ModelFileError | MissingExtraError) and name in str(error):
            raise
        raise tensor_file.damaged(name, f"{type(error).__name__}: {error}") from error
    return model


def _estimator(kind: str, content: bytes, name: str) -> Any:
    if kind == "lossmith":
        return own_files.restored(*tensor_file.unpack(content, format=own_files.FORMAT, name=name), name=name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "estimator.skops"
        file.write_bytes(content)
        return load_classical(file)
