"""The catalogue of estimators from samples."""

from __future__ import annotations

from dataclasses import dataclass

from lossmith._catalogue import Catalogue

__all__ = ["ESTIMATORS", "Estimator"]


@dataclass(frozen=True, slots=True)
class Estimator:
    """A way from samples to a divergence.

    Attributes
    ----------
    name : str
    gives : str
        "interval", "lower bound" or "estimate".
    when, when_not, reference : str
    aliases : tuple of str
    """

    name: str
    gives: str
    when: str
    when_not: str
    reference: str
    aliases: tuple[str, ...] = ()


ESTIMATORS: Catalogue[Estimator] = Catalogue(
    "estimator",
    [
        Estimator(
            "nearest_neighbours",
            "interval",
            "Continuous features, up to about ten; the default.",
            "The samples hardly overlap, or hold many equal rows: it says so.",
            "Wang, Kulkarni and Verdu, Divergence estimation for multidimensional densities via k-nearest-neighbor distances, 2009",
            aliases=("knn", "nearest_neighbors"),
        ),
        Estimator(
            "counts",
            "interval",
            "Few different values; the default where rows repeat.",
            "Every row is different.",
            "Plug-in estimate from counts, add-1/2 smoothing",
        ),
        Estimator(
            "histogram",
            "interval",
            "One feature; any divergence; you will compare with binned data elsewhere.",
            "The value must not depend on a binning: bins read low.",
            "Plug-in estimate from bins with equal shares of the pooled sample",
        ),
        Estimator(
            "kernel_density",
            "estimate",
            "A smooth density in one or two dimensions.",
            "Far tails matter: kernels read low there.",
            "Gaussian kernels, Scott's widths, leave-one-out",
            aliases=("kde",),
        ),
        Estimator(
            "classifier",
            "estimate",
            "Many features; roughly normal laws, for which its quadratic log-ratio is right.",
            "The log-ratio of the densities is far from quadratic.",
            "Sugiyama, Suzuki and Kanamori, Density ratio estimation in machine learning, 2012",
        ),
        Estimator(
            "donsker_varadhan",
            "lower bound",
            "A number that is not too large, whatever the laws.",
            "True values above the logarithm of the sample size: no such bound can reach them.",
            "Donsker and Varadhan, Asymptotic evaluation of certain Markov process expectations, 1983",
            aliases=("dv",),
        ),
        Estimator(
            "nguyen_wainwright_jordan",
            "lower bound",
            "As Donsker-Varadhan, unbiased and looser.",
            "As Donsker-Varadhan.",
            "Nguyen, Wainwright and Jordan, Estimating divergence functionals by convex risk minimization, 2010",
            aliases=("nwj",),
        ),
    ],
)
