"""Label noise: classes replaced at random, at an exact rate."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lossmith._errors import DomainError, InvalidInputError, ShapeError, did_you_mean

__all__ = ["replace_labels"]

NoiseKind = Literal["symmetric", "asymmetric"]


def replace_labels(
    target: np.ndarray,
    *,
    n_classes: int,
    rate: float,
    kind: NoiseKind = "symmetric",
    rng: np.random.Generator,
) -> np.ndarray:
    """Return class ids of which exactly `round(rate * n_samples)` were replaced by another class.

    Use it to see which loss stands wrong labels. Symmetric noise draws every other class with equal probability;
    asymmetric noise replaces class k by k + 1, and the last class by class 0. Rows are drawn without replacement.

    Parameters
    ----------
    target : ndarray of int, shape (n_samples,)
    n_classes : int
    rate : float
        Share of rows that change, in [0, 1].
    kind : {"symmetric", "asymmetric"}
    rng : numpy.random.Generator

    Raises
    ------
    DomainError
        A rate outside [0, 1], class ids outside 0 .. n_classes - 1.
    InvalidInputError
        Fewer than two classes, or no such kind.

    Examples
    --------
    >>> clean = np.zeros(10, dtype=np.int64)
    >>> noisy = replace_labels(clean, n_classes=3, rate=0.3, rng=np.random.default_rng(0))
    >>> int((noisy != clean).sum())
    3

    Source: B. van Rooyen, A. Menon, R. Williamson, Learning with symmetric label noise, 2015.
    """
    target = np.asarray(target)
    if target.ndim != 1:
        raise ShapeError(f"target of shape {target.shape}", expected="shape (n_samples,)", advice="give class ids")
    if target.dtype.kind not in "iu":
        raise InvalidInputError(
            f"target of type {target.dtype}", expected="integer class ids", advice="noise replaces classes"
        )
    if n_classes < 2:
        raise InvalidInputError(f"{n_classes} classes", expected="at least 2", advice="noise needs another class")
    if not 0 <= rate <= 1:
        raise DomainError(f"noise rate {rate!r}", expected="a share in [0, 1]", advice="use 0.1 for one row in ten")
    if kind not in ("symmetric", "asymmetric"):
        raise InvalidInputError(f"noise {kind!r}", advice=did_you_mean(str(kind), ("symmetric", "asymmetric")))
    if len(target) and (target.min() < 0 or target.max() >= n_classes):
        raise DomainError(
            f"class ids from {target.min()} to {target.max()}",
            expected=f"ids from 0 to {n_classes - 1}",
            advice="check n_classes",
        )
    rows = (
        rng.choice(len(target), size=round(rate * len(target)), replace=False)
        if len(target)
        else np.zeros(0, dtype=int)
    )
    shift = rng.integers(1, n_classes, size=len(rows)) if kind == "symmetric" else 1
    noisy = target.copy()
    noisy[rows] = ((target[rows].astype(np.int64) + shift) % n_classes).astype(target.dtype)
    return noisy
