"""Pictures of functions over a plane: paths of optimisers, and the loss around a trained model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lossmith.report import _palette as palette
from lossmith.report._canvas import bare
from lossmith.report.pictures import _text

__all__ = ["half_planes", "lines", "paths"]

_SIDE = 90
_LEVELS = 14


def paths(function: Callable[[np.ndarray], Any], found: Mapping[str, np.ndarray], *, title: str) -> str:
    """Return the contours of a function of two numbers with the paths that optimisers took on it, as SVG text.

    Parameters
    ----------
    function : callable
        `function(points) -> values` for `points` of shape (2, ...).
    found : mapping of str to ndarray of shape (n_steps + 1, 2)
    title : str
    """
    figure = Figure(figsize=(6.6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    every = np.concatenate(list(found.values()))
    low, high = every.min(axis=0), every.max(axis=0)
    room = 0.12 * (high - low) + 1e-6
    x, y = (np.linspace(low[k] - room[k], high[k] + room[k], _SIDE) for k in (0, 1))
    values = np.asarray(function(np.stack(np.meshgrid(x, y))))
    levels = np.unique(np.quantile(values, np.linspace(0, 1, _LEVELS)))
    ax.contour(x, y, values, levels, colors=palette.LIGHT["rule"], linewidths=0.8)
    for place, (name, path) in enumerate(found.items()):
        style = palette.style(place)
        ax.plot(path[:, 0], path[:, 1], color=style.color, marker=".", ms=4, lw=1, label=name)
    ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    bare(ax, keep=("bottom", "left"))
    return _text(figure, title)


def lines(found: Mapping[str, tuple[np.ndarray, np.ndarray]], *, title: str, xlabel: str, ylabel: str) -> str:
    """Return curves (x, y) by name as SVG text."""
    figure = Figure(figsize=(6.6, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    for place, (name, (x, y)) in enumerate(found.items()):
        ax.plot(x, y, color=palette.style(place).color, lw=1.6, label=name)
    ax.set_xlabel(xlabel, fontsize=9)
    ax.set_ylabel(ylabel, fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    bare(ax, keep=("bottom", "left"))
    return _text(figure, title)


def half_planes(
    constraints: Sequence[tuple[tuple[float, float], float, str]],
    *,
    low: tuple[float, float],
    high: tuple[float, float],
    title: str,
) -> str:
    """Return the lines of constraints a x + b y <= c, and the region where all of them hold, as SVG text.

    Parameters
    ----------
    constraints : sequence of ((a, b), c, name)
    low, high : tuple of float
        Corners of the part of the plane that is shown.
    title : str
    """
    figure = Figure(figsize=(6.6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    x, y = np.meshgrid(*(np.linspace(low[k], high[k], 4 * _SIDE) for k in (0, 1)))
    worst = np.max([a * x + b * y - c for (a, b), c, _ in constraints], axis=0)
    ax.contourf(x, y, worst, [float(worst.min()) - 1.0, 0.0], colors=[palette.LIGHT["band"]])
    for place, ((a, b), c, name) in enumerate(constraints):
        style = palette.style(place)
        point, along = np.array([a, b]) * c / (a * a + b * b), np.array([-b, a])
        ends = np.stack([point - 100 * along, point + 100 * along])
        ax.plot(ends[:, 0], ends[:, 1], color=style.color, ls=style.dash, lw=1.4, label=name)
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    bare(ax, keep=("bottom", "left"))
    return _text(figure, title)
