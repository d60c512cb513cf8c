"""Colours, markers and dashes: one style for each loss, the same in every figure, on light and on dark paper, and in grey.

The hues are those of Okabe and Ito (Color Universal Design, 2008), which people with any colour vision tell apart; those too
pale to be seen on white (WCAG: 3 to 1 for graphics) are darkened for light paper, those too dark are lightened for dark paper.
Marker and dash repeat what the colour says.
"""

from __future__ import annotations

from dataclasses import dataclass

from lossmith.compare._spec import Comparison

__all__ = ["DARK", "LIGHT", "SERIES", "Style", "classes", "losses", "style"]

# name -> colour on light paper, colour on dark paper; the names are CSS classes and variables of the report
_COLORS = {
    "ink": ("#1c2024", "#e8eaed"),
    "soft": ("#5b6570", "#a3adb8"),
    "rule": ("#d5dbe1", "#39424d"),
    "band": ("#e3ebe6", "#22352d"),
    "paper": ("#ffffff", "#15191e"),
    "bad": ("#a3161f", "#ff8f87"),
    "c0": ("#0072b2", "#4aa8e0"),  # blue
    "c1": ("#d55e00", "#ef7f2e"),  # vermillion
    "c2": ("#009e73", "#2fd3a3"),  # bluish green
    "c3": ("#b05589", "#dc93bb"),  # reddish purple
    "c4": ("#a87400", "#e6a51c"),  # orange
    "c5": ("#2e8fc4", "#7cc8f2"),  # sky blue
    "c6": ("#857b00", "#efe455"),  # yellow
    "c7": ("#4d5560", "#c3c9d1"),  # black
}
LIGHT = {name: pair[0] for name, pair in _COLORS.items()}
DARK = {name: pair[1] for name, pair in _COLORS.items()}
SERIES = tuple(name for name in _COLORS if name[0] == "c" and name[1:].isdigit())
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
_DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "solid",
    (0, (5.0, 2.0)),
    (0, (1.5, 1.5)),
    (0, (6.0, 2.0, 1.5, 2.0)),
    (0, (9.0, 3.0)),
    (0, (3.0, 1.5, 1.0, 1.5, 1.0, 1.5)),
    (0, (1.0, 3.0)),
)


@dataclass(frozen=True, slots=True)
class Style:
    """How one series is drawn.

    Attributes
    ----------
    token : str
        Name of the colour, also the CSS class of the series in the report.
    color : str
        On light paper.
    marker : str
        Of Matplotlib.
    dash : str or tuple
        Line style of Matplotlib.
    """

    token: str
    color: str
    marker: str
    dash: str | tuple[int, tuple[float, ...]]


def style(place: int) -> Style:
    """Return the style of series number `place`; colours come back after 8, with another marker and dash.

    Examples
    --------
    >>> style(0).token, style(8).token, style(0).marker == style(8).marker
    ('c0', 'c0', False)
    """
    token = SERIES[place % len(SERIES)]
    return Style(token, LIGHT[token], _MARKERS[place % len(_MARKERS)], _DASHES[place % len(_DASHES)])


def losses(comparison: Comparison) -> dict[str, Style]:
    """Return the style of each loss, in the order of the leaderboard."""
    labels = dict.fromkeys(standing.loss for standing in comparison.standings)
    return {label: style(place) for place, label in enumerate(labels)}


def classes(count: int) -> tuple[Style, ...]:
    """Return the styles of class ids; they begin elsewhere than those of the losses, and are used where no loss is drawn."""
    return tuple(style((place + 4) % len(SERIES) if place < len(SERIES) else place + 4) for place in range(count))
