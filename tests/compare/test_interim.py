"""What a comparison says before it has ended: the best loss so far, and the partial table of Ctrl-C."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith
from lossmith.compare import InterruptedComparison, run
from lossmith.compare.interim import best_so_far, finished_trials
from lossmith.compare.summary import summarise
from lossmith.compare.workers import Means

OPTIONS = {"losses": "bce,brier,hinge", "epochs": 2, "learning_rates": "configured"}


class Interrupting:
    """A progress callback that presses Ctrl-C once so many runs are done, and keeps every note."""

    def __init__(self, at: float) -> None:
        self.at, self.notes = at, []

    def __call__(self, done: float, total: int, stage: str, note: str) -> None:
        self.notes.append(note)
        if stage == "training" and done >= self.at:
            raise KeyboardInterrupt


@pytest.fixture
def one_at_a_time(monkeypatch):
    # one thread: the group that is interrupted is the second one
    monkeypatch.setattr(run, "worker_count", lambda: 1)


@pytest.mark.slow
def test_an_interrupted_comparison_has_the_seeds_that_were_finished(tmp_path, one_at_a_time):
    store = tmp_path / "runs.db"
    whole = lossmith.compare("circles", seeds=90, store=None, **OPTIONS)
    progress = Interrupting(at=190)  # of 270 runs, in groups of 45 or fewer
    with pytest.raises(InterruptedComparison) as stopped:
        lossmith.compare("circles", seeds=90, store=store, progress=progress, **OPTIONS)
    partial = stopped.value.comparison
    n_seeds = partial.settings.seeds
    assert 2 <= n_seeds < 90
    assert [baseline.name for baseline in partial.baselines] == ["majority"]
    for name in ("binary_crossentropy", "brier", "hinge"):
        rows = whole.trials.filter((whole.trials["loss"] == name) & (whole.trials["seed"] < n_seeds))
        (standing,) = (one for one in partial.standings if one.loss == name)
        assert standing.n_seeds == n_seeds
        np.testing.assert_allclose(standing.metric.mean, rows["accuracy"].mean(), rtol=1e-12)
    # going on ends where an uninterrupted comparison does
    assert lossmith.compare.resume(store=store).trials.equals(whole.trials)


def test_the_note_is_the_best_loss_so_far(one_at_a_time):
    progress = Interrupting(at=np.inf)
    result = lossmith.compare("circles", seeds=90, progress=progress, store=None, **OPTIONS)
    notes = [note for note in progress.notes if note.startswith("best so far")]
    best = max(result.standings, key=lambda one: one.metric.mean)
    assert notes[-1].startswith(f"best so far {best.loss}: accuracy {best.metric.mean:.2f}"[:-1])


def test_before_two_seeds_ctrl_c_is_itself(one_at_a_time):
    with pytest.raises(KeyboardInterrupt) as stopped:
        lossmith.compare("circles", seeds=90, progress=Interrupting(at=0.0), store=None, **OPTIONS)
    assert not isinstance(stopped.value, InterruptedComparison)


def test_the_command_shows_the_partial_table(monkeypatch, capsys, tmp_path):
    from lossmith.cli import main

    result = lossmith.compare("circles", seeds=3, store=None, **OPTIONS)

    def interrupted(*_args, **_options):
        raise InterruptedComparison(result)

    monkeypatch.setattr("lossmith.compare.compare", interrupted)
    store = tmp_path / "x.db"
    for arguments, shown in (([], True), (["--json"], False)):
        with pytest.raises(SystemExit) as end:
            main(["compare", "circles", "--store", str(store), *arguments])
        out, err = capsys.readouterr()
        assert end.value.code == 130
        assert err.splitlines()[-1].endswith(f"go on with `lossmith runs resume --store {store}`")
        assert ("Interrupted after 3 seeds. So far:" in out and "brier" in out) is shown
        assert shown or out == ""


def test_a_group_that_takes_long_does_not_hold_up_the_seeds_after_it():
    """The first group is a straggler: the table so far is that of the seeds that every loss has, under their own numbers."""
    plan = run.plan_for("circles", seeds=6, seed=3, **OPTIONS)
    execution = run.Execution(plan, run.Memory(), means=Means(cores=3))
    execution.train(6)
    whole = summarise(plan, execution.evidence(6, looks=1, seconds=0.0), execution.seats, versions={})
    keys = sorted(key for key in execution.groups if key.startswith("units"))  # they end in any order
    assert keys == ["units-1/00000", "units-1/00002", "units-1/00004"]
    straggler = execution.groups.pop("units-1/00000")
    assert finished_trials(execution.programs, execution.groups, 6) == (2, 3, 4, 5)
    assert finished_trials(execution.programs, execution.groups, 5) == (2, 3, 4)
    partial = execution.interim(seconds=0.0)
    rows = whole.trials.filter(whole.trials["seed"] >= 2)
    assert partial.trials.equals(rows, null_equal=True)
    assert partial.settings.seeds == 4
    for one in partial.standings:
        assert one.n_seeds == 4
        chosen = rows.filter((rows["loss"] == one.loss) & rows["chosen"])["accuracy"]
        np.testing.assert_allclose(one.metric.mean, chosen.mean(), rtol=1e-12)
    leader, estimate = best_so_far(plan, execution.programs, execution.groups, (2, 3, 4, 5))
    assert estimate.mean == max(one.metric.mean for one in partial.standings)
    assert leader in {one.loss for one in partial.standings if one.metric.mean == estimate.mean}
    # a hole in the middle, and nothing but one seed
    execution.groups["units-1/00000"] = straggler
    del execution.groups["units-1/00002"]
    assert finished_trials(execution.programs, execution.groups, 6) == (0, 1, 4, 5)
    middle = execution.interim(seconds=0.0)
    assert middle.trials.equals(whole.trials.filter(whole.trials["seed"].is_in([0, 1, 4, 5])), null_equal=True)
    assert best_so_far(plan, execution.programs, execution.groups, (4,)) is None
