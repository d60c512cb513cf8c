"""Legal raw outputs and targets, drawn from the record of a loss alone, and values and their differences in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat.numpy as xnp
import numpy as np
import pytest

from lossmith.losses import EVERY, Loss

N_CLASSES = 4
GRID = {  # values of parameters away from their defaults; a parameter without an entry gets `other_value`
    "delta": (0.4, 2.5),
    "quantile": (0.1, 0.9),
    "label_smoothing": (0.1, 0.4),
    "gamma": (0.0, 0.7, 5.0),
    "alpha": (0.2, 0.9),
    "q": (0.2, 1.0),
}


def other_value(parameter, current: float) -> float:
    """Return a legal value that differs from the current one, from the parameter's interval."""
    low, high = parameter.interval.low, parameter.interval.high
    if np.isfinite(low) and np.isfinite(high):
        candidates = [low + share * (high - low) for share in (0.3, 0.65)]
    elif np.isfinite(low):
        candidates = [low + 0.7, low + 1.9]
    elif np.isfinite(high):
        candidates = [high - 0.7, high - 1.9]
    else:
        candidates = [-0.8, 1.3]
    return next(value for value in candidates if value != current)


def configurations(loss: Loss) -> list[Loss]:
    """Return the loss at its defaults and with each parameter moved away from them."""
    found = [loss]
    for parameter in loss.parameters:
        found_values = PARTICULAR.get(loss.name, {}).get(parameter.name) or GRID.get(parameter.name) or ()
        legal = [value for value in found_values if value in parameter.interval and value != parameter.default]
        for value in legal or [other_value(parameter, parameter.default)]:
            found.append(loss.configured(**{parameter.name: value}))
    return found


PARTICULAR: dict[str, dict[str, tuple[float, ...]]] = {
    "general_robust": {"alpha": (2.0, 0.0, -2.0, 0.5, 1.5)},
    "renyi_divergence": {"order": (0.3, 1.0, 2.0)},
    "asymmetric": {"gamma_negative": (0.0, 1.5)},
    "multilabel_asymmetric": {"gamma_negative": (1.5,)},
    "weighted_binary_crossentropy": {"positive_weight": (0.5, 1.0)},
    "margin_logistic": {"margin": (0.0, 2.0)},
    "poly1_crossentropy": {"epsilon": (-0.5, 0.0, 2.0)},
    "bi_tempered": {"t1": (0.0, 0.5, 1.0), "t2": (1.0, 2.0)},
    "ldr_kl": {"margin": (0.0, 1.0)},
    "epsilon_insensitive": {"epsilon": (0.0, 0.5)},
    "squared_epsilon_insensitive": {"epsilon": (0.0, 0.5)},
    "adaptive_robust": {},
    "categorical_mean_squared_error": {"label_weight": (5.0,), "label_value": (3.0,)},
    "nt_xent": {"temperature": (0.5,)},
}


def moved(loss: Loss) -> Loss:
    """Return the loss with every parameter away from its default."""
    values = {}
    for parameter in loss.parameters:
        listed = PARTICULAR.get(loss.name, {}).get(parameter.name) or GRID.get(parameter.name) or ()
        legal = [value for value in listed if value in parameter.interval and value != parameter.default]
        values[parameter.name] = legal[0] if legal else other_value(parameter, parameter.default)
    return loss.configured(**values)


def some_configurations() -> list[Loss]:
    """Return every loss at its defaults and, where it has parameters, with all of them moved."""
    return [one for loss in EVERY.values() for one in ((loss, moved(loss)) if loss.parameters else (loss,))]


def one_of_each_kind_first(losses: list[Loss], kind: Callable[[Loss], Any] | None = None) -> list:
    """Return the losses as parameters of a test that compiles much: one of each kind, the others marked slow.

    Where `kind` is not given, losses of one kind have the same width of head, encoding of targets and neighbours.
    """
    seen: set[Any] = set()
    params = []
    for loss in losses:
        own = kind(loss) if kind else (loss.head.units, loss.encoding, loss.batchwise, loss.full_support)
        params.append(pytest.param(loss, marks=pytest.mark.slow if own in seen else (), id=str(loss)))
        seen.add(own)
    return params


def every_configuration() -> list[Loss]:
    """Return every loss of the catalogue in every configuration of the grid."""
    return [configured for loss in EVERY.values() for configured in configurations(loss)]


def rest_of_grid() -> list[Loss]:
    """Return the configurations of the grid that are not among `some_configurations`."""
    some = {str(loss) for loss in some_configurations()}
    return [loss for loss in every_configuration() if str(loss) not in some]


def draw_target(loss: Loss, n: int, seed: int, *, scale: float = 1.0, hard: bool = False) -> np.ndarray:
    """Return `n` legal encoded targets, edges of the domain included; `hard` leaves out soft class targets."""
    rng = np.random.default_rng(seed)
    wide = (n, N_CLASSES) if loss.head.units == "n_outputs" else (n,)
    if loss.encoding == "class_ids":
        return rng.integers(0, max(n // 3, 2), n).astype(float)
    if loss.encoding == "zero_one":
        target = rng.integers(0, 2, wide).astype(float)
        if not hard:
            target[: n // 4] = rng.random((n // 4, *wide[1:]))
        return target
    if loss.encoding == "minus_one_one":
        return rng.choice([-1.0, 1.0], n)
    if loss.encoding == "distribution":
        soft = rng.dirichlet(np.ones(N_CLASSES), n)
        if loss.full_support:
            soft = soft ** min(scale, 600.0) + 1e-300 if scale > 1 else soft + 1e-3
            return soft / soft.sum(axis=-1, keepdims=True)
        target = np.eye(N_CLASSES)[rng.integers(0, N_CLASSES, n)]
        if not hard:
            target[: n // 4] = soft[: n // 4]
        return target
    low, high = loss.interval.low, loss.interval.high
    if np.isfinite(low) and np.isfinite(high):
        return low + (high - low) * rng.beta(1.5, 3.0, wide)
    if np.isfinite(low):
        target = low + scale * rng.gamma(1.3, 1.0, wide)
        if loss.interval.closed_low:
            target[: max(n // 10, 1)] = low
        elif scale > 1:
            target[: n // 4] = low + rng.random((n // 4, *wide[1:])) / scale
        return target
    return scale * (rng.gamma(1.3, 1.0, wide) - 1.3)


def units(loss: Loss) -> int:
    return loss.units(N_CLASSES)


def raw_shape(loss: Loss, n: int) -> tuple[int, ...]:
    return (n,) if loss.head.units == 1 else (n, units(loss))


def draw_raw(loss: Loss, n: int, seed: int, *, scale: float = 2.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).normal(size=raw_shape(loss, n))


def values(loss: Loss, raw: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return pointwise values in NumPy, in the precision of the arguments; overflow is not an event."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(loss.pointwise(raw, target, xp=xnp))


def differences(loss: Loss, raw: np.ndarray, target: np.ndarray, *, step: float = 1e-6) -> np.ndarray:
    """Return central finite differences of the values by each raw output, in the shape of `raw`."""
    flat = raw[:, None] if raw.ndim == 1 else raw
    shifts = step * np.eye(flat.shape[1])
    moved = np.concatenate([flat + sign * shift for shift in shifts for sign in (1, -1)])
    found = values(loss, moved.reshape(-1, *raw.shape[1:]), np.concatenate([target] * 2 * len(shifts)))
    up, down = np.moveaxis(found.reshape(len(shifts), 2, len(raw)), 1, 0)
    return ((up - down) / (2 * step)).T.reshape(raw.shape)
