"""`measure`: one call for every way a distribution can be given, and a record that says how the value was found."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from lossmith._checks import Finding
from lossmith._errors import InvalidInputError, ShapeError
from lossmith.divergence import _numeric
from lossmith.divergence._arguments import check_draws, check_level, check_seed
from lossmith.divergence._closed_divergences import closed_divergence
from lossmith.divergence._findings import CHECKS
from lossmith.divergence._given import Pmf, Samples, resolved
from lossmith.divergence._inputs import nats_per
from lossmith.divergence._law import Law
from lossmith.divergence._measurement import Contributions, Measurement
from lossmith.divergence._numeric import Outcome
from lossmith.divergence._pair import Pair
from lossmith.divergence._spec import Divergence

__all__ = ["measure", "named"]


_ELSEWHERE = "elsewhere"


def named(divergence: str | Divergence) -> Divergence:
    """Return the record of a divergence given by name (with parameters after a colon) or as a record."""
    if isinstance(divergence, Divergence):
        return divergence
    from lossmith.divergence import get

    if not isinstance(divergence, str):
        raise InvalidInputError(f"a divergence of type {type(divergence).__name__}", expected="a name or a record")
    return get(divergence)


def measure(
    p: Any,
    q: Any,
    divergence: str | Divergence = "kl_divergence",
    *,
    unit: str = "nats",
    level: float = 0.95,
    method: str = "auto",
    draws: int = 100_000,
    seed: int = 0,
) -> Measurement:
    r"""Return a divergence between two distributions given in any way, with how it was found and how exact it is.

    Use it when the two sides are not both plain vectors, when the error matters, or to learn why a value is infinite.

    Parameters
    ----------
    p, q : distribution
        A vector of probabilities, `Pmf` (counts, named outcomes), `Samples`, `Density`, a frozen SciPy distribution, a
        PyTorch distribution, `GaussianMixture` or scikit-learn's. For the Kullback-Leibler divergence p is the truth.
    divergence : str or Divergence
        Name, with parameters after a colon, as in `renyi:alpha=2`.
    unit : {"nats", "bits", "hartleys"}
        Ignored by divergences without unit.
    level : float
        Confidence level of intervals.
    method : str
        For samples, a name in `ESTIMATORS`: `nearest_neighbours`, `counts`, `histogram`, `kernel_density`, `classifier`,
        `donsker_varadhan`, `nguyen_wainwright_jordan`; for Gaussian mixtures a name in `MIXTURE_METHODS`.
    draws : int
        Monte Carlo draws where nothing better exists.
    seed : int
        Of draws and of subsamples.

    Returns
    -------
    Measurement

    Raises
    ------
    InvalidInputError
        Sides that cannot be compared, such as a vector and a law of several dimensions.
    UnknownNameError, DomainError, ShapeError
        As for `divergence.get` and the named functions.

    Examples
    --------
    >>> from scipy import stats
    >>> found = measure(stats.t(5), stats.norm())
    >>> found.method, found.error < 1e-12
    ('quadrature', True)
    >>> print(measure([0.5, 0.5, 0.0], Pmf([0.5, 0.0, 0.5], outcomes=["red", "green", "blue"])).explanation)
    infinite: p has mass at green, where q has none
    """
    record = named(divergence)
    nats_per(unit)
    check_level(level)
    check_seed(seed)
    check_draws(draws)
    one, two = resolved(p, "p"), resolved(q, "q")
    if isinstance(one, Samples) or isinstance(two, Samples):
        from lossmith.divergence._estimate import measure_samples

        return measure_samples(one, two, record, unit=unit, level=level, seed=seed, method=method)
    if method != "auto":
        return _mixtures(one, two, record, unit, method)
    if isinstance(one, Pmf) and isinstance(two, Pmf):
        return _tables(one, two, record, unit)
    if isinstance(one, Pmf) or isinstance(two, Pmf):
        return _tables(*_against_law(one, two), record, unit)
    return _laws(one, two, record, unit=unit, level=level, draws=draws, seed=seed)


def _mixtures(one: Any, two: Any, record: Divergence, unit: str, method: str) -> Measurement:
    from lossmith.divergence._mixture_methods import MIXTURE_METHODS, as_mixture

    p, q = as_mixture(one), as_mixture(two)
    if p is None or q is None or record.name not in ("kl_divergence", "reverse_kl_divergence"):
        raise InvalidInputError(
            f"method={method!r} for {record.name}",
            expected="Samples, or the Kullback-Leibler divergence of Gaussian mixtures",
        )
    way = MIXTURE_METHODS[method]
    nats = way.function(q, p) if record.name == "reverse_kl_divergence" else way.function(p, q)
    value, shown = _scaled(record, nats, unit)
    low = value if way.kind == "lower bound" else 0.0
    high = value if way.kind == "upper bound" else math.inf
    explanation = f"{'an' if way.kind[0] in 'au' else 'a'} {way.kind}, not the value"
    return Measurement(
        str(record), value, shown, one.label, two.label, False, way.name.replace("_", " "), "estimate", math.inf, low, high,
        explanation=explanation,
    )  # fmt: skip


def _scaled(record: Divergence, value: float, unit: str) -> tuple[float, str]:
    return (value / nats_per(unit), unit) if record.unit else (value, "")


def _tables(one: Pmf, two: Pmf, record: Divergence, unit: str) -> Measurement:
    p, log_p, places_p = one.checked("p")
    q, log_q, places_q = two.checked("q")
    places = places_q if one.outcomes is None else places_p
    if len(places_p) != len(places_q) or (
        one.outcomes is not None and two.outcomes is not None and places_p != places_q
    ):
        if one.outcomes is None or two.outcomes is None:
            raise ShapeError(f"{len(p)} and {len(q)} probabilities", expected="the same outcomes on both sides")
        places = _union(places_p, places_q)
        # counts are smoothed on the union: what one side never saw is an outcome for it too
        p, log_p, _ = one.spread(places).checked("p")
        q, log_q, _ = two.spread(places).checked("q")
    options: dict[str, Any] = {"given": "probabilities"} if record.domain == "distributions" else {}
    if log_p is not None and log_q is not None and options:
        value = float(record(log_p, log_q, given="log_probabilities", **_support(record, places)))
    else:
        value = float(record(p, q, **options, **_support(record, places)))
    value, shown = _scaled(record, value, unit)
    labels = one.name or "p", two.name or "q"
    contributions = _contributions(record, p, q, log_p, log_q, places)
    findings: tuple[Finding, ...] = ()
    explanation = _meaning(record)
    if math.isinf(value):
        explanation = _infinite(record, places, p, q, labels)
        findings = (CHECKS["LS601"].found(f"{labels[0]}, {labels[1]}", explanation),)
    rounding = 8 * np.finfo(float).eps * value if math.isfinite(value) else 0.0
    return Measurement(
        str(record), value, shown, *labels, record.symmetric, "sum", "exact", rounding, value - rounding, value + rounding, 1.0,
        p.size, explanation, contributions, findings,
    )  # fmt: skip


def _support(record: Divergence, places: tuple[Any, ...]) -> dict[str, Any]:
    if record.relabelling:
        return {}
    if not all(isinstance(place, int | float) for place in places):
        raise InvalidInputError(f"outcomes such as {places[0]!r} for {record.name}", expected="numbers in rising order")
    return {"support": np.asarray(places, dtype=np.float64)}


def _union(places_p: tuple[Any, ...], places_q: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return every outcome that one of the sides lists, numbers in rising order."""
    union = tuple(dict.fromkeys((*places_p, *places_q)))
    return tuple(sorted(union)) if all(isinstance(place, int | float) for place in union) else union


def _against_law(one: Pmf | Law, two: Pmf | Law) -> tuple[Pmf, Pmf]:
    """Turn the law into a table on the outcomes of the vector, and one more outcome for the rest of its mass."""
    table, law = (one, two) if isinstance(one, Pmf) else (two, one)
    if not isinstance(table, Pmf) or not isinstance(law, Law):
        raise InvalidInputError("two laws", expected="a vector and a law")
    if law.kind != "discrete":
        raise InvalidInputError(
            f"a vector of probabilities and {law.label}",
            expected="a law on the integers, or two densities",
            advice="bin the law over the outcomes first; a density has no mass at a point",
        )
    values, _logs, places = table.checked("p" if table is one else "q")
    if not all(isinstance(place, int | float) for place in places):
        raise InvalidInputError(f"outcomes such as {places[0]!r} and {law.label}", expected="numbers as outcomes")
    masses = np.exp(law.log_density(np.asarray(places, dtype=np.float64)))
    rest = 1 - math.fsum(masses)
    beyond = rest > 1e-12
    outcomes = (*places, _ELSEWHERE) if beyond else places
    masses = np.append(masses, rest) if beyond else masses / math.fsum(masses)
    values = np.append(values, 0.0) if beyond else values
    listed = Pmf(values, outcomes, name=table.name or ("p" if table is one else "q"))
    drawn = Pmf(masses, outcomes, name=law.label)
    return (listed, drawn) if table is one else (drawn, listed)


def _contributions(
    record: Divergence, p: np.ndarray, q: np.ndarray, log_p: Any, log_q: Any, places: tuple[Any, ...]
) -> Contributions | None:
    terms = record.terms(**record.configuration) if record.terms is not None else None
    if terms is None:
        return None
    with np.errstate(all="ignore"):
        return Contributions(places, p, q, np.asarray(terms(Pair(np, p, q, log_p, log_q))))


def _meaning(record: Divergence) -> str:
    if record.name == "kl_divergence":
        return "what is lost on average when outcomes follow p and q is used in its place"
    if record.name == "reverse_kl_divergence":
        return "what is lost on average when outcomes follow q and p is used in its place"
    return record.when[0].lower() + record.when[1:].rstrip(".")


def _infinite(
    record: Divergence, places: tuple[Any, ...], p: np.ndarray, q: np.ndarray, labels: tuple[str, str]
) -> str:
    reasons = []
    ways = (("p outside q", p, q, labels[0], labels[1]), ("q outside p", q, p, labels[1], labels[0]))
    for way, this, that, here, there in ways:
        where = [str(place) for place, a, b in zip(places, this, that, strict=True) if a > 0 and b == 0]
        if where and record.infinite_for in (way, "either outside"):
            shown = ", ".join(where[:5]) + (f" and {len(where) - 5} more" if len(where) > 5 else "")
            spot = "outside the outcomes listed" if where == [_ELSEWHERE] else f"at {shown}"
            reasons.append(f"{here} has mass {spot}, where {there} has none")
    if record.infinite_for == "disjoint" or not reasons:
        reasons = ["no outcome has mass on both sides" if not reasons else reasons[0]]
    return "infinite: " + "; ".join(reasons)


def _laws(p: Law, q: Law, record: Divergence, *, unit: str, level: float, draws: int, seed: int) -> Measurement:
    if (p.kind != q.kind) or p.dimension != q.dimension:
        raise InvalidInputError(
            f"{p.label} ({p.kind}, dimension {p.dimension}) and {q.label} ({q.kind}, dimension {q.dimension})",
            expected="two laws on one space",
        )
    shared = p.family == q.family == "transformed" and p.shape["by"] == q.shape["by"]
    if shared and record.relabelling and p.shape["base"].kind == q.shape["base"].kind:
        # a divergence of densities does not change under a map that both share
        p, q = (replace(law.shape["base"], label=law.label) for law in (p, q))
        return _laws(p, q, record, unit=unit, level=level, draws=draws, seed=seed)
    outside = _outside(p, q, record)
    if outside:
        finding = CHECKS["LS601"].found(f"{p.label}, {q.label}", outside)
        return Measurement(
            str(record), math.inf, unit if record.unit else "", p.label, q.label, record.symmetric, "supports", "exact", 0.0,
            math.inf, math.inf, explanation=outside, findings=(finding,),
        )  # fmt: skip
    method, found = _solved(p, q, record, draws, seed)
    return _recorded(p, q, record, method, found, unit=unit, level=level)


def _outside(p: Law, q: Law, record: Divergence) -> str:
    """Return why the supports alone make it infinite, or nothing."""
    if p.kind == "multivariate":
        return ""
    prices = {
        "p outside q": ((p, q),),
        "q outside p": ((q, p),),
        "either outside": ((p, q), (q, p)),
    }
    for this, that in prices.get(record.infinite_for, ()):
        if this.low < that.low or this.high > that.high:
            return (
                f"infinite: {this.label} has mass on [{this.low:g}, {this.high:g}], "
                f"{that.label} only on [{that.low:g}, {that.high:g}]"
            )
    if record.infinite_for == "disjoint" and (p.low >= q.high or q.low >= p.high) and p.kind == "continuous":
        return f"infinite: {p.label} and {q.label} share no interval"
    return ""


def _solved(p: Law, q: Law, record: Divergence, draws: int, seed: int) -> tuple[str, Outcome]:
    closed = closed_divergence(p, q, record)
    if closed is not None and closed[1] <= 1e-11 * abs(closed[0]):
        return "closed form", Outcome(closed[0], closed[1], 0)
    if not record.relabelling:
        if p.dimension > 1:
            raise InvalidInputError(f"{record.name} of {p.label} and {q.label}", expected="laws on the line")
        if p.kind == "discrete":
            return "sum", _numeric.distance_by_sum(p, q, energy=record.name == "energy_distance")
        return "quadrature", _numeric.distance_by_quadrature(p, q, energy=record.name == "energy_distance")
    terms = record.terms(**record.configuration) if record.terms is not None else None
    if terms is None:
        raise InvalidInputError(
            f"{record} of {p.label} and {q.label}",
            expected="an f-divergence, or a function of one",
            advice="compare vectors",
        )
    if p.kind == "multivariate":
        if closed is not None:
            return "closed form", Outcome(closed[0], closed[1], 0)
        return "Monte Carlo", _numeric.by_draws(p, q, terms, seed=seed, draws=draws)
    if p.kind == "discrete":
        return "sum", _numeric.by_sum(p, q, terms)
    found = _numeric.by_quadrature(p, q, terms)
    if closed is not None and not found.error < closed[1]:
        return "closed form", Outcome(closed[0], closed[1], 0)
    return "quadrature", found


def _recorded(
    p: Law, q: Law, record: Divergence, method: str, found: Outcome, *, unit: str, level: float
) -> Measurement:
    value, error = found.value, found.error
    if math.isnan(value):
        raise InvalidInputError(
            f"{p.label} and {q.label}: {found.note or 'the densities are not numbers everywhere'}",
            expected="two densities",
        )
    spread = 1.0
    if method == "Monte Carlo":
        from scipy.special import ndtri

        spread = float(ndtri(0.5 + level / 2))
    ends = [max(0.0, value - spread * error), value + spread * error]
    if record.transform is not None and method != "closed form":
        low, middle, high = (
            record.transform(end, **record.configuration) for end in (ends[0], max(0.0, value), ends[1])
        )
        # a root or logarithm stretches the error; the wider side is stated
        ends, value, error = [low, high], middle, max(high - middle, middle - low) / spread
    value, shown = _scaled(record, value, unit)
    size = _scaled(record, 1.0, unit)[0]
    error, ends = error * size, [end * size for end in ends]
    findings, explanation = [], _meaning(record)
    if record.transform is not None and math.isfinite(found.error) and math.isinf(ends[1]) and found.value < math.inf:
        explanation = "the laws overlap so little that the logarithm of their overlap is lost"
        findings.append(CHECKS["LS602"].found(f"{p.label}, {q.label}", f"at least {ends[0]:.6g}"))
    elif math.isinf(value):
        explanation = "infinite: too much mass in a tail, or a value beyond the range of doubles"
        findings.append(CHECKS["LS601"].found(f"{p.label}, {q.label}", explanation))
        error, ends = 0.0, [math.inf, math.inf]
    elif found.note:
        code = "LS605" if "underflows" in found.note else "LS602"
        findings.append(CHECKS[code].found(f"{p.label}, {q.label}", found.note))
    elif method == "Monte Carlo" and ends[1] - ends[0] > 0.5 * abs(value):
        findings.append(CHECKS["LS607"].found(f"{p.label}, {q.label}", f"{value:.4g} [{ends[0]:.4g}, {ends[1]:.4g}]"))
    elif method in ("quadrature", "sum") and error > 1e-6 * abs(value) and error > 1e-12:
        findings.append(CHECKS["LS602"].found(f"{p.label}, {q.label}", f"{value:.6g}, error at most {error:.1g}"))
    kind: Any = {"Monte Carlo": "interval", "closed form": "exact"}.get(method, "bound")
    return Measurement(
        str(record), value, shown, p.label, q.label, record.symmetric, method, kind if math.isfinite(error) else "estimate", error,
        ends[0], ends[1], level if kind == "interval" else 1.0, found.evaluations, explanation, None, tuple(findings),
    )  # fmt: skip
