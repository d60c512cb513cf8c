"""`lossmith data`: the built-in sets, and what is decided about a file."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lossmith.cli import _options as options

__all__ = ["add"]


def add(app: typer.Typer) -> None:
    """Add the commands to the program."""
    data = typer.Typer(no_args_is_help=True, help="List the built-in data sets, or show what is decided about a file.")
    app.add_typer(data, name="data")

    @data.command("list", epilog="Example: `lossmith data list --json`")
    def list_(json: options.Json = False) -> None:
        """List the built-in data sets."""
        from lossmith.cli._show import print_json, table
        from lossmith.data import BUILT_IN

        rows: list[dict[str, Any]] = [
            {
                "name": record.name,
                "task": record.task,
                "parameters": ",".join(f"{name}={value}" for name, value in record.parameters.items()),
                "description": record.description,
                "reference": record.reference,
                "licence": record.licence,
                "aliases": list(record.aliases),
            }
            for record in BUILT_IN.values()
        ]
        if json:
            print_json(rows)
        else:
            table(rows, ("name", "task", "description", "parameters"), empty="no data set")

    @data.command(epilog="Examples: `lossmith data show circles` · `lossmith data show people.csv --target y`")
    def show(
        source: Annotated[
            str, typer.Argument(metavar="SOURCE", help="A built-in data set, or a CSV, TSV or Parquet file.")
        ],
        target: Annotated[
            str | None, typer.Option("--target", metavar="COL", help="Column to predict (files).")
        ] = None,
        task: Annotated[
            str | None, typer.Option("--task", metavar="TASK", help="regression, binary or multiclass.")
        ] = None,
        json: options.Json = False,
    ) -> None:
        """Read a data set and print every decision: task, target, columns, missing values."""
        from dataclasses import asdict

        from lossmith.cli._show import fields, print_json, table
        from lossmith.data import load

        dataset = load(source, target=target, task=task)
        columns = [asdict(column) for column in dataset.columns]
        if json:
            print_json(
                {
                    "name": dataset.name,
                    "task": dataset.task,
                    "n_samples": dataset.n_samples,
                    "target": dataset.target_name,
                    "classes": dict(zip(dataset.class_names, dataset.class_counts, strict=True)),
                    "decisions": dataset.decisions,
                    "columns": columns,
                    "fingerprint": dataset.fingerprint,
                    "source": dataset.source,
                }
            )
            return
        counts = zip(dataset.class_names, dataset.class_counts, strict=True)
        classes = f", {', '.join(f'{name}: {count:,}' for name, count in counts)}" if dataset.class_names else ""
        rows = [
            ("data", f"{dataset.name}, {dataset.n_samples:,} rows"),
            ("target", f"{dataset.target_name}, {dataset.task}{classes}"),
        ]
        fields([*rows, *(("decided", decision) for decision in dataset.decisions)])
        if columns:
            print()
            table(columns, ("name", "kind", "role", "n_missing", "decision"), empty="", optional=("n_missing", "role"))
