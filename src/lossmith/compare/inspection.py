"""The checks themselves: functions of plain numbers that return a finding, or None.

Each fires on evidence it can show; `lossmith.compare.examination` puts them to a whole comparison.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lossmith._checks import Finding
from lossmith.compare._spec import Difference, Estimate
from lossmith.compare.checks import CHECKS
from lossmith.compare.metrics import IMBALANCED, Metric

__all__ = [
    "calibrated_margin",
    "collapsed",
    "constant_not_beaten",
    "diverged",
    "duplicate_rows",
    "edge_of_grid",
    "few_test_rows",
    "imbalance",
    "indistinguishable",
    "label_noise",
    "metric_separates_little",
    "metric_unfit",
    "model_not_beaten",
    "not_converged",
    "outside_domain",
    "published_protocol",
    "revealing_feature",
    "same_gradient",
    "shared_split",
    "too_few_seeds",
    "undecided",
]

Array = npt.NDArray[Any]

FEW_SEEDS = 5
STILL_FALLING = 0.02  # share of the whole way that a curve must still make in its last tenth
LITTLE = 0.25  # share of the room above the majority class
REVEALING = 0.99  # area under the ROC curve of one column

# what each metric is optimised by; where two differ, the better loss may lose
_REWARDS = {
    "root_mean_squared_error": "mean",
    "mean_squared_error": "mean",
    "r2": "mean",
    "mean_poisson_deviance": "mean",
    "mean_absolute_error": "median",
}


def outside_domain(loss: str, share: float | None, *, interval: str = "") -> Finding | None:
    """LS101: a share of the encoded targets lies outside the loss's domain."""
    if not share:
        return None
    inside = f" of {interval}" if interval else " of its domain"
    return CHECKS["targets-outside-domain"].found(loss, f"{_percent(share)} of the targets lie outside{inside}")


def metric_unfit(loss: str, metric: Metric, *, gives: str, elicits: str) -> Finding | None:
    """LS102: the judged metric rewards another functional than the loss, or needs a probability and gets a margin.

    Parameters
    ----------
    loss : str
    metric : Metric
    gives, elicits : str
        `Loss.head.gives` and `Loss.elicits`.
    """
    check = CHECKS["metric-unfit"]
    if gives == "score" and metric.needs == "probability":
        return check.found(loss, f"gives margins, and {metric.name} judges probabilities fitted to them")
    rewarded = _rewarded(metric)
    known = {"mean", "median", "quantile", "geometric mean", "mean and variance"}
    aims = "mean" if elicits == "mean and variance" else elicits
    if rewarded is None or elicits not in known or aims == rewarded:
        return None
    return check.found(loss, f"aims at the {aims}, and {metric.name} rewards the {rewarded}")


def diverged(loss: str, statuses: Sequence[str], *, seeds: Sequence[int] | None = None) -> Finding | None:
    """LS103: runs that ended in NaN."""
    return _failed("diverged-seed", loss, statuses, "diverged", "ended in NaN", seeds)


def collapsed(
    loss: str, statuses: Sequence[str], *, level: float | None = None, seeds: Sequence[int] | None = None
) -> Finding | None:
    """LS104: runs that predict one constant.

    Parameters
    ----------
    loss : str
    statuses : sequence of str
        "finished", "diverged" or "collapsed" for each seed, at its chosen rate.
    level : float, optional
        The metric at which they stand, such as 0.5.
    seeds : sequence of int, optional
        Numbers of the seeds; by default their places.

    Examples
    --------
    >>> collapsed("hinge", ["finished"] * 29 + ["collapsed"], level=0.5).line()
    'LS104 warning   hinge: 1 of 30 seeds never left 0.50 (seed 29)'
    """
    what = "predict one constant" if level is None else f"never left {level:.2f}"
    return _failed("collapsed-seed", loss, statuses, "collapsed", what, seeds)


def not_converged(loss: str, values: Array, *, epochs: int, lower: bool = True) -> Finding | None:
    """LS105: the curve still improves, by more than 2 % of its whole way in its last tenth and beyond the seeds' scatter.

    Parameters
    ----------
    loss : str
    values : ndarray of shape (n_seeds, n_points)
        A validation curve; NaN from where a seed stopped early, which counts as converged.
    epochs : int
        Epochs trained.
    lower : bool
        Whether lower is better.
    """
    curves = np.asarray(values, dtype=np.float64) * (1.0 if lower else -1.0)
    points = curves.shape[1]
    tail = max(points // 10, 1)
    going = curves[np.isfinite(curves[:, -2 * tail :]).all(axis=1)]
    if points < 10 or len(going) * 2 <= len(curves):
        return None
    gain = going[:, -2 * tail : -tail].mean(axis=1) - going[:, -tail:].mean(axis=1)
    start = np.nanmax(np.where(np.isfinite(going), going, np.nan), axis=1)
    way = float(np.mean(start - going[:, -tail:].mean(axis=1)))
    scatter = float(np.std(gain, ddof=1)) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0
    mean = float(gain.mean())
    if way <= 0.0 or mean <= STILL_FALLING * way or mean <= 3.0 * scatter:
        return None
    return CHECKS["not-converged"].found(
        loss,
        f"still improving at epoch {epochs}: {_percent(mean / way)} of the whole way in the last tenth",
        command=f"lossmith compare ... --epochs {2 * epochs}",
    )


def edge_of_grid(loss: str, rates: Mapping[float, int], tried: Sequence[float]) -> Finding | None:
    """LS106: more than half of the seeds chose the smallest or largest of the `tried` learning rates.

    Parameters
    ----------
    loss : str
    rates : mapping of float to int
        How often each rate was chosen.
    tried : sequence of float
    """
    total = sum(rates.values())
    if len(tried) < 2 or not total:
        return None
    for edge, word, wider in ((min(tried), "smallest", min(tried) / 3), (max(tried), "largest", max(tried) * 3)):
        count = rates.get(edge, 0)
        if 2 * count > total:
            grid = sorted({*tried, wider})
            return CHECKS["rate-at-edge"].found(
                loss,
                f"{count} of {total} seeds chose {edge:.3g}, the {word} rate tried",
                command="lossmith compare ... --learning-rates " + ",".join(f"{rate:.3g}" for rate in grid),
            )
    return None


def constant_not_beaten(
    loss: str, estimate: Estimate, *, name: str, baseline: float, direction: Literal["higher", "lower"]
) -> Finding | None:
    """LS107: the interval of a loss does not exclude the score of the constant prediction (`name`: majority or mean)."""
    if _beaten(estimate, baseline, direction):
        return None
    return CHECKS["constant-not-beaten"].found(
        loss, f"{_shown(estimate)} does not beat the {name} baseline at {baseline:.3g}"
    )


def model_not_beaten(
    estimate: Estimate, *, name: str, baseline: float, direction: Literal["higher", "lower"], linear: bool
) -> Finding | None:
    """LS108 and LS109: the best loss does not beat a linear model, or gradient boosting."""
    if math.isnan(baseline) or _beaten(estimate, baseline, direction):
        return None
    check = CHECKS["linear-not-beaten" if linear else "boosting-not-beaten"]
    return check.found("", f"the best loss reaches {_shown(estimate)}, {name} {baseline:.3g}")


def imbalance(class_counts: Sequence[int], class_names: Sequence[str]) -> Finding | None:
    """LS110: the largest class holds 75 % of the rows or more."""
    if not class_counts or max(class_counts) < IMBALANCED * sum(class_counts):
        return None
    place = int(np.argmax(class_counts))
    share = class_counts[place] / sum(class_counts)
    return CHECKS["imbalance"].found("", f"class {class_names[place]!r} holds {_percent(share)} of the rows")


def too_few_seeds(n_seeds: int) -> Finding | None:
    """LS111: fewer than five seeds."""
    if n_seeds >= FEW_SEEDS:
        return None
    return CHECKS["too-few-seeds"].found(
        "", f"{n_seeds} seed{'s' * (n_seeds != 1)} for each loss", command="lossmith compare ... --seeds 10"
    )


def indistinguishable(losses: Sequence[str], *, reference: str, margin: float, metric: str) -> Finding | None:
    """LS112: losses that are equivalent to the reference.

    Examples
    --------
    >>> indistinguishable(["focal"], reference="hinge", margin=0.01, metric="accuracy").line()
    'LS112 info      focal and hinge cannot be told apart here: within 0.01 accuracy'
    """
    if not losses:
        return None
    return CHECKS["indistinguishable"].found(
        "", f"{_listed([*losses, reference])} cannot be told apart here: within {margin:.2g} {metric}"
    )


def same_gradient(loss: str, partner: str | None) -> Finding | None:
    """LS113: the loss was trained once together with its `partner`."""
    if partner is None:
        return None
    return CHECKS["same-gradient"].found(loss, f"has the gradient of {partner} on these targets; trained once for both")


def calibrated_margin(losses: Sequence[str]) -> Finding | None:
    """LS114: losses whose probabilities come from scaling on validation rows."""
    if not losses:
        return None
    return CHECKS["calibrated-margin"].found("", f"probabilities of {_listed(losses)} were fitted on validation rows")


def metric_separates_little(best: float, majority: float) -> Finding | None:
    """LS115: the best accuracy uses less than a quarter of the room above the majority class.

    Examples
    --------
    >>> metric_separates_little(0.905, 0.883).evidence
    'best accuracy 0.905, majority class 0.883: a gain of 0.022 of the 0.117 there is'
    """
    room, gain = 1.0 - majority, best - majority
    if math.isnan(best) or gain >= LITTLE * room:
        return None
    return CHECKS["metric-separates-little"].found(
        "",
        f"best accuracy {best:.3f}, majority class {majority:.3f}: a gain of {gain:.3f} of the {room:.3f} there is",
    )


def shared_split(shared: bool, *, resampled: bool) -> Finding | None:
    """LS116: one split for every seed; `resampled` says whether the intervals cover the test rows."""
    if not shared:
        return None
    covered = "intervals cover seeds and test rows" if resampled else "intervals cover the seeds alone"
    return CHECKS["shared-split"].found("", f"one split for every seed; {covered}")


def label_noise(rate: float) -> Finding | None:
    """LS117: labels were replaced at random."""
    if not rate:
        return None
    return CHECKS["label-noise"].found("", f"{_percent(rate)} of the training and validation labels were replaced")


def duplicate_rows(train: Array, test: Array) -> Finding | None:
    """LS118: more than 1 % of the test rows occur among the training rows, feature by feature.

    Parameters
    ----------
    train, test : ndarray of shape (n_rows, n_features)
        Encoded inputs.
    """
    if not len(test) or not len(train):
        return None
    known = {row.tobytes() for row in np.ascontiguousarray(train)}
    count = sum(row.tobytes() in known for row in np.ascontiguousarray(test.astype(train.dtype, copy=False)))
    if count <= 0.01 * len(test):
        return None
    return CHECKS["duplicate-rows"].found("", f"{count} of {len(test)} test rows also occur among the training rows")


def revealing_feature(inputs: Array, target: Array, names: Sequence[str]) -> Finding | None:
    """LS119: one column alone orders two classes with an area under the ROC curve of 0.99 or more.

    Parameters
    ----------
    inputs : ndarray of shape (n_rows, n_features)
    target : ndarray of shape (n_rows,)
        0 and 1.
    names : sequence of str
        Of the columns.
    """
    from lossmith.compare._classification_metrics import roc_auc

    target = np.asarray(target)
    if len(inputs) < 50 or not 0 < target.sum() < len(target):
        return None
    areas = roc_auc(np.asarray(inputs, dtype=np.float64).T, target)
    strength = np.abs(np.nan_to_num(areas, nan=0.5) - 0.5) + 0.5
    place = int(strength.argmax())
    if strength[place] < REVEALING:
        return None
    return CHECKS["revealing-feature"].found(
        str(names[place]), f"alone orders the classes with an area under the ROC curve of {strength[place]:.3f}"
    )


def published_protocol(protocol: str) -> Finding | None:
    """LS120: the comparison repeats the sources' protocol."""
    return CHECKS["published-protocol"].found("", "repeats published numbers") if protocol == "published" else None


def undecided(differences: Mapping[str, Difference | None], *, n_seeds: int) -> Finding | None:
    """LS121: losses that are undecided, with the price of a decision."""
    open_ones = {loss: found for loss, found in differences.items() if found and found.verdict == "undecided"}
    if not open_ones:
        return None
    prices = [found.seeds_needed for found in open_ones.values() if found.seeds_needed is not None]
    text = f"{_listed(list(open_ones))} after {n_seeds} seeds"
    if len(prices) < len(open_ones):
        text += "; more seeds would not settle " + (
            "all of them" if prices else "it" if len(open_ones) == 1 else "them"
        )
    command = f"lossmith compare ... --seeds {max(prices)}" if prices else ""
    return CHECKS["undecided"].found("", text, command=command)


def few_test_rows(n_test: int, *, margin: float) -> Finding | None:
    """LS122: the margin, as a share, is less than one test row."""
    if margin * n_test >= 1.0:
        return None
    return CHECKS["few-test-rows"].found(
        "", f"{n_test} test rows: one row is {1.0 / n_test:.2g} of them, the margin {margin:.2g}"
    )


def _failed(
    check: str, loss: str, statuses: Sequence[str], status: str, what: str, seeds: Sequence[int] | None
) -> Finding | None:
    numbers = list(range(len(statuses))) if seeds is None else list(seeds)
    failed = [number for number, each in zip(numbers, statuses, strict=True) if each == status]
    if not failed:
        return None
    shown = ", ".join(map(str, failed[:5])) + (", ..." if len(failed) > 5 else "")
    return CHECKS[check].found(
        loss, f"{len(failed)} of {len(statuses)} seeds {what} (seed{'s' * (len(failed) > 1)} {shown})"
    )


def _rewarded(metric: Metric) -> str | None:
    if metric.name == "pinball":
        return "median" if metric.parameters["quantile"] == 0.5 else "quantile"
    return _REWARDS.get(metric.name)


def _beaten(estimate: Estimate, baseline: float, direction: str) -> bool:
    return estimate.low > baseline if direction == "higher" else estimate.high < baseline


def _shown(estimate: Estimate) -> str:
    return f"{estimate.mean:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _percent(share: float) -> str:
    return f"{100.0 * share:.2g} %" if share < 0.1 else f"{100.0 * share:.0f} %"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
