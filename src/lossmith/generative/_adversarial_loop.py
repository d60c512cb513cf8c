"""The loop of adversarial training: seeds stacked in one program, or one step of one seed at a time for convolutions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith.generative._adversarial import QUANTITIES, Adversaries
from lossmith.training._backend import compilation_cache, compile_program
from lossmith.training._narrow import write_out
from lossmith.training.execution import choose_execution

__all__ = ["GameResult", "Watch", "play"]

CHUNK_SECONDS = 0.5
ROOM = 500  # steps between two looks, at most

# watch(step, weights by seed) is called at step 0, every `period` steps and at the end
Watch = Callable[[int, list[tuple[list[Any], list[Any]]]], None]


@dataclass(frozen=True, slots=True, eq=False)
class GameResult:
    """What adversarial training leaves behind, by seed.

    Attributes
    ----------
    generators, discriminators : list of (trainable, other) values
    curves : mapping of str to ndarray of shape (n_seeds, n_steps)
    diverged : ndarray of int, shape (n_seeds,)
        Step (from 1) at which a number was not finite, or 0; weights are those before it.
    seconds : float
    """

    generators: list[tuple[list[np.ndarray], list[np.ndarray]]]
    discriminators: list[tuple[list[np.ndarray], list[np.ndarray]]]
    curves: dict[str, np.ndarray]
    diverged: np.ndarray
    seconds: float


def play(
    adversaries: Adversaries,
    rows: np.ndarray,
    labels: np.ndarray,
    seeds: Sequence[int],
    *,
    watch: Watch | None = None,
    period: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> GameResult:
    """Train one generator and one discriminator for each seed.

    Parameters
    ----------
    rows : array of shape (n_samples, ...)
        Numbers, or bytes of pixels, which become numbers in [-1, 1].
    labels : array of int, shape (n_samples,)
        Zeros where there are no classes.
    seeds : sequence of int
    watch : callable, optional
        See `Watch`; called every `period` steps.
    progress : callable, optional
        `progress(steps done, steps in all)`.
    """
    import jax

    with compilation_cache():
        states = [adversaries.init(int(seed)) for seed in seeds]
    stacked = (
        choose_execution(adversaries.generator) == "stacked"
        and choose_execution(adversaries.discriminator) == "stacked"
    )
    run = _stacked if stacked else _one_by_one
    began = time.perf_counter()
    final, values = run(adversaries, jax.device_put(rows), jax.device_put(labels), states, watch, period, progress)
    values = np.asarray(values)
    broken = ~np.isfinite(values).all(axis=2)
    return GameResult(
        [_numpy(adversaries.final(state)) for state in final],
        [_numpy((state.discriminator, state.discriminator_other)) for state in final],
        {name: values[:, :, place] for place, name in enumerate(QUANTITIES)},
        np.where(broken.any(axis=1), broken.argmax(axis=1) + 1, 0),
        time.perf_counter() - began,
    )


def _numpy(pair: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [np.asarray(value) for value in pair[0]], [np.asarray(value) for value in pair[1]]


def _looks(steps: int, period: int) -> list[int]:
    return [*range(0, steps, period), steps] if period else [0, steps]


def _stacked(
    adversaries: Adversaries, rows: Any, labels: Any, states: list[Any], watch: Any, period: int, progress: Any
) -> tuple[list[Any], np.ndarray]:
    import jax
    import jax.numpy as jnp

    steps = adversaries.game.steps
    room = max(1, min(ROOM, steps))
    stepped = jax.vmap(write_out(adversaries.step), in_axes=(0, None, None))

    def chunk(state: Any, rows: Any, labels: Any, count: Any) -> Any:
        def body(place: Any, loop: Any) -> Any:
            state, values = loop
            state, found = stepped(state, rows, labels)
            return state, jax.lax.dynamic_update_index_in_dim(values, found, place, 0)

        empty = jnp.full((room, len(states), len(QUANTITIES)), jnp.nan)
        return jax.lax.fori_loop(0, count, body, (state, empty))

    state = jax.tree.map(lambda *leaves: np.stack(leaves), *states)
    with compilation_cache():
        program = compile_program(jax.jit(chunk, donate_argnums=0).lower(state, rows, labels, np.int32(1)))
    state = jax.device_put(state)
    found, done, size = [], 0, 20
    for look in _looks(steps, period):
        while done < look:
            count = min(size, room, look - done)
            before = time.perf_counter()
            state, values = program(state, rows, labels, np.int32(count))
            found.append(np.asarray(values)[:count])
            size = max(20, int(CHUNK_SECONDS * count / max(time.perf_counter() - before, 1e-4)))
            done += count
            if progress is not None:
                progress(done, steps)
        if watch is not None:
            watch(look, [adversaries.final(one) for one in _apart(state, len(states))])
    values = np.concatenate(found) if found else np.empty((0, len(states), len(QUANTITIES)))
    return _apart(state, len(states)), np.moveaxis(values, 0, 1)


def _apart(state: Any, count: int) -> list[Any]:
    import jax

    whole = jax.tree.map(np.asarray, state)
    return [jax.tree.map(lambda leaf, place=place: leaf[place], whole) for place in range(count)]


def _one_by_one(
    adversaries: Adversaries, rows: Any, labels: Any, states: list[Any], watch: Any, period: int, progress: Any
) -> tuple[list[Any], np.ndarray]:
    import jax

    steps = adversaries.game.steps
    states = [jax.device_put(jax.tree.map(np.array, state)) for state in states]
    with compilation_cache():
        step = compile_program(jax.jit(adversaries.step, donate_argnums=0).lower(states[0], rows, labels))
    values = np.full((len(states), steps, len(QUANTITIES)), np.nan, np.float32)
    done = 0
    for look in _looks(steps, period):
        for place, state in enumerate(states):
            for number in range(done, look):
                state, found = step(state, rows, labels)
                values[place, number] = found
                if progress is not None:
                    progress(place * (look - done) + number + 1 + done * (len(states) - 1), steps * len(states))
            states[place] = state
        done = look
        if watch is not None:
            watch(look, [adversaries.final(state) for state in states])
    return states, values
