"""Small textbook functions in arbitrary precision, from which definitions of losses are made."""

from __future__ import annotations

from typing import Any

import mpmath as mp
from mpmath import mpf

__all__ = ["cross", "dot", "kl", "mixture", "positive", "sigmoid", "softmax"]


def softmax(z: list[Any]) -> list[Any]:
    total = mp.fsum(mp.exp(v) for v in z)
    return [mp.exp(v) / total for v in z]


def sigmoid(z: Any) -> Any:
    return 1 / (1 + mp.exp(-z))


def positive(x: Any) -> Any:
    return x if x > 0 else mpf(0)


def kl(p: list[Any], q: list[Any]) -> Any:
    return mp.fsum(a * mp.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def cross(p: list[Any], q: list[Any]) -> Any:
    return -mp.fsum(a * mp.log(b) for a, b in zip(p, q, strict=True) if a > 0)


def mixture(p: list[Any], q: list[Any], share: Any = 0.5) -> list[Any]:
    return [(1 - mpf(share)) * a + mpf(share) * b for a, b in zip(p, q, strict=True)]


def dot(p: list[Any], q: list[Any]) -> Any:
    return mp.fsum(a * b for a, b in zip(p, q, strict=True))
