"""A comparison on 1, 2 and 4 workers of a Ray cluster on this machine; what each task and each group costs the driver; a thousand workers on paper.

    python benchmarks/cluster.py --markdown docs/benchmarks-cluster.md
    python benchmarks/cluster.py --quick             # few seeds, to see that it works

Workers that train share the cores of this machine, so that more of them than cores cannot be faster; workers that wait show what
the scheduling alone costs. Run it in a network of its own where the machine's must not be opened:
`unshare --map-root-user --net sh -c 'ip link set lo up && exec python benchmarks/cluster.py'`.
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from turns import closing

import lossmith
from lossmith._cluster import attached
from lossmith.compare.store import Store

WORKERS = (1, 2, 4)
WAITING, WAIT = (2, 16), 0.25
# the case on paper
PAPER_WORKERS, PAPER_TRAININGS, GROUP = 1_000, 1_000_000, 45


def waits(_state: Any, seconds: float) -> dict[str, np.ndarray]:
    """What a worker does that only waits."""
    time.sleep(seconds)
    return {"nothing": np.zeros(1)}


def nothing(_state: Any) -> int:
    """The smallest task."""
    return 0


def dropped(_key: str, _value: Any) -> None:
    """What becomes of results that nobody needs."""


def same(value: Any) -> Any:
    return value


def on_workers(count: int, work: Callable[[], Any]) -> Any:
    """Call `work` with a cluster of so many workers on this machine."""
    import ray

    ray.init(address="local", num_cpus=count, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    try:
        return work()
    finally:
        ray.shutdown()


def training(options: dict[str, Any], *, cluster: str | None) -> dict[str, float]:
    """Return seconds of a comparison, and of its groups between the first and the last to end."""
    ended: list[tuple[float, float]] = []

    def watch(done: float, _total: float, stage: str, _note: str) -> None:
        if stage.startswith("training") and (not ended or done > ended[-1][1]):
            ended.append((time.perf_counter(), done))

    began = time.perf_counter()
    result = lossmith.compare("circles", cluster=cluster, progress=watch, **options)
    whole = time.perf_counter() - began
    return {"whole": whole, "until": ended[-1][0] - began, "accuracy": result.standings[0].metric.mean}


def slept(count: int, tasks: int) -> float:
    """Return the seconds of tasks that wait on so many workers."""
    with attached("auto") as cluster:
        shared = cluster.share(None, same)
        # until every worker has begun
        cluster.spread(shared, waits, ((f"warm {n}", (0.5,)) for n in range(2 * count)), dropped)
        began = time.perf_counter()
        cluster.spread(shared, waits, ((str(n), (WAIT,)) for n in range(tasks)), dropped)
        return time.perf_counter() - began


def scaling(options: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a line for each number of workers, of trainings and of tasks that wait."""
    rows = []
    for count in WORKERS:
        # the first starts the workers and compiles, the others show what comes after
        first, *later = on_workers(count, lambda: [training(options, cluster="auto") for _ in range(3)])
        rows.append(
            {
                "workers": count,
                "first": first["whole"],
                "seconds": statistics.median(one["until"] for one in later),
                "accuracy": first["accuracy"],
            }
        )
        print(f"{count} workers: {rows[-1]}", file=sys.stderr)
    local = [training(options, cluster=None) for _ in range(2)]
    rows.append(
        {
            "workers": f"none, {os.cpu_count()} threads",
            "first": local[0]["whole"],
            "seconds": statistics.median(one["until"] for one in local[1:]),
            "accuracy": local[0]["accuracy"],
        }
    )
    waiting = []
    for count in WAITING:
        tasks = 8 * count
        seconds = on_workers(count, functools.partial(slept, count, tasks))
        waiting.append({"workers": count, "tasks": tasks, "seconds": seconds, "least": tasks * WAIT / count})
        print(f"{count} waiting workers: {waiting[-1]}", file=sys.stderr)
    return rows, waiting


def costs(options: dict[str, Any], tasks: int) -> dict[str, float]:
    """Return what the driver spends on a task and on a group, in seconds, and what it keeps of a group, in bytes."""

    def work() -> tuple[float, float]:
        with attached("auto") as cluster:
            shared = cluster.share(None, same)
            cluster.spread(shared, nothing, ((f"warm {n}", ()) for n in range(50)), dropped)
            wall, processor = time.perf_counter(), time.process_time()
            cluster.spread(shared, nothing, ((str(n), ()) for n in range(tasks)), dropped)
            return (time.perf_counter() - wall) / tasks, (time.process_time() - processor) / tasks

    wall, processor = on_workers(2, work)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "store.db"
        lossmith.compare("circles", store=path, **options)
        with Store.open(path) as store:
            arrays = next(value for key, value in store.groups(1).items() if key.startswith("units"))
            run = store.create_run(kind="compare", name="more", settings={}, data={}, fingerprint="", versions={})
            times = []
            for number in range(300):
                began = time.perf_counter()
                store.save_group(run, f"units-1/{number:05d}", arrays)
                times.append(time.perf_counter() - began)
    runs = int(np.prod(arrays["test"].shape[:3]))
    began = time.perf_counter()
    for _ in range(200):
        {key: np.array(value) for key, value in arrays.items()}
    copied = (time.perf_counter() - began) / 200
    return {
        "task": wall,
        "processor": processor,
        "store": statistics.median(times),
        "copy": copied,
        "runs": runs,
        "bytes": float(sum(value.nbytes for value in arrays.values())),
    }


def on_paper(cost: dict[str, float], one_training: float) -> list[str]:
    """Return the rows of the case of a thousand workers, for trainings of several lengths."""
    driver = cost["task"] + cost["store"] + cost["copy"]
    groups = PAPER_TRAININGS / GROUP
    rows = []
    for length in (one_training, 0.1, 1.0, 10.0, 60.0):
        group = length * GROUP
        ideal = groups * group / PAPER_WORKERS
        bound = groups * driver
        # the last wave is not full, and the driver hands over one group at a time
        waves = int(np.ceil(groups / PAPER_WORKERS)) * group
        whole = max(waves, bound) + group
        rows.append(
            f"| {length:.3g} s | {group:,.3g} s | {ideal:,.0f} s | {bound:,.0f} s | {whole:,.0f} s | {ideal / whole:.0%} |"
        )
    return rows


def page(
    rows: list[dict[str, Any]],
    waiting: list[dict[str, Any]],
    cost: dict[str, float],
    options: dict[str, Any],
    runs: int,
    load: float,
) -> str:
    """Return the result as a page."""
    one, cores = rows[0]["seconds"], os.cpu_count() or 1
    driver = cost["task"] + cost["store"] + cost["copy"]
    one_training = one / runs
    groups = PAPER_TRAININGS / GROUP
    parts = [
        "# A comparison on a cluster",
        "",
        f"`lossmith compare circles` with {options['losses']}, {options['seeds']} seeds, {options['epochs']} epochs: {runs:,} trainings, on a Ray cluster whose workers all run "
        f"on this machine of {cores} cores. Seconds until the last group is stored, median of the second and third comparison; the first one starts the workers, imports and compiles. "
        "Efficiency is the time of one worker over workers times the time, as far as there are cores for them.",
        "",
        "| workers | first comparison | seconds | against one worker | efficiency | efficiency of the cores |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        count = row["workers"]
        speed = one / row["seconds"]
        share = f"{speed / count:.0%} | {speed / min(count, cores):.0%}" if isinstance(count, int) else "| "
        parts.append(f"| {count} | {row['first']:.1f} | {row['seconds']:.2f} | {speed:.2f} x | {share} |")
    parts += [
        "",
        f"Every line has the same table (accuracy of the best loss {rows[0]['accuracy']:.4f}).",
        "",
        f"More workers than cores, with tasks that wait for {WAIT} s in place of training: what scheduling alone takes.",
        "",
        "| workers | tasks | seconds | at least | efficiency |",
        "|---|---|---|---|---|",
        *(
            f"| {row['workers']} | {row['tasks']} | {row['seconds']:.2f} | {row['least']:.2f} | {row['least'] / row['seconds']:.0%} |"
            for row in waiting
        ),
        "",
        "## What the driver pays",
        "",
        "| for each group | milliseconds |",
        "|---|---|",
        f"| handing it over and hearing of its end (Ray, driver's processor {cost['processor'] * 1000:.2f}) | {cost['task'] * 1000:.2f} |",
        f"| its arrays ({cost['bytes'] / 1024:,.0f} KB of {cost['runs']:.0f} trainings) copied from Ray's memory | {cost['copy'] * 1000:.2f} |",
        f"| its arrays safe in the store | {cost['store'] * 1000:.2f} |",
        f"| together | {driver * 1000:.2f} |",
        "",
        f"For each training of a group of {GROUP}: {driver / GROUP * 1000:.3f} ms, of which the store {cost['store'] / GROUP * 1000:.3f} ms.",
        "",
        "## A thousand workers, a million trainings, on paper",
        "",
        f"With $W$ workers, $N$ trainings in groups of $g = {GROUP}$, $t$ seconds for a group and $c$ seconds of the driver for each,",
        "",
        "$$ T = \\max\\left(\\lceil N / (g W) \\rceil\\, t,\\; (N / g)\\, c\\right) + t, \\qquad \\text{efficiency} = \\frac{N t / (g W)}{T}. $$",
        "",
        f"The driver keeps up as long as $t > W c$: groups of at least {PAPER_WORKERS * driver:.1f} s on {PAPER_WORKERS:,} workers. "
        f"$c$ is the {driver * 1000:.2f} ms measured above; $W = {PAPER_WORKERS:,}$, $N = {PAPER_TRAININGS:,}$. The first line is the training measured here.",
        "",
        "| one training | one group | work / workers | driver | in all | efficiency |",
        "|---|---|---|---|---|---|",
        *on_paper(cost, one_training),
        "",
        f"The store then holds {groups * cost['bytes'] / 2**20:,.0f} MB in {groups:,.0f} groups, and the driver as much in memory until verdicts are drawn. Nothing of this section was "
        "measured on a thousand workers: Ray's own limits, the network and the loss of machines are left out.",
        "",
        f"Load of the machine when this began (idle is 0): {load:.1f}. Peak memory of the driver here {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB.",
        "",
        *closing(__file__, ("ray", "keras", "jax", "numpy")),
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", type=Path, help="page to write")
    parser.add_argument("--quick", action="store_true", help="few seeds and tasks")
    given = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"], load = "0", os.getloadavg()[0]
    options = {
        "losses": "binary_crossentropy,brier,hinge",
        "learning_rates": "configured",
        "seeds": 8 if given.quick else 120,
        "epochs": 20 if given.quick else 200,
    }
    rows, waiting = scaling(options)
    cost = costs({**options, "seeds": 30, "epochs": 1}, 200 if given.quick else 2_000)
    text = page(rows, waiting, cost, options, 3 * options["seeds"], load)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
