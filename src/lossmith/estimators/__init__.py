"""scikit-learn faces of the model families: fit, predict, transform, in pipelines and searches.

Every name is loaded when first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossmith.estimators._files import load
    from lossmith.estimators._rbf import RBFNetworkClassifier, RBFNetworkRegressor

__all__ = [
    "RBFNetworkClassifier",
    "RBFNetworkRegressor",
    "load",
]

_NAMES = {
    "RBFNetworkClassifier": "_rbf",
    "RBFNetworkRegressor": "_rbf",
    "load": "_files",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"lossmith.estimators.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'lossmith.estimators' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
