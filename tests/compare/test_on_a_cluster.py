"""Comparisons on a real Ray cluster of two nodes on this machine, one of which is killed in the middle.

The nodes live in a network of their own, in which nothing but the loopback is up: Ray would bind the machine's address otherwise.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster

SCRIPT = Path(__file__).resolve().parents[1] / "cluster_nodes.py"
APART = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def on_cluster(what, folder, seconds=240):
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    ended = subprocess.run(
        [*APART, sys.executable, str(SCRIPT), what, str(folder)],
        check=False, capture_output=True, text=True, timeout=seconds, env=environment,
    )  # fmt: skip
    lines = [line for line in ended.stdout.splitlines() if line.startswith("FACTS")]
    assert lines, f"code {ended.returncode}\n{ended.stdout[-3000:]}\n{ended.stderr[-6000:]}"
    return json.loads(lines[0].removeprefix("FACTS"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return on_cluster("alone", tmp_path_factory.mktemp("alone"))


def same(found, alone):
    assert found["trials"] == alone["trials"]
    assert found["standings"] == alone["standings"]
    assert found["verdict"] == alone["verdict"]
    assert found["groups"] == alone["groups"]  # every array of every group, bit for bit


def test_a_node_killed_in_the_middle_changes_nothing(tmp_path, alone):
    """On a busy machine Ray may have handed a task to the node and not begun it: then nothing is lost, and it is tried again."""
    lost = False
    for attempt in range(3):
        (folder := tmp_path / str(attempt)).mkdir()
        found = on_cluster("kill", folder)
        assert found["busy"], "the node was not killed while it trained"
        same(found, alone)
        lost = any("1 worker lost" in note for note in found["notes"])
        if lost:
            break
    assert lost


def test_two_nodes_give_the_numbers_of_one_machine(tmp_path, alone):
    found = on_cluster("both", tmp_path)
    assert "training on 1 worker" in found["stages"] or "training on 2 workers" in found["stages"]
    assert not any("lost" in note for note in found["notes"])
    same(found, alone)


def test_where_there_are_accelerators_every_task_takes_one(tmp_path, alone):
    """Of two nodes with two cores and one accelerator each; what is computed is the same."""
    found = on_cluster("accelerators", tmp_path)
    assert found["taken"] == {"CPU": 2.0, "GPU": 2.0}
    assert not any("lost" in note for note in found["notes"])
    same(found, alone)


def test_ctrl_c_keeps_what_is_finished_and_the_rest_is_trained_without_the_cluster(tmp_path, alone):
    found = on_cluster("interrupt", tmp_path)
    assert 1 <= len(found["kept"]) < len({key.rpartition("/")[0] for key in alone["groups"] if key.startswith("units")})
    same(found, alone)


def test_a_model_that_kills_its_workers_is_given_up(tmp_path):
    found = on_cluster("crash", tmp_path)
    assert found["error"].startswith("ClusterError: units-1/")
    assert "was lost with its worker 4 times" in found["error"]


def test_a_worker_of_another_version_is_refused(tmp_path):
    found = on_cluster("versions", tmp_path)
    assert found["error"].startswith("ClusterError: machine ")
    assert "expected jax 0.0.1, as here" in found["error"]


def test_a_port_without_a_cluster_is_given_up_within_seconds(tmp_path):
    found = on_cluster("address", tmp_path)
    assert "does not answer" in found["error"]
    assert found["seconds"] < 60  # Ray itself would listen for two minutes


def test_partitions_of_a_table_are_counted_by_the_workers(tmp_path):
    found = on_cluster("drift", tmp_path)
    assert found["there"] == found["here"]
    assert "Oslo" in found["here"]
