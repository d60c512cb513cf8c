"""Whether predicted probabilities are frequencies: a calibration curve with intervals, and its error in one number."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith._views import view

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ReliabilityCurve", "reliability"]


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityCurve:
    """Predicted probabilities against observed frequencies: arrays of shape (n_bins,), empty bins left out.

    Attributes
    ----------
    name : str
    predicted, observed : ndarray
        Mean probability and frequency in each bin.
    low, high : ndarray
        Wilson interval of the frequency, 95 %.
    count : ndarray
        Rows in each bin.
    error : float
        Expected calibration error: mean distance between the two, weighted by rows.
    n_classes : int
        2: the probability of class 1; more: the largest probability, and how often that class is right.
    """

    name: str
    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    error: float
    n_classes: int

    def table(self) -> pl.DataFrame:
        """Return one row for each bin."""
        import polars as pl

        return pl.DataFrame({name: getattr(self, name) for name in ("predicted", "observed", "low", "high", "count")})

    def to_json(self) -> str:
        """Return everything as JSON."""
        rows = self.table().to_dicts()
        content = {
            "kind": "reliability",
            "name": self.name,
            "error": self.error,
            "n_classes": self.n_classes,
            "bins": rows,
        }
        return json.dumps(content, allow_nan=False, ensure_ascii=False)

    def plot(self, **options: Any) -> Any:
        """Draw frequencies over probabilities with the diagonal; returns axes of Matplotlib."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str], **options: Any) -> Any:
        """Write one self-contained HTML file and return its path."""
        return view(self, "report", path=path, **options)

    def __str__(self) -> str:
        return str(view(self, "text")).rstrip()

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


def reliability(y: Any, probability: Any, *, n_bins: int = 15, name: str = "model") -> ReliabilityCurve:
    r"""Return the calibration curve of predicted probabilities.

    Use it before and after `TemperatureScaling`, on rows that neither the model nor the scaling was fitted on. Bins are of
    equal width, closed on the right; the expected calibration error is

    $$ \sum_b \frac{n_b}{n} \left| \bar y_b - \bar p_b \right| $$

    with the mean probability and the frequency of each bin.

    Parameters
    ----------
    y : array of shape (n_samples,)
        Class ids.
    probability : array of shape (n_samples,), of class 1; or (n_samples, n_classes)
        Two columns count as the probability of class 1; with more, the largest is judged.
    n_bins : int
    name : str
        What to call it in pictures.

    Raises
    ------
    ShapeError, DomainError, InvalidInputError
        Shapes that do not fit, numbers that are no probabilities, class ids out of range.

    Source: Guo, Pleiss, Sun, Weinberger, On calibration of modern neural networks, 2017; Wilson, Probable inference, 1927.

    Examples
    --------
    >>> import numpy as np
    >>> found = reliability([0, 1, 0], np.array([0.25, 0.75, 0.75]), n_bins=2)
    >>> found.predicted.tolist(), found.observed.tolist(), round(found.error, 4)
    ([0.25, 0.75], [0.0, 0.5], 0.25)
    """
    p, target = np.asarray(probability, dtype=np.float64), np.asarray(y)
    if n_bins < 1:
        raise InvalidInputError(f"n_bins={n_bins}", expected="1 or more", advice="15 is usual")
    if p.ndim not in (1, 2) or not p.size or target.shape != p.shape[:1]:
        raise ShapeError(
            f"probabilities of shape {p.shape} and targets of shape {target.shape}",
            expected="(n_samples,) or (n_samples, n_classes), and one class id for each row",
        )
    if not (np.all(np.isfinite(p)) and p.min() >= 0 and p.max() <= 1 + 1e-9):
        raise DomainError(
            f"numbers from {np.nanmin(p):.3g} to {np.nanmax(p):.3g}",
            expected="probabilities",
            advice="apply softmax first",
        )
    n_classes = 2 if p.ndim == 1 else p.shape[1]
    if np.any(target != np.floor(target)) or target.min() < 0 or target.max() >= n_classes:
        raise DomainError(
            f"class ids from {target.min()} to {target.max()}", expected=f"whole numbers from 0 to {n_classes - 1}"
        )
    if n_classes == 2:
        confidence, outcome = (p if p.ndim == 1 else p[:, 1]), target == 1
    else:
        confidence, outcome = p.max(axis=1), p.argmax(axis=1) == target
    cells = np.searchsorted(np.linspace(0.0, 1.0, n_bins + 1)[1:-1], confidence, side="left")
    count = np.bincount(cells, minlength=n_bins)
    held = count > 0
    predicted = np.bincount(cells, weights=confidence, minlength=n_bins)[held] / count[held]
    observed = np.bincount(cells, weights=outcome, minlength=n_bins)[held] / count[held]
    low, high = _wilson(observed, count[held])
    error = float(np.sum(count[held] * np.abs(observed - predicted)) / len(target))
    return ReliabilityCurve(name, predicted, observed, low, high, count[held], error, n_classes)


def _wilson(share: np.ndarray, count: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    z = NormalDist().inv_cdf(0.5 + level / 2)
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    # rounding must not push the share itself out at 0 or 1
    return np.minimum(np.maximum(middle - half, 0.0), share), np.maximum(np.minimum(middle + half, 1.0), share)
