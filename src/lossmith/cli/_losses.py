"""`lossmith losses`: the catalogue, or one loss with everything known about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossmith.cli import _options as options

if TYPE_CHECKING:
    from lossmith.losses import Loss

__all__ = ["FLAGS", "PROPERTIES", "add", "described"]

PROPERTIES = {
    "convex": "convex in the raw output",
    "smooth": "continuously differentiable",
    "bounded": "bounded above",
    "robust": "bounded gradient",
    "strictly_proper": "strictly proper",
    "symmetric_noise": "unaffected by symmetric label noise",
}
# what --flag takes, and the field of the record
FLAGS = {
    "convex": "convex",
    "smooth": "smooth",
    "bounded": "bounded",
    "robust": "robust",
    "proper": "strictly_proper",
    "noise-symmetric": "symmetric_noise",
    "standard": "standard",
    "soft-targets": "full_support",
    "batch": "batchwise",
}


def add(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(
        epilog="Examples: `lossmith losses` · `lossmith losses --task multiclass --flag noise-symmetric,smooth` · "
        "`lossmith losses --task binary --flag not-convex --json` · `lossmith losses huber` · "
        "`lossmith losses huber:delta=2 --report huber.html`"
    )
    def losses(
        name: Annotated[
            str | None, typer.Argument(metavar="[NAME]", help="A loss, as in `huber` or `huber:delta=2`.")
        ] = None,
        task: Annotated[
            str | None,
            typer.Option(
                "--task",
                metavar="TASK",
                help="Only regression, binary, multiclass, multilabel, ordinal, ranking or embedding.",
            ),
        ] = None,
        flag: Annotated[
            list[str] | None,
            typer.Option(
                "--flag",
                metavar="FLAGS",
                help=f"Only losses with all of these: {', '.join(FLAGS)}; `not-` before one turns it round.",
            ),
        ] = None,
        library: Annotated[
            str | None,
            typer.Option("--library", metavar="NAME", help="Code to paste for keras, torch or sklearn only."),
        ] = None,
        report: Annotated[
            Path | None,
            typer.Option("--report", metavar="FILE", help="Write the card of NAME as an HTML page."),
        ] = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """List the losses, or show one: when, head, targets, formula, gradient, noise and outliers, code to paste."""
        from lossmith.cli._show import print_json, table
        from lossmith.losses import EVERY, get

        if name is not None:
            _refuse(task, flag)
            loss = get(name)
            libraries = _libraries(loss, library)
            if report is not None:
                _write(loss, report)
            if json:
                print_json(described(loss))
            elif not (quiet and report is not None):
                _card(loss, libraries, report)
            return
        _refuse_without_name(library, report)
        wanted = _conditions(flag)
        _known_task(task)
        records = [
            described(loss)
            for loss in EVERY.values()
            if task in (None, loss.task) and all(getattr(loss, field) is value for field, value in wanted)
        ]
        if json:
            print_json(records)
        else:
            columns = ("name", "task", "elicits", "head", "encoding", "when")
            table(records, columns, empty="no loss has all of that", optional=("encoding", "head", "elicits"))


def _card(loss: Loss, libraries: list[str] | None, report: Path | None) -> None:
    from rich.console import Console

    from lossmith.report.losses import as_text

    console = Console()
    width = console.width if console.is_terminal else None  # lines in a file or pipe stay whole
    unicode = (console.encoding or "utf-8").lower().startswith("utf")
    print(as_text(loss, width=width, unicode=unicode, libraries=libraries), end="")
    if report is not None:
        print(f"\npage  {report}")


def _write(loss: Loss, report: Path) -> None:
    from lossmith.report._files import check, write
    from lossmith.report.losses import page

    check(report)
    write(report, page(loss))


def _refuse(task: str | None, flag: list[str] | None) -> None:
    from lossmith._errors import InvalidInputError

    for option, value in (("--task", task), ("--flag", flag)):
        if value:
            raise InvalidInputError(
                f"{option} beside the name of one loss", expected="a name, or filters", advice=f"leave {option} away"
            )


def _refuse_without_name(library: str | None, report: Path | None) -> None:
    from lossmith._errors import InvalidInputError

    for option, value in (("--library", library), ("--report", report)):
        if value is not None:
            raise InvalidInputError(
                f"{option} without a loss", expected="the name of one", advice=f"lossmith losses huber {option} {value}"
            )


def _libraries(loss: Loss, library: str | None) -> list[str] | None:
    from lossmith._errors import UnknownNameError, did_you_mean
    from lossmith.losses import configure

    if library is None:
        return None
    known = configure(loss)
    if library not in known:
        raise UnknownNameError(f"unknown library {library!r}", advice=did_you_mean(library, known))
    return [library]


def _known_task(task: str | None) -> None:
    from lossmith._errors import UnknownNameError, did_you_mean
    from lossmith.losses import EVERY

    tasks = dict.fromkeys(loss.task for loss in EVERY.values())
    if task is not None and task not in tasks:
        raise UnknownNameError(f"unknown task {task!r}", advice=did_you_mean(task, tasks))


def _conditions(flags: list[str] | None) -> list[tuple[str, bool]]:
    """Return field and wanted value of every flag in comma lists."""
    from lossmith._errors import UnknownNameError, did_you_mean

    found = []
    for text in flags or []:
        for part in filter(None, (piece.strip().lower().replace("_", "-") for piece in text.split(","))):
            name = part.removeprefix("not-")
            field = FLAGS.get(name) or {field.replace("_", "-"): field for field in FLAGS.values()}.get(name)
            if field is None:
                raise UnknownNameError(f"unknown flag {part!r}", advice=did_you_mean(name, FLAGS))
            found.append((field, not part.startswith("not-")))
    return found


def described(loss: Loss) -> dict[str, Any]:
    """Return the record as plain values."""
    from lossmith.losses import behaviour, configure

    found = behaviour(loss)
    return {
        "name": loss.name,
        "task": loss.task,
        "elicits": loss.elicits,
        "head": loss.head.name,
        "units": loss.head.units,
        "activation": loss.head.activation,
        "encoding": loss.encoding,
        "interval": str(loss.interval),
        "full_support": loss.full_support,
        "parameters": {
            parameter.name: {
                "value": loss.configuration[parameter.name],
                "default": parameter.default,
                "interval": str(parameter.interval),
                "meaning": parameter.meaning,
            }
            for parameter in loss.parameters
        },
        "properties": [name for name in PROPERTIES if getattr(loss, name)],
        "standard": loss.standard,
        "batchwise": loss.batchwise,
        "behaviour": None
        if found is None
        else {"pull": found.pull, "trend": found.trend, "spread": found.spread, "noisy": found.noisy},
        "formula": loss.formula,
        "gradient": loss.gradient,
        "when": loss.when,
        "when_not": loss.when_not,
        "reference": loss.reference,
        "twins": dict(loss.twins),
        "code": configure(loss),
        "aliases": list(loss.aliases),
    }
