"""`approximate`: which model is closest to a distribution, counts or a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from lossmith._checks import Finding
from lossmith._errors import InvalidInputError
from lossmith.divergence import _terms
from lossmith.divergence._approximation import Approximation, Candidate
from lossmith.divergence._arguments import check_level, check_seed
from lossmith.divergence._candidates import CANDIDATES, CandidateFamily, fitted, log_density, minimised
from lossmith.divergence._findings import CHECKS
from lossmith.divergence._given import Pmf
from lossmith.divergence._held_out import Spread, drawn_again, held_out, spread_of_rows
from lossmith.divergence._known import Known, bins, entropy, read, shares
from lossmith.divergence._pair import Pair

__all__ = ["WORMS", "approximate"]

# the teeth of a hundred worms, 0 to 10
WORMS = Pmf((2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7), given="counts", name="worms")
# a model with more mass than this where the data have no outcome is infinitely far from them
_ELSEWHERE = 1e-9


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
    their held-out divergence (10 folds): a model is judged on rows it was not fitted to; in the reverse direction by the divergence of
    the fit, with an interval over draws of the data. A distribution that is known exactly is ranked by its divergence as it is.

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
    check_level(level)
    check_seed(seed)
    asked = None if candidates is None else [CANDIDATES[name] for name in candidates]
    known = read(data, seed)
    families = [family for family in CANDIDATES.values() if family.kind == known.kind]
    if asked is not None:
        families = asked
        wrong = [family.name for family in families if family.kind != known.kind]
        if wrong:
            raise InvalidInputError(f"{', '.join(wrong)} for {known.kind} data", expected=f"{known.kind} families")
    found = [_fit(family, known, direction) for family in families]
    spreads = _spreads(families, found, known, direction, seed)
    return _ranked(known, families, found, spreads, direction, level)


def _masses(frozen: Any, known: Known) -> tuple[np.ndarray, float]:
    """Return the masses of a model at the places of the data (in bins of a sample), and how much lies elsewhere."""
    if known.kind == "continuous":
        edges, _ = bins(known.points)
        return np.diff(np.concatenate([[0.0], frozen.cdf(edges), [1.0]])), 0.0
    masses = np.exp(log_density(frozen, "discrete", known.points.places))
    beyond = max(0.0, 1 - math.fsum(masses))
    return masses / math.fsum(masses), beyond


def _spreads(
    families: list[CandidateFamily], found: list[Any], known: Known, direction: str, seed: int
) -> list[Spread | None]:
    """Return what is known of every candidate's score: held-out rows, or draws of the data in the reverse direction."""
    if known.n is None:
        return [None] * len(families)
    if direction == "forward":
        return spread_of_rows(known, held_out(families, found, known, seed), seed)

    def over_tables(fit: Any) -> Any:
        masses, beyond = (None, 1.0) if isinstance(fit, str) else _masses(fit[1], known)
        if masses is None or beyond > _ELSEWHERE:
            return None
        return lambda tables: _sum(np.broadcast_to(masses, tables.shape), tables)

    if known.counts is not None:
        counts = known.counts
    else:
        edges, _ = bins(known.points)
        counts = np.bincount(np.searchsorted(edges, known.points.places, side="right"), minlength=edges.size + 1)
    return drawn_again(np.asarray(counts, dtype=np.float64), seed, [over_tables(fit) for fit in found])


def _reverse(frozen: Any, known: Known) -> float:
    """Return D(model || data): over the outcomes, or over bins of a sample."""
    masses, beyond = _masses(frozen, known)
    if beyond > _ELSEWHERE:
        return math.inf
    return float(_sum(masses, bins(known.points)[1] if known.kind == "continuous" else shares(known)))


def _sum(p: np.ndarray, q: np.ndarray) -> Any:
    with np.errstate(all="ignore"):
        return np.sum(_terms.kl(Pair(np, p, q)), axis=-1)


def _forward(frozen: Any, known: Known, own_entropy: float) -> float:
    logs = log_density(frozen, known.kind, known.points.places)
    used = known.points.weights > 0
    if known.kind == "discrete":
        masses = np.exp(logs)
        beyond = max(0.0, 1 - math.fsum(masses))
        return float(_sum(np.append(known.points.weights, 0.0), np.append(masses, beyond)))
    return max(0.0, -float(known.points.weights[used] @ logs[used]) - own_entropy)


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


def _ranked(
    known: Known,
    families: list[CandidateFamily],
    found: list[Any],
    spreads: list[Spread | None],
    direction: str,
    level: float,
) -> Approximation:
    from scipy.special import stdtrit

    own = entropy(known)
    raw = [
        _candidate(family, fit, spread, known, own, direction)
        for family, fit, spread in zip(families, found, spreads, strict=True)
    ]

    def score(k: int) -> float:
        spread = spreads[k]
        if spread is not None:
            return spread.score
        # rows outside the support of a fit to the others: nothing is farther
        return math.inf if any(other is not None for other in spreads) else raw[k].divergence

    order = sorted(range(len(raw)), key=lambda k: (isinstance(found[k], str), score(k), families[k].parameters))
    if not order or isinstance(found[order[0]], str):
        raise InvalidInputError(
            f"no candidate that can describe {known.name}", expected="a family with the right support"
        )
    best = order[0]
    reach = float(stdtrit(max((known.n or 2) - 1, 1), 0.5 + level / 2))
    candidates = []
    for rank, k in enumerate(order, start=1):
        one, spread, reference = raw[k], spreads[k], spreads[best]
        if isinstance(found[k], str):
            candidates.append(one)
            continue
        difference = 0.0 if k == best else score(k) - score(best)
        around = apart = 0.0
        same = False
        if spread is not None and reference is not None:
            around, apart = reach * spread.error, reach * spread.apart(reference)
            same = k != best and difference - apart <= 1 / (known.n or 1)
        candidates.append(
            replace(
                one, rank=rank, low=max(0.0, one.divergence - around), high=one.divergence + around, difference=difference,
                difference_low=difference - apart, difference_high=difference + apart, indistinguishable=same,
            )
        )  # fmt: skip
    return _answered(known, tuple(candidates), direction, level)


def _candidate(
    family: CandidateFamily, fit: Any, spread: Spread | None, known: Known, own_entropy: float, direction: str
) -> Candidate:
    nan = math.nan
    if isinstance(fit, str):
        return Candidate(
            0, family.name, family.name, {}, None, nan, nan, nan, nan, nan, nan, nan, nan, False, nan, nan, nan, fit
        )
    values, frozen = fit
    forward, reverse = _forward(frozen, known, own_entropy), _reverse(frozen, known)
    divergence = reverse if direction == "reverse" else forward
    many = known.n is not None
    if direction == "forward" and many:
        divergence = math.inf if spread is None else max(0.0, spread.score - own_entropy)
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
        forward_only = direction == "forward" and many
        note = "held-out values lie outside the fitted support" if forward_only else "mass where the data have none"
    return Candidate(
        0, family.name, f"{family.name}({shown})", parameters, frozen, divergence, divergence, divergence, forward, reverse, 0.0, 0.0, 0.0,
        False, 2 * free - 2 * likelihood, free * math.log(known.n or 1) - 2 * likelihood, _ks(frozen, known), note,
    )  # fmt: skip


def _ks(frozen: Any, known: Known) -> float:
    order = np.argsort(known.points.places, kind="stable")
    reached = np.cumsum(known.points.weights[order])
    with np.errstate(all="ignore"):
        model = np.asarray(frozen.cdf(known.points.places[order]))
    above = np.abs(reached - model)
    if known.kind == "discrete":
        return float(np.max(above))
    return float(max(np.max(above), np.max(np.abs(reached - known.points.weights[order] - model))))


def _answered(known: Known, candidates: tuple[Candidate, ...], direction: str, level: float) -> Approximation:
    best = candidates[0]
    alike = [one.name for one in candidates if one.indistinguishable]
    held = direction == "forward" and known.n is not None
    how = "held-out divergence" if held else "reverse divergence" if direction == "reverse" else "divergence"
    verdict = f"{best.label} is closest to {known.name}: {how} {best.divergence:.4g} nats"
    findings: tuple[Finding, ...] = ()
    if known.repeated:
        evidence = f"{known.repeated:.1%} of the rows repeat: spread at random over half a step"
        findings = (CHECKS["LS604"].found(known.name, evidence),)
    if alike:
        verdict += f"; {', '.join(alike)} cannot be told from it"
        simplest = min((one for one in candidates if one.indistinguishable), key=lambda one: len(one.parameters))
        if len(simplest.parameters) < len(best.parameters):
            verdict += f", and {simplest.label} is the simplest"
        findings += (CHECKS["LS606"].found(known.name, f"{best.name} and {', '.join(alike)} at {level:.0%}"),)
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
