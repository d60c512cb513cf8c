"""Material for figures: calibration pooled over seeds, and decision regions where the data have two dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lossmith.compare import calibration
from lossmith.compare._spec import Boundary, Reliability
from lossmith.compare.plan import Plan
from lossmith.compare.programs import procedure
from lossmith.compare.trials import Judged, Seats, fitted_encoding

if TYPE_CHECKING:
    from lossmith.compare.summary import Runs

__all__ = ["boundaries", "reliability"]

GRID = 60
POINTS = 500


def reliability(plan: Plan, runs: Mapping[str, Runs], seats: Seats) -> tuple[Reliability, ...]:
    """Return one calibration diagram for each loss, over the test rows of all seeds; none for a regression."""
    if plan.dataset.task == "regression":
        return ()
    found = []
    for label, one in runs.items():
        predicted, target = [], []
        for trial in range(len(one.chosen)):
            if one.at_chosen("diverged")[trial]:
                continue
            seat = seats[trial]
            judged = Judged(plan, one.loss, fitted_encoding(plan, seat, one.loss.encoding))
            raw, platt = one.of_chosen("raw_test")[trial][None], one.of_chosen("platt")[trial][None]
            predicted.append(judged.predictions(raw, None, platt=platt)["probability"][0])
            target.append(plan.dataset.target[seat.split.test])
        if predicted:
            found.append(calibration.reliability(label, np.concatenate(predicted)[None], np.concatenate(target)))
    return tuple(found)


def boundaries(plan: Plan, runs: Mapping[str, Runs], seats: Seats) -> tuple[Boundary, ...]:
    """Return decision regions of every loss for the first seed; none unless there are two numeric features."""
    features = plan.dataset.features
    names, table = _two_columns(features)
    if names is None or table is None or plan.dataset.task == "regression":
        return ()
    seat = seats[0]
    low, high = table.min(axis=0), table.max(axis=0)
    room = 0.05 * np.where(high > low, high - low, 1.0)
    x, y = (np.linspace(low[axis] - room[axis], high[axis] + room[axis], GRID) for axis in (0, 1))
    grid = np.stack([values.ravel() for values in np.meshgrid(x, y)], axis=1)
    inputs = seat.encoder.transform(_like(features, names, grid))
    shown = seat.split.test[:POINTS]
    found = []
    for program in dict.fromkeys(one.program.key for one in runs.values()):
        members = {label: one for label, one in runs.items() if one.program.key == program}
        first = next(iter(members.values()))
        runner = procedure(plan, first.program, inputs.shape[1:])
        for label, one in members.items():
            weights = [one.of_chosen(name)[0] for name in sorted(one.arrays) if name.startswith("weight/")]
            raw = np.asarray(runner.predict(runner.restored(weights), inputs))
            value = _region(plan, one, seat, raw)
            found.append(
                Boundary(label, x, y, value.reshape(GRID, GRID), table[shown], plan.dataset.target[shown], names)
            )
    return tuple(found)


def _region(plan: Plan, one: Runs, seat: object, raw: np.ndarray) -> np.ndarray:
    judged = Judged(plan, one.loss, fitted_encoding(plan, seat, one.loss.encoding))  # type: ignore[arg-type]
    given = judged.predictions(raw[None], None, platt=one.of_chosen("platt")[:1])["probability"][0]
    return given.argmax(axis=-1).astype(float) if given.ndim == 2 else given


def _two_columns(features: pl.DataFrame | np.ndarray) -> tuple[tuple[str, str] | None, np.ndarray | None]:
    if isinstance(features, pl.DataFrame):
        if (
            features.width != 2
            or not all(kind.is_numeric() for kind in features.dtypes)
            or features.null_count().sum_horizontal().item()
        ):
            return None, None
        return (features.columns[0], features.columns[1]), features.to_numpy().astype(float)
    if features.ndim != 2 or features.shape[1] != 2:
        return None, None
    return ("x1", "x2"), np.asarray(features, dtype=float)


def _like(features: pl.DataFrame | np.ndarray, names: tuple[str, str], grid: np.ndarray) -> pl.DataFrame | np.ndarray:
    if isinstance(features, pl.DataFrame):
        return pl.DataFrame(
            {
                name: pl.Series(grid[:, place]).cast(features.schema[name], strict=False)
                for place, name in enumerate(names)
            }
        )
    return grid
