"""The rest of the textbook definitions: one line or a few for each loss of the whole catalogue."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import mpmath as mp
from mpmath import mpf

from loss_definitions import cross, dot, kl, mixture, positive, sigmoid, softmax

__all__ = ["WIDE"]


def _norm(z: list[Any]) -> Any:
    return mp.sqrt(mp.fsum(v * v for v in z))


def _rho(x: Any, alpha: Any) -> Any:
    if alpha == 2:
        return x**2 / 2
    if alpha == 0:
        return mp.log(x**2 / 2 + 1)
    b = abs(alpha - 2)
    return b / alpha * ((x**2 / b + 1) ** (alpha / 2) - 1)


def _gaussian_crps(z: list[Any], y: Any) -> Any:
    s = mp.exp(z[1])
    w = (y - z[0]) / s
    return s * (w * (2 * mp.ncdf(w) - 1) + 2 * mp.npdf(w) - 1 / mp.sqrt(mp.pi))


def _student(z: list[Any], y: Any, nu: Any) -> Any:
    w = (y - z[0]) * mp.exp(-z[1])
    density = mp.gamma((nu + 1) / 2) / (mp.gamma(nu / 2) * mp.sqrt(nu * mp.pi)) * (1 + w**2 / nu) ** (-(nu + 1) / 2)
    return -mp.log(density * mp.exp(-z[1]))


def _adaptive_robust(z: list[Any], y: Any) -> Any:
    limit = mp.log(mpf("1.999") / mpf("0.001"))
    alpha = 2 * sigmoid(limit * mp.tanh(z[2] / limit))
    # the density of Barron's family, its normalising constant by quadrature
    with mp.workdps(15):
        total = 2 * mp.quad(lambda t: mp.exp(-_rho(mp.sinh(t), alpha)) * mp.cosh(t), [0, 0.5, 1, 2, 4, 8, 16, 32, 64])
    return _rho((y - z[0]) * mp.exp(-z[1]), alpha) + z[1] + mp.log(total)


def _pinball(q: Any, y: Any, level: Any) -> Any:
    return level * positive(y - q) + (1 - level) * positive(q - y)


def _quantiles(z: list[Any], y: Any, coverage: float) -> Any:
    tail = (1 - mpf(coverage)) / 2
    low, high = z[0] - mp.log(1 + mp.exp(z[1])), z[0] + mp.log(1 + mp.exp(z[2]))
    return _pinball(low, y, tail) + _pinball(z[0], y, mpf("0.5")) + _pinball(high, y, 1 - tail)


def _tukey(z: Any, y: Any, c: float) -> Any:
    c = mpf(c)
    return c**2 / 6 * (1 - (1 - ((z - y) / c) ** 2) ** 3) if abs(z - y) <= c else c**2 / 6


def _asymmetric(z: Any, y: Any, gamma_positive: float, gamma_negative: float, shift: float) -> Any:
    p = sigmoid(z)
    q = positive(p - mpf(shift))
    easy = q ** mpf(gamma_negative) if q > 0 else mpf(0)
    return -y * (1 - p) ** mpf(gamma_positive) * mp.log(p) - (1 - y) * easy * mp.log(1 - q)


def _smoothed_hinge(z: Any, y: Any) -> Any:
    m = y * z
    return mpf(0) if m >= 1 else (1 - m) ** 2 / 2 if m > 0 else mpf("0.5") - m


def _renyi(z: list[Any], y: list[Any], order: float) -> Any:
    a, q = mpf(order), softmax(z)
    if a == 1:
        return kl(y, q)
    return mp.log(mp.fsum(t**a * v ** (1 - a) for t, v in zip(y, q, strict=True) if t > 0)) / (a - 1)


def _alpha(z: list[Any], y: list[Any], alpha: float) -> Any:
    a, q = mpf(alpha), softmax(z)
    return (1 - mp.fsum(t**a * v ** (1 - a) for t, v in zip(y, q, strict=True) if t > 0)) / (a * (1 - a))


def _rce(y: list[Any], q: list[Any], floor: float) -> Any:
    return -mp.fsum(v * (max(mp.log(t), mpf(floor)) if t > 0 else mpf(floor)) for t, v in zip(y, q, strict=True))


def _normalized(y: list[Any], costs: list[Any]) -> Any:
    return dot(y, costs) / mp.fsum(costs)


def _nce(y: list[Any], q: list[Any]) -> Any:
    return _normalized(y, [-mp.log(v) for v in q])


def _nfl(y: list[Any], q: list[Any], gamma: float) -> Any:
    return _normalized(y, [-((1 - v) ** mpf(gamma)) * mp.log(v) for v in q])


def _l1(y: list[Any], q: list[Any]) -> Any:
    return mp.fsum(abs(t - v) for t, v in zip(y, q, strict=True))


def _pairs_of_logits(z: list[Any], y: list[Any], weight: list[Any]) -> Any:
    n = range(len(z))
    gap = [[(mp.log(y[j]) - mp.log(y[k])) - (z[j] - z[k]) for k in n] for j in n]
    return mp.fsum(weight[j] * weight[k] * gap[j][k] ** 2 for j in n for k in n) / 4


def _improved(z: Any, y: Any, mse_weight: float, entropy_weight: float, temperature: float) -> Any:
    weight = softmax([mp.log(t) / mpf(temperature) for t in y])
    return mpf(mse_weight) * _pairs_of_logits(z, y, weight) + mpf(entropy_weight) * cross(y, softmax(z))


def _generalized(z: Any, y: Any, mse_weight: float, entropy_weight: float, gamma: float) -> Any:
    weight = [t ** mpf(gamma) for t in y]
    weight = [w / mp.fsum(weight) for w in weight]
    return mpf(mse_weight) * _pairs_of_logits(z, y, weight) + mpf(entropy_weight) * cross(y, softmax(z))


def _hui_belkin(z: Any, y: Any, label_weight: float, label_value: float) -> Any:
    k, m = mpf(label_weight), mpf(label_value)
    return mp.fsum(k * t * (v - m) ** 2 + (1 - t) * v**2 for v, t in zip(z, y, strict=True)) / len(z)


def _weston_watkins(z: Any, y: Any) -> Any:
    n = range(len(z))
    return mp.fsum(y[k] * positive(1 + z[j] - z[k]) for k in n for j in n if j != k)


def _lee_lin_wahba(z: Any, y: Any) -> Any:
    mean = mp.fsum(z) / len(z)
    return mp.fsum((1 - t) * positive(v - mean + mpf(1) / (len(z) - 1)) for v, t in zip(z, y, strict=True))


def _threshold(weight: Callable[[Any], Any], z: list[Any]) -> Any:
    """Return tau with sum weight(z - tau) = 1, by bisection."""
    low, high = min(z) - 3, max(z)
    for _ in range(140):
        middle = (low + high) / 2
        low, high = (middle, high) if mp.fsum(weight(v - middle) for v in z) > 1 else (low, middle)
    return low


def _sparsemax(z: Any, y: Any) -> Any:
    tau = _threshold(positive, z)
    p = [positive(v - tau) for v in z]
    return dot([a - b for a, b in zip(p, y, strict=True)], z) + (dot(y, y) - dot(p, p)) / 2


def _entmax(z: Any, y: Any) -> Any:
    tau = _threshold(lambda v: positive(v) ** 2, [v / 2 for v in z])
    p = [positive(v / 2 - tau) ** 2 for v in z]
    tsallis = [mpf(4) / 3 * (mp.fsum(v ** mpf("1.5") for v in row if v > 0) - 1) for row in (y, p)]
    return dot([a - b for a, b in zip(p, y, strict=True)], z) + tsallis[0] - tsallis[1]


def _tempered(z: Any, t: Any) -> list[Any]:
    if t == 1:
        return softmax(z)
    low, high = max(z), max(z) + 10 ** mpf(4)

    def probability(c: Any) -> list[Any]:
        return [(1 + (t - 1) * (c - v)) ** (-1 / (t - 1)) for v in z]

    for _ in range(160):
        middle = (low + high) / 2
        low, high = (middle, high) if mp.fsum(probability(middle)) > 1 else (low, middle)
    return probability(low)


def _bi_tempered(z: Any, y: Any, t1: float, t2: float) -> Any:
    t1, t2 = mpf(t1), mpf(t2)
    p = _tempered(z, t2)

    def log_t(x: Any) -> Any:
        return mp.log(x) if t1 == 1 else (x ** (1 - t1) - 1) / (1 - t1)

    return mp.fsum(
        (a * (log_t(a) - log_t(b)) if a > 0 else 0) - (a ** (2 - t1) - b ** (2 - t1)) / (2 - t1)
        for a, b in zip(y, p, strict=True)
    )


def _cumulative(z: Any) -> list[Any]:
    """Return P(class <= k), k = 0 ... K - 2."""
    thresholds = [z[1]]
    for step in z[2:]:
        thresholds.append(thresholds[-1] + mp.log(1 + mp.exp(step)))
    return [sigmoid(t - z[0]) for t in thresholds]


def _cumulative_link(z: Any, y: Any) -> Any:
    below = [mpf(0), *_cumulative(z), mpf(1)]
    return cross(y, [high - low for low, high in pairwise(below)])


def _sums(p: list[Any]) -> list[Any]:
    return [mp.fsum(p[: k + 1]) for k in range(len(p) - 1)]


def _coral(z: Any, y: Any) -> Any:
    return -mp.fsum(t * mp.log(v) + (1 - t) * mp.log(1 - v) for t, v in zip(_sums(y), _cumulative(z), strict=True))


def _dice(z: Any, y: Any, smooth: float) -> Any:
    # for targets 0 and 1: 1 - (2 |common| + s) / (|p| + |y| + s); min(p, y) is the common part of soft sets
    p = [sigmoid(v) for v in z]
    common = mp.fsum(min(a, b) for a, b in zip(p, y, strict=True))
    return 1 - (2 * common + mpf(smooth)) / (mp.fsum(p) + mp.fsum(y) + mpf(smooth))


def _tversky(z: Any, y: Any, alpha: float, beta: float, smooth: float) -> Any:
    p = [sigmoid(v) for v in z]
    common = mp.fsum(min(a, b) for a, b in zip(p, y, strict=True))
    fp = mp.fsum(positive(a - b) for a, b in zip(p, y, strict=True))
    fn = mp.fsum(positive(b - a) for a, b in zip(p, y, strict=True))
    return 1 - (common + mpf(smooth)) / (common + mpf(alpha) * fp + mpf(beta) * fn + mpf(smooth))


def _zlpr(z: Any, y: Any) -> Any:
    absent = mp.fsum(mp.exp(v) for v, t in zip(z, y, strict=True) if t < 0.5)
    present = mp.fsum(mp.exp(-v) for v, t in zip(z, y, strict=True) if t >= 0.5)
    return mp.log(1 + absent) + mp.log(1 + present)


def _ranked(z: Any, y: Any, surrogate: Callable[[Any], Any]) -> Any:
    n = range(len(z))
    costs = [surrogate(z[i] - z[j]) for i in n for j in n if y[i] > y[j]]
    return mp.fsum(costs) / len(costs) if costs else mpf(0)


def _bce(z: Any, y: Any) -> Any:
    return -y * mp.log(sigmoid(z)) - (1 - y) * mp.log(1 - sigmoid(z))


def _mean(terms: Any) -> Any:
    terms = list(terms)
    return mp.fsum(terms) / len(terms)


WIDE: dict[str, Callable[..., Any]] = {
    "gamma": lambda z, y: mp.log(mp.exp(z)) + y / mp.exp(z),
    "tweedie": lambda z, y, power: (
        mp.exp(z) ** (2 - mpf(power)) / (2 - mpf(power)) - y * mp.exp(z) ** (1 - mpf(power)) / (1 - mpf(power))
    ),
    "mean_absolute_percentage_error": lambda z, y: abs((z - y) / y),
    "symmetric_mean_absolute_percentage_error": lambda z, y: 2 * abs(mp.exp(z) - y) / (mp.exp(z) + y),
    "pseudo_huber": lambda z, y, delta: mpf(delta) ** 2 * (mp.sqrt(1 + ((z - y) / mpf(delta)) ** 2) - 1),
    "log_cosh": lambda z, y: mp.log(mp.cosh(z - y)),
    "general_robust": lambda z, y, alpha, scale: _rho((z - y) / mpf(scale), mpf(alpha)),
    "cauchy": lambda z, y, scale: mp.log(1 + ((z - y) / mpf(scale)) ** 2 / 2),
    "welsch": lambda z, y, scale: 1 - mp.exp(-(((z - y) / mpf(scale)) ** 2) / 2),
    "tukey_biweight": _tukey,
    "expectile": lambda z, y, expectile: (mpf(expectile) if y > z else 1 - mpf(expectile)) * (y - z) ** 2,
    "epsilon_insensitive": lambda z, y, epsilon: positive(abs(z - y) - mpf(epsilon)),
    "squared_epsilon_insensitive": lambda z, y, epsilon: positive(abs(z - y) - mpf(epsilon)) ** 2,
    "quantiles": _quantiles,
    "laplace_nll": lambda z, y: -mp.log(mp.exp(-abs(y - z[0]) / mp.exp(z[1])) / (2 * mp.exp(z[1]))),
    "student_t_nll": lambda z, y, degrees_of_freedom: _student(z, y, mpf(degrees_of_freedom)),
    "adaptive_student_t_nll": lambda z, y: _student(z, y, 1 + mp.log(1 + mp.exp(z[2]))),
    "adaptive_robust": _adaptive_robust,
    "crps_gaussian": _gaussian_crps,
    "weighted_binary_crossentropy": lambda z, y, positive_weight: (
        -mpf(positive_weight) * y * mp.log(sigmoid(z)) - (1 - y) * mp.log(1 - sigmoid(z))
    ),
    "asymmetric": _asymmetric,
    "margin_logistic": lambda z, y, margin: (
        -y * mp.log(sigmoid(z - mpf(margin))) - (1 - y) * mp.log(sigmoid(-z - mpf(margin)))
    ),
    "exponential": lambda z, y: y * mp.exp(-z / 2) + (1 - y) * mp.exp(z / 2),
    "smoothed_hinge": _smoothed_hinge,
    "modified_huber": lambda z, y: positive(1 - y * z) ** 2 if y * z >= -1 else -4 * y * z,
    "multilabel_crossentropy": lambda z, y, label_smoothing, positive_weight: _mean(
        -mpf(positive_weight) * t * mp.log(sigmoid(a)) - (1 - t) * mp.log(1 - sigmoid(a))
        for a, t in ((a, b + mpf(label_smoothing) * (mpf("0.5") - b)) for a, b in zip(z, y, strict=True))
    ),
    "multilabel_asymmetric": lambda z, y, **p: _mean(_asymmetric(a, b, **p) for a, b in zip(z, y, strict=True)),
    "dice": _dice,
    "tversky": _tversky,
    "multilabel_pairwise": _zlpr,
    "categorical_focal_crossentropy": lambda z, y, gamma: (
        -mp.fsum(t * (1 - q) ** mpf(gamma) * mp.log(q) for t, q in zip(y, softmax(z), strict=True))
    ),
    "poly1_crossentropy": lambda z, y, epsilon: (
        cross(y, softmax(z)) + mpf(epsilon) * mp.fsum(t * (1 - q) for t, q in zip(y, softmax(z), strict=True))
    ),
    "ldr_kl": lambda z, y, temperature, margin: (
        mpf(temperature)
        * mp.log(
            mp.fsum(
                mp.exp((v + mpf(margin) * (1 - t) - dot(y, z)) / mpf(temperature)) for v, t in zip(z, y, strict=True)
            )
        )
    ),
    "squentropy": lambda z, y: (
        cross(y, softmax(z)) + mp.fsum((1 - t) * v**2 for v, t in zip(z, y, strict=True)) / (len(z) - 1)
    ),
    "one_versus_rest_crossentropy": lambda z, y: mp.fsum(_bce(a, b) for a, b in zip(z, y, strict=True)),
    "spherical": lambda z, y: -dot(y, softmax(z)) / _norm(softmax(z)),
    "jeffreys_divergence": lambda z, y: kl(y, softmax(z)) + kl(softmax(z), y),
    "skew_divergence": lambda z, y, skew: kl(y, mixture(softmax(z), y, skew)),
    "renyi_divergence": _renyi,
    "alpha_divergence": _alpha,
    "squared_hellinger": lambda z, y: 1 - mp.fsum(mp.sqrt(t * q) for t, q in zip(y, softmax(z), strict=True)),
    "total_variation": lambda z, y: _l1(y, softmax(z)) / 2,
    "chi_squared_divergence": lambda z, y: mp.fsum((t - q) ** 2 / q for t, q in zip(y, softmax(z), strict=True)),
    "triangular_discrimination": lambda z, y: mp.fsum(
        (t - q) ** 2 / (t + q) for t, q in zip(y, softmax(z), strict=True)
    ),
    "improved_kl_divergence": _improved,
    "generalized_kl_divergence": _generalized,
    "symmetric_crossentropy": lambda z, y, alpha, beta, floor: (
        mpf(alpha) * cross(y, softmax(z)) + mpf(beta) * _rce(y, softmax(z), floor)
    ),
    "reverse_crossentropy": lambda z, y, floor: _rce(y, softmax(z), floor),
    "normalized_crossentropy": lambda z, y: _nce(y, softmax(z)),
    "normalized_focal": lambda z, y, gamma: _nfl(y, softmax(z), gamma),
    "categorical_mean_absolute_error": lambda z, y: _l1(y, softmax(z)),
    "nce_rce": lambda z, y, alpha, beta, floor: (
        mpf(alpha) * _nce(y, softmax(z)) + mpf(beta) * _rce(y, softmax(z), floor)
    ),
    "nce_mae": lambda z, y, alpha, beta: mpf(alpha) * _nce(y, softmax(z)) + mpf(beta) * _l1(y, softmax(z)),
    "nfl_rce": lambda z, y, alpha, beta, gamma, floor: (
        mpf(alpha) * _nfl(y, softmax(z), gamma) + mpf(beta) * _rce(y, softmax(z), floor)
    ),
    "nfl_mae": lambda z, y, alpha, beta, gamma: (
        mpf(alpha) * _nfl(y, softmax(z), gamma) + mpf(beta) * _l1(y, softmax(z))
    ),
    "categorical_mean_squared_error": _hui_belkin,
    "weston_watkins": _weston_watkins,
    "lee_lin_wahba": _lee_lin_wahba,
    "sparsemax": _sparsemax,
    "entmax": _entmax,
    "bi_tempered": _bi_tempered,
    "cumulative_link": _cumulative_link,
    "ordinal_crossentropy": _coral,
    "squared_emd": lambda z, y: mp.fsum((a - b) ** 2 for a, b in zip(_sums(softmax(z)), _sums(y), strict=True)),
    "listwise_softmax": lambda z, y: -mp.fsum(t * mp.log(q) for t, q in zip(y, softmax(z), strict=True)),
    "pairwise_logistic": lambda z, y: _ranked(z, y, lambda d: mp.log(1 + mp.exp(-d))),
    "pairwise_hinge": lambda z, y: _ranked(z, y, lambda d: positive(1 - d)),
    "cosine_similarity": lambda z, y: -dot(z, y) / (_norm(z) * _norm(y)),
}
