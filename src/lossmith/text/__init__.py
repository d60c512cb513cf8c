"""Language models of characters and words, beside what they have to beat.

`train_text("book.txt")` trains one, counts n-grams and asks compressors; `LanguageModel.generate` writes.
"""

from __future__ import annotations

from lossmith.text._baselines import Baselines, baselines
from lossmith.text._cells import run_cell
from lossmith.text._checks import CHECKS, judge_model, judge_text
from lossmith.text._corpus import Corpus, Vocabulary, make_corpus, read_text, tokenize
from lossmith.text._model import LanguageModel
from lossmith.text._ngrams import KneserNey
from lossmith.text._novelty import Novelty, novelty
from lossmith.text._sampling import Sampling
from lossmith.text.api import Sample, TextTraining, train_text, write

__all__ = [
    "CHECKS",
    "Baselines",
    "Corpus",
    "KneserNey",
    "LanguageModel",
    "Novelty",
    "Sample",
    "Sampling",
    "TextTraining",
    "Vocabulary",
    "baselines",
    "judge_model",
    "judge_text",
    "make_corpus",
    "novelty",
    "read_text",
    "run_cell",
    "tokenize",
    "train_text",
    "write",
]
