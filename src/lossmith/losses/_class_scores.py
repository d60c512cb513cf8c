"""Losses for several classes on scores without softmax."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, relu
from lossmith.losses._domain import POSITIVE, UNIT, Parameter
from lossmith.losses._heads import CLASS_SCORES
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]


def _squared(xp: Namespace, raw: Array, target: Array, *, label_weight: float, label_value: float) -> Array:
    label = label_weight * target * (raw - label_value) ** 2
    return xp.mean(label + (1 - target) * raw**2, axis=-1)


def _weston_watkins(xp: Namespace, raw: Array, target: Array) -> Array:
    ahead = relu(xp, 1 + raw[..., None, :] - raw[..., :, None])  # (sample, label, other)
    # the label against itself always costs 1
    return xp.sum(target * (xp.sum(ahead, axis=-1) - 1), axis=-1)


def _lee_lin_wahba(xp: Namespace, raw: Array, target: Array) -> Array:
    centred = raw - xp.mean(raw, axis=-1, keepdims=True)
    return xp.sum((1 - target) * relu(xp, centred + 1 / max(raw.shape[-1] - 1, 1)), axis=-1)


RECORDS = (
    Loss(
        name="categorical_mean_squared_error",
        task="multiclass",
        function=_squared,
        head=CLASS_SCORES,
        encoding="distribution",
        interval=UNIT,
        elicits="probabilities",
        parameters=(
            Parameter(
                "label_weight", 1.0, POSITIVE, "weight of the label's own score; 15 in the paper from 42 classes on"
            ),
            Parameter(
                "label_value", 1.0, POSITIVE, "what the label's own score should be; 30 in the paper from 42 classes on"
            ),
        ),
        depends=lambda label_weight, label_value: {
            "elicits": "probabilities" if label_weight == 1 == label_value else "majority class"
        },
        convex=True,
        smooth=True,
        formula=r"\frac{1}{K} \sum_k \left(k y_k (z_k - M)^2 + (1 - y_k) z_k^2\right)",
        gradient=r"\frac{2}{K} \left(k y (z - M) + (1 - y) z\right)",
        when="Accuracy with little spread between seeds, as with cross-entropy or better; no softmax.",
        when_not="Many classes without rescaling (label_weight, label_value), or labels that are often wrong.",
        reference="Hui and Belkin, Evaluation of neural architectures trained with square loss vs cross-entropy in classification tasks, 2021",
        aliases=("categorical_mse", "hui_belkin", "square_loss"),
    ),
    Loss(
        name="weston_watkins",
        task="multiclass",
        function=_weston_watkins,
        head=CLASS_SCORES,
        encoding="distribution",
        interval=UNIT,
        elicits="absolute majority class",
        convex=True,
        robust=True,
        formula=r"\sum_k y_k \sum_{j \ne k} \max(1 + z_j - z_k, 0)",
        gradient=r"\frac{\partial}{\partial z_i} = \sum_k y_k [1 + z_i - z_k > 0][i \ne k] - y_i \sum_{j \ne i} [1 + z_j - z_i > 0]",
        when="Only the decision matters and every class that comes too close should cost.",
        when_not="No class has more than half of the probability somewhere: it then decides nothing. Or you need probabilities.",
        reference="Weston and Watkins, Support vector machines for multi-class pattern recognition, 1999",
        twins={"torch": "MultiMarginLoss"},
        aliases=("multi_margin",),
    ),
    Loss(
        name="lee_lin_wahba",
        task="multiclass",
        function=_lee_lin_wahba,
        head=CLASS_SCORES,
        encoding="distribution",
        interval=UNIT,
        elicits="majority class",
        convex=True,
        robust=True,
        formula=r"\sum_k (1 - y_k) \max\left(\bar z_k + \frac{1}{K - 1}, 0\right), \quad \bar z = z - \frac{1}{K} \sum_j z_j",
        gradient=r"h_k - \frac{1}{K} \sum_j h_j, \quad h_k = (1 - y_k) \left[\bar z_k > -\frac{1}{K - 1}\right]",
        when="Only the decision matters and classes overlap: the multiclass hinge that decides for the majority.",
        when_not="You need probabilities.",
        reference="Lee, Lin and Wahba, Multicategory support vector machines, 2004",
        aliases=("llw",),
    ),
)
