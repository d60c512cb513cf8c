"""From p-values of many columns to decisions with a stated error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossmith._errors import UnknownNameError, did_you_mean

__all__ = ["CORRECTIONS", "adjusted", "together"]

CORRECTIONS = {
    "benjamini_hochberg": "the share of false alarms among alarms is at most the level; any false alarm at most the level where nothing drifts",
    "benjamini_yekutieli": "the same under any dependence between columns, at a price of about log(columns)",
    "holm": "any false alarm at all is at most the level, whatever drifts and however columns depend",
    "none": "each column on its own: of 50 columns without drift, 2.5 alarm",
}
_ALIASES = {"bh": "benjamini_hochberg", "fdr": "benjamini_hochberg", "by": "benjamini_yekutieli"}


def adjusted(p_values: Sequence[float], correction: str) -> np.ndarray:
    """Return p-values that may each be compared with the level.

    Raises
    ------
    UnknownNameError
        No such correction.

    Examples
    --------
    >>> adjusted([0.01, 0.04, 0.03], "holm").round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    name = _ALIASES.get(correction.lower().replace("-", "_"), correction.lower().replace("-", "_"))
    if name not in CORRECTIONS:
        raise UnknownNameError(f"unknown correction {correction!r}", advice=did_you_mean(correction, CORRECTIONS))
    values = np.asarray(p_values, dtype=np.float64)
    count = len(values)
    if name == "none" or count < 2:
        return values
    order = np.argsort(values, kind="stable")
    ranks = np.arange(1, count + 1)
    found = np.empty(count)
    if name == "holm":
        found[order] = np.maximum.accumulate(values[order] * (count + 1 - ranks))
    else:
        factor = count * (np.sum(1 / ranks) if name == "benjamini_yekutieli" else 1.0)
        found[order] = np.minimum.accumulate((values[order] * factor / ranks)[::-1])[::-1]
    return np.minimum(found, 1.0)


def together(p_values: Sequence[float]) -> float:
    """Return one p-value for several looks at one column: the smallest times their number (Bonferroni).

    Examples
    --------
    >>> together([0.01, 0.5])
    0.02
    """
    return min(1.0, len(p_values) * min(p_values))
