"""`lossmith data`: the built-in sets, the known sets of images, and what is decided about a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lossmith.cli import _options as options

__all__ = ["add"]

FETCHED = "to be fetched"
_DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", envvar="LOSSMITH_DATA", help="Folder in which files of known sets are looked for."
    ),
]


def add(app: typer.Typer) -> None:
    """Add the commands to the program."""
    data = typer.Typer(
        no_args_is_help=True, help="List the known data sets, fetch one, or show what is decided about a file."
    )
    app.add_typer(data, name="data")

    @data.command("list", epilog="Example: `lossmith data list --json`")
    def list_(data_dir: _DataDir = None, json: options.Json = False) -> None:
        """List the built-in data sets, and the sets of images with where they are."""
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
                "place": "built in",
            }
            for record in BUILT_IN.values()
        ]
        rows += _image_rows(data_dir)
        if json:
            print_json(rows)
        else:
            table(rows, ("name", "task", "description", "parameters", "place"), empty="no data set")

    @data.command(epilog="Examples: `lossmith data fetch mnist` · `lossmith data fetch cifar10 --data-dir data`")
    def fetch(
        name: Annotated[str, typer.Argument(metavar="NAME", help="A known set of images; see `lossmith data list`.")],
        data_dir: _DataDir = None,
        json: options.Json = False,
    ) -> None:
        """Fetch a set of images unless it is on this machine, check it, and say where it is."""
        from lossmith.cli._show import fields, print_json
        from lossmith.data import HUMAN_LABELS, IMAGE_SETS, keras_folder, load_image_set

        base = name.partition(":")[0]
        if base not in IMAGE_SETS and base not in HUMAN_LABELS:
            from lossmith._errors import UnknownNameError, did_you_mean

            advice = did_you_mean(base, [*IMAGE_SETS, *HUMAN_LABELS])
            raise UnknownNameError(f"no set of images {base!r} to fetch", advice=advice)
        dataset = load_image_set(name, data_dir=data_dir)
        place = next(row["place"] for row in _image_rows(data_dir) if base in (row["name"], *row["aliases"]))
        place = str(keras_folder()) if place == FETCHED else place
        if json:
            print_json({"name": dataset.name, "n_samples": dataset.n_samples, "place": place})
        else:
            fields([("data", f"{dataset.name}, {dataset.n_samples:,} images"), ("place", place)])

    @data.command(epilog="Examples: `lossmith data show circles` · `lossmith data show people.csv --target y`")
    def show(
        source: Annotated[
            str,
            typer.Argument(
                metavar="SOURCE", help="A built-in data set, a CSV, TSV or Parquet file, or a folder of pictures."
            ),
        ],
        target: Annotated[
            str | None, typer.Option("--target", metavar="COL", help="Column to predict (files).")
        ] = None,
        task: Annotated[
            str | None, typer.Option("--task", metavar="TASK", help="regression, binary or multiclass.")
        ] = None,
        data_dir: _DataDir = None,
        json: options.Json = False,
    ) -> None:
        """Read a data set and print every decision: task, target, columns, missing values."""
        from dataclasses import asdict

        from lossmith.cli._show import fields, print_json, table
        from lossmith.data import load

        dataset = load(source, target=target, task=task, data_dir=data_dir)
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


def _image_rows(data_dir: Path | None) -> list[dict[str, Any]]:
    """Return a row for each known set of images: where its files are, or that they would be fetched."""
    import os

    from lossmith.data import HUMAN_LABELS, IMAGE_SETS, HumanLabels, ImageSet

    named = data_dir or os.environ.get("LOSSMITH_DATA")
    folders = (Path(named).expanduser(),) if named else ()
    places = {record.name: record.folder(folders) for record in IMAGE_SETS.values()}
    places |= {record.name: record.path(folders) for record in HUMAN_LABELS.values()}
    records: list[ImageSet | HumanLabels] = [*IMAGE_SETS.values(), *HUMAN_LABELS.values()]
    return [
        {
            "name": record.name,
            "task": "multiclass",
            "parameters": "n_samples" + (",labels=worse" if record.name == "cifar10n" else ""),
            "description": record.description,
            "reference": record.reference,
            "licence": record.licence,
            "aliases": list(record.aliases),
            "place": str(places[record.name]) if places[record.name] else FETCHED,
        }
        for record in records
    ]
