"""Raw outputs to probabilities: a logistic regression on outputs of rows that the model has not seen."""

from __future__ import annotations

import numpy as np

__all__ = ["calibrated", "fit_calibration"]


def fit_calibration(outputs: np.ndarray, ids: np.ndarray, *, n_classes: int) -> np.ndarray:
    """Return the matrix that turns `[1, outputs]` into scores of every class, `(1 + n_outputs, n_classes)`.

    A class without rows gets probability zero (a score of -inf in the row of the constant); with a single class there
    is nothing to learn, and it gets everything.

    Source: Platt, Probabilistic outputs for support vector machines, 1999 (for several classes, its multinomial form).

    Examples
    --------
    >>> outputs = np.array([[0.1], [0.4], [0.6], [0.9]])
    >>> matrix = fit_calibration(outputs, np.array([0, 1, 0, 1]), n_classes=2)
    >>> calibrated(np.array([[0.5]]), matrix).round(3).tolist()
    [[0.5, 0.5]]
    """
    from sklearn.linear_model import LogisticRegression

    present = np.unique(ids)
    matrix = np.zeros((1 + outputs.shape[1], n_classes))
    matrix[0, :] = -np.inf
    if len(present) == 1:
        matrix[0, present] = 0.0
        return matrix
    # outputs are put on one scale, so that the weak penalty means the same for every loss
    size = float(outputs.std()) or 1.0
    model = LogisticRegression(C=100.0, max_iter=1000).fit(outputs / size, ids)
    if len(present) == 2:
        matrix[:, present[0]] = 0.0
        matrix[0, present[1]] = model.intercept_[0]
        matrix[1:, present[1]] = model.coef_[0] / size
    else:
        matrix[0, present] = model.intercept_
        matrix[1:, present] = model.coef_.T / size
    return matrix


def calibrated(outputs: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return probabilities of every class, `(n_samples, n_classes)`."""
    from scipy.special import softmax

    return np.asarray(softmax(matrix[0] + outputs @ matrix[1:], axis=1))
