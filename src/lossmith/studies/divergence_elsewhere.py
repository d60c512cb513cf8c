"""K-15: the limits of the KL divergence, and its use in trees, ensembles, and learning with few labels or none.

Source: a report on the Kullback-Leibler divergence, which lists the limits and leaves the uses to later work; the rows L-15
are that work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

import lossmith
from lossmith.studies._few_labels import CLAIM, few_labels
from lossmith.studies._rows import measured, shown
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult
from lossmith.studies._tuning import difference, with_interval

__all__ = ["STUDY"]

CLAIMS = {
    "K-15": "limits: not a metric; unreliable where the two samples come from laws of different parametrisation",
    "L-15T": "KL divergence as the criterion by which trees are split",
    "L-15E": "KL divergence as the criterion of ensembles: forests, and boosting on soft labels",
    "L-15S": CLAIM,
    "L-15U": "KL divergence without labels: clusters of counts",
}

Progress = Callable[[float, int, str, str], None]
Floats = np.ndarray


def run(*, quick: bool = False, progress: Progress | None = None, claims: Collection[str] | None = None) -> StudyResult:
    """Measure every claim, or those named, on generated data and sets of scikit-learn; `quick` uses 3 seeds in place of 10."""
    seeds = 3 if quick else 10
    parts: dict[str, Callable[[], Row | tuple[Row, str]]] = {
        "K-15": lambda: _limits(seeds),
        "L-15T": lambda: _trees(seeds),
        "L-15E": lambda: _ensembles(seeds),
        "L-15S": lambda: few_labels(seeds),
        "L-15U": lambda: _clusters(seeds),
    }
    return measured("divergence_elsewhere", parts, claims=claims, progress=progress)


def _limits(seeds: int) -> Row:
    from scipy import stats

    from lossmith import divergence

    triples = np.random.default_rng(401).dirichlet(np.ones(3), size=(2000, 3))

    def broken(distance: Callable[[Floats, Floats], Any]) -> tuple[float, float]:
        first, second, third = triples[:, 0], triples[:, 1], triples[:, 2]
        straight, detour = distance(first, third), np.asarray(distance(first, second)) + distance(second, third)
        unequal = np.abs(np.asarray(straight) - distance(third, first)) > 1e-9
        return float((np.asarray(straight) > detour + 1e-9).mean()), float(unequal.mean())

    triangle, asymmetric = broken(lambda p, q: divergence.kl_divergence(p, q, axis=-1))
    metric, metric_asymmetric = broken(lambda p, q: divergence.jensen_shannon_distance(p, q, axis=-1))
    truth = (
        0.5 * np.log(4 * np.pi) + 0.5 - 1 - np.log(2)
    )  # Laplace of scale 1 against the normal law of its mean and variance
    fitted, free = [], []
    for seed in range(seeds):
        rng = np.random.default_rng([402, seed])
        one, other = rng.laplace(size=4000), rng.normal(0, np.sqrt(2), size=4000)
        laws = [stats.norm(sample.mean(), sample.std()) for sample in (one, other)]
        fitted.append(float(divergence.measure(*laws).value))
        free.append(float(divergence.measure(divergence.Samples(one), divergence.Samples(other)).value))
    by_law, by_sample = np.array(fitted), np.array(free)
    unreliable = by_law.mean() < 0.1 * truth
    right = triangle > 0 and asymmetric > 0.5 and metric == metric_asymmetric == 0 and unreliable
    verdict: RowVerdict = "reproduced" if right else "differs"
    return Row(
        "K-15",
        CLAIMS["K-15"],
        "text",
        f"of 2,000 triples of laws on three outcomes {triangle:.1%} break the triangle inequality and {asymmetric:.1%} are asymmetric; Laplace against normal "
        f"samples of one mean and variance: {by_law.mean():.4f} nats if both are taken to be normal, {with_interval(by_sample)[0]} without a law, {truth:.4f} in truth",
        verdict,
        f"the square root of the Jensen-Shannon divergence breaks it in {metric:.1%}. What is unreliable is the wrong law: an estimate from "
        f"nearest neighbours needs none and gives {by_sample.mean() / truth:.0%} of the truth ({seeds} pairs of 4,000)",
        {"triangle": triangle, "asymmetric": asymmetric, "metric": metric, "fitted": float(by_law.mean()), "free": float(by_sample.mean()), "truth": float(truth)},
    )  # fmt: skip


def _sets() -> dict[str, tuple[Floats, Floats]]:
    from sklearn import datasets

    return {
        "breast cancer": datasets.load_breast_cancer(return_X_y=True),
        "wine": datasets.load_wine(return_X_y=True),
        "digits": datasets.load_digits(return_X_y=True),
    }


def _gain(tree: Any, labels: Floats, leaves_of: Floats) -> float:
    """Return the largest distance between what a split gains by entropy and the mean divergence of its sides from their node."""
    from lossmith.divergence import kl_divergence

    inner, classes, worst = tree.tree_, np.unique(labels), 0.0
    shares = np.array(
        [[(labels[leaves_of[:, node]] == name).mean() for name in classes] for node in range(inner.node_count)]
    )
    for node in range(inner.node_count):
        sides = (inner.children_left[node], inner.children_right[node])
        if sides[0] < 0:
            continue
        weight = [inner.n_node_samples[side] / inner.n_node_samples[node] for side in sides]
        gained = inner.impurity[node] - sum(w * inner.impurity[side] for w, side in zip(weight, sides, strict=True))
        mean = sum(w * float(kl_divergence(shares[side], shares[node])) for w, side in zip(weight, sides, strict=True))
        worst = max(worst, abs(gained * np.log(2) - mean))
    return float(worst)  # fmt: skip


def _by_criterion(name: str, seeds: int, **values: Any) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return accuracies and log losses of one classical model under entropy and Gini's index, paired by split, over three sets."""
    from sklearn.metrics import log_loss
    from sklearn.model_selection import train_test_split

    accuracy: dict[str, list[float]] = {"entropy": [], "gini": []}
    losses: dict[str, list[float]] = {"entropy": [], "gini": []}
    for X, y in _sets().values():
        for seed in range(seeds):
            train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
            for criterion in accuracy:
                model = lossmith.estimators.classical(name).estimator("multiclass", seed=seed)
                model = model.set_params(criterion=criterion, **values).fit(train, y_train)
                said = model.predict_proba(test)
                accuracy[criterion].append(float((model.classes_[said.argmax(axis=1)] == y_test).mean()))
                losses[criterion].append(
                    float(
                        log_loss(
                            y_test, np.clip(said, 1e-3, None) / np.clip(said, 1e-3, None).sum(axis=1, keepdims=True)
                        )
                    )
                )
    return {k: np.array(v) for k, v in accuracy.items()}, {k: np.array(v) for k, v in losses.items()}  # fmt: skip


def _compared(accuracy: dict[str, Floats], losses: dict[str, Floats]) -> tuple[str, dict[str, float]]:
    gap, low, high = difference(accuracy["entropy"], accuracy["gini"])
    loss_gap, loss_low, loss_high = difference(losses["entropy"], losses["gini"])
    text = (
        f"accuracy {accuracy['entropy'].mean():.3f} by entropy, {accuracy['gini'].mean():.3f} by Gini, difference {gap:+.4f} [{low:+.4f}, {high:+.4f}]; "
        f"log loss {loss_gap:+.3f} [{loss_low:+.3f}, {loss_high:+.3f}]"
    )
    return text, {"gap": gap, "low": low, "high": high, "loss_gap": loss_gap}


def _judged(values: dict[str, float]) -> str:
    """Say what the interval of a difference in accuracy means at a margin of one point."""
    if values["low"] > -0.01 and values["high"] < 0.01:
        return "equivalent at a margin of one point"
    if values["low"] > 0 or values["high"] < 0:
        return f"{'entropy' if values['gap'] > 0 else 'Gini'} is better"
    return "not told apart"


def _trees(seeds: int) -> Row:
    X, y = _sets()["wine"]
    tree = lossmith.estimators.classical("tree:criterion=entropy").estimator("multiclass", seed=0).fit(X, y)
    worst = _gain(tree, y, tree.decision_path(X).toarray().astype(bool))
    text, values = _compared(*_by_criterion("tree:max_depth=6", seeds))
    return shown(
        "L-15T",
        CLAIMS["L-15T"],
        f"what a split gains by entropy is the mean KL divergence of its sides from their node, within {worst:.0e} nats on every split; trees of depth 6 on "
        f"breast cancer, wine and digits, {seeds} splits each: {text}",
        {**values, "identity": worst},
        remark=f"{_judged(values)}; shares below 0.001 are raised to it for the log loss, which is infinite without",
    )


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _boosted(X: Floats, targets: Floats, test: Floats, *, rounds: int = 60, rate: float = 0.2) -> Floats:
    """Return probabilities of boosting by the gradient of the KL divergence from soft targets: p - softmax(scores)."""
    from sklearn.tree import DecisionTreeRegressor

    scores, found = np.zeros_like(targets), np.zeros((len(test), targets.shape[1]))
    for turn in range(rounds):
        tree = DecisionTreeRegressor(max_depth=3, min_samples_leaf=5, random_state=turn)
        tree.fit(X, targets - _softmax(scores))
        scores, found = scores + rate * tree.predict(X) * 3, found + rate * tree.predict(test) * 3
    return _softmax(found)


def _ensembles(seeds: int) -> Row:
    from lossmith.divergence import kl_divergence

    text, values = _compared(*_by_criterion("random_forest:n_estimators=50", max(3, seeds // 2), max_depth=8))
    soft: list[Any] = []
    hard: list[Any] = []
    weights = np.random.default_rng(403).normal(size=(4, 3))
    for seed in range(seeds):
        rng = np.random.default_rng([404, seed])
        X = rng.normal(size=(1300, 4))
        truth = _softmax(1.5 * X @ weights + np.sin(3 * X[:, :1]) * [1, -1, 0])
        drawn = np.eye(3)[[rng.choice(3, p=law) for law in truth[:300]]]
        for kept, targets in ((soft, truth[:300]), (hard, drawn)):
            said = _boosted(X[:300], targets, X[300:])
            kept.append(float(kl_divergence(truth[300:], said, axis=-1).mean()))
    gap, low, high = difference(np.array(hard), np.array(soft))
    return shown(
        "L-15E",
        CLAIMS["L-15E"],
        f"forests of 50: {text}; boosting on 300 rows by the gradient p - softmax of the KL divergence: {np.mean(soft):.3f} nats from the true law with soft "
        f"labels, {np.mean(hard):.3f} with drawn ones, {gap:.3f} [{low:.3f}, {high:.3f}] more",
        {**values, "soft": float(np.mean(soft)), "hard": float(np.mean(hard)), "soft_gap": gap, "soft_low": low},
        remark=f"forests: {_judged(values)}. A soft label tells the whole law of its row, a drawn one a single case of it",
    )


def _k_means(counts: Floats, k: int, rng: np.random.Generator, *, kl: bool) -> Floats:
    """Return clusters of rows of counts by k-means, with the KL divergence or the squared distance of their shares.

    The mean is the best centre of a cluster under both, as under every Bregman divergence (Banerjee and others, 2005).
    """
    from lossmith.divergence import kl_divergence

    shares = counts / counts.sum(axis=1, keepdims=True)
    best, least = np.zeros(len(shares), int), np.inf
    for _ in range(10):
        centres = shares[rng.choice(len(shares), k, replace=False)]
        for _ in range(30):
            if kl:
                smooth = 0.9 * centres + 0.1 * shares.mean(axis=0)  # a word that a cluster lacks must not cost infinity
                pairs = np.broadcast_arrays(shares[:, None], smooth)
                cost = np.asarray(kl_divergence(*pairs, axis=-1))
            else:
                cost = ((shares[:, None] - centres) ** 2).sum(axis=-1)
            found = cost.argmin(axis=1)
            centres = np.stack(
                [shares[found == c].mean(axis=0) if (found == c).any() else centres[c] for c in range(k)]
            )
        if cost.min(axis=1).sum() < least:
            best, least = found, float(cost.min(axis=1).sum())
    return best  # fmt: skip


def _clusters(seeds: int) -> Row:
    from sklearn.metrics import adjusted_rand_score

    found: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(seeds):
        rng = np.random.default_rng([405, seed])
        # topics share their frequent words and differ in the rare ones
        topics = 0.7 * np.repeat(rng.dirichlet(np.ones(10) * 5), 4)[None] / 4 + 0.3 * rng.dirichlet(
            np.full(40, 0.2), size=4
        )
        topic = rng.integers(0, 4, 300)
        counts = np.stack([rng.multinomial(60, topics[t] / topics[t].sum()) for t in topic]).astype(float)
        for kl in found:
            found[kl].append(float(adjusted_rand_score(topic, _k_means(counts, 4, rng, kl=kl))))
    gap, low, high = difference(np.array(found[True]), np.array(found[False]))
    return shown(
        "L-15U",
        CLAIMS["L-15U"],
        f"300 texts of 60 words on four topics, {seeds} seeds: k-means finds the topics at {np.mean(found[True]):.3f} (adjusted Rand) by KL divergence, "
        f"{np.mean(found[False]):.3f} by squared distance; difference {gap:+.3f} [{low:+.3f}, {high:+.3f}]",
        {"kl": float(np.mean(found[True])), "squared": float(np.mean(found[False])), "gap": gap, "low": low},
        remark="counts have a variance that grows with their mean, which the squared distance ignores",
    )


STUDY = Study(
    name="divergence_elsewhere",
    source="K",
    title="KL divergence: its limits, trees, ensembles, few labels and none",
    claims=tuple(CLAIMS),
    run=run,
    by_claim=True,
    reference="a report on the Kullback-Leibler divergence as a measure and as a loss, 2024",
)
