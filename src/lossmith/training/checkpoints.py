"""States of runs in the middle of their training, one small file each, so that an interrupted run goes on after its epoch."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from lossmith._errors import StoreError

__all__ = ["Checkpoints", "FolderCheckpoints"]


class Checkpoints(Protocol):
    """Where runs that are trained one after the other leave their state after every epoch.

    Use it so that a long run goes on where it was stopped.

    Examples
    --------
    >>> class InMemory:
    ...     def __init__(self):
    ...         self.states = {}
    ...     def load(self, run):
    ...         return self.states.get(run)
    ...     def save(self, run, arrays):
    ...         self.states[run] = dict(arrays)
    >>> kept: Checkpoints = InMemory()
    >>> kept.save("0-0", {"epoch": np.array([3])})
    >>> kept.load("0-0")["epoch"].tolist(), kept.load("0-1")
    ([3], None)
    """

    def load(self, run: str) -> dict[str, np.ndarray] | None:
        """Return what was saved last for a run, or None."""

    def save(self, run: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the state of a run in place of an older one; it is whole or not there."""


@dataclass(frozen=True, slots=True)
class FolderCheckpoints:
    """Checkpoints as files of a folder.

    Attributes
    ----------
    folder : Path
        Made when the first state is saved.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> states = FolderCheckpoints(Path(folder.name) / "states")
    >>> states.save("0-0", {"epoch": np.array([3])})
    >>> states.load("0-0")["epoch"].tolist(), states.load("0-1")
    ([3], None)
    >>> folder.cleanup()
    """

    folder: Path

    def load(self, run: str) -> dict[str, np.ndarray] | None:
        """Return what was saved last; None where nothing was, or where the file is damaged."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        place = self._place(run)
        try:
            return dict(load_file(place)) if place.is_file() else None
        except (SafetensorError, OSError, ValueError, KeyError):
            # an epoch or two are trained again; nothing else depends on the file
            return None

    def save(self, run: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the state beside the old one and put it in its place.

        Raises
        ------
        StoreError
            The folder cannot be written.
        """
        from safetensors.numpy import save

        place = self._place(run)
        fresh = place.with_suffix(".new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(save({name: np.asarray(value, order="C") for name, value in arrays.items()}))
            os.replace(fresh, place)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise StoreError(
                f"the state of a run cannot be kept in {str(self.folder)!r}: {error.strerror or error}",
                expected="a folder that can be written",
                advice="make room, or choose another store",
            ) from error

    def discard(self) -> None:
        """Remove every state, and the folder above where nothing else is left in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()

    def _place(self, run: str) -> Path:
        return self.folder / f"{run}.safetensors"
