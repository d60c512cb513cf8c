"""What wrong labels and outliers do to a loss, computed from its function: no adjective is typed.

Everything is measured at one sample. For values, the prediction is fixed and one target moves away from it; for
classes, the model contradicts a label with ever larger scores. What counts is the pull, the size of the gradient in the
raw output: it is the influence of that sample on the fit (Hampel, The influence curve and its role in robust
estimation, 1974). Labels that are wrong at random leave the best model where it is if the losses of all classes sum to
one constant (Ghosh, Kumar and Sastry, Robust loss functions under label noise for deep neural networks, 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lossmith._arrays import Array
from lossmith.losses._spec import Loss

__all__ = ["Behaviour", "behaviour"]

Trend = Literal["fades", "stays", "grows"]
# deviations of a target from its prediction, or margins against a label; short of 40, where exponentials are cut
NEAR, MIDDLE, FAR, FARTHEST = 1.0, 10.0, 20.0, 36.0
NOISE = 0.4  # share of wrong labels under which the best prediction is asked for
N_CLASSES = 3


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a loss treats a sample that does not fit.

    Attributes
    ----------
    pull : float
        Gradient at a target 10 units off, or at a label that the scores contradict by a margin of 10, in gradients at
        1 unit, or at a margin of 1.
    trend : {"fades", "stays", "grows"}
        What the gradient does as the sample goes further away.
    spread : float or None
        For classes: how far the sum of the losses over all labels moves as raw outputs move in [-5, 5]; 0 means that
        symmetric label noise leaves the best model where it is.
    noisy : float or None
        The best prediction for a class that is certain while 40 % of the labels are wrong; a probability, None for
        losses that give none.
    """

    pull: float
    trend: Trend
    spread: float | None = None
    noisy: float | None = None

    def sentences(self) -> tuple[tuple[str, str], ...]:
        """Return label and sentence pairs for people, every number from the function.

        Examples
        --------
        >>> from lossmith import losses
        >>> dict(behaviour(losses.get("huber")).sentences())["outliers"]
        'A target 10 units off pulls 1 times as hard as one 1 unit off; further out the pull stays the same.'
        """
        further = {"fades": "fades away", "stays": "stays the same", "grows": "goes on growing"}[self.trend]
        times = f"{self.pull:.2g} times as hard"
        if self.spread is None:
            return (
                (
                    "outliers",
                    f"A target 10 units off pulls {times} as one 1 unit off; further out the pull {further}.",
                ),
            )
        outliers = (
            f"A label that the scores contradict by 10 pulls {times} as one contradicted by 1; "
            f"further out the pull {further}."
        )
        if self.spread < 1e-6:
            noise = (
                "Symmetric label noise leaves the best model where it is: the losses of all labels sum to a constant."
            )
        else:
            noise = (
                "Symmetric label noise can move the best model: "
                f"the losses of all labels sum to no constant (it varies by {self.spread:.3g} over outputs in [-5, 5])."
            )
        if self.noisy is not None:
            noise += f" With {NOISE:.0%} of the labels wrong, the best prediction for a class 0 that is certain is {self.noisy:.2f}."
        return (("label noise", noise), ("outliers", outliers))


def behaviour(loss: Loss) -> Behaviour | None:
    """Return how a loss treats outliers and wrong labels; None for losses that compare samples or items.

    Use it to choose between losses when some targets are wrong. Units are those of the encoded target (standard
    deviations, means), margins those of the raw output.

    Examples
    --------
    >>> from lossmith import losses
    >>> found = behaviour(losses.get("mean_squared_error"))
    >>> round(found.pull, 6), found.trend
    (10.0, 'grows')
    >>> found = behaviour(losses.get("categorical_crossentropy"))
    >>> round(found.noisy, 2), found.trend
    (0.6, 'stays')
    """
    if loss.batchwise or loss.task in ("ranking", "embedding"):
        return None
    if loss.task == "regression":
        pulls = _pulls_of_targets(loss)
        return Behaviour(float(pulls[1] / pulls[0]), _trend(pulls))
    pulls = _pulls_of_labels(loss)
    return Behaviour(float(pulls[1] / pulls[0]), _trend(pulls), _spread(loss), _noisy(loss))


def _slopes(loss: Loss, raw: Array, target: Array, *, step: float = 1e-5) -> Array:
    """Return the Euclidean length of the gradient of each row, by central differences."""
    flat = raw if raw.ndim > 1 else raw[:, None]
    total = np.zeros(len(raw))
    for unit in range(flat.shape[1]):
        shift = np.zeros(flat.shape[1])
        shift[unit] = step
        up, down = (_value(loss, flat + sign * shift, target) for sign in (1, -1))
        total += ((up - down) / (2 * step)) ** 2
    return np.sqrt(total)


def _value(loss: Loss, raw: Array, target: Array) -> Array:
    import array_api_compat.numpy as xp

    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(loss.pointwise(raw[:, 0] if loss.head.units == 1 else raw, target, xp=xp))


def _pulls_of_targets(loss: Loss) -> Array:
    distances = np.array([NEAR, MIDDLE, FAR, FARTHEST])
    raw = np.zeros((len(distances), loss.units()))
    centre = np.asarray(loss.predict(raw if loss.head.units != 1 else raw[:, 0]))
    found: Array = (_slopes if loss.head.units == 1 else _first_slope)(loss, raw, centre + distances)
    return found


def _first_slope(loss: Loss, raw: Array, target: Array) -> Array:
    """Return the size of the slope in the first output alone: the others are widths, which follow."""
    shift = np.zeros(raw.shape[1])
    shift[0] = 1e-5
    return np.abs(_value(loss, raw + shift, target) - _value(loss, raw - shift, target)) / 2e-5


def _labels(loss: Loss) -> Array:
    """Return one encoded target for each label, shape `(n_labels, ...)`."""
    if loss.encoding == "distribution":
        # a soft target where one-hot ones are outside of the domain
        return 0.97 * np.eye(N_CLASSES) + 0.01 if loss.full_support else np.eye(N_CLASSES)
    pair = np.array([-1.0, 1.0] if loss.encoding == "minus_one_one" else [0.0, 1.0])
    if loss.head.units == 1:
        return pair
    rows = np.zeros((2, N_CLASSES))  # several labels: the first is asked about, the others hold
    rows[:, 0], rows[:, 1] = pair, 1.0
    return rows


def _scores(loss: Loss, margins: Array) -> Array:
    """Return raw outputs that prefer the first label of `_labels` by the given margins."""
    raw = np.zeros((len(margins), loss.units(N_CLASSES)))
    # a position far below its thresholds is the first of ordered classes; class 0 of two has the negative scores
    low = loss.head.name == "cumulative" or loss.encoding != "distribution"
    raw[:, 0] = -margins if low else margins
    return raw


def _pulls_of_labels(loss: Loss) -> Array:
    margins = np.array([NEAR, MIDDLE, FAR, FARTHEST])
    label = _labels(loss)[-1]
    return _slopes(loss, _scores(loss, margins), np.repeat(label[None], len(margins), axis=0))


def _trend(pulls: Array) -> Trend:
    if pulls[2] < 1e-9:
        return "fades"
    ratio = pulls[3] / pulls[2]
    return "grows" if ratio > 1.05 else "fades" if ratio < 0.95 else "stays"


def _all_labels(loss: Loss, raw: Array) -> Array:
    """Return the loss of every raw output under every label, shape `(n_labels, n_rows)`."""
    return np.stack([_value(loss, raw, np.repeat(label[None], len(raw), axis=0)) for label in _labels(loss)])


def _spread(loss: Loss) -> float:
    raw = np.random.default_rng(0).uniform(-5, 5, (400, loss.units(N_CLASSES)))
    return float(np.ptp(_all_labels(loss, raw).sum(axis=0)))


def _noisy(loss: Loss) -> float | None:
    if loss.head.gives != "probability":
        return None
    margins = np.linspace(-30, 30, 6001)
    raw = _scores(loss, margins)
    costs = _all_labels(loss, raw)
    weights = np.full(len(costs), NOISE / (len(costs) - 1))
    weights[0] = 1 - NOISE
    best = int(np.argmin(weights @ costs))
    found = np.asarray(loss.predict(raw[best : best + 1] if loss.head.units != 1 else raw[best : best + 1, 0]))
    if loss.encoding == "distribution":
        return float(found[0, 0])
    return float(1 - found.reshape(1, -1)[0, 0])
