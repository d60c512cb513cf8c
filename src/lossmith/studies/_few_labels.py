"""Learning from few labels and many rows: pseudo-labels, soft ones under the KL divergence, and consistency."""

from __future__ import annotations

import warnings

import numpy as np

import lossmith
from lossmith.studies._rows import shown
from lossmith.studies._spec import Row
from lossmith.studies._tuning import Descent, answers, difference, drawn_weights, tuned

__all__ = ["CLAIM", "few_labels"]

CLAIM = "semi-supervised learning: pseudo-labels, soft labels under the KL divergence, consistency"
LABELS, OTHERS, CONFIDENT = 50, 1000, 500

Floats = np.ndarray


def few_labels(seeds: int) -> Row:
    """Return the row of L-15S: digits of which 50 have labels, all students trained alike, beside scikit-learn's methods."""
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    inputs = (inputs / 16).astype(np.float32)
    network = lossmith.models.get("mlp:hidden=64").network((64,), 10)
    rows = np.stack([np.random.default_rng([406, seed]).permutation(len(inputs)) for seed in range(seeds)])
    known, other, test = (rows[:, a:b] for a, b in ((0, LABELS), (LABELS, LABELS + OTHERS), (-500, None)))
    one_hot = np.eye(10)
    starts = [drawn_weights(network, np.random.default_rng([407, seed])) for seed in range(seeds)]
    teacher = tuned(
        network, starts, inputs[known], one_hot[labels[known]], descent=Descent(0.05, 100, batch=25), seed=408
    )
    accuracy = {"labels alone": _right(network, teacher, inputs[test], labels[test])}
    said = _probabilities(answers(network, teacher, inputs[other]))
    sure = np.argsort(-said.max(axis=-1), axis=-1)[:, :CONFIDENT]
    chosen = np.take_along_axis(other, sure, axis=1)
    hard = one_hot[np.take_along_axis(said.argmax(axis=-1), sure, axis=1)]
    moved = _shifted(inputs[other], np.random.default_rng(409))
    sets = {
        "pseudo-labels": (inputs[chosen], hard),
        "soft labels": (inputs[other], said),
        "consistency": (moved, said),
    }
    # a fifth of every epoch is labelled rows, so that few of them are not drowned
    copies = OTHERS // (4 * LABELS)
    x, y = np.tile(inputs[known], (1, copies, 1)), np.tile(one_hot[labels[known]], (1, copies, 1))
    for name, (more, targets) in sets.items():
        student = tuned(
            network, starts, np.concatenate([x, more], axis=1), np.concatenate([y, targets], axis=1),
            descent=Descent(0.05, 40), seed=410, loss="kl_divergence",
        )  # fmt: skip
        accuracy[name] = _right(network, student, inputs[test], labels[test])
    peers = _peers(inputs, labels, known, other, test)
    gaps = {name: difference(values, accuracy["labels alone"]) for name, values in accuracy.items() if name in sets}
    text = ", ".join(
        f"{name} {accuracy[name].mean():.3f} ({gap:+.3f} [{low:+.3f}, {high:+.3f}])"
        for name, (gap, low, high) in gaps.items()
    )
    helps = [name for name, (_, low, _) in gaps.items() if low > 0]
    return shown(
        "L-15S",
        CLAIM,
        f"digits, {LABELS} labels and {OTHERS:,} rows without, {seeds} seeds: labels alone {accuracy['labels alone'].mean():.3f}, {text}",
        {**{name: float(values.mean()) for name, values in accuracy.items()}, **{f"{name} low": low for name, (_, low, _) in gaps.items()}, **peers},
        remark=f"{', '.join(helps) or 'none'} better than labels alone; every student starts from the same weights and minimises the KL divergence from its targets; "
        "consistency asks for the teacher's answer on digits moved by a pixel. scikit-learn: "
        + ", ".join(f"{name} {value:.3f}" for name, value in peers.items()),
    )  # fmt: skip


def _right(network: object, weights: list[Floats], inputs: Floats, labels: Floats) -> Floats:
    return np.asarray((answers(network, weights, inputs).argmax(axis=-1) == labels).mean(axis=-1))


def _probabilities(raw: Floats) -> Floats:
    weights = np.exp(raw - raw.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _shifted(images: Floats, rng: np.random.Generator) -> Floats:
    """Return images moved by up to one pixel each way; what moves in is empty."""
    squares = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    across, down = rng.integers(0, 3, (2, len(squares)))
    found = np.stack([one[a : a + 8, b : b + 8] for one, a, b in zip(squares, across, down, strict=True)])
    return found.reshape(images.shape)


def _peers(inputs: Floats, labels: Floats, known: Floats, other: Floats, test: Floats) -> dict[str, float]:
    """Return the accuracy of scikit-learn's methods on the same rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

    found: dict[str, list[float]] = {"self-training": [], "label spreading": []}
    for seed in range(len(known)):
        rows = np.concatenate([known[seed], other[seed]])
        partial = np.where(np.arange(len(rows)) < LABELS, labels[rows], -1)
        held, truth = inputs[test[seed]], labels[test[seed]]
        logistic = SelfTrainingClassifier(LogisticRegression(max_iter=300), threshold=0.9).fit(inputs[rows], partial)
        found["self-training"].append(float(logistic.score(held, truth)))
        with warnings.catch_warnings():
            # rows that no label reaches along the graph have no probabilities
            warnings.simplefilter("ignore", RuntimeWarning)
            spread = LabelSpreading(kernel="knn", n_neighbors=7, max_iter=50).fit(inputs[rows], partial)
            found["label spreading"].append(float(spread.score(held, truth)))
    return {name: float(np.mean(values)) for name, values in found.items()}
