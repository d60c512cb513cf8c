"""The model that a comparison of models recommends, fitted to all rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from lossmith import data as datasets
from lossmith._errors import InvalidInputError
from lossmith.compare._model_entries import Entry, entries, fitted
from lossmith.compare._model_spec import ModelComparison
from lossmith.compare.classical_model import ClassicalModel
from lossmith.compare.versions import versions
from lossmith.data import Dataset

__all__ = ["save_winner", "winner"]


def save_winner(
    result: ModelComparison,
    source: Any,
    path: str | os.PathLike[str],
    *,
    models: str | Sequence[str],
    losses: str | Sequence[str] | None = None,
    target: str | None = None,
    seed: int = 0,
    **reading: Any,
) -> None:
    """Fit the best model of a comparison to all rows and write it to a file that `lossmith predict` reads.

    Raises
    ------
    InvalidInputError
        See `winner`.
    """
    dataset = source if isinstance(source, Dataset) else datasets.load(source, target=target, **reading)
    chosen, _ = entries(models, losses, dataset)
    winner(result, chosen, dataset, seed=seed).save(path)


def winner(result: ModelComparison, chosen: Sequence[Entry], dataset: Dataset, *, seed: int) -> ClassicalModel:
    """Return the best model of a comparison, fitted to all rows.

    Its metrics are the means over the folds, whose models saw fewer rows each.

    Raises
    ------
    InvalidInputError
        The best is a network, which `lossmith.compare` saves, or a constant.
    """
    first = result.standings[0]
    entry = next((entry for entry in chosen if entry.label == first.label), None)
    if entry is None:
        raise InvalidInputError(
            f"a file for the winner, {first.label}",
            expected="a model that is better than a constant",
            advice="look at the data",
        )
    if entry.network:
        raise InvalidInputError(
            f"a file for the winner, {entry.label}, which is a network",
            expected="a model of scikit-learn",
            advice=f"train and save it: lossmith compare DATA --models {entry.model} --losses {entry.loss} --save-model FILE",
        )
    encoder = datasets.fit_encoder(dataset, np.arange(dataset.n_samples))
    inputs = encoder.transform(dataset.features)
    estimator, _ = fitted(entry, inputs.reshape(len(inputs), -1), dataset.target, dataset, seed=seed)
    return ClassicalModel(
        estimator=estimator,
        encoder=encoder,
        task=dataset.task,
        model=entry.model,
        loss=entry.loss,
        class_names=dataset.class_names,
        metrics=dict(first.metrics),
        data={"name": dataset.name, "fingerprint": dataset.fingerprint, "n_samples": dataset.n_samples},
        versions=versions(),
    )
