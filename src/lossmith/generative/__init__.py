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
    from lossmith.generative._cycle_gan import CycleGAN
    from lossmith.generative._diagnosis import Diagnosis, diagnose
    from lossmith.generative._evidence import Evidence
    from lossmith.generative._feature_network import FeatureNetwork, train_feature_network
    from lossmith.generative._files import load
    from lossmith.generative._gan import GenerativeAdversarialNetwork
    from lossmith.generative._likelihoods import LIKELIHOODS, Likelihood
    from lossmith.generative._mixtures import MIXTURE_SETTINGS, PlanarMixture, grid_of_gaussians, ring_of_gaussians
    from lossmith.generative._objective_comparison import ObjectiveComparison, compare_objectives
    from lossmith.generative._objective_spec import Objective
    from lossmith.generative._objectives import OBJECTIVES, get_objective
    from lossmith.generative._progressive_gan import ProgressiveGAN
    from lossmith.generative._sample_distances import classifier_score, frechet_distance, kernel_distance
    from lossmith.generative._star_gan import StarGAN
    from lossmith.generative._translation_result import Translation

__all__ = [
    "Autoencoder",
    "CHECKS",
    "Coverage",
    "CycleGAN",
    "Diagnosis",
    "Evidence",
    "FeatureNetwork",
    "GenerativeAdversarialNetwork",
    "LIKELIHOODS",
    "Likelihood",
    "MIXTURE_SETTINGS",
    "OBJECTIVES",
    "Objective",
    "ObjectiveComparison",
    "PlanarMixture",
    "ProgressiveGAN",
    "StarGAN",
    "Translation",
    "VariationalAutoencoder",
    "classifier_score",
    "compare_objectives",
    "diagnose",
    "frechet_distance",
    "get_objective",
    "grid_of_gaussians",
    "kernel_distance",
    "load",
    "mode_coverage",
    "ring_of_gaussians",
    "train_feature_network",
]

_NAMES = {
    "Autoencoder": "_autoencoders",
    "CHECKS": "_checks",
    "Coverage": "_coverage",
    "CycleGAN": "_cycle_gan",
    "Diagnosis": "_diagnosis",
    "Evidence": "_evidence",
    "FeatureNetwork": "_feature_network",
    "GenerativeAdversarialNetwork": "_gan",
    "LIKELIHOODS": "_likelihoods",
    "Likelihood": "_likelihoods",
    "MIXTURE_SETTINGS": "_mixtures",
    "OBJECTIVES": "_objectives",
    "Objective": "_objective_spec",
    "ObjectiveComparison": "_objective_comparison",
    "PlanarMixture": "_mixtures",
    "ProgressiveGAN": "_progressive_gan",
    "StarGAN": "_star_gan",
    "Translation": "_translation_result",
    "VariationalAutoencoder": "_autoencoders",
    "classifier_score": "_sample_distances",
    "compare_objectives": "_objective_comparison",
    "diagnose": "_diagnosis",
    "frechet_distance": "_sample_distances",
    "get_objective": "_objectives",
    "grid_of_gaussians": "_mixtures",
    "kernel_distance": "_sample_distances",
    "load": "_files",
    "mode_coverage": "_coverage",
    "ring_of_gaussians": "_mixtures",
    "train_feature_network": "_feature_network",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"lossmith.generative.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'lossmith.generative' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
