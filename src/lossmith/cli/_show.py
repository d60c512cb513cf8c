"""Tables and lists on standard output: for people, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["fields", "print_json", "table"]


def print_json(value: Any) -> None:
    """Print `value` as JSON; what is not finite becomes null."""
    from lossmith.report.formats import as_json

    print(json.dumps(as_json(value), indent=2, ensure_ascii=False, allow_nan=False))


def table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str, optional: Sequence[str] = ()
) -> None:
    """Print `rows` under `columns`; the last column wraps.

    A narrow terminal gives up whole columns, in the order of `optional`; what is not a terminal gets all of them.
    """
    from rich.table import Table
    from rich.text import Text

    if not rows:
        print(empty)
        return
    cells = [{column: _cell(row.get(column)) for column in columns} for row in rows]
    widths = {column: max(len(column), *(len(row[column]) for row in cells)) for column in columns}
    kept, width = list(columns), _width()
    for column in optional:
        # the last column needs some room to wrap in
        if sum(widths[name] + 2 for name in kept[:-1]) + min(widths[kept[-1]], 24) > width:
            kept.remove(column)
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in kept:
        numeric = all(isinstance(row.get(column), int | float) for row in rows)
        shown.add_column(
            column.replace("_", " "),
            justify="right" if numeric else "left",
            no_wrap=column != kept[-1],
            overflow="fold",
        )
    for row in cells:
        shown.add_row(*(Text(row[column]) for column in kept))
    _print(shown)


def _width() -> int:
    from rich.console import Console

    console = Console()
    return console.width if console.is_terminal else 10_000  # lines in a file or pipe stay whole


def _print(renderable: RenderableType) -> None:
    from rich.console import Console

    console = Console(highlight=False, width=_width())
    with console.capture() as capture:
        console.print(renderable)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(value)


def fields(rows: Sequence[tuple[str, str]]) -> None:
    """Print label and text pairs, texts wrapped beside their labels."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column(no_wrap=True, style="bold")
    shown.add_column(overflow="fold")
    for label, text in rows:
        shown.add_row(label, Text(text))
    _print(shown)
