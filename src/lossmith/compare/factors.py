"""What each factor does: main effects paired by seed, and interactions as differences of differences.

The rules of verdicts are those of the leaderboard: a paired t interval against a margin, the error shared (Holm) over
the levels of a factor, or over the contrasts of a pair.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lossmith.compare import statistics, verdicts
from lossmith.compare._factor_spec import Contrast, Factor, Factors, Interaction, Level
from lossmith.compare._spec import Difference, Settings
from lossmith.compare.plan import Plan
from lossmith.compare.recommend import decimals

__all__ = ["factor_verdicts", "judge_factors"]

Floats = npt.NDArray[np.floating[Any]]
Cell = tuple[str, ...]


def factor_verdicts(
    plan: Plan,
    settings: Settings,
    scores: Mapping[str, Floats],
    rows: Mapping[str, Floats] | None,
    failure: Floats,
    *,
    looks: int,
) -> Factors | None:
    """Return the verdicts on every factor of a comparison, or None where only the loss varies.

    Parameters
    ----------
    plan : Plan
    settings : Settings
        With the margin in force.
    scores, rows : mapping of str to ndarray
        By label, NaN for runs that diverged.
    failure : ndarray of shape (n_seeds,)
        The score of such a run.
    looks : int
    """
    if len(plan.variants) < 2:
        return None
    cells = {
        f"{loss}{variant.suffix}": (str(loss), *variant.levels.values())
        for loss in plan.losses
        for variant in plan.variants
    }
    filled = {cells[label]: np.where(np.isnan(values), failure, values) for label, values in scores.items()}
    grids = None
    if rows is not None:
        # a run that diverged predicts nothing, test row by test row
        grids = {
            cells[label]: np.where(np.isnan(scores[label])[:, None], failure[:, None], values)
            for label, values in rows.items()
        }
    return judge_factors(
        ["loss", "optimizer", "schedule"],
        filled,
        direction=plan.metric.direction,
        margin=settings.margin,
        rng=np.random.default_rng([settings.seed, 3]),
        metric=str(plan.metric),
        level=settings.level,
        looks=looks,
        rows=grids,
    )


def judge_factors(
    names: Sequence[str],
    scores: Mapping[Cell, Floats],
    *,
    direction: Literal["higher", "lower"],
    margin: float,
    rng: np.random.Generator,
    metric: str,
    level: float = 0.95,
    looks: int = 1,
    rows: Mapping[Cell, Floats] | None = None,
) -> Factors:
    r"""Return the verdict on every factor and on every pair of factors.

    A main effect compares levels by their mean over all combinations of the others. The interaction of level i of one
    factor with level j of another is $(x_{ij} - x_{bj}) - (x_{ib} - x_{bb})$, where b is the best level of each: how
    much the price of i changes from b to j. It is *present* where one such contrast lies wholly outside the margin,
    *none* where all lie inside it.

    Parameters
    ----------
    names : sequence of str
        Of the factors, in the order of the cells.
    scores : mapping of tuple of str to ndarray of shape (n_seeds,)
        Finite scores of each combination of levels, paired by seed.
    direction, margin, rng, level, looks
        As in `verdicts.judge`.
    metric : str
        Name of the judged metric, for the sentences.
    rows : mapping of tuple of str to ndarray of shape (n_seeds, n_rows), optional
        Test row by test row, for intervals that cover the choice of test rows.

    Examples
    --------
    >>> x = np.array([0.80, 0.81, 0.79, 0.80])
    >>> cells = {("a", "u"): x, ("b", "u"): x - 0.1, ("a", "v"): x - 0.001, ("b", "v"): x - 0.001}
    >>> found = judge_factors(["loss", "optimizer"], cells, direction="higher", margin=0.01,
    ...                       rng=np.random.default_rng(0), metric="accuracy")
    >>> found.factors[0].levels[1].difference.verdict, found.interactions[0].verdict
    ('worse', 'present')
    """
    cells, left_out = _complete(scores, len(names))
    levels = [list(dict.fromkeys(cell[place] for cell in cells)) for place in range(len(names))]
    varying = [place for place in range(len(names)) if len(levels[place]) > 1]
    options = {"direction": direction, "margin": margin, "rng": rng, "level": level, "looks": looks}
    found, best = [], {}
    for place in varying:
        factor, leader = _main(names[place], place, levels[place], cells, rows, metric, options)
        found.append(factor)
        best[place] = leader
    pairs = [
        _interaction((names[one], names[other]), (one, other), levels, best, cells, rows, options)
        for one, other in itertools.combinations(varying, 2)
    ]
    return Factors(tuple(found), tuple(pairs), left_out)


def _complete(scores: Mapping[Cell, Floats], n_factors: int) -> tuple[dict[Cell, Floats], tuple[str, ...]]:
    """Return the largest full grid that is left when levels that miss a combination are given up one by one."""
    cells: dict[Cell, Floats] = dict(scores)
    left_out: list[str] = []
    while True:
        levels = [list(dict.fromkeys(cell[place] for cell in cells)) for place in range(n_factors)]
        missing = [cell for cell in itertools.product(*levels) if cell not in cells]
        if not missing:
            return cells, tuple(left_out)
        counts = {
            (place, name): sum(cell[place] == name for cell in missing)
            for place in range(n_factors)
            for name in levels[place]
        }
        # the level with the largest share of its combinations missing
        place, name = max(
            counts, key=lambda each: counts[each] / sum(cell[each[0]] == each[1] for cell in itertools.product(*levels))
        )
        left_out.append(name)
        cells = {cell: values for cell, values in cells.items() if cell[place] != name}


def _mean(arrays: Mapping[Cell, Floats], **fixed: Any) -> Floats:
    """Return the mean over all combinations with these levels, such as `at={0: "hinge"}`."""
    wanted = fixed["at"]
    chosen = [values for cell, values in arrays.items() if all(cell[place] == name for place, name in wanted.items())]
    return np.asarray(np.mean(chosen, axis=0))


def _main(
    name: str,
    place: int,
    levels: Sequence[str],
    cells: Mapping[Cell, Floats],
    rows: Mapping[Cell, Floats] | None,
    metric: str,
    options: Mapping[str, Any],
) -> tuple[Factor, str]:
    means = {each: _mean(cells, at={place: each}) for each in levels}
    grids = None if rows is None else {each: _mean(_of(rows, cells), at={place: each}) for each in levels}
    judged = verdicts.judge(means, failure=0.0, rows=grids, **options)
    found = tuple(
        Level(each, judged.ranks[each], statistics.estimate(means[each], level=options["level"]), gap)
        for each, gap in judged.differences.items()
    )
    return Factor(name, found, _sentence(name, judged, metric)), judged.reference


def _of(rows: Mapping[Cell, Floats], cells: Mapping[Cell, Floats]) -> dict[Cell, Floats]:
    return {cell: rows[cell] for cell in cells}


def _sentence(name: str, judged: verdicts.Judgement, metric: str) -> str:
    parts = []
    for word in ("worse", "equivalent", "undecided"):
        group = judged.named(word)
        if not group:
            continue
        if word == "worse":
            by = ", ".join(f"{each} by {_shown(judged.differences[each], flip=True)}" for each in group)
            parts.append(f"better than {by}")
        elif word == "equivalent":
            parts.append(f"equivalent to {', '.join(group)}")
        else:
            priced = [_priced(each, judged.differences[each]) for each in group]
            parts.append(f"undecided against {', '.join(priced)}")
    return f"{name}: {judged.reference} is {'; '.join(parts)} ({metric}, over the other factors)"


def _priced(name: str, gap: Difference | None) -> str:
    needed = None if gap is None else gap.seeds_needed
    return f"{name} ({f'about {needed} seeds' if needed else 'no affordable number of seeds'} would settle it)"


def _shown(gap: Difference | None, *, flip: bool = False) -> str:
    if gap is None:
        return ""
    mean, low, high = (-gap.mean, -gap.high, -gap.low) if flip else (gap.mean, gap.low, gap.high)
    places = decimals((high - low) / 2)
    return f"{mean:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def _interaction(
    names: tuple[str, str],
    places: tuple[int, int],
    levels: Sequence[Sequence[str]],
    best: Mapping[int, str],
    cells: Mapping[Cell, Floats],
    rows: Mapping[Cell, Floats] | None,
    options: Mapping[str, Any],
) -> Interaction:
    one, other = places

    def change(arrays: Mapping[Cell, Floats], i: str, j: str) -> Floats:
        a, b = best[one], best[other]

        def at(first: str, second: str) -> Floats:
            return _mean(arrays, at={one: first, other: second})

        return (at(i, j) - at(a, j)) - (at(i, b) - at(a, b))

    pairs = [(i, j) for i in levels[one] if i != best[one] for j in levels[other] if j != best[other]]
    nothing = "no interaction"
    scores: dict[str, Floats] = {nothing: np.zeros(len(next(iter(cells.values()))))}
    scores |= {f"{i}\n{j}": change(cells, i, j) for i, j in pairs}
    grids: dict[str, Floats] | None = None
    if rows is not None:
        kept = _of(rows, cells)
        changes = {f"{i}\n{j}": change(kept, i, j) for i, j in pairs}
        grids = {nothing: next(iter(changes.values())) * 0.0, **changes}
    judged = verdicts.judge(scores, failure=0.0, rows=grids, reference=nothing, **options)
    contrasts = []
    for i, j in pairs:
        gap = judged.differences[f"{i}\n{j}"]
        if gap is not None:
            contrasts.append(Contrast(i, j, gap))
    words = [contrast.difference.verdict for contrast in contrasts]
    verdict: Literal["present", "none", "undecided"] = "undecided"
    if "worse" in words or "better" in words:
        verdict = "present"
    elif all(word == "equivalent" for word in words):
        verdict = "none"
    return Interaction(
        names, verdict, tuple(contrasts), _interaction_sentence(names, verdict, contrasts, (best[one], best[other]))
    )


def _interaction_sentence(
    names: tuple[str, str], verdict: str, contrasts: Sequence[Contrast], best: tuple[str, str]
) -> str:
    head = f"{names[0]} x {names[1]}"
    if verdict == "present":
        decided = [one for one in contrasts if one.difference.verdict in ("worse", "better")]
        largest = max(decided, key=lambda one: abs(one.difference.mean))
        return (
            f"{head}: they interact: {largest.first} against {best[0]} changes by {_shown(largest.difference)} "
            f"from {best[1]} to {largest.second}"
        )
    if verdict == "none":
        return f"{head}: no interaction beyond the margin of {contrasts[0].difference.margin:.2g}"
    open_ = [one for one in contrasts if one.difference.verdict == "undecided"]
    needed = [one.difference.seeds_needed for one in open_]
    price = "no affordable number of seeds" if None in needed else f"about {max(n or 0 for n in needed)} seeds"
    return f"{head}: undecided whether they interact ({len(open_)} of {len(contrasts)} contrasts open; {price} would settle it)"
