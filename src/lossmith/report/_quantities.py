"""What a metric is called on paper, where it points and in which unit: read off the catalogue of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from lossmith._errors import LossmithError
from lossmith.compare._spec import Comparison
from lossmith.compare.metrics import Metric, get

__all__ = ["Quantity", "find", "majority_rate", "quantity"]

T = TypeVar("T")

_LABELS = {
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC-AUC",
    "log_loss": "log loss",
    "brier_score": "Brier score",
    "expected_calibration_error": "ECE",
    "root_mean_squared_error": "RMSE",
    "mean_squared_error": "MSE",
    "mean_absolute_error": "MAE",
    "r2": "R²",
    "pinball": "pinball loss",
    "mean_poisson_deviance": "Poisson deviance",
}
_UNITS = {"target": "{target}", "target squared": "{target}²", "nats": "nats"}
_LOWER = ("error", "loss", "deviance", "entropy", "divergence")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A metric as people read it.

    Attributes
    ----------
    name : str
        As in `Settings.metric`.
    label : str
    higher : bool
        Whether more is better.
    unit : str
        Empty for shares; `{target}` stands for the name of the target.
    formula : str
        LaTeX, empty for a metric outside the catalogue.
    meaning : str
        When to judge by it.
    """

    name: str
    label: str
    higher: bool
    unit: str
    formula: str
    meaning: str

    @property
    def arrow(self) -> str:
        """Where better is."""
        return "↑" if self.higher else "↓"

    @property
    def direction(self) -> str:
        """Where better is, in words."""
        return "higher is better" if self.higher else "lower is better"


def _known(name: str) -> Metric | None:
    try:
        return get(name)
    except LossmithError:
        return None


def quantity(name: str) -> Quantity:
    """Return how a metric reads; one outside the catalogue keeps its name, lower is better where that says error or loss.

    Examples
    --------
    >>> quantity("accuracy").arrow, quantity("rmse").label, quantity("my_score").label
    ('↑', 'RMSE', 'my score')
    """
    metric = _known(name)
    if metric is None:
        higher = not any(word in name.lower() for word in _LOWER)
        return Quantity(name, name.replace("_", " "), higher, "", "", "")
    parameters = name.partition(":")[2]
    label = _LABELS.get(metric.name, metric.name.replace("_", " ")) + (f" ({parameters})" if parameters else "")
    return Quantity(name, label, metric.direction == "higher", _UNITS.get(metric.unit, ""), metric.formula, metric.when)


def find(metrics: Mapping[str, T], name: str) -> T | None:
    """Return the entry of a metric, whichever of its names the mapping uses; None if there is none.

    Examples
    --------
    >>> find({"expected_calibration_error": 0.02}, "ece")
    0.02
    """
    wanted = _known(name)
    for key, value in metrics.items():
        metric = _known(key)
        if key == name or (metric is not None and wanted is not None and str(metric) == str(wanted)):
            return value
    return None


def majority_rate(comparison: Comparison) -> float | None:
    """Return the accuracy of always answering the largest class, None for regression.

    On test rows where the baseline was run, otherwise from the class counts.
    """
    for baseline in comparison.baselines:
        accuracy = find(baseline.metrics, "accuracy")
        if baseline.name.startswith("majority") and accuracy is not None:
            return accuracy.mean
    counts = comparison.data.class_counts
    return max(counts) / sum(counts) if counts and sum(counts) else None
