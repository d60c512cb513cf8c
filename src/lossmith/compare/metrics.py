"""The catalogue of metrics: what a comparison may be judged by, apart from the losses themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy.typing as npt

from lossmith._catalogue import Catalogue
from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith.compare import _classification_metrics as classification
from lossmith.compare import _regression_metrics as regression

__all__ = ["METRICS", "Metric", "default_metric", "get", "measure"]

Direction = Literal["higher", "lower"]
Needs = Literal["class", "probability", "score", "value", "output"]
Array = npt.NDArray[Any]

CLASSIFICATION = ("binary", "multiclass")
REGRESSION = ("regression",)
IMBALANCED = 0.75  # share of the largest class from which accuracy misleads


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that says how good predictions are.

    Attributes
    ----------
    name : str
        Keras's name where Keras has the metric, otherwise scikit-learn's.
    tasks : tuple of str
        Of "regression", "binary", "multiclass".
    direction : {"higher", "lower"}
        Which is better.
    needs : {"class", "probability", "score", "value", "output"}
        Which prediction it takes; probabilities serve as scores. "output" is what the head gives, compared with the
        target as the loss encodes it: for metrics that were published that way.
    margin : float
        Differences up to it are equivalent: in units of the metric, or, if `relative`, as a share of the reference's value.
    relative : bool
    function : callable
        `function(prediction, target, **parameters) -> ndarray of shape (n_runs,)`.
    rows : callable or None
        The same arguments; numbers of shape `(n_runs, n_samples)` whose mean over the rows is the metric and whose
        spread over the rows gives its variance (exact for means, first-order expansion otherwise). None where there is none.
    formula : str
        LaTeX.
    when, reference : str
    unit : str
        "share", "nats", "target" (units of the target), "target squared" or "none".
    aliases : tuple of str
        Names in scikit-learn and Keras.
    parameters : mapping
        Parameters with their values; set with `configured`.
    always : bool
        Whether every comparison of its task shows it, or only one that asks for it.

    Examples
    --------
    >>> get("rmse").name, get("rmse").direction
    ('root_mean_squared_error', 'lower')
    >>> str(get("pinball").configured(quantile=0.9))
    'pinball:quantile=0.9'
    """

    name: str
    tasks: tuple[str, ...]
    direction: Direction
    needs: Needs
    margin: float
    function: Callable[..., Array]
    rows: Callable[..., Array] | None
    formula: str
    when: str
    reference: str
    relative: bool = False
    unit: str = "share"
    aliases: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    always: bool = True

    def __call__(self, prediction: Array, target: Array) -> Array:
        """Return the metric of every run, shape `(n_runs,)`."""
        return self.function(prediction, target, **self.parameters)

    def __str__(self) -> str:
        default = METRICS[self.name].parameters
        changed = {name: value for name, value in self.parameters.items() if value != default[name]}
        return self.name + (":" + ",".join(f"{name}={value:g}" for name, value in changed.items()) if changed else "")

    def contributions(self, prediction: Array, target: Array) -> Array:
        """Return numbers of shape `(n_runs, n_samples)` whose mean over the rows is the metric.

        Raises
        ------
        InvalidInputError
            The metric is no mean over rows, not even to first order.
        """
        if self.rows is None:
            raise InvalidInputError(
                f"{self.name} by rows", expected="a metric with row contributions", advice="judge by another metric"
            )
        return self.rows(prediction, target, **self.parameters)

    def oriented(self, values: Array) -> Array:
        """Return `values` with the sign that makes larger better."""
        return values if self.direction == "higher" else -values

    def margin_at(self, reference: float) -> float:
        """Return the half-width of the equivalence band around a `reference` value of the metric."""
        return self.margin * abs(reference) if self.relative else self.margin

    def configured(self, **values: float) -> Metric:
        """Return this metric with other values of its parameters.

        Raises
        ------
        UnknownNameError
            No parameter of that name.
        """
        for name in values:
            if name not in self.parameters:
                raise UnknownNameError(
                    f"{self.name} has no parameter {name!r}", advice=did_you_mean(name, self.parameters)
                )
        return replace(self, parameters={**self.parameters, **values})


METRICS: Catalogue[Metric] = Catalogue(
    "metric",
    [
        Metric(
            "accuracy", CLASSIFICATION, "higher", "class", 0.01,
            classification.accuracy, classification.accuracy_rows,
            r"\frac{1}{n} \sum_i [\hat{y}_i = y_i]",
            "Classes of about equal size.",
            "Japkowicz and Shah, Evaluating learning algorithms, 2011",
            aliases=("accuracy_score", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"),
        ),
        Metric(
            "balanced_accuracy", CLASSIFICATION, "higher", "class", 0.01,
            classification.balanced_accuracy, classification.balanced_accuracy_rows,
            r"\frac{1}{K} \sum_k \frac{1}{n_k} \sum_{i: y_i = k} [\hat{y}_i = k]",
            "Classes of different size that count the same.",
            "Brodersen and others, The balanced accuracy and its posterior distribution, 2010",
            aliases=("balanced_accuracy_score",),
        ),
        Metric(
            "roc_auc", CLASSIFICATION, "higher", "score", 0.01,
            classification.roc_auc, classification.roc_auc_rows,
            r"P(s^+ > s^-) + \frac{1}{2} P(s^+ = s^-)",
            "Classes of different size, or the order of the scores matters; several classes: mean of each against the rest.",
            "Hanley and McNeil, The meaning and use of the area under a ROC curve, 1982",
            aliases=("roc_auc_score", "roc_auc_ovr", "auc"),
        ),
        Metric(
            "log_loss", CLASSIFICATION, "lower", "probability", 0.02,
            classification.log_loss, classification.log_loss_rows,
            r"-\frac{1}{n} \sum_i \log p_i(y_i)",
            "Probabilities are used as such and confident mistakes are costly.",
            "Good, Rational decisions, 1952",
            relative=True, unit="nats", aliases=("neg_log_loss",),
        ),
        Metric(
            "brier_score", CLASSIFICATION, "lower", "probability", 0.02,
            classification.brier_score, classification.brier_rows,
            r"\frac{1}{n} \sum_i \sum_k (p_{ik} - [y_i = k])^2",
            "Probabilities are used as such; bounded, so one confident mistake does not decide.",
            "Brier, Verification of forecasts expressed in terms of probability, 1950",
            relative=True, unit="none", aliases=("brier_score_loss", "neg_brier_score", "brier"),
        ),
        Metric(
            "expected_calibration_error", CLASSIFICATION, "lower", "probability", 0.01,
            classification.expected_calibration_error, None,
            r"\sum_b \frac{n_b}{n} | \bar{o}_b - \bar{p}_b |",
            "Beside a proper score: whether probabilities are frequencies. 15 bins of equal width; top label for several classes.",
            "Guo and others, On calibration of modern neural networks, 2017",
            aliases=("ece",),
        ),
        Metric(
            "root_mean_squared_error", REGRESSION, "lower", "value", 0.02,
            regression.root_mean_squared_error, regression.root_mean_squared_rows,
            r"\sqrt{\frac{1}{n} \sum_i (\hat{y}_i - y_i)^2}",
            "The mean is wanted; large errors are costly.",
            "Gauss, Theoria combinationis observationum erroribus minimis obnoxiae, 1823",
            relative=True, unit="target", aliases=("rmse", "neg_root_mean_squared_error"),
        ),
        Metric(
            "mean_squared_error", REGRESSION, "lower", "value", 0.04,  # 2 % of its root
            regression.mean_squared_error, regression.squared_rows,
            r"\frac{1}{n} \sum_i (\hat{y}_i - y_i)^2",
            "As the root mean squared error, to compare with published numbers.",
            "Gauss, Theoria combinationis observationum erroribus minimis obnoxiae, 1823",
            relative=True, unit="target squared", aliases=("mse", "neg_mean_squared_error"),
        ),
        Metric(
            "mean_absolute_error", REGRESSION, "lower", "value", 0.02,
            regression.mean_absolute_error, regression.absolute_rows,
            r"\frac{1}{n} \sum_i |\hat{y}_i - y_i|",
            "The median is wanted, or outliers should not decide.",
            "Willmott and Matsuura, Advantages of the mean absolute error, 2005",
            relative=True, unit="target", aliases=("mae", "neg_mean_absolute_error"),
        ),
        Metric(
            "r2", REGRESSION, "higher", "value", 0.01,
            regression.r2, regression.r2_rows,
            r"1 - \sum_i (\hat{y}_i - y_i)^2 / \sum_i (y_i - \bar{y})^2",
            "Targets of different scale.",
            "Wright, Correlation and causation, 1921",
            unit="none", aliases=("r2_score",),
        ),
        Metric(
            "pinball", REGRESSION, "lower", "value", 0.02,
            regression.pinball, regression.pinball_rows,
            r"\frac{1}{n} \sum_i \max(\tau (y_i - \hat{y}_i), (\tau - 1)(y_i - \hat{y}_i))",
            "A quantile is wanted.", "Koenker and Bassett, Regression quantiles, 1978",
            relative=True, unit="target", aliases=("mean_pinball_loss", "pinball_loss"), parameters={"quantile": 0.5},
        ),
        Metric(
            "mean_poisson_deviance", REGRESSION, "lower", "value", 0.02,
            regression.mean_poisson_deviance, regression.poisson_deviance_rows,
            r"\frac{2}{n} \sum_i (y_i \log (y_i / \hat{y}_i) - y_i + \hat{y}_i)",
            "Counts.", "McCullagh and Nelder, Generalized linear models, 1989",
            relative=True, unit="none", aliases=("neg_mean_poisson_deviance",), always=False,
        ),
        Metric(
            "rounded_accuracy", ("binary",), "higher", "output", 0.01,
            classification.rounded_accuracy, None,
            r"\frac{1}{n} \sum_i [\operatorname{round}(o_i) = t_i]",
            "Never: it rounds a tanh output to -1, 0 or 1 and so counts small outputs of the right sign as wrong. It is "
            "here because Keras 2 printed it as accuracy, to reproduce published numbers.",
            "Keras issue 3372, Accuracy metric incorrect for hinge loss objective, 2016",
            always=False,
        ),
    ],
)  # fmt: skip


def get(name: str) -> Metric:
    """Return the metric of that name or alias, with parameters if given: `pinball:quantile=0.9`.

    Raises
    ------
    UnknownNameError
        No metric of that name; the closest are listed.
    InvalidInputError
        A parameter that is no number.

    Examples
    --------
    >>> get("neg_log_loss").name
    'log_loss'
    >>> dict(get("pinball:quantile=0.9").parameters)
    {'quantile': 0.9}
    """
    head, _, tail = name.partition(":")
    values = {}
    for part in filter(None, tail.split(",")):
        key, _, number = part.partition("=")
        try:
            values[key.strip()] = float(number)
        except ValueError:
            raise InvalidInputError(
                f"{part!r} of metric {head!r}", expected="name=number", advice="for example pinball:quantile=0.9"
            ) from None
    return METRICS[head].configured(**values) if values else METRICS[head]


def default_metric(task: str, class_counts: Sequence[int] = ()) -> Metric:
    """Return the metric to judge by: accuracy, ROC-AUC from a largest class of 75 %, RMSE for regression.

    Examples
    --------
    >>> default_metric("binary", [883, 117]).name
    'roc_auc'
    >>> default_metric("multiclass", [50, 50, 50]).name
    'accuracy'
    >>> default_metric("regression").name
    'root_mean_squared_error'
    """
    if task == "regression":
        return METRICS["root_mean_squared_error"]
    if not sum(class_counts):
        raise InvalidInputError(
            "a classification task without class counts", expected="rows of each class", advice="pass class_counts"
        )
    imbalanced = max(class_counts) >= IMBALANCED * sum(class_counts)
    return METRICS["roc_auc" if imbalanced else "accuracy"]


def measure(
    target: Array,
    *,
    task: str,
    value: Array | None = None,
    probability: Array | None = None,
    score: Array | None = None,
    metrics: Sequence[Metric] | None = None,
) -> dict[str, Array]:
    """Return every metric that these predictions allow, one number for each run.

    Parameters
    ----------
    target : ndarray of shape (n_samples,) or (n_runs, n_samples)
    task : {"regression", "binary", "multiclass"}
    value : ndarray of shape (n_runs, n_samples)
        Predicted values, for regression.
    probability, score : ndarray of shape (n_runs, n_samples) or (n_runs, n_samples, n_classes)
        For classification. Classes come from the scores where there are any (above 0, or the largest), otherwise from
        the probabilities (above 0.5, or the largest); so does the ROC-AUC.
    metrics : sequence of Metric
        Default: those of the task that every comparison shows.

    Returns
    -------
    dict of str to ndarray of shape (n_runs,)
        Metrics that need a prediction which is not given are left out.

    Examples
    --------
    >>> import numpy as np
    >>> numbers = measure(np.array([0, 1]), task="binary", score=np.array([[-1.0, 2.0]]))
    >>> {name: value.item() for name, value in numbers.items()}
    {'accuracy': 1.0, 'balanced_accuracy': 1.0, 'roc_auc': 1.0}
    """
    if metrics is None:
        metrics = [metric for metric in METRICS.values() if metric.always and task in metric.tasks]
    given = predictions(task=task, value=value, probability=probability, score=score)
    return {str(metric): metric(given[metric.needs], target) for metric in metrics if metric.needs in given}


def predictions(
    *, task: str, value: Array | None = None, probability: Array | None = None, score: Array | None = None
) -> dict[Needs, Array]:
    """Return what each kind of metric takes, derived from what there is; see `measure`."""
    given: dict[Needs, Array] = {}
    if value is not None:
        given["value"] = value
    if probability is not None:
        given["probability"] = probability
    ordering = score if score is not None else probability
    if ordering is not None:
        threshold = None if task == "multiclass" else (0.0 if score is not None else 0.5)
        given["score"] = ordering
        given["class"] = classification.predicted_classes(ordering, threshold=threshold)
    return given
