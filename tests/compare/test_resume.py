"""Stored comparisons: killed, resumed, repeated, loaded."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import lossmith
from lossmith._errors import InvalidInputError, StoreError
from lossmith.compare import ending
from lossmith.compare.store import Store

OPTIONS = {"losses": "brier,hinge", "seeds": 6, "epochs": 4, "learning_rates": "0.01,0.1"}


def same(first, second):
    assert first.trials.equals(second.trials, null_equal=True)
    assert first.standings == second.standings
    assert first.verdict == second.verdict
    assert first.findings == second.findings


def test_a_killed_comparison_resumes_to_the_same_table(tmp_path):
    """kill -9 in the middle: stored groups are not trained again, the rest is, and nothing differs."""
    store = tmp_path / "runs.db"
    script = f"""
        import os, signal, lossmith
        from lossmith.compare import ending
        kept = ending.StoredGroups.save
        def save(self, key, arrays):
            kept(self, key, arrays)
            if len(self.store.group_keys(self.run)) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        ending.StoredGroups.save = save
        lossmith.compare("circles", store={str(store)!r}, **{OPTIONS!r})
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    with Store.open(store) as opened:
        keys = opened.group_keys(1)
        assert len(keys) == 3
        before = opened.groups(1)
    trained = []
    original = ending.execute

    def watched(plan, keeper, **options):
        class Watched:
            groups = staticmethod(keeper.groups)

            @staticmethod
            def save(key, arrays):
                trained.append(key)
                keeper.save(key, arrays)

        return original(plan, Watched, **options)

    ending.execute = watched
    try:
        resumed = lossmith.compare.resume(store=store)
    finally:
        ending.execute = original
    whole = lossmith.compare("circles", **OPTIONS)
    same(resumed, whole)
    assert not set(trained) & set(keys)
    with Store.open(store) as opened:
        after = opened.groups(1)
        assert opened.run(1).status == "finished"
    for key in keys:
        for name, array in before[key].items():
            np.testing.assert_array_equal(array, after[key][name])


def test_a_run_goes_on_in_the_groups_it_was_begun_with_whatever_the_cores_here(tmp_path, monkeypatch):
    """Another machine would cut the seeds into groups of another size, and put seeds of one size under keys of the other."""
    from lossmith.compare import workers
    from lossmith.compare.store import Store

    store, options = tmp_path / "runs.db", {**OPTIONS, "losses": "brier", "seeds": 8}
    monkeypatch.setattr(workers, "worker_count", lambda: 2)
    whole = lossmith.compare("circles", store=store, **options)
    with Store.open(store) as opened:
        keys = sorted(key for key in opened.group_keys(1) if key.startswith("units"))
        assert keys == ["units-1/00000", "units-1/00004"]
        opened._connection.execute("DELETE FROM groups WHERE key = 'units-1/00004'")
        opened._connection.execute("DELETE FROM results")
    monkeypatch.setattr(workers, "worker_count", lambda: 8)
    same(lossmith.compare.resume(store=store), whole)
    again = lossmith.compare.repeat(1, store=store)
    assert again.standings == whole.standings
    with Store.open(store) as opened:
        for run in (1, 2):
            assert sorted(key for key in opened.group_keys(run) if key.startswith("units")) == keys


def test_kill_from_outside_at_any_time(tmp_path):
    store = tmp_path / "runs.db"
    command = f"import lossmith; lossmith.compare('circles', store={str(store)!r}, **{OPTIONS!r})"
    process = subprocess.Popen([sys.executable, "-c", command])
    while not store.exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.7)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    same(lossmith.compare.resume(1, store=store), lossmith.compare("circles", **OPTIONS))


def test_finished_runs_load_resume_and_repeat(tmp_path):
    store = tmp_path / "runs.db"
    result = lossmith.compare("iris", losses="categorical_hinge", seeds=2, epochs=2, store=store)
    assert result.run == 1
    same(lossmith.compare.load(store=store), result)
    same(lossmith.compare.resume(1, store=store), result)
    again = lossmith.compare.repeat(1, store=store)
    assert again.run == 2
    same(again, result)
    with pytest.raises(StoreError, match="no interrupted run"):
        lossmith.compare.resume(store=store)


def test_runs_on_arrays_need_the_same_arrays_again(tmp_path):
    store = tmp_path / "runs.db"
    rng = np.random.default_rng(0)
    pair = (rng.normal(size=(60, 3)), rng.integers(0, 2, 60))
    result = lossmith.compare(pair, losses="brier", seeds=2, epochs=2, store=store)
    with pytest.raises(InvalidInputError, match="arrays or a frame"):
        lossmith.compare.repeat(1, store=store)
    same(lossmith.compare.repeat(1, store=store, source=pair), result)
    other = (pair[0] + 1, pair[1])
    with pytest.raises(InvalidInputError, match="changed"):
        lossmith.compare.repeat(1, store=store, source=other)


def test_a_changed_file_is_refused(tmp_path):
    table = tmp_path / "table.csv"
    rows = ["a,b,y"] + [f"{i},{i % 7},{'yes' if i % 2 else 'no'}" for i in range(80)]
    table.write_text("\n".join(rows))
    store = tmp_path / "runs.db"
    lossmith.compare(str(table), target="y", losses="brier", seeds=1, epochs=1, store=store)
    table.write_text("\n".join([*rows[:-1], "999,1,yes"]))
    with pytest.raises(InvalidInputError, match="changed"):
        lossmith.compare.repeat(1, store=store)


def test_the_winner_is_kept_and_predicts(tmp_path):
    store, file = tmp_path / "runs.db", tmp_path / "winner.safetensors"
    lossmith.compare("iris", losses="categorical_crossentropy", seeds=2, epochs=30, store=store, save_model=file)
    kept = lossmith.compare.best_model(store=store)
    from lossmith.compare import TrainedModel

    loaded = TrainedModel.load(file)
    features = lossmith.load("iris").features
    assert kept.predict(features).tolist() == loaded.predict(features).tolist()
    # three species that a linear rule separates to 96 %: a trained network is far from guessing
    names = np.asarray(lossmith.load("iris").class_names)[lossmith.load("iris").target]
    assert (kept.predict(features) == names).mean() > 0.8
