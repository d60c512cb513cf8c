"""A comparison on a real cluster of two nodes on this machine, in a process of its own: `python cluster_nodes.py WHAT FOLDER`.

The first node holds the driver and the store; the second joins once the driver is attached. Facts are printed as JSON.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import time
from pathlib import Path

OPTIONS = {"losses": "brier,hinge", "seeds": 8, "epochs": 1500, "learning_rates": "0.01,0.1"}


def crashing(shape):
    """Return a body, but take the process along where it is a worker."""
    import keras
    import ray

    if ray.is_initialized() and ray.get_runtime_context().get_task_id() is not None:
        os._exit(13)
    return keras.Sequential([keras.layers.Input(shape), keras.layers.Dense(4, activation="relu")])


class Watch:
    """Follows a comparison by its progress; adds the second node once the driver is attached, and may do more."""

    def __init__(self, nodes, then=None, node=None):
        self.nodes, self.then, self.second, self.node = nodes, then, None, node or {"num_cpus": 1}
        self.stages, self.notes, self.busy, self.taken = [], [], False, {"CPU": 0.0, "GPU": 0.0}

    def __call__(self, done, total, stage, note):
        import ray
        from ray._private.state import available_resources_per_node

        if self.second is None:
            self.second = self.nodes.add_node(**self.node)
        there, left = ray.cluster_resources(), ray.available_resources()
        for name, most in self.taken.items():
            self.taken[name] = max(most, there.get(name, 0.0) - left.get(name, 0.0))
        self.stages.append(stage)
        self.notes.append(note)
        free = available_resources_per_node().get(self.second.node_id, {}) if self.second else {}
        if self.then is not None and stage.startswith("training") and done > 0 and free.get("CPU", 0.0) < 1:
            self.busy, then, self.then = True, self.then, None
            then(self)


def facts(store, result):
    from lossmith.compare.store import Store

    with Store.open(store) as opened:
        groups = {key: value for key, value in opened.groups(1).items() if key != "winner"}
    return {
        "verdict": result.verdict,
        "trials": result.trials.write_csv(),
        "standings": repr(result.standings),
        "groups": {
            f"{key}/{name}": f"{values.dtype} {values.shape} {hashlib.sha256(values.tobytes()).hexdigest()}"
            for key, arrays in sorted(groups.items())
            for name, values in sorted(arrays.items())
        },
    }


def on_two_nodes(what, folder):
    from ray.cluster_utils import Cluster

    import lossmith
    from lossmith._errors import LossmithError
    from lossmith.compare import InterruptedComparison, workers

    # nothing is computed on these accelerators: Ray hands them out as numbers
    node = {"num_cpus": 2, "num_gpus": 1} if what == "accelerators" else {"num_cpus": 1}
    nodes = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    store = folder / "cluster.db"

    def kill(watch):
        nodes.remove_node(watch.second, allow_graceful=False)

    def interrupt(watch):
        raise KeyboardInterrupt

    watch = Watch(nodes, {"kill": kill, "interrupt": interrupt}.get(what), node)
    began, found = time.monotonic(), {}
    options = dict(OPTIONS)
    if what == "crash":
        options["model"] = crashing
    if what == "versions":
        mine = workers.versions
        workers.versions = lambda: {**mine(), "jax": "0.0.1"}
    if what == "address":
        port = int(nodes.address.rpartition(":")[2])
        options["cluster"] = f"127.0.0.1:{port + 1 if port < 65535 else port - 1}"
    try:
        result = lossmith.compare("circles", store=store, progress=watch, **{"cluster": nodes.address, **options})
        found |= facts(store, result)
    except InterruptedComparison as stopped:
        found["partial"] = stopped.comparison.settings.seeds
    except LossmithError as error:
        found["error"] = f"{type(error).__name__}: {error}"
    found |= {
        "seconds": time.monotonic() - began,
        "busy": watch.busy,
        "taken": watch.taken,
        "notes": watch.notes,
        "stages": sorted(set(watch.stages)),
    }
    if what == "interrupt":
        from lossmith.compare.store import Store

        with Store.open(store) as opened:
            found["kept"] = [key for key in opened.group_keys(1) if key.startswith("units")]
        found |= facts(store, lossmith.compare.resume(store=store))
    nodes.shutdown()
    return found


def drift_on_two_nodes(folder):
    """Profiles of partitions, counted by the workers of two nodes and by this process."""
    import numpy as np
    import polars as pl
    from ray.cluster_utils import Cluster

    from lossmith import drift

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    paths = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        frame = pl.DataFrame({"x": rng.normal(seed, 1, 300), "city": rng.choice(["Bern", "Oslo"], 300)})
        frame.write_parquet(folder / f"{seed}.parquet")
        paths.append(str(folder / f"{seed}.parquet"))
    there = drift.profile_partitions(paths, cluster=nodes.address)
    like = drift.profile(paths[0])
    here = functools.reduce(drift.Profile.merge, [drift.profile(path, like=like) for path in paths])
    nodes.shutdown()
    return {"there": there.to_json(), "here": here.to_json()}


def main():
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "alone":
        import lossmith

        found = facts(folder / "alone.db", lossmith.compare("circles", store=folder / "alone.db", **OPTIONS))
    elif what == "drift":
        found = drift_on_two_nodes(folder)
    else:
        found = on_two_nodes(what, folder)
    print("FACTS" + json.dumps(found))


if __name__ == "__main__":
    main()
