"""Losses for regression between squared and bounded: how much an outlier may cost."""

from __future__ import annotations

import math

from lossmith._arrays import Array, Namespace, softplus
from lossmith.losses._domain import POSITIVE, REAL, Interval, Parameter
from lossmith.losses._heads import LINEAR
from lossmith.losses._spec import Loss

__all__ = ["RECORDS", "general_robust"]

SCALE = Parameter("scale", 1.0, POSITIVE, "size of ordinary errors, in standard deviations")


def _pseudo_huber(xp: Namespace, raw: Array, target: Array, *, delta: float) -> Array:
    ratio = (raw - target) / delta
    # sqrt(1 + r^2) - 1 without its cancellation near 0
    return delta**2 * ratio**2 / (1 + xp.sqrt(1 + ratio**2))


def _log_cosh(xp: Namespace, raw: Array, target: Array) -> Array:
    error = raw - target
    return error + softplus(xp, -2 * error) - math.log(2)


def general_robust(xp: Namespace, error: Array, alpha: float) -> Array:
    """Return Barron's `rho(error, alpha, 1)` for a number alpha, its limits at 2 and 0 included."""
    if alpha == 2:
        return 0.5 * error**2
    if alpha == 0:
        return xp.log1p(0.5 * error**2)
    b = abs(alpha - 2)
    return b / alpha * xp.expm1(0.5 * alpha * xp.log1p(error**2 / b))


def _barron(xp: Namespace, raw: Array, target: Array, *, alpha: float, scale: float) -> Array:
    return general_robust(xp, (raw - target) / scale, alpha)


def _cauchy(xp: Namespace, raw: Array, target: Array, *, scale: float) -> Array:
    return general_robust(xp, (raw - target) / scale, 0.0)


def _welsch(xp: Namespace, raw: Array, target: Array, *, scale: float) -> Array:
    return -xp.expm1(-0.5 * ((raw - target) / scale) ** 2)


def _tukey(xp: Namespace, raw: Array, target: Array, *, c: float) -> Array:
    ratio = ((raw - target) / c) ** 2
    inner = 1 - xp.where(ratio < 1, ratio, xp.ones_like(ratio))
    return c**2 / 6 * (1 - inner**3)


RECORDS = (
    Loss(
        name="pseudo_huber",
        task="regression",
        function=_pseudo_huber,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(Parameter("delta", 1.0, POSITIVE, "where quadratic turns into linear, in standard deviations"),),
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\delta^2 \left(\sqrt{1 + \left(\frac{z - y}{\delta}\right)^2} - 1\right)",
        gradient=r"\frac{z - y}{\sqrt{1 + \left(\frac{z - y}{\delta}\right)^2}}",
        when="As huber, with a second derivative everywhere (second-order optimisers).",
        when_not="You need the mean of a skewed target.",
        reference="Charbonnier et al., Two deterministic half-quadratic regularization algorithms, 1994",
        twins={"xgboost": "reg:pseudohubererror"},
        aliases=("charbonnier",),
    ),
    Loss(
        name="log_cosh",
        task="regression",
        function=_log_cosh,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\log \cosh(z - y)",
        gradient=r"\tanh(z - y)",
        when="As huber, without a parameter to choose.",
        when_not="You need the mean of a skewed target, or errors are far from unit size: its turn lies at 1.",
        reference="Green, Bayesian reconstructions from emission tomography data using a modified EM algorithm, 1990",
        twins={"keras": "log_cosh", "optax": "log_cosh"},
        code={"keras": "keras.losses.LogCosh()", "optax": "optax.losses.log_cosh(raw, target)"},
        aliases=("logcosh",),
    ),
    Loss(
        name="general_robust",
        task="regression",
        function=_barron,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(
            Parameter(
                "alpha",
                1.0,
                Interval(-10, 2),
                "2 squared, 1 Charbonnier, 0 Cauchy, -2 Geman-McClure, towards minus infinity Welsch",
            ),
            SCALE,
        ),
        depends=lambda alpha, scale: {  # noqa: ARG005
            "convex": alpha >= 1,
            "robust": alpha <= 1,
            "bounded": alpha < 0,
            "elicits": "mean" if alpha == 2 else "numeric",
        },
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\frac{b}{\alpha}\left(\left(\frac{((z-y)/c)^2}{b} + 1\right)^{\alpha/2} - 1\right), \quad b = |\alpha - 2|",
        gradient=r"\frac{z - y}{c^2} \left(\frac{((z-y)/c)^2}{b} + 1\right)^{\alpha/2 - 1}",
        when="You want to tune how much outliers weigh with one number.",
        when_not="You need the mean of a skewed target; below alpha = 1 it has several minima.",
        reference="Barron, A general and adaptive robust loss function, 2019",
        aliases=("barron",),
    ),
    Loss(
        name="cauchy",
        task="regression",
        function=_cauchy,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(SCALE,),
        smooth=True,
        robust=True,
        formula=r"\log\left(1 + \frac{1}{2} \left(\frac{z - y}{c}\right)^2\right)",
        gradient=r"\frac{2 (z - y)}{(z - y)^2 + 2 c^2}",
        when="Gross outliers are frequent: their pull fades with distance.",
        when_not="The start is far from the answer: it has several minima and weak gradients there.",
        reference="Black and Anandan, The robust estimation of multiple motions, 1996",
        aliases=("lorentzian",),
    ),
    Loss(
        name="welsch",
        task="regression",
        function=_welsch,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(SCALE,),
        smooth=True,
        bounded=True,
        robust=True,
        formula=r"1 - \exp\left(-\frac{1}{2} \left(\frac{z - y}{c}\right)^2\right)",
        gradient=r"\frac{z - y}{c^2} \exp\left(-\frac{1}{2} \left(\frac{z - y}{c}\right)^2\right)",
        when="A share of the targets is nonsense and must not count at all (correntropy).",
        when_not="The start is far from the answer: gradients vanish for large errors.",
        reference="Dennis and Welsch, Techniques for nonlinear least squares and robust regression, 1978",
        aliases=("correntropy", "leclerc"),
    ),
    Loss(
        name="tukey_biweight",
        task="regression",
        function=_tukey,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(
            Parameter(
                "c", 4.685, POSITIVE, "where an error stops to count; 4.685 is 95 % efficient on Gaussian errors"
            ),
        ),
        smooth=True,
        bounded=True,
        robust=True,
        formula=r"\begin{cases} \frac{c^2}{6}\left(1 - \left(1 - \left(\frac{z - y}{c}\right)^2\right)^3\right) & |z - y| \le c \\ \frac{c^2}{6} & \text{otherwise} \end{cases}",
        gradient=r"(z - y)\left(1 - \left(\frac{z - y}{c}\right)^2\right)^2 \text{ for } |z - y| \le c, \text{ else } 0",
        when="A share of the targets is nonsense and must not count at all, and the scale of ordinary errors is known.",
        when_not="The start is far from the answer: the gradient is 0 beyond c.",
        reference="Beaton and Tukey, The fitting of power series, meaning polynomials, illustrated on band-spectroscopic data, 1974",
        aliases=("tukey", "bisquare"),
    ),
)
