"""The record of an adversarial objective: what discriminator and generator minimise, and the divergence behind it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lossmith._errors import DomainError, UnknownNameError, did_you_mean
from lossmith._names import format_name

__all__ = ["PENALTIES", "Estimate", "Objective", "Penalty"]

Penalty = Literal["none", "gradient", "r1", "r1r2", "clip"]
PENALTIES: tuple[Penalty, ...] = ("none", "gradient", "r1", "r1r2", "clip")

# score(raw outputs on real rows, on generated rows, parameters) -> loss to minimise, one number
Score = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Estimate:
    """How the discriminator's loss tells a divergence between data and generator, at its best discriminator.

    divergence ** power = offset + slope * loss; a discriminator that is not the best one makes it a lower bound.

    Attributes
    ----------
    divergence : str
        A name that `lossmith.divergence.get` knows, of p (data) and q (generator).
    slope, offset : float
    power : int
    """

    divergence: str
    slope: float
    offset: float
    power: int = 1


@dataclass(frozen=True, slots=True)
class Objective:
    r"""A pair of losses for discriminator and generator, on raw outputs `r` of real and `f` of generated rows.

    Attributes
    ----------
    name : str
    discriminator, generator : callable
        `discriminator(r, f, **parameters)` and `generator(r, f, **parameters)` return what is minimised; arrays of shape
        `(n_rows,)`.
    estimates : Estimate or None
        The divergence that the best discriminator measures, where it does.
    measures : str
        The same in words.
    when : str
        When to take it.
    penalty : {"none", "gradient", "r1", "r1r2", "clip"}
        What keeps the discriminator smooth unless another is asked for.
    weight : float
        Weight of that penalty; for clip the largest absolute weight.
    critic_steps : int
        Steps of the discriminator for each of the generator unless others are asked for.
    decides : {"sign", "pair"}
        Whether a row is called real by the sign of its raw output, or only in comparison with a generated one.
    smoothing : bool
        Whether targets of real rows can be smoothed: `discriminator` then takes `smoothing=`.
    formula_discriminator, formula_generator : str
        LaTeX.
    reference : str
    parameters : mapping of str to float
    aliases : tuple of str
    """

    name: str
    discriminator: Score
    generator: Score
    estimates: Estimate | None
    measures: str
    when: str
    penalty: Penalty
    weight: float
    critic_steps: int
    decides: Literal["sign", "pair"]
    smoothing: bool
    formula_discriminator: str
    formula_generator: str
    reference: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def tells_ratios(self) -> bool:
        """Whether the best raw output is the logarithm of p / q, up to a constant: those of logistic losses are."""
        return self.name in ("non_saturating", "saturating", "relativistic", "fgan_js")

    def configured(self, **values: Any) -> Objective:
        """Return the objective with other values of its parameters.

        Raises
        ------
        UnknownNameError
            No such parameter.
        DomainError
            Not a finite number.
        """
        for name, value in values.items():
            if name not in self.parameters:
                raise UnknownNameError(
                    f"objective {self.name} has no parameter {name!r}", advice=did_you_mean(name, self.parameters)
                )
            if isinstance(value, bool | str) or not math.isfinite(value):
                raise DomainError(f"{name}={value!r} of {self.name}", expected="a finite number")
        return replace(self, parameters={**self.parameters, **{key: float(value) for key, value in values.items()}})

    def divergence_of(self, loss: Any) -> Any:
        """Return the divergence that a discriminator's loss says, or NaN where the objective estimates none."""
        import numpy as np

        if self.estimates is None:
            return np.full(np.shape(loss), np.nan)
        value = self.estimates.offset + self.estimates.slope * np.asarray(loss)
        return value if self.estimates.power == 1 else np.maximum(value, 0) ** (1 / self.estimates.power)

    def __str__(self) -> str:
        return format_name(self.name, dict(self.parameters))
