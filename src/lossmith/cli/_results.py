"""What happens to a finished comparison: files written, result shown, exit code chosen."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from lossmith._errors import InvalidInputError, did_you_mean
from lossmith.cli import _options as options

if TYPE_CHECKING:
    from lossmith.compare import Comparison
    from lossmith.report import ProgressDisplay

__all__ = ["finish", "interruptible", "progress_display", "store_command"]

FORMATS = ("text", "json", "csv", "md", "github")


def check_format(name: str) -> str:
    """Return the name of an output format, checked before anything is trained."""
    if name not in FORMATS:
        raise InvalidInputError(f"--format {name!r}", expected="a known format", advice=did_you_mean(name, FORMATS))
    return name


def progress_display(*, quiet: bool) -> ProgressDisplay:
    """Return the live line on standard error."""
    from lossmith.report import ProgressDisplay

    return ProgressDisplay(quiet=quiet)


def store_command(verb: str, store: Path) -> str:
    """Return `lossmith runs VERB`, with the store where it is not the default one."""
    words = ["lossmith", "runs", *verb.split()]
    if store != Path(options.DEFAULT_STORE):
        words += ["--store", str(store)]
    return shlex.join(words)


@contextmanager
def interruptible(store: Path) -> Iterator[None]:
    """Turn Ctrl-C into a line that says how to go on, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        print(
            f"\ninterrupted; what was finished is kept, go on with `{store_command('resume', store)}`", file=sys.stderr
        )
        raise typer.Exit(130) from None


def finish(
    result: Comparison, *, store: Path, out: Path | None, report: Path | None, shape: str, strict: bool = False
) -> int:
    """Write the files of a comparison, show it, and return the exit code."""
    from lossmith.report import render, show, write_report

    place = report or (out or Path()) / f"{file_name(result.data.name)}.html"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_report(result, place)
    if out is not None:
        (out / "comparison.json").write_text(render(result, "json"), encoding="utf-8")
        result.trials.write_csv(out / "trials.csv")
    if shape == "text":
        repeat = store_command(f"repeat {result.run}", store) if result.run is not None else None
        show(result, report=str(place), store=str(store), repeat=repeat)
    else:
        sys.stdout.write(render(result, shape))  # type: ignore[arg-type]
    return exit_code(result) if strict else 0


def file_name(name: str) -> str:
    """Return a name that every file system takes.

    Examples
    --------
    >>> file_name("circles:noise=0.2"), file_name("../x"), file_name("")
    ('circles-noise-0.2', 'x', 'report')
    """
    return re.sub(r"[^\w.]+", "-", name).strip("-._") or "report"


def exit_code(result: Any) -> int:
    """Return 1 if a check found an error, 3 if a loss is undecided, else 0."""
    if any(finding.severity == "error" for finding in result.findings):
        return 1
    verdicts = {standing.difference.verdict for standing in result.standings if standing.difference is not None}
    return 3 if "undecided" in verdicts else 0
