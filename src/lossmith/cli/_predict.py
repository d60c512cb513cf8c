"""`lossmith predict`: a saved model on new rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lossmith._errors import InvalidInputError
from lossmith.cli import _options as options

if TYPE_CHECKING:
    import polars as pl

    from lossmith.compare.trained import TrainedModel

__all__ = ["add"]


def add(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(
        epilog="Examples: `lossmith predict results/people.safetensors new.csv` · "
        "`lossmith predict model.safetensors new.parquet --probabilities --out predicted.csv`"
    )
    def predict(
        model: Annotated[Path, typer.Argument(metavar="MODEL", help="A safetensors file that a comparison saved.")],
        rows: Annotated[Path, typer.Argument(metavar="ROWS", help="A CSV, TSV or Parquet file with the same columns.")],
        probabilities: Annotated[
            bool, typer.Option("--probabilities", help="Also the probability of every class.")
        ] = False,
        out: Annotated[
            Path | None,
            typer.Option("--out", metavar="FILE", help="CSV or Parquet file; standard output where nothing is said."),
        ] = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Predict new rows with a saved model: a class or a value for each, in the order of the rows.

        Columns are found by name; what is noteworthy about them is said on standard error.
        """
        from lossmith.cli._show import print_json
        from lossmith.compare.trained import TrainedModel

        if out is not None and out.suffix not in (".csv", ".parquet"):
            raise InvalidInputError(f"--out {str(out)!r}", expected="a file that ends in .csv or .parquet")
        trained = TrainedModel.load(model)
        frame, said = predicted(trained, rows, probabilities=probabilities)
        for sentence in () if quiet else said:
            print(sentence, file=sys.stderr)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(out) if out.suffix == ".parquet" else frame.write_csv(out)
        elif json:
            print_json(frame.to_dicts())
        else:
            sys.stdout.write(frame.write_csv())


def predicted(trained: TrainedModel, rows: Path, *, probabilities: bool) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the predictions as a frame, and what is noteworthy about the rows."""
    import polars as pl

    read = trained.read(rows)
    raw = trained.raw(trained.encoder.transform(read.features))
    columns = {trained.target_name: trained.decide(raw)}
    if probabilities:
        shares = trained.probabilities(raw)
        columns |= {f"probability of {name}": shares[:, place] for place, name in enumerate(trained.class_names)}
    return pl.DataFrame(columns), read.decisions
