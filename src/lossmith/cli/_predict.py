"""`lossmith predict`: predictions of a saved model for new rows; what the model is; the model as a Keras file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossmith._errors import InvalidInputError, did_you_mean
from lossmith.cli import _options as options

if TYPE_CHECKING:
    import polars as pl

    from lossmith.compare.trained import TrainedModel

__all__ = ["add"]

_FORMATS = ("csv", "parquet", "json")
_EXAMPLES = (
    "Examples: `lossmith predict winner.safetensors new.csv > predictions.csv` · "
    "`lossmith predict winner.safetensors new.parquet --proba --id customer --out predictions.parquet` · "
    "`lossmith predict winner.safetensors --info` · `lossmith predict winner.safetensors --export model.keras`"
)


def add(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(epilog=_EXAMPLES)
    def predict(
        model: Annotated[Path, typer.Argument(metavar="MODEL", help="A safetensors file that a comparison saved.")],
        rows: Annotated[
            str | None,
            typer.Argument(
                metavar="[ROWS]",
                help="A CSV, TSV or Parquet file with the columns of the training data; `-` reads standard input.",
            ),
        ] = None,
        proba: Annotated[
            bool, typer.Option("--proba", "--probabilities", help="Also the probability of every class.")
        ] = False,
        id: Annotated[  # noqa: A002
            str | None, typer.Option("--id", metavar="COL", help="Carry this column of the rows through.")
        ] = None,
        info: Annotated[bool, typer.Option("--info", help="Print what the model is, and predict nothing.")] = False,
        export: Annotated[
            Path | None,
            typer.Option("--export", metavar="FILE", help="Write it as a `.keras` file, and predict nothing."),
        ] = None,
        format: Annotated[  # noqa: A002
            str | None,
            typer.Option(
                "--format",
                metavar="NAME",
                help="csv, parquet or json; by the ending of --out, csv where nothing is said.",
                rich_help_panel="Output",
            ),
        ] = None,
        out: Annotated[
            Path | None,
            typer.Option(
                "--out",
                metavar="FILE",
                help="File for the predictions; standard output where nothing is said.",
                rich_help_panel="Output",
            ),
        ] = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Predict new rows with a saved model: one line for each row, in their order.

        Columns are found by name; what is noteworthy about them is said on standard error. A model file is only data:
        opening it runs nothing that it holds.
        """
        asked = [name for name, given in (("ROWS", rows), ("--info", info), ("--export", export)) if given]
        if len(asked) != 1:
            raise InvalidInputError(
                f"{' and '.join(asked)} at once" if asked else "no rows to predict",
                expected="a file of new rows, or --info, or --export model.keras",
                advice="give one of them",
            )
        kind = _kind("json" if json else format, out)

        trained = _opened(model)
        if info:
            _show(trained, model, json=json)
        elif export is not None:
            _export(trained, export, quiet=quiet)
        else:
            _write(_predictions(trained, rows or "", proba=proba, carried=id, quiet=quiet), kind, out)


def _opened(model: Path) -> Any:
    from lossmith import _tensor_file as tensor_file
    from lossmith.compare import classical_model, model_file

    home: Any = classical_model if tensor_file.format_of(model) == classical_model.FORMAT else model_file
    return home.load(model)


def _kind(format: str | None, out: Path | None) -> str:  # noqa: A002
    if format is None and out is None:
        return "csv"
    if format is None:
        ending = out.suffix.lower().lstrip(".") if out is not None else ""
        if ending not in _FORMATS:
            raise InvalidInputError(
                f"--out {str(out)!r}",
                expected="a name that ends in .csv, .parquet or .json",
                advice="change the ending, or add --format",
            )
        return ending
    if format not in _FORMATS:
        raise InvalidInputError(
            f"--format {format!r}", expected="a known format", advice=did_you_mean(format, _FORMATS)
        )
    if format == "parquet" and out is None and sys.stdout.isatty():
        raise InvalidInputError(
            "Parquet for a terminal", expected="a file", advice="add --out predictions.parquet, or choose csv"
        )
    return format


def _predictions(trained: TrainedModel, rows: str, *, proba: bool, carried: str | None, quiet: bool) -> pl.DataFrame:
    import polars as pl

    if proba and trained.task == "regression":
        raise InvalidInputError(
            f"--proba for {trained.target_name!r}, a number", expected="a model of classes", advice="leave --proba away"
        )
    source: Any = "/dev/stdin" if rows == "-" else rows
    columns: dict[str, pl.Series] = {}
    if carried is not None:
        source = _table(trained, source, carried)
        columns[carried] = source[carried]
    read = trained.read(source)
    if not quiet:
        for sentence in read.decisions:
            if carried is None or sentence != f"Column {carried!r} is not used by the model.":
                print(sentence, file=sys.stderr)
    raw = trained.raw(trained.encoder.transform(read.features))
    found = {"prediction": pl.Series("prediction", trained.decide(raw))}
    if proba:
        probability = trained.probabilities(raw)
        for place, name in enumerate(trained.class_names):
            label = f"probability_{name}"
            found[label] = pl.Series(label, probability[:, place])
    if carried in found:
        raise InvalidInputError(
            f"--id {carried!r}, a name that the predictions need",
            expected="another name",
            advice="rename the column",
        )
    return pl.DataFrame(list((columns | found).values()))


def _table(trained: TrainedModel, source: Any, carried: str) -> pl.DataFrame:
    """Return the whole table of a file, with the column that is carried through."""
    import os

    from lossmith.data._files import find_file, read_table

    path = find_file(source, data_dir=os.environ.get("LOSSMITH_DATA"))
    table = read_table(path, known=[*(column.name for column in trained.encoder.columns), carried])
    if not table.named or carried not in table.frame.columns:
        raise InvalidInputError(
            f"no column {carried!r} for --id",
            expected="a column of the rows",
            advice=did_you_mean(carried, table.frame.columns) if table.named else "add a header line to the file",
        )
    return table.frame


def _write(table: pl.DataFrame, kind: str, out: Path | None) -> None:
    import io

    from lossmith.report._files import write

    stream = io.BytesIO()
    if kind == "csv":
        table.write_csv(stream)
    elif kind == "json":
        table.write_json(stream)
        stream.write(b"\n")
    else:
        table.write_parquet(stream)
    if out is not None:
        write(out, stream.getvalue())
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(stream.getvalue())


def _export(trained: TrainedModel, place: Path, *, quiet: bool) -> None:
    import tempfile

    from lossmith.report._files import write

    if not hasattr(trained, "to_keras"):
        raise InvalidInputError(
            f"--export of {trained.model}",
            expected="a network",
            advice="lossmith predict MODEL ROWS works without Keras",
        )
    if place.suffix != ".keras":
        raise InvalidInputError(
            f"--export {str(place)!r}", expected="a name that ends in .keras", advice="add the ending"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        trained.to_keras().save(file)
        write(place, file.read_bytes())
    if not quiet:
        shape = ", ".join(map(str, trained.input_shape))
        gives = "values in units of the target" if trained.task == "regression" else "probabilities"
        print(
            f"{place}: takes inputs of shape (n_samples, {shape}), as TrainedModel.load(...).encode(rows) makes them, "
            f"and gives {gives}"
        )


def _show(trained: TrainedModel, place: Path, *, json: bool) -> None:
    from lossmith.cli._show import fields, print_json

    training, data = getattr(trained, "training", {}), trained.data
    columns = [column.name for column in trained.encoder.columns]
    n_weights = sum(value.size for value in getattr(trained, "weights", ()))
    if json:
        print_json(
            {
                "model": str(trained.model),
                "loss": str(trained.loss),
                "task": trained.task,
                "target": trained.target_name,
                "class_names": trained.class_names,
                "columns": columns,
                "input_shape": trained.input_shape,
                "n_weights": n_weights,
                "metrics": dict(trained.metrics),
                "training": dict(training),
                "data": dict(data),
                "versions": dict(trained.versions),
            }
        )
        return
    classes = f", {' / '.join(trained.class_names)}" if trained.class_names else ""
    shape = " x ".join(map(str, trained.input_shape))
    trained_on = f"{data.get('name')}, {data.get('n_samples')} rows, fingerprint {str(data.get('fingerprint'))[:12]}"
    rows = [
        ("file", str(place)),
        ("target", f"{trained.target_name}, {trained.task}{classes}"),
        ("model", f"{trained.model}, {shape} inputs" + (f", {n_weights:,} weights" if n_weights else "")),
        ("loss", str(trained.loss)),
        ("columns", ", ".join(columns)),
        ("data", trained_on),
        ("training", ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in training.items())),
        (
            "on test rows" if not training else "on its test rows",
            ", ".join(f"{name} {value:.4g}" for name, value in trained.metrics.items()),
        ),
        ("versions", ", ".join(f"{name} {value}" for name, value in trained.versions.items())),
    ]
    fields([(label, text) for label, text in rows if text])
