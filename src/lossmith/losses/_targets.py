"""Checks of raw outputs and targets against the record of a loss: nothing is broadcast, squeezed or repaired."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lossmith._arrays import Array, Namespace, tolerance
from lossmith._errors import DomainError, ShapeError

if TYPE_CHECKING:
    from lossmith.losses._spec import Loss

__all__ = ["check_shapes", "check_targets", "one_hot", "outside"]


def outside(loss: Loss, target: Array, *, xp: Namespace) -> Array:
    """Return, for each sample, whether its encoded target lies outside the domain of `loss`."""
    inside = loss.interval.mask(xp, target)
    if loss.encoding == "minus_one_one":
        return ~(inside & (xp.abs(target) == 1))
    if loss.encoding == "class_ids":
        return ~(inside & (xp.floor(target) == target))
    if loss.encoding != "distribution":
        return ~(xp.all(inside, axis=-1) if loss.head.units == "n_outputs" else inside)
    if loss.full_support:
        inside = inside & (target > 0)
    # one class more than another: rounding grows with the number of classes, sqrt(eps) leaves room for it
    total = xp.abs(xp.sum(target, axis=-1) - 1) <= tolerance(xp, target.dtype)
    return ~(xp.all(inside, axis=-1) & total)


def check_targets(loss: Loss, target: Array, *, xp: Namespace) -> None:
    """Raise a DomainError that counts the samples outside the domain of `loss`, if there are any."""
    wrong = outside(loss, target, xp=xp)
    count = int(xp.sum(xp.astype(wrong, xp.int32)))
    if not count:
        return
    size = math.prod(wrong.shape)
    wanted = f"targets in {loss.interval}"
    if loss.encoding == "minus_one_one":
        wanted = "targets -1 or 1"
    if loss.encoding == "class_ids":
        wanted = "whole numbers from 0"
    if loss.encoding == "distribution":
        wanted = "rows of probabilities that sum to 1" + (", none of them 0" if loss.full_support else "")
    raise DomainError(
        f"{count} of {size} targets ({count / size:.1%}) outside the domain of {loss.name}",
        expected=wanted,
        advice=loss.when_not,
    )


def one_hot(xp: Namespace, raw: Array, target: Array) -> Array:
    """Return class ids of shape `(n_samples,)` as rows of the shape and dtype of `raw`."""
    if tuple(target.shape) != tuple(raw.shape[:-1]):
        raise ShapeError(
            f"class ids of shape {tuple(target.shape)} for raw outputs of shape {tuple(raw.shape)}",
            expected=f"shape {tuple(raw.shape[:-1])}",
            advice="give one class id for each sample",
        )
    n_classes = raw.shape[-1]
    wrong = (target < 0) | (target >= n_classes)
    if bool(xp.any(wrong)):
        raise DomainError(
            f"class ids from {int(xp.min(target))} to {int(xp.max(target))}",
            expected=f"ids from 0 to {n_classes - 1}",
            advice="give the raw output one column for each class",
        )
    return xp.astype(target[..., None] == xp.arange(n_classes, dtype=target.dtype), raw.dtype)


def check_shapes(loss: Loss, raw: Array, target: Array) -> None:
    """Raise a ShapeError unless `raw` has the head's width and `target` the shape that belongs to it."""
    raw_shape, target_shape = tuple(raw.shape), tuple(target.shape)
    wanted = raw_shape
    if isinstance(loss.head.units, str):
        if len(raw_shape) < 2:
            raise ShapeError(
                f"raw outputs of shape {raw_shape} for {loss.name}",
                expected=f"shape (n_samples, {loss.head.units})",
                advice=loss.head.explanation,
            )
        if loss.encoding == "class_ids":
            wanted = raw_shape[:-1]
    elif loss.head.units != 1:
        wanted = raw_shape[:-1]
        if not raw_shape or raw_shape[-1] != loss.head.units:
            raise ShapeError(
                f"raw outputs of shape {raw_shape} for {loss.name}",
                expected=f"shape (n_samples, {loss.head.units})",
                advice=loss.head.explanation,
            )
    if target_shape != wanted:
        raise ShapeError(
            f"targets of shape {target_shape} for raw outputs of shape {raw_shape}",
            expected=f"targets of shape {wanted}",
            advice="reshape one of them yourself; nothing is broadcast",
        )
