"""Evidence over windows: from p-values to an alarm whose false alarms are rare by proof, not by a rule of thumb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lossmith._errors import DomainError

__all__ = ["Evidence", "e_value", "simes"]

_KAPPA = 0.2


def e_value(p_value: float) -> float:
    """Return the evidence in a p-value: `k p^(k - 1)` with k = 0.2, whose mean is at most 1 where nothing drifts.

    Examples
    --------
    >>> round(e_value(1e-4), 1), round(e_value(0.5), 2)
    (317.0, 0.35)

    Source: Vovk and Wang, E-values: calibration, combination and applications, 2021.
    """
    if not 0 < p_value <= 1:
        if p_value == 0:  # an underflow: smaller than any number
            return e_value(5e-324)
        raise DomainError(f"p_value={p_value!r}", expected="a number between 0 and 1")
    return float(_KAPPA * p_value ** (_KAPPA - 1))


def simes(p_values: Sequence[float]) -> float:
    """Return one p-value for all columns of a window: the least of `n p_(k) / k`.

    Examples
    --------
    >>> simes([0.01, 0.04, 0.9])
    0.03

    Source: Simes, An improved Bonferroni procedure for multiple tests of significance, 1986.
    """
    ordered = sorted(p_values)
    return min(1.0, min(len(ordered) * value / rank for rank, value in enumerate(ordered, start=1))) if ordered else 1.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What windows have shown so far: the Shiryaev-Roberts sum of e-values, and since when.

    `total` becomes `(1 + total) e`. While nothing drifts, `total` less the number of windows is a supermartingale, so
    that the mean number of windows until `total >= run_length` is at least `run_length`, whatever the data.

    Attributes
    ----------
    total : float
    largest : float
        The largest product of e-values that ends now: the likelihood of a change when it began.
    since : int
        The window with which that product begins.
    windows : int

    Examples
    --------
    >>> seen = Evidence()
    >>> for p_value in (0.7, 0.4, 0.001, 0.002):
    ...     seen = seen.after(p_value)
    >>> seen.since, seen.total > 1000
    (3, True)

    Source: Shin, Ramdas and Rinaldo, E-detectors: a nonparametric framework for sequential change detection, 2023.
    """

    total: float = 0.0
    largest: float = 1.0
    since: int = 1
    windows: int = 0

    def after(self, p_value: float, *, counts: bool = True) -> Evidence:
        """Return the evidence after one more window; one that does not count can only lower it."""
        e = e_value(p_value) if counts else min(1.0, e_value(p_value))
        number = self.windows + 1
        begun = self.largest > 1.0
        limit = 1e300  # beyond it nothing changes, and infinity times a small number must not be NaN
        return Evidence(
            min(limit, (1 + self.total) * e), min(limit, max(self.largest, 1.0) * e), self.since if begun else number, number
        )  # fmt: skip
