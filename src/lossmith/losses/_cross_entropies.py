"""Relatives of cross-entropy for several classes."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, log_softmax, logsumexp, softplus
from lossmith.divergence import _pointwise
from lossmith.losses._domain import NON_NEGATIVE, POSITIVE, UNIT, Interval, Parameter
from lossmith.losses._heads import ONE_VERSUS_REST, SOFTMAX
from lossmith.losses._noise_robust import one_minus
from lossmith.losses._spec import Loss
from lossmith.losses._special import power

__all__ = ["RECORDS"]


def _focal(xp: Namespace, raw: Array, target: Array, *, gamma: float) -> Array:
    log_p = log_softmax(xp, raw)
    return xp.sum(target * power(xp, one_minus(xp, log_p), gamma) * -log_p, axis=-1)


def _poly1(xp: Namespace, raw: Array, target: Array, *, epsilon: float) -> Array:
    log_p = log_softmax(xp, raw)
    return _pointwise.cross_entropy(xp, target, log_p) + epsilon * xp.sum(target * one_minus(xp, log_p), axis=-1)


def _ldr(xp: Namespace, raw: Array, target: Array, *, temperature: float, margin: float) -> Array:
    ahead = (raw + margin * (1 - target) - xp.sum(target * raw, axis=-1, keepdims=True)) / temperature
    return temperature * logsumexp(xp, ahead)[..., 0]


def _squentropy(xp: Namespace, raw: Array, target: Array) -> Array:
    others = xp.sum((1 - target) * raw**2, axis=-1) / max(raw.shape[-1] - 1, 1)
    return _pointwise.cross_entropy(xp, target, log_softmax(xp, raw)) + others


def _one_versus_rest(xp: Namespace, raw: Array, target: Array) -> Array:
    return xp.sum(target * softplus(xp, -raw) + (1 - target) * softplus(xp, raw), axis=-1)


def _spherical(xp: Namespace, raw: Array, target: Array) -> Array:
    log_p = log_softmax(xp, raw)
    p = xp.exp(log_p)
    return -xp.sum(target * p, axis=-1) / xp.sqrt(xp.sum(p * p, axis=-1))


RECORDS = (
    Loss(
        name="categorical_focal_crossentropy",
        task="multiclass",
        function=_focal,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(Parameter("gamma", 2.0, NON_NEGATIVE, "how strongly well classified samples are played down"),),
        depends=lambda gamma: {} if gamma else {"convex": True, "elicits": "probabilities", "strictly_proper": True},
        smooth=True,
        robust=True,
        formula=r"-\sum_k y_k (1 - p_k)^\gamma \log p_k, \quad p = \operatorname{softmax}(z)",
        gradient=r"p_k \sum_j h_j - h_k, \quad h_k = y_k (1 - p_k)^{\gamma - 1} (1 - p_k - \gamma p_k \log p_k)",
        when="Most samples are easy, or probabilities come out too confident.",
        when_not="You need calibrated probabilities without checking: it shrinks them.",
        reference="Lin et al., Focal loss for dense object detection, 2017; Mukhoti et al., Calibrating deep neural networks using focal loss, 2020",
        twins={"keras": "categorical_focal_crossentropy"},
        code={"keras": "keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma={gamma}, from_logits=True)"},
        aliases=("categorical_focal",),
    ),
    Loss(
        name="poly1_crossentropy",
        task="multiclass",
        function=_poly1,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(Parameter("epsilon", 1.0, Interval(-1), "added to the weight of 1 - p"),),
        depends=lambda epsilon: {
            "convex": epsilon <= 1,
            "elicits": "majority class" if epsilon else "probabilities",
            "strictly_proper": epsilon == 0,
        },
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\sum_k y_k \left(-\log p_k + \epsilon (1 - p_k)\right), \quad p = \operatorname{softmax}(z)",
        gradient=r"p - y + \epsilon \left(p_k \sum_j y_j p_j - y_k p_k\right)",
        when="Cross-entropy works and a little accuracy is to be gained by tuning one number.",
        when_not="You need calibrated probabilities.",
        reference="Leng et al., PolyLoss: a polynomial expansion perspective of classification loss functions, 2022",
        twins={"optax": "poly_loss_cross_entropy"},
        code={"optax": "optax.losses.poly_loss_cross_entropy(raw, target, epsilon={epsilon})"},
        aliases=("poly1", "poly_loss"),
    ),
    Loss(
        name="ldr_kl",
        task="multiclass",
        function=_ldr,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(
            Parameter("temperature", 1.0, POSITIVE, "small towards a hinge, large towards the mean of all classes"),
            Parameter("margin", 0.1, NON_NEGATIVE, "how far the label should be ahead of the others"),
        ),
        depends=lambda temperature, margin: (
            {} if margin or temperature != 1 else {"elicits": "probabilities", "strictly_proper": True}
        ),
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\lambda \log \sum_k \exp\left(\frac{z_k + c (1 - y_k) - \sum_j y_j z_j}{\lambda}\right)",
        gradient=r"\operatorname{softmax}\left(\frac{z + c (1 - y)}{\lambda}\right) - y",
        when="Some labels are wrong, and one number should lead from hinge to cross-entropy.",
        when_not="You need calibrated probabilities.",
        reference="Zhu, Ying and Yang, Label distributionally robust losses for multi-class classification, 2023",
        aliases=("ldr", "label_distributionally_robust"),
    ),
    Loss(
        name="squentropy",
        task="multiclass",
        function=_squentropy,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        convex=True,
        smooth=True,
        formula=r"-\sum_k y_k \log p_k + \frac{1}{K - 1} \sum_k (1 - y_k) z_k^2, \quad p = \operatorname{softmax}(z)",
        gradient=r"p - y + \frac{2 (1 - y) z}{K - 1}",
        when="As cross-entropy, with less spread between seeds and no further tuning.",
        when_not="Labels are often wrong: the square counts them strongly.",
        reference="Hui, Belkin and Wright, Cut your losses with squentropy, 2023",
    ),
    Loss(
        name="one_versus_rest_crossentropy",
        task="multiclass",
        function=_one_versus_rest,
        head=ONE_VERSUS_REST,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\sum_k \left(y_k \log(1 + e^{-z_k}) + (1 - y_k) \log(1 + e^{z_k})\right)",
        gradient=r"\frac{1}{1 + e^{-z_k}} - y_k",
        when="Many classes, or samples of no known class: every class is judged by itself.",
        when_not="Probabilities must sum to 1.",
        reference="Kornblith et al., Why do better loss functions lead to less transferable features?, 2021",
        aliases=("one_vs_rest", "sigmoid_crossentropy"),
    ),
    Loss(
        name="spherical",
        task="multiclass",
        function=_spherical,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        smooth=True,
        bounded=True,
        robust=True,
        strictly_proper=True,
        formula=r"-\frac{\sum_k y_k p_k}{\sqrt{\sum_k p_k^2}}, \quad p = \operatorname{softmax}(z)",
        gradient=r"p_k \left(g_k - \sum_j p_j g_j\right), \quad g = \frac{-y}{\lVert p \rVert} + \frac{(\sum_j y_j p_j) p}{\lVert p \rVert^3}",
        when="You want calibrated probabilities and some labels are wrong: no sample costs more than 1.",
        when_not="Training starts far from the answer: confident mistakes give almost no gradient.",
        reference="Good, Comment on measuring information and uncertainty, 1971",
        aliases=("spherical_score",),
    ),
)
