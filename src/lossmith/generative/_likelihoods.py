"""The catalogue of likelihoods of a decoder: what its raw outputs say about the numbers of a row.

Every term is summed over the features of a row and never averaged: the divergence from the prior counts nats for a row, and a
reconstruction that is averaged would multiply the weight of the divergence by the number of features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._catalogue import Catalogue

__all__ = ["LIKELIHOODS", "Likelihood"]

LEVELS = 256
LOG_TWO_PI = math.log(2 * math.pi)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A law of one feature given the decoder's raw output for it.

    Attributes
    ----------
    name : str
    log_density : callable
        `log_density(raw, x, log_scale)` in nats, elementwise on arrays of one shape; JAX.
    mean : callable
        `mean(raw)`: the expected value; NumPy.
    draw : callable
        `draw(rng, raw, log_scale)`; NumPy.
    low, high : float
        Where x must lie.
    scaled : bool
        Whether one scale, shared by all features, is learned beside the weights.
    discrete : bool
        Whether it gives probabilities (so that log-likelihoods are at most 0) and not densities.
    formula, when, reference : str
    aliases : tuple of str
    """

    name: str
    log_density: Callable[[Any, Any, Any], Any]
    mean: Callable[[np.ndarray], np.ndarray]
    draw: Callable[[np.random.Generator, np.ndarray, float], np.ndarray]
    low: float
    high: float
    scaled: bool
    discrete: bool
    formula: str
    when: str
    reference: str
    aliases: tuple[str, ...] = ()


def _gaussian(raw: Any, x: Any, log_scale: Any) -> Any:
    import jax.numpy as jnp

    return -0.5 * (((x - raw) * jnp.exp(-log_scale)) ** 2 + LOG_TWO_PI) - log_scale


def _bernoulli(raw: Any, x: Any, log_scale: Any) -> Any:  # noqa: ARG001
    import jax

    return x * raw - jax.nn.softplus(raw)


def _continuous_bernoulli(raw: Any, x: Any, log_scale: Any) -> Any:
    import jax.numpy as jnp

    # log C = log(a / tanh(a / 2)) with a = raw, even in a; 2 + a^2 / 6 near 0
    size = jnp.abs(raw)
    far = jnp.where(size > 1e-2, size, 1.0)
    log_c = jnp.where(size > 1e-2, jnp.log(far) - jnp.log(jnp.tanh(far / 2)), jnp.log(2 + size**2 / 6))
    return _bernoulli(raw, x, log_scale) + log_c


def _discretized(raw: Any, x: Any, log_scale: Any) -> Any:
    import jax
    import jax.numpy as jnp

    # a logistic law around the sigmoid of the raw output, cut into 256 bins; the outer ones reach to infinity
    centered = x - jax.nn.sigmoid(raw)
    half = 0.5 / (LEVELS - 1)
    upper, lower = (centered + half) * jnp.exp(-log_scale), (centered - half) * jnp.exp(-log_scale)
    # log(sigmoid(u) - sigmoid(l)) = log sigmoid(u) + log sigmoid(-l) + log(1 - exp(l - u))
    width = 2 * half * jnp.exp(-log_scale)
    inner = jax.nn.log_sigmoid(upper) + jax.nn.log_sigmoid(-lower) + jnp.log(-jnp.expm1(-width))
    first, last = x < half, x > 1 - half
    return jnp.where(first, jax.nn.log_sigmoid(upper), jnp.where(last, jax.nn.log_sigmoid(-lower), inner))


def _sigmoid(raw: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(raw))


def _continuous_mean(raw: np.ndarray) -> np.ndarray:
    # lambda / (2 lambda - 1) + 1 / (2 artanh(1 - 2 lambda)) = 1 / (1 - exp(-a)) - 1 / a, with a the raw output
    far = np.where(np.abs(raw) > 1e-2, raw, 1.0)
    return np.where(np.abs(raw) > 1e-2, -1 / np.expm1(-far) - 1 / far, 0.5 + raw / 12)


def _draw_continuous(rng: np.random.Generator, raw: np.ndarray, log_scale: float) -> np.ndarray:  # noqa: ARG001
    u = rng.random(raw.shape)
    far = np.where(np.abs(raw) > 1e-3, raw, 1.0)
    # inverse of F(x) = (exp(a x) - 1) / (exp(a) - 1), for negative a mirrored so that nothing overflows
    size = np.abs(far)
    low = -np.log1p(-u * -np.expm1(-size)) / size
    return np.where(np.abs(raw) > 1e-3, np.where(far < 0, low, 1 - low), u)


def _draw_discretized(rng: np.random.Generator, raw: np.ndarray, log_scale: float) -> np.ndarray:
    drawn = _sigmoid(raw) + rng.logistic(size=raw.shape) * math.exp(log_scale)
    return np.clip(np.rint(drawn * (LEVELS - 1)), 0, LEVELS - 1) / (LEVELS - 1)


LIKELIHOODS: Catalogue[Likelihood] = Catalogue(
    "likelihood",
    [
        Likelihood(
            "gaussian", _gaussian, np.asarray, lambda rng, raw, s: raw + rng.normal(size=raw.shape) * math.exp(s),
            -math.inf, math.inf, True, False,
            r"-\tfrac12 \left(\frac{x - \mu}{\sigma}\right)^2 - \log \sigma - \tfrac12 \log 2 \pi",
            "Numbers of any kind. The deviation is learned: a fixed one weighs reconstruction against divergence by hand.",
            "Rybkin, Daniilidis, Levine, Simple and effective VAE training with calibrated decoders, 2021", ("normal", "mse"),
        ),
        Likelihood(
            "bernoulli", _bernoulli, _sigmoid, lambda rng, raw, s: (rng.random(raw.shape) < _sigmoid(raw)).astype(float),  # noqa: ARG005
            0.0, 1.0, False, True, r"x \log p + (1 - x) \log(1 - p)",
            "Zeros and ones. On grey values it is a cross-entropy and no likelihood: binarize them, or take another.",
            "Kingma, Welling, Auto-encoding variational Bayes, 2014", ("binary", "binary_crossentropy"),
        ),
        Likelihood(
            "continuous_bernoulli", _continuous_bernoulli, _continuous_mean, _draw_continuous, 0.0, 1.0, False, False,
            r"x \log p + (1 - x) \log(1 - p) + \log C(p)", "Grey values between 0 and 1, as a density.",
            "Loaiza-Ganem, Cunningham, The continuous Bernoulli, 2019", (),
        ),
        Likelihood(
            "discretized_logistic", _discretized, _sigmoid, _draw_discretized, 0.0, 1.0, True, True,
            r"\log\left(F(x + \tfrac{1}{510}) - F(x - \tfrac{1}{510})\right)",
            "Pixels of 256 levels, as probabilities: comparable in bits for a pixel.",
            "Salimans and others, PixelCNN++, 2017", ("discretized", "discretised"),
        ),
    ],
)  # fmt: skip
