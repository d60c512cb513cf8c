"""Divergences between two distributions, however they are given.

The named functions (`kl_divergence(p, q)`, ...) take vectors and batches of any array library and are plain and fast;
`DIVERGENCES` is the catalogue with the axioms of each; `get` also reads parameters, as in `renyi:alpha=2`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lossmith._errors import InvalidInputError
from lossmith.divergence._bregman import (
    bregman_divergence,
    generalized_kl_divergence,
    itakura_saito_divergence,
    squared_euclidean_distance,
)
from lossmith.divergence._generators import (
    Generator,
    bhattacharyya_distance,
    f_divergence,
    hellinger_distance,
    le_cam_divergence,
    neyman_chi_squared,
    pearson_chi_squared,
    total_variation_distance,
)
from lossmith.divergence._information import (
    cross_entropy,
    entropy,
    jeffreys_divergence,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    kl_divergence,
    reverse_kl_divergence,
    skew_divergence,
)
from lossmith.divergence._joint import mutual_information, total_correlation
from lossmith.divergence._ordered import energy_distance, wasserstein_distance
from lossmith.divergence._orders import alpha_divergence, renyi_divergence, tsallis_divergence
from lossmith.divergence._records import DIVERGENCES
from lossmith.divergence._smoothing import SMOOTHINGS, probabilities
from lossmith.divergence._spec import Divergence

if TYPE_CHECKING:
    from lossmith.divergence._approximate import WORMS, approximate
    from lossmith.divergence._approximation import Approximation
    from lossmith.divergence._candidates import CANDIDATES
    from lossmith.divergence._estimators import ESTIMATORS
    from lossmith.divergence._given import Density, Pmf, Samples
    from lossmith.divergence._measure import measure
    from lossmith.divergence._measurement import Measurement
    from lossmith.divergence._mixture_methods import MIXTURE_METHODS, mixture_divergence
    from lossmith.divergence._mixtures import GaussianMixture
    from lossmith.divergence._projection import Projections, closest_normals
    from lossmith.divergence._survey import Survey, Sweep, survey, sweep
    from lossmith.divergence._two_sample import mmd_test

__all__ = [
    "Approximation",
    "CANDIDATES",
    "WORMS",
    "Survey",
    "Sweep",
    "approximate",
    "closest_normals",
    "survey",
    "sweep",
    "DIVERGENCES",
    "ESTIMATORS",
    "MIXTURE_METHODS",
    "SMOOTHINGS",
    "Density",
    "GaussianMixture",
    "Divergence",
    "Generator",
    "Measurement",
    "Pmf",
    "Projections",
    "Samples",
    "alpha_divergence",
    "bhattacharyya_distance",
    "bregman_divergence",
    "cross_entropy",
    "energy_distance",
    "entropy",
    "f_divergence",
    "generalized_kl_divergence",
    "get",
    "hellinger_distance",
    "itakura_saito_divergence",
    "jeffreys_divergence",
    "jensen_shannon_distance",
    "jensen_shannon_divergence",
    "kl_divergence",
    "le_cam_divergence",
    "measure",
    "mixture_divergence",
    "mmd_test",
    "mutual_information",
    "neyman_chi_squared",
    "pearson_chi_squared",
    "probabilities",
    "renyi_divergence",
    "reverse_kl_divergence",
    "skew_divergence",
    "squared_euclidean_distance",
    "total_correlation",
    "total_variation_distance",
    "tsallis_divergence",
    "wasserstein_distance",
]

# loaded when first used: the named functions need none of it
_LATE = {
    "Approximation": "_approximation",
    "CANDIDATES": "_candidates",
    "Density": "_given",
    "ESTIMATORS": "_estimators",
    "GaussianMixture": "_mixtures",
    "MIXTURE_METHODS": "_mixture_methods",
    "Measurement": "_measurement",
    "Pmf": "_given",
    "Samples": "_given",
    "WORMS": "_approximate",
    "approximate": "_approximate",
    "Survey": "_survey",
    "Sweep": "_survey",
    "Projections": "_projection",
    "closest_normals": "_projection",
    "measure": "_measure",
    "survey": "_survey",
    "sweep": "_survey",
    "mmd_test": "_two_sample",
    "mixture_divergence": "_mixture_methods",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"lossmith.divergence.{_LATE[name]}"), name)
    raise AttributeError(f"module 'lossmith.divergence' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def get(name: str) -> Divergence:
    """Return the divergence of that name, with parameters after a colon if any.

    Use it where a divergence is named by a user or by a configuration.

    Raises
    ------
    UnknownNameError
        No such divergence or parameter.
    DomainError
        A parameter outside its interval.

    Examples
    --------
    >>> get("kl").name
    'kl_divergence'
    >>> get("renyi:alpha=2").configuration
    {'alpha': 2.0}
    """
    base, _, assignments = name.partition(":")
    values = {}
    for assignment in filter(None, assignments.split(",")):
        parameter, _, value = assignment.partition("=")
        try:
            values[parameter.strip()] = float(value)
        except ValueError:
            raise InvalidInputError(
                f"{assignment!r} in {name!r}", expected="parameter=number", advice="for example renyi:alpha=2"
            ) from None
    return DIVERGENCES[base].configured(**values)
