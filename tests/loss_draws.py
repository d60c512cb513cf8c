"""Legal raw outputs and targets, drawn from the record of a loss alone, and values and gradients in NumPy."""

from __future__ import annotations

import array_api_compat.numpy as xnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lossmith.losses import EVERY, Loss

N_CLASSES = 4
ROWS = 1536  # of everything that JAX is given
BATCH = 20  # rows that are seen together by losses of batches
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


def one_of_each_kind_first(losses: list[Loss]) -> list:
    """Return the losses as parameters of a test that compiles much: one of each kind, the others marked slow.

    Losses of one kind have the same width of head, encoding of targets and neighbours.
    """
    seen: set[tuple] = set()
    params = []
    for loss in losses:
        kind = (loss.head.units, loss.encoding, loss.batchwise, loss.full_support)
        params.append(pytest.param(loss, marks=pytest.mark.slow if kind in seen else (), id=str(loss)))
        seen.add(kind)
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


def padded(loss: Loss, raw: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the arrays with their last row repeated to one length: JAX compiles every operation for each."""
    rows = 0 if loss.batchwise else ROWS - len(raw)
    return tuple(np.concatenate([array, np.repeat(array[-1:], rows, axis=0)]) for array in (raw, target))


def gradients(loss: Loss, raw: np.ndarray, target: np.ndarray, dtype=np.float64) -> np.ndarray:
    """Return the derivative of the summed values by the raw outputs, through JAX."""
    if loss.batchwise:
        return along_batches(loss, raw[None], target[None], dtype)[0]
    raw_rows, target_rows = padded(loss, raw, target)
    with jax.enable_x64(dtype == np.float64):
        raw_array, target_array = jnp.asarray(raw_rows, dtype=dtype), jnp.asarray(target_rows, dtype=dtype)
        slope = jax.grad(lambda z: jnp.sum(loss.pointwise(z, target_array, xp=jnp)))(raw_array)
        return np.asarray(slope)[: len(raw)]


def along_batches(loss: Loss, raw: np.ndarray, target: np.ndarray, dtype=np.float64) -> np.ndarray:
    """Return the derivatives of each batch's summed value; the first axis counts batches."""
    with jax.enable_x64(dtype == np.float64):
        targets = jnp.asarray(target, dtype=dtype)
        each = jax.vmap(lambda z, y: jnp.sum(loss.pointwise(z, y, xp=jnp)))
        return np.asarray(jax.grad(lambda z: jnp.sum(each(z, targets)))(jnp.asarray(raw, dtype=dtype)))


def differences(loss: Loss, raw: np.ndarray, target: np.ndarray, *, step: float = 1e-6) -> np.ndarray:
    """Return central finite differences of the values by each raw output, in the shape of `raw`."""
    flat = raw[:, None] if raw.ndim == 1 else raw
    shifts = step * np.eye(flat.shape[1])
    moved = np.concatenate([flat + sign * shift for shift in shifts for sign in (1, -1)])
    found = values(loss, moved.reshape(-1, *raw.shape[1:]), np.concatenate([target] * 2 * len(shifts)))
    up, down = np.moveaxis(found.reshape(len(shifts), 2, len(raw)), 1, 0)
    return ((up - down) / (2 * step)).T.reshape(raw.shape)


def extreme(loss: Loss, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return raw outputs and targets of every size up to `scale`."""
    n = BATCH if loss.batchwise else 250
    raw = [draw_raw(loss, n, 21 + place, scale=size) for place, size in enumerate((scale, 3.0, 1 / scale, 3.0))]
    target = [draw_target(loss, n, 25 + place, scale=scale) for place in range(4)]
    if loss.task == "regression" and loss.head.units != 1:  # a good value with any scale
        raw[3][:, 0] = target[3] + 1e-4 * raw[3][:, 0]
    return np.concatenate(raw), np.concatenate(target)


def corners(loss: Loss) -> tuple[np.ndarray, np.ndarray]:
    """Return raw outputs at ties, underflow and overflow, with targets at the edges of the domain and inside."""
    n = BATCH if loss.batchwise else 8
    signs = np.where(np.random.default_rng(10).random(raw_shape(loss, n)) < 0.5, -1.0, 1.0)
    cases = [
        (size * way, target)
        for size in (0.0, 1e-30, 1e-6, 30.0, 100.0, 800.0, 1e4)
        for way in (signs, np.ones_like(signs), -np.ones_like(signs))
        for target in (draw_target(loss, n, 8, hard=True), draw_target(loss, n, 9))
    ]
    raw, target = (np.concatenate(arrays) for arrays in zip(*cases, strict=True))
    return raw, target


class Probe:
    """Raw outputs of every kind with their targets, and the derivatives there, taken once in each precision.

    Attributes
    ----------
    parts : dict of str to (raw, target)
        "moderate", "corners" and "extreme"; of losses of batches, every `BATCH` rows are a batch.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        drawn = draw_raw(loss, 3 * BATCH, 11), draw_target(loss, 3 * BATCH, 12)
        # exactly the numbers that single precision knows too
        raw, target = (array.astype(np.float32).astype(float) for array in drawn)
        self.parts = {"moderate": (raw, target), "corners": corners(loss), "extreme": extreme(loss, 1e4)}
        self._slopes: dict[type, dict[str, np.ndarray]] = {}

    def slopes(self, part: str, dtype: type = np.float32) -> np.ndarray:
        """Return the derivatives in one part."""
        if dtype not in self._slopes:
            raw, target = (np.concatenate(arrays) for arrays in zip(*self.parts.values(), strict=True))
            ends = np.cumsum([len(raw) for raw, _ in self.parts.values()])[:-1]
            if self.loss.batchwise:
                given = (array.reshape(-1, BATCH, *array.shape[1:]) for array in (raw, target))
                found = along_batches(self.loss, *given, dtype).reshape(raw.shape)
            else:
                found = gradients(self.loss, raw, target, dtype)
            self._slopes[dtype] = dict(zip(self.parts, np.split(found, ends), strict=True))
        return self._slopes[dtype][part]

    def values(self, part: str, dtype: type = np.float64) -> np.ndarray:
        """Return the values in one part, in NumPy."""
        raw, target = (array.astype(dtype) for array in self.parts[part])
        size = BATCH if self.loss.batchwise else len(raw)
        return np.concatenate(
            [values(self.loss, raw[n : n + size], target[n : n + size]) for n in range(0, len(raw), size)]
        )


_LAST: list[Probe] = []


def probe(loss: Loss) -> Probe:
    """Return the probe of a loss; that of the last loss is kept, for the next check."""
    if not _LAST or _LAST[0].loss is not loss:
        _LAST[:] = [Probe(loss)]
    return _LAST[0]
