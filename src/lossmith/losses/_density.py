"""Losses for regression that predict a whole density: two raw outputs or more."""

from __future__ import annotations

import math

from lossmith._arrays import Array, Namespace
from lossmith.losses._domain import REAL
from lossmith.losses._growth import exponential
from lossmith.losses._heads import MEAN_AND_LOG_VARIANCE
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]


def _gaussian(xp: Namespace, raw: Array, target: Array) -> Array:
    mean, log_variance = raw[..., 0], raw[..., 1]
    return 0.5 * (math.log(2 * math.pi) + log_variance + (target - mean) ** 2 * exponential(xp, -log_variance))


RECORDS = (
    Loss(
        name="gaussian_nll",
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
)
