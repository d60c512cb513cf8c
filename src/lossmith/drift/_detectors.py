"""The catalogue of detectors: what each one computes and by which law its value is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lossmith import divergence
from lossmith._catalogue import Catalogue

__all__ = ["DEFAULT", "DETECTORS", "RECORDS", "Detector"]

DEFAULT = ("jensen_shannon_divergence", "binned_anderson_darling")
SMOOTHING = "add_half"  # (count + 1/2) / (n + k/2): a zero cell costs what half an observation costs, not an infinity

Reads = Literal["cells", "order", "rows", "joint"]


@dataclass(frozen=True, slots=True)
class Detector:
    """A number that says how far two samples are apart, and what is known about its law when they are not.

    Attributes
    ----------
    name : str
    reads : {"cells", "order", "rows", "joint"}
        Counts in cells of any kind; counts in ordered cells; the numbers themselves; all columns at once.
    function : callable
        For cells: `function(current, reference)` of counts, shape `(..., n_cells)`; for rows: see `_ordered.py`.
    formula : str
        LaTeX; p is the current, q the reference distribution.
    when, null, reference : str
    chi_squared : float
        c, where `c n m / (n + m) value^power` follows the chi-squared law with one degree of freedom less than cells as
        soon as every cell is expected to hold 50 rows; 0 where the law is another.
    power : int
    aliases : tuple of str
    """

    name: str
    reads: Reads
    function: Callable[..., Any]
    formula: str
    when: str
    null: str
    reference: str
    chi_squared: float = 0.0
    power: int = 1
    aliases: tuple[str, ...] = ()


def _smoothed(name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    record = divergence.DIVERGENCES[name]

    def function(current: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return np.asarray(record(current, reference, given="counts", smoothing=SMOOTHING, check=False))

    return function


def _pearson(current: np.ndarray, reference: np.ndarray) -> np.ndarray:
    n, m = reference.sum(axis=-1, keepdims=True), current.sum(axis=-1, keepdims=True)
    pooled = current + reference
    gap = current / m - reference / n
    terms = np.divide(gap * gap, pooled, out=np.zeros_like(gap), where=pooled > 0)
    return n[..., 0] * m[..., 0] * np.sum(terms, axis=-1)


def _process(current: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the standardised difference of both distribution functions at the edges, the pooled one, and its weights."""
    n, m = reference.sum(axis=-1, keepdims=True), current.sum(axis=-1, keepdims=True)
    gap = np.cumsum(current / m - reference / n, axis=-1)[..., :-1] * np.sqrt(n * m / (n + m))
    pooled = (current + reference) / (n + m)
    return gap, np.cumsum(pooled, axis=-1)[..., :-1], (pooled[..., 1:] + pooled[..., :-1]) / 2


def _anderson_darling(current: np.ndarray, reference: np.ndarray) -> np.ndarray:
    gap, pooled, weight = _process(current, reference)
    return np.sum(gap * gap * weight / np.maximum(pooled * (1 - pooled), 1e-300), axis=-1)


def _kolmogorov_smirnov(current: np.ndarray, reference: np.ndarray) -> np.ndarray:
    n, m = reference.sum(axis=-1, keepdims=True), current.sum(axis=-1, keepdims=True)
    gap = np.cumsum(current / m - reference / n, axis=-1)[..., :-1]
    return np.max(np.abs(gap), axis=-1, initial=0.0)


def _of_rows(name: str) -> Callable[..., Any]:
    def function(*arguments: Any) -> Any:
        from lossmith.drift import _ordered

        return getattr(_ordered, name)(*arguments)

    return function


def _joint(name: str) -> Callable[..., Any]:
    def function(*arguments: Any, **options: Any) -> Any:
        from lossmith.drift import _multivariate

        return getattr(_multivariate, name)(*arguments, **options)

    return function


_CHI = "chi-squared where every cell is expected to hold 50 rows, permutation of the pooled counts otherwise"
_DRAWN = "permutation of the pooled counts"
_LEWIS = "weighted sum of chi-squared variables (saddle point) where every cell is expected to hold 5 rows, permutation otherwise"

RECORDS = (
    Detector(
        "jensen_shannon_divergence", "cells", _smoothed("jensen_shannon_divergence"),
        r"\frac{1}{2} D(p \| \tfrac{p+q}{2}) + \frac{1}{2} D(q \| \tfrac{p+q}{2})",
        "The default of every kind of column: finite, symmetric, at most log 2.", _CHI,
        "Lin, Divergence measures based on the Shannon entropy, 1991", 8.0, aliases=("js", "jensen_shannon"),
    ),
    Detector(
        "binned_anderson_darling", "order", _anderson_darling,
        r"\frac{nm}{n+m} \sum_k \frac{(F_k - G_k)^2}{H_k (1 - H_k)} h_k",
        "The default beside it for numbers: sees shifts of the whole law that cells see late.", _LEWIS,
        "Anderson and Darling, 1952, on the edges of the profile", aliases=("binned_ad", "ordered"),
    ),
    Detector(
        "jeffreys_divergence", "cells", _smoothed("jeffreys_divergence"), r"\sum_k (p_k - q_k) \log\frac{p_k}{q_k}",
        "The population stability index of scorecards, judged by its law and not by 0.1 and 0.25.", _CHI,
        "Jeffreys, 1946; Yurdakul, Statistical properties of the population stability index, 2018", 1.0,
        aliases=("psi", "population_stability_index", "jeffreys"),
    ),
    Detector(
        "kl_divergence", "cells", _smoothed("kl_divergence"), r"\sum_k p_k \log\frac{p_k}{q_k}",
        "Information lost when the reference stands for what is there now.", _CHI,
        "Kullback and Leibler, On information and sufficiency, 1951", 2.0, aliases=("kl",),
    ),
    Detector(
        "reverse_kl_divergence", "cells", _smoothed("reverse_kl_divergence"), r"\sum_k q_k \log\frac{q_k}{p_k}",
        "Weighs levels that have vanished most.", _CHI,
        "Kullback and Leibler, On information and sufficiency, 1951", 2.0, aliases=("reverse_kl",),
    ),
    Detector(
        "hellinger_distance", "cells", _smoothed("hellinger_distance"), r"\sqrt{1 - \sum_k \sqrt{p_k q_k}}",
        "A metric between 0 and 1; rare and frequent cells count alike.", _CHI, "Hellinger, 1909", 8.0, 2,
        aliases=("hellinger",),
    ),
    Detector(
        "total_variation_distance", "cells", _smoothed("total_variation_distance"), r"\frac{1}{2} \sum_k |p_k - q_k|",
        "The share of rows that would have to move; easy to say, blind to rare cells.", _DRAWN,
        "Levin, Peres and Wilmer, Markov chains and mixing times, 2009", aliases=("tv", "total_variation"),
    ),
    Detector(
        "pearson_chi_squared", "cells", _pearson,
        r"nm \sum_k \frac{(p_k - q_k)^2}{n q_k + m p_k}",
        "The classical test of homogeneity, both samples taken as samples.", _CHI, "Pearson, 1900", -1.0,
        aliases=("chi2", "chi_squared", "chisquare"),
    ),
    Detector(
        "binned_kolmogorov_smirnov", "order", _kolmogorov_smirnov, r"\max_k |F_k - G_k|",
        "The largest gap of both distribution functions, from profiles alone.", _DRAWN, "Smirnov, 1939",
        aliases=("binned_ks",),
    ),
    Detector(
        "kolmogorov_smirnov", "rows", _of_rows("kolmogorov_smirnov"), r"\sup_x |F(x) - G(x)|",
        "One shift of a continuous column; rows of the reference needed.", "exact or limit law; permutation with ties",
        "Smirnov, 1939", aliases=("ks",),
    ),
    Detector(
        "anderson_darling", "rows", _of_rows("anderson_darling"), r"\frac{nm}{n+m} \int \frac{(F-G)^2}{H(1-H)} \, dH",
        "As the default, without cells; tails weigh more than with Kolmogorov-Smirnov.", "limit law; permutation with ties or few rows",
        "Anderson and Darling, 1952; Pettitt, 1976", aliases=("ad",),
    ),
    Detector(
        "wasserstein_distance", "rows", _of_rows("wasserstein"), r"\int |F(x) - G(x)| \, dx",
        "How far values moved, in units of the column; sees the size of an outlier.", "permutation, on a grid of ranks for many rows",
        "Kantorovich, 1942; Vallender, 1974", aliases=("wasserstein", "emd"),
    ),
    Detector(
        "energy_distance", "rows", _of_rows("energy"), r"2 \int (F(x) - G(x))^2 \, dx",
        "Between Wasserstein and Anderson-Darling; in units of the column.", "permutation, on a grid of ranks for many rows",
        "Szekely and Rizzo, Energy statistics, 2013", aliases=("energy",),
    ),
    Detector(
        "classifier", "joint", _joint("classifier"), r"P(s(X) > s(Y)) + \tfrac{1}{2} P(s(X) = s(Y))",
        "Sees dependence between columns: how well a model tells current rows from rows of the reference.",
        "Mann-Whitney on rows that the model has not seen", "Lopez-Paz and Oquab, Revisiting classifier two-sample tests, 2017",
        aliases=("c2st", "domain_classifier"),
    ),
    Detector(
        "maximum_mean_discrepancy", "joint", _joint("mmd"), r"E k(x, x') + E k(y, y') - 2 E k(x, y)",
        "Few rows in many smooth columns.", "permutation of rows", "Gretton et al., A kernel two-sample test, 2012", aliases=("mmd",),
    ),
    Detector(
        "pca_reconstruction", "joint", _joint("pca_reconstruction"), r"\| x - U U^\top x \|^2",
        "Linear dependence that breaks: rows lie farther from the main directions of the reference.",
        "Kolmogorov-Smirnov on rows of the reference that the directions have not seen",
        "Jackson and Mudholkar, Control procedures for residuals, 1979", aliases=("pca",),
    ),
)  # fmt: skip

DETECTORS: Catalogue[Detector] = Catalogue("detector", RECORDS)
