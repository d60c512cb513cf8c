"""Versions of everything that a result depends on."""

from __future__ import annotations

import platform
from importlib import metadata

__all__ = ["versions"]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that produce numbers.

    Examples
    --------
    >>> sorted(versions())
    ['jax', 'keras', 'lossmith', 'numpy', 'python', 'scikit-learn', 'scipy']
    """
    names = ("lossmith", "keras", "jax", "numpy", "scipy", "scikit-learn")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}
