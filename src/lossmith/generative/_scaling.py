"""How rows of one kind become numbers that networks see, and back: pixels as bytes, images of numbers, columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError

__all__ = ["Scaling", "learned_scaling", "restored_scaling", "taken_in"]


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Rows inside are (rows - shift) / scale.

    Attributes
    ----------
    shape : tuple of int
        Of one row.
    bounded : bool
        Whether rows are pixels, in [-1, 1] inside.
    shift, scale : ndarray
        They broadcast to `shape`.
    """

    shape: tuple[int, ...]
    bounded: bool
    shift: np.ndarray
    scale: np.ndarray

    def inside(self, rows: np.ndarray) -> np.ndarray:
        """Return rows as networks see them."""
        numbers = rows / np.float32(255) if rows.dtype == np.uint8 else rows
        return ((numbers - self.shift) / self.scale).astype(np.float32)

    def outside(self, rows: np.ndarray) -> np.ndarray:
        """Return rows in the units that were given; pixels lie in [0, 1]."""
        return rows.astype(np.float64) * self.scale + self.shift


def taken_in(X: Any, name: str, *, like: tuple[int, ...] | None = None) -> np.ndarray:
    """Return rows of shape (n_samples, ...) that are finite: bytes of pixels as they are, anything else in double precision.

    Raises
    ------
    ShapeError
        No rows, or rows of another shape than `like`.
    InvalidInputError
        No numbers, or numbers that are not finite.
    """
    try:
        rows = np.asarray(X)
        rows = rows if rows.dtype == np.uint8 and rows.ndim > 2 else rows.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} that are no numbers: {error}", expected="an array of numbers") from error
    if rows.ndim < 2 or not rows.size or (like is not None and rows.shape[1:] != like):
        wanted = "(n_samples, ...), one row or more" if like is None else f"(n_samples, {', '.join(map(str, like))})"
        raise ShapeError(f"{name} of shape {rows.shape}", expected=wanted)
    if not np.isfinite(rows).all():
        raise InvalidInputError(f"{name} with NaN or infinity", expected="finite numbers", advice="fill or drop them")
    return rows


def learned_scaling(rows: np.ndarray) -> Scaling:
    """Return the scaling of rows that were taken in: columns of a table have units of their own, pixels share one."""
    if rows.dtype == np.uint8:
        return Scaling(rows.shape[1:], True, np.asarray(0.5), np.asarray(0.5))
    axes = 0 if rows.ndim == 2 else None
    deviation = np.asarray(rows.std(axis=axes))
    return Scaling(rows.shape[1:], False, np.asarray(rows.mean(axis=axes)), np.where(deviation > 0, deviation, 1.0))


def restored_scaling(shape: Any, bounded: Any, shift: np.ndarray, scale: np.ndarray) -> Scaling:
    """Return the scaling that a file describes.

    Raises
    ------
    ValueError
        It does not fit together.
    """
    if not isinstance(shape, list) or not shape or not all(type(side) is int and 0 < side <= 10**6 for side in shape):
        raise ValueError("a shape of rows that is none")
    if type(bounded) is not bool or np.broadcast_shapes(shift.shape, scale.shape, tuple(shape)) != tuple(shape):
        raise ValueError("a scaling that does not fit the rows")
    if not (np.isfinite(shift).all() and np.isfinite(scale).all()):
        raise ValueError("numbers that are not finite")
    return Scaling(tuple(shape), bounded, np.asarray(shift), np.asarray(scale))
