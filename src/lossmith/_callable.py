"""Packages that can be called: `lossmith.compare(...)` is the package's function of the same name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["make_callable"]


def make_callable(module: str, function: Callable[..., Any]) -> None:
    """Make calling the imported `module` call `function`.

    A package and its main function share one name, and importing the package binds that name in its parent to the
    module, whatever the parent says. A module that can be called serves both meanings.

    Examples
    --------
    >>> import sys, types
    >>> sys.modules["greeting"] = types.ModuleType("greeting")
    >>> make_callable("greeting", lambda name: f"hello {name}")
    >>> sys.modules["greeting"]("Ada")
    'hello Ada'
    >>> del sys.modules["greeting"]
    """

    class CallableModule(ModuleType):
        __call__ = staticmethod(function)

    sys.modules[module].__class__ = CallableModule
