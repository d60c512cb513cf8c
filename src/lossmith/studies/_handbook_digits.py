"""N-22 and H-G03: digits by the networks and settings of a handbook, trained for as long as it says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lossmith.studies._rows import faulty, shown
from lossmith.studies._spec import Row

__all__ = ["PICTURE", "SETTINGS", "digits_of_a_handbook", "scores_by_step"]

PICTURE = "generative-steps.svg"
SETTINGS: dict[str, Any] = {
    "objective": "non_saturating", "network": "handbook", "latent": 100, "batch_size": 128, "learning_rate": 2e-4,
    "optimizer": "adam:beta_1=0.5", "schedule": "constant", "average": 0.0, "random_state": 0,
}  # fmt: skip
STEPS = 10_000
EVERY = 200
SHOWN = (0, 1000, 3000, 10_000)


def scores_by_step(samples: Mapping[int, np.ndarray], features: Any) -> dict[int, float]:
    """Return the classifier's score of the samples of each step."""
    from lossmith.generative import classifier_score

    return {step: float(classifier_score(features.probabilities(rows))) for step, rows in samples.items()}


def _kept() -> Any:
    """Return where the state of hours of training is kept: beside the store that LOSSMITH_STORE names, if it does."""
    from lossmith.training import FolderCheckpoints

    store = os.environ.get("LOSSMITH_STORE")
    return FolderCheckpoints(Path(f"{store}.handbook.unfinished")) if store else None


def digits_of_a_handbook(claims: Mapping[str, str]) -> tuple[list[Row], dict[str, str]]:
    """Train on all of MNIST; an hour or more on two cores, which goes on where it stopped if LOSSMITH_STORE names a file."""
    from lossmith.data import load_image_set
    from lossmith.generative import GenerativeAdversarialNetwork, diagnose, train_feature_network
    from lossmith.report.estimator_pictures import drawn
    from lossmith.report.sample_grids import grid_figure

    dataset = load_image_set("mnist")
    images, labels = np.asarray(dataset.features), np.asarray(dataset.target)
    train, held_out = images[:60_000], images[60_000:]
    features = train_feature_network(train, labels[:60_000])
    kept = _kept()
    gan = GenerativeAdversarialNetwork(**SETTINGS, steps=STEPS).fit(train, sample_every=EVERY, checkpoints=kept)
    found = diagnose(gan, train, held_out=held_out, features=features)
    score, distance = found.measures["classifier_score"], found.measures["frechet_distance"]
    scores = scores_by_step({step: gan.samples_[step] for step in SHOWN}, features)
    rising = ", ".join(f"{value:.1f} after {step:,}" for step, value in scores.items())
    measured = (
        f"classifier score of 25 samples {rising} steps; of 2,000 at the end {score.value:.2f} of 10 "
        f"[{score.low:.2f}, {score.high:.2f}], Frechet distance {distance.value:.1f}; "
        + (", ".join(finding.code for finding in found.findings) or "no findings")
    )
    values = {"score": score.value, "frechet": distance.value} | {f"score_{step}": v for step, v in scores.items()}
    figure = grid_figure({f"after {step:,} steps": gan.samples_[step][:10] for step in SHOWN}, columns=10)
    picture = drawn(figure.axes[0], "digits from one noise as training goes on")
    last = max(step for step in range(STEPS) if step % EVERY == 0)
    if kept is not None:
        kept.discard()
    return [
        shown(
            "N-22", claims["N-22"], measured, values,
            remark=f"networks and settings of the handbook, batches of 128, Adam 2e-4, {STEPS:,} steps on 60,000 images",
            figure=PICTURE,
        ),
        faulty(
            "H-G03", claims["H-G03"], "10000.png", f"the last picture of that loop is {last}.png; {measured}",
            {"last": float(last), **values}, wrong=last != STEPS,
            remark="an epoch of the source is one batch; sample_interval and sample_period, lists of losses and folders have two names each",
        ),
    ], {PICTURE: picture}  # fmt: skip
