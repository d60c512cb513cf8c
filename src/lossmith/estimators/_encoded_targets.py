"""Targets as a loss of the catalogue reads them, with the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossmith import losses
from lossmith._errors import DomainError, InvalidInputError
from lossmith.estimators._rbf_network import Network
from lossmith.losses import Loss
from lossmith.losses.encoding import FittedEncoding, fit_encoding

__all__ = ["EncodedTargets", "chosen_loss", "fitted_encoding"]


def chosen_loss(loss: Any, tasks: Sequence[str]) -> Loss:
    """Return the loss that was named, if it is for one of the tasks.

    Raises
    ------
    InvalidInputError
        A loss for another task, or one whose rows depend on each other.
    """
    found = loss if isinstance(loss, Loss) else losses.get(str(loss))
    if found.task not in tasks or found.batchwise:
        fitting = [one.name for one in losses.LOSSES.values() if one.task in tasks and not one.batchwise]
        why = "compares rows with each other" if found.batchwise else f"is for {found.task}"
        raise InvalidInputError(
            f"loss {found.name!r} {why}; the targets are {' or '.join(tasks)}",
            expected="one of: " + ", ".join(fitting),
            # scikit-learn asks for these words
            advice="Only binary classification is supported." if found.task == "binary" else "see lossmith losses",
        )
    return found


@dataclass(frozen=True, slots=True)
class EncodedTargets:
    """Encoded targets of training rows.

    Attributes
    ----------
    loss : Loss
    values : ndarray of shape (n_samples,) or (n_samples, n_classes)
    units : int
        Width of the head.
    center, scale : float
        A predicted value v is `v * scale + center` in units of the target.
    """

    loss: Loss
    values: np.ndarray
    units: int
    center: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, loss: Loss, target: np.ndarray, *, n_classes: int = 0) -> EncodedTargets:
        """Return class numbers or values as the loss reads them; their domain is checked."""
        encoding = fit_encoding(loss.encoding, target, n_classes=n_classes)
        values = encoding.encode(target, dtype=np.float64)
        loss.check_targets(values)
        return cls(loss, values, loss.units(n_classes or None), encoding.center, encoding.scale)

    def rescaled(self, network: Network) -> Network:
        """Return a network for values in units of the target as one for encoded values, where the head is linear.

        Other heads start from the mean: the inverse of their activation is not linear.
        """
        if self.loss.head.activation != "linear":
            return replace(network, tail=np.zeros_like(network.tail), units=np.zeros_like(network.units))
        tail = network.tail / self.scale
        tail[0] -= self.center / self.scale
        return replace(network, tail=tail, units=network.units / self.scale)


def fitted_encoding(
    loss: Loss, target: np.ndarray, *, n_classes: int = 0, weight: np.ndarray | None = None
) -> FittedEncoding:
    """Return the encoding of `loss` with its constants taken from training targets, after checking their domain.

    Parameters
    ----------
    loss : Loss
    target : ndarray of shape (n_samples,)
        Class ids or values.
    n_classes : int
        0 for regression.
    weight : ndarray of shape (n_samples,) or None
        By which mean and deviation are weighted.

    Raises
    ------
    DomainError
        Targets outside the interval of the loss.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses
    >>> found = fitted_encoding(losses.get("mse"), np.array([1.0, 3.0]))
    >>> found.encode(np.array([5.0])), found.decode(np.array([3.0]))
    (array([3.], dtype=float32), array([5.]))
    """
    encoding = fit_encoding(loss.encoding, target, n_classes=n_classes, weight=weight)
    outside = np.asarray(loss.outside(encoding.encode(target)))
    if outside.any():
        raise DomainError(
            f"{int(outside.sum())} of {len(target)} targets outside the domain of {loss}",
            expected=f"targets in {loss.interval}",
            advice=loss.when_not,
        )
    return encoding
