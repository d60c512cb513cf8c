"""Generative models with the diagnostics that their users miss: autoencoders, variational autoencoders, adversarial networks.

Every name is loaded when first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossmith.generative._autoencoders import Autoencoder, VariationalAutoencoder
    from lossmith.generative._checks import CHECKS
    from lossmith.generative._coverage import Coverage, mode_coverage
    from lossmith.generative._evidence import Evidence
    from lossmith.generative._files import load
    from lossmith.generative._gan import GenerativeAdversarialNetwork
    from lossmith.generative._likelihoods import LIKELIHOODS, Likelihood
    from lossmith.generative._mixtures import PlanarMixture, grid_of_gaussians, ring_of_gaussians
    from lossmith.generative._objective_spec import Objective
    from lossmith.generative._objectives import OBJECTIVES, get_objective

__all__ = [
    "CHECKS",
    "LIKELIHOODS",
    "OBJECTIVES",
    "Autoencoder",
    "Coverage",
    "Evidence",
    "GenerativeAdversarialNetwork",
    "Likelihood",
    "Objective",
    "PlanarMixture",
    "VariationalAutoencoder",
    "get_objective",
    "grid_of_gaussians",
    "load",
    "mode_coverage",
    "ring_of_gaussians",
]

_NAMES = {
    "Autoencoder": "_autoencoders",
    "CHECKS": "_checks",
    "Coverage": "_coverage",
    "Evidence": "_evidence",
    "GenerativeAdversarialNetwork": "_gan",
    "LIKELIHOODS": "_likelihoods",
    "Likelihood": "_likelihoods",
    "OBJECTIVES": "_objectives",
    "Objective": "_objective_spec",
    "PlanarMixture": "_mixtures",
    "VariationalAutoencoder": "_autoencoders",
    "get_objective": "_objectives",
    "grid_of_gaussians": "_mixtures",
    "load": "_files",
    "mode_coverage": "_coverage",
    "ring_of_gaussians": "_mixtures",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"lossmith.generative.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'lossmith.generative' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
