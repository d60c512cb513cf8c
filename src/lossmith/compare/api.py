"""`compare`: the main job, as people call it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lossmith._cluster import check_address, connected
from lossmith._errors import InvalidInputError
from lossmith._views import in_notebook, progress_display
from lossmith.compare._spec import Protocol as ComparisonProtocol
from lossmith.compare.ending import PathType, run_stored, winner_file, write_winner
from lossmith.compare.networks import in_catalogue
from lossmith.compare.plan import Plan
from lossmith.compare.run import Progress, execute, plan_for
from lossmith.compare.store import Store
from lossmith.compare.versions import versions
from lossmith.compare.workers import Means
from lossmith.data import Dataset
from lossmith.losses import Loss
from lossmith.training.execution import byte_count

__all__ = ["compare"]


def compare(
    source: Any,
    *,
    target: str | None = None,
    losses: str | Sequence[str | Loss] = "default",
    model: Any = None,
    optimizer: str | None = None,
    optimizers: str | Sequence[str] | None = None,
    schedules: str | Sequence[str] | None = None,
    learning_rate: float | None = None,
    learning_rates: str | Sequence[float] = "tuned",
    noise: float = 0.0,
    seeds: int | str = 10,
    epochs: int | None = None,
    batch_size: int | None = None,
    metric: str | None = None,
    margin: float | None = None,
    protocol: ComparisonProtocol = "fair",
    precision: str = "float32",
    time_limit: float | None = None,
    cluster: str | None = None,
    memory: str | int | None = None,
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
        Comma list or sequence of losses; "default", the ones that people choose between; "all" standard ones; or
        "every" one of the catalogue that fits the task.
    model : str, Model or callable
        A family with its configuration (`mlp:hidden=64x64`); a function of the shape of a sample that returns a Keras body;
        or a function without arguments that returns a whole Keras model, whose head is replaced by that of each loss.
    optimizer : str
        Name with parameters: `adam`, `sgd:momentum=0.9`, `lbfgs`; see `lossmith.training.optimizers.OPTIMIZERS`.
    optimizers : str or sequence of str
        Several of them, compared with each other beside the losses; every one gets rates of its own.
    schedules : str or sequence of str
        What the learning rate does over the training: `constant`, `cosine`, `plateau:patience=3`; several are compared.
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
    precision : {"float32", "bfloat16", "float16"}
        In which networks compute, but for their last layer; weights, losses and metrics are float32 in any case.
    time_limit : float
        Seconds after which no further group of runs begins.
    cluster : str
        Ray cluster whose workers train: "auto", the one that this machine belongs to; "local", Ray on this machine alone;
        or its address. This process alone writes to the store, and the numbers are those of a machine with as many cores.
    memory : str or int
        What training may take on a machine, `"2GB"` or bytes; by default what is free. Stacks of runs become as small as
        that asks for.
    store : path
        SQLite file that keeps every finished group, so that an interrupted comparison goes on where it stopped.
    save_model : path
        Where to write the winner as one safetensors file, which `lossmith predict` and `TrainedModel.load` read.
    seed : int
        Everything random is drawn from it.
    task, group, order, drop, data_dir
        See `lossmith.data.load`.
    progress : callable
        `progress(runs done, runs in all, stage, note)`; by default a bar below the cell in notebooks, nothing elsewhere.
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
    ClusterError
        The cluster does not answer, or loses its workers again and again.

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
        "optimizers": optimizers,
        "schedules": schedules,
        "learning_rate": learning_rate,
        "learning_rates": learning_rates,
        "noise": noise,
        "seeds": seeds,
        "epochs": epochs,
        "batch_size": batch_size,
        "metric": metric,
        "margin": margin,
        "protocol": protocol,
        "precision": precision,
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
    if store is not None and not dry_run:
        Store.check(store)
    plan = plan_for(source, **reading, **options)
    if dry_run:
        return plan
    if save_model is not None and not in_catalogue(plan.model):
        raise InvalidInputError(
            f"a file for model {plan.model.name!r}, which is a function of yours",
            expected="a model of the catalogue",
            advice="leave save_model out and export the runs you need with training.to_keras",
        )

    if cluster is not None:
        check_address(cluster)
    allowed = None if memory is None else byte_count(memory)

    def carried_out(shown: Progress | None) -> Any:
        with connected(cluster) as joined:
            means = Means(joined, memory=allowed)
            return _carried_out(replace(means, cores=means.groups_at_once()), shown)

    def _carried_out(means: Means, shown: Progress | None) -> Any:
        how: dict[str, Any] = {"means": means, "progress": shown, "time_limit": time_limit, "clock": clock}
        if store is None:
            outcome = execute(plan, **how)
            write_winner(*(winner_file(outcome) if save_model is not None else (None, None)), save_model)
            return outcome.comparison
        with Store.open(store) as opened:
            number = opened.create_run(
                kind="compare",
                name=plan.dataset.name,
                settings={
                    "settings": asdict(plan.settings),
                    "options": _storable(options, plan),
                    "reading": reading,
                    "cores": means.cores,
                },
                data={"source": _address(source), "n_samples": plan.dataset.n_samples, "task": plan.dataset.task},
                fingerprint=plan.dataset.fingerprint,
                versions=versions(),
            )
            return run_stored(opened, number, plan, save_model, **how)

    if progress is None and in_notebook():
        with progress_display() as shown:
            return carried_out(shown)
    return carried_out(progress)


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
    for name in ("optimizers", "schedules"):
        if stored[name] is not None and not isinstance(stored[name], str):
            stored[name] = [str(level) for level in stored[name]]
    if not isinstance(stored["losses"], str):
        stored["losses"] = [str(loss) for loss in stored["losses"]]
    if not isinstance(stored["learning_rates"], str):
        stored["learning_rates"] = [float(rate) for rate in stored["learning_rates"]]
    return stored
