"""`lossmith generate MODEL --seed-text ...`: text of a language model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from lossmith._errors import InvalidInputError
from lossmith.cli._generate import GenerateOptions

__all__ = ["generate"]

LENGTH = 500


def generate(path: Path, asked: GenerateOptions) -> None:
    """Write text; with the training text at hand also what of it is copied."""
    from lossmith.report import _files as files
    from lossmith.report.text import sample_lines
    from lossmith.text import LanguageModel, Sample, Sampling, read_text, write
    from lossmith.text._corpus import clean

    asked.refuse("report", kind="text")
    if asked.greedy and (asked.temperature is not None or asked.top_k is not None or asked.top_p is not None):
        raise InvalidInputError(
            "--greedy with --temperature, --top-k or --top-p", expected="one way to choose", advice="leave one away"
        )
    how = Sampling(1.0 if asked.temperature is None else asked.temperature, asked.top_k, asked.top_p, asked.greedy)
    if asked.out is not None:
        files.check(asked.out)
    model = LanguageModel.load(path)
    source, held_out = "", ""
    if asked.training_text is not None:
        whole = clean(read_text(asked.training_text), lowercase=bool(model.record.get("lowercase")))[0]
        source = whole
    samples: list[Sample] = []
    for number in range(asked.n or 1):
        samples.append(
            write(
                model,
                asked.seed_text or "",
                source=source,
                held_out=held_out,
                length=asked.length or LENGTH,
                how=how,
                stop=asked.stop,
                seed=asked.seed + number,
            )
        )
    text = "\n\n".join(sample.text for sample in samples)
    if asked.out is not None:
        files.write(asked.out, (text + "\n").encode())
    if asked.json:
        print(json.dumps([asdict(sample) for sample in samples], ensure_ascii=False))
        return
    if asked.out is None:
        print(text)
    if not asked.quiet:
        for sample in samples:
            lines = sample_lines(sample)
            print("\n".join(["", *lines]) if lines else "", end="\n" if lines else "")
