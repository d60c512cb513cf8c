"""H-G09: the variants of adversarial networks that a handbook names, on tasks whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["measured_variants"]


def measured_variants(images: np.ndarray, labels: np.ndarray, *, quick: bool) -> tuple[str, dict[str, float]]:
    """Return what each variant makes of small grey images in [0, 1], in words and in numbers.

    Parameters
    ----------
    images : array of shape (n_samples, 8, 8, 1)
    labels : array of int, shape (n_samples,)
    quick : bool
        A few steps, which show that it works and decide nothing.
    """
    from lossmith.generative import (
        CycleGAN,
        GenerativeAdversarialNetwork,
        ProgressiveGAN,
        StarGAN,
        classifier_score,
        train_feature_network,
    )

    pixels = np.rint(images * 255).astype(np.uint8)
    half = len(pixels) // 2
    steps = 10 if quick else 600
    small: dict[str, Any] = {"batch_size": 32, "random_state": 0}
    # digits and negatives of others: the map is known, and no pair is shown
    cycle = CycleGAN(network="conv:base=8,blocks=1", steps=steps, **small).fit(
        pixels[: half - 150], 255 - pixels[half:-150]
    )
    found = cycle.evaluate(pixels[half - 150 : half], 255 - pixels[-150:]).measures["there"]
    values = {"cycle": found["cycle"], "negatives": found["taken_for"]}
    # three greys of the same digits
    grey = np.arange(len(pixels)) % 3
    shaded = np.rint(pixels * np.array([0.3, 0.6, 1.0])[grey][:, None, None, None]).astype(np.uint8)
    star = StarGAN(network="conv:base=8,blocks=1", steps=steps, **small).fit(shaded[:-300], grey[:-300])
    told = star.evaluate(shaded[-300:], grey[-300:]).measures
    values |= {"star": float(np.mean([one["taken_for"] for one in told.values()]))}
    features = train_feature_network(pixels, labels, epochs=2 if quick else 20)
    drawn = {
        "progressive growing": ProgressiveGAN(stages=2, steps=steps, **small).fit(pixels),
        "styles": GenerativeAdversarialNetwork(
            network="style:base=32", objective="non_saturating", penalty="r1", penalty_weight=1.0, average=0.99,
            optimizer="adam:beta_1=0.0,beta_2=0.99", steps=steps, **small,
        ).fit(pixels),
    }  # fmt: skip
    scores = {
        name: float(classifier_score(features.probabilities(gan.sample(500, random_state=0))))
        for name, gan in drawn.items()
    }
    real = float(classifier_score(features.probabilities(pixels)))
    words = (
        f"CycleGAN, digits and negatives: {values['negatives']:.0%} taken for negatives, cycle error {values['cycle']:.2f} of what digits "
        f"differ by; StarGAN, three greys: {values['star']:.0%} taken for the grey that was asked for; classifier score (digits of the data "
        f"{real:.1f}): " + ", ".join(f"{name} {score:.1f}" for name, score in scores.items())
    )
    return words, values | scores | {"real": real}
