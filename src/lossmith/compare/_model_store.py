"""Comparisons of models in a store: every fold of every model as soon as it is judged, and the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import StoreError
from lossmith.compare._model_spec import ModelComparison, ModelStanding
from lossmith.compare._spec import Difference, Estimate
from lossmith.compare.store import Store
from lossmith.compare.versions import versions
from lossmith.data import Dataset

__all__ = ["KIND", "KeptFolds", "begun", "from_text"]

KIND = "models"


class KeptFolds:
    """What is known of a comparison: folds that a store holds, or nothing where there is no store."""

    def __init__(self, store: Store | None = None, run: int = 0) -> None:
        self.store, self.run = store, run
        self._known = {} if store is None else store.groups(run)

    def get(self, label: str, fold: int) -> tuple[np.ndarray, float, bool, str] | None:
        """Return metrics, seconds, whether probabilities were calibrated, and why it failed; None if it is not there."""
        kept = self._known.get(f"{label}/{fold}")
        if kept is None:
            return None
        failure = kept["failure"].astype(np.uint8).tobytes().decode()
        return kept["metrics"].astype(np.float64), float(kept["seconds"]), bool(kept["calibrated"]), failure

    def put(self, label: str, fold: int, values: np.ndarray, seconds: float, *, calibrated: bool, failure: str) -> None:
        """Keep one fold of one model."""
        if self.store is not None:
            arrays = {
                "metrics": values,
                "seconds": np.array(seconds),
                "calibrated": np.array(calibrated),
                "failure": np.frombuffer(failure.encode(), np.uint8),
            }
            self.store.save_group(self.run, f"{label}/{fold}", arrays)

    def finish(self, result: ModelComparison) -> None:
        """Keep the result."""
        if self.store is not None:
            # numbers that strict JSON lacks come back as they were
            text = json.dumps(result.described())
            self.store.finish(self.run, text, result.seconds, summary=result.verdict)


def begun(
    store: Store,
    dataset: Dataset,
    *,
    labels: list[str],
    folds: int,
    options: Mapping[str, Any],
    reading: Mapping[str, Any],
    address: str | None,
) -> int:
    """Return the run of the store in which this comparison is kept: an interrupted one of the same choices, or a new one."""
    settings = {
        "settings": {"losses": labels, "seeds": folds},
        "options": dict(options),
        "reading": dict(reading),
    }
    plain = json.loads(json.dumps(settings))
    for row in reversed(store.runs()):
        same = row.kind == KIND and row.fingerprint == dataset.fingerprint and dict(row.settings) == plain
        if same and store.result(row.run) is None and row.versions == versions():
            try:
                store.reopen(row.run)
            except StoreError:
                continue  # another process is at it
            return row.run
    return store.create_run(
        kind=KIND,
        name=dataset.name,
        settings=plain,
        data={"source": address, "n_samples": dataset.n_samples, "task": dataset.task},
        fingerprint=dataset.fingerprint,
        versions=versions(),
    )


def from_text(text: str) -> ModelComparison:
    """Return the comparison that `KeptFolds.finish` wrote.

    Raises
    ------
    StoreError
        It is something else.
    """
    try:
        plain = json.loads(text)
        standings = tuple(_standing(one) for one in plain["standings"])
        given = {entry.name: plain[entry.name] for entry in fields(ModelComparison) if entry.name in plain}
        trials = pl.DataFrame(plain["trials"], infer_schema_length=None)
        found = ModelComparison(**{**given, "standings": standings, "trials": trials})
        found = replace(found, class_counts=tuple(found.class_counts), decisions=tuple(found.decisions))
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
        pl.exceptions.PolarsError,
    ) as error:
        why = " ".join(str(error).split())[:200]
        raise StoreError(f"a comparison of models that cannot be read: {why}", advice="compare again") from error
    return found


def _standing(plain: dict[str, Any]) -> ModelStanding:
    gap = plain["difference"]
    return ModelStanding(
        **{
            **plain,
            "metric": Estimate(**plain["metric"]),
            "difference": None if gap is None else Difference(**gap),
        }
    )
