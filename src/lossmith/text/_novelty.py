"""Whether generated text is new: the longest runs that stand word for word in another text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith import divergence

__all__ = ["Novelty", "matches", "novelty"]

RUN = 20  # characters; two independent texts of one author rarely share longer ones


@dataclass(frozen=True, slots=True)
class Novelty:
    """How much of a text is copied, and how alike its statistics are.

    Attributes
    ----------
    longest : str
        The longest run that stands in the training text.
    held_out : int
        Length of the longest run that as much held-out text shares with it; 0 where there is none to compare with.
    copied : float
        Share of the characters that lie in a run of 20 or more that stands in the training text.
    held_out_copied : float
        The same for held-out text; NaN where there is none.
    jensen_shannon : float
        Divergence of the three-character statistics of the text from those of the training text, in nats.
    kl : float
        The same by Kullback and Leibler, generated against real; infinite where it holds what the real text never does.
    """

    longest: str
    held_out: int
    copied: float
    held_out_copied: float
    jensen_shannon: float
    kl: float


def matches(text: str, source: str) -> np.ndarray:
    """Return, for each place of `text`, the length of the longest run from there that stands in `source`.

    Examples
    --------
    >>> matches("abxab", "cabd").tolist()
    [2, 1, 0, 2, 1]
    """
    found = np.zeros(len(text), int)
    end = 0
    for start in range(len(text)):
        end = max(end, start)
        while end < len(text) and text[start : end + 1] in source:
            end += 1
        found[start] = end - start
    return found


def novelty(text: str, source: str, held_out: str = "") -> Novelty:
    """Return how much of a generated text is copied from its training text, beside as much held-out text.

    Use it to tell writing from copying; `source` is the text that was trained on, `held_out` as much of a text that was not.

    Examples
    --------
    >>> novelty("the cat sat", "a cat sat there").longest
    ' cat sat'
    """
    lengths = matches(text, source)
    place = int(lengths.argmax()) if len(lengths) else 0
    other = matches(held_out[: len(text)], source) if held_out else np.zeros(0, int)
    same, kl = _statistics(text, source)
    return Novelty(
        longest=text[place : place + int(lengths[place])] if len(lengths) else "",
        held_out=int(other.max(initial=0)),
        copied=_copied(lengths),
        held_out_copied=_copied(other) if len(other) else float("nan"),
        jensen_shannon=same,
        kl=kl,
    )


def _copied(lengths: np.ndarray) -> float:
    inside = np.zeros(len(lengths) + 1, int)
    for start in np.flatnonzero(lengths >= RUN):
        inside[start] += 1
        inside[min(start + lengths[start], len(lengths))] -= 1
    return float((np.cumsum(inside)[:-1] > 0).mean()) if len(lengths) else 0.0


def _statistics(text: str, source: str, n: int = 3) -> tuple[float, float]:
    if len(text) < n or len(source) < n:
        return float("nan"), float("nan")
    counts: dict[str, list[int]] = {}
    for which, whole in enumerate((text, source)):
        for place in range(len(whole) - n + 1):
            counts.setdefault(whole[place : place + n], [0, 0])[which] += 1
    table = np.array(list(counts.values()), float)
    p, q = table[:, 0] / table[:, 0].sum(), table[:, 1] / table[:, 1].sum()
    return float(divergence.jensen_shannon_divergence(p, q)), float(divergence.kl_divergence(p, q))
