"""Losses for several classes on softmax probabilities or class scores.

Class ids, one-hot rows and soft targets are encodings of one loss: every function is given rows of probabilities.
"""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, largest, log_softmax, relu
from lossmith.divergence import _pointwise
from lossmith.losses._domain import UNIT, Interval, Parameter
from lossmith.losses._heads import CLASS_SCORES, SOFTMAX
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]


def _cross_entropy(xp: Namespace, raw: Array, target: Array, *, label_smoothing: float) -> Array:
    smoothed = target * (1 - label_smoothing) + label_smoothing / raw.shape[-1]
    return _pointwise.cross_entropy(xp, smoothed, log_softmax(xp, raw))


def _kl(xp: Namespace, raw: Array, target: Array) -> Array:
    return _pointwise.kl_divergence(xp, target, log_softmax(xp, raw))


def _reverse_kl(xp: Namespace, raw: Array, target: Array) -> Array:
    return _pointwise.reverse_kl_divergence(xp, target, log_softmax(xp, raw))


def _jensen_shannon(xp: Namespace, raw: Array, target: Array) -> Array:
    return _pointwise.jensen_shannon_divergence(xp, target, log_softmax(xp, raw))


def _generalized(xp: Namespace, raw: Array, target: Array, *, q: float) -> Array:
    # p^q through the logarithm: the gradient of a power at probability 0 is infinite
    return xp.sum(target * -xp.expm1(q * log_softmax(xp, raw)), axis=-1) / q


def _hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    # scores are taken relative to the target's own before the maximum, which keeps small losses at large scores
    own = xp.sum(target * raw, axis=-1, keepdims=True)
    return relu(xp, largest(xp, raw - own + (1 - target)))


def _brier(xp: Namespace, raw: Array, target: Array) -> Array:
    return xp.sum((xp.exp(log_softmax(xp, raw)) - target) ** 2, axis=-1)


RECORDS = (
    Loss(
        name="categorical_crossentropy",
        standard=True,
        task="multiclass",
        function=_cross_entropy,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        parameters=(
            Parameter(
                "label_smoothing", 0.0, Interval(0, 1, closed_high=False), "share of the target spread over all classes"
            ),
        ),
        depends=lambda label_smoothing: (
            {"elicits": "majority class", "strictly_proper": False} if label_smoothing else {}
        ),
        convex=True,
        smooth=True,
        robust=True,
        strictly_proper=True,
        formula=r"-\sum_k y_k \log p_k, \quad p = \operatorname{softmax}(z)",
        gradient=r"p - y",
        when="You want probabilities for several classes: the default choice.",
        when_not="Many labels are wrong: it chases them with ever larger scores. With label smoothing it is not calibrated.",
        reference="Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990; Szegedy et al., 2016 (smoothing)",
        twins={
            "keras": "categorical_crossentropy",
            "optax": "softmax_cross_entropy",
            "torch": "CrossEntropyLoss",
            "sklearn": "log_loss",
            "xgboost": "multi:softprob",
            "lightgbm": "multiclass",
        },
        code={
            "keras_class_ids": "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
            "keras": "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing={label_smoothing})",
            "optax": "optax.losses.softmax_cross_entropy(raw, optax.losses.smooth_labels(target, {label_smoothing}))",
            "torch": "torch.nn.CrossEntropyLoss(label_smoothing={label_smoothing})",
            "sklearn": "MLPClassifier()",
        },
        aliases=("cce", "cross_entropy", "sparse_categorical_crossentropy", "softmax_cross_entropy"),
    ),
    Loss(
        name="kl_divergence",
        standard=True,
        task="multiclass",
        function=_kl,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        convex=True,
        smooth=True,
        robust=True,
        strictly_proper=True,
        same_gradient_as="categorical_crossentropy",
        formula=r"\sum_k y_k \log \frac{y_k}{p_k}, \quad p = \operatorname{softmax}(z)",
        gradient=r"p - y",
        when="Targets are soft (distillation, annotator votes) and 0 should mean a perfect match.",
        when_not="As an alternative to cross-entropy: it differs by the entropy of the target alone and trains the same model.",
        reference="Kullback and Leibler, On information and sufficiency, 1951",
        twins={"keras": "kl_divergence", "optax": "kl_divergence", "torch": "KLDivLoss"},
        code={"optax": "optax.losses.kl_divergence(jax.nn.log_softmax(raw), target)"},
        aliases=("kl", "kld", "kullback_leibler_divergence", "decoupled_kl_divergence", "dkl"),
    ),
    Loss(
        name="reverse_kl_divergence",
        standard=True,
        task="multiclass",
        function=_reverse_kl,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        full_support=True,
        elicits="geometric mean",
        smooth=True,
        formula=r"\sum_k p_k \log \frac{p_k}{y_k}, \quad p = \operatorname{softmax}(z)",
        gradient=r"p_k \left(\log \frac{p_k}{y_k} - \sum_j p_j \log \frac{p_j}{y_j}\right)",
        when="Soft targets without zeros, and the model should settle on one mode rather than cover them all.",
        when_not="Targets are class ids or one-hot: it is infinite there; smooth the targets or use kl_divergence.",
        reference="Minka, Divergence measures and message passing, 2005",
        aliases=("reverse_kl", "rkl"),
    ),
    Loss(
        name="jensen_shannon_divergence",
        standard=True,
        task="multiclass",
        function=_jensen_shannon,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        smooth=True,
        bounded=True,
        robust=True,
        formula=r"\frac{1}{2} \sum_k \left(y_k \log \frac{y_k}{m_k} + p_k \log \frac{p_k}{m_k}\right), \quad m = \frac{y + p}{2}, \; p = \operatorname{softmax}(z)",
        gradient=r"\frac{1}{2} p_k \left(\log \frac{p_k}{m_k} - \sum_j p_j \log \frac{p_j}{m_j}\right)",
        when="Some labels are wrong, and a symmetric, bounded divergence is wanted.",
        when_not="Training starts far from the answer: confident mistakes give almost no gradient.",
        reference="Lin, Divergence measures based on the Shannon entropy, 1991; Englesson and Azizpour, Generalized Jensen-Shannon divergence loss, 2021",
        aliases=("jensen_shannon", "js", "jsd"),
    ),
    Loss(
        name="categorical_generalized_cross_entropy",
        standard=True,
        task="multiclass",
        function=_generalized,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        parameters=(
            Parameter(
                "q", 0.5, Interval(0, 1, closed_low=False), "from cross-entropy (towards 0) to absolute error (1)"
            ),
        ),
        depends=lambda q: {"symmetric_noise": q == 1},
        smooth=True,
        bounded=True,
        robust=True,
        formula=r"\sum_k y_k \frac{1 - p_k^q}{q}, \quad p = \operatorname{softmax}(z)",
        gradient=r"p_k \sum_j y_j p_j^q - y_k p_k^q",
        when="A good part of the labels is wrong: samples the model disbelieves lose their weight.",
        when_not="Labels are clean, or there are many classes: it learns slowly and is not calibrated.",
        reference="Zhang and Sabuncu, Generalized cross entropy loss for training deep neural networks with noisy labels, 2018",
        twins={"keras": "categorical_generalized_cross_entropy"},
        aliases=("gce", "generalized_cross_entropy"),
    ),
    Loss(
        name="categorical_hinge",
        standard=True,
        task="multiclass",
        function=_hinge,
        head=CLASS_SCORES,
        encoding="distribution",
        interval=UNIT,
        elicits="absolute majority class",
        convex=True,
        robust=True,
        formula=r"\max_k (z_k + 1 - y_k) - \sum_k y_k z_k",
        gradient=r"e_{k^*} - y, \quad k^* = \operatorname{argmax}_k (z_k + 1 - y_k)",
        when="Only the decision matters and classes overlap little.",
        when_not="No class has more than half of the probability somewhere: it then decides nothing. Or you need probabilities.",
        reference="Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector machines, 2001",
        twins={"keras": "categorical_hinge", "optax": "multiclass_hinge_loss", "sklearn": "hinge_loss"},
        aliases=("crammer_singer", "multiclass_hinge"),
    ),
    Loss(
        name="categorical_brier",
        standard=True,
        task="multiclass",
        function=_brier,
        head=SOFTMAX,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        smooth=True,
        bounded=True,
        robust=True,
        strictly_proper=True,
        formula=r"\sum_k (p_k - y_k)^2, \quad p = \operatorname{softmax}(z)",
        gradient=r"2 p_k \left(p_k - y_k - \sum_j p_j (p_j - y_j)\right)",
        when="You want calibrated probabilities and some labels are wrong: no sample costs more than 2.",
        when_not="Training starts far from the answer: confident mistakes give almost no gradient.",
        reference="Brier, Verification of forecasts expressed in terms of probability, 1950",
        twins={"sklearn": "brier_score_loss"},
        aliases=("multiclass_brier", "squared_error_on_probabilities"),
    ),
)
