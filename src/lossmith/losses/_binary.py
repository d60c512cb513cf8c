"""Losses for two classes whose head gives a probability."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, log_sigmoid, sigmoid, softplus
from lossmith.losses._domain import NON_NEGATIVE, UNIT, Interval, Parameter
from lossmith.losses._heads import SIGMOID
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]


def _cross_entropy(xp: Namespace, raw: Array, target: Array, *, label_smoothing: float) -> Array:
    smoothed = target * (1 - label_smoothing) + 0.5 * label_smoothing
    # two terms of one sign: softplus(z) - y z would cancel for large scores
    return smoothed * softplus(xp, -raw) + (1 - smoothed) * softplus(xp, raw)


def _focal(xp: Namespace, raw: Array, target: Array, *, gamma: float, alpha: float) -> Array:
    # powers of a probability through its logarithm, so that the gradient is finite where it underflows
    positive = alpha * xp.exp(gamma * log_sigmoid(xp, -raw)) * softplus(xp, -raw)
    negative = (1 - alpha) * xp.exp(gamma * log_sigmoid(xp, raw)) * softplus(xp, raw)
    return target * positive + (1 - target) * negative


def _brier(xp: Namespace, raw: Array, target: Array) -> Array:
    return (sigmoid(xp, raw) - target) ** 2


RECORDS = (
    Loss(
        name="binary_crossentropy",
        standard=True,
        task="binary",
        function=_cross_entropy,
        head=SIGMOID,
        encoding="zero_one",
        interval=UNIT,
        elicits="probabilities",
        parameters=(
            Parameter("label_smoothing", 0.0, Interval(0, 1, closed_high=False), "share of the target moved to 1/2"),
        ),
        depends=lambda label_smoothing: (
            {"elicits": "majority class", "strictly_proper": False} if label_smoothing else {}
        ),
        convex=True,
        smooth=True,
        robust=True,
        strictly_proper=True,
        formula=r"y \log(1 + e^{-z}) + (1 - y) \log(1 + e^{z})",
        gradient=r"\frac{1}{1 + e^{-z}} - y",
        when="You want probabilities for two classes: the default choice.",
        when_not="Many labels are wrong: it chases them with ever larger scores. With label smoothing it is not calibrated.",
        reference="Good, Rational decisions, 1952; Szegedy et al., Rethinking the Inception architecture (smoothing), 2016",
        twins={
            "keras": "binary_crossentropy",
            "optax": "sigmoid_binary_cross_entropy",
            "torch": "BCEWithLogitsLoss",
            "sklearn": "log_loss",
            "xgboost": "binary:logistic",
            "lightgbm": "binary",
        },
        code={
            "keras": "keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing={label_smoothing})",
            "optax": "optax.losses.sigmoid_binary_cross_entropy(raw, (1 - {label_smoothing}) * target + {label_smoothing} / 2)",
            "torch": "torch.nn.BCEWithLogitsLoss()",
            "sklearn": "MLPClassifier()",
        },
        aliases=("bce", "log_loss", "logistic"),
    ),
    Loss(
        name="binary_focal_crossentropy",
        standard=True,
        task="binary",
        function=_focal,
        head=SIGMOID,
        encoding="zero_one",
        interval=UNIT,
        elicits="majority class",
        parameters=(
            Parameter("gamma", 2.0, NON_NEGATIVE, "how strongly well classified samples are played down"),
            Parameter(
                "alpha",
                0.5,
                Interval(0, 1, closed_low=False, closed_high=False),
                "weight of class 1, against 1 - alpha of class 0; the paper uses 0.25",
            ),
        ),
        depends=lambda gamma, alpha: {
            "convex": gamma == 0,
            "strictly_proper": gamma == 0 and alpha == 0.5,
            "elicits": "numeric" if alpha != 0.5 else "majority class" if gamma else "probabilities",
        },
        smooth=True,
        robust=True,
        formula=r"-\alpha y (1 - p)^\gamma \log p - (1 - \alpha)(1 - y) p^\gamma \log(1 - p), \quad p = \frac{1}{1 + e^{-z}}",
        gradient=r"\alpha y (1 - p)^\gamma (\gamma p \log p + p - 1) + (1 - \alpha)(1 - y) p^\gamma (p - \gamma (1 - p) \log(1 - p))",
        when="Positives are rare and most negatives are easy, as in detection.",
        when_not="You need calibrated probabilities: it shrinks them towards 1/2.",
        reference="Lin et al., Focal loss for dense object detection, 2017",
        twins={"keras": "binary_focal_crossentropy", "optax": "sigmoid_focal_loss"},
        code={
            "keras": "keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha={alpha}, gamma={gamma}, from_logits=True)",
            "optax": "optax.losses.sigmoid_focal_loss(raw, target, alpha={alpha}, gamma={gamma})",
        },
        aliases=("focal",),
    ),
    Loss(
        name="brier",
        standard=True,
        task="binary",
        function=_brier,
        head=SIGMOID,
        encoding="zero_one",
        interval=UNIT,
        elicits="probabilities",
        smooth=True,
        bounded=True,
        robust=True,
        strictly_proper=True,
        formula=r"(p - y)^2, \quad p = \frac{1}{1 + e^{-z}}",
        gradient=r"2 (p - y) p (1 - p)",
        when="You want calibrated probabilities and some labels are wrong: no sample costs more than 1.",
        when_not="Training starts far from the answer: confident mistakes give almost no gradient.",
        reference="Brier, Verification of forecasts expressed in terms of probability, 1950",
        twins={"sklearn": "brier_score_loss"},
        aliases=("brier_score",),
    ),
)
