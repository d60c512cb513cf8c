"""How a comparison ends: groups kept in a store, the winner's file, the result written last."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lossmith import _tensor_file as tensor_file
from lossmith._errors import InvalidInputError, LossmithError, ModelFileError
from lossmith.compare._json import to_json
from lossmith.compare._spec import Comparison
from lossmith.compare.model_file import to_bytes
from lossmith.compare.plan import Plan
from lossmith.compare.run import Outcome, Progress, execute
from lossmith.compare.store import Store
from lossmith.compare.winner import winner
from lossmith.compare.workers import Means
from lossmith.training import FolderCheckpoints

__all__ = ["WINNER", "PathType", "StoredGroups", "run_stored", "winner_file", "write_winner"]

PathType = str | os.PathLike[str]
# key of the group that holds the winner's file
WINNER = "winner"


@dataclass(frozen=True, slots=True)
class StoredGroups:
    """The groups of one run in a store."""

    store: Store
    run: int

    def groups(self) -> dict[str, dict[str, np.ndarray]]:
        """Return the arrays of every finished group."""
        return self.store.groups(self.run)

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of one group; they are on disk when this returns."""
        self.store.save_group(self.run, key, dict(arrays))

    def checkpoints(self, key: str) -> FolderCheckpoints:
        """Return where runs of a group keep their state from epoch to epoch: a folder beside the store, while they train."""
        return FolderCheckpoints(unfinished_folder(self.store, self.run) / key.replace("/", "-"))


def unfinished_folder(store: Store, run: int) -> Path:
    """Return the folder of the states of a run's unfinished groups."""
    return store.path.with_name(f"{store.path.name}.run{run}.unfinished")


def run_stored(
    store: Store,
    number: int,
    plan: Plan,
    save_model: PathType | None,
    *,
    progress: Progress | None,
    time_limit: float | None,
    clock: Any,
    means: Means | None = None,
) -> Comparison:
    """Train what is missing of a stored run, keep its result and its winner, and return the result."""
    outcome = execute(
        plan,
        StoredGroups(store, number),
        means=means,
        progress=progress,
        time_limit=time_limit,
        clock=clock,
    )
    result = replace(outcome.comparison, run=number)
    model, problem = winner_file(outcome)
    if model is not None:
        store.save_group(number, WINNER, {"file": np.frombuffer(model, dtype=np.uint8)})
    # the result is safe before anything is said about its model
    store.finish(number, to_json(result), result.seconds, summary=result.verdict)
    write_winner(model, problem, save_model)
    return result


def winner_file(outcome: Outcome) -> tuple[bytes | None, LossmithError | None]:
    """Return the winner as the bytes of its file, or None and the reason why no file can hold it."""
    try:
        return to_bytes(winner(outcome.plan, outcome.evidence, outcome.seats, outcome.comparison)), None
    except (InvalidInputError, ModelFileError) as error:
        return None, error


def write_winner(model: bytes | None, problem: LossmithError | None, path: PathType | None) -> None:
    """Write the winner's file to `path`, if one was asked for.

    Raises
    ------
    LossmithError
        `problem`, where there is no file to write, or the path cannot be written.
    """
    if path is None:
        return
    if model is None:
        raise problem or InvalidInputError("a comparison without a model to save")
    tensor_file.write(model, path)
