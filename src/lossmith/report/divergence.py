"""Views of divergences: where one comes from, both directions side by side, candidates, sweeps, covering and seeking."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lossmith.divergence import Approximation, Measurement, Projections, Survey, Sweep
from lossmith.report import _palette as palette
from lossmith.report import _wording as wording
from lossmith.report._canvas import WIDTH, bare, figure_of, flat, one, verbatim
from lossmith.report._files import write_made
from lossmith.report._frame import framed

__all__ = ["as_html", "as_text", "draw", "embedded", "sentence", "write"]

Result = Measurement | Survey | Approximation | Sweep | Projections
_MOST_BARS = 60
_SHOWN = 3


def draw(result: Result, **options: Any) -> Axes:
    """Draw a result and return the axes (the first, where there are several).

    Parameters
    ----------
    result : Measurement, Survey, Approximation, Sweep or Projections
    ax : axes or None
        A new figure where None; contributions need two axes, given as a list.
    """
    return _DRAWERS[type(result)](result, **options)


def _named(ax: Axes, title: str, below: str = "", beside: str = "") -> None:
    ax.set_title(title, fontsize=10, color=palette.LIGHT["ink"], loc="left")
    ax.set_xlabel(below, fontsize=9, color=palette.LIGHT["ink"])
    ax.set_ylabel(beside, fontsize=9, color=palette.LIGHT["ink"])
    bare(ax, keep=("bottom", "left"))


def _legend(ax: Axes, **options: Any) -> None:
    ax.legend(fontsize=8, frameon=False, labelcolor=palette.LIGHT["ink"], **options)


def _measurement(result: Measurement, ax: Any = None) -> Axes:
    parts = result.contributions
    if parts is None or len(parts.outcomes) > _MOST_BARS:
        return _interval(result, ax)
    left, right = flat(ax) if ax is not None else Figure(figsize=(WIDTH, 2.8), layout="constrained").subplots(1, 2)
    places = np.arange(len(parts.outcomes))
    for shift, values, name, style in (
        (-0.2, parts.p, result.p, palette.style(0)),
        (0.2, parts.q, result.q, palette.style(1)),
    ):
        left.bar(
            places + shift, values, width=0.38, color=style.color, label=wording.shortened(wording.plain(name), 24)
        )
    left.set_ylim(0, 1.25 * float(max(parts.p.max(), parts.q.max())))
    _legend(left, ncols=2, loc="upper left")
    _named(left, "both distributions", "outcome", "probability")
    finite = np.where(np.isfinite(parts.terms), parts.terms, 0.0)
    right.bar(places, finite, width=0.7, color=palette.style(2).color)
    peak = float(finite.max()) or 1.0
    for place in places[~np.isfinite(parts.terms)]:
        right.text(place, 0.02 * peak, "∞", ha="center", va="bottom", fontsize=14, color=palette.LIGHT["bad"])
    _named(right, "where the divergence comes from", "outcome", "contribution")
    for side in (left, right):
        step = max(1, len(places) // 12)
        side.set_xticks(places[::step], [wording.shortened(wording.plain(str(o)), 10) for o in parts.outcomes][::step])
    verbatim([left, right])
    return left


def _interval(result: Measurement, ax: Axes | None) -> Axes:
    ax = one(ax, 1.2)
    if math.isfinite(result.low + result.high):
        ax.plot([result.low, result.high], [0, 0], color=palette.style(0).color, lw=3, solid_capstyle="butt")
    ax.plot([result.value], [0], "o", color=palette.style(0).color, ms=8)
    ax.set_yticks([])
    _named(ax, wording.plain(result.direction), f"{result.divergence} {result.unit}".strip())
    bare(ax)
    verbatim([ax])
    return ax


def _survey(result: Survey, ax: Axes | None = None) -> Axes:
    ax = one(ax, 0.6 + 0.26 * len(result.forward))
    rows = np.arange(len(result.forward))[::-1]
    for row, there, back in zip(rows, result.forward, result.backward, strict=True):
        if math.isfinite(there.value + back.value):
            ax.plot([there.value, back.value], [row, row], color=palette.LIGHT["rule"], lw=3, zorder=0)
    finite = [x.value for x in (*result.forward, *result.backward) if math.isfinite(x.value)]
    edge = 1.15 * max(finite, default=1.0)
    for place, found, name in (
        (0, result.forward, f"{result.p} || {result.q}"),
        (1, result.backward, f"{result.q} || {result.p}"),
    ):
        style = palette.style(place)
        at = [min(x.value, edge) for x in found]
        ax.plot(
            at, rows, style.marker, color=style.color, ms=6, ls="none", label=wording.shortened(wording.plain(name), 50)
        )
    for row, pair in zip(rows, zip(result.forward, result.backward, strict=True), strict=True):
        if any(math.isinf(x.value) for x in pair):
            ax.text(edge * 1.02, row, "∞", va="center", fontsize=12, color=palette.LIGHT["bad"])
    ax.set_yticks(rows, [x.divergence for x in result.forward])
    if finite and min(finite) > 0 and edge > 20 * min(finite):
        ax.set_xscale("log")
    _legend(ax, loc="upper left", bbox_to_anchor=(0, -0.08), ncols=2)
    _named(ax, "both directions", "value")
    verbatim([ax])
    return ax


def _approximation(result: Approximation, ax: Axes | None = None) -> Axes:
    ax = one(ax, 3.0)
    fitted = [x for x in result.candidates if x.rank][:_SHOWN]
    if result.kind == "discrete":
        ax.bar(
            result.places,
            result.weights,
            width=0.8,
            color=palette.LIGHT["rule"],
            label=wording.shortened(wording.plain(result.data), 24),
        )
    else:
        ax.hist(
            result.places, bins=min(60, max(10, int(2 * len(result.places) ** 0.4))), density=True, color=palette.LIGHT["rule"],
            label=wording.shortened(wording.plain(result.data), 24),
        )  # fmt: skip
    for place, candidate in enumerate(fitted):
        style = palette.style(place)
        name = f"{candidate.label}, {candidate.divergence:.3g} nats"
        if result.kind == "discrete":
            masses = candidate.distribution.pmf(result.places)
            ax.plot(
                result.places, masses, color=style.color, marker=style.marker, ms=5, lw=1.4, ls=style.dash, label=name
            )
        else:
            low, high = np.quantile(result.places, [0.001, 0.999])
            grid = np.linspace(low, high, 300)
            ax.plot(grid, candidate.distribution.pdf(grid), color=style.color, lw=2, ls=style.dash, label=name)
    ax.set_ylim(0, 1.45 * ax.get_ylim()[1])
    _legend(ax, loc="upper right")
    _named(ax, "the closest candidates", "value", "probability" if result.kind == "discrete" else "density")
    verbatim([ax])
    return ax


def _sweep(result: Sweep, ax: Axes | None = None) -> Axes:
    ax = one(ax, 2.8)
    ways = (
        (result.forward, result.best_forward, f"{result.data} || model"),
        (result.reverse, result.best_reverse, f"model || {result.data}"),
    )
    for place, (values, best, name) in enumerate(ways):
        style = palette.style(place)
        shown = np.where(np.isfinite(values), values, np.nan)
        if np.isnan(shown).all():
            continue
        ax.plot(
            result.values,
            shown,
            color=style.color,
            ls=style.dash,
            lw=2,
            label=f"{wording.plain(name)}, least at {best:g}",
        )
        ax.plot([best], [np.nanmin(shown)], style.marker, color=style.color, ms=7)
    _legend(ax)
    _named(ax, f"divergence along {result.parameter} of {result.family}", result.parameter, "nats")
    verbatim([ax])
    return ax


def _projections(result: Projections, ax: Axes | None = None) -> Axes:
    ax = one(ax, 3.0)
    mean, deviation = result.forward
    grid = np.linspace(mean - 4 * deviation, mean + 4 * deviation, 500)
    ax.fill_between(
        grid, np.exp(result.law.log_density(grid)), color=palette.LIGHT["rule"], label=wording.plain(result.label)
    )
    ways = (
        (result.forward, result.forward_divergence, "forward covers"),
        (result.reverse, result.reverse_divergence, "reverse seeks"),
    )
    for place, ((middle, width), value, name) in enumerate(ways):
        style = palette.style(place)
        density = np.exp(-(((grid - middle) / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))
        ax.plot(grid, density, color=style.color, ls=style.dash, lw=2, label=f"{name}: {value:.3g} nats")
    _legend(ax)
    _named(ax, "the closest normal law in each direction", "value", "density")
    verbatim([ax])
    return ax


_DRAWERS: dict[type, Callable[..., Axes]] = {
    Measurement: _measurement,
    Survey: _survey,
    Approximation: _approximation,
    Sweep: _sweep,
    Projections: _projections,
}

_COLUMNS: dict[type, Sequence[str]] = {
    Measurement: (),
    Survey: ("divergence", "p || q", "q || p", "unit", "method"),
    Approximation: ("rank", "label", "divergence", "low", "high", "forward", "reverse", "aic", "bic", "ks", "note"),
    Sweep: (),
    Projections: (),
}
_KINDS = {
    Measurement: "a divergence, and where it comes from",
    Survey: "every divergence, both ways",
    Approximation: "which model is closest",
    Sweep: "a divergence along a parameter",
    Projections: "covering and seeking",
}


def sentence(result: Result) -> str:
    """Return the result in one sentence."""
    if isinstance(result, Survey):
        kl = next((x for x in result.forward if x.divergence == "kl_divergence"), result.forward[0])
        back = result.backward[result.forward.index(kl)]
        unit = f" {kl.unit}" if kl.unit else ""
        return f"{kl.divergence}: {_cell(kl.value)}{unit} of {result.q} from {result.p}, {_cell(back.value)}{unit} the other way"
    if isinstance(result, Sweep):
        return f"forward is least at {result.parameter} = {result.best_forward:g}, reverse at {result.best_reverse:g}"
    if isinstance(result, Projections):
        return f"forward: mean {result.forward[0]:.4g}, deviation {result.forward[1]:.4g}; reverse: {result.reverse[0]:.4g}, {result.reverse[1]:.4g}"
    return str(result)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.5g}"
    return wording.plain(str(value))


def _between(found: Measurement) -> str:
    """Return a value, with its interval where it has one."""
    if found.exactness not in ("interval", "estimate") or not math.isfinite(found.low + found.high):
        return _cell(found.value)
    return f"{found.value:.4g} [{found.low:.3g}, {found.high:.3g}]"


def _cells(result: Result) -> tuple[list[str], list[list[str]]]:
    frame = result.table()
    if isinstance(result, Survey):
        both = zip(result.forward, result.backward, strict=True)
        return list(_COLUMNS[Survey]), [
            [_cell(one.divergence), _between(one), _between(other), one.unit, one.method] for one, other in both
        ]
    columns = [name for name in (_COLUMNS[type(result)] or frame.columns) if name in frame.columns]
    return columns, [[_cell(row[name]) for name in columns] for row in frame.to_dicts()]


def as_text(result: Result, *, width: int | None = None) -> str:
    """Return the sentence, what to know and the table, for a terminal.

    Parameters
    ----------
    result
    width : int or None
        Lines are cut there with an ellipsis; None keeps them whole.
    """
    columns, rows = _cells(result)
    widths = [
        max(len(column), *(len(row[place]) for row in rows)) if rows else len(column)
        for place, column in enumerate(columns)
    ]
    lines = [wording.plain(sentence(result)), ""]
    for row in (columns, *rows):
        lines.append("  ".join(f"{cell:<{size}}" for cell, size in zip(row, widths, strict=True)).rstrip())
    for finding in _findings(result):
        lines += ["", wording.plain(finding.line()), f"    {finding.advice}"]
    kept = [line if width is None or len(line) <= width else f"{line[: max(1, width - 1)]}…" for line in lines]
    return "\n".join(kept) + "\n"


def _findings(result: Result) -> tuple[Any, ...]:
    if isinstance(result, Survey):
        seen = {finding.code: finding for x in (*result.forward, *result.backward) for finding in x.findings}
        return tuple(seen.values())
    return getattr(result, "findings", ())


def as_html(result: Result, *, now: datetime | None = None) -> str:
    """Return a self-contained HTML page, made like the report of a comparison.

    Parameters
    ----------
    result
    now : datetime or None
        The date it bears; the time of the call where None.
    """
    from markupsafe import Markup

    from lossmith.report.html import rendered
    from lossmith.report.svg import svg

    columns, rows = _cells(result)
    ax = draw(result)
    summary = wording.plain(sentence(result))
    title = ax.get_title(loc="left")
    picture = svg(figure_of(ax), key="divergence", title=title, description=summary)
    headline, _, rest = summary.partition(": ")
    return rendered(
        "divergence.html.j2",
        now=now or datetime.now(UTC),
        name=wording.shortened(headline, 80),
        kind=_KINDS[type(result)],
        headline=headline,
        sentence=rest,
        findings=_findings(result),
        caption="Picture",
        legend=title,
        picture=Markup(picture),  # noqa: S704 - ElementTree escapes
        columns=columns,
        rows=rows,
        json=_json(result),
    )


def _json(result: Result) -> str:
    return json.dumps(json.loads(result.to_json()), indent=1, ensure_ascii=False)


def embedded(result: Result, *, now: datetime | None = None, height: str = "40rem") -> str:
    """Return the page inside a frame of its own, for a notebook."""
    return framed(as_html(result, now=now), title="Divergence", height=height)


def write(result: Result, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page as one file and return its path; see `_files.write_made`."""
    return write_made(path, lambda: as_html(result, **options))
