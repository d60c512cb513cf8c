"""L-G01 to L-G10: what the guide to choosing a loss advises, measured on data whose law is known.

Each row is one piece of advice: the loss that is advised for a kind of data against the one that people take anyway, judged by a metric that
is neither of them. A row is reproduced where the advised loss is better by more than the margin of the metric, and differs otherwise:
advice that makes no difference is no advice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import lossmith
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult

__all__ = ["ADVICE", "STUDY", "Advice"]

N_ROWS, N_FEATURES = 800, 4
SEEDS, EPOCHS = 10, 40

Sample = Callable[[np.random.Generator], Any]
Progress = Callable[[float, int, str, str], None]


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice: on `data`, `loss` rather than `usual`, by `metric`."""

    id: str
    data: str
    loss: str
    usual: str
    metric: str
    sample: Sample
    others: tuple[str, ...] = ()
    noise: float = 0.0

    @property
    def claim(self) -> str:
        """What is advised, in a line."""
        return f"{self.data}: {self.loss} rather than {self.usual}"


def _inputs(rng: np.random.Generator, *, rows: int = N_ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Return features of shape (n_samples, n_features) and a smooth signal of deviation about 1."""
    features = rng.normal(size=(rows, N_FEATURES))
    return features, np.sin(features[:, 0]) + 0.7 * features[:, 1] * np.tanh(features[:, 2])


def _numbers(features: np.ndarray, target: np.ndarray, name: str) -> Any:
    return lossmith.load((features, target), task="regression", name=name)


def _classes(features: np.ndarray, target: np.ndarray, name: str) -> Any:
    return lossmith.load((features, target), task="classification", name=name)


def _clean(rng: np.random.Generator) -> Any:
    features, signal = _inputs(rng)
    return _numbers(features, signal + rng.normal(0, 0.5, N_ROWS), "Gaussian errors")


def _outliers(rng: np.random.Generator) -> Any:
    features, signal = _inputs(rng)
    target = signal + rng.normal(0, 0.5, N_ROWS)
    wrong = rng.random(N_ROWS) < 0.1
    target[wrong] += rng.choice([-1, 1], wrong.sum()) * rng.uniform(10, 30, wrong.sum())
    return _numbers(features, target, "outliers")


def _counts(rng: np.random.Generator) -> Any:
    features, signal = _inputs(rng)
    return _numbers(features, rng.poisson(np.exp(signal)).astype(float), "counts")


def _skewed(rng: np.random.Generator) -> Any:
    features, signal = _inputs(rng)
    return _numbers(features, signal + rng.gamma(1.5, 1.0, N_ROWS) - 1.5, "skewed errors")


def _magnitudes(rng: np.random.Generator) -> Any:
    features, signal = _inputs(rng)
    return _numbers(features, np.exp(3 + 1.5 * signal + rng.normal(0, 0.7, N_ROWS)), "amounts")


def _rare(rng: np.random.Generator) -> Any:
    features, signal = _inputs(rng, rows=5 * N_ROWS)
    likely = 1 / (1 + np.exp(4 - 2 * signal))
    return _classes(features, (rng.random(len(likely)) < likely).astype(int), "rare positives")


def _two(rng: np.random.Generator) -> Any:
    features, signal = _inputs(rng)
    return _classes(features, (rng.random(N_ROWS) < 1 / (1 + np.exp(-4 * signal))).astype(int), "two classes")


def _grades(rng: np.random.Generator) -> Any:
    features, signal = _inputs(rng)
    return _classes(features, np.digitize(signal + rng.logistic(0, 0.4, N_ROWS), [-1.2, -0.4, 0.4, 1.2]) + 1, "grades")


def _votes(rng: np.random.Generator) -> Any:
    """Return three classes; five people have voted on each row, and the class that judges is one more draw of the same law."""
    features, _ = _inputs(rng)
    scores = features @ rng.normal(size=(N_FEATURES, 3))
    law = np.exp(scores - scores.max(axis=1, keepdims=True))
    law /= law.sum(axis=1, keepdims=True)
    votes = rng.multinomial(5, law)
    truth = np.array([rng.choice(3, p=row) for row in law])
    data = _classes(features, truth, "votes")
    return replace(data, soft_target=votes / 5, training_target=votes.argmax(axis=1))


MAE, MSE = "mean_absolute_error", "mean_squared_error"
ADVICE = (
    Advice("L-G01", "errors are Gaussian", MSE, MAE, "root_mean_squared_error", _clean, ("huber",)),
    Advice("L-G02", "a tenth of the targets is far off", MAE, MSE, MAE, _outliers, ("huber", "cauchy")),
    Advice("L-G03", "targets are counts", "poisson", MSE, "root_mean_squared_error", _counts, (MAE,)),
    Advice("L-G04", "the upper tenth of skewed errors is asked for", "quantile:quantile=0.9", MSE, "pinball:quantile=0.9", _skewed, (MAE,)),
    Advice("L-G05", "amounts span orders of magnitude", "mean_squared_logarithmic_error", MSE, MAE, _magnitudes, (MAE, "gamma")),
    Advice("L-G06", "positives are rare", "binary_focal_crossentropy", "binary_crossentropy", "roc_auc", _rare, ("weighted_binary_crossentropy:positive_weight=10", "brier")),
    Advice("L-G07", "positives are rare and their order counts", "auc_logistic", "binary_crossentropy", "roc_auc", _rare, ("auc_squared_hinge",)),
    Advice("L-G08", "classes are grades", "cumulative_link", "categorical_crossentropy", "log_loss", _grades, ("squared_emd", "ordinal_crossentropy")),
    Advice("L-G09", "five people have labelled each row", "kl_divergence", "categorical_crossentropy", "log_loss", _votes),
    Advice("L-G10", "three in ten labels of two classes are wrong", "tanh_hinge", "binary_crossentropy", "accuracy", _two, ("brier", "hinge"), 0.3),
)  # fmt: skip


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:
    """Measure every piece of advice; `quick` uses 3 seeds and a quarter of the epochs."""
    seeds, epochs = (3, EPOCHS // 4) if quick else (SEEDS, EPOCHS)
    rows = []
    for number, advice in enumerate(ADVICE):
        data = advice.sample(np.random.default_rng([7, number]))
        settings: dict[str, Any] = {
            "seeds": seeds,
            "epochs": epochs,
            "metric": advice.metric,
            "noise": advice.noise,
            "progress": progress,
        }
        if data.soft_target is None:
            result = lossmith.compare(data, losses=",".join((advice.usual, advice.loss, *advice.others)), **settings)
            trials = {one.loss: _scores(result, one.loss) for one in result.standings}
        else:
            # the same rows and splits, trained on the shares of the votes or on the class with most of them
            result = lossmith.compare(data, losses=advice.loss, **settings)
            hard = lossmith.compare(replace(data, soft_target=None), losses=advice.usual, **settings)
            trials = {advice.usual: _scores(hard, advice.usual), advice.loss: _scores(result, advice.loss)}
        rows.append(_row(advice, trials, baseline=result.baselines[0]))
    return StudyResult("choosing", tuple(rows))


def _scores(result: Any, loss: str) -> np.ndarray:
    """Return the judged metric of every seed at the rate that was chosen for it."""
    chosen = result.trials.filter((result.trials["loss"] == loss) & result.trials["chosen"]).sort("seed")
    return np.asarray(chosen[result.settings.metric].to_numpy(), dtype=float)


def _row(advice: Advice, scores: dict[str, np.ndarray], *, baseline: Any) -> Row:
    from lossmith.compare.metrics import METRICS
    from lossmith.compare.verdicts import judge

    name = advice.metric.partition(":")[0]
    metric = METRICS[name]
    means = {loss: float(np.nanmean(values)) for loss, values in scores.items()}
    margin = metric.margin * (abs(means[advice.usual]) if metric.relative else 1.0)
    judged = judge(
        scores,
        direction=metric.direction,
        margin=margin,
        failure=next(value.mean for key, value in baseline.metrics.items() if key.partition(":")[0] == name),
        rng=np.random.default_rng(0),
        reference=advice.usual,
    )
    difference = judged.differences[advice.loss]
    if difference is None:  # only the reference has none
        raise lossmith.LossmithError(f"{advice.loss} was not compared with {advice.usual}")
    verdict: RowVerdict = "reproduced" if difference.verdict == "better" else "differs"
    ranked = sorted(means, key=lambda loss: -means[loss] if metric.direction == "higher" else means[loss])
    return Row(
        advice.id,
        advice.claim,
        "",
        f"{name} {means[advice.loss]:.4g} against {means[advice.usual]:.4g}: gain {difference.mean:+.2g} "
        f"[{difference.low:+.2g}, {difference.high:+.2g}], {difference.verdict} ({len(scores[advice.loss])} seeds)",
        verdict,
        "in order: " + ", ".join(f"{loss} {means[loss]:.4g}" for loss in ranked),
        values={"difference": difference.mean, "low": difference.low, "high": difference.high, "margin": margin}
        | {loss: means[loss] for loss in ranked},
    )


STUDY = Study(
    name="choosing",
    source="G",
    title="Which loss: the advice of the guide, measured",
    claims=tuple(advice.id for advice in ADVICE),
    run=run,
    reference=f"the guide to choosing a loss; made-up data of {N_ROWS} rows and {N_FEATURES} inputs whose law is known, so that a verdict holds for them",
    aliases=("guide",),
)
