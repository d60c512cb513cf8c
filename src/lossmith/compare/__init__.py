"""Comparison of losses: plan, trials, metrics, statistics, verdicts.

`lossmith.compare(source, ...)` is `compare` of this package: the module itself can be called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lossmith._callable import make_callable
from lossmith.compare._spec import (
    Baseline,
    Boundary,
    Comparison,
    Curve,
    DataSummary,
    Difference,
    Estimate,
    NotApplicable,
    Reliability,
    Settings,
    Standing,
)

if TYPE_CHECKING:
    from lossmith.compare.api import compare
    from lossmith.compare.interim import InterruptedComparison
    from lossmith.compare.model_axis import compare_models
    from lossmith.compare.once import compare_once
    from lossmith.compare.stored import best_model, load, repeat, resume
    from lossmith.compare.trained import TrainedModel

__all__ = [
    "Baseline",
    "Boundary",
    "Comparison",
    "Curve",
    "DataSummary",
    "Difference",
    "Estimate",
    "InterruptedComparison",
    "NotApplicable",
    "Reliability",
    "Settings",
    "Standing",
    "TrainedModel",
    "best_model",
    "compare",
    "compare_models",
    "compare_once",
    "load",
    "repeat",
    "resume",
]

_LAZY = {
    "compare": "api",
    "compare_models": "model_axis",
    "compare_once": "once",
    "InterruptedComparison": "interim",
    "TrainedModel": "trained",
} | dict.fromkeys(("best_model", "load", "repeat", "resume"), "stored")


def __getattr__(name: str) -> Any:
    # records are needed to show a stored result; the engine only to train
    if name in _LAZY:
        return getattr(importlib.import_module(f"lossmith.compare.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'lossmith.compare' has no attribute {name!r}")


def _call(*arguments: Any, **options: Any) -> Any:
    from lossmith.compare.api import compare as function

    return function(*arguments, **options)


make_callable(__name__, _call)
