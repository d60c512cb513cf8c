"""Losses for several labels that each may or may not apply: one value for each sample.

Losses for two classes also take raw outputs of shape `(n_samples, n_labels)`; the records here average over labels
or look at a sample's labels together.
"""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, logsumexp, sigmoid, softplus
from lossmith.losses._binary_weighted import asymmetric
from lossmith.losses._domain import NON_NEGATIVE, UNIT, Interval, Parameter
from lossmith.losses._heads import ITEM_SCORES, LABELS
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]

SMOOTH = Parameter(
    "smooth", 1.0, Interval(0, closed_low=False), "added above and below, so that no label at all is defined"
)


def _cross_entropy(
    xp: Namespace, raw: Array, target: Array, *, label_smoothing: float, positive_weight: float
) -> Array:
    smoothed = target * (1 - label_smoothing) + 0.5 * label_smoothing
    return xp.mean(positive_weight * smoothed * softplus(xp, -raw) + (1 - smoothed) * softplus(xp, raw), axis=-1)


def _asymmetric(xp: Namespace, raw: Array, target: Array, **parameters: float) -> Array:
    return xp.mean(asymmetric(xp, raw, target, **parameters), axis=-1)


def _dice(xp: Namespace, raw: Array, target: Array, *, smooth: float) -> Array:
    p = sigmoid(xp, raw)
    # |p - y| instead of 2 p y: zero at p = y for soft targets too
    both = xp.sum(p + target, axis=-1)
    return 1 - (both - xp.sum(xp.abs(p - target), axis=-1) + smooth) / (both + smooth)


def _tversky(xp: Namespace, raw: Array, target: Array, *, alpha: float, beta: float, smooth: float) -> Array:
    p = sigmoid(xp, raw)
    difference = xp.sum(xp.abs(p - target), axis=-1)
    both, gap = xp.sum(p + target, axis=-1), xp.sum(p - target, axis=-1)
    common, false_positive, false_negative = (
        0.5 * (both - difference),
        0.5 * (difference + gap),
        0.5 * (difference - gap),
    )
    return 1 - (common + smooth) / (common + alpha * false_positive + beta * false_negative + smooth)


def _pairs(xp: Namespace, raw: Array, target: Array) -> Array:
    # log(1 + sum over absent labels of e^z) + log(1 + sum over present labels of e^-z), as log-sum-exps with a 0
    far = xp.full_like(raw, -1e9)
    absent, present = xp.where(target < 0.5, raw, far), xp.where(target < 0.5, far, -raw)
    zero = xp.zeros_like(raw[..., :1])
    total = logsumexp(xp, xp.concat([absent, zero], axis=-1)) + logsumexp(xp, xp.concat([present, zero], axis=-1))
    return total[..., 0]


RECORDS = (
    Loss(
        name="multilabel_crossentropy",
        task="multilabel",
        function=_cross_entropy,
        head=LABELS,
        encoding="zero_one",
        interval=UNIT,
        elicits="probabilities",
        parameters=(
            Parameter("label_smoothing", 0.0, Interval(0, 1, closed_high=False), "share of each label moved to 1/2"),
            Parameter("positive_weight", 1.0, Interval(0, closed_low=False), "weight of labels that apply, against 1"),
        ),
        depends=lambda label_smoothing, positive_weight: (
            {"elicits": "numeric", "strictly_proper": False} if label_smoothing or positive_weight != 1 else {}
        ),
        convex=True,
        smooth=True,
        robust=True,
        strictly_proper=True,
        formula=r"\frac{1}{L} \sum_l \left(w y_l \log(1 + e^{-z_l}) + (1 - y_l) \log(1 + e^{z_l})\right)",
        gradient=r"\frac{1}{L} \left((1 - y_l) p_l - w y_l (1 - p_l)\right), \quad p_l = \frac{1}{1 + e^{-z_l}}",
        when="A sample may carry several labels, or none: the default choice.",
        when_not="Exactly one label applies: use categorical_crossentropy.",
        reference="Good, Rational decisions, 1952",
        twins={"keras": "binary_crossentropy", "torch": "MultiLabelSoftMarginLoss"},
        code={
            "keras": "keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing={label_smoothing})",
            "torch": "torch.nn.MultiLabelSoftMarginLoss()",
        },
    ),
    Loss(
        name="multilabel_asymmetric",
        task="multilabel",
        function=_asymmetric,
        head=LABELS,
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
        formula=r"\frac{1}{L} \sum_l \left(-y_l (1 - p_l)^{\gamma_+} \log p_l - (1 - y_l) q_l^{\gamma_-} \log(1 - q_l)\right), \quad q = \max(p - m, 0)",
        gradient=r"\frac{1}{L} \text{ times the gradient of asymmetric, label by label}",
        when="Many labels, few of them present in a sample, some missing in the data.",
        when_not="You need calibrated probabilities.",
        reference="Ridnik et al., Asymmetric loss for multi-label classification, 2021",
    ),
    Loss(
        name="dice",
        task="multilabel",
        function=_dice,
        head=LABELS,
        encoding="zero_one",
        interval=UNIT,
        elicits="numeric",
        parameters=(SMOOTH,),
        bounded=True,
        robust=True,
        formula=r"1 - \frac{\sum_l (p_l + y_l - |p_l - y_l|) + s}{\sum_l (p_l + y_l) + s}, \quad p = \sigma(z)",
        gradient=r"\text{of the quotient, with } \frac{\partial p_l}{\partial z_l} = p_l (1 - p_l)",
        when="The overlap of two sets is what counts and most labels (pixels) are absent, as in segmentation; targets may be soft.",
        when_not="You need calibrated probabilities, or sets are often empty.",
        reference="Milletari, Navab and Ahmadi, V-Net, 2016; Wang et al., Dice semimetric losses: optimizing the Dice score with soft labels, 2023",
        twins={"keras": "dice", "optax": "dice_loss"},
        aliases=("dice_loss",),
    ),
    Loss(
        name="tversky",
        task="multilabel",
        function=_tversky,
        head=LABELS,
        encoding="zero_one",
        interval=UNIT,
        elicits="numeric",
        parameters=(
            Parameter("alpha", 0.3, Interval(0, closed_low=False), "weight of false positives"),
            Parameter("beta", 0.7, Interval(0, closed_low=False), "weight of false negatives"),
            SMOOTH,
        ),
        bounded=True,
        robust=True,
        formula=r"1 - \frac{T + s}{T + \alpha F_+ + \beta F_- + s}, \quad T = \frac{1}{2}\sum_l (p_l + y_l - |p_l - y_l|), \; F_\pm = \frac{1}{2} \sum_l (|p_l - y_l| \pm (p_l - y_l))",
        gradient=r"\text{of the quotient, with } \frac{\partial p_l}{\partial z_l} = p_l (1 - p_l)",
        when="As dice, where missing a label costs more than a false one (or the reverse).",
        when_not="You need calibrated probabilities.",
        reference="Salehi, Erdogmus and Gholipour, Tversky loss function for image segmentation using 3D fully convolutional deep networks, 2017",
        twins={"keras": "tversky"},
    ),
    Loss(
        name="multilabel_pairwise",
        task="multilabel",
        function=_pairs,
        head=ITEM_SCORES,
        encoding="zero_one",
        interval=UNIT,
        elicits="numeric",
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\log\left(1 + \sum_{l: y_l = 0} e^{z_l}\right) + \log\left(1 + \sum_{l: y_l = 1} e^{-z_l}\right)",
        gradient=r"\frac{e^{z_l}}{1 + \sum_{j: y_j = 0} e^{z_j}} \text{ for absent labels}, \; -\frac{e^{-z_l}}{1 + \sum_{j: y_j = 1} e^{-z_j}} \text{ for present ones}",
        when="Many labels, few present: present labels should score above 0 and above the absent ones, however many there are.",
        when_not="You need calibrated probabilities, or targets are soft (a target of 1/2 or more counts as present).",
        reference="Su et al., ZLPR: a novel loss for multi-label classification, 2022",
        aliases=("zlpr",),
    ),
)
