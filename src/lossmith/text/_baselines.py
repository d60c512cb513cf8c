"""What a language model stands beside: n-grams of every order, and compressors that have read the training text."""

from __future__ import annotations

import bz2
import lzma
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from lossmith.text._corpus import Corpus
from lossmith.text._ngrams import KneserNey

__all__ = ["Baselines", "baselines", "compressed_bits"]

ORDERS = 8
WORD_ORDERS = 4

_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": lambda data: zlib.compress(data, 9),
    "bz2": lambda data: bz2.compress(data, 9),
    "lzma": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
}


@dataclass(frozen=True, slots=True)
class Baselines:
    """Nats for each held-out token, by order of the n-grams and by compressor.

    Attributes
    ----------
    ngrams : dict of int to float
    compressors : dict of str to float
    """

    ngrams: dict[int, float]
    compressors: dict[str, float]

    @property
    def best_order(self) -> int:
        """The order that predicts the held-out text best."""
        return min(self.ngrams, key=lambda order: self.ngrams[order])

    @property
    def best_compressor(self) -> str:
        """The compressor that needs the fewest bits."""
        return min(self.compressors, key=lambda name: self.compressors[name])


def compressed_bits(train: str, validation: str) -> dict[str, float]:
    """Return the bits that each compressor adds for a text after another one.

    Examples
    --------
    >>> sorted(compressed_bits("ab" * 500, "ab" * 50))
    ['bz2', 'lzma', 'zlib']
    """
    before, both = train.encode(), (train + validation).encode()
    return {name: 8.0 * (len(pack(both)) - len(pack(before))) for name, pack in _COMPRESSORS.items()}


def baselines(corpus: Corpus, *, orders: int | None = None) -> Baselines:
    """Return what n-grams and compressors reach on the held-out part of a text.

    Use it beside a language model: what it does not beat has not learned much. `corpus` is that of the model.

    Examples
    --------
    >>> from lossmith.text import make_corpus
    >>> found = baselines(make_corpus("to be or not to be, " * 40), orders=3)
    >>> found.best_order, sorted(found.compressors)
    (3, ['bz2', 'lzma', 'zlib'])
    """
    most = orders or (ORDERS if corpus.vocabulary.level == "char" else WORD_ORDERS)
    model = KneserNey(corpus.train, n_tokens=len(corpus.vocabulary), order=most)
    ngrams = {order: model.nats(corpus.validation, order) for order in range(1, model.order + 1)}
    bits = compressed_bits(corpus.train_text, corpus.validation_text)
    n = len(corpus.validation)
    return Baselines(ngrams, {name: value * math.log(2) / n for name, value in bits.items()})
