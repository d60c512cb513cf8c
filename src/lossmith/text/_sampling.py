"""From scores to the next token: greedy, by temperature, among the k likeliest, among the likeliest with probability p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith._errors import InvalidInputError

__all__ = ["Sampling", "choose", "sampled_law"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen.

    Attributes
    ----------
    temperature : float
        Scores are divided by it: below 1 safer, above 1 bolder.
    top_k : int or None
        Only the k likeliest.
    top_p : float or None
        Only the likeliest that together have probability p (the last one that is needed included).
    greedy : bool
        Always the likeliest, whatever else is asked.

    Source of `top_p`: Holtzman and others, The curious case of neural text degeneration, 2020.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    greedy: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise InvalidInputError(
                f"temperature {self.temperature:g}",
                expected="a number above 0",
                advice="for the likeliest token use greedy",
            )
        if self.top_k is not None and self.top_k < 1:
            raise InvalidInputError(f"top-k {self.top_k}", expected="at least 1")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InvalidInputError(f"top-p {self.top_p:g}", expected="a probability in (0, 1]")


def sampled_law(scores: np.ndarray, how: Sampling, *, banned: tuple[int, ...] = ()) -> np.ndarray:
    """Return the probabilities that the next token is drawn from, shape (n_tokens,).

    Examples
    --------
    >>> sampled_law(np.log([0.5, 0.3, 0.2]), Sampling(top_k=2)).round(3).tolist()
    [0.625, 0.375, 0.0]
    """
    scores = np.array(scores, np.float64)
    scores[list(banned)] = -np.inf
    if how.greedy:
        law = np.zeros(len(scores))
        law[scores.argmax()] = 1.0
        return law
    scores = scores / how.temperature
    law = np.exp(scores - scores.max())
    order = np.argsort(-law, kind="stable")
    if how.top_k is not None:
        law[order[how.top_k :]] = 0.0
    law /= law.sum()
    if how.top_p is not None:
        reached = np.cumsum(law[order])
        # rounding must not let one more token in
        needed = int(np.searchsorted(reached, how.top_p - 1e-12)) + 1
        law[order[needed:]] = 0.0
        law /= law.sum()
    return law


def choose(scores: np.ndarray, how: Sampling, rng: np.random.Generator, *, banned: tuple[int, ...] = ()) -> int:
    """Return the number of the next token."""
    law = sampled_law(scores, how, banned=banned)
    if how.greedy:
        return int(law.argmax())
    return int(min(np.searchsorted(np.cumsum(law), rng.random(), side="right"), np.flatnonzero(law)[-1]))
