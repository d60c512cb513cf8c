"""`lossmith train lstm-text FILE`: a language model of characters or words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lossmith._errors import InvalidInputError
from lossmith.cli import _options as options
from lossmith.cli import _results as results

__all__ = ["lstm_text"]

_MODEL = "The model"
_TRAINING = "The training"


def lstm_text(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A text in UTF-8.")],
    level: Annotated[
        str, typer.Option("--level", metavar="char|word", help="What a token is.", rich_help_panel=_MODEL)
    ] = "char",
    cell: Annotated[
        str, typer.Option("--cell", metavar="NAME", help="lstm, gru or simple_rnn.", rich_help_panel=_MODEL)
    ] = "lstm",
    hidden: Annotated[
        str,
        typer.Option(
            "--hidden", metavar="W,W", help="Widths of the layers, as 384 or 300x300.", rich_help_panel=_MODEL
        ),
    ] = "384",
    embedding: Annotated[
        int | None,
        typer.Option(
            "--embedding",
            metavar="N",
            min=0,
            help="Width of the vectors of tokens; 0 is one-hot; 64 for characters, 128 for words.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    words: Annotated[
        int, typer.Option("--words", metavar="N", help="Most frequent words that are kept.", rich_help_panel=_MODEL)
    ] = 10_000,
    lowercase: Annotated[bool, typer.Option("--lowercase", help="Make the text lower case.")] = False,
    first: Annotated[
        int | None, typer.Option("--first", metavar="N", help="Only the first N characters of the text.")
    ] = None,
    validation: Annotated[
        float, typer.Option("--validation", metavar="R", help="Share held out, at the end of the text.")
    ] = 0.1,
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="N", min=1, help="Passes over the text.", rich_help_panel=_TRAINING)
    ] = 8,
    batch_size: Annotated[
        int,
        typer.Option("--batch-size", metavar="N", min=1, help="Places read side by side.", rich_help_panel=_TRAINING),
    ] = 32,
    window: Annotated[
        int,
        typer.Option(
            "--window", metavar="N", min=1, help="Steps after which gradients are cut.", rich_help_panel=_TRAINING
        ),
    ] = 64,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", metavar="X", help="Adam's, at its height.", rich_help_panel=_TRAINING)
    ] = 0.004,
    dropout: Annotated[
        float, typer.Option("--dropout", metavar="R", help="Share of values dropped.", rich_help_panel=_TRAINING)
    ] = 0.1,
    clip_norm: Annotated[
        float, typer.Option("--clip-norm", metavar="X", help="Longest gradient.", rich_help_panel=_TRAINING)
    ] = 1.0,
    clip_value: Annotated[
        float | None,
        typer.Option("--clip-value", metavar="X", help="Largest entry of a gradient.", rich_help_panel=_TRAINING),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time-limit", metavar="TIME", help="Train for at most, for example, 5m.", rich_help_panel=_TRAINING
        ),
    ] = None,
    seed: options.Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="File for the model; the name of the text with the ending .safetensors.",
            rich_help_panel="Output",
        ),
    ] = None,
    report: options.Report = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a language model on a text, beside n-grams and compressors, and save it for `lossmith generate`."""
    from lossmith.report import _files as files
    from lossmith.text import train_text

    place = out or Path(f"{results.file_name(file.stem)}.safetensors")
    if place.suffix != ".safetensors":
        raise InvalidInputError(f"--out {str(place)!r}", expected="a name that ends in .safetensors")
    files.check(place)
    if report is not None:
        files.check(report)
    with results.progress_display(quiet=quiet) as progress:
        result = train_text(
            file,
            level=level,  # type: ignore[arg-type]  # checked with everything else
            cell=cell,  # type: ignore[arg-type]
            hidden=_widths(hidden),
            embedding=embedding,
            words=words,
            lowercase=lowercase,
            first=first,
            validation=validation,
            epochs=epochs,
            batch_size=batch_size,
            window=window,
            learning_rate=learning_rate,
            dropout=dropout,
            clip_norm=clip_norm,
            clip_value=clip_value,
            time_limit=options.seconds(time_limit, option="--time-limit"),
            seed=seed,
            progress=progress,
        )
    result.model.save(place)
    if report is not None:
        result.report(report)
    if json:
        print(result.to_json())
        return
    print(result, end="")
    if not quiet:
        print(f"\nmodel     {place}\nwrite     lossmith generate {place} --seed-text TEXT")


lstm_text.epilog = (  # type: ignore[attr-defined]
    "Examples: `lossmith train lstm-text book.txt` · `lossmith train lstm-text book.txt --hidden 300x300 --time-limit 5m` · "
    "`lossmith train lstm-text book.txt --level word --cell gru`"
)


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace(",", "x").split("x"))
    except ValueError:
        raise InvalidInputError(f"--hidden {text!r}", expected="widths such as 384 or 300x300") from None
