"""scikit-learn faces of the model families: fit, predict, transform, in pipelines and searches.

Every name is loaded when first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossmith.estimators._classical import CLASSICAL, classical
    from lossmith.estimators._classical_file import load_classical, save_classical
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
    from lossmith.estimators._rbf import RBFNetworkClassifier, RBFNetworkRegressor
    from lossmith.estimators._som import SelfOrganizingMap
    from lossmith.estimators._som_map import SomMap
    from lossmith.estimators._som_radius import suggest_radius

__all__ = [
    "CLASSICAL",
    "Confusion",
    "RBFNetworkClassifier",
    "RBFNetworkRegressor",
    "SelfOrganizingMap",
    "SomMap",
    "adjusted_r2",
    "classical",
    "confusion",
    "fairness",
    "importance",
    "learning_curve",
    "load",
    "load_classical",
    "partial_dependence",
    "precision_recall_curve",
    "roc_curve",
    "save_classical",
    "suggest_radius",
    "validation_curve",
]

_NAMES = {
    "load_classical": "_classical_file",
    "save_classical": "_classical_file",
    "CLASSICAL": "_classical",
    "RBFNetworkClassifier": "_rbf",
    "RBFNetworkRegressor": "_rbf",
    "SelfOrganizingMap": "_som",
    "SomMap": "_som_map",
    "classical": "_classical",
    "load": "_files",
    "suggest_radius": "_som_radius",
    "Confusion": "_evaluation",
    "adjusted_r2": "_evaluation",
    "confusion": "_evaluation",
    "fairness": "_evaluation",
    "importance": "_evaluation",
    "learning_curve": "_evaluation",
    "partial_dependence": "_evaluation",
    "precision_recall_curve": "_evaluation",
    "roc_curve": "_evaluation",
    "validation_curve": "_evaluation",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"lossmith.estimators.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'lossmith.estimators' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
