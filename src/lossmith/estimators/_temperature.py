"""Temperature scaling: one number that makes the probabilities of a trained classifier agree with frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from lossmith._errors import DomainError, InvalidInputError

__all__ = ["TemperatureScaling"]

_LOWEST, _HIGHEST = 1e-6, 1e6


class TemperatureScaling(TransformerMixin, BaseEstimator):
    r"""One temperature for the raw outputs of a classifier, fitted on rows that it was not trained on.

    Use it after training: classes stay as they are, probabilities become frequencies. The probability of class k is

    $$ p_k = \frac{\exp(z_k / T)}{\sum_j \exp(z_j / T)} $$

    with raw outputs z; the temperature T minimises the mean cross-entropy, which is convex in 1 / T, so that it is found
    where its derivative, the mean of $\sum_k p_k z_k - z_y$, is 0. For two classes a single column of raw outputs
    counts as (0, z).

    Attributes
    ----------
    temperature_ : float
        Above 1 for an overconfident model. 1e6 where the scores say nothing, 1e-6 where they separate the classes.
    classes_ : ndarray
        0, 1, ..., n_classes - 1.
    n_features_in_ : int

    Source: Guo, Pleiss, Sun, Weinberger, On calibration of modern neural networks, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> raw = np.array([[4.0], [4.0], [4.0], [-4.0]])  # says 0.98, right in 3 of 4
    >>> scaling = TemperatureScaling().fit(raw, [1, 1, 0, 0])
    >>> round(float(scaling.temperature_), 3), scaling.predict_proba(raw)[0].round(3)
    (3.641, array([0.25, 0.75]))
    """

    def fit(self, X: Any, y: Any) -> TemperatureScaling:
        """Find the temperature.

        Parameters
        ----------
        X : array of shape (n_samples, n_classes) or (n_samples, 1)
            Raw outputs.
        y : array of shape (n_samples,)
            Class ids.

        Raises
        ------
        DomainError
            Class ids that have no column.
        """
        raw, target = check_X_y(X, y, dtype=np.float64)
        self.n_features_in_ = raw.shape[1]
        scores = _columns(raw)
        if np.any(target != np.floor(target)) or target.min() < 0 or target.max() >= scores.shape[1]:
            raise DomainError(
                f"class ids from {target.min():g} to {target.max():g} for {scores.shape[1]} classes",
                expected=f"whole numbers from 0 to {scores.shape[1] - 1}",
                advice="give the raw outputs one column for each class",
            )
        self.classes_ = np.arange(scores.shape[1])
        own = np.take_along_axis(scores, target.astype(int)[:, None], axis=1)[:, 0]

        def slope(inverse: float) -> float:
            p = np.exp(log_softmax(inverse * scores, axis=1))
            return float(np.mean((p * scores).sum(axis=1) - own))

        low, high = 1.0 / _HIGHEST, 1.0 / _LOWEST
        if slope(low) >= 0:
            self.temperature_ = _HIGHEST
        elif slope(high) <= 0:
            self.temperature_ = _LOWEST
        else:
            # the root is sought on a logarithmic scale: temperatures are ratios
            found = brentq(lambda exponent: slope(float(np.exp(exponent))), np.log(low), np.log(high), xtol=1e-12)
            self.temperature_ = float(np.exp(-found))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return raw outputs divided by the temperature, shape of `X`."""
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, dtype=np.float64, reset=False)) / self.temperature_

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, shape `(n_samples, n_classes)`."""
        return np.exp(log_softmax(_columns(self.transform(X)), axis=1))


def _columns(raw: np.ndarray) -> np.ndarray:
    if raw.shape[1] < 1:
        raise InvalidInputError("raw outputs without a column", expected="one for each class")
    return np.concatenate([np.zeros_like(raw), raw], axis=1) if raw.shape[1] == 1 else raw
