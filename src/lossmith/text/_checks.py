"""What is judged automatically about a language model and about the text that it writes."""

from __future__ import annotations

from lossmith._catalogue import Catalogue
from lossmith._checks import Check, Finding
from lossmith.text._baselines import Baselines
from lossmith.text._novelty import RUN, Novelty

__all__ = ["CHECKS", "judge_model", "judge_text"]

CHECKS: Catalogue[Check] = Catalogue(
    "check of text",
    [
        Check(
            "LS531",
            "ngram-not-beaten",
            "error",
            "The model predicts held-out text no better than the best count of n-grams.",
            "What it has learnt stands in a table of counts, which takes seconds.",
            "Train longer, with more units, or on more text; or use the n-grams.",
        ),
        Check(
            "LS532",
            "compressor-not-beaten",
            "error",
            "A general compressor that has read the training text needs fewer bits than the model.",
            "A model of the text should know more about it than a program that knows nothing of text.",
            "Train longer; the learning rate may be far off.",
        ),
        Check(
            "LS533",
            "learnt-by-heart",
            "warning",
            "Held-out text costs 15 % more nats than training text.",
            "The model has begun to learn its text by heart.",
            "Stop earlier, add dropout, or give it more text.",
        ),
        Check(
            "LS534",
            "copied-text",
            "warning",
            "Generated text shares a longer run with the training text than held-out text does, by more than half.",
            "It was copied, not written.",
            "Raise the temperature, or train with dropout.",
        ),
        Check(
            "LS535",
            "text-goes-round",
            "warning",
            "The second half of the generated text repeats one short piece.",
            "Greedy choice and low temperatures fall into loops.",
            "Sample, with temperature 0.7 to 1 or top-p 0.9.",
        ),
    ],
)

HEARSAY = 1.15
COPIED = 1.5
PERIOD = 80  # characters of the longest loop that is looked for


def judge_model(nats: float, train_nats: float, found: Baselines) -> tuple[Finding, ...]:
    """Return the findings on a trained model.

    Parameters
    ----------
    nats, train_nats : float
        For each token of held-out text, and of the last training windows.
    found : Baselines

    Examples
    --------
    >>> [finding.code for finding in judge_model(1.6, 1.5, Baselines({7: 1.5165}, {"bz2": 1.66}))]
    ['LS531']
    """
    findings = []
    order = found.best_order
    if nats >= found.ngrams[order]:
        evidence = f"{nats:.4f} nats, and a {order}-gram reaches {found.ngrams[order]:.4f}"
        findings.append(CHECKS["ngram-not-beaten"].found("the model", evidence))
    name = found.best_compressor
    if nats >= found.compressors[name]:
        evidence = f"{nats:.4f} nats, and {name} needs {found.compressors[name]:.4f}"
        findings.append(CHECKS["compressor-not-beaten"].found("the model", evidence))
    if nats > HEARSAY * train_nats:
        evidence = f"{nats:.3f} nats on held-out text, {train_nats:.3f} on training text"
        findings.append(CHECKS["learnt-by-heart"].found("the model", evidence))
    return tuple(findings)


def judge_text(text: str, found: Novelty | None) -> tuple[Finding, ...]:
    """Return the findings on a generated text.

    Use it on what a model has written; `found` is its `novelty`, or None where there is no training text.

    Examples
    --------
    >>> judge_text("and the and the and the and the and the and the", None)[0].code
    'LS535'
    """
    findings = []
    if found is not None and len(found.longest) > max(RUN, COPIED * found.held_out):
        evidence = (
            f"{len(found.longest)} characters in one run, held-out text shares {found.held_out}: {found.longest[:60]!r}"
        )
        findings.append(CHECKS["copied-text"].found("the text", evidence))
    half = text[len(text) // 2 :]
    for period in range(1, min(PERIOD, len(half) // 3) + 1):
        if half[period:] == half[:-period]:
            findings.append(CHECKS["text-goes-round"].found("the text", f"{half[:period]!r} again and again"))
            break
    return tuple(findings)
