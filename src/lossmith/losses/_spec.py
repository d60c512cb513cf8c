"""The record of a loss: a pointwise function of raw output and target, and everything that follows from it.

Heads, encodings, checks, documentation and tests are derived from the fields of `Loss`; nothing about a loss is
written down twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lossmith._arrays import Array, Namespace, is_integer, namespace, tolerance
from lossmith._errors import DomainError, InvalidInputError, ShapeError, UnknownNameError, did_you_mean

__all__ = ["Encoding", "Head", "Interval", "Loss", "Parameter", "Task"]

Task = Literal["regression", "binary", "multiclass"]
Gives = Literal["value", "probability", "score"]
Encoding = Literal[
    "standardized",  # (y - mean) / standard deviation of the training rows
    "mean_scaled",  # y / mean of the training rows
    "original",  # y in its own units
    "zero_one",  # class 0 -> 0, class 1 -> 1 (anything between is a soft target)
    "minus_one_one",  # class 0 -> -1, class 1 -> 1
    "distribution",  # one probability for each class: one-hot or soft
]


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of the real line, each end open or closed.

    Examples
    --------
    >>> str(Interval(0, math.inf, closed_high=False))
    '[0, inf)'
    >>> 0.0 in Interval(0, 1), 1.5 in Interval(0, 1)
    (True, False)
    """

    low: float = -math.inf
    high: float = math.inf
    closed_low: bool = True
    closed_high: bool = True

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.closed_low else value > self.low
        below = value <= self.high if self.closed_high else value < self.high
        return bool(above and below and not math.isnan(value) and not math.isinf(value))

    def mask(self, xp: Namespace, values: Array) -> Array:
        """Return where `values` lie inside (NaN and infinities never do)."""
        above = values >= self.low if self.closed_low else values > self.low
        below = values <= self.high if self.closed_high else values < self.high
        return xp.isfinite(values) & above & below

    def __str__(self) -> str:
        opening = "[" if self.closed_low and math.isfinite(self.low) else "("
        closing = "]" if self.closed_high and math.isfinite(self.high) else ")"
        return f"{opening}{self.low:g}, {self.high:g}{closing}"


REAL = Interval()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A hyperparameter of a loss: its name, default value, legal interval and meaning."""

    name: str
    default: float
    interval: Interval
    meaning: str


@dataclass(frozen=True, slots=True)
class Head:
    """How a raw output becomes a prediction.

    Attributes
    ----------
    name : str
    units : int or "n_classes"
        Width of the last layer. Heads of one width share one compiled program.
    activation : str
        Name of the Keras activation that does the same in an exported model.
    gives : {"value", "probability", "score"}
        `value`: a number in units of the target; `probability`: of class 1, or of each class; `score`: a margin
        whose sign (or largest entry) is the class, and which needs calibration before it is a probability.
    predict : callable
        `predict(xp, raw) -> prediction`. A head of one unit maps elementwise; others act on the last axis.
    explanation : str
        One sentence for people who configure this head themselves.
    """

    name: str
    units: int | Literal["n_classes"]
    activation: str
    gives: Gives
    predict: Callable[[Namespace, Array], Array]
    explanation: str


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss function and all that is known about it.

    Attributes
    ----------
    name : str
        Keras's name where Keras has the loss.
    task : {"regression", "binary", "multiclass"}
    function : callable
        `function(xp, raw, target, **parameters)`: pointwise value, in nats for likelihoods and divergences. With a
        head of one unit, `raw` and `target` have one shape and so has the value. Otherwise `raw` is
        `(n_samples, units)`, the target `(n_samples,)` or, for distributions, `(n_samples, n_classes)`, the value `(n_samples,)`.
    head : Head
    encoding : str
        How targets are given, see `Encoding`.
    interval : Interval
        Where each entry of the encoded target must lie.
    full_support : bool
        The target must be positive everywhere (soft targets): one-hot targets are outside the domain.
    elicits : str
        The functional of the target's law that minimises the expected loss: "mean", "median", "quantile",
        "probabilities", "majority class", "geometric mean", "mean and variance" or, where there is no name, "numeric".
    parameters : tuple of Parameter
    values : mapping
        Values of the parameters that differ from the default; set with `configured`.
    convex, smooth, bounded, robust, strictly_proper, symmetric_noise : bool
        Convex in the raw output; continuously differentiable; bounded above; bounded gradient; minimised in
        expectation only by the true probabilities; sum over classes constant (unaffected by symmetric label noise).
    formula, gradient : str
        LaTeX; z is the raw output, y the target.
    when, when_not : str
        One sentence each: when to use it, when not.
    reference : str
        Author, title, year.
    twins : mapping
        Names of the same loss elsewhere: keys "keras", "optax", "torch", "sklearn".
    aliases : tuple of str

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses
    >>> huber = losses.get("huber").configured(delta=2.0)
    >>> huber(np.array([0.0, 5.0]), np.array([1.0, 1.0]))
    array([0.5, 6. ])
    >>> str(huber)
    'huber:delta=2'
    """

    name: str
    task: Task
    function: Callable[..., Array]
    head: Head
    encoding: Encoding
    interval: Interval
    elicits: str
    formula: str
    gradient: str
    when: str
    when_not: str
    reference: str
    parameters: tuple[Parameter, ...] = ()
    full_support: bool = False
    convex: bool = False
    smooth: bool = False
    bounded: bool = False
    robust: bool = False
    strictly_proper: bool = False
    symmetric_noise: bool = False
    twins: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def configuration(self) -> dict[str, float]:
        """Every parameter with the value in force."""
        return {parameter.name: self.values.get(parameter.name, parameter.default) for parameter in self.parameters}

    def configured(self, **values: float) -> Loss:
        """Return this loss with other values of its parameters.

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
                raise UnknownNameError(f"{self.name} has no parameter {name!r}", advice=did_you_mean(name, known))
            if not isinstance(value, int | float) or value not in known[name].interval:
                raise DomainError(
                    f"{name}={value!r} of {self.name}",
                    expected=f"a number in {known[name].interval}",
                    advice=f"the default is {known[name].default:g}",
                )
        merged = {**self.values, **{name: float(value) for name, value in values.items()}}
        defaults = {parameter.name: parameter.default for parameter in self.parameters}
        return replace(self, values={name: value for name, value in merged.items() if value != defaults[name]})

    def __str__(self) -> str:
        if not self.values:
            return self.name
        return self.name + ":" + ",".join(f"{name}={value:g}" for name, value in self.values.items())

    def to_json(self) -> str:
        """Return name and configuration; `losses.get` reads it back."""
        return json.dumps({"name": self.name, "parameters": dict(self.values)})

    def units(self, n_classes: int | None = None) -> int:
        """Return the width of the head."""
        if self.head.units != "n_classes":
            return int(self.head.units)
        if n_classes is None:
            raise InvalidInputError(
                f"{self.name} without a number of classes", expected="n_classes", advice="pass n_classes"
            )
        return n_classes

    def pointwise(self, raw: Array, target: Array, *, xp: Namespace | None = None) -> Array:
        """Return the pointwise value without any check of shape or domain: what the engine compiles."""
        return self.function(xp or namespace(raw, target), raw, target, **self.configuration)

    def __call__(self, raw: Array, target: Array) -> Array:
        """Return the pointwise value of raw outputs against targets, after checking both.

        Multiclass targets may be given as class ids of shape `(n_samples,)` with an integer dtype, or as one row of
        probabilities for each sample. Reduction, sample weights and masks are the caller's.

        Raises
        ------
        ShapeError
            Shapes that do not fit exactly.
        DomainError
            Targets outside the loss's interval, class ids out of range, rows that do not sum to one.
        """
        xp = namespace(raw, target)
        if self.encoding == "distribution" and is_integer(xp, target):
            target = self._one_hot(xp, raw, target)
        self._check_shapes(raw, target)
        self.check_targets(target, xp=xp)
        return self.pointwise(raw, target, xp=xp)

    def predict(self, raw: Array) -> Array:
        """Return the head's prediction: a value, a probability or a score."""
        return self.head.predict(namespace(raw), raw)

    def outside(self, target: Array, *, xp: Namespace | None = None) -> Array:
        """Return, for each sample, whether its encoded target lies outside the domain."""
        xp = xp or namespace(target)
        inside = self.interval.mask(xp, target)
        if self.encoding != "distribution":
            return ~inside
        if self.full_support:
            inside = inside & (target > 0)
        # one class more than another: rounding grows with the number of classes, sqrt(eps) leaves room for it
        total = xp.abs(xp.sum(target, axis=-1) - 1) <= tolerance(xp, target.dtype)
        return ~(xp.all(inside, axis=-1) & total)

    def check_targets(self, target: Array, *, xp: Namespace | None = None) -> None:
        """Raise unless every encoded target lies in the domain.

        Raises
        ------
        DomainError
            Says how many samples are outside.
        """
        xp = xp or namespace(target)
        outside = self.outside(target, xp=xp)
        count = int(xp.sum(xp.astype(outside, xp.int32)))
        if count:
            size = math.prod(outside.shape)
            wanted = f"targets in {self.interval}"
            if self.encoding == "distribution":
                wanted = "rows of probabilities that sum to 1" + (", none of them 0" if self.full_support else "")
            raise DomainError(
                f"{count} of {size} targets ({count / size:.1%}) outside the domain of {self.name}",
                expected=wanted,
                advice=self.when_not,
            )

    def _one_hot(self, xp: Namespace, raw: Array, target: Array) -> Array:
        if tuple(target.shape) != tuple(raw.shape[:-1]):
            raise ShapeError(
                f"class ids of shape {tuple(target.shape)} for raw outputs of shape {tuple(raw.shape)}",
                expected=f"shape {tuple(raw.shape[:-1])}",
                advice="give one class id for each sample",
            )
        n_classes = raw.shape[-1]
        wrong = (target < 0) | (target >= n_classes)
        if bool(xp.any(wrong)):
            raise DomainError(
                f"class ids from {int(xp.min(target))} to {int(xp.max(target))}",
                expected=f"ids from 0 to {n_classes - 1}",
                advice="give the raw output one column for each class",
            )
        return xp.astype(target[..., None] == xp.arange(n_classes, dtype=target.dtype), raw.dtype)

    def _check_shapes(self, raw: Array, target: Array) -> None:
        raw_shape, target_shape = tuple(raw.shape), tuple(target.shape)
        if self.head.units == 1 or self.encoding == "distribution":
            wanted = raw_shape
            if self.encoding == "distribution" and len(raw_shape) < 2:
                raise ShapeError(
                    f"raw outputs of shape {raw_shape} for {self.name}",
                    expected="shape (n_samples, n_classes)",
                    advice="give one column for each class",
                )
        else:
            wanted = raw_shape[:-1]
            if not raw_shape or raw_shape[-1] != self.head.units:
                raise ShapeError(
                    f"raw outputs of shape {raw_shape} for {self.name}",
                    expected=f"shape (n_samples, {self.head.units})",
                    advice=self.head.explanation,
                )
        if target_shape != wanted:
            raise ShapeError(
                f"targets of shape {target_shape} for raw outputs of shape {raw_shape}",
                expected=f"targets of shape {wanted}",
                advice="reshape one of them yourself; nothing is broadcast",
            )
