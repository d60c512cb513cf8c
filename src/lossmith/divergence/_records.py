"""The catalogue: every divergence with its axioms."""

from __future__ import annotations

import math
from typing import Any

from lossmith._arrays import xlogy
from lossmith._catalogue import Catalogue
from lossmith.divergence import _bregman, _generators, _information, _ordered, _orders, _terms
from lossmith.divergence._generators import Generator
from lossmith.divergence._spec import Divergence, Parameter

__all__ = ["DIVERGENCES"]


def _kl_generator() -> Generator:
    return Generator(lambda xp, u: xlogy(xp, u, u) - u + 1, at_zero=1.0, slope=math.inf)


def _reverse_generator() -> Generator:
    return Generator(lambda xp, u: u - 1 - xp.log(u), at_zero=math.inf, slope=1.0)


def _mixture_entropy(weight: float) -> float:
    return -weight * math.log(weight) - (1 - weight) * math.log(1 - weight)


def _jensen_shannon_generator(weight: float = 0.5) -> Generator:
    def function(xp: Any, u: Any) -> Any:
        mixture = weight * u + (1 - weight)
        return weight * u * xp.log(u / mixture) - (1 - weight) * xp.log(mixture)

    return Generator(function, at_zero=-(1 - weight) * math.log(1 - weight), slope=-weight * math.log(weight))


def _skew_generator(alpha: float) -> Generator:
    slope = math.inf if alpha == 1 else -math.log(1 - alpha)
    return Generator(lambda xp, u: u * xp.log(u / ((1 - alpha) * u + alpha)), at_zero=0.0, slope=slope)


def _alpha_generator(alpha: float) -> Generator:
    if alpha in (0, 1):
        return _kl_generator() if alpha == 1 else _reverse_generator()
    return Generator(
        lambda _xp, u: (u**alpha - alpha * u + (alpha - 1)) / (alpha * (alpha - 1)),
        at_zero=1 / alpha if alpha > 0 else math.inf,
        slope=1 / (1 - alpha) if alpha < 1 else math.inf,
    )


def _tsallis_generator(alpha: float) -> Generator:
    base = _alpha_generator(alpha)
    return Generator(lambda xp, u: alpha * base.function(xp, u), alpha * base.at_zero, alpha * base.slope)


def _alpha_terms(alpha: float) -> _terms.Terms | None:
    return _terms.alpha(alpha) if math.isfinite(alpha) else None


def _tsallis_terms(alpha: float) -> _terms.Terms:
    terms = _terms.alpha(alpha)
    return lambda pair: alpha * terms(pair)


def _alpha_axioms(alpha: float) -> dict[str, Any]:
    half = alpha == 0.5
    infinite = "p outside q" if alpha >= 1 else "q outside p" if alpha <= 0 else "nothing"
    return {
        "symmetric": half,
        "metric": "square root" if half else "no",
        "infinite_for": infinite,
        "additive": alpha in (0, 1),
    }


def _renyi_axioms(alpha: float) -> dict[str, Any]:
    return {
        "symmetric": alpha == 0.5,
        "infinite_for": "p outside q" if alpha >= 1 else "disjoint",
        "jointly_convex": alpha <= 1,
    }


def _renyi_transform(value: float, alpha: float) -> float:
    if alpha == 1:
        return value
    return (
        math.log1p(max(-1.0, alpha * (alpha - 1) * value)) / (alpha - 1)
        if alpha * (alpha - 1) * value > -1
        else math.inf
    )


DIVERGENCES: Catalogue[Divergence] = Catalogue(
    "divergence",
    [
        Divergence(
            name="kl_divergence",
            function=_information.kl_divergence,
            formula=r"\sum_i p_i \log \frac{p_i}{q_i}",
            when="p is the truth and q stands in for it; fitting q this way covers every mode of p.",
            reference="Kullback and Leibler, On information and sufficiency, 1951",
            infinite_for="p outside q",
            additive=True,
            unit=True,
            terms=lambda: _terms.kl,
            generator=_kl_generator,
            aliases=("kl", "kullback_leibler", "relative_entropy", "forward_kl", "kullback_leibler_divergence"),
        ),
        Divergence(
            name="reverse_kl_divergence",
            function=_information.reverse_kl_divergence,
            formula=r"\sum_i q_i \log \frac{q_i}{p_i}",
            when="q must stay where p has mass; fitting q this way seeks one mode of p.",
            reference="Kullback and Leibler, On information and sufficiency, 1951",
            infinite_for="q outside p",
            additive=True,
            unit=True,
            terms=lambda: _terms.reverse_kl,
            generator=_reverse_generator,
            aliases=("reverse_kl",),
        ),
        Divergence(
            name="jeffreys_divergence",
            function=_information.jeffreys_divergence,
            formula=r"\sum_i (p_i - q_i) \log \frac{p_i}{q_i}",
            when="Neither side is the truth; on binned data this is the population stability index.",
            reference="Jeffreys, An invariant form for the prior probability in estimation problems, 1946",
            symmetric=True,
            infinite_for="either outside",
            additive=True,
            unit=True,
            terms=lambda: _terms.jeffreys,
            generator=lambda: Generator(lambda xp, u: (u - 1) * xp.log(u), math.inf, math.inf),
            aliases=("jeffreys", "psi", "population_stability_index"),
        ),
        Divergence(
            name="jensen_shannon_divergence",
            function=_information.jensen_shannon_divergence,
            formula=r"w D(p \| m) + (1 - w) D(q \| m), \quad m = w p + (1 - w) q",
            when="A symmetric number that is always finite.",
            reference="Lin, Divergence measures based on the Shannon entropy, 1991",
            parameters=(Parameter("weight", 0.5, 0.0, 1.0, "weight of p in the mixture", (True, True)),),
            adapts=lambda weight: {"symmetric": weight == 0.5, "metric": "square root" if weight == 0.5 else "no"},
            symmetric=True,
            upper_bound=_mixture_entropy,
            metric="square root",
            unit=True,
            terms=lambda weight: _terms.jensen_shannon(weight),
            generator=_jensen_shannon_generator,
            aliases=("js", "jensen_shannon"),
        ),
        Divergence(
            name="jensen_shannon_distance",
            function=_information.jensen_shannon_distance,
            formula=r"\sqrt{\frac{1}{2} D(p \| m) + \frac{1}{2} D(q \| m)}, \quad m = \frac{p + q}{2}",
            when="As the Jensen-Shannon divergence, where the triangle inequality is needed.",
            reference="Endres and Schindelin, A new metric for probability distributions, 2003",
            symmetric=True,
            upper_bound=lambda: math.sqrt(math.log(2)),
            metric="itself",
            jointly_convex=False,
            terms=lambda: _terms.jensen_shannon(0.5),
            generator=_jensen_shannon_generator,
            transform=lambda value: math.sqrt(value),
        ),
        Divergence(
            name="skew_divergence",
            function=_information.skew_divergence,
            formula=r"D(p \| (1 - \alpha) p + \alpha q)",
            when="A Kullback-Leibler divergence that must stay finite.",
            reference="Lee, Measures of distributional similarity, 1999",
            parameters=(Parameter("alpha", 0.99, 0.0, 1.0, "share of q in the mixture", (True, False)),),
            adapts=lambda alpha: {"infinite_for": "p outside q" if alpha == 1 else "nothing", "additive": alpha == 1},
            upper_bound=lambda alpha: math.inf if alpha == 1 else -math.log(1 - alpha),
            unit=True,
            terms=lambda alpha: _terms.kl if alpha == 1 else _terms.skew(alpha),
            generator=_skew_generator,
            aliases=("skew",),
        ),
        Divergence(
            name="renyi_divergence",
            function=_orders.renyi_divergence,
            formula=r"\frac{1}{\alpha - 1} \log \sum_i p_i^\alpha q_i^{1 - \alpha}",
            when="Independent parts must add; the order sets how much rare outcomes weigh.",
            reference="Renyi, On measures of entropy and information, 1961; van Erven and Harremoes, 2014",
            parameters=(Parameter("alpha", 0.5, 0.0, math.inf, "the order"),),
            adapts=_renyi_axioms,
            symmetric=True,
            infinite_for="disjoint",
            additive=True,
            unit=True,
            terms=_alpha_terms,
            generator=_alpha_generator,
            transform=_renyi_transform,
            aliases=("renyi",),
        ),
        Divergence(
            name="tsallis_divergence",
            function=_orders.tsallis_divergence,
            formula=r"\frac{1}{\alpha - 1} \left( \sum_i p_i^\alpha q_i^{1 - \alpha} - 1 \right)",
            when="Non-extensive statistics.",
            reference="Tsallis, Generalized entropy-based criterion for consistent testing, 1998",
            parameters=(Parameter("alpha", 0.5, 0.0, math.inf, "the order", (True, True)),),
            adapts=_alpha_axioms,
            symmetric=True,
            upper_bound=lambda alpha: 1 / (1 - alpha) if alpha < 1 else math.inf,
            metric="square root",
            terms=_tsallis_terms,
            generator=_tsallis_generator,
            aliases=("tsallis",),
        ),
        Divergence(
            name="alpha_divergence",
            function=_orders.alpha_divergence,
            formula=r"\frac{1}{\alpha (\alpha - 1)} \left( \sum_i p_i^\alpha q_i^{1 - \alpha} - 1 \right)",
            when="To move smoothly from mode covering (1) to mode seeking (0).",
            reference="Cichocki and Amari, Families of alpha-, beta- and gamma-divergences, 2010",
            parameters=(Parameter("alpha", 0.5, -math.inf, math.inf, "the order", (True, True)),),
            adapts=_alpha_axioms,
            symmetric=True,
            upper_bound=lambda alpha: 1 / (alpha * (1 - alpha)) if 0 < alpha < 1 else math.inf,
            metric="square root",
            terms=_alpha_terms,
            generator=_alpha_generator,
            aliases=("alpha", "amari", "cressie_read"),
        ),
        Divergence(
            name="hellinger_distance",
            function=_generators.hellinger_distance,
            formula=r"\sqrt{\frac{1}{2} \sum_i (\sqrt{p_i} - \sqrt{q_i})^2}",
            when="A bounded metric that rare outcomes do not dominate.",
            reference="Hellinger, Neue Begruendung der Theorie quadratischer Formen, 1909",
            symmetric=True,
            upper_bound=lambda: 1.0,
            metric="itself",
            jointly_convex=False,
            terms=lambda: _terms.hellinger,
            generator=lambda: Generator(lambda xp, u: (xp.sqrt(u) - 1) ** 2 / 2, 0.5, 0.5),
            transform=lambda value: math.sqrt(value),
            aliases=("hellinger",),
        ),
        Divergence(
            name="total_variation_distance",
            function=_generators.total_variation_distance,
            formula=r"\frac{1}{2} \sum_i |p_i - q_i|",
            when="The largest difference in probability that any event can show.",
            reference="Jordan, Sur la serie de Fourier, 1881",
            symmetric=True,
            upper_bound=lambda: 1.0,
            metric="itself",
            terms=lambda: _terms.total_variation,
            generator=lambda: Generator(lambda xp, u: xp.abs(u - 1) / 2, 0.5, 0.5),
            aliases=("total_variation", "tv"),
        ),
        Divergence(
            name="pearson_chi_squared",
            function=_generators.pearson_chi_squared,
            formula=r"\sum_i \frac{(p_i - q_i)^2}{q_i}",
            when="A sample is tested against q: times its size this is the test statistic.",
            reference="Pearson, On the criterion that a given system of deviations ..., 1900",
            infinite_for="p outside q",
            terms=lambda: _terms.pearson,
            generator=lambda: Generator(lambda _xp, u: (u - 1) ** 2, 1.0, math.inf),
            aliases=("pearson", "chi_squared"),
        ),
        Divergence(
            name="neyman_chi_squared",
            function=_generators.neyman_chi_squared,
            formula=r"\sum_i \frac{(p_i - q_i)^2}{p_i}",
            when="As Pearson's, with the observed distribution below the line.",
            reference="Neyman, Contribution to the theory of the chi-squared test, 1949",
            infinite_for="q outside p",
            terms=lambda: _terms.neyman,
            generator=lambda: Generator(lambda _xp, u: (u - 1) ** 2 / u, math.inf, 1.0),
            aliases=("neyman",),
        ),
        Divergence(
            name="bhattacharyya_distance",
            function=_generators.bhattacharyya_distance,
            formula=r"-\log \sum_i \sqrt{p_i q_i}",
            when="Bounds on the error of a classifier.",
            reference="Bhattacharyya, On a measure of divergence between two statistical populations, 1943",
            symmetric=True,
            infinite_for="disjoint",
            additive=True,
            unit=True,
            terms=lambda: _terms.hellinger,
            generator=lambda: Generator(lambda xp, u: (xp.sqrt(u) - 1) ** 2 / 2, 0.5, 0.5),
            transform=lambda value: -math.log1p(-value) if value < 1 else math.inf,
            aliases=("bhattacharyya",),
        ),
        Divergence(
            name="le_cam_divergence",
            function=_generators.le_cam_divergence,
            formula=r"\frac{1}{2} \sum_i \frac{(p_i - q_i)^2}{p_i + q_i}",
            when="A bounded, symmetric chi-squared.",
            reference="Le Cam, Asymptotic methods in statistical decision theory, 1986",
            symmetric=True,
            upper_bound=lambda: 1.0,
            metric="square root",
            terms=lambda: _terms.triangular,
            generator=lambda: Generator(lambda _xp, u: (u - 1) ** 2 / (u + 1) / 2, 0.5, 0.5),
            aliases=("le_cam", "triangular"),
        ),
        Divergence(
            name="squared_euclidean_distance",
            function=_bregman.squared_euclidean_distance,
            formula=r"\sum_i (p_i - q_i)^2",
            when="Brier's comparison of probabilities, or any real vectors.",
            reference="Brier, Verification of forecasts expressed in terms of probability, 1950",
            domain="real",
            symmetric=True,
            metric="square root",
            processing=False,
            aliases=("squared_euclidean", "brier"),
        ),
        Divergence(
            name="generalized_kl_divergence",
            function=_bregman.generalized_kl_divergence,
            formula=r"\sum_i p_i \log \frac{p_i}{q_i} - p_i + q_i",
            when="Intensities, counts and spectra that do not add up to one.",
            reference="Csiszar, Why least squares and maximum entropy?, 1991",
            domain="positive",
            infinite_for="p outside q",
            aliases=("generalized_kl", "i_divergence"),
        ),
        Divergence(
            name="itakura_saito_divergence",
            function=_bregman.itakura_saito_divergence,
            formula=r"\sum_i \frac{p_i}{q_i} - \log \frac{p_i}{q_i} - 1",
            when="Power spectra: only ratios count.",
            reference="Itakura and Saito, Analysis synthesis telephony based on the maximum likelihood method, 1968",
            domain="positive",
            infinite_for="either outside",
            jointly_convex=False,
            aliases=("itakura_saito",),
        ),
        Divergence(
            name="wasserstein_distance",
            function=_ordered.wasserstein_distance,
            formula=r"\int |F_p(x) - F_q(x)| \, dx",
            when="Outcomes lie on a line and the size of a shift matters.",
            reference="Vaserstein, Markov processes over denumerable products of spaces, 1969",
            symmetric=True,
            metric="itself",
            processing=False,
            relabelling=False,
            aliases=("wasserstein", "earth_mover"),
        ),
        Divergence(
            name="energy_distance",
            function=_ordered.energy_distance,
            formula=r"\sqrt{2 \int (F_p(x) - F_q(x))^2 \, dx}",
            when="As Wasserstein, gentler with far outliers.",
            reference="Szekely, E-statistics: the energy of statistical samples, 2002",
            symmetric=True,
            metric="itself",
            processing=False,
            relabelling=False,
            aliases=("energy",),
        ),
    ],
)
