"""Comparisons in MLflow and TensorBoard: a recording client, then a real server on SQLite and real event files."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lossmith._errors import InvalidInputError, MissingExtraError
from lossmith.report import to_mlflow, to_tensorboard

Metric = namedtuple("Metric", "key value timestamp step")


class Recording:
    """A client of MLflow that keeps what it is told."""

    def __init__(self, fails: str = "") -> None:
        self.runs: dict[str, dict] = {}
        self.experiments: dict[str, str] = {}
        self.fails = fails

    def get_experiment_by_name(self, name):
        return SimpleNamespace(experiment_id=self.experiments[name]) if name in self.experiments else None

    def create_experiment(self, name):
        self.experiments[name] = "7"
        return "7"

    def create_run(self, experiment, run_name, tags):
        key = f"run{len(self.runs)}"
        self.runs[key] = {
            "name": run_name,
            "tags": tags,
            "params": {},
            "metrics": [],
            "artifacts": [],
            "status": "RUNNING",
        }
        return SimpleNamespace(info=SimpleNamespace(run_id=key))

    def log_param(self, run, key, value):
        if key == self.fails:
            raise RuntimeError("the server said no\nwith a trace")
        self.runs[run]["params"][key] = value

    def log_batch(self, run, metrics):
        assert len(metrics) <= 1000
        self.runs[run]["metrics"] += metrics

    def log_artifact(self, run, path):
        self.runs[run]["artifacts"].append(Path(path).name)
        assert Path(path).stat().st_size > 100

    def set_terminated(self, run, status):
        self.runs[run]["status"] = status


@pytest.fixture
def recorded(monkeypatch) -> type[Recording]:
    monkeypatch.setitem(sys.modules, "mlflow.entities", SimpleNamespace(Metric=Metric))
    return Recording


def test_a_comparison_is_a_run_with_a_run_for_each_loss(small, recorded) -> None:
    client = recorded()
    run = to_mlflow(small, client=client)
    assert list(client.experiments) == [f"lossmith {small.data.name}"]
    parent = client.runs[run]
    assert parent["status"] == "FINISHED" and parent["artifacts"] == ["report.html", "comparison.json"]
    assert parent["tags"]["lossmith.verdict"] and parent["params"]["model"] == small.settings.model
    children = [one for one in client.runs.values() if one["tags"].get("mlflow.parentRunId") == run]
    assert [one["name"] for one in children] == [standing.loss for standing in small.standings]
    for one, standing in zip(children, small.standings, strict=True):
        found = {metric.key: metric.value for metric in one["metrics"] if not metric.key.startswith("curve/")}
        metric = small.settings.metric
        assert (found[metric], found[f"{metric}.low"], found[f"{metric}.high"]) == (
            standing.metric.mean, standing.metric.low, standing.metric.high
        )  # fmt: skip
        assert found["rank"] == standing.rank and found["n_failed"] == standing.n_failed
        curve = next(curve for curve in small.curves if curve.loss == standing.loss)
        told = {m.step: m.value for m in one["metrics"] if m.key == f"curve/{curve.quantity}"}
        for epoch, column in zip(curve.epochs, curve.values.T, strict=True):
            assert told[int(epoch)] == pytest.approx(float(np.nanmean(column)))


def test_seeds_are_runs_where_asked(small, recorded) -> None:
    client = recorded()
    to_mlflow(small, client=client, trials=True, experiment="mine")
    seeds = [one for one in client.runs.values() if " seed " in one["name"]]
    expected = small.trials.filter(small.trials["chosen"]) if "chosen" in small.trials.columns else small.trials
    assert len(seeds) == len(expected) and all(one["params"]["loss"] in one["name"] for one in seeds)


def test_a_failure_closes_the_run_and_is_said_in_one_line(small, recorded) -> None:
    client = recorded(fails="model")
    with pytest.raises(InvalidInputError, match="the server said no") as caught:
        to_mlflow(small, client=client)
    assert "\n" not in str(caught.value) and [one["status"] for one in client.runs.values()] == ["FAILED"]


def test_hostile_names_and_numbers_that_are_not_finite(hostile, recorded) -> None:
    client = recorded()
    to_mlflow(hostile, client=client)
    for one in client.runs.values():
        assert all(np.isfinite(metric.value) for metric in one["metrics"])
        assert "\x1b" not in one["name"] and all(len(value) <= 500 for value in one["params"].values())


@pytest.mark.parametrize(("call", "extra"), [(to_mlflow, "mlflow"), (lambda c: to_tensorboard(c, "x"), "tensorboard")])
def test_a_missing_package_names_its_extra(small, call, extra, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(MissingExtraError, match=rf"lossmith\[{extra}\]"):
        call(small)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """Start a tracking server on SQLite on the loopback interface."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)
                    break
                except OSError:
                    assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 15)
            process.wait(30)


@pytest.mark.foreign
@pytest.mark.filterwarnings("ignore")
def test_a_real_server_has_everything(small, server) -> None:
    from mlflow import MlflowClient

    run = to_mlflow(small, tracking_uri=server, trials=True)
    client = MlflowClient(tracking_uri=server)
    told = client.get_run(run)
    assert told.info.status == "FINISHED" and told.data.params["metric"] == small.settings.metric
    assert {artifact.path for artifact in client.list_artifacts(run)} == {"report.html", "comparison.json"}
    below = client.search_runs([told.info.experiment_id], f"tags.mlflow.parentRunId = '{run}'")
    assert {one.data.tags["lossmith.loss"] for one in below} == {standing.loss for standing in small.standings}
    standing = small.standings[0]
    best = next(one for one in below if one.data.tags["lossmith.loss"] == standing.loss)
    assert best.data.metrics[small.settings.metric] == pytest.approx(standing.metric.mean)
    curve = next(curve for curve in small.curves if curve.loss == standing.loss)
    history = client.get_metric_history(best.info.run_id, f"curve/{curve.quantity}")
    assert [point.step for point in sorted(history, key=lambda point: point.step)] == [
        int(epoch) for epoch in curve.epochs
    ]
    seeds = client.search_runs([told.info.experiment_id], f"tags.mlflow.parentRunId = '{best.info.run_id}'")
    assert len(seeds) == standing.n_seeds


@pytest.mark.foreign
@pytest.mark.filterwarnings("ignore")
def test_no_server_is_said_in_one_line(small, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InvalidInputError, match="MLflow does not take"):
        to_mlflow(small, tracking_uri="http://127.0.0.1:9")


@pytest.mark.foreign
@pytest.mark.filterwarnings("ignore")
def test_event_files_are_read_by_tensorboard(small, tmp_path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    place = to_tensorboard(small, tmp_path / "logs")
    assert len([*place.iterdir()]) == len(small.standings)
    standing = small.standings[0]
    reader = EventAccumulator(str(place / standing.loss.replace(":", "_")))
    reader.Reload()
    metric = small.settings.metric
    assert reader.Scalars(f"test/{metric}/mean")[0].value == pytest.approx(standing.metric.mean, rel=1e-6)
    curve = next(curve for curve in small.curves if curve.loss == standing.loss)
    points = reader.Scalars(curve.quantity)
    assert [point.step for point in points] == [int(epoch) for epoch in curve.epochs]
    assert [point.value for point in points] == pytest.approx(list(np.nanmean(curve.values, axis=0)), rel=1e-5)
