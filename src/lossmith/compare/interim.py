"""What a comparison can say before it has ended: the best loss so far, and the table of the seeds that every loss has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, final

import numpy as np
import polars as pl

from lossmith.compare import statistics, versions
from lossmith.compare._spec import Comparison, Estimate
from lossmith.compare.baselines import BASELINES, baseline_arrays
from lossmith.compare.summary import Evidence, summarise
from lossmith.compare.trials import HeadProgram, Seats, engine_seed

if TYPE_CHECKING:
    from lossmith.compare.plan import Plan

__all__ = ["InterruptedComparison", "best_so_far", "finished_trials", "interim"]

# fewer seeds have no interval
LEAST = 2

Groups = Mapping[str, Mapping[str, np.ndarray]]


@final
class InterruptedComparison(KeyboardInterrupt):
    """Ctrl-C during a comparison; what was finished is kept in the store.

    Use it to catch the interruption of `lossmith.compare` and go on with what there is.

    Attributes
    ----------
    comparison : Comparison
        The result of the seeds that every loss had finished; baselines are the constant one alone.
    """

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self.comparison = comparison


def finished_trials(programs: Sequence[HeadProgram], groups: Groups, n_seeds: int) -> tuple[int, ...]:
    """Return those of the first `n_seeds` trials that every loss has finished, whatever is missing between them."""
    found = []
    for program in programs:
        ended = [trials for key, trials in program.groups(n_seeds) if key in groups]
        found.append({trial for trials in ended for trial in trials})
    return tuple(sorted(trial for trial in set.intersection(*found) if trial < n_seeds))


def best_so_far(
    plan: Plan, programs: Sequence[HeadProgram], groups: Groups, trials: Sequence[int]
) -> tuple[str, Estimate] | None:
    """Return the loss that leads over these trials and its estimate, or None before there are two of them."""
    if len(trials) < LEAST:
        return None
    column = [str(metric) for metric in plan.metrics].index(str(plan.metric))
    found: dict[str, Estimate] = {}
    for program in programs:
        test, chosen = (_rows(program, groups, trials, name) for name in ("test", "chosen"))
        for place, loss in enumerate(program.losses):
            values = test[np.arange(len(trials)), place, chosen[:, place], column]
            if np.isfinite(values).all():
                found[str(loss) + program.variant.suffix] = statistics.estimate(values, level=plan.settings.level)
    if not found:
        return None
    leader = max(found, key=lambda label: float(plan.metric.oriented(np.asarray(found[label].mean))))
    return leader, found[leader]


def _rows(program: HeadProgram, groups: Groups, trials: Sequence[int], name: str) -> np.ndarray:
    """Return one array of a program over these trials."""
    found: dict[int, np.ndarray] = {}
    for key, members in program.groups(trials[-1] + 1):
        if key in groups:
            found |= dict(zip(members, groups[key][name], strict=True))
    return np.stack([found[trial] for trial in trials])


def interim(
    plan: Plan,
    programs: tuple[HeadProgram, ...],
    groups: Groups,
    seats: Seats,
    *,
    trials: Sequence[int],
    looks: int,
    seconds: float,
) -> Comparison | None:
    """Return the result of some finished trials without waiting for anything, or None before there are two.

    A trial that takes long, or whose worker was lost, is left out: those after it count. Baselines that would have to be
    trained first are left out, but for the constant one.
    """
    if len(trials) < LEAST:
        return None
    rows = [
        groups.get(f"baselines/{trial:05d}")
        or baseline_arrays(plan, seats[trial], seed=engine_seed(plan, trial), all_models=False)
        for trial in trials
    ]
    names = BASELINES[plan.dataset.task][:1]
    baselines = {name: np.stack([row[name] for row in rows]) for name in names}
    if list(trials) == list(range(len(trials))):
        evidence = Evidence(programs, groups, baselines, len(trials), looks, seconds)
        return summarise(plan, evidence, seats, versions=versions.versions())
    # as if they were the first ones, with their own numbers in the table
    whole = tuple(replace(program, group_size=len(trials)) for program in programs)
    taken = {
        program.groups(1)[0][0]: {name: _rows(program, groups, trials, name) for name in _names(program, groups)}
        for program in programs
    }
    evidence = Evidence(whole, taken, baselines, len(trials), looks, seconds)
    result = summarise(plan, evidence, Seats(plan, trials=trials), versions=versions.versions())
    numbers = pl.Series("seed", list(trials), dtype=result.trials["seed"].dtype)
    return replace(result, trials=result.trials.with_columns(seed=numbers.gather(result.trials["seed"])))


def _names(program: HeadProgram, groups: Groups) -> tuple[str, ...]:
    return tuple(next(groups[key] for key in groups if key.startswith(f"{program.key}/")))
