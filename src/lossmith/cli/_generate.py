"""`lossmith generate MODEL`: samples of a trained generator or language model, whichever the file holds."""

from __future__ import annotations

import json as json_module
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from lossmith._errors import InvalidInputError, ModelFileError
from lossmith.cli import _options as options

__all__ = ["KINDS", "GenerateOptions", "add", "kind_of"]

# `kind` of a file's configuration -> module and name of a function that takes the path and the options
KINDS: dict[str, tuple[str, str]] = {
    "text": ("lossmith.cli._generate_text", "generate"),
    "autoencoder": ("lossmith.cli._generate_rows", "generate_rows"),
    "vae": ("lossmith.cli._generate_rows", "generate_rows"),
    "gan": ("lossmith.cli._generate_rows", "generate_rows"),
    "progressive": ("lossmith.cli._generate_rows", "generate_rows"),
    "cyclegan": ("lossmith.cli._generate_rows", "translate_instead"),
    "stargan": ("lossmith.cli._generate_rows", "translate_instead"),
}

# these turn rows that are given into others
TRANSLATORS = ("cyclegan", "stargan")

_MOST_HEADER = 2**26  # bytes
_EXAMPLES = (
    'Examples: `lossmith generate lstm.safetensors --seed-text "ROMEO:" --length 300` · '
    "`lossmith generate vae.safetensors --n 64 --out samples.png`"
)


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """What was asked for; a generator refuses what it does not know, by `refuse`.

    Attributes
    ----------
    n : int or None
        Number of samples.
    seed_text, length, temperature, top_k, top_p, stop, greedy, training_text
        Of language models; None (or False) where nothing was said.
    out : Path or None
    report : Path or None
    seed : int
    json, quiet : bool
    """

    n: int | None = None
    seed_text: str | None = None
    length: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    stop: str | None = None
    greedy: bool = False
    training_text: Path | None = None
    out: Path | None = None
    report: Path | None = None
    seed: int = 0
    json: bool = False
    quiet: bool = False

    def refuse(self, *names: str, kind: str) -> None:
        """Raise if an option was given that a model of this kind has no use for."""
        for name in names:
            if getattr(self, name) not in (None, False):
                raise InvalidInputError(
                    f"--{name.replace('_', '-')} for a model of kind {kind!r}",
                    expected="an option of such a model",
                    advice="leave it away",
                )


def kind_of(path: Path) -> str:
    """Return the kind of model that a safetensors file says it holds; nothing else of the file is looked at.

    Raises
    ------
    ModelFileError
        The file misses, is no safetensors file of lossmith, or holds nothing that generates.
    """
    name = repr(str(path))
    from lossmith._tensor_file import check_regular

    check_regular(path)
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            most = min(_MOST_HEADER, os.fstat(stream.fileno()).st_size - 8)
            header = stream.read(size) if 2 <= size <= most else b""
    except OSError as error:
        raise ModelFileError(
            f"{name} cannot be read: {error.strerror or error}", expected="a model file", advice="check the path"
        ) from error
    found = _mapping(_mapping(header).get("__metadata__"))
    described = _mapping(found.get("lossmith"))
    kind = found.get("kind") or _mapping(described.get("configuration")).get("kind")
    if not described and kind is None:
        raise ModelFileError(
            f"{name} is no model of lossmith", expected="a file that lossmith train wrote", advice="check the path"
        )
    if kind not in KINDS:
        raise ModelFileError(
            f"{name} holds {'no kind of model' if kind is None else f'a model of kind {str(kind)[:40]!r}'}",
            expected="a model that generates: " + ", ".join(name for name in KINDS if name not in TRANSLATORS),
            advice="use lossmith predict for a model of a comparison",
        )
    return str(kind)


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str | bytes):
        try:
            value = json_module.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}


def add(app: typer.Typer) -> None:
    """Add the command to the program."""
    if not KINDS:
        return

    @app.command(epilog=_EXAMPLES)
    def generate(
        model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that `lossmith train` saved.")],
        n: Annotated[int | None, typer.Option("--n", metavar="N", min=1, help="Number of samples.")] = None,
        seed_text: Annotated[
            str | None, typer.Option("--seed-text", metavar="TEXT", help="What the text begins with.")
        ] = None,
        length: Annotated[
            int | None, typer.Option("--length", metavar="N", min=1, help="Characters or words to add, at most.")
        ] = None,
        temperature: Annotated[
            float | None,
            typer.Option("--temperature", metavar="T", help="Below 1 safer, above 1 bolder; 1 is the model itself."),
        ] = None,
        top_k: Annotated[
            int | None, typer.Option("--top-k", metavar="K", min=1, help="Choose among the K likeliest alone.")
        ] = None,
        top_p: Annotated[
            float | None,
            typer.Option("--top-p", metavar="P", help="Choose among the likeliest that together have probability P."),
        ] = None,
        stop: Annotated[
            str | None, typer.Option("--stop", metavar="TEXT", help="End when this text has been generated.")
        ] = None,
        greedy: Annotated[bool, typer.Option("--greedy", help="Always the likeliest.")] = False,
        training_text: Annotated[
            Path | None,
            typer.Option("--training-text", metavar="FILE", help="Say how much is copied from this text."),
        ] = None,
        seed: options.Seed = 0,
        out: Annotated[
            Path | None,
            typer.Option("--out", metavar="FILE", help="File for the samples.", rich_help_panel="Output"),
        ] = None,
        report: options.Report = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Draw samples from a saved model: text from a language model, rows or images from a generator."""
        kind = kind_of(model)
        module, attribute = KINDS[kind]
        asked = GenerateOptions(
            n=n,
            seed_text=seed_text,
            length=length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
            greedy=greedy,
            training_text=training_text,
            out=out,
            report=report,
            seed=seed,
            json=json,
            quiet=quiet,
        )
        getattr(import_module(module), attribute)(model, asked)
