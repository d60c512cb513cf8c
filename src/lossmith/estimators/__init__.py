"""scikit-learn faces of the model families: fit, predict, transform, in pipelines and searches.

Every name is loaded when first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossmith.estimators._classical import CLASSICAL, classical
    from lossmith.estimators._classical_file import check_skops, load_classical, save_classical
    from lossmith.estimators._evaluation import (
        Confusion,
        adjusted_r2,
        confusion,
        fairness,
        importance,
        learning_curve,
        partial_dependence,
        precision_recall_curve,
        roc_curve,
        validation_curve,
    )
    from lossmith.estimators._files import load
    from lossmith.estimators._loss_classifier import LossClassifier
    from lossmith.estimators._loss_regressor import LossRegressor
    from lossmith.estimators._loss_search import LossSearchCV
    from lossmith.estimators._rbf import RBFNetworkClassifier, RBFNetworkRegressor
    from lossmith.estimators._reliability import ReliabilityCurve, reliability
    from lossmith.estimators._som import SelfOrganizingMap
    from lossmith.estimators._som_map import SomMap
    from lossmith.estimators._som_radius import suggest_radius
    from lossmith.estimators._temperature import TemperatureScaling

__all__ = [
    "CLASSICAL",
    "Confusion",
    "LossClassifier",
    "LossRegressor",
    "LossSearchCV",
    "RBFNetworkClassifier",
    "RBFNetworkRegressor",
    "ReliabilityCurve",
    "SelfOrganizingMap",
    "SomMap",
    "TemperatureScaling",
    "adjusted_r2",
    "check_skops",
    "classical",
    "confusion",
    "fairness",
    "importance",
    "learning_curve",
    "load",
    "load_classical",
    "partial_dependence",
    "precision_recall_curve",
    "reliability",
    "roc_curve",
    "save_classical",
    "suggest_radius",
    "validation_curve",
]

_NAMES = {
    "check_skops": "_classical_file",
    "load_classical": "_classical_file",
    "save_classical": "_classical_file",
    "CLASSICAL": "_classical",
    "Confusion": "_evaluation",
    "LossClassifier": "_loss_classifier",
    "LossRegressor": "_loss_regressor",
    "LossSearchCV": "_loss_search",
    "RBFNetworkClassifier": "_rbf",
    "RBFNetworkRegressor": "_rbf",
    "ReliabilityCurve": "_reliability",
    "SelfOrganizingMap": "_som",
    "SomMap": "_som_map",
    "TemperatureScaling": "_temperature",
    "adjusted_r2": "_evaluation",
    "classical": "_classical",
    "confusion": "_evaluation",
    "fairness": "_evaluation",
    "importance": "_evaluation",
    "learning_curve": "_evaluation",
    "load": "_files",
    "partial_dependence": "_evaluation",
    "precision_recall_curve": "_evaluation",
    "reliability": "_reliability",
    "roc_curve": "_evaluation",
    "suggest_radius": "_som_radius",
    "validation_curve": "_evaluation",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"lossmith.estimators.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'lossmith.estimators' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
