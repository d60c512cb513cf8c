"""What changed in a column, in words."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from lossmith.data._values import quoted
from lossmith.drift._records import ColumnProfile
from lossmith.drift._table import Cells

__all__ = ["cell_name", "change", "number"]

_MOST = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def number(value: float, kind: str = "numeric") -> str:
    """Return a number in three digits, a date as a date.

    Examples
    --------
    >>> number(1234567.0), number(0.0123456), number(0.0, "date")
    ('1.23e+06', '0.0123', '1970-01-01')
    """
    if kind == "date" and math.isfinite(value):
        try:
            return (_EPOCH + timedelta(microseconds=value)).strftime("%Y-%m-%d")
        except OverflowError:
            return f"{value:.3g}"
    if float(value).is_integer() and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.3g}"


def cell_name(cell: tuple[float, float] | str, kind: str) -> str:
    """Return how a cell is called.

    Examples
    --------
    >>> cell_name((-math.inf, 2.0), "numeric"), cell_name((2.0, 2.0000000000000004), "integer"), cell_name("red", "category")
    ('below 2', '2', 'red')
    """
    if isinstance(cell, str):
        return cell
    low, high = cell
    if math.isfinite(low) and high == math.nextafter(low, math.inf):
        return number(low, kind)
    if math.isinf(low):
        return f"below {number(high, kind)}" if math.isfinite(high) else "all"
    return f"from {number(low, kind)}" if math.isinf(high) else f"{number(low, kind)} to {number(high, kind)}"


def change(reference: ColumnProfile, current: ColumnProfile, cells: Cells) -> str:
    """Return the largest changes, the strongest first."""
    found: list[tuple[float, str]] = []
    for name, before, after in (
        ("missing", reference.missing, current.missing),
        ("not readable", reference.invalid, current.invalid),
        ("infinite", reference.infinite, current.infinite),
    ):
        score, words = _share(name, before, reference.n, after, current.n)
        if score > 3:
            found.append((score, words))
    found += _numbers(reference, current) if reference.ordered else _levels(cells)
    found.sort(key=lambda item: -item[0])
    kept = [words for score, words in found if score > 2][:_MOST] or [words for _, words in found[:1]]
    return ", ".join(kept) or "nothing to see"


def _share(name: str, before: float, n: float, after: float, m: float) -> tuple[float, str]:
    """Return how many standard errors a share moved, and the words."""
    p, q = before / n, after / m
    pooled = (before + after) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)) or math.inf
    return abs(p - q) / error, f"{name} {_percent(p)} to {_percent(q)}"


def _percent(share: float) -> str:
    if 0 < share < 0.001 or 0.999 < share < 1:
        return f"{share:.3%}"
    return f"{share:.1%}"


def _numbers(reference: ColumnProfile, current: ColumnProfile) -> list[tuple[float, str]]:
    n, m = reference.present - reference.infinite, current.present - current.infinite
    if not n or not m:
        return []
    noun = "length" if reference.kind == "text" else "mean"
    before, after = number(reference.mean, reference.kind), number(current.mean, reference.kind)
    spread = reference.deviation
    error = math.sqrt(spread**2 / n + current.deviation**2 / m)
    gap = current.mean - reference.mean
    size = f" ({gap / spread:+.2f} sd)" if spread else ""
    found = [(abs(gap) / error if error else (math.inf if gap else 0.0), f"{noun} {before} to {after}{size}")]
    if spread and current.deviation and n > 2 and m > 2:
        ratio = current.deviation / spread
        # of a normal column; tails make it larger, so it is asked for twice as much as the mean
        found.append((abs(math.log(ratio)) / math.sqrt(0.5 / n + 0.5 / m) / 2, f"spread x{ratio:.3g}"))
    if len(reference.edges):
        beyond = int(current.cells[0] + current.cells[-1])
        usual = int(reference.cells[0] + reference.cells[-1])
        score, words = _share("beyond the usual range", usual, n, beyond, m)
        if score > 4 and beyond > usual * m / n:
            found.append((score, words))
    return found


def _levels(cells: Cells) -> list[tuple[float, str]]:
    n, m = float(cells.reference.sum()), float(cells.current.sum())
    found = []
    for name, before, after in zip(cells.names, cells.reference, cells.current, strict=True):
        if name in ("missing", "not readable"):
            continue
        label = quoted(name, longest=24)
        score, words = _share(label, float(before), n, float(after), m)
        if before == 0:
            words = f"new {label} {_percent(after / m)}"
        elif after == 0:
            words = f"{label} {_percent(before / n)} to none"
        found.append((score, words))
    return found
