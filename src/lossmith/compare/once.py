"""A comparison that a store may hold already: its result, the rest of it, or all of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from lossmith.compare._spec import Comparison
from lossmith.compare.api import compare
from lossmith.compare.ending import PathType
from lossmith.compare.networks import in_catalogue
from lossmith.compare.plan import Plan
from lossmith.compare.run import Progress
from lossmith.compare.store import Store
from lossmith.compare.stored import resume
from lossmith.compare.versions import versions

__all__ = ["compare_once"]


def compare_once(source: Any, *, store: PathType, progress: Progress | None = None, **options: Any) -> Comparison:
    """Compare, unless the store holds this comparison: then return its result, or go on with it where it stopped.

    Use it in scripts and studies of some hours, which can then be started again and again: nothing is trained twice. A
    comparison is the same where the fingerprint of the data, all choices and the versions of the libraries are; one whose
    model is a function of yours is always trained, since nothing says what the function does.

    Parameters
    ----------
    source, progress
        See `lossmith.compare`.
    store : path
        SQLite file; made where it is missing.
    **options
        Every other option of `lossmith.compare` but `dry_run`.

    Raises
    ------
    InvalidInputError
        As by `lossmith.compare`.
    StoreError
        The store cannot be read or written, or another process is at this comparison.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> options = {"losses": "bce", "seeds": 2, "epochs": 1, "learning_rates": "configured"}
    >>> first = compare_once("circles", store=f"{folder.name}/runs.db", **options)
    >>> second = compare_once("circles", store=f"{folder.name}/runs.db", **options)
    >>> first.run, second.run  # nothing was trained the second time
    (1, 1)
    >>> folder.cleanup()
    """
    ending = {
        name: options.pop(name)
        for name in ("save_model", "time_limit", "clock", "cluster", "memory")
        if name in options
    }
    plan = compare(source, dry_run=True, **options)
    with Store.open(store) as opened:
        same = _same(opened, plan, options) if in_catalogue(plan.model) else None
    if same is None:
        return compare(source, store=store, progress=progress, **options, **ending)
    return resume(same, store=store, source=source, progress=progress, **ending)


def _same(store: Store, plan: Plan, options: dict[str, Any]) -> int | None:
    """Return the run of the same comparison that has got furthest."""
    settings = json.loads(json.dumps(asdict(plan.settings)))
    reading = {name: options.get(name) for name in ("target", "task", "group", "order")}
    rows = [
        row
        for row in store.runs()
        if row.kind == "compare"
        and row.fingerprint == plan.dataset.fingerprint
        and row.versions == versions()
        and json.loads(json.dumps(row.settings["settings"])) == settings
        and {name: row.settings["reading"].get(name) for name in reading} == reading
        and tuple(row.settings["reading"].get("drop") or ()) == tuple(options.get("drop", ()))
    ]
    ended = [row.run for row in rows if row.status == "finished"]
    if ended:
        return max(ended)
    return max(rows, key=lambda row: (len(store.group_keys(row.run)), row.run)).run if rows else None
