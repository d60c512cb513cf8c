"""What a comparison can say before it has ended: the best loss so far, and the table of the seeds that every loss has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, final

import numpy as np

from lossmith.compare import statistics, versions
from lossmith.compare._spec import Comparison, Estimate
from lossmith.compare.baselines import BASELINES, baseline_arrays
from lossmith.compare.summary import Evidence, summarise
from lossmith.compare.trials import HeadProgram, Seats, engine_seed

if TYPE_CHECKING:
    from lossmith.compare.plan import Plan

__all__ = ["InterruptedComparison", "best_so_far", "interim"]

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


def best_so_far(
    plan: Plan, programs: Sequence[HeadProgram], groups: Groups, n_seeds: int
) -> tuple[str, Estimate] | None:
    """Return the loss that leads over the first `n_seeds` trials and its estimate, or None before there are two of them."""
    if n_seeds < LEAST:
        return None
    column = [str(metric) for metric in plan.metrics].index(str(plan.metric))
    found: dict[str, Estimate] = {}
    for program in programs:
        keys = [key for key, _ in program.groups(n_seeds)]
        test, chosen = (np.concatenate([groups[key][name] for key in keys])[:n_seeds] for name in ("test", "chosen"))
        for place, loss in enumerate(program.losses):
            values = test[np.arange(n_seeds), place, chosen[:, place], column]
            if np.isfinite(values).all():
                found[str(loss) + program.variant.suffix] = statistics.estimate(values, level=plan.settings.level)
    if not found:
        return None
    leader = max(found, key=lambda label: float(plan.metric.oriented(np.asarray(found[label].mean))))
    return leader, found[leader]


def interim(
    plan: Plan,
    programs: tuple[HeadProgram, ...],
    groups: Groups,
    seats: Seats,
    *,
    n_seeds: int,
    looks: int,
    seconds: float,
) -> Comparison | None:
    """Return the result of the first `n_seeds` trials without waiting for anything, or None before there are two.

    Baselines that would have to be trained first are left out, but for the constant one.
    """
    if n_seeds < LEAST:
        return None
    rows = [
        groups.get(f"baselines/{trial:05d}")
        or baseline_arrays(plan, seats[trial], seed=engine_seed(plan, trial), all_models=False)
        for trial in range(n_seeds)
    ]
    names = BASELINES[plan.dataset.task][:1]
    baselines = {name: np.stack([row[name] for row in rows]) for name in names}
    evidence = Evidence(programs, groups, baselines, n_seeds, looks, seconds)
    return summarise(plan, evidence, seats, versions=versions.versions())
