"""Losses for regression: the first entries."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace
from lossmith.losses._heads import LINEAR
from lossmith.losses._spec import REAL, Interval, Loss, Parameter

__all__ = ["RECORDS"]


def _squared(xp: Namespace, raw: Array, target: Array) -> Array:
    return (raw - target) ** 2


def _huber(xp: Namespace, raw: Array, target: Array, *, delta: float) -> Array:
    size = xp.abs(raw - target)
    return xp.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))


RECORDS = (
    Loss(
        name="mean_squared_error",
        task="regression",
        function=_squared,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="mean",
        convex=True,
        smooth=True,
        formula=r"(z - y)^2",
        gradient=r"2 (z - y)",
        when="Errors are roughly Gaussian and the mean is what you want.",
        when_not="A few gross outliers in the target would dominate; use huber or mean_absolute_error.",
        reference="Gauss, Theoria motus corporum coelestium, 1809",
        twins={"keras": "mean_squared_error", "optax": "squared_error", "torch": "mse_loss", "sklearn": "squared_error"},
        aliases=("mse", "squared", "squared_error"),
    ),
    Loss(
        name="huber",
        task="regression",
        function=_huber,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(
            Parameter("delta", 1.0, Interval(0, closed_low=False), "where quadratic turns into linear, in standard deviations"),
        ),
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\begin{cases} \frac{1}{2}(z-y)^2 & |z-y| \le \delta \\ \delta(|z-y| - \frac{\delta}{2}) & \text{otherwise} \end{cases}",
        gradient=r"\max(-\delta, \min(\delta, z - y))",
        when="Mostly Gaussian errors with some outliers.",
        when_not="You need an unbiased mean of a skewed target.",
        reference="Huber, Robust estimation of a location parameter, 1964",
        twins={"keras": "huber", "optax": "huber_loss", "torch": "huber_loss", "sklearn": "huber"},
    ),
)
