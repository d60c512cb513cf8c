"""Training of a language model: many places of the text side by side, gradients cut after a window, states carried on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.text._network import Architecture, initial_state, initial_weights, scores
from lossmith.training import compilation_cache

__all__ = ["Plan", "Trained", "evaluate", "train"]

# called with done, total, stage and note
Progress = Callable[[float, int, str, str], None]

# a step is taken by this many threads, each with its own rows: the same on every machine, so that numbers are
SHARES = 2
STREAMS = 20  # of held-out text, side by side
WARM_UP = 256  # tokens before a stream that only set its state
BLOCK = 256  # steps of evaluation at a time


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how a language model is trained.

    Attributes
    ----------
    epochs : int
        Passes over the text.
    batch_size : int
        Places of the text that are read side by side.
    window : int
        Steps after which gradients are cut.
    learning_rate : float
        At its height; it rises over the first 2 % and falls along a cosine to a hundredth.
    dropout : float
        Between layers.
    clip_norm, clip_value : float or None
        Longest gradient, over all weights together; largest entry of one.
    time_limit : float or None
        Seconds after which training ends; the rate then falls by the time that has gone.
    """

    epochs: int = 8
    batch_size: int = 32
    window: int = 64
    learning_rate: float = 0.004
    dropout: float = 0.1
    clip_norm: float | None = 1.0
    clip_value: float | None = None
    time_limit: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("window", 1)):
            if getattr(self, name) < least:
                raise InvalidInputError(f"{name} {getattr(self, name)}", expected=f"at least {least}")
        for name in ("learning_rate", "clip_norm", "clip_value", "time_limit"):
            value = getattr(self, name)
            if value is not None and not (0 < value < float("inf")):
                raise InvalidInputError(f"{name} {value}", expected="a number above 0")
        if not 0 <= self.dropout < 1:
            raise InvalidInputError(f"dropout {self.dropout}", expected="a share in [0, 1)")


@dataclass(frozen=True, slots=True)
class Trained:
    """What training leaves behind.

    Attributes
    ----------
    weights : dict of str to ndarray
    curve : tuple of (float, float, float)
        Epochs, seconds and nats for each token of the training windows, at some fifty places.
    epochs : float
        Passes that were made.
    seconds : float
    """

    weights: dict[str, np.ndarray]
    curve: tuple[tuple[float, float, float], ...]
    epochs: float
    seconds: float


def train(
    architecture: Architecture,
    tokens: np.ndarray,
    plan: Plan,
    *,
    seed: int,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Trained:
    """Train on the tokens of a text.

    Raises
    ------
    InvalidInputError
        The loss is not finite any more.
    """
    import jax
    import jax.numpy as jnp
    import optax

    rows = min(plan.batch_size, max(1, (len(tokens) - 1) // 2))
    rows -= rows % SHARES if rows > 1 else 0
    shares = SHARES if rows > 1 else 1
    length = (len(tokens) - 1) // rows
    window = min(plan.window, length)
    n_windows = max(1, length // window)
    starts = np.arange(rows) * length
    total = plan.epochs * n_windows
    rule = optax.chain(
        *([optax.clip(plan.clip_value)] if plan.clip_value else []),
        *([optax.clip_by_global_norm(plan.clip_norm)] if plan.clip_norm else []),
        optax.scale_by_adam(b2=0.99),
    )

    def loss(weights: Any, inputs: Any, targets: Any, state: Any, key: Any) -> Any:
        raw, after = scores(architecture, weights, inputs, state, dropout=plan.dropout, key=key)
        values = optax.softmax_cross_entropy_with_integer_labels(raw, targets)
        return values.mean(), after

    def apply(weights: Any, slots: Any, slopes: Any, rate: Any) -> Any:
        mean = jax.tree.map(lambda *parts: sum(parts) / shares, *slopes)
        steps, slots = rule.update(mean, slots, weights)
        return jax.tree.map(lambda weight, step: weight - rate * step, weights, steps), slots

    weights = jax.tree.map(jnp.asarray, initial_weights(architecture, seed=seed))
    slots = rule.init(weights)
    share = rows // shares
    zero = jax.tree.map(jnp.asarray, initial_state(architecture, share))
    key = jax.random.key(seed)
    shape = jax.ShapeDtypeStruct((window, share), np.int32)
    with compilation_cache():
        # each thread has a core of its own
        gradient = _alone(jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(weights, shape, shape, zero, key))
        slopes = [weights] * shares  # of the same shapes
        update = jax.jit(apply, donate_argnums=(0, 1)).lower(weights, slots, slopes, np.float32(0)).compile()
    rng = np.random.default_rng([seed, 1])
    states: list[Any] = [zero] * shares
    began, done, curve, recent = clock(), 0, [], []
    every = max(1, total // 50)

    def one(part: int, first: np.ndarray, step: int) -> Any:
        place = first[part * share : (part + 1) * share] + np.arange(window + 1)[:, None]
        taken = tokens[np.minimum(place, len(tokens) - 1)]
        own = jax.random.fold_in(key, step * shares + part)
        return jax.block_until_ready(gradient(weights, taken[:-1], taken[1:], states[part], own))

    with ThreadPoolExecutor(shares, thread_name_prefix="lossmith-text") as pool:
        for epoch in range(plan.epochs):
            # windows begin elsewhere in each pass; states start anew
            offset = int(rng.integers(0, max(1, length - n_windows * window + 1)))
            states = [zero] * shares
            for place in range(n_windows):
                passed = clock() - began
                part = done / total
                if plan.time_limit is not None:
                    part = max(part, passed / plan.time_limit)
                    if part >= 1:
                        break
                first = starts + offset + place * window
                found = list(pool.map(lambda k: one(k, first, done), range(shares)))  # noqa: B023
                states = [after for (_, after), _ in found]
                weights, slots = update(
                    weights, slots, [slope for _, slope in found], np.float32(plan.learning_rate * _factor(part))
                )
                done += 1
                recent.append(np.mean([float(value) for (value, _), _ in found]))
                if not np.isfinite(recent[-1]):
                    raise InvalidInputError(
                        f"the loss is {recent[-1]} after {done} steps at learning rate {plan.learning_rate:g}",
                        expected="a finite loss",
                        advice="take a smaller learning rate or clip the gradients",
                    )
                if done % every == 0 or done == total:
                    curve.append((done / n_windows, clock() - began, float(np.mean(recent))))
                    recent = []
                if progress is not None and (done % 5 == 0 or done == total):
                    note = f"epoch {epoch + 1} of {plan.epochs}, {curve[-1][2]:.3f} nats" if curve else ""
                    progress(min(1.0, max(part, done / total)) * 1000, 1000, "training", note)
    kept = {name: np.asarray(value) for name, value in weights.items()}
    return Trained(kept, tuple(curve), done / n_windows, clock() - began)


def _alone(lowered: Any) -> Any:
    import jax

    if jax.default_backend() != "cpu":
        return lowered.compile()
    try:
        return lowered.compile(compiler_options={"xla_cpu_multi_thread_eigen": False})
    except (TypeError, ValueError, RuntimeError):  # another JAX without the option: slower, nothing else
        return lowered.compile()


def _factor(part: float) -> float:
    """Return what the learning rate is multiplied by after a share of the training."""
    rise = 0.02
    if part < rise:
        return 0.05 + 0.95 * part / rise
    return float(0.01 + 0.99 * (1 + np.cos(np.pi * (part - rise) / (1 - rise))) / 2)


def evaluate(
    architecture: Architecture, weights: dict[str, np.ndarray], before: np.ndarray, tokens: np.ndarray
) -> float:
    """Return the mean of -log p of the tokens of a held-out text, in nats; states are carried through it.

    The text is read as 20 streams, each warmed up on the 256 tokens before it (`before` ends where the text begins); as one
    stream where fewer tokens stand before it.
    """
    import jax
    import jax.numpy as jnp
    import optax

    whole = np.concatenate([before[-WARM_UP:], tokens])
    warm = len(whole) - len(tokens)
    n = len(tokens)
    streams = min(STREAMS, max(1, n // WARM_UP)) if warm == WARM_UP else 1
    length = -(-n // streams)

    @jax.jit
    def block(weights: Any, state: Any, inputs: Any, targets: Any, counted: Any) -> Any:
        raw, after = scores(architecture, weights, inputs, state)
        values = optax.softmax_cross_entropy_with_integer_labels(raw, targets)
        return (values * counted).sum(), after

    # stream k predicts tokens k * length ... of the text, and reads from 256 before the first of them
    first = np.arange(streams) * length
    steps = np.arange(1 - warm, length)
    target = first + steps[:, None]
    counted = (steps[:, None] >= 0) & (target < n)
    total, state = 0.0, jax.tree.map(jnp.asarray, initial_state(architecture, streams))
    weights = jax.tree.map(jnp.asarray, weights)
    for start in range(0, len(steps), BLOCK):
        at = target[start : start + BLOCK]
        mask = counted[start : start + BLOCK]
        if len(at) < BLOCK:
            at = np.pad(at, ((0, BLOCK - len(at)), (0, 0)), mode="edge")
            mask = np.pad(mask, ((0, BLOCK - len(mask)), (0, 0)))
        inside = np.clip(warm + at, 1, len(whole) - 1)
        value, state = block(weights, state, whole[inside - 1], whole[inside], mask.astype(np.float32))
        total += float(value)
    return total / int(counted.sum())
