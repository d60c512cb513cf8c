"""A mean with its interval, and a paired difference with its verdict: what every comparison is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Difference", "Estimate", "Verdict"]

Verdict = Literal["best", "better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval.

    Attributes
    ----------
    mean, low, high : float
    level : float
        Confidence level of [low, high].
    n : int
        Seeds behind it.
    deviation : float
        Standard deviation over seeds.
    """

    mean: float
    low: float
    high: float
    level: float
    n: int
    deviation: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference (this loss minus the reference) of the judged metric, oriented so that positive is better.

    Attributes
    ----------
    reference : str
        Label of the loss it is compared with.
    mean, low, high : float
        Paired t interval at the level that Holm leaves this loss: the verdicts hold together at `level`, the intervals singly.
    level : float
        Confidence level before the correction.
    margin : float
        Half-width of the equivalence band, in units of the metric.
    p_value : float
        Of the paired t test of no difference, adjusted (Holm).
    verdict : {"best", "better", "worse", "equivalent", "undecided"}
    seeds_needed : int or None
        For "undecided": how many seeds in all it would take, by the spread seen; None if decided or unaffordable (> 10,000).
    bootstrap_low, bootstrap_high : float
        Percentile bootstrap interval at `level`.
    improvement : float
        Probability of improvement over the reference, ties counted half.
    wilcoxon_p : float
        Wilcoxon signed-rank p-value, adjusted (Holm).
    """

    reference: str
    mean: float
    low: float
    high: float
    level: float
    margin: float
    p_value: float
    verdict: Verdict
    seeds_needed: int | None
    bootstrap_low: float
    bootstrap_high: float
    improvement: float
    wilcoxon_p: float
