"""Checks of what multiplies and divides the loss: reduction, sample weights, class weights."""

from __future__ import annotations

import numpy as np

from lossmith._checks import Finding
from lossmith.lint._numbers import percent
from lossmith.lint._setup import Setup
from lossmith.lint._targets import label_form
from lossmith.lint.checks import CHECKS

__all__ = ["WEIGHTS", "reduction", "weights"]

_SHIFT = 0.05  # how far the mean weight may be from 1


def reduction(setup: Setup) -> Finding | None:
    """LS222: a sum, or no reduction."""
    how = setup.loss.settings.get("reduction", "sum_over_batch_size")
    check = CHECKS["LS222"]
    line = "loss=" + f'{setup.loss.name}  # reduction="sum_over_batch_size"'
    if setup.loss.form is not None:
        line = setup.loss.line(reduction="sum_over_batch_size")
    if setup.loss.own is not None:
        line = f'loss=lossmith.losses.get("{setup.loss.own}").as_keras()'
    if how == "sum":
        size = 32
        seen = f'reduction="sum": with batches of {size} the gradient is {size} times that of the mean'
        if setup.value is not None and setup.value.size:
            values = np.asarray(setup.value)
            seen += f" ({values.mean() * min(size, values.size):.3g} against {values.mean():.3g})"
        return check.found(setup.name, seen, command=line)
    if how in (None, "none"):
        shape = () if setup.value is None else setup.value.shape
        return check.found(setup.name, f"no reduction: the loss has shape {shape}, not one number", command=line)
    return None


def _effective(setup: Setup) -> tuple[np.ndarray, str] | None:
    """Return the weight of every row and where it comes from."""
    if setup.sample_weight is not None:
        return np.asarray(setup.sample_weight, dtype=np.float64), "sample_weight"
    if setup.class_weight is None:
        return None
    labels = setup.y.argmax(axis=-1) if label_form(setup.y) == "rows" else setup.y
    flat = labels.reshape(-1)
    return np.array([float(setup.class_weight.get(int(label), 1.0)) for label in flat]), "class_weight"


def weights(setup: Setup) -> Finding | None:
    """LS223: weights that are illegal, forget a class, or change the size of the loss."""
    found, check = _effective(setup), CHECKS["LS223"]
    if found is None or not np.isfinite(setup.y).all():
        return None
    values, origin = found
    if not np.isfinite(values).all():
        return None
    if len(values) != len(setup.y) and origin == "sample_weight":
        seen = f"{len(values):,} weights for {len(setup.y):,} rows"
        return check.found(setup.name, seen, command="sample_weight=np.ones(len(y))")
    if (values < 0).any():
        seen = f"{percent(values < 0)} of the weights are negative, down to {values.min():.3g}: their rows are unlearnt"
        return check.found(setup.name, seen, command=f"{origin}=...  # weights of at least 0")
    if not values.any():
        return check.found(setup.name, "every weight is 0", command=f"{origin}=...  # weights above 0")
    forgotten = _forgotten(setup)
    if forgotten:
        seen = f"class_weight names no weight for class {', '.join(forgotten)}, which then counts 1"
        return check.found(setup.name, seen, command='sklearn.utils.class_weight.compute_class_weight("balanced", ...)')
    if setup.loss.function is not None and setup.value is not None and setup.value.ndim == 0:
        seen = f"{setup.loss.name} returns one number for the batch: the weights multiply it as a whole, not row by row"
        return check.found(setup.name, seen, command="return keras.ops.mean(..., axis=-1)  # one value for each row")
    mean = float(values.mean())
    how = setup.loss.settings.get("reduction", "sum_over_batch_size")
    if how == "mean_with_sample_weight" or abs(mean - 1) <= _SHIFT:
        return None
    seen = f"the mean weight is {mean:.3g}: loss and gradient are {mean:.3g} times those of the weighted mean that metrics show"
    correct = "sample_weight = sample_weight / sample_weight.mean()"
    if origin == "class_weight":
        correct = f"class_weight={{label: weight / {mean:.4g} for label, weight in class_weight.items()}}"
    return check.found(setup.name, seen, command=correct)


def _forgotten(setup: Setup) -> list[str]:
    if setup.class_weight is None or setup.sample_weight is not None or label_form(setup.y) == "value":
        return []
    labels = setup.y.argmax(axis=-1) if label_form(setup.y) == "rows" else setup.y
    return [f"{label:g}" for label in np.unique(labels)[:5] if int(label) not in setup.class_weight]


WEIGHTS = (reduction, weights)
