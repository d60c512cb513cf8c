"""Metrics of classifiers, for many runs at once.

Shapes: `classes` and `target` hold class ids; `probability` and `score` are `(n_runs, n_samples)` for class 1 of a
binary task, or `(n_runs, n_samples, n_classes)`. The target is `(n_samples,)` where all runs share their rows, or
`(n_runs, n_samples)`. A run with one NaN prediction scores NaN; the other runs are untouched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lossmith._errors import DomainError, InvalidInputError, ShapeError

__all__ = [
    "NO_CLASS",
    "accuracy",
    "accuracy_rows",
    "balanced_accuracy",
    "balanced_accuracy_rows",
    "brier_rows",
    "brier_score",
    "confidence_and_outcome",
    "expected_calibration_error",
    "log_loss",
    "log_loss_rows",
    "predicted_classes",
    "roc_auc",
    "roc_auc_rows",
]

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]

NO_CLASS = -1  # the class of a NaN prediction


def predicted_classes(prediction: Floats, *, threshold: float | None) -> Integers:
    """Return the class that each prediction stands for: `(n_runs, n_samples)`, -1 where the prediction is NaN.

    Parameters
    ----------
    prediction : ndarray of shape (n_runs, n_samples) or (n_runs, n_samples, n_classes)
        Probabilities or scores.
    threshold : float or None
        Binary: class 1 lies strictly above it, 0.5 for probabilities and 0 for scores, as in scikit-learn. None for
        several columns: the first of the largest entries wins.

    Examples
    --------
    >>> predicted_classes(np.array([[0.2, 0.5, 0.7]]), threshold=0.5)
    array([[0, 0, 1]])
    >>> predicted_classes(np.array([[[0.2, 0.5, 0.3], [0.1, np.nan, 0.9]]]), threshold=None)
    array([[ 1, -1]])
    """
    if threshold is None:
        if prediction.ndim != 3:
            raise ShapeError(
                f"predictions of shape {prediction.shape}",
                expected="shape (n_runs, n_samples, n_classes)",
                advice="give a threshold for binary predictions",
            )
        missing = np.isnan(prediction).any(axis=-1)
        return np.where(missing, NO_CLASS, np.argmax(prediction, axis=-1))
    _check_runs(prediction, "predictions")
    return np.where(np.isnan(prediction), NO_CLASS, (prediction > threshold).astype(np.int64))


def accuracy_rows(classes: Integers, target: Integers) -> Floats:
    """Return 1 for each right class, 0 for each wrong one, NaN throughout a run that lacks a prediction."""
    classes, target = _ids(classes, target)
    right = (classes == target).astype(np.float64)
    right[(classes == NO_CLASS).any(axis=1)] = np.nan
    return right


def accuracy(classes: Integers, target: Integers) -> Floats:
    r"""Return the share of rows whose class is right, one number for each run.

    Use it where classes are about equally frequent; see `balanced_accuracy` and `roc_auc` otherwise.
    $\frac{1}{n} \sum_i [\hat{y}_i = y_i]$ over the n rows, $\hat{y}$ the predicted and $y$ the true class.

    Raises
    ------
    ShapeError, InvalidInputError
        Shapes that do not fit; arrays that do not hold class ids.

    Examples
    --------
    >>> accuracy(np.array([[0, 1, 1, 1], [0, 0, 1, 1]]), np.array([0, 0, 1, 1]))
    array([0.75, 1.  ])
    """
    return accuracy_rows(classes, target).mean(axis=1)


def balanced_accuracy(classes: Integers, target: Integers) -> Floats:
    r"""Return the mean over the classes of the share of their rows that are right.

    Use it where classes differ in size and each counts the same.
    $\frac{1}{K} \sum_k \frac{1}{n_k} \sum_{i: y_i = k} [\hat{y}_i = k]$ over the K classes that occur in the target.

    Source: Brodersen and others, The balanced accuracy and its posterior distribution, 2010.

    Examples
    --------
    >>> balanced_accuracy(np.array([[0, 0, 0, 0]]), np.array([0, 0, 0, 1]))
    array([0.5])
    """
    return balanced_accuracy_rows(classes, target).mean(axis=1)


def balanced_accuracy_rows(classes: Integers, target: Integers) -> Floats:
    """Return numbers, one a row, whose mean is the balanced accuracy and whose spread gives its variance."""
    right = accuracy_rows(classes, target)
    target = np.broadcast_to(target, right.shape)
    rows = right.shape[1]
    values = np.zeros_like(right)
    recalls = np.zeros(right.shape[0])
    present = np.zeros(right.shape[0])
    for label in np.unique(target):
        mine = target == label
        count = mine.sum(axis=1)
        recall = np.divide((right * mine).sum(axis=1), count, out=np.zeros(len(count)), where=count > 0)
        weight = np.divide(rows, count, out=np.zeros(len(count)), where=count > 0)
        values += np.where(mine, (right - recall[:, None]) * weight[:, None], 0.0)
        recalls += recall
        present += count > 0
    return (values + recalls[:, None]) / present[:, None]


def log_loss_rows(probability: Floats, target: Integers) -> Floats:
    """Return minus the logarithm of the probability of the true class, for each row, in nats."""
    probability, target = _probabilities(probability, target)
    if probability.ndim == 3:
        chosen = np.take_along_axis(probability, target[:, :, None], axis=2)[:, :, 0].astype(np.float64)
        chosen[np.isnan(probability).any(axis=(1, 2))] = np.nan
    else:
        chosen = np.where(target == 1, probability, 1.0 - probability.astype(np.float64))
    with np.errstate(divide="ignore"):
        return -np.log(chosen) + 0.0


def log_loss(probability: Floats, target: Integers) -> Floats:
    r"""Return the mean negative log-likelihood in nats; infinite where a true class was given probability zero.

    Use it to judge probabilities where confident mistakes are costly. Nothing is clipped, so compute probabilities
    in double precision: in single precision a raw output of 17 already rounds to certainty.
    $-\frac{1}{n} \sum_i \log p_i(y_i)$ with $p_i(y_i)$ the predicted probability of the true class of row i.

    Source: Good, Rational decisions, 1952.

    Examples
    --------
    >>> log_loss(np.array([[0.5, 0.5], [1.0, 1.0]]), np.array([0, 1])).round(4)
    array([0.6931,    inf])
    """
    return log_loss_rows(probability, target).mean(axis=1)


def brier_rows(probability: Floats, target: Integers) -> Floats:
    """Return the squared error of the probabilities, for each row."""
    probability, target = _probabilities(probability, target)
    if probability.ndim == 2:
        return (probability.astype(np.float64) - target) ** 2
    chosen = np.take_along_axis(probability, target[:, :, None], axis=2)[:, :, 0].astype(np.float64)
    return np.einsum("rnk,rnk->rn", probability, probability, dtype=np.float64) - 2.0 * chosen + 1.0


def brier_score(probability: Floats, target: Integers) -> Floats:
    r"""Return the mean squared error of the probabilities.

    Use it to judge probabilities where a single confident mistake should not decide. Binary:
    $\frac{1}{n} \sum_i (p_i - y_i)^2$, from 0 to 1. Several classes: $\frac{1}{n} \sum_i \sum_k (p_{ik} - [y_i = k])^2$,
    from 0 to 2. These are scikit-learn's two conventions.

    Source: Brier, Verification of forecasts expressed in terms of probability, 1950.

    Examples
    --------
    >>> brier_score(np.array([[0.5, 1.0]]), np.array([0, 1]))
    array([0.125])
    """
    return brier_rows(probability, target).mean(axis=1)


def confidence_and_outcome(probability: Floats, target: Integers) -> tuple[Floats, Floats]:
    """Return what calibration compares, both `(n_runs, n_samples)`.

    Binary: the probability of class 1, and whether the class is 1. Several classes (top label): the largest
    probability, and whether its class is right.
    """
    probability, target = _probabilities(probability, target)
    if probability.ndim == 2:
        return probability, target.astype(np.float64)
    missing = np.isnan(probability).any(axis=2)
    top = np.where(missing, np.nan, probability.max(axis=2))
    return top, (probability.argmax(axis=2) == target).astype(np.float64)


def expected_calibration_error(probability: Floats, target: Integers, *, n_bins: int = 15) -> Floats:
    r"""Return how far probabilities lie from frequencies, on average.

    Use it beside a proper score, never alone: predicting the base rate everywhere is perfectly calibrated. The unit
    interval is cut into `n_bins` bins of equal width, closed on the right.
    $\sum_b \frac{n_b}{n} | \bar{o}_b - \bar{p}_b |$ with $\bar{p}_b$ the mean confidence and $\bar{o}_b$ the observed
    frequency of the $n_b$ rows in bin b; see `confidence_and_outcome`.

    Source: Guo and others, On calibration of modern neural networks, 2017.

    Examples
    --------
    >>> expected_calibration_error(np.array([[0.75, 0.75, 0.75, 0.75]]), np.array([1, 1, 1, 0]))
    array([0.])
    """
    if n_bins < 1:
        raise InvalidInputError(f"{n_bins} bins", expected="1 or more", advice="15 is usual")
    confidence, outcome = confidence_and_outcome(probability, target)
    runs, rows = confidence.shape
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    cells = np.searchsorted(edges[1:-1], confidence, side="left") + n_bins * np.arange(runs)[:, None]
    # the two means of a bin share its count, which therefore cancels: only the sum of the gaps is needed
    gap = np.bincount(cells.ravel(), weights=(outcome - confidence).ravel(), minlength=runs * n_bins)
    return np.abs(gap.reshape(runs, n_bins)).sum(axis=1) / rows


def roc_auc(score: Floats, target: Integers) -> Floats:
    r"""Return the area under the ROC curve; for several classes the mean over the classes, each against the rest.

    Use it where classes differ in size, or where only the order of the scores matters.
    $P(s^+ > s^-) + \frac{1}{2} P(s^+ = s^-)$ for the scores of one row of either class, exact for ties. Classes that
    are missing from the target (or fill it) have no area and are left out; without any the result is NaN.

    Source: Hanley and McNeil, The meaning and use of the area under a ROC curve, 1982.

    Examples
    --------
    >>> roc_auc(np.array([[0.1, 0.4, 0.35, 0.8], [1, 1, 1, 1]]), np.array([0, 0, 1, 1]))
    array([0.75, 0.5 ])
    """
    score, target = _scores(score, target)
    if score.ndim == 2:
        return _binary_auc(score, target == 1)
    areas = np.stack([_binary_auc(score[:, :, label], target == label) for label in range(score.shape[2])])
    present = np.stack([_two_classes(target == label) for label in range(score.shape[2])])
    total = np.where(present, areas, 0.0).sum(axis=0)
    return np.divide(total, present.sum(axis=0), out=np.full(len(total), np.nan), where=present.any(axis=0))


def roc_auc_rows(score: Floats, target: Integers) -> Floats:
    """Return numbers, one a row, whose mean is the area and whose spread gives its variance.

    Source: DeLong, DeLong and Clarke-Pearson, Comparing the areas under two or more correlated ROC curves, 1988.
    """
    score, target = _scores(score, target)
    if score.ndim == 2:
        return _binary_auc_rows(score, target == 1)
    total = np.zeros(score.shape[:2])
    present = np.zeros(score.shape[0])
    for label in range(score.shape[2]):
        one = target == label
        usable = _two_classes(one)
        present += usable
        if usable.any():
            total[usable] += _binary_auc_rows(score[usable, :, label], one[usable])
    values = np.full(total.shape, np.nan)
    np.divide(total, present[:, None], out=values, where=present[:, None] > 0)
    values[np.isnan(score).any(axis=(1, 2))] = np.nan
    return values


def _two_classes(positive: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(positive.any(axis=1) & ~positive.all(axis=1))


def _binary_auc(score: Floats, positive: npt.NDArray[np.bool_]) -> Floats:
    from scipy.stats import rankdata

    count = positive.sum(axis=1).astype(np.float64)
    pairs = np.where(_two_classes(positive), count * (score.shape[1] - count), np.nan)
    beaten = np.where(positive, rankdata(score, axis=1), 0.0).sum(axis=1) - count * (count + 1) / 2
    return beaten / pairs


def _binary_auc_rows(score: Floats, positive: npt.NDArray[np.bool_]) -> Floats:
    from scipy.stats import rankdata

    rows = score.shape[1]
    counts = np.where(positive, positive.sum(axis=1, keepdims=True), (~positive).sum(axis=1, keepdims=True))
    own = counts.astype(np.float64)
    other = np.where(own == rows, np.nan, rows - own)
    rank = rankdata(score, axis=1)
    # ranks inside one class: the other class is moved above everything and so leaves them alone
    within = np.where(
        positive,
        rankdata(np.where(positive, rank, np.inf), axis=1),
        rankdata(np.where(positive, np.inf, rank), axis=1),
    )
    beaten = (rank - within) / other
    share = np.where(positive, beaten, 1.0 - beaten)
    area = np.where(positive, share / own, 0.0).sum(axis=1, keepdims=True)
    return area + (share - area) * rows / own


def _check_runs(array: npt.NDArray[Any], what: str) -> None:
    if array.ndim != 2 or 0 in array.shape:
        raise ShapeError(
            f"{what} of shape {array.shape}",
            expected="shape (n_runs, n_samples), both 1 or more",
            advice="give a single run a first axis of length 1",
        )


def _ids(classes: Integers, target: Integers) -> tuple[Integers, Integers]:
    _check_runs(classes, "classes")
    if not np.issubdtype(classes.dtype, np.integer):
        raise InvalidInputError(
            f"classes of type {classes.dtype}", expected="integer class ids", advice="use predicted_classes first"
        )
    return classes, _target(target, classes.shape)


def _target(target: Integers, shape: tuple[int, ...]) -> Integers:
    if not (np.issubdtype(target.dtype, np.integer) or target.dtype == np.bool_):
        raise InvalidInputError(
            f"a target of type {target.dtype}", expected="integer class ids", advice="encode the classes first"
        )
    if target.shape not in (shape, shape[1:]):
        raise ShapeError(
            f"a target of shape {target.shape} for predictions of shape {shape}",
            expected=f"shape {shape[1:]} or {shape}",
            advice="give one class id for each row",
        )
    return np.broadcast_to(target, shape)


def _scores(score: Floats, target: Integers) -> tuple[Floats, Integers]:
    if score.ndim not in (2, 3) or 0 in score.shape:
        raise ShapeError(
            f"predictions of shape {score.shape}",
            expected="shape (n_runs, n_samples) or (n_runs, n_samples, n_classes)",
            advice="give a single run a first axis of length 1",
        )
    if not np.issubdtype(score.dtype, np.floating):
        score = score.astype(np.float64)
    target = _target(target, score.shape[:2])
    n_classes = 2 if score.ndim == 2 else score.shape[2]
    low, high = int(target.min()), int(target.max())
    if low < 0 or high >= n_classes:
        raise DomainError(
            f"class ids from {low} to {high}", expected=f"ids from 0 to {n_classes - 1}", advice="encode the classes"
        )
    return score, target


def _probabilities(probability: Floats, target: Integers) -> tuple[Floats, Integers]:
    probability, target = _scores(probability, target)
    low, high = np.nanmin(probability, initial=0.0), np.nanmax(probability, initial=1.0)
    if low < 0.0 or high > 1.0:
        raise DomainError(
            f"probabilities from {low:g} to {high:g}",
            expected="numbers in [0, 1]",
            advice="apply the head of the loss to raw outputs, or calibrate scores, first",
        )
    return probability, target


def rounded_accuracy(output: npt.NDArray[Any], target: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the share of head outputs, shape `(n_runs, n_samples)`, that round to the encoded target.

    Examples
    --------
    >>> rounded_accuracy(np.array([[0.4, 0.9, -0.8]]), np.array([1, 1, -1])).round(4)
    array([0.6667])
    """
    _check_runs(output, "outputs")
    if target.shape not in (output.shape, output.shape[1:]):
        raise ShapeError(
            f"a target of shape {target.shape} for outputs of shape {output.shape}",
            expected=f"shape {output.shape[1:]} or {output.shape}",
            advice="give one encoded target for each row",
        )
    right = (np.round(output) == target).mean(axis=1)
    return np.where(np.isnan(output).any(axis=1), np.nan, right)
