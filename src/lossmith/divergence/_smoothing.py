"""From counts to probabilities, by a smoothing that has a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._arrays import Array, Namespace, namespace
from lossmith._catalogue import Catalogue
from lossmith._errors import DomainError, InvalidInputError

__all__ = ["SMOOTHINGS", "Smoothing", "probabilities"]


@dataclass(frozen=True, slots=True)
class Smoothing:
    """A rule from counts to probabilities.

    Attributes
    ----------
    name : str
    added : callable
        `added(n_outcomes)`: what is added to every count.
    weight : float
        Share of the uniform distribution that is mixed in afterwards.
    formula : str
        LaTeX; c are the counts, n their sum, k the number of outcomes.
    when, reference : str
    aliases : tuple of str
    """

    name: str
    added: Callable[[int], float]
    formula: str
    when: str
    reference: str
    weight: float = 0.0
    aliases: tuple[str, ...] = ()


SMOOTHINGS: Catalogue[Smoothing] = Catalogue(
    "smoothing",
    [
        Smoothing(
            "none",
            lambda _k: 0.0,
            r"\frac{c}{n}",
            "The counts are the whole population, or zeros mean impossible.",
            "Relative frequency; the maximum likelihood estimate.",
        ),
        Smoothing(
            "add_half",
            lambda _k: 0.5,
            r"\frac{c + 1/2}{n + k/2}",
            "A sample from few outcomes.",
            "Jeffreys, An invariant form for the prior probability, 1946; Krichevsky and Trofimov, 1981",
            aliases=("jeffreys", "krichevsky_trofimov", "add_1/2"),
        ),
        Smoothing(
            "laplace",
            lambda _k: 1.0,
            r"\frac{c + 1}{n + k}",
            "Every outcome is as plausible as any other before the data are seen.",
            "Laplace, Essai philosophique sur les probabilites, 1814",
            aliases=("add_one",),
        ),
        Smoothing(
            "perks",
            lambda k: 1.0 / k,
            r"\frac{c + 1/k}{n + 1}",
            "Many outcomes: the prior weighs one observation in all.",
            "Perks, Some observations on inverse probability, 1947",
        ),
        Smoothing(
            "jelinek_mercer",
            lambda _k: 0.0,
            r"(1 - \lambda) \frac{c}{n} + \frac{\lambda}{k}",
            "Language-like tables; the weight is written after a colon, as in jelinek_mercer:0.05.",
            "Jelinek and Mercer, Interpolated estimation of Markov source parameters, 1980",
            weight=0.1,
        ),
    ],
)


def _parsed(text: str) -> tuple[Smoothing, float]:
    name, colon, number = text.partition(":")
    smoothing = SMOOTHINGS[name]
    if not colon:
        return smoothing, smoothing.weight
    try:
        weight = float(number)
    except ValueError:
        weight = -1.0
    if smoothing.name != "jelinek_mercer" or not 0 <= weight <= 1:
        raise InvalidInputError(
            f"smoothing {text!r}", expected="jelinek_mercer:WEIGHT with a weight in [0, 1], or a bare name"
        )
    return smoothing, weight


def probabilities(counts: Any, *, smoothing: str = "none", axis: int = -1) -> Array:
    """Return the probabilities that belong to counts, by a named smoothing.

    Use it when all you have are counts: every function of this package calls it when told `given="counts"`.

    Parameters
    ----------
    counts : array of shape (..., n_outcomes, ...)
        Numbers that are not negative; whole or weighted.
    smoothing : str
        `none`, `add_half`, `laplace`, `perks`, `jelinek_mercer` or `jelinek_mercer:WEIGHT`.
    axis : int
        Along which the outcomes lie.

    Raises
    ------
    DomainError
        A negative or infinite count, NaN, or nothing counted at all without smoothing.
    UnknownNameError
        No such smoothing.

    Examples
    --------
    >>> probabilities([3, 1, 0, 0]).tolist()
    [0.75, 0.25, 0.0, 0.0]
    >>> probabilities([3, 1, 0, 0], smoothing="laplace").tolist()
    [0.5, 0.25, 0.125, 0.125]
    >>> probabilities([3, 1, 0, 0], smoothing="perks").tolist()
    [0.65, 0.25, 0.05, 0.05]
    """
    if isinstance(counts, list | tuple):
        counts = np.asarray(counts)
    xp = namespace(counts)
    if not xp.isdtype(counts.dtype, "real floating"):
        counts = xp.astype(counts, xp.asarray(1.0).dtype)
    smooth, weight = _parsed(smoothing)
    _check_counts(xp, counts.detach() if hasattr(counts, "detach") else counts)
    n_outcomes = int(counts.shape[axis])
    raised = counts + smooth.added(n_outcomes)
    total = xp.sum(raised, axis=axis, keepdims=True)
    if bool(xp.any(total == 0)):
        raise DomainError(
            "counts that are all zero",
            expected="at least one observation",
            advice="choose a smoothing such as 'add_half', or leave the row out",
        )
    shares = raised / total
    return (1 - weight) * shares + weight / n_outcomes if weight else shares


def _check_counts(xp: Namespace, counts: Array) -> None:
    if bool(xp.any(~xp.isfinite(counts))):
        raise DomainError("counts that hold NaN or an infinity", expected="finite numbers that are not negative")
    lowest = float(xp.min(counts))
    if lowest < 0:
        raise DomainError(f"a count of {lowest:.6g}", expected="numbers that are not negative")
