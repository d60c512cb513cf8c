"""The coded checks of measurements and approximations."""

from __future__ import annotations

from lossmith._catalogue import Catalogue
from lossmith._checks import Check

__all__ = ["CHECKS"]

CHECKS: Catalogue[Check] = Catalogue(
    "check",
    [
        Check(
            "LS601",
            "infinite-divergence",
            "warning",
            "One side has mass where the other has none, and the divergence prices that with infinity.",
            "An infinity says only that the supports differ, not by how much.",
            "Smooth counts by a named smoothing, widen the support of the model, or use a divergence that stays finite.",
            aliases=("LS601",),
        ),
        Check(
            "LS602",
            "not-resolved",
            "warning",
            "The integral or sum could not be brought to six digits within its budget.",
            "The value has fewer digits than it shows; its error bound says how many.",
            "Use a divergence with lighter tails, or a closed form.",
            aliases=("LS602",),
        ),
        Check(
            "LS603",
            "low-bias-regime",
            "warning",
            "The samples hardly overlap for their size and dimension: estimators read low here.",
            "Nearest-neighbour and kernel estimates of true values of 4 to 5 nats read 20 to 40 % low at a thousand draws.",
            "Draw more samples, reduce the dimension, or take the value as a lower bound.",
            aliases=("LS603",),
        ),
        Check(
            "LS604",
            "ties",
            "warning",
            "Samples hold equal rows: distances of zero say nothing about a density.",
            "A nearest-neighbour estimate of a discrete law is not an estimate of anything.",
            "Count the outcomes and compare the counts (`Pmf(..., given='counts')`).",
            aliases=("LS604",),
        ),
        Check(
            "LS605",
            "density-underflows",
            "warning",
            "A density rounds to zero inside its support where the other has mass that counts.",
            "The true logarithm is lost; the value is at most a lower bound.",
            "Give the log-density itself (`Density`), or a family with a closed form.",
            aliases=("LS605",),
        ),
        Check(
            "LS606",
            "indistinguishable",
            "info",
            "Several candidates cannot be told apart by these data.",
            "Their order in the table is chance.",
            "Choose the simplest of them, or collect more data.",
            aliases=("LS606",),
        ),
        Check(
            "LS607",
            "wide-interval",
            "warning",
            "The interval is wider than half of the value.",
            "The draws hardly meet the region that matters.",
            "Raise `draws`.",
            aliases=("LS607",),
        ),
        Check(
            "LS608",
            "one-sample",
            "info",
            "Both samples are the same rows.",
            "Their divergence is 0 by definition, whatever an estimator says.",
            "Split the sample at random to see what no difference looks like.",
            aliases=("LS608",),
        ),
    ],
)
