"""What there is to know about a fitted estimator: confusion, curves, importance, dependence, gaps between groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from lossmith._errors import InvalidInputError, MissingExtraError, ShapeError

__all__ = [
    "Confusion",
    "adjusted_r2",
    "confusion",
    "fairness",
    "fit_judgement",
    "importance",
    "learning_curve",
    "partial_dependence",
    "precision_recall_curve",
    "roc_curve",
    "validation_curve",
]


@dataclass(frozen=True, slots=True)
class Confusion:
    """A confusion matrix: rows are true classes, columns predicted ones.

    Attributes
    ----------
    labels : tuple of str
    counts : ndarray of int, shape (n_classes, n_classes)

    Examples
    --------
    >>> shown = Confusion(("no", "yes"), np.array([[118, 12], [47, 15]]))
    >>> shown.accuracy.__round__(4), shown.table()["recall"].round(4).to_list()
    (0.6927, [0.9077, 0.2419])
    """

    labels: tuple[str, ...]
    counts: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of rows on the diagonal."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def majority_rate(self) -> float:
        """Share of the most frequent class: the accuracy of always saying so."""
        return float(self.counts.sum(axis=1).max() / self.counts.sum())

    def table(self) -> pl.DataFrame:
        r"""Return a line for each class taken as the positive one.

        With true and false positives and negatives: precision $TP / (TP + FP)$, recall $TP / (TP + FN)$, specificity
        $TN / (TN + FP)$, $F_1 = 2 TP / (2 TP + FP + FN)$; null where the denominator is 0.
        """
        positive = np.diag(self.counts).astype(float)
        said, true, total = self.counts.sum(axis=0), self.counts.sum(axis=1), self.counts.sum()

        def share(above: np.ndarray, below: np.ndarray) -> list[float | None]:
            return [float(a / b) if b else None for a, b in zip(above, below, strict=True)]

        negative = total - true - said + positive
        return pl.DataFrame(
            {
                "class": list(self.labels),
                "rows": true,
                "precision": share(positive, said),
                "recall": share(positive, true),
                "specificity": share(negative, total - true),
                "f1": share(2 * positive, said + true),
            }
        )


def confusion(target: Any, predicted: Any, *, labels: Sequence[Any] | None = None) -> Confusion:
    """Return the confusion matrix of predicted classes.

    Parameters
    ----------
    target, predicted : arrays of shape (n_samples,)
    labels : sequence, optional
        The order of the classes; sorted where None.

    Raises
    ------
    ShapeError
        Not one prediction for each row.

    Examples
    --------
    >>> confusion(["a", "a", "b"], ["a", "b", "b"]).counts.tolist()
    [[1, 1], [0, 1]]
    """
    from sklearn.metrics import confusion_matrix

    one, two = np.asarray(target), np.asarray(predicted)
    if one.ndim != 1 or one.shape != two.shape or not len(one):
        raise ShapeError(f"targets {one.shape} and predictions {two.shape}", expected="one prediction for each row")
    names = np.unique(np.concatenate([one, two])) if labels is None else np.asarray(list(labels))
    unknown = np.setdiff1d(np.concatenate([one, two]), names)
    if len(unknown):
        raise InvalidInputError(f"class {unknown.tolist()[0]!r}", expected=f"one of {names.tolist()}")
    return Confusion(tuple(str(name) for name in names.tolist()), confusion_matrix(one, two, labels=names))


def _binary(target: Any, score: Any) -> tuple[np.ndarray, np.ndarray]:
    y, s = np.asarray(target), np.asarray(score, dtype=np.float64)
    if y.ndim != 1 or y.shape != s.shape:
        raise ShapeError(f"targets {y.shape} and scores {s.shape}", expected="one score for each row")
    classes = np.unique(y)
    if len(classes) != 2:
        raise InvalidInputError(f"{len(classes)} classes", expected="two", advice="take one class against the rest")
    return (y == classes[1]).astype(int), s


def roc_curve(target: Any, score: Any) -> pl.DataFrame:
    """Return false and true positive rate for every threshold; the larger class is the positive one.

    Use it to choose a threshold. `target` holds two classes and `score` a number for each row, both of shape `(n_samples,)`.

    Examples
    --------
    >>> roc_curve([0, 0, 1], [0.1, 0.6, 0.9])["recall"].to_list()
    [0.0, 1.0, 1.0]
    """
    from sklearn import metrics

    false, true, thresholds = metrics.roc_curve(*_binary(target, score))
    return pl.DataFrame({"threshold": thresholds, "false_positive_rate": false, "recall": true})


def precision_recall_curve(target: Any, score: Any) -> pl.DataFrame:
    """Return precision and recall for every threshold, from the lowest; the share of positives is the precision to beat.

    Use it where positives are rare. `target` holds 0 and 1 and `score` a number for each row, both of shape `(n_samples,)`.

    Examples
    --------
    >>> precision_recall_curve([0, 0, 1], [0.1, 0.6, 0.9])["precision"].round(3).to_list()
    [0.333, 0.5, 1.0]
    """
    from sklearn import metrics

    precision, recall, thresholds = metrics.precision_recall_curve(*_binary(target, score))
    return pl.DataFrame({"threshold": thresholds, "precision": precision[:-1], "recall": recall[:-1]})


def learning_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    folds: int = 5,
    sizes: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 1.0),
    scoring: str | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Return train and validation score by number of training rows, means and standard deviations over folds.

    Use it to see whether more rows would help. `estimator` is cloned; `X` has shape `(n_samples, n_features)`, `y` `(n_samples,)`; `scoring` is a
    name of scikit-learn's, by default the estimator's own score; `seed` shuffles the rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> curve = learning_curve(DecisionTreeClassifier(random_state=0), *load_iris(return_X_y=True), sizes=(0.5, 1.0))
    >>> curve["rows"].to_list(), curve["train"].to_list()
    ([60, 120], [1.0, 1.0])
    """
    from sklearn import model_selection

    counts, train, valid = model_selection.learning_curve(
        estimator, X, y, cv=folds, train_sizes=np.asarray(sizes), scoring=scoring, shuffle=True, random_state=seed
    )
    return _curve("rows", list(counts), train, valid)


def validation_curve(
    estimator: Any, X: Any, y: Any, *, parameter: str, values: Sequence[Any], folds: int = 5, scoring: str | None = None
) -> pl.DataFrame:
    """Return train and validation score by one parameter: where both are low it underfits, where they part it overfits.

    Use it to choose the parameter. `estimator` is cloned; `X` has shape `(n_samples, n_features)`, `y` `(n_samples,)`; `folds` is their number or a
    splitter, `scoring` a name of scikit-learn's.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> curve = validation_curve(tree, *load_iris(return_X_y=True), parameter="max_depth", values=[1, 3])
    >>> curve["max_depth"].to_list(), curve["judgement"].to_list()
    ([1, 3], ['underfits', 'fits'])
    """
    from sklearn import model_selection

    train, valid = model_selection.validation_curve(
        estimator, X, y, param_name=parameter, param_range=list(values), cv=folds, scoring=scoring
    )
    return _curve(parameter, list(values), train, valid)


def _curve(name: str, values: list[Any], train: np.ndarray, valid: np.ndarray) -> pl.DataFrame:
    table = pl.DataFrame(
        {
            name: values,
            "train": train.mean(axis=1),
            "train_deviation": train.std(axis=1, ddof=1),
            "validation": valid.mean(axis=1),
            "validation_deviation": valid.std(axis=1, ddof=1),
        }
    )
    best = int(np.argmax(valid.mean(axis=1)))
    words = [fit_judgement(train[k], valid[k], best=valid[best]) for k in range(len(values))]
    return table.with_columns(pl.Series("judgement", words))


def fit_judgement(
    train: np.ndarray, validation: np.ndarray, *, best: np.ndarray
) -> Literal["fits", "underfits", "overfits"]:
    """Return whether scores over folds say that a model underfits or overfits, against the best setting seen.

    It fits if its validation score is within one standard error of the best. Otherwise it overfits if training and
    validation part by more than its distance from the best, and underfits if not.

    Examples
    --------
    >>> fit_judgement(np.array([1.0, 1.0]), np.array([0.7, 0.71]), best=np.array([0.9, 0.91]))
    'overfits'
    """
    missing = float(best.mean() - validation.mean())
    if missing <= float(best.std(ddof=1)) / np.sqrt(len(best)):
        return "fits"
    return "overfits" if float(train.mean() - validation.mean()) > missing else "underfits"


def importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    repeats: int = 10,
    scoring: str | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Return how much the score falls when each input is shuffled, largest first, on rows the estimator has not seen.

    Use it to see what a fitted model relies on. Inputs that tell the same share the fall, so that each may look unimportant.

    Parameters
    ----------
    estimator : fitted estimator of scikit-learn or lossmith
    X : array of shape (n_samples, n_features)
    y : array of shape (n_samples,)
    names : sequence of str, optional
        Names of the inputs; x0, x1, ... if not given.
    repeats : int
        How often each input is shuffled.
    scoring : str, optional
        A scorer of scikit-learn; the estimator's own `score` if not given.
    seed : int
        Draws the shuffles.

    Raises
    ------
    ShapeError
        Another number of names than of inputs.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> importance(LinearRegression().fit(X, X[:, 1]), X, X[:, 1])["input"].to_list()
    ['x1', 'x0']
    """
    from sklearn.inspection import permutation_importance

    found = permutation_importance(estimator, X, y, n_repeats=repeats, random_state=seed, scoring=scoring)
    labels = [f"x{place}" for place in range(len(found.importances_mean))] if names is None else list(names)
    if len(labels) != len(found.importances_mean):
        raise ShapeError(f"{len(labels)} names", expected=f"{len(found.importances_mean)}, one for each input")
    table = pl.DataFrame({"input": labels, "importance": found.importances_mean, "deviation": found.importances_std})
    return table.sort("importance", descending=True)


def partial_dependence(estimator: Any, X: Any, *, column: int, points: int = 50) -> pl.DataFrame:
    """Return the mean prediction while one input moves over its range (5 % to 95 %) and the others stay as they are.

    Use it to see the direction and the shape of an input's influence on a fitted `estimator`; inputs that move together make it misleading.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.arange(20.0)[:, None]
    >>> shown = partial_dependence(LinearRegression().fit(X, 2 * X[:, 0]), X, column=0, points=3)
    >>> shown["prediction"].diff().drop_nulls().n_unique() <= 2
    True
    """
    from sklearn import inspection

    found = inspection.partial_dependence(estimator, X, [column], grid_resolution=points, kind="average")
    return pl.DataFrame({"value": found["grid_values"][0], "prediction": found["average"][0]})


def adjusted_r2(r2: float, *, n_samples: int, n_features: int) -> float:
    r"""Return $1 - (1 - R^2) (n - 1) / (n - p - 1)$: R2 with a price for every input. It may be negative.

    Here `r2` is the share of variance that is explained, as `r2_score` gives it.

    Raises
    ------
    InvalidInputError
        No more rows than inputs and one.

    Examples
    --------
    >>> round(adjusted_r2(0.05, n_samples=10, n_features=5), 2)
    -1.14
    """
    if n_samples <= n_features + 1:
        raise InvalidInputError(
            f"{n_samples} rows and {n_features} inputs", expected="more rows than inputs and one", advice="add rows"
        )
    return 1.0 - (1.0 - r2) * (n_samples - 1) / (n_samples - n_features - 1)


def fairness(target: Any, predicted: Any, group: Any) -> pl.DataFrame:
    """Return selection rate, recall and false positive rate of each group of a protected column, and their gaps.

    Use it on test rows, before a model decides about people.

    The last two lines hold the difference and the ratio of the extremes: demographic parity reads the column
    `selection_rate`, disparate impact its ratio, equalised odds the other two. Needs the extra `fairness`.

    Parameters
    ----------
    target, predicted : arrays of 0 and 1, shape (n_samples,)
    group : array of shape (n_samples,)

    Raises
    ------
    MissingExtraError
        fairlearn is not installed.
    ShapeError, InvalidInputError
        Arrays of different lengths, classes other than 0 and 1.

    Examples
    --------
    >>> found = fairness([1, 0, 1, 0], [1, 0, 1, 1], ["a", "a", "b", "b"])
    >>> found.select("group", "selection_rate").rows()
    [('a', 0.5), ('b', 1.0), ('difference', 0.5), ('ratio', 0.5)]
    """
    try:
        from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate
    except ImportError as error:
        raise MissingExtraError(
            "fairlearn is not installed", expected="the extra `fairness`", advice="pip install 'lossmith[fairness]'"
        ) from error
    y, p, g = np.asarray(target), np.asarray(predicted), np.asarray(group)
    if y.shape != p.shape or y.shape != g.shape or y.ndim != 1:
        raise ShapeError(f"shapes {y.shape}, {p.shape} and {g.shape}", expected="one entry for each row")
    if not np.isin(np.concatenate([y, p]), (0, 1)).all():
        raise InvalidInputError("classes other than 0 and 1", expected="0 and 1, 1 the favourable outcome")
    parts = {
        "rows": count,
        "selection_rate": selection_rate,
        "recall": true_positive_rate,
        "false_positive_rate": false_positive_rate,
    }
    frame = MetricFrame(metrics=parts, y_true=y, y_pred=p, sensitive_features=g)
    lines = [{"group": str(name), **{key: float(row[key]) for key in parts}} for name, row in frame.by_group.iterrows()]
    rates = [key for key in parts if key != "rows"]
    for label, found in (("difference", frame.difference()), ("ratio", frame.ratio())):
        lines.append({"group": label, "rows": None, **{key: float(found[key]) for key in rates}})
    return pl.DataFrame(lines, infer_schema_length=None)
