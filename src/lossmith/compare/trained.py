"""A trained model that predicts: weights, encoder, loss, and what it takes to come back to units of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from lossmith._errors import DataError, InvalidInputError, ShapeError
from lossmith._names import Value
from lossmith.compare import calibration, networks
from lossmith.compare.encodings import classes, predictions
from lossmith.data import Encoder, NewRows, read_rows
from lossmith.losses import Loss, Task
from lossmith.losses.encoding import FittedEncoding
from lossmith.models import Model

__all__ = ["TrainedModel", "read_for"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrainedModel:
    """One trained model with everything that new rows need; holds arrays and a configuration, no `keras.Model`.

    Attributes
    ----------
    loss : Loss
        It was trained with; its head turns raw outputs into predictions.
    model : Model
        The family with its configuration.
    weights : tuple of ndarray
        Values of the network's variables, in Keras's order.
    encoder : Encoder
        From columns to inputs.
    encoding : FittedEncoding
        From units of the target to what the loss reads, and back.
    class_names : tuple of str
        Empty for regression.
    platt : ndarray of shape (2,) or None
        Slope and intercept that make probabilities of scores (margin losses).
    metrics : mapping of str to float
        On the test rows of its own trial, which chose nothing.
    training : mapping
        How it was trained: optimizer, learning_rate, epochs, best_epoch, batch_size, seed, trial, protocol, noise.
    data : mapping
        What it was trained on: name, fingerprint, n_samples.
    versions : mapping of str to str
    """

    loss: Loss
    model: Model
    weights: tuple[np.ndarray, ...]
    encoder: Encoder
    encoding: FittedEncoding
    class_names: tuple[str, ...] = ()
    platt: np.ndarray | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Value] = field(default_factory=dict)
    data: Mapping[str, Value] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        """Task of the data."""
        return self.loss.data_task

    @property
    def target_name(self) -> str:
        """Name of the predicted column."""
        return self.encoder.target_name

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one encoded sample."""
        return self.encoder.input_shape

    @property
    def units(self) -> int:
        """Width of the head."""
        return self.loss.units(self.encoding.n_classes or None)

    def read(self, source: Any) -> NewRows:
        """Return new rows as the encoder takes them, with one sentence for whatever is noteworthy about them.

        Parameters
        ----------
        source : path, dataframe or ndarray
            Columns are found by name, whatever their order; others are ignored. Arrays have the features in their order.

        Raises
        ------
        DataError
            A column misses, or its values do not fit.
        """
        return read_for(self.encoder, source)

    def encode(self, source: Any) -> np.ndarray:
        """Return the inputs of new rows, shape `(n_samples, *input_shape)`, float32."""
        return self.encoder.transform(self.read(source).features)

    def raw(self, inputs: np.ndarray) -> np.ndarray:
        """Return raw outputs of shape `(n_samples, units)` for encoded inputs, before any activation.

        Raises
        ------
        ShapeError
            Inputs of another shape.
        """
        if inputs.shape[1:] != self.input_shape:
            raise ShapeError(
                f"inputs of shape {inputs.shape}",
                expected=f"shape (n_samples, {', '.join(map(str, self.input_shape))})",
                advice="make them with encode",
            )
        return networks.raw_outputs(self.model, self.weights, inputs.astype(np.float32, copy=False), units=self.units)

    def predict(self, source: Any) -> np.ndarray:
        """Return a class name or a value in units of the target for each row, shape `(n_samples,)`.

        Parameters
        ----------
        source : path, dataframe or ndarray
            See `read`.

        Raises
        ------
        DataError
            A column misses, its values do not fit, or they lie so far out that the network's output is no number.
        """
        return self.decide(self.raw(self.encode(source)))

    def predict_proba(self, source: Any) -> np.ndarray:
        """Return the probability of every class, shape `(n_samples, n_classes)`, in the order of `class_names`.

        Scores of margin losses become probabilities by Platt scaling (temperature scaling for several classes), fitted
        on validation rows.

        Raises
        ------
        InvalidInputError
            The task is a regression.
        DataError
            See `predict`.
        """
        return self.probabilities(self.raw(self.encode(source)))

    def decide(self, raw: np.ndarray) -> np.ndarray:
        """Return the predictions that raw outputs stand for.

        The class is the largest output, or class 1 where a single output is above 0: the rule by which accuracy was
        judged, also for margin losses, whose probability of class 1 may cross one half elsewhere. Heads with another
        rule say so (`Head.decides`).
        """
        if self.task == "regression":
            return predictions(self.loss, self.encoding, raw)
        _check_finite(raw)
        return np.asarray(self.class_names)[classes(self.loss, raw, platt=self.platt)]

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Return the probabilities that raw outputs stand for; see `predict_proba`."""
        if self.task == "regression":
            raise InvalidInputError(
                f"probabilities of {self.target_name!r}, a number",
                expected="a classification task",
                advice="predict gives the values",
            )
        _check_finite(raw)
        if self.loss.head.gives == "score" and self.platt is not None:
            score = raw[:, 0] if raw.shape[-1] == 1 else raw
            found = calibration.apply(score[None], self.platt[None])[0]
        else:
            found = predictions(self.loss, self.encoding, raw)
        return found if found.ndim == 2 else np.stack([1 - found, found], axis=1)

    def to_keras(self) -> Any:
        """Return an ordinary `keras.Model` from encoded inputs to probabilities or values in units of the target.

        It needs lossmith for nothing: `trained.to_keras().save("model.keras")` makes a file that Keras alone opens. Its
        inputs are what `encode` returns, and it computes in float32 where `predict` comes back to units in float64.
        """
        return networks.keras_model(
            self.model,
            self.weights,
            input_shape=self.input_shape,
            loss=self.loss,
            encoding=self.encoding,
            platt=self.platt,
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to one safetensors file; see `lossmith.compare.model_file.save`."""
        from lossmith.compare import model_file

        model_file.save(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> TrainedModel:
        """Read a model from its file; see `lossmith.compare.model_file.load`."""
        from lossmith.compare import model_file

        return model_file.load(path)

    def __repr__(self) -> str:
        return (
            f"<TrainedModel of {self.target_name!r}: {self.model} trained with {self.loss}, "
            f"{' x '.join(map(str, self.input_shape))} inputs>"
        )


def read_for(encoder: Encoder, source: Any) -> NewRows:
    """Return new rows as an encoder takes them, with one sentence for whatever is noteworthy; see `TrainedModel.read`."""
    rows = read_rows(source, encoder.configuration())
    if isinstance(rows.features, np.ndarray):
        return rows
    said = list(rows.decisions)
    for column in encoder.columns:
        # rare levels were grouped on purpose: there an unknown one is nothing special
        if column.kind == "category" and not column.notation:
            values = rows.features[column.name].drop_nulls()
            unseen = values.filter(~values.is_in(list(column.levels))).unique(maintain_order=True)
            if len(unseen):
                shown = ", ".join(repr(level[:40]) for level in unseen.head(3))
                said.append(
                    f"Column {column.name!r} has {len(unseen)} levels that training did not see, such as {shown}."
                )
    return NewRows(rows.features, tuple(said))


def _check_finite(raw: np.ndarray) -> None:
    broken = ~np.isfinite(raw).all(axis=1)
    if broken.any():
        raise DataError(
            f"the output of the network for row {int(broken.argmax()) + 1} is no finite number",
            expected="values within the range of the training data",
            advice="correct the row",
        )
