"""`lossmith lint`: a Keras model, its loss and its data checked before training."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lossmith.cli import _options as options

__all__ = ["add"]

FINDINGS = 1  # exit code


def add(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(
        epilog="Examples: `lossmith lint model.keras data.npz` · `lossmith lint train.py:make people.csv --target y --loss bce` · "
        "`lossmith lint --checks`. Exit code 1 where something was found."
    )
    def lint(
        model: Annotated[
            str | None,
            typer.Argument(
                metavar="[MODEL]",
                help="A `.keras` file (opened in safe mode), or `FILE.py:FUNCTION` that returns a model, or (model, x, y).",
            ),
        ] = None,
        data: Annotated[
            str | None,
            typer.Argument(
                metavar="[DATA]", help="An `.npz` file with x and y, or anything that `lossmith data show` reads."
            ),
        ] = None,
        target: Annotated[
            str | None, typer.Option("--target", metavar="COL", help="Column to predict, for tables.")
        ] = None,
        scale: Annotated[
            bool, typer.Option("--scale", help="Standardise the columns of a table, as the model is trained on.")
        ] = False,
        loss: Annotated[
            str | None,
            typer.Option(
                "--loss", metavar="NAME", help="A Keras or `lossmith:NAME` loss; the compiled one if not given."
            ),
        ] = None,
        from_logits: Annotated[
            bool, typer.Option("--from-logits", help="The loss named by --loss gets raw outputs.")
        ] = False,
        metrics: Annotated[
            str | None,
            typer.Option("--metrics", metavar="NAME,...", help="Keras metrics; the compiled ones if not given."),
        ] = None,
        ignore: Annotated[str | None, typer.Option("--ignore", metavar="CODE,...", help="Checks to leave out.")] = None,
        fail_on: Annotated[
            str,
            typer.Option(
                "--fail-on", metavar="SEVERITY", help="Exit with 1 from `info`, `warning` or `error` upwards."
            ),
        ] = "info",
        form: Annotated[str, typer.Option("--format", metavar="NAME", help="`text`, `json` or `github`.")] = "text",
        checks: Annotated[bool, typer.Option("--checks", help="List the checks.")] = False,
        report: options.Report = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Check a Keras set-up before training: what was seen, why it matters, and the corrected line."""
        from lossmith._errors import InvalidInputError, did_you_mean
        from lossmith.cli import _set_up as set_up
        from lossmith.lint import CHECKS, lint
        from lossmith.lint._spec import at_least

        if checks:
            _list(CHECKS, json=json)
            return
        if model is None:
            raise InvalidInputError(
                "no model", expected="a .keras file or FILE.py:FUNCTION", advice="see lossmith lint --help"
            )
        shown = "json" if json else form
        if shown not in ("text", "json", "github"):
            raise InvalidInputError(
                f"--format {form!r}", expected="a known format", advice=did_you_mean(form, ("text", "json", "github"))
            )
        at_least(fail_on)
        if report is not None:
            from lossmith.report._files import check

            check(report)
        opened, x, y, weights = set_up.read(model, data, target=target, scale=scale)
        result = lint(
            opened,
            x,
            y,
            loss=set_up.named_loss(loss, from_logits=from_logits),
            metrics=[name.strip() for name in metrics.split(",")] if metrics else None,
            sample_weight=weights,
            ignore=[code.strip() for code in ignore.split(",")] if ignore else (),
        )
        _show(result, shown, file=model.partition(":")[0], quiet=quiet)
        if report is not None:
            place = result.report(report)
            if not quiet and shown == "text":
                print(f"\nreport  {place}")
        if result.worst(fail_on):
            raise typer.Exit(FINDINGS)


def _show(result: Any, form: str, *, file: str, quiet: bool) -> None:
    import json as encoder
    import shutil
    import sys

    from lossmith.report.lint import as_github, as_text

    if form == "json":
        print(encoder.dumps(encoder.loads(result.to_json()), indent=2, ensure_ascii=False))
    elif form == "github":
        print(as_github(result, file=file), end="")
    elif not quiet or result.findings:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(as_text(result, width=width), end="")


def _list(checks: Any, *, json: bool) -> None:
    from lossmith.cli._show import print_json, table

    rows = [
        {"code": check.code, "severity": check.severity, "name": check.name, "what": check.what}
        for check in checks.values()
    ]
    if json:
        print_json(rows)
    else:
        table(rows, ("code", "severity", "name", "what"), empty="no checks")
