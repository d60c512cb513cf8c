"""Kneser-Ney against its definition counted in plain Python, sums of one, and hand calculation."""

from __future__ import annotations

import bz2
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from lossmith._errors import InvalidInputError
from lossmith.text import KneserNey, baselines, make_corpus
from lossmith.text._baselines import compressed_bits


class Plain:
    """Modified Kneser-Ney straight from Chen and Goodman (1999), with dictionaries."""

    def __init__(self, tokens, n_tokens, order):
        self.n_tokens, self.order, tokens = n_tokens, order, list(tokens)
        self.grams = {
            n: Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)) for n in range(1, order + 1)
        }
        self.counts = {order: self.grams[order]}
        for n in range(1, order):
            self.counts[n] = Counter(gram[1:] for gram in self.grams[n + 1])
        self.discounts = {n: self._discounts(self.counts[n].values()) for n in self.counts}
        self.contexts = {n: defaultdict(list) for n in self.counts}
        for n, counts in self.counts.items():
            for gram, count in counts.items():
                self.contexts[n][gram[:-1]].append(count)

    @staticmethod
    def _discounts(values):
        n = Counter(values)
        if not (n[1] and n[2]):
            return [0, 0.5, 0.5, 0.5]
        y = n[1] / (n[1] + 2 * n[2])
        found = [0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3] if n[3] else 0.5]
        return [min(max(d, 0), k) for d, k in zip(found, (0, 1, 2, 3), strict=True)]

    def probability(self, context, token, n=None):
        n = self.order if n is None else n
        if n == 0:
            return 1 / self.n_tokens
        context = tuple(context[len(context) - n + 1 :])
        below = self.probability(context[1:] if context else (), token, n - 1)
        counts = self.contexts[n].get(context)
        if not counts or len(context) < n - 1:
            return below
        taken = self.discounts[n]
        rest = sum(min(taken[min(c, 3)], c) for c in counts) / sum(counts)
        own = self.counts[n].get((*context, token), 0)
        return max(own - taken[min(own, 3)], 0) / sum(counts) + rest * below


TOKENS = np.random.default_rng(0).choice(5, size=400, p=[0.4, 0.3, 0.15, 0.1, 0.05])
HELD = np.random.default_rng(1).choice(5, size=60, p=[0.4, 0.3, 0.15, 0.1, 0.05])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_are_those_of_the_definition(order):
    ours, plain = KneserNey(TOKENS, n_tokens=5, order=4), Plain(TOKENS, 5, order)
    found = ours.probabilities(HELD, order)
    for place in range(order - 1, len(HELD)):
        assert found[place] == pytest.approx(plain.probability(tuple(HELD[:place]), int(HELD[place])), rel=1e-10)


@pytest.mark.parametrize("order", [1, 3, 4])
@pytest.mark.parametrize("context", [[], [0], [0, 1, 2], [4, 4, 4], [1, 0, 0, 1, 0]])
def test_probabilities_sum_to_one_and_agree_with_those_of_a_text(order, context):
    model = KneserNey(TOKENS, n_tokens=6, order=4)  # a sixth token that never occurs
    law = model.distribution(context, order)
    assert law.sum() == pytest.approx(1, abs=1e-12) and (law > 0).all()
    for token in range(6):
        assert model.probabilities(np.array([*context, token]), order)[-1] == pytest.approx(law[token], rel=1e-12)


def test_the_mean_of_the_logarithms():
    model = KneserNey(TOKENS, n_tokens=5, order=2)
    by_hand = -np.mean([math.log(p) for p in model.probabilities(HELD, 2)])
    assert model.nats(HELD, 2) == pytest.approx(by_hand)


def test_a_text_of_one_token_and_a_short_one():
    model = KneserNey(np.zeros(10, int), n_tokens=2, order=3)
    assert model.distribution([0, 0], 3).sum() == pytest.approx(1)
    short = KneserNey(np.array([0, 1]), n_tokens=2, order=8)
    assert short.order == 2 and np.isfinite(short.nats(np.array([1, 0, 1]), 2))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 1], {"n_tokens": 2, "order": 0}), "order 0"),
        (([0, 2], {"n_tokens": 2, "order": 2}), "0 to 1"),
        (([], {"n_tokens": 2, "order": 2}), "at least one token"),
    ],
)
def test_what_cannot_be_counted_is_refused(arguments, words):
    with pytest.raises(InvalidInputError, match=words):
        KneserNey(np.array(arguments[0], int), **arguments[1])
    with pytest.raises(InvalidInputError, match="order 3"):
        KneserNey(TOKENS, n_tokens=5, order=2).nats(HELD, 3)


def test_compressors_count_the_bits_that_a_text_adds():
    train, more = "the cat sat on the mat. " * 50, "the cat sat on the mat. " * 5
    expected = 8 * (len(bz2.compress((train + more).encode(), 9)) - len(bz2.compress(train.encode(), 9)))
    assert compressed_bits(train, more)["bz2"] == expected
    corpus = make_corpus(train + more, validation=0.1)
    found = baselines(corpus)
    assert found.best_order in found.ngrams and found.compressors[found.best_compressor] == min(
        found.compressors.values()
    )


@pytest.mark.realdata
def test_tiny_shakespeare(real_data):
    """The figure of an independent count, order 7: 1.5165 nats a character."""
    text = (real_data / "text" / "tinyshakespeare.txt").read_text(encoding="utf-8")
    corpus = make_corpus(text)
    assert (len(corpus.train), len(corpus.validation), len(corpus.vocabulary)) == (1_003_854, 111_540, 65)
    model = KneserNey(corpus.train, n_tokens=65, order=8)
    assert model.nats(corpus.validation, 7) == pytest.approx(1.5165, abs=5e-5)
    assert model.nats(corpus.validation, 2) == pytest.approx(2.484, abs=5e-4)
    assert model.nats(corpus.validation, 8) > model.nats(corpus.validation, 7) < model.nats(corpus.validation, 6)
