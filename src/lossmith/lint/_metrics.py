"""Checks of the metrics: what they cut at, which labels they compare, and what they hide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._checks import Finding
from lossmith._errors import InvalidInputError
from lossmith.lint._numbers import percent
from lossmith.lint._setup import Setup
from lossmith.lint._targets import label_form
from lossmith.lint.checks import CHECKS

__all__ = ["METRICS", "imbalance", "metric_findings"]

NEARLY_ALL = 0.9  # share of the largest class

_BINARY = {"BinaryAccuracy", "binary_accuracy"}
_CUTTING = {"Precision", "Recall", "TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives"}
_RANKING = {"AUC"}
_SPARSE = {"SparseCategoricalAccuracy", "sparse_categorical_accuracy", "SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy"}  # fmt: skip
_ROWS = {"CategoricalAccuracy", "categorical_accuracy", "TopKCategoricalAccuracy", "top_k_categorical_accuracy"}
_EQUAL = {"Accuracy"}
_ACCURACIES = _BINARY | _SPARSE | _ROWS | _EQUAL
_LOSSES = {
    "BinaryCrossentropy", "binary_crossentropy", "CategoricalCrossentropy", "categorical_crossentropy", "SparseCategoricalCrossentropy",
    "sparse_categorical_crossentropy", "KLDivergence", "kl_divergence",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GivenMetric:
    """A metric by the name of its class or function, the name it was given, and the object."""

    kind: str
    shown: str
    object: Any

    @property
    def threshold(self) -> float | None:
        """Where it cuts: 0.5 unless told; None if it takes several thresholds."""
        value = getattr(self.object, "threshold", None)
        if value is None:
            value = getattr(self.object, "thresholds", 0.5)
        value = getattr(self.object, "_fn_kwargs", {}).get("threshold", value)
        values = np.atleast_1d(np.asarray(value, dtype=float))
        return float(values[0]) if values.size == 1 else None


def given_metric(metric: Any, setup: Setup) -> GivenMetric:
    """Return what is known about a metric of `compile`; "accuracy" is resolved as Keras does.

    Raises
    ------
    InvalidInputError
        Keras has no such metric.
    """
    import keras

    if isinstance(metric, str):
        if metric.lower() in ("accuracy", "acc"):
            kind = "BinaryAccuracy" if setup.output.shape[-1] == 1 else ""
            shape, wide = setup.y.shape, setup.output
            sparse = len(shape) < wide.ndim or (shape[-1] == 1 and wide.shape[-1] > 1)
            return GivenMetric(kind or ("SparseCategoricalAccuracy" if sparse else "CategoricalAccuracy"), metric, None)
        try:
            found = keras.metrics.get(metric)
        except (ValueError, TypeError):
            raise InvalidInputError(f"metric {metric!r}", expected="the name of a Keras metric") from None
    else:
        found = metric
    function = getattr(found, "_fn", None)
    if not isinstance(found, keras.metrics.Metric):
        name = getattr(found, "__name__", type(found).__name__)
        return GivenMetric(name if _is_keras(found) else "", name, found)
    kind = type(found).__name__
    if kind == "MeanMetricWrapper" and function is not None:
        kind = getattr(function, "__name__", "") if _is_keras(function) else ""
    return GivenMetric(kind if _is_keras(type(found)) else "", metric if isinstance(metric, str) else kind, found)


def _is_keras(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).split(".")[0] == "keras"


def _output_kind(setup: Setup) -> str:
    """Return "probability", "score" (its sign or largest entry is the class) or "value"."""
    loss = setup.loss
    if loss.own is not None:
        return "value" if loss.own.task == "regression" else "score"
    if loss.outputs in ("score", "class_scores") or loss.from_logits:
        return "score"
    if loss.outputs in ("probability", "distribution"):
        return "probability"
    # another loss on labels: a regression of -1 and 1 through tanh is still a margin
    if label_form(setup.y) == "sign":
        return "score"
    return "probability" if setup.activation in ("sigmoid", "softmax") else "value"


def _agreement(setup: Setup) -> tuple[float, float] | None:
    """Return the accuracy that cuts at 0.5 and compares labels for equality, and that of the sign."""
    target, output = setup.target.reshape(-1), setup.output.reshape(-1)
    if target.shape != output.shape:
        return None
    reported = np.mean((output > 0.5).astype(float) == target)
    return float(reported), float(np.mean((output > 0) == (target > 0)))


def accuracy_of_scores(metric: GivenMetric, setup: Setup) -> Finding | None:
    """LS210: an accuracy that cuts scores at 0.5, or compares labels -1 and 1 with 0 and 1."""
    check, labels, kind = CHECKS["LS210"], label_form(setup.y), _output_kind(setup)
    if kind == "value" or (setup.width > 1 and metric.kind not in _CUTTING | _EQUAL | _BINARY):
        return None
    at = metric.threshold
    if metric.kind in _EQUAL:
        whole = np.all(setup.output == np.round(setup.output))
        if whole:
            return None
        seen = f"{metric.shown} compares outputs with labels for equality: {percent(setup.output == np.round(setup.output))} of them are whole numbers"
        return check.found(setup.name, seen, command='metrics=["accuracy"]')
    if metric.kind not in _BINARY | _CUTTING or at is None:
        return None
    if kind == "probability" and labels != "sign":
        return None
    wrong_cut = kind == "score" and at != 0.0
    if not wrong_cut and labels != "sign":
        return None
    name = "BinaryAccuracy" if metric.kind in _BINARY else metric.kind
    option = "threshold" if metric.kind in _BINARY else "thresholds"
    correct = f"metrics=[keras.metrics.{name}({option}=0.0)]"
    if labels == "sign":
        correct = "metrics=[lossmith.losses.sign_accuracy()]"
    seen = f"{metric.shown} cuts at {at:g}"
    if labels == "sign":
        seen += " and compares 0 and 1 with labels -1 and 1"
    numbers = _agreement(setup) if metric.kind in _BINARY else None
    if numbers is not None and setup.width == 1:
        seen += f": it reports {numbers[0]:.3f} where the sign is right for {numbers[1]:.3f} of the sampled rows"
    elif kind == "score":
        below = (setup.output > 0) & (setup.output <= at)
        seen += f": {percent(below)} of the outputs lie between 0 and {at:g}"
    return check.found(setup.name, seen, command=correct)


def metric_unfit(metric: GivenMetric, setup: Setup) -> Finding | None:
    """LS211: a metric of another form of targets or outputs."""
    check, labels, kind = CHECKS["LS211"], label_form(setup.y), _output_kind(setup)
    same = setup.y.ndim == setup.output.ndim and setup.y.shape[-1] == setup.output.shape[-1]
    if metric.kind in _SPARSE and same and setup.width > 1:
        return check.found(
            setup.name, f"{metric.shown} reads class ids and gets rows of {setup.width}", command='metrics=["accuracy"]'
        )
    if metric.kind in _ROWS and not same and setup.width > 1:
        return check.found(
            setup.name,
            f"{metric.shown} reads one-hot rows of {setup.width} and gets class ids",
            command='metrics=["accuracy"]',
        )
    if metric.kind in _ROWS | _SPARSE and setup.width == 1:
        seen = f"{metric.shown} takes the largest of one output, which is always the first"
        return check.found(setup.name, seen, command='metrics=["accuracy"]')
    if metric.kind in _ACCURACIES | _CUTTING and kind == "value" and labels == "value":
        n_values = len(np.unique(setup.y))
        seen = f"{metric.shown} of a regression: the targets have {n_values:,} different values"
        return check.found(setup.name, seen, command='metrics=["mean_absolute_error"]')
    raw = kind == "score" and not setup.gives_probabilities
    if metric.kind in _RANKING and raw and not getattr(metric.object, "_from_logits", False):
        outside = (setup.output < 0) | (setup.output > 1)
        seen = f"AUC places its thresholds in [0, 1] and {percent(outside)} of the outputs lie outside"
        return check.found(setup.name, seen, command="metrics=[keras.metrics.AUC(from_logits=True)]")
    if metric.kind in _RANKING and labels == "sign":
        seen = "AUC counts every label that is not 0 as positive, and the labels are -1 and 1"
        return check.found(setup.name, seen, command="y = (y + 1) / 2")
    if metric.kind in _LOSSES and raw:
        options = {**getattr(metric.object, "_fn_kwargs", {}), "from_logits": _flag(metric.object)}
        if not options["from_logits"]:
            correct = f"metrics=[keras.metrics.{metric.kind}(from_logits=True)]"
            if "kl" in metric.kind.lower():
                correct = "metrics=[lossmith.losses.soft_label_divergence()]"
            seen = f"{metric.shown} reads probabilities and gets raw outputs, {setup.output.min():.3g} to {setup.output.max():.3g}"
            return check.found(setup.name, seen, command=correct)
    return None


def _flag(metric: Any) -> bool:
    return bool(getattr(metric, "from_logits", False) or getattr(metric, "_fn_kwargs", {}).get("from_logits", False))


METRICS = (accuracy_of_scores, metric_unfit)


def metric_findings(setup: Setup) -> Iterator[Finding]:
    """Yield what is found about each metric."""
    if not np.isfinite(setup.y).all():
        return
    for given in setup.metrics:
        metric = given_metric(given, setup)
        for check in METRICS:
            found = check(metric, setup)
            if found is not None:
                yield found


def imbalance(setup: Setup) -> Finding | None:
    """LS224: one class holds nearly all rows and nothing but accuracy is measured."""
    kinds = [given_metric(metric, setup).kind for metric in setup.metrics]
    form = label_form(setup.y)
    if not kinds or any(kind not in _ACCURACIES for kind in kinds) or form == "value" or not np.isfinite(setup.y).all():
        return None
    labels = setup.y.argmax(axis=-1).reshape(-1) if form == "rows" else setup.y.reshape(-1)
    values, often = np.unique(labels, return_counts=True)
    share = often.max() / often.sum()
    if len(values) < 2 or share < NEARLY_ALL:
        return None
    seen = f"class {values[often.argmax()]:g} holds {percent(share)} of {len(labels):,} labels, and accuracy is the only metric"
    correct = 'metrics=["accuracy", keras.metrics.AUC()]'
    if _output_kind(setup) == "score":
        correct = 'metrics=["accuracy", keras.metrics.AUC(from_logits=True)]'
    return CHECKS["LS224"].found(setup.name, seen, command=correct)
