"""Legal raw outputs and targets, drawn from the record of a loss alone, and values and gradients in NumPy."""

from __future__ import annotations

import array_api_compat.numpy as xnp
import jax
import jax.numpy as jnp
import numpy as np

from lossmith.losses import LOSSES, Loss

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
    else:
        candidates = [-0.8, 1.3]
    return next(value for value in candidates if value != current)


def configurations(loss: Loss) -> list[Loss]:
    """Return the loss at its defaults and with each parameter moved away from them."""
    found = [loss]
    for parameter in loss.parameters:
        values = PARTICULAR.get(loss.name, {}).get(parameter.name) or GRID.get(parameter.name) or ()
        legal = [value for value in values if value in parameter.interval and value != parameter.default]
        for value in legal or [other_value(parameter, parameter.default)]:
            found.append(loss.configured(**{parameter.name: value}))
    return found


PARTICULAR: dict[str, dict[str, tuple[float, ...]]] = {}


def every_configuration() -> list[Loss]:
    """Return every loss of the catalogue in every configuration of the grid."""
    return [configured for loss in LOSSES.values() for configured in configurations(loss)]


def draw_target(loss: Loss, n: int, seed: int, *, scale: float = 1.0, hard: bool = False) -> np.ndarray:
    """Return `n` legal encoded targets, edges of the domain included; `hard` leaves out soft class targets."""
    rng = np.random.default_rng(seed)
    if loss.encoding == "zero_one":
        target = rng.integers(0, 2, n).astype(float)
        if not hard:
            target[: n // 4] = rng.random(n // 4)
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
        return low + (high - low) * rng.beta(1.5, 3.0, n)
    if np.isfinite(low):
        target = low + scale * rng.gamma(1.3, 1.0, n)
        if loss.interval.closed_low:
            target[: max(n // 10, 1)] = low
        return target
    return scale * (rng.gamma(1.3, 1.0, n) - 1.3)


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


def gradients(loss: Loss, raw: np.ndarray, target: np.ndarray, dtype=np.float64) -> np.ndarray:
    """Return the derivative of the summed values by the raw outputs, through JAX."""
    with jax.enable_x64(dtype == np.float64):
        raw_array, target_array = jnp.asarray(raw, dtype=dtype), jnp.asarray(target, dtype=dtype)
        return np.asarray(jax.grad(lambda z: jnp.sum(loss.pointwise(z, target_array, xp=jnp)))(raw_array))
