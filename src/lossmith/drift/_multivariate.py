"""Detectors that look at all columns at once, and so at their dependence."""

from __future__ import annotations

import numpy as np

__all__ = ["classifier", "mmd", "pca_reconstruction"]

Judged = tuple[float, float, str, str]


def classifier(reference: np.ndarray, current: np.ndarray, *, seed: int) -> Judged:
    """Return how well gradient-boosted trees tell both samples apart: the area under the curve on rows they have not seen.

    Under no drift the scores of unseen rows are exchangeable, whatever the model learned: the Mann-Whitney test holds.
    """
    from scipy.stats import mannwhitneyu
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    generator = np.random.default_rng([seed, 1])
    halves = [np.array_split(side[generator.permutation(len(side))], 2) for side in (reference, current)]
    learned = np.concatenate([halves[0][0], halves[1][0]])
    labels = np.repeat([0, 1], [len(halves[0][0]), len(halves[1][0])])
    weights = np.where(labels == 1, len(labels) / (2 * labels.sum()), len(labels) / (2 * (1 - labels).sum()))
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, learning_rate=0.15, early_stopping=False, random_state=seed
    )
    # so few rows are done before threads have met; on a busy machine waiting for each other takes ten times as long
    with threadpool_limits(1):
        model.fit(learned, labels, sample_weight=weights)
        scores = [model.decision_function(half[1]) for half in halves]
    test = mannwhitneyu(scores[1], scores[0], alternative="greater", method="asymptotic")
    area = float(test.statistic) / (len(scores[0]) * len(scores[1]))
    return (
        area,
        float(test.pvalue),
        "Mann-Whitney on unseen rows",
        f"rows are told apart with an area under the curve of {area:.3f}",
    )


def _standard(reference: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return normal scores of the ranks within both samples: robust, and unchanged by monotone transforms."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    pooled = np.concatenate([reference, current])
    scores = np.zeros_like(pooled)
    for place in range(pooled.shape[1]):
        there = ~np.isnan(pooled[:, place])
        scores[there, place] = ndtri((rankdata(pooled[there, place]) - 0.5) / max(1, there.sum()))
    return scores[: len(reference)], scores[len(reference) :]


def mmd(reference: np.ndarray, current: np.ndarray, *, seed: int) -> Judged:
    """Return the squared maximum mean discrepancy of normal scores, with the p-value of a permutation test."""
    from lossmith.divergence import mmd_test

    generator = np.random.default_rng([seed, 2])
    sides = [side[generator.permutation(len(side))[:1000]] for side in _standard(reference, current)]
    test = mmd_test(*sides, permutations=999, seed=seed)
    return (
        test.statistic,
        test.p_value,
        "permutation of rows",
        f"squared mean discrepancy {test.statistic:.2g}, kernel width {test.bandwidth:.2g}",
    )


def pca_reconstruction(reference: np.ndarray, current: np.ndarray, *, seed: int) -> Judged:
    """Return the largest gap between the laws of the reconstruction error, on rows that the directions have not seen."""
    from scipy.stats import ks_2samp

    generator = np.random.default_rng([seed, 3])
    shuffled = reference[generator.permutation(len(reference))]
    learned, unseen = shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]
    centre = np.nanmedian(learned, axis=0) if len(learned) else np.zeros(reference.shape[1])
    centre = np.nan_to_num(centre)
    filled = np.where(np.isnan(learned), centre, learned)
    scale = filled.std(axis=0)
    scale[scale == 0] = 1.0
    rows = (filled - filled.mean(axis=0)) / scale
    _, spread, directions = np.linalg.svd(rows, full_matrices=False)
    shares = np.cumsum(spread**2) / max(float(np.sum(spread**2)), 1e-300)
    # two thirds of the variance, and never all of the directions: an error that is always 0 shows nothing
    kept = directions[: max(1, min(int(np.searchsorted(shares, 0.65)) + 1, rows.shape[1] - 1))]

    def errors(side: np.ndarray) -> np.ndarray:
        moved = (np.where(np.isnan(side), centre, side) - filled.mean(axis=0)) / scale
        return np.linalg.norm(moved - moved @ kept.T @ kept, axis=1)

    first, second = errors(unseen), errors(current)
    test = ks_2samp(first, second, method="asymp")
    words = f"mean reconstruction error {first.mean():.3g} to {second.mean():.3g} with {len(kept)} of {rows.shape[1]} directions"
    return float(test.statistic), float(test.pvalue), "Kolmogorov-Smirnov on unseen rows", words
