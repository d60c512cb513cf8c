"""lossmith tells you which loss to train with, and proves it.

Everything is reached from here and loaded when first used, so that `import lossmith` costs next to nothing:

- `lossmith.compare("circles")` trains one model under the losses that fit, and says which to use;
- `lossmith.losses.get("huber")` is a loss with everything known about it;
- `lossmith.data.load("people.csv", target="y")` is a data set, with every decision taken while reading it.

Examples
--------
>>> import lossmith
>>> lossmith.losses.get("mse").elicits
'mean'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossmith import (
        data,
        divergence,
        drift,
        estimators,
        generative,
        losses,
        models,
        report,
        studies,
        text,
        training,
    )
    from lossmith._errors import LossmithError
    from lossmith.compare import compare
    from lossmith.data import load
    from lossmith.lint import lint

__version__ = "0.1.0"

__all__ = [
    "LossmithError",
    "__version__",
    "compare",
    "data",
    "divergence",
    "drift",
    "estimators",
    "generative",
    "lint",
    "load",
    "losses",
    "models",
    "report",
    "studies",
    "text",
    "training",
]

_ATTRIBUTES = {"LossmithError": "lossmith._errors", "load": "lossmith.data"}


def __getattr__(name: str) -> Any:
    if name in _ATTRIBUTES:
        return getattr(importlib.import_module(_ATTRIBUTES[name]), name)
    if name in __all__:
        return importlib.import_module(f"lossmith.{name}")
    raise AttributeError(f"module 'lossmith' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
