"""Mixtures of round Gaussians in the plane: data whose law is known, on which a generator can be judged exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith._names import parse_name

__all__ = [
    "MIXTURE_SETTINGS",
    "PlanarMixture",
    "grid_of_gaussians",
    "mixture_named",
    "mixture_settings",
    "ring_of_gaussians",
]

# of a `GenerativeAdversarialNetwork` that learns narrow modes: noise that is not connected, a discriminator that sees small scales,
# a way from coarse to fine that waits for the generator, and a choice among rows that drops those between modes
MIXTURE_SETTINGS: Mapping[str, Any] = {
    "network": "dense:hidden=64x64,waves=64,fastest=80",
    "latent": 16,
    "bits": 8,
    "schedule": "adaptive",
    "steps": 4000,
    "batch_size": 128,
    "learning_rate": 2e-3,
    "average": 0.99,
    "candidates": 10,
}


def mixture_settings(**given: Any) -> dict[str, Any]:
    """Return `MIXTURE_SETTINGS` with those that are given in their place; never more bits than the noise has numbers.

    Objectives whose outputs are no ratios of densities choose among no candidates, unless that is asked for.

    Examples
    --------
    >>> mixture_settings(latent=4)["bits"], mixture_settings(steps=10)["steps"]
    (4, 10)
    >>> mixture_settings()["candidates"], mixture_settings(objective="hinge")["candidates"]
    (10, 1)
    """
    from lossmith.generative._objectives import get_objective

    merged = {**MIXTURE_SETTINGS, **given}
    if "candidates" not in given and "objective" in given and not get_objective(given["objective"]).tells_ratios:
        merged["candidates"] = 1
    if "bits" not in given and isinstance(merged["latent"], int):
        merged["bits"] = max(0, min(merged["bits"], merged["latent"]))
    return merged


@dataclass(frozen=True, slots=True, eq=False)
class PlanarMixture:
    """Equally likely round Gaussians.

    Attributes
    ----------
    centers : ndarray of shape (n_modes, n_features)
    deviation : float
        Standard deviation of each, along each axis.
    name : str
    """

    centers: np.ndarray
    deviation: float
    name: str

    def sample(self, n: int, *, rng: np.random.Generator) -> np.ndarray:
        """Return `n` rows, shape `(n, n_features)`."""
        chosen = self.centers[rng.integers(len(self.centers), size=n)]
        return chosen + rng.normal(scale=self.deviation, size=chosen.shape)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if isinstance(value, bool | str) or not 0 < value < np.inf:
            raise InvalidInputError(f"{name}={value!r}", expected="a positive number")


def ring_of_gaussians(*, modes: int = 8, radius: float = 2.0, deviation: float = 0.02) -> PlanarMixture:
    """Return Gaussians on a circle.

    Use it to count the modes that a generator has learned; `deviation` is that of each mode.

    Source: Metz, Poole, Pfau, Sohl-Dickstein, Unrolled generative adversarial networks, 2017 (8 modes, radius 2).

    Examples
    --------
    >>> ring_of_gaussians().sample(5, rng=np.random.default_rng(0)).shape
    (5, 2)
    """
    _positive(modes=modes, radius=radius, deviation=deviation)
    angle = 2 * np.pi * np.arange(int(modes)) / int(modes)
    return PlanarMixture(radius * np.column_stack([np.cos(angle), np.sin(angle)]), float(deviation), "ring")


def grid_of_gaussians(*, side: int = 5, spacing: float = 2.0, deviation: float = 0.05) -> PlanarMixture:
    """Return Gaussians on a square grid around 0.

    Use it to count the modes that a generator has learned; `side` is the number of modes along each axis.

    Source: Srivastava and others, VEEGAN, 2017 (5 x 5, spacing 2, deviation 0.05).

    Examples
    --------
    >>> grid_of_gaussians().centers.shape
    (25, 2)
    """
    _positive(side=side, spacing=spacing, deviation=deviation)
    places = spacing * (np.arange(int(side)) - (int(side) - 1) / 2)
    across, up = np.meshgrid(places, places)
    return PlanarMixture(np.column_stack([across.ravel(), up.ravel()]), float(deviation), "grid")


def mixture_named(text: str) -> PlanarMixture | None:
    """Return the mixture of `ring`, `grid`, `ring:modes=12,deviation=0.05`, or None for any other name.

    Raises
    ------
    InvalidInputError
        A parameter that the mixture does not have, or a value it refuses.

    Examples
    --------
    >>> mixture_named("grid:side=3").centers.shape, mixture_named("mnist")
    ((9, 2), None)
    """
    makers: dict[str, Callable[..., PlanarMixture]] = {"ring": ring_of_gaussians, "grid": grid_of_gaussians}
    if text.partition(":")[0].strip() not in makers:
        return None
    name, values = parse_name(text)
    try:
        return makers[name](**values)
    except TypeError:
        raise InvalidInputError(
            f"{text!r}", expected="parameters of a ring (modes, radius, deviation) or grid (side, spacing, deviation)"
        ) from None
