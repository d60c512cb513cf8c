"""The grid of a self-organizing map: where its units stand, how far apart, and which are neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean

__all__ = ["DECAYS", "NEIGHBOURHOODS", "Grid", "decayed", "make_grid", "neighbourhood"]

NEIGHBOURHOODS = ("gaussian", "bubble", "mexican_hat")
DECAYS = ("exponential", "asymptotic", "linear")
LINE = np.sqrt(3.0) / 2.0  # distance of two lines of hexagons


@dataclass(frozen=True, slots=True)
class Grid:
    """Units of a map, line by line: unit `row * columns + column`.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns.
    kind : {"rectangular", "hexagonal"}
    border : {"planar", "toroidal"}
    places : ndarray of shape (n_units, 2)
        Vertical and horizontal position; neighbours in a line are 1 apart, odd lines of hexagons stand half a step right.
    squares : ndarray of shape (n_units, n_units)
        Squared distances, around the border where that is nearer on a torus.
    adjacent : ndarray of bool, shape (n_units, n_units)
        The eight around a square, the six around a hexagon.
    """

    shape: tuple[int, int]
    kind: str
    border: str
    places: np.ndarray
    squares: np.ndarray
    adjacent: np.ndarray

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.shape[0] * self.shape[1]


def make_grid(rows: int, columns: int, kind: str, border: str) -> Grid:
    """Return a grid of units.

    Raises
    ------
    InvalidInputError
        An odd number of lines of hexagons on a torus: the last would not fit the first.

    Examples
    --------
    >>> [int(make_grid(4, 4, kind, "planar").adjacent[5].sum()) for kind in ("rectangular", "hexagonal")]
    [8, 6]
    >>> int(make_grid(4, 4, "rectangular", "toroidal").adjacent[0].sum())
    8
    """
    for name, value, allowed in (
        ("grid", kind, ("rectangular", "hexagonal")),
        ("border", border, ("planar", "toroidal")),
    ):
        if value not in allowed:
            raise UnknownNameError(f"{name}={value!r}", advice=did_you_mean(str(value), allowed))
    if kind == "hexagonal" and border == "toroidal" and rows % 2:
        raise InvalidInputError(
            f"{rows} lines of hexagons on a torus",
            expected="an even number of rows: every other line is shifted",
            advice=f"take {rows + 1} rows",
        )
    lines, across = np.divmod(np.arange(rows * columns), columns)
    vertical, horizontal = lines.astype(float), across.astype(float)
    period = (float(rows), float(columns))
    if kind == "hexagonal":
        vertical, horizontal = vertical * LINE, horizontal + 0.5 * (lines % 2)
        period = (rows * LINE, float(columns))
    squares = np.zeros((rows * columns,) * 2)
    for place, length in ((vertical, period[0]), (horizontal, period[1])):
        apart = np.abs(place[:, None] - place[None])
        squares += (np.minimum(apart, length - apart) if border == "toroidal" else apart) ** 2
    # a diagonal step on squares is sqrt 2, every step on hexagons 1
    adjacent = squares < (2.5 if kind == "rectangular" else 1.5)
    np.fill_diagonal(adjacent, False)
    return Grid((rows, columns), kind, border, np.column_stack([vertical, horizontal]), squares, adjacent)


def neighbourhood(kind: str, squares: np.ndarray, radius: float) -> np.ndarray:
    r"""Return how much units at squared grid distances learn with the winner.

    Gaussian $e^{-d^2/2\sigma^2}$; bubble 1 up to $\sigma$; Mexican hat $(1 - d^2/\sigma^2) e^{-d^2/2\sigma^2}$, which
    pushes away beyond $\sigma$.

    Examples
    --------
    >>> [neighbourhood(kind, np.array([0.0, 1.0, 4.0]), 1.0).round(3).tolist() for kind in NEIGHBOURHOODS]
    [[1.0, 0.607, 0.135], [1.0, 1.0, 0.0], [1.0, 0.0, -0.406]]
    """
    if kind == "bubble":
        return (squares <= radius**2).astype(float)
    bell = np.exp(-squares / (2.0 * radius**2))
    return bell if kind == "gaussian" else (1.0 - squares / radius**2) * bell


def decayed(kind: str, first: float, last: float, count: int) -> np.ndarray:
    r"""Return `count` values from `first` on: $a (b/a)^{t/(T-1)}$, $a / (1 + 2t/T)$ or a straight line to `last`.

    The asymptotic decay has no end of its own: it stops at about a third of where it began.

    Examples
    --------
    >>> decayed("exponential", 4.0, 1.0, 3).tolist(), decayed("linear", 4.0, 1.0, 4).tolist()
    ([4.0, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0])
    """
    t = np.arange(count)
    if kind == "asymptotic":
        return first / (1.0 + 2.0 * t / count)
    share = t / max(count - 1, 1)
    return first * (last / first) ** share if kind == "exponential" else first + (last - first) * share
