"""Views of a calibration curve: frequencies over probabilities with the diagonal, as picture, page and text."""

from __future__ import annotations

import html as escaping
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossmith.estimators._reliability import ReliabilityCurve
from lossmith.report import _wording as wording
from lossmith.report._files import write_made

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["as_html", "as_text", "draw", "embedded", "write"]

_COLUMNS = ("predicted", "observed", "low", "high", "count")


def _sentence(curve: ReliabilityCurve) -> str:
    return (
        f"{wording.plain(curve.name)}: expected calibration error {curve.error:.4f} on {int(curve.count.sum()):,} rows"
    )


def _cells(curve: ReliabilityCurve) -> list[list[str]]:
    return [
        [f"{row[name]:.4f}" if name != "count" else f"{row[name]:,}" for name in _COLUMNS]
        for row in curve.table().to_dicts()
    ]


def as_text(curve: ReliabilityCurve, *, width: int | None = None) -> str:
    """Return the error in one sentence, then one line for each bin; lines are cut at `width` columns."""
    lines = [_sentence(curve), "", "  ".join(f"{name:>9}" for name in _COLUMNS)]
    lines += ["  ".join(f"{cell:>9}" for cell in row) for row in _cells(curve)]
    return "\n".join(line if width is None else line[:width] for line in lines) + "\n"


def draw(curve: ReliabilityCurve, *, ax: Any = None) -> Axes:
    """Draw the curve with the intervals of its frequencies; the area of a point grows with its rows."""
    from lossmith.report import _palette as palette
    from lossmith.report._canvas import bare, one, verbatim

    ax = one(ax, 4.2, 4.6)
    style = palette.style(0)
    ax.plot([0, 1], [0, 1], color=palette.LIGHT["rule"], lw=1.2, zorder=0)
    ax.vlines(curve.predicted, curve.low, curve.high, color=style.color, lw=1.4)
    size = 20 + 180 * curve.count / max(int(curve.count.max()), 1)
    ax.scatter(curve.predicted, curve.observed, s=size, color=style.color, alpha=0.8, zorder=3)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_title(wording.shortened(_sentence(curve), 60), fontsize=10, color=palette.LIGHT["ink"], loc="left", y=1.0)
    ax.set_xlabel("predicted probability", fontsize=9, color=palette.LIGHT["ink"])
    ax.set_ylabel("observed frequency", fontsize=9, color=palette.LIGHT["ink"])
    bare(ax, keep=("bottom", "left"))
    verbatim([ax])
    return ax


def as_html(curve: ReliabilityCurve, *, now: datetime | None = None) -> str:
    """Return a self-contained HTML page."""
    import json

    from markupsafe import Markup

    from lossmith.report._canvas import figure_of
    from lossmith.report.html import rendered
    from lossmith.report.svg import svg

    summary = _sentence(curve)
    picture = svg(figure_of(draw(curve)), key="reliability", title="Calibration", description=summary)
    headline, _, rest = summary.partition(": ")
    return rendered(
        "divergence.html.j2",
        now=now or datetime.now(UTC),
        name=headline,
        kind="whether probabilities are frequencies",
        headline=headline,
        sentence=rest,
        findings=(),
        caption="Calibration",
        legend="Points on the line are calibrated; bars are 95 % intervals of the frequency; area grows with the rows.",
        picture=Markup(picture),  # noqa: S704 - ElementTree escapes
        columns=list(_COLUMNS),
        rows=_cells(curve),
        json=json.dumps(json.loads(curve.to_json()), indent=1, ensure_ascii=False),
    )


def embedded(curve: ReliabilityCurve, *, now: datetime | None = None, height: str = "36rem") -> str:
    """Return the page inside a frame of its own, for a notebook."""
    page = escaping.escape(as_html(curve, now=now), quote=True)
    box = f"width: 100%; height: {escaping.escape(height, quote=True)}; border: 0"
    return f'<iframe title="Calibration" sandbox="allow-scripts" style="{box}" srcdoc="{page}"></iframe>'


def write(curve: ReliabilityCurve, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page as one file and return its path; see `_files.write_made`."""
    return write_made(path, lambda: as_html(curve, **options))
