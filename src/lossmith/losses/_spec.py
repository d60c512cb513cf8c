"""The record of a loss: a pointwise function of raw output and target, and everything that follows from it.

Heads, encodings, checks, documentation and tests are derived from the fields of `Loss`; nothing about a loss is
written down twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, Literal

from lossmith._arrays import Array, Namespace, is_integer, namespace
from lossmith._errors import DomainError, InvalidInputError, UnknownNameError, did_you_mean
from lossmith.losses import _targets
from lossmith.losses._domain import REAL, Encoding, Gives, Head, Interval, Parameter, Task, number

__all__ = ["REAL", "Encoding", "Gives", "Head", "Interval", "Loss", "Parameter", "Task"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss function and all that is known about it.

    Attributes
    ----------
    name : str
        Keras's name where Keras has the loss.
    task : {"regression", "binary", "multiclass", "multilabel", "ordinal", "ranking", "embedding"}
    function : callable
        `function(xp, raw, target, **parameters)`: pointwise value, in nats for likelihoods and divergences. With a
        head of one unit, `raw` and `target` have one shape and so has the value. Otherwise `raw` is
        `(n_samples, units)`, the value `(n_samples,)` and the target `(n_samples,)`, or of the shape of `raw` for
        distributions and for heads of "n_outputs".
    head : Head
    encoding : str
        How targets are given, see `Encoding`.
    interval : Interval
        Where each entry of the encoded target must lie.
    full_support : bool
        The target must be positive everywhere (soft targets): one-hot targets are outside the domain.
    elicits : str
        The functional of the target's law that minimises the expected loss: "mean", "median", "quantile",
        "probabilities", "majority class" (only which class is the most probable), "absolute majority class" (the same,
        if one class has more than half), "geometric mean", "expectile", "quantiles", "mean and variance", "median and
        mean deviation", "mean direction", "order" (of the mean relevance) or, where there is no name, "numeric".
        A score elicits probabilities as it is, or through (1 + score) / 2 where targets are -1 and 1.
    parameters : tuple of Parameter
    values : mapping
        Values of the parameters that differ from the default; set with `configured`.
    convex, smooth, bounded, robust, strictly_proper, symmetric_noise : bool
        Convex in the raw output; continuously differentiable in it; bounded above, and bounded gradient, over all raw
        outputs and legal targets; minimised in expectation only by the true probabilities; sum over classes constant
        (unaffected by symmetric label noise). They hold for the parameters in force.
    depends : callable or None
        `depends(**parameters)` gives the fields (flags, `elicits`) that change with the parameters.
    same_gradient_as : str
        Name of a loss from which this one differs by a term without raw output; else empty.
    same_gradient_on : {"any targets", "one-hot targets"}
        Where that holds.
    batchwise : bool
        The value of a sample depends on the others of its batch (pairs, contrasts), which must be given together.
    standard : bool
        Among the losses that are compared when none are named.
    formula, gradient : str
        LaTeX; z is the raw output, y the target.
    when, when_not : str
        One sentence each: when to use it, when not.
    reference : str
        Author, title, year.
    twins : mapping
        Names of the same loss elsewhere: keys "keras", "optax", "torch", "sklearn", "xgboost", "lightgbm".
    code : mapping
        The twins that equal this loss on raw outputs, as Python to paste, parameters in braces: "keras", "torch"
        and "keras_class_ids" (targets are ids instead of rows) make a loss object, "optax" calls one on `raw` and `target`, "sklearn" makes an estimator.
    aliases : tuple of str
    registered : Loss or None
        The record with default parameters that this one was configured from.

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
    depends: Callable[..., Mapping[str, Any]] | None = None
    same_gradient_as: str = ""
    same_gradient_on: Literal["any targets", "one-hot targets"] = "any targets"
    batchwise: bool = False
    standard: bool = False
    twins: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    registered: Loss | None = field(default=None, repr=False, compare=False)  # with default parameters

    @property
    def data_task(self) -> Task:
        """Task of the data that it is trained on: ordered classes are classes."""
        return "multiclass" if self.task == "ordinal" else self.task

    @property
    def configuration(self) -> dict[str, float]:
        """Every parameter with the value in force."""
        return {parameter.name: self.values.get(parameter.name, parameter.default) for parameter in self.parameters}

    def configured(self, **values: Any) -> Loss:
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
            if isinstance(value, bool) or not isinstance(value, Real) or float(value) not in known[name].interval:
                raise DomainError(
                    f"{name}={value!r} of {self.name}",
                    expected=f"a number in {known[name].interval}",
                    advice=f"the default is {number(known[name].default)}",
                )
        merged = {**self.configuration, **{name: float(value) for name, value in values.items()}}
        origin = self.registered or self
        changed = {name: value for name, value in merged.items() if value != known[name].default}
        if not changed:
            return origin
        dependent = origin.depends(**merged) if origin.depends else {}
        return replace(origin, values=changed, registered=origin, **dependent)

    def __str__(self) -> str:
        if not self.values:
            return self.name
        return self.name + ":" + ",".join(f"{name}={number(value)}" for name, value in self.values.items())

    def gradient_label(self, *, one_hot: bool = False) -> str:
        """Return the label that losses with equal gradients share, so that one training serves them all.

        Parameters
        ----------
        one_hot : bool
            Whether every target is one-hot (class ids): more losses coincide there.

        Examples
        --------
        >>> from lossmith import losses
        >>> losses.get("kl_divergence").gradient_label()
        'categorical_crossentropy'
        """
        holds = self.same_gradient_as and (one_hot or self.same_gradient_on == "any targets")
        if not holds:
            return str(self)
        # with the same parameters, if the partner has them: on one-hot targets it may have none
        return self.same_gradient_as + ("" if self.same_gradient_on != "any targets" else str(self)[len(self.name) :])

    def to_json(self) -> str:
        """Return name and configuration; `losses.get` reads it back."""
        return json.dumps({"name": self.name, "parameters": dict(self.values)})

    def units(self, n_classes: int | None = None) -> int:
        """Return the width of the head."""
        if not isinstance(self.head.units, str):
            return self.head.units
        if n_classes is None:
            raise InvalidInputError(
                f"{self.name} without a width of its head",
                expected=self.head.units,
                advice="pass the number of classes or outputs",
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
        if is_integer(xp, target):
            target = (
                _targets.one_hot(xp, raw, target) if self.encoding == "distribution" else xp.astype(target, raw.dtype)
            )
        _targets.check_shapes(self, raw, target)
        _targets.check_targets(self, target, xp=xp)
        return self.pointwise(raw, target, xp=xp)

    def predict(self, raw: Array) -> Array:
        """Return the head's prediction: a value, a probability or a score."""
        return self.head.predict(namespace(raw), raw)

    def outside(self, target: Array, *, xp: Namespace | None = None) -> Array:
        """Return, for each sample, whether its encoded target lies outside the domain."""
        return _targets.outside(self, target, xp=xp or namespace(target))

    def check_targets(self, target: Array, *, xp: Namespace | None = None) -> None:
        """Raise unless every encoded target lies in the domain.

        Raises
        ------
        DomainError
            Says how many samples are outside.
        """
        _targets.check_targets(self, target, xp=xp or namespace(target))

    def as_keras(self, *, reduction: str | None = "sum_over_batch_size") -> Any:
        """Return this loss as a `keras.losses.Loss` on raw outputs; see `lossmith.losses.as_keras`."""
        from lossmith.losses._adapters import as_keras

        return as_keras(self, reduction=reduction)

    def as_optax(self) -> Callable[[Array, Array], Array]:
        """Return this loss as a function of JAX arrays; see `lossmith.losses.as_optax`."""
        from lossmith.losses._adapters import as_optax

        return as_optax(self)

    def as_torch(self, *, reduction: str = "mean") -> Any:
        """Return this loss as a `torch.nn.Module`; see `lossmith.losses.as_torch`."""
        from lossmith.losses._adapters import as_torch

        return as_torch(self, reduction=reduction)
