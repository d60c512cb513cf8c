"""`lossmith losses`: the catalogue, or one loss with everything known about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossmith.cli import _options as options

if TYPE_CHECKING:
    from lossmith.losses import Loss

__all__ = ["PROPERTIES", "TARGETS", "add", "described", "explained"]

PROPERTIES = {
    "convex": "convex in the raw output",
    "smooth": "continuously differentiable",
    "bounded": "bounded above",
    "robust": "bounded gradient",
    "strictly_proper": "strictly proper",
    "symmetric_noise": "unaffected by symmetric label noise",
}
TARGETS = {
    "standardized": "numbers, standardised by the training rows: (y - mean) / standard deviation",
    "mean_scaled": "numbers, divided by the mean of the training rows",
    "original": "numbers in their own units",
    "zero_one": "class 0 as 0, class 1 as 1; soft targets between",
    "minus_one_one": "class 0 as -1, class 1 as 1",
    "distribution": "class ids, or one probability for each class",
}


def add(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(
        epilog="Examples: `lossmith losses` · `lossmith losses huber` · `lossmith losses --task binary --json`"
    )
    def losses(
        name: Annotated[
            str | None, typer.Argument(metavar="[NAME]", help="A loss, as in `huber` or `huber:delta=2`.")
        ] = None,
        task: Annotated[
            str | None, typer.Option("--task", metavar="TASK", help="Only `regression`, `binary` or `multiclass`.")
        ] = None,
        library: Annotated[
            str, typer.Option("--library", metavar="NAME", help="Code to paste for `keras`, `torch` or `sklearn`.")
        ] = "keras",
        json: options.Json = False,
    ) -> None:
        """List the losses, or show one: when to use it, head, targets, formula, gradient, parameters, code to paste."""
        from lossmith.cli._show import fields, print_json, table
        from lossmith.losses import LOSSES, get

        if name is not None:
            loss = get(name)
            if json:
                print_json(described(loss))
            else:
                code = _code(loss, library)
                fields(explained(loss))
                print(f"\n{code}")
            return
        records = [described(loss) for loss in LOSSES.values() if task in (None, loss.task)]
        if task is not None and not records:
            _unknown_task(task)
        if json:
            print_json(records)
        else:
            columns = ("name", "task", "elicits", "head", "encoding", "when")
            table(records, columns, empty="no loss", optional=("encoding", "head", "elicits"))


def _code(loss: Loss, library: str) -> str:
    from lossmith._errors import UnknownNameError, did_you_mean
    from lossmith.losses import configure

    code = configure(loss)
    if library not in code:
        raise UnknownNameError(f"unknown library {library!r}", advice=did_you_mean(library, code))
    return code[library] or f"# {library} has no such loss"


def _unknown_task(task: str) -> None:
    from lossmith._errors import UnknownNameError, did_you_mean
    from lossmith.losses import LOSSES

    raise UnknownNameError(
        f"unknown task {task!r}", advice=did_you_mean(task, dict.fromkeys(loss.task for loss in LOSSES.values()))
    )


def described(loss: Loss) -> dict[str, Any]:
    """Return the record as plain values."""
    from lossmith.losses import configure

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
        "formula": loss.formula,
        "gradient": loss.gradient,
        "when": loss.when,
        "when_not": loss.when_not,
        "reference": loss.reference,
        "twins": dict(loss.twins),
        "code": configure(loss),
        "aliases": list(loss.aliases),
    }


def explained(loss: Loss) -> list[tuple[str, str]]:
    """Return label and text pairs for people."""
    support = ", none of them 0" if loss.full_support else ""
    rows = [
        ("loss", str(loss)),
        ("task", loss.task),
        ("use it", loss.when),
        ("not if", loss.when_not),
        ("value", loss.formula),
        ("gradient", loss.gradient),
        ("elicits", loss.elicits),
        ("head", loss.head.explanation),
        ("targets", f"{TARGETS.get(loss.encoding, loss.encoding)}, in {loss.interval}{support}"),
    ]
    for parameter in loss.parameters:
        value = loss.configuration[parameter.name]
        rows.append(("parameter", f"{parameter.name}={value:g} in {parameter.interval}: {parameter.meaning}"))
    properties = [words for name, words in PROPERTIES.items() if getattr(loss, name)]
    rows.append(("properties", ", ".join(properties) or "none of the named ones"))
    if loss.twins:
        rows.append(("elsewhere", ", ".join(f"{library} {name}" for library, name in loss.twins.items())))
    if loss.aliases:
        rows.append(("also called", ", ".join(loss.aliases)))
    return [*rows, ("reference", loss.reference)]
