"""How numbers and code are written in findings."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["counts", "percent", "span"]


def percent(share: Any) -> str:
    """Return a share as a percentage.

    Examples
    --------
    >>> percent(0.5), percent(0.0034), percent(np.array([True, False, False, False]))
    ('50 %', '0.34 %', '25 %')
    """
    value = 100.0 * float(np.mean(share))
    return f"{value:.2g} %" if value < 10 else f"{value:.0f} %"


def span(values: np.ndarray) -> str:
    """Return the range of the values.

    Examples
    --------
    >>> span(np.array([-1.25, 3.0]))
    'from -1.25 to 3'
    """
    return f"from {np.min(values):.3g} to {np.max(values):.3g}"


def counts(values: np.ndarray, most: int = 5) -> str:
    """Return the different values with how often each occurs.

    Examples
    --------
    >>> counts(np.array([0.0, 1.0, 1.0]))
    '0 (1 row), 1 (2 rows)'
    """
    found, often = np.unique(values, return_counts=True)
    shown = [
        f"{value:g} ({count:,} {'row' if count == 1 else 'rows'})" for value, count in zip(found, often, strict=True)
    ]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
