"""Groups trained by workers elsewhere: a stand-in for the cluster calls them here, last things first; Ray itself is under test elsewhere."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from lossmith._errors import ClusterError
from lossmith.compare import run, workers
from lossmith.compare.workers import Means

OPTIONS = {"losses": "brier,hinge", "seeds": 6, "epochs": 2, "learning_rates": "configured", "seed": 5}


class Elsewhere:
    """A cluster whose tasks end in the opposite order, each in what was built of a copy of the shared value."""

    slots = 3

    def __init__(self):
        self.shared, self.tasks, self.lost = 0, [], 0

    def share(self, value, build):
        self.shared += 1
        frozen(value.plan.dataset)
        return SimpleNamespace(state=build(value))

    def spread(self, shared, function, tasks, done, *, tick=None):
        waiting = list(tasks)
        self.tasks += [key for key, _ in waiting]
        if tick is not None:
            tick()
        for key, arguments in reversed(waiting):
            assert pickle.loads(pickle.dumps(arguments)) == arguments
            result = function(shared.state, *arguments)
            self.lost = 1
            done(key, {name: frozen_array(array) for name, array in result.items()})


def frozen_array(array):
    array = np.array(array)
    array.flags.writeable = False  # as what lies in the memory of a cluster
    return array


def frozen(dataset):
    for name in ("features", "target"):
        value = getattr(dataset, name)
        if isinstance(value, np.ndarray):
            value.flags.writeable = False


def test_workers_elsewhere_give_the_table_of_one_machine_with_as_many_cores():
    cluster, stages, notes = Elsewhere(), [], []

    def progress(done, total, stage, note):
        stages.append((stage, done, total))
        notes.append(note)

    there = run.execute(run.plan_for("circles", **OPTIONS), means=Means(cluster), progress=progress)
    here = run.execute(run.plan_for("circles", **OPTIONS), means=Means(cores=max(3, workers.worker_count())))
    assert there.comparison.trials.equals(here.comparison.trials, null_equal=True)
    assert there.comparison.standings == here.comparison.standings
    assert there.comparison.baselines == here.comparison.baselines
    assert list(there.evidence.groups) != list(here.evidence.groups)  # they ended in another order
    for key, arrays in here.evidence.groups.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(there.evidence.groups[key][name], array)
            assert there.evidence.groups[key][name].flags.owndata  # nothing holds memory of the cluster
    assert cluster.shared == 1
    assert cluster.tasks[:3] == ["units-1/00000", "units-1/00002", "units-1/00004"]
    assert cluster.tasks[3:] == [str(trial) for trial in range(6)]
    assert {stage for stage, _, _ in stages} == {"compiling", "training on 3 workers", "baselines", "judging"}
    training = [done for stage, done, _ in stages if stage.startswith("training")]
    assert training == sorted(training) and training[-1] == 12
    assert any("1 worker lost" in note for note in notes)


def test_machines_of_other_versions_are_named():
    plan = run.plan_for("circles", **OPTIONS)
    mine = workers.versions()
    sent = workers._Sent(plan, (), {**mine, "jax": "0.0.1", "python": "2.7.18"}, None)
    with pytest.raises(ClusterError) as raised:
        workers._hold(sent)
    text = str(raised.value)
    assert re.search(
        rf"has python {re.escape(mine['python'])}, jax {re.escape(mine['jax'])}; expected python 2\.7\.18, jax 0\.0\.1, as here",
        text,
    )
    assert workers._hold(workers._Sent(plan, (), mine, 12345)).trainers.memory == 12345


def test_one_process_of_a_machine_compiles_at_a_time(tmp_path):
    """The lock is one of the system: it is seen by another process, and given back by one that dies."""
    script = """if True:
        import fcntl, sys
        lock = open(sys.argv[1], "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(7)
    """
    command = [sys.executable, "-c", script, str(tmp_path / "cache" / "compiling.lock")]
    with workers._one_at_a_time(tmp_path / "cache"):
        assert subprocess.run(command, check=False).returncode == 7
    assert subprocess.run(command, check=False).returncode == 0
    (tmp_path / "file").write_text("")
    with workers._one_at_a_time(tmp_path / "file" / "no folder"):  # where none can be made nothing is locked
        pass


def test_into_how_many_groups_seeds_are_cut():
    cores = workers.worker_count()
    assert Means().groups_at_once() == cores
    assert Means(cores=7).groups_at_once() == 7
    assert Means(SimpleNamespace(slots=1)).groups_at_once() == cores
    assert Means(SimpleNamespace(slots=100)).groups_at_once() == 100
    assert Means(SimpleNamespace(slots=100), cores=7).groups_at_once() == 7


@pytest.mark.parametrize(
    ("text", "count"), [("1", 1), ("0", None), ("many", None), ("", None), ("100000", None), ("-1", None)]
)
def test_threads_are_fewer_where_the_environment_says_so(monkeypatch, text, count):
    monkeypatch.delenv("LOSSMITH_THREADS", raising=False)
    cores = workers.worker_count()
    monkeypatch.setenv("LOSSMITH_THREADS", text)
    assert workers.worker_count() == (cores if count is None else count)


@pytest.mark.slow
def test_little_memory_gives_the_same_table_in_smaller_stacks(monkeypatch):
    """Cut by seeds the bits are those of the whole stack; cut by losses and rates the programs differ, and the last digits may."""
    import lossmith
    from lossmith.training import fitting

    sizes = []
    compiled = fitting.Fitting.compile

    def watched(self, data):
        compiled(self, data)
        sizes.append(self.size)

    monkeypatch.setattr(fitting.Fitting, "compile", watched)
    monkeypatch.setenv("LOSSMITH_THREADS", "2")
    options = {"losses": "bce,hinge,brier", "seeds": 4, "epochs": 5}
    whole = lossmith.compare("circles", **options)
    runs = sizes[-1][0] * sizes[-1][1]
    half = lossmith.compare("circles", memory="4MB", **options)
    assert sizes[-1][0] < sizes[0][0] and sizes[-1][1] == sizes[0][1]
    assert half.trials.equals(whole.trials, null_equal=True)
    small = lossmith.compare("circles", memory="600kB", **options)
    assert sizes[-1][0] * sizes[-1][1] < runs / 4
    for name in ("accuracy", "log_loss", "brier_score"):
        np.testing.assert_allclose(small.trials[name], whole.trials[name], rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="memory does not hold a single run: it takes about"):
        lossmith.compare("circles", memory="10kB", **options)
