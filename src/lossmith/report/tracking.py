"""A comparison in the trackers that teams already have: runs of MLflow, scalars of TensorBoard."""

from __future__ import annotations

import importlib
import math
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, MissingExtraError
from lossmith.compare._spec import Comparison, Estimate, Standing
from lossmith.report import _commands as commands
from lossmith.report import _wording as wording

__all__ = ["to_mlflow", "to_tensorboard"]

_AT_ONCE = 500  # metrics in one call; MLflow takes 1000
_LONGEST = 500  # characters of a value


def to_mlflow(
    comparison: Comparison,
    *,
    tracking_uri: str | None = None,
    experiment: str | None = None,
    trials: bool = False,
    client: Any = None,
) -> str:
    """Write a comparison to MLflow and return the identifier of its run.

    Use it where a team tracks its experiments there. The comparison is one run: settings as parameters, the verdict, codes of
    findings and versions as tags, report and JSON as artifacts. Each loss is a run below it: metrics with both ends of their intervals,
    paired difference, rank, counts, and the learning curves, means over seeds by epoch. No global state of MLflow is touched.

    Parameters
    ----------
    comparison : Comparison
    tracking_uri : str or None
        Where the server or the store is; None takes what the environment of MLflow says.
    experiment : str or None
        Made if it is not there; `lossmith <name of the data>` where None.
    trials : bool
        Whether each seed of each loss is a run of its own, below the run of its loss.
    client : mlflow.MlflowClient or None
        Instead of one made for `tracking_uri`.

    Raises
    ------
    MissingExtraError
        MLflow is not installed.
    InvalidInputError
        The server cannot be reached or refuses.

    Examples
    --------
    >>> import lossmith
    >>> result = lossmith.compare("circles", losses="bce,hinge", seeds=3)  # doctest: +SKIP
    >>> to_mlflow(result, tracking_uri="sqlite:///mlflow.db")  # doctest: +SKIP
    """
    if client is None:
        client = _module("mlflow", "mlflow").MlflowClient(tracking_uri=tracking_uri)
    name = experiment or f"lossmith {wording.plain(comparison.data.name)}"
    try:
        return _written(client, comparison, _experiment(client, name), trials)
    except Exception as error:  # whatever a server answers
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InvalidInputError(
            f"MLflow does not take the comparison ({' '.join(first.split())[:200]})",
            expected="a tracking server or store that can be written",
            advice="check tracking_uri",
        ) from error


def _module(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"{name} cannot be imported ({error})",
            expected=f"the extra {extra}",
            advice=f'pip install "lossmith[{extra}]"',
        ) from error


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found is not None else client.create_experiment(name))


def _written(client: Any, comparison: Comparison, experiment: str, trials: bool) -> str:
    settings = comparison.settings
    tags = {
        "lossmith.verdict": comparison.verdict,
        "lossmith.findings": ", ".join(dict.fromkeys(finding.code for finding in comparison.findings)),
        "lossmith.repeat": commands.command(comparison),
        **{f"lossmith.version.{name}": version for name, version in comparison.versions.items()},
    }
    parameters = {
        name: getattr(settings, name)
        for name in (
            "model",
            "optimizer",
            "learning_rate",
            "seeds",
            "epochs",
            "batch_size",
            "metric",
            "margin",
            "protocol",
            "noise",
            "seed",
        )
    }
    parameters |= {
        "losses": ",".join(settings.losses),
        "data": comparison.data.name,
        "fingerprint": comparison.data.fingerprint,
    }
    run = _Run(client, experiment, name=f"compare {comparison.data.name}", tags=tags)
    with run:
        run.parameters(parameters)
        best = comparison.standings[0].metric.mean if comparison.standings else math.nan
        run.metrics(
            [
                ("seconds", comparison.seconds, 0),
                ("n_losses", len(comparison.standings), 0),
                (f"best {settings.metric}", best, 0),
            ]
        )
        for standing in comparison.standings:
            _loss_run(client, experiment, comparison, standing, parent=run.id, trials=trials)
        with tempfile.TemporaryDirectory() as folder:
            client.log_artifact(run.id, str(comparison.report(Path(folder) / "report.html")))
            (Path(folder) / "comparison.json").write_text(comparison.to_json(), encoding="utf-8")
            client.log_artifact(run.id, str(Path(folder) / "comparison.json"))
    return run.id


class _Run:
    """One run of MLflow: closed as finished, or as failed where an error passes through."""

    def __init__(self, client: Any, experiment: str, *, name: str, tags: Mapping[str, str], parent: str = "") -> None:
        below = {"mlflow.parentRunId": parent} if parent else {}
        shown = {key: _short(value) for key, value in tags.items() if value}
        self._client = client
        self.id = str(client.create_run(experiment, run_name=_short(name), tags={**shown, **below}).info.run_id)

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._client.set_terminated(self.id, status="FINISHED" if kind is None else "FAILED")

    def parameters(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            self._client.log_param(self.id, _key(name), _short(value))

    def metrics(self, values: list[tuple[str, Any, int]]) -> None:
        """Log (name, value, step); what is not finite is left out, as MLflow's stores cannot all hold it."""
        metric = _module("mlflow.entities", "mlflow").Metric
        now = int(time.time() * 1000)
        kept = [metric(_key(name), float(value), now, step) for name, value, step in values if _finite(value)]
        for start in range(0, len(kept), _AT_ONCE):
            self._client.log_batch(self.id, metrics=kept[start : start + _AT_ONCE])


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(float(value))


def _short(value: Any) -> str:
    text = wording.plain(str(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _key(name: str) -> str:
    # names of MLflow hold letters, digits and these signs
    return re.sub(r"[^\w\-. /]", "_", name)[:240]


def _estimate(name: str, value: Estimate) -> list[tuple[str, Any, int]]:
    return [(name, value.mean, 0), (f"{name}.low", value.low, 0), (f"{name}.high", value.high, 0)]


def _loss_run(
    client: Any, experiment: str, comparison: Comparison, standing: Standing, *, parent: str, trials: bool
) -> None:
    gap = standing.difference
    tags = {
        "lossmith.loss": standing.loss,
        "lossmith.verdict": wording.verdict(standing),
        "lossmith.same_as": standing.same_as or "",
    }
    with _Run(client, experiment, name=standing.loss, tags=tags, parent=parent) as run:
        run.parameters(
            {"loss": standing.loss, "learning_rate": standing.learning_rate, "calibrated": standing.calibrated}
        )
        values = _estimate(comparison.settings.metric, standing.metric)
        for name, value in standing.metrics.items():
            if name != comparison.settings.metric:
                values += _estimate(name, value)
        values += [("rank", standing.rank, 0), ("n_seeds", standing.n_seeds, 0), ("n_failed", standing.n_failed, 0)]
        if gap is not None:
            values += [
                ("difference", gap.mean, 0),
                ("difference.low", gap.low, 0),
                ("difference.high", gap.high, 0),
                ("p_value", gap.p_value, 0),
            ]
        values += [(f"curve/{quantity}", value, step) for quantity, step, value in _curves(comparison, standing.loss)]
        run.metrics(values)
        if trials:
            for row in _trials(comparison, standing.loss):
                _trial_run(client, experiment, row, parent=run.id)


def _curves(comparison: Comparison, loss: str) -> Iterator[tuple[str, int, float]]:
    """Yield quantity, epoch and mean over the seeds that still train."""
    for curve in comparison.curves:
        if curve.loss != loss:
            continue
        for place, epoch in enumerate(curve.epochs):
            column = np.asarray(curve.values)[:, place]
            column = column[np.isfinite(column)]
            if column.size:
                yield curve.quantity, int(epoch), float(column.mean())


def _trials(comparison: Comparison, loss: str) -> list[dict[str, Any]]:
    return [row for row in comparison.trials.to_dicts() if row["loss"] == loss and row.get("chosen", True)]


_NO_METRIC = {"loss", "seed", "learning_rate", "chosen", "status", "best_epoch"}


def _trial_run(client: Any, experiment: str, row: Mapping[str, Any], *, parent: str) -> None:
    tags = {"lossmith.status": str(row["status"])}
    with _Run(client, experiment, name=f"{row['loss']} seed {row['seed']}", tags=tags, parent=parent) as run:
        run.parameters({"loss": row["loss"], "seed": row["seed"], "learning_rate": row["learning_rate"]})
        names = [name for name, value in row.items() if name not in _NO_METRIC and isinstance(value, int | float)]
        run.metrics([(name, row[name], 0) for name in [*names, "best_epoch"]])


def to_tensorboard(comparison: Comparison, folder: str | PathLike[str]) -> Path:
    """Write a comparison as scalars of TensorBoard, one folder for each loss, and return the folder.

    Use it to look at learning curves where you always do: `tensorboard --logdir FOLDER`. Curves are means over seeds, by
    epoch; what was measured on test rows stands at step 0 with both ends of its interval.

    Parameters
    ----------
    comparison : Comparison
    folder : path
        Made if it is not there; event files are added to what it holds.

    Raises
    ------
    MissingExtraError
        TensorBoard is not installed.
    InvalidInputError
        The folder cannot be written.

    Examples
    --------
    >>> import lossmith
    >>> result = lossmith.compare("circles", losses="bce,hinge", seeds=3)  # doctest: +SKIP
    >>> to_tensorboard(result, "logs")  # doctest: +SKIP
    """
    writers = _module("tensorboard.summary.writer.event_file_writer", "tensorboard")
    events = _module("tensorboard.compat.proto.event_pb2", "tensorboard")
    summaries = _module("tensorboard.compat.proto.summary_pb2", "tensorboard")
    place = Path(folder)
    try:
        for standing in comparison.standings:
            home = place / re.sub(r"[^\w\-.=,]", "_", standing.loss)
            home.mkdir(parents=True, exist_ok=True)
            writer = writers.EventFileWriter(str(home))
            for tag, step, value in _scalars(comparison, standing):
                summary = summaries.Summary(value=[summaries.Summary.Value(tag=tag, simple_value=value)])
                writer.add_event(events.Event(wall_time=time.time(), step=step, summary=summary))
            writer.close()
    except OSError as error:
        raise InvalidInputError(
            f"cannot write to {str(place)!r}: {error.strerror or error}", expected="a folder that can be written"
        ) from error
    return place


def _scalars(comparison: Comparison, standing: Standing) -> Iterator[tuple[str, int, float]]:
    yield from _curves(comparison, standing.loss)
    for name, estimate in {comparison.settings.metric: standing.metric, **standing.metrics}.items():
        for end in ("mean", "low", "high"):
            number = getattr(estimate, end)
            if math.isfinite(number):
                yield f"test/{name}/{end}", 0, float(number)
