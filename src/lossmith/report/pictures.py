"""Stand-alone pictures for pages of the documentation: SVG text, equal bytes for equal results."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lossmith._errors import InvalidInputError
from lossmith.compare._spec import Comparison
from lossmith.report import _palette as palette
from lossmith.report._canvas import bare
from lossmith.report._curves import named, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lossmith.data import Dataset

__all__ = ["against", "drawn", "learning_curves", "scatter"]

_PANEL = 2.6  # inches


def scatter(datasets: Sequence[Dataset]) -> str:
    """Return a panel for each data set of two features, its rows coloured by class, as SVG text."""
    figure = Figure(figsize=(_PANEL * 1.5 * len(datasets), _PANEL * 1.4), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, dataset in zip(np.atleast_1d(figure.subplots(1, len(datasets))), datasets, strict=True):
        points = np.asarray(dataset.features, dtype=float)
        for label, (name, style) in enumerate(
            zip(dataset.class_names, palette.classes(len(dataset.class_names)), strict=True)
        ):
            chosen = points[dataset.target == label]
            ax.scatter(chosen[:, 0], chosen[:, 1], s=9, color=style.color, marker=style.marker, lw=0, label=name)
        ax.set_title(f"{dataset.name}, {dataset.n_samples:,} rows", loc="left", fontsize=10)
        ax.legend(title="class", fontsize=8, title_fontsize=8, frameon=False)
        bare(ax, keep=("bottom", "left"))
    return _text(figure, "data sets coloured by class")


def learning_curves(comparison: Comparison) -> str:
    """Return learning curves as SVG text: a column for each loss, the loss on top, the metric below, train and test.

    Lines are medians over seeds, bands span the middle 80 %.
    """
    losses = list(dict.fromkeys(curve.loss for curve in comparison.curves))
    quantities = list(dict.fromkeys(curve.quantity.partition("_")[2] for curve in comparison.curves))
    figure = Figure(figsize=(_PANEL * len(losses), _PANEL * 0.75 * len(quantities)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(quantities), len(losses), squeeze=False, sharex=True)
    for row, quantity in enumerate(quantities):
        for column, loss in enumerate(losses):
            _lines(grid[row, column], comparison, loss, quantity)
            if row == 0:
                grid[row, column].set_title(loss, loc="left", fontsize=9)
        grid[row, 0].set_ylabel(named(f"test_{quantity}").removeprefix("test "), fontsize=9)
    for ax in grid[-1]:
        ax.set_xlabel("epoch", fontsize=9)
    grid[0, 0].legend(fontsize=8, frameon=False)
    return _text(figure, f"learning curves of {comparison.data.name}")


def against(x: np.ndarray, series: Mapping[str, np.ndarray], *, x_name: str, y_name: str, title: str) -> str:
    """Return one line for each series over `x` as SVG text: means, with 95 % t intervals over the seeds.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
    series : mapping of str to ndarray of shape (n_points, n_seeds)
        NaN where a run gave nothing.
    x_name, y_name, title : str
    """
    from scipy import stats

    figure = Figure(figsize=(_PANEL * 2.4, _PANEL * 1.4), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    shifts = np.linspace(-0.012, 0.012, len(series)) * np.ptp(x)  # so that intervals at one place stay apart
    for place, (name, values) in enumerate(series.items()):
        style = palette.style(place)
        finite = [row[np.isfinite(row)] for row in values]
        # one seed has no interval
        half = [
            stats.t.ppf(0.975, len(row) - 1) * row.std(ddof=1) / np.sqrt(len(row)) if len(row) > 1 else np.nan
            for row in finite
        ]
        ax.errorbar(
            x + shifts[place],
            [row.mean() if len(row) else np.nan for row in finite],
            yerr=half,
            color=style.color,
            ls=style.dash,
            lw=1.4,
            capsize=2,
            label=name,
        )
    ax.set_xlabel(x_name, fontsize=9)
    ax.set_ylabel(y_name, fontsize=9)
    ax.legend(fontsize=8, frameon=False)
    bare(ax, keep=("bottom", "left"))
    return _text(figure, title)


def drawn(ax: Axes, title: str) -> str:
    """Return the figure that `ax` belongs to, as any result's `.plot()` gives it, as SVG text."""
    figure = ax.get_figure(root=True)
    if not isinstance(figure, Figure):
        raise InvalidInputError("axes without a figure", expected="what .plot() returns")
    FigureCanvasAgg(figure)
    return _text(figure, title)


def _lines(ax: Axes, comparison: Comparison, loss: str, quantity: str) -> None:
    for place, part in enumerate(("train", "validation", "test")):
        for curve in comparison.curves:
            if curve.loss == loss and curve.quantity == f"{part}_{quantity}":
                style = palette.style(place)
                epochs, middle, low, high = summary(curve)
                ax.fill_between(epochs, low, high, color=style.color, alpha=0.2, lw=0)
                ax.plot(epochs, middle, color=style.color, ls=style.dash, lw=1.4, label=part)
    bare(ax, keep=("bottom", "left"))


def _text(figure: Figure, title: str) -> str:
    stream = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "lossmith", "path.simplify": True}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Title": title})
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
