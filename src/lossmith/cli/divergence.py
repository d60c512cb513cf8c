"""`lossmith divergence` and `lossmith approximate`: two distributions compared, and the model closest to one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lossmith.cli import _options as options

__all__ = ["add", "distribution"]

_LAW = re.compile(r"(?P<name>[A-Za-z_][A-Za-z_0-9]*)\((?P<values>[^()]*)\)")
_KINDS = ("probabilities", "counts", "samples")
_FILES = (".csv", ".tsv", ".txt", ".parquet")

As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="KIND",
        help="What numbers are: `probabilities` (default of vectors), `counts`, or `samples` (default of files).",
    ),
]
Smoothing = Annotated[
    str,
    typer.Option(
        "--smoothing", metavar="NAME", help="For counts: `none`, `add_half`, `laplace`, `perks`, `jelinek_mercer`."
    ),
]
Unit = Annotated[str, typer.Option("--unit", metavar="NAME", help="`nats`, `bits` or `hartleys`.")]


def add(app: typer.Typer) -> None:
    """Add both commands to the program."""

    @app.command(
        epilog="Examples: `lossmith divergence worms` · `lossmith divergence .2,.8 .5,.5 --unit bits` · "
        "`lossmith divergence 'norm(0, 1)' 't(5)' --names kl` · `lossmith divergence old.csv:age new.csv:age`"
    )
    def divergence(
        p: Annotated[
            str,
            typer.Argument(
                metavar="P",
                help="`worms`, numbers with commas, a law such as `norm(0, 1)`, `FILE:COLUMN`, or a file with one column.",
            ),
        ],
        q: Annotated[
            str | None,
            typer.Argument(
                metavar="[Q]", help="The other one; uniform and binomial models of P where nothing is said."
            ),
        ] = None,
        names: Annotated[
            str | None,
            typer.Option("--names", metavar="NAME,...", help="Only these divergences, as in `kl,renyi:alpha=2`."),
        ] = None,
        kind: As = None,
        smoothing: Smoothing = "none",
        unit: Unit = "nats",
        outcomes: Annotated[
            bool, typer.Option("--outcomes", help="Show where the first divergence comes from, outcome by outcome.")
        ] = False,
        seed: options.Seed = 0,
        report: options.Report = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Compare two distributions by every divergence, in both directions."""
        from lossmith._errors import InvalidInputError
        from lossmith._names import split_names
        from lossmith.divergence import survey

        first = distribution(p, kind=kind, smoothing=smoothing)
        others = [distribution(q, kind=kind, smoothing=smoothing)] if q is not None else _models(first)
        counted = any(getattr(side, "given", "") == "counts" for side in (first, *others))
        if smoothing != "none" and not counted:
            raise InvalidInputError(
                f"--smoothing {smoothing}",
                expected="counts to smooth",
                advice="say --as counts where the numbers are counts",
            )
        chosen = split_names(names) if names else None
        found = [survey(first, other, chosen, unit=unit, seed=seed) for other in others]
        _show(found, json=json, report=report, outcomes=outcomes, quiet=quiet)

    @app.command(
        epilog="Examples: `lossmith approximate worms` · `lossmith approximate waits.csv:minutes --candidates gamma,lognorm,weibull_min`"
    )
    def approximate(
        data: Annotated[str, typer.Argument(metavar="DATA", help="`worms`, numbers with commas, or `FILE:COLUMN`.")],
        candidates: Annotated[
            str | None,
            typer.Option(
                "--candidates",
                metavar="NAME,...",
                help="Families by SciPy's names; all that fit the data if not given.",
            ),
        ] = None,
        direction: Annotated[
            str, typer.Option("--direction", metavar="WAY", help="`forward` (maximum likelihood) or `reverse`.")
        ] = "forward",
        kind: As = None,
        seed: options.Seed = 0,
        report: options.Report = None,
        json: options.Json = False,
        quiet: options.Quiet = False,
    ) -> None:
        """Say which model is closest to some data, and which cannot be told from it."""
        from lossmith._names import split_names
        from lossmith.divergence import approximate as closest

        way: Any = direction
        found = closest(
            distribution(data, kind=kind), split_names(candidates) if candidates else None, direction=way, seed=seed
        )
        _show([found], json=json, report=report, quiet=quiet)


def distribution(text: str, *, kind: str | None = None, smoothing: str = "none") -> Any:
    """Return the distribution that is meant by an argument.

    Raises
    ------
    InvalidInputError
        Neither a built-in name, nor numbers, nor a law, nor a file with such a column.

    Examples
    --------
    >>> distribution("1,3", kind="counts").given
    'counts'
    >>> float(distribution("norm(0, 2)").std())
    2.0
    """
    import polars as pl

    from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
    from lossmith.divergence import WORMS, Pmf, Samples

    if kind is not None and kind not in _KINDS:
        raise UnknownNameError(f"unknown kind {kind!r}", advice=did_you_mean(kind, _KINDS))
    if text.strip().lower() == "worms":
        return replace(WORMS, smoothing=smoothing)
    law = _LAW.fullmatch(text.strip())
    if law is not None:
        return _law(law["name"], law["values"])
    path, _, column = text.rpartition(":")
    file = Path(path or text)
    if file.suffix.lower() in _FILES or file.exists():
        values = _column(file, column if path else "")
        name = f"{file.name}:{column}" if path else file.name
        if values.dtype.is_numeric():
            if kind in (None, "samples"):
                return Samples(values.to_numpy(), name=name)
            return Pmf(values.to_numpy(), given=kind, smoothing=smoothing if kind == "counts" else "none", name=name)
        if kind == "probabilities":
            raise InvalidInputError(f"the categories of {name} as probabilities", expected="samples or counts")
        seen = values.cast(pl.String).value_counts().sort(values.name)
        return Pmf(
            seen["count"].to_numpy(), seen[values.name].to_list(), given="counts", smoothing=smoothing, name=name
        )
    try:
        numbers = [float(part) for part in text.strip("[]() ").split(",")]
    except ValueError:
        raise InvalidInputError(
            f"{text!r}", expected="worms, numbers with commas, a law such as norm(0, 1), or FILE:COLUMN"
        ) from None
    if kind == "samples":
        return Samples(numbers)
    return Pmf(numbers, given=kind or "probabilities", smoothing=smoothing if kind == "counts" else "none")


def _law(name: str, values: str) -> Any:
    from scipy import stats

    from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean

    family = getattr(stats, name, None)
    if not isinstance(family, stats.rv_continuous | stats.rv_discrete):
        known = [
            key for key, value in vars(stats).items() if isinstance(value, stats.rv_continuous | stats.rv_discrete)
        ]
        raise UnknownNameError(f"unknown law {name!r}", advice=did_you_mean(name, known))
    positional, named = [], {}
    try:
        for part in filter(None, (part.strip() for part in values.split(","))):
            key, equals, value = part.rpartition("=")
            if equals:
                named[key.strip()] = float(value)
            else:
                positional.append(float(value))
        return family(*positional, **named)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{name}({values})", expected=f"parameters of {name}: {family.shapes or 'none'}, loc, scale"
        ) from error


def _column(file: Path, name: str) -> Any:
    """Return a column of a file, missing values left out."""
    import csv

    import polars as pl

    from lossmith._errors import DataError, did_you_mean
    from lossmith.data import check_parquet_file

    words = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
    if not file.is_file():
        raise DataError(f"no file {str(file)!r}", expected="a CSV or Parquet file", advice="check the path")
    try:
        if file.suffix.lower() == ".parquet":
            check_parquet_file(file)
            frame = pl.read_parquet(file)
        else:
            with file.open(encoding="utf-8", errors="replace") as stream:
                head = stream.readline()
            separator = csv.Sniffer().sniff(head, ",;\t").delimiter if any(c in head for c in ",;\t") else ","
            frame = pl.read_csv(file, separator=separator, infer_schema_length=10_000)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, csv.Error, OSError, ValueError) as error:
        raise DataError(
            f"cannot read {str(file)!r}: {' '.join(str(error).split())[:200]}", expected="a CSV or Parquet file"
        ) from error
    usable = [column for column in frame.columns if frame[column].dtype.is_numeric() or frame[column].dtype in words]
    name = name or (usable[0] if len(usable) == 1 else "")
    if name not in usable:
        what = f"column {name!r} of {file.name}" if name else f"{file.name} without a column"
        advice = did_you_mean(name, usable) if usable else "it has no column of numbers or categories"
        raise DataError(what, expected="FILE:COLUMN, a column of numbers or categories", advice=advice)
    values = frame[name].drop_nulls()
    if values.dtype.is_float():
        values = values.drop_nans()
    if not len(values):
        raise DataError(f"column {name!r} of {file.name} without a value", expected="numbers or categories")
    return values


def _models(first: Any) -> list[Any]:
    """Return the models of the worked example: uniform over the outcomes, and binomial with the mean of the data."""
    from lossmith._errors import InvalidInputError
    from lossmith.divergence import Pmf, approximate

    if not isinstance(first, Pmf):
        raise InvalidInputError("one distribution", expected="two", advice="name the other one after it")
    found = approximate(first, ["randint", "binom"])
    return [found[name].distribution for name in ("randint", "binom")]


def _show(
    found: Sequence[Any], *, json: bool, report: Path | None, outcomes: bool = False, quiet: bool = False
) -> None:
    import json as encoder
    import shutil
    import sys

    from lossmith.report.divergence import as_text, sentence, write

    if report is not None:
        for number, one in enumerate(found):
            write(one, report if number == 0 else report.with_stem(f"{report.stem}-{number + 1}"))
    if json:
        plain = [encoder.loads(one.to_json()) for one in found]
        print(encoder.dumps(plain[0] if len(plain) == 1 else plain, indent=2, ensure_ascii=False, allow_nan=False))
        return
    if quiet:
        print("\n".join(sentence(one) for one in found))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    texts = [as_text(one.forward[0] if outcomes and hasattr(one, "forward") else one, width=width) for one in found]
    print("\n".join(texts), end="")
