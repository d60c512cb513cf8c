"""The `gradient` of a record, transcribed from its LaTeX, equals the derivative of its function."""

from __future__ import annotations

import numpy as np
import pytest

from loss_draws import differences, draw_raw, draw_target, some_configurations
from lossmith import losses

N = 40


def sg(z):
    return 1 / (1 + np.exp(-z))


def sm(z):
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def dot(a, b):
    return np.sum(a * b, axis=-1, keepdims=True)


def pull(p, g):
    """Return `p_k (g_k - sum_j p_j g_j)`."""
    return p * (g - dot(p, g))


def pos(x):
    return np.maximum(x, 0)


def normal(w):
    return np.exp(-w * w / 2) / np.sqrt(2 * np.pi)


def _nce(p, y):
    d, n_classes = -np.log(p).sum(axis=-1, keepdims=True), p.shape[-1]
    n = dot(y, np.log(p)) / np.log(p).sum(axis=-1, keepdims=True)
    return (p - y - n * (n_classes * p - 1)) / d


def _rce(p, y, floor):
    log = np.maximum(np.log(np.maximum(y, 1e-300)), floor)
    return p * (dot(p, log) - log)


def _columns(*columns):
    return np.stack(columns, axis=-1)


def _student(z, y, nu):
    w = (y - z[:, 0]) * np.exp(-z[:, 1])
    return _columns(-(nu + 1) * w / (nu + w**2) * np.exp(-z[:, 1]), 1 - (nu + 1) * w**2 / (nu + w**2))


def _crps(z, y):
    import scipy.special

    s = np.exp(z[:, 1])
    w = (y - z[:, 0]) / s
    return _columns(1 - 2 * scipy.special.ndtr(w), s * (2 * normal(w) - 1 / np.sqrt(np.pi)))


def _asymmetric(z, y, gamma_positive, gamma_negative, shift):
    p, a, b = sg(z), gamma_positive, gamma_negative
    q = pos(p - shift)
    safe = np.where(q > 0, q, 1)
    negative = p * (1 - p) * safe**b * (1 / (1 - q) - b / safe * np.log(1 - q))
    return y * (1 - p) ** a * (a * p * np.log(p) + p - 1) + (1 - y) * np.where(q > 0, negative, 0)


def _generalized_weight(z, y, weight, mse_weight, entropy_weight):
    gap = np.log(y) - z
    return -mse_weight * weight * (gap - dot(weight, gap)) + entropy_weight * (sm(z) - y)


def _renyi(z, y, order):
    p = sm(z)
    w = np.where(y > 0, np.maximum(y, 1e-300) ** order * p ** (1 - order), 0)
    return p - w / w.sum(axis=-1, keepdims=True)


def _alpha(z, y, alpha):
    p = sm(z)
    u = y**alpha * p ** (1 - alpha)
    return (p * u.sum(axis=-1, keepdims=True) - u) / alpha


def _weston(z, y):
    active = (1 + z[:, None, :] - z[:, :, None] > 0).astype(float)  # (sample, label k, other j)
    active *= 1 - np.eye(z.shape[1])
    return np.einsum("nk,nkj->nj", y, active) - y * active.sum(axis=-1)


def _llw(z, y):
    k = z.shape[1]
    h = (1 - y) * (z - z.mean(axis=1, keepdims=True) > -1 / (k - 1))
    return h - h.mean(axis=1, keepdims=True)


def _focal(z, y, gamma):
    p = sm(z)
    h = y * (1 - p) ** (gamma - 1) * (1 - p - gamma * p * np.log(p))
    return p * h.sum(axis=-1, keepdims=True) - h


def _emd(z, y):
    p = sm(z)
    gap = np.cumsum(p - y, axis=-1)[:, :-1]
    g = 2 * np.stack([gap[:, k:].sum(axis=-1) for k in range(z.shape[1])], axis=-1)
    return pull(p, g)


def _hinge_class(z, y):
    best = np.argmax(z + 1 - y, axis=-1)
    return np.eye(z.shape[1])[best] - y


def _binary_focal(z, y, gamma, alpha):
    p = sg(z)
    positive = alpha * y * (1 - p) ** gamma * (gamma * p * np.log(p) + p - 1)
    return positive + (1 - alpha) * (1 - y) * p**gamma * (p - gamma * (1 - p) * np.log(1 - p))


def _spherical(z, y):
    p = sm(z)
    norm = np.sqrt(dot(p, p))
    return pull(p, -y / norm + dot(y, p) * p / norm**3)


def _cosine(z, y):
    length = np.linalg.norm(z, axis=1, keepdims=True)
    y = y / np.linalg.norm(y, axis=1, keepdims=True)
    return (z / length * dot(z / length, y) - y) / length


def _pairs(z, y, slope):
    """Return the mean over pairs with y_i > y_j of a surrogate with derivative `slope` in z_i - z_j."""
    above = (y[:, :, None] > y[:, None, :]).astype(float)
    each = above * slope(z[:, :, None] - z[:, None, :])
    return (each.sum(axis=2) - each.sum(axis=1)) / np.maximum(above.sum(axis=(1, 2)), 1)[:, None]


def _bi_tempered(z, y, t1, t2):
    from array_api_compat import numpy as xp

    from lossmith.losses import _simplex

    p = np.exp(_simplex.log_tempered_softmax(xp, z, t2))  # tested apart
    g = (p - y) * p ** (t2 - t1)
    w = p**t2 / (p**t2).sum(axis=-1, keepdims=True)
    return g - w * g.sum(axis=-1, keepdims=True)


FORMULAS = {
    "mean_squared_error": lambda z, y: 2 * (z - y),
    "mean_absolute_error": lambda z, y: np.sign(z - y),
    "mean_squared_logarithmic_error": lambda z, y: 2 * (z - np.log(1 + y)),
    "huber": lambda z, y, delta: np.maximum(-delta, np.minimum(delta, z - y)),
    "quantile": lambda z, y, quantile: np.where(z > y, 1 - quantile, -quantile),
    "poisson": lambda z, y: np.exp(z) - y,
    "gamma": lambda z, y: 1 - y * np.exp(-z),
    "tweedie": lambda z, y, power: np.exp((2 - power) * z) - y * np.exp((1 - power) * z),
    "mean_absolute_percentage_error": lambda z, y: np.sign(z - y) / y,
    "symmetric_mean_absolute_percentage_error": lambda z, y: (
        np.sign(z - np.log(y)) * (1 - np.tanh((z - np.log(y)) / 2) ** 2)
    ),
    "pseudo_huber": lambda z, y, delta: (z - y) / np.sqrt(1 + ((z - y) / delta) ** 2),
    "log_cosh": lambda z, y: np.tanh(z - y),
    "general_robust": lambda z, y, alpha, scale: (
        (z - y) / scale**2 * (1.0 if alpha == 2 else (((z - y) / scale) ** 2 / abs(alpha - 2) + 1) ** (alpha / 2 - 1))
    ),
    "cauchy": lambda z, y, scale: 2 * (z - y) / ((z - y) ** 2 + 2 * scale**2),
    "welsch": lambda z, y, scale: (z - y) / scale**2 * np.exp(-(((z - y) / scale) ** 2) / 2),
    "tukey_biweight": lambda z, y, c: np.where(abs(z - y) <= c, (z - y) * (1 - ((z - y) / c) ** 2) ** 2, 0),
    "expectile": lambda z, y, expectile: 2 * (1 - expectile) * pos(z - y) - 2 * expectile * pos(y - z),
    "epsilon_insensitive": lambda z, y, epsilon: np.where(abs(z - y) > epsilon, np.sign(z - y), 0),
    "squared_epsilon_insensitive": lambda z, y, epsilon: 2 * np.sign(z - y) * pos(abs(z - y) - epsilon),
    "gaussian_nll": lambda z, y: _columns(
        (z[:, 0] - y) * np.exp(-z[:, 1]), (1 - (y - z[:, 0]) ** 2 * np.exp(-z[:, 1])) / 2
    ),
    "laplace_nll": lambda z, y: _columns(
        np.sign(z[:, 0] - y) * np.exp(-z[:, 1]), 1 - abs(y - z[:, 0]) * np.exp(-z[:, 1])
    ),
    "student_t_nll": lambda z, y, degrees_of_freedom: _student(z, y, degrees_of_freedom),
    "adaptive_student_t_nll": lambda z, y: _student(z, y, 1 + np.log1p(np.exp(z[:, 2]))),  # first two columns
    "crps_gaussian": _crps,
    "binary_focal_crossentropy": _binary_focal,
    "brier": lambda z, y: 2 * (sg(z) - y) * sg(z) * (1 - sg(z)),
    "weighted_binary_crossentropy": lambda z, y, positive_weight: (1 - y) * sg(z) - positive_weight * y * (1 - sg(z)),
    "asymmetric": _asymmetric,
    "multilabel_asymmetric": lambda z, y, **p: _asymmetric(z, y, **p) / z.shape[1],
    "margin_logistic": lambda z, y, margin: (1 - y) * sg(z + margin) - y * sg(margin - z),
    "exponential": lambda z, y: ((1 - y) * np.exp(z / 2) - y * np.exp(-z / 2)) / 2,
    "hinge": lambda z, y: np.where(y * z < 1, -y, 0),
    "squared_hinge": lambda z, y: -2 * y * pos(1 - y * z),
    "tanh_hinge": lambda z, y: -y * (1 - np.tanh(z) ** 2),
    "tanh_squared_hinge": lambda z, y: -2 * y * (1 - y * np.tanh(z)) * (1 - np.tanh(z) ** 2),
    "smoothed_hinge": lambda z, y: -y * np.minimum(pos(1 - y * z), 1),
    "modified_huber": lambda z, y: np.where(y * z >= -1, -2 * y * pos(1 - y * z), -4 * y),
    "kl_divergence": lambda z, y: sm(z) - y,
    "reverse_kl_divergence": lambda z, y: pull(sm(z), np.log(sm(z) / y)),
    "jeffreys_divergence": lambda z, y: sm(z) - y + pull(sm(z), np.log(sm(z) / y)),
    "jensen_shannon_divergence": lambda z, y: pull(sm(z), np.log(2 * sm(z) / (y + sm(z)))) / 2,
    "categorical_generalized_cross_entropy": lambda z, y, q: sm(z) * dot(y, sm(z) ** q) - y * sm(z) ** q,
    "categorical_hinge": _hinge_class,
    "categorical_brier": lambda z, y: 2 * pull(sm(z), sm(z) - y),
    "categorical_focal_crossentropy": _focal,
    "poly1_crossentropy": lambda z, y, epsilon: sm(z) - y + epsilon * (sm(z) * dot(y, sm(z)) - y * sm(z)),
    "ldr_kl": lambda z, y, temperature, margin: sm((z + margin * (1 - y)) / temperature) - y,
    "squentropy": lambda z, y: sm(z) - y + 2 * (1 - y) * z / (z.shape[1] - 1),
    "one_versus_rest_crossentropy": lambda z, y: sg(z) - y,
    "spherical": _spherical,
    "skew_divergence": lambda z, y, skew: -pull(sm(z), (1 - skew) * y / (skew * y + (1 - skew) * sm(z))),
    "renyi_divergence": _renyi,
    "alpha_divergence": _alpha,
    "squared_hellinger": lambda z, y: (sm(z) * np.sqrt(y * sm(z)).sum(axis=1, keepdims=True) - np.sqrt(y * sm(z))) / 2,
    "total_variation": lambda z, y: pull(sm(z), np.sign(sm(z) - y)) / 2,
    "categorical_mean_absolute_error": lambda z, y: pull(sm(z), np.sign(sm(z) - y)),
    "chi_squared_divergence": lambda z, y: sm(z) * (y**2 / sm(z)).sum(axis=1, keepdims=True) - y**2 / sm(z),
    "triangular_discrimination": lambda z, y: pull(sm(z), (sm(z) - y) * (sm(z) + 3 * y) / (sm(z) + y) ** 2),
    "improved_kl_divergence": lambda z, y, mse_weight, entropy_weight, temperature: _generalized_weight(
        z, y, sm(np.log(y) / temperature), mse_weight, entropy_weight
    ),
    "generalized_kl_divergence": lambda z, y, mse_weight, entropy_weight, gamma: _generalized_weight(
        z, y, y**gamma / (y**gamma).sum(axis=1, keepdims=True), mse_weight, entropy_weight
    ),
    "symmetric_crossentropy": lambda z, y, alpha, beta, floor: alpha * (sm(z) - y) + beta * _rce(sm(z), y, floor),
    "reverse_crossentropy": lambda z, y, floor: _rce(sm(z), y, floor),
    "normalized_crossentropy": lambda z, y: _nce(sm(z), y),
    "nce_rce": lambda z, y, alpha, beta, floor: alpha * _nce(sm(z), y) + beta * _rce(sm(z), y, floor),
    "nce_mae": lambda z, y, alpha, beta: alpha * _nce(sm(z), y) + beta * pull(sm(z), np.sign(sm(z) - y)),
    "categorical_mean_squared_error": lambda z, y, label_weight, label_value: (
        2 * (label_weight * y * (z - label_value) + (1 - y) * z) / z.shape[1]
    ),
    "weston_watkins": _weston,
    "lee_lin_wahba": _llw,
    "bi_tempered": _bi_tempered,
    "squared_emd": _emd,
    "listwise_softmax": lambda z, y: sm(z) * y.sum(axis=1, keepdims=True) - y,
    "pairwise_logistic": lambda z, y: _pairs(z, y, lambda lead: -sg(-lead)),
    "pairwise_hinge": lambda z, y: _pairs(z, y, lambda lead: -(lead < 1.0).astype(float)),
    "cosine_similarity": _cosine,
}
UNSMOOTHED_WEIGHT = losses.get("multilabel_crossentropy:positive_weight=3")
SMOOTHED = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "multilabel_crossentropy",
)  # their formulas are without smoothing
CASES = [loss for loss in some_configurations() if loss.name in FORMULAS or (loss.name in SMOOTHED and not loss.values)]
CASES.append(UNSMOOTHED_WEIGHT)
FORMULAS["multilabel_crossentropy"] = lambda z, y, label_smoothing, positive_weight: (
    ((1 - y) * sg(z) - positive_weight * y * (1 - sg(z))) / z.shape[1]
)
FORMULAS["binary_crossentropy"] = lambda z, y, label_smoothing: sg(z) - y
FORMULAS["categorical_crossentropy"] = lambda z, y, label_smoothing: sm(z) - y


@pytest.mark.parametrize("loss", CASES, ids=str)
def test_gradient_formula(loss) -> None:
    raw, target = draw_raw(loss, N, 200), draw_target(loss, N, 201)
    expected = FORMULAS[loss.name](raw, target, **loss.configuration)
    own = differences(loss, raw, target, step=1e-5)  # the contract has them equal to the derivative
    if expected.shape != own.shape:
        own = own[:, : expected.shape[1]]
    np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-8)
