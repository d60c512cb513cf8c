"""Losses on pairs: of positives with negatives in a batch (area under the ROC curve), and of items in a list (ranking)."""

from __future__ import annotations

from collections.abc import Callable

from lossmith._arrays import Array, Namespace, log_softmax, relu, softplus
from lossmith.losses._domain import NON_NEGATIVE, UNIT
from lossmith.losses._heads import ITEM_SCORES, ORDERING
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]


def _share(xp: Namespace, total: Array, count: Array) -> Array:
    return total / xp.where(count > 0, count, xp.ones_like(count))


def _over_batch(xp: Namespace, raw: Array, target: Array, surrogate: Callable[[Array], Array]) -> Array:
    """Return, for each sample, the mean surrogate over the samples of the other class."""
    lead = surrogate(raw[:, None] - raw[None, :])  # (positive, negative)
    pairs = target[:, None] * (1 - target[None, :])
    as_positive = _share(xp, xp.sum(pairs * lead, axis=1), xp.sum(1 - target) + 0 * target)
    as_negative = _share(xp, xp.sum(pairs * lead, axis=0), xp.sum(target) + 0 * target)
    return as_positive + as_negative


def _auc_squared_hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    return _over_batch(xp, raw, target, lambda lead: relu(xp, 1 - lead) ** 2)


def _auc_logistic(xp: Namespace, raw: Array, target: Array) -> Array:
    return _over_batch(xp, raw, target, lambda lead: softplus(xp, -lead))


def _over_list(xp: Namespace, raw: Array, target: Array, surrogate: Callable[[Array], Array]) -> Array:
    """Return, for each list, the mean surrogate over pairs of items whose relevance differs."""
    lead = surrogate(raw[..., :, None] - raw[..., None, :])
    pairs = xp.astype(target[..., :, None] > target[..., None, :], raw.dtype)
    return _share(xp, xp.sum(pairs * lead, axis=(-2, -1)), xp.sum(pairs, axis=(-2, -1)))


def _pairwise_logistic(xp: Namespace, raw: Array, target: Array) -> Array:
    return _over_list(xp, raw, target, lambda lead: softplus(xp, -lead))


def _pairwise_hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    return _over_list(xp, raw, target, lambda lead: relu(xp, 1 - lead))


def _listwise_softmax(xp: Namespace, raw: Array, target: Array) -> Array:
    return -xp.sum(target * log_softmax(xp, raw), axis=-1)


RECORDS = (
    Loss(
        name="auc_squared_hinge",
        task="binary",
        function=_auc_squared_hinge,
        head=ORDERING,
        encoding="zero_one",
        interval=UNIT,
        elicits="numeric",
        batchwise=True,
        convex=True,
        smooth=True,
        formula=r"\frac{1}{n_{-y}} \sum_{j: y_j \ne y} \max(1 - d_j, 0)^2, \quad d_j = \pm (z - z_j) \text{ in favour of the positive}",
        gradient=r"\mp \frac{4}{n_{-y}} \sum_{j: y_j \ne y} \max(1 - d_j, 0)",
        when="Classes are badly imbalanced and the order of the scores is what counts (area under the ROC curve).",
        when_not="You need probabilities or a threshold, or batches without both classes.",
        reference="Gao and Zhou, On the consistency of AUC pairwise optimization, 2015",
        aliases=("auc_squared",),
    ),
    Loss(
        name="auc_logistic",
        task="binary",
        function=_auc_logistic,
        head=ORDERING,
        encoding="zero_one",
        interval=UNIT,
        elicits="numeric",
        batchwise=True,
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\frac{1}{n_{-y}} \sum_{j: y_j \ne y} \log(1 + e^{-d_j}), \quad d_j = \pm (z - z_j) \text{ in favour of the positive}",
        gradient=r"\mp \frac{2}{n_{-y}} \sum_{j: y_j \ne y} \frac{1}{1 + e^{d_j}}",
        when="Classes are badly imbalanced and the order of the scores is what counts (area under the ROC curve).",
        when_not="You need probabilities or a threshold, or batches without both classes.",
        reference="Gao and Zhou, On the consistency of AUC pairwise optimization, 2015",
        twins={"xgboost": "rank:pairwise"},
    ),
    Loss(
        name="listwise_softmax",
        task="ranking",
        function=_listwise_softmax,
        head=ITEM_SCORES,
        encoding="original",
        interval=NON_NEGATIVE,
        elicits="order",
        convex=True,
        smooth=True,
        formula=r"-\sum_k y_k \log p_k, \quad p = \operatorname{softmax}(z)",
        gradient=r"p \sum_k y_k - y",
        when="Each row is a list of items with a relevance each, and the most relevant should come first.",
        when_not="Rows are not lists: use a loss for regression or classes.",
        reference="Cao et al., Learning to rank: from pairwise approach to listwise approach, 2007",
        twins={"optax": "ranking_softmax_loss", "xgboost": "rank:ndcg", "lightgbm": "lambdarank"},
        code={"optax": "optax.losses.ranking_softmax_loss(raw, target, reduce_fn=None)"},
        aliases=("listnet", "ranking_softmax"),
    ),
    Loss(
        name="pairwise_logistic",
        task="ranking",
        function=_pairwise_logistic,
        head=ITEM_SCORES,
        encoding="original",
        interval=NON_NEGATIVE,
        elicits="order",
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\frac{1}{n} \sum_{y_i > y_j} \log(1 + e^{z_j - z_i})",
        gradient=r"\frac{\partial}{\partial z_k} = \frac{1}{n} \left(\sum_{y_i > y_k} \sigma(z_k - z_i) - \sum_{y_k > y_j} \sigma(z_j - z_k)\right)",
        when="Each row is a list of items, and which of two comes first is what is known.",
        when_not="Only the top of the list counts: use listwise_softmax.",
        reference="Burges et al., Learning to rank using gradient descent, 2005",
        twins={"xgboost": "rank:pairwise"},
        aliases=("ranknet",),
    ),
    Loss(
        name="pairwise_hinge",
        task="ranking",
        function=_pairwise_hinge,
        head=ITEM_SCORES,
        encoding="original",
        interval=NON_NEGATIVE,
        elicits="order",
        convex=True,
        robust=True,
        formula=r"\frac{1}{n} \sum_{y_i > y_j} \max(1 - z_i + z_j, 0)",
        gradient=r"\frac{\partial}{\partial z_k} = \frac{1}{n} \left(\sum_{y_i > y_k} [z_i - z_k < 1] - \sum_{y_k > y_j} [z_k - z_j < 1]\right)",
        when="Each row is a list of items, which of two comes first is known, and a margin is enough.",
        when_not="Only the top of the list counts: use listwise_softmax.",
        reference="Herbrich, Graepel and Obermayer, Large margin rank boundaries for ordinal regression, 2000",
        twins={"torch": "MarginRankingLoss"},
        aliases=("ranking_svm",),
    ),
)
