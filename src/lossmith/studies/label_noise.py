"""L-N01 to L-N07: losses made for wrong labels against cross-entropy, on digits with symmetric label noise.

Sources: Wang et al., Symmetric cross entropy for robust learning with noisy labels, 2019, whose numbers are those of a
public reproduction on CIFAR-10 with a convolutional network; Zhang and Sabuncu, 2018 (generalised cross-entropy); Ma et
al., 2020 (normalised and active-passive losses); Ghosh, Kumar and Sastry, 2017 (mean absolute error). Data and network
are far smaller here: directions are compared, never sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import lossmith
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult

__all__ = ["STUDY", "direction"]

NOISE = (0.0, 0.2, 0.4, 0.6)
REFERENCE = "categorical_crossentropy"
SYMMETRIC = "symmetric_crossentropy"
OTHERS = {
    "L-N05": ("categorical_generalized_cross_entropy:q=0.7", "generalised cross-entropy stands wrong labels"),
    "L-N06": ("nce_rce", "NCE+RCE stands wrong labels, and learns faster than a symmetric loss alone"),
    "L-N07": ("categorical_mean_absolute_error", "mean absolute error stands wrong labels and is hard to train with"),
}
# best-epoch test accuracy in percent on CIFAR-10, symmetric noise: cross-entropy and symmetric cross-entropy
PUBLISHED = {0.0: (92.68, 92.05), 0.2: (84.70, 89.96), 0.4: (72.77, 84.65), 0.6: (54.14, 73.77)}
SETTINGS: dict[str, Any] = {
    "model": "mlp:hidden=128",
    "learning_rate": 0.1,
    "learning_rates": (0.01, 0.03, 0.1, 0.3),
    "epochs": 30,
    "batch_size": 64,
    "metric": "accuracy",
    "margin": 0.01,
}
SEEDS = 10
DIRECTION = (
    "the direction is compared, for the published network and images are much larger: reproduced where the verdict is the "
    "published side of the margin, or where both are within it or our interval holds the published difference"
)

Progress = Callable[[float, int, str, str], None]


@dataclass(frozen=True, slots=True)
class Gain:
    """A loss minus cross-entropy at one rate of noise, with its interval and verdict."""

    loss: str
    noise: float
    own: float
    reference: float
    mean: float
    low: float
    high: float
    verdict: str

    @property
    def text(self) -> str:
        """Accuracies, difference in points and verdict."""
        return (
            f"{100 * self.own:.1f} against {100 * self.reference:.1f} %: "
            f"{100 * self.mean:+.1f} [{100 * self.low:+.1f}, {100 * self.high:+.1f}] points, {self.verdict}"
        )


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:
    """Measure every claim; `quick` uses 3 seeds and half of the epochs."""
    settings = {**SETTINGS, "epochs": 15} if quick else SETTINGS
    seeds = 3 if quick else SEEDS
    losses = ",".join([REFERENCE, SYMMETRIC, *(loss for loss, _ in OTHERS.values())])
    results = {
        noise: lossmith.compare("digits", losses=losses, noise=noise, seeds=seeds, progress=progress, **settings)
        for noise in NOISE
    }
    gains = {(gain.loss, gain.noise): gain for noise, result in results.items() for gain in _gains(result, noise)}
    rows = [_published_row(number, gains[SYMMETRIC, noise]) for number, noise in enumerate(NOISE, start=1)]
    for claim, (loss, text) in OTHERS.items():
        own = [gains[loss, noise] for noise in NOISE]
        rows.append(_direction_row(claim, text, own, configured={n: _configured(r, loss) for n, r in results.items()}))
    sections = tuple(
        (f"digits, {noise:.0%} of the labels replaced", f"{result.verdict} Chosen rates: {_rates(result)}")
        for noise, result in results.items()
    )
    return StudyResult("label_noise", tuple(rows), {"label-noise-accuracy.svg": _figure(results)}, sections)


def direction(published: float, verdict: str, *, low: float, high: float, margin: float) -> RowVerdict:
    """Return whether a published difference and ours, with interval [low, high] and its verdict, point the same way.

    A difference beyond the margin asks for "better" or "worse"; one within it for "equivalent", or for an interval that
    holds it.

    Examples
    --------
    >>> direction(0.12, "better", low=0.02, high=0.05, margin=0.01)
    'reproduced'
    >>> direction(0.12, "undecided", low=-0.01, high=0.2, margin=0.01)
    'differs'
    >>> direction(-0.006, "undecided", low=-0.011, high=0.013, margin=0.01)
    'reproduced'
    """
    if abs(published) <= margin:
        return "reproduced" if verdict == "equivalent" or low <= published <= high else "differs"
    return "reproduced" if verdict == ("better" if published > 0 else "worse") else "differs"


def _gains(result: Any, noise: float) -> list[Gain]:
    from lossmith.compare.verdicts import judge

    scores = {standing.loss: _chosen(result, standing.loss) for standing in result.standings}
    # a run that diverged predicts one class
    failure = max(result.data.class_counts) / sum(result.data.class_counts)
    judged = judge(
        scores,
        direction="higher",
        margin=SETTINGS["margin"],
        failure=failure,
        rng=np.random.default_rng(0),
        reference=REFERENCE,
    )
    found = []
    for loss, difference in judged.differences.items():
        if difference is not None:
            own, reference = (float(np.nanmean(scores[name])) for name in (loss, REFERENCE))
            found.append(
                Gain(loss, noise, own, reference, difference.mean, difference.low, difference.high, difference.verdict)
            )
    return found


def _chosen(result: Any, loss: str) -> np.ndarray:
    trials = result.trials.filter((result.trials["loss"] == loss) & result.trials["chosen"])
    return np.asarray(trials.sort("seed")["accuracy"].to_numpy(), dtype=float)


def _published_row(number: int, gain: Gain) -> Row:
    reference, own = PUBLISHED[gain.noise]
    return Row(
        f"L-N{number:02d}",
        f"symmetric cross-entropy against cross-entropy, {gain.noise:.0%} symmetric noise",
        f"CIFAR-10, one run: {own:.2f} against {reference:.2f} %: {own - reference:+.1f} points",
        f"digits: {gain.text}",
        direction((own - reference) / 100, gain.verdict, low=gain.low, high=gain.high, margin=SETTINGS["margin"]),
        DIRECTION,
        values={"gain": gain.mean, "low": gain.low, "high": gain.high, "published": (own - reference) / 100},
        figure="label-noise-accuracy.svg",
    )


def _configured(result: Any, loss: str) -> float:
    """Return the mean accuracy at the configured learning rate, the same for every loss."""
    standing = next(one for one in result.standings if one.loss == loss)
    return float(standing.configured.mean)


def _direction_row(claim: str, text: str, gains: list[Gain], *, configured: Mapping[float, float]) -> Row:
    at_one_rate = ", ".join(f"{100 * value:.1f}" for value in configured.values())
    measured = "; ".join(f"{gain.noise:.0%}: {gain.text}" for gain in gains)
    return Row(
        claim,
        text,
        "",
        f"digits, against cross-entropy: {measured}",
        "no number in source",
        f"{_in_words(gains)}; with the rate {SETTINGS['learning_rate']:g} for every loss it reaches {at_one_rate} %",
        values={f"gain at {gain.noise:.0%}": gain.mean for gain in gains},
        figure="label-noise-accuracy.svg",
    )


def _in_words(gains: list[Gain]) -> str:
    by_verdict: dict[str, list[str]] = {}
    for gain in gains:
        by_verdict.setdefault(gain.verdict, []).append(f"{gain.noise:.0%}")
    return "; ".join(f"{verdict} at {', '.join(rates)}" for verdict, rates in by_verdict.items())


def _rates(result: Any) -> str:
    return ", ".join(f"{standing.loss} {standing.learning_rate:g}" for standing in result.standings)


def _figure(results: Mapping[float, Any]) -> str:
    from lossmith.report import pictures

    losses = [REFERENCE, SYMMETRIC, *(loss for loss, _ in OTHERS.values())]
    series = {loss: np.array([_chosen(result, loss) for result in results.values()]) for loss in losses}
    return pictures.against(
        np.array(list(results)), series, x_name="share of labels replaced", y_name="test accuracy", title="label noise"
    )


STUDY = Study(
    name="label_noise",
    source="N",
    title="Losses under label noise: digits, 0 to 60 % symmetric",
    claims=(*(f"L-N{number:02d}" for number in range(1, 5)), *OTHERS),
    run=run,
    reference="Wang et al., Symmetric cross entropy for robust learning with noisy labels, 2019 (numbers: a public "
    "reproduction); Zhang and Sabuncu, 2018; Ma et al., 2020; Ghosh, Kumar and Sastry, 2017",
    aliases=("noise",),
)
