"""The answer in one sentence: which loss to train with, by how much, and what is still open."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lossmith.compare._spec import Difference, Estimate
from lossmith.compare.verdicts import Judgement

__all__ = ["decimals", "leading", "sentence"]


def decimals(half_width: float, *, most: int = 6) -> int:
    """Return how many decimals a number deserves whose interval has this half-width.

    One digit of the half-width, two where that digit is a 1: more would be noise.

    Examples
    --------
    >>> decimals(0.0021), decimals(0.0012), decimals(0.5), decimals(35.0), decimals(0.0)
    (3, 4, 1, 0, 3)
    """
    if half_width == 0.0 or not math.isfinite(half_width):
        return 3
    exponent = math.floor(math.log10(half_width))
    leading = half_width / 10.0**exponent
    return min(max(-exponent + (leading < 2.0), 0), most)


def sentence(
    judgement: Judgement,
    *,
    metric: str,
    estimate: Estimate,
    unbeaten: tuple[str, Estimate] | None = None,
) -> str:
    """Return the verdict of a comparison as one sentence.

    Parameters
    ----------
    judgement : Judgement
    metric : str
        Name of the judged metric.
    estimate : Estimate
        Of the judged metric under the reference.
    unbeaten : (name, Estimate), optional
        A baseline that the best loss does not beat.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith.compare import statistics, verdicts
    >>> scores = {"huber": np.array([0.90, 0.91, 0.89, 0.90]), "mse": np.array([0.80, 0.82, 0.79, 0.80])}
    >>> judged = verdicts.judge(scores, direction="higher", margin=0.01, failure=0.5, rng=np.random.default_rng(0))
    >>> sentence(judged, metric="accuracy", estimate=statistics.estimate(scores["huber"]))
    'Use huber: accuracy 0.900 [0.887, 0.913], better than mse by 0.098 [0.090, 0.105]; 4 seeds'
    """
    best = judgement.reference
    parts = []
    equivalent, undecided = judgement.named("equivalent"), judgement.named("undecided")
    worse, better = judgement.named("worse"), judgement.named("better")
    if worse:
        parts.append(_worse(judgement, worse))
    if better:
        parts.append(f"worse than {_listed(better)}")
    if equivalent:
        margin = _difference(judgement, equivalent[0]).margin
        parts.append(f"equivalent to {_listed(equivalent)} within {margin:.2g}")
    if undecided:
        # each line of the leaderboard has its own price; a sentence of seven of them is none
        priced = _listed([_priced(judgement, loss) for loss in undecided])
        parts.append(f"undecided against {priced if len(undecided) <= 2 else f'{len(undecided)} others'}")
    shown = f"{metric} {_bounded(estimate.mean, estimate.low, estimate.high)}"
    if not parts:
        parts.append("the only loss that was compared")
    verb = "Use" if not undecided and not better else "Leading:"
    seeds = f"{estimate.n} seed" + ("" if estimate.n == 1 else "s")
    text = f"{verb} {best}: {shown}, {', '.join(parts)}; {seeds}"
    if unbeaten is not None:
        name, value = unbeaten
        text = f"No loss beats {name} ({_bounded(value.mean, value.low, value.high)}). {text}"
    return text


def leading(loss: str, metric: str, estimate: Estimate) -> str:
    """Return what a live line says of the best loss so far.

    Examples
    --------
    >>> from lossmith.compare import statistics
    >>> leading("huber", "r2", statistics.estimate([0.90, 0.91, 0.89, 0.90]))
    'best so far huber: r2 0.900 [0.887, 0.913]'
    """
    return f"best so far {loss}: {metric} {_bounded(estimate.mean, estimate.low, estimate.high)}"


def _difference(judgement: Judgement, loss: str) -> Difference:
    found = judgement.differences[loss]
    if found is None:
        raise KeyError(loss)
    return found


def _worse(judgement: Judgement, worse: Sequence[str]) -> str:
    nearest = max(worse, key=lambda loss: _difference(judgement, loss).mean)
    found = _difference(judgement, nearest)
    by = _bounded(-found.mean, -found.high, -found.low)
    if len(worse) == 1:
        return f"better than {nearest} by {by}"
    return f"better than {len(worse)} others, of which {nearest} comes nearest, by {by}"


def _priced(judgement: Judgement, loss: str) -> str:
    found = _difference(judgement, loss)
    if found.seeds_needed is None:
        return f"{loss} (more seeds would not settle it)"
    return f"{loss} (about {found.seeds_needed} seeds would settle it)"


def _bounded(mean: float, low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{mean:.3g}"
    digits = decimals((high - low) / 2)
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]
