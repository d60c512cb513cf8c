"""Any dataframe, through narwhals, as a Polars frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import DataError, MissingExtraError
from lossmith.data._values import quoted

__all__ = ["from_array", "from_objects", "is_frame", "native", "to_polars"]


def is_frame(value: object) -> bool:
    """Return whether `value` is a dataframe of a library that narwhals knows."""
    if isinstance(value, pl.DataFrame | pl.LazyFrame):
        return True
    import narwhals as nw

    return nw.dependencies.is_into_dataframe(value) or isinstance(
        nw.from_native(value, pass_through=True), nw.DataFrame | nw.LazyFrame
    )


def to_polars(frame: Any) -> pl.DataFrame:
    """Return a dataframe of any library as a Polars frame with text names; lazy frames are collected.

    Raises
    ------
    MissingExtraError
        A pandas frame without pyarrow.
    DataError
        Columns of one name, or a frame that cannot be converted.
    """
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    import narwhals as nw

    try:
        wrapped = nw.from_native(frame)
        names = [str(name) for name in wrapped.columns]
    except nw.exceptions.DuplicateError:
        names = [str(name) for name in frame.columns]
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise DataError(
            f"the frame has more than one column named {quoted(double[0])}",
            expected="different column names",
            advice="rename or remove one of them",
        )
    if isinstance(wrapped, nw.LazyFrame):
        return wrapped.collect(backend="polars").to_native()
    columns = []
    for name, original in zip(names, wrapped.columns, strict=True):
        column = wrapped.get_column(original)
        try:
            if column.dtype == nw.Object:
                columns.append(from_objects(name, column.to_list()))
            else:
                columns.append(column.to_polars().rename(name))
        except ImportError as error:
            raise MissingExtraError(
                f"a {type(frame).__module__.partition('.')[0]} frame without pyarrow",
                expected="pyarrow, which converts it",
                advice="pip install 'lossmith[pandas]'",
            ) from error
    return pl.DataFrame(columns)


def native(values: np.ndarray) -> np.ndarray:
    """Return an array in the byte order of this machine and in a type that tables know; the same array where it is."""
    exact = {("b", 1): np.float32, ("f", 2): np.float32, ("f", 16): np.float64}
    dtype = exact.get((values.dtype.kind, values.dtype.itemsize), values.dtype.newbyteorder("="))
    return values.astype(dtype, copy=False)


def from_array(values: np.ndarray, names: Sequence[str]) -> pl.DataFrame:
    """Return an array of shape `(n_samples, n_features)` as a frame of named columns."""
    return pl.DataFrame([from_objects(name, values[:, place].tolist()) for place, name in enumerate(names)])


def from_objects(name: str, values: list[Any]) -> pl.Series:
    """Return Python objects as a column: booleans, numbers, dates or, where they are mixed, text.

    Examples
    --------
    >>> from_objects("a", [1, None, 2.5]).to_list()
    [1.0, None, 2.5]
    >>> from_objects("a", [1, "b"]).to_list()
    ['1', 'b']
    """
    present = [_absent(value) for value in values]
    kinds = {type(value) for value in present if value is not None}
    if kinds and all(issubclass(kind, int | float | np.integer | np.floating) and kind is not bool for kind in kinds):
        return pl.Series(name, [None if value is None else float(value) for value in present], dtype=pl.Float64)
    if len(kinds) <= 1 and not any(issubclass(kind, str) for kind in kinds):
        try:
            return pl.Series(name, present)
        except (TypeError, pl.exceptions.PolarsError):
            pass
    return pl.Series(name, [None if value is None else str(value) for value in present], dtype=pl.String)


def _absent(value: Any) -> Any:
    # NaN is the only value that differs from itself; pandas marks missing text with it
    if value is None or (isinstance(value, float | np.floating) and value != value):
        return None
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    if type(value) is np.bool_:
        return bool(value)
    return value
