"""Losses for two classes that weigh the classes, the easy samples or the margin."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, log_sigmoid, relu, sigmoid, softplus
from lossmith.losses._domain import NON_NEGATIVE, POSITIVE, UNIT, Interval, Parameter
from lossmith.losses._growth import exponential
from lossmith.losses._heads import SIGMOID
from lossmith.losses._spec import Loss
from lossmith.losses._special import power

__all__ = ["RECORDS", "asymmetric"]


def _weighted(xp: Namespace, raw: Array, target: Array, *, positive_weight: float) -> Array:
    return positive_weight * target * softplus(xp, -raw) + (1 - target) * softplus(xp, raw)


def asymmetric(
    xp: Namespace, raw: Array, target: Array, *, gamma_positive: float, gamma_negative: float, shift: float
) -> Array:
    """Return the asymmetric loss of one label, linear in the target."""
    positive = xp.exp(gamma_positive * log_sigmoid(xp, -raw)) * softplus(xp, -raw)
    shifted = relu(xp, sigmoid(xp, raw) - shift)
    negative = power(xp, shifted, gamma_negative) * -xp.log1p(-shifted)
    return target * positive + (1 - target) * negative


def _margin(xp: Namespace, raw: Array, target: Array, *, margin: float) -> Array:
    return target * softplus(xp, margin - raw) + (1 - target) * softplus(xp, margin + raw)


def _exponential(xp: Namespace, raw: Array, target: Array) -> Array:
    return target * exponential(xp, -0.5 * raw) + (1 - target) * exponential(xp, 0.5 * raw)


RECORDS = (
    Loss(
        name="weighted_binary_crossentropy",
        task="binary",
        function=_weighted,
        head=SIGMOID,
        encoding="zero_one",
        interval=UNIT,
        elicits="numeric",
        parameters=(Parameter("positive_weight", 2.0, POSITIVE, "weight of class 1, against 1 of class 0"),),
        depends=lambda positive_weight: (
            {"elicits": "probabilities", "strictly_proper": True} if positive_weight == 1 else {}
        ),
        convex=True,
        smooth=True,
        robust=True,
        formula=r"w y \log(1 + e^{-z}) + (1 - y) \log(1 + e^{z})",
        gradient=r"(1 - y) p - w y (1 - p), \quad p = \frac{1}{1 + e^{-z}}",
        when="Missing a positive costs more than a false alarm, or positives are rare.",
        when_not="You need calibrated probabilities: it moves their odds by the weight; use binary_crossentropy and move the threshold.",
        reference="King and Zeng, Logistic regression in rare events data, 2001",
        twins={"torch": "BCEWithLogitsLoss", "xgboost": "scale_pos_weight", "lightgbm": "scale_pos_weight"},
        code={"torch": "torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor({positive_weight}))"},
        aliases=("weighted_bce",),
    ),
    Loss(
        name="asymmetric",
        task="binary",
        function=asymmetric,
        head=SIGMOID,
        encoding="zero_one",
        interval=UNIT,
        elicits="numeric",
        parameters=(
            Parameter("gamma_positive", 0.0, NON_NEGATIVE, "how strongly easy positives are played down"),
            Parameter("gamma_negative", 4.0, NON_NEGATIVE, "how strongly easy negatives are played down"),
            Parameter(
                "shift",
                0.05,
                Interval(0, 1, closed_low=False, closed_high=False),
                "negatives with a probability below this cost nothing",
            ),
        ),
        depends=lambda gamma_positive, gamma_negative, shift: {"smooth": gamma_negative > 0},  # noqa: ARG005
        smooth=True,
        robust=True,
        formula=r"-y (1 - p)^{\gamma_+} \log p - (1 - y) q^{\gamma_-} \log(1 - q), \quad q = \max(p - m, 0), \; p = \frac{1}{1 + e^{-z}}",
        gradient=r"y (1 - p)^{\gamma_+} (\gamma_+ p \log p + p - 1) + (1 - y) p (1 - p) q^{\gamma_-} \left(\frac{1}{1 - q} - \frac{\gamma_-}{q} \log(1 - q)\right)",
        when="Many labels for each sample, few of them present, some missing: easy negatives are ignored.",
        when_not="You need calibrated probabilities.",
        reference="Ridnik et al., Asymmetric loss for multi-label classification, 2021",
        aliases=("asl", "asymmetric_loss"),
    ),
    Loss(
        name="margin_logistic",
        task="binary",
        function=_margin,
        head=SIGMOID,
        encoding="zero_one",
        interval=UNIT,
        elicits="majority class",
        parameters=(Parameter("margin", 1.0, NON_NEGATIVE, "how far the score should be beyond 0"),),
        depends=lambda margin: {} if margin else {"elicits": "probabilities", "strictly_proper": True},
        convex=True,
        smooth=True,
        robust=True,
        formula=r"y \log(1 + e^{m - z}) + (1 - y) \log(1 + e^{m + z})",
        gradient=r"(1 - y) \sigma(z + m) - y \sigma(m - z)",
        when="Only the decision matters, with a soft margin: a smooth hinge.",
        when_not="You need calibrated probabilities.",
        reference="Collobert and Bengio, Links between perceptrons, MLPs and SVMs, 2004",
        aliases=("logistic_with_margin",),
    ),
    Loss(
        name="exponential",
        task="binary",
        function=_exponential,
        head=SIGMOID,
        encoding="zero_one",
        interval=UNIT,
        elicits="probabilities",
        convex=True,
        smooth=True,
        strictly_proper=True,
        formula=r"y e^{-z/2} + (1 - y) e^{z/2}",
        gradient=r"\frac{1}{2} \left((1 - y) e^{z/2} - y e^{-z/2}\right)",
        when="You want what boosting minimises (its score is z / 2): mistakes weigh exponentially.",
        when_not="Any label is wrong: one outlier can outweigh the rest.",
        reference="Friedman, Hastie and Tibshirani, Additive logistic regression: a statistical view of boosting, 2000",
        twins={"sklearn": "exponential"},
        code={"sklearn": 'GradientBoostingClassifier(loss="exponential")'},
        aliases=("adaboost", "boosting"),
    ),
)
