"""Targets as a loss of the catalogue reads them, with the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossmith import losses
from lossmith._errors import InvalidInputError
from lossmith.estimators._rbf_network import Network
from lossmith.losses import Loss

__all__ = ["EncodedTargets", "chosen_loss"]


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
    def of_values(cls, loss: Loss, target: np.ndarray) -> EncodedTargets:
        """Return numbers as the loss reads them; its domain is checked."""
        center, scale = 0.0, 1.0
        if loss.encoding == "standardized":
            center, scale = float(target.mean()), float(target.std()) or 1.0
        elif loss.encoding == "mean_scaled":
            scale = float(target.mean()) or 1.0
        values = (target - center) / scale
        loss.check_targets(values)
        return cls(loss, values, loss.units(None), center, scale)

    @classmethod
    def of_classes(cls, loss: Loss, ids: np.ndarray, n_classes: int) -> EncodedTargets:
        """Return class numbers as the loss reads them."""
        encoded = {
            "zero_one": lambda: ids.astype(np.float64),
            "minus_one_one": lambda: 2.0 * ids - 1.0,
            "distribution": lambda: np.eye(n_classes)[ids],
            "class_ids": lambda: ids.astype(np.float64),
        }[loss.encoding]()
        loss.check_targets(encoded)
        return cls(loss, encoded, loss.units(n_classes))

    def rescaled(self, network: Network) -> Network:
        """Return a network for values in units of the target as one for encoded values, where the head is linear.

        Other heads start from the mean: the inverse of their activation is not linear.
        """
        if self.loss.head.activation != "linear":
            return replace(network, tail=np.zeros_like(network.tail), units=np.zeros_like(network.units))
        tail = network.tail / self.scale
        tail[0] -= self.center / self.scale
        return replace(network, tail=tail, units=network.units / self.scale)
