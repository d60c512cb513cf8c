"""Codes of two dimensions as maps, side by side, coloured by class."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lossmith._errors import ShapeError

__all__ = ["latent_map", "write_map"]


def latent_map(codes: Mapping[str, Any], labels: Any = None) -> Any:
    """Return a Matplotlib figure with a panel for each set of codes, `(n_samples, 2)`, coloured by class.

    Raises
    ------
    ShapeError
        Codes of another size, or not one label for each.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from lossmith.report import _palette as palette
    from lossmith.report._canvas import bare, verbatim

    figure = Figure(figsize=(4.6 * len(codes) + 1.0, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(figure.subplots(1, len(codes)))
    for ax, (title, points) in zip(axes, codes.items(), strict=True):
        points = np.asarray(points)
        if points.ndim != 2 or points.shape[1] != 2 or (labels is not None and len(labels) != len(points)):
            raise ShapeError(f"codes of shape {points.shape}", expected="(n_samples, 2), and one label for each")
        classes = np.unique(labels) if labels is not None else np.array([""])
        for label, style in zip(classes, palette.classes(max(len(classes), 2)), strict=False):
            chosen = points if labels is None else points[np.asarray(labels) == label]
            ax.scatter(chosen[:, 0], chosen[:, 1], s=4, color=style.color, lw=0, alpha=0.7, label=str(label))
        ax.set_title(title, loc="left", fontsize=10)
        bare(ax, keep=("bottom", "left"))
    if labels is not None:
        axes[-1].legend(frameon=False, fontsize=8, markerscale=3, loc="center left", bbox_to_anchor=(1.0, 0.5))
    verbatim(axes)
    return figure


def write_map(codes: Mapping[str, Any], labels: Any, path: str | os.PathLike[str]) -> Path:
    """Write `latent_map` as a PNG file."""
    from lossmith.report._files import write

    stream = io.BytesIO()
    latent_map(codes, labels).savefig(stream, format="png", metadata={"Software": None})
    return write(path, stream.getvalue())
