"""Views of a translation between kinds of rows: its losses, and rows there and back."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossmith.generative._translation_result import Translation
from lossmith.report._canvas import bare, figure_of
from lossmith.report._frame import framed
from lossmith.report.generative import as_text_lines, losses

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["as_html", "as_text", "draw", "embedded", "write"]


def draw(result: Translation, *, ax: Axes | None = None) -> Axes:
    """Draw the losses of discriminators and generators over the steps; return the Matplotlib axes."""
    return losses(result.curves, ax=ax)


def as_text(result: Translation, *, width: int | None = None) -> str:
    """Return the result for a terminal; lines are cut at `width`."""
    return as_text_lines(str(result), width)


def _picture(result: Translation) -> Axes:
    """Return axes of the figure of the report: below the losses each direction, rows, what they became and what came back."""
    from matplotlib.figure import Figure

    from lossmith.report.sample_grids import grid_image, is_image, points

    shown = {name: rows for name, rows in result.pictures.items() if is_image(rows) or rows.shape[1:] == (2,)}
    if not shown:
        return draw(result)
    figure = Figure(figsize=(8.4, 6.6), layout="constrained")
    places: Any = figure.subplot_mosaic([["loss"] * len(shown), list(shown)], height_ratios=[2.4, 3.6])
    losses(result.curves, ax=places["loss"])
    for name, rows in shown.items():
        ax = places[name]
        if is_image(rows):
            low, high = rows.min(), rows.max()
            ax.imshow(grid_image((rows - low) / (high - low or 1.0), columns=len(rows) // 3), interpolation="nearest")
        else:
            points(ax, rows[len(rows) // 3 : 2 * len(rows) // 3], rows[: len(rows) // 3])
        ax.set_title(f"{name}: rows, what they became, what came back", loc="left", fontsize=9)
        ax.set_xticks([])
        ax.set_yticks([])
        bare(ax, keep=())
    return places["loss"]


def _sentence(result: Translation) -> tuple[str, str]:
    measured = "; ".join(
        f"{name}: cycle error {values['cycle']:.2f}, {values['taken_for']:.0%} taken for the wanted kind"
        for name, values in result.measures.items()
    )
    if not result.usable:
        return "Not to be used", measured
    return "To be read with care" if result.findings else "Nothing speaks against it", measured


def as_html(result: Translation, *, now: datetime | None = None) -> str:
    """Return a self-contained HTML page."""
    from markupsafe import Markup

    from lossmith.report.html import rendered
    from lossmith.report.svg import svg

    headline, rest = _sentence(result)
    ax = _picture(result)
    picture = svg(figure_of(ax), key="result", title=ax.get_title(loc="left"), description=f"{headline}: {rest}")
    first = next(iter(result.measures.values()))
    return rendered(
        "divergence.html.j2",
        now=now or datetime.now(UTC),
        name=headline,
        kind="a translation between kinds of rows",
        headline=headline,
        sentence=rest,
        findings=result.findings,
        caption="Picture",
        legend="Losses are means over spans of steps.",
        picture=Markup(picture),  # noqa: S704 - ElementTree escapes
        columns=["direction", *(name.replace("_", " ") for name in first)],
        rows=[[name, *(f"{value:.4g}" for value in values.values())] for name, values in result.measures.items()],
        json=json.dumps(json.loads(result.to_json()), indent=1, ensure_ascii=False),
    )


def embedded(result: Translation, *, now: datetime | None = None, height: str = "40rem") -> str:
    """Return the page inside a frame of its own, for a notebook."""
    return framed(as_html(result, now=now), title="Result", height=height)


def write(result: Translation, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page as one file, whole or not at all, and return its path."""
    from lossmith.report._files import check
    from lossmith.report._files import write as write_whole

    check(path)
    return write_whole(path, as_html(result, **options))
