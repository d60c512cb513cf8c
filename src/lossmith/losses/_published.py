"""The losses of published protocols as Keras computes them, clipping included.

Texts that name a loss mean a peer's function: Keras clips probabilities to [1e-7, 1 - 1e-7] (for the divergence also
the target), replaces negative values by 1e-7 before a logarithm, and puts the hinge behind whatever activation the model has. These records reproduce
those numbers; the catalogue of `lossmith.losses` holds the exact ones. The clipping constant is a parameter.
"""

from __future__ import annotations

from typing import Any

from lossmith._arrays import Array, Namespace, log_softmax, sigmoid
from lossmith.losses import _regression
from lossmith.losses._domain import REAL, UNIT, Interval, Parameter
from lossmith.losses._heads import LINEAR, SIGMOID, SOFTMAX, TANH_MARGIN
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]

EPSILON = Parameter(
    "epsilon",
    1e-7,
    Interval(0, 0.5, closed_low=False, closed_high=False),
    "where values are clipped: keras.config.epsilon()",
)
REFERENCE = "Keras 3, keras/src/losses/losses.py and keras/src/backend/jax/nn.py"


def _squared_logarithmic(xp: Namespace, raw: Array, target: Array, *, epsilon: float) -> Array:
    floor = xp.full_like(raw, epsilon)
    return (xp.log(xp.maximum(raw, floor) + 1) - xp.log(xp.maximum(target, floor) + 1)) ** 2


def _binary_cross_entropy(xp: Namespace, raw: Array, target: Array, *, epsilon: float) -> Array:
    p = xp.clip(sigmoid(xp, raw), epsilon, 1 - epsilon)
    return -(target * xp.log(p) + (1 - target) * xp.log(1 - p))


def _hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    margin = 1 - target * xp.tanh(raw)
    return xp.maximum(margin, xp.zeros_like(margin))


def _squared_hinge(xp: Namespace, raw: Array, target: Array) -> Array:
    return _hinge(xp, raw, target) ** 2


def _softmax(xp: Namespace, raw: Array) -> Array:
    return xp.exp(log_softmax(xp, raw))


def _cross_entropy(xp: Namespace, raw: Array, target: Array, *, epsilon: float) -> Array:
    p = _softmax(xp, raw)
    p = p / xp.sum(p, axis=-1, keepdims=True)
    return -xp.sum(target * xp.log(xp.clip(p, epsilon, 1 - epsilon)), axis=-1)


def _kl(xp: Namespace, raw: Array, target: Array, *, epsilon: float) -> Array:
    p = xp.clip(_softmax(xp, raw), epsilon, 1.0)
    clipped = xp.clip(target, epsilon, 1.0)
    return xp.sum(clipped * xp.log(clipped / p), axis=-1)


def _published(name: str, task: Any, function: Any, head: Any, encoding: Any, interval: Any, **fields: Any) -> Loss:
    own = name.removeprefix("keras_")
    return Loss(
        name=name,
        task=task,
        function=function,
        head=head,
        encoding=encoding,
        interval=interval,
        elicits="numeric",
        reference=REFERENCE,
        when="You repeat a published experiment that used this function of Keras.",
        twins={"keras": own},
        **fields,
    )


RECORDS = (
    _published(
        "keras_mean_squared_error",
        "regression",
        _regression.squared,
        LINEAR,
        "standardized",
        REAL,
        formula=r"(z - y)^2",
        gradient=r"2 (z - y)",
        when_not="Otherwise: use mean_squared_error, the same function.",
        convex=True,
        smooth=True,
    ),
    _published(
        "keras_mean_absolute_error",
        "regression",
        _regression.absolute,
        LINEAR,
        "standardized",
        REAL,
        formula=r"|z - y|",
        gradient=r"\operatorname{sign}(z - y)",
        when_not="Otherwise: use mean_absolute_error, the same function.",
        convex=True,
        robust=True,
    ),
    _published(
        "keras_mean_squared_logarithmic_error",
        "regression",
        _squared_logarithmic,
        LINEAR,
        "standardized",
        REAL,
        parameters=(EPSILON,),
        formula=r"\left(\log(1 + \max(z, \epsilon)) - \log(1 + \max(y, \epsilon))\right)^2",
        gradient=r"\frac{2}{1 + z} \left(\log(1 + z) - \log(1 + \max(y, \epsilon))\right) \text{ for } z > \epsilon, \text{ else } 0",
        when_not="Otherwise: negative predictions and targets count as 0 and give no gradient; use mean_squared_logarithmic_error.",
    ),
    _published(
        "keras_binary_crossentropy",
        "binary",
        _binary_cross_entropy,
        SIGMOID,
        "zero_one",
        UNIT,
        parameters=(EPSILON,),
        formula=r"-y \log \hat p - (1 - y) \log(1 - \hat p), \quad \hat p = \min(\max(p, \epsilon), 1 - \epsilon)",
        gradient=r"p - y \text{ for } \epsilon < p < 1 - \epsilon, \text{ else } 0",
        when_not="Otherwise: confident mistakes give no gradient; use binary_crossentropy.",
        bounded=True,
        robust=True,
    ),
    _published(
        "keras_hinge",
        "binary",
        _hinge,
        TANH_MARGIN,
        "minus_one_one",
        Interval(-1, 1),
        formula=r"\max(1 - y \tanh z, 0)",
        gradient=r"-y (1 - \tanh^2 z)",
        when_not="Otherwise: use tanh_hinge, the same function without rounding, or hinge on a linear output.",
        smooth=True,
        bounded=True,
        robust=True,
        symmetric_noise=True,
    ),
    _published(
        "keras_squared_hinge",
        "binary",
        _squared_hinge,
        TANH_MARGIN,
        "minus_one_one",
        Interval(-1, 1),
        formula=r"\max(1 - y \tanh z, 0)^2",
        gradient=r"-2 y (1 - y \tanh z)(1 - \tanh^2 z)",
        when_not="Otherwise: use tanh_squared_hinge, the same function without rounding, or squared_hinge on a linear output.",
        smooth=True,
        bounded=True,
        robust=True,
    ),
    _published(
        "keras_categorical_crossentropy",
        "multiclass",
        _cross_entropy,
        SOFTMAX,
        "distribution",
        UNIT,
        parameters=(EPSILON,),
        formula=r"-\sum_k y_k \log \hat p_k, \quad \hat p = \min(\max(p, \epsilon), 1 - \epsilon)",
        gradient=r"p \sum_j m_j - m, \quad m_k = y_k [\epsilon < p_k < 1 - \epsilon]",
        when_not="Otherwise: confident mistakes give no gradient; use categorical_crossentropy.",
        bounded=True,
        robust=True,
    ),
    _published(
        "keras_sparse_categorical_crossentropy",
        "multiclass",
        _cross_entropy,
        SOFTMAX,
        "distribution",
        UNIT,
        parameters=(EPSILON,),
        same_gradient_as="keras_categorical_crossentropy",
        formula=r"-\log \hat p_y, \quad \hat p = \min(\max(p, \epsilon), 1 - \epsilon)",
        gradient=r"p - y \text{ for } \epsilon < p_y < 1 - \epsilon, \text{ else } 0",
        when_not="Otherwise: class ids are an encoding, not another loss; use categorical_crossentropy.",
        bounded=True,
        robust=True,
    ),
    _published(
        "keras_kl_divergence",
        "multiclass",
        _kl,
        SOFTMAX,
        "distribution",
        UNIT,
        parameters=(EPSILON,),
        formula=r"\sum_k \hat y_k \log \frac{\hat y_k}{\hat p_k}, \quad \hat y = \max(y, \epsilon), \; \hat p = \max(p, \epsilon)",
        gradient=r"p \sum_j m_j - m, \quad m_k = \hat y_k [p_k > \epsilon]",
        when_not="Otherwise: clipping adds mass to every class, so that it can be negative; use kl_divergence.",
        bounded=True,
        robust=True,
    ),
)
