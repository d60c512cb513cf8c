"""Small plots made of characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["panel", "side_by_side"]

# bits of the dots of a Braille character, by column and row
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def panel(
    x: np.ndarray, y: np.ndarray, *, title: str, width: int = 32, height: int = 7, unicode: bool = True
) -> list[str]:
    """Return the graph of y over x as lines, with its range, and the axis y = 0 where it lies inside.

    Parameters
    ----------
    x, y : ndarray of shape (n_points,)
        x in ascending order; points whose y is not finite are left out.
    title : str
    width, height : int
        Of the graph itself, in characters.
    unicode : bool
        Braille dots (2 by 4 in a character) instead of asterisks.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 41)
    >>> print("\\n".join(panel(x, x**2, title="square", width=9, height=3, unicode=False)))
      square
    1 *       *
       *     *
    0 --*****--
      -1      1
    """
    finite = np.isfinite(y)
    low, high = (float(y[finite].min()), float(y[finite].max())) if finite.any() else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    across, down = (2, 4) if unicode else (1, 1)
    columns, rows = width * across, height * down
    at = np.linspace(float(x[0]), float(x[-1]), columns)
    heights = np.interp(at, x[finite], y[finite]) if finite.any() else []
    places = [_row(value, low, high, rows) for value in heights]
    drawn = np.zeros((rows, columns), dtype=bool)
    for column, row in enumerate(places):
        before = places[column - 1] if column else row
        # a steep line has no gaps: fill half the way to its neighbour
        for between in range(min(row, (row + before) // 2 + 1), max(row, (row + before + 1) // 2 - 1) + 1):
            drawn[between, column] = True
        drawn[row, column] = True
    zero = _row(0.0, low, high, rows) // down if low <= 0 <= high else -1
    labels = [f"{high:.3g}", f"{low:.3g}"]
    margin = max(map(len, labels))
    lines = [f"{'':>{margin}} {title:<{width}}"]
    for row in range(height):
        label = labels[0] if row == 0 else labels[1] if row == height - 1 else ""
        axis = "⠤" if unicode else "-"
        cells = [_character(drawn, row, column, unicode) or (axis if row == zero else " ") for column in range(width)]
        lines.append(f"{label:>{margin}} {''.join(cells)}")
    left, right = f"{x[0]:.3g}", f"{x[-1]:.3g}"
    lines.append(f"{'':>{margin}} {left}{right:>{width - len(left)}}")
    return [line.rstrip() for line in lines]


def side_by_side(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """Return two blocks of lines beside each other."""
    width = max(map(len, left))
    return [f"{one:<{width}}  {other}" for one, other in zip(left, right, strict=True)]


def _row(value: float, low: float, high: float, rows: int) -> int:
    return rows - 1 - round((min(max(value, low), high) - low) / (high - low) * (rows - 1))


def _character(drawn: np.ndarray, row: int, column: int, unicode: bool) -> str:
    if not unicode:
        return "*" if drawn[row, column] else ""
    bits = sum(
        _DOTS[across][down] for across in (0, 1) for down in range(4) if drawn[4 * row + down, 2 * column + across]
    )
    return chr(0x2800 + bits) if bits else ""
