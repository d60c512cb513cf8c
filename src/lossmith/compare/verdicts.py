"""From scores to verdicts: best, better, worse, equivalent or undecided, and one sentence that says what to do.

The rule. A difference is *equivalent* when its interval lies inside the margin, *better* or *worse* when its interval
lies wholly outside (and so excludes zero as well), otherwise *undecided*. Each verdict is thereby a claim that more
seeds do not overturn, apart from the error rate; that rate is shared by all losses (Holm) and by all looks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lossmith._errors import InvalidInputError, ShapeError, UnknownNameError, did_you_mean
from lossmith.compare import statistics
from lossmith.compare._spec import Difference, Verdict
from lossmith.compare.statistics import Contrast

__all__ = ["Judgement", "judge", "verdict"]

Floats = npt.NDArray[np.floating[Any]]

# below this margin, in standard deviations of the differences, picking the best as reference alone would produce
# false verdicts (13 % with 10 equal losses and no margin), so that every pair it could have been is counted
NARROW = 0.2


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judged metric says about every loss.

    Attributes
    ----------
    reference : str
        The loss that the others are compared with: the best, unless another was asked for.
    differences : mapping of str to Difference or None
        In order of rank, then of the mean; None for the reference.
    ranks : mapping of str to int
        From 1. Losses that are equivalent to the first of their group share its rank.
    family : int
        Comparisons over which the error is shared.
    failures : mapping of str to int
        Runs without a score, which were given the score of the constant prediction.
    """

    reference: str
    differences: Mapping[str, Difference | None]
    ranks: Mapping[str, int]
    family: int
    failures: Mapping[str, int]

    def named(self, verdict: Verdict) -> tuple[str, ...]:
        """Return the losses with that verdict, in order of rank."""
        if verdict == "best":
            return (self.reference,)
        return tuple(loss for loss, found in self.differences.items() if found and found.verdict == verdict)


def verdict(low: float, high: float, margin: float) -> Verdict:
    """Return what the interval [low, high] of a difference says against the margin.

    Examples
    --------
    >>> verdict(-0.005, -0.001, 0.01), verdict(-0.03, -0.02, 0.01), verdict(-0.02, 0.0, 0.01)
    ('equivalent', 'worse', 'undecided')
    """
    if -margin <= low and high <= margin:
        return "equivalent"
    if high < -margin:
        return "worse"
    if low > margin:
        return "better"
    return "undecided"


def judge(
    scores: Mapping[str, Floats],
    *,
    direction: Literal["higher", "lower"],
    margin: float,
    failure: float | Floats,
    rng: np.random.Generator,
    level: float = 0.95,
    looks: int = 1,
    reference: str | None = None,
    rows: Mapping[str, Floats] | None = None,
    overlap: float = 0.0,
) -> Judgement:
    """Return the verdict on every loss from the judged metric of its runs.

    Runs are paired by seed. A run without a score (NaN: it diverged) is not dropped: it predicts nothing, so it is given
    the score of the constant prediction. Collapsed runs keep the score they have.

    Parameters
    ----------
    scores : mapping of str to ndarray of shape (n_seeds,)
        The judged metric on test; the same seeds in the same order for every loss.
    direction : {"higher", "lower"}
        Which is better.
    margin : float
        Half-width of the equivalence band, in units of the metric.
    failure : float or ndarray of shape (n_seeds,)
        Score of a run that diverged: that of the majority class or the mean, on the same rows.
    rng : numpy.random.Generator
        For the bootstrap, which decides nothing.
    level : float
        Confidence level of all verdicts together.
    looks : int
        How often verdicts are drawn while seeds are added (4 for `auto`): the error is shared by the looks.
    reference : str, optional
        Compare with this loss instead of the best.
    rows : mapping of str to ndarray of shape (n_seeds, n_rows), optional
        `Metric.contributions` of every loss, NaN for rows that a seed did not test. With them the intervals cover the
        choice of test rows as well as the seeds; without them they say nothing about the next test set.
    overlap : float
        Of the training rows of several folds; see `statistics.contrast`.

    Raises
    ------
    InvalidInputError
        No losses, or a negative margin.
    ShapeError
        Losses with different numbers of seeds.

    Examples
    --------
    >>> judged = judge(
    ...     {"huber": np.array([0.90, 0.91, 0.89, 0.90]), "mse": np.array([0.80, 0.82, 0.79, 0.80])},
    ...     direction="higher", margin=0.01, failure=0.5, rng=np.random.default_rng(0),
    ... )
    >>> judged.reference, judged.differences["mse"].verdict, dict(judged.ranks)
    ('huber', 'worse', {'huber': 1, 'mse': 2})
    """
    oriented, failures = _oriented(scores, direction, failure)
    _check(oriented, margin, reference)
    cells = _filled_rows(scores, rows, direction, oriented) if rows is not None else None
    means = {loss: float(values.mean()) for loss, values in oriented.items()}
    order = sorted(oriented, key=lambda loss: -means[loss])
    against = reference or order[0]
    others = [loss for loss in order if loss != against]
    contrasts = {loss: _contrast(oriented, cells, loss, against, overlap) for loss in others}
    family = len(others)
    if reference is None and margin < NARROW * _spread(contrasts):
        family = len(order) * (len(order) - 1) // 2
    alpha = 1.0 - statistics.level_per_look(level, looks)
    levels = _step_down(contrasts, margin=margin, alpha=alpha, family=family)
    found = {
        loss: _difference(contrasts[loss], against, margin=margin, level=level, alpha=levels[loss]) for loss in others
    }
    differences: dict[str, Difference | None] = {against: None}
    differences |= _beside(found, contrasts, oriented, against, family=family, level=level, rng=rng)
    pairs = max(len(order) * (len(order) - 1) // 2, 1)

    def equivalent(loss: str, leader: str) -> bool:
        known = found.get(loss if leader == against else leader)
        if against in (loss, leader) and known is not None:
            return known.verdict == "equivalent"
        bounds = statistics.interval(_contrast(oriented, cells, loss, leader, overlap), 1.0 - alpha / pairs)
        return verdict(*bounds, margin) == "equivalent"

    ranks = _ranks(order, equivalent)
    return Judgement(against, {loss: differences[loss] for loss in ranks}, ranks, family, failures)


def _oriented(
    scores: Mapping[str, Floats], direction: str, failure: float | Floats
) -> tuple[dict[str, Floats], dict[str, int]]:
    if direction not in ("higher", "lower"):
        raise InvalidInputError(
            f"direction {direction!r}", expected="'higher' or 'lower'", advice="use metric.direction"
        )
    sign = 1.0 if direction == "higher" else -1.0
    oriented: dict[str, Floats] = {}
    failures: dict[str, int] = {}
    for loss, values in scores.items():
        values = np.asarray(values, dtype=np.float64)
        missing = np.isnan(values)
        failures[loss] = int(missing.sum())
        if missing.any() and not np.isfinite(np.broadcast_to(failure, values.shape)[missing]).all():
            raise InvalidInputError(
                f"{failures[loss]} runs of {loss} without a score, and failure={failure!r}",
                expected="the finite score of the constant prediction",
                advice="pass the score of the majority class or the mean as failure",
            )
        oriented[loss] = sign * np.where(missing, failure, values) + 0.0
    return oriented, failures


def _check(oriented: Mapping[str, Floats], margin: float, reference: str | None) -> None:
    if not oriented:
        raise InvalidInputError("no losses", expected="one or more", advice="give the scores of at least one loss")
    if reference is not None and reference not in oriented:
        raise UnknownNameError(f"unknown reference {reference!r}", advice=did_you_mean(reference, oriented))
    if not 0.0 <= margin < math.inf:
        raise InvalidInputError(f"margin {margin:g}", expected="a number of 0 or more", advice="0.01 is one point")
    shapes = {values.shape for values in oriented.values()}
    if len(shapes) > 1 or len(next(iter(shapes))) != 1 or 0 in next(iter(shapes)):
        raise ShapeError(
            f"scores of shapes {sorted(shapes)}",
            expected="one shape (n_seeds,) for every loss",
            advice="pair the runs by seed and mark missing ones as NaN",
        )


def _filled_rows(
    scores: Mapping[str, Floats], rows: Mapping[str, Floats], direction: str, oriented: Mapping[str, Floats]
) -> dict[str, Floats]:
    sign = 1.0 if direction == "higher" else -1.0
    tested = np.zeros(next(iter(rows.values())).shape, dtype=bool)
    for values in rows.values():
        tested |= ~np.isnan(values)
    filled = {}
    for loss, values in rows.items():
        failed = np.isnan(np.asarray(scores[loss], dtype=np.float64))[:, None]
        filled[loss] = np.where(failed & tested, oriented[loss][:, None], sign * values)
    return filled


def _contrast(
    oriented: Mapping[str, Floats], cells: Mapping[str, Floats] | None, loss: str, against: str, overlap: float = 0.0
) -> Contrast:
    with np.errstate(invalid="ignore"):  # two runs that are infinitely bad do not differ
        gaps = oriented[loss] - oriented[against]
        gaps = np.where(oriented[loss] == oriented[against], 0.0, gaps)
        grid = None if cells is None else cells[loss] - cells[against]
    if grid is not None and not np.isfinite(gaps).all():
        grid = None
    return statistics.contrast(gaps, grid, overlap=overlap)


def _beside(
    found: Mapping[str, Difference],
    contrasts: Mapping[str, Contrast],
    oriented: Mapping[str, Floats],
    against: str,
    *,
    family: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Difference]:
    """Return the differences with the tests that stand beside the verdict."""
    tested = _holm({loss: statistics.t_test(contrasts[loss]) for loss in found}, family)
    signed = _holm({loss: _wilcoxon(oriented[loss], oriented[against]) for loss in found}, family)
    complete = {}
    for loss in found:
        with np.errstate(invalid="ignore"):
            low, high = statistics.bootstrap_interval(oriented[loss] - oriented[against], level=level, rng=rng)
        complete[loss] = replace(
            found[loss],
            p_value=tested[loss],
            wilcoxon_p=signed[loss],
            bootstrap_low=low,
            bootstrap_high=high,
            improvement=statistics.probability_of_improvement(oriented[loss], oriented[against]),
        )
    return complete


def _wilcoxon(values: Floats, reference: Floats) -> float:
    with np.errstate(invalid="ignore"):
        return statistics.wilcoxon(np.where(values == reference, 0.0, values - reference))


def _spread(contrasts: Mapping[str, Contrast]) -> float:
    deviations = [found.error * math.sqrt(found.n) for found in contrasts.values() if math.isfinite(found.error)]
    return float(np.median(deviations)) if deviations else 0.0


def _decision(found: Contrast, margin: float) -> float:
    """Return the smallest error at which the interval decides."""
    inside = abs(found.mean) <= margin
    if found.error == 0.0 and inside:
        return 0.0
    return statistics.t_test(found, at=math.copysign(margin, found.mean)) if not math.isnan(found.mean) else 1.0


def _step_down(contrasts: Mapping[str, Contrast], *, margin: float, alpha: float, family: int) -> dict[str, float]:
    """Return the error that each comparison may spend: alpha over those not yet decided, kept from the first that is not."""
    levels = {}
    left, stopped = family, False
    decisions = {loss: _decision(found, margin) for loss, found in contrasts.items()}
    for loss in sorted(contrasts, key=lambda each: decisions[each]):
        levels[loss] = alpha / left
        stopped = stopped or decisions[loss] > levels[loss]
        left -= 0 if stopped else 1
    return levels


def _difference(found: Contrast, against: str, *, margin: float, level: float, alpha: float) -> Difference:
    low, high = statistics.interval(found, 1.0 - alpha)
    word = verdict(low, high, margin)
    needed = statistics.seeds_needed(found, margin=margin, level=1.0 - alpha) if word == "undecided" else None
    if needed is not None:
        needed = max(needed, found.n + 1)
    nothing = math.nan
    return Difference(
        against, found.mean, low, high, level, margin, nothing, word, needed, nothing, nothing, nothing, nothing
    )


def _holm(p_values: Mapping[str, float], family: int) -> dict[str, float]:
    adjusted = statistics.holm(list(p_values.values()), family=family)
    return dict(zip(p_values, adjusted.tolist(), strict=True))


def _ranks(order: list[str], equivalent: Any) -> dict[str, int]:
    ranks: dict[str, int] = {}
    left = list(order)
    while left:
        leader = left[0]
        group = [leader, *(loss for loss in left[1:] if equivalent(loss, leader))]
        ranks.update(dict.fromkeys(group, len(ranks) + 1))
        left = [loss for loss in left if loss not in group]
    return ranks
