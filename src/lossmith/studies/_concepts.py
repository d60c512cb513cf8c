"""Saliency maps and concept vectors of networks in which it is known what they look at."""

from __future__ import annotations

from typing import Any

import numpy as np

import lossmith
from lossmith.studies._spec import Row, RowVerdict
from lossmith.studies._tuning import Descent, answers, difference, drawn_weights, tuned, with_interval

__all__ = ["CLAIM", "looked_at"]

CLAIM = "saliency maps show the pixels that count; concept vectors (TCAV) show whether a concept does"
REMOVED = 8  # of 64 pixels

Floats = np.ndarray


def looked_at(seeds: int) -> tuple[Row, str]:
    """Return the row of H1-07 and its picture."""
    from lossmith.report.heat_maps import heat_maps

    inputs, labels = _digits()
    drop, slope_error, shown = _saliency(inputs, labels, seeds)
    gap, low, high = difference(drop["salient"], drop["random"])
    scores, probe, moved = _concepts(inputs, labels, seeds)
    used, used_low, _ = with_interval(scores["stripe"])
    ignored, ignored_low, ignored_high = with_interval(scores["parity"])
    even = ignored_low <= 0.5 <= ignored_high
    right = low > 0 and slope_error < 0.01 and used_low > 0.5 and even
    verdict: RowVerdict = "reproduced" if right else "differs"
    row = Row(
        "H1-07",
        CLAIM,
        "text",
        f"digits: without its {REMOVED} most salient pixels the score of the class falls by {drop['salient'].mean():.2f}, without {REMOVED} random ones by "
        f"{drop['random'].mean():.2f} (difference {gap:.2f} [{low:.2f}, {high:.2f}], {seeds} seeds). A stripe is the concept: TCAV {used} in networks that are "
        f"trained to see it, {ignored} in networks trained on even and odd digits, where it stands at random",
        verdict,
        f"gradients equal differences within {slope_error:.1g}. A linear probe finds the stripe in {probe['stripe']:.1%} and {probe['parity']:.1%} of held-out rows, but "
        f"adding it changes {moved['stripe']:.0%} of the answers of the one and {moved['parity']:.1%} of the other: "
        + ("the score counts signs and not sizes, so that a concept without a use can have one near 0 or 1: compare it with concepts drawn at random" if not even else "that a concept can be read off says nothing of whether it is used"),
        {"salient": float(drop["salient"].mean()), "random": float(drop["random"].mean()), "gap": gap, "low": low, "slope_error": slope_error,
         "stripe": float(scores["stripe"].mean()), "parity": float(scores["parity"].mean()), "probe_parity": probe["parity"], "moved_stripe": moved["stripe"], "moved_parity": moved["parity"]},
        "explanations-saliency.svg",
    )  # fmt: skip
    return row, heat_maps(*shown, title="saliency of handwritten digits")


def _digits() -> tuple[Floats, Floats]:
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    return (inputs / 16).astype(np.float32), labels


def _saliency(inputs: Floats, labels: Floats, seeds: int) -> tuple[dict[str, Floats], float, tuple[Any, ...]]:
    """Return how far scores fall without pixels, the error of the gradient, and images with their maps."""
    import jax

    network = lossmith.models.get("mlp:hidden=32").network((64,), 10)
    rows = [np.random.default_rng([301, seed]).permutation(len(inputs)) for seed in range(seeds)]
    starts = [drawn_weights(network, np.random.default_rng([302, seed])) for seed in range(seeds)]
    train = np.stack([order[:1200] for order in rows])
    ended = tuned(network, starts, inputs[train], np.eye(10)[labels[train]], descent=Descent(0.05, 30), seed=303)
    test = np.stack([order[1200:1400] for order in rows])
    x, y = inputs[test], labels[test]

    def score(weights: list[Any], image: Any, label: Any) -> Any:
        return network.stateless_call(weights, [], image[None])[0][0, label]

    slopes = np.asarray(jax.jit(jax.vmap(jax.vmap(jax.grad(score, 1), (None, 0, 0))))(ended, x, y))
    mean = inputs.mean(axis=0)
    before = np.take_along_axis(answers(network, ended, x), y[..., None], -1)[..., 0]
    salient = np.argsort(-np.abs(slopes), axis=-1)[..., :REMOVED]
    random = np.argsort(np.random.default_rng(304).random(slopes.shape), axis=-1)[..., :REMOVED]
    drop = {}
    for name, chosen in (("salient", salient), ("random", random)):
        without = x.copy()
        np.put_along_axis(
            without,
            chosen,
            np.broadcast_to(mean, x.shape)[
                np.arange(seeds)[:, None, None], np.arange(x.shape[1])[None, :, None], chosen
            ],
            -1,
        )
        after = np.take_along_axis(answers(network, ended, without), y[..., None], -1)[..., 0]
        drop[name] = (before - after).mean(axis=-1)
    direction = np.random.default_rng(305).normal(size=64).astype(np.float32)
    weights = [w[0] for w in ended]
    step = 1e-3
    numeric = float(
        score(weights, x[0, 0] + step * direction, y[0, 0]) - score(weights, x[0, 0] - step * direction, y[0, 0])
    ) / (2 * step)
    exact = float(slopes[0, 0] @ direction)
    first = [int(np.flatnonzero(y[0] == label)[0]) for label in (0, 3, 6, 8)]
    pictures = (
        [x[0, place].reshape(8, 8) for place in first],
        [np.abs(slopes[0, place]).reshape(8, 8) for place in first],
    )
    return drop, abs(numeric - exact) / abs(exact), (*pictures, ["0", "3", "6", "8"])  # fmt: skip


def _concepts(
    inputs: Floats, labels: Floats, seeds: int
) -> tuple[dict[str, Floats], dict[str, float], dict[str, float]]:
    """Return TCAV scores over seeds, how often a linear probe of the hidden layer finds the stripe, and how often it changes the answer."""
    from sklearn.linear_model import LogisticRegression

    network = lossmith.models.get("mlp:hidden=32x16").network((64,), 2)
    scores: dict[str, list[float]] = {"stripe": [], "parity": []}
    probes: dict[str, list[float]] = {"stripe": [], "parity": []}
    moved: dict[str, float] = {}
    rows = np.stack([np.random.default_rng([306, seed]).permutation(len(inputs))[:1600] for seed in range(seeds)])
    marked = np.stack([np.random.default_rng([307, seed]).integers(0, 2, 1600) for seed in range(seeds)])
    bare = inputs[rows]
    striped = bare.copy()
    striped[..., :8] = 0.8  # a bright row at the top
    x = np.where(marked[..., None] == 1, striped, bare)
    starts = [drawn_weights(network, np.random.default_rng([308, seed])) for seed in range(seeds)]
    for name, target in (("stripe", marked), ("parity", labels[rows] % 2)):
        ended = tuned(network, starts, x[:, :800], np.eye(2)[target[:, :800]], descent=Descent(0.05, 30), seed=309)

        said = [answers(network, ended, images[:, 800:]).argmax(axis=-1) for images in (bare, striped)]
        moved[name] = float((said[0] != said[1]).mean())
        for seed in range(seeds):
            weights = [w[seed] for w in ended]
            first = np.maximum(x[seed] @ weights[0] + weights[1], 0)
            probe = LogisticRegression(max_iter=1000).fit(first[:800], marked[seed, :800])
            probes[name].append(float(probe.score(first[800:], marked[seed, 800:])))
            # how the score of class 1 less that of class 0 changes with the first layer, along the concept
            on = (first[800:] @ weights[2] + weights[3]) > 0
            slopes = (on * (weights[4][:, 1] - weights[4][:, 0])) @ weights[2].T
            scores[name].append(float((slopes[target[seed, 800:] == 1] @ probe.coef_[0] > 0).mean()))
    mean = {name: float(np.mean(found)) for name, found in probes.items()}
    return {name: np.array(found) for name, found in scores.items()}, mean, moved
