"""The data of a set-up: arrays, frames or batches, and rows drawn from them that show every class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lossmith._errors import DataError, ShapeError

__all__ = ["arrays", "n_rows", "pick", "take"]

MOST_CLASSES = 1000


def _array(values: Any, what: str) -> np.ndarray:
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        values = values.detach().cpu()
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise DataError(
            f"{what} that is no array ({error})",
            expected="numbers of one shape in every row",
            advice="pad or trim rows",
        ) from error
    if found.dtype == object:
        try:
            found = found.astype(np.float64)
        except (TypeError, ValueError):
            raise DataError(
                f"{what} of mixed values", expected="numbers", advice="encode categories and fill what is missing first"
            ) from None
    if what == "y" and found.dtype.kind in "US":
        raise DataError(
            f"y of texts such as {str(found.flat[0])!r}" if found.size else "y of texts",
            expected="numbers",
            advice="encode classes as 0, 1, ... (sklearn.preprocessing.LabelEncoder)",
        )
    if found.ndim == 0:
        raise ShapeError(
            f"{what} without rows", expected="one row for each sample", advice=f"pass {what}[:, None] or a list"
        )
    if found.dtype.kind == "f" and found.dtype.itemsize > 4 and what == "x":
        found = found.astype(np.float32)
    return found


def _leaves(values: Any, what: str) -> Any:
    if isinstance(values, Mapping) and not hasattr(values, "columns"):
        return {name: _leaves(entry, what) for name, entry in values.items()}
    nested = isinstance(values, list | tuple) and values and not np.isscalar(values[0])
    if nested and all(hasattr(entry, "shape") for entry in values):
        return [_array(entry, what) for entry in values]
    return _array(values, what)


def _flat(values: Any) -> list[np.ndarray]:
    if isinstance(values, Mapping):
        return [leaf for name in sorted(values) for leaf in _flat(values[name])]
    return [leaf for entry in values for leaf in _flat(entry)] if isinstance(values, list) else [values]


def n_rows(values: Any) -> int:
    """Return the number of rows that all arrays share.

    Raises
    ------
    ShapeError
        They have different numbers of rows.
    """
    lengths = {len(leaf) for leaf in _flat(values)}
    if len(lengths) != 1:
        raise ShapeError(f"arrays of {sorted(lengths)} rows", expected="one number of rows", advice="align x and y")
    return lengths.pop()


def _batches(source: Iterable[Any], rows: int) -> tuple[Any, Any, Any]:
    parts: list[tuple[Any, ...]] = []
    seen = 0
    for batch in source:
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise DataError(
                f"batches of type {type(batch).__name__}",
                expected="(x, y) or (x, y, sample_weight)",
                advice="pass x and y",
            )
        parts.append(
            tuple(_leaves(entry, name) for entry, name in zip(batch, ("x", "y", "sample_weight"), strict=False))
        )
        seen += n_rows(parts[-1][1])
        if seen >= rows:
            break
    if not parts:
        raise DataError("data without a batch", expected="at least one batch of (x, y)")
    joined = [_joined([part[place] for part in parts]) for place in range(len(parts[0]))]
    return joined[0], joined[1], joined[2] if len(joined) > 2 else None


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], Mapping):
        return {name: _joined([part[name] for part in parts]) for name in parts[0]}
    if isinstance(parts[0], list):
        return [_joined([part[place] for part in parts]) for place in range(len(parts[0]))]
    return np.concatenate(parts)


def arrays(x: Any, y: Any, sample_weight: Any, *, rows: int) -> tuple[Any, Any, Any]:
    """Return x, y and weights as arrays, lists or mappings of arrays.

    Parameters
    ----------
    x : array, frame, list or mapping of them, or an iterable of batches (x, y) or (x, y, sample_weight)
    y : the same, or None with batches
    sample_weight : array or None
    rows : int
        How many rows of an iterable of batches are read.

    Raises
    ------
    DataError, ShapeError
        What cannot become numbers, or different numbers of rows.
    """
    if y is None:
        if hasattr(x, "num_batches") and hasattr(x, "__getitem__"):  # keras.utils.PyDataset
            dataset = x
            x = (dataset[place] for place in range(dataset.num_batches))
        if hasattr(x, "shape") or not isinstance(x, Iterable) or isinstance(x, Mapping | str):
            raise DataError("x without y", expected="targets, or batches of (x, y)", advice="pass y")
        x, y, sample_weight = _batches(x, rows)
    else:
        x, y = _leaves(x, "x"), _leaves(y, "y")
        sample_weight = None if sample_weight is None else _leaves(sample_weight, "sample_weight")
    given = n_rows(x)
    if n_rows(y) != given:
        raise ShapeError(
            f"x of {given} rows and y of {n_rows(y)}", expected="as many targets as inputs", advice="align them"
        )
    if not given:
        raise DataError("data without rows", expected="at least one row")
    return x, y, sample_weight


def take(values: Any, rows: np.ndarray) -> Any:
    """Return those rows of every array."""
    if isinstance(values, Mapping):
        return {name: take(entry, rows) for name, entry in values.items()}
    return [take(entry, rows) for entry in values] if isinstance(values, list) else values[rows]


def pick(y: Any, size: int) -> np.ndarray:
    """Return rows that show every class: evenly spaced in the order of the targets, or as they come.

    Examples
    --------
    >>> pick(np.array([0] * 98 + [1] * 2), 4).tolist()
    [0, 33, 66, 99]
    """
    first = _flat(y)[0]
    count = len(first)
    order = np.arange(count)
    flat = first.reshape(count, -1)
    if flat.shape[1] == 1 and np.isfinite(flat).all() and len(np.unique(flat)) <= MOST_CLASSES:
        order = np.argsort(flat[:, 0], kind="stable")
    elif flat.shape[1] > 1 and first.ndim == 2:
        order = np.argsort(flat.argmax(axis=1), kind="stable")
    places = np.unique(np.linspace(0, count - 1, min(size, count)).round().astype(int))
    return order[places]
