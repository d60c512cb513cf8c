"""The loop of adversarial training: seeds stacked in one program, or one step of one seed at a time for convolutions.

It trains any contest of networks: generator against discriminator, or several of both.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np

from lossmith.training import Checkpoints
from lossmith.training._backend import compilation_cache, compile_program
from lossmith.training._narrow import write_out
from lossmith.training.execution import choose_execution

__all__ = ["Contest", "GameResult", "RunsOf", "Watch", "play"]

CHUNK_SECONDS = 0.5
ROOM = 500  # steps between two looks, at most
KEPT_EVERY = 200  # steps after which the state of a run that is trained alone is kept, where it is kept at all

# watch(step, weights by seed) is called at step 0, every `period` steps and at the end
Watch = Callable[[int, list[tuple[list[Any], list[Any]]]], None]


class Contest(Protocol):
    """Networks that are trained against each other, as pure functions of a state.

    Attributes
    ----------
    models : tuple of keras.Model
        All of them: they say whether there are convolutions.
    quantities : tuple of str
        What a step reports.
    n_steps : int
    """

    @property
    def models(self) -> tuple[Any, ...]:
        """All networks."""

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of what a step reports."""

    @property
    def n_steps(self) -> int:
        """Steps of a training."""

    def init(self, seed: int) -> Any:
        """Return the state before the first step."""

    def step(self, state: Any, rows: Any, others: Any) -> tuple[Any, Any]:
        """Return the state after one step, and its quantities."""

    def final(self, state: Any) -> tuple[list[Any], list[Any]]:
        """Return weights and other variables of what generates after training."""

    def judges(self, state: Any) -> tuple[list[Any], list[Any]]:
        """Return weights and other variables of what judges."""


@final
class RunsOf:
    """Checkpoints of one training alone, told from others by its parameters, seeds and data.

    Parameters
    ----------
    checkpoints : Checkpoints
    parameters : mapping of str to plain data
    seeds : sequence of int
    rows, others : ndarray
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        parameters: Mapping[str, Any],
        seeds: Sequence[int],
        rows: np.ndarray,
        others: np.ndarray,
    ) -> None:
        known = sorted((name, repr(value)) for name, value in parameters.items() if name != "random_state")
        digest = hashlib.sha256(repr((known, list(seeds))).encode())
        for array in (rows, others):
            digest.update(repr((array.shape, str(array.dtype))).encode())
            digest.update(np.ascontiguousarray(array).data)
        self._checkpoints, self._mark = checkpoints, digest.hexdigest()[:16]

    def load(self, run: str) -> dict[str, np.ndarray] | None:
        """Return what was saved last for a run of this training, or None."""
        return self._checkpoints.load(f"{self._mark}-{run}")

    def save(self, run: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the state of a run of this training."""
        self._checkpoints.save(f"{self._mark}-{run}", arrays)


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
    contest: Contest,
    rows: np.ndarray,
    others: np.ndarray,
    seeds: Sequence[int],
    *,
    watch: Watch | None = None,
    period: int = 0,
    checkpoints: Checkpoints | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GameResult:
    """Train the networks of a contest for each seed.

    Parameters
    ----------
    contest : Contest
    rows : array of shape (n_samples, ...)
        Numbers, or bytes of pixels, which become numbers in [-1, 1].
    others : array of shape (n_others, ...)
        Classes of the rows (zeros where there are none), or rows of another kind.
    seeds : sequence of int
    watch : callable, optional
        See `Watch`; called every `period` steps.
    checkpoints : Checkpoints, optional
        Keeps runs that are trained one after the other every 200 steps and at every look, and lets them go on from there.
    progress : callable, optional
        `progress(steps done, steps in all)`.
    """
    import jax

    with compilation_cache():
        states = [contest.init(int(seed)) for seed in seeds]
    began = time.perf_counter()
    data = (jax.device_put(rows), jax.device_put(others))
    if all(choose_execution(model) == "stacked" for model in contest.models):
        final, values = _stacked(contest, data, states, watch, period, progress)
    else:
        final, values = _one_by_one(contest, data, states, watch, period, progress, checkpoints)
    values = np.asarray(values)
    broken = ~np.isfinite(values).all(axis=2)
    return GameResult(
        [_numpy(contest.final(state)) for state in final],
        [_numpy(contest.judges(state)) for state in final],
        {name: values[:, :, place] for place, name in enumerate(contest.quantities)},
        np.where(broken.any(axis=1), broken.argmax(axis=1) + 1, 0),
        time.perf_counter() - began,
    )


def _numpy(pair: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [np.asarray(value) for value in pair[0]], [np.asarray(value) for value in pair[1]]


def _looks(steps: int, period: int) -> list[int]:
    return [*range(0, steps, period), steps] if period else [0, steps]


def _stacked(
    contest: Contest, data: tuple[Any, Any], states: list[Any], watch: Any, period: int, progress: Any
) -> tuple[list[Any], np.ndarray]:
    import jax
    import jax.numpy as jnp

    steps, (rows, others) = contest.n_steps, data
    room = max(1, min(ROOM, steps))
    stepped = jax.vmap(write_out(contest.step), in_axes=(0, None, None))

    def chunk(state: Any, rows: Any, others: Any, count: Any) -> Any:
        def body(place: Any, loop: Any) -> Any:
            state, values = loop
            state, found = stepped(state, rows, others)
            return state, jax.lax.dynamic_update_index_in_dim(values, found, place, 0)

        empty = jnp.full((room, len(states), len(contest.quantities)), jnp.nan)
        return jax.lax.fori_loop(0, count, body, (state, empty))

    state = jax.tree.map(lambda *leaves: np.stack(leaves), *states)
    with compilation_cache():
        program = compile_program(jax.jit(chunk, donate_argnums=0).lower(state, rows, others, np.int32(1)))
    state = jax.device_put(state)
    found, done, size = [], 0, 20
    for look in _looks(steps, period):
        while done < look:
            count = min(size, room, look - done)
            before = time.perf_counter()
            state, values = program(state, rows, others, np.int32(count))
            found.append(np.asarray(values)[:count])
            size = max(20, int(CHUNK_SECONDS * count / max(time.perf_counter() - before, 1e-4)))
            done += count
            if progress is not None:
                progress(done, steps)
        if watch is not None:
            watch(look, [contest.final(one) for one in _apart(state, len(states))])
    values = np.concatenate(found) if found else np.empty((0, len(states), len(contest.quantities)))
    return _apart(state, len(states)), np.moveaxis(values, 0, 1)


def _apart(state: Any, count: int) -> list[Any]:
    import jax

    whole = jax.tree.map(np.asarray, state)
    return [jax.tree.map(lambda leaf, place=place: leaf[place], whole) for place in range(count)]


def _one_by_one(
    contest: Contest, data: tuple[Any, Any], states: list[Any], watch: Any, period: int, progress: Any, checkpoints: Any
) -> tuple[list[Any], np.ndarray]:
    import jax

    steps, (rows, others) = contest.n_steps, data
    states = [jax.device_put(jax.tree.map(np.array, state)) for state in states]
    with compilation_cache():
        step = compile_program(jax.jit(contest.step, donate_argnums=0).lower(states[0], rows, others))
    values = np.full((len(states), steps, len(contest.quantities)), np.nan, np.float32)
    reached = [0] * len(states)
    for place, state in enumerate(states if checkpoints is not None else ()):
        states[place], reached[place] = _resumed(checkpoints, place, state, values)
    first = min(reached)
    for look in _looks(steps, period):
        if look < first:
            continue  # seen before the run was stopped
        for place, state in enumerate(states):
            for number in range(reached[place], look):
                state, found = step(state, rows, others)
                values[place, number] = found
                reached[place] = number + 1
                if checkpoints is not None and (reached[place] % KEPT_EVERY == 0 or reached[place] == look):
                    _keep(checkpoints, place, state, values[place, : reached[place]])
                if progress is not None:
                    progress(sum(reached), steps * len(states))
            states[place] = state
        if watch is not None:
            watch(look, [contest.final(state) for state in states])
    return states, values


def _keep(checkpoints: Checkpoints, place: int, state: Any, values: np.ndarray) -> None:
    import jax

    leaves = {f"state/{n:04d}": np.asarray(leaf) for n, leaf in enumerate(jax.tree.leaves(state))}
    checkpoints.save(f"run-{place}", {**leaves, "values": values})


def _resumed(checkpoints: Checkpoints, place: int, state: Any, values: np.ndarray) -> tuple[Any, int]:
    """Return the state that was kept and the steps before it; the start where nothing that fits was kept."""
    import jax

    kept = checkpoints.load(f"run-{place}")
    leaves, shape = jax.tree.flatten(state)
    if kept is None or "values" not in kept or len(kept) != len(leaves) + 1:
        return state, 0
    known = kept["values"]
    found = [kept.get(f"state/{n:04d}") for n in range(len(leaves))]
    if known.ndim != 2 or len(known) > values.shape[1] or known.shape[1] != values.shape[2]:
        return state, 0
    if any(
        one is None or one.shape != leaf.shape or one.dtype != leaf.dtype
        for one, leaf in zip(found, leaves, strict=True)
    ):
        return state, 0  # of other networks
    values[place, : len(known)] = known
    return jax.device_put(jax.tree.unflatten(shape, found)), len(known)
