"""Losses for classes with an order: a mistake by two classes is worse than one by one."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, log_softmax, softplus
from lossmith.divergence import _pointwise
from lossmith.losses._domain import UNIT
from lossmith.losses._heads import CUMULATIVE, SOFTMAX, cumulative_logits, log_category
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]


def _cumulated(xp: Namespace, p: Array) -> Array:
    """Return the probabilities of at most class k, k = 0 ... K - 2."""
    n_classes = p.shape[-1]
    reached = xp.arange(n_classes)[None, :] <= xp.arange(n_classes - 1)[:, None]
    return xp.sum(xp.where(reached, p[..., None, :], xp.zeros_like(p[..., None, :])), axis=-1)


def _cumulative_link(xp: Namespace, raw: Array, target: Array) -> Array:
    return _pointwise.cross_entropy(xp, target, log_category(xp, raw))


def _threshold_cross_entropy(xp: Namespace, raw: Array, target: Array) -> Array:
    logits, below = cumulative_logits(xp, raw), _cumulated(xp, target)
    return xp.sum(below * softplus(xp, -logits) + (1 - below) * softplus(xp, logits), axis=-1)


def _squared_emd(xp: Namespace, raw: Array, target: Array) -> Array:
    return xp.sum(_cumulated(xp, xp.exp(log_softmax(xp, raw)) - target) ** 2, axis=-1)


RECORDS = (
    Loss(
        name="cumulative_link",
        task="ordinal",
        function=_cumulative_link,
        head=CUMULATIVE,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        smooth=True,
        robust=True,
        strictly_proper=True,
        formula=r"-\sum_k y_k \log\left(\sigma(\theta_k - z_0) - \sigma(\theta_{k-1} - z_0)\right), \quad \theta_{k+1} = \theta_k + \log(1 + e^{z_{k+1}})",
        gradient=r"\frac{\partial}{\partial z_0} = \sum_k y_k \left(1 - \sigma(\theta_k - z_0) - \sigma(\theta_{k-1} - z_0)\right)",
        when="Classes are grades of one quantity (ratings, stages) and probabilities are wanted: ordered logistic regression.",
        when_not="Classes have no order.",
        reference="McCullagh, Regression models for ordinal data, 1980",
        aliases=("ordered_logit", "proportional_odds"),
    ),
    Loss(
        name="ordinal_crossentropy",
        task="ordinal",
        function=_threshold_cross_entropy,
        head=CUMULATIVE,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        smooth=True,
        robust=True,
        strictly_proper=True,
        formula=r"\sum_{k < K} \left(Y_k \log(1 + e^{z_0 - \theta_k}) + (1 - Y_k) \log(1 + e^{\theta_k - z_0})\right), \quad Y_k = \sum_{j \le k} y_j",
        gradient=r"\frac{\partial}{\partial z_0} = \sum_{k < K} \left(Y_k - \sigma(\theta_k - z_0)\right)",
        when="Classes are grades, and a mistake should cost more the more thresholds it crosses.",
        when_not="Classes have no order.",
        reference="Cao, Mirjalili and Raschka, Rank consistent ordinal regression for neural networks, 2020",
        aliases=("coral",),
    ),
    Loss(
        name="squared_emd",
        task="ordinal",
        function=_squared_emd,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        smooth=True,
        bounded=True,
        robust=True,
        strictly_proper=True,
        formula=r"\sum_{k < K} \left(\sum_{j \le k} p_j - \sum_{j \le k} y_j\right)^2, \quad p = \operatorname{softmax}(z)",
        gradient=r"p_k \left(g_k - \sum_j p_j g_j\right), \quad g_k = 2 \sum_{i \ge k} \sum_{j \le i} (p_j - y_j)",
        when="Classes are grades, calibrated probabilities are wanted and distant mistakes should cost most.",
        when_not="Training starts far from the answer: confident mistakes give almost no gradient.",
        reference="Hou, Yu and Samaras, Squared earth mover's distance-based loss for training deep neural networks, 2016; Epstein, A scoring system for probability forecasts of ranked categories, 1969",
        aliases=("earth_mover", "ranked_probability_score", "rps"),
    ),
)
