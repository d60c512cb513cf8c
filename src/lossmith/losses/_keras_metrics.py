"""Metrics of Keras that fit losses on raw outputs: the sign of a margin, the divergence from soft labels."""

from __future__ import annotations

from functools import cache
from typing import Any

from lossmith.losses._adapters import _load
from lossmith.losses._spec import Loss

__all__ = ["keras_metrics", "sign_accuracy", "soft_label_divergence"]


@cache
def _sign_class() -> Any:
    keras = _load("keras")
    ops = keras.ops

    @keras.saving.register_keras_serializable(package="lossmith", name="SignAccuracy")
    class SignAccuracy(keras.metrics.Mean):  # type: ignore[name-defined]
        """Share of outputs whose sign is that of the label."""

        def __init__(self, name: str = "sign_accuracy", dtype: Any = None) -> None:
            super().__init__(name=name, dtype=dtype)

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
            y_true = ops.reshape(y_true, ops.shape(y_pred))
            right = ops.equal(ops.greater(y_pred, 0), ops.greater(y_true, 0))
            if sample_weight is not None:
                sample_weight = ops.broadcast_to(_as_column(ops, sample_weight, len(y_pred.shape)), ops.shape(y_pred))
            return super().update_state(ops.cast(right, self.dtype), sample_weight=sample_weight)

    return SignAccuracy


def _as_column(ops: Any, weight: Any, rank: int) -> Any:
    weight = ops.convert_to_tensor(weight)
    while len(weight.shape) < rank:
        weight = ops.expand_dims(weight, -1)
    return weight


def sign_accuracy(name: str = "sign_accuracy") -> Any:
    """Return a `keras.metrics.Metric`: the share of outputs whose sign is that of the label.

    `name` is what histories call it.

    Use it with margin losses, and with raw outputs of two classes: `accuracy` cuts at 0.5 and compares labels for
    equality, so that it reported 0.417 for a model that was 0.9975 right. Labels are -1 and 1, or 0 and 1; an output
    of exactly 0 counts as class 0 (or -1).

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses
    >>> metric = losses.sign_accuracy()
    >>> metric.update_state(np.array([[1.0], [-1.0], [1.0]]), np.array([[0.2], [-3.0], [-0.1]]))
    >>> round(float(metric.result()), 4)
    0.6667
    """
    return _sign_class()(name=name)


@cache
def _divergence_class() -> Any:
    keras = _load("keras")
    ops = keras.ops

    @keras.saving.register_keras_serializable(package="lossmith", name="SoftLabelDivergence")
    class SoftLabelDivergence(keras.metrics.Mean):  # type: ignore[name-defined]
        """Mean Kullback-Leibler divergence of predicted from given probabilities, exact at zero."""

        def __init__(self, from_logits: bool = True, name: str = "soft_label_divergence", dtype: Any = None) -> None:
            super().__init__(name=name, dtype=dtype)
            self.from_logits = from_logits

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            y_true = ops.cast(ops.convert_to_tensor(y_true), self.dtype)
            y_pred = ops.cast(ops.convert_to_tensor(y_pred), self.dtype)
            logs = ops.log_softmax(y_pred, axis=-1) if self.from_logits else ops.log(y_pred)
            held = ops.greater(y_true, 0)
            # 0 log 0 = 0: what has no mass in the target takes no part, and the branch not taken stays finite
            terms = ops.where(held, y_true * (ops.log(ops.where(held, y_true, 1.0)) - ops.where(held, logs, 0.0)), 0.0)
            return super().update_state(ops.sum(terms, axis=-1), sample_weight=sample_weight)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "from_logits": self.from_logits}

    return SoftLabelDivergence


def soft_label_divergence(*, from_logits: bool = True, name: str = "soft_label_divergence") -> Any:
    r"""Return a `keras.metrics.Metric`: the mean divergence of the predicted from the given class probabilities.

    Use it with soft labels, where accuracy looks at the largest class alone. The value for one sample is

    $$ \sum_k y_k \log \frac{y_k}{p_k}, \quad 0 \log 0 = 0 $$

    with targets y and predictions p, both of shape `(n_samples, n_classes)`, in nats, without clipping: a class that has
    mass in the target and a predicted probability of 0 makes it infinite.

    Parameters
    ----------
    from_logits : bool
        Whether the model gives raw outputs, of which p is the softmax; if not, p is what the model gives.
    name : str

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses
    >>> metric = losses.soft_label_divergence()
    >>> metric.update_state(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]]))
    >>> round(float(metric.result()), 4)  # log 2
    0.6931
    """
    return _divergence_class()(from_logits=from_logits, name=name)


def keras_metrics(loss: Loss) -> list[Any]:
    """Return metrics for `model.compile` that fit raw outputs and targets of `loss`, as fresh objects.

    Use it beside `loss.as_keras()`: `model.compile(loss=loss.as_keras(), metrics=losses.keras_metrics(loss))`. Two
    classes are judged by the sign; several by the largest output; distributions by their divergence as well; numbers by
    the mean absolute error, where the raw output is the prediction. The list is empty where none of these fits.

    Examples
    --------
    >>> from lossmith import losses
    >>> [metric.name for metric in losses.keras_metrics(losses.get("hinge"))]
    ['sign_accuracy']
    >>> losses.keras_metrics(losses.get("poisson"))
    []
    """
    keras = _load("keras")
    if loss.task in ("binary", "multilabel"):
        return [sign_accuracy()]
    if loss.full_support:
        return [soft_label_divergence()]
    if loss.task == "multiclass" and loss.head.gives == "probability":
        return [keras.metrics.CategoricalAccuracy(name="accuracy"), soft_label_divergence()]
    if loss.task == "multiclass":
        return [keras.metrics.CategoricalAccuracy(name="accuracy")]
    if loss.task == "regression" and loss.head.name == "linear" and loss.encoding in ("standardized", "original"):
        return [keras.metrics.MeanAbsoluteError(name="mean_absolute_error")]
    return []
