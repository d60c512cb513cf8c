"""Raw outputs of every kind, and what JAX makes of them: compiled once for each loss and precision, asked by many checks."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from loss_draws import draw_raw, draw_target, raw_shape, values
from lossmith.losses import Loss

__all__ = ["BATCH", "Probe", "extreme", "probe"]

ROWS = 1536  # JAX compiles every operation once for each shape: all losses but those of batches are given this many
BATCH = 20  # rows that are seen together by losses of batches
# heads whose losses share few operations with others: compiling the whole is quicker than every operation apart
APART = ("labels", "item_scores", "class_scores", "cumulative", "embedding")


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


def through_jax(
    loss: Loss, raw: np.ndarray, target: np.ndarray, dtype: type = np.float64
) -> tuple[np.ndarray, np.ndarray]:
    """Return values and their derivatives; of losses of batches, every `BATCH` rows are a batch."""

    def total(z: Any, y: Any) -> tuple[Any, Any]:
        pointwise = jax.vmap(alone) if loss.batchwise else alone
        value = pointwise(z, y)
        return jnp.sum(value), value

    def alone(z: Any, y: Any) -> Any:
        return loss.pointwise(z, y, xp=jnp)

    n = len(raw)
    if loss.batchwise:
        given = [array.reshape(-1, BATCH, *array.shape[1:]) for array in (raw, target)]
    else:
        given = [np.concatenate([array, np.repeat(array[-1:], ROWS - n, axis=0)]) for array in (raw, target)]
    function = jax.value_and_grad(total, has_aux=True)
    if loss.batchwise or loss.head.name in APART:
        options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
        function = jax.jit(function, compiler_options=options)
    with jax.enable_x64(dtype == np.float64):
        (_, value), slope = function(*(jnp.asarray(array, dtype=dtype) for array in given))
    return np.asarray(value).reshape(-1)[:n], np.asarray(slope).reshape(-1, *raw.shape[1:])[:n]


class Probe:
    """Raw outputs of every kind with their targets, and values and derivatives there in each precision.

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
        self._found: dict[type, dict[str, tuple[np.ndarray, np.ndarray]]] = {}

    def jax(self, part: str, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
        """Return JAX's values and derivatives in one part."""
        if dtype not in self._found:
            raw, target = (np.concatenate(arrays) for arrays in zip(*self.parts.values(), strict=True))
            ends = np.cumsum([len(raw) for raw, _ in self.parts.values()])[:-1]
            split = (np.split(array, ends) for array in through_jax(self.loss, raw, target, dtype))
            self._found[dtype] = dict(zip(self.parts, zip(*split, strict=True), strict=True))
        return self._found[dtype][part]

    def slopes(self, part: str, dtype: type = np.float32) -> np.ndarray:
        """Return JAX's derivatives in one part."""
        return self.jax(part, dtype)[1]

    def values(self, part: str, dtype: type = np.float64) -> np.ndarray:
        """Return NumPy's values in one part."""
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
