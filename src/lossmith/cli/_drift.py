"""`lossmith drift`: two tables compared, a reference profiled, a stream watched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossmith._errors import InvalidInputError
from lossmith._names import split_names
from lossmith.cli import _options as options

if TYPE_CHECKING:
    from lossmith.drift import Drift

__all__ = ["add"]

DRIFT = 1  # exit code

Detectors = Annotated[
    str | None,
    typer.Option(
        "--detectors",
        metavar="NAME,...",
        help="By default `js`, and `binned_ad` for numbers; `psi`, `kl`, `ks`, `ad`, `wasserstein`, ...",
    ),
]
Level = Annotated[
    float, typer.Option("--level", metavar="P", help="Share of false alarms that is accepted over all columns.")
]
Correction = Annotated[
    str,
    typer.Option("--correction", metavar="NAME", help="`benjamini_hochberg`, `benjamini_yekutieli`, `holm` or `none`."),
]
Minimum = Annotated[
    float, typer.Option("--minimum-effect", metavar="X", help="Smaller effects do not count, however significant.")
]
Columns = Annotated[str | None, typer.Option("--columns", metavar="NAME,...", help="Only these columns.")]


def _listed(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] if text is not None else None


def _blocks(text: str | None) -> int | str | None:
    if text is None or text == "auto":
        return text
    if not text.isdigit() or int(text) < 1:
        raise InvalidInputError(f"--blocks {text!r}", expected="a number of rows or auto")
    return int(text)


def add(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    group = typer.Typer(
        help="Say whether data are still like a reference, and what changed.", rich_markup_mode="markdown", cls=_Group
    )

    @group.command(
        "compare",
        epilog="Examples: `lossmith drift old.csv new.csv` · `lossmith drift old.parquet new.parquet --report drift.html`\n\n"
        "Exit codes: 0 no drift, 1 drift, 2 usage or input error.",
    )
    def compare(
        reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="CSV, Parquet or a stored profile.")],
        current: Annotated[str, typer.Argument(metavar="CURRENT", help="CSV or Parquet.")],
        detectors: Detectors = None,
        joint: Annotated[
            str,
            typer.Option(
                "--joint", metavar="NAME,...", help="`classifier`, `mmd`, `pca`, `auto` or `none`: all columns at once."
            ),
        ] = "auto",
        level: Level = 0.05,
        correction: Correction = "benjamini_hochberg",
        minimum_effect: Minimum = 0.02,
        blocks: Annotated[
            str | None,
            typer.Option(
                "--blocks", metavar="N|auto", help="Rows follow each other in time: relabel blocks of N rows."
            ),
        ] = None,
        columns: Columns = None,
        target: Annotated[str | None, typer.Option("--target", metavar="COL", help="The labels.")] = None,
        prediction: Annotated[
            str | None,
            typer.Option("--prediction", metavar="COL", help="The predictions; with labels, performance is compared."),
        ] = None,
        seed: options.Seed = 0,
        report: options.Report = None,
        out: options.Out = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> int:
        """Compare two tables, or a stored profile and a table."""
        from lossmith import drift

        result = drift.compare(
            reference, current, detectors=split_names(detectors) if detectors is not None else None,
            joint=None if joint == "none" else joint if joint == "auto" else split_names(joint), level=level, correction=correction,
            minimum_effect=minimum_effect, blocks=_blocks(blocks), columns=_listed(columns), target=target, prediction=prediction, seed=seed,
        )  # fmt: skip
        return _show(result, report=report, out=out, json=json, quiet=quiet)

    @group.command("profile", epilog="Example: `lossmith drift profile train.parquet --out train.profile.json`")
    def profile(
        data: Annotated[
            list[str], typer.Argument(metavar="DATA...", help="CSV or Parquet; several are partitions of one table.")
        ],
        file: Annotated[
            Path | None, typer.Option("--out", metavar="FILE", help="JSON, or Parquet where it ends in .parquet.")
        ] = None,
        bins: Annotated[
            str, typer.Option("--bins", metavar="NAME", help="`quantile`, `freedman_diaconis` or `bayesian_blocks`.")
        ] = "quantile",
        n_bins: Annotated[int, typer.Option("--n-bins", metavar="N", help="Of the quantile rule.")] = 32,
        columns: Columns = None,
        like: Annotated[
            Path | None,
            typer.Option("--like", metavar="FILE", help="Take the cells of this profile; both can then be merged."),
        ] = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Count a reference once: all that later comparisons need, in a few kilobytes."""
        from lossmith import drift

        chosen: dict[str, Any] = {"rule": bins, "n_bins": n_bins, "columns": _listed(columns)}
        if like is not None:
            chosen = {"like": drift.Profile.read(like)}
        found = drift.profile(data if len(data) > 1 else data[0], **chosen)
        place = found.save(file) if file is not None else None
        if json:
            print(found.to_json())
        elif not quiet:
            _print_table(found)
            if place is not None:
                print(f"profile  {place} ({place.stat().st_size / 1024:.0f} kB)")

    _add_monitor(group)
    app.add_typer(group, name="drift")


def _add_monitor(group: typer.Typer) -> None:
    @group.command(
        "monitor",
        epilog="Examples: `lossmith drift monitor train.parquet stream.csv --window 500` · "
        "`lossmith drift monitor train.parquet today.csv --window 1d --time when --store watch.db` (again tomorrow: the state goes on)\n\n"
        "Exit codes: 0 no alarm, 1 alarm in a new window, 2 usage or input error.",
    )
    def monitor(
        reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="CSV, Parquet or a stored profile.")],
        stream: Annotated[
            list[str], typer.Argument(metavar="STREAM...", help="CSV or Parquet, rows in the order of time.")
        ],
        window: Annotated[
            str, typer.Option("--window", metavar="N|TIME", help="Rows, or a length of time such as 1d or 6h.")
        ] = "500",
        time: Annotated[
            str | None, typer.Option("--time", metavar="COL", help="The column of dates, for windows by time.")
        ] = None,
        run_length: Annotated[
            float,
            typer.Option("--run-length", metavar="N", help="At least so many windows on average until a false alarm."),
        ] = 1000.0,
        store: Annotated[
            Path | None,
            typer.Option(
                "--store", metavar="FILE", help="SQLite file that keeps the state of this monitor, and goes on from it."
            ),
        ] = None,
        detectors: Detectors = None,
        minimum_effect: Minimum = 0.02,
        target: Annotated[str | None, typer.Option("--target", metavar="COL", help="The labels.")] = None,
        prediction: Annotated[
            str | None,
            typer.Option("--prediction", metavar="COL", help="The predictions; with labels, wrong ones are watched."),
        ] = None,
        blocks: Annotated[
            str | None,
            typer.Option(
                "--blocks", metavar="N|auto", help="Rows are alike to their neighbours: relabel blocks of N rows."
            ),
        ] = None,
        flush: Annotated[
            bool, typer.Option("--flush", help="Compare the last rows too, though they fill no window.")
        ] = False,
        seed: options.Seed = 0,
        report: options.Report = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> int:
        """Watch a stream in windows, with alarms whose false-alarm rate is controlled."""
        from lossmith import drift

        if store is not None and store.exists():
            watching = drift.Monitor.open(store)
        else:
            watching = drift.Monitor(
                reference, window=int(window) if window.isdigit() else window, time=time, run_length=run_length,
                detectors=split_names(detectors) if detectors is not None else None, minimum_effect=minimum_effect,
                target=target, prediction=prediction, store=store, blocks=_blocks(blocks), seed=seed,
            )  # fmt: skip
        found = [one for part in stream for one in watching.update(part)]
        found += watching.flush() if flush else ()
        if report is not None and found:
            watching.report(report)
        return _show_windows(watching, found, json=json, quiet=quiet)


def _show_windows(watching: Any, found: list[Any], *, json: bool, quiet: bool) -> int:
    import json as encoder
    from dataclasses import asdict

    from lossmith.report._wording import plain

    alarms = [one for one in found if one.alarm]
    if json:
        record = {"windows": [asdict(one) for one in found], "alarms": [one.number for one in alarms]}
        print(encoder.dumps(record, ensure_ascii=False, allow_nan=False))
        return DRIFT if alarms else 0
    since = f", since window {alarms[0].since}" if alarms else ""
    first = f" (the first after window {alarms[0].number}{since})" if alarms else ""
    print(f"{len(found)} new windows of {len(watching.windows)}, {len(alarms)} alarms{first}")
    if not quiet:
        header = ("window", "rows", "p", "evidence", "", "what changed")
        rows = [
            (
                str(one.number), one.time or f"{one.first:,} to {one.last:,}", f"{one.p_value:.2g}", f"{one.evidence:.3g}",
                "alarm" if one.alarm else "", plain(f"{one.drifted[0]}: {one.words}") if one.drifted else "",
            )
            for one in found
        ]  # fmt: skip
        widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
        lines = [
            "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
            for row in [header, *rows]
        ]
        print("\n".join(["", *lines]))
    return DRIFT if alarms else 0


class _Group(typer.core.TyperGroup):
    """`lossmith drift OLD NEW` means `lossmith drift compare OLD NEW`."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["compare", *args]
        return super().parse_args(context, args)


def _show(result: Drift, *, report: Path | None, out: Path | None, json: bool, quiet: bool) -> int:
    import shutil
    import sys

    if out is not None:
        from lossmith.report._files import check, write

        report = report or out / "drift.html"
        check(out / "drift.json")
        write(out / "drift.json", result.to_json() + "\n")
    if report is not None:
        result.report(report)
    if json:
        print(result.to_json())
    elif quiet:
        print(result.verdict)
    else:
        from lossmith.report.drift import as_text

        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(as_text(result, width=width), end="")
        if report is not None:
            print(f"\nreport  {report}")
    return DRIFT if result.alarm else 0


def _print_table(found: Any) -> None:
    from lossmith.report._wording import plain

    rows = found.table().to_dicts()
    shown = [("column", "kind", "rows", "missing", "cells", "mean", "deviation")]
    for row in rows:
        mean, deviation = (f"{row[name]:.4g}" if row[name] is not None else "" for name in ("mean", "deviation"))
        if row["kind"] == "date":
            mean = deviation = ""
        shown.append(
            (
                plain(row["column"]),
                row["kind"],
                f"{row['rows']:,}",
                f"{row['missing']:,}",
                str(row["cells"]),
                mean,
                deviation,
            )
        )
    widths = [max(len(row[place]) for row in shown) for place in range(len(shown[0]))]
    print(
        "\n".join("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in shown)
    )
