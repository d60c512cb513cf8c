"""SHA-256 of what a data set holds, not of the file it came from."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from lossmith.data._spec import Column

__all__ = ["fingerprint"]

_CHUNK = 1 << 20  # values converted at a time, so that images are not copied whole


def fingerprint(
    features: pl.DataFrame | np.ndarray,
    target: np.ndarray,
    *,
    columns: tuple[Column, ...],
    target_name: str,
    class_names: tuple[str, ...],
    groups: np.ndarray | None = None,
    order: np.ndarray | None = None,
) -> str:
    """Return SHA-256 of features, target and names in hexadecimal.

    Equal content gives equal fingerprints whatever the file format, the machine or the number type: every value is
    hashed as a little-endian float64, a text or microseconds, missing values by their place.
    """
    digest = hashlib.sha256(b"lossmith data 1")
    _text(digest, "target", target_name, *class_names)
    _numbers(digest, target)
    for extra in (groups, order):
        _text(digest, "extra" if extra is not None else "none")
        if extra is not None:
            _numbers(digest, extra.astype(np.int64) if extra.dtype.kind in "mM" else extra)
    if isinstance(features, pl.DataFrame):
        for series in features.iter_columns():
            _column(digest, series)
    elif features.ndim == 2:
        names = [column.name for column in columns if column.role == "feature"]
        for number, name in enumerate(names):
            _column(digest, pl.Series(name, np.ascontiguousarray(features[:, number])))
    else:
        _text(digest, "array", *(str(length) for length in features.shape))
        _numbers(digest, features)
    return digest.hexdigest()


def _text(digest: hashlib._Hash, *texts: str) -> None:
    digest.update(len(texts).to_bytes(8, "little"))
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)


def _numbers(digest: hashlib._Hash, values: np.ndarray) -> None:
    flat = values.reshape(-1)
    digest.update(flat.size.to_bytes(8, "little"))
    for start in range(0, flat.size, _CHUNK):
        chunk = flat[start : start + _CHUNK].astype("<f8") + 0.0  # -0.0 and 0.0 are one value
        chunk[np.isnan(chunk)] = np.nan  # and so are all NaN
        digest.update(chunk.tobytes())


def _column(digest: hashlib._Hash, series: pl.Series) -> None:
    if series.dtype == pl.String:
        levels = series.drop_nulls().unique().sort().to_list()
        codes = series.replace_strict(levels, list(range(len(levels))), default=None, return_dtype=pl.Float64)
        _text(digest, "text", series.name, *levels)
        _numbers(digest, codes.fill_null(-1.0).to_numpy())
    elif series.dtype == pl.Datetime:
        _text(digest, "date", series.name)
        _numbers(digest, series.cast(pl.Int64).cast(pl.Float64).to_numpy())
    else:
        kind = "boolean" if series.dtype == pl.Boolean else "number"
        _text(digest, kind, series.name)
        _numbers(digest, series.cast(pl.Float64).to_numpy())
