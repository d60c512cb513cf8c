"""The records of a comparison with several factors: what each does by itself, and whether it depends on another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lossmith.compare._estimates import Difference, Estimate

__all__ = ["Contrast", "Factor", "Factors", "Interaction", "Level"]


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a factor, its runs averaged over the other factors.

    Attributes
    ----------
    name : str
    rank : int
    metric : Estimate
        The judged metric on test, over seeds.
    difference : Difference or None
        Against the best level; None for that.
    """

    name: str
    rank: int
    metric: Estimate
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor: its levels in order of rank, and the answer in a sentence."""

    name: str
    levels: tuple[Level, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Contrast:
    """How much a difference between levels of one factor changes with a level of another.

    Attributes
    ----------
    first, second : str
        Level of the first factor against its best, and of the second against its best.
    difference : Difference
        (first - best) under `second` minus (first - best) under the second's best: 0 where the factors do not interact.
    """

    first: str
    second: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Interaction:
    """Two factors: whether the differences of one depend on the other.

    Attributes
    ----------
    factors : tuple of two str
    verdict : {"present", "none", "undecided"}
    contrasts : tuple of Contrast
    sentence : str
    """

    factors: tuple[str, str]
    verdict: Literal["present", "none", "undecided"]
    contrasts: tuple[Contrast, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Factors:
    """Verdicts on every factor and on every pair of them.

    Attributes
    ----------
    factors : tuple of Factor
    interactions : tuple of Interaction
    left_out : tuple of str
        Levels that were not trained with every level of the others, and so stand in the leaderboard alone.
    """

    factors: tuple[Factor, ...]
    interactions: tuple[Interaction, ...]
    left_out: tuple[str, ...] = ()
