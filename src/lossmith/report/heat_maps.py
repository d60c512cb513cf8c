"""Small grey pictures above maps of what counts in them, as SVG text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lossmith.report.pictures import _text

__all__ = ["heat_maps"]


def heat_maps(images: Sequence[np.ndarray], maps: Sequence[np.ndarray], names: Sequence[str], *, title: str) -> str:
    """Return images in a row and a map below each, as SVG text.

    Parameters
    ----------
    images, maps : sequences of ndarray of shape (height, width)
        Equally many, each of its own size; every picture has its own scale, from its least value (light) to its largest (dark).
    names : sequence of str
        One for each image.
    title : str
    """
    figure = Figure(figsize=(1.3 * len(images), 2.7), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(images), squeeze=False)
    for column, name in enumerate(names):
        grid[0, column].set_title(name, fontsize=9)
        for row, picture, colors in ((0, images[column], "Greys"), (1, maps[column], "Oranges")):
            ax = grid[row, column]
            ax.imshow(np.asarray(picture), cmap=colors, interpolation="nearest")
            ax.axis("off")
    return _text(figure, title)
