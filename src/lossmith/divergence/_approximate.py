"""`approximate`: which model is closest to a distribution, counts or a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from lossmith._checks import Finding
from lossmith._errors import InvalidInputError
from lossmith.divergence import _terms
from lossmith.divergence._approximation import Approximation, Candidate
from lossmith.divergence._candidates import CANDIDATES, CandidateFamily, Points, fitted, log_density, minimised
from lossmith.divergence._findings import CHECKS
from lossmith.divergence._given import Pmf, Samples, resolved
from lossmith.divergence._neighbours import entropy_curve
from lossmith.divergence._pair import Pair

__all__ = ["WORMS", "Known", "approximate", "read"]

# the teeth of a hundred worms, 0 to 10
WORMS = Pmf((2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7), given="counts", name="worms")

_FOLDS = 10
_MOST_ROWS = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Data to be approximated: places with weights, how many observations they are, and how often each was seen."""

    points: Points
    kind: Literal["discrete", "continuous"]
    name: str
    n: int | None
    counts: np.ndarray | None  # whole observations at each place


def approximate(
    data: Any,
    candidates: Sequence[str] | None = None,
    *,
    direction: Literal["forward", "reverse"] = "forward",
    level: float = 0.95,
    seed: int = 0,
) -> Approximation:
    r"""Return candidate models of some data, the closest first, with what the data can and cannot tell apart.

    Each family is fitted by minimum divergence: forward, D(data || model), which is maximum likelihood and covers
    everything the data show, or reverse, D(model || data), which stays where the data are. Observations are ranked by
    their held-out divergence (10 folds): a model is judged on rows it was not fitted to. A distribution that is known exactly is
    ranked by its divergence as it is.

    Parameters
    ----------
    data : distribution
        Probabilities (a vector or `Pmf`), counts (`Pmf(..., given="counts")`) or `Samples` of one feature.
    candidates : sequence of str or None
        Names in `CANDIDATES` (SciPy's names); all that fit the kind of data if None.
    direction : {"forward", "reverse"}
    level : float
        Confidence level of intervals.
    seed : int
        Of the folds; and of the 50,000 rows that are used of larger samples.

    Raises
    ------
    InvalidInputError
        No outcomes that are numbers; several features; no candidate applies.
    UnknownNameError
        No such family.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith.divergence import Samples
    >>> rows = Samples(np.random.default_rng(0).gamma(3.0, 2.0, size=2000))
    >>> approximate(rows, ["norm", "gamma", "expon"]).best.name
    'gamma'
    """
    if direction not in ("forward", "reverse"):
        raise InvalidInputError(f"direction={direction!r}", expected="'forward' or 'reverse'")
    if not 0 < level < 1:
        raise InvalidInputError(f"level={level!r}", expected="a number between 0 and 1")
    known = read(data, seed)
    families = [family for family in CANDIDATES.values() if family.kind == known.kind]
    if candidates is not None:
        families = [CANDIDATES[name] for name in candidates]
        wrong = [family.name for family in families if family.kind != known.kind]
        if wrong:
            raise InvalidInputError(f"{', '.join(wrong)} for {known.kind} data", expected=f"{known.kind} families")
    found = [_fit(family, known, direction) for family in families]
    losses = _held_out(families, found, known, direction, seed)
    return _ranked(known, families, found, losses, direction, level)


def read(data: Any, seed: int) -> Known:
    """Return data as places with weights: outcomes with shares, or rows.

    Raises
    ------
    InvalidInputError
        Outcomes that are no numbers; several features; one value only.
    """
    source = resolved(data, "data")
    if isinstance(source, Pmf):
        values, _, outcomes = source.checked("data")
        if not all(isinstance(outcome, int | float) for outcome in outcomes):
            raise InvalidInputError(
                f"outcomes such as {outcomes[0]!r}", expected="numbers", advice="number the outcomes"
            )
        places = np.asarray(outcomes, dtype=np.float64)
        counts = None
        if source.given == "counts":
            counts = np.asarray(source.values, dtype=np.float64)
            whole = bool(np.all(counts == np.round(counts)))
            counts = counts if whole else None
        n = None if counts is None else int(counts.sum())
        return Known(
            Points(places, values, float(places.min()), float(places.max())),
            "discrete",
            source.name or "data",
            n,
            counts,
        )
    if not isinstance(source, Samples):
        raise InvalidInputError(f"a {type(source).__name__}", expected="probabilities, counts or a sample")
    rows = source.checked("data")
    if rows.shape[1] != 1:
        raise InvalidInputError(f"a sample of {rows.shape[1]} features", expected="one feature")
    values = rows[:, 0]
    if values.size > _MOST_ROWS:
        values = np.random.default_rng(seed).permutation(values)[:_MOST_ROWS]
    name = source.name or "data"
    if values.min() == values.max():
        raise InvalidInputError(f"{name} with one value, {values[0]:g}", expected="values that vary")
    if np.all(values == np.round(values)) and np.unique(values).size < values.size / 2:
        places, seen = np.unique(values, return_counts=True)
        points = Points(places, seen / seen.sum(), float(places.min()), float(places.max()))
        return Known(points, "discrete", name, int(seen.sum()), seen.astype(np.float64))
    points = Points(values, np.full(values.size, 1 / values.size), float(values.min()), float(values.max()))
    return Known(points, "continuous", name, values.size, None)


def _bins(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Return inner edges of bins with equal shares, and the share of each (a sample seen as a table)."""
    count = max(5, math.ceil(2 * len(points.places) ** 0.4))
    edges = np.unique(np.quantile(points.places, np.linspace(0, 1, count + 1)[1:-1]))
    shares = np.bincount(np.searchsorted(edges, points.places, side="right"), minlength=edges.size + 1)
    return edges, (shares + 0.5) / (shares.sum() + 0.5 * shares.size)


def _reverse(frozen: Any, known: Known) -> float:
    """Return D(model || data): over the outcomes, or over bins of a sample."""
    if known.kind == "continuous":
        edges, shares = _bins(known.points)
        masses = np.diff(np.concatenate([[0.0], frozen.cdf(edges), [1.0]]))
        return _sum(masses, shares)
    masses = np.exp(log_density(frozen, "discrete", known.points.places))
    beyond = max(0.0, 1 - math.fsum(masses))
    if beyond > 1e-9:
        return math.inf
    return _sum(masses / math.fsum(masses), _smoothed(known))


def _smoothed(known: Known) -> np.ndarray:
    if known.counts is None:
        return known.points.weights
    return (known.counts + 0.5) / (known.counts.sum() + 0.5 * known.counts.size)


def _sum(p: np.ndarray, q: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.sum(_terms.kl(Pair(np, p, q))))


def _forward(frozen: Any, known: Known, entropy: float) -> float:
    logs = log_density(frozen, known.kind, known.points.places)
    used = known.points.weights > 0
    if known.kind == "discrete":
        masses = np.exp(logs)
        beyond = max(0.0, 1 - math.fsum(masses))
        return _sum(np.append(known.points.weights, 0.0), np.append(masses, beyond))
    return max(0.0, -float(known.points.weights[used] @ logs[used]) - entropy)


def _fit(family: CandidateFamily, known: Known, direction: str) -> tuple[tuple[float, ...], Any] | str:
    """Return the parameters and the frozen distribution, or why there is none."""
    from scipy import stats

    values = fitted(family, known.points)
    if values is None:
        return "the family cannot describe these values"
    if direction == "reverse" and family.parameters:
        values = _reverse_fit(family, known, values)
    if not all(math.isfinite(value) for value in values):
        return "no finite parameters"
    return values, family.freeze(stats, values, known.points)


def _reverse_fit(family: CandidateFamily, known: Known, forward: tuple[float, ...]) -> tuple[float, ...]:
    """Return the parameters of least reverse divergence: it has a minimum at every mode, so that several starts are needed."""
    starts = [forward]
    if "loc" in family.parameters:
        where, size = family.parameters.index("loc"), family.parameters.index("scale")
        for place in np.quantile(known.points.places, [0.1, 0.3, 0.5, 0.7, 0.9]):
            start = list(forward)
            start[where], start[size] = float(place), forward[size] / 4
            starts.append(tuple(start))

    def objective(model: Any) -> float:
        return _reverse(model, known)

    from scipy import stats

    found = [minimised(family, known.points, objective, start, rounds=1) for start in starts]
    values = [objective(family.freeze(stats, one, known.points)) for one in found]
    best = found[int(np.nanargmin(values))] if np.isfinite(values).any() else forward
    return minimised(family, known.points, objective, best)


def _held_out(
    families: list[CandidateFamily], found: list[Any], known: Known, direction: str, seed: int
) -> list[np.ndarray | None]:
    """Return, for each family, the held-out log-loss of every observation, or None where there are none to hold out."""
    if known.n is None or known.n < 2 * _FOLDS or direction == "reverse":
        return [None] * len(families)
    from scipy import stats

    points = known.points
    if known.counts is None:
        index = np.arange(known.n)
    else:
        index = np.repeat(np.arange(points.places.size), known.counts.astype(np.int64))
    folds = np.random.default_rng(seed).permutation(index.size) % _FOLDS
    losses: list[np.ndarray | None] = []
    for family, all_rows in zip(families, found, strict=True):
        if isinstance(all_rows, str):
            losses.append(None)
            continue
        loss = np.empty(index.size)
        for fold in range(_FOLDS):
            kept = np.bincount(index[folds != fold], minlength=points.places.size).astype(np.float64)
            part = _part(points, kept, known.kind)
            values = fitted(family, part, all_rows[0])
            if values is None:
                loss[:] = np.inf
                break
            frozen = family.freeze(stats, values, part)
            loss[folds == fold] = -log_density(frozen, known.kind, points.places[index[folds == fold]])
        losses.append(loss)
    return losses


def _part(points: Points, kept: np.ndarray, kind: str) -> Points:
    if kind == "discrete":
        # which outcomes are possible is part of the question, not of the sample
        return Points(points.places, kept / kept.sum(), points.low, points.high)
    places = points.places[kept > 0]
    return Points(places, np.full(places.size, 1 / places.size), float(places.min()), float(places.max()))


def _ranked(
    known: Known,
    families: list[CandidateFamily],
    found: list[Any],
    losses: list[np.ndarray | None],
    direction: str,
    level: float,
) -> Approximation:
    from scipy.special import stdtrit

    entropy = _entropy(known)
    raw = [
        _candidate(family, fit, loss, known, entropy, direction)
        for family, fit, loss in zip(families, found, losses, strict=True)
    ]
    order = sorted(
        range(len(raw)), key=lambda k: (isinstance(found[k], str), raw[k].divergence, families[k].parameters)
    )
    if not order or isinstance(found[order[0]], str):
        raise InvalidInputError(
            f"no candidate that can describe {known.name}", expected="a family with the right support"
        )
    best = order[0]
    reach = float(stdtrit(max((known.n or 2) - 1, 1), 0.5 + level / 2))
    candidates = []
    for rank, k in enumerate(order, start=1):
        one, loss, reference = raw[k], losses[k], losses[best]
        if isinstance(found[k], str):
            candidates.append(one)
            continue
        difference, spread, own = _score(one, loss) - _score(raw[best], reference), 0.0, 0.0
        if loss is not None and reference is not None and np.isfinite(loss).all():
            own = reach * float(np.std(loss, ddof=1)) / math.sqrt(loss.size)
            spread = reach * float(np.std(loss - reference, ddof=1)) / math.sqrt(loss.size)
        same = (
            k != best and loss is not None and math.isfinite(difference) and bool(difference - spread <= 1 / loss.size)
        )
        candidates.append(
            replace(
                one, rank=rank, low=max(0.0, one.divergence - own), high=one.divergence + own, difference=difference,
                difference_low=difference - spread, difference_high=difference + spread, indistinguishable=same,
            )
        )  # fmt: skip
    return _answered(known, tuple(candidates), direction, level)


def _score(one: Candidate, loss: np.ndarray | None) -> float:
    """Return what candidates are ranked by: the divergence, or the held-out loss, which differs from it by a constant."""
    return one.divergence if loss is None else float(np.mean(loss))


def _entropy(known: Known) -> float:
    """Return the entropy of the data, without the bias of counting where there are counts."""
    weights = known.points.weights
    if known.kind == "discrete":
        plug_in = -math.fsum(w * math.log(w) for w in weights if w > 0)
        # Miller and Madow
        return plug_in if known.n is None else plug_in + (np.count_nonzero(weights) - 1) / (2 * known.n)
    different = np.unique(known.points.places)
    return entropy_curve(different[:, None]).value


def _candidate(
    family: CandidateFamily, fit: Any, loss: np.ndarray | None, known: Known, entropy: float, direction: str
) -> Candidate:
    nan = math.nan
    if isinstance(fit, str):
        return Candidate(
            0, family.name, family.name, {}, None, nan, nan, nan, nan, nan, nan, nan, nan, False, nan, nan, nan, fit
        )
    values, frozen = fit
    forward, reverse = _forward(frozen, known, entropy), _reverse(frozen, known)
    divergence = reverse if direction == "reverse" else forward
    if loss is not None:
        divergence = max(0.0, float(np.mean(loss)) - entropy)
    likelihood = nan
    if known.n is not None:
        used = known.points.weights > 0
        likelihood = known.n * float(
            known.points.weights[used] @ log_density(frozen, known.kind, known.points.places[used])
        )
    free = len(family.parameters)
    parameters = dict(zip(family.parameters, values, strict=True))
    shown = ", ".join(f"{name}={value:.4g}" for name, value in parameters.items())
    note = ""
    if math.isinf(divergence):
        note = "held-out values lie outside the fitted support" if loss is not None else "mass where the data have none"
    return Candidate(
        0, family.name, f"{family.name}({shown})", parameters, frozen, divergence, divergence, divergence, forward, reverse, 0.0, 0.0, 0.0,
        False, 2 * free - 2 * likelihood, free * math.log(known.n or 1) - 2 * likelihood, _ks(frozen, known), note,
    )  # fmt: skip


def _ks(frozen: Any, known: Known) -> float:
    order = np.argsort(known.points.places, kind="stable")
    reached = np.cumsum(known.points.weights[order])
    model = np.asarray(frozen.cdf(known.points.places[order]))
    above = np.abs(reached - model)
    if known.kind == "discrete":
        return float(np.max(above))
    return float(max(np.max(above), np.max(np.abs(reached - known.points.weights[order] - model))))


def _answered(known: Known, candidates: tuple[Candidate, ...], direction: str, level: float) -> Approximation:
    best = candidates[0]
    alike = [one.name for one in candidates if one.indistinguishable]
    how = "held-out divergence" if math.isfinite(best.low) and best.high > best.low else "divergence"
    verdict = f"{best.label} is closest to {known.name}: {how} {best.divergence:.4g} nats"
    findings: tuple[Finding, ...] = ()
    if alike:
        verdict += f"; {', '.join(alike)} cannot be told from it"
        simplest = min((one for one in candidates if one.indistinguishable), key=lambda one: len(one.parameters))
        if len(simplest.parameters) < len(best.parameters):
            verdict += f", and {simplest.label} is the simplest"
        findings = (CHECKS["LS606"].found(known.name, f"{best.name} and {', '.join(alike)} at {level:.0%}"),)
    return Approximation(
        known.name,
        known.kind,
        known.n,
        direction,
        level,
        candidates,
        verdict,
        findings,
        known.points.places,
        known.points.weights,
    )
