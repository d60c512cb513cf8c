"""How every kind of number in a report is computed: the text and formulas of its folds."""

from __future__ import annotations

from dataclasses import dataclass

from lossmith.compare._spec import Comparison
from lossmith.report import _numbers as numbers
from lossmith.report import _wording as wording
from lossmith.report._quantities import quantity

__all__ = ["Fold", "folds"]


@dataclass(frozen=True, slots=True)
class Fold:
    """One explanation: what it explains, formulas in LaTeX, sentences."""

    title: str
    formulas: tuple[str, ...]
    sentences: tuple[str, ...]


def folds(comparison: Comparison) -> dict[str, Fold]:
    """Return the explanations, by the section that shows them."""
    settings = comparison.settings
    shown = quantity(settings.metric)
    unit = shown.unit.format(target=wording.plain(comparison.data.target_name))
    level = f"{settings.level:.0%}"
    explained = {
        "metric": _metric(comparison, level),
        "difference": _difference(comparison, level),
        "verdict": Fold(
            "How a verdict and a rank are reached",
            (),
            (
                f"The margin is {settings.margin:.3g}{f' {unit}' if unit else ''}: smaller differences in test {shown.label} do not matter here.",
                "Equivalent: the whole interval lies within the margin. Better or worse: the whole interval lies beyond it, on one side. "
                "Undecided: neither. Best is the loss with the best mean; the others are compared with it.",
                "The price of an undecided verdict is the smallest number of seeds at which the interval would lie clear of the edge of the "
                "margin if mean and spread stayed as seen: a price, not a promise.",
                "Losses that are equivalent to the first of their group share its rank.",
            ),
        ),
        "beside": Fold(
            "How the numbers beside the verdict are computed",
            (r"\frac{1}{n m} \sum_{i=1}^{n} \sum_{j=1}^{m} \left(1[x_i > r_j] + \frac{1}{2}\, 1[x_i = r_j]\right)",),
            (
                "p: paired t test of no difference, adjusted for the number of losses (Holm). Wilcoxon: signed-rank test, adjusted in the same way.",
                f"Bootstrap: {level} percentile interval of the mean difference over resampled seeds. It covers too little with few seeds (84 % at 5).",
                "Improvement: probability that a run of this loss beats an independent run of the reference, by the formula above.",
                "None of them decides a verdict; they stand here so that you can see whether they agree.",
            ),
        ),
        "baselines": Fold(
            "How the baselines are trained",
            (),
            (
                "By scikit-learn on the same rows, inputs and targets as the networks, once for each seed, with default settings: nothing is tuned.",
                "A network that does not beat them has learned nothing that a simpler model could not say.",
            ),
        ),
        "rates": Fold(
            "How a learning rate is chosen",
            (),
            (
                f"Every rate ({_rates(comparison)}) is trained for every loss and seed. "
                f"The one with the best validation {shown.label} is taken, for each seed by itself; test rows have no part in it.",
                *(
                    (
                        f"The configured rate is {settings.learning_rate:g}: the column shows what the loss reaches without any search.",
                    )
                    if comparison.factors is None
                    else ("L-BFGS finds the length of each step by a search: it has no learning rate.",)
                ),
            ),
        ),
        "curves": Fold(
            "How the curves are drawn",
            (),
            (
                "Thick: the median over the seeds at the chosen rate. Band: from the lower to the upper decile. Thin: single seeds; point at one for its number.",
                "Dashed: seeds that diverged or collapsed. Dotted: the median of the best loss, for comparison.",
                "Neighbouring epochs are averaged where a panel would hold more than 2,000 points. The scale leaves out what fewer than 1 in 100 points need.",
            ),
        ),
        "boundaries": Fold(
            "How the regions are computed",
            (),
            (
                "From the run of the first seed at its chosen rate, on a grid over both features, with the training rows' scaling. Dots are test rows.",
            ),
        ),
    }
    if comparison.factors is not None:
        explained["factors"] = Fold(
            "How factors and interactions are judged",
            (r"(x_{ij} - x_{bj}) - (x_{ib} - x_{bb})",),
            (
                "A level of a factor is the mean of its runs over all combinations of the other factors, seed by seed; levels are compared as "
                "losses are, with the same margin, the error shared over the levels (Holm).",
                "An interaction is a difference of differences, by the formula above, where b is the best level of each factor: how much the "
                "difference between i and the best changes when the other factor goes from its best level to j. They interact where one of "
                "these lies wholly beyond the margin; there is no interaction where all lie inside it.",
            ),
        )
    if comparison.reliability:
        explained["reliability"] = _calibration(comparison)
    return explained


def _rates(comparison: Comparison) -> str:
    """Return the rates that were tried, by optimiser where there are several."""
    variants = comparison.settings.extra.get("variants")
    if not variants:
        return ", ".join(f"{rate:g}" for rate in comparison.settings.learning_rates)
    shown = {item["optimizer"]: item["learning_rates"] for item in variants}
    return "; ".join(f"{name}: {', '.join(f'{rate:g}' for rate in rates)}" for name, rates in shown.items())


def _metric(comparison: Comparison, level: str) -> Fold:
    settings = comparison.settings
    shown = quantity(settings.metric)
    formulas = (shown.formula,) if shown.formula else ()
    published = settings.protocol == "published"
    return Fold(
        f"How test {shown.label} and its interval are computed",
        (*formulas, r"\bar x \pm t_{1 - \alpha/2,\; n - 1} \, \frac{s}{\sqrt n}"),
        (
            f"{shown.meaning} {shown.direction.capitalize()}.".strip(),
            f"Mean over the n = {settings.seeds} seeds of each loss, on {numbers.whole(comparison.data.n_test)} test rows"
            + (
                ", which the published protocol also uses for validation. "
                if published
                else " that no choice ever saw. "
            )
            + f"The interval is Student's t at {level}, with the standard deviation s over the seeds.",
            "A run that diverged is not dropped: it counts with the score of the constant prediction. A collapsed run keeps the score it has.",
            "Numbers are rounded to one digit of the half-width of their interval, two where that digit is a 1.",
        ),
    )


def _difference(comparison: Comparison, level: str) -> Fold:
    sign = "" if quantity(comparison.settings.metric).higher else "-"
    looks = (
        " Seeds were added at 10, 20, 30 and 50 only, and the error is shared by these looks."
        if comparison.settings.auto
        else ""
    )
    return Fold(
        "How the paired differences are computed",
        (
            rf"d_i = {sign}(x_i - r_i), \quad \bar d \pm t_{{1 - \alpha'/2,\; \nu}} \, \mathrm{{SE}}(\bar d)",
            r"\alpha' = \frac{\alpha}{m - k + 1} \quad \text{for the } k\text{-th of } m \text{ losses to be decided}",
        ),
        (
            "Run i of a loss and run i of the reference share the seed: the split, the initial weights and the order of the batches. "
            "Their difference is free of what the seed brings to both. Positive is better.",
            f"The intervals hold at {level} for all losses together (Holm's step-down correction).{looks}",
            "Where all seeds test the same rows, the standard error covers the choice of these rows too (crossed random effects, Gao and Owen 2017); "
            "where each seed draws its own split, its spread already does.",
            "Each dot is one seed. A cross is a seed that collapsed, a triangle at the edge one that lies beyond it.",
        ),
    )


def _calibration(comparison: Comparison) -> Fold:
    scaled = wording.calibration(comparison)
    return Fold(
        "How calibration is computed",
        (r"\mathrm{ECE} = \sum_b \frac{n_b}{n} \left| \bar o_b - \bar p_b \right|",),
        (
            "Test rows of all seeds are sorted into bins of equal width by their predicted probability; in each bin the mean prediction stands against "
            "the observed frequency. On the diagonal, of rows predicted at 0.7, 7 in 10 come true. Grey bars: how many rows.",
            "With several classes, the probability of the predicted class.",
            *((f"* {scaled}",) if scaled else ()),
        ),
    )
