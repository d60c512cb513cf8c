"""The run to ship: of the best loss, the one that validated best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.compare._spec import Comparison
from lossmith.compare.plan import Plan
from lossmith.compare.summary import Evidence, Runs, gather
from lossmith.compare.trained import TrainedModel
from lossmith.compare.trials import fitted_encoding
from lossmith.compare.variants import JOIN

if TYPE_CHECKING:
    from lossmith.compare.trials import Seats

__all__ = ["trained_model", "winner"]


def winner(plan: Plan, evidence: Evidence, seats: Seats, comparison: Comparison) -> TrainedModel:
    """Return the trained model to use: the loss that leads the standings, at the seed that validated best.

    A comparison trains every loss many times, and any one of these runs could be shipped. The choice reads the judged
    metric on validation rows alone, so that the test metrics of the chosen run, which come with it, saw no choice: they
    are an honest estimate for this very model, where those of the run that tests best would flatter it. Where every seed
    draws its own split, validation rows differ between seeds, and part of what is chosen is easy rows: the choice keeps
    out bad runs more than it finds the best one. Runs that diverged are never chosen, and a run that collapsed to one constant only if all did.

    Parameters
    ----------
    plan : Plan
    evidence : Evidence
        The groups that were trained, with their weights.
    seats : Seats
    comparison : Comparison
        What `summarise` made of them.

    Raises
    ------
    InvalidInputError
        Every run of the best loss diverged.

    Examples
    --------
    >>> from lossmith.compare.run import Execution, Memory, plan_for
    >>> from lossmith.compare.summary import summarise
    >>> plan = plan_for("circles", losses="binary_crossentropy", seeds=2, epochs=2, learning_rates="configured")
    >>> execution = Execution(plan, Memory())
    >>> execution.train(2)
    >>> evidence = execution.evidence(2, looks=1, seconds=0.0)
    >>> comparison = summarise(plan, evidence, execution.seats, versions={})
    >>> winner(plan, evidence, execution.seats, comparison)
    <TrainedModel of 'y': mlp:hidden=50 trained with binary_crossentropy, 2 inputs>
    """
    runs = gather(evidence)[comparison.standings[0].loss]
    return trained_model(plan, runs, seats, trial=_chosen_trial(plan, runs), versions=comparison.versions)


def trained_model(plan: Plan, runs: Runs, seats: Seats, *, trial: int, versions: Mapping[str, str]) -> TrainedModel:
    """Return the model that one trial of one loss ended with, at its chosen learning rate.

    Parameters
    ----------
    plan : Plan
    runs : Runs
        Of the loss, from `summary.gather`.
    seats : Seats
    trial : int
        From 0.
    versions : mapping of str to str
    """
    seat = seats[trial]
    names = [str(metric) for metric in plan.metrics]
    weights = sorted(name for name in runs.arrays if name.startswith("weight/"))
    return TrainedModel(
        loss=runs.loss,
        model=plan.model,
        weights=tuple(runs.of_chosen(name)[trial] for name in weights),
        encoder=seat.encoder,
        encoding=fitted_encoding(plan, seat, runs.loss.encoding),
        class_names=plan.dataset.class_names,
        platt=runs.of_chosen("platt")[trial] if runs.loss.head.gives == "score" else None,
        metrics=dict(zip(names, map(float, runs.at_chosen("test")[trial]), strict=True)),
        training={
            "optimizer": _described(runs),
            "learning_rate": float(runs.program.learning_rates[runs.chosen[trial]]),
            "epochs": plan.settings.epochs,
            "best_epoch": int(runs.at_chosen("best_epoch")[trial]),
            "batch_size": runs.program.variant.batch_size or len(seat.split.train),
            "protocol": plan.settings.protocol,
            "noise": float(plan.settings.noise),
            "seed": plan.settings.seed,
            "trial": trial,
        },
        data={
            "name": plan.dataset.name,
            "fingerprint": plan.dataset.fingerprint,
            "n_samples": plan.dataset.n_samples,
        },
        versions=versions,
    )


def _described(runs: Runs) -> str:
    variant = runs.program.variant
    return variant.optimizer if variant.schedule == "constant" else f"{variant.optimizer}{JOIN}{variant.schedule}"


def _chosen_trial(plan: Plan, runs: Runs) -> int:
    validation = plan.metric.oriented(runs.at_chosen("validation"))
    sound = np.isfinite(validation) & (runs.at_chosen("diverged") == 0)
    if runs.loss.head.gives == "score":
        sound &= np.isfinite(runs.of_chosen("platt")).all(axis=-1)
    # where the features say nothing, a constant is the right answer
    sound = sound & ~runs.at_chosen("collapsed") if (sound & ~runs.at_chosen("collapsed")).any() else sound
    if not sound.any():
        raise InvalidInputError(
            f"every run of {runs.loss} diverged",
            expected="one sound run",
            advice="compare again with a smaller learning rate",
        )
    return int(np.where(sound, validation, -np.inf).argmax())
