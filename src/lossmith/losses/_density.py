"""Losses for regression that predict a whole density: two raw outputs or more."""

from __future__ import annotations

import math

from lossmith._arrays import Array, Namespace, softplus
from lossmith.losses._domain import POSITIVE, REAL, Parameter
from lossmith.losses._growth import exponential
from lossmith.losses._heads import LOCATION_SCALE_SHAPE, MEAN_AND_LOG_VARIANCE, MEDIAN_AND_LOG_SCALE
from lossmith.losses._spec import Loss
from lossmith.losses._special import SHAPE_LIMIT, erf, log_gamma, log_partition

__all__ = ["RECORDS"]


def _gaussian(xp: Namespace, raw: Array, target: Array) -> Array:
    mean, log_variance = raw[..., 0], raw[..., 1]
    return 0.5 * (math.log(2 * math.pi) + log_variance + (target - mean) ** 2 * exponential(xp, -log_variance))


def _laplace(xp: Namespace, raw: Array, target: Array) -> Array:
    return math.log(2) + raw[..., 1] + xp.abs(target - raw[..., 0]) * exponential(xp, -raw[..., 1])


def _log_one_plus_squared(xp: Namespace, raw: Array, target: Array, divisor: Array) -> Array:
    """Return `log(1 + w^2 / divisor)`, w = (y - m) e^-s, which is finite where w^2 is not."""
    size = xp.abs(target - raw[..., 0])
    exact = size == 0
    log_ratio = 2 * (xp.log(xp.where(exact, xp.ones_like(size), size)) - raw[..., 1]) - xp.log(divisor)
    return xp.where(exact, xp.zeros_like(size), softplus(xp, xp.where(exact, xp.zeros_like(size), log_ratio)))


def _student(xp: Namespace, raw: Array, target: Array, *, degrees_of_freedom: float) -> Array:
    nu = degrees_of_freedom
    constant = math.lgamma(nu / 2) - math.lgamma((nu + 1) / 2) + 0.5 * math.log(nu * math.pi)
    tail = _log_one_plus_squared(xp, raw, target, xp.full_like(target, nu))
    return constant + raw[..., 1] + 0.5 * (nu + 1) * tail


def _adaptive_student(xp: Namespace, raw: Array, target: Array) -> Array:
    nu = 1 + softplus(xp, raw[..., 2])
    constant = log_gamma(xp, nu / 2) - log_gamma(xp, (nu + 1) / 2) + 0.5 * xp.log(nu * math.pi)
    return constant + raw[..., 1] + 0.5 * (nu + 1) * _log_one_plus_squared(xp, raw, target, nu)


def _adaptive_robust(xp: Namespace, raw: Array, target: Array) -> Array:
    # alpha runs through [0.001, 1.999] as in the paper: at 0 and 2 the general formula divides by 0
    log_odds = SHAPE_LIMIT * xp.tanh(raw[..., 2] / SHAPE_LIMIT)
    alpha, b = 2 / (1 + xp.exp(-log_odds)), 2 / (1 + xp.exp(log_odds))
    power = 0.5 * alpha * _log_one_plus_squared(xp, raw, target, b)
    small = power < 1
    near = xp.expm1(xp.where(small, power, xp.zeros_like(power)))
    rho = b / alpha * xp.where(small, near, exponential(xp, power) - 1)
    return rho + raw[..., 1] + log_partition(xp, log_odds)


def _crps(xp: Namespace, raw: Array, target: Array) -> Array:
    error, scale = target - raw[..., 0], exponential(xp, raw[..., 1])
    ratio = error * exponential(xp, -raw[..., 1])
    density = math.sqrt(2 / math.pi) * xp.exp(-0.5 * ratio * ratio) - 1 / math.sqrt(math.pi)
    return error * erf(xp, ratio / math.sqrt(2)) + scale * density


RECORDS = (
    Loss(
        name="gaussian_nll",
        standard=True,
        task="regression",
        function=_gaussian,
        head=MEAN_AND_LOG_VARIANCE,
        encoding="standardized",
        interval=REAL,
        elicits="mean and variance",
        smooth=True,
        formula=r"\frac{1}{2}\left(\log 2\pi + s + (y - m)^2 e^{-s}\right), \quad z = (m, s)",
        gradient=r"\left((m - y) e^{-s},\ \frac{1}{2}\left(1 - (y - m)^2 e^{-s}\right)\right)",
        when="You want an error bar with every prediction and the noise differs between samples.",
        when_not="Outliers are frequent, or only the mean matters: the variance can grow to explain away a poor mean.",
        reference="Nix and Weigend, Estimating the mean and variance of the target probability distribution, 1994",
        twins={"torch": "GaussianNLLLoss"},
        aliases=("gaussian_negative_log_likelihood",),
    ),
    Loss(
        name="laplace_nll",
        task="regression",
        function=_laplace,
        head=MEDIAN_AND_LOG_SCALE,
        encoding="standardized",
        interval=REAL,
        elicits="median and mean deviation",
        formula=r"\log 2 + s + |y - m| e^{-s}, \quad z = (m, s)",
        gradient=r"\left(\operatorname{sign}(m - y) e^{-s},\ 1 - |y - m| e^{-s}\right)",
        when="You want an error bar with every prediction and errors have heavier tails than a Gaussian.",
        when_not="The mean is wanted, or the noise is the same everywhere.",
        reference="Kotz, Kozubowski and Podgorski, The Laplace distribution and generalizations, 2001",
        aliases=("laplace_negative_log_likelihood",),
    ),
    Loss(
        name="student_t_nll",
        task="regression",
        function=_student,
        head=MEDIAN_AND_LOG_SCALE,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(Parameter("degrees_of_freedom", 4.0, POSITIVE, "small for heavy tails, large towards a Gaussian"),),
        smooth=True,
        formula=r"\log\frac{\Gamma(\nu/2) \sqrt{\nu\pi}}{\Gamma((\nu + 1)/2)} + s + \frac{\nu + 1}{2} \log\left(1 + \frac{(y - m)^2 e^{-2s}}{\nu}\right), \quad z = (m, s)",
        gradient=r"\left(-\frac{(\nu + 1) w}{\nu + w^2} e^{-s},\ 1 - \frac{(\nu + 1) w^2}{\nu + w^2}\right), \quad w = (y - m) e^{-s}",
        when="You want an error bar with every prediction in spite of outliers.",
        when_not="The mean of a skewed target is wanted.",
        reference="Lange, Little and Taylor, Robust statistical modeling using the t distribution, 1989",
        aliases=("student_t",),
    ),
    Loss(
        name="adaptive_student_t_nll",
        task="regression",
        function=_adaptive_student,
        head=LOCATION_SCALE_SHAPE,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        smooth=True,
        formula=r"\log\frac{\Gamma(\nu/2) \sqrt{\nu\pi}}{\Gamma((\nu + 1)/2)} + s + \frac{\nu + 1}{2} \log\left(1 + \frac{(y - m)^2 e^{-2s}}{\nu}\right), \quad \nu = 1 + \log(1 + e^{a}), \; z = (m, s, a)",
        gradient=r"\left(-\frac{(\nu + 1) w}{\nu + w^2} e^{-s},\ 1 - \frac{(\nu + 1) w^2}{\nu + w^2},\ \ldots\right), \quad w = (y - m) e^{-s}",
        when="You want an error bar with every prediction, and how heavy the tails are is to be learnt too.",
        when_not="Rows are few: three outputs for every sample need data.",
        reference="Lange, Little and Taylor, Robust statistical modeling using the t distribution, 1989",
    ),
    Loss(
        name="adaptive_robust",
        task="regression",
        function=_adaptive_robust,
        head=LOCATION_SCALE_SHAPE,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        smooth=True,
        formula=r"\rho\left((y - m) e^{-s}, \alpha\right) + s + \log Z(\alpha), \quad \alpha = 2 \sigma(t \tanh(a / t)), \; z = (m, s, a)",
        gradient=r"\left(-\rho'(w, \alpha) e^{-s},\ 1 - w \rho'(w, \alpha),\ \ldots\right), \quad w = (y - m) e^{-s}",
        when="How much outliers should weigh is to be learnt, from squared error to Cauchy.",
        when_not="Rows are few, or the mean of a skewed target is wanted.",
        reference="Barron, A general and adaptive robust loss function, 2019",
        aliases=("adaptive_barron",),
    ),
    Loss(
        name="crps_gaussian",
        task="regression",
        function=_crps,
        head=MEDIAN_AND_LOG_SCALE,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        smooth=True,
        formula=r"\sigma \left(w (2 \Phi(w) - 1) + 2 \phi(w) - \frac{1}{\sqrt{\pi}}\right), \quad w = \frac{y - m}{\sigma}, \; z = (m, \log \sigma)",
        gradient=r"\left(1 - 2 \Phi(w),\ \sigma \left(2 \phi(w) - \frac{1}{\sqrt{\pi}}\right)\right)",
        when="You want an error bar with every prediction, in units of the target and less touched by outliers than gaussian_nll.",
        when_not="Only the mean matters.",
        reference="Gneiting et al., Calibrated probabilistic forecasting using ensemble model output statistics and minimum CRPS estimation, 2005",
        aliases=("crps",),
    ),
)
