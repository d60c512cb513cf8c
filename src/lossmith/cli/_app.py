"""The program: its commands, its version, and how an error of usage is said in one line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from lossmith import __version__
from lossmith.cli import (
    _compare,
    _data,
    _doctor,
    _drift,
    _generate,
    _lint,
    _losses,
    _predict,
    _runs,
    _study,
    _train,
    _translate,
    divergence,
)

__all__ = ["application", "program"]

INTERRUPTED = 130  # what Typer makes of Ctrl-C

_HELP = """Tells you which loss to train a model with, and proves it.

Trains one model under the losses that fit the task, many seeds and learning rates at once, and says which loss is better, worse,
equivalent or undecided.

Examples: `lossmith compare circles` · `lossmith compare people.csv --target y` · `lossmith losses huber`
"""
_EPILOG = (
    "Exit codes: 0 done, 1 findings, 2 usage or input error, 3 undecided (with --strict), 70 a fault of lossmith, "
    "130 interrupted."
)


def _version(asked: bool) -> None:
    if asked:
        print(f"lossmith {__version__}")
        raise typer.Exit


def application() -> typer.Typer:
    """Return the program with all its commands."""
    app = typer.Typer(
        name="lossmith",
        help=_HELP,
        epilog=_EPILOG,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def lossmith(
        context: typer.Context,
        version: Annotated[  # noqa: ARG001
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
        ] = False,
    ) -> None:
        if context.invoked_subcommand is None:
            print(context.get_help())

    commands = (
        _compare,
        _predict,
        _train,
        _generate,
        _translate,
        _losses,
        _lint,
        divergence,
        _drift,
        _data,
        _runs,
        _study,
        _doctor,
    )
    for module in commands:
        module.add(app)
    return app


def program(arguments: list[str]) -> int:
    """Run the program on `arguments` and return its exit code."""
    command = get_command(application())
    try:
        result = command.main(arguments, prog_name="lossmith", standalone_mode=False)
    except TyperException as error:
        if not error.format_message():
            return 0  # a group without a command has printed its help
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "lossmith"
        message = error.format_message().strip().rstrip(".")
        print(f"error: {' '.join(message.split())}; see `{path} --help`", file=sys.stderr)
        return error.exit_code
    code = result if isinstance(result, int) else 0
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    return code
