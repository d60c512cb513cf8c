"""The record of a divergence: a function of two distributions and the axioms it satisfies.

Tests, tables and the choice of a method for distributions that are not vectors are derived from these fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lossmith._arrays import Array
from lossmith._errors import DomainError, UnknownNameError, did_you_mean
from lossmith.divergence._generators import Generator

__all__ = ["Divergence", "Parameter"]

Metric = Literal["no", "itself", "square root"]
Domain = Literal["distributions", "positive", "real"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a divergence: its default, legal interval (ends included unless `open`) and meaning."""

    name: str
    default: float
    low: float
    high: float
    meaning: str
    open: tuple[bool, bool] = (False, False)

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open[0] else value >= self.low
        below = value < self.high if self.open[1] else value <= self.high
        return bool(above and below)

    @property
    def interval(self) -> str:
        """The interval as text."""
        return f"{'(' if self.open[0] else '['}{self.low:g}, {self.high:g}{')' if self.open[1] else ']'}"


@dataclass(frozen=True, slots=True)
class Divergence:
    """A divergence and all that is known about it.

    Attributes
    ----------
    name : str
    function : callable
        `function(p, q, **parameters)`, plain and fast.
    formula : str
        LaTeX; p is the first, q the second distribution.
    when, reference : str
    domain : {"distributions", "positive", "real"}
        What p and q may be.
    symmetric : bool
        D(p, q) = D(q, p).
    upper_bound : callable or None
        Of the parameters, as keywords: the least upper bound in nats (or without unit); None if there is none.
    metric : {"no", "itself", "square root"}
        What satisfies the triangle inequality.
    infinite_for : {"nothing", "p outside q", "q outside p", "either outside", "disjoint"}
        Where it is infinite.
    processing : bool
        Merging outcomes never increases it (data processing inequality).
    jointly_convex : bool
        D of mixtures is at most the mixture of the D.
    additive : bool
        D of independent pairs is the sum of the D.
    relabelling : bool
        Unchanged when outcomes are renamed (not so where they are ordered).
    unit : bool
        Measured in nats, bits or hartleys.
    generator : callable or None
        Of the parameters, as keywords: the generator, for an f-divergence.
    terms : callable or None
        Of the parameters, as keywords: the terms of the sum, for densities as for masses; see `generator`.
    transform : callable or None
        For functions of such a sum: `transform(value, **parameters)`.
    parameters : tuple of Parameter
    adapts : callable or None
        Of the parameters, as keywords: the fields above that other values of the parameters change.
    values : mapping
        Values of the parameters that differ from the default; set with `configured`.
    aliases : tuple of str

    Examples
    --------
    >>> from lossmith import divergence
    >>> renyi = divergence.DIVERGENCES["renyi"].configured(alpha=2)
    >>> str(renyi), renyi.metric
    ('renyi_divergence:alpha=2', 'no')
    >>> round(float(renyi([0.5, 0.5], [0.25, 0.75])), 12)  # log(4 / 3)
    0.287682072452
    """

    name: str
    function: Callable[..., Array]
    formula: str
    when: str
    reference: str
    domain: Domain = "distributions"
    symmetric: bool = False
    upper_bound: Callable[..., float] | None = None
    metric: Metric = "no"
    infinite_for: Literal["nothing", "p outside q", "q outside p", "either outside", "disjoint"] = "nothing"
    processing: bool = True
    jointly_convex: bool = True
    additive: bool = False
    relabelling: bool = True
    unit: bool = False
    generator: Callable[..., Generator] | None = None
    terms: Callable[..., Any] | None = None
    transform: Callable[..., Any] | None = None
    parameters: tuple[Parameter, ...] = ()
    adapts: Callable[..., Mapping[str, Any]] | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def finite_when_disjoint(self) -> bool:
        """Whether it is finite where p and q share no outcome, and so everywhere."""
        return self.infinite_for == "nothing"

    @property
    def configuration(self) -> dict[str, float]:
        """Every parameter with the value in force."""
        return {parameter.name: self.values.get(parameter.name, parameter.default) for parameter in self.parameters}

    def configured(self, **values: float) -> Divergence:
        """Return this divergence with other values of its parameters.

        Raises
        ------
        UnknownNameError
            No parameter of that name.
        DomainError
            A value outside the parameter's interval.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name, value in values.items():
            if name not in known:
                hint = did_you_mean(name, known) if known else "it has none"
                raise UnknownNameError(f"{self.name} has no parameter {name!r}", advice=hint)
            if not isinstance(value, int | float) or value not in known[name]:
                raise DomainError(
                    f"{name}={value!r} of {self.name}",
                    expected=f"a number in {known[name].interval}",
                    advice=f"the default is {known[name].default:g}",
                )
        merged = {**self.values, **{name: float(value) for name, value in values.items()}}
        defaults = {parameter.name: parameter.default for parameter in self.parameters}
        changed = self.adapts(**{**defaults, **merged}) if self.adapts else {}
        kept = {name: value for name, value in merged.items() if value != defaults[name]}
        return replace(self, **changed, values=kept)

    def __call__(self, p: Any, q: Any, **options: Any) -> Array:
        """Return the value; `options` are those of the function (`axis`, `unit`, `given`, `smoothing`, `check`)."""
        return self.function(p, q, **self.configuration, **options)

    @property
    def bound(self) -> float | None:
        """The least upper bound at the parameters in force, or None."""
        return None if self.upper_bound is None else float(self.upper_bound(**self.configuration))

    def __str__(self) -> str:
        if not self.values:
            return self.name
        return self.name + ":" + ",".join(f"{name}={_shortest(value)}" for name, value in self.values.items())


def _shortest(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
