"""What a loss is made of: tasks, encodings, intervals, parameters and heads."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lossmith._arrays import Array, Namespace, is_integer

__all__ = [
    "NON_NEGATIVE",
    "POSITIVE",
    "REAL",
    "UNIT",
    "Encoding",
    "Gives",
    "Head",
    "Interval",
    "Parameter",
    "Task",
    "number",
]

Task = Literal["regression", "binary", "multiclass", "multilabel", "ordinal", "ranking", "embedding"]
Gives = Literal["value", "probability", "score", "embedding"]
Decides = Literal["raw", "prediction", "calibration"]
Encoding = Literal[
    "standardized",  # (y - mean) / standard deviation of the training rows
    "mean_scaled",  # y / mean of the training rows
    "original",  # y in its own units
    "zero_one",  # class 0 -> 0, class 1 -> 1 (anything between is a soft target)
    "minus_one_one",  # class 0 -> -1, class 1 -> 1, nothing between
    "distribution",  # one probability for each class: one-hot or soft
    "class_ids",  # the number of the class, for losses that only ask who is alike
]


def number(value: float) -> str:
    """Return the shortest text that reads back as exactly this number, without a trailing `.0`.

    Examples
    --------
    >>> number(2.0), number(0.1), number(1e-7)
    ('2', '0.1', '1e-07')
    """
    return repr(float(value)).removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of the real line, each end open or closed; infinite ends are always open.

    Attributes
    ----------
    low, high : float
    closed_low, closed_high : bool
        Whether the end belongs to it.

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
        return above & below if is_integer(xp, values) else xp.isfinite(values) & above & below

    def __str__(self) -> str:
        opening = "[" if self.closed_low and math.isfinite(self.low) else "("
        closing = "]" if self.closed_high and math.isfinite(self.high) else ")"
        return f"{opening}{self.low:g}, {self.high:g}{closing}"


REAL = Interval()
NON_NEGATIVE = Interval(0)
POSITIVE = Interval(0, closed_low=False)
UNIT = Interval(0, 1)


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
    units : int, "n_classes" or "n_outputs"
        Width of the last layer; `n_outputs` (labels, items, dimensions) is for the user to choose. Heads of one width
        share one compiled program.
    activation : str
        Name of the Keras activation that does the same in an exported model.
    gives : {"value", "probability", "score", "embedding"}
        `value`: a number in units of the target; `probability`: of class 1, or of each class; `score`: a margin
        whose sign (or largest entry) is the class, and which needs calibration before it is a probability;
        `embedding`: a point whose distances to others have meaning.
    predict : callable
        `predict(xp, raw) -> prediction`. A head of one unit maps elementwise; others act on the last axis.
    explanation : str
        One sentence for people who configure this head themselves.
    decides : {"raw", "prediction", "calibration"}
        What a class is read from. `raw`: the largest raw output, or the sign of a single one; `prediction`: the largest
        prediction, where it need not be that of the largest raw output; `calibration`: the calibrated probability, where
        only the order of the scores means something.
    """

    name: str
    units: int | Literal["n_classes", "n_outputs"]
    activation: str
    gives: Gives
    predict: Callable[[Namespace, Array], Array]
    explanation: str
    decides: Decides = "raw"
