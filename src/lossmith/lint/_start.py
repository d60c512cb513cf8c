"""Checks of the first step: gradients that are missing, saturated or infinite, and the size of the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossmith._checks import Finding
from lossmith.lint._gradients import pointwise
from lossmith.lint._numbers import percent
from lossmith.lint._setup import Setup
from lossmith.lint.checks import CHECKS

__all__ = ["START", "constant_loss", "dead_layers"]

_STUCK = 1e-4  # loss above its least value from which a row without gradient counts
_MANY = 0.01
_SATURATED = 0.999
_VANISHED = 1e-9  # of the largest gradient of a kernel
# how many times the loss of a constant prediction is too much: squares grow with the square of the distance
_FAR = {"mean_squared_error": 100.0, "mean_squared_logarithmic_error": 100.0, "huber": 20.0, "log_cosh": 20.0, "mean_absolute_error": 10.0, "squared_hinge": 20.0}  # fmt: skip
_LOGARITHMIC = {
    "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "kl_divergence", "hinge",
    "categorical_hinge", "categorical_generalized_cross_entropy",
}  # fmt: skip
_FAR_CLASSES = 3.0
_SIGNLESS = {"poisson", "cosine_similarity", "dice", "tversky"}


def constant_loss(setup: Setup) -> float | None:
    """Return the mean loss of a constant prediction: equal probabilities, a score of 0, or the mean of the targets."""
    loss, target = setup.loss, setup.target.astype(np.float64)
    if setup.value is None or not np.isfinite(target).all():
        return None
    if loss.outputs in ("probability", "distribution") and not loss.from_logits:
        constant = np.full(setup.output.shape, 0.5 if loss.outputs == "probability" else 1.0 / setup.width)
    elif loss.outputs in ("value", "positive"):
        if target.reshape(len(target), -1).shape[1] != setup.output.reshape(len(target), -1).shape[1]:
            return None
        constant = np.broadcast_to(setup.y.reshape(len(setup.y), -1).mean(axis=0), (len(target), setup.output[0].size))
        constant = constant.reshape(setup.output.shape)
    elif loss.outputs:
        constant = np.zeros(setup.output.shape)
    else:
        return None
    try:
        value = float(np.mean(pointwise(loss.object, setup.target, constant)))
    except Exception:  # a loss that refuses it has no such level
        return None
    return value if np.isfinite(value) else None


def _scaled(setup: Setup) -> str:
    """Return the line that scales the inputs: bytes are pixels."""
    bytes_alone = isinstance(setup.inputs, np.ndarray) and setup.inputs.dtype == np.uint8
    return "x = x / 255.0" if bytes_alone else "x = (x - x.mean(axis=0)) / x.std(axis=0)"


def stuck_rows(setup: Setup) -> Finding | None:
    """LS218: rows that cost something and get no gradient."""
    if setup.gradient is None or setup.value is None or setup.value.ndim == 0 or len(setup.value) != len(setup.output):
        return None
    value = np.asarray(setup.value).reshape(len(setup.output), -1).mean(axis=1)
    lowest = min(0.0, float(np.nanmin(value)))
    stuck = ~setup.gradient_rows & np.isfinite(value) & (value - lowest > _STUCK)
    if np.mean(stuck) < _MANY:
        return None
    seen = f"{percent(stuck)} of the sampled rows cost {value[stuck].mean():.3g} on average and get no gradient"
    return CHECKS["LS218"].found(setup.name, seen, command=_scaled(setup))


def not_finite(setup: Setup) -> Finding | None:
    """LS220: NaN or infinite values or gradients."""
    if setup.value is None or setup.gradient is None or not np.isfinite(setup.y).all():
        return None
    value = ~np.isfinite(setup.value)
    slope = ~np.isfinite(setup.gradient.reshape(len(setup.gradient), -1)).all(axis=1)
    if not value.any() and not slope.any():
        return None
    zero = " where an output is exactly 0" if slope.any() and np.any(setup.output[slope] == 0) else ""
    seen = (
        f"the loss is not finite for {percent(value)} and its gradient for {percent(slope)} of the sampled rows{zero}"
    )
    form = setup.loss.form
    correct = f"loss={form.raw}" if form is not None and form.raw else ""
    if form is not None and form.logits and not setup.loss.from_logits:
        correct = setup.loss.line(from_logits=True)
    return CHECKS["LS220"].found(
        setup.name, seen, command=correct or "model.compile(..., jit_compile=False)  # and look"
    )


def saturated_head(setup: Setup) -> Finding | None:
    """LS219: the last activation at the end of its range for most rows, although the loss is not small."""
    level = constant_loss(setup)
    if level is None or setup.value is None or setup.activation not in ("sigmoid", "tanh", "softmax", "hard_sigmoid"):
        return None
    if setup.activation == "tanh":
        extreme = np.abs(setup.output).reshape(len(setup.output), -1).max(axis=1) > _SATURATED
    elif setup.activation == "softmax" and setup.width > 1:
        extreme = setup.rows.max(axis=-1) > _SATURATED
    else:
        centred = np.abs(2.0 * setup.output - 1.0)
        extreme = centred.reshape(len(setup.output), -1).min(axis=1) > _SATURATED
    mean = float(np.mean(setup.value))
    if np.mean(extreme) < 0.5 or not mean > level:
        return None
    seen = f"{setup.activation} is within 0.1 % of its end for {percent(extreme)} of the rows, and the loss is {mean:.3g} where a constant gives {level:.3g}"
    return CHECKS["LS219"].found(setup.name, seen, command=_scaled(setup))


def loss_at_start(setup: Setup) -> Finding | None:
    """LS221: a loss far above that of a constant prediction."""
    loss = setup.loss
    name = loss.form.function if loss.form else loss.own.name if loss.own else ""
    if not name or name in _SIGNLESS or setup.value is None or not np.isfinite(setup.value).all():
        return None
    if loss.own is not None and loss.own.task == "regression":
        return None
    factor = _FAR.get(name, _FAR_CLASSES if name in _LOGARITHMIC else 0.0)
    level, mean = constant_loss(setup), float(np.mean(setup.value))
    if not factor or level is None or level <= 1e-12 or mean <= factor * level:
        return None
    if loss.outputs == "value" or name.endswith("logarithmic_error"):
        seen = f"{loss.name} starts at {mean:.3g}, {mean / level:.0f} times the {level:.3g} of predicting the mean; targets have mean {setup.y.mean():.3g} and deviation {setup.y.std():.3g}"
        correct = "y = (y - y.mean()) / y.std()"
    else:
        seen = f"{loss.name} starts at {mean:.3g} where {_expected(setup, level)} is expected"
        correct = _scaled(setup)
    return CHECKS["LS221"].found(setup.name, seen, command=correct)


def _expected(setup: Setup, level: float) -> str:
    if setup.loss.by_class and np.isclose(level, np.log(setup.width), rtol=1e-3):
        return f"log {setup.width} = {level:.3g}"
    return f"log 2 = {level:.3g}" if np.isclose(level, np.log(2.0), rtol=1e-3) else f"{level:.3g}"


def dead_layers(found: Sequence[Setup]) -> Finding | None:
    """LS218: kernels, or nearly all their units, without a gradient from any output."""
    if any(setup.head_is_zero or not setup.weights for setup in found):
        return None
    if not any(np.any(setup.gradient) for setup in found if setup.gradient is not None):
        return None
    total: dict[str, np.ndarray] = {}
    for setup in found:
        for path, gradient in setup.weights:
            total[path] = np.abs(gradient) + total.get(path, 0.0)
    # scales that start at 0 on purpose close the branch before them for the first step
    kernels = {path: g for path, g in total.items() if g.ndim > 1 and not path.endswith("embeddings")}
    if any(path.rsplit("/", 1)[-1] in ("gamma", "scale") and _starts_at_zero(found, path) for path in total):
        return None
    largest = max((float(g.max()) for g in kernels.values()), default=0.0)
    seen = []
    for path, gradient in kernels.items():
        units = gradient.reshape(-1, gradient.shape[-1]).max(axis=0) == 0
        if not gradient.any():
            seen.append(f"{path} gets no gradient at all")
        elif units.mean() >= 0.9 and len(units) >= 10:
            seen.append(f"{int(units.sum())} of {len(units)} units of {path} get no gradient")
        elif largest and gradient.max() < _VANISHED * largest:
            seen.append(
                f"the largest gradient of {path} is {gradient.max():.1g}, {gradient.max() / largest:.1g} of that of another layer"
            )
    if not seen:
        return None
    more = f" and {len(seen) - 2} more like it" if len(seen) > 2 else ""
    line = 'keras.layers.Dense(..., activation="relu", kernel_initializer="he_normal")  # and standardised inputs'
    return CHECKS["LS218"].found("", "; ".join(seen[:2]) + more, command=line)


def _starts_at_zero(found: Sequence[Setup], path: str) -> bool:
    return any(path in setup.zero_variables for setup in found)


START = (not_finite, stuck_rows, saturated_head, loss_at_start)
