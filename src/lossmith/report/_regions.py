"""Calibration diagrams and decision regions: one panel for each loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from lossmith.compare._spec import Boundary, Comparison
from lossmith.report import _palette as palette
from lossmith.report import _wording as wording
from lossmith.report._canvas import Titles, bare, panels, verbatim
from lossmith.report._curves import MOST_POINTS

__all__ = ["boundaries", "reliability"]

_INK, _SOFT, _RULE = (palette.LIGHT[name] for name in ("ink", "soft", "rule"))


def reliability(comparison: Comparison, *, axes: Any = None, titles: Titles | None = None) -> list[Axes]:
    """Draw observed against predicted frequency, a panel for each loss, with the number of rows in each bin as bars.

    Parameters
    ----------
    comparison : Comparison
    axes : axes, sequence or array of axes, or None
    titles : dict or None
        See `forest`.

    Returns
    -------
    list of matplotlib.axes.Axes
        On the diagonal, a probability of 0.7 comes true 7 times in 10. Empty where there is no calibration.
    """
    if not comparison.reliability:
        return []
    made = panels(axes, len(comparison.reliability), height=2.2)
    styles = palette.losses(comparison)
    calibrated = {standing.loss for standing in comparison.standings if standing.calibrated}
    for place, (ax, diagram) in enumerate(zip(made, comparison.reliability, strict=True)):
        style = styles.get(diagram.loss) or palette.style(len(styles) + place)
        count = np.asarray(diagram.count, dtype=float)
        filled = count > 0
        width = 0.9 / max(1, len(count))
        # bars of the number of rows, a quarter of the panel high
        ax.bar(
            diagram.predicted[filled],
            0.25 * count[filled] / max(1.0, count.max(initial=1.0)),
            width,
            color=_RULE,
            lw=0,
            zorder=1,
        )
        ax.plot([0, 1], [0, 1], color=_SOFT, lw=1, ls=(0, (4.0, 3.0)), zorder=2)
        ax.plot(diagram.predicted[filled], diagram.observed[filled], color=style.color, lw=1.8, zorder=4)
        gid = f"reliability-{place}"
        ax.scatter(
            diagram.predicted[filled], diagram.observed[filled], marker=style.marker, s=20, color=style.color, ec=_INK, lw=0.4, zorder=5, gid=gid,
        )  # fmt: skip
        if titles is not None:
            titles[gid] = [
                f"predicted {predicted:.3f}, observed {observed:.3f}, {rows:,.0f} rows"
                for predicted, observed, rows in zip(
                    diagram.predicted[filled], diagram.observed[filled], count[filled], strict=True
                )
            ]
        mark = "*" if diagram.loss in calibrated else ""
        ax.set_title(wording.shortened(diagram.loss, 24) + mark, fontsize=9, color=_INK, loc="left", y=1.0)
        bare(ax, keep=("bottom", "left"))
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    made[0].set_ylabel("observed", fontsize=9, color=_INK)
    made[-1].set_xlabel("predicted", fontsize=9, color=_INK)
    verbatim(made)
    return made


def boundaries(comparison: Comparison, *, axes: Any = None) -> list[Axes]:
    """Draw the decision regions of each loss over the rows, for data of two features.

    Parameters
    ----------
    comparison : Comparison
    axes : axes, sequence or array of axes, or None

    Returns
    -------
    list of matplotlib.axes.Axes
        Darker is surer; the line is where the decision turns. Empty for data of more features.
    """
    shown = comparison.boundaries
    if not shown:
        return []
    made = panels(axes, len(shown), height=2.1)
    most = max(20, MOST_POINTS // len(shown))
    for ax, boundary in zip(made, shown, strict=True):
        if comparison.data.task == "regression":
            _values(ax, boundary)
        elif comparison.data.task == "binary":
            _probability(ax, boundary)
        else:
            _classes(ax, boundary, len(comparison.data.class_names))
        _points(ax, boundary, comparison, most)
        ax.set_title(wording.shortened(boundary.loss, 24), fontsize=9, color=_INK, loc="left", y=1.0)
        bare(ax, keep=())
        ax.set(xlim=(boundary.x.min(), boundary.x.max()), ylim=(boundary.y.min(), boundary.y.max()))
        ax.tick_params(labelsize=8)
    made[0].set_ylabel(wording.shortened(shown[0].names[1], 30), fontsize=9, color=_INK)
    made[-1].set_xlabel(wording.shortened(shown[-1].names[0], 30), fontsize=9, color=_INK)
    verbatim(made)
    return made


def _probability(ax: Axes, boundary: Boundary) -> None:
    zero, one = palette.classes(2)
    edges = np.linspace(0, 1, 9)
    sides = [(zero if middle < 0.5 else one, abs(middle - 0.5)) for middle in (edges[1:] + edges[:-1]) / 2]
    colors = [to_rgba(style.color, 0.05 + 0.8 * away) for style, away in sides]
    ax.contourf(boundary.x, boundary.y, np.clip(boundary.value, 0, 1), edges, colors=colors, zorder=1)
    if boundary.value.min() < 0.5 < boundary.value.max():
        ax.contour(boundary.x, boundary.y, boundary.value, [0.5], colors=[_INK], linewidths=1.2, zorder=3)


def _classes(ax: Axes, boundary: Boundary, count: int) -> None:
    edges = np.arange(count + 1) - 0.5
    colors = [to_rgba(style.color, 0.32) for style in palette.classes(count)]
    ax.contourf(boundary.x, boundary.y, boundary.value, edges, colors=colors, zorder=1)


def _values(ax: Axes, boundary: Boundary) -> None:
    low, high = float(boundary.value.min()), float(boundary.value.max())
    edges = np.linspace(low, high if high > low else low + 1, 9)
    color = palette.classes(1)[0].color
    ax.contourf(
        boundary.x,
        boundary.y,
        boundary.value,
        edges,
        colors=[to_rgba(color, 0.1 * step) for step in range(8)],
        zorder=1,
    )


def _points(ax: Axes, boundary: Boundary, comparison: Comparison, most: int) -> None:
    step = max(1, -(-len(boundary.points) // most))
    points, labels = boundary.points[::step], np.asarray(boundary.labels)[::step]
    if comparison.data.task == "regression":
        ax.scatter(points[:, 0], points[:, 1], s=5, color=_SOFT, lw=0, zorder=2)
        return
    for index, style in enumerate(palette.classes(len(comparison.data.class_names))):
        own = labels == index
        ax.scatter(
            points[own, 0],
            points[own, 1],
            s=6,
            marker=("o", "x", "^", "s", "D", "v")[index % 6],
            color=style.color,
            lw=0.6 if index % 6 == 1 else 0,
            zorder=2,
        )
