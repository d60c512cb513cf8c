"""Comparisons that a store holds: go on with one, train it again, load its result or its model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lossmith._cluster import Cluster, connected
from lossmith._errors import InvalidInputError, StoreError
from lossmith.compare._json import from_json
from lossmith.compare._model_store import KIND as MODELS
from lossmith.compare._model_store import from_text
from lossmith.compare._spec import Comparison
from lossmith.compare.ending import WINNER, PathType, run_stored
from lossmith.compare.model_file import from_bytes
from lossmith.compare.plan import Plan
from lossmith.compare.run import Progress, plan_for
from lossmith.compare.store import Store
from lossmith.compare.trained import TrainedModel
from lossmith.compare.versions import versions
from lossmith.compare.workers import Means
from lossmith.training.execution import byte_count

__all__ = ["best_model", "load", "repeat", "resume"]


def resume(
    run: int | None = None,
    *,
    store: PathType,
    source: Any = None,
    model: Any = None,
    save_model: PathType | None = None,
    cluster: str | None = None,
    memory: str | int | None = None,
    progress: Progress | None = None,
    time_limit: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Go on with an interrupted comparison; groups that are stored are not trained again.

    Here `progress`, `time_limit` and `clock` are those of `lossmith.compare`.

    Parameters
    ----------
    run : int, optional
        Its number; by default the latest that has no result.
    store : path
    source : optional
        The data, where they came as arrays or a frame; files and built-in sets are read again.
    model : callable, optional
        The function that builds the body, where the comparison used one.
    save_model : path
    cluster : str
    memory : str or int
        See `compare`; they may be others than before, or none.

    Raises
    ------
    StoreError
        No such run.
    InvalidInputError
        The data changed since, or cannot be read again.

    Examples
    --------
    >>> import tempfile, lossmith
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = f"{folder.name}/runs.db"
    >>> options = {"losses": "bce", "seeds": 2, "epochs": 1, "learning_rates": "configured", "store": store}
    >>> first = lossmith.compare("circles", **options)
    >>> resume(1, store=store).run  # it had ended: nothing is trained
    1
    >>> folder.cleanup()
    """
    with Store.open(store, create=False) as opened:
        number = run if run is not None else _latest_open(opened)
        row = opened.run(number)
        if row.kind == MODELS:
            from lossmith.compare.model_axis import resume_models

            if cluster is not None:
                raise InvalidInputError(
                    f"cluster {cluster!r} for run {number}, which compares models",
                    expected="a comparison of losses",
                    advice="resume it without a cluster",
                )
            return resume_models(store, number, progress=progress)  # type: ignore[return-value]
        finished = opened.result(number)
        if finished is not None:
            if save_model is not None:
                best_model(number, store=store).save(save_model)
            return replace(from_json(finished), run=number)
        plan = _plan_again(row, source, model)
        with connected(cluster) as joined:
            opened.reopen(number)
            return run_stored(
                opened,
                number,
                plan,
                save_model,
                means=_means(row, joined, memory),
                progress=progress,
                time_limit=time_limit,
                clock=clock,
            )


def repeat(
    run: int | None = None,
    *,
    store: PathType,
    source: Any = None,
    model: Any = None,
    cluster: str | None = None,
    memory: str | int | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Train a stored comparison again from nothing, as a new run of the store.

    Use it to see whether a result comes out again, with other versions of packages or on another machine. `progress` and `clock` are those of
    `lossmith.compare`.

    Parameters
    ----------
    run : int, optional
        Its number; by default the latest.
    store : path
    source, model, cluster, memory : optional
        See `resume`.

    Raises
    ------
    StoreError
        No such run.
    InvalidInputError
        The data changed since, or cannot be read again.

    Examples
    --------
    >>> import tempfile, lossmith
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = f"{folder.name}/runs.db"
    >>> options = {"losses": "bce", "seeds": 2, "epochs": 1, "learning_rates": "configured", "store": store}
    >>> first = lossmith.compare("circles", **options)
    >>> second = repeat(1, store=store)
    >>> second.run, second.standings == first.standings
    (2, True)
    >>> folder.cleanup()
    """
    with Store.open(store, create=False) as opened, connected(cluster) as joined:
        row = opened.run(run if run is not None else opened.latest())
        if row.kind == MODELS:
            raise InvalidInputError(
                f"run {row.run} compares models",
                expected="a comparison of losses",
                advice="compare again in a new store",
            )
        plan = _plan_again(row, source, model)
        means = _means(row, joined, memory)
        number = opened.create_run(
            kind="compare",
            name=row.name,
            settings=row.settings,
            data=row.data,
            fingerprint=row.fingerprint,
            versions=versions(),
        )
        return run_stored(opened, number, plan, None, means=means, progress=progress, time_limit=None, clock=clock)


def load(run: int | None = None, *, store: PathType) -> Comparison:
    """Return the stored result of a comparison; by default the latest.

    Use it to look at a comparison again, or to write another report of it, without training anything.

    Raises
    ------
    StoreError
        No such run, or it has not ended.

    Examples
    --------
    >>> import tempfile, lossmith
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = f"{folder.name}/runs.db"
    >>> options = {"losses": "bce", "seeds": 2, "epochs": 1, "learning_rates": "configured", "store": store}
    >>> first = lossmith.compare("circles", **options)
    >>> load(store=store).verdict == first.verdict
    True
    >>> folder.cleanup()
    """
    with Store.open(store, read_only=True) as opened:
        number = run if run is not None else opened.latest()
        text = opened.result(number)
        if text is None:
            raise StoreError(
                f"run {number} has no result yet",
                expected="a comparison that has ended",
                advice=f"go on with it: lossmith runs resume {number} --store {store}",
            )
        if opened.run(number).kind == MODELS:
            return from_text(text)  # type: ignore[return-value]
        return replace(from_json(text), run=number)


def best_model(run: int | None = None, *, store: PathType) -> TrainedModel:
    """Return the model that a stored comparison recommends, ready to predict; by default that of the latest run.

    Use it to predict without looking for a file: `lossmith.compare(..., store=...)` first, then this.

    Raises
    ------
    StoreError
        No such run, or it kept no model: it has not ended, or its model was a function of the user.

    Examples
    --------
    >>> import tempfile, lossmith
    >>> import numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = f"{folder.name}/runs.db"
    >>> options = {"losses": "bce", "seeds": 2, "epochs": 1, "learning_rates": "configured", "store": store}
    >>> first = lossmith.compare("circles", **options)
    >>> best_model(store=store).predict(np.array([[0.0, 0.1], [2.0, 0.0]])).shape
    (2,)
    >>> folder.cleanup()
    """
    with Store.open(store, read_only=True) as opened:
        number = run if run is not None else opened.latest()
        kept = opened.groups(number, [WINNER]).get(WINNER)
    if kept is None:
        raise StoreError(
            f"run {number} kept no model",
            expected="a comparison that has ended and whose model is in the catalogue",
            advice=f"end it first: lossmith runs resume {number} --store {store}",
        )
    return from_bytes(kept["file"].tobytes(), name=f"the model of run {number}")


def _means(row: Any, cluster: Cluster | None, memory: str | int | None) -> Means:
    """Return with what a stored run goes on: cut into the groups that it was begun with."""
    return Means(cluster, cores=row.settings.get("cores"), memory=None if memory is None else byte_count(memory))


def _latest_open(store: Store) -> int:
    open_runs = [row.run for row in store.runs() if row.status != "finished"]
    if not open_runs:
        raise StoreError("no interrupted run in this store", advice="see lossmith runs list")
    return max(open_runs)


def _plan_again(row: Any, source: Any, model: Any) -> Plan:
    stored = row.settings
    address = row.data.get("source")
    if source is None and address is None:
        raise InvalidInputError(
            f"run {row.run} was made from arrays or a frame",
            expected="the same data again",
            advice="call lossmith.compare.resume(run, store=..., source=...)",
        )
    options = dict(stored["options"])
    if model is not None:
        options["model"] = model
    elif options.get("function"):
        raise InvalidInputError(
            f"run {row.run} used the function {options['function']!r} as its model",
            expected="the same function again",
            advice="call lossmith.compare.resume(run, store=..., model=function)",
        )
    options.pop("function", None)
    plan = plan_for(source if source is not None else address, **stored["reading"], **options)
    if plan.dataset.fingerprint != row.fingerprint:
        raise InvalidInputError(
            f"the data of run {row.run} changed: fingerprint {plan.dataset.fingerprint[:12]}",
            expected=f"fingerprint {row.fingerprint[:12]}",
            advice="restore the file, or start a new comparison",
        )
    return plan
