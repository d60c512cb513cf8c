"""The contract of everything that can be trained, and the records that go in and come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError

__all__ = ["Batch", "GroupData", "GroupResult", "Hyper", "Part", "Procedure", "Schedule"]

State = Any  # a pytree of arrays


class Batch(NamedTuple):
    """Rows of one step. `targets` holds one encoding per entry; `weight` is 0 for rows that only fill the shape."""

    inputs: Any  # (n_rows, ...)
    targets: tuple[Any, ...]  # each (n_rows,) or (n_rows, n_classes)
    weight: Any  # (n_rows,)


class Hyper(NamedTuple):
    """Numbers that differ from run to run of one compiled program, all traced.

    Use it where a `Procedure` is called by hand.
    """

    loss: Any  # index into the losses of the program
    learning_rate: Any


class Procedure(Protocol):
    """Pure functions that train one model; the engine stacks them over runs or calls them for one run after the other.

    Attributes
    ----------
    units : int
        Width of the raw output.
    width : int
        Activations for each row in the widest layer: what evaluation needs room for.
    exact_batches : bool
        Whether rows of weight 0 that fill a batch would change the result (batch statistics, random layers).

    Examples
    --------
    >>> from lossmith import losses, models
    >>> from lossmith.training import GradientProcedure
    >>> from lossmith.training.optimizers import make_optimizer
    >>> network = models.get("mlp:hidden=4").network((2,), 1)
    >>> one: Procedure = GradientProcedure(network, make_optimizer("sgd"), [losses.get("mse")], [0])
    >>> one.predict(one.init(seed=0), np.zeros((3, 2), np.float32)).shape
    (3, 1)
    """

    @property
    def units(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def exact_batches(self) -> bool: ...

    def init(self, seed: int) -> State:
        """Return the state before the first step; equal seeds give equal states."""

    def step(self, state: State, batch: Batch, hyper: Hyper) -> tuple[State, Any]:
        """Return the next state and the batch means of shape (n_quantities,), the loss with all penalties first."""

    def final(self, state: State) -> State:
        """Return the state that predictions use after training."""

    def predict(self, state: State, inputs: Any) -> Any:
        """Return raw outputs of shape (n_rows, units), in inference mode."""

    def evaluate(self, state: State, batch: Batch, hyper: Hyper) -> Any:
        """Return pointwise values of shape (n_rows, n_quantities), the loss without penalties first."""

    def variables(self, state: State) -> list[Any]:
        """Return what a finished run leaves behind."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows to train or to judge on.

    Attributes
    ----------
    inputs : ndarray of shape (n_seeds, n_rows, ...) or, when shared by all seeds, (1, n_rows, ...)
    targets : tuple of ndarray
        One for each encoding, with the same leading axes.
    """

    inputs: np.ndarray
    targets: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        if self.inputs.ndim < 3 or 0 in self.inputs.shape[:2]:
            raise ShapeError(
                f"inputs of shape {self.inputs.shape}",
                expected="(n_seeds or 1, n_rows, ...) with at least one row",
                advice="add a leading axis of length 1 to rows that all seeds share",
            )
        for target in self.targets:
            if target.shape[:2] != self.inputs.shape[:2]:
                raise ShapeError(
                    f"targets of shape {target.shape}",
                    expected=f"the leading axes {self.inputs.shape[:2]} of the inputs",
                )

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.inputs.shape[1])

    @property
    def shared(self) -> bool:
        """Whether all seeds see the same rows."""
        return int(self.inputs.shape[0]) == 1


@dataclass(frozen=True, slots=True)
class GroupData:
    """What one group of runs trains on: a training part and parts to evaluate after every epoch.

    Attributes
    ----------
    seeds : tuple of int
        One for each entry of the data axis; draws initial weights, dropout and the order of the batches.
    train : Part
    evaluate : mapping of str to Part
    """

    seeds: tuple[int, ...]
    train: Part
    evaluate: Mapping[str, Part]

    def __post_init__(self) -> None:
        if not self.seeds:
            raise InvalidInputError("a group without seeds", expected="at least one seed")
        for name, part in (("train", self.train), *self.evaluate.items()):
            if not part.shared and len(part.inputs) != len(self.seeds):
                raise ShapeError(
                    f"part {name!r} has rows for {len(part.inputs)} seeds",
                    expected=f"{len(self.seeds)} (one for each seed) or 1 (shared)",
                )


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how to train.

    Attributes
    ----------
    epochs, batch_size : int
    patience : int or None
        Stop a run after this many epochs without improvement of `monitor`; None trains all epochs.
    restore_best : bool
        Return the weights of the epoch with the lowest `monitor`.
    monitor : str
        Part whose mean loss is watched; it is looked at only with `patience` or `restore_best`.
    watch_training : bool
        Also evaluate the training part after every epoch, as `evaluate` does, instead of the running mean alone.
    """

    epochs: int
    batch_size: int
    patience: int | None = None
    restore_best: bool = False
    monitor: str = "validation"
    watch_training: bool = False

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("batch_size", self.batch_size), ("patience", self.patience)):
            if value is not None and value < 1:
                raise InvalidInputError(f"{name}={value}", expected="at least 1")

    @property
    def keeps_best(self) -> bool:
        """Whether the best epoch has to be remembered."""
        return self.restore_best or self.patience is not None


@dataclass(frozen=True, slots=True)
class GroupResult:
    """What a group of runs leaves behind; axes (seed, configuration, ...).

    Attributes
    ----------
    seeds : tuple of int
    curves : mapping of str to ndarray of shape (n_seeds, n_configurations, n_epochs)
        `<quantity>` is the running mean over the epoch's batches, as Keras prints it (`loss` with all penalties of
        the weights); `<part>_<quantity>` the evaluation after the epoch (`<part>_loss` without them).
        NaN after a run has stopped.
    raw : mapping of str to ndarray of shape (n_seeds, n_configurations, n_rows, units)
        Raw outputs of the final weights on every evaluated part.
    weights : tuple of ndarray of shape (n_seeds, n_configurations, ...)
        Final values of all variables of the model, in Keras's order.
    diverged : ndarray of shape (n_seeds, n_configurations), int32
        Epoch (from 1) in which the loss was not finite and the run stopped, or 0.
    best_epoch : ndarray of shape (n_seeds, n_configurations), int32
        Epoch (from 1) the weights belong to; 0 if no epoch had a finite loss on the watched part.
    last_epoch : ndarray of shape (n_seeds, n_configurations), int32
        Last epoch that was trained.
    seconds : float
        Wall time of the training.
    """

    seeds: tuple[int, ...]
    curves: Mapping[str, np.ndarray]
    raw: Mapping[str, np.ndarray]
    weights: tuple[np.ndarray, ...]
    diverged: np.ndarray
    best_epoch: np.ndarray
    last_epoch: np.ndarray
    seconds: float = field(default=0.0, compare=False)
