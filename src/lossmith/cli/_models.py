"""`lossmith compare --models A,B,...`: models as a factor."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lossmith._errors import InvalidInputError
from lossmith.cli import _options as cli_options
from lossmith.cli import _results as results

__all__ = ["finish", "is_asked_for", "run"]

FINDINGS, UNDECIDED = 1, 3


def is_asked_for(names: Sequence[str]) -> bool:
    """Return whether models are compared with each other, and not losses of one network."""
    if len(names) < 2 and not names:
        return False
    from lossmith.compare._model_entries import is_model_axis

    return is_model_axis(names)


def run(
    source: str,
    names: Sequence[str],
    *,
    shape: str,
    out: Path | None,
    report: Path | None,
    quiet: bool,
    strict: bool,
    dry_run: bool,
    store: Path | None,
    save_model: Path | None,
    refused: Mapping[str, Any],
    **options: Any,
) -> int:
    """Compare models, write the files and show the result; return the exit code."""
    from lossmith.compare import compare_models

    asked = [option for option, value in refused.items() if value]
    if asked:
        raise InvalidInputError(
            f"{asked[0]} with several models", expected="one network for that option", advice="leave it out"
        )
    if dry_run:
        plan = compare_models(source, models=names, dry_run=True, **options)
        print(plan.to_json() if shape == "json" else str(plan), end="\n" if shape == "json" else "")
        return 0
    if save_model is not None:
        from lossmith.estimators import check_skops

        check_skops()  # before anything is trained
    place = _checked_place(source, report, out)
    keep = cli_options.store_file(store, out)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with results.interruptible(keep, shape), results.progress_display(quiet=quiet) as progress:
        result = compare_models(source, models=names, progress=progress, store=keep, **options)
    code = finish(result, shape=shape, out=out, place=place, quiet=quiet, strict=strict)
    if save_model is not None:
        # the result has been shown by now, whatever becomes of the file
        _saved(result, source, save_model, models=names, options=options)
        if shape == "text" and not quiet:
            print(f"model     {save_model}")
    return code


def _saved(result: Any, source: str, path: Path, *, models: Sequence[str], options: Mapping[str, Any]) -> None:
    from lossmith.compare.model_axis import save_winner

    used = ("losses", "target", "seed", "task", "group", "order", "drop", "data_dir")
    save_winner(result, source, path, models=models, **{name: options[name] for name in used})


def _checked_place(source: str, report: Path | None, out: Path | None) -> Path | None:
    from lossmith.report import _files as files

    place = report or (out / f"{results.file_name(Path(source).stem)}-models.html" if out is not None else None)
    if place is not None:
        files.check(place)
    return place


def finish(result: Any, *, shape: str, out: Path | None, place: Path | None, quiet: bool, strict: bool = False) -> int:
    """Write the files of a comparison of models and show it; return the exit code."""
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "models.json").write_text(result.to_json() + "\n", encoding="utf-8")
        result.trials.write_csv(out / "folds.csv")
    if place is not None:
        result.report(place)
    _show(result, shape)
    if place is not None and shape == "text" and not quiet:
        print(f"\nreport    {place}")
    undecided = any(line.difference is not None and line.difference.verdict == "undecided" for line in result.standings)
    return UNDECIDED if strict and undecided else FINDINGS if strict and _failed(result) else 0


def _failed(result: Any) -> bool:
    return any(line.n_failed for line in result.standings)


def _show(result: Any, shape: str) -> None:
    if shape == "json":
        print(result.to_json())
    elif shape == "csv":
        sys.stdout.write(result.table().write_csv())
    elif shape in ("md", "github"):
        table = result.table()
        lines = [table.columns, ["---"] * len(table.columns), *([str(cell) for cell in row] for row in table.rows())]
        print("\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines))
    else:
        sys.stdout.write(str(result))
