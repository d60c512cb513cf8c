"""`train_text`: a language model from a text, beside what it has to beat."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from lossmith._checks import Finding
from lossmith._views import view
from lossmith.text._baselines import Baselines, baselines
from lossmith.text._checks import judge_model, judge_text
from lossmith.text._corpus import Corpus, make_corpus, read_text
from lossmith.text._model import LanguageModel
from lossmith.text._network import Architecture, Cell
from lossmith.text._novelty import Novelty, novelty
from lossmith.text._sampling import Sampling
from lossmith.text._training import Plan, Progress, evaluate, train

__all__ = ["Sample", "TextTraining", "train_text", "write"]

NATS_TO_BITS = 1 / math.log(2)


@dataclass(frozen=True, slots=True)
class Sample:
    """A generated text with what is known about it.

    Attributes
    ----------
    text : str
    novelty : Novelty or None
        None where there is no training text to compare with.
    findings : tuple of Finding
    """

    text: str
    novelty: Novelty | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class TextTraining:
    """A trained language model beside its baselines.

    Attributes
    ----------
    name : str
        Of the text.
    model : LanguageModel
    nats, train_nats : float
        For each token of held-out text, and of the last training windows.
    baselines : Baselines
    curve : tuple of (float, float, float)
        Epochs, seconds, nats for each training token.
    findings : tuple of Finding
    sample : Sample
    n_train, n_validation, n_weights : int
    epochs, seconds : float
    decisions : tuple of str
    """

    name: str
    model: LanguageModel
    nats: float
    train_nats: float
    baselines: Baselines
    curve: tuple[tuple[float, float, float], ...]
    findings: tuple[Finding, ...]
    sample: Sample
    n_train: int
    n_validation: int
    n_weights: int
    epochs: float
    seconds: float
    decisions: tuple[str, ...]

    @property
    def bits(self) -> float:
        """Bits for each held-out token."""
        return self.nats * NATS_TO_BITS

    @property
    def perplexity(self) -> float:
        """How many equally likely tokens the model hesitates between."""
        return _perplexity(self.nats)

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        order = self.baselines.best_order
        best = self.baselines.ngrams[order]
        a = self.model.architecture
        shown = f"{a.cell} {'x'.join(map(str, a.hidden))}"
        word = "beats" if self.nats < best else "does not beat"
        token = "character" if self.model.vocabulary.level == "char" else "word"
        return f"{shown} {word} a {order}-gram: {self.nats:.4f} against {best:.4f} nats/{token}, {self.seconds:.0f} s"

    def table(self) -> pl.DataFrame:
        """Return a line for the model and for each baseline, best first: nats, bits, perplexity of held-out text."""
        a = self.model.architecture
        rows = [(f"{a.cell} {'x'.join(map(str, a.hidden))}", "model", self.nats)]
        rows += [(f"{order}-gram", "Kneser-Ney", value) for order, value in self.baselines.ngrams.items()]
        rows += [(name, "compressor", value) for name, value in self.baselines.compressors.items()]
        rows.append(("uniform", "constant", math.log(len(self.model.vocabulary))))
        rows.sort(key=lambda row: row[2])
        return pl.DataFrame(
            [
                {"name": name, "kind": kind, "nats": nats, "bits": nats * NATS_TO_BITS, "perplexity": _perplexity(nats)}
                for name, kind, nats in rows
            ]
        )

    def plot(self, **options: Any) -> Any:
        """Draw the learning curve and the baselines; return the Matplotlib axes."""
        return view(self, "plot", **options)

    def report(self, path: str | os.PathLike[str], **options: Any) -> Any:
        """Write one self-contained HTML page; return the path."""
        return view(self, "report", path=path, **options)

    def to_json(self) -> str:
        """Return everything but the weights as strict JSON; what is not finite is null."""
        described = {
            "name": self.name,
            "verdict": self.verdict,
            "nats": self.nats,
            "bits": self.bits,
            "perplexity": self.perplexity,
            "train_nats": self.train_nats,
            "model": self.model.described(),
            "table": self.table().to_dicts(),
            "curve": [list(point) for point in self.curve],
            "findings": [asdict(finding) for finding in self.findings],
            "sample": asdict(self.sample),
            "n_train": self.n_train,
            "n_validation": self.n_validation,
            "n_weights": self.n_weights,
            "epochs": self.epochs,
            "seconds": self.seconds,
            "decisions": list(self.decisions),
        }
        return json.dumps(_finite(described), allow_nan=False, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))

    def __str__(self) -> str:
        return str(view(self, "text"))


def _perplexity(nats: float) -> float:
    return math.exp(nats) if nats < 700 else math.inf


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(model: LanguageModel, seed_text: str = "", *, source: str = "", held_out: str = "", **options: Any) -> Sample:
    """Return generated text with its findings, and with its novelty where the training text is at hand.

    Parameters
    ----------
    model : LanguageModel
    seed_text : str
    source, held_out : str
        Training text, and text that the model has not seen.
    options
        As in `LanguageModel.generate`.

    Examples
    --------
    >>> verses = "to be or not to be, " * 40
    >>> model = train_text(verses, hidden=(8,), epochs=1, batch_size=4, window=10).model
    >>> write(model, "to", source=verses, length=20).novelty is not None
    True
    """
    text = model.generate(seed_text, **options)
    written = text[len(seed_text) :]
    found = novelty(written, source, held_out) if source else None
    return Sample(text, found, judge_text(written, found))


def train_text(
    source: str | os.PathLike[str] | Corpus,
    *,
    name: str | None = None,
    level: Literal["char", "word"] = "char",
    cell: Cell = "lstm",
    hidden: tuple[int, ...] = (384,),
    embedding: int | None = None,
    validation: float = 0.1,
    first: int | None = None,
    lowercase: bool = False,
    words: int = 10_000,
    sample: Sampling | None = None,
    sample_length: int = 500,
    seed: int = 0,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
    **plan: Any,
) -> TextTraining:
    """Train a language model on a text and judge it on the part of the text that it has not seen.

    `progress` and `clock` are those of `lossmith.compare`.

    Use it to learn how a text goes on; beside the model stand n-grams (modified Kneser-Ney) and compressors, and a check
    says so where the model does not beat them.

    Parameters
    ----------
    source : path, text or Corpus
        A path where it is a `Path` or one line that names a file; otherwise the text itself.
    name : str, optional
        Of the text.
    level, validation, first, lowercase, words
        See `make_corpus`.
    cell : {"lstm", "gru", "simple_rnn"}
    hidden : tuple of int
        Widths of the layers.
    embedding : int, optional
        Width of the vectors of tokens, 0 for one-hot; 64 for characters and 128 for words where nothing is said.
    sample : Sampling, optional
        How the sample is drawn; by default at temperature 0.8.
    sample_length : int
    seed : int
    plan
        Fields of the training: `epochs`, `batch_size`, `window`, `learning_rate`, `dropout`, `clip_norm`, `clip_value`,
        `time_limit`.

    Raises
    ------
    DataError
        No such file, or too little text.
    InvalidInputError
        An option out of range.

    Examples
    --------
    >>> found = train_text("to be or not to be, " * 40, hidden=(8,), epochs=1, batch_size=4, window=10)
    >>> found.baselines.best_order > 1, found.findings[0].code
    (True, 'LS531')
    """
    how = Plan(**plan)
    corpus = source if isinstance(source, Corpus) else _corpus(source, name, level, validation, first, lowercase, words)
    if progress is not None:
        progress(0, 1000, "counting n-grams", "")
    beside = baselines(corpus)
    width = embedding if embedding is not None else (64 if corpus.vocabulary.level == "char" else 128)
    architecture = Architecture(len(corpus.vocabulary), cell, tuple(hidden), width)
    trained = train(architecture, corpus.train, how, seed=seed, progress=progress, clock=clock)
    if progress is not None:
        progress(1000, 1000, "judging", "")
    nats = evaluate(architecture, trained.weights, corpus.train, corpus.validation)
    train_nats = trained.curve[-1][2] if trained.curve else float("nan")
    record = {
        "text": corpus.name,
        "fingerprint": corpus.fingerprint,
        "lowercase": lowercase,
        "nats": float(nats),
        "epochs": float(trained.epochs),
        "seconds": float(trained.seconds),
        "seed": seed,
        **{key: value for key, value in asdict(how).items() if value is not None},
    }
    model = LanguageModel(architecture, corpus.vocabulary, trained.weights, record)
    shown = write(
        model,
        source=corpus.train_text,
        held_out=corpus.validation_text,
        length=sample_length,
        how=sample or Sampling(temperature=0.8),
        seed=seed,
    )
    return TextTraining(
        name=corpus.name,
        model=model,
        nats=nats,
        train_nats=train_nats,
        baselines=beside,
        curve=trained.curve,
        findings=judge_model(nats, train_nats, beside),
        sample=shown,
        n_train=len(corpus.train),
        n_validation=len(corpus.validation),
        n_weights=sum(value.size for value in trained.weights.values()),
        epochs=trained.epochs,
        seconds=trained.seconds,
        decisions=corpus.decisions,
    )


def _corpus(
    source: str | os.PathLike[str],
    name: str | None,
    level: Any,
    validation: float,
    first: int | None,
    lowercase: bool,
    words: int,
) -> Corpus:
    is_file = isinstance(source, os.PathLike) or ("\n" not in source and len(source) < 300 and _names_a_file(source))
    text = read_text(source) if is_file else str(source)
    called = name or (Path(source).stem if is_file else "text")
    return make_corpus(
        text, name=called, level=level, validation=validation, first=first, lowercase=lowercase, words=words
    )


def _names_a_file(source: str) -> bool:
    return Path(source).suffix != "" and " " not in Path(source).suffix and len(Path(source).suffix) < 8
