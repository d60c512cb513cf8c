"""Losses for regression that look at one side more than the other, or ignore small errors."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, relu, softplus
from lossmith.losses._domain import NON_NEGATIVE, REAL, Interval, Parameter
from lossmith.losses._heads import LINEAR, QUANTILES
from lossmith.losses._regression import pinball
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]

INSIDE = Interval(0, 1, closed_low=False, closed_high=False)


def _expectile(xp: Namespace, raw: Array, target: Array, *, expectile: float) -> Array:
    error = target - raw
    return expectile * relu(xp, error) ** 2 + (1 - expectile) * relu(xp, -error) ** 2


def _insensitive(xp: Namespace, raw: Array, target: Array, *, epsilon: float) -> Array:
    return relu(xp, xp.abs(raw - target) - epsilon)


def _squared_insensitive(xp: Namespace, raw: Array, target: Array, *, epsilon: float) -> Array:
    return relu(xp, xp.abs(raw - target) - epsilon) ** 2


def _quantiles(xp: Namespace, raw: Array, target: Array, *, coverage: float) -> Array:
    middle = raw[..., 0]
    lower, upper = middle - softplus(xp, raw[..., 1]), middle + softplus(xp, raw[..., 2])
    tail = (1 - coverage) / 2
    return (
        pinball(xp, lower, target, quantile=tail)
        + pinball(xp, middle, target, quantile=0.5)
        + pinball(xp, upper, target, quantile=1 - tail)
    )


RECORDS = (
    Loss(
        name="expectile",
        task="regression",
        function=_expectile,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="mean",
        parameters=(Parameter("expectile", 0.5, INSIDE, "weight of targets above the prediction"),),
        depends=lambda expectile: {"elicits": "mean" if expectile == 0.5 else "expectile"},
        convex=True,
        smooth=True,
        formula=r"\tau \max(y - z, 0)^2 + (1 - \tau) \max(z - y, 0)^2",
        gradient=r"2 (1 - \tau) \max(z - y, 0) - 2 \tau \max(y - z, 0)",
        when="Predicting too low costs more than predicting too high (or the reverse), and large errors matter most.",
        when_not="You want a limit that a stated share of outcomes stays below: use quantile.",
        reference="Newey and Powell, Asymmetric least squares estimation and testing, 1987",
    ),
    Loss(
        name="epsilon_insensitive",
        task="regression",
        function=_insensitive,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(
            Parameter("epsilon", 0.1, NON_NEGATIVE, "errors up to this size cost nothing, in standard deviations"),
        ),
        depends=lambda epsilon: {"elicits": "numeric" if epsilon else "median"},
        convex=True,
        robust=True,
        formula=r"\max(|z - y| - \epsilon, 0)",
        gradient=r"\operatorname{sign}(z - y) \text{ for } |z - y| > \epsilon, \text{ else } 0",
        when="Errors below a tolerance do not matter, as in support vector regression.",
        when_not="You want a named functional of the target, such as its mean.",
        reference="Vapnik, The nature of statistical learning theory, 1995",
        twins={"sklearn": "epsilon_insensitive"},
        code={"sklearn": 'LinearSVR(epsilon={epsilon}, loss="epsilon_insensitive")'},
    ),
    Loss(
        name="squared_epsilon_insensitive",
        task="regression",
        function=_squared_insensitive,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(
            Parameter("epsilon", 0.1, NON_NEGATIVE, "errors up to this size cost nothing, in standard deviations"),
        ),
        depends=lambda epsilon: {"elicits": "numeric" if epsilon else "mean"},
        convex=True,
        smooth=True,
        formula=r"\max(|z - y| - \epsilon, 0)^2",
        gradient=r"2 \operatorname{sign}(z - y) \max(|z - y| - \epsilon, 0)",
        when="Errors below a tolerance do not matter, and large ones matter most.",
        when_not="Outliers in the target would dominate.",
        reference="Vapnik, The nature of statistical learning theory, 1995",
        twins={"sklearn": "squared_epsilon_insensitive"},
        code={"sklearn": 'LinearSVR(epsilon={epsilon}, loss="squared_epsilon_insensitive")'},
    ),
    Loss(
        name="quantiles",
        task="regression",
        function=_quantiles,
        head=QUANTILES,
        encoding="standardized",
        interval=REAL,
        elicits="quantiles",
        parameters=(Parameter("coverage", 0.8, INSIDE, "share of targets between the outer quantiles"),),
        robust=True,
        formula=r"\sum_{i} \rho_{\tau_i}(y - q_i), \quad q = (m - \log(1 + e^{a}), m, m + \log(1 + e^{b})), \; z = (m, a, b)",
        gradient=r"\frac{\partial}{\partial q_i} = [y < q_i] - \tau_i",
        when="You want the median with an interval around it whose ends never cross.",
        when_not="One quantile is enough.",
        reference="Koenker and Bassett, Regression quantiles, 1978; Park et al., Learning quantile functions without quantile crossing, 2022",
        aliases=("non_crossing_quantiles",),
    ),
)
