"""Losses that belong to a map from scores to probabilities other than softmax."""

from __future__ import annotations

from typing import Any

from lossmith._arrays import Array, Namespace, entropy_term, peak_of
from lossmith.losses._domain import UNIT, Interval, Parameter
from lossmith.losses._simplex import ENTMAX, SPARSEMAX, entmax_root, log_tempered_softmax, sparsemax, tempered_softmax
from lossmith.losses._spec import Loss
from lossmith.losses._special import power

__all__ = ["RECORDS"]


def _against(xp: Namespace, raw: Array, p: Array, target: Array) -> Array:
    """Return `(p - y) z`, with scores relative to the largest."""
    return xp.sum((p - target) * (raw - peak_of(xp, raw)), axis=-1)


def _sparsemax(xp: Namespace, raw: Array, target: Array) -> Array:
    p = sparsemax(xp, raw)
    return _against(xp, raw, p, target) + 0.5 * xp.sum(target**2 - p**2, axis=-1)


def _entmax(xp: Namespace, raw: Array, target: Array) -> Array:
    root = entmax_root(xp, raw)
    return _against(xp, raw, root**2, target) + 4 / 3 * xp.sum(target * xp.sqrt(target) - root**3, axis=-1)


def _bi_tempered(xp: Namespace, raw: Array, target: Array, *, t1: float, t2: float) -> Array:
    log_p = log_tempered_softmax(xp, raw, t2)
    if t1 == 1:
        crossed = entropy_term(xp, target) - target * log_p
    else:
        log_target = xp.log(xp.where(target > 0, target, xp.ones_like(target)))
        crossed = target * (xp.expm1((1 - t1) * log_target) - xp.expm1((1 - t1) * log_p)) / (1 - t1)
    powers = power(xp, target, 2 - t1) - xp.exp((2 - t1) * log_p)
    return xp.sum(crossed - powers / (2 - t1), axis=-1)


def _bi_tempered_fields(t1: float, t2: float) -> dict[str, Any]:
    return {"head": tempered_softmax(t2), "bounded": t1 < 1, "convex": t1 == 1 == t2}


RECORDS = (
    Loss(
        name="sparsemax",
        task="multiclass",
        function=_sparsemax,
        head=SPARSEMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        convex=True,
        smooth=True,
        robust=True,
        strictly_proper=True,
        formula=r"\sum_k (p_k - y_k) z_k + \frac{1}{2} \sum_k (y_k^2 - p_k^2), \quad p = \operatorname{sparsemax}(z)",
        gradient=r"p - y",
        when="Many classes of which few are possible: impossible ones get probability exactly 0.",
        when_not="You judge by log loss: a label given probability 0 costs infinitely.",
        reference="Martins and Astudillo, From softmax to sparsemax, 2016",
        twins={"optax": "multiclass_sparsemax_loss"},
        aliases=("sparsemax_loss",),
    ),
    Loss(
        name="entmax",
        task="multiclass",
        function=_entmax,
        head=ENTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        convex=True,
        smooth=True,
        robust=True,
        strictly_proper=True,
        formula=r"\sum_k (p_k - y_k) z_k + \frac{4}{3} \sum_k (y_k^{3/2} - p_k^{3/2}), \quad p = \operatorname{entmax}_{3/2}(z)",
        gradient=r"p - y",
        when="As sparsemax, halfway to softmax.",
        when_not="You judge by log loss: a label given probability 0 costs infinitely.",
        reference="Peters, Niculae and Martins, Sparse sequence-to-sequence models, 2019",
        aliases=("entmax15", "entmax_loss"),
    ),
    Loss(
        name="bi_tempered",
        task="multiclass",
        function=_bi_tempered,
        head=tempered_softmax(1.2),
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        parameters=(
            Parameter("t1", 0.8, UNIT, "below 1 the loss is bounded: gross label errors lose their weight"),
            Parameter("t2", 1.2, Interval(1, 4), "above 1 probabilities have heavy tails: errors near the boundary do"),
        ),
        depends=_bi_tempered_fields,
        smooth=True,
        bounded=True,
        robust=True,
        strictly_proper=True,
        formula=r"\sum_k \left(y_k (\log_{t_1} y_k - \log_{t_1} p_k) - \frac{y_k^{2 - t_1} - p_k^{2 - t_1}}{2 - t_1}\right), \quad p = \exp_{t_2}(z - c), \; \log_t x = \frac{x^{1 - t} - 1}{1 - t}",
        gradient=r"g_k - w_k \sum_j g_j, \quad g = (p - y) p^{t_2 - t_1}, \; w = \frac{p^{t_2}}{\sum_j p_j^{t_2}}",
        when="Some labels are wrong, both far out and near the boundary, and calibrated probabilities are wanted.",
        when_not="Labels are clean: two more numbers to tune for nothing.",
        reference="Amid et al., Robust bi-tempered logistic loss based on Bregman divergences, 2019",
        aliases=("bi_tempered_logistic",),
    ),
)
