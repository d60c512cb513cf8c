"""scikit-learn faces of the model families: fit, predict, transform, in pipelines and searches.

Every name is loaded when first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossmith.estimators._loss_classifier import LossClassifier
    from lossmith.estimators._loss_regressor import LossRegressor
    from lossmith.estimators._loss_search import LossSearchCV
    from lossmith.estimators._reliability import ReliabilityCurve, reliability
    from lossmith.estimators._temperature import TemperatureScaling

__all__ = [
    "LossClassifier",
    "LossRegressor",
    "LossSearchCV",
    "ReliabilityCurve",
    "TemperatureScaling",
    "reliability",
]

_NAMES = {
    "LossClassifier": "_loss_classifier",
    "LossRegressor": "_loss_regressor",
    "LossSearchCV": "_loss_search",
    "ReliabilityCurve": "_reliability",
    "TemperatureScaling": "_temperature",
    "reliability": "_reliability",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"lossmith.estimators.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'lossmith.estimators' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
