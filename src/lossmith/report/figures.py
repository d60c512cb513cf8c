"""Figures of a comparison, drawn on Matplotlib axes that are passed in or created; no global state is touched.

Every loss has one colour, marker and dash in all of them. The SVG that the report embeds is made by `lossmith.report.svg`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lossmith.compare._spec import Comparison, Standing
from lossmith.report import _numbers as numbers
from lossmith.report import _palette as palette
from lossmith.report import _seeds as seeds
from lossmith.report import _wording as wording
from lossmith.report._canvas import Titles, bare, one, verbatim
from lossmith.report._curves import curves
from lossmith.report._quantities import find, quantity
from lossmith.report._regions import boundaries, reliability

__all__ = ["balance", "boundaries", "curves", "forest", "reliability", "strip"]

_ROW = 0.34
_INK, _SOFT, _RULE, _BAND, _BAD = (palette.LIGHT[name] for name in ("ink", "soft", "rule", "band", "bad"))


def forest(comparison: Comparison, *, ax: Axes | None = None, titles: Titles | None = None) -> Axes:
    """Draw the paired differences from the best loss, their intervals, the equivalence band, and every seed as a dot.

    Parameters
    ----------
    comparison : Comparison
    ax : matplotlib.axes.Axes or None
        Where to draw; a new figure where None.
    titles : dict or None
        Filled with a text for each dot, by the id of its group: what the report shows when it is pointed at.

    Returns
    -------
    matplotlib.axes.Axes
        Right of 0 is better. A seed beyond the edge is drawn at the edge as a triangle, a collapsed one as a cross.
    """
    standings = comparison.standings
    ax = one(ax, 1.05 + _ROW * max(1, len(standings)))
    styles = palette.losses(comparison)
    by_seed = [seeds.differences(comparison, standing) for standing in standings]
    low, high = _range(comparison, [gap.value for gap in by_seed])
    margin = comparison.settings.margin
    if margin > 0:
        ax.axvspan(-margin, margin, color=_BAND, lw=0, zorder=0, gid="equivalence-band")
    ax.axvline(0, color=_SOFT, lw=1, zorder=1)
    for row, (standing, gap) in enumerate(zip(standings, by_seed, strict=True)):
        _dots(ax, row, gap, styles[standing.loss], low, high, titles, f"forest-{row}")
        _bar(ax, row, standing, styles[standing.loss])
    unit = quantity(comparison.settings.metric).unit.format(target=wording.plain(comparison.data.target_name))
    label = quantity(comparison.settings.metric).label
    ax.set_xlim(low, high)
    ax.set_xlabel(
        f"difference in test {label} from the best, seed by seed{f' ({unit})' if unit else ''}; right is better",
        fontsize=9,
        color=_INK,
    )
    if margin > 0:
        _above(ax, 0, f"equivalent within ±{margin:.2g}")
    _rows(ax, comparison, verdicts=True)
    return ax


def strip(comparison: Comparison, *, ax: Axes | None = None, titles: Titles | None = None) -> Axes:
    """Draw the judged metric of each loss with its interval, every seed as a dot, and the baselines as lines.

    Parameters
    ----------
    comparison : Comparison
    ax, titles
        See `forest`.
    """
    standings = comparison.standings
    ax = one(ax, 1.15 + _ROW * max(1, len(standings)))
    styles = palette.losses(comparison)
    for baseline in comparison.baselines:
        value = find(baseline.metrics, comparison.settings.metric)
        if value is not None and math.isfinite(value.mean):
            ax.axvline(value.mean, color=_SOFT, lw=1, ls=(0, (4, 3)), zorder=1)
    for row, standing in enumerate(standings):
        own = seeds.of_loss(comparison, standing)
        finite = np.isfinite(own.value)
        own = seeds.Seeds(own.seed[finite], own.value[finite], own.collapsed[finite])
        _dots(ax, row, own, styles[standing.loss], -math.inf, math.inf, titles, f"strip-{row}")
        interval = standing.metric
        _interval(ax, row, interval.mean, interval.low, interval.high, styles[standing.loss])
    ax.set_xlabel(wording.metric_header(comparison), fontsize=9, color=_INK)
    ax.margins(x=0.04)
    _baseline_names(ax, comparison)
    _rows(ax, comparison, verdicts=False)
    return ax


def balance(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw how many rows each class has, with its share.

    Parameters
    ----------
    comparison : Comparison
        Of a classification task; at most the 20 largest classes are drawn, the others as one bar.
    ax : matplotlib.axes.Axes or None
    """
    data = comparison.data
    pairs = sorted(zip(data.class_counts, data.class_names, strict=True), key=lambda pair: -pair[0])
    if len(pairs) > 20:
        rest = pairs[19:]
        pairs = [*pairs[:19], (sum(count for count, _ in rest), f"{len(rest)} other classes")]
    ax = one(ax, 0.4 + 0.32 * max(1, len(pairs)), width=5.0)
    total = max(1, sum(data.class_counts))
    for row, (count, name) in enumerate(pairs):
        ax.barh(row, count, height=0.62, color=_SOFT, zorder=2)
        text = f" {numbers.whole(count)} rows, {count / total:.1%}"
        ax.text(count, row, text, va="center", fontsize=9, color=_INK)
        ax.text(0, row, f"{wording.shortened(name, 40)} ", va="center", ha="right", fontsize=9, color=_INK)
    ax.set_xlim(0, 1.45 * max((count for count, _ in pairs), default=1))
    ax.set_ylim(len(pairs) - 0.4, -0.6)
    bare(ax, keep=())
    ax.set_xticks([])
    ax.set_yticks([])
    verbatim([ax])
    return ax


def _range(comparison: Comparison, gaps: list[np.ndarray]) -> tuple[float, float]:
    """Return what the forest plot spans: band and intervals whole, seeds as far as three times that."""
    margin = comparison.settings.margin
    ends = [0.0, -margin, margin]
    for standing in comparison.standings:
        if standing.difference is not None:
            ends += [standing.difference.low, standing.difference.high, standing.difference.mean]
    ends = [end for end in ends if math.isfinite(end)]
    low, high = min(ends), max(ends)
    span = high - low or 1.0
    values = np.concatenate(gaps) if gaps else np.empty(0)
    if values.size:
        low = min(low, max(float(values.min()), low - 0.5 * span))
        high = max(high, min(float(values.max()), high + 0.5 * span))
    room = 0.04 * (high - low or 1.0)
    return low - room, high + room


def _dots(
    ax: Axes, row: int, own: seeds.Seeds, style: palette.Style, low: float, high: float, titles: Titles | None, gid: str
) -> None:
    if not own.value.size:
        return
    # seeds fan out below the interval in a fixed pattern, so that equal values stay apart
    offset = row + 0.06 + 0.24 * ((own.seed * 0.618034) % 1.0)
    beyond = (own.value < low) | (own.value > high)
    kinds: list[tuple[str, np.ndarray, dict[str, Any]]] = [
        ("seeds", ~own.collapsed & ~beyond, {"marker": "o", "s": 9, "color": style.color, "alpha": 0.55, "lw": 0}),
        ("collapsed", own.collapsed & ~beyond, {"marker": "x", "s": 16, "color": _BAD, "lw": 1}),
        ("left", own.value < low, {"marker": "<", "s": 18, "color": _BAD, "lw": 0}),
        ("right", own.value > high, {"marker": ">", "s": 18, "color": _BAD, "lw": 0}),
    ]
    room = 0.012 * (high - low) if math.isfinite(high - low) else 0.0
    for kind, chosen, look in kinds:
        if not chosen.any():
            continue
        place = np.clip(own.value[chosen], low + room, high - room)
        ax.scatter(place, offset[chosen], zorder=3, gid=f"{gid}-{kind}", clip_on=False, **look)
        if titles is not None:
            sign = "+" if math.isfinite(low) else ""  # differences have a sign, values do not
            titles[f"{gid}-{kind}"] = [
                f"seed {seed}: {value:{sign}.4g}{', collapsed' if lost else ''}"
                for seed, value, lost in zip(own.seed[chosen], own.value[chosen], own.collapsed[chosen], strict=True)
            ]


def _bar(ax: Axes, row: int, standing: Standing, style: palette.Style) -> None:
    gap = standing.difference
    if gap is None:
        ax.plot([0], [row - 0.12], marker=style.marker, ms=7, color=style.color, mec=_INK, mew=0.6, zorder=5, ls="none")
    else:
        _interval(ax, row, gap.mean, gap.low, gap.high, style)


def _interval(ax: Axes, row: int, mean: float, low: float, high: float, style: palette.Style) -> None:
    if not math.isfinite(mean):
        return
    height = row - 0.12
    if math.isfinite(low) and math.isfinite(high):
        ax.plot([low, high], [height, height], color=style.color, lw=2.4, solid_capstyle="butt", zorder=4)
        ax.plot([low, high], [height, height], color=style.color, marker="|", ms=7, mew=1.4, ls="none", zorder=4)
    ax.plot([mean], [height], marker=style.marker, ms=7, color=style.color, mec=_INK, mew=0.6, ls="none", zorder=5)


def _above(ax: Axes, place: float, text: str) -> None:
    ax.annotate(
        text, (place, 1.0), (0, 4), xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="center", va="bottom", fontsize=8, color=_SOFT, annotation_clip=False,
    )  # fmt: skip


def _baseline_names(ax: Axes, comparison: Comparison) -> None:
    """Write the baselines above their lines, on as many levels as it takes not to overlap."""
    low, high = ax.get_xlim()
    ends: list[float] = []
    found = [(find(row.metrics, comparison.settings.metric), row.name) for row in comparison.baselines]
    placed = sorted((value.mean, name) for value, name in found if value is not None and math.isfinite(value.mean))
    for place, name in placed:
        text = wording.shortened(name, 24)
        half = 0.0065 * len(text) * (high - low)
        level = next((level for level, end in enumerate(ends) if place - half > end), len(ends))
        ends[level : level + 1] = [place + half]
        ax.annotate(
            text, (place, 1.0), (0, 3 + 10 * level), xycoords=("data", "axes fraction"), textcoords="offset points",
            ha="center", va="bottom", fontsize=8, color=_SOFT, annotation_clip=False,
        )  # fmt: skip


def _rows(ax: Axes, comparison: Comparison, *, verdicts: bool) -> None:
    standings = comparison.standings
    bare(ax)
    ax.grid(axis="x", color=_RULE, lw=0.6, zorder=0)
    ax.set_axisbelow(True)
    ax.set_ylim(len(standings) - 0.5, -0.5)
    ax.set_yticks(range(len(standings)), [wording.shortened(standing.loss, 40) for standing in standings])
    ax.tick_params(axis="y", length=0)
    for row, standing in enumerate(standings):
        failed = f", {wording.seeds(standing)}" if standing.n_failed else ""
        text = (wording.verdict(standing, price=False) if verdicts else numbers.estimate(standing.metric)[0]) + failed
        ax.annotate(
            text, (1.0, row), (8, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            va="center", fontsize=9, color=_INK, annotation_clip=False,
        )  # fmt: skip
    verbatim([ax])
