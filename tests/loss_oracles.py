"""Losses written from their textbook definitions in 40-digit arithmetic: no stable forms, no array library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
from mpmath import mpf

from loss_definitions import cross, dot, kl, mixture, positive, sigmoid, softmax
from loss_draws import draw_raw, draw_target, values
from loss_oracles_wide import WIDE
from lossmith.losses import Loss

DIGITS = 40


def _binary_cross_entropy(z: Any, y: Any, label_smoothing: float) -> Any:
    s, p = mpf(label_smoothing), sigmoid(z)
    target = y * (1 - s) + s / 2
    return -target * mp.log(p) - (1 - target) * mp.log(1 - p)


def _focal(z: Any, y: Any, gamma: float, alpha: float) -> Any:
    p, g, a = sigmoid(z), mpf(gamma), mpf(alpha)
    return -a * y * (1 - p) ** g * mp.log(p) - (1 - a) * (1 - y) * p**g * mp.log(1 - p)


def _huber(z: Any, y: Any, delta: float) -> Any:
    size, d = abs(z - y), mpf(delta)
    return size**2 / 2 if size <= d else d * size - d**2 / 2


def _quantile(z: Any, y: Any, quantile: float) -> Any:
    return mpf(quantile) * (y - z) if y > z else (1 - mpf(quantile)) * (z - y)


def _smoothed(y: list[Any], share: float) -> list[Any]:
    return [(1 - mpf(share)) * v + mpf(share) / len(y) for v in y]


ORACLES: dict[str, Callable[..., Any]] = {
    "mean_squared_error": lambda z, y: (z - y) ** 2,
    "mean_absolute_error": lambda z, y: abs(z - y),
    "mean_squared_logarithmic_error": lambda z, y: (mp.log(1 + (mp.exp(z) - 1)) - mp.log(1 + y)) ** 2,
    "huber": _huber,
    "quantile": _quantile,
    "poisson": lambda z, y: mp.exp(z) - y * mp.log(mp.exp(z)),
    "gaussian_nll": lambda z, y: (
        -mp.log(mp.exp(-((y - z[0]) ** 2) / (2 * mp.exp(z[1]))) / mp.sqrt(2 * mp.pi * mp.exp(z[1])))
    ),
    "binary_crossentropy": _binary_cross_entropy,
    "binary_focal_crossentropy": _focal,
    "brier": lambda z, y: (sigmoid(z) - y) ** 2,
    "hinge": lambda z, y: positive(1 - y * z),
    "squared_hinge": lambda z, y: positive(1 - y * z) ** 2,
    "tanh_hinge": lambda z, y: positive(1 - y * mp.tanh(z)),
    "tanh_squared_hinge": lambda z, y: positive(1 - y * mp.tanh(z)) ** 2,
    "categorical_crossentropy": lambda z, y, label_smoothing: cross(_smoothed(y, label_smoothing), softmax(z)),
    "kl_divergence": lambda z, y: kl(y, softmax(z)),
    "reverse_kl_divergence": lambda z, y: kl(softmax(z), y),
    "jensen_shannon_divergence": lambda z, y: (
        (kl(y, mixture(y, softmax(z))) + kl(softmax(z), mixture(y, softmax(z)))) / 2
    ),
    "categorical_generalized_cross_entropy": lambda z, y, q: mp.fsum(
        a * (1 - b ** mpf(q)) / mpf(q) for a, b in zip(y, softmax(z), strict=True)
    ),
    "categorical_hinge": lambda z, y: max(v + 1 - t for v, t in zip(z, y, strict=True)) - dot(y, z),
    "categorical_brier": lambda z, y: mp.fsum((a - b) ** 2 for a, b in zip(softmax(z), y, strict=True)),
    **WIDE,
}
BATCHES = ("auc_squared_hinge", "auc_logistic", "nt_xent", "triplet")  # tested by loops over pairs


def _exact(row: Any) -> Any:
    return [mpf(float(v)) for v in row] if np.ndim(row) else mpf(float(row))


def check_oracle(loss: Loss) -> None:
    """The value equals its textbook definition, at moderate and at large scores."""
    oracle = ORACLES[loss.name]
    with mp.workdps(DIGITS):
        for scale, seed, n in ((2.0, 70, 16), (8.0, 72, 8)):
            raw, target = draw_raw(loss, n, seed, scale=scale), draw_target(loss, n, seed + 1)
            got = values(loss, raw, target)
            exact = [
                float(oracle(_exact(z), _exact(y), **loss.configuration)) for z, y in zip(raw, target, strict=True)
            ]
            np.testing.assert_allclose(got, exact, rtol=1e-9, atol=1e-13, err_msg=str(loss))
