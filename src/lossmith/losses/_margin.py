"""Losses for two classes that look at the margin: targets -1 and 1, the sign of the output is the class."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, relu, sigmoid
from lossmith.losses._domain import Interval
from lossmith.losses._heads import MARGIN, TANH_MARGIN
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]

SIGNS = Interval(-1, 1)


def _hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    return relu(xp, 1 - target * raw)


def _squared_hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    return relu(xp, 1 - target * raw) ** 2


def _tanh_hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    # 1 - y tanh(z) without its cancellation near 0; never negative, so the hinge has no kink
    return 2 * sigmoid(xp, -2 * target * raw)


def _tanh_squared_hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    return _tanh_hinge(xp, raw, target) ** 2


def _smoothed_hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    missing = relu(xp, 1 - target * raw)
    return xp.where(missing < 1, 0.5 * missing**2, missing - 0.5)


def _modified_huber(xp: Namespace, raw: Array, target: Array) -> Array:
    missing = relu(xp, 1 - target * raw)
    return xp.where(missing < 2, missing**2, 4 * missing - 4)


RECORDS = (
    Loss(
        name="hinge",
        standard=True,
        task="binary",
        function=_hinge,
        head=MARGIN,
        encoding="minus_one_one",
        interval=SIGNS,
        elicits="majority class",
        convex=True,
        robust=True,
        formula=r"\max(1 - y z, 0)",
        gradient=r"\begin{cases} -y & y z < 1 \\ 0 & \text{otherwise} \end{cases}",
        when="Only the decision matters and a wide margin is wanted, as in support vector machines.",
        when_not="You need probabilities: its score is not one, and it stops learning beyond the margin.",
        reference="Cortes and Vapnik, Support-vector networks, 1995",
        twins={"keras": "hinge", "optax": "hinge_loss", "sklearn": "hinge"},
        code={
            "keras": "keras.losses.Hinge()",
            "optax": "optax.losses.hinge_loss(raw, target)",
            "sklearn": 'LinearSVC(loss="hinge")',
        },
    ),
    Loss(
        name="squared_hinge",
        standard=True,
        task="binary",
        function=_squared_hinge,
        head=MARGIN,
        encoding="minus_one_one",
        interval=SIGNS,
        elicits="probabilities",
        convex=True,
        smooth=True,
        formula=r"\max(1 - y z, 0)^2",
        gradient=r"-2 y \max(1 - y z, 0)",
        when="Only the decision matters, and a smooth loss is wanted.",
        when_not="Labels contain gross errors: their cost grows with the square of the score.",
        reference="Lee and Mangasarian, SSVM: a smooth support vector machine for classification, 2001",
        twins={"keras": "squared_hinge", "sklearn": "squared_hinge"},
        code={"keras": "keras.losses.SquaredHinge()", "sklearn": 'LinearSVC(loss="squared_hinge")'},
    ),
    Loss(
        name="tanh_hinge",
        standard=True,
        task="binary",
        function=_tanh_hinge,
        head=TANH_MARGIN,
        encoding="minus_one_one",
        interval=SIGNS,
        elicits="majority class",
        smooth=True,
        bounded=True,
        robust=True,
        symmetric_noise=True,
        formula=r"\max(1 - y \tanh z, 0) = 1 - y \tanh z",
        gradient=r"-y (1 - \tanh^2 z)",
        when="You follow a text that puts tanh before the hinge, or labels are flipped at random.",
        when_not="In general: the gradient vanishes for confident mistakes, so that some runs never start to learn.",
        reference="Cortes and Vapnik, Support-vector networks, 1995 (hinge); Mason et al., Boosting algorithms as gradient descent, 1999 (sigmoid cost)",
        twins={"keras": "hinge"},
        aliases=("hinge_tanh",),
    ),
    Loss(
        name="tanh_squared_hinge",
        standard=True,
        task="binary",
        function=_tanh_squared_hinge,
        head=TANH_MARGIN,
        encoding="minus_one_one",
        interval=SIGNS,
        elicits="probabilities",
        smooth=True,
        bounded=True,
        robust=True,
        formula=r"\max(1 - y \tanh z, 0)^2",
        gradient=r"-2 y (1 - y \tanh z)(1 - \tanh^2 z)",
        when="You follow a text that puts tanh before the squared hinge.",
        when_not="In general: confident mistakes give almost no gradient; squared_hinge on a linear output has no such plateau.",
        reference="Lee and Mangasarian, SSVM: a smooth support vector machine for classification, 2001 (squared hinge)",
        twins={"keras": "squared_hinge"},
        aliases=("squared_hinge_tanh",),
    ),
    Loss(
        name="smoothed_hinge",
        task="binary",
        function=_smoothed_hinge,
        head=MARGIN,
        encoding="minus_one_one",
        interval=SIGNS,
        elicits="majority class",
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\begin{cases} 0 & m \ge 1 \\ \frac{1}{2} (1 - m)^2 & 0 < m < 1 \\ \frac{1}{2} - m & m \le 0 \end{cases}, \quad m = y z",
        gradient=r"-y \min(\max(1 - y z, 0), 1)",
        when="As hinge, without its kink.",
        when_not="You need probabilities: its score is not one, and it stops learning beyond the margin.",
        reference="Rennie and Srebro, Loss functions for preference levels: regression with discrete ordered labels, 2005",
        aliases=("smooth_hinge",),
    ),
    Loss(
        name="modified_huber",
        task="binary",
        function=_modified_huber,
        head=MARGIN,
        encoding="minus_one_one",
        interval=SIGNS,
        elicits="probabilities",
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\begin{cases} \max(1 - y z, 0)^2 & y z \ge -1 \\ -4 y z & \text{otherwise} \end{cases}",
        gradient=r"\begin{cases} -2 y \max(1 - y z, 0) & y z \ge -1 \\ -4 y & \text{otherwise} \end{cases}",
        when="As squared_hinge, but gross label errors should not dominate.",
        when_not="You need probabilities at the ends: (1 + score) / 2 leaves [0, 1].",
        reference="Zhang, Solving large scale linear prediction problems using stochastic gradient descent algorithms, 2004",
        twins={"sklearn": "modified_huber"},
        code={"sklearn": 'SGDClassifier(loss="modified_huber")'},
    ),
)
