"""A series as a table: the values before each value as its features, for models that look back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import DataError, InvalidInputError, ShapeError

__all__ = ["windows"]


def windows(series: Sequence[float] | Any, *, length: int, horizon: int = 1) -> pl.DataFrame:
    """Return a line for each value that has `length` values before it: these as features, oldest first, and when it was.

    Use it to forecast: `compare(windows(series, length=10), target="value", order="time", model="lstm")` tests on the
    last lines, as forecasts are.

    Parameters
    ----------
    series : sequence of float
        Evenly spaced in time.
    length : int
        Values that a forecast sees.
    horizon : int
        How many steps ahead: 1 is the next value.

    Returns
    -------
    polars.DataFrame
        Columns `time` (the place of the value, from 0), `back_<k>` (k steps before it) and `value`.

    Raises
    ------
    DataError
        A series that is too short, or holds a value that is not finite.

    Examples
    --------
    >>> windows([100, 110, 108, 120, 115], length=3).rows()
    [(3, 100.0, 110.0, 108.0, 120.0), (4, 110.0, 108.0, 120.0, 115.0)]
    """
    values = np.asarray(series, dtype=np.float64)
    if values.ndim != 1:
        raise ShapeError(f"a series of shape {values.shape}", expected="(n_steps,)", advice="give one column")
    for name, value in (("length", length), ("horizon", horizon)):
        if value < 1:
            raise InvalidInputError(f"{name} {value}", expected="at least 1")
    if len(values) < length + horizon:
        raise DataError(
            f"a series of {len(values)} values", expected=f"at least {length + horizon}", advice="take a shorter window"
        )
    if not np.isfinite(values).all():
        raise DataError(
            "a series with values that are missing or infinite", expected="finite numbers", advice="fill them"
        )
    seen = np.lib.stride_tricks.sliding_window_view(values[: len(values) - horizon], length)
    target = values[length + horizon - 1 :]
    columns: dict[str, Any] = {"time": np.arange(length + horizon - 1, len(values))}
    columns |= {f"back_{length + horizon - 1 - place}": seen[:, place] for place in range(length)}
    return pl.DataFrame(columns | {"value": target})
