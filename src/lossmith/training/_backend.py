"""First use of Keras and JAX: the backend, and the compilation cache that is set and restored around compiling.

Nothing here runs at import. `KERAS_BACKEND` is set only where Keras is not loaded yet and the user said nothing.
"""

from __future__ import annotations

import importlib
import os
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from lossmith._errors import BackendError
from lossmith.training._deferred import deferred

__all__ = ["cache_folder", "compilation_cache", "compile_program", "load_keras", "undisturbed_random", "worker_count"]

_LOCK = threading.RLock()
_CACHE_SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


def load_keras() -> ModuleType:
    """Import Keras on the JAX backend and return it.

    Use it in place of `import keras` where the backend matters.

    Raises
    ------
    BackendError
        Another backend is already active; training stacked runs needs JAX.

    Examples
    --------
    >>> load_keras().backend.backend()
    'jax'
    """
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "jax")
        with _LOCK, deferred():
            importlib.import_module("keras")
    import keras

    if keras.backend.backend() != "jax":
        raise BackendError(
            f"Keras runs on the {keras.backend.backend()} backend in this process",
            expected="the jax backend",
            advice="start a new process with KERAS_BACKEND=jax, or train one model after the other with "
            "loss.as_keras() in model.compile, which works on every backend",
        )
    return keras


def cache_folder() -> Path:
    """Return where compiled programs are kept: `LOSSMITH_CACHE`, or `lossmith` in the user's cache folder."""
    if os.environ.get("LOSSMITH_CACHE"):
        return Path(os.environ["LOSSMITH_CACHE"]) / "jax"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lossmith" / "jax"


@contextmanager
def compilation_cache() -> Iterator[None]:
    """Keep compiled programs on disk while the block runs, then restore the settings of JAX.

    Use it around code of JAX's that is compiled in every process anew.

    A cache folder that the user configured is left in place. A folder that cannot be written costs time, not results.

    Examples
    --------
    >>> import jax
    >>> with compilation_cache():
    ...     float(jax.jit(lambda x: x + 1)(1.0))
    2.0
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache as jax_cache

    with _LOCK:
        before = {name: getattr(jax.config, name) for name in _CACHE_SETTINGS}
        configured = before["jax_compilation_cache_dir"] is not None
        folder = Path(before["jax_compilation_cache_dir"]) if configured else cache_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            usable = os.access(folder, os.W_OK)
        except OSError:
            usable = False
        if not usable:
            yield
            return
        try:
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
            jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
            if not configured:
                # JAX reads the folder once, at the first compilation of the process
                jax_cache.reset_cache()
            yield
        finally:
            for name, value in before.items():
                jax.config.update(name, value)
            if not configured:
                jax_cache.reset_cache()


def compile_program(lowered: Any, *, once: bool = False) -> Any:
    """Return the executable of a lowered program; what runs only `once` is not worth optimising on a CPU.

    Levels between were tried for training: they compile a quarter faster, and a stack of two losses then takes 7 % longer.
    """
    import jax

    if not once or jax.default_backend() != "cpu":
        return lowered.compile()
    try:
        return lowered.compile(compiler_options={"xla_backend_optimization_level": 0})
    except (TypeError, ValueError, RuntimeError):  # another JAX without the option: slower to compile, nothing else
        return lowered.compile()


@contextmanager
def undisturbed_random() -> Iterator[None]:
    """Put Python's global random state back after the block: Keras draws seeds of layers from it while building."""
    before = random.getstate()
    try:
        yield
    finally:
        random.setstate(before)


def worker_count() -> int:
    """Return the number of threads that train groups: the cores this process may use on CPU, otherwise one.

    Use it to know how many groups are trained at once. `LOSSMITH_THREADS` in the environment makes it fewer.

    Examples
    --------
    >>> worker_count() >= 1
    True
    """
    import jax

    if jax.default_backend() != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("LOSSMITH_THREADS", "")
    return min(cores, int(asked)) if asked.isdecimal() and int(asked) else cores
