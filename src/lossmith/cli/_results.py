"""What happens to a finished comparison: files written, result shown, exit code chosen."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from lossmith._errors import InvalidInputError, did_you_mean
from lossmith.cli import _options as options

if TYPE_CHECKING:
    from lossmith.compare import Comparison
    from lossmith.compare.plan import Plan

__all__ = [
    "Interrupted",
    "check_format",
    "finish",
    "interruptible",
    "present",
    "progress_display",
    "show_plan",
    "store_command",
]

FORMATS = ("text", "json", "csv", "md", "github")


def check_format(name: str) -> str:
    """Return the name of an output format, checked before anything is trained."""
    if name not in FORMATS:
        raise InvalidInputError(f"--format {name!r}", expected="a known format", advice=did_you_mean(name, FORMATS))
    return name


def progress_display(*, quiet: bool) -> AbstractContextManager[Any]:
    """Return the live line on standard error."""
    from lossmith.report import ProgressDisplay

    return ProgressDisplay(quiet=quiet)


def store_command(verb: str, store: Path) -> str:
    """Return `lossmith runs VERB`, with the store where it is not the default one."""
    words = ["lossmith", "runs", *verb.split()]
    if store != Path(options.DEFAULT_STORE):
        words += ["--store", str(store)]
    return shlex.join(words)


@final
class Interrupted(Exception):
    """Ctrl-C during a comparison; says how to go on."""


@contextmanager
def interruptible(store: Path, shape: str) -> Iterator[None]:
    """Turn Ctrl-C into the table of what is finished, as text, and a line that says how to go on."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        command = store_command("resume", store)
        partial = getattr(stopped, "comparison", None)
        if partial is not None and shape == "text":
            from lossmith.report import show

            print(f"Interrupted after {partial.settings.seeds} seeds. So far:")
            show(partial, report=None, store=str(store), repeat=None)
        raise Interrupted(f"interrupted; what was finished is kept, go on with `{command}`") from None


def finish(
    result: Comparison, *, store: Path, out: Path | None, report: Path | None, shape: str, strict: bool = False
) -> int:
    """Write the files of a comparison, show it, and return the exit code."""
    from lossmith.report import render

    place = report or (out or Path()) / f"{file_name(result.data.name)}.html"
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "comparison.json").write_text(render(result, "json"), encoding="utf-8")
        result.trials.write_csv(out / "trials.csv")
        save_model(result, store=store, path=out / "winner.safetensors")
    present(result, store=store, report=place, shape=shape)
    return exit_code(result) if strict else 0


def save_model(result: Comparison, *, store: Path, path: Path) -> None:
    """Write the model that the comparison recommends; without one, say so and go on."""
    from lossmith._errors import StoreError
    from lossmith.compare import best_model

    try:
        best_model(result.run, store=store).save(path)
    except StoreError as error:
        print(f"no model saved: {error}", file=sys.stderr)


def present(result: Comparison, *, store: Path, report: Path | None, shape: str) -> int:
    """Write the report where one is asked for, and show the result on standard output."""
    from lossmith.report import render, show, write_report

    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        write_report(result, report)
    if shape == "text":
        repeat = None if result.run is None else store_command(f"repeat {result.run}", store)
        show(result, report=None if report is None else str(report), store=str(store), repeat=repeat)
    else:
        sys.stdout.write(render(result, shape))  # type: ignore[arg-type]
    return 0


def show_plan(plan: Plan, *, as_json: bool) -> int:
    """Show what would be trained."""
    from dataclasses import asdict

    from lossmith.cli._show import fields, print_json
    from lossmith.compare.run import estimate_seconds
    from lossmith.compare.variants import JOIN
    from lossmith.report._wording import seconds

    settings, dataset = plan.settings, plan.dataset
    expected = estimate_seconds(plan)
    left_out = [{"loss": item.loss, "reason": item.reason} for item in plan.not_applicable]
    tried = sum(len(one.learning_rates) for one in plan.variants)
    rates = f"{tried} rates" if len(plan.variants) == 1 else f"{tried} rates of {len(plan.variants)} variants"
    if as_json:
        print_json(
            {
                "settings": asdict(settings),
                "runs": plan.n_runs,
                "seconds": expected,
                "shared": plan.shared,
                "not_applicable": left_out,
            }
        )
        return 0
    rows = [
        ("data", f"{dataset.name}, {dataset.n_samples:,} rows, {dataset.task}"),
        (
            "model",
            f"{settings.model}, {settings.optimizer}, {settings.epochs} epochs, batches of {settings.batch_size}",
        ),
        ("judged by", f"{settings.metric}, margin {settings.margin:g}"),
        *(
            (
                "rates",
                (one.suffix.removeprefix(JOIN) + ": " if one.suffix else "")
                + ", ".join(f"{rate:g}" for rate in one.learning_rates),
            )
            for one in plan.variants
        ),
        ("seeds", f"{settings.seeds}{', more until decided' if settings.auto else ''}"),
        ("losses", ", ".join(map(str, plan.losses))),
        *(("same as", f"{loss} has the gradient of {other}") for loss, other in plan.shared.items()),
        *(("left out", f"{item['loss']}: {item['reason']}") for item in left_out),
        (
            "runs",
            f"{len(plan.losses)} losses x {rates} x {settings.seeds} seeds = {plan.n_runs:,}",
        ),
        ("time", f"about {seconds(expected)}"),
    ]
    fields([*rows, *(("decided", decision) for decision in dataset.decisions)])
    return 0


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
