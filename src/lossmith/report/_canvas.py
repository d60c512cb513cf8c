"""Axes to draw on, without any global state of Matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from lossmith._errors import InvalidInputError
from lossmith.report._palette import LIGHT

__all__ = ["Titles", "bare", "figure_of", "flat", "one", "panels", "verbatim"]

# id of a group in the SVG -> what its marks (one text for each) or its only mark say when pointed at
Titles = dict[str, list[str]]

WIDTH = 8.4


def one(ax: Axes | None, height: float, width: float = WIDTH) -> Axes:
    """Return `ax`, or the only axes of a new figure."""
    if ax is not None:
        return ax
    return Figure(figsize=(width, height), layout="constrained").subplots()


def panels(axes: Any, count: int, *, height: float = 2.1) -> list[Axes]:
    """Return `count` axes: those that were passed in, or a new figure of small ones with common scales.

    Raises
    ------
    InvalidInputError
        Fewer axes were passed in than there are panels.
    """
    if axes is not None:
        given = flat(axes)
        if len(given) < count:
            raise InvalidInputError(
                f"{len(given)} axes", expected=f"{count} axes", advice="pass one for each loss, or none at all"
            )
        return given[:count]
    across = min(count, 3 if count in (5, 6, 9) else 4)  # no row with a single panel
    down = -(-count // across)
    figure = Figure(figsize=(WIDTH, height * down + 0.3), layout="constrained")
    made = flat(figure.subplots(down, across, sharex=True, sharey=True, squeeze=False))
    for place, unused in enumerate(made[count:], start=count):
        unused.remove()
        made[place - across].tick_params(labelbottom=True)
    return made[:count]


def flat(axes: Any) -> list[Axes]:
    """Return axes of any nesting as a list."""
    return [axes] if isinstance(axes, Axes) else list(np.asarray(axes, dtype=object).ravel())


def figure_of(ax: Axes) -> Figure:
    """Return the figure that holds `ax`."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise InvalidInputError("axes without a figure", expected="axes of a figure", advice="create them by a figure")
    return figure


def bare(ax: Axes, *, keep: Sequence[str] = ("bottom",)) -> None:
    """Leave only the spines that are named, in soft ink."""
    for side, spine in ax.spines.items():
        spine.set_visible(side in keep)
        spine.set_color(LIGHT["rule"])
    ax.tick_params(colors=LIGHT["soft"], labelcolor=LIGHT["ink"], length=3, labelsize=9)
    ax.set_facecolor("none")


def verbatim(artists: Iterable[Any]) -> None:
    """Take every text as it is: a name with dollar signs is no formula."""
    for artist in artists:
        for text in artist.findobj(Text):
            text.set_parse_math(False)
