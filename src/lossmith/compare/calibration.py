"""From scores to probabilities, and whether probabilities are frequencies.

Binary scores become probabilities by Platt scaling, scores of several classes by temperature scaling; both are fitted
on validation rows, for many runs at once, and both are stated by two numbers for each run: slope and intercept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lossmith._arrays import log_softmax, namespace, sigmoid, softplus
from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.compare._classification_metrics import confidence_and_outcome
from lossmith.compare._spec import Reliability

__all__ = ["apply", "fit", "reliability"]

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]

ITERATIONS = 100
HALVINGS = 40


def fit(score: Floats, target: Integers) -> Floats:
    r"""Return slope and intercept of every run: what turns its scores into probabilities.

    Binary, Platt scaling: $p = \sigma(a s + b)$ minimises the cross-entropy against targets drawn in by their own
    uncertainty, $(n_+ + 1) / (n_+ + 2)$ and $1 / (n_- + 2)$ for $n_+$ and $n_-$ rows of either class, so that separable
    scores do not end in certainty. Several classes, temperature scaling: $p = \operatorname{softmax}(a s)$ with one
    slope a (the inverse temperature), intercept 0, and targets drawn in the same way: $(n_k + 1) / (n_k + 2)$ for the
    class itself, the rest shared by the others. Scores that say nothing get the slope 0.

    Parameters
    ----------
    score : ndarray of shape (n_runs, n_samples) or (n_runs, n_samples, n_classes)
        Scores on rows that the runs were not trained on.
    target : ndarray of shape (n_samples,) or (n_runs, n_samples)
        Class ids.

    Returns
    -------
    ndarray of shape (n_runs, 2)
        NaN for runs with a score that is not finite.

    Raises
    ------
    ShapeError, DomainError, InvalidInputError
        Shapes that do not fit, class ids out of range, targets that are no integers.

    Source: Platt, Probabilistic outputs for support vector machines, 1999; Lin, Lin and Weng, A note on Platt's
    probabilistic outputs, 2007; Guo and others, On calibration of modern neural networks, 2017.

    Examples
    --------
    >>> abs(fit(np.array([[-1.0, 1.0, 1.0, -1.0]]), np.array([0, 1, 1, 0]))).round(4)
    array([[1.0986, 0.    ]])
    """
    score, target = _checked(score, target)
    finite = np.isfinite(score).reshape(len(score), -1).all(axis=1)
    found = np.full((len(score), 2), np.nan)
    if not finite.any():
        return found
    score, target = score[finite].astype(np.float64), target[finite]
    # a power of ten more or less in the scores must not change the path of the iteration
    size = np.abs(score).reshape(len(score), -1).max(axis=1)
    size = np.where(size > 0, size, 1.0)
    scaled = score / size.reshape(-1, *[1] * (score.ndim - 1))
    parameters = _platt(scaled, target) if score.ndim == 2 else _temperature(scaled, target)
    parameters[:, 0] /= size
    found[finite] = parameters
    return found


def apply(score: Floats, fitted: Floats) -> Floats:
    """Return the probabilities that `fitted` slopes and intercepts make of scores; shapes as in `fit`.

    Examples
    --------
    >>> apply(np.array([[0.0, 2.0]]), np.array([[0.5, 0.0]])).round(3)
    array([[0.5  , 0.731]])
    """
    if fitted.shape != (len(score), 2) or score.ndim not in (2, 3):
        raise ShapeError(
            f"parameters of shape {fitted.shape} for scores of shape {score.shape}",
            expected="slope and intercept for each run, shape (n_runs, 2)",
            advice="use what fit returned for the same runs",
        )
    xp = namespace(score)
    slope, intercept = (column.reshape(-1, *[1] * (score.ndim - 1)) for column in fitted.astype(np.float64).T)
    # an infinite score under slope 0 is no number, as is any score of a run that could not be fitted
    with np.errstate(invalid="ignore", over="ignore"):
        raw = slope * score.astype(np.float64) + intercept
        return np.asarray(sigmoid(xp, raw) if score.ndim == 2 else np.exp(log_softmax(xp, raw)))


def _platt(score: Floats, target: Integers) -> Floats:
    positive = target == 1
    n_positive = positive.sum(axis=1, keepdims=True)
    n_negative = positive.shape[1] - n_positive
    wanted = np.where(positive, (n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0))
    xp = namespace(score)

    def value(parameters: Floats) -> Floats:
        raw = parameters[:, :1] * score + parameters[:, 1:]
        return np.asarray((softplus(xp, raw) - wanted * raw).sum(axis=1))

    start = np.zeros((len(score), 2))
    start[:, 1] = np.log((n_positive + 1.0) / (n_negative + 1.0))[:, 0]
    return _newton(start, value, lambda parameters: _platt_derivatives(parameters, score, wanted))


def _platt_derivatives(parameters: Floats, score: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    probability = np.asarray(sigmoid(namespace(score), parameters[:, :1] * score + parameters[:, 1:]))
    gap, curvature = probability - wanted, probability * (1.0 - probability)
    gradient = np.stack([(gap * score).sum(axis=1), gap.sum(axis=1)], axis=1)
    mixed = (curvature * score).sum(axis=1)
    hessian = np.stack([(curvature * score**2).sum(axis=1), mixed, mixed, curvature.sum(axis=1)], axis=1)
    return gradient, hessian.reshape(-1, 2, 2)


def _temperature(score: Floats, target: Integers) -> Floats:
    n_classes = score.shape[2]
    one_hot = target[:, :, None] == np.arange(n_classes)
    count = one_hot.sum(axis=1, keepdims=True)
    own = ((count + 1.0) / (count + 2.0) * one_hot).sum(axis=2, keepdims=True)
    wanted = np.where(one_hot, own, (1.0 - own) / max(n_classes - 1, 1))
    xp = namespace(score)

    def value(parameters: Floats) -> Floats:
        return np.asarray(-(wanted * log_softmax(xp, parameters[:, :1, None] * score)).sum(axis=(1, 2)))

    def derivatives(parameters: Floats) -> tuple[Floats, Floats]:
        probability = np.exp(log_softmax(xp, parameters[:, :1, None] * score))
        mean = (probability * score).sum(axis=2, keepdims=True)
        gradient = np.zeros((len(score), 2))
        gradient[:, 0] = ((probability - wanted) * score).sum(axis=(1, 2))
        hessian = np.zeros((len(score), 2, 2))
        hessian[:, 0, 0] = (probability * (score - mean) ** 2).sum(axis=(1, 2))
        return gradient, hessian

    # a temperature is positive, else the likeliest class would not be the one decided for; the function is convex, so
    # where its minimum lies below 0 the best that is allowed is 0: every class alike
    return np.maximum(_newton(np.zeros((len(score), 2)), value, derivatives), 0.0)


def _newton(start: Floats, value: Any, derivatives: Any) -> Floats:
    """Return the minimiser of a convex function of two parameters, for every run, by Newton steps that never climb."""
    current = start
    reached = value(current)
    for _ in range(ITERATIONS):
        gradient, hessian = derivatives(current)
        # a direction in which nothing changes (constant scores, no intercept) has no curvature: the step leaves it alone
        step = np.einsum("rij,rj->ri", np.linalg.pinv(hessian, rcond=1e-12, hermitian=True), gradient)
        slope = (step * gradient).sum(axis=1)
        if (slope <= 1e-20 * np.maximum(1.0, np.abs(reached))).all():
            break
        length = np.ones(len(current))
        for _ in range(HALVINGS):
            trial = current - length[:, None] * step
            tried = value(trial)
            climbed = tried > reached - 1e-4 * length * slope + 1e-12 * np.abs(reached)
            if not climbed.any():
                break
            length = np.where(climbed, length / 2, length)
        current, reached = np.where(climbed[:, None], current, trial), np.where(climbed, reached, tried)
    return np.array(current)


def _checked(score: Floats, target: Integers) -> tuple[Floats, Integers]:
    if score.ndim not in (2, 3) or 0 in score.shape or target.shape not in (score.shape[:2], score.shape[1:2]):
        raise ShapeError(
            f"scores of shape {score.shape} with a target of shape {target.shape}",
            expected="(n_runs, n_samples) or (n_runs, n_samples, n_classes), and one class id for each row",
            advice="give a single run a first axis of length 1",
        )
    if not np.issubdtype(target.dtype, np.integer):
        raise InvalidInputError(
            f"a target of type {target.dtype}", expected="integer class ids", advice="encode the classes first"
        )
    n_classes = 2 if score.ndim == 2 else score.shape[2]
    low, high = int(target.min()), int(target.max())
    if low < 0 or high >= n_classes:
        raise DomainError(
            f"class ids from {low} to {high}", expected=f"ids from 0 to {n_classes - 1}", advice="encode the classes"
        )
    return score, np.broadcast_to(target, score.shape[:2])


def reliability(loss: str, probability: Floats, target: Integers, *, n_bins: int = 15) -> Reliability:
    """Return the calibration diagram of one loss, pooled over its runs.

    Binary: the probability of class 1 against its frequency. Several classes: the largest probability against how often
    that class is right. Bins are of equal width and closed on the right, those of `expected_calibration_error`; empty
    bins have a count of 0 and NaN beside it. Runs with a NaN prediction are left out.

    Parameters
    ----------
    loss : str
        Its label.
    probability : ndarray of shape (n_runs, n_samples) or (n_runs, n_samples, n_classes)
    target : ndarray of shape (n_samples,) or (n_runs, n_samples)
    n_bins : int

    Examples
    --------
    >>> found = reliability("hinge", np.array([[0.25, 0.75, 0.75]]), np.array([0, 1, 0]), n_bins=2)
    >>> found.predicted.tolist(), found.observed.tolist(), found.count.tolist()
    ([0.25, 0.75], [0.0, 0.5], [1, 2])
    """
    if n_bins < 1:
        raise InvalidInputError(f"{n_bins} bins", expected="1 or more", advice="15 is usual")
    confidence, outcome = confidence_and_outcome(probability, target)
    kept = ~np.isnan(confidence).any(axis=1)
    confidence, outcome = confidence[kept].ravel(), outcome[kept].ravel()
    cells = np.searchsorted(np.linspace(0.0, 1.0, n_bins + 1)[1:-1], confidence, side="left")
    count = np.bincount(cells, minlength=n_bins)
    empty = np.full(n_bins, np.nan)
    sums = (np.bincount(cells, weights=values, minlength=n_bins) for values in (confidence, outcome))
    predicted, observed = (np.divide(total, count, out=empty.copy(), where=count > 0) for total in sums)
    return Reliability(loss, predicted, observed, count)
