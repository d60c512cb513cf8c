"""Views of drift: the columns that changed first, each with its picture, in the terminal and on a page."""

from __future__ import annotations

import html as escaping
import json
import math
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith.drift import DETECTORS, ColumnDrift, Drift
from lossmith.report import _wording as wording
from lossmith.report._files import write_made
from lossmith.report._frame import framed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["as_html", "as_text", "draw", "embedded", "sparkline", "write"]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_WIDTH = 16  # characters of a small picture
_MOST_PICTURES = 60
_MOST_STABLE = 12
_STATUS = {
    "drifted": "worse",
    "gone": "worse",
    "small": "equivalent",
    "stable": "better",
    "new": "undecided",
    "not tested": "undecided",
}


def sparkline(counts: np.ndarray, *, width: int = _WIDTH) -> str:
    """Return shares of cells as a row of blocks; neighbours are joined where there are more than `width`.

    Examples
    --------
    >>> sparkline(np.array([0, 1, 4, 1]))
    ' ▂█▂'
    """
    values = np.asarray(counts, dtype=np.float64)
    if not len(values) or not values.sum():
        return ""
    if len(values) > width:
        values = np.array([part.sum() for part in np.array_split(values, width)])
    heights = np.ceil(values / values.max() * (len(_BLOCKS) - 1)).astype(int)
    return "".join(_BLOCKS[height] for height in heights)


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    if value < 1e-300:
        return "< 1e-300"
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"


def _effect(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _rows(result: Drift, *, everything: bool) -> list[ColumnDrift]:
    loud = [column for column in result.columns if column.status in ("drifted", "gone", "small", "new", "not tested")]
    rest = [column for column in result.columns if column not in loud]
    return list(result.columns) if everything else loud + rest[: max(0, _MOST_STABLE - len(loud))]


def as_text(result: Drift, *, width: int | None = None, everything: bool = False) -> str:
    """Return the verdict, the drifted columns first with what changed and a picture, and what to know.

    Parameters
    ----------
    result : Drift
    width : int or None
        Lines are cut there with an ellipsis; None keeps them whole.
    everything : bool
        Stable columns too, however many.
    """
    shown = _rows(result, everything=everything)
    header = ("column", "status", "effect", "p adjusted", "before", "now", "what changed")
    cells = [
        (
            wording.plain(wording.shortened(one.name, 28)), one.status, _effect(one.effect), _p(one.adjusted),
            sparkline(one.reference), sparkline(one.current), wording.plain(one.words),
        )
        for one in shown
    ]  # fmt: skip
    widths = [max(len(row[place]) for row in [header, *cells]) for place in range(len(header))]
    lines = [wording.plain(result.verdict), ""]
    lines += [
        "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in [header, *cells]
    ]
    if len(shown) < len(result.columns):
        lines.append(f"and {len(result.columns) - len(shown)} more that did not change")
    lines += ["", *_notes(result)]
    for code in dict.fromkeys(finding.code for finding in result.findings):
        group = [finding for finding in result.findings if finding.code == code]
        lines.append("")
        lines += [wording.plain(finding.line()) for finding in group[:5]]
        lines += [f"    and {len(group) - 5} more"] if len(group) > 5 else []
        lines.append(f"    {group[0].advice}")
    kept = [line if width is None or len(line) <= width else f"{line[: max(1, width - 1)]}…" for line in lines]
    return "\n".join(kept) + "\n"


def _notes(result: Drift) -> list[str]:
    """Return how it was decided and what it could have seen."""
    notes = [
        f"level {result.level:g} over all, {result.correction.replace('_', '-')}; a change counts from effect {result.minimum_effect:g} on",
    ]
    shift = result.detectable
    if not math.isnan(shift):
        notes.append(f"of a normal column a shift of {shift:.2g} sd is found 80 % of the time with these rows")
    elif result.blocks:
        notes.append("blocks of rows were relabelled, because rows follow each other in time")
    features = [column for column in result.columns if column.role == "feature" and not math.isnan(column.kl)]
    if len(features) > 1:
        notes.append(
            f"sum of KL over columns {result.total:.4g} nats: between the products of the marginals; dependence is not in it"
        )
    return notes


def draw(result: Drift, ax: Axes | None = None, *, column: str | None = None) -> Axes:
    """Draw the effect of each column with its minimum, or one column before and now; return the axes.

    Parameters
    ----------
    result : Drift
    ax : axes or None
        A new figure where None.
    column : str or None
        One column: shares of its cells before and now.
    """
    from lossmith.report import _palette as palette
    from lossmith.report._canvas import bare, one, verbatim

    if column is not None:
        return _one_column(result[column], ax)
    kept = [entry for entry in result.columns if not math.isnan(entry.effect)][:40]
    ax = one(ax, 0.8 + 0.24 * max(1, len(kept)))
    places = np.arange(len(kept))[::-1]
    for place, entry in zip(places, kept, strict=True):
        style = palette.style(1 if entry.drifted else 0)
        ax.plot([0, entry.effect], [place, place], color=style.color, lw=2)
        ax.plot([entry.effect], [place], style.marker, color=style.color, ms=6)
    ax.axvline(result.minimum_effect, color=palette.LIGHT["soft"], lw=1, ls="--")
    ax.set_yticks(places, [wording.shortened(wording.plain(entry.name), 30) for entry in kept])
    ax.set_title(
        "effect of each column (dashes: the least that counts)", fontsize=10, loc="left", color=palette.LIGHT["ink"]
    )
    ax.set_xlabel("root of the Jensen-Shannon divergence, less chance", fontsize=9, color=palette.LIGHT["ink"])
    bare(ax, keep=("bottom", "left"))
    verbatim([ax])
    return ax


def _one_column(entry: ColumnDrift, ax: Axes | None) -> Axes:
    from lossmith.report import _palette as palette
    from lossmith.report._canvas import bare, one, verbatim

    ax = one(ax, 2.8)
    places = np.arange(len(entry.cells))
    for shift, counts, name, number in ((-0.2, entry.reference, "before", 0), (0.2, entry.current, "now", 1)):
        style = palette.style(number)
        ax.bar(places + shift, counts / max(1, counts.sum()), width=0.38, color=style.color, label=name)
    step = max(1, len(places) // 12)
    ax.set_xticks(
        places[::step], [wording.shortened(wording.plain(name), 12) for name in entry.cells[::step]], fontsize=8
    )
    ax.legend(fontsize=8, frameon=False, labelcolor=palette.LIGHT["ink"])
    ax.set_title(
        f"{wording.plain(entry.name)}: {wording.plain(entry.words)}",
        fontsize=10,
        loc="left",
        color=palette.LIGHT["ink"],
    )
    ax.set_ylabel("share of rows", fontsize=9, color=palette.LIGHT["ink"])
    bare(ax, keep=("bottom", "left"))
    verbatim([ax])
    return ax


def picture(entry: ColumnDrift, key: str) -> str:
    """Return a column as SVG: shares before and now side by side, below them what each cell adds to the divergence."""
    count = len(entry.cells)
    wide, tall, below = 560.0, 96.0, 40.0
    before, now = (np.asarray(side) / max(1, side.sum()) for side in (entry.reference, entry.current))
    top = float(max(before.max(initial=0), now.max(initial=0))) or 1.0
    most = float(entry.contributions.max(initial=0)) or 1.0
    step = wide / max(1, count)
    parts = []
    for place, name in enumerate(entry.cells):
        left = place * step
        title = f"{wording.plain(name)}: {before[place]:.2%} before, {now[place]:.2%} now"
        bars = [
            (left + 0.06 * step, tall, tall * before[place] / top, 0),
            (left + 0.5 * step, tall, tall * now[place] / top, 1),
        ]
        bars.append((left + 0.28 * step, tall + 10 + below, below * entry.contributions[place] / most, 2))
        drawn = "".join(
            f'<rect class="f-c{color}" x="{x:.1f}" y="{base - height:.1f}" width="{0.44 * step:.1f}" height="{height:.1f}"/>'
            for x, base, height, color in bars
        )
        parts.append(f"<g><title>{escaping.escape(title)}</title>{drawn}</g>")
    words = escaping.escape(wording.plain(f"{entry.name}: {entry.words}"))
    return (
        f'<svg viewBox="0 0 {wide:.0f} {tall + below + 12:.0f}" role="img" aria-labelledby="{key}-t"><title id="{key}-t">{words}</title>'
        f'<path class="s-rule" d="M0 {tall:.0f}h{wide:.0f}M0 {tall + below + 10:.0f}h{wide:.0f}"/>{"".join(parts)}</svg>'
    )


def as_html(result: Drift, *, now: datetime | None = None, history: Sequence[Any] = ()) -> str:
    """Return a self-contained HTML page.

    Parameters
    ----------
    result : Drift
    now : datetime or None
        The date it bears; the time of the call where None.
    history : sequence of windows of a monitor
        Drawn above the columns.
    """
    from markupsafe import Markup

    from lossmith.report.html import rendered

    loud = [entry for entry in result.columns if entry.status in ("drifted", "small") and len(entry.cells)]
    chosen = (loud or [entry for entry in result.columns if len(entry.cells)][:6])[:_MOST_PICTURES]
    headline, _, rest = wording.plain(result.verdict).partition(": ")
    return rendered(
        "drift.html.j2",
        now=now or datetime.now(UTC),
        name=wording.shortened(f"{headline}, {wording.plain(result.current)}", 80),
        headline=headline,
        sentence=rest,
        facts=[
            ("Reference", f"{wording.plain(result.reference)}, {result.n:,} rows"),
            ("Now", f"{wording.plain(result.current)}, {result.m:,} rows"),
            ("Rule", _notes(result)[0]),
        ],
        notes=_notes(result)[1:],
        findings=_grouped(result),
        pictures=[
            (wording.plain(entry.name), wording.plain(entry.words), Markup(picture(entry, f"c{place}")))  # noqa: S704 - escaped
            for place, entry in enumerate(chosen)
        ],
        rows=[
            (
                wording.plain(entry.name), entry.status, _STATUS[entry.status], _effect(entry.effect), _p(entry.adjusted), _p(entry.p_value),
                sparkline(entry.reference), sparkline(entry.current), wording.plain(entry.words),
            )
            for entry in result.columns
        ],
        detectors=_detectors(result, chosen),
        history=Markup(_history(history)) if history else "",  # noqa: S704 - numbers and escaped text
        json=_short_json(result),
    )  # fmt: skip


def _grouped(result: Drift) -> list[tuple[str, str, str, str]]:
    groups: list[tuple[str, str, str, str]] = []
    for code in dict.fromkeys(finding.code for finding in result.findings):
        found = [finding for finding in result.findings if finding.code == code]
        words = "; ".join(
            wording.plain(f"{one.subject}: {one.evidence}" if one.subject else one.evidence) for one in found[:8]
        )
        more = f"; and {len(found) - 8} more" if len(found) > 8 else ""
        groups.append((code, found[0].severity, words + more, found[0].advice))
    return groups


def _detectors(result: Drift, chosen: Sequence[ColumnDrift]) -> list[tuple[str, str, str, str, str, str]]:
    names = {entry.name for entry in chosen} | {
        entry.name for entry in result.columns if entry.role in ("joint", "performance")
    }
    rows = []
    for entry in result.columns:
        for one in entry.judgements if entry.name in names else ():
            label = one.detector if one.detector in DETECTORS else one.detector.replace("_", " ")
            expected = "–" if math.isnan(one.expected) else f"{one.expected:.4g}"
            value = "–" if math.isnan(one.value) else f"{one.value:.4g}"
            rows.append((wording.plain(entry.name), label, value, expected, _p(one.p_value), one.method))
    return rows


def _history(windows: Sequence[Any]) -> str:
    """Return evidence over time as SVG: one dot for each window, the threshold as a line."""
    wide, tall = 760.0, 120.0
    logs = [math.log10(max(window.evidence, 1e-3)) for window in windows]
    bound = math.log10(windows[0].threshold)
    top, bottom = max(bound, *logs) + 0.3, min(0.0, *logs)
    span = (top - bottom) or 1.0
    step = wide / max(1, len(windows))

    def height(value: float) -> float:
        return tall * (top - value) / span

    dots = "".join(
        f'<circle class="f-c{1 if window.alarm else 0}" cx="{(place + 0.5) * step:.1f}" cy="{height(value):.1f}" r="{min(4.0, max(1.2, step / 3)):.1f}">'
        f"<title>window {window.number}: evidence {window.evidence:.3g}, p {window.p_value:.3g}{', alarm' if window.alarm else ''}</title></circle>"
        for place, (window, value) in enumerate(zip(windows, logs, strict=True))
    )
    alarms = sum(window.alarm for window in windows)
    return (
        f'<svg viewBox="0 0 {wide:.0f} {tall:.0f}" role="img" aria-label="evidence of {len(windows)} windows, {alarms} alarms">'
        f'<path class="s-c1" d="M0 {height(bound):.1f}h{wide:.0f}"/>{dots}</svg>'
    )


def _short_json(result: Drift) -> str:
    """Return the result as JSON; the counts of columns that are not drawn are left out of a long page."""
    record = json.loads(result.to_json())
    if len(record["columns"]) > _MOST_PICTURES:
        for entry in record["columns"]:
            for key in ("cells", "reference", "current", "contributions"):
                entry.pop(key)
    return json.dumps(record, indent=1, ensure_ascii=False)


def embedded(result: Drift, *, now: datetime | None = None, height: str = "40rem") -> str:
    """Return the page inside a frame of its own, for a notebook."""
    return framed(as_html(result, now=now), title="Drift", height=height)


def write(result: Drift, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page as one file and return its path; see `_files.write_made`."""
    return write_made(path, lambda: as_html(result, **options))
