"""`lossmith runs`: what the store holds; show, resume, repeat, export, import and repair."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossmith._errors import InvalidInputError, did_you_mean
from lossmith.cli import _options as options
from lossmith.cli import _results as results

if TYPE_CHECKING:
    from lossmith.compare import Comparison
    from lossmith.compare.store import RunRow

__all__ = ["add"]

Run = Annotated[int | None, typer.Argument(metavar="[ID]", help="Number of the run; the latest where nothing is said.")]
Format = Annotated[
    str, typer.Option("--format", metavar="NAME", help="text, csv, md, github or json.", rich_help_panel="Output")
]
_EXPORTS = ("csv", "parquet", "json", "model", "run", "mlflow", "tensorboard")


def add(app: typer.Typer) -> None:
    """Add the commands to the program."""
    runs = typer.Typer(
        no_args_is_help=True, help="List, show, resume, repeat, export, import and repair the runs of the store."
    )
    app.add_typer(runs, name="runs")

    @runs.command(
        "list", epilog="Examples: `lossmith runs list` · `lossmith runs list --store results/lossmith.db --json`"
    )
    def list_(store: options.StoreFile = None, json: options.Json = False) -> None:
        """List the runs of the store."""
        from lossmith.cli._show import print_json, table

        rows = _rows(options.store_file(store))
        if json:
            print_json(rows)
        else:
            columns = ("run", "name", "status", "began", "seconds", "losses", "seeds", "verdict")
            table(rows, columns, empty="no runs", optional=("seconds", "losses", "began"))

    @runs.command(epilog="Examples: `lossmith runs show` · `lossmith runs show 7 --format md`")
    def show(
        run: Run = None,
        store: options.StoreFile = None,
        report: options.Report = None,
        format: Format = "text",  # noqa: A002
        json: options.Json = False,
    ) -> int:
        """Show a finished run again, as it was shown when it ended."""
        from lossmith.compare import load

        shape = "json" if json else results.check_format(format)
        keep = options.store_file(store)
        result: Any = load(run, store=keep)
        if not hasattr(result, "run"):
            return _of_models(result, shape, None, report, quiet=False)
        return results.present(result, store=keep, report=report, shape=shape)

    @runs.command(epilog="Example: `lossmith runs resume`")
    def resume(
        run: Run = None,
        cluster: options.ClusterAddress = None,
        memory: options.MemorySize = None,
        store: options.StoreFile = None,
        out: options.Out = None,
        report: options.Report = None,
        format: Format = "text",  # noqa: A002
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> int:
        """Go on with an interrupted run; what was finished is not trained again."""
        from lossmith.compare import resume as go_on

        shape = "json" if json else results.check_format(format)
        keep = options.store_file(store, out)
        with results.interruptible(keep, shape), results.progress_display(quiet=quiet) as progress:
            result: Any = go_on(run, store=keep, cluster=cluster, memory=memory, progress=progress)
        if not hasattr(result, "run"):
            return _of_models(result, shape, out, report, quiet=quiet)
        return results.finish(result, store=keep, out=out, report=report, shape=shape)

    @runs.command(epilog="Example: `lossmith runs repeat 7`")
    def repeat(
        run: Run = None,
        cluster: options.ClusterAddress = None,
        memory: options.MemorySize = None,
        store: options.StoreFile = None,
        out: options.Out = None,
        report: options.Report = None,
        format: Format = "text",  # noqa: A002
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> int:
        """Train a run again from nothing, with the same settings, as a new run."""
        from lossmith.compare import repeat as again

        shape = "json" if json else results.check_format(format)
        keep = options.store_file(store, out)
        with results.interruptible(keep, shape), results.progress_display(quiet=quiet) as progress:
            result = again(run, store=keep, cluster=cluster, memory=memory, progress=progress)
        return results.finish(result, store=keep, out=out, report=report, shape=shape)

    @runs.command(
        epilog="Examples: `lossmith runs export > trials.csv` · `lossmith runs export 7 --format parquet --out trials.parquet`"
    )
    def export(
        run: Run = None,
        format: Annotated[  # noqa: A002
            str,
            typer.Option(
                "--format",
                metavar="NAME",
                help="csv or parquet: the trials; json: the comparison; model: the recommended model; run: all that the store "
                "holds of it, as Parquet, for lossmith runs import; mlflow, tensorboard: runs and scalars of these.",
            ),
        ] = "csv",
        out: Annotated[
            Path | None,
            typer.Option("--out", metavar="PATH", help="File or folder; standard output where nothing is said."),
        ] = None,
        tracking_uri: Annotated[
            str | None,
            typer.Option(
                "--tracking-uri",
                metavar="URI",
                help="For mlflow: server or store; its environment says where nothing is.",
            ),
        ] = None,
        store: options.StoreFile = None,
    ) -> None:
        """Export the trials of a run, one row for each training, the whole comparison, or the recommended model."""
        from lossmith.compare import load

        if format not in _EXPORTS:
            raise InvalidInputError(
                f"--format {format!r}", expected="a known format", advice=did_you_mean(format, _EXPORTS)
            )
        keep = options.store_file(store)
        if format == "run":
            _whole(run, keep, out)
            return
        result = load(run, store=keep)
        if not hasattr(result, "run") and format in ("model", "mlflow", "tensorboard"):
            raise InvalidInputError(
                f"--format {format} of a comparison of models",
                expected="csv, parquet or json",
                advice="choose one of them",
            )
        if format in ("mlflow", "tensorboard"):
            _tracked(result, format, out=out, tracking_uri=tracking_uri)
            return
        ending = "safetensors" if format == "model" else format
        _put(_exported(result, format, keep), out, f"run-{getattr(result, 'run', run or 'models')}.{ending}")

    @runs.command("import", epilog="Example: `lossmith runs import run-7.parquet --store results/lossmith.db`")
    def import_(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="What `lossmith runs export --format run` wrote.")],
        store: options.StoreFile = None,
        quiet: options.Quiet = False,
    ) -> None:
        """Take a run from another store, finished or not, under a new number."""
        from lossmith.compare.archive import import_run

        keep = options.store_file(store)
        number = import_run(file, store=keep)
        if not quiet:
            print(f"run {number} of {keep}")

    @runs.command(epilog="Example: `lossmith runs repair --store results/lossmith.db`")
    def repair(
        store: options.StoreFile = None,
        out: Annotated[
            Path | None,
            typer.Option("--out", metavar="FILE", help="The new store; NAME-repaired.db beside the damaged one."),
        ] = None,
        json: options.Json = False,
    ) -> None:
        """Take what is whole of a damaged store into a new one; the damaged file stays as it is."""
        from dataclasses import asdict

        from lossmith.cli._show import print_json
        from lossmith.compare.repair import repair as mend

        found = mend(options.store_file(store), to=out)
        if json:
            print_json({**asdict(found), "path": str(found.path)})
        else:
            print(found)


def _whole(run: int | None, store: Path, out: Path | None) -> None:
    from lossmith.compare.archive import to_bytes
    from lossmith.compare.store import Store

    with Store.open(store, read_only=True) as opened:
        number = run if run is not None else opened.latest()
        content = to_bytes(opened, number)
    _put(content, out, f"run-{number}.parquet")


def _put(content: bytes, out: Path | None, name: str) -> None:
    """Write bytes to a file, into a folder under this name, or to standard output."""
    if out is None:
        sys.stdout.buffer.write(content)
        return
    place = out / name if out.is_dir() or not out.suffix else out
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def _of_models(result: Any, shape: str, out: Path | None, report: Path | None, *, quiet: bool) -> int:
    from lossmith.cli._models import finish

    return finish(result, shape=shape, out=out, place=report, quiet=quiet)


def _tracked(result: Comparison, kind: str, *, out: Path | None, tracking_uri: str | None) -> None:
    from lossmith.report import to_mlflow, to_tensorboard

    if kind == "mlflow":
        print(f"mlflow run {to_mlflow(result, tracking_uri=tracking_uri)}")
        return
    if out is None:
        raise InvalidInputError("no folder", expected="--out DIR", advice="then run tensorboard --logdir DIR")
    print(f"tensorboard {to_tensorboard(result, out)}")


def _exported(result: Comparison, kind: str, store: Path) -> bytes:
    import io

    from lossmith.compare import best_model
    from lossmith.compare.model_file import to_bytes
    from lossmith.report import render

    if kind == "json":
        return (render(result, "json") if hasattr(result, "run") else result.to_json()).encode()
    if kind == "model":
        return to_bytes(best_model(result.run, store=store))
    stream = io.BytesIO()
    if kind == "csv":
        result.trials.write_csv(stream)
    else:
        result.trials.write_parquet(stream)
    return stream.getvalue()


def _rows(path: Path) -> list[dict[str, Any]]:
    from lossmith.compare.store import Store

    with Store.open(path, read_only=True) as store:
        return [_row(record) for record in store.runs()]


def _row(record: RunRow) -> dict[str, Any]:
    from datetime import datetime

    settings = record.settings.get("settings", {})
    return {
        "run": record.run,
        "name": record.name,
        "status": record.status,
        "began": datetime.fromtimestamp(record.created).astimezone().isoformat(sep=" ", timespec="seconds"),
        "seconds": record.seconds,
        "losses": len(settings.get("losses", ())),
        "seeds": settings.get("seeds"),
        "groups": record.n_groups,
        "verdict": record.summary,
        "fingerprint": record.fingerprint,
    }
