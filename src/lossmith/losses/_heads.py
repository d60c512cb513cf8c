"""The heads: how a raw output becomes a prediction, once for all losses."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, log_sigmoid, log_softmax, sigmoid, softplus
from lossmith.losses._spec import Head

__all__ = [
    "CLASS_SCORES",
    "CUMULATIVE",
    "EMBEDDING",
    "EXPM1",
    "EXPONENTIAL",
    "ITEM_SCORES",
    "LABELS",
    "LINEAR",
    "LOCATION_SCALE_SHAPE",
    "MARGIN",
    "MEAN_AND_LOG_VARIANCE",
    "MEDIAN_AND_LOG_SCALE",
    "ONE_VERSUS_REST",
    "ORDERING",
    "QUANTILES",
    "SIGMOID",
    "SOFTMAX",
    "TANH_MARGIN",
    "cumulative_logits",
    "log_category",
]


def _same(_xp: Namespace, raw: Array) -> Array:
    return raw


def _first(_xp: Namespace, raw: Array) -> Array:
    return raw[..., 0]


def cumulative_logits(xp: Namespace, raw: Array) -> Array:
    """Return the log-odds that the class is at most k, for k = 0 ... K - 2: increasing along the last axis."""
    steps = softplus(xp, raw[..., 2:])
    n_steps = steps.shape[-1]
    # sums of the first k steps as a product with a triangle: it differentiates and vectorises in every library
    reached = xp.arange(n_steps)[None, :] < xp.arange(n_steps + 1)[:, None]
    climbed = xp.sum(xp.where(reached, steps[..., None, :], xp.zeros_like(steps[..., None, :])), axis=-1)
    return raw[..., 1:2] - raw[..., 0:1] + climbed


def log_category(xp: Namespace, raw: Array) -> Array:
    """Return the log-probabilities of ordered classes, `(n_samples, n_classes)`, from a cumulative head."""
    logits = cumulative_logits(xp, raw)
    below = log_sigmoid(xp, logits)
    above = log_sigmoid(xp, -logits)
    # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), and b - a is the softplus of a raw output
    between = below[..., 1:] + above[..., :-1] + log_sigmoid(xp, raw[..., 2:])
    return xp.concat([below[..., :1], between, above[..., -1:]], axis=-1)


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
ORDERING = Head(
    "ordering",
    1,
    "linear",
    "score",
    _same,
    "One unit without activation; only the order of its outputs means something, the class comes after calibration.",
    decides="calibration",
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
QUANTILES = Head(
    "quantiles",
    3,
    "linear",
    "value",
    _first,
    "Three units without activation: the median, and what softplus turns into the distances of the outer quantiles.",
)
MEDIAN_AND_LOG_SCALE = Head(
    "median_and_log_scale",
    2,
    "linear",
    "value",
    _first,
    "Two units without activation: the predicted centre and the logarithm of the predicted scale.",
)
LOCATION_SCALE_SHAPE = Head(
    "location_scale_shape",
    3,
    "linear",
    "value",
    _first,
    "Three units without activation: the predicted centre, the logarithm of its scale, and the shape of the tails.",
)
LABELS = Head(
    "labels",
    "n_outputs",
    "sigmoid",
    "probability",
    sigmoid,
    "One unit for each label; the sigmoid of each output is the probability of its label.",
)
ONE_VERSUS_REST = Head(
    "one_versus_rest",
    "n_classes",
    "sigmoid",
    "score",
    sigmoid,
    "One unit for each class; each sigmoid is a probability of its own, they need not sum to 1.",
)
CUMULATIVE = Head(
    "cumulative",
    "n_classes",
    "linear",
    "probability",
    lambda xp, raw: xp.exp(log_category(xp, raw)),
    "One unit for each class: a position, the first threshold, and the steps to the next ones through softplus.",
    decides="prediction",
)
ITEM_SCORES = Head(
    "item_scores",
    "n_outputs",
    "linear",
    "score",
    _same,
    "One unit for each item of the list, without activation; items are ranked by it.",
)
EMBEDDING = Head(
    "embedding",
    "n_outputs",
    "linear",
    "embedding",
    _same,
    "One unit for each dimension, without activation.",
)
