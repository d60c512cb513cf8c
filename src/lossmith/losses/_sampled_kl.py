"""Estimators of a divergence from samples of one policy: k1, k2, k3, each with its card of biases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lossmith._arrays import Array, Namespace, namespace
from lossmith._catalogue import Catalogue
from lossmith._errors import ShapeError

__all__ = ["KL_ESTIMATORS", "KLEstimator", "sampled_kl"]


@dataclass(frozen=True, slots=True)
class KLEstimator:
    r"""An estimator of KL(q || p) from samples of q, with r = log p(x) - log q(x).

    Attributes
    ----------
    name : str
    function : callable
        `function(xp, r)`: value for each sample.
    formula : str
        LaTeX, in r.
    value_bias : str
        Of the mean over samples, as an estimate of KL(q || p).
    gradient : str
        What the expected gradient is where the mean is differentiated through log q with the samples held fixed, as a
        term of a loss is.
    unbiased_value, unbiased_gradient : bool
        Whether the two are those of KL(q || p).
    never_negative : bool
        Whether each value is at least 0.
    variance : str
    when, when_not : str
    reference : str
    aliases : tuple of str
    """

    name: str
    function: Callable[[Namespace, Array], Array]
    formula: str
    value_bias: str
    gradient: str
    unbiased_value: bool
    unbiased_gradient: bool
    never_negative: bool
    variance: str
    when: str
    when_not: str
    reference: str = "Schulman, Approximating KL divergence, 2020"
    aliases: tuple[str, ...] = ()


KL_ESTIMATORS: Catalogue[KLEstimator] = Catalogue(
    "estimator of a divergence",
    [
        KLEstimator(
            name="k1",
            function=lambda _xp, r: -r,
            formula=r"-r",
            value_bias="none",
            gradient="zero in expectation: the score of q has mean 0, so that as a term of a loss it does nothing but add noise",
            unbiased_value=True,
            unbiased_gradient=False,
            never_negative=False,
            variance="large where the laws are close: the values have both signs and must cancel",
            when="The value is wanted, or it is part of the reward of a policy gradient, where its gradient is right.",
            when_not="As a term that is differentiated: its expected gradient is zero.",
        ),
        KLEstimator(
            name="k2",
            function=lambda _xp, r: 0.5 * r**2,
            formula=r"\tfrac{1}{2} r^2",
            value_bias="small where the laws are close (second order), large where they are not",
            gradient="that of KL(q || p), exactly in expectation, on samples of the present q",
            unbiased_value=False,
            unbiased_gradient=True,
            never_negative=True,
            variance="small where the laws are close",
            when="A term of a loss that is differentiated, on samples of the present policy.",
            when_not="The value itself is reported and the laws are far apart.",
        ),
        KLEstimator(
            name="k3",
            function=lambda xp, r: xp.expm1(r) - r,
            formula=r"e^{r} - 1 - r",
            value_bias="none, where p has no mass outside the support of q",
            gradient="that of KL(p || q), the other direction: unbiased in value is not unbiased in gradient",
            unbiased_value=True,
            unbiased_gradient=False,
            never_negative=True,
            variance="small where the laws are close, infinite where p is much larger than q on some samples",
            when="The value is monitored: unbiased, never negative and less noisy than k1.",
            when_not="As a term that is differentiated, unless the other direction is what you want.",
        ),
    ],
)


def sampled_kl(log_q: Array, log_p: Array, *, estimator: str = "k3") -> Array:
    r"""Return an estimate of KL(q || p) for each sample drawn from q, in nats; the mean over samples is the estimate.

    Use it where the laws are known at samples alone, as in reinforcement learning with a reference policy. With
    r = log p(x) - log q(x): k1 is -r, k2 is r^2 / 2, k3 is e^r - 1 - r. Their cards, `KL_ESTIMATORS`, say which is unbiased
    in value and which in gradient: k3 is not in the second.

    Parameters
    ----------
    log_q, log_p : array
        Log-probabilities of the same samples under the law they were drawn from and under the reference, of one shape:
        of whole sequences, or of tokens, which are then summed over the sequence for its divergence.
    estimator : {"k1", "k2", "k3"}

    Raises
    ------
    ShapeError
        Shapes that differ.
    UnknownNameError
        Another estimator.

    Examples
    --------
    >>> import numpy as np
    >>> log_q, log_p = np.log([0.5, 0.5]), np.log([0.25, 0.75])
    >>> [round(float(sampled_kl(log_q, log_p, estimator=k).mean()), 4) for k in ("k1", "k2", "k3")]
    [0.1438, 0.1612, 0.1438]
    """
    record = KL_ESTIMATORS[estimator]
    if tuple(log_q.shape) != tuple(log_p.shape):
        raise ShapeError(
            f"log-probabilities of shape {tuple(log_q.shape)} and {tuple(log_p.shape)}",
            expected="one shape",
            advice="both must be of the same samples",
        )
    xp = namespace(log_q, log_p)
    return record.function(xp, log_p - log_q)
