"""Losses for regression on one raw output."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, relu
from lossmith.losses._domain import NON_NEGATIVE, POSITIVE, REAL, Interval, Parameter
from lossmith.losses._growth import exponential
from lossmith.losses._heads import EXPM1, EXPONENTIAL, LINEAR
from lossmith.losses._spec import Loss

__all__ = ["RECORDS", "absolute", "pinball", "squared"]


def squared(_xp: Namespace, raw: Array, target: Array) -> Array:
    return (raw - target) ** 2


def absolute(xp: Namespace, raw: Array, target: Array) -> Array:
    return xp.abs(raw - target)


def _squared_logarithmic(xp: Namespace, raw: Array, target: Array) -> Array:
    return (raw - xp.log1p(target)) ** 2


def _huber(xp: Namespace, raw: Array, target: Array, *, delta: float) -> Array:
    size = xp.abs(raw - target)
    return xp.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))


def pinball(xp: Namespace, raw: Array, target: Array, *, quantile: float) -> Array:
    error = target - raw
    return quantile * relu(xp, error) + (1 - quantile) * relu(xp, -error)


def _poisson(xp: Namespace, raw: Array, target: Array) -> Array:
    return exponential(xp, raw) - target * raw


RECORDS = (
    Loss(
        name="mean_squared_error",
        standard=True,
        task="regression",
        function=squared,
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
        twins={
            "keras": "mean_squared_error",
            "optax": "squared_error",
            "torch": "MSELoss",
            "sklearn": "squared_error",
            "xgboost": "reg:squarederror",
            "lightgbm": "regression",
        },
        code={
            "keras": "keras.losses.MeanSquaredError()",
            "optax": "optax.losses.squared_error(raw, target)",
            "torch": "torch.nn.MSELoss()",
            "sklearn": 'MLPRegressor(loss="squared_error")',
        },
        aliases=("mse", "squared", "squared_error"),
    ),
    Loss(
        name="mean_absolute_error",
        standard=True,
        task="regression",
        function=absolute,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="median",
        convex=True,
        robust=True,
        formula=r"|z - y|",
        gradient=r"\operatorname{sign}(z - y)",
        when="The target has outliers or heavy tails and the median is what you want.",
        when_not="You need the mean of a skewed target (sums and totals); use mean_squared_error.",
        reference="Boscovich, De litteraria expeditione, 1757; Laplace, Sur quelques points du systeme du monde, 1789",
        twins={
            "keras": "mean_absolute_error",
            "torch": "L1Loss",
            "sklearn": "absolute_error",
            "xgboost": "reg:absoluteerror",
            "lightgbm": "regression_l1",
        },
        code={
            "keras": "keras.losses.MeanAbsoluteError()",
            "torch": "torch.nn.L1Loss()",
            "sklearn": 'HistGradientBoostingRegressor(loss="absolute_error")',
        },
        aliases=("mae", "absolute", "absolute_error", "l1"),
    ),
    Loss(
        name="mean_squared_logarithmic_error",
        standard=True,
        task="regression",
        function=_squared_logarithmic,
        head=EXPM1,
        encoding="original",
        interval=NON_NEGATIVE,
        elicits="geometric mean",
        convex=True,
        smooth=True,
        formula=r"(z - \log(1 + y))^2, \quad z = \log(1 + \text{prediction})",
        gradient=r"2 (z - \log(1 + y))",
        when="Targets are at least 0, span orders of magnitude, and relative errors matter.",
        when_not="Some targets are negative (the logarithm is undefined), or totals must come out right (it predicts below the mean).",
        reference="Tofallis, A better measure of relative prediction accuracy for model selection and model estimation, 2015",
        twins={
            "keras": "mean_squared_logarithmic_error",
            "sklearn": "mean_squared_log_error",
            "xgboost": "reg:squaredlogerror",
        },
        code={
            "sklearn": "TransformedTargetRegressor(MLPRegressor(), func=np.log1p, inverse_func=np.expm1, check_inverse=False)"
        },
        aliases=("msle",),
    ),
    Loss(
        name="huber",
        standard=True,
        task="regression",
        function=_huber,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="numeric",
        parameters=(Parameter("delta", 1.0, POSITIVE, "where quadratic turns into linear, in standard deviations"),),
        convex=True,
        smooth=True,
        robust=True,
        formula=r"\begin{cases} \frac{1}{2}(z-y)^2 & |z-y| \le \delta \\ \delta(|z-y| - \frac{\delta}{2}) & \text{otherwise} \end{cases}",
        gradient=r"\max(-\delta, \min(\delta, z - y))",
        when="Mostly Gaussian errors with some outliers.",
        when_not="You need an unbiased mean of a skewed target.",
        reference="Huber, Robust estimation of a location parameter, 1964",
        twins={
            "keras": "huber",
            "optax": "huber_loss",
            "torch": "HuberLoss",
            "sklearn": "huber",
            "lightgbm": "huber",
        },
        code={
            "keras": "keras.losses.Huber(delta={delta})",
            "optax": "optax.losses.huber_loss(raw, target, delta={delta})",
            "torch": "torch.nn.HuberLoss(delta={delta})",
            "sklearn": 'SGDRegressor(loss="huber", epsilon={delta})',
        },
    ),
    Loss(
        name="quantile",
        standard=True,
        task="regression",
        function=pinball,
        head=LINEAR,
        encoding="standardized",
        interval=REAL,
        elicits="median",
        parameters=(
            Parameter(
                "quantile",
                0.5,
                Interval(0, 1, closed_low=False, closed_high=False),
                "the share of targets that should lie below the prediction",
            ),
        ),
        depends=lambda quantile: {"elicits": "median" if quantile == 0.5 else "quantile"},
        convex=True,
        robust=True,
        formula=r"\tau \max(y - z, 0) + (1 - \tau) \max(z - y, 0)",
        gradient=r"\begin{cases} 1 - \tau & z > y \\ -\tau & z < y \end{cases}",
        when="You want a limit that a stated share of outcomes stays below, or the ends of a prediction interval.",
        when_not="You want one central value: use mean_squared_error or mean_absolute_error.",
        reference="Koenker and Bassett, Regression quantiles, 1978",
        twins={
            "sklearn": "mean_pinball_loss",
            "xgboost": "reg:quantileerror",
            "lightgbm": "quantile",
        },
        code={"sklearn": "QuantileRegressor(quantile={quantile}, alpha=0)"},
        aliases=("pinball",),
    ),
    Loss(
        name="poisson",
        standard=True,
        task="regression",
        function=_poisson,
        head=EXPONENTIAL,
        encoding="mean_scaled",
        interval=NON_NEGATIVE,
        elicits="mean",
        convex=True,
        smooth=True,
        formula=r"e^{z} - y z",
        gradient=r"e^{z} - y",
        when="Targets are counts or other non-negative amounts whose variance grows with their mean.",
        when_not="Some targets are negative, or the spread grows faster than the mean.",
        reference="McCullagh and Nelder, Generalized linear models, 1989",
        twins={
            "keras": "poisson",
            "torch": "PoissonNLLLoss",
            "sklearn": "poisson",
            "xgboost": "count:poisson",
            "lightgbm": "poisson",
        },
        code={
            "torch": "torch.nn.PoissonNLLLoss(log_input=True, full=False)",
            "sklearn": "PoissonRegressor(alpha=0)",
        },
    ),
)
