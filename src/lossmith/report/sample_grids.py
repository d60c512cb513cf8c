"""Generated rows as pictures: images side by side, rows of two numbers as points."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError

__all__ = ["grid_figure", "grid_image", "is_image", "write_grid"]

GAP = 2  # pixels between images
SMALLEST = 56  # pixels to which small images are blown up


def is_image(rows: np.ndarray) -> bool:
    """Return whether rows of this shape can be shown as images: (n, height, width, 1 or 3)."""
    return rows.ndim == 4 and rows.shape[3] in (1, 3)


def grid_image(rows: Any, *, columns: int | None = None) -> np.ndarray:
    """Return images side by side as bytes, `(height, width, 3)`.

    Parameters
    ----------
    rows : array of shape (n_images, height, width, 1 or 3)
        Numbers in [0, 1]; what lies outside is cut.
    columns : int, optional
        By default as many as make the grid square.

    Raises
    ------
    InvalidInputError
        Rows that are no images.

    Examples
    --------
    >>> grid_image(np.ones((6, 8, 8, 1)), columns=3).shape
    (114, 172, 3)
    """
    rows = np.asarray(rows, dtype=np.float64)
    if not is_image(rows) or not len(rows):
        raise InvalidInputError(f"rows of shape {rows.shape}", expected="images (n, height, width, 1 or 3 channels)")
    count, height, width, channels = rows.shape
    across = min(count, columns or math.ceil(math.sqrt(count)))
    down = -(-count // across)
    factor = max(1, SMALLEST // max(height, width))
    pixels = np.rint(np.clip(np.nan_to_num(rows), 0, 1) * 255).astype(np.uint8)
    pixels = np.repeat(np.repeat(pixels, factor, axis=1), factor, axis=2)
    pixels = np.repeat(pixels, 3 // channels, axis=3)
    high, wide = height * factor, width * factor
    sheet = np.full((down * high + (down - 1) * GAP, across * wide + (across - 1) * GAP, 3), 255, np.uint8)
    for place in range(count):
        top, left = (place // across) * (high + GAP), (place % across) * (wide + GAP)
        sheet[top : top + high, left : left + wide] = pixels[place]
    return sheet


def grid_figure(panels: Mapping[str, Any], *, columns: int | None = None) -> Any:
    """Return a Matplotlib figure with one grid of images below the other, each under its title.

    Raises
    ------
    InvalidInputError
        No panels, or rows that are no images.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not panels:
        raise InvalidInputError("no panels", expected="a title and images, once or more")
    sheets = {title: grid_image(rows, columns=columns) for title, rows in panels.items()}
    heights = [sheet.shape[0] / sheet.shape[1] for sheet in sheets.values()]
    figure = Figure(figsize=(5.0, sum(4.6 * height + 0.4 for height in heights)), layout="constrained")
    FigureCanvasAgg(figure)
    every = np.atleast_1d(figure.subplots(len(sheets), 1, height_ratios=heights))
    for ax, (title, sheet) in zip(every, sheets.items(), strict=True):
        ax.imshow(sheet, interpolation="nearest")
        ax.set_title(title, loc="left", fontsize=10)
        ax.set_axis_off()
    return figure


def write_grid(rows: Any, path: str | os.PathLike[str], *, real: Any = None) -> Path:
    """Write generated rows as one PNG file: images side by side, rows of two numbers as points (over real ones in grey).

    Raises
    ------
    InvalidInputError
        Rows that are neither, or a path that cannot be written.
    """
    from PIL import Image

    from lossmith.report._files import write

    rows = np.asarray(rows)
    stream = io.BytesIO()
    if is_image(rows):
        Image.fromarray(grid_image(rows)).save(stream, format="PNG")
    elif rows.ndim == 2 and rows.shape[1] == 2:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 5), layout="constrained")
        FigureCanvasAgg(figure)
        points(figure.subplots(), rows, real)
        figure.savefig(stream, format="png", metadata={"Software": None})
    else:
        raise InvalidInputError(
            f"rows of shape {rows.shape} as a picture",
            expected="images, or rows of two numbers",
            advice="write a .csv file",
        )
    return write(path, stream.getvalue())


def points(ax: Any, rows: np.ndarray, real: Any = None) -> None:
    """Draw rows of two numbers on axes."""
    from lossmith.report._canvas import bare
    from lossmith.report._palette import LIGHT, style

    if real is not None:
        ax.scatter(real[:, 0], real[:, 1], s=2, color=LIGHT["rule"], lw=0)
    ax.scatter(rows[:, 0], rows[:, 1], s=3, color=style(0).color, lw=0, alpha=0.7)
    ax.set_aspect("equal")
    bare(ax, keep=())
