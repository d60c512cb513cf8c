"""Data drift: a reference profile, detectors judged by their null laws, decisions that hold, monitoring over time.

`profile` counts a reference once; `compare` says what changed and whether it is more than chance. Loads neither JAX nor
Keras; detectors are named functions of the divergence library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossmith.drift._changes import ChangePoint, change_points
    from lossmith.drift._checks import CHECKS
    from lossmith.drift._compare import compare
    from lossmith.drift._concept import CONCEPT_DETECTORS, concept_drift
    from lossmith.drift._detectors import DETECTORS, Detector
    from lossmith.drift._edges import RULES
    from lossmith.drift._monitor import Monitor
    from lossmith.drift._partitions import profile_partitions
    from lossmith.drift._power import detectable_shift, power
    from lossmith.drift._profile import profile
    from lossmith.drift._records import ColumnProfile, Profile
    from lossmith.drift._result import ColumnDrift, Drift, Judgement
    from lossmith.drift._window import Window

__all__ = [
    "CHECKS",
    "CONCEPT_DETECTORS",
    "DETECTORS",
    "RULES",
    "ChangePoint",
    "ColumnDrift",
    "ColumnProfile",
    "Detector",
    "Drift",
    "Judgement",
    "Monitor",
    "Profile",
    "Window",
    "change_points",
    "compare",
    "concept_drift",
    "detectable_shift",
    "power",
    "profile",
    "profile_partitions",
]

_HOMES = {
    "CHECKS": "_checks",
    "CONCEPT_DETECTORS": "_concept",
    "ChangePoint": "_changes",
    "Monitor": "_monitor",
    "Window": "_window",
    "change_points": "_changes",
    "concept_drift": "_concept",
    "DETECTORS": "_detectors",
    "RULES": "_edges",
    "ColumnDrift": "_result",
    "ColumnProfile": "_records",
    "Detector": "_detectors",
    "Drift": "_result",
    "Judgement": "_result",
    "Profile": "_records",
    "compare": "_compare",
    "detectable_shift": "_power",
    "power": "_power",
    "profile": "_profile",
    "profile_partitions": "_partitions",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"lossmith.drift.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'lossmith.drift' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
