"""The divergence of a variational autoencoder: per dimension, with free bits, a warm-up and an alarm for collapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lossmith._arrays import Array, namespace
from lossmith._checks import Finding
from lossmith._errors import DomainError, InvalidInputError, ShapeError

__all__ = ["LatentUse", "gaussian_kl", "gaussian_kl_by_dimension", "latent_use", "warm_up"]

ACTIVE = 0.01  # nats


def gaussian_kl_by_dimension(mean: Array, log_variance: Array) -> Array:
    r"""Return the divergence of each latent dimension from the standard normal law, shape of `mean`, in nats.

    Use it to see which dimensions a variational autoencoder uses; `gaussian_kl` is their sum.

    $$ \operatorname{KL}(N(\mu, \sigma^2) \,\|\, N(0, 1)) = \tfrac{1}{2} (\mu^2 + \sigma^2 - 1 - \log \sigma^2) $$

    Parameters
    ----------
    mean, log_variance : array of shape (n_samples, n_dimensions)
        What the encoder gives; the logarithm of the variance, not of the deviation.

    Raises
    ------
    ShapeError
        Shapes that differ.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_kl_by_dimension(np.array([[0.0, 2.0]]), np.zeros((1, 2))).tolist()
    [[0.0, 2.0]]
    """
    if tuple(mean.shape) != tuple(log_variance.shape) or not len(mean.shape):
        raise ShapeError(
            f"means of shape {tuple(mean.shape)} and log-variances of shape {tuple(log_variance.shape)}",
            expected="one shape (n_samples, n_dimensions)",
        )
    xp = namespace(mean, log_variance)
    # exp(v) - 1 by expm1: near v = 0 the two terms cancel to the square of v
    return 0.5 * (mean**2 + (xp.expm1(log_variance) - log_variance))


def gaussian_kl(mean: Array, log_variance: Array, *, beta: float = 1.0, free_bits: float = 0.0) -> Array:
    r"""Return the divergence term of a variational autoencoder for each sample, shape `(n_samples,)`, in nats.

    Use it beside a reconstruction term that is *summed* over the pixels of a sample, and take the mean of both over samples:
    a divergence that is averaged over dimensions, or a reconstruction that is, changes beta by their number, which is the
    most common mistake. Dimensions are summed here.

    $$ \beta \sum_d \max(\lambda, \operatorname{KL}_d) $$

    Parameters
    ----------
    mean, log_variance : array of shape (n_samples, n_dimensions)
    beta : float
        Weight; above 1 for more independent dimensions, from 0 up during a warm-up.
    free_bits : float
        Lambda, in nats: a dimension whose divergence, averaged over the batch, is below counts as this much and gets no
        gradient, so that it is not pressed to nothing.

    Raises
    ------
    DomainError
        Negative `beta` or `free_bits`.

    Source: Kingma and Welling, Auto-encoding variational Bayes, 2013; Kingma and others, Improved variational inference
    with inverse autoregressive flow, 2016 (free bits); Higgins and others, beta-VAE, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_kl(np.array([[1.0, 2.0]]), np.zeros((1, 2)), beta=2.0).tolist()
    [5.0]
    """
    if beta < 0 or free_bits < 0:
        raise DomainError(f"beta={beta:g}, free_bits={free_bits:g}", expected="numbers of at least 0")
    parts = gaussian_kl_by_dimension(mean, log_variance)
    if not free_bits:
        return beta * parts.sum(-1)
    xp = namespace(mean, log_variance)
    batch = tuple(range(len(parts.shape) - 1))
    level = xp.mean(parts, axis=batch) if batch else parts
    # a dimension below the level counts as the level: the mean over the batch is max(level, free_bits), as in the paper
    above = level > free_bits
    return beta * xp.sum(xp.where(above, parts, xp.zeros_like(parts) + free_bits), axis=-1)


def warm_up(step: int, *, steps: int, cycles: int = 1, shape: Literal["linear", "cosine"] = "linear") -> float:
    """Return beta at a training step: from 0 to 1 over `steps`, or `cycles` times, each half rising and half at 1.

    Use it against posterior collapse: early on the reconstruction should win.

    Parameters
    ----------
    step : int
        From 0.
    steps : int
        Length of the whole schedule; 1 afterwards.
    cycles : int
        1 rises over all steps.
    shape : {"linear", "cosine"}

    Raises
    ------
    InvalidInputError
        A negative step, no steps, no cycles, another shape.

    Source: Bowman and others, Generating sentences from a continuous space, 2016; Fu and others, Cyclical annealing
    schedule, 2019.

    Examples
    --------
    >>> [warm_up(step, steps=4) for step in (0, 1, 2, 4, 9)]
    [0.0, 0.25, 0.5, 1.0, 1.0]
    >>> [warm_up(step, steps=8, cycles=2) for step in (0, 1, 2, 3, 4, 5)]
    [0.0, 0.5, 1.0, 1.0, 0.0, 0.5]
    """
    if steps < 1 or cycles < 1 or step < 0 or shape not in ("linear", "cosine"):
        raise InvalidInputError(
            f"step={step}, steps={steps}, cycles={cycles}, shape={shape!r}",
            expected="step from 0, steps and cycles from 1, and linear or cosine",
        )
    if step >= steps:
        return 1.0
    length = steps / cycles
    position = (step % length) / length
    risen = min(1.0, position * (1 if cycles == 1 else 2))
    return risen if shape == "linear" else 0.5 - 0.5 * float(np.cos(np.pi * risen))


@dataclass(frozen=True, slots=True, eq=False)
class LatentUse:
    """How much each latent dimension is used.

    Attributes
    ----------
    divergence : ndarray of shape (n_dimensions,)
        Mean over samples, in nats.
    active : ndarray of shape (n_dimensions,), bool
        Whether the mean of the dimension varies between samples: its variance is above 0.01.
    findings : tuple of Finding
    """

    divergence: np.ndarray
    active: np.ndarray
    findings: tuple[Finding, ...] = ()

    @property
    def total(self) -> float:
        """Sum over dimensions, in nats."""
        return float(self.divergence.sum())

    @property
    def collapsed(self) -> bool:
        """Whether no dimension is active."""
        return not self.active.any()


def latent_use(mean: Any, log_variance: Any) -> LatentUse:
    """Return the divergence of each dimension, which dimensions are active, and an alarm where the posterior collapsed.

    Use it after training, on validation rows: `latent_use(*encoder.predict(x))`.

    Parameters
    ----------
    mean, log_variance : array of shape (n_samples, n_dimensions)

    Raises
    ------
    ShapeError
        Fewer than two samples, or shapes that differ.

    Source: Burda, Grosse, Salakhutdinov, Importance weighted autoencoders, 2016 (active units).

    Examples
    --------
    >>> import numpy as np
    >>> used = latent_use(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[-2.0, 0.0], [-2.0, 0.0]]))
    >>> used.active.tolist(), used.collapsed
    ([True, False], False)
    """
    mean, log_variance = np.asarray(mean, dtype=np.float64), np.asarray(log_variance, dtype=np.float64)
    if mean.ndim != 2 or len(mean) < 2:
        raise ShapeError(f"means of shape {mean.shape}", expected="(n_samples, n_dimensions) with two samples or more")
    parts = gaussian_kl_by_dimension(mean, log_variance).mean(axis=0)
    active = mean.var(axis=0) > ACTIVE
    found = []
    if not active.any():
        found.append(
            Finding(
                "LS232",
                "error",
                "latent",
                f"posterior collapse: none of {mean.shape[1]} dimensions varies between samples; the divergence is {parts.sum():.3g} nats",
                "Warm the divergence up from 0, give free bits, or sum the reconstruction over pixels.",
            )
        )
    return LatentUse(parts, active, tuple(found))
