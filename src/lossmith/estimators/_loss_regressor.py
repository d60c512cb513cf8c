"""A regressor: a network with a loss, trained by the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from lossmith.estimators._loss_base import LossEstimator, named_loss
from lossmith.losses import Loss

__all__ = ["LossRegressor"]


class LossRegressor(RegressorMixin, LossEstimator):
    """A network with a loss, as a regressor of scikit-learn.

    Use it to choose what is predicted by choosing the loss: means, medians, quantiles, counts. Targets are scaled as the
    loss wants them (standardised, or divided by their mean) and predictions come back in their units; a parameter such
    as the delta of huber is in units of the scaled target.

    Parameters
    ----------
    loss : str or Loss
        A loss for numbers, as in "quantile:quantile=0.9"; "auto" is the mean squared error.
    model, optimizer, learning_rate, epochs, batch_size, patience, validation_fraction, random_state
        See `LossClassifier`.

    Attributes
    ----------
    weights_, loss_, loss_curve_, validation_curve_, best_epoch_, n_iter_, n_features_in_
        See `LossClassifier`.
    target_center_, target_scale_ : float
        A target y was trained on as (y - center) / scale.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 200)[:, None]
    >>> model = LossRegressor(loss="huber:delta=0.5", random_state=0).fit(x, 100 + 50 * x[:, 0])
    >>> bool(abs(model.predict([[0.5]])[0] - 125) < 3)
    True
    """

    def _read(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        inputs, target = validate_data(self, X, y, dtype=np.float32, y_numeric=True)
        return inputs, np.asarray(target, dtype=np.float64)

    @property
    def _n_classes(self) -> int:
        return 0

    def _loss(self, loss: Any) -> Loss:
        return named_loss(loss, automatic="mean_squared_error", tasks=("regression",), name="LossRegressor")

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted value of each row in units of the target, shape `(n_samples,)`."""
        raw, loss = self._raw(X), self._fitted_loss
        value = np.asarray(loss.predict(raw[:, 0] if loss.head.units == 1 else raw))
        return value * self.target_scale_ + self.target_center_
