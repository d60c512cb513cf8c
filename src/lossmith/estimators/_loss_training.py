"""Networks trained under losses for the estimators: every candidate and fold of one shape in one program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.estimators._encoded_targets import fitted_encoding
from lossmith.losses import Loss
from lossmith.losses.encoding import FittedEncoding
from lossmith.models import get as get_model
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer, load_keras
from lossmith.training.optimizers import batches_of, make_optimizer

__all__ = ["Candidate", "Rows", "Trained", "Training", "raw_outputs", "train"]

CHUNK, BLOCK = 4096, 256  # rows at a time, of many and of few
Built = str | Callable[[tuple[int, ...]], Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What differs between runs of one program."""

    loss: Loss
    learning_rate: float


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Training rows of one fold.

    Attributes
    ----------
    inputs : ndarray of shape (n_samples, n_features), float32
    target : ndarray of shape (n_samples,)
        Class ids or values.
    seed : int
        Draws initial weights and the order of the batches.
    weight : ndarray of shape (n_samples,) or None
        Of each row, with mean 1.
    validation : tuple (inputs, target) or None
        Rows that decide when to stop.
    """

    inputs: np.ndarray
    target: np.ndarray
    seed: int
    weight: np.ndarray | None = None
    validation: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def shape(self) -> tuple[Any, ...]:
        """What must agree for folds to share a program."""
        return (self.inputs.shape, None if self.validation is None else self.validation[0].shape, self.weight is None)


@dataclass(frozen=True, slots=True)
class Training:
    """How every candidate is trained."""

    model: Built
    optimizer: str
    epochs: int
    batch_size: int
    patience: int | None = None
    n_classes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """One trained network as arrays.

    Attributes
    ----------
    weights : tuple of ndarray
        Values of the network's variables, in Keras's order.
    curve : ndarray of shape (n_epochs,)
        Mean training loss of each epoch that was trained.
    validation_curve : ndarray of shape (n_epochs,) or None
    encoding : FittedEncoding
    best_epoch : int
    diverged : bool
    """

    weights: tuple[np.ndarray, ...]
    curve: np.ndarray
    validation_curve: np.ndarray | None
    encoding: FittedEncoding
    best_epoch: int
    diverged: bool


def train(how: Training, candidates: Sequence[Candidate], folds: Sequence[Rows]) -> list[list[Trained]]:
    """Return the trained networks, `result[fold][candidate]`.

    Candidates of one head width are stacked with all folds of one shape into one compiled program.

    Raises
    ------
    DomainError
        Targets outside the domain of a loss.
    InvalidInputError
        A model, an optimiser or a number that cannot be used.
    """
    found: list[list[Trained | None]] = [[None] * len(candidates) for _ in folds]
    for units in dict.fromkeys(_units(candidate.loss, how.n_classes) for candidate in candidates):
        chosen = [place for place, each in enumerate(candidates) if _units(each.loss, how.n_classes) == units]
        for shape in dict.fromkeys(fold.shape for fold in folds):
            places = [place for place, fold in enumerate(folds) if fold.shape == shape]
            trained = _group(how, units, [candidates[k] for k in chosen], [folds[k] for k in places])
            for at, row in zip(places, trained, strict=True):
                for k, one in zip(chosen, row, strict=True):
                    found[at][k] = one
    return [[one for one in row if one is not None] for row in found]


def _units(loss: Loss, n_classes: int) -> int:
    return loss.units(n_classes or None)


def _group(how: Training, units: int, candidates: Sequence[Candidate], folds: Sequence[Rows]) -> list[list[Trained]]:
    load_keras()
    losses = list(dict.fromkeys(str(candidate.loss) for candidate in candidates))
    by_name = {str(candidate.loss): candidate.loss for candidate in candidates}
    # one target for each encoding, whatever the number of losses that read it
    encodings = list(dict.fromkeys(loss.encoding for loss in by_name.values()))
    fitted = [
        {
            name: fitted_encoding(loss, fold.target, n_classes=how.n_classes, weight=fold.weight)
            for name, loss in by_name.items()
        }
        for fold in folds
    ]
    by_encoding = [{loss.encoding: row[name] for name, loss in by_name.items()} for row in fitted]
    weighted = folds[0].weight is not None
    train_part = _part(
        [fold.inputs for fold in folds],
        [[each[name].encode(fold.target) for name in encodings] for each, fold in zip(by_encoding, folds, strict=True)],
        [fold.weight for fold in folds],
    )
    evaluate = {}
    if folds[0].validation is not None:
        held = [fold.validation for fold in folds if fold.validation is not None]
        evaluate["validation"] = _part(
            [inputs for inputs, _ in held],
            [
                [each[name].encode(target) for name in encodings]
                for each, (_, target) in zip(by_encoding, held, strict=True)
            ],
            [np.ones(len(target), np.float32) if weighted else None for _, target in held],
        )
    batch_size, length = batches_of(
        how.optimizer, batch_size=how.batch_size, n_rows=train_part.n_rows, epochs=how.epochs
    )
    procedure = GradientProcedure(
        get_model(how.model).network(folds[0].inputs.shape[1:], units),
        make_optimizer(how.optimizer, learning_rate=candidates[0].learning_rate, length=length),
        [by_name[name] for name in losses],
        [encodings.index(by_name[name].encoding) for name in losses],
        weights=len(encodings) if weighted else None,
    )
    stopping = how.patience if evaluate else None
    trainer = Trainer(
        procedure,
        [losses.index(str(candidate.loss)) for candidate in candidates],
        [candidate.learning_rate for candidate in candidates],
        Schedule(epochs=how.epochs, batch_size=batch_size, patience=stopping, restore_best=stopping is not None),
    )
    result = trainer.train(GroupData(tuple(fold.seed for fold in folds), train_part, evaluate))
    return [
        [_trained(result, place, k, fitted[place][str(candidate.loss)]) for k, candidate in enumerate(candidates)]
        for place in range(len(folds))
    ]


def _part(inputs: Sequence[np.ndarray], targets: Sequence[Sequence[np.ndarray]], weights: Sequence[Any]) -> Part:
    rows = [
        list(entry) + ([weight] if weight is not None else []) for entry, weight in zip(targets, weights, strict=True)
    ]
    return Part(np.stack(inputs), tuple(np.stack([row[k] for row in rows]) for k in range(len(rows[0]))))


def _trained(result: Any, fold: int, candidate: int, encoding: FittedEncoding) -> Trained:
    last = int(result.last_epoch[fold, candidate])
    validation = result.curves.get("validation_loss")
    return Trained(
        weights=tuple(np.array(value[fold, candidate]) for value in result.weights),
        curve=np.array(result.curves["loss"][fold, candidate, :last], dtype=np.float64),
        validation_curve=None if validation is None else np.array(validation[fold, candidate, :last], dtype=np.float64),
        encoding=encoding,
        best_epoch=int(result.best_epoch[fold, candidate]),
        diverged=bool(result.diverged[fold, candidate]),
    )


@lru_cache(maxsize=8)
def _kept(model: Built, input_shape: tuple[int, ...], units: int) -> Any:
    return get_model(model).network(input_shape, units)


def raw_outputs(model: Built, weights: Sequence[np.ndarray], inputs: np.ndarray, *, units: int) -> np.ndarray:
    """Return raw outputs of shape `(n_samples, units)`; the network is built from its configuration, not kept in a model."""
    keras = load_keras()
    try:
        network = _kept(model, inputs.shape[1:], units)
    except TypeError:  # a callable that cannot be hashed
        network = get_model(model).network(inputs.shape[1:], units)
    if [tuple(variable.shape) for variable in network.variables] != [value.shape for value in weights]:
        raise InvalidInputError(
            f"weights of another network than {model!r} builds now",
            expected="the model that was fitted",
            advice="fit again after changing the parameter model",
        )
    values = {id(variable): value for variable, value in zip(network.variables, weights, strict=True)}
    trainable = [values[id(variable)] for variable in network.trainable_variables]
    other = [values[id(variable)] for variable in network.non_trainable_variables]
    raw = np.empty((len(inputs), units), dtype=np.float32)
    # blocks of one size, filled up with zeros: a row's rounding must not depend on which rows come with it
    size = BLOCK if len(inputs) <= CHUNK else CHUNK
    for start in range(0, len(inputs), size):
        block = inputs[start : start + size]
        filled = np.concatenate([block, np.zeros((size - len(block), *inputs.shape[1:]), inputs.dtype)])
        found = network.stateless_call(trainable, other, filled, training=False)[0]
        raw[start : start + size] = keras.ops.convert_to_numpy(found)[: len(block)]
    return raw
