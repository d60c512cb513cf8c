"""What people call: `compare`, `resume`, `repeat`, `load`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, StoreError
from lossmith.compare._json import from_json, to_json
from lossmith.compare._spec import Comparison
from lossmith.compare._spec import Protocol as ComparisonProtocol
from lossmith.compare.model_file import from_bytes, to_bytes
from lossmith.compare.networks import in_catalogue
from lossmith.compare.plan import Plan
from lossmith.compare.run import Outcome, Progress, execute, plan_for
from lossmith.compare.store import Store
from lossmith.compare.trained import TrainedModel
from lossmith.compare.versions import versions
from lossmith.compare.winner import winner as choose_winner
from lossmith.data import Dataset
from lossmith.losses import Loss

__all__ = ["best_model", "compare", "load", "repeat", "resume"]

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


def compare(
    source: Any,
    *,
    target: str | None = None,
    losses: str | Sequence[str | Loss] = "all",
    model: Any = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    learning_rates: str | Sequence[float] = "tuned",
    noise: float = 0.0,
    seeds: int | str = 10,
    epochs: int | None = None,
    batch_size: int | None = None,
    metric: str | None = None,
    margin: float | None = None,
    protocol: ComparisonProtocol = "fair",
    time_limit: float | None = None,
    store: PathType | None = None,
    save_model: PathType | None = None,
    seed: int = 0,
    task: str | None = None,
    group: str | None = None,
    order: str | None = None,
    drop: Sequence[str] = (),
    data_dir: PathType | None = None,
    progress: Progress | None = None,
    dry_run: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> Any:
    """Train one model under every loss that fits the task, many seeds and learning rates at once, and judge.

    Use it to choose a loss: every loss gets the learning rate that validates best, all are judged on test rows that the
    choice never saw, by metrics that are not losses, paired by seed.

    Parameters
    ----------
    source : str, path, dataframe, pair of arrays or Dataset
        See `lossmith.data.load`.
    target : str
        Column to predict, for files and frames.
    losses : str or sequence
        Comma list or sequence of losses, or "all" that fit the task.
    model : str, Model or callable
        A family with its configuration (`mlp:hidden=64x64`), or a function that returns a Keras body.
    optimizer : str
        Keras's name with parameters: `adam`, `sgd:momentum=0.9`.
    learning_rate : float
        The configured rate; the grid lies around it.
    learning_rates : "tuned", "configured" or numbers
    noise : float
        Share of training and validation labels replaced at random.
    seeds : int or "auto"
        Trials for each loss; `auto` looks at 10, 20, 30 and 50 and stops when every loss is decided.
    epochs, batch_size : int
        By default chosen by the number of rows.
    metric : str
        The metric that judges; by default accuracy, ROC-AUC where one class has 75 % or more, RMSE for regressions.
    margin : float
        Differences up to it are equivalent, in units of the metric.
    protocol : {"fair", "published"}
    time_limit : float
        Seconds after which no further group of runs begins.
    store : path
        SQLite file that keeps every finished group, so that an interrupted comparison goes on where it stopped.
    save_model : path
        Where to write the winner as one safetensors file, which `lossmith predict` and `TrainedModel.load` read.
    seed : int
        Everything random is drawn from it.
    task, group, order, drop, data_dir
        See `lossmith.data.load`.
    progress : callable
        `progress(runs done, runs in all, stage, note)`.
    dry_run : bool
        Return the plan and train nothing.
    clock : callable
        Returns seconds.

    Returns
    -------
    Comparison, or Plan if `dry_run`

    Raises
    ------
    InvalidInputError
        Anything that does not fit: names, numbers, data; the message says what to do.
    StoreError
        The store cannot be written.

    Examples
    --------
    >>> import lossmith
    >>> result = lossmith.compare("circles", losses="binary_crossentropy,hinge", seeds=2, epochs=2)
    >>> result.table()["loss"].sort().to_list()
    ['binary_crossentropy', 'hinge']
    """
    options: dict[str, Any] = {
        "losses": losses,
        "model": model,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "learning_rates": learning_rates,
        "noise": noise,
        "seeds": seeds,
        "epochs": epochs,
        "batch_size": batch_size,
        "metric": metric,
        "margin": margin,
        "protocol": protocol,
        "seed": seed,
    }
    reading: dict[str, Any] = {
        "target": target,
        "task": task,
        "group": group,
        "order": order,
        "drop": tuple(drop),
        "data_dir": None if data_dir is None else str(data_dir),
    }
    plan = plan_for(source, **reading, **options)
    if dry_run:
        return plan
    if store is None:
        outcome = execute(plan, progress=progress, time_limit=time_limit, clock=clock)
        _save_winner(outcome, save_model)
        return outcome.comparison
    with Store.open(store) as opened:
        number = opened.create_run(
            kind="compare",
            name=plan.dataset.name,
            settings={"settings": asdict(plan.settings), "options": _storable(options, plan), "reading": reading},
            data={"source": _address(source), "n_samples": plan.dataset.n_samples, "task": plan.dataset.task},
            fingerprint=plan.dataset.fingerprint,
            versions=versions(),
        )
        return _run(opened, number, plan, save_model, progress=progress, time_limit=time_limit, clock=clock)


def resume(
    run: int | None = None,
    *,
    store: PathType,
    source: Any = None,
    model: Any = None,
    save_model: PathType | None = None,
    progress: Progress | None = None,
    time_limit: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Go on with an interrupted comparison; groups that are stored are not trained again.

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
        See `compare`.

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
        finished = opened.result(number)
        if finished is not None:
            if save_model is not None:
                best_model(number, store=store).save(save_model)
            return replace(from_json(finished), run=number)
        plan = _plan_again(row, source, model)
        opened.reopen(number)
        return _run(opened, number, plan, save_model, progress=progress, time_limit=time_limit, clock=clock)


def repeat(
    run: int | None = None,
    *,
    store: PathType,
    source: Any = None,
    model: Any = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Train a stored comparison again from nothing, as a new run of the store.

    Parameters
    ----------
    run : int, optional
        Its number; by default the latest.
    store : path
    source, model : optional
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
    with Store.open(store, create=False) as opened:
        row = opened.run(run if run is not None else opened.latest())
        plan = _plan_again(row, source, model)
        number = opened.create_run(
            kind="compare",
            name=row.name,
            settings=row.settings,
            data=row.data,
            fingerprint=row.fingerprint,
            versions=versions(),
        )
        return _run(opened, number, plan, None, progress=progress, time_limit=None, clock=clock)


def load(run: int | None = None, *, store: PathType) -> Comparison:
    """Return the stored result of a comparison; by default the latest.

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
        return replace(from_json(text), run=number)


def best_model(run: int | None = None, *, store: PathType) -> TrainedModel:
    """Return the model that a stored comparison recommends, ready to predict; by default that of the latest run.

    Raises
    ------
    StoreError
        No such run, or it kept no model: it has not ended, or its model was a function of the user.

    Examples
    --------
    >>> import tempfile, lossmith
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
        kept = opened.groups(number).get(WINNER)
    if kept is None:
        raise StoreError(
            f"run {number} kept no model",
            expected="a comparison that has ended and whose model is in the catalogue",
            advice=f"end it first: lossmith runs resume {number} --store {store}",
        )
    return from_bytes(kept["file"].tobytes(), name=f"the model of run {number}")


def _run(
    store: Store,
    number: int,
    plan: Plan,
    save_model: PathType | None,
    *,
    progress: Progress | None,
    time_limit: float | None,
    clock: Any,
) -> Comparison:
    outcome = execute(plan, StoredGroups(store, number), progress=progress, time_limit=time_limit, clock=clock)
    result = replace(outcome.comparison, run=number)
    model = _save_winner(outcome, save_model)
    if model is not None:
        store.save_group(number, WINNER, {"file": np.frombuffer(model, dtype=np.uint8)})
    store.finish(number, to_json(result), result.seconds, summary=result.verdict)
    return result


def _save_winner(outcome: Outcome, path: PathType | None) -> bytes | None:
    """Return the winner as the bytes of its file, written to `path` where there is one; None if no file can hold it."""
    if path is None and not in_catalogue(outcome.plan.model):
        return None
    sound = [one for one in outcome.comparison.standings[:1] if one.n_failed < one.n_seeds]
    if path is None and not sound:
        return None
    model = choose_winner(outcome.plan, outcome.evidence, outcome.seats, outcome.comparison)
    if path is not None:
        model.save(path)
    return to_bytes(model)


def _latest_open(store: Store) -> int:
    open_runs = [row.run for row in store.runs() if store.result(row.run) is None]
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


def _address(source: Any) -> str | None:
    """Return what reads the data again: the name of a built-in set or the absolute path of a file."""
    if isinstance(source, Dataset):
        return None
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return str(path.resolve()) if path.exists() else str(source)
    return None


def _storable(options: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Return the options as JSON can hold them."""
    stored = dict(options)
    model = stored["model"]
    if model is not None and not isinstance(model, str):
        in_catalogue = bool(plan.model.fields)
        stored["model"] = str(plan.model) if in_catalogue else None
        stored["function"] = None if in_catalogue else plan.model.name
    if not isinstance(stored["losses"], str):
        stored["losses"] = [str(loss) for loss in stored["losses"]]
    if not isinstance(stored["learning_rates"], str):
        stored["learning_rates"] = [float(rate) for rate in stored["learning_rates"]]
    return stored
