"""From columns to the float32 matrix a network sees, with statistics of the training rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import DataError, ModelFileError, ShapeError
from lossmith.data import _frames, _inputs, _rows
from lossmith.data._spec import Column, Dataset

__all__ = ["PIXEL", "Encoder", "fit_encoder"]

_FORMAT = 1
_CHUNK = 4096  # rows of images scaled at a time
PIXEL = 255.0  # bytes of images are divided by it


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """How features become inputs; made by `fit_encoder`, stored as a configuration and a few arrays.

    Inputs stand in this order: numbers (numeric columns, yes/no columns as 0 and 1, parts of dates), then an indicator
    for each column with missing values, then one input for each level of each category. Which inputs there are follows
    from the whole data set, so that their number is the same for every split; every number used to compute them comes
    from the training rows. An input that did not vary in the training rows is always 0: nothing could be learned for it.

    Attributes
    ----------
    columns : tuple of Column
        The features in their order; the levels of a category are those that have an input of their own.
    shape : tuple of int
        Shape of one sample before encoding; `(n_features,)` for tables.
    fill, mean, deviation : ndarray of shape (n_numbers,), or () for images
        Median of the training rows (most frequent value for yes/no), and what is subtracted and divided by.
    active : ndarray of bool, shape (n_inputs,), or () for images
        Inputs that varied in the training rows.
    scale : bool
        Whether numbers are standardised.
    source_columns : tuple of str
        Every column of the source but the target, for files without a header.
    target_name : str
    """

    columns: tuple[Column, ...]
    shape: tuple[int, ...]
    fill: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    active: np.ndarray
    scale: bool = True
    source_columns: tuple[str, ...] = ()
    target_name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each input, such as `age`, `age missing`, `job=student`; empty for images."""
        return _inputs.input_names(self.columns)

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return int(np.prod(self.shape)) if len(self.shape) > 1 else len(self.names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one encoded sample: `(n_inputs,)`, or that of the image."""
        return self.shape if len(self.shape) > 1 else (self.n_inputs,)

    def transform(self, features: Any) -> np.ndarray:
        """Return inputs of shape `(n_samples, n_inputs)`, or `(n_samples, *shape)` for images, as float32.

        Parameters
        ----------
        features : polars.DataFrame, ndarray or any dataframe
            Columns are found by name in frames (others are ignored), by position in arrays.

        Raises
        ------
        DataError
            A column misses, or its values do not fit its kind.
        ShapeError
            An array of another shape.
        """
        if len(self.shape) > 1:
            return self._images(features)
        if isinstance(features, np.ndarray):
            if features.ndim != 2 or features.shape[1] != len(self.columns):
                raise ShapeError(
                    f"features of shape {features.shape}",
                    expected=f"shape (n_samples, {len(self.columns)})",
                    advice="give the columns of the training data",
                )
            if all(column.kind in ("numeric",) for column in self.columns) and features.dtype.kind in "biuf":
                return self._assemble(_finite(features.astype(np.float64)), None)
            features = _frames.from_array(features, [column.name for column in self.columns])
        frame = _rows.conform(_frames.to_polars(features), self.columns)
        return self._assemble(_inputs.number_matrix(frame, self.columns), frame)

    def configuration(self) -> dict[str, Any]:
        """Return everything but the arrays, ready for JSON."""
        return {
            "format": _FORMAT,
            "shape": list(self.shape),
            "scale": self.scale,
            "target": self.target_name,
            "source_columns": list(self.source_columns),
            "columns": [_rows.column_to_json(column) for column in self.columns],
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the statistics of the training rows by name."""
        return {"fill": self.fill, "mean": self.mean, "deviation": self.deviation, "active": self.active}

    @classmethod
    def restore(cls, configuration: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        """Return the encoder that gave this configuration and these arrays.

        Raises
        ------
        ModelFileError
            They are damaged, do not belong together, or come from a later version.
        """
        if configuration.get("format") != _FORMAT:
            raise ModelFileError(
                f"an encoder of format {configuration.get('format')!r}",
                expected=f"format {_FORMAT}",
                advice="use the version of lossmith that wrote the file",
            )
        try:
            encoder = cls(
                columns=tuple(_rows.column_from_json(column) for column in configuration["columns"]),
                shape=tuple(int(length) for length in configuration["shape"]),
                scale=bool(configuration["scale"]),
                source_columns=tuple(configuration["source_columns"]),
                target_name=str(configuration["target"]),
                **{name: np.asarray(arrays[name], dtype=np.float64) for name in ("fill", "mean", "deviation")},
                active=np.asarray(arrays["active"], dtype=bool),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"an incomplete encoder ({error})", expected="a whole model file", advice="save the model again"
            ) from error
        n_numbers = len(_inputs.number_names(encoder.columns))
        wanted = ((), ()) if len(encoder.shape) > 1 else ((n_numbers,), (encoder.n_inputs,))
        shapes = {encoder.fill.shape, encoder.mean.shape, encoder.deviation.shape}
        if shapes != {wanted[0]} or encoder.active.shape != wanted[1]:
            raise ModelFileError(
                f"encoder arrays of shapes {sorted(shapes)} and {encoder.active.shape}",
                expected=f"{wanted[0]} and {wanted[1]}",
                advice="save the model again",
            )
        return encoder

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Encoder):
            return NotImplemented
        mine, theirs = self.arrays(), other.arrays()
        return self.configuration() == other.configuration() and all(
            mine[name].dtype == theirs[name].dtype and np.array_equal(mine[name], theirs[name]) for name in mine
        )

    __hash__ = None  # type: ignore[assignment]

    def _images(self, features: Any) -> np.ndarray:
        values = np.asarray(features)
        if values.shape[1:] != self.shape:
            raise ShapeError(
                f"features of shape {values.shape}",
                expected=f"shape (n_samples, {', '.join(map(str, self.shape))})",
                advice="reshape them",
            )
        inputs = np.empty(values.shape, dtype=np.float32)
        for start in range(0, len(values), _CHUNK):
            rows = slice(start, start + _CHUNK)
            inputs[rows] = (values[rows] - self.mean) / self.deviation
        return inputs

    def _assemble(self, numbers: np.ndarray, frame: pl.DataFrame | None) -> np.ndarray:
        n_rows, n_numbers = numbers.shape
        inputs = np.zeros((n_rows, self.n_inputs), dtype=np.float32)
        missing = np.isnan(numbers)
        np.copyto(numbers, self.fill, where=missing)
        # halved, so that the difference of two numbers near the largest float does not overflow
        numbers *= 0.5
        numbers -= 0.5 * self.mean
        numbers /= 0.5 * self.deviation
        inputs[:, :n_numbers] = np.clip(numbers, -_LARGEST, _LARGEST)
        position, first = n_numbers, 0
        for column in self.columns:
            if column.kind not in _inputs.NUMBER_KINDS:
                continue
            if column.n_missing:
                inputs[:, position] = missing[:, first]
                position += 1
            first += len(column.parts) or 1
        for column in self.columns:
            if column.kind == "category" and frame is not None:
                _inputs.one_hot(inputs, position, frame[column.name], column)
                position += len(_inputs.category_names(column))
        inputs *= self.active
        return inputs


_LARGEST = float(np.finfo(np.float32).max)


def fit_encoder(dataset: Dataset, rows: np.ndarray, *, scale: bool = True) -> Encoder:
    """Return the encoder whose statistics come from `rows` of the data set, and from no other row.

    Use it before anything is learned, on the training rows alone, so that test rows stay unseen.

    Parameters
    ----------
    dataset : Dataset
    rows : ndarray of int, shape (n_rows,)
        The training rows.
    scale : bool
        Subtract the mean of numbers and divide by their standard deviation (of the population).

    Raises
    ------
    DataError
        No rows.

    Examples
    --------
    >>> from lossmith.data import load
    >>> circles = load("circles")
    >>> encoder = fit_encoder(circles, np.arange(600))
    >>> encoder.names, encoder.transform(circles.features).shape
    (('x1', 'x2'), (1000, 2))
    """
    if not len(rows):
        raise DataError("an encoder of no rows", expected="the training rows", advice="pass split(...).train")
    sources = tuple(column.name for column in dataset.columns if column.role != "target")
    features = tuple(column for column in dataset.columns if column.role == "feature")
    if isinstance(dataset.features, np.ndarray):
        shape = dataset.features.shape[1:]
        train = dataset.features[rows]
        if dataset.pixels:
            # a constant scale, as everybody divides them, and nothing learned from any row
            return _of_images(
                np.asarray(0.0), np.asarray(PIXEL), shape, scale=False, sources=sources, target=dataset.target_name
            )
        if len(shape) > 1:
            return _fit_images(train, shape, scale=scale, sources=sources, target=dataset.target_name)
        frame, numbers = None, train.astype(np.float64)
    else:
        shape = (len(features),)
        frame = dataset.features[rows]
        features = tuple(_inputs.kept_levels(column, frame) for column in features)
        numbers = _inputs.number_matrix(frame, features)
    n_numbers = numbers.shape[1]
    standardised = np.array(
        [
            scale and column.kind != "boolean"
            for column in features
            for _ in column.parts or (0,)
            if column.kind in _inputs.NUMBER_KINDS
        ]
    )
    fill, mean, deviation, varies = _inputs.statistics(numbers, features, standardised)
    n_inputs = len(_inputs.input_names(features))
    blank = Encoder(
        columns=features, shape=shape, fill=fill, mean=mean, deviation=deviation, active=np.ones(n_inputs, dtype=bool),
        scale=scale, source_columns=sources, target_name=dataset.target_name,
    )  # fmt: skip
    encoded = blank._assemble(numbers, frame)
    active = encoded.min(axis=0, initial=np.inf) < encoded.max(axis=0, initial=-np.inf)
    active[:n_numbers] = varies
    return replace(blank, active=active)


def _fit_images(
    train: np.ndarray, shape: tuple[int, ...], *, scale: bool, sources: tuple[str, ...], target: str
) -> Encoder:
    mean = np.asarray(train.mean(dtype=np.float64) if scale else 0.0)
    squares = sum(float(((train[i : i + _CHUNK] - mean) ** 2).sum()) for i in range(0, len(train), _CHUNK))
    deviation = np.asarray((squares / train.size) ** 0.5 or 1.0) if scale else np.asarray(1.0)
    return _of_images(mean, deviation, shape, scale=scale, sources=sources, target=target)


def _of_images(
    mean: np.ndarray,
    deviation: np.ndarray,
    shape: tuple[int, ...],
    *,
    scale: bool,
    sources: tuple[str, ...],
    target: str,
) -> Encoder:
    return Encoder(
        columns=(), shape=shape, fill=np.asarray(0.0), mean=mean, deviation=deviation, active=np.asarray(True),
        scale=scale, source_columns=sources, target_name=target,
    )  # fmt: skip


def _finite(numbers: np.ndarray) -> np.ndarray:
    infinite = np.isinf(numbers)
    if infinite.any():
        row, column = np.unravel_index(int(infinite.argmax()), numbers.shape)
        raise DataError(
            f"an infinite value in row {row + 1}, column {column + 1}",
            expected="finite numbers",
            advice="use NaN to mean missing",
        )
    return numbers
