"""Trained runs for tests of saved models: a small table with every kind of column, one short comparison for each task."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from scipy.special import expit, softmax

from lossmith.compare.run import Execution, Memory, plan_for
from lossmith.compare.summary import Evidence, Runs, gather, summarise
from lossmith.compare.trained import TrainedModel
from lossmith.compare.winner import trained_model

VERSIONS = {"lossmith": "0.0", "keras": "3"}
LOSSES = {
    "binary": ("binary_crossentropy", "hinge", "tanh_hinge"),
    "multiclass": ("categorical_crossentropy", "categorical_hinge"),
    "regression": (
        "mean_squared_error",
        "mean_squared_logarithmic_error",
        "huber:delta=2.5",
        "poisson",
        "gaussian_nll",
    ),
}
CASES = [(task, loss) for task, losses in LOSSES.items() for loss in losses]
MODELS = {
    "binary": "mlp:hidden=6",
    "multiclass": "mlp:hidden=5x4,activation=tanh,batch_norm=true,dropout=0.25",
    "regression": "mlp:hidden=0",
}
TRIAL = 1


def table(task: str, n_rows: int = 200) -> pl.DataFrame:
    """Return numbers with gaps, a category with gaps, yes/no, dates and a target named `y`."""
    rng = np.random.default_rng([3, len(task)])
    size = rng.normal(40.0, 9.0, n_rows)
    colour = rng.choice(["red", "green", "blue"], n_rows)
    hot = rng.random(n_rows) < 0.4
    pull = (size - 40) / 9 + (colour == "red") + hot + rng.normal(0, 0.5, n_rows)
    target: Any = 300 + 40 * pull - (40 * pull).min()
    if task == "binary":
        target = np.where(pull > 0.7, "yes", "no")
    elif task == "multiclass":
        target = np.array(["low", "middle", "high"])[np.digitize(pull, [0.2, 1.2])]
    days = pl.date_range(pl.date(2021, 1, 1), pl.date(2021, 1, 1) + pl.duration(days=n_rows - 1), eager=True)
    return pl.DataFrame(
        {
            "size": [None if place % 11 == 0 else value for place, value in enumerate(size)],
            "colour": [None if place % 13 == 0 else value for place, value in enumerate(colour)],
            "hot": np.where(hot, "yes", "no"),
            "day": days.sample(n_rows, shuffle=True, seed=5),
            "y": target,
        }
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """A short comparison that has ended."""

    execution: Execution
    evidence: Evidence
    runs: dict[str, Runs]

    @property
    def plan(self) -> Any:
        return self.execution.plan

    def comparison(self, evidence: Evidence | None = None) -> Any:
        return summarise(self.plan, evidence or self.evidence, self.execution.seats, versions=VERSIONS)

    def model(self, loss: str, trial: int = TRIAL) -> TrainedModel:
        return trained_model(self.plan, self.runs[loss], self.execution.seats, trial=trial, versions=VERSIONS)

    def raw_test(self, loss: str, trial: int = TRIAL) -> np.ndarray:
        """Return the raw outputs on test rows, as the training left them."""
        return self.runs[loss].of_chosen("raw_test")[trial].astype(np.float64)

    def rows(self, part: str, trial: int = TRIAL) -> np.ndarray:
        return getattr(self.execution.seats[trial].split, part)


def ended(source: Any, **options: Any) -> Trained:
    """Train two seeds at one rate."""
    options = {"seeds": 2, "epochs": 4, "learning_rates": "configured", **options}
    execution = Execution(plan_for(source, **options), Memory())
    execution.train(2)
    evidence = execution.evidence(2, looks=1, seconds=0.0)
    return Trained(execution, evidence, gather(evidence))


@cache
def trained(task: str) -> Trained:
    """Return the comparison of a task."""
    return ended(table(task), target="y", losses=",".join(LOSSES[task]), model=MODELS[task])


def expected(task: str, loss: str) -> np.ndarray:
    """Return probabilities or values on the test rows: SciPy on the raw outputs that the training left."""
    run = trained(task)
    raw = run.raw_test(loss)
    if task == "regression":
        train = run.plan.dataset.target[run.rows("train")]
        return {
            "mean_squared_error": lambda: raw[:, 0] * train.std() + train.mean(),
            "huber:delta=2.5": lambda: raw[:, 0] * train.std() + train.mean(),
            "gaussian_nll": lambda: raw[:, 0] * train.std() + train.mean(),
            "mean_squared_logarithmic_error": lambda: np.expm1(raw[:, 0]),
            "poisson": lambda: np.exp(raw[:, 0]) * train.mean(),
        }[loss]()
    slope, intercept = run.runs[loss].of_chosen("platt")[TRIAL] if "hinge" in loss else (1.0, 0.0)
    if task == "multiclass":
        return softmax(slope * raw, axis=1)
    positive = expit(slope * raw[:, 0] + intercept)
    return np.stack([1 - positive, positive], axis=1)
