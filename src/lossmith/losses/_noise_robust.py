"""Losses for several classes with wrong labels: symmetric, normalised and active-passive combinations."""

from __future__ import annotations

import math

from lossmith._arrays import Array, Namespace, log_softmax
from lossmith.divergence import _pointwise
from lossmith.losses._domain import NON_NEGATIVE, POSITIVE, UNIT, Interval, Parameter
from lossmith.losses._heads import SOFTMAX
from lossmith.losses._spec import Loss
from lossmith.losses._special import power

__all__ = ["RECORDS", "one_minus"]

FLOOR = Parameter(
    "floor", -4.0, Interval(high=0, closed_high=False), "what the logarithm of a zero target counts as; -4 in the paper"
)
GAMMA = Parameter("gamma", 0.5, NON_NEGATIVE, "how strongly well classified samples are played down")


def one_minus(xp: Namespace, log_p: Array) -> Array:
    """Return `1 - p` from log p, without cancellation."""
    return -xp.expm1(log_p)


def _reverse(xp: Namespace, log_p: Array, target: Array, floor: float) -> Array:
    smallest = math.exp(floor)
    log_target = xp.log(xp.where(target > smallest, target, xp.full_like(target, smallest)))
    return -xp.sum(xp.exp(log_p) * log_target, axis=-1)


def _normalized(xp: Namespace, costs: Array, target: Array) -> Array:
    return xp.sum(target * costs, axis=-1) / xp.sum(costs, axis=-1)


def _focal_costs(xp: Namespace, log_p: Array, gamma: float) -> Array:
    return power(xp, one_minus(xp, log_p), gamma) * -log_p


def _symmetric(xp: Namespace, raw: Array, target: Array, *, alpha: float, beta: float, floor: float) -> Array:
    log_p = log_softmax(xp, raw)
    return alpha * _pointwise.cross_entropy(xp, target, log_p) + beta * _reverse(xp, log_p, target, floor)


def _reverse_cross_entropy(xp: Namespace, raw: Array, target: Array, *, floor: float) -> Array:
    return _reverse(xp, log_softmax(xp, raw), target, floor)


def _normalized_cross_entropy(xp: Namespace, raw: Array, target: Array) -> Array:
    return _normalized(xp, -log_softmax(xp, raw), target)


def _normalized_focal(xp: Namespace, raw: Array, target: Array, *, gamma: float) -> Array:
    return _normalized(xp, _focal_costs(xp, log_softmax(xp, raw), gamma), target)


def _absolute(xp: Namespace, raw: Array, target: Array) -> Array:
    return xp.sum(xp.abs(xp.exp(log_softmax(xp, raw)) - target), axis=-1)


def _nce_rce(xp: Namespace, raw: Array, target: Array, *, alpha: float, beta: float, floor: float) -> Array:
    log_p = log_softmax(xp, raw)
    return alpha * _normalized(xp, -log_p, target) + beta * _reverse(xp, log_p, target, floor)


def _nce_mae(xp: Namespace, raw: Array, target: Array, *, alpha: float, beta: float) -> Array:
    return alpha * _normalized_cross_entropy(xp, raw, target) + beta * _absolute(xp, raw, target)


def _nfl_rce(
    xp: Namespace, raw: Array, target: Array, *, alpha: float, beta: float, gamma: float, floor: float
) -> Array:
    log_p = log_softmax(xp, raw)
    active = _normalized(xp, _focal_costs(xp, log_p, gamma), target)
    return alpha * active + beta * _reverse(xp, log_p, target, floor)


def _nfl_mae(xp: Namespace, raw: Array, target: Array, *, alpha: float, beta: float, gamma: float) -> Array:
    return alpha * _normalized_focal(xp, raw, target, gamma=gamma) + beta * _absolute(xp, raw, target)


ACTIVE = Parameter("alpha", 1.0, POSITIVE, "weight of the active term, which raises the probability of the label")
PASSIVE = Parameter("beta", 1.0, POSITIVE, "weight of the passive term, which lowers the others")
MA = "Ma et al., Normalized loss functions for deep learning with noisy labels, 2020"
SLOW = "Labels are clean, or there are many classes: it learns slowly and is not calibrated."

RECORDS = (
    Loss(
        name="symmetric_crossentropy",
        task="multiclass",
        function=_symmetric,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(
            Parameter("alpha", 0.1, POSITIVE, "weight of cross-entropy"),
            Parameter("beta", 1.0, POSITIVE, "weight of reverse cross-entropy"),
            FLOOR,
        ),
        smooth=True,
        robust=True,
        formula=r"-\alpha \sum_k y_k \log p_k - \beta \sum_k p_k \log y_k, \quad \log 0 = A, \; p = \operatorname{softmax}(z)",
        gradient=r"\alpha (p - y) + \beta p_k \left(\sum_j p_j l_j - l_k\right), \quad l_k = \max(\log y_k, A)",
        when="A good part of the labels is wrong, and training should still be quick.",
        when_not="Labels are clean, or you need calibrated probabilities.",
        reference="Wang et al., Symmetric cross entropy for robust learning with noisy labels, 2019",
        aliases=("sce", "symmetric_cross_entropy"),
    ),
    Loss(
        name="reverse_crossentropy",
        task="multiclass",
        function=_reverse_cross_entropy,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(FLOOR,),
        smooth=True,
        robust=True,
        bounded=True,
        symmetric_noise=True,
        formula=r"-\sum_k p_k \log y_k, \quad \log 0 = A, \; p = \operatorname{softmax}(z)",
        gradient=r"p_k \left(\sum_j p_j l_j - l_k\right), \quad l_k = \max(\log y_k, A)",
        when="As the passive part of a combination; on one-hot targets it is absolute error times -A / 2.",
        when_not=SLOW,
        reference="Wang et al., Symmetric cross entropy for robust learning with noisy labels, 2019",
        aliases=("rce",),
    ),
    Loss(
        name="normalized_crossentropy",
        task="multiclass",
        function=_normalized_cross_entropy,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="numeric",
        smooth=True,
        bounded=True,
        robust=True,
        symmetric_noise=True,
        formula=r"\frac{\sum_k y_k \log p_k}{\sum_k \log p_k}, \quad p = \operatorname{softmax}(z)",
        gradient=r"\frac{1}{D} \left(p_k - y_k - N (K p_k - 1)\right), \quad D = -\sum_j \log p_j, \; N = \frac{\sum_j y_j \log p_j}{\sum_j \log p_j}",
        when="As the active part of a combination with a passive loss (nce_rce, nce_mae).",
        when_not="Alone: it can fall by lowering any other class and then underfits.",
        reference=MA,
        aliases=("nce",),
    ),
    Loss(
        name="normalized_focal",
        task="multiclass",
        function=_normalized_focal,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="numeric",
        parameters=(GAMMA,),
        smooth=True,
        bounded=True,
        robust=True,
        symmetric_noise=True,
        formula=r"\frac{\sum_k y_k (1 - p_k)^\gamma \log p_k}{\sum_k (1 - p_k)^\gamma \log p_k}, \quad p = \operatorname{softmax}(z)",
        gradient=r"\text{of the quotient, with } \frac{\partial \log p_j}{\partial z_k} = [j = k] - p_k",
        when="As the active part of a combination with a passive loss (nfl_rce).",
        when_not="Alone: it can fall by lowering any other class and then underfits.",
        reference=MA,
        aliases=("nfl",),
    ),
    Loss(
        name="categorical_mean_absolute_error",
        task="multiclass",
        function=_absolute,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        bounded=True,
        robust=True,
        symmetric_noise=True,
        formula=r"\sum_k |p_k - y_k|, \quad p = \operatorname{softmax}(z)",
        gradient=r"p_k \left(s_k - \sum_j p_j s_j\right), \quad s = \operatorname{sign}(p - y)",
        when="Labels are wrong at random and their rate is unknown: its minimiser does not move.",
        when_not=SLOW,
        reference="Ghosh, Kumar and Sastry, Robust loss functions under label noise for deep neural networks, 2017",
        aliases=("categorical_mae", "categorical_absolute_error"),
    ),
    Loss(
        name="nce_rce",
        task="multiclass",
        function=_nce_rce,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(ACTIVE, PASSIVE, FLOOR),
        smooth=True,
        bounded=True,
        robust=True,
        symmetric_noise=True,
        formula=r"\alpha \frac{\sum_k y_k \log p_k}{\sum_k \log p_k} - \beta \sum_k p_k \log y_k, \quad \log 0 = A, \; p = \operatorname{softmax}(z)",
        gradient=r"\frac{\alpha}{D} \left(p_k - y_k - N (K p_k - 1)\right) + \beta p_k \left(\sum_j p_j l_j - l_k\right)",
        when="A large part of the labels is wrong: robust, and it learns faster than absolute error.",
        when_not="Labels are clean, or you need calibrated probabilities.",
        reference=MA,
        aliases=("nce+rce",),
    ),
    Loss(
        name="nce_mae",
        task="multiclass",
        function=_nce_mae,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(ACTIVE, PASSIVE),
        bounded=True,
        robust=True,
        symmetric_noise=True,
        formula=r"\alpha \frac{\sum_k y_k \log p_k}{\sum_k \log p_k} + \beta \sum_k |p_k - y_k|, \quad p = \operatorname{softmax}(z)",
        gradient=r"\frac{\alpha}{D} \left(p_k - y_k - N (K p_k - 1)\right) + \beta p_k \left(s_k - \sum_j p_j s_j\right)",
        when="A large part of the labels is wrong: robust, and it learns faster than absolute error.",
        when_not="Labels are clean, or you need calibrated probabilities.",
        reference=MA,
        aliases=("nce+mae",),
    ),
    Loss(
        name="nfl_rce",
        task="multiclass",
        function=_nfl_rce,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(ACTIVE, PASSIVE, GAMMA, FLOOR),
        smooth=True,
        bounded=True,
        robust=True,
        symmetric_noise=True,
        formula=r"\alpha \frac{\sum_k y_k (1 - p_k)^\gamma \log p_k}{\sum_k (1 - p_k)^\gamma \log p_k} - \beta \sum_k p_k \log y_k, \quad \log 0 = A",
        gradient=r"\alpha \nabla \text{NFL} + \beta p_k \left(\sum_j p_j l_j - l_k\right), \quad l_k = \max(\log y_k, A)",
        when="A large part of the labels is wrong and classes differ in difficulty.",
        when_not="Labels are clean, or you need calibrated probabilities.",
        reference=MA,
        aliases=("nfl+rce",),
    ),
    Loss(
        name="nfl_mae",
        task="multiclass",
        function=_nfl_mae,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(ACTIVE, PASSIVE, GAMMA),
        bounded=True,
        robust=True,
        symmetric_noise=True,
        formula=r"\alpha \frac{\sum_k y_k (1 - p_k)^\gamma \log p_k}{\sum_k (1 - p_k)^\gamma \log p_k} + \beta \sum_k |p_k - y_k|, \quad p = \operatorname{softmax}(z)",
        gradient=r"\alpha \nabla \text{NFL} + \beta p_k \left(s_k - \sum_j p_j s_j\right), \quad s = \operatorname{sign}(p - y)",
        when="A large part of the labels is wrong and classes differ in difficulty; the other half of nfl_rce for soft targets.",
        when_not="Labels are clean, or you need calibrated probabilities.",
        reference=MA,
        aliases=("nfl+mae",),
    ),
)
