"""Parts of Keras that wait until they are used.

`import keras` loads Matplotlib's pyplot, scikit-learn with SciPy's distributions, and pandas for parts that few programs
touch: more than half of its time. Inside `deferred`, these parts become modules of the standard library's lazy kind
(`importlib.util.LazyLoader`): they are there, under their names, and load themselves when an attribute is first asked for.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__all__ = ["PARTS", "deferred"]

PARTS = (
    "keras.src.trainers.data_adapters.array_slicing",  # pandas
    "keras.src.visualization",  # pyplot
    "keras.visualization",
    "keras.wrappers",  # scikit-learn
)


class _Finder:
    """An entry of `sys.meta_path` that finds the named modules as usual and lets them load later."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self.names:
            return None
        spec = PathFinder.find_spec(name, path, target)
        # only a loader of source files can be put off; anything else is left to the other finders
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return None
        spec.loader = importlib.util.LazyLoader(spec.loader)  # type: ignore[arg-type]
        return spec


@contextmanager
def deferred(names: Sequence[str] = PARTS) -> Iterator[None]:
    """Put off loading the named modules while the block imports; names that nothing imports do no harm.

    Examples
    --------
    >>> with deferred(["wave"]):
    ...     import wave
    >>> wave.Wave_read.__name__
    'Wave_read'
    """
    finder = _Finder(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
