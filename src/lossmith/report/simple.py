"""Views of results that are a sentence, a picture and a table: comparisons of models, and maps."""

from __future__ import annotations

import itertools
import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith.compare._model_spec import ModelComparison
from lossmith.estimators._som_map import SomMap
from lossmith.report import _palette as palette
from lossmith.report import _wording as wording
from lossmith.report._canvas import bare, figure_of, one, verbatim
from lossmith.report._files import write_made
from lossmith.report._frame import framed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["as_html", "as_text", "draw", "embedded", "write"]

Result = ModelComparison | SomMap


def draw(result: Result, **options: Any) -> Axes:
    """Draw a result and return the Matplotlib axes.

    Parameters
    ----------
    result
    options
        `ax`; for maps also `plane`, the name of a feature to show instead of the distances.
    """
    return _forest(result, **options) if isinstance(result, ModelComparison) else _map(result, **options)


def _forest(result: ModelComparison, ax: Axes | None = None) -> Axes:
    lines = [line for line in result.standings if line.difference is not None]
    ax = one(ax, 0.9 + 0.32 * len(lines))
    ax.axvspan(-result.margin, result.margin, color=palette.LIGHT["rule"], alpha=0.6, lw=0)
    ax.axvline(0, color=palette.LIGHT["ink"], lw=1)
    for place, line in enumerate(reversed(lines)):
        gap = line.difference
        if gap is None:
            continue
        style = palette.style(("equivalent", "worse", "undecided", "better").index(gap.verdict))
        low, high = (bound if math.isfinite(bound) else gap.mean for bound in (gap.low, gap.high))
        ax.plot([low, high], [place, place], color=style.color, lw=2)
        ax.plot([gap.mean], [place], color=style.color, marker="o", ms=6)
    ax.set_yticks(range(len(lines)), [f"{line.label}: {_verdict(line)}" for line in reversed(lines)], fontsize=9)
    ax.set_xlabel(f"difference of {result.metric} from {result.standings[0].label}, larger is better", fontsize=9)
    ax.set_title("Paired differences; grey: the band of equivalence", loc="left", fontsize=10)
    bare(ax, keep=("bottom",))
    verbatim([ax])
    return ax


def _verdict(line: Any) -> str:
    if line.difference is None:
        return "best"
    needed = line.difference.seeds_needed
    return str(line.difference.verdict) + (f", about {needed} folds" if needed else "")


def _map(result: SomMap, ax: Axes | None = None, plane: str | None = None) -> Axes:
    from lossmith._errors import UnknownNameError, did_you_mean

    values, legend = result.u_matrix, "mean distance to the cells around"
    if plane is not None:
        if plane not in result.feature_names:
            raise UnknownNameError(f"unknown feature {plane!r}", advice=did_you_mean(plane, result.feature_names))
        values, legend = result.planes[result.feature_names.index(plane)], plane
    rows, columns = result.grid.shape
    ax = one(ax, 4.6 * max(rows, 1) / max(columns, 1) + 0.6, 5.4)
    from matplotlib import colormaps
    from matplotlib.colors import Normalize
    from matplotlib.patches import Polygon, Rectangle

    finite = values[np.isfinite(values)]
    scale = Normalize(float(finite.min()), float(finite.max()) or 1.0)
    colors = colormaps["Greys_r"] if plane is None else colormaps["viridis"]
    corners = [(math.sin(a) / math.sqrt(3), math.cos(a) / math.sqrt(3)) for a in np.arange(6) * math.pi / 3]
    for unit, (y, x) in enumerate(result.grid.places):
        color = colors(scale(float(values.ravel()[unit])))
        if result.grid.kind == "hexagonal":
            ax.add_patch(Polygon([(x + a, y + b) for a, b in corners], facecolor=color, edgecolor="none"))
        else:
            ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, edgecolor="none"))
        if result.outlying.ravel()[unit]:
            ax.add_patch(
                Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fill=False, edgecolor=palette.style(1).color, lw=2)
            )
    for place, (name, hits) in enumerate(zip(result.class_names, result.class_hits, strict=True)):
        style = palette.classes(max(len(result.class_names), 2))[place]
        won = np.flatnonzero(hits.ravel())
        shift = 0.16 * (place - (len(result.class_names) - 1) / 2)
        where = result.grid.places[won]
        sizes = 12 + 60 * hits.ravel()[won] / max(int(result.hits.max()), 1)
        ax.scatter(where[:, 1] + shift, where[:, 0], s=sizes, marker=style.marker, color=style.color, lw=0, label=name)
    if result.class_names:
        ax.legend(
            title="class", fontsize=8, title_fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(1.0, 0.0)
        )
    right, bottom = result.grid.places[:, 1].max() + 1.0, result.grid.places[:, 0].max() + 0.5
    steps = np.linspace(-0.5, min(bottom, 4.5), 21)
    for place, (top, low) in enumerate(itertools.pairwise(steps)):
        color = colors(1.0 - place / 19)
        ax.add_patch(Rectangle((right, top), 0.3, low - top, facecolor=color, edgecolor="none"))
    for value, place in ((scale.vmax, steps[0]), (scale.vmin, steps[-1])):
        ax.text(right + 0.4, place, f"{value:.3g}", fontsize=8, va="center")
    ax.set_xlim(-0.7, right + 1.4)
    ax.set_ylim(result.grid.places[:, 0].max() + 0.7, -0.7)
    ax.set_aspect("equal")
    ax.set_title(f"{legend} (white: large); frames: cells that stand apart", loc="left", fontsize=9)
    bare(ax, keep=())
    ax.set_xticks([])
    ax.set_yticks([])
    verbatim([ax])
    return ax


def sentence(result: Result) -> str:
    """Return the result in one sentence."""
    if isinstance(result, ModelComparison):
        return result.verdict
    rows, columns = result.grid.shape
    return (
        f"{rows} x {columns} {result.grid.kind} map: quantization error {result.quantization_error:.4g}, topographic error "
        f"{result.topographic_error:.3f}, {int(result.outlying.sum())} cells stand apart"
    )


def _cells(result: Result) -> tuple[list[str], list[list[str]]]:
    if isinstance(result, SomMap):
        frame = result.table().sort("distance", descending=True)
        columns = [name for name in frame.columns if not name.startswith("weight_")]
        return columns, [[_cell(row[name]) for name in columns] for row in frame.to_dicts()]
    columns = ["", "model", "loss", result.metric, f"{result.level:.0%} interval", "difference", "verdict", "seconds"]
    rows = []
    for line in result.standings:
        gap = line.difference
        shown = "" if gap is None else f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
        failed = f", {line.n_failed} of {line.metric.n} folds failed" if line.n_failed else ""
        rows.append(
            [
                str(line.rank),
                wording.plain(line.label + ("*" if line.calibrated else "")),
                line.loss,
                f"{line.metric.mean:.4f}",
                f"[{line.metric.low:.4f}, {line.metric.high:.4f}]",
                shown,
                _verdict(line) + failed,
                f"{line.seconds:.2f}",
            ]
        )
    return columns, rows


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.5g}" if isinstance(value, float) else wording.plain(str(value))


def _notes(result: Result) -> list[str]:
    if isinstance(result, SomMap):
        return []
    counts = ", ".join(str(count) for count in result.class_counts)
    notes = [
        f"data      {wording.plain(result.data)}: {result.n_samples:,} rows, {result.task}"
        + (f" ({counts})" if counts else "")
    ]
    notes.append(
        f"folds     {result.folds}; intervals widened for shared training rows (test/train {result.overlap:.3g})"
        if result.overlap
        else f"folds     {result.folds}"
    )
    if any(line.calibrated for line in result.standings):
        notes.append("*         scores alone: probabilities by Platt scaling on training rows")
    return notes


def as_text(result: Result, *, width: int | None = None) -> str:
    """Return sentence, table and notes for a terminal; lines are cut at `width`."""
    columns, rows = _cells(result)
    widths = [max(len(line[place]) for line in (columns, *rows)) for place in range(len(columns))]
    lines = [wording.plain(sentence(result)), ""]
    for row in (columns, *rows):
        lines.append("  ".join(f"{cell:<{size}}" for cell, size in zip(row, widths, strict=True)).rstrip())
    lines += ["", *_notes(result)]
    kept = [
        lines[0],
        *(line if width is None or len(line) <= width else f"{line[: max(1, width - 1)]}…" for line in lines[1:]),
    ]
    return "\n".join(kept).rstrip() + "\n"


def as_html(result: Result, *, now: datetime | None = None) -> str:
    """Return a self-contained HTML page, made like the report of a comparison."""
    from markupsafe import Markup

    from lossmith.report.html import rendered
    from lossmith.report.svg import svg

    columns, rows = _cells(result)
    ax = draw(result)
    summary = wording.plain(sentence(result))
    title = ax.get_title(loc="left")
    picture = svg(figure_of(ax), key="result", title=title, description=summary)
    headline, _, rest = summary.partition("; " if isinstance(result, ModelComparison) else ": ")
    models = isinstance(result, ModelComparison)
    return rendered(
        "divergence.html.j2",
        now=now or datetime.now(UTC),
        name=wording.shortened(headline, 80),
        kind="a comparison of models" if models else "a self-organizing map",
        headline=headline,
        sentence=rest,
        findings=(),
        caption="Picture",
        legend=". ".join([title, *(" ".join(note.split()) for note in _notes(result))]),
        picture=Markup(picture),  # noqa: S704 - ElementTree escapes
        columns=columns,
        rows=rows,
        json=json.dumps(json.loads(result.to_json()), indent=1, ensure_ascii=False),
    )


def embedded(result: Result, *, now: datetime | None = None, height: str = "40rem") -> str:
    """Return the page inside a frame of its own, for a notebook."""
    return framed(as_html(result, now=now), title="Result", height=height)


def write(result: Result, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page as one file and return its path; see `_files.write_made`."""
    return write_made(path, lambda: as_html(result, **options))
