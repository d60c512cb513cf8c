"""What takes part in a comparison of models: names and losses to entries, and the scores of an entry on one fold."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from lossmith import data as datasets
from lossmith._catalogue import _key
from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith._names import parse_name, split_names
from lossmith.compare import metrics
from lossmith.compare._model_folds import Folds
from lossmith.compare.plan import Plan, make_plan
from lossmith.compare.programs import Trainers
from lossmith.compare.trials import GIVEN, HeadProgram, Seat, group_data, head_programs
from lossmith.data import Dataset, Split
from lossmith.estimators import CLASSICAL, classical
from lossmith.losses import LOSSES
from lossmith.models import MODELS

__all__ = ["DEFAULT_LOSS", "Entry", "FoldSeats", "entries", "fitted", "is_model_axis", "network_scores", "scores"]

# models whose parts are trained side by side
PARALLEL = ("random_forest", "extra_trees", "bagging")
# training rows from which matrix products may use every core
MANY_ROWS = 20_000
DEFAULT_LOSS = {
    "regression": "mean_squared_error",
    "binary": "binary_crossentropy",
    "multiclass": "categorical_crossentropy",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A model under a loss.

    Attributes
    ----------
    label, model, loss : str
    network : bool
        Trained by gradient descent on the engine; otherwise a scikit-learn estimator.
    """

    label: str
    model: str
    loss: str
    network: bool


def is_model_axis(names: Sequence[str]) -> bool:
    """Return whether these models call for a comparison of models: several of them, or one that is no network.

    Examples
    --------
    >>> is_model_axis(["mlp:hidden=50"]), is_model_axis(["mlp", "knn"]), is_model_axis(["random_forest"])
    (False, True, True)
    """
    return len(names) > 1 or any(name.partition(":")[0] in CLASSICAL for name in names)


def entries(
    models: str | Sequence[str], losses: str | Sequence[str] | None, dataset: Dataset
) -> tuple[list[Entry], list[str]]:
    """Return what is compared, and what had to be left out with the reason.

    Without losses every model trains with its own; with losses, with each of them that it offers.

    Raises
    ------
    UnknownNameError
        A model that is in neither catalogue.
    InvalidInputError
        A model named twice, a model for another task, or a loss that none of the models offers.
    """
    names = split_names(models) if isinstance(models, str) else list(models)
    wanted = split_names(losses) if isinstance(losses, str) else list(losses or [])
    if wanted == ["default"]:
        wanted = []
    wanted = [_canonical(name) for name in wanted]
    if not names:
        raise InvalidInputError(
            "no model named", expected="a comma list of models", advice="for example mlp,rbf,random_forest"
        )
    found: list[Entry] = []
    notes: list[str] = []
    taken: set[str] = set()
    for name in names:
        label, network, offered = _model(name, dataset.task)
        chosen = [
            loss
            for loss in (offered if wanted == ["all"] else wanted)
            if _offers(loss, label, network, offered, dataset.task)
        ]
        if not wanted:
            chosen = [next(iter(offered))]
        elif not chosen:
            notes.append(f"{label} left out: it trains with {', '.join(offered)}")
            continue
        taken |= set(chosen)
        found += [Entry(f"{label} ({loss})" if wanted else label, label, loss, network) for loss in chosen]
    unused = [loss for loss in wanted if loss not in taken and loss != "all"]
    if unused or not found:
        raise InvalidInputError(
            f"no model trains with {unused[0] if unused else ', '.join(wanted)!r} on a {dataset.task} task",
            expected="losses that one of the models offers",
            advice="; ".join(notes) or "see lossmith losses",
        )
    labels = [entry.label for entry in found]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise InvalidInputError(f"model {twice!r} is named twice", expected="every model once")
    return found, notes


def _canonical(loss: str) -> str:
    """Return the loss under the name of its record, with its parameters."""
    base, colon, values = loss.partition(":")
    return (LOSSES[base].name if base in LOSSES else base) + colon + values


def _model(name: str, task: str) -> tuple[str, bool, list[str]]:
    """Return label, whether it is a network, and the losses it offers, the default first."""
    base, values = parse_name(name)
    if base in MODELS:
        fitting = [loss.name for loss in LOSSES.values() if loss.task == task]
        label = str(MODELS[base].configured(**values))
        return label, True, sorted(fitting, key=lambda loss: loss != DEFAULT_LOSS[task])
    if base not in CLASSICAL:
        known = [*MODELS, *CLASSICAL]
        raise UnknownNameError(f"unknown model {base!r}", advice=did_you_mean(_key(base), known))
    record = classical(name)
    offered = _chosen_by_value(record, task) or list(record.losses(task))
    record.estimator(task)  # wrong values are said before anything is trained
    return str(record), False, offered


def _chosen_by_value(record: Any, task: str) -> list[str]:
    """Return the loss that arguments in the name of the model set, as in `hist_gradient_boosting:loss=poisson`."""
    choosing = {key for arguments in record.losses(task).values() for key in arguments} & {"loss", "criterion"}
    given = {key: value for key, value in record.values.items() if key in choosing or key == "loss"}
    if not given:
        return []
    matching = [
        name
        for name, arguments in record.losses(task).items()
        if all(arguments.get(key) == value for key, value in given.items())
    ]
    return matching[:1] or [f"own: {', '.join(str(value) for value in given.values())}"]


def _offers(loss: str, label: str, network: bool, offered: list[str], task: str) -> bool:
    base = parse_name(loss)[0]
    if base in offered or network:
        if network and (base not in LOSSES or LOSSES[base].task != task):
            raise InvalidInputError(
                f"loss {base!r} on a {task} task", expected="a loss of the task", advice="see lossmith losses"
            )
        return True
    record = classical(label)
    return record._face(task).any_loss and base in LOSSES and LOSSES[base].task == task


class FoldSeats:
    """The seats of a comparison of models: one for each fold, encoded with what its training rows know."""

    def __init__(self, dataset: Dataset, folds: Folds, *, seed: int) -> None:
        self.dataset, self.folds, self.seed = dataset, folds, seed
        self._kept: tuple[int, Seat] | None = None

    def __getitem__(self, fold: int) -> Seat:
        """Return rows and inputs of a fold."""
        if self._kept is None or self._kept[0] != fold:
            train, test = self.folds.parts[fold]
            kept, watched = self.folds.watched(fold, self.dataset, seed=self.seed)
            encoder = datasets.fit_encoder(self.dataset, train)
            inputs = encoder.transform(self.dataset.features)
            split = Split(np.asarray(kept), np.asarray(watched), np.asarray(test))
            self._kept = (fold, Seat(split, encoder, inputs, self.dataset.target))
        return self._kept[1]


def scores(entry: Entry, seat: Seat, plan: Plan, *, fold: int) -> tuple[np.ndarray, bool]:
    """Return every metric of an estimator on one fold, and whether its probabilities had to be calibrated."""
    dataset = plan.dataset
    train = np.concatenate([seat.split.train, seat.split.validation])
    inputs = seat.inputs.reshape(len(seat.inputs), -1)
    estimator, calibrated = fitted(entry, inputs[train], dataset.target[train], dataset, seed=plan.settings.seed + fold)
    with threadpool_limits(_limits(len(train))):
        given = _given(estimator, inputs[seat.split.test], dataset)
    target = dataset.target[seat.split.test]
    numbers = metrics.measure(target, task=dataset.task, metrics=list(plan.metrics), **given)
    return np.array([float(numbers.get(str(metric), [np.nan])[0]) for metric in plan.metrics]), calibrated


def _limits(n_rows: int) -> dict[str, int]:
    # OpenMP threads wait for each other by spinning, on a busy machine for long; those of BLAS pay on many rows
    return {"openmp": 1} if n_rows >= MANY_ROWS else {"openmp": 1, "blas": 1}


def fitted(entry: Entry, inputs: np.ndarray, target: np.ndarray, dataset: Dataset, *, seed: int) -> tuple[Any, bool]:
    """Return the estimator of an entry, fitted to encoded inputs, and whether its scores had to be calibrated."""
    record = classical(entry.model)
    estimator = record.estimator(
        dataset.task, seed=seed, loss=None if entry.loss.startswith(("none: ", "own: ")) else entry.loss
    )
    calibrated = bool(dataset.n_classes) and not hasattr(estimator, "predict_proba")
    if calibrated:
        from sklearn.calibration import CalibratedClassifierCV

        estimator = CalibratedClassifierCV(estimator, cv=3, ensemble=False)
    if record.name in PARALLEL:
        estimator.set_params(n_jobs=-1)
    with warnings.catch_warnings(), threadpool_limits(_limits(len(inputs))):
        warnings.simplefilter("ignore")  # a model that stops early is judged as it is
        estimator.fit(inputs, target)
    return estimator, calibrated


def _given(estimator: Any, inputs: np.ndarray, dataset: Dataset) -> dict[str, np.ndarray]:
    if not dataset.n_classes:
        return {"value": np.asarray(estimator.predict(inputs), dtype=np.float64)[None]}
    probability = np.zeros((len(inputs), dataset.n_classes))
    probability[:, np.asarray(estimator.classes_, dtype=int)] = estimator.predict_proba(inputs)
    return {GIVEN[1]: probability[None, :, 1] if dataset.task == "binary" else probability[None]}


def network_plan(entry: Entry, dataset: Dataset, *, n_train: int, **options: Any) -> tuple[Plan, HeadProgram]:
    """Return plan and program of a network under one loss; learning rates are tuned on watched rows of every fold."""
    plan = make_plan(dataset, losses=[entry.loss], model=entry.model, n_train=n_train, **options)
    program = head_programs(plan, cores=1)[0]
    return plan, replace(program, group_size=1)


def network_scores(plan: Plan, program: HeadProgram, seats: Any, trainers: Trainers, fold: int) -> np.ndarray:
    """Return every metric of a network on one fold, at the learning rate that was best on its watched rows."""
    data, taken = group_data(plan, program, seats, (fold,))
    kept = trainers.train((program, data, taken, None))
    return np.asarray(kept["test"][0, 0, kept["chosen"][0, 0]], dtype=np.float64)
