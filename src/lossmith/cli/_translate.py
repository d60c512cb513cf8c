"""`lossmith translate MODEL DATA`: rows of one kind as rows of another, by a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lossmith._errors import InvalidInputError
from lossmith.cli import _options as options

__all__ = ["add"]

_EXAMPLES = "Example: `lossmith translate cyclegan.safetensors summer --size 32 --out winter.png`"


def add(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(epilog=_EXAMPLES)
    def translate(
        model: Annotated[
            Path, typer.Argument(metavar="MODEL", help="A file of `lossmith train cyclegan` or `stargan`.")
        ],
        data: Annotated[
            str, typer.Argument(metavar="DATA", help="Rows of the first kind (with --back: of the second).")
        ],
        to: Annotated[
            str | None, typer.Option("--to", metavar="CLASS", help="Class that rows become (stargan).")
        ] = None,
        back: Annotated[bool, typer.Option("--back", help="From the second kind to the first (cyclegan).")] = False,
        n: Annotated[int | None, typer.Option("--n", metavar="N", min=1, help="The first N rows alone.")] = None,
        target: Annotated[
            str | None, typer.Option("--target", metavar="COL", help="Column that is left out (files).")
        ] = None,
        size: Annotated[
            int | None, typer.Option("--size", metavar="N", min=8, help="Side to which pictures are scaled.")
        ] = None,
        data_dir: Annotated[
            Path | None,
            typer.Option(
                "--data-dir",
                metavar="DIR",
                envvar="LOSSMITH_DATA",
                help="Folder in which files of known sets are looked for.",
            ),
        ] = None,
        out: Annotated[
            Path | None, typer.Option("--out", metavar="FILE", help="File for the rows.", rich_help_panel="Output")
        ] = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Turn rows of one kind into rows of another by a saved model."""
        _translate(model, data, to=to, back=back, n=n, target=target, size=size, data_dir=data_dir, out=out, json=json, quiet=quiet)  # fmt: skip


def _translate(
    path: Path, data: str, *, to: str | None, back: bool, n: int | None, target: str | None, size: int | None, data_dir: Path | None,
    out: Path | None, json: bool, quiet: bool,
) -> None:  # fmt: skip
    from lossmith.cli._generate_rows import check_ending, write_rows
    from lossmith.cli._train_rows import as_table, every_row
    from lossmith.generative import CycleGAN, StarGAN, load
    from lossmith.report._files import check

    if out is not None:
        check(out)
        check_ending(out)
    model = load(path)
    if not isinstance(model, CycleGAN | StarGAN):
        raise InvalidInputError(
            f"{str(path)!r} holds a model that does not turn rows into others",
            expected="a file of lossmith train cyclegan or stargan",
            advice="use lossmith generate",
        )
    star = isinstance(model, StarGAN)
    if star and (back or to is None):
        raise InvalidInputError(
            "--back for a model of classes" if back else "no class to translate to",
            expected="--to CLASS, one of " + ", ".join(map(str, model.classes_.tolist())),
        )
    if not star and to is not None:
        raise InvalidInputError(f"--to {to!r} for a model of two kinds", expected="--back, or nothing")
    rows: Any = every_row(data, target=target, data_dir=data_dir, size=size)[:n]
    if star:
        named = {str(label): label for label in model.classes_.tolist()}
        made = model.translate(rows, named.get(str(to), to))
    else:
        made = model.inverse_transform(rows) if back else model.transform(rows)
    if json:
        from lossmith.cli._show import print_json

        print_json(
            {"n": len(made), "shape": list(made.shape[1:]), "rows": made.tolist() if out is None else None,
             "out": str(out) if out else None}
        )  # fmt: skip
    elif out is None:
        print(as_table(made), end="")
    if out is not None:
        write_rows(made, out)
        if not quiet and not json:
            print(f"{out}: {len(made)} rows of shape {', '.join(map(str, made.shape[1:]))}")
