"""How to train with a loss elsewhere: one line for the terminal, code to paste for the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossmith._errors import LossmithError
from lossmith.compare.variants import base_loss

if TYPE_CHECKING:
    from lossmith.losses import Loss

__all__ = ["Recipe", "record", "recipes", "recipes_of", "set_up", "train_with"]

_TITLES = {
    "keras": "Keras",
    "torch": "PyTorch",
    "pytorch": "PyTorch",
    "sklearn": "scikit-learn",
    "scikit-learn": "scikit-learn",
    "jax": "JAX",
    "optax": "Optax",
}
_ENCODINGS = {
    "standardized": "targets standardised with mean and deviation of the training rows",
    "mean_scaled": "targets divided by their mean over the training rows",
    "original": "targets in their own units",
    "zero_one": "targets 0/1",
    "minus_one_one": "targets -1/+1",
    "distribution": "targets one-hot, or one row of probabilities for each sample",
    "class_ids": "targets class ids",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Code to paste: for which framework, and the text."""

    key: str
    title: str
    code: str


def record(label: str) -> Loss | None:
    """Return the record behind a label, None for a label that is not in the catalogue (a function of the user's)."""
    from lossmith import losses

    try:
        return losses.get(base_loss(label))
    except (LossmithError, KeyError, ValueError):
        return None


def set_up(loss: Loss, n_classes: int | None = None) -> str:
    """Return head, loss and targets in Keras in one line.

    Examples
    --------
    >>> from lossmith import losses
    >>> set_up(losses.get("hinge"))
    'Dense(1), Hinge(), targets -1/+1'
    """
    from lossmith.losses._configure import twin

    units: object = loss.head.units
    if units == "n_classes":
        units = n_classes or "n_classes"
    expression = twin(loss, "keras").removeprefix("keras.losses.") or f'losses.get("{loss}").as_keras()'
    return f"Dense({units}), {expression}, {_ENCODINGS.get(loss.encoding, loss.encoding)}"


def recipes_of(loss: Loss, n_classes: int) -> tuple[Recipe, ...]:
    """Return the code to paste for every framework.

    Parameters
    ----------
    loss : Loss
    n_classes : int
        0 for regression.
    """
    from lossmith import losses

    snippets = losses.configure(loss, n_classes or None)
    return tuple(
        Recipe(key, _TITLES.get(key, key), code.strip("\n"))
        for key, code in snippets.items()
        if key in _TITLES and code.strip()
    )


def recipes(label: str, n_classes: int) -> tuple[Recipe, ...]:
    """Return the code to paste for the loss of that label; empty for a loss outside the catalogue."""
    loss = record(label)
    return () if loss is None else recipes_of(loss, n_classes)


def train_with(label: str, n_classes: int) -> str:
    """Return the closing line: `Train with huber. Keras: Dense(1), ...`."""
    loss = record(label)
    if loss is None:
        return f"Train with {label}."
    return f"Train with {label}. Keras: {set_up(loss, n_classes)}."
