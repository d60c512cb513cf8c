"""The catalogue of coded checks of generative models: what each code means, why it matters and what to do."""

from __future__ import annotations

from lossmith._catalogue import Catalogue
from lossmith._checks import Check

__all__ = ["CHECKS"]

CHECKS: Catalogue[Check] = Catalogue(
    "check of a generator",
    [
        Check(
            "LS501", "posterior-collapse", "error",
            "No dimension of a variational code varies between rows: its means have variances of at most 0.01.",
            "The decoder ignores the code. Samples are all of one kind, and the code of a row says nothing about it.",
            "Warm the divergence up (schedule='linear'), give free_bits, lower beta, or sum the reconstruction over features.",
            ("posterior-collapse",),
        ),
        Check(
            "LS502", "idle-dimensions", "info",
            "Some dimensions of a variational code do not vary between rows.",
            "They cost nothing and say nothing: the data need fewer dimensions, or training pressed them flat.",
            "Nothing if the bound is good; otherwise free_bits or a warm-up. Importance-weighted bounds use more dimensions.",
        ),
        Check(
            "LS511", "discriminator-saturated", "warning",
            "Over the last tenth of the steps the discriminator told real from generated rows in 99 % of cases or more.",
            "Its slope at generated rows is next to nothing, so that the generator learns next to nothing.",
            "Add a penalty (penalty='r1'), smooth the targets (smoothing=0.1), or slow the discriminator down.",
        ),
        Check(
            "LS512", "discriminator-blind", "warning",
            "Over the last tenth of the steps the discriminator was right in half of the cases or less, while generated rows are far from the data.",
            "It tells nothing, so that the generator is led nowhere.",
            "Raise its learning rate or steps (critic_steps), or lower the penalty's weight.",
        ),
        Check(
            "LS513", "generator-collapsed", "error",
            "Generated rows are all alike: their spread is below a tenth of that of the data.",
            "The generator has found a few rows that pass; what it makes is no sample of anything.",
            "Take another objective (relativistic, wasserstein), add a penalty, or lower the learning rates.",
        ),
        Check(
            "LS514", "modes-dropped", "warning",
            "Modes or classes of the data are missing among generated rows, or hold less than a fifth of their share.",
            "Averages over samples then look fine, and a part of the data is never made.",
            "Take an objective that compares pairs (relativistic), a penalty, larger batches; look at the shares.",
        ),
        Check(
            "LS515", "penalty-inactive", "warning",
            "A penalty of the discriminator is on, and adds less than a thousandth of its loss.",
            "It does not do what it is there for; the run is one without a penalty.",
            "Raise penalty_weight.",
        ),
        Check(
            "LS516", "penalty-dominates", "warning",
            "A penalty of the discriminator is larger than its loss over the last tenth of the steps.",
            "The discriminator learns to be flat before it learns to tell rows apart.",
            "Lower penalty_weight.",
        ),
        Check(
            "LS517", "diverged", "error",
            "A loss, a gradient or a generated row was not finite; training kept the last state that was.",
            "What is returned is the generator before that step, which has seen fewer steps than were asked for.",
            "Lower the learning rates or add a penalty.",
        ),
        Check(
            "LS518", "modes-smeared", "warning",
            "Less than half of the generated rows lie within three deviations of a mode of the law that is known.",
            "The modes have their shares, and most rows lie between or around them: a smear, which shares alone do not show.",
            "Train for more steps, let the penalty fade with the noise (noise=0.5), show the discriminator waves, or draw candidates.",
        ),
        Check(
            "LS521", "copies", "warning",
            "Generated rows lie much closer to training rows than held-out rows do.",
            "The generator repeats its training data instead of making new rows.",
            "Train for fewer steps, give more data, or a smaller generator.",
        ),
        Check(
            "LS522", "too-few-rows", "info",
            "Fewer rows than twice the number of features of the classifier stand behind a Frechet distance.",
            "It is biased upwards by small samples, and comparable only between samples of one size.",
            "Draw more samples, or read the kernel distance, which has no such bias.",
        ),
        Check(
            "LS523", "cycle-open", "warning",
            "Rows that were translated and translated back differ from what they were by more than half of what two rows of their kind differ by.",
            "What is made has little to do with what it was made of: any row of the other kind would do.",
            "Raise the weight of the cycle, train for more steps, or take a wider network.",
        ),
        Check(
            "LS524", "translation-idle", "warning",
            "Less than half of the translated rows are taken for the kind that was wanted, by a classifier that tells real rows apart.",
            "Cycles close without any change: rows are handed through, or are changed into neither kind.",
            "Lower the weights of cycle and identity, train for more steps, or take another objective.",
        ),
    ],
)  # fmt: skip
