"""The heads: how a raw output becomes a prediction, once for all losses."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, log_softmax, sigmoid
from lossmith.losses._spec import Head

__all__ = [
    "CLASS_SCORES",
    "EXPONENTIAL",
    "EXPM1",
    "LINEAR",
    "MARGIN",
    "MEAN_AND_LOG_VARIANCE",
    "SIGMOID",
    "SOFTMAX",
    "TANH_MARGIN",
]


def _same(_xp: Namespace, raw: Array) -> Array:
    return raw


def _first(_xp: Namespace, raw: Array) -> Array:
    return raw[..., 0]


LINEAR = Head("linear", 1, "linear", "value", _same, "One unit without activation; its output is the predicted value.")
EXPONENTIAL = Head(
    "exponential",
    1,
    "exponential",
    "value",
    lambda xp, raw: xp.exp(raw),
    "One unit; the exponential of its output is the predicted value, always positive.",
)
EXPM1 = Head(
    "expm1",
    1,
    "expm1",
    "value",
    lambda xp, raw: xp.expm1(raw),
    "One unit; exp(output) - 1 is the predicted value, always above -1.",
)
MEAN_AND_LOG_VARIANCE = Head(
    "mean_and_log_variance",
    2,
    "linear",
    "value",
    _first,
    "Two units without activation: the predicted mean and the logarithm of the predicted variance.",
)
SIGMOID = Head(
    "sigmoid",
    1,
    "sigmoid",
    "probability",
    sigmoid,
    "One unit; the sigmoid of its output is the probability of class 1.",
)
SOFTMAX = Head(
    "softmax",
    "n_classes",
    "softmax",
    "probability",
    lambda xp, raw: xp.exp(log_softmax(xp, raw)),
    "One unit for each class; the softmax of the outputs gives their probabilities.",
)
MARGIN = Head(
    "margin", 1, "linear", "score", _same, "One unit without activation; the sign of its output is the class."
)
TANH_MARGIN = Head(
    "tanh_margin", 1, "tanh", "score", lambda xp, raw: xp.tanh(raw), "One unit with tanh; its sign is the class."
)
CLASS_SCORES = Head(
    "class_scores",
    "n_classes",
    "linear",
    "score",
    _same,
    "One unit for each class without activation; the largest output is the class.",
)
