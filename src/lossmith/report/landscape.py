"""Views of the loss around a network: terminal, notebook, picture, page."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lossmith.report import _palette as palette
from lossmith.report._canvas import bare, figure_of, one, verbatim
from lossmith.report._frame import framed
from lossmith.training.landscape import Landscape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["as_html", "as_text", "draw", "embedded", "write"]

_LEVELS = 16
_ROWS = 21


def draw(result: Landscape, ax: Axes | None = None) -> Axes:
    """Draw the line, or contours over the plane (their levels are quantiles); return the axes."""
    ax = one(ax, 4.0, 5.4 if result.second.size else 7.0)
    if not result.second.size:
        ax.plot(result.first, result.values, color=palette.style(0).color, lw=1.8)
        ax.set_ylabel(f"mean {result.loss}", fontsize=9)
    else:
        finite = result.values[np.isfinite(result.values)]
        levels = np.unique(np.quantile(finite, np.linspace(0, 1, _LEVELS))) if finite.size else np.array([0.0, 1.0])
        if len(levels) > 1:
            drawn = ax.contour(result.first, result.second, result.values.T, levels, linewidths=1)
            ax.clabel(drawn, fontsize=7)
        ax.set_ylabel("second direction", fontsize=9)
    ax.plot([0], [result.here if not result.second.size else 0], "o", color=palette.style(1).color)
    ax.set_xlabel("first direction, in lengths of the filters", fontsize=9)
    ax.set_title(f"{result.loss} around the network", loc="left", fontsize=10)
    bare(ax, keep=("bottom", "left"))
    verbatim([ax])
    return ax


def _sentence(result: Landscape) -> str:
    points = "x".join(str(size) for size in result.values.shape)
    lost = int(np.isnan(result.values).sum())
    broken = f", {lost} of them not finite" if lost else ""
    return f"{result.loss} is {result.here:.4g} here and rises by {result.sharpness:.4g} within half the span: {points} points{broken}"


def _cells(result: Landscape) -> tuple[list[str], list[list[str]]]:
    table = result.table()
    shown = table if not result.second.size else table.filter(table["second"].abs() == table["second"].abs().min())
    shown = shown.gather_every(max(1, shown.height // _ROWS))
    return shown.columns, [[f"{value:.4g}" for value in row] for row in shown.rows()]


def as_text(result: Landscape, *, width: int | None = None) -> str:
    """Return a sentence and the values along the first direction; lines are cut at `width`."""
    columns, rows = _cells(result)
    lines = [_sentence(result), "", *("  ".join(f"{cell:>10}" for cell in row) for row in (columns, *rows))]
    return "\n".join(line if width is None else line[:width] for line in lines) + "\n"


def as_html(result: Landscape, *, now: datetime | None = None) -> str:
    """Return a self-contained HTML page."""
    from markupsafe import Markup

    from lossmith.report.html import rendered
    from lossmith.report.svg import svg

    columns, rows = _cells(result)
    summary = _sentence(result)
    headline, _, rest = summary.partition(": ")
    picture = svg(figure_of(draw(result)), key="landscape", title="Landscape", description=summary)
    return rendered(
        "divergence.html.j2",
        now=now or datetime.now(UTC),
        name=headline,
        kind="the loss around a network",
        headline=headline,
        sentence=rest,
        findings=(),
        caption="Landscape",
        legend="The point is the network. Directions are random, every filter as long as the network's.",
        picture=Markup(picture),  # noqa: S704 - ElementTree escapes
        columns=columns,
        rows=rows,
        json=json.dumps(json.loads(result.to_json())),
    )


def embedded(result: Landscape, *, now: datetime | None = None, height: str = "36rem") -> str:
    """Return the page inside a frame of its own, for a notebook."""
    return framed(as_html(result, now=now), title="Landscape", height=height)


def write(result: Landscape, path: str | os.PathLike[str]) -> Path:
    """Write the page as one file, whole or not at all, and return its path.

    Raises
    ------
    InvalidInputError
        The path cannot be written.
    """
    from lossmith.report._files import check
    from lossmith.report._files import write as write_whole

    check(path)
    return write_whole(path, as_html(result))
