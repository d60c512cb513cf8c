"""`lossmith compare`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lossmith.cli import _models as models_command
from lossmith.cli import _options as options
from lossmith.cli import _results as results

__all__ = ["add"]

_FACTORS = "What is compared"
_PROTOCOL = "How it is compared"
_EXAMPLES = (
    "Examples: `lossmith compare circles` · `lossmith compare people.csv --target y --seeds auto` · "
    "`lossmith compare data.parquet --target price --losses mse,mae,huber:delta=2 --out results`"
)


def add(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(epilog=_EXAMPLES)
    def compare(
        source: Annotated[
            str, typer.Argument(metavar="SOURCE", help="A built-in data set, or a CSV, TSV or Parquet file.")
        ],
        target: Annotated[
            str | None, typer.Option("--target", metavar="COL", help="Column to predict (files).")
        ] = None,
        losses: Annotated[
            list[str] | None,
            typer.Option(
                "--losses",
                "--loss",
                metavar="A,B|all|every",
                help="Losses; the usual ones where nothing is said, `all` standard ones, or `every` one of the catalogue.",
                rich_help_panel=_FACTORS,
            ),
        ] = None,
        models: Annotated[
            list[str] | None,
            typer.Option(
                "--models",
                "--model",
                metavar="NAME:k=v,...",
                help="Model, such as `mlp:hidden=50`; several, or a classical one such as `random_forest`, are compared with each other on the same folds.",
                rich_help_panel=_FACTORS,
            ),
        ] = None,
        optimizers: Annotated[
            list[str] | None,
            typer.Option(
                "--optimizers",
                "--optimizer",
                metavar="NAME:k=v,...",
                help="Optimisers, such as `sgd`, `momentum`, `adam` or `lbfgs`; several are compared, each at rates of its own.",
                rich_help_panel=_FACTORS,
            ),
        ] = None,
        schedules: Annotated[
            list[str] | None,
            typer.Option(
                "--schedules",
                "--schedule",
                metavar="NAME:k=v,...",
                help="What the learning rate does: `constant`, `step`, `exponential`, `linear`, `cosine`, `warmup`, `warmup_cosine`, `plateau`; several are compared.",
                rich_help_panel=_FACTORS,
            ),
        ] = None,
        learning_rates: Annotated[
            str,
            typer.Option(
                "--learning-rates",
                "--learning-rate",
                metavar="X,Y",
                help="These; or `tuned` for each loss on validation data; or `configured`.",
                rich_help_panel=_FACTORS,
            ),
        ] = "tuned",
        noise: Annotated[
            float,
            typer.Option(
                "--noise", metavar="R", help="Share of training labels replaced at random.", rich_help_panel=_FACTORS
            ),
        ] = 0.0,
        seeds: Annotated[
            str,
            typer.Option(
                "--seeds",
                metavar="N|auto",
                help="Trials of each loss; auto adds seeds until decided.",
                rich_help_panel=_PROTOCOL,
            ),
        ] = "10",
        epochs: Annotated[
            int | None,
            typer.Option(
                "--epochs", metavar="N", min=1, help="Passes over the training rows.", rich_help_panel=_PROTOCOL
            ),
        ] = None,
        batch_size: Annotated[
            int | None,
            typer.Option("--batch-size", metavar="N", min=1, help="Rows in a step.", rich_help_panel=_PROTOCOL),
        ] = None,
        folds: Annotated[
            str,
            typer.Option(
                "--folds",
                metavar="KxR",
                help="With several models: `5x2`, `10` or `holdout:10`.",
                rich_help_panel=_PROTOCOL,
            ),
        ] = "5x2",
        metric: Annotated[
            str | None,
            typer.Option(
                "--metric", metavar="NAME", help="Metric that judges; chosen by the task.", rich_help_panel=_PROTOCOL
            ),
        ] = None,
        margin: Annotated[
            float | None,
            typer.Option(
                "--margin",
                metavar="X",
                help="Differences below it are none, in units of the metric.",
                rich_help_panel=_PROTOCOL,
            ),
        ] = None,
        protocol: Annotated[
            str,
            typer.Option(
                "--protocol", metavar="fair|published", help="published: as the sources did.", rich_help_panel=_PROTOCOL
            ),
        ] = "fair",
        precision: Annotated[
            str,
            typer.Option(
                "--precision",
                metavar="NAME",
                help="In which networks compute: float32, bfloat16 or float16; losses stay in float32.",
                rich_help_panel=_PROTOCOL,
            ),
        ] = "float32",
        time_limit: Annotated[
            str | None,
            typer.Option(
                "--time-limit", metavar="TIME", help="Stop after, for example, 90s or 5m.", rich_help_panel=_PROTOCOL
            ),
        ] = None,
        task: Annotated[
            str | None, typer.Option("--task", metavar="TASK", help="regression, binary or multiclass.")
        ] = None,
        group: Annotated[
            str | None, typer.Option("--group", metavar="COL", help="Rows of one group stay on one side of the split.")
        ] = None,
        order: Annotated[
            str | None, typer.Option("--order", metavar="COL", help="Time: the last rows are the test rows.")
        ] = None,
        drop: Annotated[
            list[str] | None, typer.Option("--drop", metavar="COL,COL", help="Columns to leave out.")
        ] = None,
        data_dir: Annotated[
            Path | None,
            typer.Option(
                "--data-dir", metavar="DIR", envvar="LOSSMITH_DATA", help="Folder in which files are looked for."
            ),
        ] = None,
        seed: options.Seed = 0,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and about how long it takes.")] = False,
        strict: Annotated[
            bool, typer.Option("--strict", help="Exit with 3 if a loss is undecided, 1 if a check found an error.")
        ] = False,
        cluster: options.ClusterAddress = None,
        memory: options.MemorySize = None,
        store: options.StoreFile = None,
        out: options.Out = None,
        report: options.Report = None,
        save_model: Annotated[
            Path | None,
            typer.Option(
                "--save-model",
                metavar="FILE",
                help="The recommended model, for `lossmith predict`.",
                rich_help_panel="Output",
            ),
        ] = None,
        format: Annotated[  # noqa: A002
            str,
            typer.Option("--format", metavar="NAME", help="text, csv, md, github or json.", rich_help_panel="Output"),
        ] = "text",
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> int:
        """Train one model under the losses that fit, and say which loss to use.

        Each loss gets its own learning rate, chosen on validation data; losses are judged on test data, paired by seed, by metrics
        that are not losses. A verdict is better, worse, equivalent or undecided, with the seeds it would still take.
        """
        from lossmith.compare.store import Store

        shape = "json" if json else results.check_format(format)
        keep = options.store_file(store, out)
        if not dry_run:
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
            Store.check(keep)  # before Keras is loaded
        from lossmith.compare import compare as run

        names = options.names(models)
        if models_command.is_asked_for(names):
            return models_command.run(
                source,
                names,
                shape=shape,
                out=out,
                report=report,
                quiet=quiet,
                strict=strict,
                refused={
                    "--noise": noise,
                    "--protocol published": protocol != "fair",
                    "--schedules": schedules,
                    "--cluster": cluster,
                    "--memory": memory,
                    "--precision": precision != "float32",
                },
                save_model=save_model,
                dry_run=dry_run,
                store=store,
                target=target,
                losses=",".join(losses) if losses else None,
                folds=folds,
                metric=metric,
                margin=margin,
                optimizer=options.one(optimizers, option="--optimizers"),
                learning_rates=learning_rates,
                epochs=epochs,
                batch_size=batch_size,
                time_limit=options.seconds(time_limit, option="--time-limit"),
                seed=seed,
                task=task,
                group=group,
                order=order,
                drop=[column for text in drop or () for column in text.split(",")],
                data_dir=data_dir,
            )
        with results.interruptible(keep, shape), results.progress_display(quiet=quiet) as progress:
            result = run(
                source,
                target=target,
                losses=",".join(losses or ["default"]),
                model=options.one(models, option="--models"),
                optimizers=options.names(optimizers) or None,
                schedules=options.names(schedules) or None,
                learning_rates=learning_rates,
                noise=noise,
                seeds=seeds,
                epochs=epochs,
                batch_size=batch_size,
                metric=metric,
                margin=margin,
                precision=precision,
                protocol=protocol,  # type: ignore[arg-type]  # checked with everything else
                time_limit=options.seconds(time_limit, option="--time-limit"),
                cluster=cluster,
                memory=memory,
                store=None if dry_run else keep,
                seed=seed,
                task=task,
                group=group,
                order=order,
                drop=[column for text in drop or () for column in text.split(",")],
                data_dir=data_dir,
                progress=progress,
                dry_run=dry_run,
            )
        if dry_run:
            return results.show_plan(result, as_json=shape == "json")
        if save_model is not None:
            results.save_model(result, store=keep, path=save_model)
        return results.finish(result, store=keep, out=out, report=report, shape=shape, strict=strict)
