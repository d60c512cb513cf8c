"""`lossmith study`: the experiments of the sources, and the ledger of their claims."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossmith._errors import InvalidInputError
from lossmith.cli import _options as options
from lossmith.cli import _results as results

if TYPE_CHECKING:
    from lossmith.studies import Study
    from lossmith.studies.runs import Outcome

__all__ = ["add"]


def add(app: typer.Typer) -> None:
    """Add the commands to the program."""
    study = typer.Typer(no_args_is_help=True, help="List or run the experiments of the sources, and write the ledger.")
    app.add_typer(study, name="study")

    @study.command("list", epilog="Example: `lossmith study list`")
    def list_(json: options.Json = False) -> None:
        """List the studies with the claims that they measure."""
        from lossmith.cli._show import print_json, table
        from lossmith.studies import STUDIES

        rows = [
            {
                "name": item.name,
                "title": item.title,
                "claims": f"{item.claims[0]} to {item.claims[-1]}" if item.claims else "",
                "source": item.source,
                "reference": item.reference,
            }
            for item in STUDIES.values()
        ]
        if json:
            print_json(rows)
        else:
            table(rows, ("name", "source", "claims", "title"), empty="no studies")

    @study.command(epilog="Examples: `lossmith study run tutorial` · `lossmith study run --all --quick`")
    def run(
        name: Annotated[
            str | None, typer.Argument(metavar="[NAME]", help="A study; see `lossmith study list`.")
        ] = None,
        every: Annotated[
            bool, typer.Option("--all", help="Run every study that is not measured yet; a failure stops no other.")
        ] = False,
        quick: Annotated[
            bool, typer.Option("--quick", help="Few seeds and epochs: to try it, not to conclude.")
        ] = False,
        fresh: Annotated[
            bool, typer.Option("--fresh", help="With --all: measure again what the same code has measured.")
        ] = False,
        claims: Annotated[
            str | None,
            typer.Option("--claims", metavar="ID,ID", help="Measure these alone; other rows stay as they are."),
        ] = None,
        out: Annotated[
            Path | None,
            typer.Option(
                "--out",
                metavar="DIR",
                help="Folder for the ledger and its figures; docs, or quick-ledger for a quick run, where not given.",
            ),
        ] = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Run a study and write its claims into the ledger: reported, measured, verdict."""
        folder = out or Path("quick-ledger" if quick else "docs")
        if folder.exists() and not folder.is_dir():
            raise InvalidInputError(f"--out {folder}", expected="a folder", advice="this is a file")
        if every == (name is not None):
            raise InvalidInputError(
                "a study and --all" if every else "no study",
                expected="the name of a study, or --all",
                advice="see lossmith study list",
            )
        if name is not None:
            if fresh:
                raise InvalidInputError(
                    "--fresh without --all", expected="--all", advice="a study that is named is always measured again"
                )
            _run_one(name, claims, quick=quick, folder=folder, as_json=json, quiet=quiet)
            return
        if claims is not None:
            raise InvalidInputError(
                "--claims with --all", expected="one study", advice="name the study of these claims"
            )
        if not _run_every(quick=quick, fresh=fresh, folder=folder, as_json=json, quiet=quiet):
            raise typer.Exit(1)


def _run_one(name: str, claims: str | None, *, quick: bool, folder: Path, as_json: bool, quiet: bool) -> None:
    from dataclasses import asdict

    from lossmith.cli._show import print_json, table
    from lossmith.studies import STUDIES
    from lossmith.studies.ledger import write_ledger
    from lossmith.studies.runs import run_study

    study = STUDIES[name]
    some = _some(study, claims) if claims is not None else None
    with results.progress_display(quiet=quiet) as progress:
        rows = [asdict(row) for row in run_study(study, folder, quick=quick, claims=some, progress=progress)]
    place = write_ledger(STUDIES.values(), folder)
    if as_json:
        print_json(rows)
        return
    table(rows, ("id", "reported", "measured", "verdict", "claim"), empty="no claims", optional=("claim", "reported"))
    if not quiet:
        print(f"\nledger  {place}")


def _run_every(*, quick: bool, fresh: bool, folder: Path, as_json: bool, quiet: bool) -> bool:
    """Run every study, show what became of each, and return whether none failed."""
    import sys
    from dataclasses import asdict

    from lossmith.cli._show import print_json, table
    from lossmith.studies import STUDIES
    from lossmith.studies.ledger import write_ledger
    from lossmith.studies.runs import run_every

    found: list[Outcome] = []

    def show(study: Study) -> AbstractContextManager[Any]:
        if not quiet:
            print(f"{len(found) + 1}/{len(STUDIES)}  {study.name}: {study.title}", file=sys.stderr, flush=True)
        return results.progress_display(quiet=quiet)

    try:
        for outcome in run_every(STUDIES.values(), folder, quick=quick, fresh=fresh, show=show):
            found.append(outcome)
            if not quiet:
                told = outcome.why or f"{len(outcome.rows)} claims"
                print(f"    {outcome.state} in {outcome.seconds:.0f} s: {told}", file=sys.stderr, flush=True)
            write_ledger(STUDIES.values(), folder)
    except KeyboardInterrupt:
        raise results.Interrupted(
            f"interrupted; {len(found)} of {len(STUDIES)} studies are written to {folder}, the same command goes on with the others"
        ) from None
    if as_json:
        print_json([{**asdict(one), "verdicts": one.verdicts()} for one in found])
    else:
        table([_line(one) for one in found], _COLUMNS, empty="no studies")
        if not quiet:
            print(f"\nledger  {folder / 'ledger.md'}")
    return all(one.state != "failed" for one in found)


_COLUMNS = ("study", "state", "seconds", "claims", "reproduced", "differs", "source error", "no number in source", "not run", "note")  # fmt: skip


def _line(outcome: Outcome) -> dict[str, Any]:
    """Return a row of the table at the end: how many claims of a study have each verdict."""
    counts = outcome.verdicts()
    line: dict[str, Any] = {"study": outcome.study, "state": outcome.state, "seconds": round(outcome.seconds)}
    line |= {"claims": len(outcome.rows), **{name: counts.get(name, 0) for name in _COLUMNS[4:-1]}}
    return line | {"note": outcome.why}


def _some(study: Study, claims: str) -> tuple[str, ...]:
    """Return the claims that were asked for, if the study has them and measures them one by one."""
    wanted = tuple(part.strip() for part in claims.split(",") if part.strip())
    if not study.by_claim:
        raise InvalidInputError(
            f"--claims {claims} with the study {study.name}",
            expected="a study that measures claims one by one",
            advice="leave out --claims: it is measured as a whole",
        )
    unknown = [name for name in wanted if name not in study.claims]
    if unknown or not wanted:
        raise InvalidInputError(
            f"claim {unknown[0]!r}" if unknown else "no claim", expected=f"some of {', '.join(study.claims)}"
        )
    return wanted
