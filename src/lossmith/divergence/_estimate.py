"""Divergences from samples: the estimators, their intervals by subsampling, and when they cannot be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossmith._checks import Finding
from lossmith._errors import InvalidInputError, ShapeError
from lossmith.divergence._estimators import ESTIMATORS
from lossmith.divergence._findings import CHECKS
from lossmith.divergence._given import Pmf, Samples
from lossmith.divergence._inputs import nats_per
from lossmith.divergence._law import Law
from lossmith.divergence._measurement import Contributions, Measurement
from lossmith.divergence._neighbours import centred, entropy_curve, neighbour_kl, spread_ties, whitened
from lossmith.divergence._sample_methods import atoms, binned, bound, by_kernels, from_counts, log_ratios
from lossmith.divergence._spec import Divergence

__all__ = ["measure_samples"]

# the extrapolations over k with the full and with half the exponent may differ by this share of the standard error
_ALLOWED = 0.75
_HALVES, _PARTS = 40, 16
_LEAST = 10  # rows below which no interval is promised
_FEW = 2000
# of more features than this the mean is taken over at most so many rows: search is slow there, and bias the larger part of the error
_WIDE, _PLACES = 5, 20_000
_DRAWS, _CELLS = 200, 2**20  # halves of counted samples, and how many of their cells are held at once


@dataclass(frozen=True, slots=True)
class _Found:
    value: float
    error: float
    low: float
    high: float
    gives: str
    findings: tuple[Finding, ...] = ()
    contributions: Contributions | None = None
    explanation: str = ""


def measure_samples(
    one: Pmf | Samples | Law,
    two: Pmf | Samples | Law,
    record: Divergence,
    *,
    unit: str,
    level: float,
    seed: int,
    method: str = "auto",
) -> Measurement:
    """Return the divergence between two samples, or of a law from a sample.

    Raises
    ------
    InvalidInputError
        A divergence or a pair of inputs without an estimator.
    ShapeError
        Different numbers of features.
    """
    if isinstance(one, Samples) and isinstance(two, Law):
        return _against_law(one, two, record, unit=unit, level=level, seed=seed)
    if not (isinstance(one, Samples) and isinstance(two, Samples)):
        raise InvalidInputError(
            f"a {type(one).__name__} and a {type(two).__name__}",
            expected="two samples, or a sample and a law in this order",
            advice="count the outcomes and pass Pmf(..., given='counts'), or draw a sample from the law",
        )
    x, y = one.checked("p"), two.checked("q")
    if x.shape[1] != y.shape[1]:
        raise ShapeError(f"samples with {x.shape[1]} and {y.shape[1]} features", expected="the same features")
    labels = one.name or "p", two.name or "q"
    if x.shape == y.shape and np.array_equal(np.sort(x.ravel()), np.sort(y.ravel())) and _same_rows(x, y):
        finding = CHECKS["LS608"].found(", ".join(labels), f"{len(x)} rows, all in both samples")
        found = _Found(0.0, 0.0, 0.0, 0.0, "interval", (finding,), explanation="both samples are the same rows")
        return _recorded(found, record, labels, "same rows", unit, level, len(x) + len(y))
    name, x, y, findings = _chosen(x, y, record, method, seed, labels)
    fewest = min(len(x), len(y))
    if fewest < _LEAST and name not in ("counts", "histogram", "nearest_neighbours"):
        raise InvalidInputError(f"{fewest} rows for {name}", expected=f"at least {_LEAST} on both sides")
    found = _estimated(x, y, record, name, level, seed, labels)
    far = found.value > _most(x, y) and record.name in _KL_LIKE
    if (far or fewest < _LEAST) and not found.findings:
        evidence = _too_far(found.value, x, y) if far else f"{fewest} rows say next to nothing"
        findings = (*findings, CHECKS["LS603"].found(", ".join(labels), evidence))
        found = replace(found, gives="estimate")
    found = replace(found, findings=(*findings, *found.findings))
    how = name.replace("_", " ") if record.relabelling else "empirical distributions"
    return _recorded(found, record, labels, how, unit, level, len(x) + len(y))


def _same_rows(x: np.ndarray, y: np.ndarray) -> bool:
    return bool(np.array_equal(x[np.lexsort(x.T)], y[np.lexsort(y.T)]))


def _chosen(
    x: np.ndarray, y: np.ndarray, record: Divergence, method: str, seed: int, labels: tuple[str, str]
) -> tuple[str, np.ndarray, np.ndarray, tuple[Finding, ...]]:
    """Return the estimator to use, the samples it works on, and what was found about ties."""
    pooled = np.concatenate([x, y])
    different = len(np.unique(pooled, axis=0))
    repeated = 1 - different / len(pooled)
    if method == "auto":
        name = "counts" if repeated > 0.5 else "nearest_neighbours"
        if not record.relabelling:
            name = "counts"
        elif name == "nearest_neighbours" and record.name not in _KL_LIKE:
            name = "histogram"
    else:
        name = ESTIMATORS[method].name
    if name != "nearest_neighbours" or repeated == 0:
        findings: tuple[Finding, ...] = ()
        if name == "counts" and method == "auto" and record.relabelling:
            findings = (
                CHECKS["LS604"].found(", ".join(labels), f"{different} different rows of {len(pooled)}: counted"),
            )
        return name, x, y, findings
    # about their middle: rows far from 0 would be rounded to equal ones again
    pooled, _ = spread_ties(np.concatenate(centred(x, y)), np.random.default_rng(seed))
    evidence = f"{repeated:.1%} of the rows repeat: spread at random over half a step"
    return name, pooled[: len(x)], pooled[len(x) :], (CHECKS["LS604"].found(", ".join(labels), evidence),)


_KL_LIKE = ("kl_divergence", "reverse_kl_divergence", "jeffreys_divergence")


def _estimated(
    x: np.ndarray, y: np.ndarray, record: Divergence, name: str, level: float, seed: int, labels: tuple[str, str]
) -> _Found:
    if not record.relabelling:
        return _distances(x, y, record, level, seed)
    if name in ("counts", "histogram"):
        return _counted(x, y, record, name, level, seed)
    if record.name not in _KL_LIKE:
        raise InvalidInputError(
            f"{record.name} by {name}", expected="kl_divergence, reverse or Jeffreys", advice="use method='histogram'"
        )
    if name == "nearest_neighbours":
        return _neighbours(x, y, record, level, seed, labels)
    if record.name == "jeffreys_divergence":
        raise InvalidInputError(f"{record.name} by {name}", expected="one direction at a time")
    x, y = (y, x) if record.name == "reverse_kl_divergence" else (x, y)
    return _simple(x, y, name, level, seed)


def _neighbours(
    x: np.ndarray, y: np.ndarray, record: Divergence, level: float, seed: int, labels: tuple[str, str]
) -> _Found:
    x, y = whitened(*centred(x, y))
    ways = {
        "kl_divergence": ((0, 1),),
        "reverse_kl_divergence": ((1, 0),),
        "jeffreys_divergence": ((0, 1), (1, 0)),
    }[record.name]

    generator = np.random.default_rng(seed)

    def both(a: np.ndarray, b: np.ndarray, share: int = 1) -> tuple[float, float]:
        places = _PLACES // share if x.shape[1] > _WIDE else None
        found = [neighbour_kl((a, b)[i], (a, b)[j], places=places, generator=generator) for i, j in ways]
        return math.fsum(one.value for one in found), math.fsum(one.slower for one in found)

    value, slower = both(x, y)
    # a part takes its share of the places too, so that the spread of parts holds the noise of drawing them
    error, degrees = _subsampled(lambda a, b: both(a, b, _PARTS)[0], x, y, seed)
    findings: tuple[Finding, ...] = ()
    if abs(value - slower) > _ALLOWED * error or value > _most(x, y):
        reason = f"{value:.3g} or {slower:.3g} nats, by how the bias is extrapolated"
        reason = _too_far(value, x, y) if value > _most(x, y) else reason
        findings = (CHECKS["LS603"].found(", ".join(labels), reason),)
    low, high = _ends(value, error, degrees, level)
    return _Found(max(0.0, value), error, low, high, "interval" if not findings else "estimate", findings)


def _most(x: np.ndarray, y: np.ndarray) -> float:
    """Return the divergence up to which samples of this size carry evidence: no lower bound can exceed log n."""
    return 0.5 * math.log(min(len(x), len(y)))


def _too_far(value: float, x: np.ndarray, y: np.ndarray) -> str:
    return f"{value:.3g} nats from {min(len(x), len(y))} draws"


def _ends(value: float, error: float, degrees: int, level: float) -> tuple[float, float]:
    from scipy.special import stdtrit

    reach = float(stdtrit(degrees, 0.5 + level / 2)) * error
    return max(0.0, value - reach), max(0.0, value + reach)


def _subsampled(
    statistic: Callable[[np.ndarray, np.ndarray], float], x: np.ndarray, y: np.ndarray, seed: int
) -> tuple[float, int]:
    """Return the standard error of a statistic from subsamples, and its degrees of freedom."""
    error, degrees, _ = _subsamples(statistic, x, y, seed)
    return error, degrees


def _subsamples(
    statistic: Callable[[np.ndarray, np.ndarray], float], x: np.ndarray, y: np.ndarray, seed: int
) -> tuple[float, int, float]:
    """Return the standard error of a statistic from subsamples, its degrees of freedom, and its mean over them.

    Small samples are halved at random: the spread of halves about their mean is that of the whole. Large ones are cut into parts
    that share no row, which costs one more evaluation in all; their spread falls with the square root of the size.
    """
    generator = np.random.default_rng(seed)
    if min(len(x), len(y)) < _FEW:
        values = []
        for _ in range(_HALVES):
            half_x, half_y = (generator.permutation(len(side))[: max(2, len(side) // 2)] for side in (x, y))
            values.append(statistic(x[half_x], y[half_y]))
        return float(np.std(values, ddof=1)), _HALVES - 1, float(np.mean(values))
    order_x, order_y = generator.permutation(len(x)), generator.permutation(len(y))
    values = [
        statistic(x[part_x], y[part_y])
        for part_x, part_y in zip(np.array_split(order_x, _PARTS), np.array_split(order_y, _PARTS), strict=True)
    ]
    return float(np.std(values, ddof=1)) / math.sqrt(_PARTS), _PARTS - 1, float(np.mean(values))


def _counted(x: np.ndarray, y: np.ndarray, record: Divergence, name: str, level: float, seed: int) -> _Found:
    one, two, places = atoms(x, y) if name == "counts" else binned(x, y, None)
    value = float(from_counts(record, one, two, "add_half"))
    generator = np.random.default_rng(seed)
    # counts are all there is: draws of half as many rows are draws of halved counts
    most = max(1, _CELLS // one.size)
    values = np.concatenate(
        [
            from_counts(record, _halved(generator, one, most, done), _halved(generator, two, most, done), "add_half")
            for done in range(0, _DRAWS, most)
        ]
    )
    # the plug-in estimate is too large by about the same again as the halves are larger than the whole
    bias = float(np.mean(values)) - value
    error = float(np.std(values, ddof=1))
    corrected = max(0.0, value - bias)
    low, high = _ends(corrected, error, len(values) - 1, level)
    terms = record.terms(**record.configuration) if record.terms else None
    parts = None
    if terms is not None:
        from lossmith.divergence._pair import Pair
        from lossmith.divergence._smoothing import probabilities

        p, q = (probabilities(side, smoothing="add_half") for side in (one, two))
        parts = Contributions(tuple(places), p, q, np.asarray(terms(Pair(np, p, q))))
    # where most values are seen once, what was not seen matters more than what was
    often = len(places) <= 0.2 * min(len(x), len(y)) + 2
    gives = "interval" if name == "counts" and often else "estimate"
    return _Found(
        corrected,
        error,
        low,
        high,
        gives,
        contributions=parts,
        explanation=f"{len(places)} {'values' if name == 'counts' else 'bins'}, add-1/2 smoothing",
    )


def _halved(generator: np.random.Generator, counts: np.ndarray, most: int, done: int) -> np.ndarray:
    """Return the counts of halves of a sample, as many as are still wanted, drawn without replacement."""
    return generator.multivariate_hypergeometric(counts, counts.sum() // 2, size=min(most, _DRAWS - done))


def _distances(x: np.ndarray, y: np.ndarray, record: Divergence, level: float, seed: int) -> _Found:
    from scipy import stats

    if x.shape[1] > 1:
        raise InvalidInputError(f"{record.name} of {x.shape[1]} features", expected="one feature")
    function = stats.wasserstein_distance if record.name == "wasserstein_distance" else stats.energy_distance

    def statistic(a: np.ndarray, b: np.ndarray) -> float:
        return float(function(a[:, 0], b[:, 0]))

    value = statistic(x, y)
    error, degrees, mean = _subsamples(statistic, x, y, seed)
    # a distance of samples is too large by about c / sqrt(n), which smaller ones show
    growth = math.sqrt(2.0 if degrees == _HALVES - 1 else _PARTS) - 1
    low, _ = _ends(value - max(0.0, mean - value) / growth, error, degrees, level)
    if low > 0 and not _exceeds_chance(statistic, x, y, value, level, seed):
        low = 0.0
    _, high = _ends(value, error, degrees, level)
    return _Found(value, error, low, high, "interval")


def _exceeds_chance(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    x: np.ndarray,
    y: np.ndarray,
    value: float,
    level: float,
    seed: int,
) -> bool:
    """Return whether a statistic is larger than in every one of so many random divisions of the pooled rows that chance is excluded."""
    generator, pooled = np.random.default_rng([seed, 1]), np.concatenate([x, y])
    for _ in range(min(999, math.ceil(2 / (1 - level)) - 1)):
        order = generator.permutation(len(pooled))
        if statistic(pooled[order[: len(x)]], pooled[order[len(x) :]]) >= value:
            return False
    return True


def _simple(x: np.ndarray, y: np.ndarray, name: str, level: float, seed: int) -> _Found:
    x, y = whitened(*centred(x, y))
    if name == "kernel_density":
        value = by_kernels(x, y)
        error, degrees = _subsampled(by_kernels, x, y, seed) if len(x) < _FEW else (math.nan, 1)
        low, high = _ends(value, error, degrees, level) if math.isfinite(error) else (math.nan, math.nan)
        return _Found(
            max(0.0, value), error, low, high, "estimate", explanation="kernel densities read low in far tails"
        )
    ratio = log_ratios(x, y, seed=seed)
    if name == "classifier":
        error = float(np.std(ratio.at_x, ddof=1)) / math.sqrt(len(x))
        value = float(np.mean(ratio.at_x))
        explanation = "the mean log-ratio that a held-out classifier sees"
    else:
        value, error = bound(ratio, name)
        explanation = "a lower bound, estimated on held-out rows"
    low, high = _ends(value, error, len(x) - 1, level)
    return _Found(max(0.0, value), error, low, high, "estimate", explanation=explanation)


def _against_law(one: Samples, law: Law, record: Divergence, *, unit: str, level: float, seed: int) -> Measurement:
    x = one.checked("p")
    labels = one.name or "p", law.label
    if record.name != "kl_divergence" or law.kind == "discrete" or law.dimension != x.shape[1]:
        raise InvalidInputError(
            f"{record.name} of a sample with {x.shape[1]} features and {law.label}",
            expected="the Kullback-Leibler divergence of a density in as many dimensions from the sample",
            advice="count the outcomes (Pmf), or draw a sample from the law",
        )

    generator = np.random.default_rng(seed)

    def statistic(a: np.ndarray, _: np.ndarray, share: int = _PARTS) -> float:
        logs = law.log_density(a if law.kind == "multivariate" else a[:, 0])
        places = _PLACES // share if x.shape[1] > _WIDE else None
        return -entropy_curve(a, places=places, generator=generator).value - float(np.mean(logs))

    if len(x) < _LEAST or np.ptp(x, axis=0).max() == 0:
        raise InvalidInputError(f"{len(x)} rows of {labels[0]}", expected=f"at least {_LEAST} rows that vary")
    x, repeated = spread_ties(x, np.random.default_rng(seed))
    value = statistic(x, x, 1)
    if math.isinf(value):
        explanation = f"infinite: {labels[0]} has rows where {law.label} has no density"
        found = _Found(
            value,
            0.0,
            value,
            value,
            "interval",
            (CHECKS["LS601"].found(", ".join(labels), explanation),),
            None,
            explanation,
        )
        return _recorded(found, record, labels, "nearest neighbours", unit, level, len(x))
    error, degrees = _subsampled(statistic, x, x, seed)
    low, high = _ends(value, error, degrees, level)
    ties = (
        (CHECKS["LS604"].found(labels[0], f"{repeated:.1%} of the rows repeat: spread at random"),)
        if repeated > 0
        else ()
    )
    found = _Found(max(0.0, value), error, low, high, "interval" if repeated < 0.5 else "estimate", ties)
    return _recorded(found, record, labels, "nearest neighbours", unit, level, len(x))


def _recorded(
    found: _Found, record: Divergence, labels: tuple[str, str], method: str, unit: str, level: float, n: int
) -> Measurement:
    size = nats_per(unit) if record.unit else 1.0
    exactness: Any = found.gives
    return Measurement(
        str(record), found.value / size, unit if record.unit else "", *labels, record.symmetric, method, exactness, found.error / size,
        found.low / size, found.high / size, level, n, found.explanation, found.contributions, found.findings,
    )  # fmt: skip
