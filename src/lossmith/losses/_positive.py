"""Losses for regression on positive targets: deviances and relative errors."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace
from lossmith.losses._domain import NON_NEGATIVE, POSITIVE, Interval, Parameter
from lossmith.losses._growth import exponential
from lossmith.losses._heads import EXPONENTIAL, LINEAR
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]


def _gamma(xp: Namespace, raw: Array, target: Array) -> Array:
    return raw + target * exponential(xp, -raw)


def _tweedie(xp: Namespace, raw: Array, target: Array, *, power: float) -> Array:
    return exponential(xp, (2 - power) * raw) / (2 - power) - target * exponential(xp, (1 - power) * raw) / (1 - power)


def _percentage(xp: Namespace, raw: Array, target: Array) -> Array:
    return xp.abs(raw - target) / target


def _symmetric_percentage(xp: Namespace, raw: Array, target: Array) -> Array:
    # |e^z - y| / (e^z + y) is the tanh of half the difference of the logarithms
    return 2 * xp.abs(xp.tanh(0.5 * (raw - xp.log(target))))


RECORDS = (
    Loss(
        name="gamma",
        task="regression",
        function=_gamma,
        head=EXPONENTIAL,
        encoding="mean_scaled",
        interval=POSITIVE,
        elicits="mean",
        convex=True,
        smooth=True,
        formula=r"z + y e^{-z}",
        gradient=r"1 - y e^{-z}",
        when="Targets are positive amounts whose spread grows in proportion to their mean (durations, claims).",
        when_not="Some targets are 0 or negative.",
        reference="McCullagh and Nelder, Generalized linear models, 1989",
        twins={"sklearn": "gamma", "xgboost": "reg:gamma", "lightgbm": "gamma"},
        code={"sklearn": "GammaRegressor(alpha=0)"},
        aliases=("gamma_deviance",),
    ),
    Loss(
        name="tweedie",
        task="regression",
        function=_tweedie,
        head=EXPONENTIAL,
        encoding="mean_scaled",
        interval=NON_NEGATIVE,
        elicits="mean",
        parameters=(
            Parameter(
                "power",
                1.5,
                Interval(1, 2, closed_low=False, closed_high=False),
                "variance grows as the mean to this power: towards 1 Poisson, towards 2 gamma",
            ),
        ),
        convex=True,
        smooth=True,
        formula=r"\frac{e^{(2 - p) z}}{2 - p} - \frac{y e^{(1 - p) z}}{1 - p}",
        gradient=r"e^{(2 - p) z} - y e^{(1 - p) z}",
        when="Targets are often exactly 0 and otherwise positive amounts (rain, insurance claims).",
        when_not="Some targets are negative, or none is 0: use gamma.",
        reference="Jorgensen, Exponential dispersion models, 1987",
        twins={"sklearn": "TweedieRegressor", "xgboost": "reg:tweedie", "lightgbm": "tweedie"},
        code={"sklearn": 'TweedieRegressor(power={power}, alpha=0, link="log")'},
    ),
    Loss(
        name="mean_absolute_percentage_error",
        task="regression",
        function=_percentage,
        head=LINEAR,
        encoding="mean_scaled",
        interval=POSITIVE,
        elicits="numeric",
        convex=True,
        formula=r"\frac{|z - y|}{y}",
        gradient=r"\frac{\operatorname{sign}(z - y)}{y}",
        when="The report asks for relative errors. As a share: 0.1 is 10 %.",
        when_not="Some targets are 0 or close to it, or totals must come out right: it predicts too low.",
        reference="Gneiting, Making and evaluating point forecasts, 2011",
        twins={
            "keras": "mean_absolute_percentage_error",
            "sklearn": "mean_absolute_percentage_error",
            "lightgbm": "mape",
        },
        aliases=("mape",),
    ),
    Loss(
        name="symmetric_mean_absolute_percentage_error",
        task="regression",
        function=_symmetric_percentage,
        head=EXPONENTIAL,
        encoding="mean_scaled",
        interval=POSITIVE,
        elicits="numeric",
        bounded=True,
        robust=True,
        formula=r"\frac{2 |e^{z} - y|}{e^{z} + y} = 2 \left|\tanh \frac{z - \log y}{2}\right|",
        gradient=r"\operatorname{sign}(z - \log y) \left(1 - \tanh^2 \frac{z - \log y}{2}\right)",
        when="Relative errors matter, too high and too low alike, and none may cost more than 2.",
        when_not="Some targets are 0 or negative, or a named functional such as the mean is wanted.",
        reference="Makridakis, Accuracy measures: theoretical and practical concerns, 1993",
        aliases=("smape",),
    ),
)
