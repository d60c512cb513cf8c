"""`lossmith study`: the experiments of the sources, and the ledger of their claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossmith._errors import InvalidInputError
from lossmith.cli import _options as options
from lossmith.cli import _results as results

if TYPE_CHECKING:
    from lossmith.studies import Study

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

    @study.command(epilog="Examples: `lossmith study run tutorial` · `lossmith study run --all --out docs`")
    def run(
        name: Annotated[
            str | None, typer.Argument(metavar="[NAME]", help="A study; see `lossmith study list`.")
        ] = None,
        every: Annotated[bool, typer.Option("--all", help="Run every study.")] = False,
        quick: Annotated[
            bool, typer.Option("--quick", help="Few seeds and epochs: to try it, not to conclude.")
        ] = False,
        claims: Annotated[
            str | None,
            typer.Option("--claims", metavar="ID,ID", help="Measure these alone; other rows stay as they are."),
        ] = None,
        out: Annotated[
            Path, typer.Option("--out", metavar="DIR", help="Folder for the ledger and its figures.")
        ] = Path("docs"),
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Run a study and write its claims into the ledger: reported, measured, verdict."""
        from dataclasses import asdict
        from datetime import UTC, datetime

        from lossmith.cli._show import print_json, table
        from lossmith.compare.versions import versions
        from lossmith.studies import STUDIES
        from lossmith.studies.ledger import machine, write_ledger, write_result

        rows: list[dict[str, Any]] = []
        for item in _chosen(name, every):
            some = {"claims": _some(item, claims)} if claims is not None else {}
            with results.progress_display(quiet=quiet) as progress:
                result = item.run(quick=quick, progress=progress, **some)
            measured = {"date": datetime.now(tz=UTC).date().isoformat(), "machine": machine()}
            order = item.claims if some else ()
            write_result(result, out, versions=versions(), measured=measured, quick=quick, claims=order)
            rows += [asdict(row) for row in result.rows]
        place = write_ledger(STUDIES.values(), out)
        if json:
            print_json(rows)
            return
        table(
            rows, ("id", "reported", "measured", "verdict", "claim"), empty="no claims", optional=("claim", "reported")
        )
        if not quiet:
            print(f"\nledger  {place}")


def _chosen(name: str | None, every: bool) -> list[Study]:
    from lossmith.studies import STUDIES

    if every == (name is not None):
        raise InvalidInputError(
            "a study and --all" if every else "no study",
            expected="the name of a study, or --all",
            advice="see lossmith study list",
        )
    return list(STUDIES.values()) if every else [STUDIES[str(name)]]


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
