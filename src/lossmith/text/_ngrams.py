r"""Interpolated modified Kneser-Ney n-grams: what a language model has to beat, counted in seconds.

$p_n(w \mid h) = \frac{\max(c(hw) - D(c(hw)), 0)}{c(h \cdot)} + \gamma(h)\, p_{n-1}(w \mid h')$ with raw counts c at the
highest order and, below it, the number of different tokens that precede; three discounts $D$ for counts of 1, 2, and 3
or more, from the counts of counts of each order; the lowest order is mixed with the uniform distribution.

Source: Chen, Goodman, An empirical study of smoothing techniques for language modeling, 1999.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from lossmith._errors import InvalidInputError

__all__ = ["KneserNey"]

MOST_ORDER = 30


@dataclass(frozen=True, slots=True)
class _Order:
    """All different n-grams of one length: sorted keys (place of the first n - 1 tokens, last token), and counts."""

    keys: np.ndarray
    counts: np.ndarray
    prefixes: np.ndarray
    suffixes: np.ndarray


@dataclass(frozen=True, slots=True)
class _Table:
    """What one order adds: discounted counts by n-gram; total and mass left over by context."""

    discounted: np.ndarray
    total: np.ndarray
    rest: np.ndarray


@final
class KneserNey:
    """Modified Kneser-Ney over the tokens of a text, for every order up to a highest.

    Parameters
    ----------
    tokens : ndarray of int of shape (n_tokens,)
    n_tokens : int
        Size of the vocabulary.
    order : int
        The highest order: 7 looks at six tokens before.

    Examples
    --------
    >>> model = KneserNey(np.array([0, 1, 0, 1, 0, 2, 0, 1]), n_tokens=3, order=2)
    >>> bool(abs(model.distribution([0], 2).sum() - 1) < 1e-12)
    True
    """

    def __init__(self, tokens: np.ndarray, *, n_tokens: int, order: int = 8) -> None:
        if not 1 <= order <= MOST_ORDER:
            raise InvalidInputError(f"order {order}", expected=f"1 to {MOST_ORDER}")
        if len(tokens) < 1 or tokens.min() < 0 or tokens.max() >= n_tokens:
            raise InvalidInputError(
                f"tokens from {tokens.min() if len(tokens) else '?'} to {tokens.max() if len(tokens) else '?'}",
                expected=f"at least one token, all in 0 to {n_tokens - 1}",
            )
        self.n_tokens = n_tokens
        self._orders: list[_Order] = []
        tokens = tokens.astype(np.int64)
        ending = np.zeros(len(tokens) + 1, np.int64)  # the empty n-gram ends everywhere
        for n in range(1, order + 1):
            if len(tokens) < n:
                break
            # of the n-grams that end at n - 1, n, ...: their first n - 1 tokens end one place before
            before, last = ending[:-1], tokens[n - 1 :]
            keys, first, ids, counts = np.unique(
                before * n_tokens + last, return_index=True, return_inverse=True, return_counts=True
            )
            self._orders.append(_Order(keys, counts, keys // n_tokens, ending[1:][first]))
            ending = ids
        self._tables: dict[tuple[int, bool], _Table] = {}

    @property
    def order(self) -> int:
        """The highest order that the text is long enough for."""
        return len(self._orders)

    def _table(self, n: int, *, highest: bool) -> _Table:
        if (n, highest) not in self._tables:
            found = self._orders[n - 1]
            counts = found.counts
            if not highest:
                above = self._orders[n]
                counts = np.bincount(above.suffixes, minlength=len(found.keys))
            self._tables[n, highest] = self._discounted(n, counts)
        return self._tables[n, highest]

    def _discounted(self, n: int, counts: np.ndarray) -> _Table:
        found = self._orders[n - 1]
        n_contexts = len(self._orders[n - 2].keys) if n > 1 else 1
        discounts = _discounts(counts)
        group = np.minimum(counts, 3)
        discounted = np.maximum(counts - discounts[group], 0.0)
        total = np.bincount(found.prefixes, counts, minlength=n_contexts)
        given = np.bincount(found.prefixes, discounted, minlength=n_contexts)
        with np.errstate(invalid="ignore", divide="ignore"):
            rest = np.where(total > 0, (total - given) / total, 1.0)
        return _Table(discounted, total, rest)

    def _mix(self, n: int, highest: bool, below: np.ndarray, contexts: np.ndarray, grams: np.ndarray) -> np.ndarray:
        """Return the probabilities of order n from those of the order below; -1 stands for what was never seen."""
        table = self._table(n, highest=highest)
        known = contexts >= 0
        at = np.where(known, contexts, 0)
        known &= table.total[at] > 0
        own = np.where(grams >= 0, table.discounted[np.maximum(grams, 0)], 0.0)
        mixed = own / np.where(known, table.total[at], 1.0) + table.rest[at] * below
        return np.where(known, mixed, below)

    def _find(self, n: int, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        keys = self._orders[n - 1].keys
        wanted = np.where(contexts >= 0, contexts * self.n_tokens + tokens, -1)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, place, -1)

    def probabilities(self, tokens: np.ndarray, order: int) -> np.ndarray:
        """Return the probability of every token of a text given those before it, shape (n_tokens,).

        Parameters
        ----------
        tokens : ndarray of int
        order : int
            At most `self.order`.
        """
        self._check(order)
        tokens = np.asarray(tokens, np.int64)
        found = np.full(len(tokens), 1.0 / self.n_tokens)
        contexts = np.zeros(len(tokens), np.int64)
        for n in range(1, order + 1):
            grams = self._find(n, contexts, tokens)
            found = self._mix(n, n == order, found, contexts, grams)
            # the context of the next order is the n-gram that ends one place before
            contexts = np.concatenate([[-1], grams[:-1]])
        return found

    def distribution(self, context: list[int] | np.ndarray, order: int) -> np.ndarray:
        """Return the probabilities of every token after a context, shape (n_tokens,)."""
        self._check(order)
        every = np.arange(self.n_tokens)
        found = np.full(self.n_tokens, 1.0 / self.n_tokens)
        given = [int(token) for token in context]
        for n in range(1, order + 1):
            if n - 1 > len(given):
                break
            place = np.zeros(1, np.int64)
            for length, token in enumerate(given[len(given) - n + 1 :], start=1):
                place = self._find(length, place, np.array([token]))
            contexts = np.repeat(place, self.n_tokens)
            found = self._mix(n, n == order, found, contexts, self._find(n, contexts, every))
        return found

    def nats(self, tokens: np.ndarray, order: int) -> float:
        """Return the mean of -log p over a text, in nats for each token."""
        return float(-np.log(self.probabilities(tokens, order)).mean())

    def _check(self, order: int) -> None:
        if not 1 <= order <= self.order:
            raise InvalidInputError(
                f"order {order}", expected=f"1 to {self.order}", advice="count a higher order first"
            )


def _discounts(counts: np.ndarray) -> np.ndarray:
    """Return what is taken from counts of 0, 1, 2, and 3 or more."""
    n1, n2, n3, n4 = (int((counts == k).sum()) for k in (1, 2, 3, 4))
    if not (n1 and n2):
        return np.array([0.0, 0.5, 0.5, 0.5])  # too few counts to estimate from
    y = n1 / (n1 + 2 * n2)
    found = [0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3 if n3 else 0.5]
    return np.clip(np.array(found), [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 3.0])
