"""Stand-alone pictures of estimators for pages: regions, margins, steps of k-means, projections, curves. SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lossmith.report import _palette as palette
from lossmith.report._canvas import bare
from lossmith.report.pictures import _text

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes

__all__ = ["curves", "drawn", "k_means_steps", "lifting", "margins", "projections", "regions", "undecided_share"]

_SIDE = 160


def _panels(count: int, *, height: float = 3.0) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(3.3 * count, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(figure.subplots(1, count)))


def _points(ax: Axes, X: np.ndarray, y: np.ndarray) -> None:
    classes = np.unique(y)
    for label, style in zip(classes, palette.classes(max(len(classes), 2)), strict=False):
        ax.scatter(X[y == label, 0], X[y == label, 1], s=9, color=style.color, marker=style.marker, lw=0)
    bare(ax, keep=())
    ax.set_xticks([])
    ax.set_yticks([])


def drawn(axes: Axes, title: str) -> str:
    """Return the figure of axes as SVG text."""
    figure = axes.get_figure(root=True)
    if not isinstance(figure, Figure):
        raise TypeError("axes without a figure")
    FigureCanvasAgg(figure)
    return _text(figure, title)


def _votes(model: Any, X: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float], np.ndarray]:
    """Return the most probable class over the plane (-1 where several tie), the extent, and the classes."""
    low, high = X.min(axis=0) - 0.5, X.max(axis=0) + 0.5
    across, up = np.meshgrid(np.linspace(low[0], high[0], _SIDE), np.linspace(low[1], high[1], _SIDE))
    probability = model.predict_proba(np.column_stack([across.ravel(), up.ravel()]))
    best = probability.max(axis=1, keepdims=True)
    tied = (probability >= best - 1e-12).sum(axis=1) > 1
    found = np.where(tied, -1, probability.argmax(axis=1)).reshape(_SIDE, _SIDE)
    return found, (low[0], high[0], low[1], high[1]), np.asarray(model.classes_)


def undecided_share(model: Any, X: np.ndarray) -> float:
    """Return the share of the plane on which several classes tie."""
    return float((_votes(model, X)[0] < 0).mean())


def regions(models: Mapping[str, Any], X: np.ndarray, y: np.ndarray, *, title: str) -> str:
    """Return the regions of classes over two inputs, a panel for each fitted model; ties are left white."""
    from matplotlib.colors import ListedColormap

    figure, axes = _panels(len(models))
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        found, extent, classes = _votes(model, X)
        colors = ["#ffffff", *(style.color for style in palette.classes(max(len(classes), 2)))][: len(classes) + 1]
        ax.imshow(
            found, origin="lower", extent=extent, aspect="auto", alpha=0.35, cmap=ListedColormap(colors), vmin=-1,
            vmax=len(classes) - 1, interpolation="nearest",
        )  # fmt: skip
        _points(ax, X, y)
        ax.set_title(name, loc="left", fontsize=9)
    return _text(figure, title)


def margins(model: Any, X: np.ndarray, y: np.ndarray, *, title: str) -> str:
    """Return the line and margins of a fitted linear SVC over two inputs, its support vectors ringed."""
    figure, axes = _panels(1, height=3.4)
    ax = axes[0]
    _points(ax, X, y)
    low, high = X.min(axis=0) - 0.5, X.max(axis=0) + 0.5
    across, up = np.meshgrid(np.linspace(low[0], high[0], _SIDE), np.linspace(low[1], high[1], _SIDE))
    score = model.decision_function(np.column_stack([across.ravel(), up.ravel()])).reshape(across.shape)
    ax.contour(
        across, up, score, levels=[-1, 0, 1], colors=palette.LIGHT["ink"], linestyles=["--", "-", "--"], linewidths=1
    )
    ax.scatter(
        model.support_vectors_[:, 0],
        model.support_vectors_[:, 1],
        s=60,
        facecolors="none",
        edgecolors=palette.LIGHT["ink"],
        lw=1,
    )
    ax.set_title(
        f"margin {2 / np.linalg.norm(model.coef_):.3f}, {len(model.support_)} support vectors", loc="left", fontsize=9
    )
    return _text(figure, title)


def lifting(x: np.ndarray, y: np.ndarray, *, title: str) -> str:
    """Return rows of one input on a line, and lifted by their square, where a straight line divides them."""
    figure, axes = _panels(2)
    _points(axes[0], np.column_stack([x, np.zeros_like(x)]), y)
    axes[0].set_title("one input", loc="left", fontsize=9)
    _points(axes[1], np.column_stack([x, x**2]), y)
    axes[1].set_title("input and its square", loc="left", fontsize=9)
    border = (np.max(x[y == 0] ** 2) + np.min(x[y == 1] ** 2)) / 2
    axes[1].axhline(border, color=palette.LIGHT["ink"], lw=1)
    return _text(figure, title)


def k_means_steps(X: np.ndarray, centers: Sequence[np.ndarray], *, title: str) -> str:
    """Return the rows by nearest centre, a panel for each step of k-means, with the centres of that step."""
    figure, axes = _panels(len(centers))
    for step, (ax, c) in enumerate(zip(axes, centers, strict=True)):
        nearest = ((X[:, None] - c[None]) ** 2).sum(axis=2).argmin(axis=1)
        _points(ax, X, nearest)
        ax.scatter(c[:, 0], c[:, 1], s=70, marker="x", color=palette.LIGHT["ink"])
        ax.set_title(f"step {step}", loc="left", fontsize=9)
    return _text(figure, title)


def projections(panels: Mapping[str, tuple[np.ndarray, np.ndarray]], *, title: str) -> str:
    """Return scatter plots of projected rows by class; one-dimensional ones lie on a line."""
    figure, axes = _panels(len(panels))
    for ax, (name, (Z, y)) in zip(axes, panels.items(), strict=True):
        _points(ax, Z if Z.shape[1] == 2 else np.column_stack([Z[:, 0], np.zeros(len(Z))]), y)
        ax.set_title(name, loc="left", fontsize=9)
    return _text(figure, title)


def curves(tables: Mapping[str, pl.DataFrame], *, title: str) -> str:
    """Return train and validation scores by the first column of each table, with bands of one standard deviation."""
    figure, axes = _panels(len(tables))
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        x = table[table.columns[0]].to_numpy()
        for place, part in enumerate(("train", "validation")):
            style = palette.style(place)
            middle, spread = table[part].to_numpy(), table[f"{part}_deviation"].to_numpy()
            ax.fill_between(x, middle - spread, middle + spread, color=style.color, alpha=0.2, lw=0)
            ax.plot(x, middle, color=style.color, ls=style.dash, lw=1.5, label=part)
        ax.set_xlabel(table.columns[0], fontsize=9)
        ax.set_title(name, loc="left", fontsize=9)
        bare(ax, keep=("bottom", "left"))
    axes[0].legend(fontsize=8, frameon=False)
    return _text(figure, title)
