"""Distillation: a student learns from the softened probabilities of a teacher, with the factor and the direction right."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from lossmith._arrays import Array, log_softmax, namespace
from lossmith._errors import DomainError, ShapeError
from lossmith.losses._adapters import _load, keras_namespace

__all__ = ["distillation", "distillation_as_keras", "distillation_targets"]


def _check(temperature: float, alpha: float = 0.5) -> None:
    if not (math.isfinite(temperature) and temperature > 0):
        raise DomainError(f"temperature={temperature!r}", expected="a positive number", advice="2 to 10 is usual")
    if not 0.0 <= alpha <= 1.0:
        raise DomainError(f"alpha={alpha!r}", expected="a number in [0, 1]", advice="it is the share of the teacher")


def _softened(xp: Any, student: Array, teacher: Array, temperature: float) -> Array:
    """T^2 KL(teacher || student) of rows of raw outputs."""
    log_q = log_softmax(xp, teacher / temperature)
    log_p = log_softmax(xp, student / temperature)
    # a class to which the teacher gives no mass at all (a raw output of -inf) takes no part: 0 log 0 = 0
    q = xp.exp(log_q)
    held = q > 0
    gap = xp.where(held, log_q, xp.zeros_like(log_q)) - xp.where(held, log_p, xp.zeros_like(log_p))
    return temperature**2 * xp.sum(q * gap, axis=-1)


def distillation(student: Array, teacher: Array, *, temperature: float = 4.0) -> Array:
    r"""Return the distillation loss of each sample, shape `(n_samples,)`, in nats.

    Use it as one term of a student's loss, beside the cross-entropy of the labels. With raw outputs s of the student and
    t of the teacher, both of shape `(n_samples, n_classes)`,

    $$ T^2 \operatorname{KL}\!\left(\operatorname{softmax}(t / T) \,\middle\|\, \operatorname{softmax}(s / T)\right) $$

    The teacher comes first: the student covers what the teacher finds possible. Without the factor T^2 the gradient,
    $T (p_s - p_t)$ with it, shrinks like 1 / T^2, and the balance with the other term changes with the temperature.
    Reduce it by the mean over samples, not over samples and classes. Gradients pass through `student` alone where the
    library allows to say so: give `stop_gradient(teacher)` in JAX, `teacher.detach()` in PyTorch.

    Parameters
    ----------
    student, teacher : array of shape (n_samples, n_classes)
        Raw outputs, of any library with the array API.
    temperature : float

    Raises
    ------
    ShapeError
        Shapes that differ.
    DomainError
        A temperature that is not positive.

    Source: Hinton, Vinyals, Dean, Distilling the knowledge in a neural network, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> teacher = np.array([[2.0, 0.0, -2.0]])
    >>> distillation(teacher, teacher).tolist()
    [0.0]
    >>> distillation(np.zeros((1, 3)), teacher, temperature=2.0).round(4).tolist()
    [1.0649]
    """
    _check(temperature)
    if tuple(student.shape) != tuple(teacher.shape) or len(student.shape) < 2:
        raise ShapeError(
            f"raw outputs of shape {tuple(student.shape)} and {tuple(teacher.shape)}",
            expected="one shape (n_samples, n_classes) for student and teacher",
            advice="both need one column for each class",
        )
    return _softened(namespace(student, teacher), student, teacher, temperature)


def distillation_targets(target: Any, teacher: Any) -> np.ndarray:
    """Return targets and the teacher's raw outputs side by side, shape `(n_samples, 2 n_classes)`, for `fit`.

    Parameters
    ----------
    target : array of shape (n_samples,) or (n_samples, n_classes)
        Class ids or rows of probabilities.
    teacher : array of shape (n_samples, n_classes)
        Raw outputs of the teacher on the same rows: `teacher.predict(x)` of a model without last activation.

    Raises
    ------
    ShapeError, DomainError
        Rows that do not fit, class ids without a column.

    Examples
    --------
    >>> distillation_targets([1], [[0.5, 2.0]]).tolist()
    [[0.0, 1.0, 0.5, 2.0]]
    """
    raw, labels = np.asarray(teacher, dtype=np.float32), np.asarray(target)
    if raw.ndim != 2:
        raise ShapeError(f"teacher of shape {raw.shape}", expected="(n_samples, n_classes)")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 1 and len(labels) == len(raw):
        ids = labels.astype(np.int64)
        if np.any(ids != labels) or (ids.size and (ids.min() < 0 or ids.max() >= raw.shape[1])):
            raise DomainError(
                f"class ids from {labels.min()} to {labels.max()}",
                expected=f"whole numbers from 0 to {raw.shape[1] - 1}",
            )
        labels = np.eye(raw.shape[1], dtype=np.float32)[ids]
    if labels.shape != raw.shape:
        raise ShapeError(
            f"targets of shape {labels.shape} and teacher of shape {raw.shape}", expected="the same rows and classes"
        )
    return np.concatenate([labels.astype(np.float32), raw], axis=1)


@cache
def _keras_class() -> Any:
    keras = _load("keras")
    ops = keras.ops

    @keras.saving.register_keras_serializable(package="lossmith", name="DistillationLoss")
    class DistillationLoss(keras.losses.Loss):  # type: ignore[name-defined]
        """Cross-entropy of the labels and divergence from the teacher, both on raw outputs."""

        def __init__(
            self,
            temperature: float = 4.0,
            alpha: float = 0.9,
            name: str | None = "distillation",
            reduction: str | None = "sum_over_batch_size",
            dtype: Any = None,
        ) -> None:
            _check(temperature, alpha)
            super().__init__(name=name, reduction=reduction, dtype=dtype)
            self.temperature, self.alpha = float(temperature), float(alpha)

        def call(self, y_true: Any, y_pred: Any) -> Any:
            n_classes = int(y_pred.shape[-1])
            if y_true.shape[-1] != 2 * n_classes:
                raise ShapeError(
                    f"targets of shape {tuple(y_true.shape)} for outputs of shape {tuple(y_pred.shape)}",
                    expected=f"{2 * n_classes} columns",
                    advice="make them with losses.distillation_targets(y, teacher_raw)",
                )
            labels, teacher = y_true[..., :n_classes], ops.stop_gradient(y_true[..., n_classes:])
            hard = -ops.sum(labels * ops.log_softmax(y_pred, axis=-1), axis=-1)
            soft = _softened(keras_namespace(), y_pred, teacher, self.temperature)
            return self.alpha * soft + (1.0 - self.alpha) * hard

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "temperature": self.temperature, "alpha": self.alpha}

    return DistillationLoss


def distillation_as_keras(
    *, temperature: float = 4.0, alpha: float = 0.9, reduction: str | None = "sum_over_batch_size"
) -> Any:
    r"""Return a `keras.losses.Loss` that trains a student, on every backend of Keras, in plain `fit`.

    Use it to train a student with `compile` and `fit`.

    $$ \alpha T^2 \operatorname{KL}(q_T \,\|\, p_T) + (1 - \alpha) \operatorname{CE}(y, p_1) $$

    with the teacher's probabilities q and the student's p at temperature T (and 1). The student ends in raw outputs, and the
    targets come from `distillation_targets`.

    Parameters
    ----------
    temperature : float
    alpha : float
        Share of the teacher, in [0, 1].
    reduction : str or None

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses
    >>> teacher = np.array([[2.0, 0.0, -2.0]], dtype=np.float32)
    >>> loss = losses.distillation_as_keras(temperature=2.0, alpha=1.0)
    >>> round(float(loss(losses.distillation_targets([0], teacher), np.zeros((1, 3)))), 4)
    1.0649
    """
    return _keras_class()(temperature=temperature, alpha=alpha, reduction=reduction)
